// The two long conversations with a plugin: an import that it sends, and operations that go to it and results that come
// back.
//
// Each keeps itself alive until gRPC says that it is over, and runs its sink on the executor of its context, never
// under a lock. ApplyCall takes operations before there is a connection: what was never sent is told apart from what is
// in doubt.
#ifndef SLUICE_HOST_PLUGIN_STREAMS_INTERNAL_H_
#define SLUICE_HOST_PLUGIN_STREAMS_INTERNAL_H_

#include <array>
#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "grpcpp/client_context.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/client_callback.h"
#include "host/engine/connector.h"
#include "host/plugin/import_check_internal.h"
#include "host/plugin/session.h"
#include "sluice/connector/v1/reader.grpc.pb.h"
#include "sluice/connector/v1/writer.grpc.pb.h"

namespace sluice::plugin {

// Ends a stream that says nothing for too long. Thread-safe.
class IdleWatch : public std::enable_shared_from_this<IdleWatch> {
 public:
  // `expire` is called at most once, on `timers`.
  IdleWatch(base::Executor* timers, absl::Duration limit, std::function<void()> expire)
      : timers_(timers), limit_(limit), expire_(std::move(expire)) {}
  void Wait();   // From now on the other side is to say something.
  void Pause();  // It is our turn, or nothing is asked for.
  void Stop();   // For good; `expire` will not be called, or is not running any more.

 private:
  void Check();

  base::Executor* const timers_;
  const absl::Duration limit_;
  absl::Mutex mutex_;
  std::function<void()> expire_ ABSL_GUARDED_BY(mutex_);
  absl::Duration since_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteDuration();  // Infinite: nobody waits.
  bool is_armed_ ABSL_GUARDED_BY(mutex_) = false;
};

// What answers the one request is read as bytes: most of it is records, which need no message.
class ImportCall final : public grpc::ClientBidiReactor<connector::v1::ImportRequest, grpc::ByteBuffer>,
                         public std::enable_shared_from_this<ImportCall> {
 public:
  ImportCall(const engine::ReadPlan& plan, StreamContext context, std::shared_ptr<engine::ImportSink> sink);

  // `over` is called when the call is over, on a thread of gRPC, and gives its status as the session sees it.
  using Stub = grpc::TemplatedGenericStub<connector::v1::ImportRequest, grpc::ByteBuffer>;
  void Start(Stub* stub, std::function<grpc::Status(const grpc::Status&)> over);
  grpc::ClientContext* client_context() { return &client_context_; }

  void OnReadDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

 private:
  void TakeFrame();
  void Finish(const grpc::Status& status);
  absl::Status Cleaned(const absl::Status& status) const;

  StreamContext context_;
  std::shared_ptr<engine::ImportSink> sink_;
  grpc::ClientContext client_context_;
  connector::v1::ImportRequest request_;
  grpc::ByteBuffer frame_;
  ImportCheck check_;
  absl::Status failure_;  // Ours; the executor's.
  std::atomic<bool> is_idle_{false};
  std::shared_ptr<IdleWatch> idle_;
  std::function<grpc::Status(const grpc::Status&)> over_;
  std::shared_ptr<ImportCall> self_;
};

// Its messages are bytes here, so that each operation is made once: where it is sent from, on the caller's thread.
class ApplyCall final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                        public std::enable_shared_from_this<ApplyCall> {
 public:
  ApplyCall(StreamContext context, std::shared_ptr<engine::ApplySink> sink);

  void Send(std::vector<engine::TargetOperation> operations);
  void Flush();
  void Close();
  void Cancel();
  // There will be no connection: everything queued is told to have failed unsent, then the stream is closed.
  void Refuse(absl::Status status);

  using Stub = grpc::TemplatedGenericStub<grpc::ByteBuffer, grpc::ByteBuffer>;
  void Start(Stub* stub, std::function<grpc::Status(const grpc::Status&)> over);
  grpc::ClientContext* client_context() { return &client_context_; }

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnWritesDoneDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

 private:
  // One thing to be written: operations, or a flush.
  struct Item {
    std::string id;
    std::string operation;  // Bytes; there may be a secret in them.
    bool is_flush = false;
  };

  void WriteNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  grpc::ByteBuffer NextMessage() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DropHold() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status TakeResults(const connector::v1::ResultBatch& batch, std::vector<engine::TargetResult>* results)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Deliver(std::vector<engine::TargetResult> results);
  void End(absl::Status status);
  absl::Status Verdict(const grpc::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void UpdateIdle() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  StreamContext context_;
  std::shared_ptr<engine::ApplySink> sink_;
  grpc::ClientContext client_context_;
  std::shared_ptr<IdleWatch> idle_;
  std::function<grpc::Status(const grpc::Status&)> over_;
  grpc::ByteBuffer reply_;  // The reading side's.

  absl::Mutex mutex_;
  grpc::ByteBuffer request_ ABSL_GUARDED_BY(mutex_);  // gRPC's while is_writing_.
  std::deque<Item> queue_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_set<std::string> sent_ ABSL_GUARDED_BY(mutex_);  // Without a result.
  // Hashes of those that got theirs last: what comes a second time is called so.
  std::array<size_t, 1024> settled_ ABSL_GUARDED_BY(mutex_) = {};
  bool is_started_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_closing_ ABSL_GUARDED_BY(mutex_) = false;  // Close was called.
  bool writes_are_done_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_broken_ ABSL_GUARDED_BY(mutex_) = false;  // Nothing more can be written.
  bool has_hold_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_over_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);  // Ours.
  std::shared_ptr<ApplyCall> self_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::plugin

#endif  // SLUICE_HOST_PLUGIN_STREAMS_INTERNAL_H_
