#include "plugins/active_directory/src/importer.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "plugins/active_directory/src/changes.h"
#include "plugins/active_directory/src/refusal.h"

namespace sluice::active_directory {

using connector::ClassRequest;
using connector::Error;
using connector::Reason;
using connector::Record;

Record Importer::RecordOf(const Entry& entry, const std::string& object_class,
                          const std::vector<std::string>& attributes, const DirectorySchema& schema, const Dn& base) {
  Record record(object_class, entry.Guid());
  record.Name(NameOfExtendedDn(entry.dn));
  for (const std::string& name : attributes) {
    if (name != kInitialPassword) record.Set(name, ValueOf(entry, object_class, name, schema, base));
  }
  return record;
}

absl::Status Importer::Run() {
  const absl::Time began = absl::Now();
  auto schema = directory_.Schema();
  if (!schema.ok()) return schema.status();
  schema_ = *schema;
  // Memberships last: by then it is known which members are accounts.
  for (const bool memberships : {false, true}) {
    for (const ClassRequest& wanted : request_.classes) {
      if ((wanted.object_class == kMembership) != memberships) continue;
      if (auto status = ImportClass(wanted); !status.ok()) return status;
    }
  }
  out_.AddSystemTime(absl::Now() - began);
  return out_.Complete();
}

absl::Status Importer::ImportClass(const ClassRequest& wanted) {
  const uint64_t before = added_;
  out_.Progress({absl::StrCat("reading ", wanted.object_class), added_, 0, std::nullopt});
  const absl::Status status = wanted.object_class == kMembership ? ListMemberships() : ListClass(wanted);
  if (status.ok()) return out_.CompleteClass(wanted.object_class);
  Error error = Error::From(status);
  const bool about_everything = listener_gone_ || error.reason == Reason::kAuth ||
                                error.reason == Reason::kUnavailable || error.reason == Reason::kCancelled;
  if (about_everything) return status;
  if (error.reason == Reason::kNotFound) error.reason = Reason::kInvalid;  // The container that the settings name.
  return added_ == before ? out_.NotRead(wanted.object_class, std::move(error))
                          : out_.Partial(wanted.object_class, std::move(error));
}

absl::Status Importer::Add(const Record& record) {
  auto status = out_.Add(record);
  if (status.ok()) {
    ++added_;
  } else {
    listener_gone_ = absl::IsCancelled(status);
  }
  return status;
}

std::vector<Dn> Importer::BasesOf(const std::string& object_class) const {
  if (object_class == kAccount) return directory_.layout().people_bases;
  if (object_class == kGroup) return directory_.layout().group_bases;
  return {directory_.layout().base};  // Names are taken in the whole domain.
}

absl::Status Importer::ListClass(const ClassRequest& wanted) {
  std::vector<std::string> attributes = LdapAttributesFor(wanted.attributes);
  attributes.push_back("objectClass");
  std::set<std::string> seen;  // Bases may lie within each other.
  for (const Dn& base : BasesOf(wanted.object_class)) {
    const auto status = directory_.List(
        base, FilterOf(wanted.object_class), attributes, false, request_.cancellation,
        [&](const Entry& entry) -> absl::Status {
          const std::string id = entry.Guid();
          if (id.empty() || !IsOfClass(entry, wanted.object_class) || !seen.insert(id).second) return absl::OkStatus();
          if (wanted.object_class == kAccount) accounts_.insert(id);
          return Add(RecordOf(entry, wanted.object_class, wanted.attributes, *schema_, directory_.layout().base));
        });
    if (!status.ok()) return status;
  }
  if (wanted.object_class == kAccount) accounts_known_ = true;
  return absl::OkStatus();
}

absl::Status Importer::KnowAccounts() {
  if (accounts_known_) return absl::OkStatus();
  for (const Dn& base : BasesOf(kAccount)) {
    const auto status = directory_.List(base, FilterOf(kAccount), {"objectClass"}, false, request_.cancellation,
                                        [&](const Entry& entry) -> absl::Status {
                                          if (IsOfClass(entry, kAccount)) accounts_.insert(entry.Guid());
                                          return absl::OkStatus();
                                        });
    if (!status.ok()) return status;
  }
  accounts_known_ = true;
  return absl::OkStatus();
}

absl::Status Importer::ListMemberships() {
  if (auto status = KnowAccounts(); !status.ok()) return status;
  std::set<std::string> seen;
  for (const Dn& base : BasesOf(kGroup)) {
    const auto status =
        directory_.List(base, FilterOf(kGroup), {directory_.FirstRange("member")}, true, request_.cancellation,
                        [&](const Entry& entry) -> absl::Status {
                          return seen.insert(entry.Guid()).second ? AddMembers(entry) : absl::OkStatus();
                        });
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Importer::AddMembers(const Entry& group) {
  const std::string group_id = group.Guid();
  auto members = directory_.AllValues(group, "member", true);
  if (!members.ok()) return members.status();
  for (const std::string& member : *members) {
    const auto account = GuidOfExtendedDn(member);
    if (!account.has_value()) {
      return Error(Reason::kUnsupported, "AD-055", "the directory does not say the ids of a group's members")
          .AsStatus();
    }
    if (!accounts_.contains(*account)) continue;
    Record record(kMembership, absl::StrCat(group_id, "/", *account));
    record.SetReference(kAccount, kAccount, *account).SetReference(kGroup, kGroup, group_id);
    if (auto status = Add(record); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace sluice::active_directory
