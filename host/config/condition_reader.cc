#include "host/config/condition_reader.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "re2/re2.h"

namespace sluice::config {
namespace {

using core::Condition;
using core::Operand;
using core::TestOperator;
using core::Value;
using Kind = Condition::Kind;

constexpr int64_t kMostMillions = 1000000000;
constexpr absl::string_view kDayRemedy = "write a day (2026-08-01), today, or today + 30d";

std::optional<int64_t> RelativeDay(absl::string_view text) {
  static const LazyRE2 kRelative = {"today(?: *([+-]) *([0-9]{1,5})d)?"};
  std::string sign, days;
  if (!RE2::FullMatch(re2::StringPiece(text.data(), text.size()), *kRelative, &sign, &days)) return std::nullopt;
  int64_t number = 0;
  if (!days.empty() && !absl::SimpleAtoi(days, &number)) return std::nullopt;
  return sign == "-" ? -number : number;
}

bool IsOrder(TestOperator op) {
  return op == TestOperator::kLt || op == TestOperator::kLe || op == TestOperator::kGt || op == TestOperator::kGe ||
         op == TestOperator::kBetween;
}

bool IsForText(TestOperator op) {
  return op == TestOperator::kPrefix || op == TestOperator::kSuffix || op == TestOperator::kContains ||
         op == TestOperator::kRegex;
}

bool LooksLikeDay(absl::string_view text) {
  static const LazyRE2 kDay = {"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"};
  return RE2::FullMatch(re2::StringPiece(text.data(), text.size()), *kDay);
}

// Of two numbers, or of two days that are counted in the same way; of others nothing is known here.
bool IsAbove(const Operand& a, const Operand& b) {
  if (a.is_relative_day || b.is_relative_day) {
    return a.is_relative_day && b.is_relative_day && a.days_from_today > b.days_from_today;
  }
  const auto is_day = [](const Operand& one) { return one.value.kind() == Value::Kind::kDate; };
  if (is_day(a) && is_day(b)) return a.value.date() > b.value.date();
  const auto millionths = [](const Operand& one) -> std::optional<int64_t> {
    if (one.value.kind() == Value::Kind::kDecimal) return one.value.decimal().millionths;
    if (one.value.kind() != Value::Kind::kInteger || std::abs(one.value.integer()) > kMostMillions) return std::nullopt;
    return one.value.integer() * 1000000;
  };
  const auto left = millionths(a), right = millionths(b);
  return left && right && *left > *right;
}

absl::string_view Noun(FieldType type) {
  switch (type) {
    case FieldType::kDate:
      return "a day";
    case FieldType::kNumber:
      return "a number";
    case FieldType::kFlag:
      return "true or false";
    default:
      return "text";
  }
}

std::optional<TestOperator> OperatorOf(absl::string_view name) {
  for (int i = 0; i <= static_cast<int>(TestOperator::kBetween); ++i) {
    if (core::TestOperatorName(static_cast<TestOperator>(i)) == name) return static_cast<TestOperator>(i);
  }
  return std::nullopt;
}

std::optional<Kind> ContractKind(absl::string_view word) {
  if (word == "some_contract") return Kind::kSomeContract;
  if (word == "every_contract") return Kind::kEveryContract;
  if (word == "no_contract") return Kind::kNoContract;
  if (word == "primary_contract") return Kind::kPrimaryContract;
  if (word == "count_contracts") return Kind::kCountContracts;
  return std::nullopt;
}

class Reader {
 public:
  Reader(ConditionPlace place, const KnownFields& fields, Diagnostics& diagnostics)
      : place_(place), fields_(fields), diagnostics_(diagnostics) {}

  Condition Map(const YamlNode& node, bool in_contract, bool may_be_empty = false) {
    Condition all;
    all.position = node.position;
    if (!node.is_map()) {
      Wrong(node.position, absl::StrCat("a condition is a map of fields and not ", node.Describe(),
                                        "; write for example { some_contract: { type: placement } }"));
      return all;
    }
    // A *_contract that is empty says "any contract"; elsewhere it would be everybody, or nobody.
    if (node.entries.empty() && !may_be_empty) {
      Wrong(node.position,
            "a condition is empty and would hold for everybody; write for whom, for example "
            "{ some_contract: {} }");
    }
    for (const auto& [key, value] : node.entries) all.children.push_back(Entry(key, value, in_contract));
    if (all.children.size() == 1) return Condition(std::move(all.children[0]));
    return all;
  }

 private:
  void Wrong(const core::Position& position, absl::string_view message) { diagnostics_.Error(position, message); }

