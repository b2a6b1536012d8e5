#include "sdk/cpp/src/events.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace sluice::connector {

bool Events::Rotate(const std::string& system, const std::string& name, const Secret& value, uint64_t replaces,
                    absl::Duration patience) {
  std::string id;
  {
    absl::MutexLock lock(&mutex_);
    id = absl::StrCat(name, "-", absl::ToUnixNanos(absl::Now()), "-", ++next_);
    v1::Event& event = pending_[id].event;
    event.set_id(id);
    event.mutable_time()->set_seconds(absl::ToUnixSeconds(absl::Now()));
    v1::SecretRotated* rotated = event.mutable_secret_rotated();
    rotated->set_system(system);
    rotated->set_name(name);
    rotated->set_value(value.Reveal());
    rotated->set_replaces_version(replaces);
  }
  Wake();
  absl::MutexLock lock(&mutex_);
  Pending& pending = pending_[id];
  mutex_.AwaitWithTimeout(absl::Condition(&pending.is_settled), patience);
  const bool is_stored = pending.is_settled && pending.is_understood;
  pending.is_awaited = false;
  if (pending.is_settled) pending_.erase(id);
  return is_stored;
}

uint64_t Events::Listen(std::function<void()> wake) {
  absl::MutexLock lock(&mutex_);
  wake_ = std::move(wake);
  return ++listener_;
}

void Events::Forget(uint64_t listener) {
  absl::MutexLock lock(&mutex_);
  if (listener == listener_) wake_ = nullptr;
}

std::vector<v1::Event> Events::Next(uint64_t listener) {
  std::vector<v1::Event> events;
  absl::MutexLock lock(&mutex_);
  if (listener != listener_) return events;
  for (auto& [id, pending] : pending_) {
    if (pending.is_settled || pending.given_to == listener) continue;
    pending.given_to = listener;
    events.push_back(pending.event);
  }
  return events;
}

void Events::Acknowledge(const v1::EventAck& ack) {
  absl::MutexLock lock(&mutex_);
  const auto found = pending_.find(ack.event_id());
  if (found == pending_.end()) return;
  if (!found->second.is_awaited) {
    pending_.erase(found);
    return;
  }
  found->second.is_settled = true;  // Whoever waits for it takes it away.
  found->second.is_understood = !ack.not_understood();
}

void Events::Wake() {
  std::function<void()> wake;
  {
    absl::MutexLock lock(&mutex_);
    wake = wake_;
  }
  if (wake != nullptr) wake();
}

}  // namespace sluice::connector
