// The state in one SQLite file: the embedded default.
//
// One host at a time: a lock file beside it names the holder, and a second host is refused with that name. Writes go
// through one connection and are on the disk before Write returns; those that come while another one is written share
// the next transaction, and one that is refused leaves the others as they are. Reads go through connections of their
// own and see what is committed. Runs that a dead host left are closed as "interrupted" when the store is opened. The
// file is readable by its owner only. Nothing here retries: a Write that failed wrote nothing and may be tried again.
#ifndef SLUICE_HOST_STORE_SQLITE_SQLITE_STORE_H_
#define SLUICE_HOST_STORE_SQLITE_SQLITE_STORE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "host/base/clock.h"
#include "host/store/store.h"

namespace sluice::store {

struct SqliteOptions {
  std::string path;
  std::string host_name;               // For whoever finds the store in use; empty: this machine's name.
  const base::Clock* clock = nullptr;  // Required; outlives the store. Only asked while opening.
  std::string vfs;                     // For tests that make the disk fail.
};

// Opens the store and makes it when there is none; its folder must be there. FAILED_PRECONDITION: another host has it
// (the message names it), or the file is not this program's. UNAVAILABLE: it cannot be opened or written.
absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const SqliteOptions& options);

}  // namespace sluice::store

#endif  // SLUICE_HOST_STORE_SQLITE_SQLITE_STORE_H_
