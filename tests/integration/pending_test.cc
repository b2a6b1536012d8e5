// Promise: what a target is still at is neither done nor sent again; reading says how it ends, well or badly, also
// after the host was killed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/integration/small_school.h"

namespace sluice::integration {
namespace {

using ::testing::HasSubstr;

class PendingTest : public testing::Test {
 protected:
  // One account is pending in the target.
  void Begin(const std::string& fault) {
    school_.Must({"import"});
    school_.Must({"system", "activate", "dir", "--reason", "in use"});
    school_.Faults("dir", absl::StrCat("apply.CREATE.account=", fault, "!once\nverify=pending"));
    const Answer answer = school_.Sluice({"enforce"});
    EXPECT_THAT(answer.out + answer.err, HasSubstr("1 pending"));
    EXPECT_THAT(answer.out + answer.err, HasSubstr("waits for the invitation to be accepted"));
  }
  int Creates() const {
    int creates = 0;
    for (const std::string& call : school_.Calls()) creates += absl::StrContains(call, "CREATE account") ? 1 : 0;
    return creates;
  }

  SmallSchool school_;
};

TEST_F(PendingTest, WhatEndsWellIsMadeOnce) {
  Begin("pending");
  const int creates = Creates();
  school_.Sluice({"enforce"});
  EXPECT_EQ(Creates(), creates) << "it is under way";
  school_.host().Kill();
  school_.host().Start();
  school_.Faults("dir", "");
  school_.Finish();
  school_.ExpectAllIsRight();
  EXPECT_EQ(Creates(), creates);
}

TEST_F(PendingTest, WhatEndsBadlyHasFailedForItsReasonAndIsNotSentAgainInThatRun) {
  Begin("pending-not");
  const int creates = Creates();
  school_.Faults("dir", "verify=refused");
  const Answer answer = school_.Sluice({"enforce"});
  EXPECT_THAT(answer.out + answer.err, HasSubstr("the invitation was refused"));
  EXPECT_EQ(Creates(), creates);
  school_.Faults("dir", "");
  school_.Finish();  // The next run may try it again.
  school_.ExpectAllIsRight();
}

}  // namespace
}  // namespace sluice::integration
