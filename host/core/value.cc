#include "host/core/value.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "host/base/hash.h"
#include "host/base/status.h"
#include "host/core/text.h"

namespace sluice::core {
namespace {

using Kind = Value::Kind;

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

bool operator==(const Value& a, const Value& b) {
  if (a.kind_ != b.kind_) return false;
  if (a.is_list()) return &a.list() == &b.list() || a.list() == b.list();
  if (a.kind_ == Kind::kMap) return &a.map() == &b.map() || a.map() == b.map();
  return a.data_ == b.data_;
}

std::string Value::ToText() const {
  switch (kind_) {
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

nlohmann::json FieldsToJson(const Fields& fields) {
  nlohmann::json json = nlohmann::json::object();
  for (const auto& [path, value] : fields) {
    if (value.is_visible()) json[path] = ToJson(value);
  }
  return json;
}

absl::StatusOr<Fields> FieldsFromJson(const nlohmann::json& json) { return MapFromJson(json); }

}  // namespace sluice::core
