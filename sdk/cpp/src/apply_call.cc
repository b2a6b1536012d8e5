#include "sdk/cpp/src/apply_call.h"

#include <algorithm>
#include <functional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "sdk/cpp/src/blocking_session.h"
#include "sdk/cpp/src/convert_operations.h"
#include "sdk/cpp/src/convert_values.h"
#include "sdk/cpp/src/guard.h"
#include "sdk/wire/error.h"
#include "sdk/wire/limits.h"
#include "sluice/connector/log.h"

namespace sluice::connector {
namespace {

constexpr absl::Duration kLookAround = absl::Milliseconds(500);
// What an author's own session gets beyond an operation's timeout before it is given up from outside.
constexpr absl::Duration kGrace = absl::Seconds(10);

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
  void Expect(const std::string& operation, absl::Duration timeout) {
    absl::MutexLock lock(&mutex_);
    open_[operation] = {absl::Now(), timeout};
  }

  void Deliver(v1::OperationResult result) override {
    Queue([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      open_.erase(result.operation());
      last_answer_ = absl::Now();
      results_.push_back(std::move(result));
    });
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
    reply_.Clear();
    if (results_.empty()) {
      *reply_.mutable_progress() = *std::exchange(progress_, std::nullopt);
    } else {
      size_t bytes = 0;
      v1::ResultBatch* batch = reply_.mutable_results();
      while (!results_.empty() && static_cast<size_t>(batch->results_size()) < wire::kMaxBatchResults) {
        bytes += results_.front().ByteSizeLong();
        if (batch->results_size() > 0 && bytes > max_bytes_) break;
        *batch->add_results() = Fitting(std::move(results_.front()));
        results_.pop_front();
      }
    }
    is_writing_ = true;
    last_write_ = absl::Now();
    return call_;
  }

  // A result that is too long for a message loses what it can do without.
  v1::OperationResult Fitting(v1::OperationResult result) const {
    if (result.ByteSizeLong() <= max_bytes_) return result;
    LogWarning("a result was too long and lost its changes").With("operation", result.operation());
    result.clear_changes();
    if (result.ByteSizeLong() > max_bytes_) result.clear_error();
    return result;
  }

  const size_t max_bytes_;
  absl::Mutex mutex_;
  ApplyCall* call_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::deque<v1::OperationResult> results_ ABSL_GUARDED_BY(mutex_);
  std::optional<v1::Progress> progress_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, Waiting> open_ ABSL_GUARDED_BY(mutex_);
  absl::Time last_answer_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  bool is_writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_broken_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time last_write_ ABSL_GUARDED_BY(mutex_) = absl::Now();
  v1::ApplyReply reply_;  // While is_writing_: of the write under way.
};

// What an author's session answers through.
class ApplyCall::Sink final : public ResultSink {
 public:
  Sink(std::shared_ptr<OperationLedger> ledger, std::weak_ptr<Outbox> outbox)
      : ledger_(std::move(ledger)), outbox_(std::move(outbox)) {}
  void Answer(Result result) override { ledger_->Answer(ToProto(result)); }
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
    : state_(state), outbox_(std::make_shared<Outbox>(state->limits.max_message_bytes)) {}

void ApplyCall::OnReadDone(bool ok) {
  absl::MutexLock lock(&mutex_);
  (ok ? has_message_ : has_ended_) = true;
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
    {
      absl::MutexLock lock(&mutex_);
      mutex_.AwaitWithTimeout(absl::Condition(this, &ApplyCall::HasNews), kLookAround);
      if (is_cancelled_) return Wake::kCancelled;
      if (std::exchange(has_message_, false)) return Wake::kMessage;
      if (has_ended_) return Wake::kEnd;
      if (is_draining_ && !std::exchange(has_drained_, true)) return Wake::kDrain;
    }
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
  const Error cancelled(Reason::kCancelled, "SDK-0304", "the stream of operations was given up");
  StartRead(&message_);
  Wake wake = Next();
  while (wake == Wake::kDrain) wake = Next();
  if (wake == Wake::kCancelled) return cancelled;
  if (wake == Wake::kEnd) return absl::OkStatus();
  if (auto status = Begin(message_); !status.ok()) return status;
  StartRead(&message_);
  for (wake = Next(); wake == Wake::kMessage || wake == Wake::kDrain; wake = Next()) {
    if (wake == Wake::kDrain) {
      Guarded("Flush", [&] { session_->Flush(); });
      continue;
    }
    Handle(message_);
    StartRead(&message_);
  }
  if (wake == Wake::kEnd) {
    Guarded("Flush", [&] { session_->Flush(); });
    while (!outbox_->AwaitAnswers(absl::Now() + kLookAround)) LookAround();
  }
  blocking_ = nullptr;
  Guarded("the end of a session", [&] { session_.reset(); });
  AnswerAllOpen();
  return wake == Wake::kEnd ? absl::OkStatus() : cancelled.AsStatus();
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

void ApplyCall::Handle(const v1::ApplyRequest& request) {
  switch (request.request_case()) {
    case v1::ApplyRequest::kOperations:
      for (const v1::Operation& operation : request.operations().operations()) Take(operation);
      break;
    case v1::ApplyRequest::kFlush:
      Guarded("Flush", [&] { session_->Flush(); });
      break;
    case v1::ApplyRequest::kCancelOperation:
      system_->ledger->Cancel(request.cancel_operation());
      Guarded("Cancel", [&] { session_->Cancel(request.cancel_operation()); });
      break;
    case v1::ApplyRequest::kStart:
    case v1::ApplyRequest::REQUEST_NOT_SET:
      break;  // A second start, or something newer than this build.
  }
}

void ApplyCall::Take(const v1::Operation& operation) {
  if (state_->is_draining()) {
    outbox_->Deliver(MakeResult(operation.id(), Outcome::kFailed, Error::From(RuntimeState::Draining())));
    return;
  }
  absl::StatusOr<Operation> converted = FromProto(operation);
  if (!converted.ok()) {
    outbox_->Deliver(MakeResult(operation.id(), Outcome::kFailed, Error::From(converted.status())));
    return;
  }
  outbox_->Expect(operation.id(), converted->timeout);
  if (!system_->ledger->Begin(operation, outbox_, &converted->cancellation)) return;
  const std::string id = converted->id;
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
