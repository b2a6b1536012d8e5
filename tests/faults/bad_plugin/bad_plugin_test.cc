// The plugin as a process: what a host sees of its start, its faults and its end.
#include <fcntl.h>
#include <grpcpp/create_channel_posix.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "sdk/wire/columns.h"
#include "sdk/wire/error.h"
#include "sdk/wire/frame.h"
#include "sdk/wire/limits.h"
#include "sluice/connector/v1/bootstrap.pb.h"
#include "sluice/connector/v1/configuration.grpc.pb.h"
#include "sluice/connector/v1/plugin.grpc.pb.h"
#include "sluice/connector/v1/reader.grpc.pb.h"
#include "sluice/connector/v1/writer.grpc.pb.h"

namespace sluice::faults {
namespace {

namespace v1 = connector::v1;

std::string Program() { return absl::StrCat(getenv("SLUICE_BINARY_DIR"), "/plugins/test.bad/bad-plugin"); }

// A launched plugin, with the host's two ends.
class Process {
 public:
  explicit Process(const std::string& program = Program()) {
    int control[2];
    int transport[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control), 0);
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, transport), 0);
    // Out of the way of 3 and 4, so that dup2 never meets its own source.
    const int control_end = fcntl(control[1], F_DUPFD_CLOEXEC, 20);
    const int transport_end = fcntl(transport[1], F_DUPFD_CLOEXEC, 20);
    close(control[1]);
    close(transport[1]);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, control_end, wire::kControlFd);
    posix_spawn_file_actions_adddup2(&actions, transport_end, wire::kTransportFd);
    std::string variable = absl::StrCat(wire::kControlFdVariable, "=", wire::kControlFd);
    std::string path = program;
    char* arguments[] = {path.data(), nullptr};
    char* environment[] = {variable.data(), nullptr};
    EXPECT_EQ(posix_spawn(&pid_, program.c_str(), &actions, nullptr, arguments, environment), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(control_end);
    close(transport_end);
    control_ = control[0];
    transport_ = transport[0];
  }
  ~Process() {
    CloseControl();
    if (transport_ >= 0) close(transport_);
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      Wait();
    }
  }

  absl::Status Bootstrap(v1::BootstrapReply* reply, uint32_t min = 1, uint32_t max = 1) {
    v1::BootstrapRequest request;
    request.set_min_protocol(min);
    request.set_max_protocol(max);
    request.add_transports()->mutable_inherited()->set_fd(wire::kTransportFd);
    const absl::Time deadline = absl::Now() + absl::Seconds(20);
    if (auto status = wire::WriteFrame(control_, request, deadline); !status.ok()) return status;
    return wire::ReadFrame(control_, reply, wire::kMaxBootstrapBytes, deadline);
  }
  std::shared_ptr<grpc::Channel> Channel() {
    fcntl(transport_, F_SETFL, O_NONBLOCK);
    return grpc::CreateInsecureChannelFromFd("plugin", std::exchange(transport_, -1));
  }
  void CloseControl() {
    if (control_ >= 0) close(std::exchange(control_, -1));
  }
  // The wait status, once the process has ended.
  int Wait() {
    int status = 0;
    waitpid(std::exchange(pid_, -1), &status, 0);
    return status;
  }

 private:
  pid_t pid_ = -1;
  int control_ = -1;
  int transport_ = -1;
};

