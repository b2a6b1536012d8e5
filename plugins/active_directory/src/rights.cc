#include "plugins/active_directory/src/rights.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "plugins/active_directory/src/refusal.h"

namespace sluice::active_directory {
namespace {

using connector::Action;
using connector::MissingRight;
using connector::TestResult;

bool Names(const Entry& entry, absl::string_view attribute, absl::string_view wanted) {
  for (const std::string& value : entry.All(attribute)) {
    if (absl::EqualsIgnoreCase(value, wanted)) return true;
  }
  return false;
}

void Miss(TestResult& result, const std::string& object_class, Action action, const std::string& right, const Dn& where,
          const std::string& attribute = "") {
  MissingRight missing;
  missing.object_class = object_class;
  missing.action = action;
  missing.right = right;
  missing.remedy = absl::StrCat("delegate to the service account, on ", where.ToString(), " and below: ", right);
  missing.attribute = attribute;
  result.missing_rights.push_back(std::move(missing));
}

// What may be made in a container is told by the directory itself.
absl::Status TestContainer(Directory& directory, const Dn& base, const std::string& object_class,
                           const std::string& ldap_class, bool read_only, TestResult& result) {
  const Response response = directory.client().RunOne(
      Request::Search(base.ToString(), LDAP_SCOPE_BASE, "(objectClass=*)", {"allowedChildClassesEffective"}));
  if (response.fate != Fate::kAnswered) return ErrorOf(response.status).AsStatus();
  if (!response.ok() || response.entries.empty()) {
    connector::Diagnostic diagnostic;
    diagnostic.code = "AD-002";
    diagnostic.summary = absl::StrCat(base.ToString(), " is not there, or the service account may not see it");
    diagnostic.object_class = object_class;
    result.diagnostics.push_back(std::move(diagnostic));
    Miss(result, object_class, Action::kRead, "List contents and read all properties", base);
    return absl::OkStatus();
  }
  if (read_only) return absl::OkStatus();
  const Entry& entry = response.entries[0];
  if (!Names(entry, "allowedchildclasseseffective", ldap_class)) {
    Miss(result, object_class, Action::kCreate, absl::StrCat("Create ", ldap_class, " objects"), base);
  }
  if (!Names(entry, "allowedchildclasseseffective", "organizationalUnit")) {
    Miss(result, kContainer, Action::kCreate, "Create organizationalUnit objects", base);
  }
  return absl::OkStatus();
}

// What may be written is told by an object that is there; without one, nothing can be said.
absl::Status TestObject(Directory& directory, const Dn& base, const std::string& object_class,
                        const std::vector<std::pair<std::string, Action>>& attributes, TestResult& result) {
  Request request = Request::Search(base.ToString(), LDAP_SCOPE_SUBTREE,
                                    absl::StrCat("(&", FilterOf(object_class), "(!(isCriticalSystemObject=TRUE)))"),
                                    {"allowedAttributesEffective", "objectClass"});
  request.page_size = 1;
  const Response response = directory.client().RunOne(std::move(request));
  if (response.fate != Fate::kAnswered) return ErrorOf(response.status).AsStatus();
  if (!response.ok() || response.entries.empty()) return absl::OkStatus();
  for (const auto& [attribute, action] : attributes) {
    if (!Names(response.entries[0], "allowedattributeseffective", attribute)) {
      Miss(result, object_class, action, absl::StrCat("Write ", attribute), base, attribute);
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TestResult> TestRights(Directory& directory, bool read_only) {
  TestResult result;
  const Layout& layout = directory.layout();
  for (const Dn& base : layout.people_bases) {
    if (auto status = TestContainer(directory, base, kAccount, "user", read_only, result); !status.ok()) return status;
    if (read_only) continue;
    const auto status =
        TestObject(directory, base, kAccount,
                   {{"userAccountControl", Action::kDisable}, {"displayName", Action::kUpdate}}, result);
    if (!status.ok()) return status;
  }
  for (const Dn& base : layout.group_bases) {
    if (auto status = TestContainer(directory, base, kGroup, "group", read_only, result); !status.ok()) return status;
    if (read_only) continue;
    if (auto status = TestObject(directory, base, kGroup, {{"member", Action::kGrant}}, result); !status.ok())
      return status;
  }
  return result;
}

}  // namespace sluice::active_directory
