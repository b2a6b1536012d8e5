// How an Error of the contract travels: as the payload of an absl::Status inside a process, and in the details of a
// gRPC status (google.rpc.Status with one Any) between two. One table gives each reason its code. Pure functions; any
// thread. Nothing here logs.
#ifndef SLUICE_SDK_WIRE_ERROR_H_
#define SLUICE_SDK_WIRE_ERROR_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "grpcpp/support/status.h"
#include "sluice/connector/v1/error.pb.h"

namespace sluice::wire {

// A number that is not listed, and 0, are BUG.
connector::v1::Reason NormalReason(int number);
std::string_view ReasonName(connector::v1::Reason reason);  // "THROTTLED".
absl::StatusCode CodeOf(connector::v1::Reason reason);
// For a status without an Error: the nearest reason. DEADLINE_EXCEEDED is TRANSIENT.
connector::v1::Reason ReasonOf(absl::StatusCode code);

// "THROTTLED SOM-0012: the limit of the tenant is reached (HTTP 429)". One line for a log; no personal data by the
// contract's rule.
std::string Describe(const connector::v1::Error& error);

// Never OK. The reason is made normal, retry_after is clamped to 0..24 h, and an error without a diagnostic gets one
// that says so.
absl::Status StatusFromError(connector::v1::Error error);
// The Error that a status carries; for one without, ReasonOf and one diagnostic with the message.
connector::v1::Error ErrorFromStatus(const absl::Status& status);
// Whether the status carries an Error of the other side, and so says what the connector meant.
bool CarriesError(const absl::Status& status);

grpc::Status GrpcFromStatus(const absl::Status& status);
absl::Status StatusFromGrpc(const grpc::Status& status);

// An Error with one diagnostic.
connector::v1::Error MakeError(connector::v1::Reason reason, std::string_view code, std::string_view summary);

}  // namespace sluice::wire

#endif  // SLUICE_SDK_WIRE_ERROR_H_
