// What people decide: blocks and what an approval covers, activation, exclusions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/engine/testing/school.h"

namespace sluice::engine {
namespace {

using ::testing::AllOf;
using testing::Answer;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::School;
using ::testing::SizeIs;

// Ten pupils with accounts, and a limit of three retirements.
class Blocks : public ::testing::Test {
 protected:
  Blocks() {
    for (int i = 0; i < 10; ++i) school.world.AddPupil(absl::StrCat(i), "Noor", absl::StrCat("Zwaluw", i));
    EXPECT_EQ(school.SaveAndEnforce().state, "succeeded");
    school.world.configuration.systems["ad"].thresholds["retire"].count = 3;
    school.ApplyConfiguration();
    school.ad->Forget();
  }
  void Leave(int number) {
    for (core::Contract& contract : school.world.Find(absl::StrCat(number)).contracts) {
      contract.end = absl::CivilDay(2026, 11, 23);
    }
    school.Save();
  }
  void Return(int number) {
    for (core::Contract& contract : school.world.Find(absl::StrCat(number)).contracts) contract.end.reset();
    school.Save();
  }
  int Retired() {
    int retired = 0;
    for (int i = 0; i < 10; ++i) {
      retired += school.StateOf(absl::StrCat(i), "account") == core::GrantState::kRetired;
    }
    return retired;
  }
  std::vector<store::BlockRecord> Waiting() {
    std::vector<store::BlockRecord> waiting;
    const std::vector<store::BlockRecord> all = school.store->LoadBlocks().value();
    for (const store::BlockRecord& block : all) {
      if (block.state == "waiting") waiting.push_back(block);
    }
    return waiting;
  }
  absl::Status Approve() { return school.engine->Decide(school.alice, Waiting().at(0).id, true).status(); }

