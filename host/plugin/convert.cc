#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "host/plugin/convert_internal.h"
#include "host/plugin/log_lines.h"
#include "sdk/wire/columns.h"
#include "sdk/wire/error.h"
#include "sdk/wire/limits.h"

namespace sluice::plugin {
namespace {

namespace v1 = connector::v1;
using core::Value;

constexpr size_t kMaxTextBytes = 1000;         // Of one diagnostic.
constexpr int64_t kMaxSeconds = 253402300799;  // The last second of the year 9999.
constexpr int64_t kMinSeconds = -62135596800;  // The first of the year 1.

Value NumberFromProto(double number) {
  const double millionths = std::round(number * 1e6);
  if (!std::isfinite(millionths) || std::abs(millionths) > 9e18) return Value::NotVisible();
  return Value::Number(core::Decimal{static_cast<int64_t>(millionths)});
}

Value ListFromProto(const v1::Value::List& list) {
  Value::List items;
  items.reserve(static_cast<size_t>(list.values_size()));
  for (const v1::Value& item : list.values()) items.push_back(ValueFromProto(item));
  return list.partial() ? Value::PartialListOf(std::move(items)) : Value::ListOf(std::move(items));
}

v1::Value::List ListToProto(const Value& value) {
  v1::Value::List list;
  if (value.is_list()) {
    for (const Value& item : value.list()) *list.add_values() = ValueToProto(item);
  } else if (value.has_value()) {
    *list.add_values() = ValueToProto(value);
  }
  return list;
}

absl::Duration FromProto(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

absl::Duration RetryAfter(const google::protobuf::Duration& duration) {
  return std::clamp(FromProto(duration), absl::ZeroDuration(), wire::kMaxRetryAfter);
}

engine::Action ActionFromProto(v1::Action action) {
  return action >= v1::ACTION_READ && action <= v1::ACTION_SET_CREDENTIAL
             ? static_cast<engine::Action>(static_cast<int>(action) - 1)
             : engine::Action::kRead;
}

v1::Action ActionToProto(engine::Action action) { return static_cast<v1::Action>(static_cast<int>(action) + 1); }

// The two lists stand in the same order; these two lines fail to compile when that ends.
static_assert(static_cast<int>(engine::Action::kRead) + 1 == v1::ACTION_READ);
static_assert(static_cast<int>(engine::Action::kSetCredential) + 1 == v1::ACTION_SET_CREDENTIAL);
static_assert(static_cast<int>(engine::Reason::kUnspecified) == v1::REASON_UNSPECIFIED);
static_assert(static_cast<int>(engine::Reason::kBug) == v1::REASON_BUG);

core::Reference ReferenceFromProto(const v1::Reference& reference) {
  return core::Reference{reference.object_class(), reference.id()};
}

}  // namespace

Value ValueFromProto(const v1::Value& value) {
  switch (value.kind_case()) {
    case v1::Value::kText:
      return Value::Text(value.text());
    case v1::Value::kInteger:
      return Value::Integer(value.integer());
    case v1::Value::kNumber:
      return NumberFromProto(value.number());
    case v1::Value::kFlag:
      return Value::Flag(value.flag());
    case v1::Value::kData:
      return Value::Data(value.data());
    case v1::Value::kDate: {
      const auto day = wire::DateFromProto(value.date());
      return day.ok() ? Value::Date(*day) : Value::NotVisible();
    }
    case v1::Value::kTime: {
      const int64_t seconds = value.time().seconds();
      if (seconds < kMinSeconds || seconds > kMaxSeconds) return Value::NotVisible();
      return Value::Time(absl::FromUnixSeconds(seconds) + absl::Nanoseconds(value.time().nanos()));
    }
    case v1::Value::kReference:
      return Value::Ref(ReferenceFromProto(value.reference()));
    case v1::Value::kList:
      return ListFromProto(value.list());
    case v1::Value::kStruct: {
      Value::Map fields;
      for (const auto& [name, field] : value.struct_().fields()) fields[name] = ValueFromProto(field);
      return Value::MapOf(std::move(fields));
    }
    case v1::Value::kEmpty:
      return Value::Empty();
    case v1::Value::kSecretText:  // Nothing of ours keeps a secret as a value.
    case v1::Value::KIND_NOT_SET:
      return Value::NotVisible();
  }
  return Value::NotVisible();
}

v1::Value ValueToProto(const Value& value) {
  v1::Value proto;
  switch (value.kind()) {
    case Value::Kind::kNotVisible:
      break;
    case Value::Kind::kEmpty:
      proto.mutable_empty();
      break;
    case Value::Kind::kText:
      proto.set_text(value.text());
      break;
    case Value::Kind::kInteger:
      proto.set_integer(value.integer());
      break;
    case Value::Kind::kDecimal:
      proto.set_number(static_cast<double>(value.decimal().millionths) / 1e6);
      break;
    case Value::Kind::kFlag:
      proto.set_flag(value.flag());
      break;
    case Value::Kind::kDate:
      *proto.mutable_date() = wire::DateToProto(value.date());
      break;
    case Value::Kind::kTime: {
      const int64_t micros = absl::ToUnixMicros(value.time());
      const int64_t seconds = absl::ToUnixSeconds(value.time());
      proto.mutable_time()->set_seconds(seconds);
      proto.mutable_time()->set_nanos(static_cast<int32_t>((micros - seconds * 1000000) * 1000));
      break;
    }
    case Value::Kind::kData:
      proto.set_data(value.text());
      break;
    case Value::Kind::kReference:
      proto.mutable_reference()->set_object_class(value.reference().object_class);
      proto.mutable_reference()->set_id(value.reference().id);
      break;
    case Value::Kind::kPartialList:
    case Value::Kind::kList:
      *proto.mutable_list() = ListToProto(value);
      proto.mutable_list()->set_partial(value.kind() == Value::Kind::kPartialList);
      break;
    case Value::Kind::kMap:
      for (const auto& [name, field] : value.map()) {
        (*proto.mutable_struct_()->mutable_fields())[name] = ValueToProto(field);
      }
      break;
  }
  return proto;
}

std::string DiagnosticText(const v1::Diagnostic& diagnostic) {
  std::string text = diagnostic.code().empty() ? "" : absl::StrCat(diagnostic.code(), " ");
  absl::StrAppend(&text, diagnostic.summary().empty() ? "the connector gave no reason" : diagnostic.summary());
  if (!diagnostic.object_class().empty()) {
    absl::StrAppend(&text, " (", diagnostic.object_class(), diagnostic.object_id().empty() ? "" : " ",
                    diagnostic.object_id(), ")");
  }
  if (!diagnostic.origin().empty()) absl::StrAppend(&text, ", at ", diagnostic.origin());
  return HarmlessText(text, kMaxTextBytes);
}

engine::Failure FailureFromProto(const v1::Error& error) {
  engine::Failure failure;
  failure.reason = static_cast<engine::Reason>(wire::NormalReason(error.reason()));
  std::vector<std::string> texts;
  for (const v1::Diagnostic& diagnostic : error.diagnostics()) {
    if (texts.size() < 5) texts.push_back(DiagnosticText(diagnostic));
  }
  failure.message = texts.empty() ? "the connector gave no reason" : absl::StrJoin(texts, "; ");
  failure.target_status = HarmlessText(error.target_status(), 200);
  failure.retry_after = RetryAfter(error.retry_after());
  for (const v1::Taken& taken : error.taken()) {
    failure.taken.push_back(
        {taken.attribute(), ValueFromProto(taken.value()), ReferenceFromProto(taken.holder()), taken.holder_name()});
  }
  for (const v1::Reference& candidate : error.candidates()) failure.candidates.push_back(ReferenceFromProto(candidate));
  return failure;
}

absl::Status StatusFromCall(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  const absl::Status carried = wire::StatusFromGrpc(status);
  if (wire::CarriesError(carried)) return engine::FailureToStatus(FailureFromProto(wire::ErrorFromStatus(carried)));
  engine::Failure failure;
  const std::string& said = status.error_message();
  switch (status.error_code()) {
    case grpc::StatusCode::UNAVAILABLE:
      failure.reason = engine::Reason::kUnavailable;
      failure.message = "the plugin went away in the middle of the call";
      break;
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      failure.reason = engine::Reason::kTransient;
      failure.message = "the plugin did not answer in time";
      break;
    case grpc::StatusCode::CANCELLED:
      failure.reason = engine::Reason::kCancelled;
      failure.message = "the call was cancelled";
      break;
    case grpc::StatusCode::UNIMPLEMENTED:
      failure.reason = engine::Reason::kUnsupported;
      failure.message = "the connector does not offer this call";
      break;
    case grpc::StatusCode::RESOURCE_EXHAUSTED:  // Without an Error it is gRPC that speaks, not the system.
      failure.reason = engine::Reason::kBug;
      failure.message = absl::StrCat("the plugin sent a message over the limit of ", wire::kMaxMessageBytes >> 20,
                                     " MiB (", HarmlessText(said, 200), "); tell its vendor");
      break;
    default:
      failure.reason = engine::Reason::kBug;
      failure.message = absl::StrCat("the plugin failed without a reason: ", HarmlessText(said, kMaxTextBytes));
  }
  return engine::FailureToStatus(failure);
}

v1::Config ConfigToProto(const SystemConfig& config, uint32_t schema_version) {
  v1::Config proto;
  proto.set_schema_version(schema_version);
  for (const auto& [name, value] : config.settings) (*proto.mutable_settings())[name] = ValueToProto(value);
  return proto;
}

v1::ValidateConfigRequest ValidateToProto(const SystemConfig& config, uint32_t schema_version) {
  v1::ValidateConfigRequest request;
  *request.mutable_config() = ConfigToProto(config, schema_version);
  for (const auto& [name, value] : config.secrets) request.add_secret_names(name);
  return request;
}

v1::OpenRequest OpenToProto(const SystemConfig& config, uint32_t schema_version) {
  v1::OpenRequest request;
  request.set_system(config.name);
  *request.mutable_config() = ConfigToProto(config, schema_version);
  for (const auto& [name, value] : config.secrets) {
    v1::Secret& secret = (*request.mutable_secrets())[name];
    secret.set_value(value);
    const auto history = config.secret_history.find(name);
    secret.set_version(history != config.secret_history.end() ? history->second.version : 1);
    if (history != config.secret_history.end()) secret.set_previous(history->second.previous);
  }
  request.set_mode(config.mode == SystemConfig::Mode::kReadWrite ? v1::OpenRequest::READ_WRITE
                                                                 : v1::OpenRequest::READ_ONLY);
  request.set_time_zone(config.time_zone);
  request.set_ca_bundle(config.ca_bundle);
  request.mutable_pace()->set_requests_in_parallel(config.pace.requests_in_parallel);
  request.mutable_pace()->set_requests_per_minute(config.pace.requests_per_minute);
  return request;
}

engine::TestReport TestReportFromProto(const v1::TestReply& reply) {
  engine::TestReport report;
  for (const v1::Diagnostic& diagnostic : reply.diagnostics()) {
    (diagnostic.severity() == v1::Diagnostic::WARNING ? report.warnings : report.errors)
        .push_back(DiagnosticText(diagnostic));
  }
  for (const v1::MissingRight& right : reply.missing_rights()) {
    report.missing_rights.push_back({HarmlessText(right.object_class(), 200), HarmlessText(right.right(), 500),
                                     HarmlessText(right.remedy(), 500), HarmlessText(right.scope(), 200),
                                     HarmlessText(right.attribute(), 200)});
  }
  return report;
}

engine::SystemSchema SchemaFromProto(const v1::GetSchemaReply& schema) {
  engine::SystemSchema result;
  for (const v1::ObjectClass& c : schema.classes()) {
    engine::ClassInfo info;
    info.name = c.name();
    info.role = c.role() >= v1::ObjectClass::PERSON && c.role() <= v1::ObjectClass::RELATION
                    ? static_cast<engine::ClassInfo::Role>(static_cast<int>(c.role()))
                    : engine::ClassInfo::Role::kOther;
    for (const v1::Attribute& a : c.attributes()) {
      engine::AttributeInfo attribute;
      attribute.name = a.name();
      if (a.type() >= v1::Attribute::TEXT && a.type() <= v1::Attribute::SECRET) {
        attribute.type = static_cast<engine::AttributeInfo::Type>(static_cast<int>(a.type()) - 1);
      }
      attribute.multi_valued = a.multi_valued();
      attribute.required = a.required();
      attribute.unique_in = a.unique_in();
      attribute.readable = a.readable();
      attribute.creatable = a.creatable();
      attribute.updatable = a.updatable();
      attribute.case_insensitive = a.case_insensitive();
      attribute.ordered = a.ordered();
      attribute.is_volatile = a.volatile_();
      attribute.max_length = a.max_length();
      attribute.allowed_characters = a.allowed_characters();
      attribute.reference_class = a.reference_class();
      if (v1::Attribute::Privacy_IsValid(a.privacy())) {
        attribute.privacy = static_cast<engine::AttributeInfo::Privacy>(static_cast<int>(a.privacy()));
      }
      info.attributes.push_back(std::move(attribute));
    }
    for (int action : c.actions()) {
      if (action >= v1::ACTION_READ && action <= v1::ACTION_SET_CREDENTIAL) {
        info.actions.push_back(ActionFromProto(static_cast<v1::Action>(action)));
      }
    }
    info.owner_attribute = c.owner_attribute();
    info.subject_class = c.relation().subject_class();
    info.subject_attribute = c.relation().subject_attribute();
    info.object_class = c.relation().object_class();
    info.object_attribute = c.relation().object_attribute();
    info.grantable = c.relation().grantable();
    info.label_attribute = c.label_attribute();
    info.password_min_length = c.password_policy().min_length();
    info.password_max_length = c.password_policy().max_length();
    info.password_min_kinds = c.password_policy().min_character_kinds();
    info.joins = c.writing().joins();
    info.creates_enabled = c.writing().creates_enabled();
    info.full_state = c.writing().full_state();
    info.max_in_flight = c.writing().max_in_flight();
    result.classes.push_back(std::move(info));
  }
  return result;
}

v1::Operation OperationToProto(const engine::TargetOperation& operation) {
  v1::Operation proto;
  FillProto(operation, &proto);
  return proto;
}

void FillProto(const engine::TargetOperation& operation, v1::Operation* out) {
  v1::Operation& proto = *out;
  proto.set_id(operation.id);
  proto.set_attempt(operation.attempt);
  proto.set_action(ActionToProto(operation.action));
  proto.set_object_class(operation.object_class);
  proto.set_object_id(operation.object_id);
  proto.set_object_name(operation.object_name);
  for (const engine::Delta& delta : operation.deltas) {
    v1::Delta* d = proto.add_deltas();
    d->set_attribute(delta.attribute);
    switch (delta.change) {
      case engine::Delta::Change::kReplace:
        if (delta.is_secret && delta.value.kind() == Value::Kind::kText) {
          d->mutable_replace()->set_secret_text(delta.value.text());
        } else if (delta.value.kind() == Value::Kind::kText) {  // Most are.
          d->mutable_replace()->set_text(delta.value.text());
        } else {
          *d->mutable_replace() = ValueToProto(delta.value);
        }
        break;
      case engine::Delta::Change::kAdd:
        *d->mutable_add() = ListToProto(delta.value);
        break;
      case engine::Delta::Change::kRemove:
        *d->mutable_remove() = ListToProto(delta.value);
        break;
      case engine::Delta::Change::kClear:
        d->mutable_clear();
        break;
    }
  }
  for (const engine::Match& match : operation.correlate) {
    v1::Match* m = proto.add_correlate();
    m->set_attribute(match.attribute);
    *m->mutable_value() = ValueToProto(match.value);
  }
  if (!operation.permission_id.empty() || !operation.relation_class.empty()) {
    proto.mutable_permission()->set_relation_class(operation.relation_class);
    proto.mutable_permission()->set_object_id(operation.permission_id);
  }
  proto.set_precondition(operation.precondition);
  proto.set_private_state(operation.private_state);
  proto.mutable_timeout()->set_seconds(absl::ToInt64Seconds(operation.timeout));
  proto.mutable_timeout()->set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(operation.timeout % absl::Seconds(1))));
}

