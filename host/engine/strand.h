// One thread of work for one target: what is posted runs in order, and nothing runs once it is closed.
//
// Shared with whoever may call back late (a plugin's stream): after Close a late callback finds the strand closed
// instead of gone. Thread-safe, but for Close, which must not run on the strand itself.
#ifndef SLUICE_HOST_ENGINE_STRAND_H_
#define SLUICE_HOST_ENGINE_STRAND_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "host/base/executor.h"

namespace sluice::engine {

class Strand {
 public:
  explicit Strand(const std::string& name) : executor_(std::make_unique<base::Executor>(name)) {}
  ~Strand() { Close(); }

  void Run(std::function<void()> task) {
    absl::MutexLock lock(&mutex_);
    if (executor_ != nullptr) executor_->Run(std::move(task));
  }
  void RunAfter(absl::Duration delay, std::function<void()> task) {
    absl::MutexLock lock(&mutex_);
    if (executor_ != nullptr) executor_->RunAfter(delay, std::move(task));
  }

  // Runs what is queued, drops timers and all that is posted from now on.
  void Close() {
    std::unique_ptr<base::Executor> closing;
    {
      absl::MutexLock lock(&mutex_);
      closing = std::move(executor_);
    }
  }

 private:
  absl::Mutex mutex_;
  std::unique_ptr<base::Executor> executor_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::engine

#endif  // SLUICE_HOST_ENGINE_STRAND_H_
