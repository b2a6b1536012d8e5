// What somebody changed in the target by hand: seen, dated, and undone only by a decision or a stated policy.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "host/core/planner_test_world.h"

namespace sluice::core {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using testing::Equals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using testing::SomeContract;
using ::testing::UnorderedElementsAre;
using testing::World;
using Policy = DriftSpec::Policy;

// Pupils 1 to `count`, made, on the next day.
class Drift : public ::testing::Test {
 protected:
  void Make(int count) {
    world_.NoLimits();
    AddContainer("OU=Leerlingen", "");
    for (const char* place : {"OU=31XY00", "OU=31XY01"}) AddContainer(place, "OU=Leerlingen");
    AddContainer("OU=Vertrokken", "");
    AddContainer("OU=Lesgroepen", "");
    world_.Field("parent").value = testing::Parsed("OU=31XY00,OU=Leerlingen");
    for (int i = 1; i <= count; ++i) world_.AddPupil(absl::StrCat(i), "Sem", absl::StrCat("Bakker", i));
    world_.Run();
    world_.Run();
    world_.today += 1;
    world_.state.observed["ad"].as_of = world_.today;
    EXPECT_THAT(world_.Lines(world_.Make()), IsEmpty());
  }
  void AddContainer(const std::string& name, const std::string& parent) {
    world_.state.observed["ad"].records.push_back(
        {"",
         "container",
         name + parent,
         absl::StrCat(name, parent.empty() ? "" : ",", parent, ",DC=ad,DC=test"),
         {{"parent", parent.empty() ? Value::Empty() : Value::Text(parent)}}});
  }
  void RemoveContainer(const std::string& id) {
    std::erase_if(world_.state.observed["ad"].records, [&](const Record& record) { return record.id == id; });
  }
  Fields& Account(int number) {
    return world_.Account(world_.Held(absl::StrCat(number), "account")->object_id)->attributes;
  }
  void Hide(int number) { RemoveContainer(world_.Held(absl::StrCat(number), "account")->object_id); }
  // Takes the membership of the class group, or of another, away in the target.
  void TakeOut(int number, const std::string& entitlement = "class group:id-H4D.bio2") {
    RemoveContainer(absl::StrCat(world_.Held(absl::StrCat(number), entitlement)->object_id, "|",
                                 world_.Held(absl::StrCat(number), "account")->object_id));
  }
  std::string Group() {
    for (const ResourceInstance& instance : world_.state.resources) {
      if (instance.is_held) return instance.object_id;
    }
    return "";
  }
  DriftSpec& policy() { return world_.configuration.systems["ad"].drift; }
  // As the engine notes it, day after day.
  void Note(const Plan& plan) {
    for (Grant& grant : world_.state.grants) {
      const std::string name = absl::StrCat(grant.system, "/", grant.person_id, "/", grant.entitlement);
      for (const std::string& drifted : plan.drifted) {
        if (drifted == name) grant.drifted_since = world_.state.observed["ad"].as_of;
      }
    }
    world_.today += 1;
    world_.state.observed["ad"].as_of = world_.today;
  }

