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

std::vector<std::string> ReasonsFor(const Json& plan, const std::string& number) {
  std::vector<std::string> reasons;
  for (const Json& held : plan["held_back"]) {
    if (held["external_id"] == number) reasons.push_back(held["reason"]);
  }
  return reasons;
}

std::string RecordOf(School& school, const std::string& number) {
  const Json person = school.Must({"person", "show", number, "--raw"});
  for (const Json& record : person["raw_records"]) {
    if (record["object_class"] == "leerling") return record["id"];
  }
  return "";
}

void Retype(School& school, const std::string& uuid, int number) {
  school.Event({{"type", "patch"}, {"uuid", uuid}, {"fields", {{"leerlingnummer", number}}}});
}

// Case C19: a number that is typed onto a second pupil, corrected, and exchanged.
TEST(CorrelationTest, ANumberOnASecondPupilHoldsTheLaterOneBackAndTwoThatWereExchangedAreSetRight) {
  School school;
  school.TakeIntoUse();
  const auto noor_is = [&](const Entry& noor, const Entry& now) {
    EXPECT_EQ(now.Id(), noor.Id());
    EXPECT_EQ(now.dn, noor.dn);
    for (const char* attribute : {"sAMAccountName", "displayName", "cn"}) {
      EXPECT_EQ(now.First(attribute), noor.First(attribute));
    }
  };
  const Entry noor = school.Accounts().at("103021");

  school.SetDay("2026-11-25");
  const Json shown = school.Must({"person", "show", "103021"});
  Json placed;
  for (const Json& contract : shown["contracts"]) {
    if (contract["type"] == "placement") placed = contract["fields"];
  }
  const std::string daan = school.Event({{"type", "new_pupil"},
                                         {"roepnaam", "Daan"},
                                         {"achternaam", "Visser"},
                                         {"vestiging", placed["location.code"]},
                                         {"stamgroep", placed["department.code"]}})["leerling"];
  Retype(school, daan, 103021);
  school.Import();
  Json plan = school.Plan();
  EXPECT_TRUE(plan["operations"].empty()) << Describe(plan);
  ASSERT_EQ(ReasonsFor(plan, "103021").size(), 1u);
  const std::string line = ReasonsFor(plan, "103021")[0];
  EXPECT_THAT(line, testing::ContainsRegex("person [0-9a-f-]+ has the external_id of person [0-9a-f-]+")) << line;
  school.Enforce();
  noor_is(noor, school.Accounts().at("103021"));

  school.SetDay("2026-11-26");
  Retype(school, daan, 104333);
  school.Import();
  school.Plan();
  school.ApproveAll();
  EXPECT_EQ(school.Enforce()["state"], "succeeded");
  auto accounts = school.Accounts();
  EXPECT_EQ(accounts.at("104333").First("displayName"), "Daan Visser");
  EXPECT_TRUE(accounts.at("104333").IsEnabled());
  noor_is(noor, accounts.at("103021"));
  school.ExpectNothingToDo();

  // Exchanged by the office: both numbers go over on one day, and nobody gets another one's account.
  school.SetDay("2026-11-27");
  const std::string noors_record = RecordOf(school, "103021");
  Retype(school, noors_record, 104333);
  Retype(school, daan, 103021);
  school.Import();
  plan = school.Plan();
  EXPECT_EQ(CountByKind(plan), (std::map<std::string, int>{{"update", 2}})) << Describe(plan);
  EXPECT_EQ(school.Enforce()["state"], "succeeded");
  const Entry now = school.Accounts().at("104333");
  EXPECT_EQ(now.Id(), noor.Id());
  EXPECT_EQ(now.First("sAMAccountName"), noor.First("sAMAccountName"));
  EXPECT_EQ(school.Accounts().at("103021").First("displayName"), "Daan Visser");
  school.ExpectNothingToDo();

  // A number that a stranger's account has is not written; nobody is touched.
  school.SetDay("2026-11-28");
  school.directory().AddUser("vreemde", {{"employeeID", "105000"}});
  Retype(school, noors_record, 105000);
  school.Import();
  plan = school.Plan();
  EXPECT_TRUE(plan["operations"].empty()) << Describe(plan);
  ASSERT_EQ(ReasonsFor(plan, "105000").size(), 1u);
  EXPECT_THAT(ReasonsFor(plan, "105000")[0], testing::HasSubstr("which nobody holds"));
}

// Cases C16 and C17: brothers and sisters with one address, and people without any.
TEST(CorrelationTest, OneAddressOfSeveralPeopleFindsAndMakesNothingAndWhoHasNoneIsSaidToHaveNoKey) {
  SchoolOptions options;
  options.edits = {{"systems/ad.yaml", "correlate: { employeeID: \"{person.external_id}\" }",
                    "correlate: { mail: \"{person.custom.mail}\" }"},
                   {"systems/ad.yaml", "    displayName:", "    mail: \"{person.custom.mail}\"\n    displayName:"},
                   {"systems/somtoday.yaml", "  custom.leerlingnummer:",
                    "  custom.mail: \"{leerling.leerlingnummer | lookup(103021=gezin@example.org, "
                    "103022=gezin@example.org, 103023=ouders@example.org, 103024=ouders@example.org, "
                    "103025=bo@example.org, *=)}\"\n  custom.leerlingnummer:"}};
  School school(options);
  const std::string family = school.directory().AddUser("gezin", {{"mail", "Gezin@Example.org"}});
  school.directory().AddUser("niemand");
  school.directory().AddUser("nul", {{"mail", "0"}});
  school.Import();
  school.Must({"system", "activate", "ad", "--reason", "in use"});
  const Json plan = school.Plan();
  for (const char* number : {"103021", "103022", "103023", "103024"}) {
    EXPECT_EQ(ReasonsFor(plan, number).size(), 1u) << number;
    EXPECT_THAT(KindsFor(plan, number), testing::IsEmpty());
  }
  EXPECT_THAT(KindsFor(plan, "103025"), testing::Contains("create"));
  EXPECT_TRUE(OperationsOf(plan, "adopt").empty());
  EXPECT_THAT(plan["warnings"].dump(), testing::HasSubstr("have no mail by which an account could be found"));
  const Json report = school.Must({"correlation", "report", "ad"});
  EXPECT_EQ(RowOf(report, "103021")["result"], "shared");
  EXPECT_EQ(RowOf(report, "103026")["result"], "no_key");
  school.ApproveAll();
  EXPECT_EQ(school.Enforce()["state"], "succeeded");
  EXPECT_EQ(school.directory().Search("(mail=gezin@example.org)", {"mail"}).size(), 1u);
  EXPECT_EQ(school.directory().Search("(mail=ouders@example.org)", {"mail"}).size(), 0u);
  EXPECT_EQ(school.directory().Search("(sAMAccountName=nul)", {"mail"})[0].First("mail"), "0");
}

}  // namespace
}  // namespace sluice::integration
