// Which plugin serves which system: the whole plugin layer behind one door.
//
// One process for each system. Systems are given as a list; a new list leaves those that did not change alone.
// Thread-safe. A Connector that Find gave stays valid until the Router goes. Find and Status never block;
// FindConfigSchema and CheckSystem start a program and wait for it (never longer than the deadlines of a start and
// three calls); Stop waits until no process is left.
#ifndef SLUICE_HOST_PLUGIN_ROUTER_H_
#define SLUICE_HOST_PLUGIN_ROUTER_H_

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "host/base/clock.h"
#include "host/engine/connector.h"
#include "host/plugin/catalogue.h"
#include "host/plugin/config_schema.h"
#include "host/plugin/connector.h"
#include "host/plugin/supervisor.h"
#include "host/plugin/system_config.h"

namespace sluice::plugin {

struct RouterOptions {
  std::vector<std::string> plugin_directories;
  SupervisorOptions supervisor;
  CallLimits limits;
  bool start_at_once = false;  // Or when a system is first used.
};

class Router final : public engine::Connectors {
 public:
  // `clock` must outlive the Router; it dates what people see, and nothing else.
  Router(RouterOptions options, const base::Clock* clock, Supervisor::SecretSink secrets = nullptr);
  // Kills what still runs.
  ~Router() override;

  // The systems from now on. A system whose connector is not installed is there all the same, halted with the reason
  // when it is used; it is also told here (one status with all of them). Reads the plugin directories anew.
  absl::Status Reconfigure(std::vector<SystemConfig> systems);

  engine::Connector* Find(const std::string& system) override;

  // By system; for `plugin list` and `plugin show`.
  std::vector<PluginStatus> Status() const;
  // Starts a plugin, also a halted one. NOT_FOUND for a system that is not configured.
  absl::Status StartSystem(const std::string& system);

  // What is installed now.
  Catalogue ReadCatalogue() const { return Catalogue::Read(options_.plugin_directories); }
  // Package of "sluice.somtoday@1": for its mapping_path.
  absl::StatusOr<Package> FindPackage(absl::string_view connector) const { return ReadCatalogue().Find(connector); }
  // Starts the connector without a system and asks it; kept by name and version.
  absl::StatusOr<ConfigSchema> FindConfigSchema(absl::string_view connector);
  // Checks against the schema, then by the connector's own rules. Secrets need only their names.
  absl::StatusOr<std::vector<SettingProblem>> CheckSystem(const SystemConfig& config);

  // Drains and stops everything; no call works afterwards.
  void Stop(bool quickly = false);

 private:
  struct System {
    absl::StatusOr<Package> package = absl::UnknownError("");
    std::unique_ptr<PluginConnector> connector;
    bool is_configured = true;
  };

  absl::StatusOr<ConfigSchema> CachedSchema(const Package& package) const;

  const RouterOptions options_;
  const base::Clock* const clock_;
  const Supervisor::SecretSink secrets_;
  mutable absl::Mutex mutex_;
  std::map<std::string, System> systems_ ABSL_GUARDED_BY(mutex_);
  std::map<std::pair<std::string, std::string>, ConfigSchema> schemas_ ABSL_GUARDED_BY(mutex_);  // By name and version.
};

}  // namespace sluice::plugin

#endif  // SLUICE_HOST_PLUGIN_ROUTER_H_
