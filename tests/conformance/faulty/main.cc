// Start, greeting, Plugin, Configuration, end: what it should do, and where it does not.
#include <fcntl.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/server_posix.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "absl/time/clock.h"
#include "sdk/wire/error.h"
#include "sdk/wire/frame.h"
#include "sdk/wire/limits.h"
#include "sluice/connector/v1/bootstrap.pb.h"
#include "tests/conformance/faulty/faulty.h"

namespace sluice::faulty {
namespace {

constexpr char kName[] = "test.faulty";
constexpr char kVersion[] = "1.0.0";

class PluginService final : public v1::Plugin::Service {
  grpc::Status GetInfo(grpc::ServerContext*, const v1::GetInfoRequest*, v1::GetInfoReply* info) override {
    info->set_name(kName);
    info->set_version(Is("INF-001") ? "1.0.1" : kVersion);
    for (const char* service : {"Plugin", "Configuration", "Reader", "Writer"})
      info->add_services(std::string("sluice.connector.v1.") + service);
    info->mutable_capabilities()->set_incremental_import(true);
    info->mutable_capabilities()->set_preview(!Is("INF-002"));
    info->mutable_capabilities()->set_find_taken(true);
    return grpc::Status::OK;
  }
  grpc::Status Events(grpc::ServerContext* context,
                      grpc::ServerReaderWriter<v1::Event, v1::EventAck>* stream) override {
    if (Is("EVT-001")) return grpc::Status::OK;
    static std::atomic<bool> is_settled{false};
    if ((Is("rotates") || Is("EVT-002")) && !is_settled) {
      v1::Event event;
      event.set_id("e1");
      event.mutable_secret_rotated()->set_system("checked");
      event.mutable_secret_rotated()->set_name("token");
      event.mutable_secret_rotated()->set_value("fresh-token-5519");
      event.mutable_secret_rotated()->set_replaces_version(1);
      if (Is("EVT-002")) is_settled = true;
      stream->Write(event);
    }
    v1::EventAck ack;
    while (!context->IsCancelled() && stream->Read(&ack)) is_settled = is_settled || ack.event_id() == "e1";
    return grpc::Status::OK;
  }
  grpc::Status Drain(grpc::ServerContext*, const v1::DrainRequest*, v1::DrainReply*) override {
    Shared().is_draining = true;
    return grpc::Status::OK;
  }
};

v1::GetConfigSchemaReply Settings() {
  v1::GetConfigSchemaReply schema;
  schema.set_version(1);
  const auto add = [&](const char* name, v1::ConfigField::Type type) {
    v1::ConfigField* field = schema.add_fields();
    field->set_name(name);
    field->set_type(type);
    field->set_label(std::string("The ") + name);
    return field;
  };
  add("server", v1::ConfigField::TEXT)->set_required(true);
  add("pages", v1::ConfigField::INTEGER);
  v1::ConfigField* token = add("token", v1::ConfigField::TEXT);
  token->set_required(true);
  token->set_secret(true);
  if (Is("CFG-001")) schema.mutable_fields(1)->set_help(std::to_string(++Shared().counter));
  return schema;
}

using Diagnostics = google::protobuf::RepeatedPtrField<v1::Diagnostic>;

void Complain(Diagnostics* diagnostics, const std::string& name, const std::string& summary) {
  v1::Diagnostic* diagnostic = diagnostics->Add();
  diagnostic->set_severity(v1::Diagnostic::ERROR);
  diagnostic->set_code("FTY-0300");
  diagnostic->set_summary(summary);
  if (!name.empty()) diagnostic->mutable_path()->add_steps()->set_name(name);
}

class ConfigurationService final : public v1::Configuration::Service {
  static void Check(const v1::Config& request, bool is_open, Diagnostics* reply) {
    for (const auto& [name, value] : request.settings()) {
      const bool is_known = name == "server" || name == "pages";
      if (!is_known && !(Is("CFG-005") && !is_open) && !(Is("CFG-008") && is_open))
        Complain(reply, name, "there is no such setting");
      if (is_known && (name == "server" ? !value.has_text() : !value.has_integer()))
        Complain(reply, Is("CFG-006") ? "" : name, "it has another type");
    }
    if (request.settings().count("server") == 0) Complain(reply, Is("CFG-007") ? "" : "server", "it is required");
    if (Is("CFG-004") && !is_open) Complain(reply, "server", "it is not liked");
  }

