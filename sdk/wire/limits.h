// The numbers that both ends of the contract share. Constants only.
#ifndef SLUICE_SDK_WIRE_LIMITS_H_
#define SLUICE_SDK_WIRE_LIMITS_H_

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace sluice::wire {

inline constexpr uint32_t kMinProtocol = 1;  // Majors that this build speaks.
inline constexpr uint32_t kMaxProtocol = 1;

// Set to the number of the control descriptor; nothing else starts a connector.
inline constexpr char kControlFdVariable[] = "SLUICE_CONTROL_FD";
inline constexpr int kControlFd = 3;
inline constexpr int kTransportFd = 4;

inline constexpr size_t kMaxBootstrapBytes = 64 * 1024;
inline constexpr size_t kMaxMessageBytes = 4 * 1024 * 1024;  // Each way, unless BootstrapRequest.limits says less.
inline constexpr size_t kMaxBatchRecords = 500;
inline constexpr size_t kMaxBatchBytes = 1024 * 1024;
inline constexpr size_t kMaxBatchResults = 64;
inline constexpr size_t kMaxCursorBytes = 64 * 1024;
inline constexpr size_t kMaxPrivateStateBytes = 16 * 1024;

inline constexpr absl::Duration kFlushInterval = absl::Milliseconds(200);
inline constexpr absl::Duration kProgressInterval = absl::Seconds(10);
inline constexpr absl::Duration kProgressDeadline =
    absl::Seconds(30);  // The contract's promise; after it a stream counts as hung.
inline constexpr absl::Duration kMaxRetryAfter = absl::Hours(24);
inline constexpr absl::Duration kStartDeadline = absl::Seconds(10);
inline constexpr absl::Duration kOrphanDrain = absl::Seconds(2);

// Exit codes of a connector program.
inline constexpr int kExitOk = 0;
inline constexpr int kExitStartedByHand = 64;
inline constexpr int kExitRefused = 65;  // The bootstrap was refused; the reason went out as data.
inline constexpr int kExitStartFailed = 70;

}  // namespace sluice::wire

#endif  // SLUICE_SDK_WIRE_LIMITS_H_
