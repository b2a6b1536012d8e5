// Promise 7: written ahead, never twice. The host dies, the plugin dies, the store fails, at every point around an
// operation: afterwards every account is there once, and the vault has its password.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/engine/testing/school.h"

namespace sluice::engine {
namespace {

using testing::Answer;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using testing::FragileStore;
using testing::HasOutcome;
using testing::HasSent;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::School;
using ::testing::SizeIs;
using ::testing::StartsWith;

void AddPupils(School& school, int count) {
  for (int i = 0; i < count; ++i) school.world.AddPupil(absl::StrCat(1000 + i), "Noor", absl::StrCat("Zwaluw", i));
}

// What a new host does on the store of a dead one.
void RecoverAndFinish(School& school) {
  school.Start();
  const store::Run recovery = school.Await(school.engine->StartRecovery());
  EXPECT_THAT(recovery.state, AnyOf("succeeded", "refused")) << recovery.summary;
  EXPECT_THAT(school.store->LoadOpenOperations().value(), IsEmpty());
  const store::Run rest = school.Enforce();
  EXPECT_EQ(rest.state, "succeeded") << rest.summary;
  EXPECT_THAT(school.Lines(), IsEmpty());
  EXPECT_THAT(school.Disagreements(), IsEmpty());
}

// Written ahead, and never sent.
void DieBeforeSendingCreates(School& school) {
  school.store->DieAt(
      [&](const store::Commit& commit) {
        if (!HasSent(commit) || commit.operations.front().planned.kind != core::OperationKind::kCreate) return false;
        school.ad->SwallowSends(true);
        return true;
      },
      /*writes_it=*/true);
  ASSERT_TRUE(school.engine->StartEnforcement(school.alice, "").ok());
  school.store->AwaitDeath();
  school.Crash();
}

TEST(InDoubt, TheHostDiesAfterWritingAheadAndBeforeSending) {
  School school;
  AddPupils(school, 5);
  school.Save();
  DieBeforeSendingCreates(school);
  EXPECT_EQ(school.ad->Count("account"), 0);
  RecoverAndFinish(school);
  EXPECT_EQ(school.ad->Count("account"), 5);
  EXPECT_THAT(school.Secrets(), SizeIs(5));
  EXPECT_THAT(school.Names(), SizeIs(5));
}

TEST(InDoubt, TheHostDiesAfterSendingAndTheTargetDoesIt) {
  School school;
  AddPupils(school, 5);
  school.Save();
  school.ad->OnSend([&](const std::vector<TargetOperation>& operations) {
    if (operations.front().action == Action::kCreate && operations.front().object_class == "account") {
      school.store->Die();
    }
  });
  ASSERT_TRUE(school.engine->StartEnforcement(school.alice, "").ok());
  school.store->AwaitDeath();
  school.Crash();
  school.Start();
  school.ad->Settle();
  EXPECT_EQ(school.ad->Count("account"), 5);
  school.ad->Forget();
  const store::Run recovery = school.Await(school.engine->StartRecovery());
  EXPECT_EQ(recovery.summary, "5 applied");
  EXPECT_EQ(recovery.kind, "verify");
  for (const TargetOperation& operation : school.ad->sent()) EXPECT_EQ(operation.action, Action::kSetCredential);
  EXPECT_THAT(school.ad->sent(), SizeIs(5));
  EXPECT_THAT(school.Disagreements(), IsEmpty());  // The first passwords are those that the vault has.
  for (const store::SealedSecret& secret : school.Secrets()) EXPECT_TRUE(secret.is_confirmed);
  EXPECT_EQ(school.Enforce().state, "succeeded");
  EXPECT_THAT(school.Disagreements(), IsEmpty());
  EXPECT_EQ(school.ad->Count("account"), 5);
}

TEST(InDoubt, TheHostDiesAfterTheAnswerAndBeforeItsCommitInEveryPhase) {
  for (core::OperationKind kind : {core::OperationKind::kCreateResource, core::OperationKind::kCreate,
                                   core::OperationKind::kEnable, core::OperationKind::kGrant}) {
    SCOPED_TRACE(std::string(core::OperationKindName(kind)));
    School school;
    AddPupils(school, 3);
    school.Save();
    school.store->DieAt(
        [&](const store::Commit& commit) {
          return HasOutcome(commit) && commit.operations.front().planned.kind == kind;
        },
        /*writes_it=*/false);
    ASSERT_TRUE(school.engine->StartEnforcement(school.alice, "").ok());
    school.store->AwaitDeath();
    school.Crash();
    RecoverAndFinish(school);
    EXPECT_EQ(school.ad->Count("account"), 3);
    EXPECT_EQ(school.ad->Count("group"), 1);
  }
}

TEST(InDoubt, APasswordThatCannotBeSetLeavesTheAccountInDoubtAndIsTriedAgain) {
  School school;
  AddPupils(school, 2);
  school.Save();
  school.store->DieAt(
      [&](const store::Commit& commit) {
        return HasOutcome(commit) && commit.operations.front().planned.kind == core::OperationKind::kCreate;
      },
      /*writes_it=*/false);
  ASSERT_TRUE(school.engine->StartEnforcement(school.alice, "").ok());
  school.store->AwaitDeath();
  school.Crash();
  school.Start();
  school.ad->Settle();
  school.ad->Next(Action::kSetCredential, Reason::kForbidden);
  EXPECT_EQ(school.Await(school.engine->StartRecovery()).summary, "1 applied, 1 in doubt");
  EXPECT_THAT(school.store->LoadOpenOperations().value(), SizeIs(1));
  EXPECT_THAT(school.Lines(), ::testing::Not(::testing::Contains(HasSubstr("create"))));
  // The next enforcement settles it first, and then carries out what hung on it, in one run.
  const store::Run run = school.Enforce();
  EXPECT_EQ(run.state, "succeeded") << run.summary;
  EXPECT_EQ(run.summary, "5 applied");
  EXPECT_THAT(school.Disagreements(), IsEmpty());
  EXPECT_EQ(school.ad->Count("account"), 2);
}

TEST(InDoubt, AHostWhoseLeaseIsOverWritesNothingMore) {
  School school;
  AddPupils(school, 1);
  school.Save();
  school.ad->Next(Action::kCreate, Answer{Answer::Kind::kHold, {}, {}, {}, ""});
  const auto run = school.engine->StartEnforcement(school.alice, "");
  school.ad->AwaitHeld(1);
  std::vector<store::Operation> open = school.store->LoadOpenOperations().value();
  ASSERT_THAT(open, SizeIs(1));
  open[0].fence = 1000;  // Another host claimed it.
  open[0].host = "other:1";
  store::Commit commit;
  commit.operations = open;
  ASSERT_TRUE(school.store->WriteBehind(commit).ok());
  school.ad->Release();
  const store::Run ended = school.Await(run);
  EXPECT_EQ(ended.state, "failed");
  EXPECT_THAT(ended.summary, HasSubstr("was claimed by host other:1 with lease 1000"));
  EXPECT_EQ(school.store->LoadOpenOperations().value()[0].fence, 1000);
}

TEST(InDoubt, APluginThatDiesInTheMiddleIsWaitedForAndTheRunGoesOn) {
  for (const Answer::Kind kind : {Answer::Kind::kLose, Answer::Kind::kDrop}) {
    for (const Action action : {Action::kCreate, Action::kEnable, Action::kGrant}) {
      SCOPED_TRACE(absl::StrCat(static_cast<int>(kind), " ", static_cast<int>(action)));
      School school;
      AddPupils(school, 8);
      school.Save();
      for (int i = 0; i < 3; ++i) school.ad->Next(action, Answer());
      school.ad->Next(action, Answer{kind, {}, {}, {}, ""});
      school.ad->OnSend([&](const std::vector<TargetOperation>& operations) {
        if (operations.front().action != action || operations.size() < 4) return;
        school.ad->BeAway(3);  // Two looks and one stream find it away.
        school.ad->OnSend(nullptr);
      });
      const store::Run run = school.Enforce();
      EXPECT_EQ(run.state, "succeeded") << run.summary;
      EXPECT_EQ(school.ad->Count("account"), 8);
      EXPECT_THAT(school.Disagreements(), IsEmpty());
      EXPECT_THAT(school.Lines(), IsEmpty());
    }
  }
}

TEST(InDoubt, APluginThatStaysAwayEndsTheRunWithOneLineAndWhatIsInDoubtIsKept) {
  School school;
  school.patience = {absl::Milliseconds(50), absl::Milliseconds(5)};
  school.Crash();
  school.Start();
  AddPupils(school, 3);
  school.Save();
  school.ad->Next(Action::kCreate, Answer());
  school.ad->Next(Action::kCreate, Answer{Answer::Kind::kLose, {}, {}, {}, ""});
  school.ad->OnSend([&](const std::vector<TargetOperation>& operations) {
    if (operations.front().object_class == "account") school.ad->BeAway(1000000);
  });
  const store::Run run = school.Enforce();
  EXPECT_EQ(run.state, "failed");
  EXPECT_THAT(run.summary, HasSubstr("1 applied, 3 in doubt, 6 not sent; ad: the plugin is not there"));
  EXPECT_THAT(school.store->LoadOpenOperations().value(), SizeIs(3));
  school.ad->BeAway(0);
  school.ad->OnSend(nullptr);
  EXPECT_EQ(school.Enforce().state, "succeeded");
  EXPECT_THAT(school.Disagreements(), IsEmpty());
  EXPECT_EQ(school.ad->Count("account"), 3);
}

TEST(InDoubt, AnEnforcementThatIsAskedForDuringTheRecoveryFollowsIt) {
  School school;
  AddPupils(school, 3);
  school.Save();
  school.store->DieAt(HasOutcome, /*writes_it=*/false);
  ASSERT_TRUE(school.engine->StartEnforcement(school.alice, "").ok());
  school.store->AwaitDeath();
  school.Crash();
  school.Start();
  school.ad->Settle();
  school.ad->BeAway(3);  // The recovery takes its time.
  const auto recovery = school.engine->StartRecovery();
  const auto enforcement = school.engine->StartEnforcement(school.alice, "");
  ASSERT_TRUE(enforcement.ok()) << enforcement.status();
  EXPECT_EQ(school.Await(recovery).state, "succeeded");
  EXPECT_EQ(school.Await(enforcement).state, "succeeded");
  EXPECT_THAT(school.Disagreements(), IsEmpty());
}

TEST(InDoubt, ARecoveredFailureLeavesNoNameAndNoSecretBehind) {
  School school;
  AddPupils(school, 1);
  school.Save();
  DieBeforeSendingCreates(school);
  school.Start();
  EXPECT_EQ(school.Await(school.engine->StartRecovery()).summary, "0 applied, 1 not sent");
  EXPECT_THAT(school.Names(), IsEmpty());
  EXPECT_THAT(school.Secrets(), IsEmpty());
}

}  // namespace
}  // namespace sluice::engine