  grpc::Status GetConfigSchema(grpc::ServerContext*, const v1::GetConfigSchemaRequest*,
                               v1::GetConfigSchemaReply* schema) override {
    *schema = Settings();
    return grpc::Status::OK;
  }
  grpc::Status ValidateConfig(grpc::ServerContext*, const v1::ValidateConfigRequest* request,
                              v1::ValidateConfigReply* reply) override {
    Check(request->config(), false, reply->mutable_diagnostics());
    return grpc::Status::OK;
  }
  grpc::Status Open(grpc::ServerContext*, const v1::OpenRequest* request, v1::OpenReply*) override {
    if (Is("ERR-005") && !request->GetReflection()->GetUnknownFields(*request).empty())
      return Fail(v1::REASON_INVALID, "FTY-0301", "an unknown field");
    Diagnostics checked;
    Check(request->config(), true, &checked);
    if (request->secrets().count("token") == 0) Complain(&checked, Is("CFG-007") ? "" : "token", "it is required");
    if (!checked.empty()) {
      v1::Error error;
      error.set_reason(v1::REASON_INVALID);
      *error.mutable_diagnostics() = checked;
      return wire::GrpcFromStatus(wire::StatusFromError(std::move(error)));
    }
    State& state = Shared();
    System system;
    system.server = request->config().settings().at("server").text();
    system.store = Store(system.server);
    system.token = request->secrets().at("token").value();
    if (system.token.rfind("limited", 0) == 0) system.store.Limit();
    if (request->config().settings().count("pages") > 0)
      system.pages = request->config().settings().at("pages").integer();
    system.read_only = request->mode() != v1::OpenRequest::READ_WRITE;
    if (Is("SEC-003")) std::ofstream("cache") << system.token;
    std::map<std::string, json> found;
    if (Is("FLT-007") && system.store.Scan("group/", &found) != Reached::kYes)
      return Fail(v1::REASON_UNAVAILABLE, "FTY-0106", "the system is not there");
    std::lock_guard<std::mutex> lock(state.mutex);
    if (Is("CFG-009") && !state.systems.empty() && state.systems.count(request->system()) == 0)
      return Fail(v1::REASON_INVALID, "FTY-0302", "there is one already");
    system.ledger = state.systems[request->system()].ledger;
    state.systems[request->system()] = system;
    state.was_opened = true;
    return grpc::Status::OK;
  }
  grpc::Status Close(grpc::ServerContext*, const v1::CloseRequest* request, v1::CloseReply*) override {
    State& state = Shared();
    if (Is("ERR-006") && state.imports > 0) abort();
    std::lock_guard<std::mutex> lock(state.mutex);
    if (!Is("CFG-011")) state.systems.erase(request->system());
    return grpc::Status::OK;
  }
  grpc::Status Test(grpc::ServerContext* context, const v1::TestRequest* request, v1::TestReply*) override {
    if (Is("ERR-003") && context->deadline() - std::chrono::system_clock::now() < std::chrono::milliseconds(100))
      abort();
    if (Is("CFG-012") && request->system() == "checked") return Fail(v1::REASON_AUTH, "FTY-0303", "it refuses us");
    System system;
    if (const grpc::Status status = Find(request->system(), &system); !status.ok())
      return Is("CFG-010") ? grpc::Status::OK : status;
    std::map<std::string, json> found;
    if (system.store.Scan("group/", &found) != Reached::kYes)
      return Fail(v1::REASON_UNAVAILABLE, "FTY-0106", "the system is not there");
    return grpc::Status::OK;
  }
  grpc::Status GetSchema(grpc::ServerContext*, const v1::GetSchemaRequest* request,
                         v1::GetSchemaReply* schema) override {
    System system;
    if (const grpc::Status status = Find(request->system(), &system); !status.ok()) return status;
    *schema = ObjectSchema();
    return grpc::Status::OK;
  }
};

v1::BootstrapReply Answer(const v1::BootstrapRequest& request) {
  v1::BootstrapReply reply;
  const bool is_odd =
      std::any_of(request.transports().begin(), request.transports().end(),
                  [](const v1::Transport& t) { return t.kind_case() == v1::Transport::KIND_NOT_SET; }) ||
      !v1::LogLevel_IsValid(request.log_level());
  if (request.min_protocol() > 1 && !Is("BOOT-002")) {
    reply.mutable_refused()->set_reason("this connector speaks protocol 1");
  } else if (is_odd && Is("BOOT-004")) {
    reply.mutable_refused()->set_reason("the greeting has something unknown");
  } else {
    auto* accepted = reply.mutable_accepted();
    accepted->set_protocol(Is("BOOT-003") ? request.max_protocol() : 1);
    accepted->mutable_transport()->mutable_inherited()->set_fd(wire::kTransportFd);
    accepted->set_name(Is("PKG-001") ? "test.other" : kName);
    accepted->set_version(kVersion);
    accepted->set_sdk("none");
  }
  return reply;
}

// The host is gone.
void End() {
  State& state = Shared();
  const bool stays = (Is("BOOT-005") && !state.was_opened) || (Is("BOOT-006") && state.imports > 0) ||
                     (Is("FLT-002") && state.applies > 0);
  while (stays && !state.is_draining) pause();
  _exit(Is("BOOT-011") && state.is_draining ? 1 : 0);
}

int Main(const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  if (name.rfind("faulty-", 0) == 0) SetFault(name.substr(7));
  if (getenv(wire::kControlFdVariable) == nullptr) {
    fprintf(stderr, "This is the Sluice connector %s. To look at it, run: connector-check\n", kName);
    return wire::kExitStartedByHand;
  }
  signal(SIGPIPE, SIG_IGN);
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  if (Is("BOOT-001")) exit(3);
  v1::BootstrapRequest request;
  if (!wire::ReadFrame(wire::kControlFd, &request, wire::kMaxBootstrapBytes, absl::Now() + absl::Seconds(5)).ok())
    return wire::kExitStartFailed;
  fcntl(wire::kTransportFd, F_SETFL, O_NONBLOCK);
  grpc::EnableDefaultHealthCheckService(true);
  static PluginService plugin;
  static ConfigurationService configuration;
  static ReaderService reader;
  static WriterService writer;
  grpc::ServerBuilder builder;
  builder.SetMaxSendMessageSize(-1);
  if (Is("ERR-002")) builder.SetMaxReceiveMessageSize(-1);
  for (grpc::Service* service : {static_cast<grpc::Service*>(&plugin), static_cast<grpc::Service*>(&configuration),
                                 static_cast<grpc::Service*>(&reader), static_cast<grpc::Service*>(&writer)})
    builder.RegisterService(service);
  static std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  for (const char* service : {"Plugin", "Configuration", "Reader", "Writer"}) {
    if (Is("BOOT-007") && std::string(service) == "Reader") continue;
    server->GetHealthCheckService()->SetServingStatus(std::string("sluice.connector.v1.") + service, true);
  }
  grpc::AddInsecureChannelFromFd(server.get(), wire::kTransportFd);
  const v1::BootstrapReply reply = Answer(request);
  (void)wire::WriteFrame(wire::kControlFd, reply, absl::Now() + absl::Seconds(5));
  if (reply.has_refused()) _exit(wire::kExitRefused);
  char byte;
  while (read(wire::kControlFd, &byte, 1) > 0) {
  }
  End();
  return 0;
}

}  // namespace
}  // namespace sluice::faulty

int main(int, char** argv) { return sluice::faulty::Main(argv[0]); }
