#include "host/core/thresholds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "host/core/planner_test_world.h"

namespace sluice::core {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::World;

TEST(Thresholds, ReachingOneBlocksAndPercentCountsFromTwentyHeld) {
  struct Row {
    Threshold threshold;
    int64_t count, held;
    bool reaches;
  };
  const auto limit = [](std::optional<int64_t> count, std::optional<int64_t> percent) {
    return Threshold{count, percent, {}};
  };
  const Row rows[] = {
      {limit(20, {}), 19, 1000, false},   {limit(20, {}), 20, 1000, true}, {limit(20, 3), 19, 1000, false},
      {limit(100, 3), 29, 1000, false},   {limit(100, 3), 30, 1000, true}, {limit(100, 3), 1, 20, true},
      {limit(100, 3), 19, 19, false},     {limit({}, 3), 1, 10, false},    {limit({}, 100), 20, 20, true},
      {limit({}, {}), 5000, 5000, false}, {limit(1, {}), 1, 0, true}};
  for (const Row& row : rows) {
    EXPECT_EQ(Reaches(row.threshold, row.count, row.held), row.reaches) << row.count << " of " << row.held;
  }
  EXPECT_EQ(VerdictText("retire", limit(20, 3), 24, 1000), "retire 24 of 20, 2.4 % of 3 %");
}

class SchoolYear : public ::testing::Test {
 protected:
  SchoolYear() {
    world_.NoLimits();
    for (int i = 0; i < 30; ++i) world_.AddPupil(absl::StrCat(i), "Sem", absl::StrCat("Bakker", i));
    world_.Run();
  }
  void Leave(int from, int until) {
    for (int i = from; i < until; ++i) {
      for (Contract& contract : world_.Find(absl::StrCat(i)).contracts) contract.end = absl::CivilDay(2026, 11, 23);
    }
  }
  Threshold& Limit(const std::string& kind) { return world_.configuration.systems["ad"].thresholds[kind]; }
  static std::vector<OperationStatus> StatusOf(const Plan& plan, OperationKind kind) {
    std::vector<OperationStatus> statuses;
    for (const PlannedOperation& operation : plan.operations) {
      if (operation.kind == kind) statuses.push_back(operation.status);
    }
    return statuses;
  }
  World world_;
};

TEST_F(SchoolYear, OnlyTheKindThatReachedItsLimitWaits) {
  Leave(0, 4);
  Limit("retire") = {4, {}, {}};
  const Plan plan = world_.Make();
  EXPECT_THAT(StatusOf(plan, OperationKind::kRetire), Each(OperationStatus::kBlocked));
  EXPECT_THAT(StatusOf(plan, OperationKind::kRevoke), Each(OperationStatus::kReady));
  ASSERT_EQ(plan.blocks.size(), 1u);
  EXPECT_EQ(plan.blocks[0].verdict, "retire 4 of 4");
  EXPECT_EQ(plan.blocks[0].ids.size(), 4u);
}

TEST_F(SchoolYear, AKindThatIsNotNamedWaitsAtTheFirst) {
  world_.configuration.systems["ad"].thresholds.erase("retire");
  Leave(0, 1);
  EXPECT_THAT(StatusOf(world_.Make(), OperationKind::kRetire), ElementsAre(OperationStatus::kBlocked));
}

TEST_F(SchoolYear, TakingOverHasNoLimitUnlessOneIsNamed) {
  world_.configuration.systems["ad"].thresholds.erase("adopt");
  world_.AddPupil("99", "Mia", "Visser");
  world_.AddAccount("old", {{"employeeID", Value::Text("99")}});
  EXPECT_THAT(StatusOf(world_.Make(), OperationKind::kAdopt), Each(OperationStatus::kReady));
  Limit("adopt").count = 1;
  EXPECT_THAT(StatusOf(world_.Make(), OperationKind::kAdopt), Each(OperationStatus::kBlocked));
}

TEST_F(SchoolYear, WhatDependsOnABlockedOperationWaits) {
  world_.AddPupil("99", "Mia", "Visser");
  Limit("create") = {1, {}, {}};
  const Plan plan = world_.Make();
  EXPECT_THAT(world_.Lines(plan), ElementsAre("create 99 account [blocked]", "enable 99 account [waiting]",
                                              "grant 99 group les-h4d.bio2 [waiting]"));
  EXPECT_EQ(plan.operations[0].block, plan.blocks[0].id);
}

TEST_F(SchoolYear, AnApprovalCoversWhatItSawAndLapsesAsAWholeWhenTheGroupGains) {
  Limit("retire") = {3, {}, {}};
  Leave(0, 4);
  const Plan seen = world_.Make();
  ASSERT_EQ(seen.blocks.size(), 1u);
  world_.state.approvals.push_back(
      {seen.blocks[0].id, "ad", "retire", {seen.blocks[0].ids.begin(), seen.blocks[0].ids.end()}});
  EXPECT_THAT(StatusOf(world_.Make(), OperationKind::kRetire), Each(OperationStatus::kReady));
  EXPECT_TRUE(world_.Make().blocks[0].is_approved);
  EXPECT_EQ(world_.Make().hash, seen.hash);
  // One fewer is still covered; one more is not, and takes the others with it.
  for (Contract& contract : world_.Find("0").contracts) contract.end.reset();
  EXPECT_THAT(StatusOf(world_.Make(), OperationKind::kRetire), Each(OperationStatus::kReady));
  Leave(4, 5);
  const Plan gained = world_.Make();
  EXPECT_THAT(StatusOf(gained, OperationKind::kRetire), Each(OperationStatus::kBlocked));
  EXPECT_EQ(StatusOf(gained, OperationKind::kRetire).size(), 4u);
}

TEST_F(SchoolYear, APermissionThatWouldLoseHalfWaitsByItself) {
  Leave(0, 15);
  const Plan plan = world_.Make();
  ASSERT_EQ(plan.blocks.size(), 1u);
  EXPECT_EQ(plan.blocks[0].kind, "revoke");
  EXPECT_EQ(plan.blocks[0].detail, "class group");
  EXPECT_EQ(plan.blocks[0].verdict, "group les-h4d.bio2 would lose 15 of 30 members");
  EXPECT_THAT(StatusOf(plan, OperationKind::kRevoke), Each(OperationStatus::kBlocked));
  EXPECT_THAT(StatusOf(plan, OperationKind::kRetire), Each(OperationStatus::kReady));
}

TEST_F(SchoolYear, AllInstancesOfAResourceThatWouldLoseHalfWaitInOneBlock) {
  for (int i = 30; i < 36; ++i) world_.AddPupil(absl::StrCat(i), "Sem", absl::StrCat("Bakker", i), "V6A");
  for (int i = 36; i < 40; ++i) world_.AddPupil(absl::StrCat(i), "Sem", absl::StrCat("Bakker", i), "V6B");
  world_.Run();
  Leave(0, 40);
  const Plan plan = world_.Make();
  ASSERT_EQ(plan.blocks.size(), 1u);
  EXPECT_EQ(plan.blocks[0].detail, "class group");
  EXPECT_EQ(plan.blocks[0].verdict,
            "2 of class group would lose at least half of their members, as les-h4d.bio2: 30 of 30");
  EXPECT_EQ(plan.blocks[0].ids.size(), 36u);  // The four of V6B are too few to ask.
  EXPECT_EQ(plan.blocks[0].id, BlockId("ad", "revoke", "class group"));
  world_.state.approvals.push_back(
      {plan.blocks[0].id, "ad", "revoke", {plan.blocks[0].ids.begin(), plan.blocks[0].ids.end()}});
  EXPECT_THAT(StatusOf(world_.Make(), OperationKind::kRevoke), Each(OperationStatus::kReady));
}

TEST_F(SchoolYear, APermissionThatWouldLoseHalfHasABlockOfItsOwnBesideTheResources) {
  for (const char* name : {"laptops", "lockers"}) {
    world_.AddGroup(name, name);
    world_.AddRule(name, testing::SomeContract({testing::Equals("contract.type", "placement")}),
                   {absl::StrCat("ad/group:", name)});
  }
  world_.Run();
  Leave(0, 15);
  std::vector<std::string> details;
  for (const Block& block : world_.Make().blocks) details.push_back(block.detail);
  EXPECT_THAT(details, ElementsAre("class group", "group laptops", "group lockers"));
}

TEST_F(SchoolYear, RevokesOfThoseWhoLeaveAltogetherAndOfContractsThatEndedCountForTheHalf) {
  Leave(0, 10);  // Their accounts are retired as well.
  for (int i = 10; i < 15; ++i) {
    for (Contract& contract : world_.Find(absl::StrCat(i)).contracts) {
      if (contract.type == "class_group") contract.end = absl::CivilDay(2026, 11, 23);
    }
  }
  const Plan plan = world_.Make();
  EXPECT_EQ(StatusOf(plan, OperationKind::kRetire).size(), 10u);
  ASSERT_EQ(plan.blocks.size(), 1u);
  EXPECT_EQ(plan.blocks[0].ids.size(), 15u);
}

TEST_F(SchoolYear, FewerThanHalfOrFewerThanFiveDoNot) {
  Leave(0, 14);
  EXPECT_THAT(world_.Make().blocks, IsEmpty());
  World small;
  small.NoLimits();
  for (int i = 0; i < 4; ++i) small.AddPupil(absl::StrCat(i), "Sem", absl::StrCat("Bakker", i));
  small.Run();
  small.configuration.rules.pop_back();
  EXPECT_THAT(small.Make().blocks, IsEmpty());
}

TEST_F(SchoolYear, ARevokeInTwoBlocksNeedsBothApprovals) {
  Limit("revoke") = {10, {}, {}};
  Leave(0, 15);
  const Plan plan = world_.Make();
  ASSERT_EQ(plan.blocks.size(), 2u);
  for (int approve = 0; approve < 2; ++approve) {
    const Block& block = plan.blocks[approve];
    world_.state.approvals.push_back({block.id, "ad", "revoke", {block.ids.begin(), block.ids.end()}});
    EXPECT_THAT(StatusOf(world_.Make(), OperationKind::kRevoke),
                Each(approve == 0 ? OperationStatus::kBlocked : OperationStatus::kReady));
  }
}

TEST_F(SchoolYear, VerdictsAreGivenEveryTime) {
  Limit("retire") = {20, 30, {}};
  Leave(0, 2);
  for (const ThresholdVerdict& verdict : world_.Make().thresholds) {
    if (verdict.kind != "retire") continue;
    EXPECT_EQ(verdict.count, 2);
    EXPECT_EQ(verdict.held, 30);
    EXPECT_EQ(verdict.count_limit, 20);
    EXPECT_FALSE(verdict.is_reached);
    return;
  }
  FAIL() << "no verdict for retire";
}

TEST_F(SchoolYear, APlanComesBackFromItsJson) {
  Limit("retire") = {3, {}, {}};
  Leave(0, 4);
  world_.AddPupil("99", "Mia", "Visser").held_back = {"why"};
  world_.AddPupil("98", "Ida", "Visser");
  const Plan plan = world_.Make();
  const auto again = PlanFromJson(nlohmann::json::parse(ToJson(plan).dump()));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(ToJson(*again).dump(), ToJson(plan).dump());
  const auto operation = PlannedOperationFromJson(ToJson(plan.operations[0]));
  ASSERT_TRUE(operation.ok());
  EXPECT_EQ(operation->id, plan.operations[0].id);
  EXPECT_FALSE(PlanFromJson(nlohmann::json::object()).ok());
  EXPECT_EQ(OperationKindFromName("retir").status().message(),
            "unknown kind of operation \"retir\"; did you mean \"retire\"?");
}

}  // namespace
}  // namespace sluice::core
