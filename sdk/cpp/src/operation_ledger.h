// OperationLedger: what this process knows of the operations of one system. It answers a repeated id with the same
// result, refuses an id that comes again with another payload, and takes care that each operation gets exactly one
// answer, also when its stream is gone by then. Keeps the last 20,000 answered ones. Any thread; calls its receivers
// without holding its lock.
#ifndef SLUICE_SDK_CPP_SRC_OPERATION_LEDGER_H_
#define SLUICE_SDK_CPP_SRC_OPERATION_LEDGER_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "sluice/connector/system.h"
#include "sluice/connector/v1/writer.pb.h"

namespace sluice::connector {

// Whoever waits for results: one Apply stream. Must not block.
class ResultReceiver {
 public:
  virtual ~ResultReceiver() = default;
  // The bytes of an OperationResult.
  virtual void Deliver(const std::string& operation, std::string result) = 0;
};

class OperationLedger {
 public:
  // Of all that says what is to be done: not of attempt, timeout, or the hint.
  static uint64_t PayloadOf(v1::Operation* operation);
  // True: the operation is new here and must be carried out; `cancellation` is its own. False: the receiver has or gets
  // its answer.
  bool Begin(const std::string& operation, uint32_t attempt, uint64_t payload,
             const std::shared_ptr<ResultReceiver>& receiver, const Cancellation& cancellation);
  // The first answer counts; others are dropped with a log line.
  void Answer(const v1::OperationResult& result);
  void Cancel(const std::string& operation);
  void CancelAll();

  // An operation that was answered (in doubt, after its timeout) while its author is still at it.
  void SetLate(const std::string& operation, bool is_late);
  // Something may still be written for it: it has no answer yet, or its author is still at it.
  bool IsUnderWay(const std::string& operation);

  std::vector<std::string> Running();
  // True once nothing runs; false when `deadline` came first.
  bool AwaitIdle(absl::Time deadline);

 private:
  static constexpr size_t kMaxAnswered = 20000;
  // There are many: what only one that runs has goes when it is answered.
  struct Entry {
    uint64_t payload = 0;
    uint32_t attempt = 0;
    bool is_running = true;
    v1::OperationResult::Outcome outcome = v1::OperationResult::OUTCOME_UNSPECIFIED;
    std::string result;  // Bytes.
    std::optional<Cancellation> cancellation;
    std::weak_ptr<ResultReceiver> receiver;
  };
  bool IsIdle() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return running_ == 0; }

  absl::Mutex mutex_;
  absl::flat_hash_map<std::string, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::string> answered_ ABSL_GUARDED_BY(mutex_);  // Oldest first.
  absl::flat_hash_set<std::string> late_ ABSL_GUARDED_BY(mutex_);
  size_t running_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace sluice::connector

#endif  // SLUICE_SDK_CPP_SRC_OPERATION_LEDGER_H_
