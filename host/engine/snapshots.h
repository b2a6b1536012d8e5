// From a source's raw records to the next snapshot, or to a candidate that waits for a decision.
//
// The same limits hold whatever caused it: an import, a change of the configuration, a decision. Thread-safe; holds
// nothing but its context.
#ifndef SLUICE_HOST_ENGINE_SNAPSHOTS_H_
#define SLUICE_HOST_ENGINE_SNAPSHOTS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "host/core/mapping.h"
#include "host/core/snapshot.h"
#include "host/engine/context.h"

namespace sluice::engine {

struct SnapshotCounts {
  int64_t people = 0, added = 0, removed = 0, changed = 0, held_back = 0;
};

// What a source would change, checked against its limits.
struct Candidate {
  core::Snapshot snapshot;
  SnapshotCounts counts;
  core::SnapshotDiff diff;
  std::vector<store::BlockRecord> blocks;  // Those that wait, and those that are approved.
  std::vector<std::string> lapsed;         // Ids of blocks whose approval lapsed.
  bool is_blocked = false;
};

class Snapshots {
 public:
  explicit Snapshots(const Context& context) : context_(context) {}

  // The snapshot if `raw` were the records of `system`; the other sources' are those that are active. `configuration`:
  // usually the running one; another for a preview.
  absl::StatusOr<Candidate> Make(const core::Configuration& configuration, const std::string& system,
                                 const core::RawSet& raw, absl::CivilDay as_of) const;

  // The same persons on another day: an import said nothing new.
  absl::StatusOr<Candidate> Confirm(absl::CivilDay as_of) const;

  // The next snapshot after a change of configuration, from the active records of every source.
  absl::StatusOr<Candidate> Remap(const core::Configuration& configuration, absl::CivilDay as_of) const;

  // Makes a waiting candidate of `system` the active one, once everything about it is approved; adds what follows to
  // `commit`. False: something still waits.
  absl::StatusOr<bool> ActivateCandidate(const std::string& system, absl::CivilDay as_of, store::Commit& commit) const;

  // Blocks of `candidate` and those that are gone with it, and its snapshot unless it is blocked.
  absl::Status AddTo(const Candidate& candidate, const std::string& system, const std::string& cause,
                     store::Commit& commit) const;

  // Held from the making of a snapshot until it, and the configuration that it was made with, are in force: imports,
  // decisions and changes of the configuration follow each other.
  absl::Mutex& changing() const { return changing_; }

 private:
  absl::StatusOr<Candidate> Check(core::Snapshot next, const core::Configuration& configuration,
                                  const std::vector<std::string>& systems, absl::CivilDay as_of) const;
  const Context& context_;
  mutable absl::Mutex changing_;
};

}  // namespace sluice::engine

#endif  // SLUICE_HOST_ENGINE_SNAPSHOTS_H_
