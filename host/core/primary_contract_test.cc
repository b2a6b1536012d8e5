#include "host/core/primary_contract.h"

#include <algorithm>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::core {
namespace {

using absl::CivilDay;

PrimaryContractSpec Spec() {
  return {
      {"employment", "placement"},
      {{"fte", true}, {"hours_per_week", true}, {"sequence", true}, {"end", true}, {"start", false}, {"id", false}}};
}

Contract Make(std::string id, std::string type, CivilDay start, std::optional<CivilDay> end = std::nullopt,
              Fields fields = {}) {
  Contract contract;
  contract.id = std::move(id);
  contract.type = std::move(type);
  contract.start = start;
  contract.end = end;
  contract.fields = std::move(fields);
  return contract;
}

std::string PrimaryId(std::vector<Contract> contracts, CivilDay as_of) {
  Person person;
  person.contracts = contracts;
  int index = PrimaryContract(person, Spec(), as_of);
  if (index < 0) return "none";
  std::string id = person.contracts[index].id;
  // Whatever the order in which they stand.
  std::reverse(person.contracts.begin(), person.contracts.end());
  EXPECT_EQ(person.contracts[PrimaryContract(person, Spec(), as_of)].id, id);
  return id;
}

const CivilDay kToday(2026, 11, 24);

TEST(PrimaryContract, IsAnActiveOneBeforeAFutureOneBeforeAPastOne) {
  Contract past = Make("past", "employment", CivilDay(2020, 1, 1), CivilDay(2026, 11, 23));
  Contract older = Make("older", "employment", CivilDay(2020, 1, 1), CivilDay(2026, 10, 1));
  Contract active = Make("active", "placement", CivilDay(2026, 11, 24), CivilDay(2026, 11, 24));
  Contract future = Make("future", "placement", CivilDay(2026, 11, 25));
  Contract later = Make("later", "employment", CivilDay(2027, 1, 1));
  EXPECT_EQ(PrimaryId({past, older, active, future, later}, kToday), "active");
  EXPECT_EQ(PrimaryId({past, older, future, later}, kToday), "future");
  EXPECT_EQ(PrimaryId({past, older}, kToday), "past");
  EXPECT_EQ(PrimaryId({}, kToday), "none");
}

TEST(PrimaryContract, FollowsTypesThenTheComparators) {
  auto with = [](std::string id, Fields fields, std::optional<CivilDay> end = std::nullopt,
                 CivilDay start = CivilDay(2026, 8, 1)) {
    return Make(std::move(id), "employment", start, end, std::move(fields));
  };
  Value half = Value::Number({500000});
  Value whole = Value::Integer(1);
  EXPECT_EQ(PrimaryId({with("a", {{"fte", half}}), with("b", {{"fte", whole}}), with("c", {})}, kToday), "b");
  EXPECT_EQ(PrimaryId({with("a", {}), with("b", {{"fte", Value::Empty()}}), with("c", {{"fte", half}})}, kToday), "c")
      << "missing values come last";
  EXPECT_EQ(
      PrimaryId({with("a", {{"sequence", Value::Integer(1)}}), with("b", {{"sequence", Value::Integer(2)}})}, kToday),
      "b");
  EXPECT_EQ(PrimaryId({with("a", {}, CivilDay(2027, 1, 1)), with("b", {})}, kToday), "b") << "open is the greatest end";
  EXPECT_EQ(PrimaryId({with("a", {}), with("b", {}, {}, CivilDay(2026, 1, 1))}, kToday), "b") << "start asc";
  EXPECT_EQ(PrimaryId({with("b", {}), with("a", {})}, kToday), "a") << "the id settles it";
  EXPECT_EQ(PrimaryId({Make("a", "placement", CivilDay(2026, 1, 1), {}, {{"fte", whole}}), with("z", {})}, kToday),
            "z");
  EXPECT_EQ(
      PrimaryId({Make("a", "class_group", CivilDay(2026, 1, 1)), Make("z", "placement", CivilDay(2026, 1, 1))}, kToday),
      "z")
      << "a type that is not named comes last";
}

TEST(PrimaryContract, OfSomebodyWhoMovesWithAnOverlapChangesOnce) {
  // C24, Mia: A until 22 Nov, B from 16 Nov; A is wider, so it stays until it ends.
  Contract a =
      Make("a", "placement", CivilDay(2026, 8, 1), CivilDay(2026, 11, 22), {{"hours_per_week", Value::Integer(30)}});
  Contract b = Make("b", "placement", CivilDay(2026, 11, 16), {}, {{"hours_per_week", Value::Integer(20)}});
  std::string order;
  for (CivilDay day(2026, 11, 14); day < CivilDay(2026, 11, 26); ++day) order += PrimaryId({a, b}, day);
  EXPECT_EQ(order, "aaaaaaaaabbb");
}

TEST(PrimaryContract, CountsAVanishedOneAsEnded) {
  Contract vanished = Make("vanished", "employment", CivilDay(2026, 1, 1));
  vanished.last_seen = CivilDay(2026, 11, 20);
  EXPECT_EQ(PrimaryId({vanished, Make("other", "placement", CivilDay(2026, 8, 1))}, kToday), "other");
}

TEST(PrimaryContract, CanBeAskedAmongSome) {
  Person person;
  person.contracts = {Make("a", "employment", CivilDay(2026, 1, 1)), Make("b", "placement", CivilDay(2026, 1, 1)),
                      Make("c", "placement", CivilDay(2027, 1, 1))};
  EXPECT_EQ(PrimaryContractAmong(person, {2, 1}, Spec(), kToday), 1);
  EXPECT_EQ(PrimaryContractAmong(person, {}, Spec(), kToday), -1);
}

TEST(PrimaryBreakpoints, AreTheDaysOnWhichTheAnswerCanChange) {
  Person person;
  person.contracts = {Make("a", "placement", CivilDay(2026, 8, 1), CivilDay(2026, 11, 15)),
                      Make("b", "placement", CivilDay(2026, 11, 16)),
                      Make("c", "employment", CivilDay(2026, 11, 10), CivilDay(2026, 11, 12))};
  auto days = PrimaryBreakpoints(person);
  EXPECT_THAT(days, testing::ElementsAre(CivilDay(2026, 8, 1), CivilDay(2026, 11, 10), CivilDay(2026, 11, 13),
                                         CivilDay(2026, 11, 16)));
  int before = PrimaryContract(person, Spec(), CivilDay(2026, 7, 1));
  for (CivilDay day(2026, 7, 2); day < CivilDay(2027, 1, 1); ++day) {
    int now = PrimaryContract(person, Spec(), day);
    EXPECT_TRUE(now == before || std::find(days.begin(), days.end(), day) != days.end()) << day;
    before = now;
  }
}

}  // namespace
}  // namespace sluice::core
