// The codec of the control descriptor: each message behind its length, 4 bytes big-endian. Encode and FrameDecoder are
// pure; WriteFrame and ReadFrame move one message over a descriptor, blocking or not, until a deadline. They own no
// descriptor. The other end is not trusted: a length over the limit ends the conversation before anything is allocated
// for it.
#ifndef SLUICE_SDK_WIRE_FRAME_H_
#define SLUICE_SDK_WIRE_FRAME_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "google/protobuf/message_lite.h"

namespace sluice::wire {

std::string EncodeFrame(const google::protobuf::MessageLite& message);

// Collects bytes as they come and gives whole frames back.
class FrameDecoder {
 public:
  explicit FrameDecoder(size_t max_bytes) : max_bytes_(max_bytes) {}
  void Feed(std::string_view bytes) { buffer_.append(bytes); }
  // The payload of the next frame, nothing if it is not whole yet, or InvalidArgument for a length over the limit (for
  // good).
  absl::StatusOr<std::optional<std::string>> Next();
  bool is_empty() const { return buffer_.empty(); }

 private:
  size_t max_bytes_;
  std::string buffer_;
};

// DeadlineExceeded, or Unavailable when the other end is gone.
absl::Status WriteFrame(int fd, const google::protobuf::MessageLite& message, absl::Time deadline);
// As WriteFrame; OutOfRange at a clean end of file before the first byte; InvalidArgument for a frame that is too long
// or no message.
absl::Status ReadFrame(int fd, google::protobuf::MessageLite* message, size_t max_bytes, absl::Time deadline);

}  // namespace sluice::wire

#endif  // SLUICE_SDK_WIRE_FRAME_H_
