#include "host/plugin/session.h"

#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/create_channel_posix.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/support/byte_buffer.h"
#include "host/plugin/convert_internal.h"
#include "host/plugin/streams_internal.h"
#include "host/plugin/tls_channel_internal.h"
#include "sdk/wire/limits.h"
#include "sluice/connector/v1/configuration.grpc.pb.h"
#include "sluice/connector/v1/plugin.grpc.pb.h"
#include "sluice/connector/v1/reader.grpc.pb.h"
#include "sluice/connector/v1/writer.grpc.pb.h"

namespace sluice::plugin {
namespace {

namespace v1 = connector::v1;

constexpr char kHealthMethod[] = "/grpc.health.v1.Health/Check";

void SetDeadline(grpc::ClientContext* context, absl::Duration deadline) {
  context->set_deadline(std::chrono::system_clock::now() + absl::ToChronoMilliseconds(deadline));
}

grpc::ChannelArguments Arguments() {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(static_cast<int>(wire::kMaxMessageBytes));
  arguments.SetMaxSendMessageSize(static_cast<int>(wire::kMaxMessageBytes));
  // The contract fits an Error into 6 KiB of metadata; what is over this is not ours.
  arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, 16 * 1024);
  return arguments;
}

std::shared_ptr<grpc::Channel> MakeChannel(int fd) {
  return grpc::CreateCustomInsecureChannelFromFd("plugin", fd, Arguments());
}

std::shared_ptr<grpc::Channel> MakeChannel(Connection connection) {
  if (!connection.listen_path.empty()) return TlsChannel(connection, Arguments());
  return MakeChannel(connection.socket.Release());
}

// gRPC's callbacks run on threads that end with the last channel, joined by whoever lets go of it. That may be such a
// thread itself (a call holds its channel until its callback has run), and then gRPC 1.51 aborts. One channel that is
// never let go, and has made one call, keeps those threads for the life of the program.
void KeepCallbackThreads() {
  struct Anchor {
    std::shared_ptr<grpc::Channel> channel;
    grpc::ClientContext context;
    grpc::ByteBuffer request, response;
  };
  static std::atomic<Anchor*> anchor = [] {
    int ends[2] = {-1, -1};
    (void)!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends);
    auto* made = new Anchor;
    made->channel = MakeChannel(ends[0]);
    close(ends[1]);  // Nobody is there, so the one call fails at once.
    const grpc::Slice nothing("", 0);
    made->request = grpc::ByteBuffer(&nothing, 1);
    grpc::TemplatedGenericStub<grpc::ByteBuffer, grpc::ByteBuffer> stub(made->channel);
    stub.UnaryCall(&made->context, kHealthMethod, grpc::StubOptions(), &made->request, &made->response,
                   [](const grpc::Status&) {});
    return made;
  }();
  (void)anchor.load();
}

struct SessionStubs {
  explicit SessionStubs(const std::shared_ptr<grpc::Channel>& channel)
      : plugin(channel), configuration(channel), reader(channel), importer(channel), writer(channel), raw(channel) {}

  v1::Plugin::Stub plugin;
  v1::Configuration::Stub configuration;
  v1::Reader::Stub reader;
  ImportCall::Stub importer;
  v1::Writer::Stub writer;
  ApplyCall::Stub raw;  // Also for health: Debian ships no header for its messages.
};

}  // namespace

struct Session::Wire {
  explicit Wire(Connection connection) : channel(MakeChannel(std::move(connection))), stubs(channel) {}

  // Registers a call, so that it can be cancelled.
  void Add(grpc::ClientContext* context, bool is_stream) {
    absl::MutexLock lock(&mutex);
    calls[context] = is_stream;
    if (is_gone) context->TryCancel();
  }
  // The call is over; a cancellation because the process is gone is no cancellation to whoever asked.
  grpc::Status Remove(grpc::ClientContext* context, const grpc::Status& status) {
    absl::MutexLock lock(&mutex);
    calls.erase(context);
    if (!is_gone || status.error_code() != grpc::StatusCode::CANCELLED) return status;
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "the process is gone");
  }
  void Cancel(bool streams_only) {
    absl::MutexLock lock(&mutex);
    is_gone = is_gone || !streams_only;
    for (const auto& [context, is_stream] : calls) {
      if (is_stream || !streams_only) context->TryCancel();
    }
  }

  std::shared_ptr<grpc::Channel> channel;
  SessionStubs stubs;
  std::atomic<bool> can_find_taken{false};
  absl::Mutex mutex;
  std::map<grpc::ClientContext*, bool> calls ABSL_GUARDED_BY(mutex);
  bool is_gone ABSL_GUARDED_BY(mutex) = false;
};

