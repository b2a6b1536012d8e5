#include "host/base/clock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"

namespace sluice::base {
namespace {

class FileClockTest : public testing::Test {
 protected:
  FileClockTest() : path_(absl::StrCat(testing::TempDir(), "/clock.", getpid())) {}
  ~FileClockTest() override { unlink(path_.c_str()); }

  // Writes `line` as if it had been written `age` ago.
  void Write(const std::string& line, absl::Duration age = absl::ZeroDuration()) {
    std::ofstream(path_, std::ios::trunc) << line;
    timespec times[2];
    times[0] = times[1] = absl::ToTimespec(absl::Now() - age);
    ASSERT_EQ(utimensat(AT_FDCWD, path_.c_str(), times, 0), 0);
  }

  static absl::Time At(const std::string& text) {
    absl::Time time;
    std::string error;
    EXPECT_TRUE(absl::ParseTime(absl::RFC3339_full, text, &time, &error)) << error;
    return time;
  }

  const std::string path_;
};

TEST_F(FileClockTest, SaysWhatTheFileSaysPlusTheTimeSinceItWasWritten) {
  Write("2026-11-24T03:30:00+01:00\n", absl::Minutes(10));
  auto clock = FileClock(path_);
  ASSERT_TRUE(clock.ok()) << clock.status();
  absl::Duration passed = (*clock)->Now() - At("2026-11-24T03:30:00+01:00");
  EXPECT_GE(passed, absl::Minutes(10));
  EXPECT_LT(passed, absl::Minutes(11));
}

TEST_F(FileClockTest, FollowsTheFileForwardsAndBackwards) {
  Write("2026-11-24T03:30:00+01:00");
  auto clock = FileClock(path_);
  ASSERT_TRUE(clock.ok()) << clock.status();
  Write("2027-08-01T00:00:00+02:00");
  EXPECT_GE((*clock)->Now(), At("2027-08-01T00:00:00+02:00"));
  Write("2026-01-01T00:00:00+01:00");
  EXPECT_LT((*clock)->Now(), At("2026-01-02T00:00:00+01:00"));
}

TEST_F(FileClockTest, KeepsTheLastGoodTimeWhileTheFileCannotBeRead) {
  Write("2026-11-24T03:30:00+01:00");
  auto clock = FileClock(path_);
  ASSERT_TRUE(clock.ok()) << clock.status();
  Write("half a li");
  EXPECT_GE((*clock)->Now(), At("2026-11-24T03:30:00+01:00"));
  unlink(path_.c_str());
  EXPECT_GE((*clock)->Now(), At("2026-11-24T03:30:00+01:00"));
  EXPECT_LT((*clock)->Now(), At("2026-11-24T03:40:00+01:00"));
}

TEST_F(FileClockTest, FailsWhenTheFirstReadingFails) {
  EXPECT_EQ(FileClock(path_).status().code(), absl::StatusCode::kNotFound);
  Write("tomorrow");
  EXPECT_EQ(FileClock(path_).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(SystemClock, IsTheSystemsTime) {
  EXPECT_LT(absl::AbsDuration(SystemClock()->Now() - absl::Now()), absl::Minutes(1));
}

TEST(FakeClock, StandsStillUntilItIsMoved) {
  FakeClock clock(absl::UnixEpoch());
  EXPECT_EQ(clock.Now(), absl::UnixEpoch());
  clock.Set(absl::UnixEpoch() + absl::Hours(1));
  EXPECT_EQ(clock.Now(), absl::UnixEpoch() + absl::Hours(1));
}

}  // namespace
}  // namespace sluice::base
