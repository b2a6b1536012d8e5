// BlockingSession: the ApplySession of a connector that implements Apply or ApplyBatch. Runs them on up to
// Writing::max_in_flight threads (of the class that allows most, at most 32), in the order in which operations came.
// What is not answered within its timeout, from the moment it was begun, is in doubt and told to give up; its thread is
// replaced, and left alone until it comes back. The destructor waits for what is under way, as long as its timeouts.
#ifndef SLUICE_SDK_CPP_SRC_BLOCKING_SESSION_H_
#define SLUICE_SDK_CPP_SRC_BLOCKING_SESSION_H_

#include <deque>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "sdk/cpp/src/systems.h"
#include "sluice/connector/target.h"

namespace sluice::connector {

class BlockingSession final : public ApplySession {
 public:
  BlockingSession(std::shared_ptr<OpenSystem> system, std::shared_ptr<ResultSink> sink);
  ~BlockingSession() override;
  void Submit(Operation operation) override;
  void Cancel(const std::string& operation_id) override;
  // To be called now and then.
  void GiveUpLate();

 private:
  // What the session and its threads share: a thread that does not come back outlives the session.
  class Pool;
  const std::shared_ptr<Pool> pool_;
};

}  // namespace sluice::connector

#endif  // SLUICE_SDK_CPP_SRC_BLOCKING_SESSION_H_
