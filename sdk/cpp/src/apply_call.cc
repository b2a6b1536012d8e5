#include "sdk/cpp/src/apply_call.h"

#include <algorithm>
#include <functional>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "sdk/cpp/src/blocking_session.h"
#include "sdk/cpp/src/convert_operations.h"
#include "sdk/cpp/src/convert_values.h"
#include "sdk/cpp/src/guard.h"
#include "sdk/cpp/src/message_bytes.h"
#include "sdk/wire/error.h"
#include "sdk/wire/limits.h"
#include "sdk/wire/put.h"
#include "sluice/connector/log.h"

namespace sluice::connector {
namespace {

constexpr absl::Duration kLookAround = absl::Milliseconds(500);
// What an author's own session gets beyond an operation's timeout before it is given up from outside.
constexpr absl::Duration kGrace = absl::Seconds(10);
constexpr absl::Duration kMaxHold = absl::Milliseconds(2);  // Of an answer that others may join.
constexpr size_t kReadAhead = 4;                            // Messages.
constexpr size_t kMessageMemory = 96 * 1024;                // As much as most messages take.
constexpr char kUnreadable[] = "a message of a stream of operations cannot be read";

}  // namespace

// The way back to the host. Outlives the call for those who answer late; then it drops what it is given.
class ApplyCall::Outbox final : public ResultReceiver {
 public:
  explicit Outbox(size_t max_message_bytes) : max_bytes_(std::min(wire::kMaxBatchBytes, max_message_bytes / 2)) {}

  void Attach(ApplyCall* call) {
    absl::MutexLock lock(&mutex_);
    call_ = call;
  }

  // `operation` will be delivered to this outbox.
  void Expect(const std::string& operation, absl::Time now, absl::Duration timeout) {
    absl::MutexLock lock(&mutex_);
    open_[operation] = {now, timeout};
  }

  void Deliver(const std::string& operation, std::string result) override {
    ApplyCall* call = nullptr;
    {
      absl::MutexLock lock(&mutex_);
      open_.erase(operation);
      last_answer_ = absl::Now();
      if (results_.empty()) oldest_result_ = last_answer_;
      results_.push_back(std::move(result));
      const bool is_held = holder_ == std::this_thread::get_id() && results_.size() < wire::kMaxBatchResults &&
                           last_answer_ < oldest_result_ + kMaxHold;
      if (!is_held) call = PrepareWrite();
    }
    if (call != nullptr) call->StartWrite(&reply_);
  }

