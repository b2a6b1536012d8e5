// A value of a field: what a source said, what a mapping made of it, what a target holds.
//
// Four things are kept apart that other systems mix up: a value, no value (kEmpty: the system says so), not visible
// (no right, not asked for, not returned: makes no difference and clears nothing), and a list some of whose items are
// missing (kPartialList). A default-made Value is not visible. Immutable in use; safe to share between threads.
// Its JSON is the one form in which values are stored and hashed (see ToJson).
//
// A large school holds tens of millions of values: one is two words wide, and what does not fit is shared by its
// copies.
#ifndef SLUICE_HOST_CORE_VALUE_H_
#define SLUICE_HOST_CORE_VALUE_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "host/core/shared.h"
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

class Fields;

class Value {
 public:
  enum class Kind {  // In the order of Data_.
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
  using Map = Fields;

 private:
  template <Kind kKind>
  static constexpr size_t kAt = static_cast<size_t>(kKind);

 public:
  Value() = default;
  static Value NotVisible() { return Value(); }
  static Value Empty() { return Make<Kind::kEmpty>(Nothing()); }
  // Texts come again and again: those that were made last on this thread are not made twice.
  static Value Text(absl::string_view text);
  static Value Integer(int64_t number) { return Make<Kind::kInteger>(number); }
  static Value Number(Decimal number) { return Make<Kind::kDecimal>(number); }
  static Value Flag(bool flag) { return Make<Kind::kFlag>(flag); }
  static Value Date(absl::CivilDay day) { return Make<Kind::kDate>(Day{day.year(), day.month(), day.day()}); }
  // Whole microseconds are kept; what is finer is cut off.
  static Value Time(absl::Time time) { return Make<Kind::kTime>(absl::ToUnixMicros(time)); }
  static Value Data(absl::string_view bytes) { return Make<Kind::kData>(Shared(std::string(bytes))); }
  static Value Ref(Reference reference) { return Make<Kind::kReference>(Shared(std::move(reference))); }
  static Value ListOf(List items) { return Make<Kind::kList>(Shared(std::move(items))); }
  static Value PartialListOf(List items) { return Make<Kind::kPartialList>(Shared(std::move(items))); }
  static Value MapOf(Map fields);

  Kind kind() const { return static_cast<Kind>(data_.index()); }
  bool is_visible() const { return kind() != Kind::kNotVisible; }
  bool is_empty() const { return kind() == Kind::kEmpty; }
  // A value that is visible and not empty.
  bool has_value() const { return kind() > Kind::kEmpty; }
  bool is_list() const { return kind() == Kind::kList || kind() == Kind::kPartialList; }

  // Each demands the kind; see kind().
  const std::string& text() const {
    return kind() == Kind::kData ? *std::get<kAt<Kind::kData>>(data_) : *std::get<kAt<Kind::kText>>(data_);
  }
  int64_t integer() const { return std::get<kAt<Kind::kInteger>>(data_); }
  Decimal decimal() const { return std::get<kAt<Kind::kDecimal>>(data_); }
  bool flag() const { return std::get<kAt<Kind::kFlag>>(data_); }
  absl::CivilDay date() const {
    const Day& day = std::get<kAt<Kind::kDate>>(data_);
    return absl::CivilDay(day.year, day.month, day.day);
  }
  absl::Time time() const { return absl::FromUnixMicros(std::get<kAt<Kind::kTime>>(data_)); }
  const Reference& reference() const { return *std::get<kAt<Kind::kReference>>(data_); }
  const List& list() const {
    return kind() == Kind::kPartialList ? *std::get<kAt<Kind::kPartialList>>(data_)
                                        : *std::get<kAt<Kind::kList>>(data_);
  }
  const Map& map() const { return *std::get<kAt<Kind::kMap>>(data_); }

  // For people and for templates: "4", "0.8", "true", "2026-08-01", items joined by ", "; "" when not visible or empty.
  std::string ToText() const;

  friend bool operator==(const Value& a, const Value& b);

 private:
  friend class Fields;
  static Shared<std::string> SharedText(absl::string_view text);
  struct Nothing {};
  struct Day {
    int64_t year : 48;
    int64_t month : 8;
    int64_t day : 8;
  };
  // One alternative a kind, in their order.
  using Data_ = std::variant<Nothing, Nothing, Shared<std::string>, int64_t, Decimal, bool, Day, int64_t,
                             Shared<std::string>, Shared<Reference>, Shared<List>, Shared<List>, Shared<Map>>;

