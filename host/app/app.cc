#include "host/app/app.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "host/app/schemas.h"
#include "host/audit/chain.h"
#include "host/base/crash_point.h"
#include "host/base/log.h"
#include "host/base/status.h"
#include "host/config/diff.h"
#include "host/config/keys.h"
#include "host/config/load.h"
#include "host/config/parse_condition.h"
#include "host/secrets/resolve.h"
#include "host/store/sqlite/sqlite_store.h"

namespace sluice::app {
namespace {

constexpr int kThreads = 16;
constexpr absl::Duration kLeastHealth = absl::Milliseconds(250);
constexpr absl::Duration kStopPatience = absl::Seconds(10);  // For what is under way in the targets.
constexpr absl::Duration kSealEvery = absl::Minutes(1);
constexpr absl::Duration kKeepAgain = absl::Seconds(5);  // A secret that could not be stored.

std::string HostId() {
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  return absl::StrCat(name, ":", getpid());
}

api::ConfigurationCheck ToCheck(const config::LoadResult& result) {
  api::ConfigurationCheck check;
  check.configuration = result.configuration;
  for (const config::Diagnostic& error : result.errors) check.errors.push_back({error.position, error.message});
  for (const config::Diagnostic& warning : result.warnings)
    check.warnings.push_back({warning.position, warning.message});
  return check;
}

}  // namespace

absl::StatusOr<std::unique_ptr<App>> App::Start(const Options& options) {
  std::unique_ptr<App> app(new App(options));
  RETURN_IF_ERROR(app->Build());
  return app;
}

absl::Status App::Build() {
  clock_ = base::SystemClock();
  if (!options_.clock_file.empty()) {
    ASSIGN_OR_RETURN(clock_, base::FileClock(options_.clock_file));
  }
  std::error_code error;
  std::filesystem::create_directories(absl::StrCat(options_.state_directory, "/work"), error);
  if (error)
    return absl::UnavailableError(absl::StrCat(options_.state_directory, ": cannot be made: ", error.message()));
  store::SqliteOptions store_options;
  store_options.path = absl::StrCat(options_.state_directory, "/sluice.db");
  store_options.clock = clock_.get();
  ASSIGN_OR_RETURN(store_, store::OpenSqliteStore(store_options));
  plugin::RouterOptions router_options;
  router_options.plugin_directories = options_.plugin_directories;
  router_options.limits.idle = options_.hang_limit;
  // Three questions without an answer, each asked and waited for as long as this: the limit.
  const absl::Duration health = std::max(options_.hang_limit / 6, kLeastHealth);
  router_options.supervisor.health_every = router_options.supervisor.health_deadline = health;
  router_options.supervisor.work_root = absl::StrCat(options_.state_directory, "/work");
  router_ = std::make_unique<plugin::Router>(
      std::move(router_options), clock_.get(),
      [this](const plugin::SecretRotation& rotation, plugin::Supervisor::Stored stored) {
        pool_->Run([this, rotation, stored = std::move(stored)] { KeepSecret(rotation, stored); });
      });
  packages_ = std::make_unique<app::Packages>(router_.get());
  pool_ = std::make_unique<base::Pool>(kThreads);
  RETURN_IF_ERROR(LoadRunning());
  sealer_ = std::make_unique<Sealer>(
      store_.get(), seal_key_, clock_.get(),
      options_.seals.empty() ? absl::StrCat(options_.state_directory, "/seals.jsonl") : options_.seals);
  engine_ = std::make_unique<engine::Engine>(MakeContext());
  timers_ = std::make_unique<base::Executor>("timers");
  RETURN_IF_ERROR(Reconfigure(*Running()));
  // Before anybody can ask for an enforcement, which then follows it.
  if (absl::StatusOr<std::string> recovery = engine_->StartRecovery(); !recovery.ok()) {
    base::LogWarning("what an earlier host left open is verified later",
                     {{"reason", std::string(recovery.status().message())}});
  }
  ASSIGN_OR_RETURN(server_, api::Server::Start(options_.socket, engine_.get(), this));
  SealSometimes(timers_.get(), pool_.get(), absl::ZeroDuration());
  return absl::OkStatus();
}

App::~App() {
  ending_.Notify();
  server_.reset();
  timers_.reset();
  if (engine_ != nullptr) engine_->Stop(kStopPatience);
  if (router_ != nullptr) router_->Stop();
  if (sealer_ != nullptr) sealer_->End();
  pool_.reset();
  engine_.reset();
  router_.reset();
}

engine::Context App::MakeContext() {
  engine::Context context;
  context.store = store_.get();
  context.clock = clock_.get();
  context.connectors = router_.get();
  context.vault = vault_.get();
  context.configuration = [this] { return Running(); };
  context.plugin_name = [this](const std::string& system) { return PluginName(system); };
  context.parse_condition = [](const std::string& text) { return config::ParseCondition(text); };
  context.post = [pool = pool_.get()](std::function<void()> task) { pool->Run(std::move(task)); };
  context.host_id = HostId();
  return context;
}

// What was applied last runs on, whatever became of the folder; the first start takes the folder as it is.
absl::Status App::LoadRunning() {
  ASSIGN_OR_RETURN(const std::optional<store::ConfigurationRecord> record, store_->LoadConfiguration());
  const config::LoadResult result = record ? config::LoadFiles(options_.folder, record->files, *packages_, nullptr)
                                           : config::Load(options_.folder, *packages_, nullptr);
  RETURN_IF_ERROR(result.ToStatus());
  RETURN_IF_ERROR(OpenKeys(*result.configuration));
  if (!record) {
    store::Commit commit;
    commit.configuration = {result.configuration->hash, result.configuration->files, clock_->Now(), "host"};
    audit::Entry entry;
    entry.time = clock_->Now();
    entry.actor = "host";
    entry.action = "configuration.applied";
    entry.configuration = result.configuration->hash;
    commit.audit.push_back(std::move(entry));
    RETURN_IF_ERROR(store_->Write(commit));
  }
  absl::MutexLock lock(&mutex_);
  running_ = result.configuration;
  return absl::OkStatus();
}

absl::Status App::OpenKeys(const core::Configuration& configuration) {
  ASSIGN_OR_RETURN(vault_, Vault::Open(configuration.secrets_key));
  rotated_ = std::make_unique<secrets::RotatedSecrets>(absl::StrCat(options_.state_directory, "/rotated-secrets"),
                                                       vault_->sealed());
  if (configuration.seal_key.kind == core::SecretReference::Kind::kFile) {
    ASSIGN_OR_RETURN(seal_key_, audit::SealKey::LoadOrCreate(configuration.seal_key.target));
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const secrets::SecretString pem, secrets::Resolve(configuration.seal_key));
  ASSIGN_OR_RETURN(seal_key_, audit::SealKey::FromPem(pem.Reveal()));
  return absl::OkStatus();
}

void App::KeepSecret(const plugin::SecretRotation& rotation, const plugin::Supervisor::Stored& stored) {
  base::CrashPoints::Pass(base::CrashPoint::kSecretIsTold);
  const auto keep = [&] {
    return rotated_->Keep(rotation.system, rotation.name, secrets::SecretString(rotation.value),
                          rotation.replaces_version);
  };
  absl::StatusOr<secrets::RotatedSecret> kept = keep();
  while (!kept.ok() && !absl::IsFailedPrecondition(kept.status())) {  // Without it we are locked out: nobody gives up.
    base::LogError(
        "a new secret from a system cannot be stored; it is tried again",
        {{"system", rotation.system}, {"secret", rotation.name}, {"error", std::string(kept.status().message())}});
    if (ending_.WaitForNotificationWithTimeout(kKeepAgain)) return;
    kept = keep();
  }
  if (!kept.ok()) {
    base::LogWarning(
        "a new secret from a system was not kept",
        {{"system", rotation.system}, {"secret", rotation.name}, {"why", std::string(kept.status().message())}});
    return stored(std::nullopt);
  }
  base::CrashPoints::Pass(base::CrashPoint::kSecretIsKept);
  store::Commit commit;
  audit::Entry entry;
  entry.time = clock_->Now();
  entry.actor = "host";
  entry.action = "secret.rotated";
  entry.facts = {{"system", rotation.system}, {"secret", rotation.name}};
  commit.audit.push_back(std::move(entry));
  if (absl::Status status = store_->Write(commit); !status.ok()) {
    base::LogError("the rotation of a secret is not in the audit log",
                   {{"system", rotation.system}, {"error", std::string(status.message())}});
  }
  base::LogInfo("a system gave a new secret, and it was stored",
                {{"system", rotation.system}, {"secret", rotation.name}});
  stored(plugin::SystemConfig::SecretHistory{kept->version, std::string(kept->previous.Reveal())});
}

std::shared_ptr<const core::Configuration> App::Running() const {
  absl::MutexLock lock(&mutex_);
  return running_;
}

absl::Status App::Reconfigure(const core::Configuration& configuration) {
  std::map<std::string, std::vector<std::string>> texts;
  ASSIGN_OR_RETURN(const core::State state, store_->LoadState(&texts));
  ASSIGN_OR_RETURN(std::vector<plugin::SystemConfig> systems, SystemConfigs(configuration, state, rotated_.get()));
  return router_->Reconfigure(std::move(systems));
}

absl::Status App::ActivationChanged() { return Reconfigure(*Running()); }

api::ConfigurationCheck App::Check(const std::string& folder) {
  std::map<std::string, std::vector<std::string>> texts;
  const absl::StatusOr<core::State> state = store_->LoadState(&texts);
  const Schemas schemas(state.ok() ? *state : core::State());
  api::ConfigurationCheck check =
      ToCheck(config::Load(folder.empty() ? options_.folder : folder, *packages_, &schemas));
  if (check.configuration != nullptr) {
    const auto snapshot = store_->LoadSnapshot();
    if (state.ok() && snapshot.ok()) {
      for (const config::Diagnostic& warning :
           config::ThresholdWarnings(*check.configuration, CountHeld(*check.configuration, *state, **snapshot))) {
        check.warnings.push_back({warning.position, warning.message});
      }
    }
    for (const config::ConfigChange& change : config::Diff(*Running(), *check.configuration))
      check.changes.push_back(change.ToString());
  }
  return check;
}

absl::StatusOr<std::vector<store::BlockRecord>> App::Apply(const engine::Actor& actor,
                                                           const api::ConfigurationCheck& check) {
  if (actor.reason.empty())
    return absl::InvalidArgumentError("a change of configuration needs a reason: add --reason \"...\"");
  absl::MutexLock applying(&applying_);
  if (check.configuration->hash == Running()->hash) return std::vector<store::BlockRecord>();
  ASSIGN_OR_RETURN(const absl::CivilDay today, engine_->calendar().AcceptedToday());
  absl::ReleasableMutexLock changing(&engine_->snapshots().changing());
  ASSIGN_OR_RETURN(const engine::Candidate candidate, engine_->snapshots().Remap(*check.configuration, today));
  store::Commit commit;
  RETURN_IF_ERROR(engine_->snapshots().AddTo(candidate, "", "configuration", commit));
  commit.configuration = {check.configuration->hash, check.configuration->files, clock_->Now(), actor.name};
  audit::Entry entry;
  entry.time = clock_->Now();
  entry.actor = actor.name;
  entry.action = "configuration.applied";
  entry.configuration = check.configuration->hash;
  entry.reason = actor.reason;
  entry.facts = {{"before", Running()->hash}};
  commit.audit.push_back(std::move(entry));
  RETURN_IF_ERROR(store_->Write(commit));
  {
    absl::MutexLock lock(&mutex_);
    running_ = check.configuration;
  }
  changing.Release();
  RETURN_IF_ERROR(Reconfigure(*check.configuration));
  return candidate.blocks;
}

std::string App::ConfigurationJsonSchema() { return config::JsonSchema().dump(2); }
std::string App::ConfigurationReference() { return config::ReferencePage(); }

std::vector<api::PluginStatus> App::Plugins() {
  std::vector<api::PluginStatus> plugins;
  for (const plugin::PluginStatus& status : router_->Status()) {
    api::PluginStatus row;
    row.system = status.system;
    row.package = status.package.empty() ? status.connector : status.package;
    row.version = status.version;
    row.state = std::string(plugin::PluginStateName(status.state));
    row.last_end = status.last_end.text;
    if (!status.message.empty() && status.state != plugin::PluginState::kReady) row.last_end = status.message;
    row.pid = status.pid;
    row.restarts = status.restarts;
    row.since = status.since;
    row.log = status.last_lines;
    plugins.push_back(std::move(row));
  }
  return plugins;
}

std::vector<api::PackageStatus> App::Packages() {
  std::vector<api::PackageStatus> packages;
  const plugin::Catalogue catalogue = router_->ReadCatalogue();
  for (const plugin::Package& package : catalogue.packages()) {
    api::PackageStatus row{package.name, package.version, package.directory, {}};
    if (package.is_source) row.kinds.push_back("source");
    if (package.is_target) row.kinds.push_back("target");
    packages.push_back(std::move(row));
  }
  return packages;
}

absl::Status App::StartPlugin(const std::string& system) { return router_->StartSystem(system); }

std::string App::PluginName(const std::string& system) {
  for (const plugin::PluginStatus& status : router_->Status()) {
    if (status.system == system) return absl::StrCat(status.package, " ", status.version);
  }
  return "";
}

// Often, so that little can be rewritten unseen; nothing happens when there is no new row.
// What runs while timers or pool end may still ask them for more: by pointers of its own, as ours are null by then.
void App::SealSometimes(base::Executor* timers, base::Pool* pool, absl::Duration after) {
  timers->RunAfter(after, [this, timers, pool] {
    pool->Run([this] {
      const absl::Status status = sealer_->Seal();
      if (!status.ok() && !absl::IsDataLoss(status) && !absl::IsCancelled(status)) {
        base::LogError("the audit log was not sealed", {{"error", std::string(status.message())}});
      }
    });
    SealSometimes(timers, pool, kSealEvery);
  });
}

absl::StatusOr<api::AuditState> App::Audit(bool now) {
  if (now) {
    if (absl::Status status = sealer_->Check(); !status.ok() && !absl::IsDataLoss(status)) return status;
  }
  return sealer_->State();
}

absl::StatusOr<api::AuditState> App::AcceptAuditDamage(const engine::Actor& actor, int64_t first, int64_t last) {
  return sealer_->Accept(actor, first, last);
}

std::string App::AuditRowDamage(const store::AuditRow& row) { return audit::FindContentDamage(row); }

absl::Status App::ExportAudit(int64_t, const std::function<bool(const std::string&)>& line) {
  return sealer_->Export(line);
}

}  // namespace sluice::app
