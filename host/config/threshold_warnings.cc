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

// What is taken away or changed: a limit that a quarter of everything stays under protects nobody.
bool TakesAway(const std::string& kind) {
  for (const char* one : {"disable", "revoke", "retire", "delete", "delete_resource", "people_removed", "held_back"}) {
    if (kind == one) return true;
  }
  return false;
}

// What is given or changed may be many on one day, the first of a school year; a limit that not even everybody at once
// reaches is none.
bool IsNone(const core::Threshold& threshold, int64_t held) {
  return (!threshold.count || *threshold.count > held) && (!threshold.percent || held < kLeastForPercent);
}

std::string LimitText(const core::Threshold& threshold) {
  if (!threshold.count) return absl::StrCat(*threshold.percent, " percent");
  return threshold.percent ? absl::StrCat("count ", *threshold.count, " and ", *threshold.percent, " percent")
                           : absl::StrCat("count ", *threshold.count);
}

void Warn(const std::string& system, const std::string& kind, const core::Threshold& threshold, int64_t held,
          std::vector<Diagnostic>& warnings) {
  const int64_t better = std::max<int64_t>(2, held / 20);
  if (!threshold.count && !threshold.percent) return;  // Told as an error.
  if (TakesAway(kind)) {
    const int64_t most = MostThatPass(threshold, held);
    if (most * 4 < held) return;
    warnings.push_back({threshold.position,
                        absl::StrCat("threshold ", Quoted(kind), " of ", system, " (", LimitText(threshold), ") lets ",
                                     most, " of ", held, " go without asking; write a count of at most ", better)});
  } else if (IsNone(threshold, held)) {
    warnings.push_back({threshold.position,
                        absl::StrCat("threshold ", Quoted(kind), " of ", system, " (", LimitText(threshold),
                                     ") is never reached: ", held, " are held; write a count of at most ", held / 2)});
  }
}

}  // namespace

std::vector<Diagnostic> ThresholdWarnings(const core::Configuration& configuration, const HeldCounts& counts) {
  std::vector<Diagnostic> warnings;
  for (const auto& [name, system] : configuration.systems) {
    auto held_by_kind = counts.find(name);
    if (held_by_kind == counts.end()) continue;
    for (const auto& [kind, threshold] : system.thresholds) {
      auto held = held_by_kind->second.find(kind);
      if (held == held_by_kind->second.end() || held->second < 4) continue;
      Warn(name, kind, threshold, held->second, warnings);
    }
  }
  return warnings;
}

}  // namespace sluice::config
