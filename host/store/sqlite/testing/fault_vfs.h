// A disk that fails when a test says so: an SQLite VFS over the default one.
//
// For tests only. One for the whole process; thread-safe.
#ifndef SLUICE_HOST_STORE_SQLITE_TESTING_FAULT_VFS_H_
#define SLUICE_HOST_STORE_SQLITE_TESTING_FAULT_VFS_H_

namespace sluice::store {

// SQLite's codes, for who may not know SQLite.
extern const int kDiskIsFull, kWriteFails, kSyncFails;

struct FaultPlan {
  // What the disk answers: an SQLite code (SQLITE_FULL, SQLITE_IOERR_WRITE, SQLITE_IOERR_FSYNC, SQLITE_READONLY).
  int code = 0;
  bool kills = false;    // SIGKILL to the process instead of an answer.
  int after = 0;         // The first one that fails: 0, the next one.
  int times = 1 << 30;   // How many fail then.
  bool on_write = true;  // Writes and changes of size,
  bool on_sync = false;  // syncs.
};

// Registers the VFS, the first time, and gives its name.
const char* FaultVfs();

// From now on; counts from here.
void SetFault(const FaultPlan& plan);
void ClearFault();
// Writes and syncs since the last SetFault or ClearFault that the plan looks at.
int FaultOperations();

}  // namespace sluice::store

#endif  // SLUICE_HOST_STORE_SQLITE_TESTING_FAULT_VFS_H_
