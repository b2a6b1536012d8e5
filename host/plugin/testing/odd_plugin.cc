// A plugin without the SDK that misbehaves on demand, so that the host is tested against bytes and not against our own
// good manners.
//
// What it does wrong before it is open stands in its file's name ("odd.silent"), because a plugin gets no arguments and
// no environment; what it does later stands in its setting `behaviour`.
#include <fcntl.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/server_posix.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "absl/time/clock.h"
#include "sdk/wire/frame.h"
#include "sdk/wire/limits.h"
#include "sluice/connector/v1/bootstrap.pb.h"
#include "sluice/connector/v1/configuration.grpc.pb.h"
#include "sluice/connector/v1/plugin.grpc.pb.h"
#include "sluice/connector/v1/reader.grpc.pb.h"
#include "sluice/connector/v1/writer.grpc.pb.h"

namespace sluice::plugin {
namespace {

namespace v1 = connector::v1;
using grpc::ServerContext;
using grpc::Status;

std::string g_name;       // How it fails before it is open.
std::string g_behaviour;  // And after.

void Reply(const v1::BootstrapReply& reply) {
  (void)wire::WriteFrame(wire::kControlFd, reply, absl::Now() + absl::Seconds(5));
}

// Says that it listens, and does not.
void SayThatItListens(const v1::BootstrapRequest& request) {
  v1::BootstrapReply reply;
  v1::BootstrapReply::Accepted* accepted = reply.mutable_accepted();
  accepted->set_protocol(1);
  accepted->set_name("test.odd");
  accepted->set_version("1.2.0");
  v1::ListenSocket* socket = accepted->mutable_transport()->mutable_listen();
  socket->set_path(g_name == "odd.elsewhere" ? "/tmp/elsewhere.sock" : request.transports(1).listen().path());
  // Any certificate will do: the host's own, or none.
  if (g_name != "odd.nameless") accepted->set_plugin_certificate(request.transports(1).listen().host_certificate());
  Reply(reply);
  pause();
}

void Accept(uint32_t protocol) {
  v1::BootstrapReply reply;
  v1::BootstrapReply::Accepted* accepted = reply.mutable_accepted();
  accepted->set_protocol(protocol);
  accepted->mutable_transport()->mutable_inherited()->set_fd(wire::kTransportFd);
  accepted->set_name("test.odd");
  accepted->set_version(g_name == "odd.version" ? "9.9.9" : "1.2.0");
  Reply(reply);
}

class PluginService final : public v1::Plugin::Service {
  Status GetInfo(ServerContext*, const v1::GetInfoRequest*, v1::GetInfoReply* info) override {
    info->set_name("test.odd");
    info->set_version("1.2.0");
    return Status::OK;
  }
  Status Drain(ServerContext*, const v1::DrainRequest*, v1::DrainReply*) override {
    if (g_behaviour == "stubborn") pause();
    fprintf(stderr, "{\"level\":\"info\",\"message\":\"drained\"}\n");
    return Status::OK;
  }
  Status Events(ServerContext*, grpc::ServerReaderWriter<v1::Event, v1::EventAck>* stream) override {
    static int opened = 0;
    ++opened;
    if (g_behaviour.rfind("rotates", 0) == 0) {
      v1::Event event;
      event.set_id("e1");
      event.mutable_secret_rotated()->set_system(g_behaviour == "rotates another's" ? "victim" : "odd");
      event.mutable_secret_rotated()->set_name("token");
      event.mutable_secret_rotated()->set_value("fresh");
      event.mutable_secret_rotated()->set_replaces_version(1);
      stream->Write(event);
    }
    if (g_behaviour == "rotates and breaks" && opened == 1) return Status::CANCELLED;
    v1::EventAck ack;
    while (stream->Read(&ack)) {
      fprintf(stderr, "%s %s at opening %d\n", ack.not_understood() ? "not understood" : "acknowledged",
              ack.event_id().c_str(), opened);
    }
    return Status::OK;
  }
};

class ConfigurationService final : public v1::Configuration::Service {
  Status GetConfigSchema(ServerContext*, const v1::GetConfigSchemaRequest*, v1::GetConfigSchemaReply* schema) override {
    schema->set_version(1);
    v1::ConfigField* behaviour = schema->add_fields();
    behaviour->set_name("behaviour");
    behaviour->set_type(v1::ConfigField::TEXT);
    v1::ConfigField* token = schema->add_fields();
    token->set_name("token");
    token->set_secret(true);
    return Status::OK;
  }
  Status ValidateConfig(ServerContext*, const v1::ValidateConfigRequest* request,
                        v1::ValidateConfigReply* reply) override {
    return Judge(request->config(), reply);
  }
  template <typename Reply>
  static Status Judge(const v1::Config& config, Reply* reply) {
    const auto behaviour = config.settings().find("behaviour");
    if (behaviour != config.settings().end() && behaviour->second.text() == "wrong") {
      v1::Diagnostic* diagnostic = reply->add_diagnostics();
      diagnostic->set_severity(v1::Diagnostic::ERROR);
      diagnostic->set_code("ODD-1");
      diagnostic->set_summary("it cannot be wrong");
      diagnostic->mutable_path()->add_steps()->set_name("behaviour");
    }
    return Status::OK;
  }
  Status Open(ServerContext*, const v1::OpenRequest* request, v1::OpenReply* reply) override {
    const auto behaviour = request->config().settings().find("behaviour");
    if (behaviour != request->config().settings().end()) g_behaviour = behaviour->second.text();
    if (g_behaviour == "crash on open") abort();
    if (g_behaviour.rfind("rotates", 0) == 0) {
      const v1::Secret& token = request->secrets().at("token");
      fprintf(stderr, "opened with version %llu, %s before\n", static_cast<unsigned long long>(token.version()),
              token.previous().empty() ? "none" : "one");
    }
    if (g_behaviour == "tells secret") fprintf(stderr, "token is %s\n", request->secrets().at("token").value().c_str());
    if (g_behaviour == "stubborn") {
      signal(SIGTERM, SIG_IGN);
      signal(SIGHUP, SIG_IGN);
    }
    if (g_behaviour == "forks") {
      if (fork() == 0) execl("/bin/sleep", "sleep", "1000", nullptr);
    }
    return Judge(request->config(), reply);
  }
  Status Test(ServerContext*, const v1::TestRequest*, v1::TestReply* reply) override {
    v1::MissingRight* right = reply->add_missing_rights();
    right->set_object_class("person");
    right->set_right("read");
    if (g_behaviour == "dies in call") kill(getpid(), SIGKILL);
    return Status::OK;
  }
  Status GetSchema(ServerContext*, const v1::GetSchemaRequest*, v1::GetSchemaReply* schema) override {
    v1::ObjectClass* person = schema->add_classes();
    person->set_name("person");
    person->set_role(v1::ObjectClass::PERSON);
    person->add_actions(v1::ACTION_READ);
    v1::Attribute* name = person->add_attributes();
    name->set_name("name");
    name->set_type(v1::Attribute::TEXT);
    name->set_privacy(v1::Attribute::SENSITIVE);
    return Status::OK;
  }
};

class ReaderService final : public v1::Reader::Service {
  using Writer = grpc::ServerWriter<v1::ImportFrame>;

