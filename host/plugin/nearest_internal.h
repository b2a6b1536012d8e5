// "did you mean": the known word that is nearest to one that is not known. Pure.
#ifndef SLUICE_HOST_PLUGIN_NEAREST_INTERNAL_H_
#define SLUICE_HOST_PLUGIN_NEAREST_INTERNAL_H_

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace sluice::plugin {

inline size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

// Empty when nothing is near enough to be meant.
inline std::string Nearest(absl::string_view word, const std::vector<std::string>& known) {
  std::string best;
  size_t best_distance = std::max<size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : known) {
    const size_t distance = EditDistance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

}  // namespace sluice::plugin

#endif  // SLUICE_HOST_PLUGIN_NEAREST_INTERNAL_H_
