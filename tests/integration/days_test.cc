// Promise: exactly the operations that follow from what happened at the school, each with its reason; and then nothing.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "tests/integration/expected.h"
#include "tests/integration/school.h"

namespace sluice::integration {
namespace {

using testing::ContainerEq;
using testing::UnorderedElementsAreArray;

// "== day 1, 2026-11-25" -> its lines.
std::map<std::string, std::vector<std::string>> ReadDays() {
  std::map<std::string, std::vector<std::string>> days;
  std::istringstream file(ReadFile(absl::StrCat(std::getenv("SLUICE_SOURCE_DIR"), "/tests/integration/data/days.txt")));
  std::string line, day;
  while (std::getline(file, line)) {
    if (line.empty() || line[0] == '#') continue;
    if (absl::StartsWith(line, "== ")) {
      day = line.substr(line.rfind(' ') + 1);
    } else {
      days[day].push_back(line);
    }
  }
  return days;
}

std::vector<std::string> LinesOf(const Json& plan) {
  std::vector<std::string> lines;
  for (const Json& operation : plan["operations"]) {
    EXPECT_EQ(operation["status"], "ready") << operation["label"];
    lines.push_back(absl::StrCat(operation["kind"].get<std::string>(), " | ", operation["label"].get<std::string>(),
                                 " | ", operation["external_id"].get<std::string>(), " | ",
                                 operation["summary"].get<std::string>()));
  }
  return lines;
}

// "grant les-h4.bio2" -> how many; of accounts only the kind.
using Counts = std::map<std::string, int>;

Counts CountsOf(const Json& plan) {
  Counts counts;
  for (const Json& operation : plan["operations"]) {
    const std::string kind = operation["kind"], label = operation["label"];
    const bool is_of_group = kind == "grant" || kind == "revoke" || kind == "create_resource";
    ++counts[is_of_group ? absl::StrCat(kind, " ", absl::StripPrefix(label, "group ")) : kind];
  }
  return counts;
}

Counts ExpectedCounts(School& school, const ExpectedSchool& expected) {
  Counts counts;
  auto members = school.Members();
  for (const auto& [number, account] : school.Accounts()) {
    if (account.IsEnabled() && !expected.people.contains(number)) ++counts["retire"];
  }
  const auto accounts = school.Accounts();
  for (const std::string& number : expected.people) {
    if (accounts.contains(number)) continue;
    ++counts["create"];
    ++counts["enable"];
  }
  for (const auto& [group, wanted] : expected.groups) {
    if (!members.contains(group)) ++counts["create_resource " + group];
    const std::vector<std::string>& now = members[group];
    for (const std::string& number : wanted) {
      if (std::find(now.begin(), now.end(), number) == now.end()) ++counts["grant " + group];
    }
  }
  for (const auto& [group, now] : members) {
    for (const std::string& number : now) {
      const auto wanted = expected.groups.find(group);
      if (wanted == expected.groups.end() || !wanted->second.contains(number)) ++counts["revoke " + group];
    }
  }
  return counts;
}

// One school whose days are played once, in order, whichever tests are asked for.
class DaysTest : public testing::Test {
 protected:
  static void TearDownTestSuite() {
    delete school_;
    school_ = nullptr;
  }

  static School& school() {
    if (school_ == nullptr) {
      SchoolOptions options;
      options.pupils = 220;
      options.staff = 40;
      school_ = new School(options);
      school_->TakeIntoUse();
    }
    return *school_;
  }

  static void PlayDay(int number, const std::string& day) {
    school().SetDay(day);
    school().Twin("POST", absl::StrCat("day/", number));
    school().Import();
  }

  // Carries out what was planned; the directory is then as the twin's state demands, and nothing is left to do.
  static void Finish() {
    school().Enforce();
    school().ExpectAsTheTwinSays();
    school().ExpectNothingToDo();
  }

  static void FirstDay() {
    if (played_ >= 1) return;
    school();
    school().ExpectAsTheTwinSays();
    PlayDay(1, "2026-11-25");
    first_day_ = school().Plan();
    Finish();
    played_ = 1;
  }
  static void SecondDay() {
    FirstDay();
    if (played_ >= 2) return;
    PlayDay(2, "2026-11-26");
    second_day_ = school().Plan();
    Finish();
    played_ = 2;
  }

