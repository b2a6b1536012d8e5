#include "sdk/cpp/src/blocking_session.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sdk/cpp/src/guard.h"

namespace sluice::connector {
namespace {

constexpr size_t kMaxThreads = 32;

Result CancelledResult() {
  return Result::Failed(Error(Reason::kCancelled, "SDK-0302", "the operation was given up before it was begun"));
}

}  // namespace

BlockingSession::BlockingSession(Target* target, const Description& description, std::shared_ptr<ResultSink> sink)
    : target_(target), description_(description), sink_(std::move(sink)) {
  for (const ObjectClass& object_class : description.classes) {
    if (object_class.writing.has_value())
      max_threads_ = std::max<size_t>(max_threads_, object_class.writing->max_in_flight);
  }
  max_threads_ = std::min(max_threads_, kMaxThreads);
}

BlockingSession::~BlockingSession() {
  {
    absl::MutexLock lock(&mutex_);
    is_over_ = true;
  }
  for (std::thread& thread : threads_) thread.join();
}

void BlockingSession::Submit(Operation operation) {
  bool needs_thread = false;
  {
    absl::MutexLock lock(&mutex_);
    queue_.push_back(std::move(operation));
    needs_thread = idle_ < queue_.size() && threads_.size() < max_threads_;
  }
  if (needs_thread) threads_.emplace_back([this] { Work(); });
}

void BlockingSession::Cancel(const std::string& operation_id) {
  bool was_queued = false;
  {
    absl::MutexLock lock(&mutex_);
    auto it = std::find_if(queue_.begin(), queue_.end(),
                           [&](const Operation& operation) { return operation.id == operation_id; });
    was_queued = it != queue_.end();
    if (was_queued) queue_.erase(it);
  }
  if (!was_queued) return;
  Result result = CancelledResult();
  result.operation = operation_id;
  sink_->Answer(std::move(result));
}

std::vector<Operation> BlockingSession::NextBatch() {
  std::vector<Operation> batch;
  if (queue_.empty()) return batch;
  size_t size = 1;
  for (const ObjectClass& object_class : description_.classes) {
    if (object_class.name == queue_.front().object_class && object_class.writing.has_value()) {
      size = std::max<size_t>(1, object_class.writing->batch_size);
    }
  }
  while (batch.size() < size && !queue_.empty() &&
         (batch.empty() ||
          (queue_.front().object_class == batch[0].object_class && queue_.front().action == batch[0].action))) {
    batch.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return batch;
}

void BlockingSession::Work() {
  for (;;) {
    std::vector<Operation> batch;
    {
      absl::MutexLock lock(&mutex_);
      ++idle_;
      mutex_.Await(absl::Condition(this, &BlockingSession::HasWork));
      --idle_;
      batch = NextBatch();
      if (batch.empty()) return;
    }
    Carry(std::move(batch));
  }
}

void BlockingSession::Carry(std::vector<Operation> operations) {
  std::vector<Operation> wanted;
  for (Operation& operation : operations) {
    if (!operation.cancellation.IsCancelled()) {
      wanted.push_back(std::move(operation));
      continue;
    }
    Result result = CancelledResult();
    result.operation = operation.id;
    sink_->Answer(std::move(result));
  }
  if (wanted.empty()) return;
  std::vector<Result> results;
  if (auto bug = Guarded("Apply", [&] { results = target_->ApplyBatch(wanted); })) {
    results.assign(wanted.size(), Result::InDoubt(*bug));  // It may have written before it threw.
  } else if (results.size() != wanted.size()) {
    const Error wrong(Reason::kBug, "SDK-0303",
                      absl::StrCat("ApplyBatch gave ", results.size(), " results for ", wanted.size(), " operations"));
    results.assign(wanted.size(), Result::InDoubt(wrong));
  }
  for (size_t i = 0; i < wanted.size(); ++i) {
    results[i].operation = wanted[i].id;
    sink_->Answer(std::move(results[i]));
  }
}

}  // namespace sluice::connector
