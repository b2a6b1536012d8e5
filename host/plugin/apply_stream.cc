#include <openssl/crypto.h>

#include <algorithm>
#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/arena.h"
#include "grpcpp/support/proto_buffer_reader.h"
#include "host/plugin/convert_internal.h"
#include "host/plugin/log_lines.h"
#include "host/plugin/streams_internal.h"
#include "sdk/wire/limits.h"
#include "sdk/wire/put.h"

namespace sluice::plugin {
namespace {

namespace v1 = connector::v1;

constexpr char kMethod[] = "/sluice.connector.v1.Writer/Apply";
constexpr size_t kMaxBatchOperations = 64;
constexpr size_t kFrameRoom = 4096;  // What a message has around its operations.

engine::TargetResult Unsent(const std::string& id, engine::Reason reason, std::string why) {
  engine::TargetResult result;
  result.operation_id = id;
  result.outcome = engine::Outcome::kFailed;
  result.failure.reason = reason;
  result.failure.message = std::move(why);
  return result;
}

void Overwrite(std::string* bytes) {
  OPENSSL_cleanse(bytes->data(), bytes->size());
  bytes->clear();
}

// Overwritten when gRPC has written them.
grpc::ByteBuffer BufferOf(std::string bytes) {
  auto* kept = new std::string(std::move(bytes));
  const auto end = [](void* string) {
    Overwrite(static_cast<std::string*>(string));
    delete static_cast<std::string*>(string);
  };
  const grpc::Slice slice(kept->data(), kept->size(), end, kept);
  return grpc::ByteBuffer(&slice, 1);
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
  std::vector<Item> items;
  items.reserve(operations.size());
  char memory[4096];
  google::protobuf::Arena arena(memory, sizeof memory);
  for (engine::TargetOperation& operation : operations) {
    arena.Reset();
    auto* proto = google::protobuf::Arena::CreateMessage<v1::Operation>(&arena);
    FillProto(operation, proto);
    WipeSecrets(&operation);
    items.push_back({std::move(operation.id), proto->SerializeAsString(), false});
    WipeSecrets(proto);
  }
  absl::MutexLock lock(&mutex_);
  for (Item& item : items) {
    if (item.operation.size() + kFrameRoom > wire::kMaxMessageBytes) {
      refused.push_back(Unsent(item.id, engine::Reason::kInvalid,
                               absl::StrCat("the operation has ", item.operation.size(), " bytes; a plugin takes ",
                                            wire::kMaxMessageBytes >> 20, " MiB")));
      Overwrite(&item.operation);
      continue;
    }
    if (is_over_ || is_closing_ || is_broken_) {
      Overwrite(&item.operation);
      // After the sink's last call nothing more is told; what was not sent then is in doubt like all else.
      if (!is_over_)
        refused.push_back(
            Unsent(item.id, engine::Reason::kUnavailable, "the stream had ended before this operation was sent"));
      continue;
    }
    queue_.push_back(std::move(item));
  }
  WriteNext();
  Deliver(std::move(refused));  // Under the lock, so that it cannot come after the sink's last call.
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

void ApplyCall::Start(Stub* stub, std::function<grpc::Status(const grpc::Status&)> over) {
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
  stub->PrepareBidiStreamingCall(&client_context_, kMethod, grpc::StubOptions(), this);
  AddHold();
  has_hold_ = true;
  is_started_ = true;
  is_writing_ = true;
  v1::ApplyRequest start;
  start.mutable_start()->set_system(context_.system);
  start.mutable_start()->set_run_id(context_.run_id);
  request_ = BufferOf(start.SerializeAsString());
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

grpc::ByteBuffer ApplyCall::NextMessage() {
  if (queue_.front().is_flush) {
    queue_.pop_front();
    v1::ApplyRequest flush;
    flush.mutable_flush();
    return BufferOf(flush.SerializeAsString());
  }
  size_t count = 0, size = 0;
  for (; count < kMaxBatchOperations && count < queue_.size() && !queue_[count].is_flush; ++count) {
    const size_t bytes = queue_[count].operation.size();
    if (count > 0 && size + bytes + kFrameRoom > wire::kMaxBatchBytes) break;
    size += wire::SizeOfBytes(v1::OperationBatch::kOperationsFieldNumber, bytes);
  }
  std::string message;
  message.reserve(size + 16);  // It never grows: what it held would be left behind.
  wire::PutLength(v1::ApplyRequest::kOperationsFieldNumber, size, &message);
  for (size_t i = 0; i < count; ++i) {
    Item& item = queue_.front();
    wire::PutBytes(v1::OperationBatch::kOperationsFieldNumber, item.operation, &message);
    Overwrite(&item.operation);
    sent_.insert(std::move(item.id));
    queue_.pop_front();
  }
  return BufferOf(std::move(message));
}

void ApplyCall::WriteNext() {
  if (!is_started_ || is_writing_ || is_broken_ || writes_are_done_ || is_over_) return;
  if (!queue_.empty()) {
    request_ = NextMessage();
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
  request_.Clear();
  if (!ok) {
    is_broken_ = true;
    DropHold();
    return;
  }
  WriteNext();
}

void ApplyCall::OnWritesDoneDone(bool) {}

void ApplyCall::OnReadDone(bool ok) {
  google::protobuf::Arena arena;
  auto* reply = google::protobuf::Arena::CreateMessage<v1::ApplyReply>(&arena);
  bool is_read = false;
  if (ok) {
    grpc::ProtoBufferReader reader(&reply_);
    is_read = reader.status().ok() && reply->ParseFromZeroCopyStream(&reader);
  }
  reply_.Clear();
  std::vector<engine::TargetResult> results;
  {
    absl::MutexLock lock(&mutex_);
    if (!ok) {
      is_broken_ = true;
      DropHold();
      return;
    }
    if (failure_.ok()) {
      failure_ = is_read ? TakeResults(reply->results(), &results)
                         : BugStatus("the plugin sent something that is not a result; tell its vendor");
      if (!failure_.ok()) client_context_.TryCancel();
    }
    UpdateIdle();
  }
  Deliver(std::move(results));
  StartRead(&reply_);
}

absl::Status ApplyCall::TakeResults(const v1::ResultBatch& batch, std::vector<engine::TargetResult>* results) {
  results->reserve(static_cast<size_t>(batch.results_size()));
  for (const v1::OperationResult& result : batch.results()) {
    const std::string& id = result.operation();
    const size_t hash = absl::HashOf(id);
    size_t& settled = settled_[hash % settled_.size()];
    if (sent_.erase(id) == 0) {
      if (settled == hash) {
        return BugStatus(
            absl::StrCat("the plugin gave a second result for operation ", HarmlessText(id, 64), "; tell its vendor"));
      }
      return BugStatus(absl::StrCat("the plugin gave a result for an operation that it was not sent, ",
                                    HarmlessText(id, 64), "; tell its vendor"));
    }
    settled = hash;
    results->push_back(ResultFromProto(result));
    std::string& message = results->back().failure.message;
    if (!message.empty()) message = WithoutSecrets(std::move(message), context_.secrets);
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
  const auto queued = std::count_if(queue_.begin(), queue_.end(), [](const Item& item) { return !item.is_flush; });
  if (!sent_.empty() || queued > 0) {
    return BugStatus(absl::StrCat("the plugin ended the stream with ", sent_.size() + static_cast<size_t>(queued),
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
    for (Item& item : queue_) {
      if (item.is_flush) continue;
      unsent.push_back(
          Unsent(item.id, engine::Reason::kUnavailable, "the stream ended before this operation was sent"));
      Overwrite(&item.operation);
    }
    queue_.clear();
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
