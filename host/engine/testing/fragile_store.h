// A store that fails when a test says so, in front of a real one.
//
// For tests. A commit that is refused is not written; one after which the host dies is. After Die nothing is written.
#ifndef SLUICE_HOST_ENGINE_TESTING_FRAGILE_STORE_H_
#define SLUICE_HOST_ENGINE_TESTING_FRAGILE_STORE_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "host/store/store.h"

namespace sluice::engine::testing {

class FragileStore final : public store::Store {
 public:
  using Test = std::function<bool(const store::Commit&)>;
  explicit FragileStore(std::unique_ptr<store::Store> real) : real_(std::move(real)) {}

  // The first commit for which `test` holds is refused with `status`.
  void RefuseOnce(Test test, absl::Status status = absl::UnavailableError("the disk does not take it")) {
    Refuse(1, std::move(test), std::move(status));
  }
  // The first `times` of them.
  void Refuse(int times, Test test, absl::Status status = absl::UnavailableError("the disk does not take it")) {
    absl::MutexLock lock(&mutex_);
    refuse_ = std::move(test);
    refusals_ = times;
    status_ = std::move(status);
  }
  int refusals() const {  // Still to come.
    absl::MutexLock lock(&mutex_);
    return refusals_;
  }
  // Nothing is written from the first commit on for which `test` holds; that one is, if `writes_it`.
  void DieAt(Test test, bool writes_it) {
    absl::MutexLock lock(&mutex_);
    die_ = std::move(test);
    writes_it_ = writes_it;
  }
  void Die() {
    absl::MutexLock lock(&mutex_);
    is_dead_ = true;
  }
  bool is_dead() const {
    absl::MutexLock lock(&mutex_);
    return is_dead_;
  }
  void AwaitDeath() const {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&is_dead_));
  }
  int writes() const {
    absl::MutexLock lock(&mutex_);
    return writes_;
  }
  std::map<std::string, int> reads() const {
    absl::MutexLock lock(&mutex_);
    return reads_;
  }
  void ForgetReads() {
    absl::MutexLock lock(&mutex_);
    reads_.clear();
  }

  // As somebody else would, without any of the above. May be called from a test of RefuseOnce.
  absl::Status WriteBehind(const store::Commit& commit) { return real_->Write(commit); }

  absl::Status Write(const store::Commit& commit) override {
    bool dies = false, writes = true;
    {
      absl::MutexLock lock(&mutex_);
      if (is_dead_) return absl::UnavailableError("the host is dead");
      if (refuse_ && refuse_(commit)) {
        if (--refusals_ == 0) refuse_ = nullptr;
        return status_;
      }
      if (die_ && die_(commit)) {
        dies = true;
        writes = writes_it_;
        if (!writes) is_dead_ = true;
      }
      ++writes_;
    }
    const absl::Status status = writes ? real_->Write(commit) : absl::UnavailableError("the host is dead");
    if (dies) Die();
    return status;
  }
  absl::StatusOr<core::RawSet> LoadRawSet(const std::string& system, bool candidate) override {
    return Counted("raw")->LoadRawSet(system, candidate);
  }
  absl::Status VisitRawRecords(const std::string& system,
                               absl::FunctionRef<bool(const store::RawFacts&)> visit) override {
    return real_->VisitRawRecords(system, visit);
  }
  absl::StatusOr<store::ImportResult> LoadCandidate(const std::string& system) override {
    return Counted("candidate")->LoadCandidate(system);
  }
  absl::StatusOr<std::vector<core::ClassState>> LoadClassStates(const std::string& system) override {
    return real_->LoadClassStates(system);
  }
  absl::StatusOr<core::Readings> LoadReadings() override { return real_->LoadReadings(); }
  absl::StatusOr<std::shared_ptr<const core::Snapshot>> LoadSnapshot() override {
    return Counted("snapshot")->LoadSnapshot();
  }
  absl::StatusOr<core::State> LoadState(std::map<std::string, std::vector<std::string>>* texts) override {
    return Counted("state")->LoadState(texts);
  }
  absl::StatusOr<int64_t> LoadStateSequence() override { return real_->LoadStateSequence(); }
  absl::StatusOr<std::optional<store::ConfigurationRecord>> LoadConfiguration() override {
    return real_->LoadConfiguration();
  }
  absl::StatusOr<std::optional<absl::CivilDay>> LoadAsOf() override { return real_->LoadAsOf(); }
  absl::StatusOr<core::Plan> LoadPlan(const std::string& hash) override { return real_->LoadPlan(hash); }
  absl::StatusOr<std::vector<store::Operation>> LoadOpenOperations() override { return real_->LoadOpenOperations(); }
  absl::StatusOr<std::vector<store::Operation>> LoadOperations(const std::string& run) override {
    return real_->LoadOperations(run);
  }
  absl::StatusOr<std::vector<store::Operation>> LoadOperationsOf(const std::string& person) override {
    return real_->LoadOperationsOf(person);
  }
  absl::StatusOr<std::optional<store::Operation>> LoadOperation(const std::string& id) override {
    return real_->LoadOperation(id);
  }
  absl::StatusOr<std::map<std::string, int>> LoadAttempts(const std::vector<std::string>& ids) override {
    return real_->LoadAttempts(ids);
  }
  absl::StatusOr<std::vector<store::Run>> LoadRuns(int limit) override { return real_->LoadRuns(limit); }
  absl::StatusOr<std::vector<store::BlockRecord>> LoadBlocks() override { return real_->LoadBlocks(); }
  absl::StatusOr<std::vector<store::SealedSecret>> LoadSecrets(const std::string& person) override {
    return Counted("secrets")->LoadSecrets(person);
  }
  absl::StatusOr<std::optional<store::SealedSecret>> LoadSecret(const std::string& id) override {
    return Counted("secret")->LoadSecret(id);
  }
  absl::StatusOr<std::vector<store::AuditRow>> LoadAudit(int64_t from, int limit) override {
    return real_->LoadAudit(from, limit);
  }
  absl::StatusOr<std::vector<store::Seal>> LoadSeals() override { return real_->LoadSeals(); }
  absl::Status WriteSeal(const store::Seal& seal) override { return real_->WriteSeal(seal); }
  absl::StatusOr<int64_t> NextFence() override { return real_->NextFence(); }

 private:
  store::Store* Counted(const std::string& what) {
    absl::MutexLock lock(&mutex_);
    ++reads_[what];
    return real_.get();
  }

  const std::unique_ptr<store::Store> real_;
  mutable absl::Mutex mutex_;
  Test refuse_ ABSL_GUARDED_BY(mutex_), die_ ABSL_GUARDED_BY(mutex_);
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  int refusals_ ABSL_GUARDED_BY(mutex_) = 0;
  bool writes_it_ ABSL_GUARDED_BY(mutex_) = true, is_dead_ ABSL_GUARDED_BY(mutex_) = false;
  int writes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::string, int> reads_ ABSL_GUARDED_BY(mutex_);
};

// For commits.
inline bool HasSent(const store::Commit& commit) {
  for (const store::Operation& operation : commit.operations) {
    if (operation.state == store::Operation::State::kSent) return true;
  }
  return false;
}
inline bool HasOutcome(const store::Commit& commit) {
  for (const store::Operation& operation : commit.operations) {
    if (operation.state == store::Operation::State::kDone && operation.outcome != "adopted") return true;
  }
  return false;
}

}  // namespace sluice::engine::testing

#endif  // SLUICE_HOST_ENGINE_TESTING_FRAGILE_STORE_H_
