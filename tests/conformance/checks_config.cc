// Level 2: what the connector says of itself, its settings, its systems.
#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/util/message_differencer.h"
#include "sdk/wire/error.h"
#include "tests/conformance/run.h"

namespace sluice::conformance {
namespace {

namespace v1 = connector::v1;
using google::protobuf::util::MessageDifferencer;

Verdict SaysWhatItIs(Run& run) {
  SLUICE_OR_SKIP(info, run.Info());
  if (info->name() != run.subject().package.name || info->version() != run.subject().package.version)
    return Failed("GetInfo says ", info->name(), " ", info->version(), "; the greeting said ",
                  run.subject().package.name, " ", run.subject().package.version);
  std::set<std::string> services;
  for (const std::string& service : info->services()) {
    if (!services.insert(service).second) return Failed("GetInfo names the service ", service, " twice");
  }
  for (const char* service : {"Plugin", "Configuration", "Reader"}) {
    if (services.count(absl::StrCat("sluice.connector.v1.", service)) == 0)
      return Failed("GetInfo does not name sluice.connector.v1.", service);
  }
  return Passed();
}

// A Writer that is not named answers UNIMPLEMENTED or an Error UNSUPPORTED; one that is named, and an RPC behind a
// capability, answers something else.
bool IsThere(const grpc::Status& status) {
  return status.ok() ||
         (status.error_code() != grpc::StatusCode::UNIMPLEMENTED && ErrorOf(status).reason() != v1::REASON_UNSUPPORTED);
}

Verdict ServesWhatItNames(Run& run) {
  SLUICE_OR_SKIP(info, run.Info());
  SLUICE_OR_SKIP(is_target, run.IsTarget());
  SLUICE_OR_SKIP(launched, run.Reading());
  v1::VerifyRequest verify;
  verify.set_system(kSystem);
  v1::VerifyReply verdicts;
  const grpc::Status verified = launched->writer().Verify(launched->Context().get(), verify, &verdicts);
  if (IsThere(verified) != is_target)
    return Failed("GetInfo ", is_target ? "names" : "does not name", " Writer, and Verify answers ", Text(verified));
  v1::PreviewRequest preview;
  preview.set_system(kSystem);
  v1::PreviewReply previewed;
  const grpc::Status shown = launched->writer().Preview(launched->Context().get(), preview, &previewed);
  if (IsThere(shown) != info->capabilities().preview())
    return Failed("the capability preview is ", info->capabilities().preview(), ", and Preview answers ", Text(shown));
  SLUICE_OR_SKIP(schema, run.Schema());
  v1::FindTakenRequest find;
  find.set_system(kSystem);
  for (const v1::ObjectClass& c : schema->classes()) {
    for (const v1::Attribute& a : c.attributes()) {
      if (find.unique_in().empty()) find.set_unique_in(a.unique_in());
    }
  }
  if (find.unique_in().empty() || !info->capabilities().find_taken()) return Passed();
  v1::FindTakenReply found;
  const grpc::Status taken = launched->reader().FindTaken(launched->Context().get(), find, &found);
  if (!IsThere(taken)) return Failed("the capability find_taken is true, and FindTaken answers ", Text(taken));
  return Passed();
}

std::string FieldMistake(const v1::ConfigField& field, std::set<std::string>* names, int depth) {
  if (field.name().empty()) return "a setting has no name";
  if (!names->insert(field.name()).second) return absl::StrCat("two settings are called ", field.name());
  const std::string it = absl::StrCat("setting ", field.name());
  if (!v1::ConfigField::Type_IsValid(field.type()) || field.type() == v1::ConfigField::TYPE_UNSPECIFIED)
    return absl::StrCat(it, " has no type");
  if (field.type() == v1::ConfigField::CHOICE && field.choices().empty())
    return absl::StrCat(it, " is a CHOICE without choices");
  if (field.type() == v1::ConfigField::OBJECT && field.fields().empty())
    return absl::StrCat(it, " is an OBJECT without fields");
  if (field.secret() && field.type() != v1::ConfigField::TEXT && field.type() != v1::ConfigField::CERTIFICATE)
    return absl::StrCat(it, " is a secret and no text");
  if (field.secret() && (depth > 0 || field.has_default_value()))
    return absl::StrCat(it, " is a secret inside another setting, or with a default");
  if (field.required() && field.has_default_value())
    return absl::StrCat(it, " is required and has a default: one of both is not true");
  if (field.has_min() && field.has_max() && field.min() > field.max())
    return absl::StrCat(it, " has a min above its max");
  std::set<std::string> inner;
  for (const v1::ConfigField& child : field.fields()) {
    if (std::string wrong = FieldMistake(child, &inner, depth + 1); !wrong.empty())
      return absl::StrCat("in ", it, ": ", wrong);
  }
  return "";
}

Verdict SchemaIsSound(Run& run) {
  SLUICE_OR_SKIP(launched, run.Bare());
  v1::GetConfigSchemaReply first, second;
  const grpc::Status status = launched->configuration().GetConfigSchema(launched->Context().get(), {}, &first);
  if (!status.ok()) return Failed("GetConfigSchema, with nothing open, answers ", Text(status));
  launched->configuration().GetConfigSchema(launched->Context().get(), {}, &second).ok();
  if (!MessageDifferencer::Equals(first, second)) return Failed("asked twice, GetConfigSchema gave two schemas");
  std::set<std::string> names;
  for (const v1::ConfigField& field : first.fields()) {
    if (std::string wrong = FieldMistake(field, &names, 0); !wrong.empty()) return Failed(wrong);
  }
  for (const v1::ConfigField& field : first.fields()) {
    if (field.has_when() && names.count(field.when().field()) == 0)
      return Failed("setting ", field.name(), " is asked for by a setting ", field.when().field(),
                    " that there is not");
  }
  return Passed(first.fields_size(), " settings");
}

std::string FirstError(const google::protobuf::RepeatedPtrField<v1::Diagnostic>& diagnostics) {
  for (const v1::Diagnostic& diagnostic : diagnostics) {
    if (diagnostic.severity() != v1::Diagnostic::WARNING)
      return absl::StrCat(diagnostic.code(), ": ", diagnostic.summary());
  }
  return "";
}

Verdict GivenSettingsAreTaken(Run& run) {
  SLUICE_OR_SKIP(launched, run.Fresh());
  const v1::ValidateConfigRequest request = launched->ValidateRequest();
  v1::ValidateConfigReply reply;
  grpc::Status status = launched->configuration().ValidateConfig(launched->Context().get(), request, &reply);
  if (!status.ok()) return Failed("ValidateConfig answers ", Text(status));
  if (std::string error = FirstError(reply.diagnostics()); !error.empty()) return Failed("ValidateConfig says ", error);
  if (absl::Status opened = launched->Open(v1::OpenRequest::READ_ONLY); !opened.ok()) return Failed(opened.message());
  return Passed();
}

// Whether a diagnostic is an error whose path has a step of this name.
bool Names(const google::protobuf::RepeatedPtrField<v1::Diagnostic>& diagnostics, const std::string& name) {
  for (const v1::Diagnostic& diagnostic : diagnostics) {
    if (diagnostic.severity() == v1::Diagnostic::WARNING) continue;
    for (const auto& step : diagnostic.path().steps()) {
      if (step.name() == name || step.key() == name) return true;
    }
  }
  return false;
}

// What Validate says to settings, or why it cannot be told.
absl::StatusOr<v1::ValidateConfigReply> Validate(Launched& launched, const v1::ValidateConfigRequest& request) {
  v1::ValidateConfigReply reply;
  const grpc::Status status = launched.configuration().ValidateConfig(launched.Context().get(), request, &reply);
  if (!status.ok()) return absl::FailedPreconditionError(absl::StrCat("CFG-004 fails: ", Text(status)));
  return reply;
}

Verdict UnknownSettingIsNamed(Run& run) {
  SLUICE_OR_SKIP(launched, run.Bare());
  v1::ValidateConfigRequest request = launched->ValidateRequest();
  (*request.mutable_config()->mutable_settings())["no_such_setting"].set_text("x");
  SLUICE_OR_SKIP(reply, Validate(*launched, request));
  if (Names(reply.diagnostics(), "no_such_setting")) return Passed();
  return Failed("a setting no_such_setting gave ",
                reply.diagnostics().empty() ? "no diagnostic" : "no error whose path names it");
}

void SetWrong(const v1::ConfigField& field, v1::Value* value) {
  switch (field.type()) {
    case v1::ConfigField::INTEGER:
    case v1::ConfigField::FLAG:
    case v1::ConfigField::OBJECT:
    case v1::ConfigField::LIST:
    case v1::ConfigField::DURATION:
    case v1::ConfigField::URL:
    case v1::ConfigField::DATE:
    case v1::ConfigField::CHOICE:
      value->set_text("neither of these");
      break;
    default:
      value->mutable_list()->add_values()->set_flag(true);
  }
}

Verdict WrongTypesAreNamed(Run& run) {
  SLUICE_OR_SKIP(launched, run.Bare());
  const v1::ValidateConfigRequest good = launched->ValidateRequest();
  int tried = 0;
  for (const v1::ConfigField& field : run.subject().schema.fields()) {
    if (field.secret()) continue;
    v1::ValidateConfigRequest request = good;
    SetWrong(field, &(*request.mutable_config()->mutable_settings())[field.name()]);
    SLUICE_OR_SKIP(reply, Validate(*launched, request));
    if (!Names(reply.diagnostics(), field.name()))
      return Failed("setting ", field.name(), " was given a value of another type, and no error's path names it");
    ++tried;
  }
  return tried > 0 ? Passed(tried, " settings") : Skipped("it has no settings");
}

Verdict MissingSettingsAreNamed(Run& run) {
  SLUICE_OR_SKIP(launched, run.Bare());
  const v1::OpenRequest good = launched->OpenRequestFor(v1::OpenRequest::READ_ONLY);
  int tried = 0;
  for (const v1::ConfigField& field : run.subject().schema.fields()) {
    if (!field.required() || field.has_when()) continue;
    ++tried;
    v1::OpenRequest request = good;
    request.mutable_config()->mutable_settings()->erase(field.name());
    request.mutable_secrets()->erase(field.name());
    v1::OpenReply reply;
    const grpc::Status status = launched->configuration().Open(launched->Context().get(), request, &reply);
    const bool is_named =
        status.ok() ? Names(reply.diagnostics(), field.name()) : Names(ErrorOf(status).diagnostics(), field.name());
    if (!is_named)
      return Failed("without the required setting ", field.name(), " Open answers ", Text(status),
                    ", and no error's path names it");
  }
  return tried > 0 ? Passed(tried, " settings") : Skipped("it has no required settings");
}

Verdict WrongSettingsDoNotOpen(Run& run) {
  SLUICE_OR_SKIP(launched, run.Bare());
  v1::OpenRequest request = launched->OpenRequestFor(v1::OpenRequest::READ_ONLY);
  (*request.mutable_config()->mutable_settings())["no_such_setting"].set_text("x");
  v1::OpenReply reply;
  const grpc::Status status = launched->configuration().Open(launched->Context().get(), request, &reply);
  if (status.ok()) return Failed("Open took a setting that it does not know, without an error");
  const v1::Error error = ErrorOf(status);
  return error.reason() == v1::REASON_INVALID
             ? Passed()
             : Failed("Open with a wrong setting answers ", Text(status), ", not INVALID");
}

Verdict OpensAgain(Run& run) {
  SLUICE_OR_SKIP(launched, run.FreshOpen(v1::OpenRequest::READ_ONLY));
  for (int i = 0; i < 3; ++i) {
    if (absl::Status status = launched->Open(v1::OpenRequest::READ_ONLY); !status.ok())
      return Failed("opened again: ", status.message());
  }
  v1::OpenRequest other = launched->OpenRequestFor(v1::OpenRequest::READ_ONLY);
  other.set_system("another");
  v1::OpenReply reply;
  if (const grpc::Status status = launched->configuration().Open(launched->Context().get(), other, &reply);
      !status.ok())
    return Failed("a second system beside the first: ", Text(status));
  v1::GetSchemaReply schema;
  const grpc::Status status = launched->GetSchema(&schema);
  return status.ok() ? Passed() : Failed("after a second Open GetSchema answers ", Text(status));
}

// The answer of each RPC to a system that is not open.
std::map<std::string, grpc::Status> AnswersToUnknown(Launched& launched, bool is_target) {
  std::map<std::string, grpc::Status> answers;
  const std::string system = "nobody-opened-this";
  v1::TestRequest request;
  request.set_system(system);
  v1::TestReply tested;
  answers["Test"] = launched.configuration().Test(launched.Context().get(), request, &tested);
  v1::GetSchemaReply schema;
  v1::GetSchemaRequest asked;
  asked.set_system(system);
  answers["GetSchema"] = launched.configuration().GetSchema(launched.Context().get(), asked, &schema);
  v1::ImportRequest import;
  import.set_system(system);
  import.mutable_as_of()->set_year(2026);
  import.mutable_as_of()->set_month(8);
  import.mutable_as_of()->set_day(1);
  auto context = launched.Context();
  auto stream = launched.reader().Import(context.get(), import);
  v1::ImportFrame frame;
  while (stream->Read(&frame)) {
  }
  answers["Import"] = stream->Finish();
  if (!is_target) return answers;
  v1::VerifyRequest verify;
  verify.set_system(system);
  verify.add_operations()->set_id("1");
  v1::VerifyReply verdicts;
  answers["Verify"] = launched.writer().Verify(launched.Context().get(), verify, &verdicts);
  auto apply_context = launched.Context();
  auto apply = launched.writer().Apply(apply_context.get());
  v1::ApplyRequest start;
  start.mutable_start()->set_system(system);
  apply->Write(start);
  apply->WritesDone();
  v1::ApplyReply reply;
  while (apply->Read(&reply)) {
  }
  answers["Apply"] = apply->Finish();
  return answers;
}

Verdict UnknownSystemIsInvalid(Run& run) {
  SLUICE_OR_SKIP(launched, run.Reading());
  SLUICE_OR_SKIP(is_target, run.IsTarget());
  for (const auto& [rpc, status] : AnswersToUnknown(*launched, is_target)) {
    if (status.ok()) return Failed(rpc, " of a system that is not open succeeds");
    if (ErrorOf(status).reason() != v1::REASON_INVALID)
      return Failed(rpc, " of a system that is not open answers ", Text(status), ", not INVALID");
  }
  return Passed();
}

Verdict ErrorsSayWhy(Run& run) {
  SLUICE_OR_SKIP(launched, run.Reading());
  SLUICE_OR_SKIP(is_target, run.IsTarget());
  for (const auto& [rpc, status] : AnswersToUnknown(*launched, is_target)) {
    if (status.ok()) continue;
    if (!wire::CarriesError(wire::StatusFromGrpc(status)))
      return Failed(rpc, " failed without an Error in its details: ", Text(status));
    const v1::Error error = ErrorOf(status);
    if (error.diagnostics().empty() || error.diagnostics(0).summary().empty() || error.diagnostics(0).code().empty())
      return Failed(rpc, " failed with ", std::string(wire::ReasonName(error.reason())),
                    " and no diagnostic with a code and a summary");
    if (absl::StrContains(error.diagnostics(0).summary(), '\n'))
      return Failed(rpc, " failed with a summary of several lines");
  }
  return Passed();
}

Verdict Closes(Run& run) {
  SLUICE_OR_SKIP(launched, run.FreshOpen(v1::OpenRequest::READ_ONLY));
  v1::CloseRequest request;
  request.set_system(kSystem);
  v1::CloseReply closed;
  for (int i = 0; i < 2; ++i) {
    const grpc::Status status = launched->configuration().Close(launched->Context().get(), request, &closed);
    if (!status.ok()) return Failed(i == 0 ? "" : "the second time, ", "Close answers ", Text(status));
  }
  v1::GetSchemaReply schema;
  if (launched->GetSchema(&schema).ok()) return Failed("after Close, GetSchema of the system still succeeds");
  if (absl::Status status = launched->Open(v1::OpenRequest::READ_ONLY); !status.ok())
    return Failed("after Close, ", status.message());
  return Passed();
}

Verdict TestWorks(Run& run) {
  SLUICE_OR_SKIP(launched, run.Reading());
  v1::TestRequest request;
  request.set_system(kSystem);
  v1::TestReply reply;
  const grpc::Status status = launched->configuration().Test(launched->Context().get(), request, &reply);
  if (!status.ok()) return Failed("Test answers ", Text(status));
  if (std::string error = FirstError(reply.diagnostics()); !error.empty()) return Failed("Test says ", error);
  for (const v1::MissingRight& right : reply.missing_rights()) {
    if (right.right().empty())
      return Failed("Test names a missing right without its name, for class ", right.object_class());
  }
  return Passed(reply.missing_rights_size(), " rights are missing");
}

constexpr Check kChecks[] = {
    {"INF-001", 2, Severity::kMust, "GetInfo says name, version and services, as the greeting did.",
     "answer GetInfo with the same name and version, and with every service that is registered", SaysWhatItIs},
    {"INF-002", 2, Severity::kMust, "What GetInfo names is served, and what it does not name is not.",
     "set services and capabilities to what is there", ServesWhatItNames},
    {"CFG-001", 2, Severity::kMust, "GetConfigSchema needs no system, is always the same, and is sound.",
     "give each setting one name and a type; a secret is a text at the top; required or a default, not both",
     SchemaIsSound},
    {"CFG-004", 2, Severity::kMust, "The settings of the configuration are taken, and the system opens.",
     "correct the configuration, or the setting's name in Describe()", GivenSettingsAreTaken},
    {"CFG-005", 2, Severity::kMust, "A setting that it does not know is an error that names it.",
     "refuse unknown settings with a diagnostic whose path has the name", UnknownSettingIsNamed},
    {"CFG-006", 2, Severity::kMust, "A value of another type is an error that names the setting, for every setting.",
     "check each value's type in ValidateConfig, with a path", WrongTypesAreNamed},
    {"CFG-007", 2, Severity::kMust, "A required setting or secret that is missing is an error that names it.",
     "check what is required in Open, with a path", MissingSettingsAreNamed},
    {"CFG-008", 2, Severity::kMust, "Wrong settings do not open a system: INVALID.",
     "check the settings in Open as in ValidateConfig", WrongSettingsDoNotOpen},
    {"CFG-009", 2, Severity::kMust, "A system can be opened again, and another beside it.",
     "keep what belongs to a system by its name, and replace it at Open", OpensAgain},
    {"CFG-010", 2, Severity::kMust, "A call for a system that is not open is INVALID.",
     "look the system up first, in every RPC", UnknownSystemIsInvalid},
    {"CFG-011", 2, Severity::kMust, "Close may be repeated; afterwards the system is not open, and can be opened.",
     "forget the system at Close and answer OK also when it is not there", Closes},
    {"CFG-012", 2, Severity::kMust, "Test signs in and says which rights are missing, by name.",
     "see what the diagnostic says; give the account the rights", TestWorks},
    {"ERR-001", 2, Severity::kMust, "A failed call carries an Error with a reason and a diagnostic (code, one line).",
     "put a sluice.connector.v1.Error into the status details", ErrorsSayWhy},
};

}  // namespace

absl::Span<const Check> ConfigChecks() { return kChecks; }

}  // namespace sluice::conformance
