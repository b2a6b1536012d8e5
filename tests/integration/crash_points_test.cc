// Promise: written ahead, never twice. The host is killed at every point of host/base/crash_point.h around what is
// stored, sent and answered; a point that is never reached fails its test. A new host on the same store finishes the
// work: every account once, with the password that was sealed for it, nothing sent that was not stored, nothing twice
// unverified.

#include <gtest/gtest.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "host/base/crash_point.h"
#include "tests/integration/small_school.h"

namespace sluice::integration {
namespace {

struct Death {
  std::string at;  // As `sluiced-that-dies` takes it.
  // What the host before did: died here as well, so that this one recovers; empty: there was none.
  std::string before;
};

class CrashPointTest : public testing::TestWithParam<Death> {
 protected:
  // A host that dies there, once it is asked to do everything that a host does.
  void RunUntilItDies(const std::string& at) {
    Host& host = school_.host();
    host.place().program = "tests/sluiced-that-dies";
    host.place().environment["SLUICE_DIES_AT"] = at;
    host.place().environment["SLUICE_PASSED"] = school_.root() + "/passed";
    if (host.TryStart()) {
      for (const std::vector<std::string>& command :
           {std::vector<std::string>{"import"}, {"system", "activate", "dir", "--reason", "in use"}, {"enforce"}}) {
        if (host.Run(command).code == 3) break;  // Nobody answers.
      }
      if (!host.AwaitEnd(5)) {
        host.Kill();
        FAIL() << "the host never passed " << at << "; it passed\n" << ReadFile(school_.root() + "/passed");
      }
    }
    host.place().program = "bin/sluiced";
    host.place().environment.erase("SLUICE_DIES_AT");
  }

  SmallSchool school_;
};

TEST_P(CrashPointTest, AHostThatDiesThereLosesNothingAndDoesNothingTwice) {
  school_.host().Stop();
  // One account is made and nobody knows: reading finds it, and its password is set once more.
  school_.Faults("dir", "apply.CREATE.account=in-doubt-after!once");
  if (!GetParam().before.empty()) {
    ASSERT_NO_FATAL_FAILURE(RunUntilItDies(GetParam().before));
  }
  std::filesystem::remove(school_.root() + "/passed");
  ASSERT_NO_FATAL_FAILURE(RunUntilItDies(GetParam().at));
  school_.host().Start();
  school_.Finish();
  school_.ExpectAllIsRight();
}

bool IsOfTheStore(base::CrashPoint point) { return point >= base::CrashPoint::kInTransaction; }
bool IsOfASecret(base::CrashPoint point) {  // In rotation_test.cc.
  return point == base::CrashPoint::kSecretIsTold || point == base::CrashPoint::kSecretIsKept;
}
bool IsOfARecovery(base::CrashPoint point) {
  return point == base::CrashPoint::kBeforeClaim || point == base::CrashPoint::kClaimed;
}

// Each point; where a commit follows, each of the store's own points in that commit.
std::vector<Death> Deaths(bool with_all_commits) {
  std::vector<Death> deaths;
  for (const base::CrashPointInfo& info : base::kCrashPoints) {
    if (IsOfTheStore(info.point) || IsOfASecret(info.point)) continue;
    const std::string before = IsOfARecovery(info.point) ? "sent" : "";
    const bool matters = info.point == base::CrashPoint::kBeforeWriteAhead || info.point == base::CrashPoint::kAnswered;
    if (!with_all_commits) deaths.push_back({info.name, before});
    if (!info.commits_next || matters == with_all_commits) continue;
    for (const base::CrashPointInfo& inner : base::kCrashPoints) {
      if (IsOfTheStore(inner.point)) deaths.push_back({absl::StrCat(info.name, "/", inner.name), before});
    }
  }
  return deaths;
}

// A second death in the recovery from the first.
std::vector<Death> SecondDeaths() {
  std::vector<Death> deaths;
  for (const char* before : {"sent", "answered", "answered/transaction-is-committed"}) {
    for (const char* at : {"verify-is-asked", "verified", "verified/transaction-is-written", "verdict-is-stored",
                           "before-write-ahead", "sent", "answered", "run-ends"}) {
      deaths.push_back({at, before});
    }
  }
  return deaths;
}

std::string NameOf(const testing::TestParamInfo<Death>& info) {
  return absl::StrReplaceAll(absl::StrCat(info.param.at, info.param.before.empty() ? "" : "_after_", info.param.before),
                             {{"-", "_"}, {"/", "__"}});
}

INSTANTIATE_TEST_SUITE_P(Each, CrashPointTest, testing::ValuesIn(Deaths(false)), NameOf);
INSTANTIATE_TEST_SUITE_P(Long, CrashPointTest, testing::ValuesIn(Deaths(true)), NameOf);
INSTANTIATE_TEST_SUITE_P(LongTwice, CrashPointTest, testing::ValuesIn(SecondDeaths()), NameOf);

TEST(CrashPoints, AnOrdinaryHostCannotBeMadeToDieThere) {
  SmallSchool school;
  school.host().Stop();
  school.host().place().environment["SLUICE_DIES_AT"] = "run-begins";
  school.host().Start();
  school.Finish();
  school.ExpectAllIsRight();
}

// What was begun at the start, as the first seal, may be under way still.
TEST(EndingTest, AHostThatIsToldToEndAsSoonAsItIsReadyEndsInOrder) {
  SmallSchool school;
  for (int i = 0; i < 40; ++i) {
    school.host().Stop();
    school.host().Start();
  }
}

}  // namespace
}  // namespace sluice::integration