class BadPlugin : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/bad-plugin-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    directory_ = name;
  }
  void TearDown() override {
    for (const char* file : {"/state", "/state.calls", "/control", "/faults", "/bad-plugin", "/state.next",
                             "/control.next", "/faults.next"}) {
      unlink((directory_ + file).c_str());
    }
    rmdir(directory_.c_str());
  }
  void Control(const std::string& text) const { std::ofstream(directory_ + "/control") << text << "\n"; }

  // Starts, bootstraps, opens system "bad".
  std::shared_ptr<grpc::Channel> Start(Process& process) const {
    v1::BootstrapReply reply;
    EXPECT_TRUE(process.Bootstrap(&reply).ok());
    EXPECT_EQ(reply.accepted().name(), "test.bad");
    EXPECT_EQ(reply.accepted().protocol(), 1u);
    auto channel = process.Channel();
    v1::OpenRequest request;
    request.set_system("bad");
    request.set_mode(v1::OpenRequest::READ_WRITE);
    auto& settings = *request.mutable_config()->mutable_settings();
    settings["state"].set_text(directory_ + "/state");
    settings["control"].set_text(directory_ + "/control");
    grpc::ClientContext context;
    Within(context);
    v1::OpenReply config;
    const auto status = v1::Configuration::NewStub(channel)->Open(&context, request, &config);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return channel;
  }
  static void Within(grpc::ClientContext& context) {
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  }
  static grpc::Status Import(const std::shared_ptr<grpc::Channel>& channel, std::vector<v1::ImportFrame>* frames) {
    grpc::ClientContext context;
    Within(context);
    v1::ImportRequest request;
    request.set_system("bad");
    *request.mutable_as_of() = wire::DateToProto(absl::CivilDay(2026, 8, 1));
    auto stream = v1::Reader::NewStub(channel)->Import(&context, request);
    v1::ImportFrame frame;
    while (stream->Read(&frame)) frames->push_back(frame);
    return stream->Finish();
  }
  static v1::Operation Create(const std::string& id, const std::string& login) {
    v1::Operation operation;
    operation.set_id(id);
    operation.set_attempt(1);
    operation.set_action(v1::ACTION_CREATE);
    operation.set_object_class("account");
    auto* delta = operation.add_deltas();
    delta->set_attribute("login");
    delta->mutable_replace()->set_text(login);
    auto* match = operation.add_correlate();
    match->set_attribute("login");
    match->mutable_value()->set_text(login);
    return operation;
  }
  // The first result, or one without an outcome when the stream breaks.
  static v1::OperationResult Apply(const std::shared_ptr<grpc::Channel>& channel, const v1::Operation& operation) {
    grpc::ClientContext context;
    Within(context);
    auto stub = v1::Writer::NewStub(channel);
    auto stream = stub->Apply(&context);
    v1::ApplyRequest request;
    request.mutable_start()->set_system("bad");
    stream->Write(request);
    *request.mutable_operations()->add_operations() = operation;
    stream->Write(request);
    stream->WritesDone();
    v1::OperationResult result;
    v1::ApplyReply reply;
    while (stream->Read(&reply)) {
      if (reply.results().results_size() > 0) result = reply.results().results(0);
    }
    stream->Finish();
    return result;
  }

  std::string directory_;
};

TEST_F(BadPlugin, WorksWellUntilItIsToldNotTo) {
  Process process;
  auto channel = Start(process);
  auto created = Apply(channel, Create("op1", "jan"));
  EXPECT_EQ(created.outcome(), v1::OperationResult::APPLIED);
  v1::Operation second = Create("op2", "JAN");
  second.clear_correlate();
  auto taken = Apply(channel, second);
  EXPECT_EQ(taken.error().reason(), v1::REASON_ALREADY_EXISTS);
  EXPECT_EQ(taken.error().taken(0).holder().id(), created.object_id());
  std::vector<v1::ImportFrame> frames;
  ASSERT_TRUE(Import(channel, &frames).ok());
  ASSERT_TRUE(frames.back().has_end());
}

TEST_F(BadPlugin, EndsWithinTwoSecondsOfItsHostEvenWhenItHangs) {
  Process process;
  auto channel = Start(process);
  Control("import=hang");
  grpc::ClientContext context;
  v1::ImportRequest request;
  request.set_system("bad");
  *request.mutable_as_of() = wire::DateToProto(absl::CivilDay(2026, 8, 1));
  auto stub = v1::Reader::NewStub(channel);
  auto stream = stub->Import(&context, request);
  // The call has arrived, and hangs.
  while (!std::ifstream(directory_ + "/state.calls").good()) absl::SleepFor(absl::Milliseconds(5));
  const absl::Time start = absl::Now();
  process.CloseControl();
  const int status = process.Wait();
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_LT(absl::Now() - start, absl::Seconds(4));
  stream->Finish();
}

TEST_F(BadPlugin, RefusesAHostOfAnotherProtocolWithAReason) {
  Process process;
  v1::BootstrapReply reply;
  ASSERT_TRUE(process.Bootstrap(&reply, 2, 3).ok());
  EXPECT_TRUE(reply.has_refused());
  EXPECT_FALSE(reply.refused().worth_retrying());
  EXPECT_FALSE(reply.refused().reason().empty());
  const int status = process.Wait();
  EXPECT_EQ(WEXITSTATUS(status), wire::kExitRefused);
}

