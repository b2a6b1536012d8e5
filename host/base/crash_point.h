// The moments at which a host may die and at which it would matter: around what is stored, sent and answered.
//
// A host that runs in production passes them and nothing happens: one load of a null pointer. No flag, variable, file
// or call of the host sets it; only testing/crash_hook.h can, which no program of the host is linked with. Every point
// of the list is reached, and survived, in tests/integration/crash_points_test.cc, and those of secrets in
// rotation_test.cc beside it. Any thread.
#ifndef SLUICE_HOST_BASE_CRASH_POINT_H_
#define SLUICE_HOST_BASE_CRASH_POINT_H_

#include <atomic>
#include <cstddef>

namespace sluice::base {

// The name, and whether a commit follows at once (so that the store's own points come between it and the next one).
#define SLUICE_CRASH_POINTS(POINT)                                       \
  POINT(kRunBegins, "run-begins", true)                                  \
  POINT(kRunIsStored, "run-is-stored", false)                            \
  POINT(kImportIsRead, "import-is-read", true)                           \
  POINT(kImportIsStored, "import-is-stored", false)                      \
  POINT(kPlanIsMade, "plan-is-made", true)                               \
  POINT(kPlanIsStored, "plan-is-stored", false)                          \
  POINT(kBeforeAdoption, "before-adoption", true)                        \
  POINT(kAdopted, "adopted", false)                                      \
  POINT(kBeforeWriteAhead, "before-write-ahead", true)                   \
  POINT(kWrittenAhead, "written-ahead", false)                           \
  POINT(kSent, "sent", false)                                            \
  POINT(kAnswered, "answered", true)                                     \
  POINT(kOutcomeIsStored, "outcome-is-stored", false)                    \
  POINT(kBeforeClaim, "before-claim", true)                              \
  POINT(kClaimed, "claimed", false)                                      \
  POINT(kVerifyIsAsked, "verify-is-asked", false)                        \
  POINT(kVerified, "verified", true)                                     \
  POINT(kVerdictIsStored, "verdict-is-stored", false)                    \
  POINT(kBeforeCredential, "before-credential", true)                    \
  POINT(kCredentialIsWrittenAhead, "credential-is-written-ahead", false) \
  POINT(kCredentialIsSent, "credential-is-sent", false)                  \
  POINT(kRunEnds, "run-ends", true)                                      \
  POINT(kRunHasEnded, "run-has-ended", false)                            \
  POINT(kSecretIsTold, "secret-is-told", false)                          \
  POINT(kSecretIsKept, "secret-is-kept", false)                          \
  POINT(kInTransaction, "in-transaction", false)                         \
  POINT(kTransactionIsWritten, "transaction-is-written", false)          \
  POINT(kTransactionIsCommitted, "transaction-is-committed", false)

enum class CrashPoint {
#define SLUICE_CRASH_POINT(id, name, commits) id,
  SLUICE_CRASH_POINTS(SLUICE_CRASH_POINT)
#undef SLUICE_CRASH_POINT
};

struct CrashPointInfo {
  CrashPoint point;
  const char* name;
  bool commits_next;
};

inline constexpr CrashPointInfo kCrashPoints[] = {
#define SLUICE_CRASH_POINT(id, name, commits) {CrashPoint::id, name, commits},
    SLUICE_CRASH_POINTS(SLUICE_CRASH_POINT)
#undef SLUICE_CRASH_POINT
};

namespace testing {
void SetCrashHook(void (*hook)(CrashPoint));
}  // namespace testing

class CrashPoints {
 public:
  static void Pass(CrashPoint point) {
    if (void (*hook)(CrashPoint) = hook_.load(std::memory_order_acquire)) hook(point);
  }

 private:
  friend void testing::SetCrashHook(void (*hook)(CrashPoint));
  static inline std::atomic<void (*)(CrashPoint)> hook_ = nullptr;
};

}  // namespace sluice::base

#endif  // SLUICE_HOST_BASE_CRASH_POINT_H_
