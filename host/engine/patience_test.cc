// A store that takes nothing for a while, a target that has too much to do, a host that slept: the work stops with one
// line, nothing is sent that is not stored, and it goes on by itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/audit/chain.h"
#include "host/engine/testing/school.h"
#include "host/store/sqlite/testing/fault_vfs.h"

namespace sluice::engine {
namespace {

using testing::Answer;
using ::testing::ElementsAre;
using testing::HasOutcome;
using testing::HasSent;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::School;
using ::testing::SizeIs;

void AddPupils(School& school, int count) {
  for (int i = 0; i < count; ++i) school.world.AddPupil(absl::StrCat(1000 + i), "Noor", absl::StrCat("Zwaluw", i));
}

void ExpectAllDone(School& school, const store::Run& run, int pupils) {
  EXPECT_EQ(run.state, "succeeded") << run.summary;
  EXPECT_EQ(school.ad->Count("account"), pupils);
  EXPECT_EQ(school.ad->Count("group"), 1);
  EXPECT_THAT(school.Lines(), IsEmpty());
  EXPECT_THAT(school.Disagreements(), IsEmpty());
  EXPECT_THAT(school.store->LoadOpenOperations().value(), IsEmpty());
  const auto read = [&](int64_t from, int limit) { return school.store->LoadAudit(from, limit); };
  EXPECT_TRUE(audit::CheckChain(read).ok()) << audit::CheckChain(read);
}

TEST(Patience, AStoreThatTakesNoWriteAheadSendsNothingAndTheRunGoesOnByItself) {
  School school;
  AddPupils(school, 3);
  school.Save();
  school.store->Refuse(4, HasSent, absl::ResourceExhaustedError("the disk is full; make room"));
  school.ad->OnSend([&](const auto&) { EXPECT_EQ(school.store->refusals(), 0) << "sent without being stored"; });
  const store::Run run = school.Enforce();
  EXPECT_EQ(run.summary, "10 applied");
  EXPECT_THAT(school.Warnings(run),
              ElementsAre("ad: the disk is full; make room; nothing is sent until the store takes it"));
  ExpectAllDone(school, run, 3);
}

TEST(Patience, WhatWasAnsweredWhileTheStoreWasAwayIsStoredInItsOrderAndNothingIsSentMeanwhile) {
  for (const core::OperationKind kind : {core::OperationKind::kCreateResource, core::OperationKind::kCreate,
                                         core::OperationKind::kEnable, core::OperationKind::kGrant}) {
    SCOPED_TRACE(std::string(core::OperationKindName(kind)));
    School school;
    AddPupils(school, 8);
    school.Save();
    std::vector<size_t> sent;
    school.store->Refuse(5, [&](const store::Commit& commit) {
      if (!HasOutcome(commit) || commit.operations.front().planned.kind != kind) return false;
      sent.push_back(school.ad->sent().size());
      return true;
    });
    const store::Run run = school.Enforce();
    ExpectAllDone(school, run, 8);
    ASSERT_THAT(sent, SizeIs(5));
    EXPECT_LE(sent.back(), kind == core::OperationKind::kCreateResource ? 1 : 1 + 8 * static_cast<size_t>(3));
    EXPECT_THAT(school.Warnings(run), ElementsAre(HasSubstr("nothing is sent until the store takes it")));
  }
}

TEST(Patience, ANameAndAPasswordThatAreTriedAgainAreStillThoseAfterARefusal) {
  School school;
  AddPupils(school, 2);
  school.ad->Take("sAMAccountName", "n.zwaluw0");
  school.ad->Next(Action::kCreate, Answer());
  school.ad->Next(Action::kCreate, Answer());
  school.ad->Next(Action::kCreate, Reason::kPasswordPolicy);
  school.Save();
  school.store->Refuse(6, [](const store::Commit& commit) {
    return !commit.operations.empty() && commit.operations.front().planned.kind == core::OperationKind::kCreate;
  });
  ExpectAllDone(school, school.Enforce(), 2);
}

TEST(Patience, AnEnforcementCanBeStoppedWhileItWaitsForTheStore) {
  School school;
  AddPupils(school, 3);
  school.Save();
  school.store->Refuse(1 << 30, HasOutcome);
  const auto run = school.engine->StartEnforcement(school.alice, "");
  ASSERT_TRUE(run.ok());
  int64_t version = 0;
  while (school.engine->runs().Watch(*run, version, absl::Seconds(10))->warnings.empty()) {
  }
  ASSERT_TRUE(school.engine->StopRun(school.alice, *run).ok());
  const store::Run ended = school.Await(run);
  EXPECT_EQ(ended.state, "stopped");
  EXPECT_THAT(ended.summary, HasSubstr("1 in doubt"));
  EXPECT_THAT(ended.summary, HasSubstr("outcomes could not be stored: the disk does not take it"));
  school.store->Refuse(0, nullptr);
  ExpectAllDone(school, school.Enforce(), 3);  // Without a restart: what is in doubt is verified first.
}

TEST(Patience, ARefusalThatTimeDoesNotMendLeavesTheTargetAloneWithOneLine) {
  School school;
  AddPupils(school, 3);
  school.Save();
  school.store->RefuseOnce(HasOutcome, absl::DataLossError("store /x is damaged. Put back the last backup"));
  const store::Run run = school.Enforce();
  EXPECT_EQ(run.state, "failed");
  EXPECT_THAT(run.summary, HasSubstr("ad: outcomes could not be stored: store /x is damaged"));
  ExpectAllDone(school, school.Enforce(), 3);
}

TEST(Patience, AnImportAndTheEndOfARunWaitForTheStoreToo) {
  School school;
  AddPupils(school, 2);
  school.Save();
  school.store->Refuse(3, [](const store::Commit& commit) { return !commit.observed.empty(); });
  const store::Run import = school.Import();
  EXPECT_EQ(import.state, "succeeded") << import.summary;
  EXPECT_THAT(school.Warnings(import), ElementsAre("the disk does not take it; the run waits for it"));
  school.store->Refuse(3, [](const store::Commit& commit) { return commit.run && commit.run->ended; });
  const store::Run run = school.Enforce();
  ExpectAllDone(school, run, 2);
  const auto runs = school.store->LoadRuns(100);
  for (const store::Run& stored : runs.value()) EXPECT_NE(stored.state, "running");
}

TEST(Patience, AStoreThatFailsAtAnySingleWriteOrSyncLosesNothingAndSendsNothingTwice) {
  School school(store::FaultVfs());
  int pupils = 0, failures = 0;
  for (const bool on_sync : {false, true}) {
    for (int after = 0;; after += 1 + after / 6) {
      school.world.AddPupil(absl::StrCat(1000 + pupils), "Noor", absl::StrCat("Zwaluw", pupils));
      ++pupils;
      school.Save();
      store::SetFault({.code = on_sync          ? store::kSyncFails
                               : after % 2 == 0 ? store::kDiskIsFull
                                                : store::kWriteFails,
                       .after = after,
                       .times = 2,
                       .on_write = !on_sync,
                       .on_sync = on_sync});
      store::Run run = school.Enforce();
      const bool was_reached = store::FaultOperations() > after;
      store::ClearFault();
      if (run.state == "refused") {  // Nothing had begun.
        EXPECT_THAT(run.summary, HasSubstr("nothing was written"));
        run = school.Enforce();
      }
      ASSERT_NO_FATAL_FAILURE(ExpectAllDone(school, run, pupils)) << "after " << after;
      ASSERT_THAT(school.Secrets(), SizeIs(pupils));
      if (!was_reached) break;
      ++failures;
    }
  }
  EXPECT_GT(failures, 12);
  EXPECT_THAT(school.ad->violations(), IsEmpty());
}

TEST(Patience, ATargetThatHasTooMuchToDoIsServedALittleLaterInTheSameRun) {
  School school;
  AddPupils(school, 5);
  school.ad->Next(Action::kCreate, Answer());
  for (int i = 0; i < 3; ++i) {
    school.ad->Next(Action::kCreate, Answer{Answer::Kind::kFail, Reason::kThrottled, {}, absl::Milliseconds(3), ""});
    school.ad->Next(Action::kGrant, Answer{Answer::Kind::kFail, Reason::kThrottled, {}, {}, ""});
  }
  const store::Run run = school.SaveAndEnforce();
  EXPECT_EQ(run.summary, "16 applied");
  ExpectAllDone(school, run, 5);
  EXPECT_THAT(school.Secrets(), SizeIs(5));
}

TEST(Patience, ATargetThatIsBusyForEverFailsTheOperationInTheEnd) {
  School school;
  AddPupils(school, 1);
  school.ad->Always(Action::kEnable, Answer{Answer::Kind::kFail, Reason::kThrottled, {}, absl::Milliseconds(1), ""});
  EXPECT_EQ(school.SaveAndEnforce().summary, "3 applied, 1 failed");
  school.ad->Always(Action::kEnable, std::nullopt);
  EXPECT_EQ(school.Enforce().summary, "1 applied");
}

TEST(Patience, WhatWasStoredLongerAgoThanItsLeaseIsVerifiedAndNotSent) {
  School school;
  AddPupils(school, 3);
  school.Save();
  bool has_slept = false;
  school.store->RefuseOnce([&](const store::Commit& commit) {
    if (HasSent(commit) && !std::exchange(has_slept, true)) school.clock.Set(school.clock.Now() + absl::Minutes(11));
    return false;
  });
  const store::Run run = school.Enforce();
  EXPECT_THAT(school.Warnings(run),
              ElementsAre("ad: 1 operations were stored too long ago to be sent now; they are verified first"));
  ExpectAllDone(school, run, 3);
  EXPECT_EQ(school.ad->sent().front().attempt, 2u);
}

TEST(Patience, AHostThatWasTakenOverSendsNothingMore) {
  School school;
  AddPupils(school, 4);
  school.Save();
  school.store->RefuseOnce(
      [](const store::Commit& commit) {
        return HasSent(commit) && commit.operations.front().planned.kind == core::OperationKind::kEnable;
      },
      absl::AbortedError("the store was taken over by host other"));
  const store::Run run = school.Enforce();
  EXPECT_EQ(run.state, "failed");
  EXPECT_THAT(run.summary, HasSubstr("ad: operations could not be stored, so none was sent: the store was taken over"));
  for (const TargetOperation& operation : school.ad->sent()) EXPECT_EQ(operation.action, Action::kCreate);
}

}  // namespace
}  // namespace sluice::engine
