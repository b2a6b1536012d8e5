// When the parts of each source were last read whole.
//
// Pure data. A part that never was read whole has no row: nothing is known of it, and nobody waits for it.
#ifndef SLUICE_HOST_CORE_READING_H_
#define SLUICE_HOST_CORE_READING_H_

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "absl/time/civil_time.h"

namespace sluice::core {

struct ClassReading {
  std::string scope, object_class;
  absl::CivilDay day;  // Of the last reading that had all of the class in this scope.
};
using Readings = std::map<std::string, std::vector<ClassReading>>;  // By source.

// Source, class, scope -> the day on which it was last read whole.
using UnreadParts = std::map<std::tuple<std::string, std::string, std::string>, absl::CivilDay>;

}  // namespace sluice::core

#endif  // SLUICE_HOST_CORE_READING_H_
