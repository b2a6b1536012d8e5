#include "sdk/cpp/src/systems.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "sdk/cpp/src/convert_values.h"
#include "sdk/cpp/src/guard.h"
#include "sdk/cpp/src/settings_check.h"
#include "sluice/connector/log.h"

namespace sluice::connector {
namespace {

bool HasErrors(const v1::ValidateConfigReply& reply) {
  for (const v1::Diagnostic& diagnostic : reply.diagnostics()) {
    if (diagnostic.severity() == v1::Diagnostic::ERROR) return true;
  }
  return false;
}

absl::Status Refused(const v1::ValidateConfigReply& reply) {
  Error error;
  error.reason = Reason::kInvalid;
  for (const v1::Diagnostic& diagnostic : reply.diagnostics()) error.diagnostics.push_back(FromProto(diagnostic));
  return error.AsStatus();
}

std::map<std::string, Value> ValuesOf(const v1::Config& config) {
  std::map<std::string, Value> values;
  for (const auto& [name, value] : config.settings()) values[name] = FromProto(value);
  return values;
}

}  // namespace

absl::StatusOr<System> OpenSystem::WithFreshFiles() const {
  auto files = ReadFiles(description->settings, system->settings.values());
  if (!files.ok()) return files.status();
  System fresh = *system;
  fresh.settings = system->settings.WithFiles(*std::move(files));
  return fresh;
}

const ObjectClass* OpenSystem::FindClass(std::string_view name) const {
  for (const ObjectClass& object_class : description->classes) {
    if (object_class.name == name) return &object_class;
  }
  return nullptr;
}

Systems::Systems(const Connector& connector, std::string work_dir, std::string egress_proxy)
    : connector_(connector),
      description_(std::make_shared<const Description>(connector.description)),
      work_dir_(std::move(work_dir)),
      egress_proxy_(std::move(egress_proxy)) {}

v1::ValidateConfigReply Systems::Check(const v1::Config& config, const std::vector<std::string>* secrets,
                                       std::map<std::string, Value>* values) {
  v1::ValidateConfigReply reply;
  std::map<std::string, Value> given = ValuesOf(config);
  const bool is_older = config.schema_version() != 0 && config.schema_version() < description_->schema_version;
  CheckedSettings checked = CheckSettings(description_->settings, given, secrets);
  ValidateRequest author_request;
  author_request.schema_version = config.schema_version();
  author_request.settings = Settings(is_older ? given : checked.values, {});
  ValidateResult author_result;
  if (is_older || !checked.has_errors()) {
    std::unique_ptr<Source> source;
    auto bug = Guarded("Validate", [&] {
      source = connector_.make();
      author_result = source->Validate(author_request);
    });
    if (bug.has_value()) author_result.diagnostics = bug->diagnostics;
  }
  if (is_older && !author_result.migrated.empty()) {
    checked = CheckSettings(description_->settings, author_result.migrated, secrets);
    for (const auto& [name, value] : author_result.migrated) (*reply.mutable_migrated())[name] = ToProto(value);
  }
  for (const Diagnostic& diagnostic : checked.diagnostics) *reply.add_diagnostics() = ToProto(diagnostic);
  for (const Diagnostic& diagnostic : author_result.diagnostics) *reply.add_diagnostics() = ToProto(diagnostic);
  *values = std::move(checked.values);
  return reply;
}

v1::ValidateConfigReply Systems::Validate(const v1::ValidateConfigRequest& request) {
  std::map<std::string, Value> values;
  const std::vector<std::string> secret_names(request.secret_names().begin(), request.secret_names().end());
  return Check(request.config(), &secret_names, &values);
}

absl::StatusOr<v1::OpenReply> Systems::Open(const v1::OpenRequest& request) {
  if (request.system().empty())
    return Error(Reason::kInvalid, "SDK-0408", "an open request names no system").AsStatus();
  std::vector<std::string> secret_names;
  std::map<std::string, Secret> secrets;
  for (const auto& [name, secret] : request.secrets()) {
    secret_names.push_back(name);
    secrets.emplace(name, Secret(secret.value(), secret.version(), secret.previous()));
  }
  std::map<std::string, Value> values;
  v1::ValidateConfigReply verdict = Check(request.config(), &secret_names, &values);
  if (HasErrors(verdict)) return Refused(verdict);
  v1::OpenReply reply;
  reply.mutable_diagnostics()->Swap(verdict.mutable_diagnostics());

  auto files = ReadFiles(description_->settings, values);
  if (!files.ok()) return files.status();
  auto system = std::make_shared<System>();
  system->id = request.system();
  system->settings = Settings(std::move(values), std::move(secrets), *std::move(files));
  system->read_only = request.mode() != v1::OpenRequest::READ_WRITE;
  if (!request.time_zone().empty() && !absl::LoadTimeZone(request.time_zone(), &system->time_zone)) {
    return Error(Reason::kInvalid, "SDK-0409", absl::StrCat("there is no time zone '", request.time_zone(), "'"))
        .AsStatus();
  }
  system->ca_bundle = request.ca_bundle();
  system->pace = Pace{request.pace().requests_in_parallel(), request.pace().requests_per_minute()};
  system->work_dir = work_dir_;
  system->egress_proxy = egress_proxy_;

  auto opened = std::make_shared<OpenSystem>();
  opened->system = system;
  opened->description = description_;
  absl::Status status;
  auto bug = Guarded("Open", [&] {
    opened->source = connector_.make();
    opened->source->system_ = system;
    opened->source->description_ = description_;
    opened->source->rotate_ = [this, system](const std::string& name, const Secret& value, absl::Duration patience) {
      return events_.Rotate(system->id, name, value, system->settings.Secret(name).version(), patience);
    };
    status = opened->source->Open(*system);
  });
  if (bug.has_value()) return bug->AsStatus();
  if (!status.ok()) return status;
  if (connector_.is_target) opened->target = dynamic_cast<Target*>(opened->source.get());
  std::shared_ptr<OpenSystem> old;
  {
    absl::MutexLock lock(&mutex_);
    auto& ledger = ledgers_[request.system()];
    if (ledger == nullptr) ledger = std::make_shared<OperationLedger>();
    opened->ledger = ledger;
    old = std::exchange(open_[request.system()], opened);
  }
  LogInfo("the system was opened").With("system", request.system()).With("read_only", system->read_only);
  return reply;
}

void Systems::Close(const std::string& system) {
  std::shared_ptr<OpenSystem> old;  // Goes after the lock does.
  absl::MutexLock lock(&mutex_);
  auto it = open_.find(system);
  if (it == open_.end()) return;
  old = std::move(it->second);
  open_.erase(it);
}

absl::StatusOr<std::shared_ptr<OpenSystem>> Systems::Find(const std::string& system) {
  absl::MutexLock lock(&mutex_);
  auto it = open_.find(system);
  if (it != open_.end()) return it->second;
  return Error(Reason::kInvalid, "SDK-0410", absl::StrCat("system '", system, "' is not open")).AsStatus();
}

std::vector<std::shared_ptr<OperationLedger>> Systems::Ledgers() {
  std::vector<std::shared_ptr<OperationLedger>> ledgers;
  absl::MutexLock lock(&mutex_);
  for (const auto& [id, ledger] : ledgers_) ledgers.push_back(ledger);
  return ledgers;
}

}  // namespace sluice::connector
