#include "plugins/active_directory/src/writer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "plugins/active_directory/src/refusal.h"

namespace sluice::active_directory {

using connector::Action;
using connector::Error;
using connector::Operation;
using connector::Reason;
using connector::Result;

bool Writer::FinishUnanswered(Work& work, const Response& response) {
  if (response.fate == Fate::kAnswered) return false;
  Result result;
  if (response.fate == Fate::kInDoubt) {
    result = Result::InDoubt(ErrorOf(response.status));
  } else {
    result = work.written.empty() ? Result::Failed(ErrorOf(response.status))
                                  : Result::PartlyApplied(ErrorOf(response.status));
  }
  result.object_id = work.operation->object_id;
  result.changes = work.written;
  work.Finish(std::move(result));
  return true;
}

std::vector<Result> Writer::Apply(const std::vector<Operation>& operations) {
  std::vector<Work> works(operations.size());
  std::map<Action, Works> by_action;
  absl::Duration timeout = absl::Minutes(2);  // As the contract has it.
  for (size_t i = 0; i < operations.size(); ++i) {
    const Operation& operation = operations[i];
    Work& work = works[i];
    work.operation = &operation;
    const bool existing = operation.action != Action::kCreate;
    if (operation.cancellation.IsCancelled()) {
      work.Finish(Result::Failed(Error(Reason::kCancelled, "AD-053", "the operation was given up before it was sent")));
    } else if (existing && !IsGuidText(operation.object_id)) {
      work.Finish(Result::Failed(Error(Reason::kInvalid, "AD-037", "the object's id is no objectGUID")));
    } else if (operation.object_class != kAccount && operation.object_class != kGroup &&
               operation.object_class != kMembership) {
      work.Finish(Result::Failed(Error(Reason::kUnsupported, "AD-038",
                                       absl::StrCat("objects of class ", operation.object_class, " are only read"))));
    } else {
      if (operation.timeout > absl::ZeroDuration()) timeout = std::min(timeout, operation.timeout);
      by_action[operation.action].push_back(&work);
    }
  }
  deadline_ = absl::Now() + timeout;
  Works members, updates;
  for (auto& [action, some] : by_action) {
    switch (action) {
      case Action::kCreate:
        Create(some);
        break;
      case Action::kUpdate:
      case Action::kEnable:
      case Action::kDisable:
        updates.insert(updates.end(), some.begin(), some.end());
        break;
      case Action::kDelete:
        Delete(some);
        break;
      case Action::kGrant:
      case Action::kRevoke:
        members.insert(members.end(), some.begin(), some.end());
        break;
      case Action::kSetCredential:
        SetCredentials(some);
        break;
      default:
        for (Work* work : some)
          work->Finish(Result::Failed(Error(Reason::kUnsupported, "AD-038", "the connector cannot do this")));
    }
  }
  if (!updates.empty()) Update(updates);
  if (!members.empty()) ChangeMembers(members);
  std::vector<Result> results;
  for (Work& work : works) {
    work.result.operation = work.operation->id;
    results.push_back(std::move(work.result));
  }
  return results;
}

}  // namespace sluice::active_directory
