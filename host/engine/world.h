// Everything that an evaluation is a function of, loaded from the store as of now.
#ifndef SLUICE_HOST_ENGINE_WORLD_H_
#define SLUICE_HOST_ENGINE_WORLD_H_

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "host/core/planner.h"
#include "host/engine/context.h"

namespace sluice::engine {

struct World {
  std::shared_ptr<const core::Configuration> configuration;
  std::shared_ptr<const core::Snapshot> snapshot;
  std::shared_ptr<const core::State> state;
  absl::CivilDay as_of;
  core::Readings readings;

  core::PlanInput input() const { return {configuration.get(), snapshot.get(), state.get(), as_of, &readings}; }
};

absl::StatusOr<World> LoadWorld(const Context& context, absl::CivilDay as_of);

// The state of the store, activations parsed. Read again only when its sequence number has risen.
absl::StatusOr<std::shared_ptr<const core::State>> LoadState(const Context& context);

// The last state that was read; a Context without one reads each time. Thread-safe.
class WorldCache {
 public:
  std::shared_ptr<const core::State> Find(int64_t sequence) const {
    absl::MutexLock lock(&mutex_);
    return state_ != nullptr && state_->sequence == sequence ? state_ : nullptr;
  }
  void Keep(std::shared_ptr<const core::State> state) {
    absl::MutexLock lock(&mutex_);
    if (state_ == nullptr || state_->sequence <= state->sequence) state_ = std::move(state);
  }

 private:
  mutable absl::Mutex mutex_;
  std::shared_ptr<const core::State> state_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::engine

#endif  // SLUICE_HOST_ENGINE_WORLD_H_
