// Tells the thread sanitizer about absl's locks. Debian's libraries are compiled without it, so that it sees neither
// who waits for whom in absl::Mutex nor anything that gRPC orders by one; every lock of the process, gRPC's included,
// goes through these definitions, which call the library's own and say what happened before what.
//
// Part of every program of the preset tsan, and of no other.
#include <dlfcn.h>

#include <cstdlib>

#include "absl/synchronization/mutex.h"

extern "C" {
void __tsan_acquire(void* address);
void __tsan_release(void* address);
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
void AnnotateIgnoreWritesBegin(const char* file, int line);
void AnnotateIgnoreWritesEnd(const char* file, int line);
}

namespace {

// The library's own function; `name` is what follows the namespace in its mangled name.
template <typename Function>
Function* Own(const char* name) {
  void* const found = dlsym(RTLD_NEXT, name);
  if (found == nullptr) abort();
  return reinterpret_cast<Function*>(found);
}

// While the library has the lock it may call a condition of ours on behalf of somebody who waits for it: that reads
// what the lock guards, and the library alone knows that it may.
class Inside {
 public:
  Inside() {
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
  }
  ~Inside() {
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
  }
};

// Takes the lock: what was before the last release is before what follows.
template <typename Function, typename... Arguments>
auto Take(void* lock, Function* own, Arguments&&... arguments) {
  struct Acquired {
    ~Acquired() { __tsan_acquire(lock); }
    void* lock;
  } acquired{lock};
  Inside inside;
  return own(std::forward<Arguments>(arguments)...);
}

template <typename Function, typename... Arguments>
auto Give(void* lock, Function* own, Arguments&&... arguments) {
  __tsan_release(lock);
  Inside inside;
  return own(std::forward<Arguments>(arguments)...);
}

// Gives it away for some time, and takes it again.
template <typename Function, typename... Arguments>
auto Wait(void* lock, Function* own, Arguments&&... arguments) {
  __tsan_release(lock);
  return Take(lock, own, std::forward<Arguments>(arguments)...);
}

}  // namespace

#define SLUICE_ABSL "_ZN4absl7debian3"

namespace absl {
ABSL_NAMESPACE_BEGIN

void Mutex::Lock() {
  static auto* const kOwn = Own<void(Mutex*)>(SLUICE_ABSL "5Mutex4LockEv");
  Take(this, kOwn, this);
}

bool Mutex::TryLock() {
  static auto* const kOwn = Own<bool(Mutex*)>(SLUICE_ABSL "5Mutex7TryLockEv");
  return Take(this, kOwn, this);
}

void Mutex::Unlock() {
  static auto* const kOwn = Own<void(Mutex*)>(SLUICE_ABSL "5Mutex6UnlockEv");
  Give(this, kOwn, this);
}

void Mutex::ReaderLock() {
  static auto* const kOwn = Own<void(Mutex*)>(SLUICE_ABSL "5Mutex10ReaderLockEv");
  Take(this, kOwn, this);
}

void Mutex::ReaderUnlock() {
  static auto* const kOwn = Own<void(Mutex*)>(SLUICE_ABSL "5Mutex12ReaderUnlockEv");
  Give(this, kOwn, this);
}

void Mutex::LockWhen(const Condition& condition) {
  static auto* const kOwn = Own<void(Mutex*, const Condition&)>(SLUICE_ABSL "5Mutex8LockWhenERKNS0_9ConditionE");
  Take(this, kOwn, this, condition);
}

void Mutex::Await(const Condition& condition) {
  static auto* const kOwn = Own<void(Mutex*, const Condition&)>(SLUICE_ABSL "5Mutex5AwaitERKNS0_9ConditionE");
  Wait(this, kOwn, this, condition);
}

bool Mutex::AwaitWithTimeout(const Condition& condition, Duration timeout) {
  static auto* const kOwn = Own<bool(Mutex*, const Condition&, Duration)>(
      SLUICE_ABSL "5Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE");
  return Wait(this, kOwn, this, condition, timeout);
}

bool Mutex::AwaitWithDeadline(const Condition& condition, Time deadline) {
  static auto* const kOwn =
      Own<bool(Mutex*, const Condition&, Time)>(SLUICE_ABSL "5Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE");
  return Wait(this, kOwn, this, condition, deadline);
}

void CondVar::Wait(Mutex* mutex) {
  static auto* const kOwn = Own<void(CondVar*, Mutex*)>(SLUICE_ABSL "7CondVar4WaitEPNS0_5MutexE");
  ::Wait(mutex, kOwn, this, mutex);
}

bool CondVar::WaitWithTimeout(Mutex* mutex, Duration timeout) {
  static auto* const kOwn =
      Own<bool(CondVar*, Mutex*, Duration)>(SLUICE_ABSL "7CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE");
  return ::Wait(mutex, kOwn, this, mutex, timeout);
}

bool CondVar::WaitWithDeadline(Mutex* mutex, Time deadline) {
  static auto* const kOwn =
      Own<bool(CondVar*, Mutex*, Time)>(SLUICE_ABSL "7CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE");
  return ::Wait(mutex, kOwn, this, mutex, deadline);
}

ABSL_NAMESPACE_END
}  // namespace absl
