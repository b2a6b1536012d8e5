#include "host/plugin/router.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/blocking_counter.h"
#include "host/base/nearest.h"
#include "host/base/status.h"
#include "host/plugin/one_off_internal.h"

namespace sluice::plugin {
namespace {

// One for the program, and for ever: a late answer of gRPC may still post to it when its router is gone.
base::Executor* Supervision() {
  static base::Executor* executor = new base::Executor("supervision");
  return executor;
}

}  // namespace

Router::Router(RouterOptions options, const base::Clock* clock, Supervisor::SecretSink secrets)
    : options_(std::move(options)), clock_(clock), secrets_(std::move(secrets)) {}

Router::~Router() {
  Stop(/*quickly=*/true);
  std::map<std::string, System> systems;
  {
    absl::MutexLock lock(&mutex_);
    systems.swap(systems_);
  }
}

absl::Status Router::Reconfigure(std::vector<SystemConfig> configs) {
  const Catalogue catalogue = ReadCatalogue();
  std::vector<std::string> problems;
  absl::MutexLock lock(&mutex_);
  std::set<std::string> names;
  for (SystemConfig& config : configs) {
    names.insert(config.name);
    absl::StatusOr<Package> package = catalogue.Find(config.connector);
    if (!package.ok()) problems.push_back(absl::StrCat(config.name, ": ", package.status().message()));
    System& system = systems_[config.name];
    if (system.connector == nullptr) {
      auto supervisor = Supervisor::Create(config, package, options_.supervisor, Supervision(), clock_, secrets_);
      system.connector = std::make_unique<PluginConnector>(config.name, supervisor, Supervision(), options_.limits);
    } else if (!system.is_configured || system.connector->supervisor().config() != config ||
               system.package != package) {
      system.connector->supervisor().Reconfigure(config, package);
    }
    system.package = std::move(package);
    system.is_configured = true;
    system.connector->SetRetired(false);
    if (options_.start_at_once) system.connector->supervisor().Acquire([](const auto&) {});
  }
  for (auto& [name, system] : systems_) {
    if (names.count(name) > 0 || !system.is_configured) continue;
    system.is_configured = false;
    system.connector->SetRetired(true);
    system.connector->supervisor().Stop([] {});
  }
  if (problems.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrJoin(problems, "\n"));
}

engine::Connector* Router::Find(const std::string& system) {
  absl::MutexLock lock(&mutex_);
  const auto found = systems_.find(system);
  return found == systems_.end() || !found->second.is_configured ? nullptr : found->second.connector.get();
}

std::vector<PluginStatus> Router::Status() const {
  absl::MutexLock lock(&mutex_);
  std::vector<PluginStatus> all;
  for (const auto& [name, system] : systems_) {
    if (system.is_configured) all.push_back(system.connector->supervisor().Status());
  }
  return all;
}

absl::Status Router::StartSystem(const std::string& system) {
  absl::MutexLock lock(&mutex_);
  const auto found = systems_.find(system);
  if (found != systems_.end() && found->second.is_configured) {
    found->second.connector->supervisor().Start();
    return absl::OkStatus();
  }
  std::vector<std::string> names;
  for (const auto& [name, other] : systems_) {
    if (other.is_configured) names.push_back(name);
  }
  const std::string nearest = base::Nearest(system, names);
  return absl::NotFoundError(absl::StrCat("there is no system \"", system, "\"",
                                          !nearest.empty() ? absl::StrCat("; did you mean \"", nearest, "\"?")
                                          : names.empty()  ? "; none is configured"
                                                           : absl::StrCat("; there are ", absl::StrJoin(names, ", "))));
}

absl::StatusOr<ConfigSchema> Router::CachedSchema(const Package& package) const {
  absl::MutexLock lock(&mutex_);
  const auto found = schemas_.find({package.name, package.version});
  if (found == schemas_.end()) return absl::NotFoundError("not asked yet");
  return found->second;
}

absl::StatusOr<ConfigSchema> Router::FindConfigSchema(absl::string_view connector) {
  ASSIGN_OR_RETURN(const Package package, FindPackage(connector));
  if (auto cached = CachedSchema(package); cached.ok()) return cached;
  ASSIGN_OR_RETURN(auto plugin, OneOff::Start(package, options_.supervisor));
  ASSIGN_OR_RETURN(ConfigSchema schema, plugin->GetConfigSchema());
  absl::MutexLock lock(&mutex_);
  schemas_[{package.name, package.version}] = schema;
  return schema;
}

absl::StatusOr<std::vector<SettingProblem>> Router::CheckSystem(const SystemConfig& config) {
  ASSIGN_OR_RETURN(const ConfigSchema schema, FindConfigSchema(config.connector));
  std::set<std::string> secret_names;
  for (const auto& [name, value] : config.secrets) secret_names.insert(name);
  std::vector<SettingProblem> problems = CheckSettings(schema, config.settings, secret_names);
  const bool has_errors =
      std::any_of(problems.begin(), problems.end(), [](const SettingProblem& p) { return !p.is_warning; });
  if (has_errors) return problems;  // A connector's own rules stand on right types.
  ASSIGN_OR_RETURN(const Package package, FindPackage(config.connector));
  ASSIGN_OR_RETURN(auto plugin, OneOff::Start(package, options_.supervisor));
  ASSIGN_OR_RETURN(ConfigVerdict verdict, plugin->ValidateConfig(config, schema.version));
  problems.insert(problems.end(), verdict.problems.begin(), verdict.problems.end());
  return problems;
}

void Router::Stop(bool quickly) {
  std::vector<PluginConnector*> connectors;
  {
    absl::MutexLock lock(&mutex_);
    for (auto& [name, system] : systems_) connectors.push_back(system.connector.get());
  }
  absl::BlockingCounter left(static_cast<int>(connectors.size()));
  for (PluginConnector* connector : connectors) {
    connector->SetRetired(true);
    connector->supervisor().Stop([&left] { left.DecrementCount(); }, quickly);
  }
  left.Wait();
}

}  // namespace sluice::plugin
