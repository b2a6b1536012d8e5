#include "host/core/template.h"

#include <map>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/time/civil_time.h"
#include "host/base/hash.h"
#include "tests/fuzz/targets.h"

namespace sluice::fuzz {
namespace {

using core::Value;

// A line is a value: "?" not visible, "-" empty, "#4" a number, "!": true, "@2026-11-24" a day, all else a text.
Value ValueOf(absl::string_view line) {
  int64_t number = 0;
  absl::CivilDay day;
  if (line == "?") return Value::NotVisible();
  if (line == "-") return Value::Empty();
  if (line == "!") return Value::Flag(true);
  if (absl::StartsWith(line, "#") && absl::SimpleAtoi(line.substr(1), &number)) return Value::Integer(number);
  if (absl::StartsWith(line, "@") && absl::ParseCivilTime(line.substr(1), &day)) return Value::Date(day);
  return Value::Text(std::string(line));
}

}  // namespace

void FuzzTemplate(absl::string_view input) {
  const std::vector<absl::string_view> lines = absl::StrSplit(input, '\n');
  const absl::StatusOr<core::Template> parsed = core::Template::Parse(lines[0]);
  if (!parsed.ok()) {
    Expect(!parsed.status().message().empty(), "a refusal says why");
    return;
  }
  Expect(parsed->text() == lines[0], "a template keeps its text");
  std::map<std::string, Value> values;
  for (size_t at = 0; at < parsed->paths().size(); ++at) {
    values.emplace(parsed->paths()[at], at + 1 < lines.size() ? ValueOf(lines[at + 1]) : Value::Text("Noor"));
  }
  for (const int64_t n : {2, 31}) {
    const auto known = [&](const std::string& path) {
      const auto found = values.find(path);
      return found == values.end() ? Value::NotVisible() : found->second;
    };
    const auto all = [&](const std::string& path) { return path == "n" ? Value::Integer(n) : known(path); };
    const Value value = parsed->Evaluate(all);
    Expect(parsed->Evaluate(all) == value, "the same question has the same answer");
    Expect(parsed->WithKnown(known).Evaluate(all) == value, "what is known beforehand changes nothing");
    base::CanonicalJson(core::ToJson(value));
  }
}

}  // namespace sluice::fuzz
