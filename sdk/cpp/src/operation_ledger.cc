#include "sdk/cpp/src/operation_ledger.h"

#include <openssl/sha.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "sdk/cpp/src/convert_operations.h"
#include "sluice/connector/log.h"

namespace sluice::connector {
namespace {

// Of all that says what is to be done: not of attempt, timeout, or the hint.
std::string PayloadHash(v1::Operation operation) {
  operation.clear_attempt();
  operation.clear_timeout();
  operation.clear_object_name();
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream out(&stream);
    out.SetSerializationDeterministic(true);
    operation.SerializeToCodedStream(&out);
  }
  std::string hash(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
         reinterpret_cast<unsigned char*>(hash.data()));
  return hash;
}

// It may be followed by another try: nothing was written, or the host has read that it was not, or what is left to do.
bool MayComeAnew(const v1::OperationResult& result) {
  return result.outcome() == v1::OperationResult::FAILED || result.outcome() == v1::OperationResult::IN_DOUBT ||
         result.outcome() == v1::OperationResult::PARTLY_APPLIED || result.outcome() == v1::OperationResult::PENDING;
}

bool IsSettled(const v1::OperationResult& result) {
  return result.outcome() == v1::OperationResult::APPLIED || result.outcome() == v1::OperationResult::NO_CHANGE;
}

}  // namespace

bool OperationLedger::Begin(const v1::Operation& operation, std::shared_ptr<ResultReceiver> receiver,
                            Cancellation* cancellation) {
  const std::string payload = PayloadHash(operation);
  std::optional<v1::OperationResult> answer;
  {
    absl::MutexLock lock(&mutex_);
    auto [it, is_new] = entries_.try_emplace(operation.id());
    Entry& entry = it->second;
    const bool is_higher = operation.attempt() > entry.attempt;
    if (!is_new && entry.is_running && entry.payload == payload) {
      entry.receiver = receiver;  // The newest asker gets the answer.
      return false;
    }
    // What comes again may hold what the host made anew: a name, a password.
    const bool may_differ = !is_new && !entry.is_running && MayComeAnew(entry.result);
    if (!is_new && is_higher && (entry.is_running || late_.contains(operation.id()))) {
      answer = MakeResult(operation.id(), Outcome::kInDoubt,
                          Error(Reason::kTransient, "SDK-0316",
                                absl::StrCat("an earlier attempt of operation ", operation.id(),
                                             " is still under way in the connector")));
    } else if (!is_new && entry.payload != payload && !(may_differ && is_higher)) {
      answer = MakeResult(operation.id(), Outcome::kFailed,
                          Error(Reason::kInvalid, "SDK-0301",
                                absl::StrCat("operation ", operation.id(),
                                             " came again with another payload; an id stands for one change")));
    } else if (!is_new && (IsSettled(entry.result) || !is_higher)) {
      answer = entry.result;
    } else {
      entry = Entry{payload, operation.attempt(), true, Cancellation(), {}, receiver};
      *cancellation = entry.cancellation;
      ++running_;
      return true;
    }
  }
  receiver->Deliver(*std::move(answer));
  return false;
}

void OperationLedger::Answer(v1::OperationResult result) {
  std::shared_ptr<ResultReceiver> receiver;
  {
    absl::MutexLock lock(&mutex_);
    auto it = entries_.find(result.operation());
    if (it == entries_.end() || !it->second.is_running) {
      LogWarning("an answer that nobody waits for was dropped").With("operation", result.operation());
      return;
    }
    it->second.is_running = false;
    it->second.result = result;
    receiver = it->second.receiver.lock();
    --running_;
    answered_.push_back(result.operation());
    if (answered_.size() > kMaxAnswered) {
      auto oldest = entries_.find(answered_.front());
      if (oldest != entries_.end() && !oldest->second.is_running) entries_.erase(oldest);
      answered_.pop_front();
    }
  }
  if (receiver != nullptr) receiver->Deliver(std::move(result));
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
