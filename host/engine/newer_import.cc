#include "host/engine/newer_import.h"

#include <algorithm>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "host/base/status.h"

namespace sluice::engine {
namespace {

constexpr int kRecentRuns = 50;  // Among which the last import is sought.

}  // namespace

absl::StatusOr<std::string> NewerImport(const Context& context) {
  ASSIGN_OR_RETURN(const std::vector<store::Run> runs, context.store->LoadRuns(kRecentRuns));
  const auto last = std::find_if(runs.begin(), runs.end(), [](const store::Run& run) { return run.kind == "import"; });
  for (const auto& [name, system] : context.configuration()->systems) {
    if (!system.is_source) continue;
    const absl::StatusOr<store::ImportResult> candidate = context.store->LoadCandidate(name);
    if (!candidate.ok() && !absl::IsNotFound(candidate.status())) return candidate.status();
    const std::string& run_id = candidate.ok() ? candidate->run_id : last == runs.end() ? "" : last->id;
    const auto run = std::find_if(runs.begin(), runs.end(), [&](const store::Run& one) { return one.id == run_id; });
    if (run == runs.end()) continue;
    const std::string when = absl::FormatTime("%d %b %H:%M", run->started, context.configuration()->time_zone);
    if (candidate.ok()) {
      return absl::StrCat("a newer import of ", when, " waits: ", run->summary, "; see: sluice block list");
    }
    const bool was_read = run->counts.contains(name) && run->counts[name].contains("people");
    const bool is_of_it =
        run->system.empty() || absl::StrContains(absl::StrCat(",", run->system, ","), absl::StrCat(",", name, ","));
    if (is_of_it && !was_read && run->state != "running" && run->state != "succeeded") {
      return absl::StrCat("a newer import of ", when, " was not taken (", run->state, "): ", run->summary);
    }
  }
  return "";
}

}  // namespace sluice::engine
