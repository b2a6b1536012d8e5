// Operations and the plans that they came from, in tables.
//
// Functions that run inside the caller's transaction and keep nothing.
#ifndef SLUICE_HOST_STORE_SQLITE_OPERATION_TABLES_H_
#define SLUICE_HOST_STORE_SQLITE_OPERATION_TABLES_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "host/core/plan.h"
#include "host/core/state.h"
#include "host/store/sqlite/database.h"
#include "host/store/store.h"

namespace sluice::store {

// True when the set of open operations is another one now. ABORTED when a stored operation has a higher fence.
absl::StatusOr<bool> WriteOperations(Database& database, const std::vector<Operation>& operations);

// open_operations and open_objects.
absl::Status ReadOpen(Database& database, core::State& state);

absl::StatusOr<std::vector<Operation>> ReadOpenOperations(Database& database);
absl::StatusOr<std::vector<Operation>> ReadOperationsOfRun(Database& database, const std::string& run_id);
absl::StatusOr<std::vector<Operation>> ReadOperationsOfPerson(Database& database, const std::string& person_id);
// INVALID_ARGUMENT when several ids begin so.
absl::StatusOr<std::optional<Operation>> ReadOperation(Database& database, const std::string& id_prefix);

absl::StatusOr<std::map<std::string, int>> ReadAttempts(Database& database, const std::vector<std::string>& ids);

absl::Status WritePlan(Database& database, const core::Plan& plan);
absl::StatusOr<core::Plan> ReadPlan(Database& database, const std::string& hash_prefix);

}  // namespace sluice::store

#endif  // SLUICE_HOST_STORE_SQLITE_OPERATION_TABLES_H_
