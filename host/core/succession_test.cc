// A new school year: every class group is another one, with the name that last year's had.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/core/planner_test_world.h"

namespace sluice::core {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;
using testing::World;

constexpr absl::CivilDay kOldYear(2026, 8, 1), kOldEnd(2027, 7, 31), kNewYear(2027, 8, 1);

// 1 leaves the group, 2 (who repeats, or teaches it) stays in it, 3 comes.
class Succession : public ::testing::Test {
 protected:
  Succession() {
    world_.NoLimits();
    for (const char* number : {"1", "2", "3"}) {
      Person& person = world_.AddPerson(number, "Sem", "Bakker");
      world_.AddContract(person, "placement", "H4D", kOldYear);
    }
    for (const char* number : {"1", "2"}) AddGroup(number, "old", kOldYear, kOldEnd);
    for (const char* number : {"2", "3"}) AddGroup(number, "new", kNewYear);
    world_.today = kOldEnd;
    world_.Run();
    object_ = world_.state.resources[0].object_id;
  }
  Contract& AddGroup(const std::string& number, const std::string& key, absl::CivilDay start,
                     std::optional<absl::CivilDay> end = std::nullopt) {
    Contract& contract = world_.AddContract(world_.Find(number), "class_group", "H4.bio2", start, end);
    contract.fields["department.id"] = Value::Text(key);
    return contract;
  }
  const ResourceInstance& Resource(const std::string& key) {
    for (const ResourceInstance& instance : world_.state.resources) {
      if (instance.key == key) return instance;
    }
    ADD_FAILURE() << "no " << key;
    return world_.state.resources[0];
  }
  size_t Members() {
    size_t members = 0;
    for (const Record& record : world_.state.observed["ad"].records) members += record.object_class == "membership";
    return members;
  }
  World world_;
  std::string object_;
};

TEST_F(Succession, NextYearsGroupTakesOverTheObjectAndWhoStaysKeepsTheMembershipWithoutAWrite) {
  EXPECT_EQ(Members(), 2u);
  world_.today = kNewYear;
  const Plan plan = world_.Make();
  EXPECT_THAT(plan.held_back, IsEmpty());
  EXPECT_THAT(world_.Lines(plan), UnorderedElementsAre("adopt - group les-h4.bio2", "revoke 1 group les-h4.bio2",
                                                       "adopt 2 group les-h4.bio2", "grant 3 group les-h4.bio2"));
  EXPECT_EQ(plan.operations[0].object_id, object_);
  EXPECT_EQ(plan.operations[0].reason.origin, "succession");
  EXPECT_EQ(plan.operations[0].reason.summary, "taken over from last year's group of that name; needed by 2 people");
  for (const PlannedOperation& operation : plan.operations) {
    if (operation.person_id.empty()) continue;
    EXPECT_EQ(operation.permission_id, object_);
    if (operation.kind == OperationKind::kRevoke) continue;
    EXPECT_THAT(operation.depends_on, ElementsAre(plan.operations[0].id));
    if (operation.kind == OperationKind::kAdopt) {
      EXPECT_THAT(operation.reason.summary, HasSubstr("keeps the membership; "));
    }
  }
  world_.Enforce(plan);
  EXPECT_FALSE(Resource("old").is_held);
  EXPECT_EQ(Resource("new").object_id, object_);
  EXPECT_FALSE(Resource("new").is_correlated);
  EXPECT_EQ(world_.Held("2", "class group:old"), nullptr);
  EXPECT_EQ(world_.Held("2", "class group:new")->object_id, object_);
  EXPECT_EQ(Members(), 2u);
  const Plan again = world_.Make();
  EXPECT_THAT(again.operations, IsEmpty());
  EXPECT_THAT(again.held_back, IsEmpty());
  EXPECT_THAT(again.unused_resources, IsEmpty());
}

TEST_F(Succession, TheYearAfterItGoesOverAgainAndInTheEndItIsDeletedOnce) {
  world_.today = kNewYear;
  world_.Run();
  for (const char* number : {"2", "3"}) {
    for (Contract& contract : world_.Find(number).contracts) {
      if (contract.fields.at("department.id") == Value::Text("new")) contract.end = absl::CivilDay(2028, 7, 31);
    }
  }
  AddGroup("3", "newest", absl::CivilDay(2028, 8, 1), absl::CivilDay(2029, 7, 31));
  world_.today = absl::CivilDay(2028, 8, 1);
  EXPECT_THAT(world_.Run(), UnorderedElementsAre("adopt - group les-h4.bio2", "revoke 2 group les-h4.bio2",
                                                 "adopt 3 group les-h4.bio2"));
  EXPECT_THAT(world_.Run(), IsEmpty());
  world_.today = absl::CivilDay(2029, 8, 1);
  EXPECT_THAT(world_.Run(), ElementsAre("revoke 3 group les-h4.bio2"));
  world_.today = absl::CivilDay(2030, 8, 1);
  EXPECT_THAT(world_.Run(), ElementsAre("delete_resource - group les-h4.bio2"));
  EXPECT_THAT(world_.Run(), IsEmpty());
}

TEST_F(Succession, WhileBothAreNeededNextYearsGroupWaitsWithOneLineAndNobodyLosesAnything) {
  world_.FindRule("Every class has a group").before_start_days = 14;
  world_.today = absl::CivilDay(2027, 7, 20);
  for (int i = 0; i < 2; ++i) {
    const Plan plan = world_.Make();
    EXPECT_THAT(plan.operations, IsEmpty());
    EXPECT_THAT(plan.held_back,
                ElementsAre(Field(&HeldBack::reason,
                                  "class group les-h4.bio2: wanted for class group H4.bio2 of person 3 (2 people), but "
                                  "another of that name is needed by 2 people; wait until that has ended, or give them "
                                  "different names at systems/ad.yaml:30:3")));
    world_.Enforce(plan);
  }
  world_.today = kNewYear;
  EXPECT_THAT(world_.Run(), SizeIs(4));
  EXPECT_THAT(world_.Make().held_back, IsEmpty());
}

TEST_F(Succession, WhoIsInBothKeepsTheMembershipWhileSomebodyElseStillNeedsTheOldOne) {
  for (Contract& contract : world_.Find("1").contracts) {
    if (contract.end) contract.end = absl::CivilDay(2027, 8, 7);
  }
  world_.today = kNewYear;
  EXPECT_THAT(world_.Run(), IsEmpty());
  EXPECT_EQ(Members(), 2u);
  world_.today = absl::CivilDay(2027, 8, 8);
  EXPECT_THAT(world_.Run(), SizeIs(4));
  EXPECT_THAT(world_.Run(), IsEmpty());
}

TEST_F(Succession, UntilItIsTakenOverNothingIsRevokedTwiceOrGrantedAndNothingIsDeleted) {
  world_.configuration.systems["ad"].thresholds["adopt"].count = 1;
  world_.today = kNewYear;
  EXPECT_THAT(world_.Lines(world_.Make()),
              UnorderedElementsAre("adopt - group les-h4.bio2 [blocked]", "revoke 1 group les-h4.bio2",
                                   "adopt 2 group les-h4.bio2 [blocked]", "grant 3 group les-h4.bio2 [waiting]"));
  EXPECT_THAT(world_.Run(), ElementsAre("revoke 1 group les-h4.bio2"));
  EXPECT_THAT(world_.Run(), IsEmpty());
  world_.today = absl::CivilDay(2029, 1, 1);
  EXPECT_THAT(world_.Run(), IsEmpty());
  EXPECT_THAT(world_.Lines(world_.Make()), SizeIs(3));
  world_.configuration.systems["ad"].thresholds["adopt"].count = 100;
  EXPECT_THAT(world_.Run(), SizeIs(3));
  EXPECT_THAT(world_.Run(), IsEmpty());
  EXPECT_EQ(Members(), 2u);
}

TEST_F(Succession, ATargetThatOnlyObservesShowsItAndDoesNothing) {
  world_.state.activations["ad"].state = Activation::State::kObserving;
  world_.today = kNewYear;
  EXPECT_THAT(world_.Lines(world_.Make()), Each(HasSubstr("[observing]")));
  EXPECT_THAT(world_.Run(), IsEmpty());
  EXPECT_TRUE(Resource("old").is_held);
}

TEST_F(Succession, AnExcludedMemberHoldsNobodyUpAndIsSettledWhenIncludedAgain) {
  world_.state.exclusions.push_back({world_.Find("2").id, std::nullopt, "on leave"});
  world_.today = kNewYear;
  EXPECT_THAT(world_.Run(), UnorderedElementsAre("adopt - group les-h4.bio2", "revoke 1 group les-h4.bio2",
                                                 "grant 3 group les-h4.bio2"));
  EXPECT_THAT(world_.Run(), IsEmpty());
  world_.state.exclusions.clear();
  EXPECT_THAT(world_.Run(), ElementsAre("adopt 2 group les-h4.bio2"));
  EXPECT_THAT(world_.Run(), IsEmpty());
  EXPECT_EQ(Members(), 2u);
}

TEST_F(Succession, WhoWasRevokedAndReturnsIsGrantedByAWriteAndNotTakenOverFromAnOldReading) {
  AddGroup("1", "new", absl::CivilDay(2027, 9, 1));
  world_.today = kNewYear;
  world_.Run();
  world_.AddMember(object_, world_.Held("1", "account")->object_id);  // Read before the revoke.
  world_.today = absl::CivilDay(2027, 9, 1);
  EXPECT_THAT(world_.Run(), ElementsAre("grant 1 group les-h4.bio2"));
  EXPECT_THAT(world_.Run(), IsEmpty());
}

TEST_F(Succession, WhatIsUnderWayOnTheOldGroupIsWaitedFor) {
  world_.state.open_objects.insert("ad/class group:old");
  world_.today = kNewYear;
  EXPECT_THAT(world_.Run(), IsEmpty());
  world_.state.open_objects.clear();
  EXPECT_THAT(world_.Run(), SizeIs(4));
  EXPECT_THAT(world_.Run(), IsEmpty());
}

TEST_F(Succession, AGroupThatMayStillBeNeededIsNotTakenOver) {
  world_.AddContract(world_.Find("1"), "class_group", "H4.nl1", kNewYear).fields.erase("department.id");
  world_.today = kNewYear;
  const Plan plan = world_.Make();
  EXPECT_THAT(plan.operations, IsEmpty());
  EXPECT_THAT(plan.held_back, ElementsAre(Field(&HeldBack::reason, HasSubstr("another of that name is held; "))));
}

TEST_F(Succession, TwoNewGroupsOfOneNameGetNothing) {
  AddGroup("1", "other", kNewYear);
  world_.today = kNewYear;
  const Plan plan = world_.Make();
  EXPECT_THAT(plan.operations, IsEmpty());
  EXPECT_THAT(plan.held_back,
              ElementsAre(Field(&HeldBack::reason,
                                HasSubstr("wanted for class group H4.bio2 of person 3 and class group H4.bio2 of "
                                          "person 1 (3 people), but another of that name is held; "))));
}

TEST_F(Succession, APermissionThatGotAnotherNameIsKeptWithoutAWrite) {
  world_.AddGroup("g", "docenten");
  world_.AddRule("Staff", testing::SomeContract({testing::Equals("contract.type", "placement")}),
                 {"ad/group:docenten"});
  world_.Run();
  world_.state.observed["ad"].records.pop_back();
  for (Record& record : world_.state.observed["ad"].records) {
    if (record.id == "g") record.attributes["cn"] = Value::Text("teachers");
  }
  world_.configuration.rules.pop_back();
  world_.AddRule("Staff", testing::SomeContract({testing::Equals("contract.type", "placement")}),
                 {"ad/group:teachers"});
  EXPECT_THAT(world_.Run(),
              UnorderedElementsAre("adopt 1 group teachers", "adopt 2 group teachers", "adopt 3 group teachers"));
  EXPECT_THAT(world_.Run(), IsEmpty());
}

TEST_F(Succession, WhyOfANameSpeaksOfTheGroupThatThePersonHasToday) {
  const auto ask = [&](const std::string& number) {
    return Explain(world_.Input(), world_.Find(number).id, "ad/class group:les-h4.bio2").value().entitlement;
  };
  for (const char* number : {"1", "2"}) EXPECT_EQ(ask(number), "class group:old");
  EXPECT_EQ(ask("3"), "class group:new");  // Not yet in it.
  world_.today = kNewYear;
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(ask("1"), "class group:old");
    for (const char* number : {"2", "3"}) EXPECT_EQ(ask(number), "class group:new");
    world_.Run();
  }
}

}  // namespace
}  // namespace sluice::core
