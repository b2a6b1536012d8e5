// Whether people are planned for as they were last read.
//
// Reads the store; any thread.
#ifndef SLUICE_HOST_ENGINE_NEWER_IMPORT_H_
#define SLUICE_HOST_ENGINE_NEWER_IMPORT_H_

#include <string>

#include "absl/status/statusor.h"
#include "host/engine/context.h"

namespace sluice::engine {

// The first line of a plan whose snapshot is not the newest: an import waits for a decision, or the last one of a
// source failed. Empty: the snapshot is what was last read.
absl::StatusOr<std::string> NewerImport(const Context& context);

}  // namespace sluice::engine

#endif  // SLUICE_HOST_ENGINE_NEWER_IMPORT_H_
