#include "sdk/wire/frame.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "sdk/wire/limits.h"
#include "sluice/connector/v1/bootstrap.pb.h"

namespace sluice::wire {
namespace {

namespace v1 = connector::v1;

class Pair {
 public:
  Pair() { EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds_), 0); }
  ~Pair() {
    CloseHost();
    close(fds_[1]);
  }
  void CloseHost() {
    if (fds_[0] >= 0) close(std::exchange(fds_[0], -1));
  }
  int host() const { return fds_[0]; }
  int plugin() const { return fds_[1]; }

 private:
  int fds_[2];
};

absl::Time Soon() { return absl::Now() + absl::Seconds(10); }

TEST(Frame, AMessageGoesOverADescriptor) {
  Pair pair;
  v1::BootstrapRequest request;
  request.set_host_version("1.2.3");
  ASSERT_TRUE(WriteFrame(pair.host(), request, Soon()).ok());
  v1::BootstrapRequest read;
  ASSERT_TRUE(ReadFrame(pair.plugin(), &read, kMaxBootstrapBytes, Soon()).ok());
  EXPECT_EQ(read.host_version(), "1.2.3");
}

TEST(Frame, AMessageLargerThanTheSocketBufferGoesToo) {
  Pair pair;
  v1::BootstrapRequest request;
  request.set_host_version(std::string(3 << 20, 'x'));
  std::thread writer([&] { EXPECT_TRUE(WriteFrame(pair.host(), request, Soon()).ok()); });
  v1::BootstrapRequest read;
  EXPECT_TRUE(ReadFrame(pair.plugin(), &read, 4 << 20, Soon()).ok());
  writer.join();
  EXPECT_EQ(read.host_version().size(), size_t{3} << 20);
}

TEST(Frame, EndOfFileIsToldFromABrokenFrame) {
  v1::BootstrapRequest read;
  Pair clean;
  clean.CloseHost();
  EXPECT_TRUE(absl::IsOutOfRange(ReadFrame(clean.plugin(), &read, kMaxBootstrapBytes, Soon())));
  Pair broken;
  ASSERT_EQ(write(broken.host(),
                  "\0\0\0\x05"
                  "ab",
                  6),
            6);
  broken.CloseHost();
  EXPECT_TRUE(absl::IsUnavailable(ReadFrame(broken.plugin(), &read, kMaxBootstrapBytes, Soon())));
}

TEST(Frame, ALengthOverTheLimitIsRefusedBeforeItIsRead) {
  Pair pair;
  ASSERT_EQ(write(pair.host(), "\xff\xff\xff\xff", 4), 4);
  v1::BootstrapRequest read;
  EXPECT_TRUE(absl::IsInvalidArgument(ReadFrame(pair.plugin(), &read, kMaxBootstrapBytes, Soon())));
}

TEST(Frame, SilenceEndsAtTheDeadline) {
  Pair pair;
  v1::BootstrapRequest read;
  EXPECT_TRUE(absl::IsDeadlineExceeded(
      ReadFrame(pair.plugin(), &read, kMaxBootstrapBytes, absl::Now() + absl::Milliseconds(20))));
}

TEST(Frame, BytesComeInAnyPieces) {
  v1::BootstrapRequest request;
  request.set_launch_id("abc");
  const std::string two = EncodeFrame(request) + EncodeFrame(request);
  FrameDecoder decoder(100);
  int frames = 0;
  for (char byte : two) {
    decoder.Feed(std::string_view(&byte, 1));
    auto next = decoder.Next();
    ASSERT_TRUE(next.ok());
    if (next->has_value()) ++frames;
  }
  EXPECT_EQ(frames, 2);
  EXPECT_TRUE(decoder.is_empty());
  decoder.Feed(std::string_view("\0\0\0\x65", 4));
  EXPECT_FALSE(decoder.Next().ok());
}

}  // namespace
}  // namespace sluice::wire
