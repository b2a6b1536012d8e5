// The host's side and the SDK's side of the contract against each other, with the plugin that the SDK's own faults
// drive.
#include <gmock/gmock.h>

#include "absl/synchronization/notification.h"
#include "host/plugin/router.h"
#include "host/plugin/testing/packages.h"
#include "host/plugin/testing/sink.h"

namespace sluice::plugin {
namespace {

using core::Value;
using ::testing::Contains;
using ::testing::HasSubstr;

constexpr absl::Duration kPatience = absl::Seconds(30);

class PluginSdkTest : public ::testing::Test {
 protected:
  void Make(const std::string& fault, int64_t people = 300) {
    RouterOptions options;
    options.plugin_directories = {BinaryDirectory() + "/plugins"};
    options.supervisor.health_every = absl::Milliseconds(100);
    options.supervisor.health_deadline = absl::Milliseconds(500);
    options.supervisor.backoff = {.first = absl::Milliseconds(10), .most = absl::Milliseconds(20)};
    options.supervisor.process.start_deadline = absl::Seconds(20);
    options.supervisor.work_root = root_.path();
    options.limits.idle = absl::Seconds(2);
    router_ = std::make_unique<Router>(options, clock_.get());
    SystemConfig config;
    config.name = "bad";
    config.connector = "test.bad@1";
    config.settings["state"] = Value::Text(root_.path() + "/state");
    config.settings["fault"] = Value::Text(fault);
    config.settings["people"] = Value::Integer(people);
    config.secrets["password"] = "correct horse battery";
    config.mode = SystemConfig::Mode::kReadWrite;
    ASSERT_TRUE(router_->Reconfigure({config}).ok());
  }
  std::shared_ptr<Sink> Import(const std::string& fault) {
    Make(fault);
    auto sink = std::make_shared<Sink>();
    engine::ReadPlan plan;
    plan.classes = {{"pupil", {"name", "tags"}}};
    plan.as_of = absl::CivilDay(2026, 11, 24);
    router_->Find("bad")->Import(plan, sink);
    EXPECT_TRUE(sink->done.WaitForNotificationWithTimeout(kPatience));
    return sink;
  }
  static engine::TargetOperation Create(const std::string& login) {
    engine::TargetOperation operation;
    operation.id = "create-" + login;
    operation.action = engine::Action::kCreate;
    operation.object_class = "account";
    operation.deltas.resize(1);
    operation.deltas[0].attribute = "login";
    operation.deltas[0].value = Value::Text(login);
    return operation;
  }
  std::shared_ptr<Sink> Apply(std::vector<engine::TargetOperation> operations) {
    auto sink = std::make_shared<Sink>();
    auto stream = router_->Find("bad")->Apply("run", sink);
    stream->Send(std::move(operations));
    stream->Close();
    EXPECT_TRUE(sink->done.WaitForNotificationWithTimeout(kPatience));
    return sink;
  }

