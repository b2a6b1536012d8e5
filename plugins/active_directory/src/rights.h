// Signs in, reads the least possible, and says in plain words which rights the service account lacks. Never writes.
#pragma once

#include "absl/status/statusor.h"
#include "plugins/active_directory/src/directory.h"
#include "sluice/connector/source.h"

namespace sluice::active_directory {

absl::StatusOr<connector::TestResult> TestRights(Directory& directory, bool read_only);

}  // namespace sluice::active_directory
