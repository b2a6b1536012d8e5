// The tables, and their version in `user_version`.
//
// No state. README.md says what each table is for.
#ifndef SLUICE_HOST_STORE_SQLITE_SCHEMA_H_
#define SLUICE_HOST_STORE_SQLITE_SCHEMA_H_

#include "absl/status/status.h"
#include "host/store/sqlite/database.h"

namespace sluice::store {

inline constexpr int kSchemaVersion = 3;
inline constexpr int kApplicationId = 0x536c7563;  // "Sluc"

// Makes the tables in a new file, and checks the version of an old one. FAILED_PRECONDITION when the file belongs to
// another program or to a newer version of this one; it is left as it is.
absl::Status PrepareSchema(Database& database);

}  // namespace sluice::store

#endif  // SLUICE_HOST_STORE_SQLITE_SCHEMA_H_
