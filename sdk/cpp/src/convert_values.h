// Between the public types and the contract's messages: values, diagnostics, errors. Pure; any thread. The only files
// of the SDK that know both sides are these convert_* and the services.
#ifndef SLUICE_SDK_CPP_SRC_CONVERT_VALUES_H_
#define SLUICE_SDK_CPP_SRC_CONVERT_VALUES_H_

#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "sdk/wire/columns.h"
#include "sluice/connector/error.h"
#include "sluice/connector/v1/error.pb.h"
#include "sluice/connector/v1/value.pb.h"
#include "sluice/connector/value.h"

namespace sluice::connector {

v1::Value ToProto(const Value& value);
Value FromProto(const v1::Value& value);
List FromProto(const v1::Value::List& list);
v1::Value::List ToProto(const List& list);

// Adds a visible value to what a record has; its text is not copied.
void AddCell(size_t attribute, const Value& value, wire::Cells* cells);

v1::Diagnostic ToProto(const Diagnostic& diagnostic);
Diagnostic FromProto(const v1::Diagnostic& diagnostic);
v1::Taken ToProto(const Taken& taken);
v1::Error ToProto(const Error& error);
Error FromProto(const v1::Error& error);

google::protobuf::Duration ToProto(absl::Duration duration);
absl::Duration FromProto(const google::protobuf::Duration& duration);
google::protobuf::Timestamp ToProto(absl::Time time);

}  // namespace sluice::connector

#endif  // SLUICE_SDK_CPP_SRC_CONVERT_VALUES_H_