namespace {

std::string PendingText(const v1::Pending& pending) {
  std::string text = HarmlessText(pending.waiting_for().empty() ? "the target" : pending.waiting_for(), 300);
  const int64_t seconds = pending.expires().seconds();
  if (pending.has_expires() && seconds > kMinSeconds && seconds < kMaxSeconds) {
    absl::StrAppend(&text, ", until ",
                    absl::FormatTime("%Y-%m-%d %H:%M UTC", absl::FromUnixSeconds(seconds), absl::UTCTimeZone()));
  }
  return text;
}

}  // namespace

engine::TargetResult ResultFromProto(const v1::OperationResult& result) {
  engine::TargetResult out;
  out.operation_id = result.operation();
  switch (result.outcome()) {
    case v1::OperationResult::APPLIED:
      out.outcome = engine::Outcome::kApplied;
      break;
    case v1::OperationResult::NO_CHANGE:
      out.outcome = engine::Outcome::kNoChange;
      break;
    case v1::OperationResult::FAILED:
      out.outcome = engine::Outcome::kFailed;
      break;
    case v1::OperationResult::PARTLY_APPLIED:
      out.outcome = engine::Outcome::kPartlyApplied;
      break;
    case v1::OperationResult::PENDING:
      out.outcome = engine::Outcome::kPending;
      break;
    default:
      out.outcome = engine::Outcome::kInDoubt;
  }
  const bool has_failure = out.outcome == engine::Outcome::kFailed || out.outcome == engine::Outcome::kPartlyApplied ||
                           out.outcome == engine::Outcome::kInDoubt;
  if (has_failure || result.has_error()) out.failure = FailureFromProto(result.error());
  out.object_id = result.object_id();
  out.provisional_id = result.provisional_id();
  out.object_name = result.object_name();
  for (const v1::Change& change : result.changes()) {
    if (change.has_object()) continue;  // Of another object: nothing here keeps it yet, and it is not this one's.
    out.changes.push_back({change.attribute(), ValueFromProto(change.before()), ValueFromProto(change.after())});
  }
  out.precondition = result.precondition();
  out.private_state = result.private_state();
  if (result.has_pending()) out.waiting_for = PendingText(result.pending());
  return out;
}

