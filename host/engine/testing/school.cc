#include "host/engine/testing/school.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "host/store/sqlite/sqlite_store.h"

namespace sluice::engine::testing {
namespace {

std::string NewFolder() {
  // In memory where there is some: what a disk does to a store is tested in host/store.
  const char* root = std::getenv("TMPDIR");
  if (root == nullptr) root = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
  std::string pattern = absl::StrCat(root, "/sluice_school_XXXXXX");
  if (mkdtemp(pattern.data()) == nullptr) std::abort();
  return pattern;
}

absl::TimeZone Amsterdam() {
  absl::TimeZone zone;
  if (!absl::LoadTimeZone("Europe/Amsterdam", &zone)) std::abort();
  return zone;
}

absl::Time EarlyOn(absl::CivilDay day) {
  return absl::FromCivil(absl::CivilMinute(day.year(), day.month(), day.day(), 3, 30), Amsterdam());
}

}  // namespace

School::School(std::string vfs)
    : clock(EarlyOn(absl::CivilDay(2026, 11, 24))),
      ad(std::make_unique<FakeConnector>("ad")),
      somtoday(std::make_unique<FakeConnector>("somtoday")),
      vfs_(std::move(vfs)),
      path_(NewFolder()),
      pool_(std::make_unique<base::Pool>(4)) {
  world.NoLimits();
  world.configuration.time_zone = Amsterdam();
  ApplyConfiguration();
  Start();
  Import();
  Activate();
}

School::~School() {
  if (engine != nullptr) engine->Stop(absl::ZeroDuration());
  ad.reset();  // Before the engine, as the host does; late callbacks find nobody.
  somtoday.reset();
  hr.reset();
  pool_.reset();
  engine.reset();
  store.reset();
  std::error_code error;
  std::filesystem::remove_all(path_, error);
}

Connector* School::Find(const std::string& system) {
  return system == "ad" ? ad.get() : system == "somtoday" ? somtoday.get() : system == "hr" ? hr.get() : nullptr;
}

void School::Start() {
  store::SqliteOptions options;
  options.path = absl::StrCat(path_, "/sluice.db");
  options.clock = &clock;
  options.vfs = vfs_;
  auto opened = store::OpenSqliteStore(options);
  if (!opened.ok()) std::abort();
  store = std::make_unique<FragileStore>(*std::move(opened));
  Context context;
  context.store = store.get();
  context.clock = &clock;
  context.connectors = this;
  context.vault = &vault;
  context.configuration = [this] {
    absl::MutexLock lock(&mutex_);
    return running_;
  };
  context.plugin_name = [](const std::string& system) { return absl::StrCat("test.", system, " 1.0.0"); };
  context.parse_condition = [](const std::string& text) -> absl::StatusOr<core::Condition> {
    absl::string_view code = text;
    if (!absl::ConsumePrefix(&code, "class ")) return absl::InvalidArgumentError("no condition");
    core::Condition condition =
        core::testing::SomeContract({core::testing::Equals("contract.department.code", std::string(code))});
    absl::Status status = core::Compile(condition);
    if (!status.ok()) return status;
    return condition;
  };
  context.post = [this](std::function<void()> task) { pool_->Run(std::move(task)); };
  context.host_id = absl::StrCat("test:", getpid());
  context.patience = patience;
  engine = std::make_unique<Engine>(std::move(context));
}

void School::Crash() {
  store->Die();
  engine->Stop(absl::ZeroDuration());
  // What the plugin had under way goes with it: its streams speak to nobody.
  pool_ = nullptr;
  engine.reset();
  pool_ = std::make_unique<base::Pool>(4);
  store.reset();
  ad->SwallowSends(false);
  ad->OnSend(nullptr);
}

void School::ApplyConfiguration() {
  absl::MutexLock lock(&mutex_);
  running_ = std::make_shared<core::Configuration>(world.configuration);
}

void School::Save() {
  store::Commit commit;
  commit.snapshot = *world.Input().snapshot;
  std::sort(commit.snapshot->persons.begin(), commit.snapshot->persons.end(),
            [](const auto& a, const auto& b) { return a->id < b->id; });
  for (auto& person : commit.snapshot->persons) person = std::make_shared<core::Person>(*person);  // `world` goes on.
  commit.snapshot->configuration = world.configuration.hash;
  commit.snapshot_cause = "import";
  if (!store->Write(commit).ok()) std::abort();
}

void School::Activate(bool is_active) {
  store::Commit commit;
  commit.activations["ad"] = {is_active ? core::Activation::State::kActive : core::Activation::State::kObserving, {}};
  if (!store->Write(commit).ok()) std::abort();
}

store::Run School::Await(const absl::StatusOr<std::string>& run) {
  store::Run ended;
  if (!run.ok()) {
    ended.state = "refused";
    ended.summary = std::string(run.status().message());
    return ended;
  }
  int64_t version = 0;
  for (;;) {
    auto view = engine->runs().Watch(*run, version, absl::Seconds(10));
    if (!view.ok()) std::abort();
    if (view->run.ended) return view->run;
  }
}

std::vector<std::string> School::Warnings(const store::Run& run) {
  int64_t version = 0;
  return engine->runs().Watch(run.id, version, absl::ZeroDuration()).value().warnings;
}

void School::SetDay(absl::CivilDay day) {
  clock.Set(EarlyOn(day));
  world.today = day;
}

std::vector<store::Operation> School::OperationsOf(const std::string& number) {
  return store->LoadOperationsOf(PersonOf(number)).value();
}

std::vector<nlohmann::json> School::Audit() {
  std::vector<nlohmann::json> rows;
  const std::vector<store::AuditRow> all = store->LoadAudit(1, 10000).value();
  for (const store::AuditRow& row : all) {
    rows.push_back(nlohmann::json::parse(row.json));
    for (const auto& personal : row.personal) rows.back()["personal"].push_back(nlohmann::json::parse(personal.json));
  }
  return rows;
}

std::vector<std::string> School::Names() {
  std::vector<std::string> names;
  for (const core::NameEntry& name : State().names) names.push_back(absl::StrCat(name.name, " ", name.holder));
  return names;
}

core::GrantState School::StateOf(const std::string& number, const std::string& entitlement) {
  for (const core::Grant& grant : State().grants) {
    if (grant.person_id == PersonOf(number) && grant.entitlement == entitlement) return grant.state;
  }
  return core::GrantState::kAbsent;
}

std::vector<std::string> School::Disagreements() {
  std::vector<std::string> lines;
  const core::State state = State();
  std::map<std::string, std::string> accounts;  // Person -> account.
  for (const core::Grant& grant : state.grants) {
    if (grant.entitlement != "account" || grant.state != core::GrantState::kHeld) continue;
    accounts[grant.person_id] = grant.object_id;
    const auto object = ad->Get(grant.object_id);
    if (!object) {
      lines.push_back(absl::StrCat("no account ", grant.object_id));
      continue;
    }
    for (const auto& [attribute, value] : grant.desired) {
      if (!value.has_value()) continue;
      auto found = object->attributes.find(attribute);
      if (found == object->attributes.end() || found->second != value) {
        lines.push_back(absl::StrCat(grant.object_id, " differs in ", attribute));
      }
    }
  }
  if (static_cast<int>(accounts.size()) != ad->Count("account")) {
    lines.push_back(absl::StrCat(ad->Count("account"), " accounts for ", accounts.size(), " people"));
  }
  for (const core::Grant& grant : state.grants) {
    const auto account = ad->Get(accounts[grant.person_id]);
    if (!account) continue;
    const bool is_held = grant.state == core::GrantState::kHeld;
    if (grant.kind == core::EntitlementKind::kAccess &&
        account->attributes.at("enabled") != core::Value::Flag(is_held)) {
      lines.push_back(absl::StrCat(accounts[grant.person_id], " is not as its access says"));
    }
    if (grant.kind != core::EntitlementKind::kPermission) continue;
    const auto group = ad->Get(grant.object_id);
    if (!group || group->members.contains(accounts[grant.person_id]) != is_held) {
      lines.push_back(absl::StrCat(accounts[grant.person_id], " and ", grant.entitlement, " differ"));
    }
  }
  const std::vector<store::SealedSecret> secrets = Secrets();
  for (const store::SealedSecret& secret : secrets) {
    const auto account = ad->Get(accounts[secret.person_id]);
    if (secret.is_confirmed && account && account->password != vault.Open(secret.id, secret.sealed).value()) {
      lines.push_back(absl::StrCat(accounts[secret.person_id], " has another password than the vault"));
    }
  }
  for (const std::string& violation : ad->violations()) lines.push_back(violation);
  return lines;
}

}  // namespace sluice::engine::testing
