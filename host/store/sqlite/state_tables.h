// Grants, resources, names and people's decisions, in tables.
//
// Functions that run inside the caller's transaction and keep nothing.
#ifndef SLUICE_HOST_STORE_SQLITE_STATE_TABLES_H_
#define SLUICE_HOST_STORE_SQLITE_STATE_TABLES_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "host/core/state.h"
#include "host/store/sqlite/database.h"
#include "host/store/store.h"

namespace sluice::store {

// Everything of the commit that belongs to core::State, operations and observed records aside. True when something is
// different now. ALREADY_EXISTS when a name has another holder.
absl::StatusOr<bool> WriteState(Database& database, const Commit& commit);

// Operations and observed records aside.
absl::Status ReadState(Database& database, core::State& state,
                       std::map<std::string, std::vector<std::string>>* activation_texts);

}  // namespace sluice::store

#endif  // SLUICE_HOST_STORE_SQLITE_STATE_TABLES_H_
