#include "sdk/cpp/src/blocking_session.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "sdk/cpp/src/guard.h"
#include "sluice/connector/log.h"

namespace sluice::connector {
namespace {

constexpr size_t kMaxThreads = 32;
constexpr size_t kMaxLost = 32;  // Threads that did not come back.
constexpr absl::Duration kLookAround = absl::Milliseconds(100);

Result CancelledResult() {
  return Result::Failed(Error(Reason::kCancelled, "SDK-0302", "the operation was given up before it was begun"));
}

Result LateResult() {
  return Result::InDoubt(
      Error(Reason::kTransient, "SDK-0315", "the connector did not answer within the operation's timeout"));
}

Result HopelessResult() {
  return Result::Failed(Error(Reason::kUnavailable, "SDK-0317",
                              absl::StrCat(kMaxLost, " operations of this connector did not come back within their ",
                                           "timeouts; no more are begun until some do")));
}

}  // namespace

class BlockingSession::Pool : public std::enable_shared_from_this<Pool> {
 public:
  Pool(std::shared_ptr<OpenSystem> system, std::shared_ptr<ResultSink> sink)
      : system_(std::move(system)), sink_(std::move(sink)) {
    for (const ObjectClass& object_class : system_->description->classes) {
      if (object_class.writing.has_value())
        max_threads_ = std::max<size_t>(max_threads_, object_class.writing->max_in_flight);
    }
    max_threads_ = std::min(max_threads_, kMaxThreads);
  }

  void Submit(Operation operation) {
    absl::MutexLock lock(&mutex_);
    queue_.push_back(std::move(operation));
    StartThreads();
  }

  // False if it was not waiting.
  bool Withdraw(const std::string& id) {
    absl::MutexLock lock(&mutex_);
    auto it = std::find_if(queue_.begin(), queue_.end(), [&](const Operation& waiting) { return waiting.id == id; });
    if (it == queue_.end()) return false;
    queue_.erase(it);
    return true;
  }

  void Answer(const std::string& id, Result result) {
    result.operation = id;
    sink_->Answer(std::move(result));
  }

  void GiveUpLate() {
    std::vector<std::shared_ptr<Batch>> late;
    std::deque<Operation> hopeless;
    {
      absl::MutexLock lock(&mutex_);
      const absl::Time now = absl::Now();
      for (auto it = running_.begin(); it != running_.end();) {
        auto current = it++;
        if ((*current)->until > now) continue;
        (*current)->is_given_up = true;
        for (const auto& [id, cancellation] : (*current)->operations) system_->ledger->SetLate(id, true);
        late.push_back(*current);
        running_.erase(current);
        ++lost_;
        --threads_;
      }
      if (lost_ >= kMaxLost && threads_ == 0) hopeless.swap(queue_);
      StartThreads();
    }
    for (const auto& batch : late) {
      LogWarning("the connector did not come back within the timeout").With("operations", batch->operations.size());
      for (const auto& [id, cancellation] : batch->operations) {
        cancellation.Cancel();
        Answer(id, LateResult());
      }
    }
    for (const Operation& operation : hopeless) Answer(operation.id, HopelessResult());
  }

  void End() {
    absl::MutexLock lock(&mutex_);
    is_over_ = true;
  }

  bool AwaitQuiet(absl::Duration patience) {
    absl::MutexLock lock(&mutex_);
    return mutex_.AwaitWithTimeout(absl::Condition(this, &Pool::IsQuiet), patience);
  }

