// Runs: one at a time of a kind, watched, stopped, and what a restart makes of them.
#include "host/engine/runs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "host/engine/testing/school.h"

namespace sluice::engine {
namespace {

using testing::Answer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::School;
using ::testing::SizeIs;

const Answer kHold{Answer::Kind::kHold, {}, {}, {}, ""};

void AddPupils(School& school, int count) {
  for (int i = 0; i < count; ++i) school.world.AddPupil(absl::StrCat(1000 + i), "Noor", absl::StrCat("Zwaluw", i));
  school.Save();
}

TEST(Runs, OneEnforcementAtATimeAndAnImportBesideIt) {
  School school;
  AddPupils(school, 2);
  school.ad->Next(Action::kCreate, kHold);
  const auto run = school.engine->StartEnforcement(school.alice, "");
  ASSERT_TRUE(run.ok());
  school.ad->AwaitHeld(1);
  const auto second = school.engine->StartEnforcement(school.alice, "");
  EXPECT_TRUE(absl::IsAborted(second.status()));
  EXPECT_THAT(second.status().message(), HasSubstr("is under way"));
  EXPECT_EQ(school.Import().state, "succeeded");
  school.ad->Release();
  EXPECT_EQ(school.Await(run).state, "succeeded");
  EXPECT_TRUE(school.engine->StartEnforcement(school.alice, "").ok());  // At once: nothing of the first is left.
}

TEST(Runs, PlansMadeDuringAnEnforcementDoNotDisturbIt) {
  School school;
  AddPupils(school, 2);
  school.ad->Next(Action::kEnable, kHold);
  const auto run = school.engine->StartEnforcement(school.alice, "");
  school.ad->AwaitHeld(1);
  for (int i = 0; i < 3; ++i) school.Plan();
  school.ad->Release();
  EXPECT_EQ(school.Await(run).state, "succeeded");
  EXPECT_THAT(school.Disagreements(), IsEmpty());
}

TEST(Runs, StopLetsWhatIsUnderWayEndAndSendsNoMore) {
  School school;
  AddPupils(school, 30);
  for (int i = 0; i < 5; ++i) school.ad->Next(Action::kEnable, Answer());
  school.ad->Next(Action::kEnable, kHold);
  const auto run = school.engine->StartEnforcement(school.alice, "");
  school.ad->AwaitHeld(1);
  EXPECT_TRUE(school.engine->StopRun({"user:bob", ""}, *run).ok());
  school.ad->Release();
  const store::Run ended = school.Await(run);
  EXPECT_EQ(ended.state, "stopped");
  EXPECT_THAT(ended.summary, HasSubstr("61 applied, 30 not sent"));
  EXPECT_THAT(school.store->LoadOpenOperations().value(), IsEmpty());
  EXPECT_EQ(school.Enforce().summary, "30 applied");
  EXPECT_THAT(school.Disagreements(), IsEmpty());
  EXPECT_TRUE(absl::IsNotFound(school.engine->StopRun(school.alice, *run)));
  EXPECT_TRUE(absl::IsNotFound(school.engine->StopRun(school.alice, "")));
}

TEST(Runs, ProgressCountsWhatIsSettledOfWhatThereIs) {
  School school;
  AddPupils(school, 10);
  for (int i = 0; i < 4; ++i) school.ad->Next(Action::kEnable, Answer());
  school.ad->Next(Action::kEnable, kHold);
  const auto run = school.engine->StartEnforcement(school.alice, "");
  school.ad->AwaitHeld(1);
  int64_t version = 0;
  RunProgress progress;
  while (progress.done < 20) {  // The group, ten accounts, and all that are enabled but one.
    auto view = school.engine->runs().Watch(*run, version, absl::Seconds(10));
    ASSERT_TRUE(view.ok());
    progress = view->progress;
    EXPECT_EQ(progress.expected, 31u);
    EXPECT_EQ(progress.activity, "carrying out operations in ad");
  }
  EXPECT_EQ(progress.done, 20u);
  school.ad->Release();
  school.Await(run);
  version = 0;
  EXPECT_EQ(school.engine->runs().Watch(*run, version, absl::ZeroDuration())->progress.done, 31u);
}

TEST(Runs, AWatcherIsToldOfTheEndAndFindsItLaterToo) {
  School school;
  AddPupils(school, 1);
  const store::Run run = school.Enforce();
  int64_t version = 0;
  const auto view = school.engine->runs().Watch(run.id.substr(0, 8), version, absl::Seconds(10));
  ASSERT_TRUE(view.ok());
  EXPECT_EQ(view->run.state, "succeeded");
  EXPECT_TRUE(absl::IsNotFound(school.engine->runs().Watch("nobody", version, absl::ZeroDuration()).status()));
  EXPECT_TRUE(absl::IsNotFound(school.engine->runs().Watch("", version, absl::ZeroDuration()).status()));
  school.Crash();
  school.Start();
  EXPECT_EQ(school.engine->runs().Watch(run.id, version, absl::ZeroDuration())->run.summary, "4 applied");
}

TEST(Runs, WhatADeadHostWasAtIsInterrupted) {
  School school;
  AddPupils(school, 1);
  school.ad->Next(Action::kCreate, kHold);
  const auto run = school.engine->StartEnforcement(school.alice, "");
  school.ad->AwaitHeld(1);
  school.Crash();
  school.Start();
  int64_t version = 0;
  EXPECT_EQ(school.engine->runs().Watch(*run, version, absl::ZeroDuration())->run.state, "interrupted");
}

TEST(Runs, AStopOfTheHostWaitsForWhatIsUnderWay) {
  School school;
  AddPupils(school, 3);
  school.ad->Next(Action::kEnable, kHold);
  const auto run = school.engine->StartEnforcement(school.alice, "");
  school.ad->AwaitHeld(1);
  const auto active = school.engine->runs().FindActive(*run);
  std::thread stopping([&] { school.engine->Stop(absl::Seconds(30)); });
  while (!active->is_stopping()) std::this_thread::yield();
  school.ad->Release();
  stopping.join();
  EXPECT_THAT(school.store->LoadOpenOperations().value(), IsEmpty());
  int64_t version = 0;
  EXPECT_EQ(school.engine->runs().Watch(*run, version, absl::ZeroDuration())->run.state, "stopped");
}

TEST(Runs, WithoutItsConnectorASystemIsLeftAlone) {
  School school;
  AddPupils(school, 1);
  school.Plan();
  auto ad = std::move(school.ad);
  const store::Run run = school.Enforce();
  school.ad = std::move(ad);
  EXPECT_EQ(run.summary, "0 applied, 4 not sent; ad: system \"ad\" has no connector; see: sluice plugin list");
  EXPECT_EQ(school.Enforce().state, "succeeded");
}

TEST(Runs, AnEnforcementWithNothingToDoEndsAtOnce) {
  School school;
  const store::Run run = school.Enforce();
  EXPECT_EQ(run.state, "succeeded");
  EXPECT_EQ(run.summary, "0 applied");
  EXPECT_EQ(school.ad->streams(), 0);
}

TEST(Runs, AnOlderPlanIsRefusedAndNothingIsSent) {
  School school;
  AddPupils(school, 1);
  const core::Plan plan = school.Plan();
  school.world.AddPupil("7", "Sem", "Bakker");
  school.Save();
  const auto run = school.engine->StartEnforcement(school.alice, plan.hash.substr(0, 6));
  EXPECT_TRUE(absl::IsFailedPrecondition(run.status()));
  EXPECT_THAT(run.status().message(), HasSubstr("is no longer what follows"));
  EXPECT_THAT(school.ad->sent(), IsEmpty());
  EXPECT_EQ(school.Enforce(school.Plan().hash).state, "succeeded");
}

}  // namespace
}  // namespace sluice::engine
