// Promise: evaluation is a function. The same input gives the same plan, byte for byte, whoever computes it and in
// whatever order the source gave its records.

#include <gtest/gtest.h>

#include "tests/integration/school.h"

namespace sluice::integration {
namespace {

Json PlanOf(Host& host) {
  EXPECT_EQ(host.Run({"import"}).code, 0);
  EXPECT_EQ(host.Run({"system", "activate", "ad", "--reason", "in use"}).code, 0);
  return host.Run({"plan"}).json;
}

TEST(PurityTest, TwoHostsAndAShuffleOfTheRecordsGiveTheSamePlan) {
  School school;
  const Json plan = PlanOf(school.host());
  ASSERT_GT(plan["operations"].size(), 1000u);
  ASSERT_EQ(plan["name"].get<std::string>().size(), 6 + 64u);

  const std::unique_ptr<Host> second = school.AnotherHost("second");
  second->Start();
  const Json of_second = PlanOf(*second);
  second->Stop();
  EXPECT_EQ(of_second["name"], plan["name"]);
  EXPECT_EQ(of_second["operations"], plan["operations"]);

  // Every list comes in another order on every request.
  school.Twin("POST", "faults", {{"route", "/(leerling|medewerker|lesgroep|stamgroep)\\?"}, {"kind", "reorder"}});
  const std::unique_ptr<Host> third = school.AnotherHost("third");
  third->Start();
  const Json of_third = PlanOf(*third);
  third->Stop();
  EXPECT_EQ(of_third["name"], plan["name"]);
  EXPECT_EQ(of_third["operations"], plan["operations"]);
}

TEST(PurityTest, APlanStaysTheSameWhenItIsAskedForAgainAndAfterARestart) {
  School school;
  const Json plan = PlanOf(school.host());
  EXPECT_EQ(school.Plan(), plan);
  school.host().Kill();
  school.host().Start();
  EXPECT_EQ(school.Plan()["name"], plan["name"]);
  school.SetTime("2026-11-24T18:45:00+01:00");
  EXPECT_EQ(school.Plan()["name"], plan["name"]) << "the time of day is no input";
}

TEST(PurityTest, APlanThatNoLongerFollowsIsNotCarriedOut) {
  School school;
  const std::string plan = PlanOf(school.host())["name"].get<std::string>().substr(6, 8);
  school.Event({{"type", "marriage"}, {"medewerker", 51326}, {"achternaam", "Smit-de Boer"}});
  school.Event({{"type", "staff_role"}, {"medewerker", 52001}, {"functie", "Teamleider"}});
  school.Import();
  const std::string usn = school.directory().HighestUsn();
  const Answer refused = school.Sluice({"enforce", "--plan", plan});
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.err.find("is no longer what follows"), std::string::npos) << refused.err;
  EXPECT_EQ(school.directory().HighestUsn(), usn);
}

}  // namespace
}  // namespace sluice::integration
