// One Apply stream: queues operations as they come and carries out what has gathered in batches, two at a time, so that
// the directory has work while one of them looks something up. It waits a moment for more (so that grants of one group
// are joined), unless told to flush. Operations that touch the same object, or look for the same person, are never
// under way together: they keep their order.
#pragma once

#include <array>
#include <deque>
#include <map>
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
  // What an operation holds on to while it is carried out.
  struct Claims {
    std::set<std::string> exclusive;
    std::set<std::string> shared;
  };
  static Claims ClaimsOf(const connector::Operation& operation);
  struct Queued {
    connector::Operation operation;
    Claims claims;
  };
  struct Batch {
    std::vector<connector::Operation> operations;
    std::vector<Claims> claims;
  };

  void Work();
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsReady() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsFree(const Claims& claims) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Batch TakeBatch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Release(const Batch& batch) ABSL_LOCKS_EXCLUDED(mutex_);

  const std::shared_ptr<Directory> directory_;
  const std::shared_ptr<connector::ResultSink> sink_;
  absl::Mutex mutex_;
  std::deque<Queued> queued_ ABSL_GUARDED_BY(mutex_);
  // Of those under way: how many hold it.
  std::map<std::string, int> exclusive_ ABSL_GUARDED_BY(mutex_), shared_ ABSL_GUARDED_BY(mutex_);
  bool flush_ ABSL_GUARDED_BY(mutex_) = false;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::array<std::thread, 2> workers_;
};

}  // namespace sluice::active_directory
