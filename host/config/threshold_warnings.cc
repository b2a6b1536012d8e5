#include "host/config/threshold_warnings.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace sluice::config {
namespace {

constexpr int64_t kLeastForPercent = 20;  // Percent counts from so many held on.

// The most operations that do not wait: reaching a limit blocks.
int64_t MostThatPass(const core::Threshold& threshold, int64_t held) {
  int64_t most = held;
  if (threshold.count) most = std::min(most, *threshold.count - 1);
  if (threshold.percent && held >= kLeastForPercent) {
    most = std::min(most, (held * *threshold.percent + 99) / 100 - 1);
  }
  return std::max<int64_t>(most, 0);
}

bool TakesAway(const std::string& kind) {
  for (const char* one : {"disable", "revoke", "retire", "delete", "delete_resource", "people_removed", "held_back"}) {
    if (kind == one) return true;
  }
  return false;
}

}  // namespace

std::vector<Diagnostic> ThresholdWarnings(const core::Configuration& configuration, const HeldCounts& counts) {
  std::vector<Diagnostic> warnings;
  for (const auto& [name, system] : configuration.systems) {
    auto held_by_kind = counts.find(name);
    if (held_by_kind == counts.end()) continue;
    for (const auto& [kind, threshold] : system.thresholds) {
      auto held = held_by_kind->second.find(kind);
      if (!TakesAway(kind) || held == held_by_kind->second.end() || held->second < 4) continue;
      const int64_t most = MostThatPass(threshold, held->second);
      if (most * 4 < held->second) continue;
      const int64_t better = std::max<int64_t>(2, held->second / 20);
      warnings.push_back(
          {threshold.position, absl::StrCat("threshold ", Quoted(kind), " of ", name, " lets ", most, " of ",
                                            held->second, " go without asking; write a count of at most ", better)});
    }
  }
  return warnings;
}

}  // namespace sluice::config
