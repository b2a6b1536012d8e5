#include "host/api/testing/test_host.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "host/audit/chain.h"
#include "host/base/status.h"
#include "host/config/diff.h"
#include "host/config/load.h"
#include "host/config/parse_condition.h"
#include "host/store/sqlite/database.h"
#include "host/store/sqlite/sqlite_store.h"

namespace sluice::api::testing {
namespace {

const char kHost[] = R"yaml(name: A small school
time_zone: Europe/Amsterdam
keys: { secrets: env:SLUICE_TEST_KEY, seal: env:SLUICE_TEST_KEY }
)yaml";

const char kSchool[] = R"yaml(connector: test.school@1
kind: source
settings: { organisation: A small school, people: [pupils, staff] }
secrets: { password: env:SLUICE_TEST_PASSWORD }
thresholds: { people_added: { count: 3 }, people_removed: { count: 3 }, people_changed: { count: 10 } }
)yaml";

const char kDirectory[] = R"yaml(connector: test.directory@1
kind: target
settings: { base: "DC=example" }
secrets: { bind_password: env:SLUICE_TEST_PASSWORD }
correlate: { employeeID: "{person.external_id}" }
account:
  - parent: "OU=Pupils"
  - cn: "{person.name.display} ({person.external_id})"
    sn: "{person.name.family}"
    employeeID: "{person.external_id}"
    sAMAccountName:
      write: on_create
      candidates:
        - "{person.name.nick | ascii | lower | left(1)}.{person.name.family | ascii | lower | left(18)}"
        - "{person.name.nick | ascii | lower | left(1)}.{person.name.family | ascii | lower | left(15)}{n}"
    initial_password: generate
thresholds:
  create: { count: 3 }
  update: { count: 10 }
  enable: { count: 10 }
  disable: { count: 3 }
  grant: { count: 50 }
)yaml";

const char kRules[] = R"yaml(- rule: Pupils have an account
  when: { some_contract: { type: placement } }
  grants: [ad/account]
- rule: Pupils can sign in
  when: { some_contract: { type: placement } }
  grants: [ad/access]
- rule: Upper years borrow laptops
  when: { some_contract: { type: placement, custom.leerjaar: { ge: 5 } } }
  grants: ["ad/group:laptop-uitleen"]
)yaml";

}  // namespace

class TestHost::Vault final : public engine::Vault {
 public:
  std::string MakePassword(const core::TargetClass&, const std::vector<std::string>&) override { return "Welkom-2026"; }
  absl::StatusOr<std::string> Seal(const std::string&, const std::string& secret) override {
    return std::string(secret.rbegin(), secret.rend());
  }
  absl::StatusOr<std::string> Open(const std::string&, const std::string& sealed) override {
    return std::string(sealed.rbegin(), sealed.rend());
  }
};