  static inline School* school_ = nullptr;
  static inline int played_ = 0;
  static inline Json first_day_, second_day_;
};

TEST_F(DaysTest, TheEventsOfTheFirstDayGiveTheirOperationsAndNoOthers) {
  FirstDay();
  EXPECT_THAT(LinesOf(first_day_), UnorderedElementsAreArray(ReadDays()["2026-11-25"]));
  const auto accounts = school().Accounts();
  EXPECT_EQ(accounts.at("D51326").First("displayName"), "Ellen Smit-de Boer");
  EXPECT_EQ(accounts.at("D51326").First("sAMAccountName"), "e.deboer");
  EXPECT_EQ(accounts.at("104233").First("displayName"), "Noor van der Zwaluw");
}

TEST_F(DaysTest, ALeaverWhoReturnsGetsTheSameAccountBack) {
  FirstDay();
  const Entry retired = school().Accounts().at("103991");
  if (played_ == 1) {
    EXPECT_FALSE(retired.IsEnabled());
    EXPECT_TRUE(absl::EndsWith(retired.dn, ",OU=Vertrokken," + school().domain().base())) << retired.dn;
    EXPECT_EQ(retired.First("description"), "Vertrokken");
  }
  SecondDay();
  EXPECT_THAT(LinesOf(second_day_), UnorderedElementsAreArray(ReadDays()["2026-11-26"]));
  const Entry returned = school().Accounts().at("103991");
  EXPECT_EQ(returned.First("objectGUID"), retired.First("objectGUID"));
  EXPECT_TRUE(returned.IsEnabled());
  EXPECT_TRUE(absl::EndsWith(returned.dn, ",OU=31XY00,OU=Leerlingen," + school().domain().base())) << returned.dn;
  EXPECT_EQ(returned.First("description"), "");
}

TEST_F(DaysTest, OnTheFirstOfAugustOneRepeatsAndAllOthersMoveUp) {
  SecondDay();
  const Json prepared = school().Twin("POST", "day/3");
  const std::string repeater_uuid = prepared[0]["event"]["repeat"][0];
  const ExpectedSchool before = ExpectedOf(school().Twin("GET", "state"));
  school().SetDay("2027-08-01");

  // The clock jumped by more than two days: nothing is read or changed until somebody looks.
  const std::string usn = school().directory().HighestUsn();
  for (const char* command : {"import", "plan", "enforce"}) {
    const Answer refused = school().Sluice({command});
    EXPECT_EQ(refused.code, 1) << command;
    EXPECT_THAT(refused.err, testing::HasSubstr("the date jumped from 2026-11-26 to 2027-08-01 (+248 days)"));
  }
  EXPECT_EQ(school().directory().HighestUsn(), usn);
  const Json blocks = school().Must({"block", "list"});
  ASSERT_EQ(blocks["blocks"].size(), 1u) << blocks;
  EXPECT_EQ(blocks["blocks"][0]["kind"], "clock");
  school().ApproveAll();

  // Who finished is gone from the lists: more than a source may lose unseen.
  EXPECT_EQ(school().Sluice({"import"}).code, 1);
  EXPECT_THAT(school().ApproveAll(), testing::Contains("people_removed"));
  school().Import();

  const ExpectedSchool expected = ExpectedOf(school().Twin("GET", "state"));
  int repeaters = 0;
  std::string repeater;
  for (const auto& [number, year] : expected.years) {
    if (!before.years.contains(number)) continue;
    const int moved = year - before.years.at(number);
    repeaters += moved == 0;
    if (moved == 0) repeater = number;
    EXPECT_TRUE(moved == 0 || moved == 1) << number;
  }
  EXPECT_EQ(repeaters, 1);
  EXPECT_FALSE(repeater_uuid.empty());
  EXPECT_THAT(CountsOf(school().Plan()), ContainerEq(ExpectedCounts(school(), expected)));

  school().ApproveAll();
  Finish();
  int classes_of_repeater = 0;
  for (const auto& [group, members] : school().Members()) {
    if (!absl::StartsWith(group, "les-") || std::find(members.begin(), members.end(), repeater) == members.end())
      continue;
    EXPECT_TRUE(absl::StartsWith(group, "les-h4.")) << group;
    ++classes_of_repeater;
  }
  EXPECT_GT(classes_of_repeater, 0);
}

}  // namespace
}  // namespace sluice::integration
