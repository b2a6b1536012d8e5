#include "sdk/wire/frame.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"

namespace sluice::wire {
namespace {

constexpr size_t kHeaderBytes = 4;

uint32_t DecodeLength(const char* bytes) {
  const auto* b = reinterpret_cast<const unsigned char*>(bytes);
  return uint32_t{b[0]} << 24 | uint32_t{b[1]} << 16 | uint32_t{b[2]} << 8 | uint32_t{b[3]};
}

absl::Status TooLong(uint32_t length, size_t max_bytes) {
  return absl::InvalidArgumentError(absl::StrCat("a frame on the control descriptor says it has ", length,
                                                 " bytes; at most ", max_bytes, " are taken"));
}

absl::Status WaitFor(int fd, short events, absl::Time deadline) {
  for (;;) {
    const absl::Duration left = deadline - absl::Now();
    if (left <= absl::ZeroDuration())
      return absl::DeadlineExceededError("nothing came on the control descriptor in time");
    const int64_t wait_ms =
        left > absl::Hours(1)
            ? 3600000
            : std::max<int64_t>(1, absl::ToInt64Milliseconds(absl::Ceil(left, absl::Milliseconds(1))));
    pollfd poll_fd{fd, events, 0};
    const int ready = poll(&poll_fd, 1, static_cast<int>(wait_ms));
    if (ready > 0) return absl::OkStatus();
    if (ready < 0 && errno != EINTR) {
      return absl::UnavailableError(absl::StrCat("the control descriptor cannot be waited for: ", strerror(errno)));
    }
  }
}

// Reads exactly `size` bytes; `*got` says how many came before a failure.
absl::Status ReadExactly(int fd, char* bytes, size_t size, absl::Time deadline, size_t* got) {
  *got = 0;
  while (*got < size) {
    if (auto status = WaitFor(fd, POLLIN, deadline); !status.ok()) return status;
    const ssize_t n = read(fd, bytes + *got, size - *got);
    if (n > 0) {
      *got += static_cast<size_t>(n);
    } else if (n == 0) {
      return absl::UnavailableError("the other end closed the control descriptor in the middle of a frame");
    } else if (errno != EINTR && errno != EAGAIN) {
      return absl::UnavailableError(absl::StrCat("the control descriptor cannot be read: ", strerror(errno)));
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::string EncodeFrame(const google::protobuf::MessageLite& message) {
  const std::string payload = message.SerializeAsString();
  const auto length = static_cast<uint32_t>(payload.size());
  std::string frame;
  frame.reserve(kHeaderBytes + payload.size());
  for (int shift = 24; shift >= 0; shift -= 8) frame.push_back(static_cast<char>(length >> shift & 0xff));
  return frame.append(payload);
}

absl::StatusOr<std::optional<std::string>> FrameDecoder::Next() {
  if (buffer_.size() < kHeaderBytes) return std::optional<std::string>();
  const uint32_t length = DecodeLength(buffer_.data());
  if (length > max_bytes_) return TooLong(length, max_bytes_);
  if (buffer_.size() < kHeaderBytes + length) return std::optional<std::string>();
  std::optional<std::string> payload = buffer_.substr(kHeaderBytes, length);
  buffer_.erase(0, kHeaderBytes + length);
  return payload;
}

absl::Status WriteFrame(int fd, const google::protobuf::MessageLite& message, absl::Time deadline) {
  const std::string frame = EncodeFrame(message);
  size_t done = 0;
  while (done < frame.size()) {
    if (auto status = WaitFor(fd, POLLOUT, deadline); !status.ok()) return status;
    ssize_t n = send(fd, frame.data() + done, frame.size() - done, MSG_NOSIGNAL);
    if (n < 0 && errno == ENOTSOCK) n = write(fd, frame.data() + done, frame.size() - done);
    if (n >= 0) {
      done += static_cast<size_t>(n);
    } else if (errno != EINTR && errno != EAGAIN) {
      return absl::UnavailableError(absl::StrCat("the control descriptor cannot be written: ", strerror(errno)));
    }
  }
  return absl::OkStatus();
}

absl::Status ReadFrame(int fd, google::protobuf::MessageLite* message, size_t max_bytes, absl::Time deadline) {
  char header[kHeaderBytes];
  size_t got = 0;
  if (auto status = ReadExactly(fd, header, sizeof header, deadline, &got); !status.ok()) {
    if (got == 0 && absl::IsUnavailable(status))
      return absl::OutOfRangeError("the other end closed the control descriptor");
    return status;
  }
  const uint32_t length = DecodeLength(header);
  if (length > max_bytes) return TooLong(length, max_bytes);
  std::string payload(length, '\0');
  if (auto status = ReadExactly(fd, payload.data(), length, deadline, &got); !status.ok()) return status;
  if (!message->ParseFromString(payload)) {
    return absl::InvalidArgumentError(
        absl::StrCat("a frame of ", length, " bytes on the control descriptor is not the expected message"));
  }
  return absl::OkStatus();
}

}  // namespace sluice::wire
