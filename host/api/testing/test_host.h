// A whole host in one process: store, engine, the management API on a socket, and two systems in memory, one of a small
// school and one directory.
//
// For tests of the API and of what speaks to it. Nothing leaves its own folder, which goes with it.
#ifndef SLUICE_HOST_API_TESTING_TEST_HOST_H_
#define SLUICE_HOST_API_TESTING_TEST_HOST_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "host/api/server.h"
#include "host/api/testing/fake_system.h"
#include "host/app/sealer.h"
#include "host/base/clock.h"
#include "host/base/pool.h"
#include "host/base/testing/temporary_folder.h"
#include "host/config/testing.h"
#include "host/engine/engine.h"

namespace sluice::api::testing {

class TestHost final : public Administration, public engine::Connectors {
 public:
  TestHost();
  ~TestHost() override;

  const std::string& folder() const { return folder_; }  // The configuration's.
  const std::string& socket() const { return socket_; }
  void EditStore(const std::string& sql);  // Past the host, as somebody with the file could.
  FakeSystem& school() { return *school_; }
  FakeSystem& directory() { return *directory_; }
  engine::Engine& engine() { return *engine_; }
  store::Store& store() { return *store_; }
  base::FakeClock& clock() { return clock_; }

  void WriteFile(const std::string& path, const std::string& content);  // Of the configuration's folder.
  void AddPupil(const std::string& number, const std::string& nick, const std::string& family,
                const std::string& group = "H4D", int year = 4);
  // Reads both systems, approves whatever waits; then makes the directory active.
  void ImportAll();
  void Activate();
  store::Run Await(const absl::StatusOr<std::string>& run);
  // How many lines an export has beside those of the log; -1: it never ends.
  void SetExportLines(int lines) { export_lines_ = lines; }
  int exported() const { return exported_; }

  // Administration.
  ConfigurationCheck Check(const std::string& folder) override;
  absl::StatusOr<std::vector<store::BlockRecord>> Apply(const engine::Actor& actor,
                                                        const ConfigurationCheck& check) override;
  std::string ConfigurationJsonSchema() override { return "{}"; }
  std::string ConfigurationReference() override { return "# Reference"; }
  absl::Status ActivationChanged() override { return absl::OkStatus(); }
  std::vector<PluginStatus> Plugins() override;
  std::vector<PackageStatus> Packages() override;
  absl::Status StartPlugin(const std::string& system) override;
  absl::StatusOr<AuditState> Audit(bool now) override;
  absl::StatusOr<AuditState> AcceptAuditDamage(const engine::Actor& actor, int64_t first, int64_t last) override;
  std::string AuditRowDamage(const store::AuditRow& row) override;
  absl::Status ExportAudit(int64_t from, const std::function<bool(const std::string& line)>& line) override;

  // Connectors.
  engine::Connector* Find(const std::string& system) override;

 private:
  class Vault;
  void WriteConfiguration();
  std::shared_ptr<const core::Configuration> Running() const;

  base::TemporaryFolder root_;
  std::string folder_, socket_;
  base::FakeClock clock_;
  config::testing::FakePackages packages_;
  std::unique_ptr<FakeSystem> school_, directory_;
  std::unique_ptr<engine::Vault> vault_;
  std::unique_ptr<store::Store> store_;
  mutable absl::Mutex mutex_;
  std::shared_ptr<const core::Configuration> running_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::string> plugin_states_ ABSL_GUARDED_BY(mutex_);
  std::atomic<int> export_lines_ = 0, exported_ = 0;
  std::unique_ptr<app::Sealer> sealer_;
  std::unique_ptr<base::Pool> pool_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<Server> server_;
};

}  // namespace sluice::api::testing

#endif  // SLUICE_HOST_API_TESTING_TEST_HOST_H_
