// A bad directory, on the wire: a controller that is busy, restarted, at its limits, or stricter than we are. The run
// recovers, or stops with one clear line, and the next one is right. And how little is asked of it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/integration/school.h"

namespace sluice::integration {
namespace {

using testing::HasSubstr;

constexpr char kEverybody[] = "  grants: [ad/access]\n";
constexpr char kEverybodyBorrows[] = "  grants: [ad/access, \"ad/group:laptop-uitleen\"]\n";

SchoolOptions Faulty() {
  SchoolOptions options;
  options.has_faults = true;
  return options;
}

void GiveToEverybody(School& school, const char* from, const char* to) {
  school.Edit({"rules/pupils.yaml", from, to});
  school.Must({"config", "apply", "--reason", "another rule"});
  school.Plan();
  school.ApproveAll();
}

TEST(BadDirectory, GrantsOfOneGroupAreFewRequestsAndOneThatIsThereOrCannotBeHarmsNoOther) {
  School school(Faulty());
  school.TakeIntoUse();
  Directory& directory = school.directory();
  GiveToEverybody(school, kEverybody, kEverybodyBorrows);
  const Json plan = school.Plan();
  const int grants = static_cast<int>(OperationsOf(plan, "grant").size());
  ASSERT_GT(grants, 40);
  const std::string by_hand = OperationsOf(plan, "grant")[3]["external_id"],
                    gone = OperationsOf(plan, "grant")[7]["external_id"];
  const auto accounts = school.Accounts();
  directory.AddMember("CN=laptop-uitleen,CN=Users", accounts.at(by_hand).dn);
  directory.RemoveTree(accounts.at(gone).dn);
  school.TakeRequests();
  const Answer run = school.Sluice({"enforce"});
  EXPECT_EQ(run.json["state"], "failed");
  EXPECT_THAT(run.json["summary"].get<std::string>(),
              HasSubstr(absl::StrCat(grants - 2, " applied, 1 already so, 1 failed")));
  School::Requests asked = school.TakeRequests();
  EXPECT_LE(asked.of_members, 4) << "for " << grants << " grants";
  EXPECT_GE(asked.most_members, grants - 2);
  std::vector<std::string> members = school.Members().at("laptop-uitleen");
  for (const Json& grant : OperationsOf(plan, "grant")) {
    const std::string number = grant["external_id"];
    EXPECT_EQ(std::count(members.begin(), members.end(), number), number == gone ? 0 : 1) << number;
  }

  // Taken away again, from somebody too whose account is gone by then.
  GiveToEverybody(school, kEverybodyBorrows, kEverybody);
  const Json back = school.Plan();
  const int revokes = static_cast<int>(OperationsOf(back, "revoke").size());
  ASSERT_EQ(revokes, grants - 1);
  directory.RemoveTree(accounts.at(OperationsOf(back, "revoke")[5]["external_id"]).dn);
  school.TakeRequests();
  EXPECT_THAT(school.Enforce()["summary"].get<std::string>(),
              HasSubstr(absl::StrCat(revokes - 1, " applied, 1 already so")));
  asked = school.TakeRequests();
  EXPECT_LE(asked.of_members, 4) << "for " << revokes << " revokes";
}

TEST(BadDirectory, AGroupThatIsFullTakesWhatItCanAndTheOthersAreTriedTheNextNight) {
  School school(Faulty());
  school.TakeIntoUse();
  const std::string group = school.directory().Search("(cn=laptop-uitleen)", {"objectGUID"}).at(0).Id();
  GiveToEverybody(school, kEverybody, kEverybodyBorrows);
  const int grants = static_cast<int>(OperationsOf(school.Plan(), "grant").size());
  school.SetFaults({{{"request", "modify"}, {"contains", group}, {"answer", 11}}});
  school.TakeRequests();
  const Answer full = school.Sluice({"enforce"});
  EXPECT_EQ(full.code, 1);
  EXPECT_THAT(full.json["summary"].get<std::string>(), HasSubstr(absl::StrCat(grants, " failed")));
  EXPECT_LE(school.TakeRequests().of_members, 12) << "not one for each of " << grants;
  school.SetFaults(Json::array());
  school.Plan();
  school.ApproveAll();
  EXPECT_THAT(school.Enforce()["summary"].get<std::string>(), HasSubstr(absl::StrCat(grants, " applied")));
  school.ExpectNothingToDo();
}

TEST(BadDirectory, AControllerThatIsBusyAndSlowIsAskedAgainAndNothingFails) {
  School school(Faulty());
  school.SetFaults({{{"request", "add"}, {"times", 7}, {"answer", 51}},
                    {{"request", "modify"}, {"times", 3}, {"answer", 52}},
                    {{"request", "rename"}, {"times", 1}, {"answer", 51}},
                    {{"request", "add"}, {"times", 20}, {"delay", 0.02}}});
  school.TakeIntoUse();
  school.ExpectAsTheTwinSays();
  school.SetFaults({{{"request", "search"}, {"times", 3}, {"answer", 51}}});
  school.Import();
  // A connection that is cut after a write arrived, and before its answer.
  GiveToEverybody(school, kEverybody, kEverybodyBorrows);
  school.SetFaults({{{"request", "modify"}, {"times", 1}, {"cut", true}, {"done", true}}});
  const Answer cut = school.Sluice({"enforce"});
  EXPECT_EQ(cut.code, 0) << cut.out << "found to be done, by reading";
  school.ExpectNothingToDo();
}

TEST(BadDirectory, AControllerThatIsRestartedInTheMiddleOfTheFirstNightGetsEveryAccountOnce) {
  School school;
  school.Import();
  school.Must({"system", "activate", "ad", "--reason", "in use"});
  school.Plan();
  school.ApproveAll();
  const auto enforcement = school.host().RunInBackground({"enforce"});
  ASSERT_TRUE(Await([&] { return school.directory().Search("(employeeID=*)", {"cn"}).size() >= 20; }));
  school.domain().Stop();
  school.domain().Start();
  const Answer night = enforcement();
  if (night.code != 0) {
    EXPECT_THAT(night.err + night.json.value("summary", ""), HasSubstr("directory")) << night.out;
    school.Import();
    school.Plan();
    school.ApproveAll();
    school.Enforce();
  }
  school.ExpectNothingToDo();
  school.ExpectAsTheTwinSays();
}

// By other code than the host's: long enough, three kinds of characters, no part of three letters of any name.
void ExpectAllowed(const std::string& password, const Entry& account, size_t length) {
  EXPECT_GE(password.size(), length);
  int kinds[4] = {0, 0, 0, 0};
  for (const char c : password) ++kinds[islower(c) ? 0 : isupper(c) ? 1 : isdigit(c) ? 2 : 3];
  EXPECT_GE((kinds[0] > 0) + (kinds[1] > 0) + (kinds[2] > 0) + (kinds[3] > 0), 3);
  const std::string lower = absl::AsciiStrToLower(password);
  for (const char* attribute : {"sAMAccountName", "displayName", "givenName", "sn"}) {
    const std::string name = absl::AsciiStrToLower(account.First(attribute));
    for (absl::string_view part : absl::StrSplit(name, absl::ByAnyChar(" .-_,'#\t()"), absl::SkipEmpty())) {
      for (size_t at = 0; at + 3 <= part.size(); ++at) {
        const std::string piece(part.substr(at, 3));
        const bool is_of_letters = std::all_of(piece.begin(), piece.end(), [](char c) { return c >= 'a' && c <= 'z'; });
        EXPECT_TRUE(!is_of_letters || lower.find(piece) == std::string::npos) << attribute;
      }
    }
  }
}

TEST(BadDirectory, AStricterPasswordPolicyIsReadFirstAndOneThatBecomesStricterMeetsLongerPasswords) {
  SchoolOptions options;
  options.pupils = 40;
  options.staff = 6;
  School school(options);
  school.directory().Set(school.directory().base(), "minPwdLength", {"18"});
  school.TakeIntoUse();
  school.SetDay("2026-11-25");
  const Json state = school.Twin("GET", "state");
  const std::string vestiging = state["HUIDIG"].begin().key();
  const Json& pupil = state["HUIDIG"][vestiging]["leerlingen"][0];
  school.Event({{"type", "new_pupil"},
                {"vestiging", vestiging},
                {"stamgroep", pupil["plaatsingen"].back()["stamgroep"]["naam"]}});
  school.Import();  // Reads the policy; then it becomes stricter.
  school.Plan();
  school.ApproveAll();
  school.directory().Set(school.directory().base(), "minPwdLength", {"22"});
  school.Enforce();
  school.ExpectAsTheTwinSays();
  const std::string log = ReadFile(school.host().place().log);
  int looked_at = 0, longer = 0;
  for (const auto& [number, account] : school.Accounts()) {
    if (!account.IsEnabled()) continue;
    const Json answer = school.Must({"credential", "print", number, "--reason", "first day"});
    const std::string password = answer["credentials"][0]["secret"];
    ExpectAllowed(password, account, 18);
    longer += password.size() >= 22;
    EXPECT_TRUE(school.directory().CanSignIn(account.dn, password)) << number;
    EXPECT_EQ(log.find(password), std::string::npos);
    ++looked_at;
  }
  EXPECT_GT(looked_at, 30);
  EXPECT_GE(longer, 1) << "who came after the policy was made stricter";
}

}  // namespace
}  // namespace sluice::integration
