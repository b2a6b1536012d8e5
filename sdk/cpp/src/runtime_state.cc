#include "sdk/cpp/src/runtime_state.h"

namespace sluice::connector {

absl::Status RuntimeState::Begin(Drainable* call) {
  absl::MutexLock lock(&mutex_);
  if (is_draining_) return Draining();
  calls_.insert(call);
  return absl::OkStatus();
}

absl::Status RuntimeState::Draining() {
  return Error(Reason::kUnavailable, "SDK-0002", "the connector is stopping and takes no new work");
}

void RuntimeState::End(Drainable* call) {
  absl::MutexLock lock(&mutex_);
  calls_.erase(call);
}

bool RuntimeState::is_draining() {
  absl::MutexLock lock(&mutex_);
  return is_draining_;
}

void RuntimeState::StartDraining() {
  {
    absl::MutexLock lock(&mutex_);
    if (std::exchange(is_draining_, true)) return;
    for (Drainable* call : calls_) call->OnDrain();
  }
  if (on_drain != nullptr) on_drain();
}

bool RuntimeState::AwaitIdle(absl::Time deadline) {
  {
    absl::MutexLock lock(&mutex_);
    if (!mutex_.AwaitWithDeadline(absl::Condition(this, &RuntimeState::HasNoImports), deadline)) return false;
  }
  for (const auto& ledger : systems.Ledgers()) {
    if (!ledger->AwaitIdle(deadline)) return false;
  }
  return true;
}

std::vector<std::string> RuntimeState::UnfinishedOperations() {
  std::vector<std::string> ids;
  for (const auto& ledger : systems.Ledgers()) {
    for (std::string& id : ledger->Running()) ids.push_back(std::move(id));
  }
  return ids;
}

void RuntimeState::NoteDrained() {
  absl::MutexLock lock(&mutex_);
  is_drained_ = true;
}

bool RuntimeState::AwaitDrained(absl::Duration patience) {
  absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(absl::Condition(&is_drained_), patience);
}

void RuntimeState::CountImport(int change) {
  absl::MutexLock lock(&mutex_);
  imports_ += change;
}

}  // namespace sluice::connector
