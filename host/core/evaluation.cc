#include "host/core/evaluation.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "host/core/primary_contract.h"

namespace sluice::core {
namespace {

bool Speaks(const Condition& condition, absl::FunctionRef<bool(Condition::Kind)> wanted) {
  if (wanted(condition.kind)) return true;
  return std::any_of(condition.children.begin(), condition.children.end(),
                     [&](const Condition& child) { return Speaks(child, wanted); });
}

void CollectSome(const Condition& condition, std::vector<const Condition*>& nodes) {
  if (condition.kind == Condition::Kind::kSomeContract) nodes.push_back(&condition);
  for (const Condition& child : condition.children) CollectSome(child, nodes);
}

// Tests that must hold for the whole to hold. `needs_contract` is set when one of a person's contracts must.
void CollectMandatory(const Condition& condition, std::vector<const Condition*>& tests, bool& needs_contract) {
  switch (condition.kind) {
    case Condition::Kind::kAll:
      for (const Condition& child : condition.children) CollectMandatory(child, tests, needs_contract);
      return;
    case Condition::Kind::kSomeContract:
    case Condition::Kind::kPrimaryContract:
      needs_contract = true;
      for (const Condition& child : condition.children) CollectMandatory(child, tests, needs_contract);
      return;
    case Condition::Kind::kTest:
      tests.push_back(&condition);
      return;
    default:
      return;
  }
}

bool IsListOfTexts(const Condition& test) {
  if (test.op != TestOperator::kEq && test.op != TestOperator::kIn) return false;
  return !test.operands.empty() && std::all_of(test.operands.begin(), test.operands.end(), [](const Operand& operand) {
    return !operand.is_relative_day && operand.value.kind() == Value::Kind::kText;
  });
}

absl::CivilDay Clip(absl::CivilDay day) { return std::clamp(day, kFirstDay, kLastDay); }

}  // namespace

std::string EntitlementKey(const EntitlementRef& grant) {
  switch (grant.kind) {
    case EntitlementRef::Kind::kAccount:
      return "account";
    case EntitlementRef::Kind::kAccess:
      return "access";
    case EntitlementRef::Kind::kPermission:
      return absl::StrCat(grant.object_class, ":", grant.label);
    case EntitlementRef::Kind::kResource:
      return absl::StrCat(grant.resource, ":");
  }
  return "";
}

struct Evaluator::RuleFacts {
  std::vector<RelativeDay> relative_days;
  std::vector<const Condition*> some_contract;
  bool needs_contract = false, uses_primary = false, gives_resource = false;
  std::vector<int> entitled;  // For each grant, an index into entitled_.
};

// What rules give, once each.
struct Evaluator::Entitled {
  std::string system, entitlement, label;
  EntitlementRef::Kind kind = EntitlementRef::Kind::kAccount;
  std::string key_path;  // Of a resource: "contract.department.id".
};

struct Evaluator::PathIndex {
  std::string path;   // Whole.
  std::string field;  // Without "contract." or "person.".
  bool is_contract = false;
  absl::flat_hash_map<std::string, std::vector<int>> by_value;  // Lower case.
  std::vector<int> all;
};

struct Evaluator::Piece {
  int entitled = 0;
  std::string key;
  SupportedInterval interval;
  bool operator<(const Piece& other) const {
    return std::tie(entitled, key, interval.from, interval.supports[0].rule, interval.supports[0].grant) <
           std::tie(other.entitled, other.key, other.interval.from, other.interval.supports[0].rule,
                    other.interval.supports[0].grant);
  }
};

Evaluator::Evaluator(const Configuration& configuration) : configuration_(configuration) {
  std::map<std::pair<std::string, std::string>, int> known;
  for (const Rule& rule : configuration.rules) {
    for (const EntitlementRef& grant : rule.grants) {
      Entitled entitled{grant.system, EntitlementKey(grant), "", grant.kind, ""};
      if (grant.kind == EntitlementRef::Kind::kPermission) entitled.label = grant.label;
      if (grant.kind == EntitlementRef::Kind::kResource) {
        const SystemSpec* system = configuration.FindSystem(grant.system);
        if (system == nullptr || !system->resources.contains(grant.resource)) continue;
        entitled.key_path = absl::StrCat(system->resources.at(grant.resource).each, ".id");
      }
      if (known.emplace(std::pair(entitled.system, entitled.entitlement), 0).second) entitled_.push_back(entitled);
    }
  }
  std::sort(entitled_.begin(), entitled_.end(), [](const Entitled& a, const Entitled& b) {
    return std::tie(a.system, a.entitlement) < std::tie(b.system, b.entitlement);
  });
  for (size_t i = 0; i < entitled_.size(); ++i) known[{entitled_[i].system, entitled_[i].entitlement}] = i;
  for (size_t i = 0; i < configuration.rules.size(); ++i) {
    const Rule& rule = configuration.rules[i];
    RuleFacts facts;
    facts.relative_days = RelativeDaysOf(rule.when);
    CollectSome(rule.when, facts.some_contract);
    facts.uses_primary = Speaks(rule.when, [](Condition::Kind k) { return k == Condition::Kind::kPrimaryContract; });
    for (const EntitlementRef& grant : rule.grants) {
      const auto found = known.find({grant.system, EntitlementKey(grant)});
      facts.entitled.push_back(found == known.end() ? -1 : found->second);
      facts.gives_resource |= grant.kind == EntitlementRef::Kind::kResource;
    }
    rules_.push_back(std::move(facts));
    IndexRule(i);
  }
}

Evaluator::~Evaluator() = default;

void Evaluator::IndexRule(int rule) {
  std::vector<const Condition*> tests;
  CollectMandatory(configuration_.rules[rule].when, tests, rules_[rule].needs_contract);
  const Condition* best = nullptr;
  const auto cost = [](const Condition& test) { return std::pair(test.path == "contract.type", test.operands.size()); };
  for (const Condition* test : tests) {
    if (IsListOfTexts(*test) && (best == nullptr || cost(*test) < cost(*best))) best = test;
  }
  if (best == nullptr) {
    always_.push_back(rule);
    return;
  }
  auto index = std::find_if(indexes_.begin(), indexes_.end(), [&](const PathIndex& i) { return i.path == best->path; });
  if (index == indexes_.end()) {
    PathIndex created;
    created.path = best->path;
    created.is_contract = absl::StartsWith(best->path, "contract.");
    created.field = std::string(absl::StripPrefix(absl::StripPrefix(best->path, "contract."), "person."));
    index = indexes_.insert(indexes_.end(), std::move(created));
  }
  index->all.push_back(rule);
  for (const Operand& operand : best->operands) {
    std::vector<int>& rules = index->by_value[absl::AsciiStrToLower(operand.value.text())];
    if (rules.empty() || rules.back() != rule) rules.push_back(rule);
  }
}

std::vector<int> Evaluator::Candidates(const Person& person) const {
  std::vector<char> marked(rules_.size(), 0);
  std::vector<int> result = always_;
  for (int rule : always_) marked[rule] = 1;
  const auto mark = [&](const std::vector<int>& rules) {
    for (int rule : rules) {
      if (!std::exchange(marked[rule], 1)) result.push_back(rule);
    }
  };
  const auto mark_value = [&](const PathIndex& index, const Value& value) {
    if (value.is_empty()) return;
    if (value.kind() != Value::Kind::kText) return mark(index.all);  // Not visible, or compared in some other way.
    const auto found = index.by_value.find(absl::AsciiStrToLower(value.text()));
    if (found != index.by_value.end()) mark(found->second);
  };
  for (const PathIndex& index : indexes_) {
    if (!index.is_contract) {
      mark_value(index, FieldOf(person, nullptr, index.path));
      continue;
    }
    for (const Contract& contract : person.contracts) {
      const auto field = contract.fields.find(index.field);
      if (field != contract.fields.end()) {
        mark_value(index, field->second);
      } else {
        mark_value(index, FieldOf(person, &contract, index.path));
      }
    }
  }
  std::sort(result.begin(), result.end());
  return result;
}

namespace {

// First days of the stretches in which a rule's answer cannot change, ascending, the first of them kFirstDay.
std::vector<absl::CivilDay> Breakpoints(const Person& person, const std::vector<ContractWindow>& windows,
                                        const std::vector<RelativeDay>& relative_days, bool uses_primary,
                                        absl::CivilDay last_day) {
  std::vector<absl::CivilDay> days = {kFirstDay};
  const auto add = [&](absl::CivilDay day) {
    if (day > kFirstDay && day < kLastDay) days.push_back(day);
  };
  for (const ContractWindow& window : windows) {
    add(window.from);
    if (window.until < kLastDay) add(window.until + 1);
  }
  if (uses_primary) {
    for (absl::CivilDay day : PrimaryBreakpoints(person)) add(day);
  }
  if (person.last_seen) {
    add(*person.last_seen + 1);
    if (last_day < kLastDay) add(last_day + 1);
  }
  const auto add_relative = [&](const Value& value, int64_t days_from_today) {
    if (value.kind() != Value::Kind::kDate) return;
    add(Clip(value.date() - days_from_today));
    add(Clip(value.date() - days_from_today + 1));
  };
  for (const RelativeDay& relative : relative_days) {
    if (!absl::StartsWith(relative.path, "contract.")) {
      add_relative(FieldOf(person, nullptr, relative.path), relative.days);
      continue;
    }
    for (const Contract& contract : person.contracts) {
      add_relative(FieldOf(person, &contract, relative.path), relative.days);
    }
  }
  std::sort(days.begin(), days.end());
  days.erase(std::unique(days.begin(), days.end()), days.end());
  return days;
}

bool SameSupports(const std::vector<Support>& a, const std::vector<Support>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Support& x, const Support& y) {
    return std::tie(x.rule, x.grant, x.contract) == std::tie(y.rule, y.grant, y.contract);
  });
}

}  // namespace

