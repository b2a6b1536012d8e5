// Imports and operations against a real process that gets them wrong.
#include <gmock/gmock.h>

#include <algorithm>

#include "absl/synchronization/notification.h"
#include "host/plugin/router.h"
#include "host/plugin/testing/packages.h"

namespace sluice::plugin {
namespace {

using core::Value;
using ::testing::HasSubstr;

constexpr absl::Duration kPatience = absl::Seconds(20);

class CountingSink final : public engine::ImportSink {
 public:
  void OnRecords(std::vector<core::Record> records) override { count += records.size(); }
  void OnWarning(const std::string& message) override { warnings.push_back(message); }
  void OnProgress(const engine::Progress&) override {}
  void OnEnd(absl::Status s, std::vector<std::pair<std::string, std::string>> sc,
             std::vector<core::ClassState> st) override {
    status = std::move(s);
    scopes = std::move(sc);
    states = std::move(st);
    done.Notify();
  }
  size_t count = 0;
  std::vector<std::string> warnings;
  absl::Status status;
  std::vector<std::pair<std::string, std::string>> scopes;
  std::vector<core::ClassState> states;
  absl::Notification done;
};

class CollectingSink final : public engine::ApplySink {
 public:
  void OnResults(std::vector<engine::TargetResult> r) override {
    absl::MutexLock lock(&mutex);
    results.insert(results.end(), r.begin(), r.end());
  }
  void OnClosed(absl::Status s) override {
    status = std::move(s);
    done.Notify();
  }
  size_t size() {
    absl::MutexLock lock(&mutex);
    return results.size();
  }
  absl::Mutex mutex;
  std::vector<engine::TargetResult> results;
  absl::Status status;
  absl::Notification done;
};

class PluginStreamsTest : public ::testing::Test {
 protected:
  void Make(const std::string& behaviour) {
    InstallOdd(root_.path(), "odd");
    RouterOptions options;
    options.plugin_directories = {root_.path()};
    options.limits.idle = absl::Milliseconds(500);
    options.supervisor.process.refusal_patience = absl::Milliseconds(100);
    options.supervisor.exit_patience = absl::Milliseconds(300);
    options.supervisor.backoff = {.first = absl::Minutes(1), .most = absl::Minutes(1)};
    router_ = std::make_unique<Router>(options, clock_.get());
    SystemConfig config;
    config.name = "odd";
    config.connector = "test.odd@1";
    config.settings["behaviour"] = Value::Text(behaviour);
    config.mode = SystemConfig::Mode::kReadWrite;
    ASSERT_TRUE(router_->Reconfigure({config}).ok());
  }
  std::shared_ptr<CountingSink> Import(const std::string& behaviour) {
    Make(behaviour);
    auto sink = std::make_shared<CountingSink>();
    engine::ReadPlan plan;
    plan.classes = {{"person", {"name"}}};
    plan.as_of = absl::CivilDay(2026, 11, 24);
    router_->Find("odd")->Import(plan, sink);
    EXPECT_TRUE(sink->done.WaitForNotificationWithTimeout(kPatience));
    return sink;
  }
  std::string ImportError(const std::string& behaviour) {
    auto sink = Import(behaviour);
    EXPECT_TRUE(sink->scopes.empty() && sink->states.empty()) << "nothing of a refused import is complete";
    EXPECT_FALSE(sink->status.ok());
    router_.reset();
    std::filesystem::remove_all(root_.path() + "/odd");
    return std::string(sink->status.message());
  }
  std::shared_ptr<CollectingSink> Apply(const std::string& behaviour, int count) {
    Make(behaviour);
    auto sink = std::make_shared<CollectingSink>();
    auto stream = router_->Find("odd")->Apply("run-1", sink);
    std::vector<engine::TargetOperation> operations;
    for (int i = 0; i < count; ++i) operations.push_back(Operation(absl::StrCat("op-", i)));
    stream->Send(std::move(operations));
    stream->Flush();
    stream->Close();
    EXPECT_TRUE(sink->done.WaitForNotificationWithTimeout(kPatience));
    return sink;
  }
  static engine::TargetOperation Operation(const std::string& id) {
    engine::TargetOperation operation;
    operation.id = id;
    operation.action = engine::Action::kUpdate;
    operation.object_class = "account";
    operation.deltas.resize(1);
    operation.deltas[0].attribute = "sn";
    operation.deltas[0].value = Value::Text("Zwaluw");
    return operation;
  }

