// The plugin layer against real processes: each promise of supervision with a plugin that breaks it.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <sstream>

#include "absl/strings/str_join.h"
#include "absl/synchronization/notification.h"
#include "host/plugin/router.h"
#include "host/plugin/testing/packages.h"

namespace sluice::plugin {
namespace {

using core::Value;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr absl::Duration kPatience = absl::Seconds(20);

RouterOptions QuickOptions(const std::string& directory) {
  RouterOptions options;
  options.plugin_directories = {directory};
  SupervisorOptions& s = options.supervisor;
  s.process.start_deadline = absl::Milliseconds(400);
  s.process.start_extension = absl::Milliseconds(400);
  s.process.start_most = absl::Seconds(5);
  s.process.refusal_patience = absl::Milliseconds(200);
  s.call_deadline = absl::Seconds(5);
  s.health_every = absl::Milliseconds(50);
  s.health_deadline = absl::Milliseconds(200);
  s.backoff = {.first = absl::Milliseconds(10), .most = absl::Milliseconds(20)};
  s.events_again = absl::Milliseconds(20);
  s.drain_patience = absl::Milliseconds(300);
  s.exit_patience = absl::Milliseconds(200);
  s.term_patience = absl::Milliseconds(200);
  options.limits.idle = absl::Milliseconds(400);
  return options;
}

// Living processes of a session; a zombie that its init does not reap is as dead as can be.
int LivingInSession(int session) {
  int living = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream stat(entry.path() / "stat");
    std::string line;
    if (!std::getline(stat, line)) continue;
    std::istringstream rest(line.substr(line.rfind(')') + 1));
    std::string state;
    int parent = 0, group = 0, its_session = 0;
    if (!(rest >> state >> parent >> group >> its_session)) continue;
    if (its_session == session && state != "Z" && state != "X") ++living;
  }
  return living;
}

// SIGKILL is sent when it is, and obeyed a moment later.
int LivingAtLast(int session) {
  const absl::Time deadline = absl::Now() + kPatience;
  while (LivingInSession(session) > 0 && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(2));
  return LivingInSession(session);
}

class PluginProcessTest : public ::testing::Test {
 protected:
  SystemConfig Config(const std::string& behaviour, const std::string& name = "odd") {
    SystemConfig config;
    config.name = name;
    config.connector = "test.odd@1";
    config.settings["behaviour"] = Value::Text(behaviour);
    return config;
  }
  // One system "odd" with the program under this name, not started.
  void Make(const std::string& executable, const std::string& behaviour, Supervisor::SecretSink secrets = nullptr) {
    InstallOdd(root_.path(), executable);
    options_ = QuickOptions(root_.path());
    router_ = std::make_unique<Router>(options_, clock_.get(), std::move(secrets));
    ASSERT_TRUE(router_->Reconfigure({Config(behaviour)}).ok());
  }
  PluginStatus Status(const std::string& system = "odd") {
    for (const PluginStatus& status : router_->Status()) {
      if (status.system == system) return status;
    }
    return {};
  }
  template <typename Condition>
  PluginStatus AwaitStatus(Condition condition) {
    const absl::Time deadline = absl::Now() + kPatience;
    PluginStatus status = Status();
    while (!condition(status) && absl::Now() < deadline) {
      absl::SleepFor(absl::Milliseconds(2));
      status = Status();
    }
    EXPECT_TRUE(condition(status)) << PluginStateName(status.state) << ": " << status.message;
    return status;
  }
  PluginStatus AwaitState(PluginState state) {
    return AwaitStatus([state](const PluginStatus& status) { return status.state == state; });
  }
  absl::Status Call(const std::string& system = "odd") {
    absl::Notification done;
    absl::Status result;
    router_->Find(system)->GetSchema([&](const absl::StatusOr<engine::SystemSchema>& schema) {
      result = schema.status();
      done.Notify();
    });
    done.WaitForNotification();
    return result;
  }
  bool Exists(int pid) { return kill(pid, 0) == 0; }

