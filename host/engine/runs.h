// The runs under way and their progress; finished ones are in the store.
//
// Thread-safe. A run is stored as "running" when it begins and once more, with its summary, when it ends. Watchers are
// called on the thread that makes progress and must be quick.
#ifndef SLUICE_HOST_ENGINE_RUNS_H_
#define SLUICE_HOST_ENGINE_RUNS_H_

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "host/engine/context.h"

namespace sluice::engine {

struct RunProgress {
  std::string activity;  // "reading Lyceum De Dijk", "creating accounts in ad"
  uint64_t done = 0, expected = 0;
};

// One run under way; shared by whoever works on it.
class ActiveRun {
 public:
  explicit ActiveRun(store::Run run) : run_(std::move(run)) {}

  store::Run Get() const {
    absl::MutexLock lock(&mutex_);
    return run_;
  }
  const std::string& id() const { return run_.id; }        // Never changes.
  const std::string& actor() const { return run_.actor; }  // Never changes.
  void SetProgress(RunProgress progress);
  void SetPlan(const std::string& hash) {
    absl::MutexLock lock(&mutex_);
    run_.plan = hash;
  }
  RunProgress progress() const {
    absl::MutexLock lock(&mutex_);
    return progress_;
  }
  void Warn(const std::string& line);  // Ids only; shown with the run.
  std::vector<std::string> warnings() const {
    absl::MutexLock lock(&mutex_);
    return warnings_;
  }
  void AskToStop() {
    absl::MutexLock lock(&mutex_);
    is_stopping_ = true;
  }
  bool is_stopping() const { return is_stopping_; }
  // Waits so long, or until it is asked to stop.
  void Pause(absl::Duration duration) const;

 private:
  friend class Runs;
  mutable absl::Mutex mutex_;
  store::Run run_;  // id and actor are never written after construction.
  RunProgress progress_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> warnings_ ABSL_GUARDED_BY(mutex_);
  int64_t version_ ABSL_GUARDED_BY(mutex_) = 0;
  std::atomic<bool> is_stopping_ = false;
};

// The store takes nothing now, and the same may be tried again: the disk is full, fails, or can only be read.
bool IsStoreAway(const absl::Status& status);

class Runs {
 public:
  explicit Runs(const Context& context) : context_(context) {}

  // Stores it. ABORTED when one of the same kind is under way: one import and one enforcement at a time.
  absl::StatusOr<std::shared_ptr<ActiveRun>> Begin(const std::string& kind, const std::string& actor,
                                                   const std::string& system, const std::string& plan);

  // The last state of a run, for the Commit that ends it (so that result and run are one transaction).
  store::Run Ended(const ActiveRun& run, const std::string& state, const std::string& summary,
                   nlohmann::json counts) const;
  // Forgets it after that Commit and wakes who waits.
  void Finish(const std::shared_ptr<ActiveRun>& run, const store::Run& ended);
  // Writes what belongs to the run. A store that takes nothing now is waited for, with one warning; it is given up when
  // the run is asked to stop. Waits on the thread: for the pool's and for a strand's that has nothing else to do.
  absl::Status Write(ActiveRun& run, const store::Commit& commit) const;
  // The same for anything that asks the store.
  absl::Status Persist(ActiveRun& run, const std::function<absl::Status()>& work) const;
  // Both, for a run that ends with nothing else to write. Waits like Write.
  void End(const std::shared_ptr<ActiveRun>& run, const std::string& state, const std::string& summary,
           nlohmann::json counts = {});

  // Null: there is none; an empty id is nobody's.
  std::shared_ptr<ActiveRun> FindActive(const std::string& id_prefix) const;
  bool HasActive(const std::string& kind) const;
  // Waits until the run has ended or something about it changed since `version` (0: returns at once); at most
  // `patience`. `version` becomes the new one. NOT_FOUND when there is no such run.
  struct View {
    store::Run run;
    RunProgress progress;
    std::vector<std::string> warnings;
  };
  absl::StatusOr<View> Watch(const std::string& id, int64_t& version, absl::Duration patience) const;
  void StopAll();
  // Waits until no run is under way; at most `patience`.
  void AwaitNone(absl::Duration patience) const;

 private:
  const Context& context_;
  mutable absl::Mutex mutex_;
  std::map<std::string, std::shared_ptr<ActiveRun>> active_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, View> recent_ ABSL_GUARDED_BY(mutex_);  // Ended ones, for watchers; few.
};

}  // namespace sluice::engine

#endif  // SLUICE_HOST_ENGINE_RUNS_H_
