// Promise: thresholds hold before the first operation. Only the kind that reached one waits; an approval covers the
// operations that somebody saw, and lapses as a whole when the waiting group gains one.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/integration/school.h"

namespace sluice::integration {
namespace {

std::vector<Json> Waiting(School& school, const std::string& kind) {
  std::vector<Json> waiting;
  const Json list = school.Must({"block", "list"});
  for (const Json& block : list["blocks"]) {
    if (block["kind"] == kind && block["state"] == "waiting") waiting.push_back(block);
  }
  return waiting;
}

std::set<std::string> StatusOf(const Json& plan, const std::string& kind) {
  std::set<std::string> statuses;
  for (const Json& operation : OperationsOf(plan, kind)) statuses.insert(operation["status"].get<std::string>());
  return statuses;
}

class ThresholdsTest : public testing::Test {
 protected:
  // Pupils that leave on 25 November, in this order; the first difficult names are left alone.
  static const char* Leaver(int i) {
    static constexpr const char* kLeavers[] = {"103021", "103022", "103023", "103024", "103025"};
    return kLeavers[i];
  }
  static void Leave(School& school, int i) { school.Event({{"type", "leaver"}, {"leerling", Leaver(i)}}); }
};

TEST_F(ThresholdsTest, OnlyTheKindThatReachesItsThresholdWaitsAndAnApprovalLapsesWhenTheGroupGrows) {
  SchoolOptions options;
  options.edits = {{"systems/ad.yaml", "retire: { count: 20, percent: 3 }", "retire: { count: 2 }"}};
  School school(options);
  school.TakeIntoUse();
  school.SetDay("2026-11-25");
  for (int i = 0; i < 3; ++i) Leave(school, i);
  school.Event({{"type", "marriage"}, {"medewerker", 51326}, {"achternaam", "Smit-de Boer"}});
  school.Import();
  Json plan = school.Plan();
  EXPECT_EQ(StatusOf(plan, "retire"), std::set<std::string>{"blocked"});
  EXPECT_EQ(StatusOf(plan, "update"), std::set<std::string>{"ready"});
  ASSERT_EQ(Waiting(school, "retire").size(), 1u);
  EXPECT_EQ(Waiting(school, "retire")[0]["size"], 3);

  const Answer blocked = school.Sluice({"enforce"});
  EXPECT_EQ(blocked.code, 1);
  EXPECT_EQ(blocked.json["state"], "blocked") << blocked.out;
  auto accounts = school.Accounts();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(accounts.at(Leaver(i)).IsEnabled());
  EXPECT_EQ(accounts.at("D51326").First("displayName"), "Ellen Smit-de Boer");

  // Approved, and then one more: the whole approval lapses.
  school.ApproveAll();
  EXPECT_EQ(StatusOf(school.Plan(), "retire"), std::set<std::string>{"ready"});
  Leave(school, 3);
  school.Import();
  plan = school.Plan();
  EXPECT_EQ(OperationsOf(plan, "retire").size(), 4u);
  EXPECT_EQ(StatusOf(plan, "retire"), std::set<std::string>{"blocked"});
  school.Sluice({"enforce"});
  accounts = school.Accounts();
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(accounts.at(Leaver(i)).IsEnabled());

  // Approved, and then one less: it holds for those who are still wanted.
  school.ApproveAll();
  school.Event({{"type", "return"}, {"leerling", Leaver(3)}});
  school.Import();
  plan = school.Plan();
  EXPECT_EQ(OperationsOf(plan, "retire").size(), 3u);
  EXPECT_EQ(StatusOf(plan, "retire"), std::set<std::string>{"ready"}) << Describe(plan);
  school.Enforce();
  accounts = school.Accounts();
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(accounts.at(Leaver(i)).IsEnabled());
  EXPECT_TRUE(accounts.at(Leaver(3)).IsEnabled());
  school.ExpectNothingToDo();
  EXPECT_TRUE(Waiting(school, "retire").empty());
}

TEST_F(ThresholdsTest, ReachingAThresholdBlocksAndOneBelowDoesNot) {
  School school;
  school.Import();
  school.Must({"system", "activate", "ad", "--reason", "in use"});
  const size_t creates = OperationsOf(school.Plan(), "create").size();
  std::string limit = "create: { count: 50 }";
  for (const auto& [count, status] :
       {std::pair(creates + 1, "ready"), std::pair(creates, "blocked"), std::pair(creates - 1, "blocked")}) {
    const std::string next = absl::StrCat("create: { count: ", count, " }");
    school.Edit({"systems/ad.yaml", limit, next});
    limit = next;
    school.Must({"config", "apply", "--reason", "another limit"});
    EXPECT_EQ(StatusOf(school.Plan(), "create"), std::set<std::string>{status}) << count << " for " << creates;
  }
  const std::string usn = school.directory().HighestUsn();
  EXPECT_EQ(school.Sluice({"enforce"}).code, 1);
  EXPECT_TRUE(school.Accounts().empty());
  EXPECT_EQ(school.directory().HighestUsn(), usn)
      << "all other kinds wait as well: for the accounts, or for a threshold";
}

TEST_F(ThresholdsTest, ARejectedBlockStaysAndNothingOfItRuns) {
  SchoolOptions options;
  options.edits = {{"systems/ad.yaml", "retire: { count: 20, percent: 3 }", "retire: { count: 1 }"}};
  School school(options);
  school.TakeIntoUse();
  school.SetDay("2026-11-25");
  Leave(school, 0);
  school.Import();
  school.Plan();
  const auto waiting = Waiting(school, "retire");
  ASSERT_EQ(waiting.size(), 1u);
  school.Must(
      {"block", "reject", waiting[0]["name"].get<std::string>().substr(7), "--reason", "a mistake of the office"});
  school.Sluice({"enforce"});
  EXPECT_TRUE(school.Accounts().at(Leaver(0)).IsEnabled());
  // What did not wait was done: the groups are gone, and come back with the pupil.
  school.Event({{"type", "return"}, {"leerling", Leaver(0)}});
  school.Import();
  EXPECT_TRUE(OperationsOf(school.Plan(), "retire").empty());
  school.Enforce();
  school.ExpectNothingToDo();
}

}  // namespace
}  // namespace sluice::integration
