// The composition root: builds every part of the host in order, and ends them in the reverse order.
//
// Owned by main. Implements what the API asks of it: the running configuration and the plugins' state. Thread-safe once
// started.
#ifndef SLUICE_HOST_APP_APP_H_
#define SLUICE_HOST_APP_APP_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "host/api/server.h"
#include "host/app/packages.h"
#include "host/app/sealer.h"
#include "host/app/vault.h"
#include "host/audit/seal.h"
#include "host/base/clock.h"
#include "host/base/executor.h"
#include "host/base/pool.h"
#include "host/engine/engine.h"
#include "host/plugin/router.h"
#include "host/secrets/rotated.h"
#include "host/store/store.h"

namespace sluice::app {

struct Options {
  std::string folder;           // The configuration.
  std::string state_directory;  // Holds sluice.db and the plugins' work directories.
  std::string socket;           // Of the management API.
  std::vector<std::string> plugin_directories;
  std::string seals;       // The copy of the audit log's seals; empty: seals.jsonl beside the state.
  std::string clock_file;  // Empty: the system's clock.
  absl::Duration hang_limit = absl::Seconds(35);
};

class App final : public api::Administration {
 public:
  // Starts everything, recovery of what an earlier host left open included. The error says what to do.
  static absl::StatusOr<std::unique_ptr<App>> Start(const Options& options);
  ~App() override;

  api::ConfigurationCheck Check(const std::string& folder) override;
  absl::StatusOr<std::vector<store::BlockRecord>> Apply(const engine::Actor& actor,
                                                        const api::ConfigurationCheck& check) override;
  std::string ConfigurationJsonSchema() override;
  std::string ConfigurationReference() override;
  absl::Status ActivationChanged() override;
  std::vector<api::PluginStatus> Plugins() override;
  std::vector<api::PackageStatus> Packages() override;
  absl::Status StartPlugin(const std::string& system) override;
  absl::StatusOr<api::AuditState> Audit(bool now) override;
  absl::StatusOr<api::AuditState> AcceptAuditDamage(const engine::Actor& actor, int64_t first, int64_t last) override;
  std::string AuditRowDamage(const store::AuditRow& row) override;
  absl::Status ExportAudit(int64_t from, const std::function<bool(const std::string&)>& line) override;

 private:
  explicit App(Options options) : options_(std::move(options)) {}
  absl::Status Build();
  absl::Status LoadRunning();
  absl::Status OpenKeys(const core::Configuration& configuration);
  engine::Context MakeContext();
  std::shared_ptr<const core::Configuration> Running() const;
  absl::Status Reconfigure(const core::Configuration& configuration);
  std::string PluginName(const std::string& system);
  // Keeps a secret that a system gave us, tries until it is on disk, and only then says so.
  void KeepSecret(const plugin::SecretRotation& rotation, const plugin::Supervisor::Stored& stored);
  void SealSometimes(base::Executor* timers, base::Pool* pool, absl::Duration after);

  const Options options_;
  mutable absl::Mutex mutex_;
  std::shared_ptr<const core::Configuration> running_ ABSL_GUARDED_BY(mutex_);
  absl::Notification ending_;
  absl::Mutex applying_;  // One change of configuration at a time.

  std::unique_ptr<base::Clock> clock_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<plugin::Router> router_;
  std::unique_ptr<app::Packages> packages_;
  std::unique_ptr<Vault> vault_;
  std::unique_ptr<secrets::RotatedSecrets> rotated_;
  std::shared_ptr<const audit::SealKey> seal_key_;
  std::unique_ptr<base::Pool> pool_;
  std::unique_ptr<Sealer> sealer_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<base::Executor> timers_;
  std::unique_ptr<api::Server> server_;
};

}  // namespace sluice::app

#endif  // SLUICE_HOST_APP_APP_H_