Session::Session(std::unique_ptr<Wire> wire) : wire_(std::move(wire)) {}
Session::~Session() = default;

std::shared_ptr<Session> Session::Adopt(Connection connection) {
  KeepCallbackThreads();
  return std::shared_ptr<Session>(new Session(std::make_unique<Wire>(std::move(connection))));
}

template <typename Request, typename Response, typename Start>
void Session::Unary(absl::Duration deadline, Request request, Start start,
                    std::function<void(absl::Status, Response&)> done) {
  struct Call {
    grpc::ClientContext context;
    Request request;
    Response response;
  };
  auto call = std::make_shared<Call>();
  call->request = std::move(request);
  SetDeadline(&call->context, deadline);
  wire_->Add(&call->context, false);
  start(&call->context, &call->request, &call->response,
        [self = shared_from_this(), call, done = std::move(done)](const grpc::Status& status) {
          done(StatusFromCall(self->wire_->Remove(&call->context, status)), call->response);
        });
}

void Session::GetInfo(absl::Duration deadline, std::function<void(absl::StatusOr<PluginInfo>)> done) {
  Unary<v1::GetInfoRequest, v1::GetInfoReply>(
      deadline, {}, [&](auto... arguments) { wire_->stubs.plugin.async()->GetInfo(arguments...); },
      [self = shared_from_this(), done = std::move(done)](absl::Status status, v1::GetInfoReply& info) {
        if (!status.ok()) return done(std::move(status));
        self->wire_->can_find_taken = info.capabilities().find_taken();
        PluginInfo result;
        result.name = info.name();
        result.version = info.version();
        result.services.assign(info.services().begin(), info.services().end());
        result.can_preview = info.capabilities().preview();
        result.can_find_taken = info.capabilities().find_taken();
        result.can_import_incrementally = info.capabilities().incremental_import();
        done(std::move(result));
      });
}

void Session::GetConfigSchema(absl::Duration deadline, std::function<void(absl::StatusOr<ConfigSchema>)> done) {
  Unary<v1::GetConfigSchemaRequest, v1::GetConfigSchemaReply>(
      deadline, {}, [&](auto... arguments) { wire_->stubs.configuration.async()->GetConfigSchema(arguments...); },
      [done = std::move(done)](absl::Status status, v1::GetConfigSchemaReply& schema) {
        if (!status.ok()) return done(std::move(status));
        done(ConfigSchemaFromProto(schema));
      });
}

void Session::ValidateConfig(const SystemConfig& config, uint32_t schema_version, absl::Duration deadline,
                             std::function<void(absl::StatusOr<ConfigVerdict>)> done) {
  Unary<v1::ValidateConfigRequest, v1::ValidateConfigReply>(
      deadline, ValidateToProto(config, schema_version),
      [&](auto... arguments) { wire_->stubs.configuration.async()->ValidateConfig(arguments...); },
      [done = std::move(done)](absl::Status status, v1::ValidateConfigReply& reply) {
        if (!status.ok()) return done(std::move(status));
        done(ConfigVerdictFromProto(reply));
      });
}

void Session::Open(const SystemConfig& config, uint32_t schema_version, absl::Duration deadline,
                   std::function<void(absl::Status)> done) {
  Unary<v1::OpenRequest, v1::OpenReply>(
      deadline, OpenToProto(config, schema_version),
      [&](auto... arguments) { wire_->stubs.configuration.async()->Open(arguments...); },
      [done = std::move(done)](absl::Status status, v1::OpenReply& reply) {
        if (!status.ok()) return done(std::move(status));
        std::vector<std::string> errors;
        for (const SettingProblem& problem : ConfigVerdictFromProto(reply).problems) {
          if (!problem.is_warning)
            errors.push_back(
                absl::StrCat(absl::StrJoin(problem.path, "."), problem.path.empty() ? "" : ": ", problem.message));
        }
        if (errors.empty()) return done(absl::OkStatus());
        engine::Failure failure;
        failure.reason = engine::Reason::kInvalid;
        failure.message = absl::StrJoin(errors, "; ");
        done(engine::FailureToStatus(failure));
      });
}

