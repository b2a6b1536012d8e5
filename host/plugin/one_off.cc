#include <utility>

#include "absl/strings/str_cat.h"
#include "host/base/status.h"
#include "host/plugin/one_off_internal.h"

namespace sluice::plugin {
namespace {

template <typename Result, typename Call>
absl::StatusOr<Result> Await(const Call& call) {
  auto answer = std::make_shared<std::pair<absl::Notification, absl::StatusOr<Result>>>();
  call([answer](absl::StatusOr<Result> result) {
    answer->second = std::move(result);
    answer->first.Notify();
  });
  answer->first.WaitForNotification();
  return std::move(answer->second);
}

}  // namespace

absl::StatusOr<std::unique_ptr<OneOff>> OneOff::Start(const Package& package, const SupervisorOptions& options) {
  std::unique_ptr<OneOff> plugin(new OneOff(options));
  ProcessOptions process_options = options.process;
  process_options.socket_root = options.work_root;
  ASSIGN_OR_RETURN(plugin->process_, Process::Start(package, process_options, plugin.get()));
  absl::MutexLock lock(&plugin->mutex_);
  // The process ends itself at its start deadline, so this ends.
  plugin->mutex_.Await(absl::Condition(
      +[](OneOff* p) ABSL_NO_THREAD_SAFETY_ANALYSIS { return p->is_accepted_ || p->end_.kind != EndKind::kNone; },
      plugin.get()));
  if (!plugin->is_accepted_) {
    return absl::UnavailableError(
        absl::StrCat("connector ", package.name, " ", package.version, " ", plugin->end_.text));
  }
  plugin->session_ = Session::Adopt(plugin->process_->TakeConnection());
  return plugin;
}

OneOff::~OneOff() {
  if (session_ != nullptr) session_->FailAll();
  session_.reset();
  if (process_ != nullptr) {
    process_->ExplainEnd({.kind = EndKind::kAsked, .number = 0, .text = "was stopped", .worth_retrying = true});
  }
  process_.reset();
}

void OneOff::OnAccepted() {
  absl::MutexLock lock(&mutex_);
  is_accepted_ = true;
}

void OneOff::OnEnd(const ProcessEnd& end) {
  absl::MutexLock lock(&mutex_);
  end_ = end;
}

absl::StatusOr<ConfigSchema> OneOff::GetConfigSchema() {
  return Await<ConfigSchema>([&](auto done) { session_->GetConfigSchema(options_.call_deadline, std::move(done)); });
}

absl::StatusOr<ConfigVerdict> OneOff::ValidateConfig(const SystemConfig& config, uint32_t schema_version) {
  SystemConfig bare = config;
  for (auto& [name, value] : bare.secrets) value.clear();  // Their names are all that is asked for.
  return Await<ConfigVerdict>(
      [&](auto done) { session_->ValidateConfig(bare, schema_version, options_.call_deadline, std::move(done)); });
}

}  // namespace sluice::plugin