  // What this thread answers until Release may wait, so that it goes together: a session that answers at once would
  // make a message of each.
  void Hold() {
    absl::MutexLock lock(&mutex_);
    holder_ = std::this_thread::get_id();
  }
  void Release() {
    Queue([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { holder_ = std::thread::id(); });
  }

  void Say(v1::Progress progress) {
    Queue([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { progress_ = std::move(progress); });
  }

  // Tells the host that operations are under way if nothing was sent for a while.
  void SayAlive() {
    size_t open = 0;
    {
      absl::MutexLock lock(&mutex_);
      if (open_.empty() || absl::Now() - last_write_ < wire::kProgressInterval) return;
      open = open_.size();
    }
    v1::Progress progress;
    progress.set_activity(absl::StrCat("writing; ", open, " operations are under way"));
    Say(std::move(progress));
  }

  void OnWriteDone(bool ok) {
    ApplyCall* call = nullptr;
    {
      absl::MutexLock lock(&mutex_);
      is_writing_ = false;
      if (!ok) is_broken_ = true;
      call = PrepareWrite();
    }
    if (call != nullptr) call->StartWrite(&reply_);
  }

  void Break() {
    absl::MutexLock lock(&mutex_);
    is_broken_ = true;
  }

  // Waits until every operation has its answer or nobody reads any more; false when `until` came first.
  bool AwaitAnswers(absl::Time until) {
    absl::MutexLock lock(&mutex_);
    const auto done = [](Outbox* o)
                          ABSL_EXCLUSIVE_LOCKS_REQUIRED(o->mutex_) { return o->is_broken_ || o->open_.empty(); };
    return mutex_.AwaitWithDeadline(absl::Condition(+done, this), until);
  }

  // Waits until all is written; nothing is written afterwards.
  void Detach() {
    absl::MutexLock lock(&mutex_);
    const auto quiet = [](Outbox* o) ABSL_EXCLUSIVE_LOCKS_REQUIRED(o->mutex_) {
      return !o->is_writing_ && (o->is_broken_ || (o->results_.empty() && !o->progress_.has_value()));
    };
    mutex_.Await(absl::Condition(+quiet, this));
    call_ = nullptr;
  }

  std::vector<std::string> Open() {
    absl::MutexLock lock(&mutex_);
    std::vector<std::string> ids;
    for (const auto& [id, waiting] : open_) ids.push_back(id);
    return ids;
  }

  // Those whose timeout is over by far, counted from the last sign that the session answers anything at all.
  std::vector<std::string> Stuck() {
    absl::MutexLock lock(&mutex_);
    std::vector<std::string> ids;
    for (const auto& [id, waiting] : open_) {
      if (absl::Now() - std::max(waiting.since, last_answer_) > waiting.timeout + kGrace) ids.push_back(id);
    }
    return ids;
  }

 private:
  struct Waiting {
    absl::Time since;
    absl::Duration timeout;
  };

  void Queue(const std::function<void()>& change) {
    ApplyCall* call = nullptr;
    {
      absl::MutexLock lock(&mutex_);
      change();
      call = PrepareWrite();
    }
    if (call != nullptr) call->StartWrite(&reply_);
  }

  // Moves what waits into reply_; null if there is nothing to write now.
  ApplyCall* PrepareWrite() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (is_writing_ || is_broken_ || call_ == nullptr) return nullptr;
    if (results_.empty() && !progress_.has_value()) return nullptr;
    if (results_.empty()) {
      v1::ApplyReply reply;
      *reply.mutable_progress() = *std::exchange(progress_, std::nullopt);
      reply_ = BufferOf(reply);
    } else {
      std::string batch;
      for (size_t count = 0; !results_.empty() && count < wire::kMaxBatchResults; ++count) {
        if (count > 0 && batch.size() + results_.front().size() > max_bytes_) break;
        wire::PutBytes(v1::ResultBatch::kResultsFieldNumber, Fitting(std::move(results_.front())), &batch);
        results_.pop_front();
      }
      std::string reply;
      reply.reserve(batch.size() + 8);
      wire::PutBytes(v1::ApplyReply::kResultsFieldNumber, batch, &reply);
      reply_ = BufferOf(std::move(reply));
    }
    is_writing_ = true;
    last_write_ = absl::Now();
    return call_;
  }

  // A result that is too long for a message loses what it can do without.
  std::string Fitting(std::string bytes) const {
    if (bytes.size() <= max_bytes_) return bytes;
    v1::OperationResult result;
    (void)result.ParseFromString(bytes);
    LogWarning("a result was too long and lost its changes").With("operation", result.operation());
    result.clear_changes();
    if (result.ByteSizeLong() > max_bytes_) result.clear_error();
    return result.SerializeAsString();
  }

  const size_t max_bytes_;
  absl::Mutex mutex_;
  ApplyCall* call_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::deque<std::string> results_ ABSL_GUARDED_BY(mutex_);  // Bytes of OperationResult.
  absl::Time oldest_result_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  std::thread::id holder_ ABSL_GUARDED_BY(mutex_);
  std::optional<v1::Progress> progress_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, Waiting> open_ ABSL_GUARDED_BY(mutex_);
  absl::Time last_answer_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  bool is_writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_broken_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time last_write_ ABSL_GUARDED_BY(mutex_) = absl::Now();
  grpc::ByteBuffer reply_;  // While is_writing_: of the write under way.
};

// What an author's session answers through.
class ApplyCall::Sink final : public ResultSink {
 public:
  Sink(std::shared_ptr<OperationLedger> ledger, std::weak_ptr<Outbox> outbox)
      : ledger_(std::move(ledger)), outbox_(std::move(outbox)) {}
  void Answer(Result result) override {
    static thread_local v1::OperationResult proto;
    FillProto(result, &proto);
    ledger_->Answer(proto);
    proto.Clear();
  }
  void Progress(ProgressReport report) override {
    if (auto outbox = outbox_.lock()) outbox->Say(ToProto(report));
  }

