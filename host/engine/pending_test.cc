// What a target is still at, until it ends well or badly; and names that only the target can tell of.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/engine/testing/school.h"

namespace sluice::engine {
namespace {

using testing::Answer;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::School;
using ::testing::SizeIs;

std::vector<std::string> NamesSent(const School& school) {
  std::vector<std::string> names;
  for (const TargetOperation& operation : school.ad->sent()) {
    for (const Delta& delta : operation.deltas) {
      if (delta.attribute == "sAMAccountName") names.push_back(delta.value.ToText());
    }
  }
  return names;
}

class PendingTest : public ::testing::Test {
 protected:
  // The account of the one pupil is pending; the group is made.
  void SetUp() override {
    school_.world.AddPupil("1", "Noor", "Zwaluw");
    school_.ad->SetPending("invitation-7", std::string("a\0token", 7), "the invitation to be accepted");
    school_.ad->Next(Action::kCreate, Answer());
    school_.ad->Next(Action::kCreate, Answer{Answer::Kind::kPending, {}, {}, {}, ""});
    school_.ad->SetVerdict(Verdict::State::kPending);
    EXPECT_THAT(school_.SaveAndEnforce().summary, HasSubstr("1 pending"));
  }
  store::Operation Open() {
    const auto open = school_.store->LoadOpenOperations();
    EXPECT_TRUE(open.ok());
    EXPECT_THAT(*open, SizeIs(1));
    return open->empty() ? store::Operation() : open->front();
  }

  School school_;
};

TEST_F(PendingTest, TheTargetIsAskedWithWhatItGaveAndAPersonSeesWhatIsWaitedFor) {
  EXPECT_EQ(Open().error, "waits for the invitation to be accepted");
  const size_t sent = school_.ad->sent().size();
  EXPECT_THAT(school_.Enforce().summary, HasSubstr("1 pending"));
  ASSERT_FALSE(school_.ad->verified().empty());
  EXPECT_EQ(school_.ad->verified().back().object_id, "invitation-7");
  EXPECT_EQ(school_.ad->verified().back().private_state, std::string("a\0token", 7));
  EXPECT_EQ(school_.ad->sent().size(), sent) << "nothing is sent again";
  // What it says later counts from then on, also for the next host.
  school_.ad->SetPending("invitation-8", "", "the address to be confirmed");
  EXPECT_THAT(school_.Enforce().summary, HasSubstr("1 pending"));
  EXPECT_EQ(Open().object_id, "invitation-8");
  EXPECT_EQ(Open().private_state, std::string("a\0token", 7));
  EXPECT_EQ(Open().error, "waits for the address to be confirmed");
}

TEST_F(PendingTest, WhatEndsBadlyHasFailedForItsReasonAndIsNotSentAgainInThatRun) {
  Failure refused;
  refused.reason = Reason::kInvalid;
  refused.message = "the invitation was refused";
  school_.ad->SetEnded(refused);
  school_.ad->SetVerdict(Verdict::State::kNotDone);
  const size_t sent = school_.ad->sent().size();
  EXPECT_THAT(school_.Enforce().summary, HasSubstr("1 failed"));
  EXPECT_EQ(school_.ad->sent().size(), sent);
  const auto open = school_.store->LoadOpenOperations();
  ASSERT_TRUE(open.ok());
  EXPECT_THAT(*open, SizeIs(0));
  bool has_failed = false;
  for (const store::Operation& operation : school_.OperationsOf("1")) {
    has_failed |=
        operation.state == store::Operation::State::kFailed && operation.error == "the invitation was refused";
  }
  EXPECT_TRUE(has_failed);
}

TEST_F(PendingTest, WhatEndsWithoutAReasonIsPlannedAnew) {
  school_.ad->SetVerdict(Verdict::State::kNotDone);
  school_.Enforce();
  school_.ad->SetVerdict(std::nullopt);
  school_.SaveAndEnforce();
  EXPECT_TRUE(school_.ad->Find("sAMAccountName", "n.zwaluw").has_value());
}

TEST(NamesThatAreTaken, AreAskedForBeforeTheyAreTried) {
  School school;
  school.ad->SetFindsTaken(true);
  school.ad->Take("sAMAccountName", "n.zwaluw");  // By what no import shows.
  school.world.AddPupil("1", "Noor", "Zwaluw");
  EXPECT_EQ(school.SaveAndEnforce().state, "succeeded");
  EXPECT_THAT(NamesSent(school), Not(Contains("n.zwaluw")));
  EXPECT_THAT(NamesSent(school), Contains("no.zwaluw"));
  EXPECT_THAT(school.ad->asked(), Contains("n.zwaluw"));
  EXPECT_THAT(school.ad->asked(), Contains("no.zwaluw")) << "each candidate, until one is free";
  const size_t asked = school.ad->asked().size();
  EXPECT_EQ(school.SaveAndEnforce().state, "succeeded");
  EXPECT_EQ(school.ad->asked().size(), asked) << "nothing is asked where no name is chosen";
  EXPECT_TRUE(school.Disagreements().empty());
}

TEST(NamesThatAreTaken, AreTriedWhereTheConnectorCannotTell) {
  School school;
  school.ad->Take("sAMAccountName", "n.zwaluw");
  school.world.AddPupil("1", "Noor", "Zwaluw");
  EXPECT_EQ(school.SaveAndEnforce().state, "succeeded");
  EXPECT_THAT(NamesSent(school), Contains("n.zwaluw"));
  EXPECT_THAT(NamesSent(school), Contains("no.zwaluw"));
  EXPECT_TRUE(school.Disagreements().empty());
}

}  // namespace
}  // namespace sluice::engine
