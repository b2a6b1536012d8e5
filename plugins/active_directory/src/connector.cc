#include "plugins/active_directory/src/connector.h"

#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "plugins/active_directory/src/changes.h"
#include "plugins/active_directory/src/describe.h"
#include "plugins/active_directory/src/importer.h"
#include "plugins/active_directory/src/refusal.h"
#include "plugins/active_directory/src/rights.h"
#include "plugins/active_directory/src/session.h"
#include "plugins/active_directory/src/writer.h"

namespace sluice::active_directory {

using connector::Error;
using connector::Reason;
using connector::Record;
using connector::Value;

connector::Description ActiveDirectory::Describe() { return DescribeConnector(); }

connector::ValidateResult ActiveDirectory::Validate(const connector::ValidateRequest& request) {
  connector::System system;
  // Secrets are not here; what stands in for them is never sent.
  system.settings = connector::Settings(
      request.settings.values(), {{"bind_dn", connector::Secret("-")}, {"bind_password", connector::Secret("-")}});
  connector::ValidateResult result;
  const auto layout = Layout::Of(system);
  if (layout.ok()) return result;
  const std::string message(layout.status().message());
  connector::Diagnostic diagnostic;
  diagnostic.code = "AD-001";
  diagnostic.summary = message;
  diagnostic.path = {message.substr(0, message.find(':'))};
  result.diagnostics.push_back(std::move(diagnostic));
  return result;
}

absl::Status ActiveDirectory::Open(const connector::System& system) {
  auto layout = Layout::Of(system);
  if (!layout.ok()) return Error(Reason::kInvalid, "AD-001", layout.status().message()).AsStatus();
  directory_ = std::make_shared<Directory>(*std::move(layout));
  return absl::OkStatus();
}

absl::StatusOr<connector::TestResult> ActiveDirectory::Test(const connector::TestRequest&) {
  return TestRights(*directory_, system().read_only);
}

absl::StatusOr<std::optional<connector::SchemaResult>> ActiveDirectory::Schema(const connector::SchemaRequest&) {
  auto schema = directory_->Schema();
  if (!schema.ok()) return schema.status();
  auto rules = directory_->ReadPasswordRules();
  if (!rules.ok()) return rules.status();
  connector::SchemaResult result;
  result.classes = ClassesOf(**schema, *rules);
  return std::optional<connector::SchemaResult>(std::move(result));
}

absl::Status ActiveDirectory::Import(const connector::ImportRequest& request, connector::RecordWriter& out) {
  return Importer(*directory_, request, out).Run();
}

absl::Status ActiveDirectory::Read(const connector::ReadRequest& request, connector::FoundWriter& out) {
  if (request.object_class == kMembership) return ReadMemberships(request, out);
  auto schema = directory_->Schema();
  if (!schema.ok()) return schema.status();
  std::vector<std::string> filters, attributes = LdapAttributesFor(request.attributes);
  for (const connector::Key& key : request.keys) {
    const std::string filter =
        key.object_id.empty() ? CorrelationFilter(key.match) : Equals("objectGUID", key.object_id);
    if (!filter.empty()) filters.push_back(filter);
    for (std::string& name : CorrelationAttributes(key.match)) attributes.push_back(std::move(name));
  }
  const auto entries = directory_->FindAny(filters, attributes);
  if (!entries.ok()) return entries.status();
  const Dn& base = directory_->layout().base;
  for (const Entry& entry : *entries) {
    if (!IsOfClass(entry, request.object_class)) continue;
    const std::string id = entry.Guid();
    for (size_t i = 0; i < request.keys.size(); ++i) {
      const connector::Key& key = request.keys[i];
      const bool hit = key.object_id.empty() ? Matches(entry, key.match, **schema, base) : key.object_id == id;
      if (!hit) continue;
      auto status = out.Found(i, Importer::RecordOf(entry, request.object_class, request.attributes, **schema, base));
      if (!status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

// A membership is known by "group/account", or by both ends.
absl::Status ActiveDirectory::ReadMemberships(const connector::ReadRequest& request, connector::FoundWriter& out) {
  std::vector<connector::Operation> operations;
  for (size_t i = 0; i < request.keys.size(); ++i) {
    const connector::Key& key = request.keys[i];
    connector::Operation grant;
    grant.action = connector::Action::kGrant;
    grant.id = absl::StrCat(i);
    std::string group;
    const std::vector<std::string> ends = absl::StrSplit(key.object_id, '/');
    if (ends.size() == 2) {
      group = ends[0];
      grant.object_id = ends[1];
    }
    for (const connector::Match& match : key.match) {
      const std::string id = match.value.reference() != nullptr ? match.value.reference()->id : match.value.TextOr("");
      (match.attribute == kGroup ? group : grant.object_id) = id;
    }
    if (!IsGuidText(group) || !IsGuidText(grant.object_id)) {
      out.Failed(i, Error(Reason::kInvalid, "AD-037", "a membership is known by its account and its group together"));
      continue;
    }
    grant.permission = connector::Permission{kMembership, group, {}};
    operations.push_back(std::move(grant));
  }
  const std::vector<connector::Verdict> verdicts = Writer(*directory_).Verify(operations);
  for (size_t n = 0; n < operations.size(); ++n) {
    const connector::Operation& grant = operations[n];
    const size_t key = static_cast<size_t>(std::stoul(grant.id));
    if (verdicts[n].state == connector::Verdict::State::kUnknown) {
      out.Failed(key, verdicts[n].error.value_or(Error()));
    } else if (verdicts[n].state == connector::Verdict::State::kDone) {
      Record record(kMembership, absl::StrCat(grant.permission->object_id, "/", grant.object_id));
      record.SetReference(kAccount, kAccount, grant.object_id)
          .SetReference(kGroup, kGroup, grant.permission->object_id);
      if (auto status = out.Found(key, record); !status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

std::unique_ptr<connector::ApplySession> ActiveDirectory::StartApply(const connector::ApplyRequest&,
                                                                     std::shared_ptr<connector::ResultSink> sink) {
  return std::make_unique<Session>(directory_, std::move(sink));
}

connector::Verdict ActiveDirectory::Verify(const connector::VerifyRequest& request) {
  return Writer(*directory_).Verify({request.operation})[0];
}

connector::VerifyBatchResult ActiveDirectory::VerifyBatch(const connector::VerifyBatchRequest& request) {
  return {Writer(*directory_).Verify(request.operations)};
}

absl::StatusOr<connector::FindTakenResult> ActiveDirectory::FindTaken(const connector::FindTakenRequest& request) {
  const auto wanted_of = [&](const Value& value) {
    Wanted wanted;
    std::string& name = request.unique_in == "upn"    ? wanted.principal_name
                        : request.unique_in == "mail" ? wanted.mail
                                                      : wanted.account_name;
    name = value.TextOr("");
    return wanted;
  };
  if (request.unique_in != "upn" && request.unique_in != "mail" && request.unique_in != "account_name") {
    return Error(Reason::kUnsupported, "AD-039",
                 absl::StrCat("the directory has no domain of uniqueness \"", request.unique_in, "\""))
        .AsStatus();
  }
  std::vector<std::string> filters;
  for (const Value& value : request.values) {
    for (const std::string& filter : TakenFilters(wanted_of(value))) filters.push_back(filter);
  }
  const auto entries = directory_->FindAny(filters, {"sAMAccountName", "userPrincipalName", "mail"});
  if (!entries.ok()) return entries.status();
  connector::FindTakenResult result;
  for (const Value& value : request.values) {
    Error taken;
    AddTaken(wanted_of(value), *entries, taken);
    result.taken.insert(result.taken.end(), taken.taken.begin(), taken.taken.end());
  }
  return result;
}

}  // namespace sluice::active_directory
