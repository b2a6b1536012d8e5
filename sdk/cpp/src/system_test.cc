#include "sluice/connector/system.h"

#include <gtest/gtest.h>

#include <sstream>
#include <thread>
#include <type_traits>

#include "sdk/cpp/src/durations.h"
#include "sluice/connector/error.h"
#include "sluice/connector/secret.h"

namespace sluice::connector {
namespace {

template <typename T>
concept Printable = requires(std::ostream& out, const T& value) {
  out << value;
};
static_assert(!Printable<Secret>);
static_assert(!std::is_convertible_v<Secret, std::string>);

TEST(Settings, GettersGiveZeroForWhatIsNotSet) {
  const Settings settings({{"name", "x"}, {"wait", "7d12h"}, {"list", List{"a", "b"}}}, {{"password", Secret("p")}},
                          {{"file", "text"}});
  EXPECT_EQ(settings.Text("name"), "x");
  EXPECT_EQ(settings.Text("other"), "");
  EXPECT_EQ(settings.Duration("wait"), absl::Hours(180));
  EXPECT_EQ(settings.Texts("list").size(), 2u);
  EXPECT_EQ(settings.Secret("password").Reveal(), "p");
  EXPECT_TRUE(settings.Secret("other").empty());
  EXPECT_EQ(settings.File("file"), "text");
  EXPECT_TRUE(settings.Has("password"));
  EXPECT_FALSE(settings.Has("other"));
}

TEST(Durations, AreReadAsPeopleWriteThem) {
  EXPECT_EQ(DurationOf(Value("90s")), absl::Seconds(90));
  EXPECT_EQ(DurationOf(Value("1h30m")), absl::Minutes(90));
  EXPECT_EQ(DurationOf(Value("7d")), absl::Hours(168));
  EXPECT_EQ(DurationOf(Value(5)), absl::Seconds(5));
  EXPECT_EQ(DurationOf(Value("soon")), std::nullopt);
  EXPECT_EQ(DurationOf(Value("xd")), std::nullopt);
}

TEST(Cancellation, WakesSleepersAndCallsBackOnce) {
  Cancellation cancellation;
  int calls = 0;
  auto kept = cancellation.OnCancel([&] { ++calls; });
  auto dropped = cancellation.OnCancel([&] { calls += 100; });
  dropped.reset();
  std::thread sleeper([&] { EXPECT_FALSE(cancellation.Sleep(absl::InfiniteDuration())); });
  cancellation.Cancel();
  cancellation.Cancel();
  sleeper.join();
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(cancellation.IsCancelled());
  auto late = cancellation.OnCancel([&] { ++calls; });
  EXPECT_EQ(calls, 2);
  Cancellation other;
  EXPECT_TRUE(other.Sleep(absl::Milliseconds(1)));
}

TEST(Error, TravelsInAStatus) {
  const absl::Status status = Error(Reason::kAlreadyExists, "T-1", "the login is taken")
                                  .TakenBy("login", "jan", Reference{"account", "7"})
                                  .TargetStatus("LDAP 68")
                                  .RetryAfter(absl::Seconds(3))
                                  .At({std::string("accounts"), int64_t{3}, PathKey{"login"}});
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  const Error error = Error::From(status);
  EXPECT_EQ(error.reason, Reason::kAlreadyExists);
  EXPECT_EQ(error.taken[0].holder.id, "7");
  EXPECT_EQ(error.diagnostics[0].path.size(), 3u);
  EXPECT_EQ(error.retry_after, absl::Seconds(3));
  EXPECT_EQ(Error::From(absl::UnavailableError("down")).reason, Reason::kUnavailable);
  EXPECT_EQ(ReasonName(Reason::kPasswordPolicy), "PASSWORD_POLICY");
}

}  // namespace
}  // namespace sluice::connector