void Session::Check(absl::Duration deadline, std::function<void(absl::Status)> done) {
  struct Call {
    grpc::ClientContext context;
    grpc::ByteBuffer request, response;  // No bytes: the health of the server as a whole.
  };
  auto call = std::make_shared<Call>();
  const grpc::Slice nothing("", 0);
  call->request = grpc::ByteBuffer(&nothing, 1);
  SetDeadline(&call->context, deadline);
  wire_->Add(&call->context, false);
  wire_->stubs.raw.UnaryCall(&call->context, kHealthMethod, grpc::StubOptions(), &call->request, &call->response,
                             [self = shared_from_this(), call, done = std::move(done)](const grpc::Status& raw) {
                               const grpc::Status status = self->wire_->Remove(&call->context, raw);
                               const bool is_answer = status.ok() ||
                                                      status.error_code() == grpc::StatusCode::UNIMPLEMENTED ||
                                                      status.error_code() == grpc::StatusCode::NOT_FOUND;
                               done(is_answer ? absl::OkStatus() : StatusFromCall(status));
                             });
}

void Session::Drain(absl::Duration patience, std::function<void(absl::StatusOr<std::vector<std::string>>)> done) {
  v1::DrainRequest request;
  request.mutable_patience()->set_seconds(absl::ToInt64Seconds(patience));
  request.mutable_patience()->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(patience % absl::Seconds(1))));
  Unary<v1::DrainRequest, v1::DrainReply>(
      patience + absl::Seconds(2), request,
      [&](auto... arguments) { wire_->stubs.plugin.async()->Drain(arguments...); },
      [done = std::move(done)](absl::Status status, v1::DrainReply& reply) {
        if (!status.ok()) return done(std::move(status));
        done(std::vector<std::string>(reply.unfinished_operations().begin(), reply.unfinished_operations().end()));
      });
}

void Session::Test(const std::string& system, absl::Duration deadline,
                   std::function<void(absl::StatusOr<engine::TestReport>)> done) {
  v1::TestRequest request;
  request.set_system(system);
  Unary<v1::TestRequest, v1::TestReply>(
      deadline, request, [&](auto... arguments) { wire_->stubs.configuration.async()->Test(arguments...); },
      [done = std::move(done)](absl::Status status, v1::TestReply& reply) {
        if (!status.ok()) return done(std::move(status));
        done(TestReportFromProto(reply));
      });
}

void Session::GetSchema(const std::string& system, absl::Duration deadline,
                        std::function<void(absl::StatusOr<engine::SystemSchema>)> done) {
  v1::GetSchemaRequest request;
  request.set_system(system);
  Unary<v1::GetSchemaRequest, v1::GetSchemaReply>(
      deadline, request, [&](auto... arguments) { wire_->stubs.configuration.async()->GetSchema(arguments...); },
      [done = std::move(done)](absl::Status status, v1::GetSchemaReply& schema) {
        if (!status.ok()) return done(std::move(status));
        done(SchemaFromProto(schema));
      });
}

void Session::FindTaken(const std::string& system, const std::string& unique_in, const std::vector<core::Value>& values,
                        absl::Duration deadline, std::function<void(absl::StatusOr<std::vector<engine::Taken>>)> done) {
  if (!wire_->can_find_taken) {
    engine::Failure failure;
    failure.reason = engine::Reason::kUnsupported;
    failure.message = "this connector cannot tell which values are taken";
    return done(engine::FailureToStatus(failure));
  }
  v1::FindTakenRequest request;
  request.set_system(system);
  request.set_unique_in(unique_in);
  for (const core::Value& value : values) *request.add_values() = ValueToProto(value);
  Unary<v1::FindTakenRequest, v1::FindTakenReply>(
      deadline, std::move(request), [&](auto... arguments) { wire_->stubs.reader.async()->FindTaken(arguments...); },
      [done = std::move(done)](absl::Status status, v1::FindTakenReply& reply) {
        if (!status.ok()) return done(std::move(status));
        v1::Error error;
        error.mutable_taken()->Swap(reply.mutable_taken());
        done(FailureFromProto(error).taken);
      });
}

void Session::Verify(const std::string& system, const std::vector<engine::TargetOperation>& operations,
                     absl::Duration deadline, std::function<void(absl::StatusOr<std::vector<engine::Verdict>>)> done) {
  v1::VerifyRequest request;
  request.set_system(system);
  for (const engine::TargetOperation& operation : operations) {
    v1::Operation proto = OperationToProto(operation);
    WipeSecrets(&proto);  // A secret cannot be verified, so it is not sent.
    *request.add_operations() = std::move(proto);
  }
  Unary<v1::VerifyRequest, v1::VerifyReply>(
      deadline, std::move(request), [&](auto... arguments) { wire_->stubs.writer.async()->Verify(arguments...); },
      [done = std::move(done)](absl::Status status, v1::VerifyReply& reply) {
        if (!status.ok()) return done(std::move(status));
        std::vector<engine::Verdict> verdicts;
        for (const v1::VerifyReply::Verdict& verdict : reply.verdicts()) verdicts.push_back(VerdictFromProto(verdict));
        done(std::move(verdicts));
      });
}

