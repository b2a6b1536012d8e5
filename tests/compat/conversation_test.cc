// Today's host speaks to a connector of an earlier day: one that answers with what was recorded then.
//
// With SLUICE_COMPAT_PACKAGES it speaks to that package instead: so the conversation is recorded.
#include <gmock/gmock.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "host/base/testing/temporary_folder.h"
#include "host/plugin/router.h"
#include "host/plugin/testing/sink.h"

namespace sluice::plugin {
namespace {

using core::Value;
using engine::Action;
using engine::Outcome;
using engine::TargetOperation;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr absl::Duration kPatience = absl::Seconds(30);

TargetOperation Make(const std::string& id, Action action, const std::string& object_class,
                     const std::string& object_id = "") {
  TargetOperation operation;
  operation.id = id;
  operation.action = action;
  operation.object_class = object_class;
  operation.object_id = object_id;
  return operation;
}

TargetOperation& With(TargetOperation& operation, const std::string& attribute, Value value, bool is_secret = false) {
  engine::Delta delta;
  delta.attribute = attribute;
  delta.value = std::move(value);
  delta.is_secret = is_secret;
  operation.deltas.push_back(std::move(delta));
  return operation;
}

class ConversationTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    // As long as conversation.py makes them: what was recorded holds it.
    folder_ = absl::StrCat("/tmp/sluice.compat.conv", getpid() % 9000 + 1000);
    std::filesystem::create_directories(folder_);
    RouterOptions options;
    const char* packages = getenv("SLUICE_COMPAT_PACKAGES");
    options.plugin_directories = {packages != nullptr ? packages : MakeReplay()};
    options.supervisor.process.start_deadline = absl::Seconds(20);
    options.supervisor.work_root = root_.path();
    router_ = std::make_unique<Router>(options, clock_.get());
    SystemConfig config;
    config.name = "bad";
    config.connector = "test.bad@1";
    config.settings["state"] = Value::Text(folder_ + "/state");
    config.settings["people"] = Value::Integer(3);
    config.settings["fault"] = Value::Text("test=fail:THROTTLED");
    config.secrets["password"] = "correct horse battery";
    config.mode = SystemConfig::Mode::kReadWrite;
    ASSERT_TRUE(router_->Reconfigure({config}).ok());
  }
  void TearDown() override {
    router_->Stop();
    router_.reset();
    std::filesystem::remove_all(folder_);
  }

  std::string MakeReplay() {
    const std::string source = absl::StrCat(getenv("SLUICE_SOURCE_DIR"), "/tests/compat");
    const std::string package = root_.path() + "/packages/test.bad";
    std::filesystem::create_directories(package);
    std::filesystem::copy(source + "/replay_connector.py", package + "/connector");
    std::filesystem::copy(absl::StrCat(source, "/recorded/", GetParam()), package + "/session");
    std::ofstream(package + "/compat") << source;
    std::ofstream(package + "/manifest.json")
        << R"({"schema":1,"name":"test.bad","version":"1.0.0","executable":"connector",)"
        << R"("kinds":["source","target"],"protocol":{"min":1,"max":1}})";
    return root_.path() + "/packages";
  }
  engine::Connector& Plugin() { return *router_->Find("bad"); }

  std::shared_ptr<Sink> Import(std::vector<engine::ReadClass> classes) {
    auto sink = std::make_shared<Sink>();
    engine::ReadPlan plan;
    plan.classes = std::move(classes);
    plan.as_of = absl::CivilDay(2026, 11, 24);
    Plugin().Import(plan, sink);
    EXPECT_TRUE(sink->done.WaitForNotificationWithTimeout(kPatience));
    EXPECT_EQ(sink->status, absl::OkStatus());
    return sink;
  }
  // One after the other, each on a stream of its own: several at once may come in any order.
  std::map<std::string, engine::TargetResult> Apply(const std::vector<TargetOperation>& operations) {
    std::map<std::string, engine::TargetResult> results;
    for (const TargetOperation& operation : operations) {
      auto sink = std::make_shared<Sink>();
      auto stream = Plugin().Apply("run-1", sink);
      stream->Send({operation});
      stream->Close();
      EXPECT_TRUE(sink->done.WaitForNotificationWithTimeout(kPatience));
      EXPECT_EQ(sink->status, absl::OkStatus());
      for (const engine::TargetResult& result : sink->results) results[result.operation_id] = result;
    }
    return results;
  }

  base::TemporaryFolder root_;
  std::string folder_;
  std::unique_ptr<base::Clock> clock_ = base::SystemClock();
  std::unique_ptr<Router> router_;
};

