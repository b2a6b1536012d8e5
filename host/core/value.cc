#include "host/core/value.h"

#include <algorithm>
#include <array>
#include <stdexcept>

#include "absl/hash/hash.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "host/base/hash.h"
#include "host/base/status.h"
#include "host/core/text.h"

namespace sluice::core {
namespace {

using Kind = Value::Kind;

constexpr size_t kLongestRemembered = 64;

nlohmann::json ItemToJson(const Value& value) {
  if (!value.is_visible()) return {{"$hidden", true}};
  return ToJson(value);
}

nlohmann::json ListToJson(const Value::List& items) {
  nlohmann::json array = nlohmann::json::array();
  for (const Value& item : items) array.push_back(ItemToJson(item));
  return array;
}

absl::Status NotAValue(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("the stored form of a value is damaged: ", what));
}

absl::StatusOr<Value::List> ListFromJson(const nlohmann::json& json) {
  if (!json.is_array()) return NotAValue("a list that is no array");
  Value::List items;
  items.reserve(json.size());
  for (const nlohmann::json& item : json) {
    ASSIGN_OR_RETURN(Value value, ValueFromJson(item));
    items.push_back(std::move(value));
  }
  return items;
}

absl::StatusOr<Value::Map> MapFromJson(const nlohmann::json& json) {
  if (!json.is_object()) return NotAValue("a map that is no object");
  Value::Map fields;
  fields.reserve(json.size());
  for (auto it = json.begin(); it != json.end(); ++it) {
    ASSIGN_OR_RETURN(Value value, ValueFromJson(it.value()));
    fields.emplace(it.key(), std::move(value));
  }
  return fields;
}

absl::StatusOr<Value> TaggedFromJson(absl::string_view tag, const nlohmann::json& json) {
  if (tag == "$hidden" && json.is_boolean() && json.get<bool>()) return Value::NotVisible();
  if (tag == "$date" && json.is_string()) {
    if (auto day = ParseDate(json.get_ref<const std::string&>())) return Value::Date(*day);
  }
  if (tag == "$decimal" && json.is_string()) {
    if (auto number = ParseDecimal(json.get_ref<const std::string&>())) return Value::Number(*number);
  }
  if (tag == "$time" && json.is_number_integer()) return Value::Time(absl::FromUnixMicros(json.get<int64_t>()));
  if (tag == "$data" && json.is_string()) {
    std::string bytes;
    if (absl::Base64Unescape(json.get_ref<const std::string&>(), &bytes)) return Value::Data(bytes);
  }
  if (tag == "$ref" && json.is_array() && json.size() == 2 && json[0].is_string() && json[1].is_string()) {
    return Value::Ref({json[0].get<std::string>(), json[1].get<std::string>()});
  }
  if (tag == "$partial") {
    ASSIGN_OR_RETURN(Value::List items, ListFromJson(json));
    return Value::PartialListOf(std::move(items));
  }
  if (tag == "$map") {
    ASSIGN_OR_RETURN(Value::Map fields, MapFromJson(json));
    return Value::MapOf(std::move(fields));
  }
  return NotAValue(absl::StrCat("key \"", tag, "\""));
}

}  // namespace

Shared<std::string> Value::SharedText(absl::string_view text) {
  if (text.size() > kLongestRemembered) return Shared(std::string(text));
  thread_local std::array<Shared<std::string>, 4096> remembered;
  Shared<std::string>& last = remembered[absl::HashOf(text) % remembered.size()];
  if (!last.has_value() || *last != text) last = Shared(std::string(text));
  return last;
}

Value Value::Text(absl::string_view text) { return Make<Kind::kText>(SharedText(text)); }

Value Value::MapOf(Map fields) { return Make<Kind::kMap>(Shared(std::move(fields))); }

bool operator==(const Value& a, const Value& b) {
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::kNotVisible:
    case Kind::kEmpty:
      return true;
    case Kind::kText:
    case Kind::kData:
      return &a.text() == &b.text() || a.text() == b.text();
    case Kind::kInteger:
      return a.integer() == b.integer();
    case Kind::kTime:
      return a.time() == b.time();
    case Kind::kDecimal:
      return a.decimal() == b.decimal();
    case Kind::kFlag:
      return a.flag() == b.flag();
    case Kind::kDate:
      return a.date() == b.date();
    case Kind::kReference:
      return &a.reference() == &b.reference() || a.reference() == b.reference();
    case Kind::kList:
    case Kind::kPartialList:
      return &a.list() == &b.list() || a.list() == b.list();
    case Kind::kMap:
      return &a.map() == &b.map() || a.map() == b.map();
  }
  return false;
}

