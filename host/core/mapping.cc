#include "host/core/mapping.h"

#include <algorithm>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/types/span.h"
#include "host/base/parallel.h"
#include "host/core/snapshot.h"
#include "host/core/text.h"

namespace sluice::core {
namespace {

// One object, joined over its scopes. The records outlive it.
struct Joined {
  const Record* record = nullptr;  // The first one that speaks: whose class, id and scope it has.
  std::string name;
  Fields attributes;
  std::vector<const Record*> sources;  // By scope.
  absl::CivilDay first_seen;
  std::optional<absl::CivilDay> last_seen;  // Set when no scope has it any more.
};

using Group = absl::Span<const RawRecord* const>;

// Records that are there speak; tombstones only where there is nothing else.
Joined Join(Group records) {
  bool is_live = std::any_of(records.begin(), records.end(), [](const RawRecord* raw) { return !raw->last_seen; });
  Joined joined;
  joined.first_seen = absl::CivilDay::max();
  for (const RawRecord* raw : records) {
    joined.first_seen = std::min(joined.first_seen, raw->first_seen);
    if (is_live && raw->last_seen) continue;
    const Record& record = raw->record;
    if (joined.sources.empty()) {
      joined.record = &record;
      joined.attributes = record.attributes;
    } else {
      joined.attributes = JoinAttributes(joined.attributes, record.attributes);
    }
    if (joined.name.empty()) joined.name = record.name;
    joined.sources.push_back(&record);
    if (!is_live) joined.last_seen = joined.last_seen ? std::max(*joined.last_seen, *raw->last_seen) : raw->last_seen;
  }
  return joined;
}

auto ObjectKeyOf(const RawRecord* raw) { return std::tie(raw->record.object_class, raw->record.id); }

// By class, then id. The set is ordered by scope first, so each object's records come by scope.
std::vector<const RawRecord*> ByObject(const RawSet& records) {
  std::vector<const RawRecord*> order;
  order.reserve(records.size());
  for (const auto& [key, raw] : records) order.push_back(&raw);
  std::stable_sort(order.begin(), order.end(),
                   [](const RawRecord* a, const RawRecord* b) { return ObjectKeyOf(a) < ObjectKeyOf(b); });
  return order;
}

// A value inside maps, by what is left of a path.
Value Inside(const Value& value, absl::string_view path) {
  if (path.empty() || !value.has_value()) return value;
  if (value.is_list()) {  // Of each item.
    Value::List items;
    for (const Value& item : value.list()) items.push_back(Inside(item, path));
    return value.kind() == Value::Kind::kList ? Value::ListOf(std::move(items))
                                              : Value::PartialListOf(std::move(items));
  }
  if (value.kind() != Value::Kind::kMap) return Value::NotVisible();
  auto whole = value.map().find(std::string(path));
  if (whole != value.map().end()) return whole->second;
  size_t dot = path.find('.');
  auto found = value.map().find(std::string(path.substr(0, dot)));
  if (found == value.map().end() || dot == absl::string_view::npos) return Value::NotVisible();
  return Inside(found->second, path.substr(dot + 1));
}

// What "leerling.<rest>" means on one record.
Value AttributeOf(const Joined& object, const std::string& rest) {
  auto whole = object.attributes.find(rest);
  if (whole != object.attributes.end()) return whole->second;
  for (size_t dot = rest.find('.'); dot != std::string::npos; dot = rest.find('.', dot + 1)) {
    auto found = object.attributes.find(rest.substr(0, dot));
    if (found != object.attributes.end()) return Inside(found->second, absl::string_view(rest).substr(dot + 1));
  }
  if (rest == "id") return Value::Text(object.record->id);
  if (rest == "scope") return Value::Text(object.record->scope);
  if (rest == "name") return object.name.empty() ? Value::Empty() : Value::Text(object.name);
  return Value::NotVisible();
}

// The fields of one kind of object, prepared once for all objects of the kind.
class FieldPlan {
 public:
  // `own` is how templates name the object itself: "person." or "contract."; `derived` are fields that are computed
  // even where no mapping names them.
  FieldPlan(const std::string& object_class, const std::vector<FieldMapping>& mappings, absl::string_view own,
            const std::vector<std::string>& derived)
      : class_prefix_(absl::StrCat(object_class, ".")), own_prefix_(own) {
    std::map<std::string, const FieldMapping*> by_field;
    for (const std::string& field : derived) by_field[field] = nullptr;
    for (const FieldMapping& mapping : mappings) by_field[mapping.field] = &mapping;
    for (const auto& [field, mapping] : by_field) entries_.push_back({field, mapping, SpeaksOfClass(mapping)});
  }

  struct Entry {
    std::string field;
    const FieldMapping* mapping;  // Null: only derived.
    bool is_mapped;               // Whether the mapping says anything about it for objects of this class.
  };
  const std::vector<Entry>& entries() const { return entries_; }
  const std::string& class_prefix() const { return class_prefix_; }
  const std::string& own_prefix() const { return own_prefix_; }

  // -1: neither mapped nor derived.
  int IndexOf(absl::string_view field) const {
    auto found = std::lower_bound(entries_.begin(), entries_.end(), field,
                                  [](const Entry& entry, absl::string_view wanted) { return entry.field < wanted; });
    return found != entries_.end() && found->field == field ? static_cast<int>(found - entries_.begin()) : -1;
  }

