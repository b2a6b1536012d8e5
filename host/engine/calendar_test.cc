// Promise: the clock is not trusted blindly. A date that jumps by more than two days, or backwards, waits for a
// decision; until then nothing is read, planned or changed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <map>

#include "absl/strings/str_join.h"
#include "host/engine/testing/school.h"

namespace sluice::engine {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::School;
using ::testing::SizeIs;

std::vector<store::BlockRecord> OpenBlocks(const School& school) {
  const auto blocks = school.store->LoadBlocks();
  std::vector<store::BlockRecord> open;
  for (const store::BlockRecord& block : blocks.value()) {
    if (block.state == "waiting" || block.state == "rejected") open.push_back(block);
  }
  return open;
}

absl::Time At(const std::string& moment) {
  absl::Time time;
  std::string error;
  EXPECT_TRUE(absl::ParseTime(absl::RFC3339_full, moment, &time, &error)) << error;
  return time;
}

class Clock : public ::testing::Test {
 protected:
  Clock() {
    school.world.AddPupil("1", "Noor", "Zwaluw");
    EXPECT_EQ(school.SaveAndEnforce().state, "succeeded");
    accepted = school.store->LoadAsOf().value().value();
    school.ad->Forget();
  }

  std::vector<store::BlockRecord> Waiting() { return OpenBlocks(school); }
  absl::Status Asked(absl::CivilDay day) {
    school.SetDay(day);
    const absl::Status status = school.engine->MakePlan(school.alice).status();
    if (status.ok()) {
      accepted = day;
      EXPECT_THAT(Waiting(), IsEmpty());
      EXPECT_EQ(school.store->LoadAsOf().value(), day);
    }
    return status;
  }
  absl::Status Decided(bool is_approved = true) {
    const std::vector<store::BlockRecord> waiting = Waiting();
    if (waiting.size() != 1) return absl::InternalError("not one question is open");
    return school.engine->Decide(school.alice, waiting[0].id, is_approved).status();
  }
  // Every verb refuses with one line, nothing reaches source or target, one question is open, whatever else was asked.
  void ExpectThatItWaits(absl::CivilDay day, const std::string& line) {
    school.SetDay(day);
    for (int again = 0; again < 2; ++again) {
      const absl::Status refused[] = {school.engine->StartImport(school.alice, {}).status(),
                                      school.engine->MakePlan(school.alice).status(),
                                      school.engine->StartEnforcement(school.alice, "").status(),
                                      school.engine->Exclude(school.alice, "1", std::nullopt),
                                      school.engine->Activate(school.alice, "ad", {"1"}, "")};
      for (const absl::Status& status : refused) {
        EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
        EXPECT_THAT(std::string(status.message()), HasSubstr(line));
        EXPECT_THAT(std::string(status.message()), HasSubstr("sluice block approve"));
      }
    }
    EXPECT_THAT(school.ad->sent(), IsEmpty());
    EXPECT_EQ(school.store->LoadAsOf().value(), accepted);
    EXPECT_THAT(school.State().exclusions, IsEmpty());
    ASSERT_THAT(Waiting(), SizeIs(1));
    EXPECT_EQ(Waiting()[0].kind, "clock");
    EXPECT_THAT(Waiting()[0].verdict, HasSubstr(line));
  }

