// "did you mean": the known word that somebody most likely meant.
#ifndef SLUICE_HOST_BASE_NEAREST_H_
#define SLUICE_HOST_BASE_NEAREST_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace sluice::base {

// "" when none is near enough to be a slip of the pen: letters left out, added, changed or swapped, another case. Of
// two that are as near the first.
std::string Nearest(absl::string_view word, const std::vector<std::string>& known);

}  // namespace sluice::base

#endif  // SLUICE_HOST_BASE_NEAREST_H_
