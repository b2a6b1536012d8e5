#include "host/store/sqlite/testing/fault_vfs.h"

#include <signal.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cstring>
#include <mutex>

namespace sluice::store {
namespace {

constexpr char kName[] = "sluice-fault";

std::mutex mutex;
FaultPlan plan;
bool is_set = false;
int operations = 0;

enum class Operation { kWrite, kSync };

// What the disk answers to the next operation; SQLITE_OK: what the real one does.
int Answer(Operation operation) {
  const std::lock_guard<std::mutex> lock(mutex);
  if (!(operation == Operation::kWrite ? plan.on_write : plan.on_sync)) return SQLITE_OK;
  const int number = operations++;
  if (!is_set || number < plan.after || number >= plan.after + plan.times) return SQLITE_OK;
  if (plan.kills) kill(getpid(), SIGKILL);
  return plan.code;
}

// A file of ours, with the real one behind it in the same block.
struct File {
  sqlite3_file base;
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};
sqlite3_file* Real(sqlite3_file* file) { return reinterpret_cast<File*>(file)->real(); }

int Close(sqlite3_file* file) { return Real(file)->pMethods->xClose(Real(file)); }
int Read(sqlite3_file* file, void* data, int size, sqlite3_int64 offset) {
  return Real(file)->pMethods->xRead(Real(file), data, size, offset);
}
int Write(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
  const int code = Answer(Operation::kWrite);
  return code != SQLITE_OK ? code : Real(file)->pMethods->xWrite(Real(file), data, size, offset);
}
int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  const int code = Answer(Operation::kWrite);
  return code != SQLITE_OK ? code : Real(file)->pMethods->xTruncate(Real(file), size);
}
int Sync(sqlite3_file* file, int flags) {
  const int code = Answer(Operation::kSync);
  return code != SQLITE_OK ? code : Real(file)->pMethods->xSync(Real(file), flags);
}
int FileSize(sqlite3_file* file, sqlite3_int64* size) { return Real(file)->pMethods->xFileSize(Real(file), size); }
int Lock(sqlite3_file* file, int level) { return Real(file)->pMethods->xLock(Real(file), level); }
int Unlock(sqlite3_file* file, int level) { return Real(file)->pMethods->xUnlock(Real(file), level); }
int CheckReservedLock(sqlite3_file* file, int* result) {
  return Real(file)->pMethods->xCheckReservedLock(Real(file), result);
}
int FileControl(sqlite3_file* file, int operation, void* argument) {
  return Real(file)->pMethods->xFileControl(Real(file), operation, argument);
}
int SectorSize(sqlite3_file* file) { return Real(file)->pMethods->xSectorSize(Real(file)); }
int DeviceCharacteristics(sqlite3_file* file) { return Real(file)->pMethods->xDeviceCharacteristics(Real(file)); }
int ShmMap(sqlite3_file* file, int page, int size, int extend, void volatile** memory) {
  return Real(file)->pMethods->xShmMap(Real(file), page, size, extend, memory);
}
int ShmLock(sqlite3_file* file, int offset, int count, int flags) {
  return Real(file)->pMethods->xShmLock(Real(file), offset, count, flags);
}
void ShmBarrier(sqlite3_file* file) { Real(file)->pMethods->xShmBarrier(Real(file)); }
int ShmUnmap(sqlite3_file* file, int remove) { return Real(file)->pMethods->xShmUnmap(Real(file), remove); }

const sqlite3_io_methods kMethods = {2,
                                     Close,
                                     Read,
                                     Write,
                                     Truncate,
                                     Sync,
                                     FileSize,
                                     Lock,
                                     Unlock,
                                     CheckReservedLock,
                                     FileControl,
                                     SectorSize,
                                     DeviceCharacteristics,
                                     ShmMap,
                                     ShmLock,
                                     ShmBarrier,
                                     ShmUnmap,
                                     nullptr,
                                     nullptr};

int Open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  auto* real_vfs = static_cast<sqlite3_vfs*>(vfs->pAppData);
  const int code = real_vfs->xOpen(real_vfs, name, Real(file), flags, out_flags);
  file->pMethods = code == SQLITE_OK ? &kMethods : nullptr;
  return code;
}

}  // namespace

const int kDiskIsFull = SQLITE_FULL;
const int kWriteFails = SQLITE_IOERR_WRITE;
const int kSyncFails = SQLITE_IOERR_FSYNC;

const char* FaultVfs() {
  static sqlite3_vfs ours;
  if (ours.zName == nullptr) {
    sqlite3_vfs* real = sqlite3_vfs_find(nullptr);
    std::memcpy(&ours, real, sizeof(ours));
    ours.zName = kName;
    ours.pNext = nullptr;
    ours.szOsFile = static_cast<int>(sizeof(File)) + real->szOsFile;
    ours.pAppData = real;
    ours.xOpen = Open;
    sqlite3_vfs_register(&ours, 0);
  }
  return kName;
}

void SetFault(const FaultPlan& fault) {
  const std::lock_guard<std::mutex> lock(mutex);
  plan = fault;
  is_set = true;
  operations = 0;
}

void ClearFault() {
  const std::lock_guard<std::mutex> lock(mutex);
  plan = FaultPlan();
  is_set = false;
  operations = 0;
}

int FaultOperations() {
  const std::lock_guard<std::mutex> lock(mutex);
  return operations;
}

}  // namespace sluice::store
