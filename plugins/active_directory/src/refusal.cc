#include "plugins/active_directory/src/refusal.h"

#include <ldap.h>

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace sluice::active_directory {
namespace {

using connector::Error;
using connector::Reason;

constexpr int kAnyCode = -100;
constexpr uint32_t kAnyNumber = 0xFFFFFFFF;
constexpr uint32_t kNoNumber = 0xFFFFFFFE;

struct Meaning {
  int code;          // LDAP result code.
  uint32_t number;   // Windows error number.
  const char* text;  // Must be in the server's text; null: any.
  Trouble trouble;
  Reason reason;
  const char* id;
  const char* why;
};

// The first line that fits counts. S: seen on Samba; W: Windows, from its documentation.
constexpr Meaning kMeanings[] = {
    {kAnyCode, 0x0000052D, nullptr, Trouble::kNone, Reason::kPasswordPolicy, "AD-010",
     "the password does not meet the domain's policy"},  // S 19, W 53
    {kAnyCode, 0x00000056, nullptr, Trouble::kNone, Reason::kPasswordPolicy, "AD-010", "the old password is wrong"},
    {kAnyCode, 0x000021C8, nullptr, Trouble::kTaken, Reason::kAlreadyExists, "AD-020",
     "the userPrincipalName is in use"},  // W
    {kAnyCode, 0x000021C7, nullptr, Trouble::kTaken, Reason::kAlreadyExists, "AD-020",
     "the servicePrincipalName is in use"},  // W
    {LDAP_CONSTRAINT_VIOLATION, kAnyNumber, "already in use", Trouble::kTaken, Reason::kAlreadyExists, "AD-020",
     "the userPrincipalName is in use"},  // S
    {LDAP_CONSTRAINT_VIOLATION, 0x000020B5, nullptr, Trouble::kNone, Reason::kInvalid, "AD-033",
     "a value names an object that is not there"},  // S, W
    {LDAP_ALREADY_EXISTS, 0x00000562, nullptr, Trouble::kAlreadyMember, Reason::kConflict, "AD-021",
     "the account is a member already"},  // W
    {LDAP_UNWILLING_TO_PERFORM, 0x00000561, nullptr, Trouble::kNoMember, Reason::kConflict, "AD-022",
     "the account is no member"},  // W
    {LDAP_UNWILLING_TO_PERFORM, kAnyNumber, "already deleted", Trouble::kNoMember, Reason::kConflict, "AD-022",
     "the account is no member"},  // S
    {LDAP_NO_SUCH_OBJECT, 0x00000525, nullptr, Trouble::kMemberMissing, Reason::kNotFound, "AD-023",
     "an account that should be a member is not there"},  // S
    {LDAP_OTHER, 0x00002095, nullptr, Trouble::kParentMissing, Reason::kNotFound, "AD-024",
     "the container is not there"},  // S
    {LDAP_ALREADY_EXISTS, kAnyNumber, nullptr, Trouble::kTaken, Reason::kAlreadyExists, "AD-020", "the name is in use"},
    {LDAP_TYPE_OR_VALUE_EXISTS, kAnyNumber, nullptr, Trouble::kAlreadyMember, Reason::kConflict, "AD-021",
     "a value is there already"},
    {LDAP_NO_SUCH_ATTRIBUTE, kAnyNumber, nullptr, Trouble::kStale, Reason::kConflict, "AD-025",
     "the object was changed by somebody else at the same moment"},
    {LDAP_NO_SUCH_OBJECT, kAnyNumber, nullptr, Trouble::kGone, Reason::kNotFound, "AD-026", "the object is not there"},
    {LDAP_NOT_ALLOWED_ON_NONLEAF, kAnyNumber, nullptr, Trouble::kHasChildren, Reason::kConflict, "AD-027",
     "the object holds other objects"},
    {LDAP_INSUFFICIENT_ACCESS, kAnyNumber, nullptr, Trouble::kNone, Reason::kForbidden, "AD-040",
     "the service account has no right to do this; delegate it on the container"},
    {LDAP_OPERATIONS_ERROR, 0x000004DC, nullptr, Trouble::kNone, Reason::kAuth, "AD-041",
     "the directory does not know us as signed in"},  // W
    {LDAP_OPERATIONS_ERROR, kAnyNumber, nullptr, Trouble::kNone, Reason::kTransient, "AD-050",
     "the directory has a passing problem"},
    {LDAP_INVALID_CREDENTIALS, kAnyNumber, nullptr, Trouble::kNone, Reason::kAuth, "AD-041",
     "the directory refuses the service account"},
    {LDAP_STRONG_AUTH_REQUIRED, kAnyNumber, nullptr, Trouble::kNone, Reason::kAuth, "AD-041",
     "the directory demands a safer way to sign in"},
    {LDAP_INAPPROPRIATE_AUTH, kAnyNumber, nullptr, Trouble::kNone, Reason::kAuth, "AD-041",
     "the directory refuses this way to sign in"},
    {LDAP_BUSY, kAnyNumber, nullptr, Trouble::kNone, Reason::kUnavailable, "AD-051", "the directory is busy"},
    {LDAP_UNAVAILABLE, kAnyNumber, nullptr, Trouble::kNone, Reason::kUnavailable, "AD-051",
     "the directory is shutting down or starting"},
    {LDAP_TIMELIMIT_EXCEEDED, kAnyNumber, nullptr, Trouble::kNone, Reason::kTransient, "AD-052",
     "the directory gave up after its time limit"},
    {LDAP_ADMINLIMIT_EXCEEDED, kAnyNumber, nullptr, Trouble::kFull, Reason::kQuota, "AD-052",
     "one of the directory's own limits is reached"},
    {LDAP_SIZELIMIT_EXCEEDED, kAnyNumber, nullptr, Trouble::kNone, Reason::kTransient, "AD-052",
     "the directory gave up at its limit of objects"},
    {LDAP_UNDEFINED_TYPE, kAnyNumber, nullptr, Trouble::kNone, Reason::kInvalid, "AD-030",
     "the directory's schema does not know an attribute"},
    {LDAP_INVALID_SYNTAX, kAnyNumber, nullptr, Trouble::kNone, Reason::kInvalid, "AD-031",
     "a value is too long or of the wrong form"},
    {LDAP_CONSTRAINT_VIOLATION, kAnyNumber, nullptr, Trouble::kNone, Reason::kInvalid, "AD-031",
     "a value breaks a rule of the directory"},
    {LDAP_INVALID_DN_SYNTAX, kAnyNumber, nullptr, Trouble::kNone, Reason::kInvalid, "AD-032",
     "a distinguished name cannot be read"},
    {LDAP_NAMING_VIOLATION, kAnyNumber, nullptr, Trouble::kNone, Reason::kInvalid, "AD-032",
     "an object of this kind cannot stand there"},
    {LDAP_OBJECT_CLASS_VIOLATION, kAnyNumber, nullptr, Trouble::kNone, Reason::kInvalid, "AD-030",
     "this kind of object has no such attribute"},
    {LDAP_NOT_ALLOWED_ON_RDN, kAnyNumber, nullptr, Trouble::kNone, Reason::kBug, "AD-060",
     "the connector wrote a name as a value"},
    {LDAP_AFFECTS_MULTIPLE_DSAS, kAnyNumber, nullptr, Trouble::kNone, Reason::kUnsupported, "AD-034",
     "a move to another domain is not supported"},
    {LDAP_UNWILLING_TO_PERFORM, kAnyNumber, nullptr, Trouble::kNone, Reason::kInvalid, "AD-035",
     "the directory is unwilling to do this"},
    {LDAP_OTHER, 0x00000057, nullptr, Trouble::kNone, Reason::kInvalid, "AD-031", "a value is not allowed"},
    {kAnyCode, kAnyNumber, nullptr, Trouble::kNone, Reason::kTransient, "AD-059",
     "the directory gives an answer that the connector does not know"},
};

const Meaning& MeaningOf(int code, absl::string_view diagnostic) {
  const uint32_t number = WindowsError(diagnostic).value_or(kNoNumber);
  for (const Meaning& meaning : kMeanings) {
    if (meaning.code != kAnyCode && meaning.code != code) continue;
    if (meaning.number != kAnyNumber && meaning.number != number) continue;
    if (meaning.text != nullptr && !absl::StrContains(diagnostic, meaning.text)) continue;
    return meaning;
  }
  return kMeanings[std::size(kMeanings) - 1];
}

}  // namespace

std::optional<uint32_t> WindowsError(absl::string_view diagnostic) {
  if (diagnostic.size() < 9 || diagnostic[8] != ':') return std::nullopt;
  uint32_t number = 0;
  if (!absl::SimpleHexAtoi(diagnostic.substr(0, 8), &number)) return std::nullopt;
  return number;
}

Trouble TroubleOf(const Response& response) {
  if (response.fate != Fate::kAnswered || response.code == LDAP_SUCCESS) return Trouble::kNone;
  return MeaningOf(response.code, response.diagnostic).trouble;
}

Error ErrorOf(const Response& response, absl::string_view doing) {
  if (response.fate != Fate::kAnswered) return ErrorOf(response.status);
  const Meaning& meaning = MeaningOf(response.code, response.diagnostic);
  std::string status = absl::StrCat("LDAP ", response.code);
  if (const auto number = WindowsError(response.diagnostic); number.has_value()) {
    absl::StrAppend(&status, " ", response.diagnostic.substr(0, 8));
  }
  Error error(meaning.reason, meaning.id, absl::StrCat("the directory refuses ", doing, ": ", meaning.why));
  error.TargetStatus(status);
  return error;
}

Error ErrorOf(const absl::Status& status) {
  const std::string message(status.message());
  switch (status.code()) {
    case absl::StatusCode::kUnauthenticated:
      return Error(Reason::kAuth, "AD-041", message);
    case absl::StatusCode::kFailedPrecondition:
      return Error(Reason::kUnavailable, "AD-042", message);
    case absl::StatusCode::kUnavailable:
      return Error(Reason::kUnavailable, "AD-051", message);
    case absl::StatusCode::kAborted:
      return Error(Reason::kTransient, "AD-050", message);
    case absl::StatusCode::kCancelled:
      return Error(Reason::kCancelled, "AD-053", message);
    case absl::StatusCode::kInvalidArgument:
      return Error(Reason::kInvalid, "AD-031", message);
    default:
      return Error::From(status);
  }
}

}  // namespace sluice::active_directory
