#include "plugins/active_directory/src/session.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "plugins/active_directory/src/changes.h"
#include "plugins/active_directory/src/writer.h"

namespace sluice::active_directory {
namespace {

using connector::Action;
using connector::Operation;

constexpr size_t kLargestBatch = 1000;
constexpr absl::Duration kGather = absl::Milliseconds(10);

// What an operation holds on to while it is carried out. A membership is its own thing, so that grants of one account
// in several groups, and of many accounts in one group, are joined; but no account is written beside its memberships.
struct Claims {
  std::set<std::string> exclusive;
  std::set<std::string> shared;
};

Claims ClaimsOf(const Operation& operation) {
  Claims claims;
  switch (operation.action) {
    case Action::kCreate:
      claims.exclusive.insert(absl::StrCat("key:", CorrelationFilter(operation.correlate),
                                           operation.correlate.empty() ? operation.id : ""));
      break;
    case Action::kGrant:
    case Action::kRevoke:
      claims.shared.insert(operation.object_id);
      if (operation.permission.has_value()) {
        claims.shared.insert(operation.permission->object_id);
        claims.exclusive.insert(absl::StrCat(operation.object_id, "/", operation.permission->object_id));
      }
      break;
    default:
      claims.exclusive.insert(operation.object_id);
  }
  return claims;
}

}  // namespace

Session::Session(std::shared_ptr<Directory> directory, std::shared_ptr<connector::ResultSink> sink)
    : directory_(std::move(directory)), sink_(std::move(sink)), worker_([this] { Work(); }) {}

Session::~Session() {
  {
    absl::MutexLock lock(&mutex_);
    ending_ = true;
  }
  worker_.join();
}

void Session::Submit(Operation operation) {
  absl::MutexLock lock(&mutex_);
  queued_.push_back(std::move(operation));
}

void Session::Flush() {
  absl::MutexLock lock(&mutex_);
  flush_ = true;
}

void Session::Cancel(const std::string& operation_id) {
  {
    absl::MutexLock lock(&mutex_);
    const auto found = std::find_if(queued_.begin(), queued_.end(),
                                    [&](const Operation& operation) { return operation.id == operation_id; });
    if (found == queued_.end()) return;
    queued_.erase(found);
  }
  connector::Result result = connector::Result::Failed(
      connector::Error(connector::Reason::kCancelled, "AD-053", "the operation was given up before it was sent"));
  result.operation = operation_id;
  sink_->Answer(std::move(result));
}

bool Session::HasWork() const { return ending_ || !queued_.empty(); }
bool Session::IsReady() const { return ending_ || flush_ || queued_.size() >= kLargestBatch; }

// The longest start of the queue whose operations do not get in each other's way.
std::vector<Operation> Session::TakeBatch() {
  std::vector<Operation> batch;
  std::set<std::string> exclusive, shared;
  while (!queued_.empty() && batch.size() < kLargestBatch) {
    const Claims claims = ClaimsOf(queued_.front());
    bool clash = false;
    for (const std::string& claim : claims.exclusive) clash |= exclusive.contains(claim) || shared.contains(claim);
    for (const std::string& claim : claims.shared) clash |= exclusive.contains(claim);
    if (clash) break;
    exclusive.insert(claims.exclusive.begin(), claims.exclusive.end());
    shared.insert(claims.shared.begin(), claims.shared.end());
    batch.push_back(std::move(queued_.front()));
    queued_.pop_front();
  }
  if (queued_.empty()) flush_ = false;
  return batch;
}

void Session::Work() {
  Writer writer(*directory_);
  while (true) {
    std::vector<Operation> batch;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &Session::HasWork));
      mutex_.AwaitWithTimeout(absl::Condition(this, &Session::IsReady), kGather);
      if (ending_) return;  // The host has all its answers, or is gone: nothing that it has not seen sent is sent now.
      batch = TakeBatch();
    }
    for (connector::Result& result : writer.Apply(batch)) sink_->Answer(std::move(result));
  }
}

}  // namespace sluice::active_directory