  static v1::ImportFrame Schema() {
    v1::ImportFrame frame;
    v1::StreamSchema::ClassColumns* columns = frame.mutable_schema()->add_classes();
    columns->set_object_class("person");
    columns->add_attributes("name");
    columns->add_attributes("secretive");
    frame.mutable_schema()->add_scopes()->set_id("a");
    return frame;
  }
  static v1::ImportFrame Records(int count, size_t size, uint32_t object_class) {
    v1::ImportFrame frame;
    frame.mutable_records()->set_object_class(object_class);
    v1::Column* names = frame.mutable_records()->add_columns();
    for (int i = 0; i < count; ++i) {
      frame.mutable_records()->add_ids("p" + std::to_string(i));
      names->mutable_texts()->add_values(std::string(size, 'x'));
    }
    return frame;
  }
  static v1::ImportFrame End(uint64_t count) {
    v1::ImportFrame frame;
    v1::ImportEnd::ScopeEnd* scope = frame.mutable_end()->add_scopes();
    v1::ImportEnd::ClassEnd* end = scope->add_classes();
    end->set_records(count);
    end->set_state(v1::ImportEnd::COMPLETE);
    return frame;
  }

  Status Import(ServerContext* context, const v1::ImportRequest*, Writer* out) override {
    const std::string b = g_behaviour;
    if (b == "hangs") raise(SIGSTOP);
    out->Write(Schema());
    if (b == "silent") {
      while (!context->IsCancelled()) usleep(1000);
      return Status::CANCELLED;
    }
    if (b == "large record") {
      out->Write(Records(1, 6 << 20, 0));
      out->Write(End(1));
      return Status::OK;
    }
    out->Write(Records(300, b == "many" ? 10000 : 3, b == "unknown class" ? 7 : 0));
    if (b == "many") {
      for (int i = 0; i < 20; ++i) out->Write(Records(300, 10000, 0));
    }
    if (b == "dies") kill(getpid(), SIGKILL);
    if (b == "no end") return Status::OK;
    out->Write(End(b == "counts" ? 299 : b == "many" ? 6300 : 300));
    return Status::OK;
  }
};

class WriterService final : public v1::Writer::Service {
  Status Apply(ServerContext* context, grpc::ServerReaderWriter<v1::ApplyReply, v1::ApplyRequest>* stream) override {
    v1::ApplyRequest request;
    while (stream->Read(&request)) {
      if (!request.has_operations()) continue;
      if (g_behaviour == "apply dies") kill(getpid(), SIGKILL);
      if (g_behaviour == "apply silent") {
        while (!context->IsCancelled()) usleep(1000);
        return Status::CANCELLED;
      }
      if (g_behaviour == "apply forgets") continue;
      v1::ApplyReply reply;
      for (const v1::Operation& operation : request.operations().operations()) {
        v1::OperationResult* result = reply.mutable_results()->add_results();
        result->set_operation(g_behaviour == "apply unknown" ? "nobody-asked" : operation.id());
        result->set_outcome(v1::OperationResult::APPLIED);
        result->set_object_id("guid-" + operation.id());
        if (g_behaviour == "apply twice") *reply.mutable_results()->add_results() = *result;
      }
      stream->Write(reply);
    }
    return Status::OK;
  }
  Status Verify(ServerContext*, const v1::VerifyRequest* request, v1::VerifyReply* reply) override {
    for (const v1::Operation& operation : request->operations()) {
      v1::VerifyReply::Verdict* verdict = reply->add_verdicts();
      verdict->set_operation(operation.id());
      verdict->set_state(v1::VerifyReply::NOT_DONE);
    }
    return Status::OK;
  }
};

void Greet() {
  v1::BootstrapRequest request;
  (void)wire::ReadFrame(wire::kControlFd, &request, wire::kMaxBootstrapBytes, absl::Now() + absl::Seconds(5));
  v1::BootstrapReply reply;
  if (g_name == "odd.crash") abort();
  if (g_name == "odd.exit") exit(3);
  if (g_name == "odd.silent") pause();
  if (g_name == "odd.refuse") {
    reply.mutable_refused()->set_reason("no licence in this house");
    Reply(reply);
    exit(65);
  }
  if (g_name == "odd.garbage") {
    (void)!write(wire::kControlFd, "\xff\xff\xff\xffGET / HTTP/1.1\r\n\r\n", 22);
    pause();
  }
  if (g_name == "odd.slow") {
    for (int i = 0; i < 3; ++i) {
      reply.mutable_starting()->set_activity("reading a large dictionary");
      Reply(reply);
      usleep(150 * 1000);
    }
  }
  if (g_name == "odd.noise") {
    std::string noise(100000, '\x1b');
    noise +=
        "\n{\"@message\": 1, \"@level\": \"info\"}\n{\"message\": "
        "1}\n{\"level\":{},\"message\":\"structured\",\"code\":\"ODD-7\"}\n";
    for (int i = 0; i < 5000; ++i) noise += "chatter\n";
    noise += std::string(200, '[') + "\n\xff\xfe\n";
    for (size_t done = 0; done < noise.size();) {
      const ssize_t n = write(2, noise.data() + done, noise.size() - done);
      if (n > 0) done += static_cast<size_t>(n);
    }
  }
  if (g_name == "odd.elsewhere" || g_name == "odd.nameless" || g_name == "odd.deaf") SayThatItListens(request);
  Accept(g_name == "odd.protocol" ? 9 : 1);
}

int Main(const std::string& path) {
  g_name = path.substr(path.rfind('/') + 1);
  if (getenv(wire::kControlFdVariable) == nullptr) return wire::kExitStartedByHand;
  signal(SIGPIPE, SIG_IGN);
  Greet();
  fcntl(wire::kTransportFd, F_SETFL, O_NONBLOCK);
  grpc::EnableDefaultHealthCheckService(true);
  PluginService plugin;
  ConfigurationService configuration;
  ReaderService reader;
  WriterService writer;
  grpc::ServerBuilder builder;
  builder.SetMaxSendMessageSize(-1);
  for (grpc::Service* service : {static_cast<grpc::Service*>(&plugin), static_cast<grpc::Service*>(&configuration),
                                 static_cast<grpc::Service*>(&reader), static_cast<grpc::Service*>(&writer)}) {
    builder.RegisterService(service);
  }
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  grpc::AddInsecureChannelFromFd(server.get(), wire::kTransportFd);
  char byte;
  while (read(wire::kControlFd, &byte, 1) > 0) {
  }
  while (g_behaviour == "stubborn") {  // Busy, and deaf to everything.
  }
  _exit(0);
}

}  // namespace
}  // namespace sluice::plugin

int main(int, char** argv) { return sluice::plugin::Main(argv[0]); }
