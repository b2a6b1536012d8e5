// C10, its whole kind: what every operator says of a field that holds, does not hold, is empty, may not be seen, or may
// be seen in one vestiging only; and what becomes of who has the permission already, and of who has not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "host/core/mapping.h"
#include "host/core/planner_test_world.h"

namespace sluice::core {
namespace {

using testing::Clause;
using testing::Equals;
using ::testing::HasSubstr;
using testing::OfKind;
using testing::SomeContract;
using testing::World;
using Kind = Condition::Kind;
using Op = TestOperator;
using Answer = Explanation::Answer;
constexpr Verdict kNo = Verdict::kFalse, kUnknown = Verdict::kUnknown, kYes = Verdict::kTrue;

Value Day(int month) { return Value::Date(absl::CivilDay(2026, month, 15)); }

// One operator with one type of value: values for which it is true and false, and what it says of an empty one.
struct Row {
  Op op;
  std::vector<Value> operands;
  Value holds, fails;
  Verdict of_empty;
};

std::vector<Row> Rows() {
  const auto text = [](const char* t) { return Value::Text(t); };
  const auto number = [](int64_t n) { return Value::Integer(n); };
  const auto list = [](const char* item) { return Value::ListOf({Value::Text(item)}); };
  const Value yes = Value::Flag(true), no = Value::Flag(false), ref = Value::Ref({"vak", "v1"});
  return {
      {Op::kEq, {yes}, yes, no, kNo},
      {Op::kEq, {text("ja")}, text("ja"), text("nee"), kNo},
      {Op::kEq, {number(4)}, number(4), number(5), kNo},
      {Op::kEq, {Day(6)}, Day(6), Day(7), kNo},
      {Op::kEq, {text("v1")}, ref, Value::Ref({"vak", "v2"}), kNo},
      {Op::kEq, {text("ja")}, list("ja"), list("nee"), kNo},
      {Op::kNe, {yes}, no, yes, kYes},
      {Op::kNe, {text("ja")}, text("nee"), text("ja"), kYes},
      {Op::kNe, {number(4)}, number(5), number(4), kYes},
      {Op::kNe, {Day(6)}, Day(7), Day(6), kYes},
      {Op::kNe, {text("ja")}, list("nee"), list("ja"), kYes},
      {Op::kIn, {text("ja"), text("soms")}, text("soms"), text("nee"), kNo},
      {Op::kIn, {number(4), number(5)}, number(5), number(6), kNo},
      {Op::kNotIn, {text("ja"), text("soms")}, text("nee"), text("soms"), kYes},
      {Op::kNotIn, {number(4), number(5)}, number(6), number(5), kYes},
      {Op::kPrefix, {text("h4")}, text("h4.bio"), text("v4.bio"), kNo},
      {Op::kSuffix, {text("bio")}, text("h4.bio"), text("h4.ne"), kNo},
      {Op::kContains, {text(".b")}, text("h4.bio"), text("h4.ne"), kNo},
      {Op::kContains, {text("ja")}, list("ja"), list("nee"), kNo},
      {Op::kRegex, {text("h[45].*")}, text("h4.bio"), text("v4.bio"), kNo},
      {Op::kEmpty, {}, Value::Empty(), text("ja"), kYes},
      {Op::kPresent, {}, text("ja"), Value::Empty(), kNo},
      {Op::kLt, {number(4)}, number(3), number(4), kNo},
      {Op::kLe, {number(4)}, number(4), number(5), kNo},
      {Op::kGt, {number(4)}, number(5), number(4), kNo},
      {Op::kGe, {number(4)}, number(4), number(3), kNo},
      {Op::kBetween, {number(4), number(6)}, number(6), number(7), kNo},
      {Op::kLt, {Day(6)}, Day(5), Day(6), kNo},
      {Op::kGe, {Day(6)}, Day(6), Day(5), kNo},
      {Op::kBetween, {Day(6), Day(8)}, Day(8), Day(9), kNo},
  };
}

std::string NameOf(const Row& row) {
  return absl::StrCat(std::string(TestOperatorName(row.op)), " ", row.operands.empty() ? "" : row.operands[0].ToText());
}

struct Sight {
  const char* name;
  Value value;
  Verdict verdict;
};
std::vector<Sight> SightsOf(const Row& row) {
  return {{"holds", row.holds, kYes},
          {"fails", row.fails, kNo},
          {"granted and empty", Value::Empty(), row.of_empty},
          {"not granted", Value::NotVisible(), kUnknown}};
}

Verdict Opposite(Verdict verdict) { return verdict == kUnknown ? verdict : verdict == kYes ? kNo : kYes; }

void Set(Fields& fields, const Value& value) {
  fields.erase("custom.x");
  if (value.is_visible()) fields["custom.x"] = value;
}

Condition Count(Condition child, Op op, std::vector<int64_t> counts) {
  Condition count = OfKind(Kind::kCountContracts, {std::move(child)}, 1);
  count.count_op = op;
  count.counts = std::move(counts);
  return count;
}

// A person with one placement, and perhaps a second one of another vestiging.
class Seen {
 public:
  explicit Seen(int contracts) {
    Person& person = world_.AddPerson("1", "Noor", "Zwaluw");
    for (int i = 0; i < contracts; ++i)
      world_.AddContract(person, "placement", absl::StrCat("H", i), absl::CivilDay(2026, 8, 1));
  }
  Person& person() { return world_.Find("1"); }
  Verdict Ask(Condition condition) {
    const std::vector<bool> in_window(person().contracts.size(), true);
    const Subject subject{&person(), &in_window, 0, -1, absl::CivilDay(2026, 11, 24)};
    const Verdict plain = Evaluate(condition, subject);
    EXPECT_TRUE(Compile(condition).ok());
    EXPECT_EQ(Evaluate(condition, subject), plain);
    if (plain != kUnknown) return plain;
    for (const ClauseResult& clause : Explain(condition, subject)) {
      if (clause.verdict != kUnknown) continue;
      EXPECT_THAT(clause.text, HasSubstr("custom.x is not visible"));
    }
    return plain;
  }