  base::TemporaryFolder root_;
  std::unique_ptr<base::Clock> clock_ = base::SystemClock();
  RouterOptions options_;
  std::unique_ptr<Router> router_;
};

TEST_F(PluginProcessTest, APluginStartsWhenItIsUsedAndIsReady) {
  Make("odd", "");
  EXPECT_EQ(Status().state, PluginState::kStopped);
  EXPECT_EQ(Call(), absl::OkStatus());
  const PluginStatus status = Status();
  EXPECT_EQ(status.state, PluginState::kReady);
  EXPECT_EQ(status.package, "test.odd");
  EXPECT_EQ(status.version, "1.2.0");
  EXPECT_TRUE(Exists(status.pid));
  EXPECT_EQ(status.restarts, 0);
}

TEST_F(PluginProcessTest, TwoSystemsAreTwoProcessesAndAnUnchangedOneKeepsItsOwn) {
  Make("odd", "");
  ASSERT_TRUE(router_->Reconfigure({Config(""), Config("", "other")}).ok());
  ASSERT_TRUE(Call("odd").ok());
  ASSERT_TRUE(Call("other").ok());
  const int odd = Status("odd").pid, other = Status("other").pid;
  EXPECT_NE(odd, other);
  ASSERT_TRUE(router_->Reconfigure({Config(""), Config("changed", "other")}).ok());
  ASSERT_TRUE(Call("other").ok());
  EXPECT_EQ(Status("odd").pid, odd);
  EXPECT_NE(Status("other").pid, other);
  engine::Connector* connector = router_->Find("other");
  ASSERT_TRUE(router_->Reconfigure({Config("")}).ok());
  EXPECT_EQ(router_->Find("other"), nullptr);
  absl::Notification done;
  connector->GetSchema([&](const absl::StatusOr<engine::SystemSchema>& schema) {
    EXPECT_EQ(schema.status().message(), "other: this system is not in the running configuration");
    done.Notify();
  });
  done.WaitForNotification();
}

TEST_F(PluginProcessTest, ARefusalIsDataAndIsNotTriedAgain) {
  Make("odd.refuse", "");
  const absl::Status status = Call();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("refused to start: no licence in this house"));
  EXPECT_EQ(Status().state, PluginState::kHalted);
  EXPECT_EQ(Status().last_end.kind, EndKind::kRefused);
  EXPECT_EQ(Status().restarts, 1);
}

TEST_F(PluginProcessTest, AWrongProtocolAndAWrongVersionAreRefusals) {
  Make("odd.protocol", "");
  EXPECT_THAT(std::string(Call().message()), HasSubstr("speaks protocol 9; this host speaks 1 to 1"));
  EXPECT_EQ(Status().state, PluginState::kHalted);
  std::filesystem::remove_all(root_.path() + "/odd");
  Make("odd.version", "");
  EXPECT_THAT(std::string(Call().message()),
              HasSubstr("says that it is test.odd 9.9.9, its manifest says test.odd 1.2.0"));
}

TEST_F(PluginProcessTest, AConnectorThatIsNotInstalledIsToldAtOnceAndWhenItIsUsed) {
  Make("odd", "");
  SystemConfig config = Config("");
  config.connector = "test.od@1";
  const absl::Status status = router_->Reconfigure({config});
  EXPECT_EQ(status.message(), "odd: unknown connector \"test.od\"; did you mean \"test.odd\"?");
  EXPECT_THAT(std::string(Call().message()), HasSubstr("unknown connector \"test.od\""));
  EXPECT_EQ(Status().state, PluginState::kHalted);
  ASSERT_TRUE(router_->Reconfigure({Config("")}).ok());
  EXPECT_TRUE(Call().ok());
}

