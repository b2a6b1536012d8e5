#include "host/core/evaluation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "host/core/planner_test_world.h"
#include "host/core/text.h"

namespace sluice::core {
namespace {

using testing::Clause;
using ::testing::ElementsAre;
using testing::Equals;
using ::testing::IsEmpty;
using testing::OfKind;
using testing::SomeContract;
using testing::World;

std::string Day(absl::CivilDay day) { return day == kFirstDay || day == kLastDay ? "" : DateText(day); }

// "account 2026-07-18..: true (0)" for each interval; in brackets the contracts' types.
std::vector<std::string> Lines(const World& world, const Person& person) {
  std::vector<std::string> lines;
  for (const EntitlementIntervals& intervals : EvaluatePerson(person, world.configuration)) {
    for (const SupportedInterval& interval : intervals.intervals) {
      std::vector<std::string> supports;
      for (const Support& support : interval.supports) {
        supports.push_back(support.contract < 0 ? "-" : person.contracts[support.contract].type);
      }
      lines.push_back(absl::StrCat(intervals.entitlement, " ", Day(interval.from), "..", Day(interval.until),
                                   interval.verdict == Verdict::kTrue ? "" : "?", " ", absl::StrJoin(supports, ",")));
    }
  }
  return lines;
}

TEST(Evaluation, WindowsReachBeforeStartAndAfterEndBothInclusive) {
  World world;
  world.FindRule("Pupils have an account").after_end_days = 7;
  Person& person = world.AddPerson("1", "Noor", "Zwaluw");
  world.AddContract(person, "placement", "H4D", absl::CivilDay(2026, 11, 24), absl::CivilDay(2027, 7, 31));
  EXPECT_THAT(Lines(world, person),
              ElementsAre("access 2026-11-24..2027-07-31 placement", "account 2026-11-10..2027-08-07 placement"));
}

TEST(Evaluation, AnOpenContractHasNoLastDay) {
  World world;
  Person& person = world.AddPerson("1", "Noor", "Zwaluw");
  world.AddContract(person, "class_group", "h4.bio2", absl::CivilDay(2026, 8, 1));
  EXPECT_THAT(Lines(world, person), ElementsAre("class group:id-h4.bio2 2026-08-01.. class_group"));
}

TEST(Evaluation, TwoContractsThatJoinGiveOneUnbrokenAccess) {
  World world;
  Person& person = world.AddPerson("1", "Sem", "Bakker");
  world.AddContract(person, "placement", "A", absl::CivilDay(2026, 8, 1), absl::CivilDay(2026, 11, 15));
  world.AddContract(person, "placement", "B", absl::CivilDay(2026, 11, 16));
  for (const EntitlementIntervals& intervals : EvaluatePerson(person, world.configuration)) {
    for (size_t i = 1; i < intervals.intervals.size(); ++i) {
      EXPECT_EQ(intervals.intervals[i].from, intervals.intervals[i - 1].until + 1) << intervals.entitlement;
    }
    EXPECT_EQ(intervals.intervals.back().until, kLastDay);
  }
}

TEST(Evaluation, AGapBetweenTwoContractsIsAGapInAccess) {
  World world;
  Person& person = world.AddPerson("1", "Daan", "Bakker");
  world.AddContract(person, "placement", "A", absl::CivilDay(2026, 8, 1), absl::CivilDay(2026, 11, 13));
  world.AddContract(person, "placement", "B", absl::CivilDay(2026, 11, 16));
  EXPECT_THAT(Lines(world, person),
              ::testing::IsSupersetOf({"access 2026-08-01..2026-11-13 placement", "access 2026-11-16.. placement"}));
}

TEST(Evaluation, AVanishedContractEndsOnTheDayItWasLastSeen) {
  World world;
  Person& person = world.AddPerson("1", "Mia", "Bakker");
  world.AddContract(person, "placement", "A", absl::CivilDay(2026, 8, 1)).last_seen = absl::CivilDay(2026, 11, 20);
  EXPECT_THAT(Lines(world, person),
              ElementsAre("access 2026-08-01..2026-11-20 placement", "account 2026-07-18..2026-11-20 placement"));
}

TEST(Evaluation, AVanishedPersonKeepsEverythingForTheGrace) {
  World world;
  world.configuration.systems["somtoday"].vanish_grace_days = 7;
  Person& person = world.AddPerson("1", "Mia", "Bakker");
  world.AddContract(person, "placement", "A", absl::CivilDay(2026, 8, 1)).last_seen = absl::CivilDay(2026, 11, 20);
  person.last_seen = absl::CivilDay(2026, 11, 20);
  EXPECT_THAT(Lines(world, person),
              ElementsAre("access 2026-08-01..2026-11-27 placement", "account 2026-07-18..2026-11-27 placement"));
}

TEST(Evaluation, TheGraceOfAVanishedPersonNeverOutlivesTheContract) {
  World world;
  Person& person = world.AddPerson("1", "Mia", "Bakker");
  world.AddContract(person, "placement", "A", absl::CivilDay(2026, 8, 1), absl::CivilDay(2026, 11, 22));
  person.last_seen = absl::CivilDay(2026, 11, 20);
  EXPECT_THAT(Lines(world, person),
              ElementsAre("access 2026-08-01..2026-11-22 placement", "account 2026-07-18..2026-11-22 placement"));
}

TEST(Evaluation, ARuleThatSpeaksOfThePersonOnlyEndsWhenThePersonVanishes) {
  World world;
  world.AddRule("Everybody named Bakker", Equals("person.name.family_all", "Bakker"), {"ad/group:bakkers"});
  Person& person = world.AddPerson("1", "Mia", "Bakker");
  EXPECT_THAT(Lines(world, person), ElementsAre("group:bakkers .. -"));
  person.last_seen = absl::CivilDay(2026, 11, 20);
  EXPECT_THAT(Lines(world, person), ElementsAre("group:bakkers ..2026-11-27 -"));
}

TEST(Evaluation, AFieldThatIsNotVisibleMakesTheRuleUnknownAndNotFalse) {
  World world;
  world.configuration.rules.clear();
  world.AddRule("Laptops",
                OfKind(Condition::Kind::kAll,
                       {SomeContract({Equals("contract.type", "placement")}),
                        OfKind(Condition::Kind::kNot,
                               {Clause("person.custom.geen_laptop", TestOperator::kEq, {Value::Flag(true)})})}),
                {"ad/group:laptop-uitleen"});
  struct Row {
    Value field;
    std::vector<std::string> lines;
  };
  const Row rows[] = {{Value::Flag(true), {}},
                      {Value::Flag(false), {"group:laptop-uitleen 2026-08-01.. placement"}},
                      {Value::Empty(), {"group:laptop-uitleen 2026-08-01.. placement"}},
                      {Value::NotVisible(), {"group:laptop-uitleen 2026-08-01..? -"}}};
  Person& person = world.AddPerson("1", "Noor", "Zwaluw");
  world.AddContract(person, "placement", "H4D", absl::CivilDay(2026, 8, 1));
  for (const Row& row : rows) {
    person.fields["custom.geen_laptop"] = row.field;
    if (!row.field.is_visible()) person.fields.erase("custom.geen_laptop");
    EXPECT_EQ(Lines(world, person), row.lines);
  }
}

TEST(Evaluation, ADemandedValueThatIsNotVisibleIsNeverPassedOver) {
  World world;
  world.configuration.rules.clear();
  world.AddRule("Lyceum", SomeContract({Equals("contract.location.code", "31XY00")}), {"ad/group:lyceum"});
  Person& person = world.AddPerson("1", "Noor", "Zwaluw");
  Contract& contract = world.AddContract(person, "placement", "H4D", absl::CivilDay(2026, 8, 1));
  contract.fields.erase("location.code");
  EXPECT_THAT(Lines(world, person), ElementsAre("group:lyceum 2026-08-01..? -"));
  contract.fields["location.code"] = Value::Empty();
  EXPECT_THAT(Lines(world, person), IsEmpty());
  contract.fields["location.code"] = Value::Text("31XY01");
  EXPECT_THAT(Lines(world, person), IsEmpty());
}

TEST(Evaluation, AResourceWithoutAVisibleKeyIsUnknownWhich) {
  World world;
  Person& person = world.AddPerson("1", "Noor", "Zwaluw");
  world.AddContract(person, "class_group", "h4.bio2", absl::CivilDay(2026, 8, 1)).fields.erase("department.id");
  EXPECT_THAT(Lines(world, person), ElementsAre("class group: 2026-08-01..? class_group"));
}

TEST(Evaluation, AContractThatARuleCannotJudgeKeepsItsOwnInstance) {
  World world;
  world.configuration.rules.clear();
  world.AddRule("Groups",
                SomeContract({Equals("contract.type", "class_group"), Equals("contract.custom.soort", "les")}),
                {"ad/class group"});
  Person& person = world.AddPerson("1", "Noor", "Zwaluw");
  world.AddContract(person, "class_group", "a", absl::CivilDay(2026, 8, 1)).fields["custom.soort"] = Value::Text("les");
  world.AddContract(person, "class_group", "b", absl::CivilDay(2026, 8, 1));
  EXPECT_THAT(Lines(world, person),
              ElementsAre("class group:id-a 2026-08-01.. class_group", "class group:id-b 2026-08-01..? class_group"));
}

TEST(Evaluation, DaysRelativeToTodayAreBreakpoints) {
  World world;
  world.configuration.rules.clear();
  Condition soon = Clause("person.custom.birth_date", TestOperator::kLe, {}, 3);
  soon.operands.push_back({Value(), true, -18 * 365});
  world.AddRule("Adults", soon, {"ad/group:adults"});
  Person& person = world.AddPerson("1", "Noor", "Zwaluw");
  person.fields["custom.birth_date"] = Value::Date(absl::CivilDay(2009, 1, 1));
  EXPECT_THAT(Lines(world, person),
              ElementsAre(absl::StrCat("group:adults ", DateText(absl::CivilDay(2009, 1, 1) + 18 * 365), ".. -")));
}

TEST(Evaluation, AChangeOfThePrimaryContractIsABreakpoint) {
  World world;
  world.configuration.rules.clear();
  world.AddRule("Main place A", OfKind(Condition::Kind::kPrimaryContract, {Equals("contract.department.code", "A")}),
                {"ad/group:a"});
  Person& person = world.AddPerson("1", "Noor", "Zwaluw");
  world.AddContract(person, "placement", "A", absl::CivilDay(2026, 8, 1), absl::CivilDay(2026, 12, 31));
  world.AddContract(person, "employment", "B", absl::CivilDay(2026, 10, 1), absl::CivilDay(2026, 10, 31));
  EXPECT_THAT(Lines(world, person),
              ElementsAre("group:a 2026-08-01..2026-09-30 placement", "group:a 2026-11-01..2026-12-31 placement"));
}

TEST(Evaluation, TheSameAnswerComesWithoutTheIndex) {
  // Every rule once as it is, once hidden from the index by a double negation.
  World plain, hidden;
  plain.configuration.rules.clear();
  hidden.configuration.rules.clear();
  const auto add = [&](const std::string& name, const Condition& when) {
    plain.AddRule(name, when, {absl::StrCat("ad/group:", name)});
    hidden.AddRule(name, OfKind(Condition::Kind::kNot, {OfKind(Condition::Kind::kNot, {when})}),
                   {absl::StrCat("ad/group:", name)});
  };
  add("code",
      SomeContract({Clause("contract.department.code", TestOperator::kIn, {Value::Text("a"), Value::Text("B")})}));
  add("type", SomeContract({Equals("contract.type", "placement")}));
  add("name", Equals("person.name.nick", "noor"));
  add("list", SomeContract({Equals("contract.custom.list", "x")}));
  for (const std::string nick : {"Noor", "noor", "Sem"}) {
    for (const std::string code : {"A", "b", "C"}) {
      Person& person = plain.AddPerson("1", nick, "Zwaluw");
      Contract& contract = plain.AddContract(person, "placement", code, absl::CivilDay(2026, 8, 1));
      contract.fields["custom.list"] = Value::ListOf({Value::Text("x"), Value::Text("y")});
      const auto verdicts = [&](const World& world) {
        std::vector<std::string> lines;
        for (const EntitlementIntervals& intervals : EvaluatePerson(person, world.configuration)) {
          for (const SupportedInterval& interval : intervals.intervals) {
            lines.push_back(
                absl::StrCat(intervals.entitlement, DateText(interval.from), static_cast<int>(interval.verdict)));
          }
        }
        return lines;
      };
      // Outside of a window the doubly negated rule is the same: both see no contract.
      EXPECT_EQ(verdicts(plain), verdicts(hidden)) << nick << " " << code;
    }
  }
}

}  // namespace
}  // namespace sluice::core