// The stretches of days of one person under one pair of margins, and which contracts count in each.
struct Evaluator::Frame {
  struct Stretch {
    absl::CivilDay from, until;
    std::vector<bool> in_window;
    bool has_contract = false;
  };
  std::vector<Stretch> stretches;
};

Evaluator::Frame Evaluator::FrameOf(const Person& person, const Rule& rule, const RuleFacts& facts,
                                    int64_t grace) const {
  std::vector<ContractWindow> windows;
  windows.reserve(person.contracts.size());
  for (const Contract& contract : person.contracts) {
    windows.push_back(WindowOf(person, contract, rule.before_start_days, rule.after_end_days, grace));
  }
  const absl::CivilDay last_day = LastDayOf(person, rule, grace);
  const std::vector<absl::CivilDay> days =
      Breakpoints(person, windows, facts.relative_days, facts.uses_primary, last_day);
  Frame frame;
  frame.stretches.reserve(days.size());
  for (size_t i = 0; i < days.size() && days[i] <= last_day; ++i) {
    Frame::Stretch stretch{days[i], i + 1 < days.size() ? days[i + 1] - 1 : kLastDay, {}, false};
    stretch.in_window.reserve(windows.size());
    for (const ContractWindow& window : windows) {
      stretch.in_window.push_back(window.Has(stretch.from));
      stretch.has_contract |= stretch.in_window.back();
    }
    frame.stretches.push_back(std::move(stretch));
  }
  return frame;
}