  Condition Entry(const YamlNode& key, const YamlNode& value, bool in_contract) {
    Condition result;
    result.position = key.position;
    if (key.text == "all" || key.text == "any") {
      result.kind = key.text == "all" ? Kind::kAll : Kind::kAny;
      if (!value.is_list() || value.items.empty()) {
        Wrong(value.position,
              absl::StrCat(Quoted(key.text), " is ", value.is_list() ? "an empty list" : value.Describe(),
                           "; write a list of conditions, each after \"- \""));
      }
      for (const YamlNode& item : value.items) result.children.push_back(Map(item, in_contract));
      return result;
    }
    if (key.text == "not") {
      result.kind = Kind::kNot;
      result.children.push_back(Map(value, in_contract));
      return result;
    }
    if (auto kind = ContractKind(key.text)) return Contract(*kind, key, value, in_contract);
    return Field(key, value, in_contract);
  }

  Condition Contract(Kind kind, const YamlNode& key, const YamlNode& value, bool in_contract) {
    Condition result;
    result.kind = kind;
    result.position = key.position;
    if (in_contract) {
      Wrong(key.position, absl::StrCat(Quoted(key.text),
                                       " stands inside of another *_contract; put them side by side in "
                                       "\"all\""));
    }
    if (kind != Kind::kCountContracts) {
      result.children.push_back(Map(value, true, true));
      return result;
    }
    Count(key, value, result);
    return result;
  }

  // count_contracts: { ge: 2, where: { type: employment } }
  void Count(const YamlNode& key, const YamlNode& value, Condition& result) {
    constexpr absl::string_view kRemedy = "write for example { ge: 2, where: { type: employment } }";
    if (!value.is_map())
      return Wrong(value.position, absl::StrCat("\"count_contracts\" is ", value.Describe(), "; ", kRemedy));
    int operators = 0;
    for (const auto& [word, operand] : value.entries) {
      if (word.text == "where") {
        result.children.push_back(Map(operand, true, true));
        continue;
      }
      auto op = OperatorOf(word.text);
      if (!op || IsForText(*op) || *op == TestOperator::kEmpty || *op == TestOperator::kPresent) {
        Wrong(word.position, absl::StrCat("unknown key ", Quoted(word.text), " in \"count_contracts\"; ", kRemedy));
        continue;
      }
      if (++operators > 1) continue;
      result.count_op = *op;
      const std::vector<YamlNode> one = {operand};
      for (const YamlNode& number : operand.is_list() ? operand.items : one) {
        auto count = number.is_scalar() ? IntegerOf(number.text) : std::nullopt;
        if (!count || *count < 0)
          Wrong(number.position,
                absl::StrCat("a count is a whole number from 0 on and not ", number.Describe(), "; ", kRemedy));
        result.counts.push_back(count.value_or(0));
      }
      const size_t wanted = *op == TestOperator::kBetween ? 2 : 1;
      const bool is_list = *op == TestOperator::kIn || *op == TestOperator::kNotIn;
      if (is_list ? result.counts.empty() : result.counts.size() != wanted) {
        Wrong(operand.position, absl::StrCat(Quoted(word.text), " takes ",
                                             is_list       ? "a list of numbers"
                                             : wanted == 2 ? "two numbers"
                                                           : "one number",
                                             "; ", kRemedy));
      }
      if (*op == TestOperator::kBetween && result.counts.size() == 2 && result.counts[0] > result.counts[1]) {
        Wrong(operand.position, "no count is between these two; write the smaller one first");
      }
    }
    if (operators != 1) Wrong(key.position, absl::StrCat("\"count_contracts\" needs one operator; ", kRemedy));
    if (result.children.empty()) result.children.emplace_back();
  }

  // The whole path of a field, or an error and "".
  std::string Path(const YamlNode& key, bool in_contract) {
    const std::string& written = key.text;
    std::string path = written;
    const bool is_whole = absl::StartsWith(written, "person.") || absl::StartsWith(written, "contract.");
    if (in_contract && !is_whole) path = absl::StrCat("contract.", written);
    if (!in_contract && !is_whole) {
      std::string nearest = Nearest(written, ConditionWords());
      if (!nearest.empty()) {
        Wrong(key.position, absl::StrCat("unknown key ", Quoted(written), "; did you mean ", Quoted(nearest), "?"));
      } else if (fields_.IsFilled(absl::StrCat("contract.", written))) {
        Wrong(key.position, absl::StrCat("field ", Quoted(written), " is one of a contract; write some_contract: { ",
                                         written, ": ... }"));
      } else if (fields_.IsFilled(absl::StrCat("person.", written))) {
        Wrong(key.position, absl::StrCat("field ", Quoted(written), " is not whole; write person.", written));
      } else {
        Wrong(key.position, fields_.Explain(path, written));
      }
      return "";
    }
    if (!in_contract && place_ == ConditionPlace::kRule && absl::StartsWith(path, "contract.")) {
      Wrong(key.position,
            absl::StrCat("field ", Quoted(written), " does not say of which contract; write some_contract: { ",
                         path.substr(9), ": ... }"));
      return "";
    }
    if (!fields_.IsFilled(path)) {
      Wrong(key.position, fields_.Explain(path, written));
      return "";
    }
    return path;
  }

