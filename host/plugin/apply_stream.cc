#include <utility>

#include "absl/strings/str_cat.h"
#include "host/plugin/convert_internal.h"
#include "host/plugin/log_lines.h"
#include "host/plugin/streams_internal.h"
#include "sdk/wire/limits.h"

namespace sluice::plugin {
namespace {

namespace v1 = connector::v1;

constexpr int kMaxBatchOperations = 64;
constexpr size_t kFrameRoom = 4096;  // What a message has around its operations.

engine::TargetResult Unsent(const std::string& id, engine::Reason reason, std::string why) {
  engine::TargetResult result;
  result.operation_id = id;
  result.outcome = engine::Outcome::kFailed;
  result.failure.reason = reason;
  result.failure.message = std::move(why);
  return result;
}

absl::Status BugStatus(std::string message) {
  engine::Failure failure;
  failure.reason = engine::Reason::kBug;
  failure.message = std::move(message);
  return engine::FailureToStatus(failure);
}

}  // namespace

ApplyCall::ApplyCall(StreamContext context, std::shared_ptr<engine::ApplySink> sink)
    : context_(std::move(context)), sink_(std::move(sink)) {}

void ApplyCall::Send(std::vector<engine::TargetOperation> operations) {
  std::vector<engine::TargetResult> refused;
  {
    absl::MutexLock lock(&mutex_);
    for (engine::TargetOperation& operation : operations) {
      Item item;
      item.operation = OperationToProto(operation);
      WipeSecrets(&operation);
      item.size_bytes = item.operation.ByteSizeLong();
      if (item.size_bytes + kFrameRoom > wire::kMaxMessageBytes) {
        WipeSecrets(&item.operation);
        refused.push_back(Unsent(operation.id, engine::Reason::kInvalid,
                                 absl::StrCat("the operation has ", item.size_bytes, " bytes; a plugin takes ",
                                              wire::kMaxMessageBytes >> 20, " MiB")));
        continue;
      }
      if (is_over_ || is_closing_ || is_broken_) {
        WipeSecrets(&item.operation);
        // After the sink's last call nothing more is told; what was not sent then is in doubt like all else.
        if (!is_over_)
          refused.push_back(Unsent(operation.id, engine::Reason::kUnavailable,
                                   "the stream had ended before this operation was sent"));
        continue;
      }
      settled_.erase(operation.id);
      queued_.insert(operation.id);
      queue_.push_back(std::move(item));
    }
    WriteNext();
    Deliver(std::move(refused));  // Under the lock, so that it cannot come after the sink's last call.
  }
}

void ApplyCall::Flush() {
  absl::MutexLock lock(&mutex_);
  if (is_over_ || is_closing_ || is_broken_) return;
  Item item;
  item.is_flush = true;
  queue_.push_back(std::move(item));
  WriteNext();
}

void ApplyCall::Close() {
  absl::MutexLock lock(&mutex_);
  is_closing_ = true;
  WriteNext();
}

void ApplyCall::Cancel() {
  absl::MutexLock lock(&mutex_);
  if (is_over_) return;
  is_cancelled_ = true;
  if (is_started_) client_context_.TryCancel();
}

void ApplyCall::Start(v1::Writer::Stub* stub, std::function<grpc::Status(const grpc::Status&)> over) {
  idle_ = std::make_shared<IdleWatch>(context_.timers, context_.idle_limit, [weak = weak_from_this()] {
    auto self = weak.lock();
    if (self == nullptr) return;
    {
      absl::MutexLock lock(&self->mutex_);
      if (self->failure_.ok()) {
        engine::Failure failure;
        failure.reason = engine::Reason::kUnavailable;
        failure.message = absl::StrCat("the plugin said nothing for ", absl::FormatDuration(self->context_.idle_limit),
                                       " with operations under way");
        self->failure_ = engine::FailureToStatus(failure);
      }
    }
    self->client_context_.TryCancel();
  });
  absl::MutexLock lock(&mutex_);
  self_ = shared_from_this();
  over_ = std::move(over);
  stub->async()->Apply(&client_context_, this);
  AddHold();
  has_hold_ = true;
  is_started_ = true;
  is_writing_ = true;
  request_.mutable_start()->set_system(context_.system);
  request_.mutable_start()->set_run_id(context_.run_id);
  StartWrite(&request_);
  StartRead(&reply_);
  StartCall();
  if (is_cancelled_) client_context_.TryCancel();
}

void ApplyCall::DropHold() {
  if (!has_hold_) return;
  has_hold_ = false;
  RemoveHold();
}

void ApplyCall::FillBatch() {
  request_.Clear();
  if (queue_.front().is_flush) {
    request_.mutable_flush();
    queue_.pop_front();
    return;
  }
  v1::OperationBatch* batch = request_.mutable_operations();
  size_t size_bytes = kFrameRoom;
  while (!queue_.empty() && !queue_.front().is_flush && batch->operations_size() < kMaxBatchOperations) {
    Item& item = queue_.front();
    if (batch->operations_size() > 0 && size_bytes + item.size_bytes > wire::kMaxBatchBytes) break;
    size_bytes += item.size_bytes + 8;
    queued_.erase(item.operation.id());
    sent_.insert(item.operation.id());
    *batch->add_operations() = std::move(item.operation);
    queue_.pop_front();
  }
}

void ApplyCall::WriteNext() {
  if (!is_started_ || is_writing_ || is_broken_ || writes_are_done_ || is_over_) return;
  if (!queue_.empty()) {
    FillBatch();
    UpdateIdle();
    is_writing_ = true;
    StartWrite(&request_);
    return;
  }
  if (!is_closing_) return;
  writes_are_done_ = true;
  StartWritesDone();
  DropHold();
}

void ApplyCall::UpdateIdle() { sent_.empty() ? idle_->Pause() : idle_->Wait(); }

void ApplyCall::OnWriteDone(bool ok) {
  absl::MutexLock lock(&mutex_);
  is_writing_ = false;
  if (request_.has_operations()) {
    for (v1::Operation& operation : *request_.mutable_operations()->mutable_operations()) WipeSecrets(&operation);
  }
  if (!ok) {
    is_broken_ = true;
    DropHold();
    return;
  }
  WriteNext();
}

void ApplyCall::OnWritesDoneDone(bool) {}

void ApplyCall::OnReadDone(bool ok) {
  std::vector<engine::TargetResult> results;
  {
    absl::MutexLock lock(&mutex_);
    if (!ok) {
      is_broken_ = true;
      DropHold();
      return;
    }
    if (failure_.ok() && reply_.has_results()) {
      failure_ = TakeResults(reply_.results(), &results);
      if (!failure_.ok()) client_context_.TryCancel();
    }
    UpdateIdle();
  }
  Deliver(std::move(results));
  reply_.Clear();
  StartRead(&reply_);
}

absl::Status ApplyCall::TakeResults(const v1::ResultBatch& batch, std::vector<engine::TargetResult>* results) {
  for (const v1::OperationResult& result : batch.results()) {
    const std::string& id = result.operation();
    if (settled_.count(id) > 0) {
      return BugStatus(
          absl::StrCat("the plugin gave a second result for operation ", HarmlessText(id, 64), "; tell its vendor"));
    }
    if (sent_.erase(id) == 0) {
      return BugStatus(absl::StrCat("the plugin gave a result for an operation that it was not sent, ",
                                    HarmlessText(id, 64), "; tell its vendor"));
    }
    settled_.insert(id);
    results->push_back(ResultFromProto(result));
    std::string& message = results->back().failure.message;
    message = WithoutSecrets(std::move(message), context_.secrets);
  }
  return absl::OkStatus();
}

void ApplyCall::Deliver(std::vector<engine::TargetResult> results) {
  if (results.empty()) return;
  context_.executor->Run(
      [sink = sink_, results = std::move(results)]() mutable { sink->OnResults(std::move(results)); });
}

void ApplyCall::Refuse(absl::Status status) { End(std::move(status)); }

absl::Status ApplyCall::Verdict(const grpc::Status& status) {
  if (!failure_.ok()) return failure_;
  if (!status.ok()) return StatusFromCall(status);
  if (!sent_.empty() || !queued_.empty()) {
    return BugStatus(absl::StrCat("the plugin ended the stream with ", sent_.size() + queued_.size(),
                                  " operations without a result; tell its vendor"));
  }
  return absl::OkStatus();
}

void ApplyCall::OnDone(const grpc::Status& status) {
  idle_->Stop();
  const grpc::Status seen =
      std::exchange(over_, nullptr)(status);  // It holds the session, which need not wait for our handle.
  absl::Status verdict;
  std::shared_ptr<ApplyCall> self;
  {
    absl::MutexLock lock(&mutex_);
    verdict = Verdict(seen);
    self = std::move(self_);
  }
  End(std::move(verdict));
}

void ApplyCall::End(absl::Status status) {
  std::vector<engine::TargetResult> unsent;
  {
    absl::MutexLock lock(&mutex_);
    if (is_over_) return;
    is_over_ = true;
    for (const std::string& id : queued_) {
      unsent.push_back(Unsent(id, engine::Reason::kUnavailable, "the stream ended before this operation was sent"));
    }
    for (Item& item : queue_) WipeSecrets(&item.operation);
    queue_.clear();
    queued_.clear();
  }
  if (!status.ok()) {
    engine::Failure failure = engine::FailureFromStatus(status);
    failure.message = absl::StrCat(context_.system, ": ", WithoutSecrets(std::move(failure.message), context_.secrets));
    status = engine::FailureToStatus(failure);
  }
  Deliver(std::move(unsent));
  context_.executor->Run([self = shared_from_this(), status] {
    self->sink_->OnClosed(status);
    if (self->context_.ended) self->context_.ended();
  });
}

}  // namespace sluice::plugin
