// Plugins that listen, with mutual TLS, because their gRPC cannot adopt a socket: the examples of the Python SDK, run
// as any plugin is, and some that lie about it.
#include <gmock/gmock.h>
#include <signal.h>

#include "absl/synchronization/notification.h"
#include "host/plugin/router.h"
#include "host/plugin/testing/packages.h"
#include "host/plugin/testing/sink.h"

namespace sluice::plugin {
namespace {

using core::Value;
using ::testing::HasSubstr;

constexpr absl::Duration kPatience = absl::Seconds(30);

class PluginListenTest : public ::testing::Test {
 protected:
  void Make(const std::string& plugins, const std::string& connector, const std::string& setting,
            const std::string& value) {
    RouterOptions options;
    options.plugin_directories = {plugins};
    options.supervisor.backoff = {.first = absl::Milliseconds(10), .most = absl::Milliseconds(20)};
    options.supervisor.call_deadline = absl::Seconds(2);
    options.supervisor.process.start_deadline = absl::Seconds(20);
    options.supervisor.work_root = root_.path();
    router_ = std::make_unique<Router>(options, clock_.get());
    SystemConfig config;
    config.name = "py";
    config.connector = connector;
    config.settings[setting] = Value::Text(value);
    config.mode = SystemConfig::Mode::kReadWrite;
    ASSERT_TRUE(router_->Reconfigure({config}).ok());
  }
  void MakeSource() {
    WriteFile(root_.path() + "/people", "104233;Noor\n104234;Sem\n");
    Make(BinaryDirectory() + "/python/plugins", "acme.people-py@1", "people", root_.path() + "/people");
  }
  std::shared_ptr<Sink> Import() {
    auto sink = std::make_shared<Sink>();
    engine::ReadPlan plan;
    plan.classes = {{"person", {"name"}}};
    plan.as_of = absl::CivilDay(2026, 11, 24);
    router_->Find("py")->Import(plan, sink);
    EXPECT_TRUE(sink->done.WaitForNotificationWithTimeout(kPatience));
    return sink;
  }
  PluginStatus Status() { return router_->Status().front(); }

  base::TemporaryFolder root_;
  std::unique_ptr<base::Clock> clock_ = base::SystemClock();
  std::unique_ptr<Router> router_;
};

TEST_F(PluginListenTest, ASourceInPythonIsReadLikeAnyOther) {
  MakeSource();
  auto sink = Import();
  ASSERT_EQ(sink->status, absl::OkStatus());
  ASSERT_EQ(sink->records.size(), 2u);
  EXPECT_EQ(sink->records[0].attributes.at("name"), Value::Text("Noor"));
  ASSERT_EQ(sink->states.size(), 1u);
  EXPECT_EQ(sink->states[0].completeness, core::Completeness::kComplete);
  SystemConfig bare;
  bare.name = "py";
  bare.connector = "acme.people-py@1";
  auto problems = router_->CheckSystem(bare);
  ASSERT_TRUE(problems.ok()) << problems.status();
  ASSERT_EQ(problems->size(), 1u);
  EXPECT_THAT((*problems)[0].message, HasSubstr("people"));
  router_->Stop();
  EXPECT_EQ(Status().state, PluginState::kStopped);
  EXPECT_EQ(Status().restarts, 0);
  for (const auto& left : std::filesystem::directory_iterator(root_.path())) {
    EXPECT_EQ(left.path().filename(), "people") << "no socket, and no place for one, is left behind";
  }
}

TEST_F(PluginListenTest, OneThatDiesIsStartedAgainWithANewKey) {
  MakeSource();
  ASSERT_EQ(Import()->status, absl::OkStatus());
  ASSERT_EQ(kill(Status().pid, SIGKILL), 0);
  absl::Status status = absl::UnknownError("never tried");
  for (int i = 0; i < 500 && !status.ok(); ++i) {
    status = Import()->status;
    if (!status.ok()) absl::SleepFor(absl::Milliseconds(20));  // It is in Backoff: a call fails at once.
  }
  EXPECT_EQ(status, absl::OkStatus());
  EXPECT_EQ(Status().restarts, 1);
}

TEST_F(PluginListenTest, ATargetInPythonIsWrittenLikeAnyOther) {
  Make(BinaryDirectory() + "/python/plugins", "acme.accounts-py@1", "path", root_.path() + "/accounts.json");
  std::vector<engine::TargetOperation> operations(2);
  for (size_t i = 0; i < operations.size(); ++i) {
    operations[i].id = absl::StrCat("create-", i);
    operations[i].action = engine::Action::kCreate;
    operations[i].object_class = "account";
    operations[i].deltas.resize(1);
    operations[i].deltas[0].attribute = "login";
    operations[i].deltas[0].value = Value::Text(i == 0 ? "noor" : "sem");
    operations[i].correlate = {{"login", operations[i].deltas[0].value}};
  }
  auto sink = std::make_shared<Sink>();
  auto stream = router_->Find("py")->Apply("run", sink);
  stream->Send(operations);
  stream->Close();
  ASSERT_TRUE(sink->done.WaitForNotificationWithTimeout(kPatience));
  ASSERT_EQ(sink->status, absl::OkStatus());
  ASSERT_EQ(sink->results.size(), 2u);
  for (const engine::TargetResult& result : sink->results) EXPECT_EQ(result.outcome, engine::Outcome::kApplied);
  absl::Notification verified;
  router_->Find("py")->Verify(operations, [&](absl::StatusOr<std::vector<engine::Verdict>> verdicts) {
    ASSERT_TRUE(verdicts.ok()) << verdicts.status();
    for (const engine::Verdict& verdict : *verdicts) EXPECT_EQ(verdict.state, engine::Verdict::State::kDone);
    verified.Notify();
  });
  EXPECT_TRUE(verified.WaitForNotificationWithTimeout(kPatience));
}

TEST_F(PluginListenTest, OneThatLiesAboutWhereItListensIsRefused) {
  const struct {
    const char* executable;
    const char* says;
  } cases[] = {{"odd.elsewhere", "wants a transport that was not offered"},
               {"odd.nameless", "listens, and gave no certificate"},
               {"odd.deaf", "closed its connection"}};
  for (const auto& c : cases) {
    base::TemporaryFolder plugins;
    InstallOdd(plugins.path(), c.executable);
    Make(plugins.path(), "test.odd@1", "behaviour", "");
    absl::Notification done;
    router_->Find("py")->Test([&](absl::StatusOr<engine::TestReport> report) {
      EXPECT_FALSE(report.ok()) << c.executable;
      EXPECT_THAT(std::string(report.status().message()), HasSubstr(c.says));
      done.Notify();
    });
    EXPECT_TRUE(done.WaitForNotificationWithTimeout(kPatience));
  }
}

}  // namespace
}  // namespace sluice::plugin
