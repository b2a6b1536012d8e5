#include "host/base/executor.h"

#include <pthread.h>

#include <chrono>

namespace sluice::base {

Executor::Executor(std::string name) : thread_([this, name = std::move(name)] { Loop(name); }) {}

Executor::~Executor() {
  {
    absl::MutexLock lock(&mutex_);
    is_ending_ = true;
    changed_.SignalAll();
  }
  thread_.join();
}

void Executor::Run(Task task) {
  absl::MutexLock lock(&mutex_);
  tasks_.push_back(std::move(task));
  changed_.Signal();
}

Executor::TimerId Executor::RunAfter(absl::Duration delay, Task task) {
  absl::MutexLock lock(&mutex_);
  const TimerId id = next_id_++;
  const absl::Duration due = Elapsed() + delay;
  due_[id] = due;
  timers_.emplace(std::make_pair(due, id), std::move(task));
  changed_.Signal();
  return id;
}

void Executor::Cancel(TimerId id) {
  Task dropped;  // Destroyed outside the lock: it may hold the last reference to anything.
  absl::MutexLock lock(&mutex_);
  auto found = due_.find(id);
  if (found == due_.end()) return;
  auto timer = timers_.find(std::make_pair(found->second, id));
  dropped = std::move(timer->second);
  timers_.erase(timer);
  due_.erase(found);
}

absl::Duration Executor::Elapsed() { return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch()); }

void Executor::Loop(const std::string& name) {
  pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
  while (true) {
    Task task;
    {
      absl::MutexLock lock(&mutex_);
      while (true) {
        if (!tasks_.empty()) {
          task = std::move(tasks_.front());
          tasks_.pop_front();
          break;
        }
        if (is_ending_) return;
        if (timers_.empty()) {
          changed_.Wait(&mutex_);
          continue;
        }
        auto first = timers_.begin();
        const absl::Duration wait = first->first.first - Elapsed();
        if (wait > absl::ZeroDuration()) {
          changed_.WaitWithTimeout(&mutex_, wait);
          continue;
        }
        task = std::move(first->second);
        due_.erase(first->first.second);
        timers_.erase(first);
        break;
      }
    }
    task();
  }
}

}  // namespace sluice::base
