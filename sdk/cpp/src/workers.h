// Workers: the threads on which an author's code runs, one for each call, so that no call of the contract ever waits
// for another. The destructor waits for all of them. Any thread.
#ifndef SLUICE_SDK_CPP_SRC_WORKERS_H_
#define SLUICE_SDK_CPP_SRC_WORKERS_H_

#include <functional>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace sluice::connector {

class Workers {
 public:
  Workers() = default;
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;
  ~Workers() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(this, &Workers::IsIdle));
  }

  void Start(std::function<void()> work) {
    {
      absl::MutexLock lock(&mutex_);
      ++running_;
    }
    std::thread([this, work = std::move(work)]() mutable {
      work();
      work = nullptr;  // What it holds goes before this thread counts as done.
      absl::MutexLock lock(&mutex_);
      --running_;
    }).detach();
  }

 private:
  bool IsIdle() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return running_ == 0; }
  absl::Mutex mutex_;
  int running_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace sluice::connector

#endif  // SLUICE_SDK_CPP_SRC_WORKERS_H_