void Evaluator::EvaluateRule(int rule_index, const Person& person, const Frame& frame,
                             std::vector<Piece>& pieces) const {
  const Rule& rule = configuration_.rules[rule_index];
  const RuleFacts& facts = rules_[rule_index];
  for (const Frame::Stretch& stretch : frame.stretches) {
    if (facts.needs_contract && !stretch.has_contract) continue;
    SupportedInterval interval;
    interval.from = stretch.from;
    interval.until = stretch.until;
    Subject subject{&person, &stretch.in_window, -1, -1, interval.from};
    if (facts.uses_primary) subject.primary = PrimaryContract(person, configuration_.primary_contract, interval.from);
    interval.verdict = core::Evaluate(rule.when, subject);
    if (interval.verdict == Verdict::kFalse) continue;
    std::vector<int> contracts, doubtful;
    if (interval.verdict == Verdict::kTrue) contracts = MatchingContracts(rule.when, subject);
    if (facts.gives_resource && interval.verdict == Verdict::kTrue) {
      // A contract of which it cannot be said whether the rule means it: what it gives is kept.
      for (size_t c = 0; c < stretch.in_window.size(); ++c) {
        if (!stretch.in_window[c] || std::binary_search(contracts.begin(), contracts.end(), static_cast<int>(c))) {
          continue;
        }
        std::vector<bool> only(stretch.in_window.size(), false);
        only[c] = true;
        const Subject one{&person, &only, subject.primary, -1, interval.from};
        const bool is_doubtful =
            std::any_of(facts.some_contract.begin(), facts.some_contract.end(),
                        [&](const Condition* node) { return core::Evaluate(*node, one) == Verdict::kUnknown; });
        if (is_doubtful) doubtful.push_back(c);
      }
    }
    Emit(rule_index, person, interval, contracts, doubtful, pieces);
  }
}