  World world_;
};

TEST_F(Drift, AnAccountThatSomebodyDisabledIsEnabledOnlyByADecisionAndKeepsTheDayOnWhichItWasSeen) {
  Make(3);
  Account(2)["enabled"] = Value::Flag(false);
  Plan plan = world_.Make();
  EXPECT_THAT(world_.Lines(plan), ElementsAre("enable 2 account [blocked]"));
  EXPECT_EQ(plan.operations[0].reason.origin, "drift");
  EXPECT_THAT(plan.operations[0].reason.summary, HasSubstr("disabled by somebody else, seen since 25 Nov; placement"));
  EXPECT_THAT(plan.operations[0].secrets, IsEmpty());
  ASSERT_THAT(plan.blocks, SizeIs(1));
  EXPECT_EQ(plan.blocks[0].detail, "disabled by hand");
  EXPECT_EQ(plan.blocks[0].verdict, "1 account disabled by hand");
  Note(plan);
  plan = world_.Make();
  EXPECT_THAT(plan.operations[0].reason.summary, HasSubstr("seen since 25 Nov"));
  EXPECT_THAT(plan.drifted, IsEmpty()) << "it has its date";
  // His class changes: that is done.
  world_.Find("2").fields["name.nick"] = Value::Text("Sem");
  world_.AddContract(world_.Find("2"), "class_group", "H4D.ne1", absl::CivilDay(2026, 11, 1));
  EXPECT_THAT(world_.Run(), AllOf(Contains(HasSubstr("grant 2 group")), Not(Contains(HasSubstr("enable")))));
  // Decided.
  plan = world_.Make();
  world_.state.approvals.push_back({plan.blocks[0].id, "ad", "enable", {plan.blocks[0].ids[0]}});
  EXPECT_THAT(world_.Run(), ElementsAre("enable 2 account"));
  EXPECT_THAT(world_.Run(), IsEmpty());
}

TEST_F(Drift, APolicyRestoresOrLeaves) {
  Make(2);
  Account(1)["enabled"] = Value::Flag(false);
  policy().disabled = Policy::kLeave;
  Plan plan = world_.Make();
  EXPECT_THAT(plan.operations, IsEmpty());
  EXPECT_THAT(plan.warnings, Contains(HasSubstr("disabled in the target by somebody else; it stays so (1 person: 1)")));
  policy().disabled = Policy::kRestore;
  EXPECT_THAT(world_.Run(), ElementsAre("enable 1 account"));
}

TEST_F(Drift, RestoringStaysWithinTheThresholdsAndAskingTakesNoRoomInThem) {
  Make(30);
  for (int i = 1; i <= 30; ++i) Account(i)["sn"] = Value::Text("X");
  world_.configuration.systems["ad"].thresholds["update"].count = 5;
  world_.Find("1").fields["name.family_all"] = Value::Text("Smit");
  Plan plan = world_.Make();
  int ready = 0;
  for (const PlannedOperation& operation : plan.operations) ready += operation.status == OperationStatus::kReady;
  EXPECT_EQ(ready, 1) << "the marriage is done, the changes by hand wait";
  policy().changed = Policy::kRestore;
  for (const PlannedOperation& operation : world_.Make().operations)
    EXPECT_EQ(operation.status, OperationStatus::kBlocked);
}

TEST_F(Drift, AnAccountThatNobodyMayUseAndSomebodyEnabledIsShown) {
  Make(2);
  world_.Find("1").contracts.clear();
  world_.Run();
  Account(1)["enabled"] = Value::Flag(true);
  const Plan plan = world_.Make();
  EXPECT_THAT(world_.Lines(plan), ElementsAre("disable 1 account [blocked]"));
  EXPECT_THAT(plan.operations[0].reason.summary, HasSubstr("enabled by somebody else, seen since"));
  policy().enabled = Policy::kRestore;
  EXPECT_THAT(world_.Run(), ElementsAre("disable 1 account"));
  EXPECT_THAT(world_.Run(), IsEmpty());
}

TEST_F(Drift, APlaceThatWasRenamedIsOneLineAndOneBlockAndHoldsBackOnlyWhoNeedsIt) {
  Make(40);
  RemoveContainer("OU=31XY00OU=Leerlingen");
  RemoveContainer("OU=31XY01OU=Leerlingen");
  RemoveContainer("OU=Leerlingen");
  AddContainer("OU=Pupils", "");
  AddContainer("OU=31XY00", "OU=Pupils");
  for (int i = 1; i <= 40; ++i) Account(i)["parent"] = Value::Text("OU=31XY00,OU=Pupils");
  world_.AddPupil("99", "Noor", "Zwaluw");
  world_.Find("7").contracts.clear();
  Plan plan = world_.Make();
  ASSERT_THAT(plan.blocks, SizeIs(1));
  EXPECT_EQ(plan.blocks[0].verdict, "39 accounts changed by hand, parent 39");
  EXPECT_THAT(plan.warnings,
              ElementsAre(HasSubstr("ou=leerlingen is not there any more; 40 accounts that stood in it are "
                                    "elsewhere now, as in ou=31xy00,ou=pupils")));
  ASSERT_THAT(plan.held_back, SizeIs(1));
  EXPECT_THAT(plan.held_back[0].reason, HasSubstr("its place ou=leerlingen is not there any more"));
  std::vector<std::string> done = world_.Run();
  EXPECT_THAT(done, Contains("retire 7 account"));
  EXPECT_THAT(done, Not(Contains(HasSubstr("create"))));
  // The new place is named: what stands there is taken over without a write, and who waited comes.
  world_.Field("parent").value = testing::Parsed("OU=31XY00,OU=Pupils");
  plan = world_.Make();
  EXPECT_THAT(plan.warnings, IsEmpty());
  EXPECT_THAT(plan.held_back, IsEmpty());
  for (const PlannedOperation& operation : plan.operations)
    EXPECT_TRUE(operation.kind == OperationKind::kAdopt ||
                operation.person_id == PersonId("somtoday", "leerling", "99"))
        << operation.label;
}

TEST_F(Drift, AccountsThatWereDraggedElsewhereAreFoundAndTheirOldPlaceIsUsedOn) {
  Make(10);
  for (int i = 1; i <= 4; ++i) Account(i)["parent"] = Value::Text("OU=31XY01,OU=Leerlingen");
  world_.AddPupil("99", "Noor", "Zwaluw");
  const Plan plan = world_.Make();
  EXPECT_THAT(plan.warnings, IsEmpty());
  EXPECT_THAT(world_.Lines(plan), Contains("create 99 account"));
  ASSERT_THAT(plan.blocks, SizeIs(1));
  EXPECT_EQ(plan.blocks[0].verdict, "4 accounts changed by hand, parent 4");
}

TEST_F(Drift, WhatCannotBeSeenAnyMoreIsKeptAndNobodyInItIsShutOutOnPaperOnly) {
  Make(6);
  RemoveContainer("OU=31XY00OU=Leerlingen");
  for (int i = 1; i <= 6; ++i) Hide(i);
  world_.Find("2").contracts.clear();  // Leaves.
  world_.Find("3").fields["name.family_all"] = Value::Text("Smit");
  Plan plan = world_.Make();
  EXPECT_THAT(plan.operations, IsEmpty());
  EXPECT_THAT(plan.warnings,
              ElementsAre(HasSubstr("accounts that are held cannot be seen any more, nor anything else in "
                                    "ou=31xy00,ou=leerlingen: it is gone, or may not be read; what is held "
                                    "is kept and nothing is done to them (6 people: ")));
}

TEST_F(Drift, AnAccountThatIsGoneGetsNoUpdatesAndItsLeaverLeaves) {
  Make(4);
  Hide(2);
  Hide(3);
  world_.Find("2").fields["name.family_all"] = Value::Text("Smit");
  world_.Find("3").contracts.clear();
  const Plan plan = world_.Make();
  EXPECT_THAT(plan.warnings, ElementsAre(HasSubstr("not there when the target was last read")));
  EXPECT_THAT(world_.Lines(plan), Contains("retire 3 account"));
  for (const PlannedOperation& operation : plan.operations)
    EXPECT_NE(operation.person_id, PersonId("somtoday", "leerling", "2")) << operation.label;
}

TEST_F(Drift, AMembershipThatSomebodyTookAwayIsGivenBackOnlyByADecision) {
  Make(3);
  TakeOut(2);
  Plan plan = world_.Make();
  EXPECT_THAT(world_.Lines(plan), ElementsAre("grant 2 group les-h4d.bio2 [blocked]"));
  EXPECT_THAT(plan.operations[0].reason.summary,
              HasSubstr("taken away by somebody else, seen since 25 Nov; class group"));
  ASSERT_THAT(plan.blocks, SizeIs(1));
  EXPECT_EQ(plan.blocks[0].verdict, "1 membership removed by hand");
  EXPECT_THAT(plan.drifted, ElementsAre(HasSubstr("/class group:id-H4D.bio2")));
  Note(plan);
  plan = world_.Make();
  EXPECT_THAT(plan.operations[0].reason.summary, HasSubstr("seen since 25 Nov"));
  world_.state.approvals.push_back({plan.blocks[0].id, "ad", "grant", {plan.blocks[0].ids[0]}});
  EXPECT_THAT(world_.Run(), ElementsAre("grant 2 group les-h4d.bio2"));
  EXPECT_THAT(world_.Run(), IsEmpty());
  TakeOut(1);
  policy().removed = Policy::kLeave;
  plan = world_.Make();
  EXPECT_THAT(plan.operations, IsEmpty());
  EXPECT_THAT(plan.warnings,
              ElementsAre(HasSubstr("a membership was taken away in the target by somebody else; it stays "
                                    "so (1 person: 1)")));
  policy().removed = Policy::kRestore;
  EXPECT_THAT(world_.Run(), ElementsAre("grant 1 group les-h4d.bio2"));
}

TEST_F(Drift, WhoLeavesAGroupIsNotPutBackIntoItAndWhatWasReadBeforeTheGrantIsNoDrift) {
  Make(2);
  TakeOut(1);
  world_.Find("1").contracts.pop_back();
  if (world_.Find("1").contracts[0].type == "class_group") world_.Find("1").contracts.clear();
  for (const PlannedOperation& operation : world_.Make().operations) EXPECT_NE(operation.kind, OperationKind::kGrant);
  world_.AddContract(world_.Find("2"), "class_group", "H4D.ne1", absl::CivilDay(2026, 11, 1));
  world_.Run();
  TakeOut(2);  // Granted on the day of the reading, which may have been before it.
  for (const PlannedOperation& operation : world_.Make().operations)
    EXPECT_THAT(operation.label, Not(HasSubstr("ne1")));
}

TEST_F(Drift, AGroupThatSomebodyDeletedIsMadeAnewByADecisionWithAllItsMembers) {
  Make(3);
  const std::string group = Group();
  RemoveContainer(group);
  for (int i = 1; i <= 3; ++i) TakeOut(i);
  Plan plan = world_.Make();
  EXPECT_THAT(
      world_.Lines(plan),
      UnorderedElementsAre("create_resource - group les-h4d.bio2 [blocked]", "grant 1 group les-h4d.bio2 [waiting]",
                           "grant 2 group les-h4d.bio2 [waiting]", "grant 3 group les-h4d.bio2 [waiting]"));
  ASSERT_THAT(plan.blocks, SizeIs(1));
  EXPECT_EQ(plan.blocks[0].verdict, "1 group deleted by hand");
  EXPECT_THAT(plan.operations[0].reason.summary,
              HasSubstr("deleted in the target by somebody else; needed by 3 people"));
  policy().removed = Policy::kLeave;
  plan = world_.Make();
  EXPECT_THAT(plan.operations, IsEmpty());
  EXPECT_THAT(plan.warnings, ElementsAre(HasSubstr("group les-h4d.bio2 was deleted in the target by somebody else")));
  policy().removed = Policy::kRestore;
  EXPECT_THAT(world_.Run(), SizeIs(4));
  EXPECT_NE(Group(), group);
  EXPECT_THAT(world_.Run(), IsEmpty());
}

TEST_F(Drift, AGroupThatSomebodyMadeAnewUnderItsNameIsTakenOver) {
  Make(2);
  RemoveContainer(Group());
  for (int i = 1; i <= 2; ++i) TakeOut(i);
  world_.AddGroup("by-hand", "les-h4d.bio2");
  EXPECT_THAT(world_.Run(), UnorderedElementsAre("adopt - group les-h4d.bio2", "grant 1 group les-h4d.bio2",
                                                 "grant 2 group les-h4d.bio2"));
  EXPECT_EQ(Group(), "by-hand");
  EXPECT_THAT(world_.Run(), IsEmpty());
}

TEST_F(Drift, APermissionWhoseGroupIsGoneWaitsForAnotherOfItsName) {
  world_.AddGroup("old", "docenten");
  world_.AddRule("Everybody", SomeContract({Equals("contract.type", "placement")}), {"ad/group:docenten"});
  Make(2);
  RemoveContainer("old");
  for (int i = 1; i <= 2; ++i) TakeOut(i, "group:docenten");
  world_.AddPupil("9", "Noor", "Zwaluw");
  Plan plan = world_.Make();
  EXPECT_THAT(plan.warnings, ElementsAre(HasSubstr("ad/group:docenten: the group that it was is not there any more")));
  for (const PlannedOperation& operation : plan.operations) EXPECT_NE(operation.label, "group docenten");
  world_.AddGroup("anew", "docenten");  // It may be for something else: those who were in the old one are asked about.
  plan = world_.Make();
  ASSERT_THAT(plan.blocks, SizeIs(1));
  EXPECT_EQ(plan.blocks[0].verdict, "2 memberships removed by hand");
  policy().removed = Policy::kRestore;
  world_.Run();
  EXPECT_EQ(world_.Held("1", "group:docenten")->object_id, "anew");
  EXPECT_THAT(world_.Run(), IsEmpty());
}

TEST_F(Drift, AnAttributeThatTheTargetDoesNotKnowIsLeftOutAndSaidOnce) {
  world_.Field("extensionAttribute9").value = testing::Parsed("{person.external_id}");
  world_.configuration.systems["ad"].retire.set.push_back({"ghost", testing::Parsed("x"), {}});
  Make(3);
  EXPECT_THAT(world_.Make().warnings, ElementsAre(HasSubstr("no attribute \"extensionAttribute9\" of account"),
                                                  HasSubstr("no attribute \"ghost\" of account")));
  EXPECT_EQ(Account(1).count("extensionAttribute9"), 0u);
  world_.Find("1").contracts.clear();
  EXPECT_THAT(world_.Run(), Contains("retire 1 account"));
  EXPECT_EQ(world_.Account(world_.Held("1", "account")->object_id)->attributes.count("ghost"), 0u);
  // Without the attribute by which accounts are found nobody gets a second one.
  world_.configuration.systems["ad"].correlate[0].field = "ghostID";
  world_.AddPupil("9", "Noor", "Zwaluw");
  const Plan plan = world_.Make();
  EXPECT_THAT(plan.operations, IsEmpty());
  ASSERT_THAT(plan.held_back, SizeIs(1));
  EXPECT_THAT(plan.held_back[0].reason, HasSubstr("the target has no attribute ghostID"));
}

TEST_F(Drift, AMissingPlaceForLeaversHoldsBackTheMoveOnly) {
  Make(4);
  world_.configuration.systems["ad"].retire.move_to = testing::Parsed("OU=Vertrokken");
  world_.Find("1").contracts.clear();
  world_.Run();
  world_.state.observed["ad"].as_of = ++world_.today;
  RemoveContainer("OU=Vertrokken");
  Hide(1);  // Deleted with the place of leavers.
  world_.Find("2").contracts.clear();
  const Plan plan = world_.Make();
  EXPECT_THAT(world_.Lines(plan), Contains("retire 2 account"));
  EXPECT_THAT(plan.warnings,
              Contains(HasSubstr("ou=vertrokken is not there any more, so 1 of who leaves stays in place")));
  for (const PlannedOperation& operation : plan.operations) {
    for (const AttributeChange& change : operation.changes) EXPECT_NE(change.attribute, "parent");
  }
}

TEST_F(Drift, AGroupWhoseTemplateChangedKeepsItsNameAndOneLineSaysSo) {
  Make(3);
  ResourceSpec& groups = world_.configuration.systems["ad"].resources.begin()->second;
  for (FieldMapping& field : groups.fields) {
    if (field.field == "parent") field.value = testing::Parsed("OU=Klassen");
  }
  const Plan plan = world_.Make();
  EXPECT_THAT(plan.operations, IsEmpty());
  EXPECT_THAT(plan.warnings, ElementsAre(HasSubstr("1 of class group would be called, placed or described otherwise")));
}

}  // namespace
}  // namespace sluice::core
