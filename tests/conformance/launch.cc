#include "tests/conformance/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <grpcpp/create_channel_posix.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "host/base/subprocess.h"
#include "host/plugin/listen.h"
#include "host/plugin/tls_channel_internal.h"
#include "sdk/wire/error.h"
#include "sdk/wire/frame.h"
#include "sdk/wire/limits.h"

namespace sluice::conformance {
namespace {

namespace v1 = connector::v1;
using base::FileDescriptor;

constexpr size_t kMaxLog = 10000;
constexpr size_t kMaxOutput = 8 << 20;
constexpr size_t kReadBytes = 64 * 1024;

std::shared_ptr<grpc::Channel> MakeChannel(plugin::Connection connection) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);  // So that we can say how large a message was.
  arguments.SetMaxSendMessageSize(-1);
  arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, 16 * 1024);
  if (!connection.listen_path.empty()) return plugin::TlsChannel(connection, std::move(arguments));
  return grpc::CreateCustomInsecureChannelFromFd("connector", connection.socket.Release(), arguments);
}

std::string NewDirectory() {
  std::string name = (std::filesystem::temp_directory_path() / "connector-check-XXXXXX").string();
  return mkdtemp(name.data()) == nullptr ? "" : name;
}

}  // namespace

v1::Error ErrorOf(const grpc::Status& status) { return wire::ErrorFromStatus(wire::StatusFromGrpc(status)); }

std::string Text(const grpc::Status& status) {
  if (status.ok()) return "OK";
  if (wire::CarriesError(wire::StatusFromGrpc(status))) {
    const v1::Error error = ErrorOf(status);
    if (error.diagnostics().empty()) return wire::Describe(error);
    const v1::Diagnostic& first = error.diagnostics(0);
    return first.object_id().empty()
               ? wire::Describe(error)
               : absl::StrCat(wire::Describe(error), " (", first.object_class(), " ", first.object_id(), ")");
  }
  if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED)
    return "nothing within the time that --patience gives";
  return absl::StrCat("gRPC status ", static_cast<int>(status.error_code()),
                      " without an Error: ", plugin::HarmlessText(status.error_message(), 200));
}

absl::StatusOr<std::unique_ptr<Launched>> Launched::Start(const Subject& subject) {
  std::unique_ptr<Launched> launched(new Launched(subject));
  if (absl::Status status = launched->Launch(); !status.ok()) return status;
  return launched;
}

absl::Status Launched::Launch() {
  const absl::Time start = absl::Now();
  work_dir_ = NewDirectory();
  plugin::ProcessOptions options;
  options.work_dir = work_dir_;
  options.time_zone = subject_.config.time_zone;
  options.lines.lines_per_second = 1e9;  // Everything that it says is looked at.
  options.lines.burst = 1e9;
  auto process = plugin::Process::Start(subject_.package, options, this);
  if (!process.ok()) return process.status();
  process_ = *std::move(process);
  std::string why;
  {
    absl::MutexLock lock(&mutex_);
    const auto settled = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return is_accepted_ || end_.has_value(); };
    mutex_.Await(absl::Condition(&settled));
    if (!is_accepted_) why = absl::StrCat("the connector did not start: ", end_->text);
  }
  if (!why.empty()) {
    const std::string last = LastWords();
    return absl::UnavailableError(last.empty() ? why : absl::StrCat(why, "; it said: ", last));
  }
  Connect(process_->TakeConnection());
  v1::GetInfoReply info;
  const grpc::Status status = plugin_->GetInfo(Context().get(), {}, &info);
  start_time_ = absl::Now() - start;
  if (!status.ok()) return absl::UnavailableError(absl::StrCat("GetInfo after the start: ", Text(status)));
  return absl::OkStatus();
}

void Launched::Connect(plugin::Connection connection) {
  channel_ = MakeChannel(std::move(connection));
  plugin_ = v1::Plugin::NewStub(channel_);
  configuration_ = v1::Configuration::NewStub(channel_);
  reader_ = v1::Reader::NewStub(channel_);
  writer_ = v1::Writer::NewStub(channel_);
}

