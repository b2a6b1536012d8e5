// From what stands on the command line to what is checked: a program, a folder with a manifest, or a packed .sluice
// file.
#ifndef SLUICE_TESTS_CONFORMANCE_SUBJECT_H_
#define SLUICE_TESTS_CONFORMANCE_SUBJECT_H_

#include <string>

#include "absl/status/statusor.h"
#include "tests/conformance/launch.h"

namespace sluice::conformance {

// Finds the program and its manifest, starts it once to ask for its settings, and reads the configuration (none: an
// empty one). A .sluice file is unpacked into `scratch`. The status is a line for the author.
absl::StatusOr<Subject> FindSubject(const std::string& path, const std::string& config, const std::string& scratch);

}  // namespace sluice::conformance

#endif  // SLUICE_TESTS_CONFORMANCE_SUBJECT_H_