TEST_F(PluginProcessTest, ACrashLoopHaltsVisiblyUntilSomebodyStartsItAgain) {
  Make("odd.crash", "");
  EXPECT_EQ(Call().code(), absl::StatusCode::kUnavailable);
  const PluginStatus status = AwaitState(PluginState::kHalted);
  EXPECT_EQ(status.restarts, 5);
  EXPECT_EQ(status.last_end.kind, EndKind::kSignal);
  EXPECT_EQ(status.last_end.number, SIGABRT);
  EXPECT_THAT(status.message, HasSubstr("ended by signal 6 (Aborted) for the 5th time in 10m; it is halted"));
  EXPECT_EQ(status.pid, 0);
  EXPECT_THAT(std::string(Call().message()), HasSubstr("it is halted")) << "a call fails at once";
  EXPECT_EQ(Status().restarts, 5);
  ASSERT_TRUE(router_->StartSystem("odd").ok());
  AwaitStatus([](const PluginStatus& s) { return s.restarts > 5 && s.state == PluginState::kHalted; });
  EXPECT_EQ(Status().restarts, 10);
}

TEST_F(PluginProcessTest, AnExitCodeIsToldAsOne) {
  Make("odd.exit", "");
  EXPECT_THAT(std::string(Call().message()), HasSubstr("ended by itself with exit code 3"));
}

TEST_F(PluginProcessTest, APluginThatSaysNothingAtTheStartIsKilledAtItsDeadline) {
  Make("odd.silent", "");
  EXPECT_THAT(std::string(Call().message()), HasSubstr("was not ready 400ms after its start"));
  EXPECT_EQ(Status().last_end.kind, EndKind::kStartDeadline);
}

TEST_F(PluginProcessTest, StartingExtendsTheDeadline) {
  Make("odd.slow", "");
  EXPECT_EQ(Call(), absl::OkStatus());
}

TEST_F(PluginProcessTest, GarbageOnTheControlDescriptorIsABadHandshake) {
  Make("odd.garbage", "");
  EXPECT_THAT(std::string(Call().message()), HasSubstr("at most 65536 are taken"));
  EXPECT_EQ(Status().last_end.kind, EndKind::kBadHandshake);
}

TEST_F(PluginProcessTest, GarbageInTheLogsHurtsNobody) {
  Make("odd.noise", "");
  EXPECT_EQ(Call(), absl::OkStatus());
  const auto has_dropped = [](const PluginStatus& s) {
    return absl::StrJoin(s.last_lines, "\n").find("\xef\xbf\xbd") == std::string::npos && s.last_lines.size() == 50;
  };
  AwaitStatus(has_dropped);
  for (const std::string& line : Status().last_lines) {
    EXPECT_LE(line.size(), 520u);
    EXPECT_EQ(line.find('\x1b'), std::string::npos);
  }
}

TEST_F(PluginProcessTest, AHangIsNoticedAndThePluginIsReplaced) {
  Make("odd", "");
  ASSERT_TRUE(Call().ok());
  const int pid = Status().pid;
  ASSERT_EQ(kill(pid, SIGSTOP), 0);
  const PluginStatus status =
      AwaitStatus([](const PluginStatus& s) { return s.restarts == 1 && s.state == PluginState::kReady; });
  EXPECT_EQ(status.last_end.kind, EndKind::kHang);
  EXPECT_THAT(status.last_end.text, HasSubstr("gave no answer to 3 health calls in a row"));
  EXPECT_NE(status.pid, pid);
  EXPECT_FALSE(Exists(pid));
}