  School school;
};

TEST_F(Blocks, OnlyTheKindThatReachedItsLimitWaitsAndNothingOfItIsSent) {
  for (int i = 0; i < 3; ++i) Leave(i);
  school.world.AddPupil("20", "Sem", "Bakker");
  school.Save();
  const store::Run run = school.Enforce();
  EXPECT_EQ(run.state, "blocked");
  EXPECT_EQ(run.summary, "6 applied, 3 blocked");  // Three memberships went, one pupil came.
  for (const TargetOperation& operation : school.ad->sent()) EXPECT_NE(operation.action, Action::kDisable);
  ASSERT_THAT(Waiting(), SizeIs(1));
  EXPECT_EQ(Waiting()[0].kind, "retire");
  EXPECT_THAT(Waiting()[0].ids, SizeIs(3));
  EXPECT_EQ(Retired(), 0);
}

TEST_F(Blocks, AnApprovalCoversTheOperationsThatItSawAndIsUsedUp) {
  for (int i = 0; i < 3; ++i) Leave(i);
  school.Plan();
  EXPECT_TRUE(Approve().ok());
  EXPECT_EQ(school.Enforce().state, "succeeded");
  EXPECT_EQ(Retired(), 3);
  school.Plan();
  EXPECT_THAT(school.State().approvals, IsEmpty());
  EXPECT_THAT(school.store->LoadBlocks().value(), IsEmpty());
}

TEST_F(Blocks, AnApprovalHoldsForThoseStillWantedWhenOneIsWantedNoMore) {
  for (int i = 0; i < 4; ++i) Leave(i);
  school.Plan();
  EXPECT_TRUE(Approve().ok());
  Return(3);
  EXPECT_EQ(school.Enforce().state, "succeeded");
  EXPECT_EQ(Retired(), 3);
}

TEST_F(Blocks, AnApprovalLapsesAsAWholeWhenTheGroupGainsOne) {
  for (int i = 0; i < 3; ++i) Leave(i);
  school.Plan();
  EXPECT_TRUE(Approve().ok());
  Leave(3);
  EXPECT_EQ(school.Enforce().state, "blocked");
  EXPECT_EQ(Retired(), 0);
  EXPECT_THAT(school.State().approvals, IsEmpty());
  ASSERT_THAT(Waiting(), SizeIs(1));
  EXPECT_THAT(Waiting()[0].ids, SizeIs(4));
  EXPECT_TRUE(Approve().ok());
  EXPECT_EQ(school.Enforce().state, "succeeded");
  EXPECT_EQ(Retired(), 4);
}

TEST_F(Blocks, AnApprovalHoldsWhileWhatItCoversIsInDoubt) {
  for (int i = 0; i < 3; ++i) Leave(i);
  school.Enforce();  // The memberships.
  EXPECT_TRUE(Approve().ok());
  for (int i = 0; i < 3; ++i) school.ad->Next(Action::kDisable, Answer{Answer::Kind::kDoubtfulNot, {}, {}, {}, ""});
  school.ad->SetVerdict(Verdict::State::kUnknown);
  EXPECT_EQ(school.Enforce().summary, "0 applied, 3 in doubt");
  school.Plan();
  school.ad->SetVerdict(std::nullopt);
  const store::Run run = school.Enforce();
  EXPECT_EQ(run.state, "succeeded") << run.summary;
  EXPECT_EQ(Retired(), 3);
}

TEST_F(Blocks, WhatWasRejectedStaysSoWhileItIsTheSameAndMayBeApprovedAfterAll) {
  for (int i = 0; i < 3; ++i) Leave(i);
  school.Plan();
  const std::string id = Waiting().at(0).id;
  EXPECT_TRUE(school.engine->Decide(school.alice, id.substr(0, 8), false).ok());
  school.Plan();
  EXPECT_THAT(Waiting(), IsEmpty());
  EXPECT_EQ(school.store->LoadBlocks().value()[0].state, "rejected");
  EXPECT_EQ(school.Enforce().state, "blocked");
  EXPECT_TRUE(absl::IsNotFound(school.engine->Decide(school.alice, id, false).status()));
  EXPECT_TRUE(school.engine->Decide(school.alice, id, true).ok());
  EXPECT_EQ(school.Enforce().state, "succeeded");
  EXPECT_EQ(Retired(), 3);
}

TEST_F(Blocks, WhatWasRejectedWaitsAnewWhenItChanges) {
  for (int i = 0; i < 3; ++i) Leave(i);
  school.Plan();
  EXPECT_TRUE(school.engine->Decide(school.alice, Waiting().at(0).id, false).ok());
  Leave(3);
  school.Plan();
  EXPECT_THAT(Waiting(), SizeIs(1));
}

TEST_F(Blocks, AnApprovalOfLastMonthDoesNotCoverThePeopleWhoLeaveNow) {
  for (int i = 0; i < 3; ++i) Leave(i);
  school.Plan();
  EXPECT_TRUE(Approve().ok());
  for (int i = 0; i < 3; ++i) Return(i);
  school.Plan();  // Nothing waits any more: the approval is gone with its block.
  for (int i = 0; i < 3; ++i) Leave(i);
  EXPECT_EQ(school.Enforce().state, "blocked");
  EXPECT_EQ(Retired(), 0);
}

TEST_F(Blocks, BlocksOfASystemThatIsConfiguredNoMoreAreGone) {
  for (int i = 0; i < 3; ++i) Leave(i);
  school.Plan();
  school.world.configuration.systems.erase("ad");
  school.world.configuration.rules.clear();
  school.ApplyConfiguration();
  school.Plan();
  EXPECT_THAT(school.store->LoadBlocks().value(), IsEmpty());
}

TEST_F(Blocks, ADecisionNeedsAReasonAndIsAudited) {
  for (int i = 0; i < 3; ++i) Leave(i);
  school.Plan();
  EXPECT_TRUE(absl::IsInvalidArgument(school.engine->Decide({"user:bob", ""}, Waiting().at(0).id, true).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(school.engine->Decide(school.alice, "", true).status()));
  EXPECT_TRUE(Approve().ok());
  const nlohmann::json row = school.Audit().back();
  EXPECT_EQ(row["action"], "block.approved");
  EXPECT_EQ(row["actor"], "user:alice");
  EXPECT_EQ(row["reason"], "as the test says");
}

TEST(Activation, ATargetObservesUntilItIsActivatedForSomeAndThenForAll) {
  School school;
  school.Activate(false);
  school.world.AddPupil("1", "Noor", "Zwaluw");
  school.world.AddPupil("2", "Sem", "Bakker", "H5A");
  school.world.AddPupil("3", "Daan", "Mees", "H5B");
  EXPECT_EQ(school.SaveAndEnforce().summary, "0 applied, 12 only observed");
  EXPECT_THAT(school.ad->sent(), IsEmpty());
  ASSERT_TRUE(school.engine->Activate(school.alice, "ad", {"1"}, "").ok());
  school.Enforce();
  EXPECT_EQ(school.ad->Count("account"), 1);
  ASSERT_TRUE(school.engine->Activate(school.alice, "ad", {}, "class H5A").ok());
  school.Enforce();
  EXPECT_EQ(school.ad->Count("account"), 2);
  EXPECT_TRUE(school.ad->Find("employeeID", "2"));
  EXPECT_FALSE(school.engine->Activate(school.alice, "ad", {}, "nonsense").ok());
  EXPECT_TRUE(absl::IsInvalidArgument(school.engine->Activate(school.alice, "somtoday", {}, "")));
  ASSERT_TRUE(school.engine->Activate(school.alice, "ad", {}, "").ok());
  school.Enforce();
  EXPECT_EQ(school.ad->Count("account"), 3);
  ASSERT_TRUE(school.engine->Observe(school.alice, "ad").ok());
  school.world.AddPupil("4", "Lot", "Uil");
  school.SaveAndEnforce();
  EXPECT_EQ(school.ad->Count("account"), 3);
}

TEST(Decisions, WhoIsExcludedIsLeftAloneUntilTheDayIsOver) {
  School school;
  school.world.AddPupil("1", "Noor", "Zwaluw");
  school.Save();
  ASSERT_TRUE(school.engine->Exclude(school.alice, "1", absl::CivilDay(2026, 11, 25)).ok());
  EXPECT_EQ(school.Enforce().summary, "0 applied");
  school.SetDay(absl::CivilDay(2026, 11, 26));
  EXPECT_EQ(school.Enforce().summary, "4 applied");
  ASSERT_TRUE(school.engine->Exclude(school.alice, "1", std::nullopt).ok());
  ASSERT_TRUE(school.engine->Include(school.alice, "1").ok());
  EXPECT_THAT(school.State().exclusions, IsEmpty());
}

TEST(Decisions, ALinkNamesAnAccountThatTheTargetHas) {
  School school;
  const std::string account = school.ad->AddObject("account", {{"cn", core::Value::Text("Noor of old")}});
  school.world.AddPupil("1", "Noor", "Zwaluw");
  school.Save();
  EXPECT_TRUE(absl::IsNotFound(school.engine->Link(school.alice, "ad", "1", account)));
  school.Import();
  EXPECT_TRUE(school.engine->Link(school.alice, "ad", "1", account).ok());
  EXPECT_THAT(school.Lines(), Contains("adopt 1 account"));
  school.Enforce();
  EXPECT_EQ(school.ad->Count("account"), 1);
}

// A pupil whose account somebody deleted, as it is seen on the next day.
class GoneAccount : public ::testing::Test {
 protected:
  GoneAccount() {
    school.world.AddPupil("1", "Noor", "Zwaluw");
    EXPECT_EQ(school.SaveAndEnforce().state, "succeeded");
    account = school.ad->Find("employeeID", "1") ? IdOf("1") : "";
    school.SetDay(school.world.today + 1);
    school.Import();
    EXPECT_THAT(school.Lines(), IsEmpty());
  }
  std::string IdOf(const std::string& number) {
    for (const core::Grant& grant : school.State().grants) {
      if (grant.person_id == school.PersonOf(number) && grant.entitlement == "account") return grant.object_id;
    }
    return "";
  }
  absl::Status Link(const std::string& to) { return school.engine->Link(school.alice, "ad", "1", to); }

  School school;
  std::string account;
};

TEST_F(GoneAccount, IsMadeAnewOnlyByADecisionWithEverythingThatWasHeldThroughIt) {
  EXPECT_TRUE(absl::IsFailedPrecondition(Link("new"))) << "it is there";
  school.ad->Remove(account);
  school.Import();
  EXPECT_THAT(school.Lines(), IsEmpty());
  EXPECT_THAT(school.Plan().warnings, Contains(HasSubstr("sluice correlation link ad PERSON ACCOUNT")));
  EXPECT_FALSE(school.engine->Link({"user:bob", ""}, "ad", "1", "new").ok());
  ASSERT_TRUE(Link("new").ok());
  EXPECT_EQ(school.Audit().back()["action"], "correlation.linked");
  EXPECT_EQ(school.Enforce().state, "succeeded");
  EXPECT_EQ(school.ad->Count("account"), 1);
  EXPECT_NE(IdOf("1"), account);
  EXPECT_EQ(school.StateOf("1", "access"), core::GrantState::kHeld);
  EXPECT_THAT(school.Disagreements(), IsEmpty());
  EXPECT_THAT(school.Secrets(), Contains(::testing::Field(&store::SealedSecret::is_confirmed, true)));
  EXPECT_THAT(school.Lines(), IsEmpty());
  EXPECT_TRUE(absl::IsFailedPrecondition(Link("new")));
}

TEST_F(GoneAccount, IsTakenOverWhereSomebodyMadeItAnewAndSaysSo) {
  school.ad->Remove(account);
  const std::string by_hand = school.ad->AddObject("account", {{"cn", core::Value::Text("Noor, made anew")},
                                                               {"sAMAccountName", core::Value::Text("n.zwaluw")},
                                                               {"employeeID", core::Value::Text("1")},
                                                               {"enabled", core::Value::Flag(true)}});
  school.Import();
  EXPECT_THAT(school.Lines(), IsEmpty()) << "nothing is guessed";
  ASSERT_TRUE(Link(by_hand).ok());
  EXPECT_THAT(school.Lines(), Contains("adopt 1 account"));
  EXPECT_EQ(school.Enforce().state, "succeeded");
  EXPECT_EQ(IdOf("1"), by_hand);
  EXPECT_EQ(school.ad->Count("account"), 1);
  EXPECT_THAT(school.Disagreements(), IsEmpty());
  EXPECT_THAT(school.Lines(), IsEmpty());
}

TEST_F(GoneAccount, WhoHasAnAccountThatIsThereIsTiedToNoOther) {
  const std::string other = school.ad->AddObject("account", {{"cn", core::Value::Text("Another")}});
  school.Import();
  const absl::Status status = Link(other);
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("which was there"));
  EXPECT_TRUE(school.State().links.empty());
  EXPECT_EQ(IdOf("1"), account);
}

TEST(Decisions, AnActivationThatCannotBeReadAnyMoreCountsForNobodyAndIsSaid) {
  School school;
  school.world.AddPupil("1", "Noor", "Zwaluw");
  school.Save();
  store::Commit commit;
  commit.activations["ad"] = {core::Activation::State::kPartly, {"when:a field of old"}};
  ASSERT_TRUE(school.store->Write(commit).ok());
  EXPECT_THAT(school.Plan().warnings,
              Contains(HasSubstr("a field of old (no condition), which cannot be read any more")));
  EXPECT_THAT(school.Lines(), Each(EndsWith("[observing]")));
}

TEST(Decisions, APersonIsFoundByNumberIdOrItsBeginningAndNeverGuessed) {
  School school;
  school.world.AddPupil("1", "Noor", "Zwaluw");
  school.Save();
  const auto snapshot = school.store->LoadSnapshot().value();
  EXPECT_EQ(Engine::FindPerson(*snapshot, "1").value()->id, school.PersonOf("1"));
  EXPECT_TRUE(Engine::FindPerson(*snapshot, school.PersonOf("1").substr(0, 8)).ok());
  EXPECT_TRUE(absl::IsNotFound(Engine::FindPerson(*snapshot, "2").status()));
  EXPECT_TRUE(absl::IsNotFound(Engine::FindPerson(*snapshot, "").status()));
}

}  // namespace
}  // namespace sluice::engine
