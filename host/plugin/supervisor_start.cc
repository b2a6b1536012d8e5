// The steps from an accepted bootstrap to an open system. Each is checked to belong to the process that still runs.
#include <utility>

#include "absl/strings/str_cat.h"
#include "host/engine/connector.h"
#include "host/plugin/supervisor.h"

namespace sluice::plugin {
namespace {

// A failed launch step as the end of the process that it is.
bool IsWorthRetrying(const absl::Status& status) {
  const engine::Reason reason = engine::FailureFromStatus(status).reason;
  return reason != engine::Reason::kInvalid && reason != engine::Reason::kUnsupported;
}

}  // namespace

void Supervisor::FailStart(uint64_t launch, EndKind kind, std::string text, bool worth_retrying) {
  if (!IsCurrent(launch)) return;
  text = WithoutSecrets(std::move(text), SecretValues());
  process_->Kill({.kind = kind, .number = 0, .text = std::move(text), .worth_retrying = worth_retrying});
}

void Supervisor::OnAccepted(uint64_t launch) {
  if (!IsCurrent(launch) || Status().state != PluginState::kStarting) return;
  session_ = Session::Adopt(process_->TakeConnection());
  session_->GetInfo(options_.call_deadline, [self = shared_from_this(), launch](absl::StatusOr<PluginInfo> info) {
    self->executor_->Run([self, launch, info = std::move(info)] { self->OnInfo(launch, info); });
  });
}

void Supervisor::OnInfo(uint64_t launch, const absl::StatusOr<PluginInfo>& info) {
  if (!IsCurrent(launch) || Status().state != PluginState::kStarting) return;
  if (!info.ok()) {
    // A process that died says why by itself; this only catches one that lives and does not answer.
    const bool is_dead = absl::IsUnavailable(info.status());
    if (is_dead && session_ != nullptr) {
      executor_->RunAfter(options_.process.refusal_patience, [self = shared_from_this(), launch] {
        self->FailStart(launch, EndKind::kBadHandshake, "closed its connection", true);
      });
      return;
    }
    const EndKind kind = engine::FailureFromStatus(info.status()).reason == engine::Reason::kTransient
                             ? EndKind::kHang
                             : EndKind::kBadHandshake;
    return FailStart(launch, kind, absl::StrCat("did not say what it is: ", info.status().message()), true);
  }
  if (info->name != package_->name) {
    return FailStart(
        launch, EndKind::kRefused,
        absl::StrCat("says that it is ", HarmlessText(info->name, 128), ", its manifest says ", package_->name), false);
  }
  session_->GetConfigSchema(
      options_.call_deadline, [self = shared_from_this(), launch](absl::StatusOr<ConfigSchema> schema) {
        self->executor_->Run([self, launch, schema = std::move(schema)] { self->OnSchema(launch, schema); });
      });
}

void Supervisor::OnSchema(uint64_t launch, const absl::StatusOr<ConfigSchema>& schema) {
  if (!IsCurrent(launch) || Status().state != PluginState::kStarting) return;
  if (!schema.ok()) {
    return FailStart(launch, EndKind::kBadHandshake,
                     absl::StrCat("did not say what can be set: ", schema.status().message()), true);
  }
  SystemConfig config;
  {
    absl::MutexLock lock(&mutex_);
    config = config_;
  }
  session_->Open(config, schema->version, options_.open_deadline,
                 [self = shared_from_this(), launch](const absl::Status& status) {
                   self->executor_->Run([self, launch, status] { self->OnOpened(launch, status); });
                 });
}

void Supervisor::OnOpened(uint64_t launch, const absl::Status& status) {
  if (!IsCurrent(launch) || Status().state != PluginState::kStarting) return;
  if (!status.ok()) {
    return FailStart(launch, EndKind::kOpenFailed, absl::StrCat("could not open its system: ", status.message()),
                     IsWorthRetrying(status));
  }
  ready_since_ = base::Executor::Elapsed();
  misses_ = 0;
  SetState(PluginState::kReady, "");
  ListenToEvents(launch);
  executor_->RunAfter(options_.health_every, [self = weak_from_this(), launch] {
    if (auto s = self.lock()) s->CheckHealth(launch);
  });
  AnswerWaiters(session_);
}

}  // namespace sluice::plugin
