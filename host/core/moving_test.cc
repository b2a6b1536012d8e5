// C24, its whole kind: somebody leaves one vestiging and comes to another, with a day, a weekend, some days or none
// between them, or with both for a while. What the windows say happens, on the days that they say, and the day before
// it could be seen.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "host/core/planner_test_world.h"

namespace sluice::core {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using testing::World;

constexpr absl::CivilDay kFirst(2026, 8, 1), kLast(2026, 11, 15);  // Of the vestiging that lets go; a Sunday.
constexpr absl::CivilDay kMorrow = kLast + 1;

std::string Text(absl::CivilDay day) { return absl::FormatCivilTime(day); }

// One pupil of 31XY00, who comes to 31XY01.
class Moving {
 public:
  Moving(absl::CivilDay end, absl::CivilDay start, int before = 0, int after = 0) {
    world_.NoLimits();
    world_.configuration.primary_contract.then = {{"fte", true}, {"hours_per_week", true}, {"sequence", true},
                                                  {"end", true}, {"start", false},         {"id", false}};
    for (Rule& rule : world_.configuration.rules) {
      rule.before_start_days = before;
      rule.after_end_days = after;
    }
    Person& person = world_.AddPerson("1", "Sem", "Bakker");
    world_.AddContract(person, "placement", "A", kFirst, end);
    world_.AddContract(person, "placement", "B", start).fields["location.code"] = Value::Text("31XY01");
    world_.today = std::min(end, start) - 20;
    world_.Run();
    world_.Run();
  }
  World& world() { return world_; }
  Contract& Placement(const std::string& code) {
    for (Contract& contract : world_.Find("1").contracts) {
      if (contract.fields["department.code"] == Value::Text(code)) return contract;
    }
    std::abort();
  }

  // What is done in each night, of nights in which anything is; the second look of a night finds nothing more.
  std::map<std::string, std::vector<std::string>> Nights(absl::CivilDay from, absl::CivilDay until) {
    std::map<std::string, std::vector<std::string>> nights;
    for (world_.today = from; world_.today <= until; ++world_.today) {
      const std::vector<std::string> lines = world_.Run();
      if (!lines.empty()) nights[Text(world_.today)] = lines;
      EXPECT_EQ(world_.Lines(world_.Make()), std::vector<std::string>()) << Text(world_.today);
      was_enabled_[world_.today] = IsEnabled();
      was_in_[world_.today] = Place();
      said_[world_.today] = WhatWhySays();
    }
    return nights;
  }

  const Record& Account() { return *world_.Account(world_.Held("1", "account")->object_id); }
  bool IsEnabled() { return Account().attributes.at("enabled") == Value::Flag(true); }
  std::string Place() { return Account().attributes.at("parent").ToText(); }
  bool WasEnabled(absl::CivilDay day) const { return was_enabled_.at(day); }
  // How often the account went from one place to another.
  int Moves() const {
    int moves = 0;
    const std::string* before = nullptr;
    for (const auto& [day, place] : was_in_) {
      moves += before != nullptr && *before != place;
      before = &place;
    }
    return moves;
  }
  // The day from which, said the day before, access is another.
  std::optional<absl::CivilDay> Said(absl::CivilDay day) const { return said_.at(day); }

 private:
  std::optional<absl::CivilDay> WhatWhySays() {
    const auto why = Explain(world_.Input(), world_.Find("1").id, "ad/access");
    EXPECT_TRUE(why.ok()) << why.status();
    return why->next_change;
  }