TestHost::TestHost()
    : clock_(absl::FromCivil(absl::CivilSecond(2026, 11, 24, 2, 30, 0), absl::UTCTimeZone())),
      school_(std::make_unique<FakeSystem>("school", SchoolSchema())),
      directory_(std::make_unique<FakeSystem>("ad", DirectorySchema())),
      vault_(std::make_unique<Vault>()) {
  folder_ = root_.path() + "/school";
  socket_ = root_.path() + "/s.sock";
  setenv("SLUICE_TEST_KEY", "key", 1);
  setenv("SLUICE_TEST_PASSWORD", "password", 1);
  WriteConfiguration();
  AddPupil("104233", "Noor", "van der Zwaluw", "H5D", 5);
  AddPupil("104234", "Sem", "Bakker");
  AddPupil("104235", "Zoë", "Çelik");
  AddPupil("104236", "Sam", "Ng");
  directory_->Add("group", "group-1", {{"cn", core::Value::Text("laptop-uitleen")}});
  directory_->Add("account", "account-1",
                  {{"cn", core::Value::Text("Sem Bakker (104234)")},
                   {"sn", core::Value::Text("Bakker")},
                   {"employeeID", core::Value::Text("104234")},
                   {"parent", core::Value::Text("OU=Pupils")},
                   {"enabled", core::Value::Flag(true)},
                   {"sAMAccountName", core::Value::Text("s.bakker")}});
  directory_->Add("account", "account-2", {{"cn", core::Value::Text("Administrator")}});
  store::SqliteOptions options;
  options.path = root_.path() + "/sluice.db";
  options.clock = &clock_;
  store_ = store::OpenSqliteStore(options).value();
  const config::LoadResult loaded = config::Load(folder_, packages_, nullptr);
  if (!loaded.ok()) {
    std::fprintf(stderr, "%s\n", config::testing::Lines(loaded.errors).c_str());
    std::abort();
  }
  running_ = loaded.configuration;
  sealer_ = std::make_unique<app::Sealer>(store_.get(), audit::SealKey::LoadOrCreate(root_.path() + "/seal").value(),
                                          &clock_, root_.path() + "/seals.jsonl");
  pool_ = std::make_unique<base::Pool>(8);
  engine::Context context;
  context.store = store_.get();
  context.clock = &clock_;
  context.connectors = this;
  context.vault = vault_.get();
  context.configuration = [this] { return Running(); };
  context.plugin_name = [](const std::string& system) { return absl::StrCat("test.", system, " 1.0.0"); };
  context.parse_condition = [](const std::string& text) { return config::ParseCondition(text); };
  context.post = [this](std::function<void()> task) { pool_->Run(std::move(task)); };
  context.host_id = "test:1";
  engine_ = std::make_unique<engine::Engine>(std::move(context));
  absl::StatusOr<std::unique_ptr<Server>> server = Server::Start(socket_, engine_.get(), this);
  if (!server.ok()) std::abort();
  server_ = *std::move(server);
}

TestHost::~TestHost() {
  school_->HoldImports(false);
  export_lines_ = 0;
  server_.reset();
  engine_->runs().StopAll();
  school_.reset();
  directory_.reset();
  pool_.reset();
  engine_.reset();
  sealer_.reset();
  store_.reset();
}

void TestHost::WriteFile(const std::string& path, const std::string& content) {
  const std::filesystem::path whole = std::filesystem::path(folder_) / path;
  std::filesystem::create_directories(whole.parent_path());
  std::ofstream(whole, std::ios::trunc) << content;
}

void TestHost::WriteConfiguration() {
  WriteFile("sluice.yaml", kHost);
  WriteFile("systems/school.yaml", kSchool);
  WriteFile("systems/ad.yaml", kDirectory);
  WriteFile("rules/pupils.yaml", kRules);
}

void TestHost::AddPupil(const std::string& number, const std::string& nick, const std::string& family,
                        const std::string& group, int year) {
  const std::string id = absl::StrCat("leerling-", number);
  school_->Add("leerling", id,
               {{"nummer", core::Value::Text(number)},
                {"roepnaam", core::Value::Text(nick)},
                {"achternaam", core::Value::Text(family)}});
  school_->Add("plaatsing", absl::StrCat("plaatsing-", number),
               {{"leerling", core::Value::Ref({"leerling", id})},
                {"begin", core::Value::Date(absl::CivilDay(2026, 8, 1))},
                {"klas_id", core::Value::Text(absl::StrCat("klas-", group))},
                {"klas", core::Value::Text(group)},
                {"locatie", core::Value::Text("31XY00")},
                {"leerjaar", core::Value::Integer(year)}});
}

store::Run TestHost::Await(const absl::StatusOr<std::string>& run) {
  if (!run.ok()) {
    store::Run refused;
    refused.state = "refused";
    refused.summary = std::string(run.status().message());
    return refused;
  }
  int64_t version = 0;
  for (;;) {
    const auto view = engine_->runs().Watch(*run, version, absl::Seconds(5));
    if (!view.ok()) return {};
    if (view->run.ended) return view->run;
  }
}

void TestHost::ImportAll() {
  const engine::Actor actor{"user:test", "as the test says"};
  Await(engine_->StartImport(actor, {}));
  const std::vector<store::BlockRecord> blocks = store_->LoadBlocks().value();
  for (const store::BlockRecord& block : blocks) {
    if (block.state == "waiting") engine_->Decide(actor, block.id, true).value();
  }
}