void Evaluator::Emit(int rule, const Person& person, const SupportedInterval& interval,
                     const std::vector<int>& contracts, const std::vector<int>& doubtful,
                     std::vector<Piece>& pieces) const {
  const RuleFacts& facts = rules_[rule];
  const auto emit = [&](int entitled, std::string key, Verdict verdict, std::vector<Support> supports) {
    Piece piece{entitled, std::move(key), interval};
    piece.interval.verdict = verdict;
    piece.interval.supports = std::move(supports);
    pieces.push_back(std::move(piece));
  };
  for (int grant = 0; grant < static_cast<int>(facts.entitled.size()); ++grant) {
    const int entitled = facts.entitled[grant];
    if (entitled < 0) continue;
    const auto support = [&](int contract) { return Support{rule, grant, contract}; };
    if (entitled_[entitled].kind != EntitlementRef::Kind::kResource) {
      std::vector<Support> supports;
      for (int contract : contracts) supports.push_back(support(contract));
      if (supports.empty()) supports.push_back(support(-1));
      emit(entitled, "", interval.verdict, std::move(supports));
      continue;
    }
    if (interval.verdict == Verdict::kUnknown) {
      emit(entitled, "", Verdict::kUnknown, {support(-1)});
      continue;
    }
    const auto emit_instance = [&](int contract, Verdict verdict) {
      const Value key = FieldOf(person, &person.contracts[contract], entitled_[entitled].key_path);
      if (key.has_value()) return emit(entitled, key.ToText(), verdict, {support(contract)});
      if (!key.is_visible()) emit(entitled, "", Verdict::kUnknown, {support(contract)});
    };
    for (int contract : contracts) emit_instance(contract, Verdict::kTrue);
    for (int contract : doubtful) emit_instance(contract, Verdict::kUnknown);
  }
}

namespace {

void Append(std::vector<SupportedInterval>& intervals, SupportedInterval interval) {
  if (!intervals.empty()) {
    SupportedInterval& last = intervals.back();
    if (last.verdict == interval.verdict && last.until + 1 == interval.from &&
        SameSupports(last.supports, interval.supports)) {
      last.until = interval.until;
      return;
    }
  }
  intervals.push_back(std::move(interval));
}

// Lays pieces that may overlap over each other: true where one is true, with the supports of those that are.
std::vector<SupportedInterval> Overlay(const std::vector<SupportedInterval*>& pieces) {
  std::vector<absl::CivilDay> days;
  for (const SupportedInterval* piece : pieces) {
    days.push_back(piece->from);
    if (piece->until < kLastDay) days.push_back(piece->until + 1);
  }
  std::sort(days.begin(), days.end());
  days.erase(std::unique(days.begin(), days.end()), days.end());
  std::vector<SupportedInterval> result;
  for (size_t i = 0; i < days.size(); ++i) {
    SupportedInterval interval;
    interval.from = days[i];
    interval.until = i + 1 < days.size() ? days[i + 1] - 1 : kLastDay;
    interval.verdict = Verdict::kFalse;
    for (const SupportedInterval* piece : pieces) {
      if (piece->from > interval.from || piece->until < interval.from || piece->verdict < interval.verdict) continue;
      if (piece->verdict > interval.verdict) interval.supports.clear();
      interval.verdict = piece->verdict;
      interval.supports.insert(interval.supports.end(), piece->supports.begin(), piece->supports.end());
    }
    if (interval.verdict == Verdict::kFalse) continue;
    const auto order = [](const Support& s) { return std::tie(s.rule, s.contract, s.grant); };
    std::sort(interval.supports.begin(), interval.supports.end(),
              [&](const Support& a, const Support& b) { return order(a) < order(b); });
    Append(result, std::move(interval));
  }
  return result;
}

}  // namespace

