// ApplyCall: one Apply stream. Its messages are handled on one thread of its own, which calls the author's session;
// results go back from whatever thread answers, packed as many to a message as have gathered. Lives until gRPC is done
// with it; answers that come later go to the ledger only.
#ifndef SLUICE_SDK_CPP_SRC_APPLY_CALL_H_
#define SLUICE_SDK_CPP_SRC_APPLY_CALL_H_

#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "google/protobuf/arena.h"
#include "grpcpp/grpcpp.h"
#include "sdk/cpp/src/blocking_session.h"
#include "sdk/cpp/src/runtime_state.h"
#include "sluice/connector/v1/writer.pb.h"

namespace sluice::connector {

class ApplyCall final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>, private Drainable {
 public:
  static ApplyCall* Start(RuntimeState* state);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  class Outbox;
  class Sink;
  explicit ApplyCall(RuntimeState* state);

  enum class Wake { kMessage, kEnd, kCancelled, kDrain };
  void Run();
  absl::Status Serve();
  absl::Status Begin(const v1::ApplyRequest& request);
  Wake Next();
  // message_; null when it cannot be. Good until the next one.
  v1::ApplyRequest* Message();
  void Handle(v1::ApplyRequest* request);
  void Take(v1::Operation* operation);
  // Now and then: gives up what is late, and says that the rest is under way.
  void LookAround();
  void GiveUpStuck();
  void AnswerAllOpen();
  bool HasNews() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return is_cancelled_ || !messages_.empty() || has_ended_ || (is_draining_ && !has_drained_);
  }
  void OnDrain() override;

  RuntimeState* const state_;
  const std::shared_ptr<Outbox> outbox_;
  const Cancellation cancellation_;
  grpc::ByteBuffer read_;     // gRPC's while is_reading_.
  grpc::ByteBuffer message_;  // Of the call's own thread.
  // Where messages are made: a batch has some thousand parts.
  const std::unique_ptr<char[]> memory_;
  google::protobuf::Arena arena_;

  absl::Mutex mutex_;
  std::deque<grpc::ByteBuffer> messages_ ABSL_GUARDED_BY(mutex_);  // Read ahead of what is handled.
  bool is_reading_ ABSL_GUARDED_BY(mutex_) = true;
  bool has_ended_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_draining_ ABSL_GUARDED_BY(mutex_) = false;
  bool has_drained_ ABSL_GUARDED_BY(mutex_) = false;

  // Of the call's own thread.
  std::shared_ptr<OpenSystem> system_;
  std::unique_ptr<ApplySession> session_;
  BlockingSession* blocking_ = nullptr;  // The session, if it is one of ours.
};

}  // namespace sluice::connector

#endif  // SLUICE_SDK_CPP_SRC_APPLY_CALL_H_
