#include <gmock/gmock.h>

#include "sdk/cpp/src/apply_call.h"
#include "sdk/cpp/src/runtime_fixture.h"

namespace sluice::connector {
namespace {

TEST_F(RuntimeTest, EveryOperationHasOneAnswer) {
  ASSERT_TRUE(Open("plain").ok());
  Stream stream(*writer_);
  std::vector<v1::Operation> operations;
  for (int i = 0; i < 500; ++i) operations.push_back(OperationOf(absl::StrCat("op", i), absl::StrCat("a", i)));
  stream.Send(operations);
  ASSERT_TRUE(stream.Close().ok());
  EXPECT_EQ(stream.left(), 500u);
  EXPECT_EQ(script_.Applied(), 500);
}

TEST_F(RuntimeTest, WhatASessionAnswersAtOnceGoesTogether) {
  ASSERT_TRUE(Open("at once").ok());
  Stream stream(*writer_);
  std::vector<v1::Operation> operations;
  for (int i = 0; i < 60; ++i) operations.push_back(OperationOf(absl::StrCat("op", i)));
  stream.Send(operations);
  ASSERT_TRUE(stream.Close().ok());
  EXPECT_EQ(stream.left(), 60u);
  EXPECT_LT(stream.messages(), 30u) << "one, where the machine is not too slow";
}

TEST_F(RuntimeTest, MessagesThatComeWhileOneIsHandledKeepTheirOrder) {
  ASSERT_TRUE(Open("at once").ok());
  Stream stream(*writer_);
  for (int i = 0; i < 50; ++i) stream.Send({OperationOf(absl::StrCat("op", i))});
  for (int i = 0; i < 50; ++i) ASSERT_EQ(stream.Next().operation(), absl::StrCat("op", i));
  ASSERT_TRUE(stream.Close().ok());
}

TEST_F(RuntimeTest, ReadOnlyRefusesApply) {
  ASSERT_TRUE(Open("plain", 3, true).ok());
  Stream stream(*writer_);
  EXPECT_EQ(wire::ErrorFromStatus(stream.Close()).reason(), v1::REASON_UNSUPPORTED);
  EXPECT_EQ(script_.Applied(), 0);
  Stream unknown(*writer_, "nobody");
  EXPECT_EQ(wire::ErrorFromStatus(unknown.Close()).reason(), v1::REASON_INVALID);
}

TEST_F(RuntimeTest, ARepeatedOperationIsAnsweredWithoutBeingCarriedOut) {
  ASSERT_TRUE(Open("plain").ok());
  Stream first(*writer_);
  first.Send({OperationOf("op1")});
  EXPECT_EQ(first.Next().object_id(), "id-op1");
  ASSERT_TRUE(first.Close().ok());
  Stream second(*writer_);
  second.Send({OperationOf("op1")});
  EXPECT_EQ(second.Next().object_id(), "id-op1");
  second.Send({OperationOf("op1", "a1", 2)});
  EXPECT_EQ(second.Next().outcome(), v1::OperationResult::APPLIED);
  EXPECT_EQ(script_.Applied(), 1);
  second.Send({OperationOf("op1", "another")});
  const auto result = second.Next();
  EXPECT_EQ(result.outcome(), v1::OperationResult::FAILED);
  EXPECT_EQ(result.error().reason(), v1::REASON_INVALID);
  EXPECT_EQ(script_.Applied(), 1);
  ASSERT_TRUE(second.Close().ok());
}

TEST_F(RuntimeTest, AfterATakenNameTheNextNameMayComeWithTheSameId) {
  ASSERT_TRUE(Open("plain").ok());
  Stream stream(*writer_);
  stream.Send({OperationOf("op1", "taken")});
  auto result = stream.Next();
  EXPECT_EQ(result.error().reason(), v1::REASON_ALREADY_EXISTS);
  EXPECT_EQ(result.error().taken(0).attribute(), "login");
  stream.Send({OperationOf("op1", "free", 2)});
  EXPECT_EQ(stream.Next().outcome(), v1::OperationResult::APPLIED);
  ASSERT_TRUE(stream.Close().ok());
}

TEST_F(RuntimeTest, AnOperationOfABrokenStreamIsAnsweredOnTheNext) {
  ASSERT_TRUE(Open("plain").ok());
  script_.Gate(false);
  Stream broken(*writer_);
  broken.Send({OperationOf("op1")});
  while (runtime_->state().UnfinishedOperations().empty()) absl::SleepFor(absl::Milliseconds(1));
  broken.Abandon();
  Stream next(*writer_);
  next.Send({OperationOf("op1")});
  script_.Gate(true);
  EXPECT_EQ(next.Next().object_id(), "id-op1");
  EXPECT_EQ(script_.Applied(), 1);
  ASSERT_TRUE(next.Close().ok());
}

TEST_F(RuntimeTest, AThrownExceptionLeavesTheOperationInDoubt) {
  ASSERT_TRUE(Open("plain").ok());
  Stream stream(*writer_);
  stream.Send({OperationOf("op1", "throws")});
  const auto result = stream.Next();
  EXPECT_EQ(result.outcome(), v1::OperationResult::IN_DOUBT);
  EXPECT_EQ(result.error().reason(), v1::REASON_BUG);
  ASSERT_TRUE(stream.Close().ok());
}

TEST_F(RuntimeTest, AQueuedOperationCanBeCancelledAndAnInvalidOneIsRefused) {
  ASSERT_TRUE(Open("plain").ok());
  script_.Gate(false);
  Stream stream(*writer_);
  std::vector<v1::Operation> operations;
  for (int i = 0; i < 6; ++i) operations.push_back(OperationOf(absl::StrCat("op", i), absl::StrCat("a", i)));
  stream.Send(operations);
  stream.CancelOperation("op5");
  auto result = stream.Next();
  EXPECT_EQ(result.operation(), "op5");
  EXPECT_EQ(result.error().reason(), v1::REASON_CANCELLED);
  v1::Operation invalid = OperationOf("bad");
  invalid.mutable_deltas(0)->clear_replace();
  stream.Send({invalid});
  result = stream.Next();
  EXPECT_EQ(result.operation(), "bad");
  EXPECT_EQ(result.error().reason(), v1::REASON_INVALID);
  script_.Gate(true);
  ASSERT_TRUE(stream.Close().ok());
  EXPECT_EQ(stream.left(), 5u);
  EXPECT_EQ(script_.Applied(), 5);
}

// The author does not come back in time, and does in the end.
class LateTest : public RuntimeTest {
 protected:
  static v1::Operation Late(const std::string& id, uint32_t attempt = 1, const std::string& login = "new") {
    v1::Operation operation = OperationOf(id, "late", attempt);
    operation.mutable_timeout()->set_nanos(50'000'000);
    operation.mutable_deltas(0)->mutable_replace()->set_text(login);
    return operation;
  }
  v1::VerifyReply::State VerdictOf(const v1::Operation& operation) {
    v1::VerifyRequest request;
    request.set_system("sys");
    *request.add_operations() = operation;
    grpc::ClientContext context;
    Within(context);
    v1::VerifyReply reply;
    EXPECT_TRUE(writer_->Verify(&context, request, &reply).ok());
    return reply.verdicts(0).state();
  }
  void LetGo() {
    absl::MutexLock lock(&script_.mutex);
    script_.holds_late = false;
  }
  void TearDown() override { LetGo(); }
};

TEST_F(LateTest, AnOperationThatTakesLongerThanItsTimeoutIsInDoubtAndHoldsUpNoOther) {
  ASSERT_TRUE(Open("plain").ok());
  Stream stream(*writer_);
  std::vector<v1::Operation> operations;
  for (int i = 0; i < 6; ++i) operations.push_back(Late(absl::StrCat("late", i)));  // More than there are threads.
  operations.push_back(OperationOf("quick"));
  stream.Send(operations);
  for (size_t i = 0; i < operations.size(); ++i) {
    const auto result = stream.Next();
    const bool is_quick = result.operation() == "quick";
    EXPECT_EQ(result.outcome(), is_quick ? v1::OperationResult::APPLIED : v1::OperationResult::IN_DOUBT);
    EXPECT_EQ(result.error().reason(), is_quick ? v1::REASON_UNSPECIFIED : v1::REASON_TRANSIENT) << result.operation();
  }
  EXPECT_TRUE(stream.Close().ok()) << "the stream ends although six threads are not back";
  LetGo();
  absl::MutexLock lock(&script_.mutex);
  const auto all_back = [](Script* script) { return script->applied == 7; };
  EXPECT_TRUE(script_.mutex.AwaitWithTimeout(absl::Condition(+all_back, &script_), absl::Seconds(20)));
  EXPECT_TRUE(script_.was_cancelled) << "the author was told";
}

TEST_F(LateTest, NothingIsSaidToBeNotDoneAndNothingIsDoneAgainWhileTheAuthorIsStillAtIt) {
  ASSERT_TRUE(Open("plain").ok());
  Stream stream(*writer_);
  stream.Send({Late("late")});
  EXPECT_EQ(stream.Next().outcome(), v1::OperationResult::IN_DOUBT);
  EXPECT_EQ(VerdictOf(Late("late")), v1::VerifyReply::TOO_EARLY) << "it reads as not done, and may be done yet";
  stream.Send({Late("late", 2)});
  EXPECT_EQ(stream.Next().outcome(), v1::OperationResult::IN_DOUBT);
  EXPECT_EQ(script_.Applied(), 0) << "the second attempt was not begun beside the first";
  LetGo();
  while (VerdictOf(Late("late")) == v1::VerifyReply::TOO_EARLY) absl::SleepFor(absl::Milliseconds(5));
  stream.Send({Late("late", 3, "another name")});
  EXPECT_EQ(stream.Next().outcome(), v1::OperationResult::APPLIED);
  EXPECT_EQ(script_.Applied(), 2);
  ASSERT_TRUE(stream.Close().ok());
}

TEST_F(RuntimeTest, PreviewAndVerifyReadAndCompare) {
  ASSERT_TRUE(Open("plain", 3, true).ok());
  v1::PreviewRequest request;
  request.set_system("sys");
  *request.add_operations() = OperationOf("changes");
  *request.add_operations() = OperationOf("same");
  request.mutable_operations(1)->mutable_deltas(0)->mutable_replace()->set_text("old");
  *request.add_operations() = OperationOf("missing", "gone");
  *request.add_operations() = OperationOf("deleted", "gone");
  request.mutable_operations(3)->set_action(v1::ACTION_DELETE);
  grpc::ClientContext context;
  Within(context);
  v1::PreviewReply reply;
  ASSERT_TRUE(writer_->Preview(&context, request, &reply).ok());
  ASSERT_EQ(reply.results_size(), 4);
  EXPECT_EQ(reply.results(0).outcome(), v1::OperationResult::APPLIED);
  EXPECT_EQ(reply.results(0).changes(0).before().text(), "old");
  EXPECT_EQ(reply.results(0).changes(0).after().text(), "new");
  EXPECT_EQ(reply.results(1).outcome(), v1::OperationResult::NO_CHANGE);
  EXPECT_EQ(reply.results(2).error().reason(), v1::REASON_NOT_FOUND);
  EXPECT_EQ(reply.results(3).outcome(), v1::OperationResult::NO_CHANGE);

  v1::VerifyRequest verify;
  verify.set_system("sys");
  *verify.mutable_operations() = request.operations();
  grpc::ClientContext verify_context;
  Within(verify_context);
  v1::VerifyReply verdicts;
  ASSERT_TRUE(writer_->Verify(&verify_context, verify, &verdicts).ok());
  ASSERT_EQ(verdicts.verdicts_size(), 4);
  EXPECT_EQ(verdicts.verdicts(0).state(), v1::VerifyReply::NOT_DONE);
  EXPECT_EQ(verdicts.verdicts(1).state(), v1::VerifyReply::DONE);
  EXPECT_EQ(verdicts.verdicts(3).state(), v1::VerifyReply::DONE);
  EXPECT_EQ(script_.Applied(), 0);
}

TEST_F(RuntimeTest, DrainTakesNoNewWorkAndNamesWhatIsUnfinished) {
  ASSERT_TRUE(Open("plain").ok());
  script_.Gate(false);
  Stream stream(*writer_);
  stream.Send({OperationOf("op1")});
  while (runtime_->state().UnfinishedOperations().empty()) absl::SleepFor(absl::Milliseconds(1));
  v1::DrainRequest request;
  request.mutable_patience()->set_nanos(50'000'000);
  grpc::ClientContext context;
  Within(context);
  v1::DrainReply reply;
  ASSERT_TRUE(plugin_->Drain(&context, request, &reply).ok());
  ASSERT_EQ(reply.unfinished_operations_size(), 1);
  EXPECT_EQ(reply.unfinished_operations(0), "op1");
  stream.Send({OperationOf("op2")});
  auto result = stream.Next();
  EXPECT_EQ(result.operation(), "op2");
  EXPECT_EQ(result.error().reason(), v1::REASON_UNAVAILABLE);
  script_.Gate(true);
  EXPECT_EQ(stream.Next().operation(), "op1");
  EXPECT_TRUE(stream.Close().ok());
  EXPECT_TRUE(runtime_->state().AwaitDrained(absl::Seconds(20)));
  std::vector<v1::ImportFrame> frames;
  EXPECT_EQ(wire::ErrorFromStatus(Import(&frames)).reason(), v1::REASON_UNAVAILABLE);
}

}  // namespace
}  // namespace sluice::connector