 private:
  // Operations that one call of ApplyBatch carries out.
  struct Batch {
    absl::Time until = absl::InfinitePast();
    std::vector<std::pair<std::string, Cancellation>> operations;
    bool is_given_up = false;
  };

  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return is_over_ || !queue_.empty(); }
  bool IsQuiet() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return queue_.empty() && running_.empty() && answering_ == 0;
  }

  void StartThreads() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    while (idle_ < queue_.size() && threads_ < max_threads_ && lost_ < kMaxLost) {
      ++threads_;
      ++idle_;
      std::thread([self = shared_from_this()] { self->Work(); }).detach();
    }
  }

  std::vector<Operation> NextOperations() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    std::vector<Operation> operations;
    if (queue_.empty()) return operations;
    const ObjectClass* object_class = system_->FindClass(queue_.front().object_class);
    const bool has_size = object_class != nullptr && object_class->writing.has_value();
    const size_t size = has_size ? std::max<size_t>(1, object_class->writing->batch_size) : 1;
    while (operations.size() < size && !queue_.empty() &&
           (operations.empty() || (queue_.front().object_class == operations[0].object_class &&
                                   queue_.front().action == operations[0].action))) {
      operations.push_back(std::move(queue_.front()));
      queue_.pop_front();
    }
    return operations;
  }

  // The life of a thread; it was counted as idle when it was made.
  void Work() {
    for (;;) {
      std::vector<Operation> operations;
      auto batch = std::make_shared<Batch>();
      {
        absl::MutexLock lock(&mutex_);
        mutex_.Await(absl::Condition(this, &Pool::HasWork));
        --idle_;
        operations = NextOperations();
        if (operations.empty()) {
          --threads_;
          return;
        }
        const absl::Time now = absl::Now();
        for (Operation& operation : operations) {
          if (operation.timeout > absl::ZeroDuration()) operation.deadline = now + operation.timeout;
          batch->until = std::max(batch->until, operation.deadline);
          batch->operations.emplace_back(operation.id, operation.cancellation);
        }
        running_.insert(batch);
      }
      if (!Carry(std::move(operations), batch)) return;
      absl::MutexLock lock(&mutex_);
      ++idle_;
    }
  }

  // False: it took too long, and another thread has taken this one's place.
  bool Carry(std::vector<Operation> operations, const std::shared_ptr<Batch>& batch) {
    ApplyBatchRequest request;
    std::vector<Result> results;
    std::vector<std::string> ids;
    for (Operation& operation : operations) {
      ids.push_back(operation.id);
      if (operation.cancellation.IsCancelled()) {
        results.push_back(CancelledResult());
        results.back().operation = operation.id;
      } else {
        request.operations.push_back(std::move(operation));
      }
    }
    for (Result& result : Ask(request)) results.push_back(std::move(result));
    {
      absl::MutexLock lock(&mutex_);
      if (batch->is_given_up) {
        --lost_;
        for (const std::string& id : ids) system_->ledger->SetLate(id, false);
        return false;
      }
      running_.erase(batch);
      ++answering_;
    }
    for (Result& result : results) sink_->Answer(std::move(result));
    absl::MutexLock lock(&mutex_);
    --answering_;
    return true;
  }

  // One result for each operation, whatever the author does.
  std::vector<Result> Ask(const ApplyBatchRequest& request) {
    if (request.operations.empty()) return {};
    ApplyBatchResult answer;
    if (auto bug = Guarded("Apply", [&] { answer = system_->target->ApplyBatch(request); })) {
      answer.results.assign(request.operations.size(), Result::InDoubt(*bug));  // It may have written before it threw.
    } else if (answer.results.size() != request.operations.size()) {
      const Error wrong(Reason::kBug, "SDK-0303",
                        absl::StrCat("ApplyBatch gave ", answer.results.size(), " results for ",
                                     request.operations.size(), " operations"));
      answer.results.assign(request.operations.size(), Result::InDoubt(wrong));
    }
    for (size_t i = 0; i < request.operations.size(); ++i) answer.results[i].operation = request.operations[i].id;
    return std::move(answer.results);
  }

  const std::shared_ptr<OpenSystem> system_;
  const std::shared_ptr<ResultSink> sink_;
  size_t max_threads_ = 1;
  absl::Mutex mutex_;
  std::deque<Operation> queue_ ABSL_GUARDED_BY(mutex_);
  std::set<std::shared_ptr<Batch>> running_ ABSL_GUARDED_BY(mutex_);
  bool is_over_ ABSL_GUARDED_BY(mutex_) = false;
  size_t threads_ ABSL_GUARDED_BY(mutex_) = 0;  // Without those that were lost.
  size_t idle_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t lost_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t answering_ ABSL_GUARDED_BY(mutex_) = 0;
};

BlockingSession::BlockingSession(std::shared_ptr<OpenSystem> system, std::shared_ptr<ResultSink> sink)
    : pool_(std::make_shared<Pool>(std::move(system), std::move(sink))) {}

BlockingSession::~BlockingSession() {
  pool_->End();
  while (!pool_->AwaitQuiet(kLookAround)) pool_->GiveUpLate();
}

void BlockingSession::Submit(Operation operation) { pool_->Submit(std::move(operation)); }

void BlockingSession::Cancel(const std::string& operation_id) {
  if (pool_->Withdraw(operation_id)) pool_->Answer(operation_id, CancelledResult());
}

void BlockingSession::GiveUpLate() { pool_->GiveUpLate(); }

}  // namespace sluice::connector
