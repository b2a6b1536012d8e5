#include "host/core/condition_program.h"

#include <algorithm>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "host/core/text.h"

namespace sluice::core::internal {
namespace {

using Kind = Value::Kind;
using Place = TestProgram::Place;

// A field that a test looks at, without a copy of it.
struct Seen {
  const Value* value = nullptr;       // A field; null when one of the next two is set, or nothing is visible.
  const std::string* text = nullptr;  // The type of a contract.
  std::optional<absl::CivilDay> day;  // Its start or its end.
  bool is_empty = false;              // It has no end.
};

const Value* FindIn(const Fields& fields, const std::string& key) {
  auto found = fields.find(key);
  return found == fields.end() ? nullptr : &found->second;
}

Seen Look(Place place, const std::string& key, const Subject& subject) {
  Seen seen;
  if (place == Place::kPerson) {
    seen.value = FindIn(subject.person->fields, key);
    return seen;
  }
  if (place == Place::kNowhere || subject.contract < 0) return seen;
  const Contract& contract = subject.person->contracts[subject.contract];
  switch (place) {
    case Place::kContractType:
      seen.text = &contract.type;
      break;
    case Place::kContractStart:
      seen.day = contract.start;
      break;
    case Place::kContractEnd:
      seen.day = contract.EffectiveEnd();
      seen.is_empty = !seen.day.has_value() && contract.fields.count(Contract::kEndIsHidden) == 0;
      break;
    default:
      seen.value = FindIn(contract.fields, key);
  }
  return seen;
}

// -1, 0, 1, or 2 when the two kinds cannot be compared.
constexpr int kUnfit = 2;

template <typename T>
int Order(const T& a, const T& b) {
  return a < b ? -1 : b < a ? 1 : 0;
}

bool IsNumber(const Value& value) { return value.kind() == Kind::kInteger || value.kind() == Kind::kDecimal; }

int OrderOfNumbers(const Value& a, const Value& b) {
  if (a.kind() == Kind::kInteger && b.kind() == Kind::kInteger) return Order(a.integer(), b.integer());
  auto millionths = [](const Value& value) -> __int128 {
    if (value.kind() == Kind::kDecimal) return value.decimal().millionths;
    return static_cast<__int128>(value.integer()) * 1000000;
  };
  return Order(millionths(a), millionths(b));
}

std::optional<absl::CivilDay> DayOf(const Operand& operand, absl::CivilDay today) {
  if (operand.is_relative_day) return today + operand.days_from_today;
  if (operand.value.kind() == Kind::kDate) return operand.value.date();
  if (operand.value.kind() == Kind::kText) return ParseDate(operand.value.text());
  return std::nullopt;
}

int OrderOfDays(absl::CivilDay day, const Operand& operand, absl::CivilDay today) {
  std::optional<absl::CivilDay> wanted = DayOf(operand, today);
  return wanted ? Order(day, *wanted) : kUnfit;
}

// Of numbers and dates only.
int OrderOf(const Value& value, const Operand& operand, absl::CivilDay today) {
  if (value.kind() == Kind::kDate) return OrderOfDays(value.date(), operand, today);
  if (operand.is_relative_day || !IsNumber(value) || !IsNumber(operand.value)) return kUnfit;
  return OrderOfNumbers(value, operand.value);
}

Verdict EqualText(const std::string& text, const Operand& operand) {
  if (operand.is_relative_day || operand.value.kind() != Kind::kText) return Verdict::kUnknown;
  return Of(operand.value.text() == text);
}

Verdict EqualOne(const Value& value, const Operand& operand, absl::CivilDay today) {
  switch (value.kind()) {
    case Kind::kText:
      return EqualText(value.text(), operand);
    case Kind::kReference:
      return EqualText(value.reference().id, operand);
    case Kind::kInteger:
    case Kind::kDecimal:
    case Kind::kDate: {
      int order = OrderOf(value, operand, today);
      return order == kUnfit ? Verdict::kUnknown : Of(order == 0);
    }
    case Kind::kFlag:
      if (operand.is_relative_day || operand.value.kind() != Kind::kFlag) return Verdict::kUnknown;
      return Of(operand.value.flag() == value.flag());
    default:
      return Verdict::kUnknown;
  }
}

// True when one gives true; else unknown when one gives unknown.
class AnyOf {
 public:
  bool Add(Verdict verdict) {  // Whether the answer is known.
    if (verdict > result_) result_ = verdict;
    return result_ == Verdict::kTrue;
  }
  Verdict result() const { return result_; }

