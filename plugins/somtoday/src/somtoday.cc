#include "plugins/somtoday/src/somtoday.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "plugins/somtoday/src/field_table.h"
#include "plugins/somtoday/src/scope_import.h"
#include "plugins/somtoday/src/session.h"
#include "sluice/connector/error.h"

namespace sluice::somtoday {
namespace {

using connector::Error;
using connector::ImportRequest;
using connector::MissingRight;
using connector::Reason;
using connector::RecordWriter;
using connector::TestResult;

absl::Status NoVestiging(const Options& options) {
  return Error(Reason::kForbidden, "SOM-0201",
               absl::StrCat("organisation '", options.organisation,
                            "' gives this client no right on any vestiging; ask the school to grant them to the link"));
}

// What Test looks at: an endpoint, and the fields that a mapping needs from it.
struct Probe {
  const char* path;
  const char* envelope;
  const char* object_class;
  const std::vector<FieldSpec>* fields;
  const char* nested;  // Where in veldpermissies their permissions are; null: at the top.
  const char* entity;  // How Somtoday's own screen names the owner of the fields.
};

std::vector<Probe> ProbesOf(const Options& options) {
  std::vector<Probe> probes;
  if (options.pupils) {
    probes.push_back({"leerling", "leerlingen", "leerling", &LeerlingFields(), nullptr, "leerling"});
    if (options.placement)
      probes.push_back(
          {"leerling", "leerlingen", "plaatsing", &PlaatsingFields(), "plaatsingVeldpermissies", "plaatsing"});
  }
  if (options.class_group)
    probes.push_back({"lesgroep/", "lesgroepen", "lesgroep_lid", &LesgroepFields(), nullptr, "lesgroep"});
  if (options.staff) {
    probes.push_back({"medewerker", "medewerkers", "medewerker", &MedewerkerFields(), nullptr, "medewerker"});
    if (options.employment)
      probes.push_back({"medewerker", "medewerkers", "dienstverband", &DienstverbandFields(), nullptr, "medewerker"});
  }
  return probes;
}

class RightsCheck {
 public:
  RightsCheck(Session& session, TestResult& result) : session_(session), result_(result) {}

  absl::Status Look(const Vestiging& vestiging) {
    for (const Probe& probe : ProbesOf(session_.options())) {
      Fetcher fetcher(session_);
      auto body = fetcher.Get(absl::StrCat("/connect/vestiging/", vestiging.uuid, "/", probe.path,
                                           "?veldpermissies=true&peilschooljaar=HUIDIG&offset=0&amount=1"),
                              probe.envelope);
      if (body.ok()) {
        LookAtFields(vestiging, probe, *body);
        continue;
      }
      const Error error = Error::From(body.status());
      if (error.reason != Reason::kForbidden && error.reason != Reason::kNotFound) return body.status();
      const bool whole_vestiging = !error.diagnostics.empty() && error.diagnostics[0].code == "SOM-0201";
      Miss(vestiging, whole_vestiging ? "" : probe.object_class, whole_vestiging ? vestiging.naam : probe.object_class,
           "");
      if (whole_vestiging) return absl::OkStatus();
    }
    return absl::OkStatus();
  }

 private:
  void LookAtFields(const Vestiging& vestiging, const Probe& probe, const Json& body) {
    const auto found = body.find("veldpermissies");
    if (found == body.end()) return;
    Json permissions = *found;
    const std::string object_class = probe.object_class;
    const auto need = [&](const char* permission, const char* attribute) {
      if (May(permissions, permission) == std::optional<bool>(false))
        Miss(vestiging, object_class, absl::StrCat(probe.entity, ".", permission), attribute);
    };
    need("uuid", "");
    if (object_class == "plaatsing") need("plaatsingen", "");
    if (object_class == "lesgroep_lid" && session_.options().pupils) need("leerlingen", "");
    if (object_class == "lesgroep_lid" && session_.options().staff) need("docenten", "");
    if (object_class == "leerling" && session_.options().bsn) need("BSN", "BSN");
    if (object_class == "medewerker" && session_.options().bsn) need("bsn", "bsn");
    if (probe.nested != nullptr) {
      const auto inner = found->find(probe.nested);
      permissions = inner == found->end() ? Json::object() : *inner;
    }
    for (const FieldSpec& field : *probe.fields) {
      if (field.is_needed) need(field.permission, field.attribute);
    }
  }

