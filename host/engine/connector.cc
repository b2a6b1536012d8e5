#include "host/engine/connector.h"

#include <array>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace sluice::engine {
namespace {

constexpr char kPayloadUrl[] = "sluice/failure";

struct ReasonRow {
  Reason reason;
  const char* name;
  absl::StatusCode code;  // plugin-host.md B.6
};

constexpr std::array<ReasonRow, 18> kReasons = {{
    {Reason::kUnspecified, "UNSPECIFIED", absl::StatusCode::kInternal},
    {Reason::kThrottled, "THROTTLED", absl::StatusCode::kResourceExhausted},
    {Reason::kTransient, "TRANSIENT", absl::StatusCode::kAborted},
    {Reason::kUnavailable, "UNAVAILABLE", absl::StatusCode::kUnavailable},
    {Reason::kAuth, "AUTH", absl::StatusCode::kUnauthenticated},
    {Reason::kForbidden, "FORBIDDEN", absl::StatusCode::kPermissionDenied},
    {Reason::kProtected, "PROTECTED", absl::StatusCode::kPermissionDenied},
    {Reason::kInvalid, "INVALID", absl::StatusCode::kInvalidArgument},
    {Reason::kPasswordPolicy, "PASSWORD_POLICY", absl::StatusCode::kInvalidArgument},
    {Reason::kConflict, "CONFLICT", absl::StatusCode::kFailedPrecondition},
    {Reason::kNotFound, "NOT_FOUND", absl::StatusCode::kNotFound},
    {Reason::kAlreadyExists, "ALREADY_EXISTS", absl::StatusCode::kAlreadyExists},
    {Reason::kAmbiguous, "AMBIGUOUS", absl::StatusCode::kFailedPrecondition},
    {Reason::kQuota, "QUOTA", absl::StatusCode::kResourceExhausted},
    {Reason::kCursorExpired, "CURSOR_EXPIRED", absl::StatusCode::kOutOfRange},
    {Reason::kUnsupported, "UNSUPPORTED", absl::StatusCode::kUnimplemented},
    {Reason::kCancelled, "CANCELLED", absl::StatusCode::kCancelled},
    {Reason::kBug, "BUG", absl::StatusCode::kInternal},
}};

const ReasonRow& RowOf(Reason reason) { return kReasons[static_cast<size_t>(reason)]; }

}  // namespace

absl::string_view ReasonName(Reason reason) { return RowOf(reason).name; }

absl::Status FailureToStatus(const Failure& failure) {
  absl::Status status(RowOf(failure.reason).code,
                      failure.target_status.empty() ? failure.message
                                                    : absl::StrCat(failure.message, " (", failure.target_status, ")"));
  nlohmann::json payload = {{"reason", RowOf(failure.reason).name},
                            {"message", failure.message},
                            {"target_status", failure.target_status},
                            {"retry_after_ms", absl::ToInt64Milliseconds(failure.retry_after)}};
  status.SetPayload(kPayloadUrl, absl::Cord(payload.dump()));
  return status;
}

Failure FailureFromStatus(const absl::Status& status) {
  Failure failure;
  failure.message = std::string(status.message());
  if (auto payload = status.GetPayload(kPayloadUrl)) {
    const auto json = nlohmann::json::parse(std::string(*payload), nullptr, /*allow_exceptions=*/false);
    if (json.is_object()) {
      const std::string name = json.value("reason", "");
      for (const ReasonRow& row : kReasons) {
        if (name == row.name) failure.reason = row.reason;
      }
      failure.message = json.value("message", failure.message);
      failure.target_status = json.value("target_status", "");
      failure.retry_after = absl::Milliseconds(json.value("retry_after_ms", int64_t{0}));
      return failure;
    }
  }
  switch (status.code()) {
    case absl::StatusCode::kOk:
      break;
    case absl::StatusCode::kUnauthenticated:
      failure.reason = Reason::kAuth;
      break;
    case absl::StatusCode::kCancelled:
      failure.reason = Reason::kCancelled;
      break;
    case absl::StatusCode::kInvalidArgument:
      failure.reason = Reason::kInvalid;
      break;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      failure.reason = Reason::kUnavailable;
      break;
    case absl::StatusCode::kUnimplemented:
      failure.reason = Reason::kUnsupported;
      break;
    default:
      failure.reason = Reason::kBug;
  }
  return failure;
}

}  // namespace sluice::engine
