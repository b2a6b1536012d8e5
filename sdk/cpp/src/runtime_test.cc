#include "sdk/cpp/src/runtime.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel_posix.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <deque>
#include <stdexcept>

#include "sdk/cpp/src/convert_values.h"
#include "sdk/wire/columns.h"
#include "sdk/wire/error.h"
#include "sluice/connector/serve.h"

namespace sluice::connector {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Everything that tests want to see or steer of the connector below.
struct Script {
  absl::Mutex mutex;
  int applied ABSL_GUARDED_BY(mutex) = 0;
  int flushes ABSL_GUARDED_BY(mutex) = 0;
  bool is_open ABSL_GUARDED_BY(mutex) = true;  // Apply goes through this gate.
  bool was_cancelled ABSL_GUARDED_BY(mutex) = false;

  void Gate(bool open) {
    absl::MutexLock lock(&mutex);
    is_open = open;
  }
  int Applied() {
    absl::MutexLock lock(&mutex);
    return applied;
  }
};
Script* g_script = nullptr;

class Scripted final : public Target {
 public:
  static Description Describe() {
    Writing writing;
    writing.max_in_flight = 4;
    return Description("test.scripted", "2.0.0")
        .With(Setting::Text("mode").Default("plain"))
        .With(Setting::Integer("count").Required().Min(0).Max(100000))
        .With(Setting::Secret("password").Required())
        .With(ObjectClass::Account("account")
                  .With(Attribute::Text("login").Writable())
                  .With(Attribute::Text("mail").Writable())
                  .Written(writing));
  }
  absl::Status Import(const ImportRequest& request, RecordWriter& out) override {
    const std::string mode = system().settings.Text("mode");
    if (mode == "throw") throw std::runtime_error("personal data");
    for (int64_t i = 0; i < system().settings.Integer("count"); ++i) {
      if (auto status = out.Add(Record("account", absl::StrCat("a", i)).Set("login", "x")); !status.ok()) return status;
    }
    if (mode == "hang") {
      request.cancellation.Sleep(absl::InfiniteDuration());
      absl::MutexLock lock(&g_script->mutex);
      g_script->was_cancelled = true;
      return Error(Reason::kCancelled, "T", "given up");
    }
    if (mode == "incomplete") return absl::OkStatus();
    return out.Complete();
  }
  absl::Status Read(const ReadRequest& request, FoundWriter& out) override {
    for (size_t i = 0; i < request.keys.size(); ++i) {
      if (request.keys[i].object_id == "fails") {
        out.Failed(i, Error(Reason::kForbidden, "T", "no right"));
      } else if (request.keys[i].object_id != "gone") {
        if (auto s =
                out.Found(i, Record("account", request.keys[i].object_id).Set("login", "old").SetEmpty("mail"), "etag");
            !s.ok())
          return s;
      }
    }
    return absl::OkStatus();
  }
  Result Apply(const Operation& operation) override {
    absl::MutexLock lock(&g_script->mutex);
    g_script->mutex.Await(absl::Condition(&g_script->is_open));
    ++g_script->applied;
    if (operation.object_id == "throws") throw std::runtime_error("personal data");
    if (operation.object_id == "taken")
      return Result::Failed(Error(Reason::kAlreadyExists, "T", "taken").TakenBy("login", "x"));
    return Result::Applied("id-" + operation.id);
  }
};

class RuntimeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    g_script = &script_;
    int fds[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    runtime_ = std::make_unique<Runtime>(
        Connector{Scripted::Describe(), true, [] { return std::make_unique<Scripted>(); }}, RuntimeOptions());
    ASSERT_TRUE(runtime_->Start(fds[1]).ok());
    channel_ = grpc::CreateInsecureChannelFromFd("plugin", fds[0]);
    configuration_ = v1::Configuration::NewStub(channel_);
    reader_ = v1::Reader::NewStub(channel_);
    writer_ = v1::Writer::NewStub(channel_);
    plugin_ = v1::Plugin::NewStub(channel_);
  }