  void Miss(const Vestiging& vestiging, const std::string& object_class, const std::string& right,
            const std::string& attribute) {
    MissingRight missing;
    missing.object_class = object_class;
    missing.right = right;
    missing.remedy =
        absl::StrCat("ask the school to grant '", right, "' for ", vestiging.naam, " to the link in Somtoday");
    missing.scope = vestiging.uuid;
    missing.attribute = attribute;
    const bool known =
        std::any_of(result_.missing_rights.begin(), result_.missing_rights.end(), [&](const MissingRight& other) {
          return other.right == missing.right && other.scope == missing.scope && other.attribute == missing.attribute;
        });
    if (!known) result_.missing_rights.push_back(std::move(missing));
  }

  Session& session_;
  TestResult& result_;
};

}  // namespace

absl::Status Somtoday::Import(const ImportRequest& request, RecordWriter& out) {
  Session session(Options::Of(system()), system(), request.cancellation);
  if (absl::Status status = session.Start(); !status.ok()) return status;
  auto all = session.Vestigingen();
  if (!all.ok()) return all.status();
  std::vector<Vestiging> vestigingen;
  for (Vestiging& vestiging : *all) {
    if (request.WantsScope(vestiging.uuid)) vestigingen.push_back(std::move(vestiging));
  }
  if (vestigingen.empty()) return NoVestiging(session.options());
  std::vector<std::pair<std::string, std::string>> scopes;
  for (const Vestiging& vestiging : vestigingen) scopes.emplace_back(vestiging.uuid, vestiging.naam);
  out.DeclareScopes(scopes);

  size_t forbidden = 0;
  bool anything = false;
  absl::Status first_failure;
  std::vector<std::unique_ptr<ScopeImport>> imports;
  for (const Vestiging& vestiging : vestigingen) {
    imports.push_back(
        std::make_unique<ScopeImport>(session, request, vestiging, out.Scope(vestiging.uuid, vestiging.naam), out));
    ScopeImport& import = *imports.back();
    if (absl::Status status = import.Read(); !status.ok()) return status;
    forbidden += import.is_forbidden() ? 1 : 0;
    anything |= import.anything();
    if (first_failure.ok()) first_failure = import.first_failure();
    if (absl::Status status = import.Finish(); !status.ok()) return status;
  }
  out.AddSystemTime(session.system_time());
  if (forbidden == vestigingen.size()) return NoVestiging(session.options());
  if (!anything && !first_failure.ok()) return first_failure;
  return out.Complete();
}

connector::ValidateResult Somtoday::Validate(const connector::ValidateRequest& request) {
  connector::ValidateResult result;
  const auto years = request.settings.Texts("school_years");
  if (!years.empty() && std::find(years.begin(), years.end(), "HUIDIG") == years.end()) {
    connector::Diagnostic diagnostic;
    diagnostic.code = "SOM-0501";
    diagnostic.summary = "school_years must hold HUIDIG: without it everybody of this school year would be unknown";
    diagnostic.path = {std::string("school_years")};
    result.diagnostics.push_back(std::move(diagnostic));
  }
  return result;
}

absl::StatusOr<TestResult> Somtoday::Test(const connector::TestRequest& request) {
  Session session(Options::Of(system()), system(), request.cancellation);
  if (absl::Status status = session.Start(); !status.ok()) return status;
  auto vestigingen = session.Vestigingen();
  if (!vestigingen.ok()) return vestigingen.status();
  TestResult result;
  if (vestigingen->empty()) return NoVestiging(session.options());
  RightsCheck check(session, result);
  for (const Vestiging& vestiging : *vestigingen) {
    if (absl::Status status = check.Look(vestiging); !status.ok()) return status;
  }
  return result;
}

}  // namespace sluice::somtoday