TEST_F(PluginProcessTest, ACallFailsAtOnceWhenThePluginDiesInIt) {
  Make("odd", "dies in call");
  absl::Notification done;
  router_->Find("odd")->Test([&](const absl::StatusOr<engine::TestReport>& report) {
    EXPECT_EQ(report.status().code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(report.status().message(), "odd: the plugin went away in the middle of the call");
    done.Notify();
  });
  ASSERT_TRUE(done.WaitForNotificationWithTimeout(kPatience));
}

TEST_F(PluginProcessTest, SettingsThatAreNotTakenHaltIt) {
  Make("odd", "wrong");
  EXPECT_THAT(std::string(Call().message()),
              HasSubstr("could not open its system: settings.behaviour: ODD-1 it cannot be wrong"));
  EXPECT_EQ(Status().state, PluginState::kHalted);
  EXPECT_EQ(Status().last_end.kind, EndKind::kOpenFailed);
}

TEST_F(PluginProcessTest, StopDrainsFirst) {
  Make("odd", "");
  ASSERT_TRUE(Call().ok());
  const int pid = Status().pid;
  router_->Stop();
  EXPECT_EQ(Status().state, PluginState::kStopped);
  EXPECT_FALSE(Exists(pid));
  EXPECT_THAT(Status().last_lines, Contains("info: drained"));
  EXPECT_EQ(Status().restarts, 0) << "it was asked to";
}

TEST_F(PluginProcessTest, StopKillsWhatIgnoresEverything) {
  Make("odd", "stubborn");
  ASSERT_TRUE(Call().ok());
  const int pid = Status().pid;
  router_->Stop();
  EXPECT_FALSE(Exists(pid));
}

TEST_F(PluginProcessTest, WhatAPluginForkedGoesWithIt) {
  Make("odd", "forks");
  ASSERT_TRUE(Call().ok());
  const int pid = Status().pid;
  EXPECT_EQ(LivingInSession(pid), 2);
  router_->Stop();
  EXPECT_EQ(LivingAtLast(pid), 0);
}

TEST_F(PluginProcessTest, ASecretInTheLogsIsTakenOut) {
  Make("odd", "");
  SystemConfig config = Config("tells secret");
  config.secrets["token"] = "hunter2-hunter2";
  ASSERT_TRUE(router_->Reconfigure({config}).ok());
  ASSERT_TRUE(Call().ok());
  AwaitStatus([](const PluginStatus& s) { return !s.last_lines.empty(); });
  EXPECT_THAT(Status().last_lines, Contains("warning: token is ***"));
}

class RotationTest : public PluginProcessTest {
 protected:
  void MakeRotating(const std::string& behaviour, Supervisor::SecretSink sink) {
    Make("odd", "", std::move(sink));
    SystemConfig config = Config(behaviour);
    config.secrets["token"] = "stale";
    ASSERT_TRUE(router_->Reconfigure({config}).ok());
    ASSERT_TRUE(Call().ok());
  }
  void AwaitLine(const std::string& line) {
    AwaitStatus(
        [&](const PluginStatus& s) { return absl::StrJoin(s.last_lines, "\n").find(line) != std::string::npos; });
  }
};

TEST_F(RotationTest, ANewSecretIsAcknowledgedWhenStoredAndNotBefore) {
  struct Told {  // Shared: the second process tells it again, and may do so while the test ends.
    absl::Mutex mutex;
    Supervisor::Stored store;
  };
  const auto told = std::make_shared<Told>();
  MakeRotating("rotates", [told](const SecretRotation& rotation, Supervisor::Stored stored) {
    EXPECT_EQ(rotation.system, "odd");
    EXPECT_EQ(rotation.name, "token");
    EXPECT_EQ(rotation.value, "fresh");
    EXPECT_EQ(rotation.replaces_version, 1u);
    absl::MutexLock lock(&told->mutex);
    told->store = std::move(stored);
  });
  Supervisor::Stored store;
  {
    absl::MutexLock lock(&told->mutex);
    told->mutex.Await(absl::Condition(
        +[](Supervisor::Stored* s) { return *s != nullptr; }, &told->store));
    store = told->store;
  }
  ASSERT_TRUE(Call().ok());
  for (const std::string& line : Status().last_lines) EXPECT_THAT(line, Not(HasSubstr("acknowledged")));
  store(SystemConfig::SecretHistory{7, "stale"});
  AwaitLine("acknowledged e1 at opening 1");
  // The process has it; the next one is opened with it. A change of the configuration that says the same changes
  // nothing.
  const int pid = Status().pid;
  SystemConfig same = Config("rotates");
  same.secrets["token"] = "fresh";
  same.secret_history["token"] = {7, "stale"};
  ASSERT_TRUE(router_->Reconfigure({same}).ok());
  ASSERT_TRUE(Call().ok());
  EXPECT_EQ(Status().pid, pid);
  ASSERT_EQ(kill(pid, SIGKILL), 0);
  AwaitLine("opened with version 7, one before");
}

TEST_F(RotationTest, AnEventThatNobodyAcknowledgedComesAgainWhenTheStreamIsOpenedAgain) {
  const auto told = std::make_shared<std::atomic<int>>(0);
  MakeRotating("rotates and breaks", [told](const SecretRotation&, Supervisor::Stored stored) {
    if (++*told == 2) stored(SystemConfig::SecretHistory{7, "stale"});
  });
  AwaitLine("acknowledged e1 at opening 2");
  EXPECT_EQ(*told, 2);
}

TEST_F(RotationTest, NobodyRotatesTheSecretOfAnotherSystem) {
  MakeRotating("rotates another's", [](const SecretRotation&, Supervisor::Stored) { ADD_FAILURE(); });
  AwaitLine("not understood e1");
}

TEST_F(PluginProcessTest, TheSchemaOfSettingsIsKnownWithoutASystem) {
  Make("odd", "");
  auto schema = router_->FindConfigSchema("test.odd@1");
  ASSERT_TRUE(schema.ok()) << schema.status();
  ASSERT_EQ(schema->settings.size(), 2u);
  EXPECT_EQ(schema->settings[0].name, "behaviour");
  EXPECT_TRUE(schema->settings[1].secret);
  EXPECT_EQ(Status().pid, 0) << "the system's own process was not needed";
  auto problems = router_->CheckSystem(Config("wrong"));
  ASSERT_TRUE(problems.ok()) << problems.status();
  ASSERT_EQ(problems->size(), 1u);
  EXPECT_THAT((*problems)[0].path, ElementsAre("settings", "behaviour"));
  EXPECT_EQ((*problems)[0].message, "ODD-1 it cannot be wrong");
  EXPECT_TRUE(router_->CheckSystem(Config("good"))->empty());
  EXPECT_EQ(router_->FindConfigSchema("test.even@1").status().code(), absl::StatusCode::kNotFound);
}

// Starts a small host, kills it with SIGKILL, and waits for its plugin to be gone.
class HostDeathTest : public PluginProcessTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(HostDeathTest, AKilledHostLeavesNoProcessBehind) {
  InstallOdd(root_.path(), "odd");
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  base::FileDescriptor read_end(ends[0]), write_end(ends[1]);
  base::SpawnOptions spawn;
  spawn.executable = BinaryDirectory() + "/bin/sluice_host_that_dies";
  spawn.arguments = {root_.path(), "test.odd@1", GetParam()};
  spawn.descriptors = {-1, write_end.get(), -1};
  auto host = base::Subprocess::Spawn(spawn);
  ASSERT_TRUE(host.ok()) << host.status();
  write_end.Close();
  char text[32] = {};
  ASSERT_GT(read(read_end.get(), text, sizeof text - 1), 0);
  const int pid = atoi(text);
  ASSERT_GT(pid, 0);
  ASSERT_TRUE(Exists(pid));
  EXPECT_TRUE((*host)->Signal(SIGKILL));
  EXPECT_TRUE((*host)->WaitForEnd(kPatience).has_value());
  EXPECT_EQ(LivingAtLast(pid), 0);
}

INSTANTIATE_TEST_SUITE_P(WhateverThePluginDoes, HostDeathTest, ::testing::Values("idle", "stubborn"));

}  // namespace
}  // namespace sluice::plugin
