#include "tests/conformance/report.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"

namespace sluice::conformance {
namespace {

using State = Verdict::State;

const char* Name(State state) {
  return state == State::kPassed ? "passed" : state == State::kFailed ? "failed" : "skipped";
}
const char* Name(Severity severity) { return severity == Severity::kMust ? "MUST" : "SHOULD"; }

std::string Escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return out;
}

// How many results after this one are of its level and skipped for the same reason.
size_t SkippedAlike(const std::vector<CheckResult>& results, size_t at) {
  size_t end = at;
  while (end < results.size() && results[end].verdict.state == State::kSkipped &&
         results[end].verdict.why == results[at].verdict.why && results[end].check->level == results[at].check->level)
    ++end;
  return end > at ? end - at - 1 : 0;
}

void AppendOne(const CheckResult& result, std::string* out) {
  absl::StrAppendFormat(out, "  %-7s  %s  %s", Name(result.verdict.state), result.check->id, result.check->sentence);
  switch (result.verdict.state) {
    case State::kPassed:
      absl::StrAppend(out, result.verdict.why.empty() ? "" : absl::StrCat(" (", result.verdict.why, ")"), "\n");
      break;
    case State::kSkipped:
      absl::StrAppend(out, "\n           why:  ", result.verdict.why, "\n");
      break;
    case State::kFailed:
      absl::StrAppend(out, " [", Name(result.check->severity), "]\n           seen: ", result.verdict.why,
                      "\n           do:   ", result.check->remedy, "\n");
      if (!result.last_words.empty()) absl::StrAppend(out, "           it said: ", result.last_words, "\n");
  }
}

}  // namespace

Tally Count(const std::vector<CheckResult>& results) {
  Tally tally;
  for (const CheckResult& result : results) {
    tally.passed += result.verdict.state == State::kPassed;
    tally.skipped += result.verdict.state == State::kSkipped;
    if (result.verdict.state != State::kFailed) continue;
    ++tally.failed;
    tally.must_failed += result.check->severity == Severity::kMust;
  }
  return tally;
}

std::string TextReport(const Subject& subject, const std::vector<CheckResult>& results) {
  std::string out = absl::StrCat(subject.package.name, " ", subject.package.version, "\n");
  int level = -1;
  for (size_t i = 0; i < results.size(); ++i) {
    const CheckResult& result = results[i];
    if (result.check->level != level) absl::StrAppend(&out, "\nlevel ", level = result.check->level, "\n");
    if (const size_t more = SkippedAlike(results, i); more > 0) {
      absl::StrAppend(&out, "  skipped  ", result.check->id, " to ", results[i + more].check->id,
                      "\n           why:  ", result.verdict.why, "\n");
      i += more;
      continue;
    }
    AppendOne(result, &out);
  }
  const Tally tally = Count(results);
  absl::StrAppend(&out, "\n", results.size(), " checks: ", tally.passed, " passed, ", tally.failed, " failed (",
                  tally.must_failed, " MUST), ", tally.skipped, " skipped\n");
  return out;
}

std::string JsonReport(const Subject& subject, const std::vector<CheckResult>& results) {
  const Tally tally = Count(results);
  nlohmann::ordered_json root = {{"connector", subject.package.name},
                                 {"version", subject.package.version},
                                 {"passed", tally.passed},
                                 {"failed", tally.failed},
                                 {"must_failed", tally.must_failed},
                                 {"skipped", tally.skipped},
                                 {"checks", nlohmann::ordered_json::array()}};
  for (const CheckResult& result : results) {
    root["checks"].push_back({{"id", result.check->id},
                              {"level", result.check->level},
                              {"severity", Name(result.check->severity)},
                              {"sentence", result.check->sentence},
                              {"state", Name(result.verdict.state)},
                              {"why", result.verdict.why},
                              {"remedy", result.verdict.state == State::kFailed ? result.check->remedy : ""},
                              {"said", result.last_words},
                              {"ms", absl::ToInt64Milliseconds(result.took)}});
  }
  return root.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string JunitReport(const Subject& subject, const std::vector<CheckResult>& results) {
  const Tally tally = Count(results);
  std::string out = absl::StrFormat(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"%s %s\" tests=\"%d\" failures=\"%d\" "
      "skipped=\"%d\">\n",
      Escaped(subject.package.name), Escaped(subject.package.version), results.size(), tally.must_failed,
      tally.skipped);
  for (const CheckResult& result : results) {
    absl::StrAppendFormat(&out, "  <testcase classname=\"level %d\" name=\"%s %s\" time=\"%.3f\">", result.check->level,
                          result.check->id, Escaped(result.check->sentence), absl::ToDoubleSeconds(result.took));
    const std::string why = Escaped(result.verdict.why);
    if (result.verdict.state == State::kSkipped) absl::StrAppend(&out, "<skipped message=\"", why, "\"/>");
    if (result.verdict.state == State::kFailed) {
      const bool is_must = result.check->severity == Severity::kMust;
      absl::StrAppend(&out, is_must ? "<failure message=\"" : "<system-out>SHOULD: ", why, is_must ? "\">" : " ",
                      Escaped(result.check->remedy), is_must ? "</failure>" : "</system-out>");
    }
    absl::StrAppend(&out, "</testcase>\n");
  }
  return out + "</testsuite>\n";
}

std::string ListOfChecks() {
  std::string out;
  for (const Check* check : AllChecks())
    absl::StrAppendFormat(&out, "%d  %s  %-6s  %s\n", check->level, check->id, Name(check->severity), check->sentence);
  return out;
}

}  // namespace sluice::conformance