TEST_P(ConversationTest, AConnectorOfThatDayIsReadWrittenAndVerified) {
  absl::Notification tested;
  Plugin().Test([&](absl::StatusOr<engine::TestReport> report) {
    EXPECT_EQ(engine::FailureFromStatus(report.status()).reason, engine::Reason::kThrottled);
    tested.Notify();
  });
  ASSERT_TRUE(tested.WaitForNotificationWithTimeout(kPatience));

  absl::Notification described;
  Plugin().GetSchema([&](absl::StatusOr<engine::SystemSchema> schema) {
    ASSERT_TRUE(schema.ok()) << schema.status();
    ASSERT_EQ(schema->classes.size(), 5u);
    EXPECT_EQ(schema->classes[1].owner_attribute, "pupil");
    EXPECT_EQ(schema->classes[2].role, engine::ClassInfo::Role::kAccount);
    EXPECT_EQ(schema->classes[4].subject_class, "account");
    EXPECT_TRUE(schema->classes[4].grantable);
    EXPECT_TRUE(schema->classes[4].joins);
    described.Notify();
  });
  ASSERT_TRUE(described.WaitForNotificationWithTimeout(kPatience));

  auto people = Import({{"pupil", {"name", "born", "tags"}}, {"place", {"pupil", "department", "end"}}});
  ASSERT_EQ(people->records.size(), 6u);
  for (const core::Record& record : people->records) {
    if (record.id == "p-2") {
      EXPECT_EQ(record.attributes.at("name"), Value::Text("Person 2"));
      EXPECT_EQ(record.attributes.at("born"), Value::Date(absl::CivilDay(2010, 1, 3)));
      EXPECT_EQ(record.attributes.at("tags"), Value::ListOf({Value::Text("pupil"), Value::Text("year 3")}));
    }
    if (record.id == "c-2") {
      EXPECT_EQ(record.attributes.at("pupil"), Value::Ref(core::Reference{"pupil", "p-2"}));
      EXPECT_EQ(record.attributes.at("end"), Value::Empty());
    }
  }
  EXPECT_EQ(people->states.size(), 2u);

  TargetOperation noor = Make("op-noor", Action::kCreate, "account");
  With(With(noor, "login", Value::Text("noor")), "initial_password", Value::Text("Zq7-mild-Ruis"), true);
  noor.correlate = {{"number", Value::Text("104233")}};
  TargetOperation again = Make("op-again", Action::kCreate, "account");
  With(again, "login", Value::Text("NOOR"));
  TargetOperation group = Make("op-group", Action::kCreate, "group");
  With(group, "name", Value::Text("staff"));
  TargetOperation update = Make("op-update", Action::kUpdate, "account", "a-1");
  With(update, "display_name", Value::Text("Noor"));
  TargetOperation grant = Make("op-grant", Action::kGrant, "account", "a-1");
  grant.relation_class = "membership";
  grant.permission_id = "g-2";
  TargetOperation enable = Make("op-enable", Action::kEnable, "account", "a-1");
  TargetOperation gone = Make("op-gone", Action::kDelete, "account", "a-99");
  TargetOperation missing = Make("op-missing", Action::kUpdate, "account", "a-99");
  With(missing, "display_name", Value::Text("Nobody"));
  std::map<std::string, engine::TargetResult> written =
      Apply({noor, again, group, update, grant, enable, gone, missing});
  ASSERT_EQ(written.size(), 8u);
  EXPECT_EQ(written["op-noor"].outcome, Outcome::kApplied);
  EXPECT_EQ(written["op-noor"].object_id, "a-1");
  EXPECT_EQ(written["op-again"].failure.reason, engine::Reason::kAlreadyExists);
  ASSERT_EQ(written["op-again"].failure.taken.size(), 1u);
  EXPECT_EQ(written["op-again"].failure.taken[0].attribute, "login");
  EXPECT_EQ(written["op-group"].object_id, "g-2");
  ASSERT_EQ(written["op-update"].changes.size(), 1u);
  EXPECT_EQ(written["op-update"].changes[0].after, Value::Text("Noor"));
  EXPECT_EQ(written["op-grant"].outcome, Outcome::kApplied);
  EXPECT_EQ(written["op-enable"].outcome, Outcome::kApplied);
  EXPECT_EQ(written["op-gone"].outcome, Outcome::kNoChange);
  EXPECT_EQ(written["op-missing"].failure.reason, engine::Reason::kNotFound);

  absl::Notification verified;
  const TargetOperation never = Make("op-never", Action::kDisable, "account", "a-1");
  Plugin().Verify({update, grant, never, gone}, [&](absl::StatusOr<std::vector<engine::Verdict>> verdicts) {
    ASSERT_TRUE(verdicts.ok()) << verdicts.status();
    std::vector<engine::Verdict::State> states;
    for (const engine::Verdict& verdict : *verdicts) states.push_back(verdict.state);
    EXPECT_THAT(states, ElementsAre(engine::Verdict::State::kDone, engine::Verdict::State::kDone,
                                    engine::Verdict::State::kNotDone, engine::Verdict::State::kDone));
    verified.Notify();
  });
  ASSERT_TRUE(verified.WaitForNotificationWithTimeout(kPatience));

  auto held = Import(
      {{"account", {"login", "display_name", "enabled"}}, {"group", {"name"}}, {"membership", {"account", "group"}}});
  EXPECT_EQ(held->records.size(), 3u);
  router_->Stop();
  EXPECT_EQ(router_->Status().front().restarts, 0);
}

std::vector<std::string> Recorded() {
  if (getenv("SLUICE_COMPAT_PACKAGES") != nullptr) return {"the package that is recorded"};
  std::vector<std::string> names;
  const char* source = getenv("SLUICE_SOURCE_DIR");
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(
           absl::StrCat(source != nullptr ? source : ".", "/tests/compat/recorded"), error)) {
    if (entry.path().extension() == ".session") names.push_back(entry.path().filename());
  }
  return names;
}

INSTANTIATE_TEST_SUITE_P(Recorded, ConversationTest, ::testing::ValuesIn(Recorded()),
                         [](const auto& info) { return absl::StrCat("Session", info.index); });

}  // namespace
}  // namespace sluice::plugin
