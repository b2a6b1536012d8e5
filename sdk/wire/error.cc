#include "sdk/wire/error.h"

#include <algorithm>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "google/protobuf/any.pb.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/wire_format_lite.h"
#include "sdk/wire/limits.h"

namespace sluice::wire {
namespace {

namespace v1 = connector::v1;
using google::protobuf::internal::WireFormatLite;

constexpr char kTypeUrl[] = "type.googleapis.com/sluice.connector.v1.Error";
constexpr int kMessageField = 2;  // Of google.rpc.Status, whose header Debian does not have.
constexpr int kDetailsField = 3;
constexpr size_t kMaxDetailsBytes = 6 * 1024;  // gRPC limits all metadata of a call to 8 KiB.

struct Row {
  v1::Reason reason;
  absl::StatusCode code;
};
constexpr Row kTable[] = {
    {v1::REASON_THROTTLED, absl::StatusCode::kResourceExhausted},
    {v1::REASON_TRANSIENT, absl::StatusCode::kAborted},
    {v1::REASON_UNAVAILABLE, absl::StatusCode::kUnavailable},
    {v1::REASON_AUTH, absl::StatusCode::kUnauthenticated},
    {v1::REASON_FORBIDDEN, absl::StatusCode::kPermissionDenied},
    {v1::REASON_PROTECTED, absl::StatusCode::kPermissionDenied},
    {v1::REASON_INVALID, absl::StatusCode::kInvalidArgument},
    {v1::REASON_PASSWORD_POLICY, absl::StatusCode::kInvalidArgument},
    {v1::REASON_CONFLICT, absl::StatusCode::kFailedPrecondition},
    {v1::REASON_NOT_FOUND, absl::StatusCode::kNotFound},
    {v1::REASON_ALREADY_EXISTS, absl::StatusCode::kAlreadyExists},
    {v1::REASON_AMBIGUOUS, absl::StatusCode::kFailedPrecondition},
    {v1::REASON_QUOTA, absl::StatusCode::kResourceExhausted},
    {v1::REASON_CURSOR_EXPIRED, absl::StatusCode::kOutOfRange},
    {v1::REASON_UNSUPPORTED, absl::StatusCode::kUnimplemented},
    {v1::REASON_CANCELLED, absl::StatusCode::kCancelled},
    {v1::REASON_BUG, absl::StatusCode::kInternal},
};

void AppendField(int field, std::string_view bytes, google::protobuf::io::CodedOutputStream* out) {
  WireFormatLite::WriteTag(field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED, out);
  out->WriteVarint32(static_cast<uint32_t>(bytes.size()));
  out->WriteRaw(bytes.data(), static_cast<int>(bytes.size()));
}

std::string EncodeRpcStatus(int code, const std::string& message, const std::string& any) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream out(&stream);
  WireFormatLite::WriteInt32(1, code, &out);
  AppendField(kMessageField, message, &out);
  AppendField(kDetailsField, any, &out);
  out.Trim();
  return bytes;
}

std::optional<v1::Error> DecodeRpcStatus(const std::string& bytes) {
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes.data()),
                                            static_cast<int>(bytes.size()));
  while (const uint32_t tag = in.ReadTag()) {
    if (WireFormatLite::GetTagFieldNumber(tag) != kDetailsField ||
        WireFormatLite::GetTagWireType(tag) != WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
      if (!WireFormatLite::SkipField(&in, tag)) return std::nullopt;
      continue;
    }
    uint32_t length = 0;
    std::string payload;
    if (!in.ReadVarint32(&length) || !in.ReadString(&payload, static_cast<int>(length))) return std::nullopt;
    google::protobuf::Any any;
    v1::Error error;
    if (any.ParseFromString(payload) && any.type_url() == kTypeUrl && error.ParseFromString(any.value())) return error;
  }
  return std::nullopt;
}

// What is left of an error that is too long for the details of a status.
v1::Error Shortened(v1::Error error) {
  error.clear_taken();
  error.clear_candidates();
  if (error.diagnostics_size() > 1) error.mutable_diagnostics()->DeleteSubrange(1, error.diagnostics_size() - 1);
  for (v1::Diagnostic& diagnostic : *error.mutable_diagnostics()) {
    diagnostic.mutable_summary()->resize(std::min<size_t>(diagnostic.summary().size(), 500));
    diagnostic.mutable_detail()->resize(std::min<size_t>(diagnostic.detail().size(), 1000));
    diagnostic.clear_path();
  }
  return error;
}

}  // namespace