std::string Value::ToText() const {
  switch (kind()) {
    case Kind::kNotVisible:
    case Kind::kEmpty:
      return "";
    case Kind::kText:
      return text();
    case Kind::kInteger:
      return absl::StrCat(integer());
    case Kind::kDecimal:
      return DecimalText(decimal());
    case Kind::kFlag:
      return flag() ? "true" : "false";
    case Kind::kDate:
      return DateText(date());
    case Kind::kTime:
      return absl::FormatTime(absl::RFC3339_full, time(), absl::UTCTimeZone());
    case Kind::kData:
      return absl::Base64Escape(text());
    case Kind::kReference:
      return reference().id;
    case Kind::kList:
    case Kind::kPartialList: {
      std::string joined;
      for (const Value& item : list()) {
        if (item.has_value()) absl::StrAppend(&joined, joined.empty() ? "" : ", ", item.ToText());
      }
      return joined;
    }
    case Kind::kMap:
      return base::CanonicalJson(ToJson(*this)["$map"]);
  }
  return "";
}

nlohmann::json ToJson(const Value& value) {
  switch (value.kind()) {
    case Kind::kNotVisible:
      return {{"$hidden", true}};
    case Kind::kEmpty:
      return nullptr;
    case Kind::kText:
      return value.text();
    case Kind::kInteger:
      return value.integer();
    case Kind::kFlag:
      return value.flag();
    case Kind::kDecimal:
      return {{"$decimal", DecimalText(value.decimal())}};
    case Kind::kDate:
      return {{"$date", DateText(value.date())}};
    case Kind::kTime:
      return {{"$time", absl::ToUnixMicros(value.time())}};
    case Kind::kData:
      return {{"$data", absl::Base64Escape(value.text())}};
    case Kind::kReference:
      return {{"$ref", nlohmann::json::array({value.reference().object_class, value.reference().id})}};
    case Kind::kList:
      return ListToJson(value.list());
    case Kind::kPartialList:
      return {{"$partial", ListToJson(value.list())}};
    case Kind::kMap: {
      nlohmann::json fields = nlohmann::json::object();
      for (const auto& [key, field] : value.map()) fields[key] = ItemToJson(field);
      return {{"$map", std::move(fields)}};
    }
  }
  return nullptr;
}

absl::StatusOr<Value> ValueFromJson(const nlohmann::json& json) {
  switch (json.type()) {
    case nlohmann::json::value_t::null:
      return Value::Empty();
    case nlohmann::json::value_t::boolean:
      return Value::Flag(json.get<bool>());
    case nlohmann::json::value_t::number_integer:
      return Value::Integer(json.get<int64_t>());
    case nlohmann::json::value_t::number_unsigned:
      if (json.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX)) return NotAValue("a number that is too large");
      return Value::Integer(json.get<int64_t>());
    case nlohmann::json::value_t::string:
      return Value::Text(json.get_ref<const std::string&>());
    case nlohmann::json::value_t::array: {
      ASSIGN_OR_RETURN(Value::List items, ListFromJson(json));
      return Value::ListOf(std::move(items));
    }
    case nlohmann::json::value_t::object:
      if (json.size() != 1) return NotAValue("an object that has not exactly one key");
      return TaggedFromJson(json.begin().key(), json.begin().value());
    default:
      return NotAValue("a number with a fraction");
  }
}

Fields::Fields(std::initializer_list<std::pair<absl::string_view, Value>> fields) {
  reserve(fields.size());
  for (const auto& [name, value] : fields) emplace(name, value);
}

namespace {
// The first of these whose name is not before `name`.
template <class Slot>
const Slot* LowerBound(const Slot* first, const Slot* last, absl::string_view name) {
  return std::lower_bound(first, last, name,
                          [](const Slot& slot, absl::string_view wanted) { return *slot.name < wanted; });
}
}  // namespace

Fields Fields::InOrder(Slots slots) {
  Fields fields;
  if (!slots.empty()) fields.slots_ = Shared(std::move(slots));
  return fields;
}

size_t Fields::PlaceOf(absl::string_view name) const {
  const Slot* const end = first() + size();
  // They mostly come in order.
  if (!empty() && *(end - 1)->name < name) return size();
  return static_cast<size_t>(LowerBound(first(), end, name) - first());
}
bool Fields::IsAt(size_t place, absl::string_view name) const { return place < size() && *first()[place].name == name; }

Value& Fields::Insert(size_t place, absl::string_view name, Value value) {
  Slots& slots = slots_.Own();
  return slots
      .insert(slots.begin() + static_cast<std::ptrdiff_t>(place), Slot{Value::SharedText(name), std::move(value)})
      ->value;
}