  static void Within(grpc::ClientContext& context, int seconds = 20) {
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(seconds));
  }

  absl::Status Open(const std::string& mode, int count = 3, bool read_only = false) {
    v1::OpenRequest request;
    request.set_system("sys");
    (*request.mutable_config()->mutable_settings())["mode"].set_text(mode);
    (*request.mutable_config()->mutable_settings())["count"].set_integer(count);
    (*request.mutable_secrets())["password"].set_value("canary");
    request.set_mode(read_only ? v1::OpenRequest::READ_ONLY : v1::OpenRequest::READ_WRITE);
    grpc::ClientContext context;
    Within(context);
    v1::OpenReply reply;
    return wire::StatusFromGrpc(configuration_->Open(&context, request, &reply));
  }

  static v1::ImportRequest ImportOf(const std::string& system) {
    v1::ImportRequest request;
    request.set_system(system);
    *request.mutable_as_of() = wire::DateToProto(absl::CivilDay(2026, 8, 1));
    return request;
  }

  absl::Status Import(std::vector<v1::ImportFrame>* frames) {
    grpc::ClientContext context;
    Within(context);
    auto stream = reader_->Import(&context, ImportOf("sys"));
    v1::ImportFrame frame;
    while (stream->Read(&frame)) frames->push_back(frame);
    return wire::StatusFromGrpc(stream->Finish());
  }

  static v1::Operation OperationOf(const std::string& id, const std::string& object = "a1", uint32_t attempt = 1) {
    v1::Operation operation;
    operation.set_id(id);
    operation.set_attempt(attempt);
    operation.set_action(v1::ACTION_UPDATE);
    operation.set_object_class("account");
    operation.set_object_id(object);
    auto* delta = operation.add_deltas();
    delta->set_attribute("login");
    delta->mutable_replace()->set_text("new");
    return operation;
  }

  Script script_;
  std::unique_ptr<Runtime> runtime_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::Configuration::Stub> configuration_;
  std::unique_ptr<v1::Reader::Stub> reader_;
  std::unique_ptr<v1::Writer::Stub> writer_;
  std::unique_ptr<v1::Plugin::Stub> plugin_;
};

// One Apply stream of a host.
class Stream {
 public:
  explicit Stream(v1::Writer::Stub& stub, const std::string& system = "sys") {
    context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    stream_ = stub.Apply(&context_);
    v1::ApplyRequest request;
    request.mutable_start()->set_system(system);
    stream_->Write(request);
  }
  void Send(const std::vector<v1::Operation>& operations) {
    v1::ApplyRequest request;
    for (const auto& operation : operations) *request.mutable_operations()->add_operations() = operation;
    stream_->Write(request);
  }
  void CancelOperation(const std::string& id) {
    v1::ApplyRequest request;
    request.set_cancel_operation(id);
    stream_->Write(request);
  }
  v1::OperationResult Next() {
    while (results_.empty()) {
      v1::ApplyReply reply;
      if (!stream_->Read(&reply)) return {};
      for (const auto& result : reply.results().results()) results_.push_back(result);
    }
    v1::OperationResult result = results_.front();
    results_.pop_front();
    return result;
  }
  absl::Status Close() {
    stream_->WritesDone();
    v1::ApplyReply reply;
    while (stream_->Read(&reply)) {
      for (const auto& result : reply.results().results()) results_.push_back(result);
    }
    return wire::StatusFromGrpc(stream_->Finish());
  }
  void Abandon() {
    context_.TryCancel();
    stream_->Finish();
  }
  size_t left() const { return results_.size(); }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::ApplyRequest, v1::ApplyReply>> stream_;
  std::deque<v1::OperationResult> results_;
};

TEST_F(RuntimeTest, SaysWhatItIs) {
  grpc::ClientContext context;
  Within(context);
  v1::GetInfoReply info;
  ASSERT_TRUE(plugin_->GetInfo(&context, {}, &info).ok());
  EXPECT_EQ(info.name(), "test.scripted");
  EXPECT_EQ(info.services_size(), 4);
  grpc::ClientContext schema_context;
  v1::GetConfigSchemaReply schema;
  ASSERT_TRUE(configuration_->GetConfigSchema(&schema_context, {}, &schema).ok());
  EXPECT_EQ(schema.fields_size(), 3);
  EXPECT_TRUE(schema.fields(2).secret());
}

TEST_F(RuntimeTest, WrongSettingsAreRefusedWithAPath) {
  v1::OpenRequest request;
  request.set_system("sys");
  (*request.mutable_config()->mutable_settings())["cuont"].set_integer(1);
  (*request.mutable_config()->mutable_settings())["password"].set_text("canary");
  grpc::ClientContext context;
  Within(context);
  v1::OpenReply reply;
  const absl::Status status = wire::StatusFromGrpc(configuration_->Open(&context, request, &reply));
  const v1::Error error = wire::ErrorFromStatus(status);
  EXPECT_EQ(error.reason(), v1::REASON_INVALID);
  ASSERT_EQ(error.diagnostics_size(), 3);
  EXPECT_EQ(error.diagnostics(0).path().steps(0).name(), "cuont");
  EXPECT_THAT(error.DebugString(), HasSubstr("is required"));
  EXPECT_THAT(error.DebugString(), HasSubstr("is a secret"));
  EXPECT_THAT(error.DebugString(), Not(HasSubstr("canary")));
}

