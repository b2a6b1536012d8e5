// Level 7: figures beside budgets. Every one is a SHOULD: a busy machine is nobody's defect.
#include <unistd.h>

#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/conformance/writing.h"

namespace sluice::conformance {
namespace {

namespace v1 = connector::v1;

constexpr int64_t kStartMilliseconds = 250;
constexpr double kMicrosecondsPerRecord = 100;
constexpr double kMillisecondsPerOperation = 20;
constexpr int64_t kMemoryMebibytes = 128;

// User and system time of a process so far.
absl::Duration CpuOf(pid_t pid) {
  std::ifstream in(absl::StrCat("/proc/", pid, "/stat"));
  std::string text;
  std::getline(in, text);
  const std::vector<std::string> fields = absl::StrSplit(text.substr(text.rfind(')') + 1), ' ', absl::SkipEmpty());
  int64_t user = 0, system = 0;
  if (fields.size() < 13 || !absl::SimpleAtoi(fields[11], &user) || !absl::SimpleAtoi(fields[12], &system))
    return absl::ZeroDuration();
  return absl::Seconds(static_cast<double>(user + system) / static_cast<double>(sysconf(_SC_CLK_TCK)));
}

int64_t PeakMebibytes(pid_t pid) {
  std::ifstream status(absl::StrCat("/proc/", pid, "/status"));
  for (std::string line; std::getline(status, line);) {
    int64_t kilobytes = 0;
    if (absl::StartsWith(line, "VmHWM:") && absl::SimpleAtoi(line.substr(6, line.size() - 9), &kilobytes))
      return kilobytes / 1024;
  }
  return 0;
}

Verdict StartsFast(Run& run) {
  absl::Duration best = absl::InfiniteDuration();
  for (int i = 0; i < 5; ++i) {
    SLUICE_OR_SKIP(launched, run.Fresh());
    best = std::min(best, launched->start_time());
  }
  const int64_t milliseconds = absl::ToInt64Milliseconds(best);
  return milliseconds <= kStartMilliseconds
             ? Passed(milliseconds, " ms")
             : Failed("the quickest of 5 starts took ", milliseconds, " ms; the budget is ", kStartMilliseconds);
}

Verdict ImportsCheaply(Run& run) {
  SLUICE_OR_SKIP(launched, run.Reading());
  const absl::Duration before = CpuOf(launched->pid());
  size_t records = 0;
  absl::Duration took;
  while (records < 20000 && took < absl::Seconds(5)) {
    const ImportLog log = Import(*launched, run.config());
    if (!log.status.ok() || log.records.empty()) return Skipped("SRC-001 fails, or there are no records");
    records += log.records.size();
    took += log.took;
  }
  const double cpu = absl::ToDoubleMicroseconds(CpuOf(launched->pid()) - before) / static_cast<double>(records);
  const std::string figures = absl::StrCat(
      cpu, " us of CPU a record, ", static_cast<int64_t>(static_cast<double>(records) / absl::ToDoubleSeconds(took)),
      " records a second");
  return cpu <= kMicrosecondsPerRecord ? Passed(figures)
                                       : Failed(figures, "; the budget is ", kMicrosecondsPerRecord, " us");
}

Verdict WritesCheaply(Run& run) {
  SLUICE_OR_SKIP(writing, run.Writing());
  Bench bench(&run);
  SLUICE_OR_SKIP(account, bench.Account());
  std::vector<v1::Operation> operations;
  for (int i = 0; i < 100; ++i) operations.push_back(bench.Create(*account));
  const absl::Time start = absl::Now();
  const ApplyLog log = Apply(*writing, operations);
  const double each = absl::ToDoubleMilliseconds(absl::Now() - start) / 100;
  size_t applied = 0;
  for (const v1::OperationResult& result : log.results) {
    if (result.outcome() != v1::OperationResult::APPLIED) continue;
    ++applied;
    bench.Made(account->name(), result.object_id());
  }
  if (applied != operations.size()) return Skipped("TGT-002 fails: ", applied, " of 100 were APPLIED");
  const std::string figures = absl::StrCat(each, " ms an operation");
  return each <= kMillisecondsPerOperation ? Passed(figures)
                                           : Failed(figures, "; the budget is ", kMillisecondsPerOperation, " ms");
}

Verdict StaysSmall(Run& run) {
  SLUICE_OR_SKIP(launched, run.Reading());
  Import(*launched, run.config());
  const int64_t peak = PeakMebibytes(launched->pid());
  return peak <= kMemoryMebibytes ? Passed(peak, " MiB at most")
                                  : Failed("it had ", peak, " MiB; the budget is ", kMemoryMebibytes);
}

constexpr Check kChecks[] = {
    {"PRF-001", 7, Severity::kShould, "It answers within 250 ms of its start.",
     "do at the first import what is slow, not at the start; link statically", StartsFast},
    {"PRF-002", 7, Severity::kShould, "An imported record costs it at most 100 us of CPU.",
     "let the SDK pack columns; do not copy a record twice", ImportsCheaply},
    {"PRF-003", 7, Severity::kShould, "An operation takes at most 20 ms, of many at once.",
     "say max_in_flight, and write several at once", WritesCheaply},
    {"PRF-004", 7, Severity::kShould, "It stays under 128 MiB.", "read and send page by page", StaysSmall},
};

}  // namespace

absl::Span<const Check> SpeedChecks() { return kChecks; }

}  // namespace sluice::conformance