  base::TemporaryFolder root_;
  std::unique_ptr<base::Clock> clock_ = base::SystemClock();
  std::unique_ptr<Router> router_;
};

TEST_F(PluginSdkTest, AWholeImportArrivesWithNothingThatWasNotAskedFor) {
  auto sink = Import("");
  EXPECT_EQ(sink->status, absl::OkStatus());
  EXPECT_EQ(sink->records.size(), 300u);
  ASSERT_EQ(sink->states.size(), 1u);
  EXPECT_EQ(sink->states[0].completeness, core::Completeness::kComplete);
  for (const core::Record& record : sink->records) {
    EXPECT_EQ(record.attributes.count("number"), 0u);
    EXPECT_EQ(record.attributes.count("name"), 1u);
  }
}

TEST_F(PluginSdkTest, AnImportWithoutItsEndOrWithOtherCountsIsRefused) {
  EXPECT_THAT(std::string(Import("wire=forget-end")->status.message()), HasSubstr("without an end"));
  EXPECT_THAT(std::string(Import("wire=wrong-counts")->status.message()), HasSubstr("says its end; "));
  EXPECT_FALSE(Import("import=no-complete")->status.ok());
  EXPECT_EQ(Import("import=crash:50")->status.code(), absl::StatusCode::kUnavailable);
}

TEST_F(PluginSdkTest, ARecordOverTheLimitNeverCountsAsComplete) {
  auto sink = Import("import=huge");
  // The SDK leaves the record out and says so, or the host refuses the stream; never complete without it.
  for (const core::ClassState& state : sink->states) EXPECT_NE(state.completeness, core::Completeness::kComplete);
}

TEST_F(PluginSdkTest, AFailureArrivesWithItsReason) {
  EXPECT_EQ(engine::FailureFromStatus(Import("import=fail:AUTH")->status).reason, engine::Reason::kAuth);
  EXPECT_EQ(engine::FailureFromStatus(Import("import=fail:THROTTLED")->status).reason, engine::Reason::kThrottled);
}

TEST_F(PluginSdkTest, OperationsAreAppliedAndATakenNameIsTold) {
  Make("");
  auto first = Apply({Create("noor"), Create("sem")});
  EXPECT_EQ(first->status, absl::OkStatus());
  ASSERT_EQ(first->results.size(), 2u);
  for (const engine::TargetResult& result : first->results) EXPECT_EQ(result.outcome, engine::Outcome::kApplied);
  engine::TargetOperation again = Create("noor");
  again.id = "another";
  auto second = Apply({again});
  ASSERT_EQ(second->results.size(), 1u);
  EXPECT_EQ(second->results[0].outcome, engine::Outcome::kFailed);
  EXPECT_EQ(second->results[0].failure.reason, engine::Reason::kAlreadyExists);
  router_->Stop();
  EXPECT_EQ(router_->Status().front().state, PluginState::kStopped);
  EXPECT_EQ(router_->Status().front().restarts, 0);
}

TEST_F(PluginSdkTest, ACrashInTheMiddleIsAskedAboutAfterwards) {
  Make("apply.CREATE=crash-after");
  engine::TargetOperation create = Create("noor");
  create.correlate = {{"login", Value::Text("noor")}};  // What a lost create is found again by.
  auto sink = Apply({create});
  EXPECT_EQ(sink->status.code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(sink->results.empty()) << "in doubt";
  std::vector<engine::Verdict> verdicts;
  for (int i = 0; i < 200 && verdicts.empty(); ++i) {
    absl::Notification done;
    router_->Find("bad")->Verify({create}, [&](absl::StatusOr<std::vector<engine::Verdict>> answer) {
      if (answer.ok()) verdicts = *std::move(answer);
      done.Notify();
    });
    done.WaitForNotification();
    if (verdicts.empty()) absl::SleepFor(absl::Milliseconds(20));  // It is in Backoff: a call fails at once.
  }
  ASSERT_EQ(verdicts.size(), 1u);
  EXPECT_EQ(verdicts[0].state, engine::Verdict::State::kDone);
}

TEST_F(PluginSdkTest, ItsSettingsAreKnownAndChecked) {
  Make("");
  SystemConfig config;
  config.name = "bad";
  config.connector = "test.bad@1";
  config.settings["colour"] = Value::Text("gren");
  config.settings["peple"] = Value::Integer(3);
  auto problems = router_->CheckSystem(config);
  ASSERT_TRUE(problems.ok()) << problems.status();
  std::vector<std::string> messages;
  for (const SettingProblem& problem : *problems) messages.push_back(problem.message);
  EXPECT_THAT(messages, Contains("setting \"colour\" cannot be \"gren\"; did you mean \"green\"?"));
  EXPECT_THAT(messages, Contains("unknown setting \"peple\"; did you mean \"people\"?"));
}

}  // namespace
}  // namespace sluice::plugin