  base::TemporaryFolder root_;
  std::unique_ptr<base::Clock> clock_ = base::SystemClock();
  std::unique_ptr<Router> router_;
};

TEST_F(PluginStreamsTest, AWholeImportArrives) {
  auto sink = Import("");
  EXPECT_EQ(sink->status, absl::OkStatus());
  EXPECT_EQ(sink->count, 300u);
  ASSERT_EQ(sink->states.size(), 1u);
  EXPECT_EQ(sink->states[0].records, 300);
  EXPECT_EQ(sink->states[0].completeness, core::Completeness::kComplete);
  ASSERT_EQ(sink->scopes.size(), 1u);
  EXPECT_EQ(sink->scopes[0].first, "a");
}

TEST_F(PluginStreamsTest, ManyMegabytesArriveInBatchesUnderTheLimit) {
  auto sink = Import("many");
  EXPECT_EQ(sink->status, absl::OkStatus());
  EXPECT_EQ(sink->count, 6300u);
}

TEST_F(PluginStreamsTest, AHalfImportIsRefusedWithOneClearLine) {
  EXPECT_EQ(ImportError("no end"),
            "odd: the import is refused: the plugin ended it without an end, so what it sent is not all");
  EXPECT_EQ(
      ImportError("counts"),
      "odd: the import is refused: 299 records of class \"person\" of scope \"a\" were sent, says its end; 300 came");
  EXPECT_EQ(ImportError("unknown class"), "odd: the import is refused: it speaks of class number 7, its schema has 1");
  EXPECT_EQ(ImportError("dies"), "odd: the plugin went away in the middle of the call");
}

TEST_F(PluginStreamsTest, ARecordOverTheMessageLimitRefusesTheImport) {
  EXPECT_THAT(ImportError("large record"), HasSubstr("odd: the plugin sent a message over the limit of 4 MiB"));
}

TEST_F(PluginStreamsTest, AnImportThatSaysNothingIsCancelled) {
  EXPECT_EQ(ImportError("silent"), "odd: the import is refused: the plugin said nothing for 500ms");
  EXPECT_EQ(ImportError("hangs"), "odd: the import is refused: the plugin said nothing for 500ms");
}

TEST_F(PluginStreamsTest, AnImportCanBeCancelled) {
  Make("silent");
  auto sink = std::make_shared<CountingSink>();
  router_->Find("odd")->Import(engine::ReadPlan{}, sink);
  router_->Find("odd")->Cancel();
  ASSERT_TRUE(sink->done.WaitForNotificationWithTimeout(kPatience));
  EXPECT_EQ(sink->status.code(), absl::StatusCode::kCancelled);
}

TEST_F(PluginStreamsTest, EveryOperationGetsItsResult) {
  auto sink = Apply("", 1000);
  EXPECT_EQ(sink->status, absl::OkStatus());
  ASSERT_EQ(sink->results.size(), 1000u);
  EXPECT_EQ(sink->results[999].operation_id, "op-999");
  EXPECT_EQ(sink->results[999].object_id, "guid-op-999");
  EXPECT_EQ(sink->results[999].outcome, engine::Outcome::kApplied);
}

TEST_F(PluginStreamsTest, AResultThatNobodyAskedForEndsTheStream) {
  auto sink = Apply("apply unknown", 3);
  EXPECT_THAT(std::string(sink->status.message()),
              HasSubstr("odd: the plugin gave a result for an operation that it was not sent"));
  EXPECT_TRUE(sink->results.empty()) << "all three are in doubt";
}

TEST_F(PluginStreamsTest, ASecondResultEndsTheStream) {
  auto sink = Apply("apply twice", 3);
  EXPECT_THAT(std::string(sink->status.message()),
              HasSubstr("odd: the plugin gave a second result for operation op-0"));
  ASSERT_EQ(sink->results.size(), 1u);
  EXPECT_EQ(sink->results[0].operation_id, "op-0");
}

TEST_F(PluginStreamsTest, OperationsWithoutAResultAreNeverSilentlyDone) {
  auto sink = Apply("apply forgets", 3);
  EXPECT_THAT(std::string(sink->status.message()), HasSubstr("ended the stream with 3 operations without a result"));
  EXPECT_TRUE(sink->results.empty());
}

TEST_F(PluginStreamsTest, AStreamThatBreaksIsNotOk) {
  auto sink = Apply("apply dies", 1);
  EXPECT_EQ(sink->status.code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(sink->results.empty());
}

TEST_F(PluginStreamsTest, AStreamThatSaysNothingIsCancelled) {
  auto sink = Apply("apply silent", 1);
  EXPECT_THAT(std::string(sink->status.message()),
              HasSubstr("the plugin said nothing for 500ms with operations under way"));
}

TEST_F(PluginStreamsTest, WhatWasNeverSentIsNotInDoubt) {
  Make("wrong");  // Does not open.
  auto sink = std::make_shared<CollectingSink>();
  auto stream = router_->Find("odd")->Apply("run-1", sink);
  stream->Send({Operation("op-1")});
  ASSERT_TRUE(sink->done.WaitForNotificationWithTimeout(kPatience));
  EXPECT_EQ(sink->status.code(), absl::StatusCode::kUnavailable);
  ASSERT_EQ(sink->results.size(), 1u);
  EXPECT_EQ(sink->results[0].outcome, engine::Outcome::kFailed);
  EXPECT_EQ(sink->results[0].failure.reason, engine::Reason::kUnavailable);
}

TEST_F(PluginStreamsTest, AnOperationOverTheLimitFailsAloneAndUnsent) {
  Make("");
  auto sink = std::make_shared<CollectingSink>();
  auto stream = router_->Find("odd")->Apply("run-1", sink);
  engine::TargetOperation large = Operation("large");
  large.deltas[0].value = Value::Text(std::string(5 << 20, 'x'));
  stream->Send({large, Operation("small")});
  stream->Close();
  ASSERT_TRUE(sink->done.WaitForNotificationWithTimeout(kPatience));
  EXPECT_EQ(sink->status, absl::OkStatus());
  ASSERT_EQ(sink->results.size(), 2u);
  for (const engine::TargetResult& result : sink->results) {
    EXPECT_EQ(result.outcome, result.operation_id == "large" ? engine::Outcome::kFailed : engine::Outcome::kApplied);
  }
}

TEST_F(PluginStreamsTest, VerifyAnswersForEachOperation) {
  Make("");
  absl::Notification done;
  router_->Find("odd")->Verify({Operation("op-1"), Operation("op-2")},
                               [&](const absl::StatusOr<std::vector<engine::Verdict>>& verdicts) {
                                 ASSERT_TRUE(verdicts.ok());
                                 ASSERT_EQ(verdicts->size(), 2u);
                                 EXPECT_EQ((*verdicts)[1].operation_id, "op-2");
                                 EXPECT_EQ((*verdicts)[1].state, engine::Verdict::State::kNotDone);
                                 done.Notify();
                               });
  ASSERT_TRUE(done.WaitForNotificationWithTimeout(kPatience));
}

TEST_F(PluginStreamsTest, ARouterGoesWithCallsUnderWay) {
  Make("silent");
  auto sink = std::make_shared<CountingSink>();
  router_->Find("odd")->Import(engine::ReadPlan{}, sink);
  router_.reset();
  ASSERT_TRUE(sink->done.HasBeenNotified());
  EXPECT_FALSE(sink->status.ok());
}

}  // namespace
}  // namespace sluice::plugin
