// One Apply stream: queues operations as they come and carries out what has gathered as one batch, on a thread of its
// own. It waits a moment for more (so that grants of one group are joined), unless told to flush. Operations that touch
// the same object, or look for the same person, never share a batch: they keep their order.
#pragma once

#include <deque>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "plugins/active_directory/src/directory.h"
#include "sluice/connector/target.h"

namespace sluice::active_directory {

class Session final : public connector::ApplySession {
 public:
  Session(std::shared_ptr<Directory> directory, std::shared_ptr<connector::ResultSink> sink);
  ~Session() override;

  void Submit(connector::Operation operation) override;
  void Flush() override;
  void Cancel(const std::string& operation_id) override;

 private:
  void Work();
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsReady() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::vector<connector::Operation> TakeBatch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::shared_ptr<Directory> directory_;
  const std::shared_ptr<connector::ResultSink> sink_;
  absl::Mutex mutex_;
  std::deque<connector::Operation> queued_ ABSL_GUARDED_BY(mutex_);
  bool flush_ ABSL_GUARDED_BY(mutex_) = false;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread worker_;
};

}  // namespace sluice::active_directory