void TestHost::Activate() {
  const absl::Status status = engine_->Activate({"user:test", "as the test says"}, "ad", {}, "");
  if (!status.ok()) std::abort();
}

std::shared_ptr<const core::Configuration> TestHost::Running() const {
  absl::MutexLock lock(&mutex_);
  return running_;
}

ConfigurationCheck TestHost::Check(const std::string& folder) {
  const config::LoadResult loaded = config::Load(folder.empty() ? folder_ : folder, packages_, nullptr);
  ConfigurationCheck check;
  check.configuration = loaded.configuration;
  for (const config::Diagnostic& error : loaded.errors) check.errors.push_back({error.position, error.message});
  for (const config::Diagnostic& warning : loaded.warnings)
    check.warnings.push_back({warning.position, warning.message});
  if (check.configuration != nullptr) {
    for (const config::ConfigChange& change : config::Diff(*Running(), *check.configuration))
      check.changes.push_back(change.ToString());
  }
  return check;
}

absl::StatusOr<std::vector<store::BlockRecord>> TestHost::Apply(const engine::Actor& actor,
                                                                const ConfigurationCheck& check) {
  if (actor.reason.empty()) return absl::InvalidArgumentError("a change of configuration needs a reason");
  absl::MutexLock lock(&mutex_);
  running_ = check.configuration;
  return std::vector<store::BlockRecord>();
}

std::vector<PluginStatus> TestHost::Plugins() {
  absl::MutexLock lock(&mutex_);
  std::vector<PluginStatus> plugins;
  for (const char* system : {"ad", "school"}) {
    PluginStatus status;
    status.system = system;
    status.package = absl::StrCat("test.", system);
    status.version = "1.0.0";
    status.state = plugin_states_.contains(system) ? plugin_states_[system] : "stopped";
    status.since = clock_.Now();
    status.log = {"a line of its log"};
    plugins.push_back(std::move(status));
  }
  return plugins;
}

std::vector<PackageStatus> TestHost::Packages() {
  return {{"test.directory", "1.0.3", "/opt/plugins/test.directory", {"target"}},
          {"test.school", "1.4.0", "/opt/plugins/test.school", {"source"}}};
}

absl::Status TestHost::StartPlugin(const std::string& system) {
  if (Find(system) == nullptr) return absl::NotFoundError(absl::StrCat("no plugin runs for a system \"", system, "\""));
  absl::MutexLock lock(&mutex_);
  plugin_states_[system] = "ready";
  return absl::OkStatus();
}

void TestHost::EditStore(const std::string& sql) {
  const absl::Status status = store::Database::Open({root_.path() + "/sluice.db", true, ""}).value()->RunScript(sql);
  if (!status.ok()) std::abort();
}

absl::StatusOr<AuditState> TestHost::Audit(bool now) {
  if (now) {
    if (absl::Status status = sealer_->Check(); !status.ok() && !absl::IsDataLoss(status)) return status;
  }
  return sealer_->State();
}

absl::StatusOr<AuditState> TestHost::AcceptAuditDamage(const engine::Actor& actor, int64_t first, int64_t last) {
  return sealer_->Accept(actor, first, last);
}

std::string TestHost::AuditRowDamage(const store::AuditRow& row) { return audit::FindContentDamage(row); }

absl::Status TestHost::ExportAudit(int64_t from, const std::function<bool(const std::string& line)>& line) {
  ASSIGN_OR_RETURN(const auto rows, store_->LoadAudit(std::max<int64_t>(from, 1), 1000));
  for (const store::AuditRow& row : rows) {
    if (!line(row.json)) return absl::CancelledError("nobody reads the export any more");
  }
  for (int i = 0; export_lines_ < 0 || i < export_lines_; ++i) {
    if (!line(absl::StrCat("line ", i))) return absl::CancelledError("nobody reads the export any more");
    ++exported_;
  }
  return absl::OkStatus();
}

engine::Connector* TestHost::Find(const std::string& system) {
  if (system == "school") return school_.get();
  if (system == "ad") return directory_.get();
  return nullptr;
}

}  // namespace sluice::api::testing
