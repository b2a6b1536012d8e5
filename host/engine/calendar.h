// The as-of date. The clock is not trusted blindly: a date that jumps by more than two days, or backwards, waits for a
// decision (promise 13).
//
// Thread-safe; holds nothing but its context.
#ifndef SLUICE_HOST_ENGINE_CALENDAR_H_
#define SLUICE_HOST_ENGINE_CALENDAR_H_

#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "host/engine/context.h"

namespace sluice::engine {

inline constexpr char kHostSystem[] = "host";  // In a block that belongs to no system.
inline constexpr char kClockKind[] = "clock";

class Calendar {
 public:
  explicit Calendar(const Context& context) : context_(context) {}

  // The civil date now, in the configured zone.
  absl::CivilDay Today() const;

  // Today, once it is accepted: the first date ever, the same date, or one at most two days later than the last; it is
  // stored then. FAILED_PRECONDITION names the block to approve.
  absl::StatusOr<absl::CivilDay> AcceptedToday() const;

 private:
  const Context& context_;
};

}  // namespace sluice::engine

#endif  // SLUICE_HOST_ENGINE_CALENDAR_H_
