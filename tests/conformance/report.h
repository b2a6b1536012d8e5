// The results of a run as text for people, JSON and JUnit for machines. Pure functions.
#ifndef SLUICE_TESTS_CONFORMANCE_REPORT_H_
#define SLUICE_TESTS_CONFORMANCE_REPORT_H_

#include <string>
#include <vector>

#include "tests/conformance/run.h"

namespace sluice::conformance {

struct Tally {
  int passed = 0, failed = 0, skipped = 0, must_failed = 0;
};
Tally Count(const std::vector<CheckResult>& results);

// A line a check; a failed one with what was seen, what to do, and the connector's last words.
std::string TextReport(const Subject& subject, const std::vector<CheckResult>& results);
// {"connector", "version", "checks": [{"id", "level", "severity", "sentence", "state", "why", "remedy", "ms"}], ...}
std::string JsonReport(const Subject& subject, const std::vector<CheckResult>& results);
std::string JunitReport(const Subject& subject, const std::vector<CheckResult>& results);
// Every check there is, for --list.
std::string ListOfChecks();

}  // namespace sluice::conformance

#endif  // SLUICE_TESTS_CONFORMANCE_REPORT_H_
