// The one place where the contract's messages and the host's own types meet, both ways.
//
// Pure functions, safe on any thread. What comes from a plugin is not trusted: a number, kind or enumeration that this
// build does not know is read as the least that it could mean (not visible, in doubt, unknown, BUG), text is made
// harmless, a secret in a value is dropped.
#ifndef SLUICE_HOST_PLUGIN_CONVERT_INTERNAL_H_
#define SLUICE_HOST_PLUGIN_CONVERT_INTERNAL_H_

#include <string>
#include <vector>

#include "grpcpp/support/status.h"
#include "host/core/value.h"
#include "host/engine/connector.h"
#include "host/plugin/config_schema.h"
#include "host/plugin/session.h"
#include "host/plugin/system_config.h"
#include "sluice/connector/v1/configuration.pb.h"
#include "sluice/connector/v1/error.pb.h"
#include "sluice/connector/v1/value.pb.h"
#include "sluice/connector/v1/writer.pb.h"

namespace sluice::plugin {

core::Value ValueFromProto(const connector::v1::Value& value);
connector::v1::Value ValueToProto(const core::Value& value);

std::string DiagnosticText(
    const connector::v1::Diagnostic& diagnostic);  // "SOM-0107 two organisations match, at line 17"
engine::Failure FailureFromProto(const connector::v1::Error& error);
// Carries the Failure. What gRPC itself says (a message over the limit, a dead connection, a deadline) gets a line of
// its own.
absl::Status StatusFromCall(const grpc::Status& status);

ConfigSchema ConfigSchemaFromProto(const connector::v1::GetConfigSchemaReply& schema);
ConfigVerdict ConfigVerdictFromProto(const connector::v1::ValidateConfigReply& reply);
ConfigVerdict ConfigVerdictFromProto(const connector::v1::OpenReply& reply);
connector::v1::Config ConfigToProto(const SystemConfig& config, uint32_t schema_version);
// Names of secrets only.
connector::v1::ValidateConfigRequest ValidateToProto(const SystemConfig& config, uint32_t schema_version);
connector::v1::OpenRequest OpenToProto(const SystemConfig& config, uint32_t schema_version);
engine::TestReport TestReportFromProto(const connector::v1::TestReply& reply);
engine::SystemSchema SchemaFromProto(const connector::v1::GetSchemaReply& schema);

connector::v1::Operation OperationToProto(const engine::TargetOperation& operation);
void FillProto(const engine::TargetOperation& operation, connector::v1::Operation* proto);  // Which must be empty.
engine::TargetResult ResultFromProto(const connector::v1::OperationResult& result);
engine::Verdict VerdictFromProto(const connector::v1::VerifyReply::Verdict& verdict);

// Overwrites the secrets in what has been sent.
void WipeSecrets(connector::v1::Operation* operation);
void WipeSecrets(engine::TargetOperation* operation);

}  // namespace sluice::plugin

#endif  // SLUICE_HOST_PLUGIN_CONVERT_INTERNAL_H_
