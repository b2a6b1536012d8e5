// ByteSource: bytes that come one after the other and are held nowhere: a file, the body of an answer. For one thread.
#ifndef SLUICE_CONNECTOR_BYTE_SOURCE_H_
#define SLUICE_CONNECTOR_BYTE_SOURCE_H_

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace sluice::connector {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Waits for at least one byte and gives at most `size` of them; 0 at the end. An error is final.
  virtual absl::StatusOr<std::size_t> Read(char* buffer, std::size_t size) = 0;
};

// Of a text that is there wholly.
class TextSource final : public ByteSource {
 public:
  explicit TextSource(std::string text) : text_(std::move(text)) {}
  absl::StatusOr<std::size_t> Read(char* buffer, std::size_t size) override {
    const std::size_t count = std::min(size, text_.size() - at_);
    std::memcpy(buffer, text_.data() + at_, count);
    at_ += count;
    return count;
  }

 private:
  const std::string text_;
  std::size_t at_ = 0;
};

}  // namespace sluice::connector

#endif  // SLUICE_CONNECTOR_BYTE_SOURCE_H_
