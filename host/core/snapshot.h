// The immutable set of persons that one import, configuration change or decision gave, and what changed between two.
//
// Pure data and pure functions. The counts of a difference are what a source's thresholds are checked with.
#ifndef SLUICE_HOST_CORE_SNAPSHOT_H_
#define SLUICE_HOST_CORE_SNAPSHOT_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "host/core/person.h"

namespace sluice::core {

struct Snapshot {
  int64_t sequence = 0;
  absl::CivilDay as_of;
  std::string configuration;                           // Hash of the version that it was mapped with.
  std::vector<std::shared_ptr<const Person>> persons;  // By id; held back and vanished ones included.

  // Null when nobody has this id.
  const Person* Find(absl::string_view person_id) const;
};

// In the reason of a person that is held back because another one had its external id first.
inline constexpr char kHasTheExternalIdOf[] = " has the external_id of person ";

// Who has which external id, for MappingOptions: everybody but those who are held back for having another's. Who is
// held back for something else keeps it: a name that cannot be seen for a day gives nobody's number away.
std::map<std::string, std::string> ExternalIdHolders(const Snapshot& snapshot);

// One field that differs. Of a contract that came or went the path is "contract", its type before or after.
struct FieldChange {
  std::string contract_id;  // Empty: a field of the person.
  std::string path;         // "person.name.family_all", "contract.department.code"
  Value before;             // Not visible: was not there.
  Value after;
};

struct PersonChange {
  std::string person_id;
  std::vector<FieldChange> fields;  // By contract, then path.
  bool has_returned = false;        // Had vanished, is there again.
};

struct SnapshotDiff {
  std::vector<std::string> added;
  std::vector<std::string> removed;    // Vanished now, or gone altogether without having been reported before.
  std::vector<PersonChange> changed;   // Fields or contracts, or returned.
  std::vector<std::string> held_back;  // Now, and not before.
  std::vector<std::string> released;   // Held back before, and not now.
  // Persons of whom nothing but visibility went: they make no difference, so they count for no threshold.
  std::vector<std::string> less_visible;

  bool IsEmpty() const;
  // By kind of a source's thresholds ("people_added", "people_removed", "people_changed", "held_back"): whose ids.
  std::map<std::string, std::vector<std::string>> ThresholdIds() const;
};

// All lists by person id.
SnapshotDiff Diff(const Snapshot& before, const Snapshot& after);

}  // namespace sluice::core

#endif  // SLUICE_HOST_CORE_SNAPSHOT_H_