 private:
  const std::shared_ptr<OperationLedger> ledger_;
  const std::weak_ptr<Outbox> outbox_;
};

ApplyCall* ApplyCall::Start(RuntimeState* state) {
  auto* call = new ApplyCall(state);
  call->outbox_->Attach(call);
  state->workers.Start([call] { call->Run(); });
  return call;
}

ApplyCall::ApplyCall(RuntimeState* state)
    : state_(state),
      outbox_(std::make_shared<Outbox>(state->limits.max_message_bytes)),
      memory_(new char[kMessageMemory]),
      arena_(memory_.get(), kMessageMemory) {}

void ApplyCall::OnReadDone(bool ok) {
  {
    absl::MutexLock lock(&mutex_);
    if (ok) messages_.push_back(std::exchange(read_, {}));
    has_ended_ = !ok;
    is_reading_ = ok && messages_.size() < kReadAhead;
    if (!is_reading_) return;
  }
  StartRead(&read_);
}

void ApplyCall::OnWriteDone(bool ok) { outbox_->OnWriteDone(ok); }

void ApplyCall::OnCancel() {
  {
    absl::MutexLock lock(&mutex_);
    is_cancelled_ = true;
  }
  outbox_->Break();
  cancellation_.Cancel();
}

void ApplyCall::OnDone() { delete this; }

void ApplyCall::OnDrain() {
  absl::MutexLock lock(&mutex_);
  is_draining_ = true;
}

void ApplyCall::Run() {
  absl::Status status = state_->Begin(this);
  if (status.ok()) {
    status = Serve();
    state_->End(this);
  }
  outbox_->Detach();
  Finish(wire::GrpcFromStatus(status));
}

ApplyCall::Wake ApplyCall::Next() {
  for (;;) {
    bool is_behind = false;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.AwaitWithTimeout(absl::Condition(this, &ApplyCall::HasNews), kLookAround);
      if (is_cancelled_) return Wake::kCancelled;
      if (!messages_.empty()) {
        message_ = std::exchange(messages_.front(), {});
        messages_.pop_front();
        is_behind = !has_ended_ && !std::exchange(is_reading_, true);
      } else if (has_ended_) {
        return Wake::kEnd;
      } else if (is_draining_ && !std::exchange(has_drained_, true)) {
        return Wake::kDrain;
      }
    }
    if (is_behind) StartRead(&read_);
    if (message_.Valid()) return Wake::kMessage;
    LookAround();
  }
}

void ApplyCall::LookAround() {
  if (blocking_ != nullptr) {
    blocking_->GiveUpLate();
  } else if (session_ != nullptr) {
    GiveUpStuck();
  }
  outbox_->SayAlive();
}

void ApplyCall::GiveUpStuck() {
  for (const std::string& id : outbox_->Stuck()) {
    system_->ledger->Cancel(id);
    system_->ledger->Answer(
        MakeResult(id, Outcome::kInDoubt,
                   Error(Reason::kTransient, "SDK-0318",
                         "the connector's session answered nothing for longer than the operation's timeout")));
  }
}

absl::Status ApplyCall::Serve() {
  absl::Status unreadable;
  const Error cancelled(Reason::kCancelled, "SDK-0304", "the stream of operations was given up");
  StartRead(&read_);
  Wake wake = Next();
  while (wake == Wake::kDrain) wake = Next();
  if (wake == Wake::kCancelled) return cancelled;
  if (wake == Wake::kEnd) return absl::OkStatus();
  const v1::ApplyRequest* start = Message();
  if (start == nullptr) return Error(Reason::kInvalid, "SDK-0319", kUnreadable);
  if (auto status = Begin(*start); !status.ok()) return status;
  for (wake = Next(); wake == Wake::kMessage || wake == Wake::kDrain; wake = Next()) {
    if (wake == Wake::kDrain) {
      Guarded("Flush", [&] { session_->Flush(); });
      continue;
    }
    v1::ApplyRequest* request = Message();
    if (request == nullptr) {
      unreadable = Error(Reason::kInvalid, "SDK-0319", kUnreadable);
      break;
    }
    Handle(request);
  }
  if (wake == Wake::kEnd) {
    Guarded("Flush", [&] { session_->Flush(); });
    while (!outbox_->AwaitAnswers(absl::Now() + kLookAround)) LookAround();
  }
  blocking_ = nullptr;
  Guarded("the end of a session", [&] { session_.reset(); });
  AnswerAllOpen();
  if (!unreadable.ok()) return unreadable;
  return wake == Wake::kEnd ? absl::OkStatus() : cancelled.AsStatus();
}

v1::ApplyRequest* ApplyCall::Message() {
  arena_.Reset();
  auto* message = google::protobuf::Arena::CreateMessage<v1::ApplyRequest>(&arena_);
  const bool is_whole = ReadMessage(&message_, message);
  message_.Clear();
  return is_whole ? message : nullptr;
}

absl::Status ApplyCall::Begin(const v1::ApplyRequest& request) {
  if (!request.has_start())
    return Error(Reason::kInvalid, "SDK-0305", "a stream of operations does not begin with its start");
  auto system = state_->systems.Find(request.start().system());
  if (!system.ok()) return system.status();
  if ((*system)->target == nullptr)
    return Error(Reason::kUnsupported, "SDK-0306", "this connector is a source: it writes nothing");
  if ((*system)->system->read_only) {
    return Error(Reason::kUnsupported, "SDK-0307",
                 absl::StrCat("system '", request.start().system(), "' is open for reading only"));
  }
  system_ = *std::move(system);
  auto sink = std::make_shared<Sink>(system_->ledger, outbox_);
  auto bug = Guarded("StartApply", [&] {
    session_ = system_->target->StartApply(ApplyRequest{request.start().run_id(), cancellation_}, sink);
  });
  if (bug.has_value()) return *bug;
  if (session_ == nullptr) {
    auto blocking = std::make_unique<BlockingSession>(system_, sink);
    blocking_ = blocking.get();
    session_ = std::move(blocking);
  }
  return absl::OkStatus();
}

void ApplyCall::Handle(v1::ApplyRequest* request) {
  switch (request->request_case()) {
    case v1::ApplyRequest::kOperations:
      outbox_->Hold();
      for (v1::Operation& operation : *request->mutable_operations()->mutable_operations()) Take(&operation);
      outbox_->Release();
      break;
    case v1::ApplyRequest::kFlush:
      Guarded("Flush", [&] { session_->Flush(); });
      break;
    case v1::ApplyRequest::kCancelOperation:
      system_->ledger->Cancel(request->cancel_operation());
      Guarded("Cancel", [&] { session_->Cancel(request->cancel_operation()); });
      break;
    case v1::ApplyRequest::kStart:
    case v1::ApplyRequest::REQUEST_NOT_SET:
      break;  // A second start, or something newer than this build.
  }
}

void ApplyCall::Take(v1::Operation* operation) {
  const std::string& id = operation->id();
  const auto refuse = [&](const absl::Status& why) {
    outbox_->Deliver(id, MakeResult(id, Outcome::kFailed, Error::From(why)).SerializeAsString());
  };
  if (state_->is_draining()) return refuse(RuntimeState::Draining());
  const uint64_t payload = OperationLedger::PayloadOf(operation);
  absl::StatusOr<Operation> converted = TakeFromProto(operation);
  if (!converted.ok()) return refuse(converted.status());
  outbox_->Expect(id, absl::Now(), converted->timeout);
  if (!system_->ledger->Begin(id, operation->attempt(), payload, outbox_, converted->cancellation)) return;
  if (auto bug = Guarded("Submit", [&] { session_->Submit(*std::move(converted)); })) {
    system_->ledger->Answer(MakeResult(id, Outcome::kInDoubt, *bug));
  }
}

void ApplyCall::AnswerAllOpen() {
  const std::vector<std::string> open = outbox_->Open();
  if (open.empty()) return;
  const Error lost(Reason::kTransient, "SDK-0308", "the stream ended before the operation had an answer");
  const std::vector<std::string> running = system_->ledger->Running();
  for (const std::string& id : open) {
    if (std::find(running.begin(), running.end(), id) != running.end()) {
      system_->ledger->Answer(MakeResult(id, Outcome::kInDoubt, lost));
    }
  }
}

}  // namespace sluice::connector
