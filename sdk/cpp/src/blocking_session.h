// BlockingSession: the ApplySession of a connector that implements Apply or ApplyBatch. Runs them on up to
// Writing::max_in_flight threads (of the class that allows most, at most 32), in the order in which operations came.
// The destructor waits for what is under way.
#ifndef SLUICE_SDK_CPP_SRC_BLOCKING_SESSION_H_
#define SLUICE_SDK_CPP_SRC_BLOCKING_SESSION_H_

#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "sluice/connector/target.h"

namespace sluice::connector {

class BlockingSession final : public ApplySession {
 public:
  BlockingSession(Target* target, const Description& description, std::shared_ptr<ResultSink> sink);
  ~BlockingSession() override;
  void Submit(Operation operation) override;
  void Cancel(const std::string& operation_id) override;

 private:
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return is_over_ || !queue_.empty(); }
  std::vector<Operation> NextBatch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Work();
  void Carry(std::vector<Operation> operations);

  Target* const target_;
  const Description& description_;
  const std::shared_ptr<ResultSink> sink_;
  absl::Mutex mutex_;
  std::deque<Operation> queue_ ABSL_GUARDED_BY(mutex_);
  bool is_over_ ABSL_GUARDED_BY(mutex_) = false;
  size_t idle_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t max_threads_ = 1;
  std::vector<std::thread> threads_;  // Touched by the submitting thread only.
};

}  // namespace sluice::connector

#endif  // SLUICE_SDK_CPP_SRC_BLOCKING_SESSION_H_
