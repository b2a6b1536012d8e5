#include "host/base/executor.h"

#include <gmock/gmock.h>

#include <vector>

#include "absl/synchronization/notification.h"
#include "host/base/backoff.h"

namespace sluice::base {
namespace {

using ::testing::ElementsAre;

TEST(ExecutorTest, TasksRunInOrderAndTheDestructorFinishesThem) {
  std::vector<int> seen;
  {
    Executor executor("test");
    for (int i = 0; i < 3; ++i) executor.Run([&seen, i] { seen.push_back(i); });
  }
  EXPECT_THAT(seen, ElementsAre(0, 1, 2));
}

TEST(ExecutorTest, TimersRunByTheirTimeAndNotWhenCancelled) {
  std::vector<int> seen;
  absl::Notification done;
  Executor executor("test");
  executor.Run([&] {
    executor.RunAfter(absl::Milliseconds(20), [&] {
      seen.push_back(2);
      done.Notify();
    });
    executor.RunAfter(absl::Milliseconds(1), [&] { seen.push_back(1); });
    executor.Cancel(executor.RunAfter(absl::Milliseconds(2), [&] { seen.push_back(9); }));
    executor.Cancel(12345);
  });
  done.WaitForNotification();
  EXPECT_THAT(seen, ElementsAre(1, 2));
}

TEST(BackoffTest, TheCeilingDoublesUpToItsEndAndTheWaitIsAShareOfIt) {
  double random = 0.5;
  Backoff backoff({.first = absl::Seconds(1), .most = absl::Seconds(3)}, [&] { return random; });
  EXPECT_EQ(backoff.Next(), absl::Milliseconds(500));
  EXPECT_EQ(backoff.Next(), absl::Seconds(1));
  EXPECT_EQ(backoff.Next(), absl::Milliseconds(1500));
  random = 0;
  EXPECT_EQ(backoff.Next(), absl::Milliseconds(150)) << "never nothing at all";
  backoff.Reset();
  random = 0.5;
  EXPECT_EQ(backoff.Next(), absl::Milliseconds(500));
}

TEST(BackoffTest, WithoutAGivenRandomnessTheWaitStaysUnderTheCeiling) {
  Backoff backoff({.first = absl::Seconds(1), .most = absl::Seconds(1)});
  for (int i = 0; i < 100; ++i) {
    const absl::Duration wait = backoff.Next();
    EXPECT_GT(wait, absl::ZeroDuration());
    EXPECT_LE(wait, absl::Seconds(1));
  }
}

}  // namespace
}  // namespace sluice::base
