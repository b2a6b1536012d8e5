// Value: what an attribute or a setting holds. NOT_VISIBLE (the default: the system does not tell) is not EMPTY (the
// system says there is none): the host changes nothing for the first and clears for the second. A plain value type; any
// thread, as for std::string.
#ifndef SLUICE_CONNECTOR_VALUE_H_
#define SLUICE_CONNECTOR_VALUE_H_

#include <concepts>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "sluice/connector/secret.h"
#include "sluice/connector/text.h"

namespace sluice::connector {

class Value;

// An object of this system: a class and the id that never changes.
struct Reference {
  std::string object_class;
  std::string id;
  friend bool operator==(const Reference&, const Reference&) = default;
};

// Octets that are not text: a GUID, a SID, a photograph.
struct Data {
  std::string bytes;
  friend bool operator==(const Data&, const Data&) = default;
};

using List = std::vector<Value>;
using Struct = std::map<std::string, Value>;

// A list some of whose values are missing; these are the ones that were seen.
struct PartialList {
  List values;
  friend bool operator==(const PartialList&, const PartialList&) = default;
};

class Value {
 public:
  Value() = default;                                      // NOT_VISIBLE.
  Value(const char* text) : value_(std::string(text)) {}  // NOLINT: implicit on purpose, as are those below.
  Value(std::string text) : value_(std::move(text)) {}    // NOLINT
  template <TextLike T>
  Value(const T& text) : value_(std::string(text.data(), text.size())) {}  // NOLINT
  template <std::integral T>
  requires(!std::same_as<T, bool>) Value(T integer) : value_(static_cast<int64_t>(integer)) {}  // NOLINT
  template <std::floating_point T>
  Value(T number) : value_(static_cast<double>(number)) {}  // NOLINT
  template <std::same_as<bool> T>
  Value(T flag) : value_(flag) {}                               // NOLINT
  Value(Data data) : value_(std::move(data)) {}                 // NOLINT
  Value(absl::CivilDay date) : value_(date) {}                  // NOLINT
  Value(absl::Time time) : value_(time) {}                      // NOLINT
  Value(Reference reference) : value_(std::move(reference)) {}  // NOLINT
  Value(List list) : value_(std::move(list)) {}                 // NOLINT
  Value(Struct fields) : value_(std::move(fields)) {}           // NOLINT
  Value(Secret secret) : value_(std::move(secret)) {}           // NOLINT
  Value(PartialList partial) : value_(std::move(partial)) {}    // NOLINT

  static Value Empty() {
    Value value;
    value.value_ = EmptyKind{};
    return value;
  }
  static Value NotVisible() { return Value(); }

  bool is_visible() const { return !Is<std::monostate>(); }
  bool is_empty() const { return Is<EmptyKind>(); }
  bool has_value() const { return is_visible() && !is_empty(); }
  bool is_partial() const { return Is<PartialList>(); }

  // Null when the value is of another kind.
  const std::string* text() const { return std::get_if<std::string>(&value_); }
  const int64_t* integer() const { return std::get_if<int64_t>(&value_); }
  const double* number() const { return std::get_if<double>(&value_); }
  const bool* flag() const { return std::get_if<bool>(&value_); }
  const Data* data() const { return std::get_if<Data>(&value_); }
  const absl::CivilDay* date() const { return std::get_if<absl::CivilDay>(&value_); }
  const absl::Time* time() const { return std::get_if<absl::Time>(&value_); }
  const Reference* reference() const { return std::get_if<Reference>(&value_); }
  const Struct* fields() const { return std::get_if<Struct>(&value_); }
  const Secret* secret() const { return std::get_if<Secret>(&value_); }
  const List* list() const {  // Also of a partial list.
    if (const auto* partial = std::get_if<PartialList>(&value_)) return &partial->values;
    return std::get_if<List>(&value_);
  }

  // The text, or nothing; for the common case.
  std::string TextOr(AnyText otherwise) const { return text() != nullptr ? *text() : otherwise.str(); }

  friend bool operator==(const Value& a, const Value& b) { return a.value_ == b.value_; }

 private:
  struct EmptyKind {
    friend bool operator==(const EmptyKind&, const EmptyKind&) = default;
  };
  template <typename T>
  bool Is() const {
    return std::holds_alternative<T>(value_);
  }
  std::variant<std::monostate, EmptyKind, std::string, int64_t, double, bool, Data, absl::CivilDay, absl::Time,
               Reference, List, Struct, Secret, PartialList>
      value_;
};

}  // namespace sluice::connector

#endif  // SLUICE_CONNECTOR_VALUE_H_
