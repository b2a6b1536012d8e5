// Between the public types and the contract's messages: operations, results, verdicts. Pure; any thread.
#ifndef SLUICE_SDK_CPP_SRC_CONVERT_OPERATIONS_H_
#define SLUICE_SDK_CPP_SRC_CONVERT_OPERATIONS_H_

#include <string>

#include "absl/status/statusor.h"
#include "sluice/connector/operation.h"
#include "sluice/connector/target.h"
#include "sluice/connector/v1/reader.pb.h"
#include "sluice/connector/v1/writer.pb.h"

namespace sluice::connector {

// INVALID for what the contract forbids: no id, no action, a replace without a kind, a CREATE with an object id.
absl::StatusOr<Operation> FromProto(const v1::Operation& operation);
// Takes the texts out of it; its id stays.
absl::StatusOr<Operation> TakeFromProto(v1::Operation* operation);
Match FromProto(const v1::Match& match);
v1::OperationResult ToProto(const Result& result);
void FillProto(const Result& result, v1::OperationResult* out);  // Which must be empty.
v1::VerifyReply::Verdict ToProto(const Verdict& verdict, const std::string& operation_id);
v1::Progress ToProto(const ProgressReport& report);

// An outcome that the runtime makes up itself.
v1::OperationResult MakeResult(const std::string& operation_id, Outcome outcome, const Error& error);

}  // namespace sluice::connector

#endif  // SLUICE_SDK_CPP_SRC_CONVERT_OPERATIONS_H_
