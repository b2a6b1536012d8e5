#include "host/core/mapping.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "host/base/parallel.h"
#include "host/core/object_fields_internal.h"
#include "host/core/snapshot.h"
#include "host/core/text.h"

namespace sluice::core {
namespace {

std::string RecordText(const Joined& object) {
  return absl::StrCat(object.record->object_class, " ", object.record->id);
}

std::optional<absl::CivilDay> DayOf(const Value& value) {
  if (value.kind() == Value::Kind::kDate) return value.date();
  if (value.kind() == Value::Kind::kText) return ParseDate(value.text());
  return std::nullopt;
}

// Builds the persons of one source.
class Mapper {
 public:
  Mapper(const std::string& system_name, const SystemSpec& system, const RawSet& records, const MappingOptions& options)
      : system_name_(system_name), system_(system), options_(options), records_(ByObject(records)) {}

  MappingResult Map() {
    for (const PersonMapping& mapping : system_.persons) {
      FieldPlan plan = PersonComputer::PlanOf(mapping);
      ForEachObject<MadePerson>(
          mapping.from, [&](const Joined& object) { return MakePerson(plan, object); },
          [&](MadePerson made) { AddPerson(std::move(made)); });
    }
    for (const ContractMapping& mapping : system_.contracts) {
      FieldPlan plan(mapping.from, mapping.fields, "contract.", {});
      ForEachObject<MadeContract>(
          mapping.from, [&](const Joined& object) { return MakeContract(mapping, plan, object); },
          [&](MadeContract made) { AddContract(std::move(made)); });
    }
    for (auto& [key, draft] : drafts_) SettleUndated(draft);
    HoldBackSharedIds();
    return Finish();
  }

 private:
  // A contract whose start is empty.
  struct Undated {
    std::string type;
    RecordKey record;
  };
  // Class, id: texts of the records.
  using ObjectKey = std::pair<absl::string_view, absl::string_view>;
  struct Draft {
    Person person;
    absl::CivilDay first_seen;
    std::vector<Undated> undated;
  };

  // What one object makes by itself.
  struct MadePerson {
    ObjectKey key;
    Draft draft;
    std::string why_held_back;  // Empty: it is not.
  };
  struct MadeContract {
    Draft* owner = nullptr;
    std::optional<Contract> contract;
    std::optional<HeldBackRecord> report;
    std::optional<Undated> undated;
    bool holds_owner_back = false;
    bool is_dangling = false;
  };

  // Calls make(object) for each object of a class, on several threads, and take(what it made) in their order.
  template <typename Made, typename Make, typename Take>
  void ForEachObject(const std::string& object_class, const Make& make, const Take& take) {
    constexpr size_t kAtOnce = 8192, kWorthAThread = 500;
    const std::vector<Group> groups = GroupsOf(object_class);
    for (size_t from = 0; from < groups.size(); from += kAtOnce) {
      std::vector<Made> made(std::min(kAtOnce, groups.size() - from));
      base::InParts(made.size(), kWorthAThread, [&](size_t first, size_t last) {
        for (size_t at = first; at < last; ++at) made[at] = make(Join(groups[from + at]));
      });
      for (Made& one : made) take(std::move(one));
    }
  }

  // The records of each object of a class.
  std::vector<Group> GroupsOf(const std::string& object_class) const {
    std::vector<Group> groups;
    auto from = std::lower_bound(
        records_.begin(), records_.end(), object_class,
        [](const RawRecord* raw, const std::string& wanted) { return raw->record.object_class < wanted; });
    while (from != records_.end() && (*from)->record.object_class == object_class) {
      const auto to = std::find_if(from, records_.end(), [&](const RawRecord* raw) {
        return (*from)->record.id != raw->record.id || (*from)->record.object_class != raw->record.object_class;
      });
      groups.emplace_back(&*from, static_cast<size_t>(to - from));
      from = to;
    }
    return groups;
  }

  RecordKey KeyOf(const Record& record) const { return {system_name_, record.scope, record.object_class, record.id}; }

  void HoldBack(Draft& draft, const RecordKey& record, const std::string& reason) {
    draft.person.held_back.push_back(reason);
    result_.held_back.push_back({draft.person.id, record, reason});
  }

