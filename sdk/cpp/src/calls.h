// The two shapes of a call whose work runs on a thread of its own: one reply, or a stream of frames with back-pressure.
// Both delete themselves when gRPC is done with them; nothing may touch them after Finish. gRPC's own threads never run
// an author's code.
#ifndef SLUICE_SDK_CPP_SRC_CALLS_H_
#define SLUICE_SDK_CPP_SRC_CALLS_H_

#include <deque>
#include <functional>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "grpcpp/grpcpp.h"
#include "sdk/cpp/src/workers.h"
#include "sdk/wire/error.h"
#include "sluice/connector/error.h"
#include "sluice/connector/system.h"

namespace sluice::connector {

class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  // `work` fills in the reply and says how it went.
  static grpc::ServerUnaryReactor* Start(Workers& workers, std::function<absl::Status(const Cancellation&)> work,
                                         std::function<void()> after = nullptr) {
    auto* call = new UnaryCall(std::move(after));
    workers.Start([call, work = std::move(work)] { call->Finish(wire::GrpcFromStatus(work(call->cancellation_))); });
    return call;
  }
  void OnCancel() override { cancellation_.Cancel(); }
  void OnDone() override {
    if (after_ != nullptr) after_();
    delete this;
  }

 private:
  explicit UnaryCall(std::function<void()> after) : after_(std::move(after)) {}
  const Cancellation cancellation_;
  const std::function<void()> after_;
};

template <typename Frame>
class StreamCall final : public grpc::ServerWriteReactor<Frame> {
 public:
  // `work` sends frames and says how it went.
  static grpc::ServerWriteReactor<Frame>* Start(Workers& workers, std::function<absl::Status(StreamCall&)> work) {
    auto* call = new StreamCall;
    workers.Start([call, work = std::move(work)] { call->Close(work(*call)); });
    return call;
  }

  const Cancellation& cancellation() const { return cancellation_; }

  // Blocks while two frames wait. CANCELLED when nobody reads any more.
  absl::Status Send(Frame frame) {
    const Frame* next = nullptr;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &StreamCall::HasRoom));
      if (is_cancelled_) return Cancelled();
      queue_.push_back(std::make_unique<Frame>(std::move(frame)));
      if (!std::exchange(is_writing_, true)) next = queue_.front().get();
    }
    if (next != nullptr) this->StartWrite(next);
    return absl::OkStatus();
  }

  void OnWriteDone(bool ok) override {
    const Frame* next = nullptr;
    {
      absl::MutexLock lock(&mutex_);
      queue_.pop_front();
      if (!ok) is_cancelled_ = true;
      if (is_cancelled_) queue_.clear();
      if (queue_.empty()) {
        is_writing_ = false;
      } else {
        next = queue_.front().get();
      }
    }
    if (!ok) cancellation_.Cancel();
    if (next != nullptr) this->StartWrite(next);
  }

  void OnCancel() override {
    {
      absl::MutexLock lock(&mutex_);
      is_cancelled_ = true;
    }
    cancellation_.Cancel();
  }
  void OnDone() override { delete this; }

 private:
  static constexpr size_t kMaxQueued = 2;
  StreamCall() = default;
  static absl::Status Cancelled() { return Error(Reason::kCancelled, "SDK-0003", "nobody reads this stream any more"); }
  bool HasRoom() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return is_cancelled_ || queue_.size() < kMaxQueued; }
  bool IsQuiet() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !is_writing_; }
  void Close(const absl::Status& status) {
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &StreamCall::IsQuiet));
    }
    this->Finish(wire::GrpcFromStatus(status));
  }

  const Cancellation cancellation_;
  absl::Mutex mutex_;
  std::deque<std::unique_ptr<Frame>> queue_ ABSL_GUARDED_BY(mutex_);
  bool is_writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_cancelled_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace sluice::connector

#endif  // SLUICE_SDK_CPP_SRC_CALLS_H_
