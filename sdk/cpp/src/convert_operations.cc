#include "sdk/cpp/src/convert_operations.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "sdk/cpp/src/convert_values.h"
#include "sdk/wire/limits.h"

namespace sluice::connector {
namespace {

Error Invalid(const v1::Operation& operation, const std::string& what) {
  return Error(Reason::kInvalid, "SDK-0101", absl::StrCat("operation ", operation.id(), " is not valid: ", what));
}

// A text may be large, and there are many.
Value TakeValue(v1::Value* value) {
  if (value->has_text()) return Value(std::move(*value->mutable_text()));
  return FromProto(*value);
}

absl::StatusOr<Delta> TakeDelta(const v1::Operation& operation, v1::Delta& delta) {
  Delta out;
  out.attribute = delta.attribute();
  switch (delta.change_case()) {
    case v1::Delta::kReplace:
      out.kind = Delta::Kind::kReplace;
      out.value = TakeValue(delta.mutable_replace());
      if (!out.value.is_visible())
        return Invalid(operation, absl::StrCat(delta.attribute(), " is replaced by no value")).AsStatus();
      if (out.value.is_empty()) {
        out.kind = Delta::Kind::kClear;
        out.value = Value();
      }
      return out;
    case v1::Delta::kAdd:
      out.kind = Delta::Kind::kAdd;
      out.values = FromProto(delta.add());
      return out;
    case v1::Delta::kRemove:
      out.kind = Delta::Kind::kRemove;
      out.values = FromProto(delta.remove());
      return out;
    case v1::Delta::kClear:
      out.kind = Delta::Kind::kClear;
      return out;
    case v1::Delta::CHANGE_NOT_SET:
      break;
  }
  return Invalid(operation, absl::StrCat(delta.attribute(), " has no change")).AsStatus();
}

}  // namespace

absl::StatusOr<Operation> FromProto(const v1::Operation& operation) {
  v1::Operation copy = operation;
  return TakeFromProto(&copy);
}

absl::StatusOr<Operation> TakeFromProto(v1::Operation* taken) {
  v1::Operation& operation = *taken;
  Operation out;
  if (operation.id().empty()) return Invalid(operation, "it has no id").AsStatus();
  if (!v1::Action_IsValid(operation.action()) || operation.action() <= v1::ACTION_READ) {
    return Error(Reason::kUnsupported, "SDK-0102",
                 absl::StrCat("operation ", operation.id(), " has an action this connector does not know"))
        .AsStatus();
  }
  if (operation.object_class().empty()) return Invalid(operation, "it has no class").AsStatus();
  out.id = operation.id();
  out.attempt = operation.attempt();
  out.action = static_cast<Action>(operation.action());
  out.object_class = std::move(*operation.mutable_object_class());
  out.object_id = std::move(*operation.mutable_object_id());
  if (out.action != Action::kCreate && out.object_id.empty())
    return Invalid(operation, "it has no object id").AsStatus();
  out.object_name = std::move(*operation.mutable_object_name());
  out.deltas.reserve(static_cast<size_t>(operation.deltas_size()));
  for (v1::Delta& delta : *operation.mutable_deltas()) {
    auto converted = TakeDelta(operation, delta);
    if (!converted.ok()) return converted.status();
    out.deltas.push_back(*std::move(converted));
  }
  for (v1::Delta& delta : *operation.mutable_full_state()) {
    auto converted = TakeDelta(operation, delta);
    if (!converted.ok()) return converted.status();
    out.full_state.push_back(*std::move(converted));
  }
  for (const v1::Match& match : operation.correlate()) out.correlate.push_back(FromProto(match));
  const bool needs_permission = out.action == Action::kGrant || out.action == Action::kRevoke;
  if (needs_permission && operation.permission().object_id().empty())
    return Invalid(operation, "it names no permission").AsStatus();
  if (operation.has_permission()) {
    Permission permission{operation.permission().relation_class(), operation.permission().object_id(), {}};
    for (const auto& [name, value] : operation.permission().parameters())
      permission.parameters[name] = FromProto(value);
    out.permission = std::move(permission);
  }
  out.precondition = operation.precondition();
  out.private_state = operation.private_state();
  if (operation.has_timeout()) out.timeout = FromProto(operation.timeout());
  return out;
}

Match FromProto(const v1::Match& match) { return Match{match.attribute(), FromProto(match.value())}; }

v1::OperationResult ToProto(const Result& result) {
  v1::OperationResult out;
  FillProto(result, &out);
  return out;
}

void FillProto(const Result& result, v1::OperationResult* proto) {
  v1::OperationResult& out = *proto;
  out.set_operation(result.operation);
  out.set_outcome(static_cast<v1::OperationResult::Outcome>(result.outcome));
  if (result.error.has_value()) *out.mutable_error() = ToProto(*result.error);
  const bool needs_error = result.outcome == Outcome::kFailed || result.outcome == Outcome::kPartlyApplied ||
                           result.outcome == Outcome::kInDoubt;
  if (needs_error && out.error().diagnostics_size() == 0) {
    Error error = result.error.value_or(Error());
    error.diagnostics.push_back(
        Diagnostic{Severity::kError, "SDK-0103", "the connector gave no diagnostic", {}, {}, {}, {}, {}});
    *out.mutable_error() = ToProto(error);
  }
  out.set_object_id(result.object_id);
  out.set_provisional_id(result.provisional_id);
  out.set_object_name(result.object_name);
  for (const Change& change : result.changes) {
    v1::Change* target = out.add_changes();
    target->set_attribute(change.attribute);
    *target->mutable_before() = ToProto(change.before);
    *target->mutable_after() = ToProto(change.after);
    if (!change.object.id.empty()) {
      target->mutable_object()->set_object_class(change.object.object_class);
      target->mutable_object()->set_id(change.object.id);
    }
  }
  out.set_precondition(result.precondition);
  out.set_private_state(result.private_state.substr(0, wire::kMaxPrivateStateBytes));
  if (result.pending.has_value()) {
    out.mutable_pending()->set_waiting_for(result.pending->waiting_for);
    if (result.pending->ask_after.has_value())
      *out.mutable_pending()->mutable_ask_after() = ToProto(*result.pending->ask_after);
    if (result.pending->expires.has_value())
      *out.mutable_pending()->mutable_expires() = ToProto(*result.pending->expires);
  }
  for (const auto& [name, secret] : result.secrets) {
    v1::Secret& target = (*out.mutable_secrets())[name];
    target.set_value(secret.Reveal());
    target.set_version(secret.version());
  }
}

v1::VerifyReply::Verdict ToProto(const Verdict& verdict, const std::string& operation_id) {
  v1::VerifyReply::Verdict out;
  out.set_operation(operation_id);
  out.set_state(static_cast<v1::VerifyReply::State>(verdict.state));
  if (verdict.result.has_value()) {
    *out.mutable_result() = ToProto(*verdict.result);
    out.mutable_result()->set_operation(operation_id);
  }
  if (verdict.retry_after.has_value()) *out.mutable_retry_after() = ToProto(*verdict.retry_after);
  if (verdict.error.has_value()) *out.mutable_error() = ToProto(*verdict.error);
  return out;
}

v1::Progress ToProto(const ProgressReport& report) {
  v1::Progress out;
  out.set_activity(report.activity);
  out.set_done(report.done);
  out.set_expected(report.expected);
  if (report.limited_until.has_value()) *out.mutable_limited_until() = ToProto(*report.limited_until);
  return out;
}

v1::OperationResult MakeResult(const std::string& operation_id, Outcome outcome, const Error& error) {
  v1::OperationResult out;
  out.set_operation(operation_id);
  out.set_outcome(static_cast<v1::OperationResult::Outcome>(outcome));
  *out.mutable_error() = ToProto(error);
  return out;
}

}  // namespace sluice::connector