TEST_F(RuntimeTest, AnImportComesThroughWholly) {
  ASSERT_TRUE(Open("plain", 1234).ok());
  std::vector<v1::ImportFrame> frames;
  ASSERT_TRUE(Import(&frames).ok());
  int rows = 0;
  for (const auto& frame : frames) rows += frame.records().ids_size();
  EXPECT_EQ(rows, 1234);
  ASSERT_TRUE(frames.back().has_end());
  EXPECT_EQ(frames.back().end().scopes(0).classes(0).records(), 1234u);
  ASSERT_TRUE(Open("plain", 2).ok()) << "opening again replaces the settings";
  frames.clear();
  ASSERT_TRUE(Import(&frames).ok());
  EXPECT_EQ(frames.back().end().scopes(0).classes(0).records(), 2u);
}

TEST_F(RuntimeTest, AnExceptionIsABugWithoutItsText) {
  ASSERT_TRUE(Open("throw").ok());
  std::vector<v1::ImportFrame> frames;
  const v1::Error error = wire::ErrorFromStatus(Import(&frames));
  EXPECT_EQ(error.reason(), v1::REASON_BUG);
  EXPECT_THAT(error.DebugString(), HasSubstr("runtime_error"));
  EXPECT_THAT(error.DebugString(), Not(HasSubstr("personal data")));
}

TEST_F(RuntimeTest, AnImportWithoutCompleteHasNoEnd) {
  ASSERT_TRUE(Open("incomplete").ok());
  std::vector<v1::ImportFrame> frames;
  EXPECT_EQ(wire::ErrorFromStatus(Import(&frames)).reason(), v1::REASON_BUG);
  for (const auto& frame : frames) EXPECT_FALSE(frame.has_end());
}

TEST_F(RuntimeTest, UnknownSystemAndUnknownClassAreInvalid) {
  std::vector<v1::ImportFrame> frames;
  EXPECT_EQ(wire::ErrorFromStatus(Import(&frames)).reason(), v1::REASON_INVALID);
  ASSERT_TRUE(Open("plain").ok());
  v1::ImportRequest request = ImportOf("sys");
  request.add_classes()->set_object_class("room");
  grpc::ClientContext context;
  Within(context);
  auto stream = reader_->Import(&context, request);
  v1::ImportFrame frame;
  EXPECT_FALSE(stream->Read(&frame));
  EXPECT_EQ(wire::ErrorFromStatus(wire::StatusFromGrpc(stream->Finish())).reason(), v1::REASON_INVALID);
}

TEST_F(RuntimeTest, ACancelledImportTellsItsAuthorAndTheNextOneMayCome) {
  ASSERT_TRUE(Open("hang").ok());
  {
    grpc::ClientContext context;
    auto stream = reader_->Import(&context, ImportOf("sys"));
    v1::ImportFrame frame;
    ASSERT_TRUE(stream->Read(&frame));
    std::vector<v1::ImportFrame> frames;
    EXPECT_EQ(wire::ErrorFromStatus(Import(&frames)).reason(), v1::REASON_INVALID) << "one import at a time";
    context.TryCancel();
    stream->Finish();
  }
  absl::MutexLock lock(&script_.mutex);
  EXPECT_TRUE(script_.mutex.AwaitWithTimeout(absl::Condition(&script_.was_cancelled), absl::Seconds(20)));
}

TEST_F(RuntimeTest, ReadAnswersEachKeyOnce) {
  ASSERT_TRUE(Open("plain").ok());
  v1::ReadRequest request;
  request.set_system("sys");
  request.set_object_class("account");
  for (const char* id : {"a", "gone", "fails"}) request.add_keys()->set_object_id(id);
  request.add_attributes("mail");
  request.add_attributes("login");
  grpc::ClientContext context;
  Within(context);
  auto stream = reader_->Read(&context, request);
  std::vector<v1::ReadFrame> frames;
  v1::ReadFrame frame;
  while (stream->Read(&frame)) frames.push_back(frame);
  ASSERT_TRUE(stream->Finish().ok());
  ASSERT_EQ(frames.size(), 5u);
  auto rows = wire::DecodeBatch(frames[1].found().objects(), frames[0].schema());
  ASSERT_TRUE(rows.ok());
  EXPECT_TRUE((*rows)[0].cells[0].has_empty());
  EXPECT_EQ((*rows)[0].cells[1].text(), "old");
  EXPECT_EQ(frames[1].found().preconditions(0), "etag");
  EXPECT_FALSE(frames[3].end().has_error());
  EXPECT_EQ(frames[4].end().error().reason(), v1::REASON_FORBIDDEN);
}

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
