// The host's one clock: the system's, or a file that tests and the demo move.
//
// Thread-safe. Nothing in core asks a clock: it is given an as-of date.
#ifndef SLUICE_HOST_BASE_CLOCK_H_
#define SLUICE_HOST_BASE_CLOCK_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace sluice::base {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() const = 0;
};

std::unique_ptr<Clock> SystemClock();

// Reads one RFC 3339 line ("2026-11-24T03:30:00+01:00") from `path` at each call, plus the time that has passed since
// the file last changed, so that what happens later in a run is later. Keeps the last good time while the file cannot
// be read. Fails when the first reading does.
absl::StatusOr<std::unique_ptr<Clock>> FileClock(const std::string& path);

// Stands still until it is moved.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(absl::Time now) : now_(now) {}
  absl::Time Now() const override {
    absl::MutexLock lock(&mutex_);
    return now_;
  }
  void Set(absl::Time now) {
    absl::MutexLock lock(&mutex_);
    now_ = now;
  }

 private:
  mutable absl::Mutex mutex_;
  absl::Time now_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::base

#endif  // SLUICE_HOST_BASE_CLOCK_H_
