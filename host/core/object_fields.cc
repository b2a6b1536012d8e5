#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "host/core/object_fields_internal.h"
#include "host/core/snapshot.h"
#include "host/core/text.h"

namespace sluice::core {
namespace {

auto ObjectKeyOf(const RawRecord* raw) { return std::tie(raw->record.object_class, raw->record.id); }

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

Value Joined2(const Value& first, absl::string_view between, const Value& second) {
  if (!first.is_visible() || !second.is_visible()) return Value::NotVisible();
  if (!first.has_value()) return second;
  if (!second.has_value()) return first;
  return Value::Text(absl::StrCat(first.ToText(), between, second.ToText()));
}

}  // namespace

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

std::vector<const RawRecord*> ByObject(const RawSet& records) {
  std::vector<const RawRecord*> order;
  order.reserve(records.size());
  for (const auto& [key, raw] : records) order.push_back(&raw);
  std::stable_sort(order.begin(), order.end(),
                   [](const RawRecord* a, const RawRecord* b) { return ObjectKeyOf(a) < ObjectKeyOf(b); });
  return order;
}

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

FieldPlan::FieldPlan(const std::string& object_class, const std::vector<FieldMapping>& mappings, absl::string_view own,
                     const std::vector<std::string>& derived)
    : class_prefix_(absl::StrCat(object_class, ".")), own_prefix_(own) {
  std::map<std::string, const FieldMapping*> by_field;
  for (const std::string& field : derived) by_field[field] = nullptr;
  for (const FieldMapping& mapping : mappings) by_field[mapping.field] = &mapping;
  for (const auto& [field, mapping] : by_field) entries_.push_back({field, mapping, SpeaksOfClass(mapping)});
}

int FieldPlan::IndexOf(absl::string_view field) const {
  auto found = std::lower_bound(entries_.begin(), entries_.end(), field,
                                [](const Entry& entry, absl::string_view wanted) { return entry.field < wanted; });
  return found != entries_.end() && found->field == field ? static_cast<int>(found - entries_.begin()) : -1;
}

bool FieldPlan::SpeaksOfClass(const FieldMapping* mapping) const {
  if (mapping == nullptr) return false;
  const std::vector<std::string>& paths = mapping->value.paths();
  return paths.empty() || std::any_of(paths.begin(), paths.end(), [&](const std::string& path) {
           return absl::StartsWith(path, class_prefix_) || absl::StartsWith(path, own_prefix_);
         });
}

Value FieldComputer::FieldValue(absl::string_view field) {
  int index = plan_.IndexOf(field);
  return index < 0 ? Value::NotVisible() : ValueAt(index);
}

Fields FieldComputer::AllFields(std::initializer_list<absl::string_view> without) {
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

bool FieldComputer::IsMapped(absl::string_view field) const {
  int index = plan_.IndexOf(field);
  return index >= 0 && plan_.entries()[index].is_mapped;
}

const Value& FieldComputer::ValueAt(int index) {
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

Value FieldComputer::Lookup(const std::string& path) {
  const std::string& prefix = plan_.class_prefix();
  if (absl::StartsWith(path, prefix)) return NormaliseValue(AttributeOf(object_, path.substr(prefix.size())));
  const std::string& own = plan_.own_prefix();
  if (absl::StartsWith(path, own)) return FieldValue(absl::string_view(path).substr(own.size()));
  return Value::NotVisible();
}

FieldPlan PersonComputer::PlanOf(const PersonMapping& mapping) {
  return FieldPlan(mapping.from, mapping.fields, "person.", {"name.family_all", "name.display"});
}

Value PersonComputer::Derive(const std::string& field) {
  if (field == "name.family_all") return FamilyAll();
  if (field == "name.display") return Display();
  return Value::NotVisible();
}

// A part that this class of people does not have is empty; one that it has and we may not see is not visible.
Value PersonComputer::Part(const std::string& field) { return IsMapped(field) ? FieldValue(field) : Value::Empty(); }

Value PersonComputer::OwnName() { return Joined2(Part("name.family_prefix"), " ", Part("name.family")); }

Value PersonComputer::PartnerName() {
  Value partner = Part("name.partner");
  return partner.is_empty() ? partner : Joined2(Part("name.partner_prefix"), " ", partner);
}

Value PersonComputer::FamilyAll() {
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

Value PersonComputer::Display() {
  Value first = Part("name.nick");
  for (const char* other : {"name.given", "name.initials"}) {
    if (first.is_empty()) first = Part(other);
  }
  return Joined2(first, " ", FieldValue("name.family_all"));
}

}  // namespace sluice::core
