#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "host/core/planner_test_world.h"

namespace sluice::core {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using testing::Equals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::SomeContract;
using ::testing::UnorderedElementsAre;
using testing::World;

class Names : public ::testing::Test {
 protected:
  Names() { world_.NoLimits(); }
  std::string NameOf(const std::string& number) {
    return world_.Held(number, "account")->desired.at("sAMAccountName").ToText();
  }
  World world_;
};

TEST_F(Names, TwoPeopleOfOneNameGetTheNextCandidate) {
  world_.AddPupil("1", "Noor", "Zwaluw");
  world_.Run();
  world_.AddPupil("2", "Noor", "Zwaluw");
  world_.AddPupil("3", "Noor", "Zwaluw");
  world_.Run();
  EXPECT_EQ(NameOf("1"), "n.zwaluw");
  EXPECT_THAT((std::vector<std::string>{NameOf("2"), NameOf("3")}), UnorderedElementsAre("no.zwaluw", "n.zwaluw2"));
}

TEST_F(Names, ANameOfAnyObjectOfTheTargetIsTaken) {
  world_.AddGroup("g", "N.Zwaluw");
  world_.AddPupil("1", "Noor", "Zwaluw");
  world_.Run();
  EXPECT_EQ(NameOf("1"), "no.zwaluw");
}

TEST_F(Names, ANameThatSomebodyElseReservedIsTakenAndOnesOwnIsNot) {
  Person& noor = world_.AddPupil("1", "Noor", "Zwaluw");
  world_.state.names.push_back({"ad", "account_name", "n.zwaluw", "person:somebody"});
  world_.state.names.push_back({"ad", "account_name", "no.zwaluw", "person:" + noor.id});
  world_.Run();
  EXPECT_EQ(NameOf("1"), "no.zwaluw");
}

TEST_F(Names, WhatNameIsExpectedIsNoPartOfTheOperationsId) {
  world_.AddPupil("1", "Noor", "Zwaluw");
  const Plan before = world_.Make();
  world_.AddGroup("g", "n.zwaluw");
  const Plan after = world_.Make();
  EXPECT_EQ(before.hash, after.hash);
  EXPECT_NE(before.operations[1].names[0].expected, after.operations[1].names[0].expected);
}

TEST_F(Names, WhenAllCandidatesAreTakenThePersonIsHeldBack) {
  world_.Field("sAMAccountName").candidates = {testing::Parsed("vast")};
  world_.AddGroup("g", "vast");
  world_.AddPupil("1", "Noor", "Zwaluw");
  const Plan plan = world_.Make();
  EXPECT_THAT(plan.operations, IsEmpty());
  EXPECT_THAT(plan.held_back,
              ElementsAre(::testing::Field(&HeldBack::reason,
                                           "the only candidate of sAMAccountName is taken; add one to its template")));
}

class Resources : public ::testing::Test {
 protected:
  Resources() { world_.NoLimits(); }
  World world_;
};

TEST_F(Resources, OneGroupIsMadeForAllWhoNeedIt) {
  world_.AddPupil("1", "Noor", "Zwaluw");
  world_.AddPupil("2", "Sem", "Bakker");
  const Plan plan = world_.Make();
  EXPECT_EQ(plan.operations[0].label, "group les-h4d.bio2");
  EXPECT_EQ(plan.operations[0].reason.summary, "needed by 2 people: class group H4D.bio2");
  for (const PlannedOperation& operation : plan.operations) {
    if (operation.kind != OperationKind::kGrant) continue;
    EXPECT_THAT(operation.depends_on, Contains(plan.operations[0].id));
  }
  world_.Enforce(plan);
  EXPECT_THAT(world_.Run(), IsEmpty());
}

TEST_F(Resources, AGroupThatIsThereIsTakenOverByItsName) {
  world_.AddGroup("old", "LES-H4D.bio2");
  world_.AddPupil("1", "Noor", "Zwaluw");
  const Plan plan = world_.Make();
  EXPECT_EQ(world_.Lines(plan)[0], "adopt - group les-h4d.bio2");
  world_.Enforce(plan);
  EXPECT_EQ(world_.Held("1", "class group:id-H4D.bio2")->object_id, "old");
  EXPECT_THAT(world_.Run(), IsEmpty());
}

TEST_F(Resources, TwoDepartmentsOfOneNameAreBothHeldBackWithOneLine) {
  Person& noor = world_.AddPupil("1", "Noor", "Zwaluw");
  for (Contract& contract : noor.contracts) contract.fields["department.code"] = Value::Text("X");
  world_.AddContract(noor, "class_group", "Y", absl::CivilDay(2026, 8, 1)).fields["department.code"] = Value::Text("x");
  const Plan plan = world_.Make();
  EXPECT_THAT(world_.Lines(plan), ElementsAre("create 1 account", "enable 1 account"));
  ASSERT_EQ(plan.held_back.size(), 1u);
  EXPECT_EQ(plan.held_back[0].reason,
            "class group les-x: class group X of person 1 and class group x of person 1 would have this one name; give "
            "them different names at systems/ad.yaml:30:3");
}

TEST_F(Resources, AGroupWhoseNameIsALoginIsHeldBackAndTheLoginStays) {
  world_.configuration.systems["ad"].resources["class group"].fields[0].value =
      testing::Parsed("{contract.department.code}");
  Person& piet = world_.AddPupil("1", "Piet", "Bakker");
  for (Contract& contract : piet.contracts) {
    if (contract.type == "class_group") contract.fields["department.code"] = Value::Text("P.Bakker");
  }
  for (int i = 0; i < 2; ++i) {
    const Plan plan = world_.Make();
    EXPECT_THAT(plan.held_back,
                ElementsAre(::testing::Field(&HeldBack::reason, HasSubstr("its name P.Bakker is taken"))));
    EXPECT_EQ(world_.Enforce(plan).size(), i == 0 ? 2u : 0u);
  }
}

TEST_F(Resources, APupilWhoComesAfterTheGroupTakesTheNextCandidate) {
  world_.configuration.systems["ad"].resources["class group"].fields[0].value =
      testing::Parsed("{contract.department.code}");
  world_.AddPupil("1", "Noor", "Zwaluw", "p.bakker");
  for (Contract& contract : world_.Find("1").contracts) contract.fields["department.code"] = Value::Text("p.bakker");
  world_.Run();
  world_.AddPupil("2", "Piet", "Bakker");
  world_.Run();
  EXPECT_EQ(world_.Held("2", "account")->desired.at("sAMAccountName"), Value::Text("pi.bakker"));
}

TEST_F(Resources, AnUnusedGroupIsNotedKeptForItsPeriodAndThenDeleted) {
  Person& noor = world_.AddPupil("1", "Noor", "Zwaluw");
  world_.Run();
  for (Contract& contract : noor.contracts) {
    if (contract.type == "class_group") contract.end = absl::CivilDay(2026, 11, 23);
  }
  EXPECT_THAT(world_.Run(), ElementsAre("revoke 1 group les-h4d.bio2"));
  EXPECT_EQ(world_.state.resources[0].unused_since, absl::CivilDay(2026, 11, 24));
  world_.today = absl::CivilDay(2027, 11, 23);
  EXPECT_THAT(world_.Run(), IsEmpty());
  world_.today = absl::CivilDay(2027, 11, 24);
  EXPECT_THAT(world_.Run(), ElementsAre("delete_resource - group les-h4d.bio2"));
  EXPECT_THAT(world_.Run(), IsEmpty());
}

TEST_F(Resources, AGroupThatIsNeededAgainIsNoLongerUnused) {
  Person& noor = world_.AddPupil("1", "Noor", "Zwaluw");
  world_.Run();
  world_.state.resources[0].unused_since = absl::CivilDay(2026, 1, 1);
  EXPECT_THAT(world_.Make().reused_resources, ElementsAre("ad/class group:id-H4D.bio2"));
  world_.Run();
  EXPECT_FALSE(world_.state.resources[0].unused_since);
  (void)noor;
}

TEST_F(Resources, AGroupWithMembersOfSomebodyElseIsNotDeleted) {
  Person& noor = world_.AddPupil("1", "Noor", "Zwaluw");
  world_.Run();
  world_.AddMember(world_.state.resources[0].object_id, "by-hand");
  std::erase_if(noor.contracts, [](const Contract& contract) { return contract.type == "class_group"; });
  world_.Run();
  world_.today = absl::CivilDay(2028, 1, 1);
  const Plan plan = world_.Make();
  EXPECT_THAT(plan.operations, IsEmpty());
  EXPECT_THAT(plan.held_back, ElementsAre(::testing::Field(&HeldBack::reason, HasSubstr("is not deleted: 1 member"))));
}

TEST_F(Resources, AnInstanceThatCannotBeNamedTakesNothingAway) {
  Person& noor = world_.AddPupil("1", "Noor", "Zwaluw");
  world_.Run();
  for (Contract& contract : noor.contracts) contract.fields.erase("department.id");
  EXPECT_THAT(world_.Run(), IsEmpty());
  EXPECT_THAT(world_.Make().unused_resources, IsEmpty());
}

class Permissions : public ::testing::Test {
 protected:
  Permissions() {
    world_.NoLimits();
    world_.configuration.rules.pop_back();
    world_.AddRule("Borrowers", SomeContract({Equals("contract.type", "placement")}), {"ad/group:laptops"});
    world_.AddPupil("1", "Noor", "Zwaluw");
  }
  World world_;
};

TEST_F(Permissions, OneThatTheTargetDoesNotHaveIsAWarningAndIsNotGiven) {
  const Plan plan = world_.Make();
  EXPECT_THAT(world_.Lines(plan), ElementsAre("create 1 account", "enable 1 account"));
  EXPECT_THAT(plan.warnings, ElementsAre(HasSubstr("ad/group:laptops: the target has no group of this name")));
}

TEST_F(Permissions, OneThatTheTargetHasTwiceIsNotGiven) {
  world_.AddGroup("a", "laptops");
  world_.AddGroup("b", "Laptops");
  EXPECT_THAT(world_.Make().warnings, ElementsAre(HasSubstr("2 objects of the target have this name")));
}

TEST_F(Permissions, OnceFoundItsIdIsKeptWhateverItIsCalled) {
  world_.AddGroup("a", "laptops");
  EXPECT_THAT(world_.Run(), Contains("grant 1 group laptops"));
  EXPECT_EQ(world_.state.permissions.at("ad/group:laptops"), "a");
  world_.state.observed["ad"].records[0].attributes["cn"] = Value::Text("renamed");
  world_.AddPupil("2", "Sem", "Bakker");
  const Plan plan = world_.Make();
  EXPECT_THAT(world_.Lines(plan), Contains("grant 2 group laptops"));
  EXPECT_THAT(plan.resolved_permissions, IsEmpty());
}

TEST_F(Permissions, MembersThatNobodyGrantedAreNeverRevoked) {
  world_.AddGroup("a", "laptops");
  world_.AddMember("a", "by-hand");
  world_.Run();
  world_.configuration.rules.pop_back();
  EXPECT_THAT(world_.Run(), ElementsAre("revoke 1 group laptops"));
  EXPECT_THAT(world_.Run(), IsEmpty());
}

TEST_F(Permissions, WhatWasRevokedIsGrantedByAWriteAndNotTakenOverFromAnOldReading) {
  world_.AddGroup("a", "laptops");
  world_.Run();
  const std::string account = world_.Held("1", "account")->object_id;
  Rule rule = world_.configuration.rules.back();
  world_.configuration.rules.pop_back();
  world_.Run();
  world_.AddMember("a", account);  // Read before the revoke.
  world_.configuration.rules.push_back(rule);
  EXPECT_THAT(world_.Run(), ElementsAre("grant 1 group laptops"));
}

TEST_F(Permissions, APermissionWithoutAnAccountWaitsVisibly) {
  world_.AddGroup("a", "laptops");
  world_.configuration.rules.erase(world_.configuration.rules.begin());
  const Plan plan = world_.Make();
  EXPECT_THAT(plan.operations, IsEmpty());
  EXPECT_THAT(plan.warnings,
              ElementsAre(HasSubstr("1 person gets access or permissions from a rule, but no rule gives an account")));
}

}  // namespace
}  // namespace sluice::core
