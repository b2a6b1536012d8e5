// How long to wait before the next attempt: exponential with full jitter.
//
// Each wait is drawn evenly from (0, ceiling]; the ceiling starts at `first` and doubles with every wait up to `most`.
// Randomness is given, so that tests know what comes. One thread.
#ifndef SLUICE_HOST_BASE_BACKOFF_H_
#define SLUICE_HOST_BASE_BACKOFF_H_

#include <functional>

#include "absl/time/time.h"

namespace sluice::base {

struct BackoffOptions {
  absl::Duration first = absl::Milliseconds(500);
  absl::Duration most = absl::Minutes(5);
};

class Backoff {
 public:
  // `random` gives numbers in [0, 1); without it a generator of its own is used.
  explicit Backoff(BackoffOptions options, std::function<double()> random = nullptr);

  // The next wait; at least a twentieth of its ceiling, so that nothing ever spins.
  absl::Duration Next();
  // Back to the start.
  void Reset() { ceiling_ = options_.first; }

 private:
  BackoffOptions options_;
  std::function<double()> random_;
  absl::Duration ceiling_;
};

}  // namespace sluice::base

#endif  // SLUICE_HOST_BASE_BACKOFF_H_
