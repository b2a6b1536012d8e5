// A few threads that run tasks, first come first served.
//
// Thread-safe, but for the destructor, which must not run on one of its own threads. Tasks may block; so many that
// block at once keep the others waiting.
#ifndef SLUICE_HOST_BASE_POOL_H_
#define SLUICE_HOST_BASE_POOL_H_

#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace sluice::base {

class Pool {
 public:
  explicit Pool(int threads);
  // Runs what is queued, then ends.
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  void Run(std::function<void()> task);

 private:
  void Loop();

  absl::Mutex mutex_;
  std::deque<std::function<void()>> tasks_ ABSL_GUARDED_BY(mutex_);
  bool is_ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace sluice::base

#endif  // SLUICE_HOST_BASE_POOL_H_