absl::StatusOr<std::unique_ptr<Launched>> Launched::StartTalkative(const Subject& subject) {
  std::unique_ptr<Launched> launched(new Launched(subject));
  if (absl::Status status = launched->LaunchTalkative(); !status.ok()) return status;
  return launched;
}

absl::Status Launched::LaunchTalkative() {
  work_dir_ = NewDirectory();
  v1::BootstrapRequest request = Greeting();
  request.set_log_level(v1::LOG_LEVEL_DEBUG);
  request.set_work_dir(work_dir_);
  auto raw = RawProcess::Start(subject_.package.executable, request, work_dir_);
  if (!raw.ok()) return raw.status();
  raw_ = *std::move(raw);
  const auto reply = raw_->AwaitReply(absl::Now() + absl::Seconds(20));
  if (!reply.has_value() || !reply->has_accepted())
    return absl::FailedPreconditionError("it does not accept a greeting with the log level DEBUG");
  Connect(raw_->TakeConnection(reply->accepted()));
  return absl::OkStatus();
}

Launched::~Launched() {
  process_.reset();
  raw_.reset();
  std::error_code ignored;
  if (!work_dir_.empty()) std::filesystem::remove_all(work_dir_, ignored);
}

void Launched::OnAccepted() {
  absl::MutexLock lock(&mutex_);
  is_accepted_ = true;
}
void Launched::OnLog(const plugin::LogLine& line) {
  absl::MutexLock lock(&mutex_);
  if (log_.size() < kMaxLog) log_.push_back(line.ToText());
  if (!line.is_structured && plain_line_.empty()) plain_line_ = plugin::HarmlessText(line.message, 60);
}
void Launched::OnEnd(const plugin::ProcessEnd& end) {
  absl::MutexLock lock(&mutex_);
  end_ = end;
}

std::unique_ptr<grpc::ClientContext> Launched::Context() const { return Context(subject_.patience); }
std::unique_ptr<grpc::ClientContext> Launched::Context(absl::Duration patience) const {
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(absl::ToChronoTime(absl::Now() + patience));
  return context;
}

v1::OpenRequest Launched::OpenRequestFor(v1::OpenRequest::Mode mode, const std::string& proxy) const {
  v1::OpenRequest request;
  request.set_system(kSystem);
  request.set_mode(mode);
  request.set_time_zone(subject_.config.time_zone);
  request.set_ca_bundle(subject_.config.ca_bundle);
  request.mutable_config()->set_schema_version(subject_.schema.version());
  const Values settings = FitSettings(subject_.config, subject_.schema, subject_.directory);
  for (const auto& [name, value] : settings) {
    v1::Value& target = (*request.mutable_config()->mutable_settings())[name];
    target = value;
    ReplaceInTexts(&target, "{proxy}", proxy.empty() ? subject_.config.proxy : proxy);
  }
  for (const auto& [name, secret] : subject_.config.secrets) {
    (*request.mutable_secrets())[name].set_value(secret);
    (*request.mutable_secrets())[name].set_version(1);
  }
  return request;
}

absl::Status Launched::Open(v1::OpenRequest::Mode mode, const std::string& proxy) {
  v1::OpenReply reply;
  const grpc::Status status = configuration_->Open(Context().get(), OpenRequestFor(mode, proxy), &reply);
  if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED)
    return absl::InvalidArgumentError(absl::StrCat("Open gave no answer within ",
                                                   absl::FormatDuration(subject_.patience),
                                                   "; it signs in nowhere: do that at the first request"));
  if (!status.ok()) return absl::InvalidArgumentError(absl::StrCat("Open was refused: ", Text(status)));
  for (const v1::Diagnostic& diagnostic : reply.diagnostics()) {
    if (diagnostic.severity() == v1::Diagnostic::ERROR)
      return absl::InvalidArgumentError(absl::StrCat("Open says ", diagnostic.code(), ": ", diagnostic.summary()));
  }
  return absl::OkStatus();
}

v1::ValidateConfigRequest Launched::ValidateRequest() const {
  v1::OpenRequest open = OpenRequestFor(v1::OpenRequest::READ_ONLY);
  v1::ValidateConfigRequest request;
  *request.mutable_config() = std::move(*open.mutable_config());
  for (const auto& [name, secret] : subject_.config.secrets) request.add_secret_names(name);
  return request;
}

