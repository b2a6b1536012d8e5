// Promise: written ahead, never twice. The host is killed at random moments with operations in flight on a real
// directory and started again: every account once, none missing, memberships and enabled state right, and the first
// passwords work. The seed of the moments is in the failure; SLUICE_SEED repeats it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/integration/school.h"

namespace sluice::integration {
namespace {

uint32_t Seed(uint32_t otherwise) {
  uint32_t seed = otherwise;
  const char* told = std::getenv("SLUICE_SEED");
  if (told != nullptr && !absl::SimpleAtoi(told, &seed)) ADD_FAILURE() << "SLUICE_SEED is no number";
  return seed;
}

// Every `every`-th person's first password signs in.
void ExpectPasswordsWork(School& school, int every) {
  int number_in_row = 0;
  for (const auto& [number, account] : school.Accounts()) {
    if (number_in_row++ % every != 0) continue;
    const Json answer = school.Must({"credential", "print", number, "--reason", "first day"});
    ASSERT_EQ(answer["credentials"].size(), 1u) << number;
    const Json& credential = answer["credentials"][0];
    EXPECT_EQ(credential["login"], account.First("sAMAccountName"));
    EXPECT_TRUE(school.directory().CanSignIn(account.dn, credential["secret"])) << number;
    EXPECT_NE(account.First("pwdLastSet"), "0") << number << " would be asked for a new password";
  }
}

// A hundred people; the moments are counted in changes of the directory, so that each falls among operations.
void KillOftenAndFinish(uint32_t seed, int kills, int every) {
  SCOPED_TRACE(absl::StrCat("SLUICE_SEED=", seed));
  std::mt19937 random(seed);
  SchoolOptions options;
  options.pupils = 84;
  options.staff = 16;
  options.seed = 3;
  School school(options);
  school.Sluice({"import"});
  school.ApproveAll();  // A hundred new people wait.
  school.Import();
  school.Must({"system", "activate", "ad", "--reason", "in use"});
  school.Plan();
  school.ApproveAll();
  for (int i = 0; i < kills; ++i) {
    const auto usn = [&] { return std::stoll(school.directory().HighestUsn()); };
    const int64_t moment = usn() + std::uniform_int_distribution<int64_t>(1, 100)(random);
    const auto enforcement = school.host().RunInBackground({"enforce"});
    ASSERT_TRUE(Await([&] { return usn() >= moment; })) << "kill " << i << " found nothing under way";
    school.host().Kill();
    EXPECT_NE(enforcement().code, 0);
    school.host().Start();
  }
  int recoveries = 0;
  const Json list = school.Must({"run", "list", "--limit", "1000"});
  for (const Json& run : list["runs"]) recoveries += run["kind"] == "verify";
  EXPECT_GE(recoveries, kills / 2) << "most kills should fall among operations under way";
  school.Import();
  school.Plan();
  school.ApproveAll();
  school.Enforce();
  school.ExpectNothingToDo();
  school.ExpectAsTheOracleSays();
  EXPECT_GT(school.Accounts().size(), 90u);
  ExpectPasswordsWork(school, every);
}

TEST(CrashTest, AHostThatIsKilledWithOperationsInFlightFinishesItsWork) { KillOftenAndFinish(Seed(20261124), 4, 3); }

TEST(LongCrashTest, TenKillsAndMoreLoseNothingAndDoNothingTwice) {
  const uint32_t first = Seed(std::random_device{}());
  for (uint32_t round = 0; round < 3; ++round) KillOftenAndFinish(first + round, 12, 1);
}

}  // namespace
}  // namespace sluice::integration