  Condition Field(const YamlNode& key, const YamlNode& value, bool in_contract) {
    Condition test;
    test.kind = Kind::kTest;
    test.position = key.position;
    test.path = Path(key, in_contract);
    if (test.path.empty()) return test;
    if (value.is_null()) {
      Wrong(key.position,
            absl::StrCat("field ", Quoted(key.text), " is compared with nothing; write { empty: true }, or a value"));
      return test;
    }
    if (value.is_map()) return Operators(test, key, value);
    test.op = value.is_list() ? TestOperator::kIn : TestOperator::kEq;
    Operands(value, test, key.text);
    return test;
  }

  Condition Operators(const Condition& base, const YamlNode& key, const YamlNode& map) {
    Condition all;
    all.position = base.position;
    if (map.entries.empty())
      Wrong(map.position, absl::StrCat("field ", Quoted(key.text), " has no operator; write for example { ge: 4 }"));
    for (const auto& [word, operand] : map.entries) {
      Condition test = base;
      auto op = OperatorOf(word.text);
      if (!op) {
        Wrong(word.position, absl::StrCat("unknown operator ", Quoted(word.text), Suggest(word.text, OperatorNames())));
        continue;
      }
      test.op = *op;
      if (*op == TestOperator::kEmpty || *op == TestOperator::kPresent) {
        all.children.push_back(Presence(test, word, operand));
        continue;
      }
      Operands(operand, test, key.text);
      all.children.push_back(std::move(test));
    }
    NothingBetween(all, key, map);
    if (all.children.size() == 1) return Condition(std::move(all.children[0]));
    return all;
  }

  // { ge: 4, lt: 2 } holds for nobody.
  void NothingBetween(const Condition& all, const YamlNode& key, const YamlNode& map) {
    const Operand *least = nullptr, *most = nullptr;
    for (const Condition& test : all.children) {
      if (test.operands.size() != 1) continue;
      if (test.op == TestOperator::kGe || test.op == TestOperator::kGt) least = &test.operands[0];
      if (test.op == TestOperator::kLe || test.op == TestOperator::kLt) most = &test.operands[0];
    }
    if (least == nullptr || most == nullptr || !IsAbove(*least, *most)) return;
    Wrong(map.position, absl::StrCat("no value of ", Quoted(key.text), " is within these two; correct one of them"));
  }

  // { empty: true }, { empty: false }
  Condition Presence(const Condition& test, const YamlNode& word, const YamlNode& operand) {
    if (operand.text != "true" && operand.text != "false") {
      Wrong(operand.position, absl::StrCat(Quoted(word.text), " is ", operand.Describe(), "; write true or false"));
    }
    if (operand.text != "false") return test;
    Condition inverse;
    inverse.kind = Kind::kNot;
    inverse.position = test.position;
    inverse.children.push_back(test);
    return inverse;
  }

  void Operands(const YamlNode& value, Condition& test, const std::string& written) {
    const std::string op(core::TestOperatorName(test.op));
    const bool takes_list = test.op == TestOperator::kIn || test.op == TestOperator::kNotIn;
    const bool takes_two = test.op == TestOperator::kBetween;
    if (value.is_list() != (takes_list || takes_two) || (takes_two && value.items.size() != 2) ||
        (takes_list && value.items.empty())) {
      return Wrong(value.position,
                   absl::StrCat(Quoted(op), " is ",
                                value.is_list() && value.items.empty() ? "an empty list" : value.Describe(), "; write ",
                                takes_two    ? "two values, for example [1, 3]"
                                : takes_list ? "a list of values, for example [one, two]"
                                             : "one value"));
    }
    const FieldType type = fields_.TypeOf(test.path);
    if (IsOrder(test.op) && (type == FieldType::kText || type == FieldType::kFlag)) {
      return Wrong(test.position, absl::StrCat(Quoted(op), " compares numbers and days, and ", Quoted(written), " is ",
                                               Noun(type), "; write a value, or a list of values"));
    }
    if (IsForText(test.op) && type != FieldType::kText && type != FieldType::kUnknown) {
      return Wrong(test.position, absl::StrCat(Quoted(op), " is for text, and ", Quoted(written), " is ", Noun(type),
                                               "; write a value, or { ge: ... }"));
    }
    const std::vector<YamlNode> one = {value};
    for (const YamlNode& item : value.is_list() ? value.items : one) {
      if (auto operand = OneOperand(item, type, test, written)) test.operands.push_back(*operand);
    }
    if (test.op == TestOperator::kRegex) Regex(value, test);
    if (takes_two && test.operands.size() == 2 && IsAbove(test.operands[0], test.operands[1])) {
      Wrong(value.position, "nothing is between these two; write the smaller one first");
    }
  }

