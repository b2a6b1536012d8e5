// What the API asks of the composition root: the configuration that runs, and the plugins' state. Implemented by
// host/app; thread-safe.
#ifndef SLUICE_HOST_API_ADMINISTRATION_H_
#define SLUICE_HOST_API_ADMINISTRATION_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "host/core/position.h"
#include "host/engine/engine.h"

namespace sluice::api {

struct ConfigurationProblem {
  core::Position position;
  std::string message;
};

// A folder as it was read.
struct ConfigurationCheck {
  std::shared_ptr<const core::Configuration> configuration;  // Null when there are errors.
  std::vector<ConfigurationProblem> errors, warnings;
  std::vector<std::string> changes;  // Against the running one, a line each.
};

struct PluginStatus {
  std::string system, package, version, state, last_end;
  int pid = 0, restarts = 0;
  absl::Time since;
  std::vector<std::string> log;
};
struct PackageStatus {
  std::string name, version, folder;
  std::vector<std::string> kinds;
};

// What is wrong with rows of the audit log, and who accepted it, in which row; 0: nobody did.
struct AuditDamage {
  int64_t first = 0, last = 0;
  std::string what;
  int64_t accepted_in = 0;
  std::string accepted_by, reason;
};
struct AuditState {
  bool is_checked = false;  // False: the first check is still under way.
  int64_t last_row = 0, sealed_row = 0;
  absl::Time sealed_at;
  std::vector<AuditDamage> damage;  // What nobody accepted first.
  std::string copy_problem;         // Why the copy of the seals cannot be kept; empty: it can.
};

class Administration {
 public:
  virtual ~Administration() = default;
  // Reads a folder; "" is the host's own. Changes nothing.
  virtual ConfigurationCheck Check(const std::string& folder) = 0;
  // Makes a checked folder the running configuration: plugins, snapshot, record and audit row. Returns the blocks that
  // wait.
  virtual absl::StatusOr<std::vector<store::BlockRecord>> Apply(const engine::Actor& actor,
                                                                const ConfigurationCheck& check) = 0;
  virtual std::string ConfigurationJsonSchema() = 0;
  virtual std::string ConfigurationReference() = 0;
  // A target was activated, or observes again: it is opened anew with or without the right to write.
  virtual absl::Status ActivationChanged() = 0;
  virtual std::vector<PluginStatus> Plugins() = 0;
  virtual std::vector<PackageStatus> Packages() = 0;
  virtual absl::Status StartPlugin(const std::string& system) = 0;
  // How the audit log was found last; checked anew from its first row when `now`.
  virtual absl::StatusOr<AuditState> Audit(bool now) = 0;
  // Accepts what is damaged within these rows, so that the log is sealed again.
  virtual absl::StatusOr<AuditState> AcceptAuditDamage(const engine::Actor& actor, int64_t first, int64_t last) = 0;
  // What is wrong with one row by itself; empty: nothing.
  virtual std::string AuditRowDamage(const store::AuditRow& row) = 0;
  // The export file up to the newest row, sealed. One call of `line` for each line.
  virtual absl::Status ExportAudit(int64_t from, const std::function<bool(const std::string& line)>& line) = 0;
};

}  // namespace sluice::api

#endif  // SLUICE_HOST_API_ADMINISTRATION_H_
