// What people have is taken away only on the strength of a whole reading: the days of a bad source, one by one.
#include "host/core/unread.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "host/core/planner_test_world.h"
#include "host/core/thresholds.h"

namespace sluice::core {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using testing::Equals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::SomeContract;
using ::testing::UnorderedElementsAre;
using ::testing::UnorderedElementsAreArray;
using testing::World;

constexpr absl::CivilDay kEnd(2026, 11, 23);  // The last day of what ends here; the plans are of the day after.

// A school with two scopes, "A" and "B", everything read whole this morning.
class ABadSource : public ::testing::Test {
 protected:
  ABadSource() {
    world_.NoLimits();
    world_.configuration.systems["somtoday"].contracts = {{"placement", "plaatsing", "leerling", {}},
                                                          {"class_group", "lesgroep_lid", "lid", {}},
                                                          {"employment", "dienstverband", "medewerker", {}}};
    world_.AddRule("Staff", SomeContract({Equals("contract.type", "employment")}), {"ad/account", "ad/access"});
    AddPupil("1", kEnd);
    AddPupil("2", std::nullopt);
    Person& teacher = world_.AddPerson("D1", "Ellen", "de Boer");
    teacher.sources = {{"somtoday", "A", "medewerker", "D1"}};
    world_.AddContract(teacher, "employment", "A", absl::CivilDay(2020, 8, 1)).source.object_class = "dienstverband";
    Read(kEnd - 1);
    world_.today = kEnd;
    world_.Run();
    world_.today = kEnd + 1;
    Read(world_.today);
  }

  void AddPupil(const std::string& number, std::optional<absl::CivilDay> end) {
    Person& pupil = world_.AddPupil(number, "Sem", absl::StrCat("Bakker", number));
    for (Contract& contract : pupil.contracts) {
      contract.end = end;
      contract.source.object_class = contract.type == "placement" ? "plaatsing" : "lesgroep_lid";
    }
  }
  // All of it was last read whole on `day`, but these classes of scope "B" on `but_day`.
  void Read(absl::CivilDay day, const std::set<std::string>& but = {}, absl::CivilDay but_day = kEnd) {
    world_.readings["somtoday"].clear();
    for (const char* scope : {"A", "B"}) {
      for (const char* name : {"leerling", "plaatsing", "lesgroep_lid", "medewerker", "dienstverband"}) {
        const bool is_other = std::string(scope) == "B" && but.contains(name);
        world_.readings["somtoday"].push_back({scope, name, is_other ? but_day : day});
      }
    }
  }
  std::vector<std::string> Lines() { return world_.Lines(world_.Make()); }

  static const std::vector<std::string>& Leaves() {
    static const auto* const kLines = new std::vector<std::string>{"retire 1 account", "revoke 1 group les-h4d.bio2"};
    return *kLines;
  }
  static const std::vector<std::string>& Waits() {
    static const auto* const kLines =
        new std::vector<std::string>{"retire 1 account [blocked]", "revoke 1 group les-h4d.bio2 [blocked]"};
    return *kLines;
  }

