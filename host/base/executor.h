// One thread that runs tasks in the order in which they came, and timers at their time.
//
// Thread-safe, but for the destructor, which must not run on the executor's own thread. A task that blocks delays all
// others: give code that may block an executor of its own. Time is monotonic; nobody's clock file moves it.
#ifndef SLUICE_HOST_BASE_EXECUTOR_H_
#define SLUICE_HOST_BASE_EXECUTOR_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace sluice::base {

class Executor {
 public:
  using Task = std::function<void()>;
  using TimerId = uint64_t;  // Never 0.

  // `name` is the thread's, cut to 15 characters.
  explicit Executor(std::string name);
  // Runs what is queued, drops the timers, ends the thread.
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  void Run(Task task);
  TimerId RunAfter(absl::Duration delay, Task task);
  // The timer will not run, unless it already does. An id that is over is no error.
  void Cancel(TimerId id);

  bool IsCurrent() const { return std::this_thread::get_id() == thread_.get_id(); }
  // A monotonic time, good for differences only.
  static absl::Duration Elapsed();

 private:
  void Loop(const std::string& name);

  absl::Mutex mutex_;
  absl::CondVar changed_;
  std::deque<Task> tasks_ ABSL_GUARDED_BY(mutex_);
  std::map<std::pair<absl::Duration, TimerId>, Task> timers_ ABSL_GUARDED_BY(mutex_);
  std::map<TimerId, absl::Duration> due_ ABSL_GUARDED_BY(mutex_);
  TimerId next_id_ ABSL_GUARDED_BY(mutex_) = 1;
  bool is_ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // Last: it uses all of the above.
};

}  // namespace sluice::base

#endif  // SLUICE_HOST_BASE_EXECUTOR_H_