  World world_;
  std::map<absl::CivilDay, bool> was_enabled_;
  std::map<absl::CivilDay, std::string> was_in_;
  std::map<absl::CivilDay, std::optional<absl::CivilDay>> said_;
};

TEST(WhoMoves, OnTheNextDayIsMovedOnceAndNeverDisabled) {
  Moving sem(kLast, kMorrow);
  EXPECT_THAT(sem.Nights(kLast - 10, kLast + 10), ElementsAre(Pair(Text(kMorrow), ElementsAre("update 1 parent"))));
}

TEST(WhoMoves, FromFridayToMondayHasNoAccessOnExactlyTheTwoDaysBetweenWhichWasSeenBefore) {
  const absl::CivilDay friday(2026, 11, 13);
  Moving daan(friday, kMorrow);
  daan.world().FindRule("Pupils have an account").after_end_days = 90;
  EXPECT_THAT(daan.Nights(friday - 10, kLast + 10),
              ElementsAre(Pair("2026-11-14", ElementsAre("disable 1 account")),
                          Pair("2026-11-16", ElementsAre("update 1 parent", "enable 1 account"))));
  EXPECT_EQ(daan.Said(friday - 3), friday + 1);
  EXPECT_EQ(daan.Said(friday + 1), kMorrow);
  EXPECT_EQ(daan.Said(kMorrow), std::nullopt);
}

TEST(WhoMoves, WithAWindowThatReachesOverTheWeekendKeepsAccess) {
  const absl::CivilDay friday(2026, 11, 13);
  Moving daan(friday, kMorrow, 0, 2);
  EXPECT_THAT(daan.Nights(friday - 10, kLast + 10), ElementsAre(Pair("2026-11-16", ElementsAre("update 1 parent"))));
}

TEST(WhoMoves, AndIsInBothForAWeekHasOnePrimaryContractAndIsMovedOnce) {
  Moving mia(kLast + 7, kMorrow);
  mia.Placement("A").fields["hours_per_week"] = Value::Integer(30);
  mia.Placement("B").fields["hours_per_week"] = Value::Integer(20);
  EXPECT_THAT(mia.Nights(kLast - 10, kLast + 20), ElementsAre(Pair(Text(kLast + 8), ElementsAre("update 1 parent"))));

  Moving other(kLast + 7, kMorrow);
  other.Placement("B").fields["hours_per_week"] = Value::Integer(40);
  EXPECT_THAT(other.Nights(kLast - 10, kLast + 20), ElementsAre(Pair(Text(kMorrow), ElementsAre("update 1 parent"))));
}

// Whatever lies between, and whatever the windows are.
TEST(WhoMoves, HasAccessOnExactlyTheDaysOfTheWindowsAndIsMovedOnce) {
  for (int between = -9; between <= 9; ++between) {
    for (const int before : {0, 1, 14}) {
      for (const int after : {0, 2, 7}) {
        SCOPED_TRACE(absl::StrCat(between, " days between, windows ", before, " and ", after));
        const absl::CivilDay start = kMorrow + between;
        Moving one(kLast, start, before, after);
        one.world().FindRule("Pupils have an account").after_end_days = 90;  // Nobody is retired.
        const std::string id = one.Account().id;
        const absl::CivilDay from = std::min(kLast, start) - 16, until = std::max(kLast, start) + 10;
        const auto nights = one.Nights(from, until);
        EXPECT_EQ(one.Account().id, id);
        EXPECT_EQ(one.Place(), "OU=31XY01,OU=Leerlingen");
        EXPECT_EQ(one.Moves(), 1);
        size_t changes = 0;
        for (const auto& [day, lines] : nights) changes += lines.size();
        size_t turns = 0;
        for (absl::CivilDay day = from; day <= until; ++day) {
          const bool is_in = day <= kLast + after || day >= start - before;
          EXPECT_EQ(one.WasEnabled(day), is_in) << Text(day);
          if (day == from) continue;
          if (one.WasEnabled(day) == one.WasEnabled(day - 1)) continue;
          ++turns;
          EXPECT_EQ(one.Said(day - 1), day);
        }
        EXPECT_LE(turns, 2u);
        EXPECT_EQ(changes, turns + 1) << "one move, and what the windows turn off and on";
      }
    }
  }
}

// Who the rules give no account between the two is retired, as the windows say, and comes back to the same account.
TEST(WhoMoves, WithoutAnyWindowOverTheGapIsRetiredForItAndGetsTheSameAccountBack) {
  for (const int between : {1, 2, 9}) {
    Moving one(kLast, kMorrow + between);
    const std::string id = one.Account().id;
    const auto nights = one.Nights(kLast - 10, kLast + 20);
    ASSERT_EQ(nights.size(), 2u);
    EXPECT_THAT(nights.begin()->second, ElementsAre("retire 1 account"));
    EXPECT_EQ(nights.begin()->first, Text(kMorrow));
    EXPECT_EQ(nights.rbegin()->first, Text(kMorrow + between));
    EXPECT_EQ(one.Account().id, id);
    EXPECT_EQ(one.Place(), "OU=31XY01,OU=Leerlingen");
    EXPECT_TRUE(one.IsEnabled());
    for (absl::CivilDay day = kLast - 10; day <= kLast + 20; ++day)
      EXPECT_EQ(one.WasEnabled(day), day <= kLast || day > kLast + between) << Text(day);
  }
}

// 31 July and 1 August: the school year's placements join, in the same vestiging nothing follows.
TEST(WhoMoves, UpOneYearInTheSameVestigingIsNotTouched) {
  Moving one(absl::CivilDay(2027, 7, 31), absl::CivilDay(2027, 8, 1));
  one.Placement("B").fields["location.code"] = Value::Text("31XY00");
  EXPECT_TRUE(one.Nights(absl::CivilDay(2027, 7, 20), absl::CivilDay(2027, 8, 10)).empty());
}

// A school that takes the day of deregistration for the first day away writes one day more or less; a day later it is
// corrected. Nothing but that day follows.
TEST(WhoMoves, AndWhoseLastDayIsCorrectedAfterwardsIsStillMovedOnce) {
  for (const int wrong_by : {-1, 1}) {
    Moving one(kLast + wrong_by, kMorrow);
    one.world().FindRule("Pupils have an account").after_end_days = 90;
    auto nights = one.Nights(kLast - 10, kMorrow);
    one.Placement("A").end = kLast;
    const auto later = one.Nights(kMorrow + 1, kMorrow + 10);
    nights.insert(later.begin(), later.end());
    EXPECT_EQ(one.Moves(), 1);
    EXPECT_EQ(one.WasEnabled(kLast), wrong_by > 0);
    EXPECT_TRUE(one.WasEnabled(kMorrow));
    EXPECT_TRUE(later.empty());
  }
}

}  // namespace
}  // namespace sluice::core
