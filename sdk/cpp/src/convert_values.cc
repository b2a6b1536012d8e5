#include "sdk/cpp/src/convert_values.h"

#include <utility>

#include "sdk/wire/error.h"

namespace sluice::connector {

v1::Value ToProto(const Value& value) {
  v1::Value out;
  if (value.is_empty()) {
    out.mutable_empty();
  } else if (const auto* text = value.text()) {
    out.set_text(*text);
  } else if (const auto* integer = value.integer()) {
    out.set_integer(*integer);
  } else if (const auto* number = value.number()) {
    out.set_number(*number);
  } else if (const auto* flag = value.flag()) {
    out.set_flag(*flag);
  } else if (const auto* data = value.data()) {
    out.set_data(data->bytes);
  } else if (const auto* date = value.date()) {
    *out.mutable_date() = wire::DateToProto(*date);
  } else if (const auto* time = value.time()) {
    *out.mutable_time() = ToProto(*time);
  } else if (const auto* reference = value.reference()) {
    out.mutable_reference()->set_object_class(reference->object_class);
    out.mutable_reference()->set_id(reference->id);
  } else if (const auto* list = value.list()) {
    *out.mutable_list() = ToProto(*list);
    if (value.is_partial()) out.mutable_list()->set_partial(true);
  } else if (const auto* fields = value.fields()) {
    auto* target = out.mutable_struct_()->mutable_fields();
    for (const auto& [name, field] : *fields) (*target)[name] = ToProto(field);
  } else if (const auto* secret = value.secret()) {
    out.set_secret_text(secret->Reveal());
  }
  return out;
}

Value FromProto(const v1::Value& value) {
  switch (value.kind_case()) {
    case v1::Value::kText:
      return Value(value.text());
    case v1::Value::kInteger:
      return Value(value.integer());
    case v1::Value::kNumber:
      return Value(value.number());
    case v1::Value::kFlag:
      return Value(value.flag());
    case v1::Value::kData:
      return Value(Data{value.data()});
    case v1::Value::kDate: {
      auto day = wire::DateFromProto(value.date());
      return day.ok() ? Value(*day) : Value();
    }
    case v1::Value::kTime:
      return Value(absl::FromUnixSeconds(value.time().seconds()) + absl::Nanoseconds(value.time().nanos()));
    case v1::Value::kReference:
      return Value(Reference{value.reference().object_class(), value.reference().id()});
    case v1::Value::kList:
      if (value.list().partial()) return Value(PartialList{FromProto(value.list())});
      return Value(FromProto(value.list()));
    case v1::Value::kStruct: {
      Struct fields;
      for (const auto& [name, field] : value.struct_().fields()) fields[name] = FromProto(field);
      return Value(std::move(fields));
    }
    case v1::Value::kSecretText:
      return Value(Secret(value.secret_text()));
    case v1::Value::kEmpty:
      return Value::Empty();
    case v1::Value::KIND_NOT_SET:
      break;
  }
  return Value();
}

List FromProto(const v1::Value::List& list) {
  List values;
  values.reserve(static_cast<size_t>(list.values_size()));
  for (const v1::Value& value : list.values()) values.push_back(FromProto(value));
  return values;
}

v1::Value::List ToProto(const List& list) {
  v1::Value::List out;
  for (const Value& value : list) *out.add_values() = ToProto(value);
  return out;
}

void AddCell(size_t attribute, const Value& value, wire::Cells* cells) {
  if (const std::string* text = value.text()) {
    cells->texts.emplace_back(attribute, absl::string_view(text->data(), text->size()));
  } else if (value.is_visible()) {
    cells->others.emplace_back(attribute, ToProto(value));
  }
}

v1::Diagnostic ToProto(const Diagnostic& diagnostic) {
  v1::Diagnostic out;
  out.set_severity(static_cast<v1::Diagnostic::Severity>(diagnostic.severity));
  out.set_code(diagnostic.code);
  out.set_summary(diagnostic.summary);
  out.set_detail(diagnostic.detail);
  for (const PathStep& step : diagnostic.path) {
    v1::Path::Step* target = out.mutable_path()->add_steps();
    if (const auto* name = std::get_if<std::string>(&step)) target->set_name(*name);
    if (const auto* index = std::get_if<int64_t>(&step)) target->set_index(*index);
    if (const auto* key = std::get_if<PathKey>(&step)) target->set_key(key->key);
  }
  out.set_object_class(diagnostic.object_class);
  out.set_object_id(diagnostic.object_id);
  out.set_origin(diagnostic.origin);
  return out;
}

Diagnostic FromProto(const v1::Diagnostic& diagnostic) {
  Diagnostic out;
  out.severity = diagnostic.severity() == v1::Diagnostic::WARNING ? Severity::kWarning : Severity::kError;
  out.code = diagnostic.code();
  out.summary = diagnostic.summary();
  out.detail = diagnostic.detail();
  for (const v1::Path::Step& step : diagnostic.path().steps()) {
    if (step.has_name()) out.path.emplace_back(step.name());
    if (step.has_index()) out.path.emplace_back(step.index());
    if (step.has_key()) out.path.emplace_back(PathKey{step.key()});
  }
  out.object_class = diagnostic.object_class();
  out.object_id = diagnostic.object_id();
  out.origin = diagnostic.origin();
  return out;
}

v1::Taken ToProto(const Taken& taken) {
  v1::Taken out;
  out.set_attribute(taken.attribute);
  *out.mutable_value() = ToProto(taken.value);
  if (!taken.holder.id.empty()) {
    out.mutable_holder()->set_object_class(taken.holder.object_class);
    out.mutable_holder()->set_id(taken.holder.id);
  }
  out.set_holder_name(taken.holder_name);
  return out;
}

v1::Error ToProto(const Error& error) {
  v1::Error out;
  out.set_reason(static_cast<v1::Reason>(error.reason));
  if (error.retry_after.has_value()) *out.mutable_retry_after() = ToProto(*error.retry_after);
  out.set_throttle_scope(error.throttle_scope);
  for (const Diagnostic& diagnostic : error.diagnostics) *out.add_diagnostics() = ToProto(diagnostic);
  for (const Taken& taken : error.taken) *out.add_taken() = ToProto(taken);
  for (const Reference& candidate : error.candidates) {
    v1::Reference* target = out.add_candidates();
    target->set_object_class(candidate.object_class);
    target->set_id(candidate.id);
  }
  out.set_target_status(error.target_status);
  out.set_target_request_id(error.target_request_id);
  return out;
}

Error FromProto(const v1::Error& error) {
  Error out;
  out.reason = static_cast<Reason>(wire::NormalReason(error.reason()));
  if (error.has_retry_after()) out.retry_after = FromProto(error.retry_after());
  out.throttle_scope = error.throttle_scope();
  for (const v1::Diagnostic& diagnostic : error.diagnostics()) out.diagnostics.push_back(FromProto(diagnostic));
  for (const v1::Taken& taken : error.taken()) {
    out.taken.push_back(Taken{taken.attribute(), FromProto(taken.value()),
                              Reference{taken.holder().object_class(), taken.holder().id()}, taken.holder_name()});
  }
  for (const v1::Reference& candidate : error.candidates()) {
    out.candidates.push_back(Reference{candidate.object_class(), candidate.id()});
  }
  out.target_status = error.target_status();
  out.target_request_id = error.target_request_id();
  return out;
}

google::protobuf::Duration ToProto(absl::Duration duration) {
  google::protobuf::Duration out;
  if (duration >= absl::Hours(24 * 3650)) duration = absl::Hours(24 * 3650);
  const int64_t seconds = absl::IDivDuration(duration, absl::Seconds(1), &duration);
  out.set_seconds(seconds);
  out.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(duration)));
  return out;
}

absl::Duration FromProto(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

google::protobuf::Timestamp ToProto(absl::Time time) {
  google::protobuf::Timestamp out;
  const int64_t seconds = absl::ToUnixSeconds(time);
  out.set_seconds(seconds);
  out.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
  return out;
}

}  // namespace sluice::connector
