#include "sdk/cpp/src/configuration_service.h"

#include <optional>
#include <utility>

#include "sdk/cpp/src/calls.h"
#include "sdk/cpp/src/convert_description.h"
#include "sdk/cpp/src/convert_values.h"
#include "sdk/cpp/src/guard.h"

namespace sluice::connector {
namespace {

absl::Status RunTest(OpenSystem& system, const Cancellation& cancellation, v1::TestReply* reply) {
  absl::StatusOr<TestResult> result = TestResult{};
  if (auto bug = Guarded("Test", [&] { result = system.source->Test(TestRequest{cancellation}); })) return *bug;
  if (!result.ok()) return result.status();
  for (const Diagnostic& diagnostic : result->diagnostics) *reply->add_diagnostics() = ToProto(diagnostic);
  for (const MissingRight& right : result->missing_rights) {
    v1::MissingRight* out = reply->add_missing_rights();
    out->set_object_class(right.object_class);
    out->set_action(static_cast<v1::Action>(right.action));
    out->set_right(right.right);
    out->set_remedy(right.remedy);
    out->set_scope(right.scope);
    out->set_attribute(right.attribute);
  }
  return absl::OkStatus();
}

absl::Status RunSchema(OpenSystem& system, const Cancellation& cancellation, v1::GetSchemaReply* reply) {
  absl::StatusOr<std::optional<SchemaResult>> result = std::optional<SchemaResult>();
  if (auto bug = Guarded("Schema", [&] { result = system.source->Schema(SchemaRequest{cancellation}); })) return *bug;
  if (!result.ok()) return result.status();
  const std::vector<ObjectClass>& classes = result->has_value() ? (*result)->classes : system.description->classes;
  for (const ObjectClass& object_class : classes) *reply->add_classes() = ToProto(object_class);
  if (result->has_value()) {
    for (const Diagnostic& diagnostic : (*result)->diagnostics) *reply->add_diagnostics() = ToProto(diagnostic);
  }
  return absl::OkStatus();
}

}  // namespace

grpc::ServerUnaryReactor* ConfigurationService::GetConfigSchema(grpc::CallbackServerContext*,
                                                                const v1::GetConfigSchemaRequest*,
                                                                v1::GetConfigSchemaReply* reply) {
  return UnaryCall::Start(state_->workers, [this, reply](const Cancellation&) {
    *reply = ToConfigSchema(state_->systems.description());
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* ConfigurationService::ValidateConfig(grpc::CallbackServerContext*,
                                                               const v1::ValidateConfigRequest* request,
                                                               v1::ValidateConfigReply* reply) {
  return UnaryCall::Start(state_->workers, [this, request, reply](const Cancellation&) {
    *reply = state_->systems.Validate(*request);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* ConfigurationService::Open(grpc::CallbackServerContext*, const v1::OpenRequest* request,
                                                     v1::OpenReply* reply) {
  return UnaryCall::Start(state_->workers, [this, request, reply](const Cancellation&) -> absl::Status {
    auto opened = state_->systems.Open(*request);
    if (!opened.ok()) return opened.status();
    *reply = *std::move(opened);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* ConfigurationService::Close(grpc::CallbackServerContext*, const v1::CloseRequest* request,
                                                      v1::CloseReply*) {
  return UnaryCall::Start(state_->workers, [this, request](const Cancellation&) {
    state_->systems.Close(request->system());
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* ConfigurationService::Test(grpc::CallbackServerContext*, const v1::TestRequest* request,
                                                     v1::TestReply* reply) {
  return UnaryCall::Start(state_->workers, [this, request, reply](const Cancellation& cancellation) -> absl::Status {
    auto system = state_->systems.Find(request->system());
    if (!system.ok()) return system.status();
    return RunTest(**system, cancellation, reply);
  });
}

grpc::ServerUnaryReactor* ConfigurationService::GetSchema(grpc::CallbackServerContext*,
                                                          const v1::GetSchemaRequest* request,
                                                          v1::GetSchemaReply* reply) {
  return UnaryCall::Start(state_->workers, [this, request, reply](const Cancellation& cancellation) -> absl::Status {
    auto system = state_->systems.Find(request->system());
    if (!system.ok()) return system.status();
    return RunSchema(**system, cancellation, reply);
  });
}

}  // namespace sluice::connector
