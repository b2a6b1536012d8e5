// Checks settings against a Description: unknown names, required ones, types, choices, bounds; fills in defaults. Every
// complaint has a path. Patterns (RE2) are checked by the host, which shows them to operators. Pure; any thread.
#ifndef SLUICE_SDK_CPP_SRC_SETTINGS_CHECK_H_
#define SLUICE_SDK_CPP_SRC_SETTINGS_CHECK_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sluice/connector/description.h"
#include "sluice/connector/error.h"
#include "sluice/connector/value.h"

namespace sluice::connector {

struct CheckedSettings {
  std::map<std::string, Value> values;  // With defaults.
  std::vector<Diagnostic> diagnostics;
  bool has_errors() const;
};

// `secrets`: names of those that were handed over; null when the settings come without them (ValidateConfig).
CheckedSettings CheckSettings(const std::vector<Setting>& schema, const std::map<std::string, Value>& values,
                              const std::vector<std::string>* secrets);

// The contents of the FILE settings' copies, by name. INVALID, with a path, for one that cannot be read.
absl::StatusOr<std::map<std::string, std::string>> ReadFiles(const std::vector<Setting>& schema,
                                                             const std::map<std::string, Value>& values);

}  // namespace sluice::connector

#endif  // SLUICE_SDK_CPP_SRC_SETTINGS_CHECK_H_
