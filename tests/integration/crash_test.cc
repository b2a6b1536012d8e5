// Promise: one crash. The host is killed with operations in flight and started again: every account once, memberships
// and enabled state right, and the first passwords work.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/integration/expected.h"
#include "tests/integration/school.h"

namespace sluice::integration {
namespace {

using testing::ContainerEq;

struct KillPoint {
  std::string name;
  std::string filter;  // How far enforcement has come: so many objects of this kind are there.
  size_t objects;
};

class CrashTest : public testing::TestWithParam<KillPoint> {};

void ExpectTheDirectoryIsRight(School& school) {
  const ExpectedSchool expected = ExpectedOf(school.Twin("GET", "state"));
  std::set<std::string> enabled;
  for (const auto& [number, account] : school.Accounts()) {
    if (account.IsEnabled()) enabled.insert(number);
  }
  EXPECT_THAT(enabled, ContainerEq(expected.people));
  std::map<std::string, std::set<std::string>> groups;
  for (const auto& [group, members] : school.Members()) {
    if (!members.empty()) groups[group].insert(members.begin(), members.end());
  }
  EXPECT_THAT(groups, ContainerEq(expected.groups));
}

TEST_P(CrashTest, AHostThatIsKilledWithOperationsInFlightFinishesItsWork) {
  School school;
  school.Import();
  school.Must({"system", "activate", "ad", "--reason", "in use"});
  school.Plan();
  school.ApproveAll();
  const auto enforcement = school.host().RunInBackground({"enforce"});
  ASSERT_TRUE(Await([&] { return school.directory().Search(GetParam().filter, {"cn"}).size() >= GetParam().objects; }));
  school.host().Kill();
  EXPECT_NE(enforcement().code, 0);

  school.host().Start();
  school.Import();
  school.Plan();
  school.ApproveAll();
  school.Enforce();
  school.ExpectNothingToDo();
  ExpectTheDirectoryIsRight(school);

  // Every third person, so that both sides of the kill are among them.
  int asked = 0;
  for (const auto& [number, account] : school.Accounts()) {
    if (asked++ % 3 != 0) continue;
    const Json answer = school.Must({"credential", "print", number, "--reason", "first day"});
    ASSERT_EQ(answer["credentials"].size(), 1u) << number;
    const Json& credential = answer["credentials"][0];
    EXPECT_EQ(credential["login"], account.First("sAMAccountName"));
    EXPECT_TRUE(school.directory().CanSignIn(account.dn, credential["secret"])) << number;
    EXPECT_NE(account.First("pwdLastSet"), "0") << number << " would be asked for a new password";
  }
  EXPECT_GT(asked, 60);
}

INSTANTIATE_TEST_SUITE_P(All, CrashTest,
                         testing::Values(KillPoint{"AmongTheGroups", "(cn=les-*)", 120},
                                         KillPoint{"AtTheFirstAccount", "(employeeID=*)", 1},
                                         KillPoint{"AmongTheAccounts", "(employeeID=*)", 35},
                                         KillPoint{"AtTheLastAccount", "(employeeID=*)", 70},
                                         KillPoint{"AmongTheMemberships", "(&(cn=les-*)(member=*))", 20}),
                         [](const testing::TestParamInfo<KillPoint>& info) { return info.param.name; });

}  // namespace
}  // namespace sluice::integration
