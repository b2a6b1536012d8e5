// Reads systems: a source's people into a snapshot, a target's accounts into what is observed.
//
// Systems are read side by side, each through its own asynchronous stream; what is computed and stored afterwards runs
// on the context's pool, one system after the other. An import that failed changes nothing but the run's log.
#ifndef SLUICE_HOST_ENGINE_IMPORTER_H_
#define SLUICE_HOST_ENGINE_IMPORTER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "host/engine/calendar.h"
#include "host/engine/confirmation.h"
#include "host/engine/context.h"
#include "host/engine/runs.h"
#include "host/engine/snapshots.h"

namespace sluice::engine {

class Importer {
 public:
  Importer(const Context& context, Runs& runs, const Calendar& calendar, const Snapshots& snapshots)
      : context_(context), runs_(runs), calendar_(calendar), snapshots_(snapshots), confirmation_(context) {}
  ~Importer() { Stop(); }

  // Starts a run that reads `systems` (none: all). NOT_FOUND: no such system; FAILED_PRECONDITION: the date waits for a
  // decision; ABORTED: another import is under way.
  absl::StatusOr<std::string> Start(const std::string& actor, std::vector<std::string> systems);

  // Ends what a run still reads; what was read of a stopped run is not taken.
  void Cancel(const std::string& run);
  // Nothing that a connector says later has an effect.
  void Stop();

 private:
  struct Job;
  // Whether the importer is still there, for callbacks that come late. Callbacks hold it for reading.
  struct Life {
    absl::Mutex mutex;
    bool is_over ABSL_GUARDED_BY(mutex) = false;
  };
  class Sink;
  struct Reading;

  void Read(const std::shared_ptr<Job>& job, const std::string& system);
  void OnRead(const std::shared_ptr<Job>& job, const std::string& system);
  void Finish(const std::shared_ptr<Job>& job);
  std::string TakeSource(const Job& job, const std::string& system, Reading reading, nlohmann::json& counts,
                         bool& is_blocked);
  // What `reading` makes of the active records under `configuration`, into `commit`.
  absl::StatusOr<Candidate> Take(const Job& job, const std::shared_ptr<const core::Configuration>& configuration,
                                 const std::string& system, Reading reading, store::Commit& commit);
  std::string TakeTarget(const Job& job, const std::string& system, Reading reading, nlohmann::json& counts);
  absl::Status Store(const Job& job, const store::Commit& commit);  // Waits for a store that takes nothing now.
  std::string NotTaken(const Job& job, const std::string& system, const absl::Status& status);
  audit::Entry Audit(const Job& job, const std::string& system, const std::string& action, const std::string& detail,
                     nlohmann::json facts) const;

  const Context& context_;
  Runs& runs_;
  const Calendar& calendar_;
  const Snapshots& snapshots_;
  Confirmation confirmation_;
  const std::shared_ptr<Life> life_ = std::make_shared<Life>();
  absl::Mutex mutex_;
  std::shared_ptr<Job> job_ ABSL_GUARDED_BY(mutex_);  // The last one.
};

}  // namespace sluice::engine

#endif  // SLUICE_HOST_ENGINE_IMPORTER_H_
