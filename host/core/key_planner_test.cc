// Cases C16, C17 and C19 in every direction: nothing that Sluice writes gives an account the correlation key of
// another.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "host/core/planner_test_world.h"

namespace sluice::core {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;
using testing::World;

class Keys : public ::testing::Test {
 protected:
  Keys() { world_.NoLimits(); }

  // A pupil without class groups, so that a plan has few lines.
  Person& Pupil(const std::string& number, const std::string& given) {
    Person& person = world_.AddPerson(number, given, "Bakker");
    world_.AddContract(person, "placement", "H4D", absl::CivilDay(2026, 8, 1));
    return person;
  }
  void Retype(const std::string& number, const std::string& typed) {
    world_.Find(number).fields["external_id"] = Value::Text(typed);
  }
  std::string IdOf(const std::string& number) { return world_.Find(number).id; }
  std::string AccountOf(const std::string& number) { return world_.Held(number, "account")->object_id; }
  std::string KeyOf(const std::string& number) {
    return world_.Account(AccountOf(number))->attributes["employeeID"].ToText();
  }
  // Both of them are named in the one line that holds `number` back.
  void ExpectHeldBack(const Plan& plan, const std::string& number, const std::string& other) {
    int lines = 0;
    for (const HeldBack& held : plan.held_back) {
      if (held.person_id != IdOf(number)) continue;
      ++lines;
      EXPECT_THAT(held.reason,
                  AllOf(HasSubstr("employeeID of person " + IdOf(number)), HasSubstr(other), HasSubstr("correct")));
    }
    EXPECT_EQ(lines, 1) << number;
  }
  World world_;
};

TEST_F(Keys, ANumberOfAnotherHeldAccountIsNotWrittenAndTheOtherIsLeftAlone) {
  Pupil("104233", "Noor");
  Pupil("104333", "Daan");
  world_.Run();
  const Record before = *world_.Account(AccountOf("104233"));
  Retype("104333", "104233");
  const Plan plan = world_.Make();
  EXPECT_THAT(plan.operations, IsEmpty());
  ExpectHeldBack(plan, "104333", IdOf("104233"));
  world_.Enforce(plan);
  EXPECT_EQ(world_.Account(AccountOf("104233"))->attributes, before.attributes);
  Retype("104333", "104334");
  EXPECT_THAT(world_.Run(), ElementsAre("update 104333 cn, employeeID"));
  EXPECT_EQ(KeyOf("104333"), "104334");
}

TEST_F(Keys, ANumberOfAStrangersAccountIsNotWritten) {
  Pupil("1", "Noor");
  world_.Run();
  world_.AddAccount("stranger", {{"employeeID", Value::Text(" 77 ")}});
  Retype("1", "77");
  const Plan plan = world_.Make();
  EXPECT_THAT(plan.operations, IsEmpty());
  ExpectHeldBack(plan, "1", "account stranger, which nobody holds");
}

TEST_F(Keys, ANumberOfARetiredAccountIsNotWritten) {
  Pupil("1", "Noor");
  Pupil("2", "Daan");
  world_.Run();
  for (Contract& contract : world_.Find("1").contracts) contract.end = absl::CivilDay(2026, 11, 23);
  world_.Run();
  Retype("2", "1");
  const Plan plan = world_.Make();
  EXPECT_THAT(plan.operations, IsEmpty());
  ExpectHeldBack(plan, "2", IdOf("1"));
}

TEST_F(Keys, TwoNumbersThatWereExchangedAreSetRightInOnePlan) {
  Pupil("1", "Noor");
  Pupil("2", "Daan");
  world_.Run();
  Retype("1", "2");
  Retype("2", "1");
  const Plan plan = world_.Make();
  EXPECT_THAT(plan.held_back, IsEmpty());
  EXPECT_THAT(world_.Lines(plan), UnorderedElementsAre("update 1 cn, employeeID", "update 2 cn, employeeID"));
  for (const PlannedOperation& operation : plan.operations) EXPECT_THAT(operation.depends_on, IsEmpty());
  world_.Enforce(plan);
  EXPECT_EQ(KeyOf("1"), "2");
  EXPECT_EQ(KeyOf("2"), "1");
  EXPECT_THAT(world_.Run(), IsEmpty());
}

TEST_F(Keys, WhoGetsANumberWaitsForWhoGivesItUp) {
  Pupil("1", "Noor");
  Pupil("2", "Daan");
  world_.Run();
  Retype("1", "2");
  Retype("2", "3");
  const Plan plan = world_.Make();
  EXPECT_THAT(plan.held_back, IsEmpty());
  ASSERT_THAT(plan.operations, SizeIs(2));
  const bool is_first = plan.operations[0].person_id == IdOf("1");
  const PlannedOperation& taker = plan.operations[is_first ? 0 : 1];
  const PlannedOperation& giver = plan.operations[is_first ? 1 : 0];
  EXPECT_THAT(taker.depends_on, ElementsAre(giver.id));
  EXPECT_THAT(giver.depends_on, IsEmpty());
}

TEST_F(Keys, WhoDoesNotGiveANumberUpAfterAllKeepsEverybodyInTheRowBack) {
  for (const char* number : {"1", "2", "3"}) Pupil(number, absl::StrCat("Sem", number));
  world_.Run();
  Retype("1", "2");
  Retype("2", "3");
  Retype("3", "4");
  world_.state.exclusions.push_back({IdOf("3"), std::nullopt, "exam"});
  const Plan plan = world_.Make();
  EXPECT_THAT(plan.operations, IsEmpty());
  ExpectHeldBack(plan, "1", IdOf("2"));
  ExpectHeldBack(plan, "2", IdOf("3"));
  world_.state.exclusions.clear();
  EXPECT_THAT(world_.Make().operations, SizeIs(3));
}

TEST_F(Keys, TwoWhoWouldGetOneNumberAreBothHeldBackWhateverTheOrder) {
  for (const bool is_new : {false, true}) {
    World world;
    world.NoLimits();
    for (const char* number : {"1", "2"}) {
      world.AddContract(world.AddPerson(number, "Sem", "Bakker"), "placement", "H4D", absl::CivilDay(2026, 8, 1));
    }
    world.Run();
    if (is_new) world.AddPupil("3", "Mia", "Visser").fields["external_id"] = Value::Text("9");
    world.Find("1").fields["external_id"] = Value::Text("9");
    if (!is_new) world.Find("2").fields["external_id"] = Value::Text("9");
    const Plan plan = world.Make();
    EXPECT_THAT(plan.operations, IsEmpty());
    EXPECT_THAT(plan.held_back, SizeIs(2));
  }
}

TEST_F(Keys, WhatWasWrittenSinceTheTargetWasReadCountsAsWell) {
  Pupil("1", "Noor");
  world_.Run();
  std::erase_if(world_.state.observed["ad"].records, [](const Record& record) { return record.id != "none"; });
  for (Grant& grant : world_.state.grants) grant.since = world_.today;
  Pupil("2", "Daan");
  Pupil("3", "Mia");
  Retype("2", "1");
  const Plan plan = world_.Make();
  EXPECT_THAT(world_.Lines(plan), UnorderedElementsAre("create 3 account", "enable 3 account"));
  ASSERT_THAT(plan.held_back, SizeIs(1));
  EXPECT_EQ(plan.held_back[0].person_id, IdOf("2"));
  EXPECT_THAT(plan.held_back[0].reason, HasSubstr(IdOf("1")));
}

TEST_F(Keys, WhatWasTypedForSomebodyWhoIsHeldBackTakesNothingFromWhoOwnsTheNumber) {
  Pupil("1", "Daan");
  world_.Run();
  Retype("1", "104233");
  world_.Find("1").held_back = {"has the number of somebody else"};
  Pupil("104233", "Noor");
  EXPECT_THAT(world_.Run(), Contains("create 104233 account"));
}

TEST_F(Keys, ALinkByHandDoesNotMakeTwoAccountsOfOneNumber) {
  Pupil("1", "Noor");
  world_.AddAccount("a", {{"employeeID", Value::Text("1")}});
  world_.AddAccount("b", {{"employeeID", Value::Text("7")}});
  world_.state.links[{IdOf("1"), "ad"}] = "b";
  const Plan plan = world_.Make();
  EXPECT_THAT(plan.operations, IsEmpty());
  ExpectHeldBack(plan, "1", "account a");
  world_.Account("a")->attributes["employeeID"] = Value::Empty();
  EXPECT_THAT(world_.Run(), Contains("adopt 1 account"));
}

TEST_F(Keys, ANumberThatSomebodyMovedInTheTargetHoldsNobodyBack) {
  Pupil("1", "Noor");
  world_.Run();
  world_.Account(AccountOf("1"))->attributes["employeeID"] = Value::Empty();
  world_.AddAccount("other", {{"employeeID", Value::Text("1")}});
  const Plan plan = world_.Make();
  EXPECT_THAT(plan.operations, IsEmpty());
  EXPECT_THAT(plan.held_back, IsEmpty());
}

TEST_F(Keys, TheWrittenNumberCountsAndNotOnlyTheOneThatIsLookedFor) {
  world_.Field("employeeID").value = testing::Parsed("{person.custom.number}");
  Pupil("1", "Noor").fields["custom.number"] = Value::Text("500");
  world_.Run();
  Pupil("2", "Daan").fields["custom.number"] = Value::Text("500");
  const Plan plan = world_.Make();
  EXPECT_THAT(plan.operations, IsEmpty());
  ExpectHeldBack(plan, "2", IdOf("1"));
}

TEST_F(Keys, ZeroIsANumberAndNothingIsNone) {
  world_.AddAccount("none", {});
  world_.AddAccount("zero", {{"employeeID", Value::Text("0")}});
  Pupil("1", "A").fields["external_id"] = Value::Empty();
  Pupil("2", "B").fields["external_id"] = Value::Text("\u00A0\u200B ");
  Pupil("3", "C").fields.erase("external_id");
  const Plan plan = world_.Make();
  EXPECT_THAT(plan.warnings, Contains(HasSubstr("ad: 2 people have no employeeID by which an account could be found")));
  ASSERT_THAT(plan.held_back, SizeIs(1)) << "what is not visible may be the key of an account that is there";
  EXPECT_THAT(plan.held_back[0].reason, HasSubstr("what its employeeID would be is not visible"));
  for (const PlannedOperation& operation : plan.operations) {
    EXPECT_NE(operation.kind, OperationKind::kAdopt);
    EXPECT_THAT(operation.correlate, IsEmpty());
  }
  Pupil("0", "D");
  EXPECT_THAT(world_.Run(), Contains("adopt 0 account"));
  EXPECT_EQ(AccountOf("0"), "zero");
  Pupil("4", "E");
  Retype("4", "0");
  EXPECT_THAT(world_.Make().held_back, SizeIs(2));
}

TEST_F(Keys, OneAddressOfBrotherAndSisterFindsNothingAndMakesNothing) {
  world_.configuration.systems["ad"].correlate[0] = {"mail", testing::Parsed("{person.custom.mail}"), {}};
  world_.Field("mail").value = testing::Parsed("{person.custom.mail}");
  for (const char* number : {"1", "2"}) {
    Pupil(number, number).fields["custom.mail"] = Value::Text("gezin.devries@example.org");
  }
  const Plan twice = world_.Make();
  EXPECT_THAT(twice.operations, IsEmpty());
  EXPECT_THAT(twice.held_back, SizeIs(2));
  world_.AddAccount("a", {{"mail", Value::Text("Gezin.deVries@example.org")}});
  EXPECT_THAT(world_.Make().held_back, SizeIs(2));
  world_.Find("2").fields["custom.mail"] = Value::Text("mia.devries@example.org");
  EXPECT_THAT(world_.Lines(world_.Make()), Contains("adopt 1 account"));
  EXPECT_THAT(world_.Make().held_back, IsEmpty());
}

}  // namespace
}  // namespace sluice::core
