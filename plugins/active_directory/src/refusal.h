// What a directory's answer means. Active Directory says little with the LDAP code and more with the Windows error
// number at the start of its text ("0000052D: ..."), and Samba differs from Windows in both: one table knows them.
// Pure; any thread. The server's text itself is never passed on: it may hold names.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "plugins/active_directory/src/client.h"
#include "sluice/connector/error.h"

namespace sluice::active_directory {

// What a caller acts on by itself, before it becomes an error.
enum class Trouble {
  kNone,           // No trouble, or nothing special: report it.
  kGone,           // The object is not there (any more).
  kParentMissing,  // The container is not there.
  kTaken,          // Something has that name, sAMAccountName or userPrincipalName.
  kAlreadyMember,
  kNoMember,
  kMemberMissing,  // The account that should become a member is not there.
  kStale,          // A value that we expected was not there.
  kHasChildren,
  kFull,  // The object takes no more values, or not so many at once.
};

// The Windows error number at the start of the text.
std::optional<uint32_t> WindowsError(absl::string_view diagnostic);

Trouble TroubleOf(const Response& response);

// Of a response that is not ok(). `doing` completes "the directory refuses ...": "to create the account".
connector::Error ErrorOf(const Response& response, absl::string_view doing);

// Of a connection that could not be made.
connector::Error ErrorOf(const absl::Status& status);

}  // namespace sluice::active_directory