 private:
  World world_;
};

TEST(EveryOperator, SaysTheSameOfAPersonsFieldHoweverItIsAsked) {
  for (const Row& row : Rows()) {
    for (const Sight& sight : SightsOf(row)) {
      const std::string name = absl::StrCat(NameOf(row), ", ", sight.name);
      Seen seen(1);
      Set(seen.person().fields, sight.value);
      const Condition test = Clause("person.custom.x", row.op, row.operands);
      EXPECT_EQ(seen.Ask(test), sight.verdict) << name;
      EXPECT_EQ(seen.Ask(OfKind(Kind::kNot, {test}, 1)), Opposite(sight.verdict)) << name;
      EXPECT_EQ(seen.Ask(OfKind(Kind::kNot, {OfKind(Kind::kNot, {test}, 1)}, 1)), sight.verdict) << name;
      EXPECT_EQ(seen.Ask(OfKind(Kind::kAll, {Equals("person.name.nick", "Noor"), test}, 1)), sight.verdict) << name;
      EXPECT_EQ(seen.Ask(OfKind(Kind::kAny, {Equals("person.name.nick", "Sem"), test}, 1)), sight.verdict) << name;
      EXPECT_EQ(seen.Ask(OfKind(Kind::kAll, {Equals("person.name.nick", "Sem"), test}, 1)), kNo) << name;
      EXPECT_EQ(seen.Ask(OfKind(Kind::kAny, {Equals("person.name.nick", "Noor"), test}, 1)), kYes) << name;
    }
  }
}

TEST(EveryOperator, SaysTheSameOfAContractsFieldThroughEveryQuantifier) {
  for (const Row& row : Rows()) {
    for (const Sight& sight : SightsOf(row)) {
      const std::string name = absl::StrCat(NameOf(row), ", ", sight.name);
      Seen seen(1);
      Set(seen.person().contracts[0].fields, sight.value);
      const Condition test = Clause("contract.custom.x", row.op, row.operands);
      for (const Kind kind : {Kind::kSomeContract, Kind::kEveryContract, Kind::kPrimaryContract})
        EXPECT_EQ(seen.Ask(OfKind(kind, {test}, 1)), sight.verdict) << name;
      EXPECT_EQ(seen.Ask(OfKind(Kind::kNoContract, {test}, 1)), Opposite(sight.verdict)) << name;
      EXPECT_EQ(seen.Ask(Count(test, Op::kGe, {1})), sight.verdict) << name;
      EXPECT_EQ(seen.Ask(Count(test, Op::kEq, {0})), Opposite(sight.verdict)) << name;
      EXPECT_EQ(seen.Ask(Count(test, Op::kLe, {1})), kYes) << name << ", whatever is hidden";
    }
  }
}

// Two placements; what the second vestiging says may not be seen.
TEST(EveryOperator, OfAContractThatOneVestigingHidesIsCertainOnlyWhereTheOtherDecides) {
  for (const Row& row : Rows()) {
    for (const Sight& sight : SightsOf(row)) {
      const std::string name = absl::StrCat(NameOf(row), ", ", sight.name);
      Seen seen(2);
      Set(seen.person().contracts[0].fields, sight.value);
      const Condition test = Clause("contract.custom.x", row.op, row.operands);
      const Verdict some = sight.verdict == kYes ? kYes : kUnknown, every = sight.verdict == kNo ? kNo : kUnknown;
      EXPECT_EQ(seen.Ask(OfKind(Kind::kSomeContract, {test}, 1)), some) << name;
      EXPECT_EQ(seen.Ask(OfKind(Kind::kEveryContract, {test}, 1)), every) << name;
      EXPECT_EQ(seen.Ask(OfKind(Kind::kNoContract, {test}, 1)), Opposite(some)) << name;
      EXPECT_EQ(seen.Ask(Count(test, Op::kGe, {1})), some) << name;
      EXPECT_EQ(seen.Ask(Count(test, Op::kGe, {2})), every) << name;
      EXPECT_EQ(seen.Ask(Count(test, Op::kLe, {2})), kYes) << name;
    }
  }
}

// A pupil whom two vestigingen have: the value is that of the one which shows it, in whichever order they come.
TEST(EveryOperator, OfAPersonsFieldThatOneVestigingHidesSaysWhatTheOtherShows) {
  SystemSpec system;
  system.name = "somtoday";
  system.is_source = true;
  system.persons = {{"leerling",
                     {{"name.display", testing::Parsed("{leerling.roepnaam}"), {}},
                      {"custom.x", testing::Parsed("{leerling.x}"), {}}}}};
  for (const Row& row : Rows()) {
    for (const Sight& sight : SightsOf(row)) {
      for (const char* scope : {"a", "b"}) {
        RawSet set;
        for (const char* vestiging : {"a", "b"}) {
          RawRecord raw;
          raw.record = {vestiging, "leerling", "1", "", {{"roepnaam", Value::Text("Noor")}}};
          if (*vestiging == *scope && sight.value.is_visible()) raw.record.attributes["x"] = sight.value;
          set[{vestiging, "leerling", "1"}] = raw;
        }
        const MappingResult mapped = MapPersons("somtoday", system, set, {});
        ASSERT_EQ(mapped.persons.size(), 1u);
        const std::vector<bool> none;
        const Subject subject{&mapped.persons[0], &none, -1, -1, absl::CivilDay(2026, 11, 24)};
        EXPECT_EQ(Evaluate(Clause("person.custom.x", row.op, row.operands), subject), sight.verdict)
            << NameOf(row) << ", " << sight.name << ", shown by " << scope;
      }
    }
  }
}

// Of the five pupils: yes gives, no takes away, unknown does neither and says so in words.
TEST(EveryOperator, GivesTakesOrLeavesAPermission) {
  for (const Row& row : Rows()) {
    for (const Sight& sight : SightsOf(row)) {
      for (const bool is_held : {false, true}) {
        const std::string name = absl::StrCat(NameOf(row), ", ", sight.name, is_held ? ", held" : ", not held");
        World world;
        world.NoLimits();
        world.configuration.rules.pop_back();  // Of class groups.
        world.AddGroup("g", "laptop-uitleen");
        Rule& rule = world.AddRule("Laptops", Equals("person.name.nick", "Noor"), {"ad/group:laptop-uitleen"});
        world.AddPupil("1", "Noor", "Zwaluw");
        const Condition when = OfKind(
            Kind::kAll,
            {SomeContract({Equals("contract.type", "placement")}), Clause("person.custom.x", row.op, row.operands)}, 1);
        if (!is_held) rule.when = Equals("person.name.nick", "nobody");
        world.Run();
        world.Run();
        rule.when = when;
        ASSERT_TRUE(Compile(rule.when).ok());
        Set(world.Find("1").fields, sight.value);
        const std::vector<std::string> expected =
            sight.verdict == kYes && !is_held ? std::vector<std::string>{"grant 1 group laptop-uitleen"}
            : sight.verdict == kNo && is_held ? std::vector<std::string>{"revoke 1 group laptop-uitleen"}
                                              : std::vector<std::string>{};
        EXPECT_EQ(world.Lines(world.Make()), expected) << name;
        const auto why = Explain(world.Input(), world.Find("1").id, "ad/group:laptop-uitleen");
        ASSERT_TRUE(why.ok()) << why.status();
        EXPECT_EQ(why->answer, sight.verdict == kYes       ? Answer::kGranted
                               : sight.verdict == kUnknown ? Answer::kUnknown
                               : is_held                   ? Answer::kHeldNoLonger
                                                           : Answer::kNotGranted)
            << name;
        if (sight.verdict != kUnknown) continue;
        EXPECT_EQ(why->note, is_held ? "unknown; what is held is kept" : "unknown; nothing new is given") << name;
        ASSERT_FALSE(why->missed.empty());
        EXPECT_EQ(why->missed[0].clauses.back().text, "custom.x is not visible") << name;
      }
    }
  }
}

}  // namespace
}  // namespace sluice::core
