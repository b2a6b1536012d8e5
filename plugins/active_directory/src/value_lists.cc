#include "plugins/active_directory/src/value_lists.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "plugins/active_directory/src/directory.h"
#include "plugins/active_directory/src/refusal.h"

namespace sluice::active_directory {

using connector::Error;
using connector::Reason;

namespace {

constexpr int kAttempts = 3;  // When the connection is lost meanwhile.

}  // namespace

absl::StatusOr<ValueLists::Count> ValueLists::CountChanges(absl::Time deadline) {
  const Response root = directory_.client().RunOne(
      Request::Search("", LDAP_SCOPE_BASE, "(objectClass=*)", {"highestCommittedUSN"}), TimeUntil(deadline));
  if (!root.ok()) return ErrorOf(root, "to say how far it is").AsStatus();
  Count count;
  count.connection = root.connection;
  if (root.entries.empty() || !absl::SimpleAtoi(root.entries[0].First("highestcommittedusn"), &count.changes)) {
    return Error(Reason::kInvalid, "AD-036", "the server is no Active Directory: it does not count its changes")
        .AsStatus();
  }
  return count;
}

absl::Status ValueLists::Refresh(const AttributeSchema& attribute, List& list, absl::Time deadline) {
  const std::string lower_name = absl::AsciiStrToLower(attribute.name);
  const std::string has_one = absl::StrCat("(", attribute.name, "=*)");
  for (int attempt = 1; attempt <= kAttempts; ++attempt) {
    const auto before = CountChanges(deadline);
    if (!before.ok()) return before.status();
    const bool goes_on = list.connection == before->connection;
    if (!goes_on) list = List();
    // What was changed while it is read is read again by the next one.
    const std::string filter = goes_on ? absl::StrCat("(&(uSNChanged>=", list.seen_to, ")", has_one, ")") : has_one;
    const auto keep = [&](const Entry& entry) {
      for (const std::string& value : entry.All(lower_name)) list.values.insert(ComparisonKey(attribute, value));
      return absl::OkStatus();
    };
    const Dn& base = directory_.layout().base;
    const auto status =
        goes_on ? directory_.ListAtOnce(base, filter, {attribute.name}, keep, deadline)
                : directory_.List(base, filter, {attribute.name}, /*extended_names=*/false, {}, keep, deadline);
    if (!status.ok()) {
      list = List();
      return status;
    }
    const auto after = CountChanges(deadline);
    if (!after.ok()) return after.status();
    if (after->connection == before->connection) {
      list.connection = before->connection;
      list.seen_to = before->changes;
      return absl::OkStatus();
    }
    list = List();
  }
  return Error(Reason::kTransient, "AD-054", "the connection was lost again and again while a list was read")
      .AsStatus();
}

absl::StatusOr<absl::flat_hash_set<std::string>> ValueLists::Held(const AttributeSchema& attribute,
                                                                  const absl::flat_hash_set<std::string>& values,
                                                                  absl::Time deadline) {
  absl::MutexLock lock(&mutex_);
  List& list = lists_[absl::AsciiStrToLower(attribute.name)];
  if (auto status = Refresh(attribute, list, deadline); !status.ok()) return status;
  absl::flat_hash_set<std::string> held;
  for (const std::string& value : values) {
    if (list.values.contains(value)) held.insert(value);
  }
  return held;
}

}  // namespace sluice::active_directory
