#include "host/core/unread.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "host/core/evaluation.h"
#include "host/core/reasons.h"

namespace sluice::core {
namespace {

constexpr size_t kMostNamed = 3;

bool SpeaksOfContracts(Condition::Kind kind) {
  switch (kind) {
    case Condition::Kind::kSomeContract:
    case Condition::Kind::kEveryContract:
    case Condition::Kind::kNoContract:
    case Condition::Kind::kPrimaryContract:
    case Condition::Kind::kCountContracts:
      return true;
    default:
      return false;
  }
}

// The types that a test demands; none: it is about something else.
std::optional<std::set<std::string>> DemandedTypes(const Condition& condition) {
  if (condition.kind == Condition::Kind::kAll) {
    for (const Condition& child : condition.children) {
      if (auto types = DemandedTypes(child)) return types;
    }
    return std::nullopt;
  }
  if (condition.kind != Condition::Kind::kTest || condition.path != "contract.type" ||
      (condition.op != TestOperator::kEq && condition.op != TestOperator::kIn)) {
    return std::nullopt;
  }
  std::set<std::string> types;
  for (const Operand& operand : condition.operands) {
    if (operand.is_relative_day || operand.value.kind() != Value::Kind::kText) return std::nullopt;
    types.insert(operand.value.text());
  }
  return types;
}

// Adds the types of contracts on which the answer can depend; false: it can be any.
bool CollectTypes(const Condition& condition, std::set<std::string>& types) {
  if (SpeaksOfContracts(condition.kind)) {
    // Which one is the primary depends on all of them.
    if (condition.kind == Condition::Kind::kPrimaryContract || condition.children.size() != 1) return false;
    const auto demanded = DemandedTypes(condition.children[0]);
    if (!demanded) return false;
    types.insert(demanded->begin(), demanded->end());
    return true;
  }
  return std::all_of(condition.children.begin(), condition.children.end(),
                     [&](const Condition& child) { return CollectTypes(child, types); });
}

}  // namespace

Unread::Unread(const PlanInput& input) : input_(input) {
  if (input.readings == nullptr) return;
  for (const Rule& rule : input.configuration->rules) {
    Types types = std::set<std::string>();
    if (!CollectTypes(rule.when, *types)) types.reset();
    for (const EntitlementRef& grant : rule.grants) {
      Types& all = types_.try_emplace({grant.system, EntitlementKey(grant)}, std::set<std::string>()).first->second;
      if (!types) all.reset();
      // A resource has an instance for each contract in scope, of whatever type the rule lets through.
      if (all) all->insert(types->begin(), types->end());
    }
  }
}

const Unread::Types* Unread::TypesFor(const std::string& system, const std::string& entitlement) const {
  const auto whole = types_.find({system, entitlement});
  if (whole != types_.end()) return &whole->second;
  const auto resource = types_.find({system, entitlement.substr(0, entitlement.find(':') + 1)});
  return resource == types_.end() ? nullptr : &resource->second;
}

Unread::Classes Unread::ClassesOf(const SystemSpec& source, const Types& types) const {
  Classes classes;
  for (const ContractMapping& contract : source.contracts) {
    if (!types || types->contains(contract.type)) classes.insert(contract.from);
  }
  return classes;
}

const Unread::Classes& Unread::ContractClassesOf(const std::string& source, const std::string& person_class) const {
  if (!is_had_known_) {
    is_had_known_ = true;
    for (const auto& person : input_.snapshot->persons) {
      for (const RecordKey& own : person->sources) {
        Classes& classes = had_[{own.system, own.object_class}];
        for (const Contract& contract : person->contracts) classes.insert(contract.source.object_class);
      }
    }
  }
  return had_[{source, person_class}];
}

void Unread::Add(const std::string& source, const Classes& classes, absl::CivilDay due, UnreadParts& parts) const {
  const auto readings = input_.readings->find(source);
  if (readings == input_.readings->end()) return;
  absl::CivilDay wanted = due;
  for (const ClassReading& reading : readings->second) {
    if (classes.contains(reading.object_class)) wanted = std::max(wanted, reading.day);
  }
  for (const ClassReading& reading : readings->second) {
    if (classes.contains(reading.object_class) && reading.day < wanted)
      parts[{source, reading.object_class, reading.scope}] = reading.day;
  }
}

UnreadParts Unread::Before(const Person& person, const std::string& system, const std::string& entitlement,
                           absl::CivilDay due) const {
  UnreadParts parts;
  if (input_.readings == nullptr) return parts;
  const Types* types = TypesFor(system, entitlement);
  if (types == nullptr) return parts;
  std::map<std::string, std::set<std::string>> kinds;  // Source -> classes of the person's own records.
  for (const RecordKey& own : person.sources) kinds[own.system].insert(own.object_class);
  for (const auto& [source, own] : kinds) {
    const SystemSpec* spec = input_.configuration->FindSystem(source);
    const auto readings = input_.readings->find(source);
    if (spec == nullptr || readings == input_.readings->end()) continue;
    // Most days all of it was.
    if (std::all_of(readings->second.begin(), readings->second.end(),
                    [&](const ClassReading& reading) { return reading.day >= input_.as_of; })) {
      continue;
    }
    Classes classes = own;
    for (const std::string& contract : ClassesOf(*spec, *types)) {
      for (const std::string& kind : own) {
        if (ContractClassesOf(source, kind).contains(contract)) classes.insert(contract);
      }
    }
    Add(source, classes, due, parts);
  }
  return parts;
}

UnreadParts Unread::BeforeAnybody(const std::string& system, const std::string& entitlement) const {
  UnreadParts parts;
  if (input_.readings == nullptr) return parts;
  const Types* types = TypesFor(system, entitlement);
  if (types == nullptr) return parts;
  for (const auto& [source, readings] : *input_.readings) {
    const SystemSpec* spec = input_.configuration->FindSystem(source);
    if (spec != nullptr) Add(source, ClassesOf(*spec, *types), kFirstDay, parts);
  }
  return parts;
}

std::string UnreadText(const UnreadParts& parts, absl::CivilDay as_of) {
  std::vector<std::string> named;
  for (const auto& [part, day] : parts) {
    if (named.size() == kMostNamed) break;
    const auto& [source, object_class, scope] = part;
    named.push_back(absl::StrCat(object_class, scope.empty() ? "" : " of ", scope, " last on ", DayText(day, as_of)));
  }
  std::string text = absl::StrJoin(named, ", ");
  if (parts.size() > named.size()) absl::StrAppend(&text, " and ", parts.size() - named.size(), " more");
  return text;
}

}  // namespace sluice::core
