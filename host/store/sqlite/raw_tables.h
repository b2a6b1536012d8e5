// Raw records, class states and the waiting candidate, in tables.
//
// Functions that run inside the caller's transaction and keep nothing. Only what differs is written: a record that an
// import merely confirmed costs nothing, because the day on which it was confirmed follows from its class.
#ifndef SLUICE_HOST_STORE_SQLITE_RAW_TABLES_H_
#define SLUICE_HOST_STORE_SQLITE_RAW_TABLES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "host/core/raw_records.h"
#include "host/store/sqlite/database.h"
#include "host/store/store.h"

namespace sluice::store {

// The id of a content, which is stored when nobody has it yet.
absl::StatusOr<int64_t> ContentId(Database& database, const Blob& hash, absl::string_view json);

absl::Status WriteImport(Database& database, const ImportResult& import);

absl::Status VisitRawRecords(Database& database, const std::string& system,
                             absl::FunctionRef<bool(const RawFacts&)> visit);

// NOT_FOUND: a candidate was asked for and none waits.
absl::StatusOr<core::RawSet> ReadRawSet(Database& database, const std::string& system, bool candidate);
// NOT_FOUND when none waits.
absl::StatusOr<ImportResult> ReadCandidate(Database& database, const std::string& system);
absl::StatusOr<std::vector<core::ClassState>> ReadClassStates(Database& database, const std::string& system);
absl::StatusOr<core::Readings> ReadReadings(Database& database);

}  // namespace sluice::store

#endif  // SLUICE_HOST_STORE_SQLITE_RAW_TABLES_H_