v1::Reason NormalReason(int number) {
  return number > 0 && v1::Reason_IsValid(number) ? static_cast<v1::Reason>(number) : v1::REASON_BUG;
}

std::string_view ReasonName(v1::Reason reason) {
  std::string_view name = v1::Reason_Name(NormalReason(reason));
  name.remove_prefix(std::string_view("REASON_").size());
  return name;
}

absl::StatusCode CodeOf(v1::Reason reason) {
  for (const Row& row : kTable) {
    if (row.reason == reason) return row.code;
  }
  return absl::StatusCode::kInternal;
}

v1::Reason ReasonOf(absl::StatusCode code) {
  if (code == absl::StatusCode::kDeadlineExceeded) return v1::REASON_TRANSIENT;
  for (const Row& row : kTable) {  // The first row of a code is its plain meaning.
    if (row.code == code) return row.reason;
  }
  return v1::REASON_BUG;
}

std::string Describe(const v1::Error& error) {
  std::string text(ReasonName(error.reason()));
  if (error.diagnostics_size() > 0) {
    const v1::Diagnostic& first = error.diagnostics(0);
    if (!first.code().empty()) absl::StrAppend(&text, " ", first.code());
    absl::StrAppend(&text, ": ", first.summary());
    if (!first.origin().empty()) absl::StrAppend(&text, ", at ", first.origin());
  }
  if (!error.target_status().empty()) absl::StrAppend(&text, " (", error.target_status(), ")");
  return text;
}

v1::Error MakeError(v1::Reason reason, std::string_view code, std::string_view summary) {
  v1::Error error;
  error.set_reason(reason);
  v1::Diagnostic* diagnostic = error.add_diagnostics();
  diagnostic->set_severity(v1::Diagnostic::ERROR);
  diagnostic->set_code(std::string(code));
  diagnostic->set_summary(std::string(summary));
  return error;
}

absl::Status StatusFromError(v1::Error error) {
  error.set_reason(NormalReason(error.reason()));
  if (error.has_retry_after()) {
    const int64_t max_seconds = absl::ToInt64Seconds(kMaxRetryAfter);
    if (error.retry_after().seconds() >= max_seconds) {
      error.mutable_retry_after()->set_seconds(max_seconds);
      error.mutable_retry_after()->set_nanos(0);
    } else if (error.retry_after().seconds() < 0 || error.retry_after().nanos() < 0) {
      error.clear_retry_after();
    }
  }
  if (error.diagnostics_size() == 0) {
    *error.add_diagnostics() = MakeError(error.reason(), "", "the connector gave no diagnostic").diagnostics(0);
  }
  const std::string& summary = error.diagnostics(0).summary();
  absl::Status status(CodeOf(error.reason()), absl::string_view(summary.data(), summary.size()));
  status.SetPayload(kTypeUrl, absl::Cord(error.SerializeAsString()));
  return status;
}

bool CarriesError(const absl::Status& status) { return status.GetPayload(kTypeUrl).has_value(); }

v1::Error ErrorFromStatus(const absl::Status& status) {
  v1::Error error;
  if (auto payload = status.GetPayload(kTypeUrl); payload.has_value() && error.ParseFromString(std::string(*payload)))
    return error;
  return MakeError(ReasonOf(status.code()), "", std::string(status.message()));
}

grpc::Status GrpcFromStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  v1::Error error = ErrorFromStatus(status);
  if (error.ByteSizeLong() > kMaxDetailsBytes) error = Shortened(std::move(error));
  google::protobuf::Any any;
  any.set_type_url(kTypeUrl);
  any.set_value(error.SerializeAsString());
  const auto code = static_cast<grpc::StatusCode>(CodeOf(error.reason()));
  std::string message = error.diagnostics_size() > 0 ? error.diagnostics(0).summary() : std::string(status.message());
  message.resize(std::min<size_t>(message.size(), 500));
  const std::string details = EncodeRpcStatus(code, message, any.SerializeAsString());
  return grpc::Status(code, message, details);
}

absl::Status StatusFromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  if (auto error = DecodeRpcStatus(status.error_details()); error.has_value())
    return StatusFromError(std::move(*error));
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                      absl::string_view(status.error_message().data(), status.error_message().size()));
}

}  // namespace sluice::wire
