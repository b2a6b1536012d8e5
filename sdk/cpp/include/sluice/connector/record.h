// Record: one object as the system has it. What is not set is NOT_VISIBLE. A plain value type.
#ifndef SLUICE_CONNECTOR_RECORD_H_
#define SLUICE_CONNECTOR_RECORD_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sluice/connector/text.h"
#include "sluice/connector/value.h"

namespace sluice::connector {

class Record {
 public:
  // `id` never changes for the life of the object.
  Record(AnyText object_class, AnyText id) : object_class_(object_class.str()), id_(id.str()) {}

  // What people call the object now: DN, UPN, login.
  Record& Name(AnyText name) {
    name_ = name.str();
    return *this;
  }
  // Setting an attribute again replaces its value.
  Record& Set(AnyText attribute, Value value) {
    const uint64_t mark = MarkOf(attribute.view());
    if ((marks_ & mark) != 0) {
      for (auto& [name, old] : attributes_) {
        if (name == attribute.view()) {
          old = std::move(value);
          return *this;
        }
      }
    }
    marks_ |= mark;
    static thread_local size_t usual = 0;  // Records mostly have as many as the one before.
    if (attributes_.empty()) attributes_.reserve(usual);
    attributes_.emplace_back(attribute.str(), std::move(value));
    usual = attributes_.size();
    return *this;
  }
  // The system says: no value. The host may clear what it held.
  Record& SetEmpty(AnyText attribute) { return Set(attribute, Value::Empty()); }
  // The system does not tell: no right, not asked for, not returned. The host leaves everything as it is.
  Record& NotVisible(AnyText attribute) { return Set(attribute, Value::NotVisible()); }
  Record& SetList(AnyText attribute, List values) { return Set(attribute, Value(std::move(values))); }
  // Some values of the list are missing; these were seen.
  Record& SetPartialList(AnyText attribute, List values) {
    return Set(attribute, Value(PartialList{std::move(values)}));
  }
  Record& SetStruct(AnyText attribute, Struct fields) { return Set(attribute, Value(std::move(fields))); }
  Record& SetReference(AnyText attribute, AnyText object_class, AnyText id) {
    return Set(attribute, Value(Reference{object_class.str(), id.str()}));
  }
  Record& SetDate(AnyText attribute, absl::CivilDay date) { return Set(attribute, Value(date)); }

  const std::string& object_class() const { return object_class_; }
  const std::string& id() const { return id_; }
  const std::string& name() const { return name_; }
  const std::vector<std::pair<std::string, Value>>& attributes() const { return attributes_; }
  // The attribute's value; NOT_VISIBLE if it was not set.
  const Value& Get(AnyText attribute) const {
    static const Value* const kNotVisible = new Value;
    for (const auto& [name, value] : attributes_) {
      if (name == attribute.view()) return value;
    }
    return *kNotVisible;
  }

 private:
  // One bit of 64: an attribute whose bit is not in marks_ was not set before.
  static uint64_t MarkOf(std::string_view name) {
    if (name.empty()) return 1;
    const auto at = [&](size_t i) { return static_cast<unsigned char>(name[i]); };
    const size_t sum = 3 * name.size() + 5 * at(name.size() - 1) + 17 * at(name.size() / 2) + 7 * at(0);
    return uint64_t{1} << (sum % 64);
  }

  std::string object_class_;
  std::string id_;
  std::string name_;
  uint64_t marks_ = 0;
  std::vector<std::pair<std::string, Value>> attributes_;
};

}  // namespace sluice::connector

#endif  // SLUICE_CONNECTOR_RECORD_H_
