// What is asked of a system when it is read: only what a mapping, a rule or a correlation uses.
//
// Pure functions.
#ifndef SLUICE_HOST_ENGINE_READ_PLAN_H_
#define SLUICE_HOST_ENGINE_READ_PLAN_H_

#include "host/core/configuration.h"
#include "host/core/state.h"
#include "host/engine/connector.h"

namespace sluice::engine {

ReadPlan SourceReadPlan(const core::SystemSpec& system, const SystemSchema& schema, absl::CivilDay as_of);
ReadPlan TargetReadPlan(const core::SystemSpec& system, const SystemSchema& schema, absl::CivilDay as_of);

// The part of a target's schema that evaluation needs.
core::TargetSchema ToTargetSchema(const SystemSchema& schema);

}  // namespace sluice::engine

#endif  // SLUICE_HOST_ENGINE_READ_PLAN_H_