  School school;
  absl::CivilDay accepted;
};

TEST_F(Clock, TwoDaysForwardAreAcceptedAndThreeWait) {
  EXPECT_TRUE(Asked(accepted).ok());
  EXPECT_TRUE(Asked(accepted + 1).ok());
  EXPECT_TRUE(Asked(accepted + 2).ok());
  ExpectThatItWaits(accepted + 3, "(+3 days)");
}

TEST_F(Clock, EveryStepBackwardsWaits) {
  for (const int days : {1, 2, 3, 31, 365, 20'000})
    ExpectThatItWaits(accepted - days, absl::StrCat("(-", days, " days)"));
}

TEST_F(Clock, EveryJumpForwardWaitsAndNobodyLosesAnything) {
  for (const int days : {3, 30, 365, 20'000}) ExpectThatItWaits(accepted + days, absl::StrCat("(+", days, " days)"));
  EXPECT_THAT(school.Disagreements(), IsEmpty());
}

TEST_F(Clock, AStepWithinTheDayIsNone) {
  school.clock.Set(school.clock.Now() + absl::Hours(20));
  EXPECT_TRUE(school.engine->MakePlan(school.alice).ok());
  school.clock.Set(school.clock.Now() - absl::Hours(20));
  EXPECT_TRUE(school.engine->MakePlan(school.alice).ok());
  EXPECT_THAT(Waiting(), IsEmpty());
}

// Set back over midnight for two seconds, as a time service does: it waits that long and nobody has to come.
TEST_F(Clock, AClockThatIsPutRightTakesItsQuestionAway) {
  const absl::CivilDay today = accepted;
  for (const int days : {-1, -365, 365}) {
    ExpectThatItWaits(today + days, "days)");
    EXPECT_TRUE(Asked(today).ok());
  }
  ExpectThatItWaits(today + 9, "days)");
  EXPECT_TRUE(Asked(today + 1).ok());
}

TEST_F(Clock, ADecisionIsForTheDateThatItSaw) {
  ExpectThatItWaits(accepted + 30, "(+30 days)");
  const std::string seen = Waiting()[0].id;
  school.SetDay(accepted + 31);
  const absl::Status other = school.engine->Decide(school.alice, seen, true).status();
  EXPECT_EQ(other.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(other.message()), HasSubstr("this block is about"));
  ExpectThatItWaits(accepted + 31, "(+31 days)");
  EXPECT_TRUE(absl::IsNotFound(school.engine->Decide(school.alice, seen, true).status())) << "of yesterday";
  EXPECT_TRUE(Decided().ok());
  EXPECT_TRUE(Asked(accepted + 31).ok());
  ExpectThatItWaits(accepted - 5, "(-5 days)");
  ExpectThatItWaits(accepted + 9, "(+9 days)");
}

// The same wrong date once more is a new question: what was accepted then does not count for ever.
TEST_F(Clock, TheSameDateIsAskedAboutEachTimeThatItComes) {
  const absl::CivilDay first = accepted, far = first + 40;
  for (int time = 0; time < 2; ++time) {
    ExpectThatItWaits(far, "(+40 days)");
    EXPECT_TRUE(Decided().ok());
    EXPECT_TRUE(Asked(far).ok());
    ExpectThatItWaits(first, "(-40 days)");
    EXPECT_TRUE(Decided().ok());
    EXPECT_TRUE(Asked(first).ok());
  }
}

TEST_F(Clock, WhatWasRejectedStaysRefusedAndMayBeApprovedAfterAll) {
  ExpectThatItWaits(accepted + 30, "(+30 days)");
  EXPECT_TRUE(Decided(false).ok());
  ExpectThatItWaits(accepted + 30, "(+30 days)");
  EXPECT_EQ(Waiting()[0].state, "rejected");
  EXPECT_TRUE(Decided().ok());
  EXPECT_TRUE(Asked(accepted + 30).ok());
}

TEST_F(Clock, ADecisionNeedsAReasonAndIsAudited) {
  ExpectThatItWaits(accepted + 30, "(+30 days)");
  EXPECT_FALSE(school.engine->Decide({"user:bob", " "}, Waiting()[0].id, true).ok());
  EXPECT_TRUE(Decided().ok());
  const nlohmann::json row = school.Audit().back();
  EXPECT_EQ(row["action"], "block.approved");
  EXPECT_EQ(row["facts"]["kind"], "clock");
}

TEST_F(Clock, AQuestionOutlivesTheHost) {
  ExpectThatItWaits(accepted + 30, "(+30 days)");
  school.Crash();
  school.Start();
  ExpectThatItWaits(accepted + 30, "(+30 days)");
  EXPECT_TRUE(Decided().ok());
  school.Crash();
  school.Start();
  EXPECT_TRUE(Asked(accepted + 30).ok());
}

// A night in December takes the date of June for right: thresholds still stand before what then follows.
TEST_F(Clock, WhoAcceptsAWrongDateStillMeetsTheThresholds) {
  school.world.configuration.systems["ad"].thresholds.clear();
  school.world.Find("1").contracts[0].end = accepted + 100;
  school.world.Find("1").contracts[1].end = accepted + 100;
  school.ApplyConfiguration();
  school.Save();
  ExpectThatItWaits(accepted + 200, "(+200 days)");
  EXPECT_TRUE(Decided().ok());
  EXPECT_EQ(school.Enforce().state, "blocked");
  EXPECT_THAT(school.ad->sent(), IsEmpty());
}

// A run keeps the day on which it began.
TEST_F(Clock, AClockThatJumpsWhileARunIsUnderWayChangesNothingOfIt) {
  school.world.AddPupil("2", "Sem", "Bakker");
  school.Save();
  school.ad->OnSend([&](const std::vector<TargetOperation>&) { school.clock.Set(At("2031-01-01T12:00:00Z")); });
  const store::Run run = school.Enforce();
  EXPECT_EQ(run.state, "succeeded") << run.summary;
  EXPECT_EQ(school.store->LoadAsOf().value(), accepted);
  EXPECT_EQ(school.StateOf("2", "account"), core::GrantState::kHeld);
  school.ad->OnSend(nullptr);
  school.ad->Forget();
  ExpectThatItWaits(absl::CivilDay(2031, 1, 1), "days)");
  EXPECT_THAT(school.Disagreements(), IsEmpty());
}

TEST(CivilDays, AreTheSchoolsDaysAlsoWhenTheClockChanges) {
  School school;
  const auto on = [&](const char* utc) {
    school.clock.Set(At(utc));
    return school.engine->calendar().Today();
  };
  EXPECT_EQ(on("2026-10-24T21:59:59Z"), absl::CivilDay(2026, 10, 24));  // Summer time, +2.
  EXPECT_EQ(on("2026-10-24T22:00:00Z"), absl::CivilDay(2026, 10, 25));
  EXPECT_EQ(on("2026-10-25T22:59:59Z"), absl::CivilDay(2026, 10, 25));  // A day of 25 hours.
  EXPECT_EQ(on("2026-10-25T23:00:00Z"), absl::CivilDay(2026, 10, 26));
  EXPECT_EQ(on("2027-03-28T21:59:59Z"), absl::CivilDay(2027, 3, 28));  // A day of 23 hours.
  EXPECT_EQ(on("2027-03-28T22:00:00Z"), absl::CivilDay(2027, 3, 29));
}

// The first plan of a school at `moment`, and that of an hour later, for a pupil whose placement lasts from `start`
// until `end`: their operations, "-" for nothing, and their hashes.
struct Plans {
  std::string first, later;
  std::string hashes;
};

std::string KindsOf(const core::Plan& plan) {
  std::vector<std::string> kinds;
  for (const core::PlannedOperation& operation : plan.operations)
    kinds.push_back(std::string(core::OperationKindName(operation.kind)));
  return kinds.empty() ? "-" : absl::StrJoin(kinds, " ");
}

core::Plan PlanAt(School& school, absl::Time now) {
  school.clock.Set(now);
  school.world.today = absl::ToCivilDay(now, school.world.configuration.time_zone);
  if (!school.engine->MakePlan(school.alice).ok()) {  // Far from the day on which the school began.
    for (const store::BlockRecord& block : OpenBlocks(school))
      EXPECT_TRUE(school.engine->Decide(school.alice, block.id, true).ok());
  }
  return school.Plan();
}

Plans PlansAt(const std::string& moment, std::optional<absl::CivilDay> start, std::optional<absl::CivilDay> end) {
  School school;
  school.world.FindRule("Pupils have an account").before_start_days = 0;
  school.ApplyConfiguration();
  for (core::Contract& contract : school.world.AddPupil("1", "Noor", "Zwaluw").contracts) {
    if (start) contract.start = *start;
    contract.end = end;
  }
  school.Save();
  const core::Plan first = PlanAt(school, At(moment));
  EXPECT_EQ(school.Enforce().state, "succeeded");
  const core::Plan later = PlanAt(school, At(moment) + absl::Hours(1));
  return {KindsOf(first), KindsOf(later), absl::StrCat(first.hash, " ", later.hash)};
}

// Both nights on which the clock of the Netherlands changes, the turn of a year and a 29 February, wherever the process
// believes it is: half an hour before midnight and half an hour after it, in the school's zone.
TEST(CivilDays, TheFirstAndTheLastDayAreWholeInTheConfiguredZoneUnderEveryTz) {
  struct Night {
    absl::CivilDay day;  // Until midnight.
    std::string moment;  // 23:30 in Amsterdam.
  };
  const Night nights[] = {
      {absl::CivilDay(2027, 3, 27), "2027-03-27T22:30:00Z"},  {absl::CivilDay(2027, 3, 28), "2027-03-28T21:30:00Z"},
      {absl::CivilDay(2027, 10, 30), "2027-10-30T21:30:00Z"}, {absl::CivilDay(2027, 10, 31), "2027-10-31T22:30:00Z"},
      {absl::CivilDay(2027, 12, 31), "2027-12-31T22:30:00Z"}, {absl::CivilDay(2028, 2, 28), "2028-02-28T22:30:00Z"},
      {absl::CivilDay(2028, 2, 29), "2028-02-29T22:30:00Z"}};
  std::map<std::string, std::string> hashes;
  for (const char* zone : {"UTC", "America/New_York", "Pacific/Kiritimati", ""}) {
    *zone == '\0' ? unsetenv("TZ") : setenv("TZ", zone, 1);
    tzset();
    for (const Night& night : nights) {
      const Plans ends = PlansAt(night.moment, std::nullopt, night.day);
      EXPECT_EQ(ends.first, "create_resource create enable grant") << night.moment << " " << zone;
      EXPECT_EQ(ends.later, "revoke retire") << night.moment << " " << zone;
      const Plans begins = PlansAt(night.moment, night.day + 1, std::nullopt);
      EXPECT_EQ(begins.first, "-") << night.moment << " " << zone;
      EXPECT_EQ(begins.later, "create_resource create enable grant") << night.moment << " " << zone;
      EXPECT_EQ(hashes.emplace(night.moment + " end", ends.hashes).first->second, ends.hashes) << zone;
      EXPECT_EQ(hashes.emplace(night.moment + " begin", begins.hashes).first->second, begins.hashes) << zone;
    }
  }
  unsetenv("TZ");
  tzset();
}

}  // namespace
}  // namespace sluice::engine