  std::optional<Operand> OneOperand(const YamlNode& item, FieldType type, const Condition& test,
                                    const std::string& written) {
    const std::string op(core::TestOperatorName(test.op));
    auto wrong = [&](absl::string_view message) {
      Wrong(item.position, message);
      return std::nullopt;
    };
    if (!item.is_scalar()) {
      return wrong(absl::StrCat("field ", Quoted(written), " is compared with ", item.Describe(), "; write a value"));
    }
    if (item.text.empty()) {
      return wrong(absl::StrCat("field ", Quoted(written),
                                " is compared with an empty text; write { empty: true }, or "
                                "a value"));
    }
    if (!item.is_quoted && type != FieldType::kText && !IsForText(test.op) && LooksLikeDay(item.text) &&
        !DayOf(item.text)) {
      return wrong(absl::StrCat(item.Describe(), " is no day of the calendar; ", kDayRemedy));
    }
    Operand operand;
    if (type == FieldType::kText || IsForText(test.op)) {
      operand.value = Value::Text(item.text);
      if (item.ToValue().kind() == Value::Kind::kFlag) {
        return wrong(absl::StrCat("field ", Quoted(written), " is text and ", item.text,
                                  " is not; write it in quotation marks"));
      }
      if (test.path == "contract.type" && !IsForText(test.op) && !fields_.IsContractType(item.text)) {
        return wrong(
            absl::StrCat("unknown type of contract ", Quoted(item.text), Suggest(item.text, fields_.ContractTypes())));
      }
      return operand;
    }
    operand.value = item.ToValue();
    if (type == FieldType::kFlag && operand.value.kind() != Value::Kind::kFlag) {
      return wrong(absl::StrCat("field ", Quoted(written), " is true or false and ", item.Describe(),
                                " is neither; write one of them"));
    }
    const auto relative = item.is_quoted ? std::nullopt : RelativeDay(item.text);
    if (relative) {
      operand.is_relative_day = true;
      operand.days_from_today = *relative;
      operand.value = Value();
    }
    const Value::Kind kind = operand.value.kind();
    const bool is_number = kind == Value::Kind::kInteger || kind == Value::Kind::kDecimal;
    const bool is_day = relative.has_value() || kind == Value::Kind::kDate;
    if (type == FieldType::kDate && !is_day) {
      return wrong(absl::StrCat("field ", Quoted(written), " is a day and ", item.Describe(), " is not; ", kDayRemedy));
    }
    if (type == FieldType::kNumber && !is_number) {
      return wrong(
          absl::StrCat("field ", Quoted(written), " is a number and ", item.Describe(), " is not; write a number"));
    }
    if (IsOrder(test.op) && !is_number && !is_day) {
      return wrong(absl::StrCat(Quoted(op), " compares numbers and days, and ", item.Describe(),
                                " is neither; write a number, or a day"));
    }
    return operand;
  }

  void Regex(const YamlNode& value, const Condition& test) {
    Condition copy = test;
    absl::Status status = core::Compile(copy);
    absl::string_view message = status.message();
    absl::ConsumePrefix(&message, absl::StrCat(test.position.ToString(), ": "));
    if (!status.ok()) Wrong(value.position, absl::StrCat(message, "; correct it"));
  }

  const ConditionPlace place_;
  const KnownFields& fields_;
  Diagnostics& diagnostics_;
};

}  // namespace

core::Condition ReadCondition(const YamlNode& node, ConditionPlace place, const KnownFields& fields,
                              Diagnostics& diagnostics) {
  core::Condition condition = Reader(place, fields, diagnostics).Map(node, false);
  // What cannot be compiled has been told already, at its own place.
  (void)core::Compile(condition);
  return condition;
}

std::vector<std::string> OperatorNames() {
  std::vector<std::string> names;
  for (int i = 0; i <= static_cast<int>(TestOperator::kBetween); ++i) {
    names.emplace_back(core::TestOperatorName(static_cast<TestOperator>(i)));
  }
  return names;
}

const std::vector<std::string>& ConditionWords() {
  static const auto* words = new std::vector<std::string>{
      "all", "any", "not", "some_contract", "every_contract", "no_contract", "primary_contract", "count_contracts"};
  return *words;
}

}  // namespace sluice::config
