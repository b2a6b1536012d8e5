// Members of groups: grants and revocations of one group are joined into few modifies. A directory refuses a whole
// modify when one of its values is already so, or not there: then what the group really holds is read, in bulk, and the
// rest is sent again; only what is still refused is halved until the one that is to blame stands alone. A group that is
// full takes what it can: the second half waits for the first, and once one alone is refused, so are all.
#include <utility>

#include "plugins/active_directory/src/refusal.h"
#include "plugins/active_directory/src/writer.h"

namespace sluice::active_directory {

using connector::Action;
using connector::Error;
using connector::Operation;
using connector::Reason;
using connector::Result;
using connector::Value;

namespace {

constexpr size_t kMembersInOneModify = 500;

Result Done(const Operation& operation, bool written) {
  Result result = written ? Result::Applied(operation.object_id) : Result::NoChange(operation.object_id);
  const Value group(connector::Reference{kGroup, operation.permission->object_id});
  const bool grant = operation.action == Action::kGrant;
  if (written) result.Changed(kMembership, grant ? Value::Empty() : group, grant ? group : Value::Empty());
  return result;
}

Result Missing(const Operation& operation, const char* what, const std::string& object_class, const std::string& id) {
  if (operation.action == Action::kRevoke) return Result::NoChange(operation.object_id);
  return Result::Failed(Error(Reason::kNotFound, "AD-026", what).Object(object_class, id));
}

}  // namespace

struct Writer::Chunk {
  std::string group;
  bool grant = true;
  bool checked = false;  // What the group holds was read: what is refused now is refused for another reason.
  Works works;
  Works rest;  // To be sent when `works` were taken.
};

void Writer::ChangeMembers(const Works& works) {
  std::map<std::pair<std::string, bool>, Works> by_group;
  for (Work* work : works) {
    const auto& permission = work->operation->permission;
    if (!permission.has_value() || !IsGuidText(permission->object_id)) {
      work->Finish(Result::Failed(Error(Reason::kInvalid, "AD-037", "the operation names no group by its objectGUID")));
      continue;
    }
    by_group[{permission->object_id, work->operation->action == Action::kGrant}].push_back(work);
  }
  std::vector<Chunk> chunks;
  for (const auto& [key, some] : by_group) {
    for (size_t at = 0; at < some.size(); at += kMembersInOneModify) {
      chunks.push_back(Chunk{key.first,
                             key.second,
                             false,
                             {some.begin() + at, some.begin() + std::min(some.size(), at + kMembersInOneModify)},
                             {}});
    }
  }
  while (!chunks.empty()) SendChunks(chunks);
}

// Sends all of them; leaves what has to be sent again.
void Writer::SendChunks(std::vector<Chunk>& chunks) {
  std::vector<Request> requests;
  for (const Chunk& chunk : chunks) {
    Modification members{chunk.grant ? Modification::Kind::kAdd : Modification::Kind::kDelete, "member", {}};
    for (const Work* work : chunk.works) members.values.push_back(GuidDn(work->operation->object_id));
    requests.push_back(Request::Modify(GuidDn(chunk.group), {std::move(members)}));
  }
  const std::vector<Response> responses = directory_.client().Run(std::move(requests), Timeout());
  std::vector<Chunk> again;
  for (size_t i = 0; i < chunks.size(); ++i) AcceptChunk(chunks[i], responses[i], again);
  chunks = std::move(again);
}

void Writer::AcceptChunk(Chunk& chunk, const Response& response, std::vector<Chunk>& again) {
  const auto go_on_with_rest = [&] {
    if (!chunk.rest.empty()) again.push_back(Chunk{chunk.group, chunk.grant, true, std::move(chunk.rest), {}});
  };
  if (response.ok()) {
    for (Work* work : chunk.works) work->Finish(Done(*work->operation, true));
    return go_on_with_rest();
  }
  if (response.fate != Fate::kAnswered) {
    for (Work* work : chunk.works) FinishUnanswered(*work, response);
    return go_on_with_rest();
  }
  Error error = ErrorOf(response, "the change of the group's members");
  const bool about_everything =
      error.reason == Reason::kUnavailable || error.reason == Reason::kAuth || error.reason == Reason::kForbidden;
  const Trouble trouble = TroubleOf(response);
  const bool is_full = trouble == Trouble::kFull;
  if (about_everything || (is_full && chunk.works.size() == 1)) {
    for (Work* work : chunk.works) work->Finish(Result::Failed(error));
    for (Work* work : chunk.rest) work->Finish(Result::Failed(error));
    return;
  }
  if (!chunk.checked) {
    CheckChunk(chunk, again);
    return;
  }
  if (chunk.works.size() > 1) {
    const auto middle = chunk.works.begin() + chunk.works.size() / 2;
    Works second(middle, chunk.works.end());
    if (is_full) {
      second.insert(second.end(), chunk.rest.begin(), chunk.rest.end());
      again.push_back(Chunk{chunk.group, chunk.grant, true, {chunk.works.begin(), middle}, std::move(second)});
      return;
    }
    again.push_back(Chunk{chunk.group, chunk.grant, true, {chunk.works.begin(), middle}, {}});
    again.push_back(Chunk{chunk.group, chunk.grant, true, std::move(second), {}});
    return go_on_with_rest();
  }
  go_on_with_rest();
  Work& work = *chunk.works[0];
  // "Is there already" although the list does not show it: the group is the account's primary one.
  const bool already =
      chunk.grant ? trouble == Trouble::kTaken || trouble == Trouble::kAlreadyMember : trouble == Trouble::kNoMember;
  if (already) {
    work.Finish(Done(*work.operation, false));
  } else if (trouble == Trouble::kGone || trouble == Trouble::kMemberMissing) {
    work.Finish(Missing(*work.operation, "the account, or the group, is not in the directory any more", kAccount,
                        work.operation->object_id));
  } else {
    work.Finish(Result::Failed(std::move(error)));
  }
}

void Writer::CheckChunk(Chunk& chunk, std::vector<Chunk>& again) {
  std::set<std::string> accounts;
  for (const Work* work : chunk.works) accounts.insert(work->operation->object_id);
  bool group_there = false;
  const auto members = ReadMembers(chunk.group, accounts, group_there);
  Chunk rest{chunk.group, chunk.grant, true, {}, std::move(chunk.rest)};
  for (Work* work : chunk.works) {
    const Operation& operation = *work->operation;
    if (!members.ok()) {
      work->Finish(Result::Failed(members.status()));
      continue;
    }
    const Membership& now = members->at(operation.object_id);
    if (!group_there) {
      work->Finish(Missing(operation, "the group is not in the directory any more", kGroup, chunk.group));
    } else if (!now.there) {
      work->Finish(Missing(operation, "the account is not in the directory any more", kAccount, operation.object_id));
    } else if (now.member == chunk.grant) {
      work->Finish(Done(operation, false));
    } else {
      rest.works.push_back(work);
    }
  }
  if (rest.works.empty()) std::swap(rest.works, rest.rest);
  if (!rest.works.empty()) again.push_back(std::move(rest));
}

absl::StatusOr<std::map<std::string, Writer::Membership>> Writer::ReadMembers(const std::string& group,
                                                                              const std::set<std::string>& accounts,
                                                                              bool& group_there) {
  std::map<std::string, Membership> members;
  for (const std::string& id : accounts) members[id];
  const Response name =
      directory_.client().RunOne(Request::Search(GuidDn(group), LDAP_SCOPE_BASE, "(objectClass=group)", {}), Timeout());
  group_there = name.ok() && !name.entries.empty();
  if (!name.ok() && TroubleOf(name) != Trouble::kGone) return ErrorOf(name, "to show a group").AsStatus();
  std::vector<std::string> there, inside;
  for (const std::string& id : accounts) {
    there.push_back(Equals("objectGUID", id));
    if (group_there) inside.push_back(AllOf({Equals("memberOf", name.entries[0].dn), Equals("objectGUID", id)}));
  }
  const auto found = directory_.FindAny(there, {}, deadline_);
  if (!found.ok()) return found.status();
  for (const Entry& entry : *found) members[entry.Guid()].there = true;
  const auto holders = directory_.FindAny(inside, {}, deadline_);
  if (!holders.ok()) return holders.status();
  for (const Entry& entry : *holders) members[entry.Guid()].member = true;
  return members;
}

}  // namespace sluice::active_directory