 private:
  Verdict result_ = Verdict::kFalse;
};

bool EqualsAnyOperand(const Value& item, const Condition& test, const Subject& subject, AnyOf& any) {
  for (const Operand& operand : test.operands) {
    if (any.Add(EqualOne(item, operand, subject.today))) return true;
  }
  return false;
}

// Calls `each` for the value, or for each item of a list, until it says that the answer is known; what a list does not
// show is unknown.
template <typename Each>
Verdict OverItems(const Value& value, Each each) {
  AnyOf any;
  if (!value.is_list()) {
    each(value, any);
    return any.result();
  }
  if (value.kind() == Kind::kPartialList) any.Add(Verdict::kUnknown);
  for (const Value& item : value.list()) {
    if (!item.is_visible()) {
      any.Add(Verdict::kUnknown);
    } else if (item.has_value()) {
      each(item, any);
    }
    if (any.result() == Verdict::kTrue) break;
  }
  return any.result();
}

Verdict IsOneOf(const Value& value, const Condition& test, const Subject& subject) {
  return OverItems(value, [&](const Value& item, AnyOf& any) { EqualsAnyOperand(item, test, subject, any); });
}

bool MatchesPattern(const std::string& text, const Condition& test) {
  if (test.compiled != nullptr) {
    return RE2::FullMatch(text, *static_cast<const TestProgram*>(test.compiled.get())->pattern);
  }
  auto program = MakeProgram(test);
  return program.ok() && RE2::FullMatch(text, *(*program)->pattern);
}

Verdict TextTest(const std::string& text, const Condition& test) {
  if (test.operands.empty()) return Verdict::kUnknown;
  const Operand& operand = test.operands[0];
  if (operand.is_relative_day || operand.value.kind() != Kind::kText) return Verdict::kUnknown;
  const std::string& wanted = operand.value.text();
  switch (test.op) {
    case TestOperator::kPrefix:
      return Of(absl::StartsWith(text, wanted));
    case TestOperator::kSuffix:
      return Of(absl::EndsWith(text, wanted));
    case TestOperator::kContains:
      return Of(absl::StrContains(text, wanted));
    default:
      return Of(MatchesPattern(text, test));
  }
}

Verdict TextTests(const Value& value, const Condition& test, const Subject& subject) {
  if (test.op == TestOperator::kContains && value.is_list()) return IsOneOf(value, test, subject);
  return OverItems(value, [&](const Value& item, AnyOf& any) {
    if (item.kind() == Kind::kText) {
      any.Add(TextTest(item.text(), test));
    } else {
      any.Add(item.kind() == Kind::kReference ? TextTest(item.reference().id, test) : Verdict::kUnknown);
    }
  });
}

Verdict VerdictOfOrder(int order, TestOperator op) {
  if (order == kUnfit) return Verdict::kUnknown;
  switch (op) {
    case TestOperator::kLt:
      return Of(order < 0);
    case TestOperator::kLe:
      return Of(order <= 0);
    case TestOperator::kGt:
      return Of(order > 0);
    default:
      return Of(order >= 0);
  }
}

template <typename OrderWith>
Verdict OrderTest(const Condition& test, OrderWith order_with) {
  if (test.op != TestOperator::kBetween) {
    return test.operands.empty() ? Verdict::kUnknown : VerdictOfOrder(order_with(test.operands[0]), test.op);
  }
  if (test.operands.size() != 2) return Verdict::kUnknown;
  Verdict from = VerdictOfOrder(order_with(test.operands[0]), TestOperator::kGe);
  Verdict until = VerdictOfOrder(order_with(test.operands[1]), TestOperator::kLe);
  return std::min(from, until);
}

bool IsBlank(const Value& value) {
  if (value.kind() == Kind::kText) return value.text().empty();
  if (value.kind() == Kind::kList) return value.list().empty();
  return value.is_empty();
}

// Of a field that says it has no value.
Verdict TestOfEmpty(TestOperator op) {
  return Of(op == TestOperator::kEmpty || op == TestOperator::kNe || op == TestOperator::kNotIn);
}

Verdict TestOfDay(absl::CivilDay day, const Condition& test, const Subject& subject) {
  switch (test.op) {
    case TestOperator::kEq:
    case TestOperator::kIn:
    case TestOperator::kNe:
    case TestOperator::kNotIn: {
      AnyOf any;
      for (const Operand& operand : test.operands) {
        int order = OrderOfDays(day, operand, subject.today);
        any.Add(order == kUnfit ? Verdict::kUnknown : Of(order == 0));
      }
      bool is_negative = test.op == TestOperator::kNe || test.op == TestOperator::kNotIn;
      return is_negative ? Not(any.result()) : any.result();
    }
    case TestOperator::kEmpty:
      return Verdict::kFalse;
    case TestOperator::kPresent:
      return Verdict::kTrue;
    case TestOperator::kLt:
    case TestOperator::kLe:
    case TestOperator::kGt:
    case TestOperator::kGe:
    case TestOperator::kBetween:
      return OrderTest(test, [&](const Operand& operand) { return OrderOfDays(day, operand, subject.today); });
    default:
      return Verdict::kUnknown;
  }
}

Verdict TestOfText(const std::string& text, const Condition& test) {
  switch (test.op) {
    case TestOperator::kEq:
    case TestOperator::kIn:
    case TestOperator::kNe:
    case TestOperator::kNotIn: {
      AnyOf any;
      for (const Operand& operand : test.operands) any.Add(EqualText(text, operand));
      bool is_negative = test.op == TestOperator::kNe || test.op == TestOperator::kNotIn;
      return is_negative ? Not(any.result()) : any.result();
    }
    case TestOperator::kEmpty:
      return Verdict::kFalse;
    case TestOperator::kPresent:
      return Verdict::kTrue;
    case TestOperator::kPrefix:
    case TestOperator::kSuffix:
    case TestOperator::kContains:
    case TestOperator::kRegex:
      return TextTest(text, test);
    default:
      return Verdict::kUnknown;
  }
}

Verdict TestOfValue(const Value& value, const Condition& test, const Subject& subject) {
  switch (test.op) {
    case TestOperator::kEq:
    case TestOperator::kIn:
      return IsOneOf(value, test, subject);
    case TestOperator::kNe:
    case TestOperator::kNotIn:
      return Not(IsOneOf(value, test, subject));
    case TestOperator::kEmpty:
      return Verdict::kFalse;
    case TestOperator::kPresent:
      return Verdict::kTrue;
    case TestOperator::kPrefix:
    case TestOperator::kSuffix:
    case TestOperator::kContains:
    case TestOperator::kRegex:
      return TextTests(value, test, subject);
    default:
      return OrderTest(test, [&](const Operand& operand) { return OrderOf(value, operand, subject.today); });
  }
}

Seen LookFor(const Condition& test, const Subject& subject) {
  if (test.compiled != nullptr) {
    const auto* program = static_cast<const TestProgram*>(test.compiled.get());
    return Look(program->place, program->key, subject);
  }
  absl::string_view key;
  Place place = PlaceOf(test.path, key);
  return Look(place, std::string(key), subject);
}

}  // namespace

Place PlaceOf(absl::string_view path, absl::string_view& key) {
  key = path;
  if (absl::ConsumePrefix(&key, "person.")) return Place::kPerson;
  if (!absl::ConsumePrefix(&key, "contract.")) return Place::kNowhere;
  if (key == "type") return Place::kContractType;
  if (key == "start") return Place::kContractStart;
  if (key == "end") return Place::kContractEnd;
  return Place::kContractField;
}

absl::StatusOr<std::shared_ptr<const TestProgram>> MakeProgram(const Condition& test) {
  auto program = std::make_shared<TestProgram>();
  absl::string_view key;
  program->place = PlaceOf(test.path, key);
  program->key = std::string(key);
  if (test.op == TestOperator::kRegex) {
    std::string expression = test.operands.empty() ? "" : test.operands[0].value.ToText();
    RE2::Options options;
    options.set_log_errors(false);
    program->pattern = std::make_unique<RE2>(expression, options);
    if (!program->pattern->ok()) {
      std::string where = test.position.ToString();
      return absl::InvalidArgumentError(absl::StrCat(where, where.empty() ? "" : ": ", "\"", expression,
                                                     "\" is no regular expression: ", program->pattern->error()));
    }
  }
  return program;
}

Verdict EvaluateTest(const Condition& test, const Subject& subject) {
  Seen seen = LookFor(test, subject);
  if (seen.text != nullptr) return TestOfText(*seen.text, test);
  if (seen.day) return TestOfDay(*seen.day, test, subject);
  if (seen.is_empty) return TestOfEmpty(test.op);
  if (seen.value == nullptr || !seen.value->is_visible()) return Verdict::kUnknown;
  if (IsBlank(*seen.value)) return TestOfEmpty(test.op);
  return TestOfValue(*seen.value, test, subject);
}

Value SeenBy(const Condition& test, const Subject& subject) {
  const Contract* contract = subject.contract < 0 ? nullptr : &subject.person->contracts[subject.contract];
  return FieldOf(*subject.person, contract, test.path);
}

ContractCount CountContracts(const Condition& condition, const Subject& subject) {
  ContractCount count;
  for (size_t i = 0; i < subject.person->contracts.size(); ++i) {
    if (!IsInWindow(subject, i)) continue;
    ++count.in_window;
    Verdict verdict = Evaluate(condition.children[0], WithContract(subject, static_cast<int>(i)));
    if (verdict == Verdict::kTrue) ++count.certain;
    if (verdict != Verdict::kFalse) ++count.possible;
  }
  return count;
}

Verdict EvaluateCount(const Condition& condition, const ContractCount& count) {
  const std::vector<int64_t>& wanted = condition.counts;
  if (wanted.empty() || (condition.count_op == TestOperator::kBetween && wanted.size() != 2)) return Verdict::kUnknown;
  auto holds = [&](int64_t n) {
    switch (condition.count_op) {
      case TestOperator::kEq:
      case TestOperator::kIn:
        return std::find(wanted.begin(), wanted.end(), n) != wanted.end();
      case TestOperator::kNe:
      case TestOperator::kNotIn:
        return std::find(wanted.begin(), wanted.end(), n) == wanted.end();
      case TestOperator::kLt:
        return n < wanted[0];
      case TestOperator::kLe:
        return n <= wanted[0];
      case TestOperator::kGt:
        return n > wanted[0];
      case TestOperator::kBetween:
        return n >= wanted[0] && n <= wanted[1];
      default:
        return n >= wanted[0];
    }
  };
  bool is_first = holds(count.certain);
  for (int64_t n = count.certain + 1; n <= count.possible; ++n) {
    if (holds(n) != is_first) return Verdict::kUnknown;
  }
  return Of(is_first);
}

}  // namespace sluice::core::internal
