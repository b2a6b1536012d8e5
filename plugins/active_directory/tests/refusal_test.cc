#include "plugins/active_directory/src/refusal.h"

#include <gtest/gtest.h>

namespace sluice::active_directory {
namespace {

using connector::Reason;

Response Answer(int code, const char* diagnostic) {
  Response response;
  response.fate = Fate::kAnswered;
  response.code = code;
  response.diagnostic = diagnostic;
  return response;
}

struct Case {
  int code;
  const char* diagnostic;
  Reason reason;
  Trouble trouble;
  const char* status;
};

// Texts as Samba 4.17 and Windows Server give them; only the start of a text may matter, since the rest is translated.
constexpr Case kCases[] = {
    {19, "0000052D: Constraint violation - check_password_restrictions", Reason::kPasswordPolicy, Trouble::kNone,
     "LDAP 19 0000052D"},
    {53, "0000052D: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0", Reason::kPasswordPolicy,
     Trouble::kNone, "LDAP 53 0000052D"},
    {68, "00002071: samldb: Account name (sAMAccountName) 'ada' already in use!", Reason::kAlreadyExists,
     Trouble::kTaken, "LDAP 68 00002071"},
    {68, "Entry CN=Ada,DC=ad,DC=test already exists", Reason::kAlreadyExists, Trouble::kTaken, "LDAP 68"},
    {68, "00000524: UpdErr: DSID-031A11E2, problem 6005 (ENTRY_EXISTS), data 0", Reason::kAlreadyExists,
     Trouble::kTaken, "LDAP 68 00000524"},
    {19, "0000202F: samldb: userPrincipalName 'a@b' is already in use", Reason::kAlreadyExists, Trouble::kTaken,
     "LDAP 19 0000202F"},
    {19, "000021C8: AtrErr: DSID-03200BBA, #1:", Reason::kAlreadyExists, Trouble::kTaken, "LDAP 19 000021C8"},
    {19, "0000202F: samldb: not allowed characters", Reason::kInvalid, Trouble::kNone, "LDAP 19 0000202F"},
    {68, "00000562: UpdErr: DSID-031A11E2", Reason::kConflict, Trouble::kAlreadyMember, "LDAP 68 00000562"},
    {53, "00000561: SvcErr: DSID-031A1254", Reason::kConflict, Trouble::kNoMember, "LDAP 53 00000561"},
    {32, "00000525: Unable to find GUID for DN CN=x", Reason::kNotFound, Trouble::kMemberMissing, "LDAP 32 00000525"},
    {32, "00002030: No such Base DN", Reason::kNotFound, Trouble::kGone, "LDAP 32 00002030"},
    {32, "0000208D: NameErr: DSID-0310028D, problem 2001 (NO_OBJECT)", Reason::kNotFound, Trouble::kGone,
     "LDAP 32 0000208D"},
    {80, "00002095: objectclass: parent does not exist", Reason::kNotFound, Trouble::kParentMissing,
     "LDAP 80 00002095"},
    {80, "00000057: pwdLastSet", Reason::kInvalid, Trouble::kNone, "LDAP 80 00000057"},
    {16, "00000057: attribute 'userAccountControl': no matching attribute value", Reason::kConflict, Trouble::kStale,
     "LDAP 16 00000057"},
    {50, "00002098: SecErr: DSID-03150F94, problem 4003 (INSUFF_ACCESS_RIGHTS)", Reason::kForbidden, Trouble::kNone,
     "LDAP 50 00002098"},
    {66, "00002015: UpdErr", Reason::kConflict, Trouble::kHasChildren, "LDAP 66 00002015"},
    {11, "00002024: SvcErr: DSID-02050B5F, problem 5008 (ADMIN_LIMIT_EXCEEDED)", Reason::kQuota, Trouble::kFull,
     "LDAP 11 00002024"},
    {51, "", Reason::kUnavailable, Trouble::kNone, "LDAP 51"},
    {52, "", Reason::kUnavailable, Trouble::kNone, "LDAP 52"},
    {1, "000004DC: LdapErr: DSID-0C090A5C, comment: a successful bind must be completed", Reason::kAuth, Trouble::kNone,
     "LDAP 1 000004DC"},
    {21, "attribute 'givenName' too long", Reason::kInvalid, Trouble::kNone, "LDAP 21"},
    {118, "something new", Reason::kTransient, Trouble::kNone, "LDAP 118"},
};

TEST(Refusal, SaysWhatSambaAndWindowsMean) {
  for (const Case& one : kCases) {
    const Response response = Answer(one.code, one.diagnostic);
    const connector::Error error = ErrorOf(response, "the change");
    EXPECT_EQ(error.reason, one.reason) << one.code << " " << one.diagnostic;
    EXPECT_EQ(TroubleOf(response), one.trouble) << one.code << " " << one.diagnostic;
    EXPECT_EQ(error.target_status, one.status);
    ASSERT_EQ(error.diagnostics.size(), 1u);
  }
}

TEST(Refusal, NeverPassesTheServersTextOn) {
  const auto error = ErrorOf(Answer(68, "Entry CN=Ada Lovelace,DC=ad,DC=test already exists"), "to create the object");
  EXPECT_EQ(error.diagnostics[0].summary.find("Ada"), std::string::npos);
}

TEST(Refusal, OfAConnectionSaysWhetherTheServiceAccountOrTheServerIsToBlame) {
  EXPECT_EQ(ErrorOf(absl::UnauthenticatedError("x")).reason, Reason::kAuth);
  EXPECT_EQ(ErrorOf(absl::UnavailableError("x")).reason, Reason::kUnavailable);
  EXPECT_EQ(ErrorOf(absl::FailedPreconditionError("no trusted TLS")).reason, Reason::kUnavailable);
}

}  // namespace
}  // namespace sluice::active_directory
