// Runs, blocks, sealed secrets, configurations, the audit log and its seals, in tables.
//
// Functions that run inside the caller's transaction and keep nothing.
#ifndef SLUICE_HOST_STORE_SQLITE_LOG_TABLES_H_
#define SLUICE_HOST_STORE_SQLITE_LOG_TABLES_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "host/audit/entry.h"
#include "host/store/sqlite/database.h"
#include "host/store/store.h"

namespace sluice::store {

absl::Status WriteRun(Database& database, const Run& run);
absl::StatusOr<std::vector<Run>> ReadRuns(Database& database, int limit);
// Ends what a host that died left running, with an audit row each; how many.
absl::StatusOr<int> InterruptRuns(Database& database, absl::Time now);

absl::Status WriteBlocks(Database& database, const std::vector<BlockRecord>& blocks);
absl::StatusOr<std::vector<BlockRecord>> ReadBlocks(Database& database);

absl::Status WriteSecrets(Database& database, const Commit& commit);
// Of one person; all that are not handed out for "".
absl::StatusOr<std::vector<SealedSecret>> ReadSecrets(Database& database, const std::string& person_id);
absl::StatusOr<std::optional<SealedSecret>> ReadSecret(Database& database, const std::string& id);

absl::Status WriteConfiguration(Database& database, const ConfigurationRecord& configuration);
absl::StatusOr<std::optional<ConfigurationRecord>> ReadConfiguration(Database& database);

// Appends to the chain.
absl::Status WriteAudit(Database& database, const std::vector<audit::Entry>& entries);
absl::StatusOr<std::vector<AuditRow>> ReadAudit(Database& database, int64_t from, int limit);
absl::Status InsertSeal(Database& database, const Seal& seal);
absl::StatusOr<std::vector<Seal>> ReadSeals(Database& database);

}  // namespace sluice::store

#endif  // SLUICE_HOST_STORE_SQLITE_LOG_TABLES_H_
