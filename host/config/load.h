// The folder of YAML files, read and checked as a whole: one immutable version of the configuration, or everything that
// is wrong with it.
//
// Stateless; safe on any thread, if the Packages and Schemas that it is given are. Reads files and the environment and
// asks nobody on the network. Never keeps a secret, and never changes a running configuration: that is the caller's.
#ifndef SLUICE_HOST_CONFIG_LOAD_H_
#define SLUICE_HOST_CONFIG_LOAD_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "host/config/diagnostics.h"
#include "host/config/packages.h"
#include "host/core/configuration.h"

namespace sluice::config {

struct LoadOptions {
  // Off: only the form of references to secrets is checked, for a check on another machine than the host's.
  bool checks_secrets = true;
};

struct LoadResult {
  std::shared_ptr<const core::Configuration> configuration;  // Null when there are errors.
  std::vector<Diagnostic> errors;                            // By place. Empty: it may be used.
  std::vector<Diagnostic> warnings;

  bool ok() const { return configuration != nullptr; }
  // INVALID_ARGUMENT with one line an error.
  absl::Status ToStatus() const;
};

// `schemas` may be null. A folder that cannot be read is an error like others.
LoadResult Load(const std::string& folder, const Packages& packages, const Schemas* schemas,
                const LoadOptions& options = {});

// The same from files that were read before (relative path -> contents): a version out of the store.
LoadResult LoadFiles(const std::string& folder, const std::map<std::string, std::string>& files,
                     const Packages& packages, const Schemas* schemas, const LoadOptions& options = {});

}  // namespace sluice::config

#endif  // SLUICE_HOST_CONFIG_LOAD_H_