grpc::Status Launched::GetSchema(v1::GetSchemaReply* reply) {
  v1::GetSchemaRequest request;
  request.set_system(kSystem);
  return configuration_->GetSchema(Context().get(), request, reply);
}

bool Launched::IsAlive() {
  v1::GetInfoReply info;
  return plugin_->GetInfo(Context().get(), {}, &info).ok();
}

std::optional<plugin::ProcessEnd> Launched::AwaitEnd(absl::Duration patience) {
  absl::MutexLock lock(&mutex_);
  const auto ended = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return end_.has_value(); };
  mutex_.AwaitWithTimeout(absl::Condition(&ended), patience);
  return end_;
}

std::vector<std::string> Launched::Log() {
  absl::MutexLock lock(&mutex_);
  return log_;
}
std::string Launched::LastWords() {
  absl::MutexLock lock(&mutex_);
  return log_.empty() ? "" : log_.back();
}

std::string Launched::PlainLine() {
  absl::MutexLock lock(&mutex_);
  return plain_line_;
}

v1::BootstrapRequest Greeting() {
  v1::BootstrapRequest request;
  request.set_min_protocol(wire::kMinProtocol);
  request.set_max_protocol(wire::kMaxProtocol);
  request.set_host_version("0.1.0");
  request.set_launch_id("connector-check");
  request.add_transports()->mutable_inherited()->set_fd(wire::kTransportFd);
  request.mutable_limits()->set_max_message_bytes(wire::kMaxMessageBytes);
  request.mutable_limits()->set_max_batch_records(wire::kMaxBatchRecords);
  request.set_log_level(v1::LOG_LEVEL_INFO);
  return request;
}

absl::StatusOr<std::unique_ptr<RawProcess>> RawProcess::Start(const std::string& executable,
                                                              const std::optional<v1::BootstrapRequest>& request,
                                                              const std::string& work_dir, const std::string& more) {
  int control[2], transport[2], output[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) != 0 ||
      socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, transport) != 0 ||
      pipe2(output, O_CLOEXEC) != 0) {
    return absl::ErrnoToStatus(errno, "no sockets can be made");
  }
  std::unique_ptr<RawProcess> raw(new RawProcess);
  raw->control_ = FileDescriptor(control[0]);
  raw->transport_ = FileDescriptor(transport[0]);
  raw->pipe_ = FileDescriptor(output[0]);
  const FileDescriptor theirs(control[1]), their_end(transport[1]), writer(output[1]);
  fcntl(raw->pipe_.get(), F_SETFL, O_NONBLOCK);
  base::SpawnOptions spawn;
  spawn.executable = executable;
  spawn.environment = {"LANG=C.UTF-8", "TZ=UTC"};
  if (!work_dir.empty()) spawn.working_directory = work_dir;
  spawn.descriptors = {-1, writer.get(), writer.get()};
  if (request.has_value()) {
    spawn.environment.push_back(absl::StrCat(wire::kControlFdVariable, "=", wire::kControlFd));
    spawn.descriptors.insert(spawn.descriptors.end(), {theirs.get(), their_end.get()});
  }
  auto process = base::Subprocess::Spawn(spawn);
  if (!process.ok()) return process.status();
  raw->process_ = *std::move(process);
  if (request.has_value()) {
    v1::BootstrapRequest greeting = *request;
    auto listen = plugin::ListenPlace::Make("", std::filesystem::temp_directory_path().string());
    if (!listen.ok()) return listen.status();
    raw->listen_ = *std::move(listen);
    v1::ListenSocket* place = greeting.add_transports()->mutable_listen();
    place->set_path(raw->listen_->path());
    place->set_host_certificate(raw->listen_->identity().certificate_der);
    const std::string payload = greeting.SerializeAsString() + more;
    const uint32_t size = static_cast<uint32_t>(payload.size());
    const std::string frame = std::string{static_cast<char>(size >> 24), static_cast<char>(size >> 16),
                                          static_cast<char>(size >> 8), static_cast<char>(size)} +
                              payload;
    (void)!send(raw->control_.get(), frame.data(), frame.size(), MSG_NOSIGNAL);
  }
  raw->reader_ = std::thread([raw = raw.get()] {
    std::string buffer(kReadBytes, '\0');
    for (;;) {
      pollfd polled[] = {{raw->pipe_.get(), POLLIN, 0}, {raw->process_->pidfd(), POLLIN, 0}};
      if (poll(polled, 2, -1) < 0 && errno != EINTR) return;
      ssize_t n;
      while ((n = read(raw->pipe_.get(), buffer.data(), buffer.size())) > 0) {
        absl::MutexLock lock(&raw->mutex_);
        if (raw->output_.size() < kMaxOutput) raw->output_.append(buffer, 0, static_cast<size_t>(n));
      }
      if (polled[1].revents != 0) return;  // What it said last has been read.
      if (n == 0) absl::SleepFor(absl::Milliseconds(5));
    }
  });
  return raw;
}

