#include "sluice/connector/system.h"

#include <list>
#include <thread>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "sdk/cpp/src/durations.h"

namespace sluice::connector {
namespace {

template <typename T>
const T& Zero() {
  static const T* const kZero = new T();
  return *kZero;
}

}  // namespace

bool Settings::Has(AnyText name) const { return values_.count(name.str()) > 0 || secrets_.count(name.str()) > 0; }

const Value& Settings::Get(AnyText name) const {
  auto it = values_.find(name.str());
  return it != values_.end() ? it->second : Zero<Value>();
}

std::string Settings::Text(AnyText name) const { return Get(name).TextOr(""); }

int64_t Settings::Integer(AnyText name) const {
  const int64_t* integer = Get(name).integer();
  return integer != nullptr ? *integer : 0;
}

bool Settings::Flag(AnyText name) const {
  const bool* flag = Get(name).flag();
  return flag != nullptr && *flag;
}

absl::Duration Settings::Duration(AnyText name) const { return DurationOf(Get(name)).value_or(absl::ZeroDuration()); }

std::vector<std::string> Settings::Texts(AnyText name) const {
  std::vector<std::string> texts;
  const Value& value = Get(name);
  if (value.text() != nullptr) texts.push_back(*value.text());
  if (value.list() != nullptr) {
    for (const Value& item : *value.list()) {
      if (item.text() != nullptr) texts.push_back(*item.text());
    }
  }
  return texts;
}

const class Secret& Settings::Secret(AnyText name) const {
  auto it = secrets_.find(name.str());
  return it != secrets_.end() ? it->second : Zero<class Secret>();
}

const std::string& Settings::File(AnyText name) const {
  auto it = files_.find(name.str());
  return it != files_.end() ? it->second : Zero<std::string>();
}

struct Cancellation::State {
  absl::Mutex mutex;
  bool is_cancelled ABSL_GUARDED_BY(mutex) = false;
  bool is_calling ABSL_GUARDED_BY(mutex) = false;
  std::thread::id caller ABSL_GUARDED_BY(mutex);  // So that a callback may drop its own handle.
  std::list<std::function<void()>> callbacks ABSL_GUARDED_BY(mutex);
};

Cancellation::Cancellation() : state_(std::make_shared<State>()) {}

bool Cancellation::IsCancelled() const {
  absl::MutexLock lock(&state_->mutex);
  return state_->is_cancelled;
}

void Cancellation::Cancel() const {
  std::list<std::function<void()>> callbacks;
  {
    absl::MutexLock lock(&state_->mutex);
    if (state_->is_cancelled) return;
    state_->is_cancelled = true;
    state_->is_calling = true;
    state_->caller = std::this_thread::get_id();
    callbacks.swap(state_->callbacks);
  }
  for (const auto& callback : callbacks) callback();
  absl::MutexLock lock(&state_->mutex);
  state_->is_calling = false;
}

bool Cancellation::Sleep(absl::Duration duration) const {
  absl::MutexLock lock(&state_->mutex);
  return !state_->mutex.AwaitWithTimeout(absl::Condition(&state_->is_cancelled), duration);
}

std::shared_ptr<void> Cancellation::OnCancel(std::function<void()> callback) const {
  std::list<std::function<void()>> mine;
  mine.push_back(std::move(callback));
  auto it = mine.begin();
  bool is_late = false;
  {
    absl::MutexLock lock(&state_->mutex);
    is_late = state_->is_cancelled;
    if (!is_late) state_->callbacks.splice(state_->callbacks.end(), mine);
  }
  if (is_late) {
    (*it)();
    return nullptr;
  }
  std::shared_ptr<State> state = state_;
  return std::shared_ptr<void>(static_cast<void*>(nullptr), [state, it](void*) {
    absl::MutexLock lock(&state->mutex);
    if (!state->is_cancelled) {
      state->callbacks.erase(it);
      return;
    }
    const auto done = [](State* s) ABSL_EXCLUSIVE_LOCKS_REQUIRED(s->mutex) {
      return !s->is_calling || s->caller == std::this_thread::get_id();
    };
    if (done(state.get())) return;
    state->mutex.Await(absl::Condition(+done, state.get()));
  });
}

}  // namespace sluice::connector
