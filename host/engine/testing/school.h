// A small school with a host: people, rules, a directory and a source that do what a test says, over a real store.
//
// For tests. The engine can be destroyed at any moment, as if the host had died, and started again on the same store.
#ifndef SLUICE_HOST_ENGINE_TESTING_SCHOOL_H_
#define SLUICE_HOST_ENGINE_TESTING_SCHOOL_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "host/base/clock.h"
#include "host/base/pool.h"
#include "host/core/planner_test_world.h"
#include "host/engine/engine.h"
#include "host/engine/testing/fake_connector.h"
#include "host/engine/testing/fragile_store.h"

namespace sluice::engine::testing {

// Passwords "pw-1", "pw-2", ...; sealed is readable to tests.
class FakeVault final : public Vault {
 public:
  std::string MakePassword(const core::TargetClass&, const std::vector<std::string>&) override {
    absl::MutexLock lock(&mutex_);
    return absl::StrCat("pw-", ++made_);
  }
  absl::StatusOr<std::string> Seal(const std::string& id, const std::string& secret) override {
    return absl::StrCat("sealed:", id, ":", secret);
  }
  absl::StatusOr<std::string> Open(const std::string& id, const std::string& sealed) override {
    const std::string start = absl::StrCat("sealed:", id, ":");
    if (!absl::StartsWith(sealed, start)) return absl::DataLossError("sealed under another id");
    return sealed.substr(start.size());
  }
  int made() const {
    absl::MutexLock lock(&mutex_);
    return made_;
  }

 private:
  mutable absl::Mutex mutex_;
  int made_ ABSL_GUARDED_BY(mutex_) = 0;
};

class School : public Connectors {
 public:
  // `vfs`: of SQLite, for a disk that fails.
  explicit School(std::string vfs = "");
  ~School() override;

  Connector* Find(const std::string& system) override;

  // Destroys the engine, as a crash would: nothing is written any more. Start builds a new one on the same store.
  void Crash();
  void Start();

  // Writes the people of `world` as the active snapshot.
  void Save();
  void ApplyConfiguration();  // That of `world`.
  void Activate(bool is_active = true);

  // Runs, awaited.
  store::Run Await(const absl::StatusOr<std::string>& run);
  store::Run Import(std::vector<std::string> systems = {"ad"}) { return Await(engine->StartImport(alice, systems)); }
  store::Run Enforce(const std::string& plan = "") { return Await(engine->StartEnforcement(alice, plan)); }
  store::Run SaveAndEnforce() {
    Save();
    return Enforce();
  }
  core::Plan Plan() { return engine->MakePlan(alice).value(); }
  std::vector<std::string> Warnings(const store::Run& run);  // Of one that ended here.
  std::vector<std::string> Lines() { return world.Lines(Plan()); }
  void SetDay(absl::CivilDay day);  // At half past three in the morning.

  core::State State() { return store->LoadState(nullptr).value(); }
  std::vector<store::Operation> OperationsOf(const std::string& number);
  std::string PersonOf(const std::string& number) { return core::PersonId("somtoday", "leerling", number); }
  std::vector<store::SealedSecret> Secrets() { return store->LoadSecrets("").value(); }
  std::vector<nlohmann::json> Audit();  // The rows, as JSON.
  std::vector<std::string> Names();     // "account_name n.zwaluw person", by name.
  core::GrantState StateOf(const std::string& number, const std::string& entitlement);
  // Every account once, enabled as it is held, members as granted: the directory and the store agree.
  std::vector<std::string> Disagreements();

  core::testing::World world;
  Actor alice{"user:alice", "as the test says"};
  base::FakeClock clock;
  FakeVault vault;
  std::unique_ptr<FakeConnector> ad, somtoday;
  std::unique_ptr<FakeConnector> hr;  // A second source, of tests that make one.
  std::unique_ptr<FragileStore> store;
  std::unique_ptr<Engine> engine;
  Patience patience{absl::Seconds(5), absl::Milliseconds(5), {absl::Milliseconds(1), absl::Milliseconds(10)}};

 private:
  const std::string vfs_;
  const std::string path_;
  std::unique_ptr<base::Pool> pool_;
  absl::Mutex mutex_;
  std::shared_ptr<const core::Configuration> running_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::engine::testing

#endif  // SLUICE_HOST_ENGINE_TESTING_SCHOOL_H_