Fields::const_iterator Fields::find(absl::string_view name) const {
  const Slot* const end = first() + size();
  const Slot* const place = LowerBound(first(), end, name);
  return place != end && *place->name == name ? const_iterator(place) : const_iterator(end);
}

const Value& Fields::at(absl::string_view name) const {
  const size_t place = PlaceOf(name);
  if (!IsAt(place, name)) throw std::out_of_range("Fields::at");
  return first()[place].value;
}

Value& Fields::operator[](absl::string_view name) {
  const size_t place = PlaceOf(name);
  return IsAt(place, name) ? slots_.Own()[place].value : Insert(place, name, Value());
}

bool Fields::emplace(absl::string_view name, Value value) {
  const size_t place = PlaceOf(name);
  if (IsAt(place, name)) return false;
  Insert(place, name, std::move(value));
  return true;
}

size_t Fields::erase(absl::string_view name) {
  const size_t place = PlaceOf(name);
  if (!IsAt(place, name)) return 0;
  Slots& slots = slots_.Own();
  slots.erase(slots.begin() + static_cast<std::ptrdiff_t>(place));
  return 1;
}

bool operator==(const Fields& a, const Fields& b) {
  if (a.slots_.IsSameAs(b.slots_)) return true;
  if (a.size() != b.size()) return false;
  for (size_t at = 0; at < a.size(); ++at) {
    const Fields::Slot& x = a.first()[at];
    const Fields::Slot& y = b.first()[at];
    if (!x.name.IsSameAs(y.name) && *x.name != *y.name) return false;
    if (!(x.value == y.value)) return false;
  }
  return true;
}

nlohmann::json FieldsToJson(const Fields& fields) {
  nlohmann::json json = nlohmann::json::object();
  for (const auto& [path, value] : fields) {
    if (value.is_visible()) json[path] = ToJson(value);
  }
  return json;
}

namespace {

void AppendValue(const Value& value, std::string& out);

void AppendItems(const Value::List& items, std::string& out) {
  out += '[';
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out += ',';
    AppendValue(items[i], out);
  }
  out += ']';
}

void AppendText(absl::string_view before, absl::string_view text, absl::string_view after, std::string& out) {
  absl::StrAppend(&out, before, "\"", text, "\"", after);
}

// The same as ToJson, as text.
void AppendValue(const Value& value, std::string& out) {
  switch (value.kind()) {
    case Kind::kNotVisible:
      out += R"({"$hidden":true})";
      return;
    case Kind::kEmpty:
      out += "null";
      return;
    case Kind::kText:
      return base::AppendCanonicalText(value.text(), out);
    case Kind::kInteger:
      return absl::StrAppend(&out, value.integer());
    case Kind::kFlag:
      out += value.flag() ? "true" : "false";
      return;
    case Kind::kDecimal:
      return AppendText(R"({"$decimal":)", DecimalText(value.decimal()), "}", out);
    case Kind::kDate:
      return AppendText(R"({"$date":)", DateText(value.date()), "}", out);
    case Kind::kTime:
      return absl::StrAppend(&out, R"({"$time":)", absl::ToUnixMicros(value.time()), "}");
    case Kind::kData:
      return AppendText(R"({"$data":)", absl::Base64Escape(value.text()), "}", out);
    case Kind::kReference:
      out += R"({"$ref":[)";
      base::AppendCanonicalText(value.reference().object_class, out);
      out += ',';
      base::AppendCanonicalText(value.reference().id, out);
      out += "]}";
      return;
    case Kind::kList:
      return AppendItems(value.list(), out);
    case Kind::kPartialList:
      out += R"({"$partial":)";
      AppendItems(value.list(), out);
      out += '}';
      return;
    case Kind::kMap:
      // Rare, and what is not visible stays in it.
      out += base::CanonicalJson(ToJson(value));
      return;
  }
}

}  // namespace

void AppendCanonicalJson(const Fields& fields, std::string& out) {
  // Names are ordered by bytes here and by UTF-16 there, which is the same for ASCII.
  for (const auto& [name, value] : fields) {
    if (!std::all_of(name.begin(), name.end(), absl::ascii_isascii)) {
      out += base::CanonicalJson(FieldsToJson(fields));
      return;
    }
  }
  char separator = '{';
  for (const auto& [name, value] : fields) {
    if (!value.is_visible()) continue;
    out += separator;
    separator = ',';
    base::AppendCanonicalText(name, out);
    out += ':';
    AppendValue(value, out);
  }
  out += separator == '{' ? "{}" : "}";
}

absl::StatusOr<Fields> FieldsFromJson(const nlohmann::json& json) { return MapFromJson(json); }

}  // namespace sluice::core
