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

constexpr size_t kMembershipsInOneBatch = 1000;  // Many of them are one request.
constexpr size_t kOthersInOneBatch = 100;  // Each is a request: their results come while the next are carried out.
constexpr absl::Duration kGather = absl::Milliseconds(10);

bool IsOfMembers(const Operation& operation) {
  return operation.action == Action::kGrant || operation.action == Action::kRevoke;
}

}  // namespace

// A membership is its own thing, so that grants of one account in several groups, and of many accounts in one group,
// are joined; but no account is written beside its memberships.
Session::Claims Session::ClaimsOf(const Operation& operation) {
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

Session::Session(std::shared_ptr<Directory> directory, std::shared_ptr<connector::ResultSink> sink)
    : directory_(std::move(directory)), sink_(std::move(sink)) {
  for (std::thread& worker : workers_) worker = std::thread([this] { Work(); });
}

Session::~Session() {
  {
    absl::MutexLock lock(&mutex_);
    ending_ = true;
  }
  for (std::thread& worker : workers_) worker.join();
}

void Session::Submit(Operation operation) {
  Claims claims = ClaimsOf(operation);
  absl::MutexLock lock(&mutex_);
  queued_.push_back({std::move(operation), std::move(claims)});
}

void Session::Flush() {
  absl::MutexLock lock(&mutex_);
  flush_ = true;
}

void Session::Cancel(const std::string& operation_id) {
  {
    absl::MutexLock lock(&mutex_);
    const auto found = std::find_if(queued_.begin(), queued_.end(),
                                    [&](const Queued& queued) { return queued.operation.id == operation_id; });
    if (found == queued_.end()) return;
    queued_.erase(found);
  }
  connector::Result result = connector::Result::Failed(
      connector::Error(connector::Reason::kCancelled, "AD-053", "the operation was given up before it was sent"));
  result.operation = operation_id;
  sink_->Answer(std::move(result));
}

bool Session::HasWork() const { return ending_ || (!queued_.empty() && IsFree(queued_.front().claims)); }

bool Session::IsReady() const {
  if (ending_ || flush_ || queued_.empty()) return true;
  const bool is_joined = IsOfMembers(queued_.front().operation);
  return queued_.size() >= (is_joined ? kMembershipsInOneBatch : kOthersInOneBatch);
}

bool Session::IsFree(const Claims& claims) const {
  const auto is_held = [](const std::map<std::string, int>& held, const std::string& claim) {
    return held.find(claim) != held.end();
  };
  for (const std::string& claim : claims.exclusive) {
    if (is_held(exclusive_, claim) || is_held(shared_, claim)) return false;
  }
  for (const std::string& claim : claims.shared) {
    if (is_held(exclusive_, claim)) return false;
  }
  return true;
}

// The longest start of the queue whose operations do not get in the way of each other and of those under way.
Session::Batch Session::TakeBatch() {
  Batch batch;
  size_t others = 0;
  while (!queued_.empty() && batch.operations.size() < kMembershipsInOneBatch && others < kOthersInOneBatch) {
    Queued& next = queued_.front();
    if (!IsFree(next.claims)) break;
    if (!IsOfMembers(next.operation)) ++others;
    batch.operations.push_back(std::move(next.operation));
    batch.claims.push_back(std::move(next.claims));
    queued_.pop_front();
    // Held only from here on: within a batch, too, nothing is touched twice.
    for (const std::string& claim : batch.claims.back().exclusive) ++exclusive_[claim];
    for (const std::string& claim : batch.claims.back().shared) ++shared_[claim];
  }
  if (queued_.empty()) flush_ = false;
  return batch;
}

void Session::Release(const Batch& batch) {
  const auto release = [](std::map<std::string, int>& held, const std::string& claim) {
    const auto found = held.find(claim);
    if (--found->second == 0) held.erase(found);
  };
  absl::MutexLock lock(&mutex_);
  for (const Claims& claims : batch.claims) {
    for (const std::string& claim : claims.exclusive) release(exclusive_, claim);
    for (const std::string& claim : claims.shared) release(shared_, claim);
  }
}

void Session::Work() {
  Writer writer(*directory_);
  while (true) {
    Batch batch;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &Session::HasWork));
      mutex_.AwaitWithTimeout(absl::Condition(this, &Session::IsReady), kGather);
      if (ending_) return;  // The host has all its answers, or is gone: nothing that it has not seen sent is sent now.
      batch = TakeBatch();  // Nothing, when the other one was first.
    }
    std::vector<connector::Result> results = writer.Apply(batch.operations);
    Release(batch);
    for (connector::Result& result : results) sink_->Answer(std::move(result));
  }
}

}  // namespace sluice::active_directory
