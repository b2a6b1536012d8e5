// Who watches a run: any number of streams, served by one thread of their own, so that watching takes none of the
// engine's.
//
// A stream is told of a change within a tenth of a second, once for all that happened since; a slow reader gets the
// newest state when it is ready for it, and holds up nobody. Thread-safe. The destructor waits for the streams to end.
#ifndef SLUICE_HOST_API_RUN_WATCHERS_INTERNAL_H_
#define SLUICE_HOST_API_RUN_WATCHERS_INTERNAL_H_

#include <grpcpp/grpcpp.h>

#include <functional>
#include <string>

#include "absl/synchronization/mutex.h"
#include "host/base/executor.h"
#include "host/engine/engine.h"
#include "sluice/management/v1/management.grpc.pb.h"

namespace sluice::api {

class RunWatchers {
 public:
  explicit RunWatchers(engine::Engine* engine) : engine_(engine), executor_("run-watchers") {}
  ~RunWatchers();
  RunWatchers(const RunWatchers&) = delete;
  RunWatchers& operator=(const RunWatchers&) = delete;

  // The whole id of a run, or why there is no such one; called once, on the watchers' thread.
  using FindRun = std::function<absl::StatusOr<std::string>()>;
  // A stream of the run each time that it changes, until it has ended.
  grpc::ServerWriteReactor<management::v1::Run>* Watch(FindRun find);

 private:
  class Stream;
  void OnStreamGone();

  engine::Engine* const engine_;
  absl::Mutex mutex_;
  int open_ ABSL_GUARDED_BY(mutex_) = 0;
  base::Executor executor_;
};

}  // namespace sluice::api

#endif  // SLUICE_HOST_API_RUN_WATCHERS_INTERNAL_H_
