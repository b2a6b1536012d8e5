// Everything that an evaluation is a function of, loaded from the store as of now.
#ifndef SLUICE_HOST_ENGINE_WORLD_H_
#define SLUICE_HOST_ENGINE_WORLD_H_

#include <memory>

#include "absl/status/statusor.h"
#include "host/core/planner.h"
#include "host/engine/context.h"

namespace sluice::engine {

struct World {
  std::shared_ptr<const core::Configuration> configuration;
  std::shared_ptr<const core::Snapshot> snapshot;
  std::shared_ptr<const core::State> state;
  absl::CivilDay as_of;

  core::PlanInput input() const { return {configuration.get(), snapshot.get(), state.get(), as_of}; }
};

absl::StatusOr<World> LoadWorld(const Context& context, absl::CivilDay as_of);

}  // namespace sluice::engine

#endif  // SLUICE_HOST_ENGINE_WORLD_H_
