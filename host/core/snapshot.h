// The immutable set of persons that one import, configuration change or decision gave.
#ifndef SLUICE_HOST_CORE_SNAPSHOT_H_
#define SLUICE_HOST_CORE_SNAPSHOT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

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

}  // namespace sluice::core

#endif  // SLUICE_HOST_CORE_SNAPSHOT_H_
