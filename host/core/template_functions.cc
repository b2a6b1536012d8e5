#include "host/core/template_functions.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "host/core/text.h"

namespace sluice::core {
namespace {

using Arguments = std::vector<TemplateArgument>;

Value TextOrEmpty(const std::string& text) { return text.empty() ? Value::Empty() : Value::Text(text); }

Value Trim(const Value& value, const Arguments&) { return TextOrEmpty(NormaliseText(value.text())); }
Value Lower(const Value& value, const Arguments&) { return Value::Text(ToLower(value.text())); }
Value Upper(const Value& value, const Arguments&) { return Value::Text(ToUpper(value.text())); }
Value Title(const Value& value, const Arguments&) { return Value::Text(ToTitle(value.text())); }
Value Ascii(const Value& value, const Arguments&) { return TextOrEmpty(Transliterate(value.text())); }

// Letters and digits of any script, marks on letters, and . - _ stay.
Value Compact(const Value& value, const Arguments&) {
  std::string kept;
  for (const std::string& character : Characters(value.text())) {
    if (IsWordCharacter(character) || character == "." || character == "-" || character == "_") kept += character;
  }
  return TextOrEmpty(kept);
}

Value Digits(const Value& value, const Arguments&) {
  std::string kept;
  for (char c : value.text()) {
    if (absl::ascii_isdigit(static_cast<unsigned char>(c))) kept += c;
  }
  return TextOrEmpty(kept);
}

Value Initials(const Value& value, const Arguments&) {
  std::string initials;
  bool is_start = true;
  for (const std::string& character : Characters(NormaliseText(value.text()))) {
    if (character == " " || character == "-" || character == ".") {
      is_start = true;
    } else if (is_start && IsWordCharacter(character)) {
      initials += ToUpper(character);
      is_start = false;
    }
  }
  return TextOrEmpty(initials);
}

Value LeftOf(const Value& value, const Arguments& arguments) {
  return TextOrEmpty(Left(value.text(), arguments[0].number));
}
Value RightOf(const Value& value, const Arguments& arguments) {
  return TextOrEmpty(Right(value.text(), arguments[0].number));
}
Value SubstringOf(const Value& value, const Arguments& arguments) {
  int64_t from = std::max<int64_t>(1, arguments[0].number) - 1;
  return TextOrEmpty(Substring(value.text(), from,
                               arguments.size() > 1 ? arguments[1].number : static_cast<int64_t>(value.text().size())));
}

Value Replace(const Value& value, const Arguments& arguments) {
  if (arguments[0].text.empty()) return value;
  return TextOrEmpty(absl::StrReplaceAll(value.text(), {{arguments[0].text, arguments[1].text}}));
}

Value Pad(const Value& value, const Arguments& arguments) {
  std::string fill = arguments.size() > 1 ? Left(arguments[1].text, 1) : "0";
  std::string padded;
  for (int64_t missing = arguments[0].number - Length(value.text()); missing > 0 && !fill.empty(); --missing) {
    padded += fill;
  }
  padded += value.text();
  return Value::Text(padded);
}

Value Prefix(const Value& value, const Arguments& arguments) {
  return Value::Text(absl::StrCat(arguments[0].text, value.text()));
}
Value Suffix(const Value& value, const Arguments& arguments) {
  return Value::Text(absl::StrCat(value.text(), arguments[0].text));
}

Value Default(const Value& value, const Arguments& arguments) {
  return value.is_empty() ? TextOrEmpty(arguments[0].text) : value;
}

Value Lookup(const Value& value, const Arguments& arguments) {
  std::string text = value.ToText();
  for (const TemplateArgument& argument : arguments) {
    if (argument.key == text || argument.key == "*") return TextOrEmpty(argument.text);
  }
  return Value::NotVisible();
}

Value Join(const Value& value, const Arguments& arguments) {
  if (!value.is_list()) return Value::Text(value.ToText());
  if (value.kind() == Value::Kind::kPartialList) return Value::NotVisible();
  std::vector<std::string> texts;
  for (const Value& item : value.list()) {
    if (!item.is_visible()) return Value::NotVisible();
    if (item.has_value()) texts.push_back(item.ToText());
  }
  return TextOrEmpty(absl::StrJoin(texts, arguments[0].text));
}

Value Split(const Value& value, const Arguments& arguments) {
  if (value.is_list()) return value;
  Value::List items;
  for (absl::string_view part : absl::StrSplit(value.ToText(), absl::ByString(arguments[0].text))) {
    std::string text = NormaliseText(part);
    if (!text.empty()) items.push_back(Value::Text(text));
  }
  return items.empty() ? Value::Empty() : Value::ListOf(std::move(items));
}

// Item `number`, from 1; from -1 backwards for the last ones.
Value ItemOf(const Value& value, int64_t number) {
  if (!value.is_list()) return number == 1 || number == -1 ? value : Value::Empty();
  if (value.kind() == Value::Kind::kPartialList) return Value::NotVisible();
  int64_t size = static_cast<int64_t>(value.list().size());
  int64_t index = number > 0 ? number - 1 : size + number;
  return number == 0 || index < 0 || index >= size ? Value::Empty() : value.list()[index];
}
Value Item(const Value& value, const Arguments& arguments) { return ItemOf(value, arguments[0].number); }
Value First(const Value& value, const Arguments&) { return ItemOf(value, 1); }
Value Last(const Value& value, const Arguments&) { return ItemOf(value, -1); }

Value Unique(const Value& value, const Arguments&) {
  if (!value.is_list()) return value;
  Value::List items;
  for (const Value& item : value.list()) {
    if (std::find(items.begin(), items.end(), item) == items.end()) items.push_back(item);
  }
  return value.kind() == Value::Kind::kList ? Value::ListOf(std::move(items)) : Value::PartialListOf(std::move(items));
}

Value ToTextValue(const Value& value, const Arguments&) { return Value::Text(value.text()); }

Value Number(const Value& value, const Arguments&) {
  if (value.kind() == Value::Kind::kInteger || value.kind() == Value::Kind::kDecimal) return value;
  std::string text = value.ToText();
  if (auto integer = ParseInteger(text)) return Value::Integer(*integer);
  if (auto decimal = ParseDecimal(absl::StrReplaceAll(text, {{",", "."}}))) return Value::Number(*decimal);
  return Value::NotVisible();
}

std::optional<absl::CivilDay> DayOf(const Value& value) {
  if (value.kind() == Value::Kind::kDate) return value.date();
  if (value.kind() == Value::Kind::kText) return ParseDate(value.text());
  return std::nullopt;
}

std::string TwoDigits(int number) { return absl::StrCat(number < 10 ? "0" : "", number); }

Value Date(const Value& value, const Arguments& arguments) {
  std::optional<absl::CivilDay> day = DayOf(value);
  if (!day) return Value::NotVisible();
  std::string year = absl::StrCat(day->year());
  year.insert(0, year.size() < 4 ? 4 - year.size() : 0, '0');
  return TextOrEmpty(absl::StrReplaceAll(arguments[0].text, {{"yyyy", year},
                                                             {"yy", year.substr(year.size() - 2)},
                                                             {"MM", TwoDigits(day->month())},
                                                             {"M", absl::StrCat(day->month())},
                                                             {"dd", TwoDigits(day->day())},
                                                             {"d", absl::StrCat(day->day())}}));
}

// Reads a date by the same letters: "dd-MM-yyyy".
Value ParseDateOf(const Value& value, const Arguments& arguments) {
  if (value.kind() == Value::Kind::kDate) return value;
  absl::string_view text = value.kind() == Value::Kind::kText ? value.text() : absl::string_view();
  absl::string_view format = arguments[0].text;
  int64_t parts[3] = {0, 0, 0};  // Year, month, day.
  while (!format.empty() && !text.empty()) {
    char letter = format[0];
    int part = letter == 'y' ? 0 : letter == 'M' ? 1 : letter == 'd' ? 2 : -1;
    if (part < 0) {
      if (text[0] != letter) return Value::NotVisible();
      format.remove_prefix(1);
      text.remove_prefix(1);
      continue;
    }
    size_t letters = std::min(format.find_first_not_of(letter), format.size());
    size_t most = letters == 1 ? 2 : letters;
    size_t digits = 0;
    while (digits < text.size() && digits < most && absl::ascii_isdigit(static_cast<unsigned char>(text[digits]))) {
      parts[part] = parts[part] * 10 + (text[digits++] - '0');
    }
    if (digits == 0 || (letters > 1 && digits != letters)) return Value::NotVisible();
    format.remove_prefix(letters);
    text.remove_prefix(digits);
  }
  if (!format.empty() || !text.empty()) return Value::NotVisible();
  absl::CivilDay day(parts[0], static_cast<int>(parts[1]), static_cast<int>(parts[2]));
  if (day.month() != parts[1] || day.day() != parts[2]) return Value::NotVisible();
  return Value::Date(day);
}

Value AddDays(const Value& value, const Arguments& arguments) {
  std::optional<absl::CivilDay> day = DayOf(value);
  return day ? Value::Date(*day + arguments[0].number) : Value::NotVisible();
}

// Columns of the table. if_empty has no function: the evaluator reads the other field itself.
constexpr bool kEach = true, kEmpty = true, kText = true, kNo = false;

}  // namespace

const std::vector<TemplateFunction>& TemplateFunctions() {
  static const auto* functions = new std::vector<TemplateFunction>{
      {"add_days", "n", "add_days(n)", "The date n days later; n may be negative.", kEach, kNo, kNo, AddDays},
      {"ascii", "", "ascii", "The nearest plain letters: \xC3\xA9 is e, \xC3\x9F is ss; what has none is dropped.",
       kEach, kNo, kText, Ascii},
      {"compact", "", "compact", "Without blanks, apostrophes, quotes and signs: letters, digits and . - _ stay.",
       kEach, kNo, kText, Compact},
      {"date", "t", "date(dd-MM-yyyy)", "A date as text, by the letters yyyy yy MM M dd d.", kEach, kNo, kNo, Date},
      {"default", "t", "default(text)", "This text where the field is empty; not where it is not visible.", kNo, kEmpty,
       kNo, Default},
      {"digits", "", "digits", "Only the digits.", kEach, kNo, kText, Digits},
      {"first", "", "first", "The first item of a list.", kNo, kNo, kNo, First},
      {"if_empty", "p", "if_empty(other.field)", "The value of another field where this one is empty.", kNo, kEmpty,
       kNo, nullptr},
      {"initials", "", "initials", "The first letter of each word, as a capital.", kEach, kNo, kText, Initials},
      {"item", "n", "item(n)", "Item n of a list, from 1; -1 is the last.", kNo, kNo, kNo, Item},
      {"join", "t", "join(separator)", "The items of a list as one text.", kNo, kNo, kNo, Join},
      {"last", "", "last", "The last item of a list.", kNo, kNo, kNo, Last},
      {"left", "c", "left(n)", "The first n characters.", kEach, kNo, kText, LeftOf},
      {"lookup", "k*", "lookup(value=text, *=text)",
       "The text that stands for the value; * stands for any other, and without it any other leaves the field as it "
       "is.",
       kEach, kNo, kNo, Lookup},
      {"lower", "", "lower", "Small letters.", kEach, kNo, kText, Lower},
      {"number", "", "number", "The number that a text holds.", kEach, kNo, kNo, Number},
      {"pad", "ct?", "pad(n, character)", "Filled up at the left to n characters, with 0 unless told.", kEach, kNo,
       kText, Pad},
      {"parse_date", "t", "parse_date(dd-MM-yyyy)", "The date that a text holds.", kEach, kNo, kNo, ParseDateOf},
      {"prefix", "t", "prefix(text)", "This text before it, unless it is empty.", kEach, kNo, kText, Prefix},
      {"replace", "tt", "replace(from, to)", "Every `from` becomes `to`.", kEach, kNo, kText, Replace},
      {"right", "c", "right(n)", "The last n characters.", kEach, kNo, kText, RightOf},
      {"split", "t", "split(separator)", "The parts of a text as a list, without blank ones.", kNo, kNo, kNo, Split},
      {"substring", "cc?", "substring(from, n)", "n characters from number `from` on, counted from 1.", kEach, kNo,
       kText, SubstringOf},
      {"suffix", "t", "suffix(text)", "This text behind it, unless it is empty.", kEach, kNo, kText, Suffix},
      {"text", "", "text", "As text: 4 is \"4\", a date is yyyy-MM-dd.", kEach, kNo, kText, ToTextValue},
      {"title", "", "title", "A capital at the start of each word.", kEach, kNo, kText, Title},
      {"trim", "", "trim", "Without blanks at both ends and double ones inside.", kEach, kNo, kText, Trim},
      {"unique", "", "unique", "A list with each item once.", kNo, kNo, kNo, Unique},
      {"upper", "", "upper", "Capitals.", kEach, kNo, kText, Upper},
  };
  return *functions;
}

const TemplateFunction* FindTemplateFunction(absl::string_view name) {
  const std::vector<TemplateFunction>& functions = TemplateFunctions();
  auto found = std::lower_bound(functions.begin(), functions.end(), name,
                                [](const TemplateFunction& f, absl::string_view wanted) { return f.name < wanted; });
  return found != functions.end() && found->name == name ? &*found : nullptr;
}

Value ApplyTemplateFunction(const TemplateFunction& function, const Value& value,
                            const std::vector<TemplateArgument>& arguments) {
  if (!value.is_visible() || function.apply == nullptr) return value;
  if (value.is_empty() && !function.takes_empty) return value;
  if (value.is_list() && function.is_each) {
    Value::List items;
    items.reserve(value.list().size());
    for (const Value& item : value.list()) items.push_back(ApplyTemplateFunction(function, item, arguments));
    return value.kind() == Value::Kind::kList ? Value::ListOf(std::move(items))
                                              : Value::PartialListOf(std::move(items));
  }
  if (!function.takes_text || value.kind() == Value::Kind::kText) return function.apply(value, arguments);
  if (value.kind() == Value::Kind::kMap || value.kind() == Value::Kind::kData) return Value::NotVisible();
  return function.apply(Value::Text(value.ToText()), arguments);
}

}  // namespace sluice::core
