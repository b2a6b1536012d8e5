// A runtime with a scripted connector behind a socket pair, and the stubs of a host: what tests of the runtime share.
#ifndef SLUICE_SDK_CPP_SRC_RUNTIME_FIXTURE_H_
#define SLUICE_SDK_CPP_SRC_RUNTIME_FIXTURE_H_

#include <grpcpp/create_channel_posix.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <deque>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "sdk/cpp/src/convert_values.h"
#include "sdk/cpp/src/runtime.h"
#include "sdk/wire/columns.h"
#include "sdk/wire/error.h"
#include "sluice/connector/serve.h"

namespace sluice::connector {

// Everything that tests want to see or steer of the connector below.
struct Script {
  absl::Mutex mutex;
  int applied ABSL_GUARDED_BY(mutex) = 0;
  int flushes ABSL_GUARDED_BY(mutex) = 0;
  bool is_open ABSL_GUARDED_BY(mutex) = true;  // Apply goes through this gate.
  bool was_cancelled ABSL_GUARDED_BY(mutex) = false;
  bool holds_late ABSL_GUARDED_BY(mutex) = true;  // Apply of the object "late" goes on only when this is false.

  void Gate(bool open) {
    absl::MutexLock lock(&mutex);
    is_open = open;
  }
  int Applied() {
    absl::MutexLock lock(&mutex);
    return applied;
  }
};
inline Script* g_script = nullptr;

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
  // In mode "at once" of its own: it answers before Submit returns.
  std::unique_ptr<ApplySession> StartApply(const ApplyRequest&, std::shared_ptr<ResultSink> sink) override {
    class AtOnce final : public ApplySession {
     public:
      explicit AtOnce(std::shared_ptr<ResultSink> sink) : sink_(std::move(sink)) {}
      void Submit(Operation operation) override {
        Result result = Result::Applied(operation.object_id);
        result.operation = operation.id;
        sink_->Answer(std::move(result));
      }

     private:
      const std::shared_ptr<ResultSink> sink_;
    };
    return system().settings.Text("mode") == "at once" ? std::make_unique<AtOnce>(std::move(sink)) : nullptr;
  }
  Result Apply(const Operation& operation) override {
    absl::MutexLock lock(&g_script->mutex);
    g_script->mutex.Await(absl::Condition(&g_script->is_open));
    if (operation.object_id == "late") {
      const auto may_go = [](Script* script) { return !script->holds_late; };
      g_script->mutex.Await(absl::Condition(+may_go, g_script));
      g_script->was_cancelled = operation.cancellation.IsCancelled();
    }
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
      ++messages_;
      for (const auto& result : reply.results().results()) results_.push_back(result);
    }
    return wire::StatusFromGrpc(stream_->Finish());
  }
  void Abandon() {
    context_.TryCancel();
    stream_->Finish();
  }
  size_t left() const { return results_.size(); }
  size_t messages() const { return messages_; }  // That Close read.

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::ApplyRequest, v1::ApplyReply>> stream_;
  std::deque<v1::OperationResult> results_;
  size_t messages_ = 0;
};

}  // namespace sluice::connector

#endif  // SLUICE_SDK_CPP_SRC_RUNTIME_FIXTURE_H_
