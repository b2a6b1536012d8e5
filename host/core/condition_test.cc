#include "host/core/condition.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::core {
namespace {

using Kind = Condition::Kind;
using Op = TestOperator;
using testing::ElementsAre;
using testing::HasSubstr;
constexpr Verdict kNo = Verdict::kFalse, kUnknown = Verdict::kUnknown, kYes = Verdict::kTrue;

Operand Is(Value value) { return {std::move(value), false, 0}; }
Operand Today(int64_t days) { return {Value(), true, days}; }

Condition Clause(std::string path, Op op, std::vector<Operand> operands = {}) {
  Condition test;
  test.kind = Kind::kTest;
  test.path = std::move(path);
  test.op = op;
  test.operands = std::move(operands);
  test.position = {"rules/pupils.yaml", 13, 7};
  return test;
}
Condition Eq(std::string path, const char* text) { return Clause(std::move(path), Op::kEq, {Is(Value::Text(text))}); }

Condition Node(Kind kind, std::vector<Condition> children) {
  Condition node;
  node.kind = kind;
  node.children = std::move(children);
  node.position = {"rules/pupils.yaml", 10, 3};
  return node;
}

Contract MakeContract(std::string id, std::string type, Fields fields) {
  Contract contract;
  contract.id = std::move(id);
  contract.type = std::move(type);
  contract.start = absl::CivilDay(2026, 8, 1);
  contract.fields = std::move(fields);
  return contract;
}

Person Noor() {
  Person person;
  person.id = "p1";
  person.fields = {{"custom.yes", Value::Flag(true)},
                   {"custom.no", Value::Flag(false)},
                   {"custom.empty", Value::Empty()},
                   {"name.nick", Value::Text("Noor")},
                   {"custom.number", Value::Integer(4)},
                   {"custom.fte", Value::Number({800000})},
                   {"custom.day", Value::Date(absl::CivilDay(2026, 11, 24))},
                   {"custom.list", Value::ListOf({Value::Text("a"), Value::Text("b")})},
                   {"custom.partial", Value::PartialListOf({Value::Text("a")})},
                   {"custom.none", Value::ListOf({})},
                   {"custom.ref", Value::Ref({"vak", "v1"})},
                   {"custom.map", Value::MapOf({})}};
  person.contracts = {
      MakeContract("c0", "class_group", {{"location.code", Value::Text("31XY00")}}),
      MakeContract("c1", "placement",
                   {{"location.code", Value::Text("31XY01")}, {"custom.leerjaar", Value::Integer(4)}}),
      MakeContract("c2", "placement", {{"location.code", Value::Text("31XY02")}}),
  };
  person.contracts[1].end = absl::CivilDay(2027, 7, 31);
  person.contracts[2].fields[Contract::kEndIsHidden] = Value::Flag(true);
  return person;
}

struct World {
  Person person = Noor();
  std::vector<bool> in_window = {true, true, true};
  Subject subject;
  World() {
    subject.person = &person;
    subject.in_window = &in_window;
    subject.today = absl::CivilDay(2026, 11, 24);
  }
  // Compiled and not, which must be the same.
  Verdict Ask(Condition condition) {
    Verdict plain = Evaluate(condition, subject);
    EXPECT_TRUE(Compile(condition).ok());
    EXPECT_EQ(Evaluate(condition, subject), plain);
    return plain;
  }
};

// C10: true, false, granted but empty, not granted, and the field that nobody ever had.
TEST(Condition, GivesTheFixedTableOfVerdictsForAFieldThatIsEmptyOrNotVisible) {
  struct Row {
    const char* name;
    Condition test;
    Verdict is_true, is_false, is_empty, is_not_visible;
  };
  auto test = [](Op op, std::vector<Operand> operands) { return Clause("person.custom.x", op, std::move(operands)); };
  Operand yes = Is(Value::Flag(true));
  Row rows[] = {
      {"not eq", Node(Kind::kNot, {test(Op::kEq, {yes})}), kNo, kYes, kYes, kUnknown},
      {"eq", test(Op::kEq, {yes}), kYes, kNo, kNo, kUnknown},
      {"ne", test(Op::kNe, {yes}), kNo, kYes, kYes, kUnknown},
      {"in", test(Op::kIn, {yes}), kYes, kNo, kNo, kUnknown},
      {"notin", test(Op::kNotIn, {yes}), kNo, kYes, kYes, kUnknown},
      {"empty", test(Op::kEmpty, {}), kNo, kNo, kYes, kUnknown},
      {"present", test(Op::kPresent, {}), kYes, kYes, kNo, kUnknown},
      {"lt", test(Op::kLt, {Is(Value::Integer(1))}), kUnknown, kUnknown, kNo, kUnknown},
      {"prefix", test(Op::kPrefix, {Is(Value::Text("t"))}), kUnknown, kUnknown, kNo, kUnknown},
      {"between", test(Op::kBetween, {Is(Value::Integer(1)), Is(Value::Integer(2))}), kUnknown, kUnknown, kNo,
       kUnknown},
  };
  for (const Row& row : rows) {
    auto verdict = [&](Value value) {
      World world;
      world.person.fields["custom.x"] = std::move(value);
      return world.Ask(row.test);
    };
    EXPECT_EQ(verdict(Value::Flag(true)), row.is_true) << row.name;
    EXPECT_EQ(verdict(Value::Flag(false)), row.is_false) << row.name;
    EXPECT_EQ(verdict(Value::Empty()), row.is_empty) << row.name;
    EXPECT_EQ(verdict(Value::NotVisible()), row.is_not_visible) << row.name;
    EXPECT_EQ(World().Ask(row.test), row.is_not_visible) << row.name << ", a field that nobody has";
  }
}

TEST(Condition, ComparesEachKindWithItsOwn) {
  struct Row {
    Condition test;
    Verdict verdict;
  };
  auto text = [](const char* t) { return Is(Value::Text(t)); };
  auto number = [](int64_t n) { return Is(Value::Integer(n)); };
  auto decimal = [](int64_t millionths) { return Is(Value::Number({millionths})); };
  auto day = [](int y, int m, int d) { return Is(Value::Date(absl::CivilDay(y, m, d))); };
  Row rows[] = {
      {Clause("person.name.nick", Op::kEq, {text("Noor")}), kYes},
      {Clause("person.name.nick", Op::kEq, {text("noor")}), kNo},
      {Clause("person.name.nick", Op::kIn, {text("Sem"), text("Noor")}), kYes},
      {Clause("person.name.nick", Op::kNotIn, {text("Sem")}), kYes},
      {Clause("person.name.nick", Op::kEq, {number(4)}), kUnknown},
      {Clause("person.name.nick", Op::kIn, {number(4), text("Noor")}), kYes},
      {Clause("person.name.nick", Op::kIn, {number(4), text("Sem")}), kUnknown},
      {Clause("person.name.nick", Op::kPrefix, {text("No")}), kYes},
      {Clause("person.name.nick", Op::kSuffix, {text("no")}), kNo},
      {Clause("person.name.nick", Op::kContains, {text("oo")}), kYes},
      {Clause("person.name.nick", Op::kRegex, {text("N.*r")}), kYes},
      {Clause("person.name.nick", Op::kRegex, {text("o+")}), kNo},
      {Clause("person.name.nick", Op::kGe, {text("A")}), kUnknown},
      {Clause("person.custom.number", Op::kGe, {number(4)}), kYes},
      {Clause("person.custom.number", Op::kGt, {number(4)}), kNo},
      {Clause("person.custom.number", Op::kLt, {decimal(4500000)}), kYes},
      {Clause("person.custom.number", Op::kEq, {decimal(4000000)}), kYes},
      {Clause("person.custom.number", Op::kBetween, {number(1), number(4)}), kYes},
      {Clause("person.custom.number", Op::kBetween, {number(5), number(9)}), kNo},
      {Clause("person.custom.number", Op::kEq, {text("4")}), kUnknown},
      {Clause("person.custom.number", Op::kPrefix, {text("4")}), kUnknown},
      {Clause("person.custom.fte", Op::kLe, {decimal(800000)}), kYes},
      {Clause("person.custom.fte", Op::kLt, {number(1)}), kYes},
      {Clause("person.custom.day", Op::kEq, {day(2026, 11, 24)}), kYes},
      {Clause("person.custom.day", Op::kEq, {text("2026-11-24")}), kYes},
      {Clause("person.custom.day", Op::kLt, {text("soon")}), kUnknown},
      {Clause("person.custom.day", Op::kLe, {Today(0)}), kYes},
      {Clause("person.custom.day", Op::kLt, {Today(0)}), kNo},
      {Clause("person.custom.day", Op::kBetween, {Today(-1), Today(1)}), kYes},
      {Clause("person.custom.number", Op::kLe, {Today(0)}), kUnknown},
      {Clause("person.custom.list", Op::kEq, {text("b")}), kYes},
      {Clause("person.custom.list", Op::kContains, {text("b")}), kYes},
      {Clause("person.custom.list", Op::kContains, {text("c")}), kNo},
      {Clause("person.custom.list", Op::kNe, {text("b")}), kNo},
      {Clause("person.custom.list", Op::kPrefix, {text("b")}), kYes},
      {Clause("person.custom.partial", Op::kEq, {text("a")}), kYes},
      {Clause("person.custom.partial", Op::kEq, {text("z")}), kUnknown},
      {Clause("person.custom.partial", Op::kPresent), kYes},
      {Clause("person.custom.none", Op::kEmpty), kYes},
      {Clause("person.custom.none", Op::kEq, {text("z")}), kNo},
      {Clause("person.custom.ref", Op::kEq, {text("v1")}), kYes},
      {Clause("person.custom.map", Op::kEq, {text("v1")}), kUnknown},
      {Clause("custom.number", Op::kEq, {number(4)}), kUnknown},
      {Clause("contract.type", Op::kEq, {text("placement")}), kUnknown},  // Of no contract.
  };
  for (const Row& row : rows) {
    EXPECT_EQ(World().Ask(row.test), row.verdict) << row.test.path << " " << TestOperatorName(row.test.op);
  }
}

TEST(Condition, ReadsTypeStartAndEndOfAContract) {
  World world;
  auto of = [&](int contract, Condition test) {
    world.subject.contract = contract;
    return world.Ask(std::move(test));
  };
  auto until = [](int y) { return Is(Value::Date(absl::CivilDay(y, 7, 31))); };
  EXPECT_EQ(of(1, Eq("contract.type", "placement")), kYes);
  EXPECT_EQ(of(1, Clause("contract.type", Op::kNe, {Is(Value::Text("placement"))})), kNo);
  EXPECT_EQ(of(1, Clause("contract.type", Op::kRegex, {Is(Value::Text("pla.*"))})), kYes);
  EXPECT_EQ(of(1, Clause("contract.start", Op::kLe, {Today(0)})), kYes);
  EXPECT_EQ(of(1, Clause("contract.start", Op::kIn, {Is(Value::Text("2026-08-01"))})), kYes);
  EXPECT_EQ(of(1, Clause("contract.end", Op::kLe, {until(2027)})), kYes);
  EXPECT_EQ(of(0, Clause("contract.end", Op::kEmpty)), kYes) << "open";
  EXPECT_EQ(of(0, Clause("contract.end", Op::kLe, {until(2027)})), kNo);
  EXPECT_EQ(of(2, Clause("contract.end", Op::kEmpty)), kUnknown) << "not visible";
  world.person.contracts[1].last_seen = absl::CivilDay(2026, 11, 1);
  EXPECT_EQ(of(1, Clause("contract.end", Op::kLt, {Today(0)})), kYes) << "vanished";
}

TEST(Condition, FollowsKleene) {
  World world;
  Condition yes = Clause("person.custom.yes", Op::kPresent);
  Condition no = Clause("person.custom.yes", Op::kEmpty);
  Condition unknown = Clause("person.custom.hidden", Op::kPresent);
  EXPECT_EQ(world.Ask(Node(Kind::kAll, {})), kYes);
  EXPECT_EQ(world.Ask(Node(Kind::kAny, {})), kNo);
  EXPECT_EQ(world.Ask(Node(Kind::kAll, {yes, unknown})), kUnknown);
  EXPECT_EQ(world.Ask(Node(Kind::kAll, {unknown, no})), kNo);
  EXPECT_EQ(world.Ask(Node(Kind::kAny, {unknown, no})), kUnknown);
  EXPECT_EQ(world.Ask(Node(Kind::kAny, {unknown, yes})), kYes);
  EXPECT_EQ(world.Ask(Node(Kind::kNot, {unknown})), kUnknown);
}

TEST(Condition, SpeaksOfOneAndTheSameContractInItsWindow) {
  World world;
  auto some = [](Condition a, Condition b) { return Node(Kind::kSomeContract, {Node(Kind::kAll, {a, b})}); };
  Condition placement = Eq("contract.type", "placement");
  EXPECT_EQ(world.Ask(some(placement, Eq("contract.location.code", "31XY00"))), kNo);
  EXPECT_EQ(world.Ask(some(placement, Eq("contract.location.code", "31XY01"))), kYes);
  world.in_window[1] = false;
  EXPECT_EQ(world.Ask(some(placement, Eq("contract.location.code", "31XY01"))), kNo);
  Condition fourth = Clause("contract.custom.leerjaar", Op::kGe, {Is(Value::Integer(4))});
  EXPECT_EQ(world.Ask(some(placement, fourth)), kUnknown) << "the placement that is left does not show its year";
}

TEST(Condition, HasFiveQuantifiers) {
  World world;
  Condition placement = Eq("contract.type", "placement");
  Condition year = Clause("contract.custom.leerjaar", Op::kPresent);
  EXPECT_EQ(world.Ask(Node(Kind::kEveryContract, {placement})), kNo);
  EXPECT_EQ(world.Ask(Node(Kind::kNoContract, {Eq("contract.type", "employment")})), kYes);
  EXPECT_EQ(world.Ask(Node(Kind::kNoContract, {placement})), kNo);
  EXPECT_EQ(world.Ask(Node(Kind::kPrimaryContract, {placement})), kNo) << "there is none";
  world.subject.primary = 1;
  EXPECT_EQ(world.Ask(Node(Kind::kPrimaryContract, {placement})), kYes);
  world.in_window[0] = false;
  EXPECT_EQ(world.Ask(Node(Kind::kEveryContract, {placement})), kYes);
  EXPECT_EQ(world.Ask(Node(Kind::kEveryContract, {year})), kUnknown);
  auto count = [](Condition child, Op op, std::vector<int64_t> counts) {
    Condition node = Node(Kind::kCountContracts, {std::move(child)});
    node.count_op = op;
    node.counts = std::move(counts);
    return node;
  };
  EXPECT_EQ(world.Ask(count(placement, Op::kGe, {2})), kYes);
  EXPECT_EQ(world.Ask(count(placement, Op::kGt, {2})), kNo);
  EXPECT_EQ(world.Ask(count(placement, Op::kEq, {2})), kYes);
  EXPECT_EQ(world.Ask(count(placement, Op::kBetween, {0, 1})), kNo);
  EXPECT_EQ(world.Ask(count(placement, Op::kIn, {1, 2})), kYes);
  EXPECT_EQ(world.Ask(count(year, Op::kGe, {1})), kYes) << "one for certain";
  EXPECT_EQ(world.Ask(count(year, Op::kGe, {2})), kUnknown) << "the other is not visible";
  EXPECT_EQ(world.Ask(count(year, Op::kLe, {2})), kYes) << "two at most";
  world.in_window = {false, false, false};
  EXPECT_EQ(world.Ask(Node(Kind::kSomeContract, {Node(Kind::kAll, {})})), kNo);
  EXPECT_EQ(world.Ask(Node(Kind::kEveryContract, {placement})), kYes);
  EXPECT_EQ(world.Ask(Node(Kind::kNoContract, {placement})), kYes);
  EXPECT_EQ(world.Ask(Node(Kind::kPrimaryContract, {placement})), kNo);
}

TEST(MatchingContracts, AreThoseThatTheTruePathSpeaksOf) {
  World world;
  Condition placement = Node(Kind::kSomeContract, {Eq("contract.type", "placement")});
  Condition group = Node(Kind::kSomeContract, {Eq("contract.type", "class_group")});
  Condition employment = Node(Kind::kSomeContract, {Eq("contract.type", "employment")});
  Condition yes = Clause("person.custom.yes", Op::kPresent);
  auto matching = [&](const Condition& condition) { return MatchingContracts(condition, world.subject); };
  EXPECT_THAT(matching(placement), ElementsAre(1, 2));
  EXPECT_THAT(matching(Node(Kind::kAll, {placement, group})), ElementsAre(0, 1, 2));
  EXPECT_THAT(matching(Node(Kind::kAny, {employment, group, yes})), ElementsAre(0));
  EXPECT_THAT(matching(Node(Kind::kAny, {employment, yes})), ElementsAre(0, 1, 2)) << "no contract is spoken of";
  EXPECT_THAT(matching(Node(Kind::kAll, {group, Node(Kind::kNot, {employment})})), ElementsAre(0));
  EXPECT_THAT(matching(yes), ElementsAre(0, 1, 2));
  world.in_window[1] = false;
  EXPECT_THAT(matching(placement), ElementsAre(2));
  world.subject.primary = 2;
  EXPECT_THAT(matching(Node(Kind::kPrimaryContract, {Eq("contract.type", "placement")})), ElementsAre(2));
}

TEST(Explain, NamesTheClauseThatFailsOfTheNearestContract) {
  World world;
  Condition rule = Node(
      Kind::kAll, {Node(Kind::kSomeContract,
                        {Node(Kind::kAll, {Eq("contract.type", "placement"), Eq("contract.location.code", "31XY00")})}),
                   Node(Kind::kNot, {Clause("person.custom.no", Op::kEq, {Is(Value::Flag(true))})})});
  auto clauses = Explain(rule, world.subject);
  ASSERT_EQ(clauses.size(), 1u);
  EXPECT_EQ(clauses[0].text, "location.code is 31XY01, the rule wants 31XY00");
  EXPECT_EQ(clauses[0].contract_id, "c1");
  EXPECT_EQ(clauses[0].path, "contract.location.code");
  EXPECT_EQ(clauses[0].verdict, kNo);
  EXPECT_EQ(clauses[0].wanted, "31XY00");
  EXPECT_EQ(clauses[0].position.ToString(), "rules/pupils.yaml:13:7");
  EXPECT_TRUE(clauses[0].saw == Value::Text("31XY01"));
}

TEST(Explain, SaysInWordsThatAFieldIsNotVisible) {
  World world;
  auto clauses =
      Explain(Node(Kind::kNot, {Clause("person.custom.geen_laptop", Op::kEq, {Is(Value::Flag(true))})}), world.subject);
  ASSERT_EQ(clauses.size(), 1u);
  EXPECT_EQ(clauses[0].text, "custom.geen_laptop is not visible");
  EXPECT_EQ(clauses[0].verdict, kUnknown);
  EXPECT_EQ(clauses[0].wanted, "not true");
}

TEST(Explain, TellsEachOperatorInWords) {
  struct Row {
    Condition test;
    const char* text;
  };
  auto number = [](int64_t n) { return Is(Value::Integer(n)); };
  Row rows[] = {
      {Clause("person.custom.number", Op::kGe, {number(5)}), "custom.number is 4, the rule wants at least 5"},
      {Clause("person.custom.number", Op::kIn, {number(5), number(6)}), "custom.number is 4, the rule wants 5 or 6"},
      {Clause("person.custom.number", Op::kBetween, {number(5), number(6)}),
       "custom.number is 4, the rule wants between 5 and 6"},
      {Clause("person.custom.number", Op::kEmpty), "custom.number is 4, the rule wants nothing"},
      {Clause("person.custom.empty", Op::kPresent), "custom.empty is empty, the rule wants any value"},
      {Clause("person.custom.day", Op::kGt, {Today(30)}), "custom.day is 2026-11-24, the rule wants after today + 30d"},
      {Clause("person.custom.number", Op::kEq, {Is(Value::Text("4"))}),
       "custom.number is 4, which cannot be compared with 4"},
      {Clause("person.name.nick", Op::kPrefix, {Is(Value::Text("S"))}),
       "name.nick is Noor, the rule wants a text that starts with S"},
      {Node(Kind::kNot, {Clause("person.name.nick", Op::kNe, {Is(Value::Text("Sem"))})}),
       "name.nick is Noor, the rule wants Sem"},
      {Clause("person.name.nick", Op::kEq, {Is(Value::Text("Noor"))}), "name.nick is Noor"},
  };
  for (const Row& row : rows) {
    World world;
    auto clauses = Explain(row.test, world.subject);
    ASSERT_EQ(clauses.size(), 1u);
    EXPECT_EQ(clauses[0].text, row.text);
  }
}

TEST(Explain, AnswersEveryKindOfNode) {
  World world;
  auto text = [&](const Condition& condition) {
    std::string all;
    for (const ClauseResult& clause : Explain(condition, world.subject)) {
      all += (all.empty() ? "" : " / ") + clause.text;
    }
    return all;
  };
  Condition placement = Eq("contract.type", "placement");
  EXPECT_EQ(text(Node(Kind::kNoContract, {placement})), "type is placement, the rule wants not placement");
  EXPECT_EQ(text(Node(Kind::kNoContract, {Eq("contract.type", "employment")})),
            "type is class_group / type is placement / type is placement");
  EXPECT_EQ(text(Node(Kind::kEveryContract, {placement})), "type is class_group, the rule wants placement");
  EXPECT_EQ(text(Node(Kind::kNot, {Node(Kind::kEveryContract, {placement})})), "type is class_group");
  EXPECT_EQ(text(Node(Kind::kPrimaryContract, {placement})), "no contract is in the window");
  Condition count = Node(Kind::kCountContracts, {placement});
  count.counts = {3};
  EXPECT_EQ(text(count), "2 contracts match, the rule wants at least 3");
  EXPECT_EQ(text(Node(Kind::kAny, {Eq("person.name.nick", "Sem"), Eq("person.name.nick", "Noor")})),
            "name.nick is Noor");
  EXPECT_EQ(text(Node(Kind::kNot, {Node(Kind::kAll, {Eq("person.name.nick", "Noor"), placement})})),
            "name.nick is Noor, the rule wants not Noor")
      << "one change would do";
  world.in_window = {false, false, false};
  EXPECT_EQ(text(Node(Kind::kSomeContract, {placement})), "no contract is in the window");
}

TEST(Condition, KnowsItsPathsAndItsRelativeDays) {
  Condition rule = Node(Kind::kAll, {Clause("person.b", Op::kLe, {Today(30)}),
                                     Node(Kind::kNot, {Clause("person.a", Op::kBetween, {Today(-1), Today(30)})}),
                                     Node(Kind::kSomeContract, {Clause("contract.start", Op::kLe, {Today(30)})}),
                                     Clause("person.b", Op::kEmpty)});
  EXPECT_THAT(PathsOf(rule), ElementsAre("contract.start", "person.a", "person.b"));
  auto days = RelativeDaysOf(rule);
  ASSERT_EQ(days.size(), 4u);
  EXPECT_EQ(days[0].path, "contract.start");
  EXPECT_EQ(days[1].path, "person.a");
  EXPECT_EQ(days[1].days, -1);
  EXPECT_EQ(days[3].path, "person.b");
}

TEST(Compile, NamesAnExpressionThatIsNone) {
  Condition rule = Node(Kind::kAll, {Clause("person.a", Op::kRegex, {Is(Value::Text("a(b"))})});
  absl::Status status = Compile(rule);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("rules/pupils.yaml:13:7: \"a(b\" is no regular expression"));
}

TEST(TestOperator, HasANameAndANearestName) {
  for (Op op : {Op::kEq, Op::kNe, Op::kIn, Op::kNotIn, Op::kPrefix, Op::kSuffix, Op::kContains, Op::kRegex, Op::kEmpty,
                Op::kPresent, Op::kLt, Op::kLe, Op::kGt, Op::kGe, Op::kBetween}) {
    auto back = TestOperatorFromName(TestOperatorName(op));
    ASSERT_TRUE(back.ok());
    EXPECT_EQ(*back, op);
  }
  EXPECT_EQ(TestOperatorFromName("prefx").status().message(), "unknown operator \"prefx\"; did you mean \"prefix\"?");
}

}  // namespace
}  // namespace sluice::core
