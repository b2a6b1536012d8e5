// What every part of the engine works with. Built once by host/app; all of it outlives the engine.
#ifndef SLUICE_HOST_ENGINE_CONTEXT_H_
#define SLUICE_HOST_ENGINE_CONTEXT_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "host/base/backoff.h"
#include "host/base/clock.h"
#include "host/core/configuration.h"
#include "host/engine/connector.h"
#include "host/store/store.h"

namespace sluice::engine {

// Keeps secrets sealed from the moment they are made. Thread-safe.
class Vault {
 public:
  virtual ~Vault() = default;
  // A password that meets `policy` and holds no part of `names` of three letters or more.
  virtual std::string MakePassword(const core::TargetClass& policy, const std::vector<std::string>& names) = 0;
  virtual absl::StatusOr<std::string> Seal(const std::string& id, const std::string& secret) = 0;
  virtual absl::StatusOr<std::string> Open(const std::string& id, const std::string& sealed) = 0;
};

class WorldCache;

// How long an enforcement waits for a plugin that went away or a target that is busy, and how often it looks. For a
// store that takes no writes a run waits until it does.
struct Patience {
  absl::Duration plugin = absl::Minutes(2);
  absl::Duration between = absl::Seconds(1);
  base::BackoffOptions store = {absl::Milliseconds(500), absl::Seconds(5)};
};

struct Context {
  store::Store* store = nullptr;
  const base::Clock* clock = nullptr;
  Connectors* connectors = nullptr;
  Vault* vault = nullptr;
  // The running configuration; never null once the engine is started.
  std::function<std::shared_ptr<const core::Configuration>()> configuration;
  // "sluice.active_directory 1.0.0": what runs for a system, for the audit log.
  std::function<std::string(const std::string& system)> plugin_name;
  // One condition in the configuration's language, as `system activate --when` takes it.
  std::function<absl::StatusOr<core::Condition>(const std::string& text)> parse_condition;
  // Runs work that is not short on a thread of its own pool.
  std::function<void(std::function<void()>)> post;
  // Who this host is, in claims: "hostname:pid".
  std::string host_id;
  Patience patience;
  // The engine's own; see world.h.
  std::shared_ptr<WorldCache> worlds;
};

}  // namespace sluice::engine

#endif  // SLUICE_HOST_ENGINE_CONTEXT_H_
