#include "sdk/cpp/src/operation_ledger.h"

#include <openssl/crypto.h>

#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "sdk/cpp/src/convert_operations.h"
#include "sluice/connector/log.h"

namespace sluice::connector {
namespace {

// It may be followed by another try: nothing was written, or the host has read that it was not, or what is left to do.
bool MayComeAnew(v1::OperationResult::Outcome outcome) {
  return outcome == v1::OperationResult::FAILED || outcome == v1::OperationResult::IN_DOUBT ||
         outcome == v1::OperationResult::PARTLY_APPLIED || outcome == v1::OperationResult::PENDING;
}

bool IsSettled(v1::OperationResult::Outcome outcome) {
  return outcome == v1::OperationResult::APPLIED || outcome == v1::OperationResult::NO_CHANGE;
}

}  // namespace

uint64_t OperationLedger::PayloadOf(v1::Operation* operation) {
  // Set aside while the rest is hashed: a copy of it all would take longer.
  const uint32_t attempt = operation->attempt();
  std::string name = std::move(*operation->mutable_object_name());
  google::protobuf::Duration* timeout = operation->unsafe_arena_release_timeout();
  operation->clear_attempt();
  operation->clear_object_name();
  static thread_local std::string bytes;
  const size_t size = operation->ByteSizeLong();
  if (bytes.size() < size) bytes.resize(size);
  {
    google::protobuf::io::ArrayOutputStream stream(bytes.data(), static_cast<int>(size));
    google::protobuf::io::CodedOutputStream out(&stream);
    out.SetSerializationDeterministic(true);
    operation->SerializeWithCachedSizes(&out);
  }
  const uint64_t hash = absl::HashOf(absl::string_view(bytes.data(), size));
  OPENSSL_cleanse(bytes.data(), size);  // There may be a password in it.
  operation->set_attempt(attempt);
  operation->set_object_name(std::move(name));
  operation->unsafe_arena_set_allocated_timeout(timeout);
  return hash;
}

bool OperationLedger::Begin(const std::string& operation, uint32_t attempt, uint64_t payload,
                            const std::shared_ptr<ResultReceiver>& receiver, const Cancellation& cancellation) {
  std::string answer;
  {
    absl::MutexLock lock(&mutex_);
    auto [it, is_new] = entries_.try_emplace(operation);
    Entry& entry = it->second;
    const bool is_higher = attempt > entry.attempt;
    if (!is_new && entry.is_running && entry.payload == payload) {
      entry.receiver = receiver;  // The newest asker gets the answer.
      return false;
    }
    // What comes again may hold what the host made anew: a name, a password.
    const bool may_differ = !is_new && !entry.is_running && MayComeAnew(entry.outcome);
    if (!is_new && is_higher && (entry.is_running || late_.contains(operation))) {
      answer = MakeResult(operation, Outcome::kInDoubt,
                          Error(Reason::kTransient, "SDK-0316",
                                absl::StrCat("an earlier attempt of operation ", operation,
                                             " is still under way in the connector")))
                   .SerializeAsString();
    } else if (!is_new && entry.payload != payload && !(may_differ && is_higher)) {
      answer = MakeResult(operation, Outcome::kFailed,
                          Error(Reason::kInvalid, "SDK-0301",
                                absl::StrCat("operation ", operation,
                                             " came again with another payload; an id stands for one change")))
                   .SerializeAsString();
    } else if (!is_new && (IsSettled(entry.outcome) || !is_higher)) {
      answer = entry.result;
    } else {
      entry = Entry{payload, attempt, true, v1::OperationResult::OUTCOME_UNSPECIFIED, {}, cancellation, receiver};
      ++running_;
      return true;
    }
  }
  receiver->Deliver(operation, std::move(answer));
  return false;
}

void OperationLedger::Answer(const v1::OperationResult& result) {
  std::string bytes = result.SerializeAsString();
  std::shared_ptr<ResultReceiver> receiver;
  {
    absl::MutexLock lock(&mutex_);
    auto it = entries_.find(result.operation());
    if (it == entries_.end() || !it->second.is_running) {
      LogWarning("an answer that nobody waits for was dropped").With("operation", result.operation());
      return;
    }
    Entry& entry = it->second;
    entry.is_running = false;
    entry.outcome = result.outcome();
    entry.result = bytes;
    receiver = entry.receiver.lock();
    entry.receiver.reset();
    entry.cancellation.reset();
    --running_;
    answered_.push_back(result.operation());
    if (answered_.size() > kMaxAnswered) {
      auto oldest = entries_.find(answered_.front());
      if (oldest != entries_.end() && !oldest->second.is_running) entries_.erase(oldest);
      answered_.pop_front();
    }
  }
  if (receiver != nullptr) receiver->Deliver(result.operation(), std::move(bytes));
}

void OperationLedger::Cancel(const std::string& operation) {
  std::optional<Cancellation> cancellation;
  {
    absl::MutexLock lock(&mutex_);
    auto it = entries_.find(operation);
    if (it != entries_.end() && it->second.is_running) cancellation = it->second.cancellation;
  }
  if (cancellation.has_value()) cancellation->Cancel();
}

void OperationLedger::CancelAll() {
  for (const std::string& id : Running()) Cancel(id);
}

void OperationLedger::SetLate(const std::string& operation, bool is_late) {
  absl::MutexLock lock(&mutex_);
  if (is_late) {
    late_.insert(operation);
  } else {
    late_.erase(operation);
  }
}

bool OperationLedger::IsUnderWay(const std::string& operation) {
  absl::MutexLock lock(&mutex_);
  auto it = entries_.find(operation);
  return (it != entries_.end() && it->second.is_running) || late_.contains(operation);
}

std::vector<std::string> OperationLedger::Running() {
  std::vector<std::string> ids;
  absl::MutexLock lock(&mutex_);
  for (const auto& [id, entry] : entries_) {
    if (entry.is_running) ids.push_back(id);
  }
  return ids;
}

bool OperationLedger::AwaitIdle(absl::Time deadline) {
  absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithDeadline(absl::Condition(this, &OperationLedger::IsIdle), deadline);
}

}  // namespace sluice::connector