TEST_F(BadPlugin, EndsAfterDrain) {
  Process process;
  auto channel = Start(process);
  grpc::ClientContext context;
  Within(context);
  v1::DrainReply reply;
  ASSERT_TRUE(v1::Plugin::NewStub(channel)->Drain(&context, v1::DrainRequest(), &reply).ok());
  const int status = process.Wait();
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST_F(BadPlugin, ACrashAfterTheWriteIsFoundAgainByVerify) {
  Control("apply.CREATE=crash-after!once");
  {
    Process process;
    auto channel = Start(process);
    EXPECT_EQ(Apply(channel, Create("op1", "jan")).outcome(), v1::OperationResult::OUTCOME_UNSPECIFIED);
    EXPECT_TRUE(WIFSIGNALED(process.Wait()));
  }
  Process process;
  auto channel = Start(process);
  v1::VerifyRequest request;
  request.set_system("bad");
  *request.add_operations() = Create("op1", "jan");
  *request.add_operations() = Create("op2", "piet");
  for (const char* login : {"jan", "piet", "jan"}) {  // Without a correlation: by what is unique.
    *request.add_operations() = Create("op3", login);
    request.mutable_operations()->rbegin()->clear_correlate();
  }
  auto* mail = request.mutable_operations(4)->add_deltas();  // Somebody else's.
  mail->set_attribute("mail");
  mail->mutable_replace()->set_text("jan@school.example");
  grpc::ClientContext context;
  Within(context);
  v1::VerifyReply reply;
  ASSERT_TRUE(v1::Writer::NewStub(channel)->Verify(&context, request, &reply).ok());
  EXPECT_EQ(reply.verdicts(0).state(), v1::VerifyReply::DONE);
  EXPECT_EQ(reply.verdicts(0).result().object_id(), "a-1");
  EXPECT_EQ(reply.verdicts(1).state(), v1::VerifyReply::NOT_DONE);
  EXPECT_EQ(reply.verdicts(2).state(), v1::VerifyReply::DONE);
  EXPECT_EQ(reply.verdicts(2).result().object_id(), "a-1");
  EXPECT_EQ(reply.verdicts(3).state(), v1::VerifyReply::NOT_DONE);
  EXPECT_EQ(reply.verdicts(4).state(), v1::VerifyReply::NOT_DONE);
  EXPECT_EQ(Apply(channel, Create("op1", "jan")).outcome(), v1::OperationResult::NO_CHANGE);
}

TEST_F(BadPlugin, LiesAboutItsImportsOnlyWhenAsked) {
  Process process;
  auto channel = Start(process);
  const auto end_of = [&](const std::string& fault) {
    Control(fault);
    std::vector<v1::ImportFrame> frames;
    const grpc::Status status = Import(channel, &frames);
    bool has_end = false;
    uint64_t claimed = 0;
    uint64_t sent = 0;
    for (const auto& frame : frames) {
      if (frame.has_records() && frame.records().object_class() == 0)
        sent += static_cast<uint64_t>(frame.records().ids_size());
      if (!frame.has_end()) continue;
      has_end = true;
      claimed = frame.end().scopes(0).classes(0).records();
    }
    return std::make_tuple(status.ok(), has_end, claimed == sent);
  };
  EXPECT_EQ(end_of(""), std::make_tuple(true, true, true));
  EXPECT_EQ(end_of("wire=forget-end"), std::make_tuple(true, false, false));
  EXPECT_EQ(end_of("wire=wrong-counts"), std::make_tuple(true, true, false));
  EXPECT_EQ(end_of("import=no-complete"), std::make_tuple(false, false, true));
  EXPECT_EQ(end_of("import=huge"), std::make_tuple(false, false, true));
  EXPECT_EQ(end_of("import=garbage"), std::make_tuple(true, true, true));
}

TEST_F(BadPlugin, StartedByHandItSaysWhatItIs) {
  pid_t pid = -1;
  std::string program = Program();
  char* arguments[] = {program.data(), nullptr};
  char* environment[] = {nullptr};
  ASSERT_EQ(posix_spawn(&pid, program.c_str(), nullptr, nullptr, arguments, environment), 0);
  int status = 0;
  waitpid(pid, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), wire::kExitStartedByHand);
}

}  // namespace
}  // namespace sluice::faults
