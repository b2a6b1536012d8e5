// A value of a field: what a source said, what a mapping made of it, what a target holds.
//
// Four things are kept apart that other systems mix up: a value, no value (kEmpty: the system says so), not visible
// (no right, not asked for, not returned: makes no difference and clears nothing), and a list some of whose items are
// missing (kPartialList). A default-made Value is not visible. Immutable in use; safe to share between threads.
// Its JSON is the one form in which values are stored and hashed (see ToJson).
#ifndef SLUICE_HOST_CORE_VALUE_H_
#define SLUICE_HOST_CORE_VALUE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"

namespace sluice::core {

// A number with a fraction, exact to six places: 0.8 fte is 800000 millionths.
struct Decimal {
  int64_t millionths = 0;
  friend bool operator==(const Decimal&, const Decimal&) = default;
  friend auto operator<=>(const Decimal&, const Decimal&) = default;
};

// What identifies an object in a system: its class and its never-changing id.
struct Reference {
  std::string object_class;
  std::string id;
  friend bool operator==(const Reference&, const Reference&) = default;
  friend auto operator<=>(const Reference&, const Reference&) = default;
};

class Value {
 public:
  enum class Kind {
    kNotVisible,
    kEmpty,
    kText,
    kInteger,
    kDecimal,
    kFlag,
    kDate,
    kTime,
    kData,
    kReference,
    kList,
    kPartialList,
    kMap
  };
  using List = std::vector<Value>;
  using Map = std::map<std::string, Value>;

  Value() = default;
  static Value NotVisible() { return Value(); }
  static Value Empty() { return Value(Kind::kEmpty, std::monostate()); }
  static Value Text(absl::string_view text) { return Value(Kind::kText, std::string(text)); }
  static Value Integer(int64_t number) { return Value(Kind::kInteger, number); }
  static Value Number(Decimal number) { return Value(Kind::kDecimal, number); }
  static Value Flag(bool flag) { return Value(Kind::kFlag, flag); }
  static Value Date(absl::CivilDay day) { return Value(Kind::kDate, day); }
  // Whole microseconds are kept; what is finer is cut off.
  static Value Time(absl::Time time) { return Value(Kind::kTime, absl::ToUnixMicros(time)); }
  static Value Data(absl::string_view bytes) { return Value(Kind::kData, std::string(bytes)); }
  static Value Ref(Reference reference) { return Value(Kind::kReference, std::move(reference)); }
  static Value ListOf(List items) { return Value(Kind::kList, std::make_shared<const List>(std::move(items))); }
  static Value PartialListOf(List items) {
    return Value(Kind::kPartialList, std::make_shared<const List>(std::move(items)));
  }
  static Value MapOf(Map fields) { return Value(Kind::kMap, std::make_shared<const Map>(std::move(fields))); }

  Kind kind() const { return kind_; }
  bool is_visible() const { return kind_ != Kind::kNotVisible; }
  bool is_empty() const { return kind_ == Kind::kEmpty; }
  // A value that is visible and not empty.
  bool has_value() const { return kind_ > Kind::kEmpty; }
  bool is_list() const { return kind_ == Kind::kList || kind_ == Kind::kPartialList; }

  // Each demands the kind; see kind().
  const std::string& text() const { return std::get<std::string>(data_); }
  int64_t integer() const { return std::get<int64_t>(data_); }
  Decimal decimal() const { return std::get<Decimal>(data_); }
  bool flag() const { return std::get<bool>(data_); }
  absl::CivilDay date() const { return std::get<absl::CivilDay>(data_); }
  absl::Time time() const { return absl::FromUnixMicros(std::get<int64_t>(data_)); }
  const Reference& reference() const { return std::get<Reference>(data_); }
  const List& list() const { return *std::get<std::shared_ptr<const List>>(data_); }
  const Map& map() const { return *std::get<std::shared_ptr<const Map>>(data_); }

  // For people and for templates: "4", "0.8", "true", "2026-08-01", items joined by ", "; "" when not visible or empty.
  std::string ToText() const;

  friend bool operator==(const Value& a, const Value& b);

 private:
  using Data_ = std::variant<std::monostate, std::string, int64_t, Decimal, bool, absl::CivilDay, Reference,
                             std::shared_ptr<const List>, std::shared_ptr<const Map>>;
  Value(Kind kind, Data_ data) : kind_(kind), data_(std::move(data)) {}

  Kind kind_ = Kind::kNotVisible;
  Data_ data_;
};

// The stored and hashed form. Text, integer and flag are JSON's own; empty is null; a list is an array; the others are
// an object with one key: {"$date":"2026-08-01"}, {"$decimal":"0.8"}, {"$time":1790000000000000}, {"$data":"base64"},
// {"$ref":["leerling","id"]}, {"$partial":[...]}, {"$map":{...}}, {"$hidden":true} for what is not visible inside a
// list or a map (in a map of fields such a field is left out).
nlohmann::json ToJson(const Value& value);

// Fails with INVALID_ARGUMENT on any other form.
absl::StatusOr<Value> ValueFromJson(const nlohmann::json& json);

// Named values: a record's attributes, a person's or an account's fields by whole path ("name.nick"). Not visible ones
// are left out.
using Fields = std::map<std::string, Value>;
nlohmann::json FieldsToJson(const Fields& fields);
absl::StatusOr<Fields> FieldsFromJson(const nlohmann::json& json);

}  // namespace sluice::core

#endif  // SLUICE_HOST_CORE_VALUE_H_