RawProcess::~RawProcess() {
  if (process_ == nullptr) return;
  process_->Signal(SIGKILL);
  if (reader_.joinable()) reader_.join();
}

plugin::Connection RawProcess::TakeConnection(const v1::BootstrapReply::Accepted& accepted) {
  plugin::Connection connection;
  connection.socket = std::move(transport_);
  if (!accepted.transport().has_listen()) return connection;
  connection.listen_path = listen_->path();
  connection.host_certificate = listen_->identity().certificate_pem;
  connection.host_key = listen_->identity().key_pem;
  connection.plugin_certificate = plugin::CertificateToPem(accepted.plugin_certificate()).value_or("");
  return connection;
}

std::optional<v1::BootstrapReply> RawProcess::AwaitReply(absl::Time deadline) {
  std::optional<v1::BootstrapReply> last;
  v1::BootstrapReply reply;
  while (wire::ReadFrame(control_.get(), &reply, wire::kMaxBootstrapBytes, deadline).ok()) {
    last = reply;
    if (!reply.has_starting()) break;
  }
  return last;
}

std::optional<base::ExitStatus> RawProcess::AwaitEnd(absl::Duration patience) {
  const auto end = process_->WaitForEnd(patience);
  if (end.has_value() && reader_.joinable()) reader_.join();
  return end;
}

std::string RawProcess::Output() {
  absl::MutexLock lock(&mutex_);
  return output_;
}

std::string RawProcess::FinalOutput() {
  control_ = FileDescriptor();
  if (!AwaitEnd(kEndLimit).has_value()) {
    process_->Signal(SIGKILL);
    AwaitEnd(kEndLimit);
  }
  return Output();
}

absl::StatusOr<Greeted> BootstrapWith(const std::string& executable, const std::optional<v1::BootstrapRequest>& request,
                                      absl::Duration patience, const std::string& more) {
  auto process = RawProcess::Start(executable, request, "", more);
  if (!process.ok()) return process.status();
  Greeted greeted;
  const absl::Time deadline = absl::Now() + patience;
  if (request.has_value()) greeted.reply = (*process)->AwaitReply(deadline);
  const bool is_running = greeted.reply.has_value() && greeted.reply->has_accepted();
  if (!is_running) greeted.end = (*process)->AwaitEnd(std::max(deadline - absl::Now(), absl::Milliseconds(1)));
  greeted.output = (*process)->Output();
  return greeted;
}

absl::Status Identify(plugin::Package* package) {
  auto greeted = BootstrapWith(package->executable, Greeting(), absl::Seconds(20));
  if (!greeted.ok()) return greeted.status();
  if (!greeted->reply.has_value() || !greeted->reply->has_accepted()) {
    const std::string said = plugin::HarmlessText(greeted->output, 300);
    return absl::UnavailableError(
        absl::StrCat(package->executable, " did not accept the host's greeting",
                     greeted->reply.has_value() && greeted->reply->has_refused()
                         ? absl::StrCat("; it refused: ", greeted->reply->refused().reason())
                         : "; its main must be Serve<YourConnector>(argc, argv), or the start of proto/README.md",
                     said.empty() ? "" : absl::StrCat("; it said: ", said)));
  }
  package->name = greeted->reply->accepted().name();
  package->version = greeted->reply->accepted().version();
  return absl::OkStatus();
}

}  // namespace sluice::conformance