  World world_;
};

TEST_F(ABadSource, AWholeReadingAfterTheEndTakesAwayTheSameNight) {
  EXPECT_THAT(Lines(), UnorderedElementsAreArray(Leaves()));
}

TEST_F(ABadSource, WhoMayHaveMovedIntoAScopeThatIsNotReadLosesNothing) {
  Read(world_.today, {"leerling", "plaatsing"});
  EXPECT_THAT(Lines(), UnorderedElementsAreArray(Waits()));
  const Plan plan = world_.Make();
  ASSERT_EQ(plan.blocks.size(), 1u);
  EXPECT_EQ(plan.blocks[0].id, BlockId("ad", "unread", "somtoday"));
  EXPECT_EQ(plan.blocks[0].verdict,
            "2 operations that take something away until somtoday is read whole: "
            "leerling of B last on 23 Nov, plaatsing of B last on 23 Nov");
  const auto why = Explain(world_.Input(), PersonId("somtoday", "leerling", "1"), "ad/account");
  ASSERT_TRUE(why.ok()) << why.status();
  EXPECT_EQ(why->answer, Explanation::Answer::kHeldNoLonger);
  EXPECT_THAT(why->note, HasSubstr("waits: 2 operations that take something away until somtoday is read whole"));
}

TEST_F(ABadSource, WhoTurnsUpElsewhereInTheEndKeepsAll) {
  Read(world_.today, {"leerling", "plaatsing"});
  world_.Run();
  Person& pupil = world_.Find("1");
  world_.AddContract(pupil, "placement", "M2B", kEnd + 1).source = {"somtoday", "B", "plaatsing", "1-M2B"};
  world_.today += 1;
  Read(world_.today);
  EXPECT_THAT(Lines(), ElementsAre("revoke 1 group les-h4d.bio2"));
}

TEST_F(ABadSource, AKnownEndWaitsForAReadingAfterIt) {
  Read(kEnd);  // Nothing could be read today.
  EXPECT_THAT(Lines(), UnorderedElementsAreArray(Waits()));
  world_.today += 3;
  EXPECT_THAT(Lines(), UnorderedElementsAreArray(Waits()));
  Read(kEnd + 1);  // It was once, and what was decided later still stands on it.
  EXPECT_THAT(Lines(), UnorderedElementsAreArray(Leaves()));
}

TEST_F(ABadSource, OneReadingMustHaveAllOfIt) {
  world_.today = kEnd + 3;
  // Each part after the end, but not together: who moves to and fro is missed.
  Read(kEnd + 3, {"leerling", "plaatsing"}, kEnd + 2);
  EXPECT_THAT(Lines(), UnorderedElementsAreArray(Waits()));
}

TEST_F(ABadSource, ADayOnWhichAllWasReadIsNoneBeforeTheWindowIsOver) {
  for (Rule& rule : world_.configuration.rules) rule.after_end_days = 7;
  world_.today = kEnd + 8;
  Read(kEnd + 7);
  EXPECT_THAT(Lines(), UnorderedElementsAreArray(Waits()));
  Read(kEnd + 8);
  EXPECT_THAT(Lines(), UnorderedElementsAreArray(Leaves()));
}

TEST_F(ABadSource, AGraceIsCountedAsEverAndThenWaits) {
  Person& pupil = world_.Find("2");
  pupil.last_seen = kEnd - 6;
  for (Contract& contract : pupil.contracts) contract.last_seen = pupil.last_seen;
  for (Contract& contract : world_.Find("1").contracts) contract.end.reset();
  Read(world_.today, {"leerling", "plaatsing", "lesgroep_lid"});
  EXPECT_THAT(Lines(), IsEmpty());
  world_.today = kEnd + 2;
  EXPECT_THAT(Lines(), UnorderedElementsAre("retire 2 account [blocked]", "revoke 2 group les-h4d.bio2 [blocked]"));
  Read(world_.today);
  EXPECT_THAT(Lines(), UnorderedElementsAre("retire 2 account", "revoke 2 group les-h4d.bio2"));
}

TEST_F(ABadSource, ClassGroupsThatAreRefusedKeepMembersAndNobodysAccount) {
  for (Contract& contract : world_.Find("2").contracts) {
    if (contract.type == "class_group") contract.end = kEnd;
  }
  Read(world_.today, {"lesgroep_lid"});
  EXPECT_THAT(Lines(), UnorderedElementsAre("retire 1 account", "revoke 1 group les-h4d.bio2",
                                            "revoke 2 group les-h4d.bio2 [blocked]"));
}

TEST_F(ABadSource, AListOfStaffThatIsNotReadKeepsStaffAndConcernsNoPupil) {
  world_.Find("D1").contracts[0].end = kEnd;
  Read(world_.today, {"medewerker", "dienstverband"});
  std::vector<std::string> lines = Leaves();
  lines.push_back("retire D1 account [blocked]");
  EXPECT_THAT(Lines(), UnorderedElementsAreArray(lines));
}

TEST_F(ABadSource, AccessWaitsLikeAnAccount) {
  world_.FindRule("Pupils have an account").after_end_days = 30;
  Read(world_.today, {"plaatsing"});
  EXPECT_THAT(Lines(), Contains("disable 1 account [blocked]"));
}

TEST_F(ABadSource, NobodyIsDeletedOnAnOldReading) {
  world_.Run();
  world_.today += 90;
  Read(world_.today - 1);
  EXPECT_THAT(Lines(), ElementsAre("delete 1 account [blocked]"));
  Read(world_.today);
  EXPECT_THAT(Lines(), ElementsAre("delete 1 account"));
}

TEST_F(ABadSource, AGroupIsNotDeletedWhileItsMembersMayBeUnread) {
  for (ResourceInstance& group : world_.state.resources) group.unused_since = kEnd - 400;
  for (const char* number : {"1", "2"})
    std::erase_if(world_.Find(number).contracts,
                  [](const Contract& contract) { return contract.type == "class_group"; });
  Read(world_.today, {"lesgroep_lid"});
  EXPECT_THAT(Lines(), Contains("delete_resource - group les-h4d.bio2 [blocked]"));
}

TEST_F(ABadSource, SomebodyCanDecideForExactlyWhatTheySaw) {
  Read(world_.today, {"leerling", "plaatsing"});
  const Plan plan = world_.Make();
  ASSERT_EQ(plan.blocks.size(), 1u);
  world_.state.approvals.push_back(
      {plan.blocks[0].id, "ad", "unread", {plan.blocks[0].ids.begin(), plan.blocks[0].ids.end()}});
  EXPECT_THAT(Lines(), UnorderedElementsAreArray(Leaves()));
  for (Contract& contract : world_.Find("2").contracts) contract.end = kEnd;
  std::vector<std::string> lines = Waits();
  lines.insert(lines.end(), {"retire 2 account [blocked]", "revoke 2 group les-h4d.bio2 [blocked]"});
  EXPECT_THAT(Lines(), UnorderedElementsAreArray(lines)) << "somebody was not seen";
}

TEST_F(ABadSource, WhatWaitsCountsForTheLimitsTooAndNeedsBothApprovals) {
  world_.configuration.systems["ad"].thresholds["retire"].count = 1;
  Read(world_.today, {"leerling", "plaatsing"});
  const Plan plan = world_.Make();
  ASSERT_EQ(plan.blocks.size(), 2u);
  for (const Block& block : plan.blocks) {
    EXPECT_THAT(Lines(), Contains("retire 1 account [blocked]"));
    world_.state.approvals.push_back({block.id, "ad", block.kind, {block.ids.begin(), block.ids.end()}});
  }
  EXPECT_THAT(Lines(), UnorderedElementsAreArray(Leaves()));
}

TEST_F(ABadSource, AScopeThatNeverWasReadWholeAndAClassThatNoRuleNeedsAreNotWaitedFor) {
  std::erase_if(world_.readings["somtoday"], [](const ClassReading& reading) { return reading.scope == "B"; });
  world_.readings["somtoday"].push_back({"A", "voorkeur", kEnd - 300});
  EXPECT_THAT(Lines(), UnorderedElementsAreArray(Leaves()));
}

TEST_F(ABadSource, WhatNoRuleGivesAnyMoreWaitsForNoSource) {
  std::erase_if(world_.configuration.rules, [](const Rule& rule) { return rule.name == "Every class has a group"; });
  Read(kEnd);
  EXPECT_THAT(Lines(), Contains("revoke 2 group les-h4d.bio2"));
}

TEST_F(ABadSource, ARuleThatSpeaksOfAnyContractWaitsForAllThatSuchPeopleHave) {
  world_.FindRule("Pupils can sign in").when = SomeContract({Equals("contract.location.code", "31XY00")});
  for (Contract& contract : world_.Find("2").contracts) {
    contract.fields["location.code"] = Value::Text("31XY01");
  }
  Read(world_.today, {"dienstverband"});
  EXPECT_THAT(Lines(), Contains("disable 2 account"));
  Read(world_.today, {"lesgroep_lid"});
  EXPECT_THAT(Lines(), Contains("disable 2 account [blocked]"));
}

}  // namespace
}  // namespace sluice::core
