#include "host/core/correlation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/core/planner_test_world.h"

namespace sluice::core {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using testing::World;
using Result = CorrelationReport::Row::Result;

Fields WithNumber(const std::string& number) { return {{"employeeID", Value::Text(number)}}; }

CorrelationReport::Row RowOf(World& world, const std::string& number) {
  const CorrelationReport report = Correlate(world.Input(), "ad").value();
  for (const CorrelationReport::Row& row : report.rows) {
    if (row.person_id == world.Find(number).id) return row;
  }
  return {};
}

TEST(Correlation, AMatchingAccountIsTakenOverAndOnlyWhatDiffersIsWritten) {
  World world;
  world.NoLimits();
  Person& sem = world.AddPerson("104233", "Sem", "Bakker");
  world.AddContract(sem, "placement", "H4D", absl::CivilDay(2026, 8, 1));
  Fields attributes = WithNumber(" 104233 ");
  attributes["sn"] = Value::Text("Bakker");
  attributes["cn"] = Value::Text("Sem Bakker (104233)");
  attributes["displayName"] = Value::Text("S. Bakker");
  attributes["parent"] = Value::Text("OU=31XY00,OU=Leerlingen");
  attributes["employeeID"] = Value::Text("104233");
  attributes["sAMAccountName"] = Value::Text("sbakker");
  world.AddAccount("old", attributes);
  const Plan plan = world.Make();
  EXPECT_THAT(world.Lines(plan),
              ElementsAre("adopt 104233 access", "adopt 104233 account", "update 104233 displayName"));
  EXPECT_EQ(plan.operations[2].depends_on, std::vector<std::string>{plan.operations[1].id});
  world.Enforce(plan);
  EXPECT_THAT(world.Run(), IsEmpty());
  EXPECT_EQ(RowOf(world, "104233").result, Result::kHeld);
}

TEST(Correlation, ADisabledAccountThatIsTakenOverIsEnabledByAnOperation) {
  World world;
  world.NoLimits();
  world.AddContract(world.AddPerson("1", "Sem", "Bakker"), "placement", "H4D", absl::CivilDay(2026, 8, 1));
  world.AddAccount("old", WithNumber("1"), false);
  EXPECT_THAT(world.Lines(world.Make()), IsSupersetOf({"adopt 1 account", "enable 1 account"}));
}

TEST(Correlation, MembershipsOfATakenOverAccountAreTakenOverAndOthersAreLeft) {
  World world;
  world.NoLimits();
  world.AddRule("Teachers", testing::SomeContract({testing::Equals("contract.type", "placement")}),
                {"ad/group:docenten"});
  world.AddContract(world.AddPerson("1", "Sem", "Bakker"), "placement", "H4D", absl::CivilDay(2026, 8, 1));
  world.AddAccount("old", WithNumber("1"));
  world.AddGroup("g1", "Docenten");
  world.AddGroup("g2", "handmade");
  world.AddMember("g1", "old");
  world.AddMember("g2", "old");
  const Plan plan = world.Make();
  EXPECT_EQ(plan.resolved_permissions.at("ad/group:docenten"), "g1");
  EXPECT_THAT(world.Lines(plan), ::testing::Contains("adopt 1 group docenten"));
  world.Enforce(plan);
  EXPECT_THAT(world.Run(), IsEmpty());
  for (Contract& contract : world.Find("1").contracts) contract.end = absl::CivilDay(2026, 11, 20);
  EXPECT_THAT(world.Run(), ::testing::UnorderedElementsAre("revoke 1 group docenten", "retire 1 account"));
}

TEST(Correlation, SeveralMatchingAccountsHoldThePersonBack) {
  World world;
  world.NoLimits();
  world.AddPupil("1", "Sem", "Bakker");
  world.AddAccount("a", WithNumber("1"));
  world.AddAccount("b", WithNumber("1"));
  const Plan plan = world.Make();
  EXPECT_THAT(plan.operations, IsEmpty());
  ASSERT_EQ(plan.held_back.size(), 1u);
  EXPECT_THAT(plan.held_back[0].reason, HasSubstr("2 accounts match by employeeID (a, b)"));
  EXPECT_EQ(RowOf(world, "1").result, Result::kSeveral);
}

TEST(Correlation, OneAccountWantedByTwoPersonsHoldsBothBackInAnyOrder) {
  for (const bool first : {true, false}) {
    World world;
    world.NoLimits();
    for (const std::string& number : first ? std::vector<std::string>{"1", "2"} : std::vector<std::string>{"2", "1"}) {
      world.AddPupil(number, number, "de Vries").fields["external_id"] = Value::Text("gezin");
    }
    world.AddAccount("a", WithNumber("GEZIN"));
    const Plan plan = world.Make();
    EXPECT_THAT(plan.operations, IsEmpty());
    EXPECT_EQ(plan.held_back.size(), 2u);
    EXPECT_EQ(RowOf(world, "1").result, Result::kShared);
    EXPECT_EQ(RowOf(world, "2").result, Result::kShared);
  }
}

TEST(Correlation, AnEmptyBlankOrInvisibleKeyMatchesNothing) {
  World world;
  world.NoLimits();
  world.AddAccount("none", {});
  world.AddAccount("empty", {{"employeeID", Value::Empty()}});
  world.AddAccount("blank", WithNumber("  "));
  world.AddAccount("zero", WithNumber("0"));
  world.AddPupil("1", "A", "Een").fields["external_id"] = Value::Empty();
  world.AddPupil("2", "B", "Twee").fields["external_id"] = Value::Text("  ");
  world.AddPupil("3", "C", "Drie").fields.erase("external_id");
  const Plan plan = world.Make();
  EXPECT_EQ(std::count_if(plan.operations.begin(), plan.operations.end(),
                          [](const PlannedOperation& o) { return o.kind == OperationKind::kAdopt; }),
            0);
  for (const PlannedOperation& operation : plan.operations) EXPECT_THAT(operation.correlate, IsEmpty());
  for (const char* number : {"1", "2", "3"}) EXPECT_EQ(RowOf(world, number).result, Result::kNoKey);
  EXPECT_EQ(Correlate(world.Input(), "ad")->unmatched_accounts.size(), 4u);
}

TEST(Correlation, AKeyTypedOntoASecondPersonHoldsTheLaterOneBackAndLeavesTheHolder) {
  World world;
  world.NoLimits();
  world.AddPupil("104233", "Noor", "Zwaluw");
  world.Run();
  Person& daan = world.AddPupil("999", "Daan", "Visser");
  daan.fields["external_id"] = Value::Text("104233");
  const Plan plan = world.Make();
  EXPECT_THAT(plan.operations, IsEmpty());
  ASSERT_EQ(plan.held_back.size(), 1u);
  EXPECT_EQ(plan.held_back[0].person_id, daan.id);
  EXPECT_THAT(plan.held_back[0].reason, HasSubstr(world.Find("104233").id));
  daan.fields["external_id"] = Value::Text("104333");
  EXPECT_THAT(world.Run(), ::testing::Contains("create 999 account"));
}

TEST(Correlation, HeldAccountsStayTiedByIdWhateverCorrelateSays) {
  World world;
  world.NoLimits();
  world.AddPupil("1", "Noor", "Zwaluw");
  world.Run();
  world.configuration.systems["ad"].correlate[0] = {"mail", testing::Parsed("{person.name.nick}@example.org"), {}};
  world.AddAccount("other", {{"mail", Value::Text("noor@example.org")}});
  EXPECT_THAT(world.Run(), IsEmpty());
}

TEST(Correlation, AManualLinkWins) {
  World world;
  world.NoLimits();
  Person& sem = world.AddPupil("1", "Sem", "Bakker");
  world.AddAccount("a", WithNumber("1"));
  world.AddAccount("b", WithNumber("1"));
  world.state.links[{sem.id, "ad"}] = "b";
  const Plan plan = world.Make();
  EXPECT_THAT(plan.held_back, IsEmpty());
  for (const PlannedOperation& operation : plan.operations) {
    if (operation.entitlement != "account") continue;
    EXPECT_EQ(operation.object_id, "b");
  }
  // Whoever else matches that account does not get it. The number that is written must be free by then.
  for (const char* account : {"a", "b"}) world.Account(account)->attributes["employeeID"] = Value::Empty();
  Person& other = world.AddPupil("2", "Mia", "Bakker");
  world.AddAccount("c", WithNumber("2"));
  world.state.links[{sem.id, "ad"}] = "c";
  EXPECT_THAT(world.Make().held_back, ElementsAre(::testing::Field(&HeldBack::person_id, other.id)));
}

TEST(Correlation, OneMailOnTwoNewAccountsIsReportedBeforeTheWrite) {
  World world;
  world.NoLimits();
  world.state.schemas["ad"].classes["account"].attributes["mail"].unique_in = "mail";
  world.Field("mail").value = testing::Parsed("gezin@example.org");
  world.AddPupil("1", "Sem", "Bakker");
  world.AddPupil("2", "Mia", "Bakker");
  const Plan plan = world.Make();
  EXPECT_THAT(plan.operations, IsEmpty());
  ASSERT_EQ(plan.held_back.size(), 2u);
  EXPECT_THAT(plan.held_back[0].reason, HasSubstr("mail would be the same as that of person "));
}

TEST(Correlation, ATargetThatNobodyConfiguredIsNotFound) {
  World world;
  EXPECT_EQ(Correlate(world.Input(), "nds").status().code(), absl::StatusCode::kNotFound);
  world.state.observed.clear();
  EXPECT_EQ(Correlate(world.Input(), "ad").status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace sluice::core