  MadePerson MakePerson(const FieldPlan& plan, const Joined& object) const {
    MadePerson made;
    made.key = ObjectKey(object.record->object_class, object.record->id);
    made.draft.first_seen = object.first_seen;
    Person& person = made.draft.person;
    person.id = PersonId(system_name_, object.record->object_class, object.record->id);
    person.fields = PersonComputer(object, plan).AllFields();
    person.sources.reserve(object.sources.size());
    for (const Record* record : object.sources) person.sources.push_back(KeyOf(*record));
    person.last_seen = object.last_seen;
    const Value display = FieldOf(person, nullptr, "person.name.display");
    person.display = display.ToText();
    person.external_id = FieldOf(person, nullptr, "person.external_id").ToText();
    if (person.display.empty()) {
      made.why_held_back =
          absl::StrCat(RecordText(object), ": name.display ", display.is_visible() ? "is empty" : "is not visible");
    }
    return made;
  }

  void AddPerson(MadePerson made) {
    const auto [place, is_new] = drafts_.try_emplace(made.key, std::move(made.draft));
    if (!is_new || made.why_held_back.empty()) return;
    Draft& draft = place->second;
    HoldBack(draft, draft.person.sources[0], made.why_held_back);
  }

  // Whom a contract's record is about; nullptr when that is not known, and then `made` counts or reports it.
  Draft* OwnerOf(const ContractMapping& mapping, const Joined& object, MadeContract& made) {
    std::string attribute = mapping.owner_attribute;
    if (attribute.empty()) {
      auto found = options_.owner_attributes.find(mapping.from);
      if (found != options_.owner_attributes.end()) attribute = found->second;
    }
    if (attribute.empty()) {
      made.report =
          LeftOut(nullptr, object, "neither the mapping nor the connector says which attribute names its person");
      return nullptr;
    }
    Value owner = AttributeOf(object, attribute);
    if (!owner.has_value()) {
      made.report =
          LeftOut(nullptr, object, absl::StrCat(attribute, owner.is_visible() ? " is empty" : " is not visible"));
      return nullptr;
    }
    auto draft = drafts_.end();
    if (owner.kind() == Value::Kind::kReference) {
      draft = drafts_.find({owner.reference().object_class, owner.reference().id});
    } else {
      const std::string id = owner.ToText();
      for (const PersonMapping& person : system_.persons) {
        draft = drafts_.find({person.from, id});
        if (draft != drafts_.end()) break;
      }
    }
    if (draft != drafts_.end()) return &draft->second;
    made.is_dangling = true;
    return nullptr;
  }

  HeldBackRecord LeftOut(const Draft* draft, const Joined& object, const std::string& what) const {
    return {draft == nullptr ? "" : draft->person.id, KeyOf(*object.record),
            absl::StrCat(RecordText(object), " is left out: ", what)};
  }

  // Reads the drafts and changes none: persons are complete by now.
  MadeContract MakeContract(const ContractMapping& mapping, const FieldPlan& plan, const Joined& object) {
    MadeContract made;
    made.owner = OwnerOf(mapping, object, made);
    if (made.owner == nullptr) return made;
    Contract contract;
    contract.type = mapping.type;
    contract.source = KeyOf(*object.record);
    contract.id = ContractId(mapping.type, contract.source);
    contract.last_seen = object.last_seen;
    FieldComputer computer(object, plan);
    contract.fields = computer.AllFields({"start", "end"});
    Value start = computer.FieldValue("start");
    Value end = computer.FieldValue("end");
    if (start.is_empty()) {
      made.undated = Undated{mapping.type, contract.source};
      return made;
    }
    std::optional<absl::CivilDay> day = DayOf(start);
    if (!day) {
      made.holds_owner_back = true;
      made.report = {
          made.owner->person.id, contract.source,
          absl::StrCat(RecordText(object), ": its start ", start.is_visible() ? "is no date" : "is not visible")};
      return made;
    }
    contract.start = *day;
    contract.end = DayOf(end);
    if (!contract.end && !end.is_empty()) contract.fields[Contract::kEndIsHidden] = Value::Flag(true);
    made.contract = std::move(contract);
    return made;
  }

  void AddContract(MadeContract made) {
    if (made.is_dangling) ++result_.dangling_contracts;
    if (made.holds_owner_back) made.owner->person.held_back.push_back(made.report->reason);
    if (made.report) result_.held_back.push_back(*std::move(made.report));
    if (made.undated) made.owner->undated.push_back(*std::move(made.undated));
    if (made.contract) made.owner->person.contracts.push_back(*std::move(made.contract));
  }