engine::Verdict VerdictFromProto(const v1::VerifyReply::Verdict& verdict) {
  engine::Verdict out;
  out.operation_id = verdict.operation();
  switch (verdict.state()) {
    case v1::VerifyReply::DONE:
      out.state = engine::Verdict::State::kDone;
      break;
    case v1::VerifyReply::NOT_DONE:
      out.state = engine::Verdict::State::kNotDone;
      break;
    case v1::VerifyReply::TOO_EARLY:
      out.state = engine::Verdict::State::kTooEarly;
      break;
    case v1::VerifyReply::PENDING:
      out.state = engine::Verdict::State::kPending;
      break;
    default:
      out.state = engine::Verdict::State::kUnknown;
  }
  out.result = ResultFromProto(verdict.result());
  out.retry_after = RetryAfter(verdict.retry_after());
  if (verdict.has_error()) out.failure = FailureFromProto(verdict.error());
  return out;
}

namespace {

// Writes that the compiler may not leave out.
void Overwrite(std::string* text) {
  volatile char* bytes = text->data();
  for (size_t i = 0; i < text->size(); ++i) bytes[i] = 0;
  text->clear();
}

}  // namespace

void WipeSecrets(v1::Operation* operation) {
  for (auto* deltas : {operation->mutable_deltas(), operation->mutable_full_state()}) {
    for (v1::Delta& delta : *deltas) {
      if (delta.has_replace() && delta.replace().kind_case() == v1::Value::kSecretText) {
        Overwrite(delta.mutable_replace()->mutable_secret_text());
      }
    }
  }
}

void WipeSecrets(engine::TargetOperation* operation) {
  for (engine::Delta& delta : operation->deltas) {
    if (!delta.is_secret || delta.value.kind() != Value::Kind::kText) continue;
    // The value is ours alone and goes away here: a Value's text is not shared.
    Overwrite(const_cast<std::string*>(&delta.value.text()));
    delta.value = Value::NotVisible();
  }
}

}  // namespace sluice::plugin
