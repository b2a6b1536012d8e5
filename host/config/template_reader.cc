#include "host/config/template_reader.h"

#include <algorithm>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "re2/re2.h"

namespace sluice::config {
namespace {

// Takes the offset off "at 12: unknown function ...".
std::pair<size_t, std::string> Offset(absl::string_view message) {
  size_t offset = 0;
  absl::string_view rest = message;
  if (!absl::ConsumePrefix(&rest, "at ")) return {0, std::string(message)};
  const size_t colon = rest.find(": ");
  if (colon == absl::string_view::npos || !absl::SimpleAtoi(rest.substr(0, colon), &offset)) {
    return {0, std::string(message)};
  }
  return {offset, std::string(rest.substr(colon + 2))};
}

// Where a placeholder that reads `path` writes it.
size_t OffsetOfPath(absl::string_view text, absl::string_view path) {
  for (size_t at = text.find(path); at != absl::string_view::npos; at = text.find(path, at + 1)) {
    const size_t before = text.find_last_not_of(' ', at == 0 ? 0 : at - 1);
    const char after = at + path.size() < text.size() ? text[at + path.size()] : '}';
    if (at > 0 && before != absl::string_view::npos && text[before] == '{' &&
        (after == '}' || after == ' ' || after == '|')) {
      return at;
    }
  }
  return 0;
}

size_t Characters(absl::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; });
}

// The bound of one placeholder: a last `left(n)` with nothing after it that can make text longer.
std::optional<int64_t> MostOfPlaceholder(absl::string_view inside) {
  static const LazyRE2 kLeft = {" *left\\( *([0-9]{1,4}) *\\) *"};
  if (absl::StripAsciiWhitespace(inside) == "n") return 2;
  const std::vector<absl::string_view> steps = absl::StrSplit(inside, '|');
  std::optional<int64_t> most;
  for (size_t i = 1; i < steps.size(); ++i) {
    int64_t limit = 0;
    const absl::string_view name = absl::StripAsciiWhitespace(steps[i]);
    if (RE2::FullMatch(re2::StringPiece(steps[i].data(), steps[i].size()), *kLeft, &limit)) {
      most = most ? std::min(*most, limit) : limit;
    } else if (name != "trim" && name != "compact") {
      most.reset();
    }
  }
  return most;
}

}  // namespace

std::optional<core::Template> ReadTemplate(const YamlNode& node, const PathCheck& check, Diagnostics& diagnostics) {
  if (node.is_null()) return core::Template::Constant(core::Value::Empty());
  if (!node.is_scalar()) return std::nullopt;
  if (!node.is_quoted) {
    core::Value value = node.ToValue();
    if (value.kind() != core::Value::Kind::kText) return core::Template::Constant(std::move(value));
  }
  absl::StatusOr<core::Template> parsed = core::Template::Parse(node.text);
  if (!parsed.ok()) {
    const auto [offset, message] = Offset(parsed.status().message());
    diagnostics.Error(node.PositionAt(offset), message);
    return std::nullopt;
  }
  static const LazyRE2 kDoubled = {"\\{\\{ *(?:person|contract)\\."};
  if (RE2::PartialMatch(node.text, *kDoubled)) {
    diagnostics.Error(node.PositionAt(node.text.find("{{")),
                      "two braces stand for a brace itself, and this would be written as it stands; write one");
    return std::nullopt;
  }
  bool is_good = true;
  for (const std::string& path : parsed->paths()) {
    const std::string wrong = check(path);
    if (wrong.empty()) continue;
    diagnostics.Error(node.PositionAt(OffsetOfPath(node.text, path)), wrong);
    is_good = false;
  }
  if (!is_good) return std::nullopt;
  return *std::move(parsed);
}

PathCheck FieldsCheck(const KnownFields& fields, absl::string_view no_person) {
  return [&fields, reason = std::string(no_person)](const std::string& path) -> std::string {
    if (!reason.empty() && absl::StartsWith(path, "person.")) {
      return absl::StrCat("field ", Quoted(path), " ", reason);
    }
    return fields.IsFilled(path) ? "" : fields.Explain(path, path);
  };
}

FieldType TypeOfTemplate(const YamlNode& node, const std::function<FieldType(const std::string& path)>& of_path) {
  if (!node.is_scalar()) return FieldType::kUnknown;
  switch (node.ToValue().kind()) {
    case core::Value::Kind::kFlag:
      return FieldType::kFlag;
    case core::Value::Kind::kDate:
      return FieldType::kDate;
    case core::Value::Kind::kInteger:
    case core::Value::Kind::kDecimal:
      return FieldType::kNumber;
    default:
      break;
  }
  absl::string_view text = node.text;
  const bool is_one = text.size() > 2 && text[0] == '{' && text[1] != '{' && text.find('}') == text.size() - 1;
  if (!is_one) return FieldType::kText;
  const std::vector<absl::string_view> steps = absl::StrSplit(text.substr(1, text.size() - 2), '|');
  if (steps.size() == 1) return of_path(std::string(absl::StripAsciiWhitespace(steps[0])));
  const absl::string_view last = absl::StripAsciiWhitespace(steps.back());
  const absl::string_view function = last.substr(0, last.find('('));
  if (function == "number") return FieldType::kNumber;
  if (function == "parse_date" || function == "add_days") return FieldType::kDate;
  for (const char* one : {"ascii", "compact", "date", "digits", "initials", "join", "left", "lookup", "lower", "pad",
                          "prefix", "replace", "right", "substring", "suffix", "text", "title", "trim", "upper"}) {
    if (function == one) return FieldType::kText;
  }
  return FieldType::kUnknown;
}

std::optional<int64_t> MostCharacters(absl::string_view text) {
  int64_t total = 0;
  while (!text.empty()) {
    if (absl::StartsWith(text, "{{") || absl::StartsWith(text, "}}")) {
      total += 1;
      text.remove_prefix(2);
      continue;
    }
    if (text.front() == '{') {
      const size_t end = text.find('}');
      if (end == absl::string_view::npos) return std::nullopt;
      auto most = MostOfPlaceholder(text.substr(1, end - 1));
      if (!most) return std::nullopt;
      total += *most;
      text.remove_prefix(end + 1);
      continue;
    }
    const size_t next = std::min(text.find_first_of("{}"), text.size());
    total += Characters(text.substr(0, std::max<size_t>(next, 1)));
    text.remove_prefix(std::max<size_t>(next, 1));
  }
  return total;
}

}  // namespace sluice::config
