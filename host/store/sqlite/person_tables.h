// Snapshots and persons, and what targets held when they were last read, in tables.
//
// Functions that run inside the caller's transaction. SnapshotCache remembers the snapshot that was written or read
// last, so that a person who is the same object again is not hashed again; its owner takes a new one only after the
// transaction is committed.
#ifndef SLUICE_HOST_STORE_SQLITE_PERSON_TABLES_H_
#define SLUICE_HOST_STORE_SQLITE_PERSON_TABLES_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "host/core/snapshot.h"
#include "host/core/state.h"
#include "host/store/sqlite/database.h"

namespace sluice::store {

struct SnapshotCache {
  std::shared_ptr<const core::Snapshot> snapshot;
  std::vector<std::string> hashes;  // Bytes; of snapshot->persons, in order.
};

// Stores a snapshot as the difference to the active one and makes it the active one; gives what to remember.
absl::StatusOr<SnapshotCache> WriteSnapshot(Database& database, const core::Snapshot& snapshot,
                                            const std::string& cause, const std::string& run_id,
                                            const SnapshotCache& known);

// The number of the active snapshot; 0: there is none.
absl::StatusOr<int64_t> ActiveSnapshot(Database& database);
absl::StatusOr<SnapshotCache> ReadSnapshot(Database& database);

// True when something is different now.
absl::StatusOr<bool> WriteObserved(Database& database, const std::string& system, const core::Observed& observed);
absl::StatusOr<std::map<std::string, core::Observed>> ReadObserved(Database& database);

}  // namespace sluice::store

#endif  // SLUICE_HOST_STORE_SQLITE_PERSON_TABLES_H_
