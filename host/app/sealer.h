// Checks the audit log, seals it, and lets somebody with a name accept damage.
//
// The whole log is checked at the start, at an export, on request and once a day; before each seal, what is new. While
// there is damage that nobody accepted nothing is sealed, and the host goes on otherwise: who changed a row shall not
// stop a school. Thread-safe; a check takes as long as the log is, and the others wait for it.
#ifndef SLUICE_HOST_APP_SEALER_H_
#define SLUICE_HOST_APP_SEALER_H_

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "host/api/administration.h"
#include "host/app/seal_copy.h"
#include "host/audit/log_check.h"
#include "host/audit/seal.h"
#include "host/base/clock.h"
#include "host/store/store.h"

namespace sluice::app {

class Sealer {
 public:
  // `store` and `clock` outlive it. `copy`: the file with the copy of the seals.
  Sealer(store::Store* store, std::shared_ptr<const audit::SealKey> key, const base::Clock* clock, std::string copy)
      : store_(store), key_(std::move(key)), clock_(clock), copy_(std::move(copy)) {}

  // Checks the whole log from row 1 on. DATA_LOSS naming the first damage that nobody accepted.
  absl::Status Check() ABSL_LOCKS_EXCLUDED(mutex_);
  // A seal over the newest row, in the store and in the copy, when there is none yet. DATA_LOSS as Check.
  absl::Status Seal() ABSL_LOCKS_EXCLUDED(mutex_);
  // Accepts what is damaged within rows first..last, seals, and says how the log stands. INVALID_ARGUMENT without a
  // reason, FAILED_PRECONDITION when nothing within is damaged.
  absl::StatusOr<api::AuditState> Accept(const engine::Actor& actor, int64_t first, int64_t last)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // The export, of a damaged log too: judging is the verifier's job. False from `line` ends it.
  absl::Status Export(const std::function<bool(const std::string&)>& line) ABSL_LOCKS_EXCLUDED(mutex_);
  // As it was found last; quick.
  api::AuditState State() const ABSL_LOCKS_EXCLUDED(state_mutex_);
  // Seals once more, unless a check is under way, which then ends early.
  void End() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  absl::StatusOr<std::vector<audit::Row>> Read(int64_t from, int limit) const;
  absl::Status CheckAll() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckNew() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status SealNewest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Verdict() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Judge() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void MendCopy(const std::vector<audit::Seal>& stored, const absl::StatusOr<std::vector<audit::Seal>>& copied)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SayCopy(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  store::Store* const store_;
  const std::shared_ptr<const audit::SealKey> key_;
  const base::Clock* const clock_;
  const SealCopy copy_;
  std::atomic<bool> is_stopping_ = false;

  absl::Mutex mutex_ ABSL_ACQUIRED_BEFORE(state_mutex_);
  std::optional<audit::LogCheck> check_ ABSL_GUARDED_BY(mutex_);
  absl::Time checked_ ABSL_GUARDED_BY(mutex_);
  audit::Judgement judgement_ ABSL_GUARDED_BY(mutex_);
  std::string said_ ABSL_GUARDED_BY(mutex_);  // In the log, of damage; each is said once.

  mutable absl::Mutex state_mutex_;
  api::AuditState state_ ABSL_GUARDED_BY(state_mutex_);
};

}  // namespace sluice::app

#endif  // SLUICE_HOST_APP_SEALER_H_
