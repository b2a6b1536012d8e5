// What the records of one object say, and the fields that a mapping makes of it. mapping.cc puts persons and contracts
// together from these; nobody else needs them.
//
// Pure. The records and mappings outlive everything here; a plan serves any number of threads, a computer one.
#ifndef SLUICE_HOST_CORE_OBJECT_FIELDS_INTERNAL_H_
#define SLUICE_HOST_CORE_OBJECT_FIELDS_INTERNAL_H_

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "absl/types/span.h"
#include "host/core/mapping.h"

namespace sluice::core {

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
Joined Join(Group records);

// By class, then id. The set is ordered by scope first, so each object's records come by scope.
std::vector<const RawRecord*> ByObject(const RawSet& records);

// What "leerling.<rest>" means on one record.
Value AttributeOf(const Joined& object, const std::string& rest);

// The fields of one kind of object, prepared once for all objects of the kind.
class FieldPlan {
 public:
  // `own` is how templates name the object itself: "person." or "contract."; `derived` are fields that are computed
  // even where no mapping names them.
  FieldPlan(const std::string& object_class, const std::vector<FieldMapping>& mappings, absl::string_view own,
            const std::vector<std::string>& derived);

  struct Entry {
    std::string field;
    const FieldMapping* mapping;  // Null: only derived.
    bool is_mapped;               // Whether the mapping says anything about it for objects of this class.
  };
  const std::vector<Entry>& entries() const { return entries_; }
  const std::string& class_prefix() const { return class_prefix_; }
  const std::string& own_prefix() const { return own_prefix_; }

  // -1: neither mapped nor derived.
  int IndexOf(absl::string_view field) const;

 private:
  bool SpeaksOfClass(const FieldMapping* mapping) const;

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

  Value FieldValue(absl::string_view field);
  // Every field that is visible, but for some.
  Fields AllFields(std::initializer_list<absl::string_view> without = {});

 protected:
  // Of a field that no mapping speaks of for this class.
  virtual Value Derive(const std::string&) { return Value::NotVisible(); }
  bool IsMapped(absl::string_view field) const;

 private:
  enum State : char { kUntouched, kInProgress, kDone };
  const Value& ValueAt(int index);
  Value Lookup(const std::string& path);

  const Joined& object_;
  const FieldPlan& plan_;
  std::vector<Value> values_;  // By index in the plan.
  std::vector<State> states_;
};

// Adds the names that follow from others.
class PersonComputer final : public FieldComputer {
 public:
  using FieldComputer::FieldComputer;
  static FieldPlan PlanOf(const PersonMapping& mapping);

 protected:
  Value Derive(const std::string& field) override;

 private:
  Value Part(const std::string& field);
  Value OwnName();
  Value PartnerName();
  Value FamilyAll();
  Value Display();
};

}  // namespace sluice::core

#endif  // SLUICE_HOST_CORE_OBJECT_FIELDS_INTERNAL_H_