  // Nobody borrows a date from another contract. Beside a dated contract of its type an undated one does not count;
  // where it is the only one, its date may have been wiped out by mistake, and nothing of what it gave may end.
  void SettleUndated(Draft& draft) {
    Value::List lines;
    for (const Undated& undated : draft.undated) {
      const std::string record = absl::StrCat(undated.record.object_class, " ", undated.record.id);
      const std::vector<Contract>& contracts = draft.person.contracts;
      const bool has_dated = std::any_of(contracts.begin(), contracts.end(),
                                         [&](const Contract& contract) { return contract.type == undated.type; });
      if (!has_dated) {
        HoldBack(draft, undated.record, absl::StrCat(record, ": its start is empty; fill it in in the source"));
        continue;
      }
      const std::string line = absl::StrCat(record, " is left out: its start is empty");
      result_.held_back.push_back({draft.person.id, undated.record, line});
      lines.push_back(Value::Text(line));
    }
    if (lines.empty()) return;
    std::sort(lines.begin(), lines.end(), [](const Value& a, const Value& b) { return a.text() < b.text(); });
    draft.person.fields[Person::kLeftOut] = Value::ListOf(std::move(lines));
  }

  // Of the persons with one external id, the one that keeps it comes first: who had it before, who is still there, who
  // was seen first, the lowest id.
  void HoldBackSharedIds() {
    std::map<std::string, std::vector<Draft*>> by_external_id;
    for (auto& [key, draft] : drafts_) {
      if (!draft.person.external_id.empty()) by_external_id[draft.person.external_id].push_back(&draft);
    }
    for (auto& [external_id, sharing] : by_external_id) {
      if (sharing.size() < 2) continue;
      auto holder = options_.external_id_holders.find(external_id);
      std::string holder_id = holder == options_.external_id_holders.end() ? "" : holder->second;
      std::sort(sharing.begin(), sharing.end(), [&](const Draft* a, const Draft* b) {
        auto rank = [&](const Draft* d) {
          return std::make_tuple(d->person.id != holder_id, d->person.last_seen.has_value(), d->first_seen,
                                 d->person.id);
        };
        return rank(a) < rank(b);
      });
      for (size_t i = 1; i < sharing.size(); ++i) {
        HoldBack(*sharing[i], sharing[i]->person.sources[0],
                 absl::StrCat("person ", sharing[i]->person.id, kHasTheExternalIdOf, sharing[0]->person.id,
                              ", who had it first; correct one of the two in the source"));
      }
    }
  }

  MappingResult Finish() {
    // Handles are put in order, and each is freed when its person has moved.
    std::vector<std::map<ObjectKey, Draft>::node_type> nodes;
    nodes.reserve(drafts_.size());
    while (!drafts_.empty()) nodes.push_back(drafts_.extract(drafts_.begin()));
    std::sort(nodes.begin(), nodes.end(),
              [](const auto& a, const auto& b) { return a.mapped().person.id < b.mapped().person.id; });
    result_.persons.reserve(nodes.size());
    for (auto& node : nodes) {
      Person& person = node.mapped().person;
      std::sort(person.contracts.begin(), person.contracts.end(),
                [](const Contract& a, const Contract& b) { return a.id < b.id; });
      person.contracts.shrink_to_fit();
      std::sort(person.held_back.begin(), person.held_back.end());
      result_.persons.push_back(std::move(person));
      node = {};
    }
    std::sort(result_.held_back.begin(), result_.held_back.end(), [](const HeldBackRecord& a, const HeldBackRecord& b) {
      return std::tie(a.person_id, a.record, a.reason) < std::tie(b.person_id, b.record, b.reason);
    });
    return std::move(result_);
  }

  const std::string& system_name_;
  const SystemSpec& system_;
  const MappingOptions& options_;
  const std::vector<const RawRecord*> records_;  // By class, then id, then scope.
  std::map<ObjectKey, Draft> drafts_;
  MappingResult result_;
};

}  // namespace

MappingResult MapPersons(const std::string& system_name, const SystemSpec& system, const RawSet& records,
                         const MappingOptions& options) {
  return Mapper(system_name, system, records, options).Map();
}

}  // namespace sluice::core
