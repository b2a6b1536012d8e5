// What the fuzzers feed, one function a target: each takes any bytes, and ends the program when something that must
// hold does not. A seed is a file in seeds/<target>/.
#ifndef SLUICE_TESTS_FUZZ_TARGETS_H_
#define SLUICE_TESTS_FUZZ_TARGETS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace sluice::fuzz {

void FuzzAuditExport(absl::string_view input);    // An export of the audit log, for the verifier; a copy of the seals.
void FuzzCondition(absl::string_view input);      // A condition in YAML, read and evaluated.
void FuzzConfiguration(absl::string_view input);  // A whole folder: "=== path" before each file.
void FuzzCsvFile(absl::string_view input);        // Settings on the first line, and a file with people or contracts.
void FuzzImportFrames(absl::string_view input);   // A connector's import stream: frames as text, "---" between them.
void FuzzSomtodayAnswers(
    absl::string_view input);  // What Somtoday answers: "--- path" before each; bodies, or whole HTTP answers.
void FuzzTemplate(absl::string_view input);  // A template on the first line, values on the others.

using Target = void (*)(absl::string_view input);
inline std::vector<std::pair<std::string, Target>> Targets() {
  return {
      {"audit_export", FuzzAuditExport}, {"condition", FuzzCondition},        {"configuration", FuzzConfiguration},
      {"csv_file", FuzzCsvFile},         {"import_frames", FuzzImportFrames}, {"somtoday_answers", FuzzSomtodayAnswers},
      {"template", FuzzTemplate}};
}

// Ends the program, with a line, when `holds` is false.
void Expect(bool holds, absl::string_view what);

// `input` cut at lines that begin with `mark`: what stands behind the mark, and the lines that follow. What stands
// before the first mark goes under "".
std::vector<std::pair<std::string, std::string>> Parts(absl::string_view input, absl::string_view mark);

}  // namespace sluice::fuzz

#endif  // SLUICE_TESTS_FUZZ_TARGETS_H_