std::vector<EntitlementIntervals> Evaluator::Evaluate(const Person& person) const {
  std::vector<Piece> pieces;
  pieces.reserve(64);
  const int64_t grace = VanishGraceOf(person, configuration_);
  // Rules with the same margins share the stretches, unless the rule brings days of its own.
  std::vector<std::pair<std::pair<int64_t, int64_t>, Frame>> frames;
  for (int index : Candidates(person)) {
    const Rule& rule = configuration_.rules[index];
    const RuleFacts& facts = rules_[index];
    if (facts.uses_primary || !facts.relative_days.empty()) {
      EvaluateRule(index, person, FrameOf(person, rule, facts, grace), pieces);
      continue;
    }
    const std::pair margins(rule.before_start_days, rule.after_end_days);
    auto frame = std::find_if(frames.begin(), frames.end(), [&](const auto& f) { return f.first == margins; });
    if (frame == frames.end()) {
      frame = frames.insert(frames.end(), {margins, FrameOf(person, rule, facts, grace)});
    }
    EvaluateRule(index, person, frame->second, pieces);
  }
  std::sort(pieces.begin(), pieces.end());
  std::vector<EntitlementIntervals> result;
  result.reserve(pieces.size());
  std::vector<SupportedInterval*> group;
  for (size_t i = 0; i < pieces.size();) {
    group.clear();
    const Piece& first = pieces[i];
    for (; i < pieces.size() && pieces[i].entitled == first.entitled && pieces[i].key == first.key; ++i) {
      group.push_back(&pieces[i].interval);
    }
    const Entitled& entitled = entitled_[first.entitled];
    EntitlementIntervals intervals;
    intervals.system = entitled.system;
    intervals.entitlement = absl::StrCat(entitled.entitlement, first.key);
    intervals.kind = entitled.kind;
    intervals.label = entitled.label;
    if (group.size() == 1) {
      intervals.intervals.push_back(std::move(*group[0]));
    } else {
      intervals.intervals = Overlay(group);
    }
    result.push_back(std::move(intervals));
  }
  std::sort(result.begin(), result.end(), [](const EntitlementIntervals& a, const EntitlementIntervals& b) {
    return std::tie(a.system, a.entitlement) < std::tie(b.system, b.entitlement);
  });
  return result;
}

std::string Evaluator::ResourceLabel(const ResourceSpec& spec, const Person& person, const Contract* contract) {
  for (const FieldMapping& field : spec.fields) {
    if (field.field != "name") continue;
    return field.value.Evaluate([&](const std::string& path) { return FieldOf(person, contract, path); }).ToText();
  }
  return "";
}

std::vector<EntitlementIntervals> EvaluatePerson(const Person& person, const Configuration& configuration) {
  const Evaluator evaluator(configuration);
  std::vector<EntitlementIntervals> result = evaluator.Evaluate(person);
  for (EntitlementIntervals& entitlement : result) {
    if (entitlement.kind != EntitlementRef::Kind::kResource) continue;
    const SystemSpec* system = configuration.FindSystem(entitlement.system);
    const Support& support = entitlement.intervals.front().supports.front();
    const std::string& name = configuration.rules[support.rule].grants[support.grant].resource;
    const Contract* contract = support.contract < 0 ? nullptr : &person.contracts[support.contract];
    if (contract != nullptr) {
      entitlement.label = Evaluator::ResourceLabel(system->resources.at(name), person, contract);
    }
  }
  return result;
}

}  // namespace sluice::core
