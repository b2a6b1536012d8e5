// Promise: a new target only observes; accounts that exist are taken over and not made again; more than one match holds
// the person back until somebody settles it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "tests/integration/school.h"

namespace sluice::integration {
namespace {

Json RowOf(const Json& report, const std::string& number) {
  for (const Json& row : report["rows"]) {
    if (row["external_id"] == number) return row;
  }
  return nullptr;
}

std::vector<std::string> KindsFor(const Json& plan, const std::string& number) {
  std::vector<std::string> kinds;
  for (const Json& operation : plan["operations"]) {
    if (operation["external_id"] == number && operation["label"] != "group docenten" &&
        !absl::StartsWith(operation["label"].get<std::string>(), "group les-"))
      kinds.push_back(operation["kind"]);
  }
  return kinds;
}

bool IsHeldBack(const Json& plan, const std::string& number) {
  for (const Json& held : plan["held_back"]) {
    if (held["external_id"] == number) return true;
  }
  return false;
}

TEST(CorrelationTest, ExistingAccountsAreTakenOverAndTwoMatchesWaitForSomebody) {
  School school;
  Directory& directory = school.directory();
  const std::string adopted = directory.AddUser("ouderwets", {{"employeeID", "103001"}, {"displayName", "J. Groot"}});
  const std::string right = directory.AddUser("bo1", {{"employeeID", "103003"}});
  directory.AddUser("bo2", {{"employeeID", "103003"}});
  directory.AddUser("vreemde", {{"employeeID", "X99"}});

  // Observing: the directory counts no change, whatever is asked.
  school.Import();
  const std::string usn = directory.HighestUsn();
  school.Import();
  const Json observed = school.Plan();
  for (const Json& operation : observed["operations"]) ASSERT_EQ(operation["status"], "observing") << operation;
  school.Sluice({"enforce"});
  EXPECT_EQ(directory.HighestUsn(), usn);

  const Json report = school.Must({"correlation", "report", "ad"});
  EXPECT_EQ(RowOf(report, "103001")["result"], "one");
  EXPECT_EQ(RowOf(report, "103001")["accounts"], Json::array({adopted}));
  EXPECT_EQ(RowOf(report, "103003")["result"], "several");
  EXPECT_EQ(RowOf(report, "103003")["accounts"].size(), 2u);
  EXPECT_EQ(RowOf(report, "103002")["result"], "none");
  EXPECT_THAT(report["unmatched_accounts"].dump(), testing::HasSubstr("vreemde"));

  school.Must({"system", "activate", "ad", "--reason", "in use"});
  const Json plan = school.Plan();
  EXPECT_THAT(KindsFor(plan, "103001"), testing::UnorderedElementsAre("adopt", "update", "enable", "grant"));
  EXPECT_TRUE(IsHeldBack(plan, "103003"));
  EXPECT_THAT(KindsFor(plan, "103003"), testing::IsEmpty());
  school.ApproveAll();
  school.Enforce();
  school.Import();
  auto found = directory.Search("(employeeID=103001)", {"*"});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].Id(), adopted);
  EXPECT_EQ(found[0].First("displayName"), "Jan-Willem van 't Hoff-de Groot");
  EXPECT_EQ(found[0].First("sAMAccountName"), "ouderwets") << "it is written on create only";
  EXPECT_TRUE(absl::EndsWith(found[0].dn, "OU=31XY00,OU=Leerlingen," + school.domain().base())) << found[0].dn;
  EXPECT_EQ(directory.Search("(employeeID=103003)", {"cn"}).size(), 2u) << "nothing was made for them";

  // Somebody settles it.
  school.Must({"correlation", "link", "ad", "103003", right, "--reason", "asked at the desk"});
  const Json settled = school.Plan();
  EXPECT_FALSE(IsHeldBack(settled, "103003"));
  EXPECT_THAT(KindsFor(settled, "103003"), testing::IsSupersetOf({"adopt", "update"}));
  school.ApproveAll();
  school.Enforce();
  school.ExpectNothingToDo();
  found = directory.Search("(displayName=Bo Ng)", {"*"});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].Id(), right);
  EXPECT_EQ(directory.Search("(sAMAccountName=vreemde)", {"*"})[0].First("employeeID"), "X99");
}

TEST(CorrelationTest, ATargetIsActivatedForOnePersonThenForSomeThenForAll) {
  School school;
  school.Import();
  school.Must({"system", "activate", "ad", "--person", "103001", "--reason", "first one"});
  school.Plan();
  school.ApproveAll();
  school.Enforce();
  EXPECT_EQ(school.Accounts().size(), 1u);
  school.Must(
      {"system", "activate", "ad", "--when", "{ some_contract: { department.code: M2A } }", "--reason", "a class"});
  school.Import();
  school.Plan();
  school.ApproveAll();
  school.Enforce();
  const size_t some = school.Accounts().size();
  EXPECT_GT(some, 1u);
  EXPECT_LT(some, 20u);
  school.Must({"system", "activate", "ad", "--reason", "all"});
  school.Import();
  school.Plan();
  school.ApproveAll();
  school.Enforce();
  EXPECT_EQ(school.Accounts().size(), 70u);
  school.ExpectNothingToDo();
}

}  // namespace
}  // namespace sluice::integration
