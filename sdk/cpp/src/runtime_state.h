// What the services of one process share. Owned by Runtime; outlives every call.
#ifndef SLUICE_SDK_CPP_SRC_RUNTIME_STATE_H_
#define SLUICE_SDK_CPP_SRC_RUNTIME_STATE_H_

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "sdk/cpp/src/import_writer.h"
#include "sdk/cpp/src/systems.h"
#include "sdk/cpp/src/workers.h"

namespace sluice::connector {

// Something that is told when the process drains: an Apply stream.
class Drainable {
 public:
  virtual ~Drainable() = default;
  virtual void OnDrain() = 0;  // Must not block, nor call back.
};

class RuntimeState {
 public:
  RuntimeState(const Connector& connector, std::string work_dir, std::string egress_proxy, ImportLimits limits)
      : systems(connector, std::move(work_dir), std::move(egress_proxy)), limits(limits) {}

  Systems systems;
  const ImportLimits limits;
  std::function<void()> on_drain;  // Set before the first call; called once when draining begins.

  static absl::Status Draining();  // UNAVAILABLE.
  // UNAVAILABLE once the process drains; else the call is told when it does, until End.
  absl::Status Begin(Drainable* call);
  void End(Drainable* call);
  bool is_draining();
  // No new work from here on; tells what runs. Idempotent.
  void StartDraining();
  // True once no import and no operation runs; false when the deadline came first.
  bool AwaitIdle(absl::Time deadline);
  std::vector<std::string> UnfinishedOperations();
  // Imports count as work that must end; an Apply stream only while an operation of it runs.
  void CountImport(int change);

  // The Drain call was answered: the process may end.
  void NoteDrained();
  bool AwaitDrained(absl::Duration patience);

 private:
  bool HasNoImports() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return imports_ == 0; }
  absl::Mutex mutex_;
  bool is_draining_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_drained_ ABSL_GUARDED_BY(mutex_) = false;
  int imports_ ABSL_GUARDED_BY(mutex_) = 0;
  std::set<Drainable*> calls_ ABSL_GUARDED_BY(mutex_);

 public:
  Workers workers;  // Last: its destructor waits for all threads that use the above.
};

}  // namespace sluice::connector

#endif  // SLUICE_SDK_CPP_SRC_RUNTIME_STATE_H_