 private:
  bool SpeaksOfClass(const FieldMapping* mapping) const {
    if (mapping == nullptr) return false;
    const std::vector<std::string>& paths = mapping->value.paths();
    return paths.empty() || std::any_of(paths.begin(), paths.end(), [&](const std::string& path) {
             return absl::StartsWith(path, class_prefix_) || absl::StartsWith(path, own_prefix_);
           });
  }

  const std::string class_prefix_;
  const std::string own_prefix_;
  std::vector<Entry> entries_;  // By field.
};

// Computes the fields of one object; a field may read another one of the same object.
class FieldComputer {
 public:
  FieldComputer(const Joined& object, const FieldPlan& plan)
      : object_(object), plan_(plan), values_(plan.entries().size()), states_(plan.entries().size(), kUntouched) {}
  virtual ~FieldComputer() = default;

  Value FieldValue(absl::string_view field) {
    int index = plan_.IndexOf(field);
    return index < 0 ? Value::NotVisible() : ValueAt(index);
  }

  // Every field that is visible, but for some.
  Fields AllFields(std::initializer_list<absl::string_view> without = {}) {
    std::vector<size_t> visible;  // No more room than they take: a large school holds millions of them.
    for (size_t i = 0; i < values_.size(); ++i) {
      const bool is_left_out = std::find(without.begin(), without.end(), plan_.entries()[i].field) != without.end();
      if (!is_left_out && ValueAt(static_cast<int>(i)).is_visible()) visible.push_back(i);
    }
    Fields fields;
    fields.reserve(visible.size());
    for (const size_t i : visible) fields.emplace(plan_.entries()[i].field, values_[i]);
    return fields;
  }

 protected:
  // Of a field that no mapping speaks of for this class.
  virtual Value Derive(const std::string&) { return Value::NotVisible(); }

  bool IsMapped(absl::string_view field) const {
    int index = plan_.IndexOf(field);
    return index >= 0 && plan_.entries()[index].is_mapped;
  }

 private:
  enum State : char { kUntouched, kInProgress, kDone };

  const Value& ValueAt(int index) {
    static const Value* nothing = new Value;
    if (states_[index] == kDone) return values_[index];
    if (states_[index] == kInProgress) return *nothing;  // It reads itself.
    states_[index] = kInProgress;
    const FieldPlan::Entry& entry = plan_.entries()[index];
    values_[index] = NormaliseValue(
        entry.is_mapped ? entry.mapping->value.Evaluate([&](const std::string& path) { return Lookup(path); })
                        : Derive(entry.field));
    states_[index] = kDone;
    return values_[index];
  }

  Value Lookup(const std::string& path) {
    const std::string& prefix = plan_.class_prefix();
    if (absl::StartsWith(path, prefix)) return NormaliseValue(AttributeOf(object_, path.substr(prefix.size())));
    const std::string& own = plan_.own_prefix();
    if (absl::StartsWith(path, own)) return FieldValue(absl::string_view(path).substr(own.size()));
    return Value::NotVisible();
  }

  const Joined& object_;
  const FieldPlan& plan_;
  std::vector<Value> values_;  // By index in the plan.
  std::vector<State> states_;
};

// Adds the names that follow from others.
class PersonComputer final : public FieldComputer {
 public:
  using FieldComputer::FieldComputer;

  static FieldPlan PlanOf(const PersonMapping& mapping) {
    return FieldPlan(mapping.from, mapping.fields, "person.", {"name.family_all", "name.display"});
  }

 protected:
  Value Derive(const std::string& field) override {
    if (field == "name.family_all") return FamilyAll();
    if (field == "name.display") return Display();
    return Value::NotVisible();
  }

 private:
  // A part that this class of people does not have is empty; one that it has and we may not see is not visible.
  Value Part(const std::string& field) { return IsMapped(field) ? FieldValue(field) : Value::Empty(); }

  static Value Joined2(const Value& first, absl::string_view between, const Value& second) {
    if (!first.is_visible() || !second.is_visible()) return Value::NotVisible();
    if (!first.has_value()) return second;
    if (!second.has_value()) return first;
    return Value::Text(absl::StrCat(first.ToText(), between, second.ToText()));
  }

  Value OwnName() { return Joined2(Part("name.family_prefix"), " ", Part("name.family")); }
  Value PartnerName() {
    Value partner = Part("name.partner");
    return partner.is_empty() ? partner : Joined2(Part("name.partner_prefix"), " ", partner);
  }

  Value FamilyAll() {
    if (!IsMapped("name.family")) return Value::NotVisible();
    Value convention = Part("name.convention");
    if (!convention.is_visible()) return convention;
    std::string letters = ToUpper(convention.ToText());
    Value own = OwnName();
    if (letters != "P" && letters != "BP" && letters != "PB") return own;
    Value partner = PartnerName();
    if (partner.is_empty()) return own;
    if (letters == "P") return partner;
    return letters == "BP" ? Joined2(own, "-", partner) : Joined2(partner, "-", own);
  }

  Value Display() {
    Value first = Part("name.nick");
    for (const char* other : {"name.given", "name.initials"}) {
      if (first.is_empty()) first = Part(other);
    }
    return Joined2(first, " ", FieldValue("name.family_all"));
  }
};

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