  template <Kind kKind, class T>
  static Value Make(T data) {
    Value value;
    value.data_.template emplace<kAt<kKind>>(std::move(data));
    return value;
  }
  Data_ data_;
};
static_assert(sizeof(Value) == 16);

// The stored and hashed form. Text, integer and flag are JSON's own; empty is null; a list is an array; the others are
// an object with one key: {"$date":"2026-08-01"}, {"$decimal":"0.8"}, {"$time":1790000000000000}, {"$data":"base64"},
// {"$ref":["leerling","id"]}, {"$partial":[...]}, {"$map":{...}}, {"$hidden":true} for what is not visible inside a
// list or a map (in a map of fields such a field is left out).
nlohmann::json ToJson(const Value& value);

// Fails with INVALID_ARGUMENT on any other form.
absl::StatusOr<Value> ValueFromJson(const nlohmann::json& json);

// Named values, ordered by name: a record's attributes, a person's or an account's fields by whole path ("name.nick").
// Not visible ones are left out of their JSON.
//
// Reads like a std::map, but an iterator gives its pair of references by value; references and iterators last until the
// next change. Copies share one block of memory until one of them is changed.
class Fields {
 public:
  struct Slot {
    Shared<std::string> name;
    Value value;
  };
  using Slots = std::vector<Slot>;
  // The quickest way to many: made of what is in order already, each name once. Names are shared by all.
  static Fields InOrder(Slots slots);
  static Shared<std::string> NameOf(absl::string_view name) { return Value::SharedText(name); }

  using key_type = std::string;
  using mapped_type = Value;
  using value_type = std::pair<const std::string&, const Value&>;

  class const_iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using difference_type = std::ptrdiff_t;
    using value_type = Fields::value_type;
    using reference = value_type;
    struct pointer {
      value_type pair;
      const value_type* operator->() const { return &pair; }
    };
    const_iterator() = default;
    reference operator*() const { return {*slot_->name, slot_->value}; }
    pointer operator->() const { return {**this}; }
    const_iterator& operator++() {
      ++slot_;
      return *this;
    }
    const_iterator operator++(int) { return const_iterator(slot_++); }
    friend bool operator==(const const_iterator&, const const_iterator&) = default;

   private:
    friend class Fields;
    explicit const_iterator(const Slot* slot) : slot_(slot) {}
    const Slot* slot_ = nullptr;
  };
  using iterator = const_iterator;

  Fields() = default;
  // Of two with one name the first.
  Fields(std::initializer_list<std::pair<absl::string_view, Value>> fields);

  const_iterator begin() const { return const_iterator(first()); }
  const_iterator end() const { return const_iterator(first() + size()); }
  size_t size() const { return slots_.has_value() ? slots_->size() : 0; }
  bool empty() const { return size() == 0; }

  const_iterator find(absl::string_view name) const;
  size_t count(absl::string_view name) const { return find(name) == end() ? 0 : 1; }
  bool contains(absl::string_view name) const { return count(name) > 0; }
  // Demands that it is there.
  const Value& at(absl::string_view name) const;

  Value& operator[](absl::string_view name);
  // False, and nothing is changed, when there is one of that name.
  bool emplace(absl::string_view name, Value value);
  bool try_emplace(absl::string_view name, Value value) { return emplace(name, std::move(value)); }
  void insert_or_assign(absl::string_view name, Value value) { (*this)[name] = std::move(value); }
  size_t erase(absl::string_view name);
  void clear() { *this = Fields(); }
  // Room for so many, when they are known to come.
  void reserve(size_t count) { slots_.Own().reserve(count); }

  friend bool operator==(const Fields& a, const Fields& b);

  // std::erase_if
  template <class Test>
  friend void erase_if(Fields& fields, const Test& test) {
    Fields kept;
    for (const auto& field : fields) {
      if (!test(field)) kept.emplace(field.first, field.second);
    }
    fields = std::move(kept);
  }

 private:
  const Slot* first() const { return slots_.has_value() ? slots_->data() : nullptr; }
  // Where it is, or would be.
  size_t PlaceOf(absl::string_view name) const;
  bool IsAt(size_t place, absl::string_view name) const;
  Value& Insert(size_t place, absl::string_view name, Value value);

  Shared<Slots> slots_;
};

nlohmann::json FieldsToJson(const Fields& fields);
// The canonical JSON of FieldsToJson(fields), without making that first.
void AppendCanonicalJson(const Fields& fields, std::string& out);
absl::StatusOr<Fields> FieldsFromJson(const nlohmann::json& json);

}  // namespace sluice::core

#endif  // SLUICE_HOST_CORE_VALUE_H_