void Session::Import(const engine::ReadPlan& plan, StreamContext context, std::shared_ptr<engine::ImportSink> sink) {
  auto call = std::make_shared<ImportCall>(plan, std::move(context), std::move(sink));
  wire_->Add(call->client_context(), true);
  call->Start(&wire_->stubs.importer, [self = shared_from_this(), context = call->client_context()](
                                          const grpc::Status& status) { return self->wire_->Remove(context, status); });
}

void Session::Apply(std::shared_ptr<ApplyCall> call) {
  wire_->Add(call->client_context(), true);
  call->Start(&wire_->stubs.raw, [self = shared_from_this(), context = call->client_context()](
                                     const grpc::Status& status) { return self->wire_->Remove(context, status); });
}

void Session::CancelStreams() { wire_->Cancel(true); }
void Session::FailAll() { wire_->Cancel(false); }

namespace {

// The one stream of events of a process. Acknowledgements are written one at a time.
class EventCall final : public grpc::ClientBidiReactor<v1::EventAck, v1::Event>,
                        public std::enable_shared_from_this<EventCall> {
 public:
  using Receive = std::function<void(SecretRotation, std::function<void(bool)>)>;
  explicit EventCall(Receive receive) : receive_(std::move(receive)) {}

  void Start(v1::Plugin::Stub* stub, std::function<void()> over) {
    self_ = shared_from_this();
    over_ = std::move(over);
    stub->async()->Events(&context_, this);
    AddHold();
    StartRead(&event_);
    StartCall();
  }
  grpc::ClientContext* context() { return &context_; }

  void OnReadDone(bool ok) override {
    if (!ok) {
      absl::MutexLock lock(&mutex_);
      is_broken_ = true;
      RemoveHold();
      return;
    }
    if (event_.has_secret_rotated()) {
      const v1::SecretRotated& rotated = event_.secret_rotated();
      receive_(
          SecretRotation{event_.id(), rotated.system(), rotated.name(), rotated.value(), rotated.replaces_version()},
          [weak = weak_from_this(), id = event_.id()](bool is_understood) {
            if (auto self = weak.lock()) self->Acknowledge(id, is_understood);
          });
    } else {
      Acknowledge(event_.id(), false);  // A kind of event that came later than this build.
    }
    event_.Clear();
    StartRead(&event_);
  }
  void OnWriteDone(bool ok) override {
    absl::MutexLock lock(&mutex_);
    is_writing_ = false;
    is_broken_ = is_broken_ || !ok;
    WriteNext();
  }
  void OnDone(const grpc::Status&) override {
    over_();
    self_.reset();
  }

 private:
  void Acknowledge(const std::string& id, bool is_understood) {
    absl::MutexLock lock(&mutex_);
    unsent_.emplace_back(id, is_understood);
    WriteNext();
  }
  void WriteNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (is_writing_ || is_broken_ || unsent_.empty()) return;
    ack_.set_event_id(unsent_.front().first);
    ack_.set_not_understood(!unsent_.front().second);
    unsent_.pop_front();
    is_writing_ = true;
    StartWrite(&ack_);
  }

  const Receive receive_;
  grpc::ClientContext context_;
  v1::Event event_;
  std::function<void()> over_;
  std::shared_ptr<EventCall> self_;
  absl::Mutex mutex_;
  v1::EventAck ack_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::pair<std::string, bool>> unsent_ ABSL_GUARDED_BY(mutex_);  // And whether it was understood.
  bool is_writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_broken_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace

void Session::ListenToEvents(std::function<void(SecretRotation, std::function<void(bool)>)> receive,
                             std::function<void()> over) {
  auto call = std::make_shared<EventCall>(std::move(receive));
  wire_->Add(call->context(), false);
  // The session does not live by its events: it would never go.
  call->Start(&wire_->stubs.plugin, [weak = weak_from_this(), context = call->context(), over = std::move(over)] {
    auto self = weak.lock();
    if (self == nullptr) return;
    self->wire_->Remove(context, grpc::Status::OK);
    over();
  });
}

}  // namespace sluice::plugin
