// Changing what exists: compare with the directory, modify, rename or move, enable, disable, new password, delete.
#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
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

constexpr int kRounds = 3;  // For values that others changed at the same moment.

Error Gone(const Operation& operation) {
  return Error(Reason::kNotFound, "AD-026",
               absl::StrCat("the ", operation.object_class, " is not in the directory any more"))
      .Object(operation.object_class, operation.object_id);
}

// Of an object that is not there: for some actions that is what was wanted.
Result ResultOfGone(const Operation& operation) {
  const bool wanted = operation.action == Action::kDisable || operation.action == Action::kDelete ||
                      operation.action == Action::kRevoke;
  return wanted ? Result::NoChange(operation.object_id) : Result::Failed(Gone(operation));
}

// Members of administrators' groups are protected by the directory: no right that could be delegated helps.
Error WithProtection(Error error, const Entry& entry) {
  if (error.reason != Reason::kForbidden || entry.First("admincount") != "1") return error;
  Error precise(Reason::kProtected, "AD-043",
                "the account is, or was, a member of an administrators' group; the directory protects it (adminCount)");
  precise.target_status = error.target_status;
  return precise;
}

// A long list comes in slices: "member;range=0-1499".
bool HasMembers(const Entry& group) {
  return std::any_of(group.attributes.begin(), group.attributes.end(), [](const auto& attribute) {
    return absl::StartsWith(attribute.first, "member") && !attribute.second.empty() &&
           (attribute.first.size() == 6 || attribute.first[6] == ';');
  });
}

std::optional<bool> WantsEnabled(Action action) {
  if (action == Action::kEnable) return true;
  if (action == Action::kDisable) return false;
  return std::nullopt;
}

}  // namespace

struct Writer::Updating {
  enum class Step { kModify, kRename };
  Work* work;
  const Entry* entry;
  WritePlan plan;
  std::vector<Step> steps;
  bool again = false;  // Somebody else changed something: read it again.
  bool taken = false;
  std::optional<Error> error;
};

void Writer::Update(const Works& works) {
  for (int round = 1; round <= kRounds; ++round) {
    Works open;
    for (Work* work : works) {
      if (!work->done) open.push_back(work);
    }
    if (open.empty()) return;
    UpdateRound(open, round == kRounds);
  }
}

void Writer::UpdateRound(const Works& works, bool last) {
  std::set<std::string> ids;
  std::set<std::string> names = {"userAccountControl", "adminCount"};
  for (const Work* work : works) {
    ids.insert(work->operation->object_id);
    for (const connector::Delta& delta : work->operation->deltas) {
      for (const std::string& name : LdapAttributesFor({delta.attribute})) names.insert(name);
    }
  }
  auto schema = directory_.Schema(deadline_);
  const absl::StatusOr<std::map<std::string, Entry>> found =
      schema.ok() ? directory_.FindByIds(ids, {names.begin(), names.end()}, deadline_) : schema.status();
  if (!found.ok()) {
    for (Work* work : works) work->Finish(Result::Failed(found.status()));
    return;
  }
  std::vector<Updating> updates;
  Works unseen;
  PrepareUpdates(works, *found, **schema, updates, unseen);
  FinishUnseen(unseen);
  EnsureTargets(updates);
  RunStep(updates, 0, last);
  RunStep(updates, 1, last);
  ExplainTaken(updates);
  for (Updating& update : updates) Settle(update);
}

void Writer::PrepareUpdates(const Works& works, const std::map<std::string, Entry>& found,
                            const DirectorySchema& schema, std::vector<Updating>& updates, Works& unseen) {
  using Step = Updating::Step;
  for (Work* work : works) {
    const Operation& operation = *work->operation;
    const auto entry = found.find(operation.object_id);
    if (entry == found.end() || !IsOfClass(entry->second, operation.object_class)) {
      unseen.push_back(work);
      continue;
    }
    auto plan = PlanUpdate(operation, entry->second, WantsEnabled(operation.action), schema, directory_.layout().base);
    if (!plan.ok()) {
      work->Finish(Result::Failed(plan.status()));
      continue;
    }
    Updating update{work, &entry->second, *std::move(plan), {}, false, false, std::nullopt};
    if (!update.plan.modifications.empty()) update.steps.push_back(Step::kModify);
    // An account is enabled only once it stands in its place, and moved away only once it is disabled.
    if (update.plan.new_name.has_value()) {
      update.steps.insert(operation.action == Action::kEnable ? update.steps.begin() : update.steps.end(),
                          Step::kRename);
    }
    updates.push_back(std::move(update));
  }
}

// "Not there" is believed where one can look: when the place in which the object stood last shows itself. Otherwise the
// right to read may be gone, and what was to be shut out would count as shut out.
void Writer::FinishUnseen(const Works& works) {
  std::map<std::string, std::string> places;  // Key -> name.
  const auto place_of = [&](const Operation& operation) {
    auto name = Dn::Parse(operation.object_name);
    const Dn& base = directory_.layout().base;
    if (!name.ok() || !name->IsWithin(base) || name->parts().size() <= base.parts().size() + 1) return Dn();
    return name->Parent();
  };
  for (const Work* work : works) {
    if (const Dn place = place_of(*work->operation); !place.empty()) places[place.Key()] = place.ToString();
  }
  std::vector<Request> requests;
  for (const auto& [key, name] : places)
    requests.push_back(Request::Search(name, LDAP_SCOPE_BASE, "(objectClass=*)", {"objectClass"}));
  const std::vector<Response> responses = directory_.client().Run(std::move(requests), Timeout());
  std::map<std::string, const Response*> by_place;
  size_t at = 0;
  for (const auto& [key, name] : places) by_place[key] = &responses[at++];
  for (Work* work : works) {
    const Operation& operation = *work->operation;
    const auto place = by_place.find(place_of(operation).Key());
    if (place == by_place.end() || (place->second->ok() && !place->second->entries.empty())) {
      work->Finish(ResultOfGone(operation));
    } else if (place->second->fate != Fate::kAnswered) {
      work->Finish(Result::Failed(ErrorOf(place->second->status)));
    } else {
      work->Finish(
          Result::Failed(Error(Reason::kForbidden, "AD-044",
                               absl::StrCat("neither the ", operation.object_class,
                                            " nor the place where it stood can be seen: the "
                                            "container is gone, or the service account may not read it any more"))
                             .Object(operation.object_class, operation.object_id)));
    }
  }
}

void Writer::EnsureTargets(std::vector<Updating>& updates) {
  std::vector<Dn> wanted;
  for (const Updating& update : updates) {
    if (update.plan.container.has_value()) wanted.push_back(*update.plan.container);
  }
  if (wanted.empty()) return;
  auto containers = directory_.containers().Ensure(wanted, deadline_);
  for (Updating& update : updates) {
    if (!update.plan.container.has_value()) continue;
    auto& container = containers.at(update.plan.container->Key());
    if (!container.ok()) {
      update.error = Error::From(container.status());
      continue;
    }
    for (const Dn& made : *container) {
      update.work->written.push_back(
          {kContainer, Value::Empty(), Value(made.RelativeTo(directory_.layout().base)->ToString())});
    }
    container->clear();
  }
}

void Writer::RunStep(std::vector<Updating>& updates, size_t number, bool last) {
  std::vector<Request> requests;
  std::vector<Updating*> sent;
  for (Updating& update : updates) {
    if (update.work->done || update.again || update.taken || update.error.has_value() || update.steps.size() <= number)
      continue;
    const std::string& id = update.work->operation->object_id;
    if (update.steps[number] == Updating::Step::kModify) {
      requests.push_back(Request::Modify(GuidDn(id), update.plan.modifications));
    } else {
      const Dn& name = *update.plan.new_name;
      requests.push_back(Request::Rename(update.entry->dn, Dn({name.parts()[0]}).ToString(),
                                         update.plan.container.has_value() ? update.plan.container->ToString() : ""));
    }
    sent.push_back(&update);
  }
  const std::vector<Response> responses = directory_.client().Run(std::move(requests), Timeout());
  for (size_t i = 0; i < sent.size(); ++i)
    AcceptStep(*sent[i], responses[i], sent[i]->steps[number] == Updating::Step::kRename, last);
}

void Writer::AcceptStep(Updating& update, const Response& response, bool is_rename, bool last) {
  Work& work = *update.work;
  if (response.ok()) {
    const auto& changes = is_rename ? update.plan.renamed : update.plan.modified;
    work.written.insert(work.written.end(), changes.begin(), changes.end());
    return;
  }
  if (FinishUnanswered(work, response)) return;
  const Trouble trouble = TroubleOf(response);
  if (trouble == Trouble::kTaken) update.taken = true;
  const bool moved_under_us =
      trouble == Trouble::kStale || trouble == Trouble::kParentMissing || trouble == Trouble::kGone;
  if (moved_under_us && is_rename) directory_.containers().Forget();
  if (moved_under_us && !last) {
    update.again = true;  // Gone as well: the next reading says so.
    return;
  }
  update.error = WithProtection(ErrorOf(response, is_rename ? "to rename or move the object" : "to change the object"),
                                *update.entry);
}

void Writer::ExplainTaken(std::vector<Updating>& updates) {
  std::vector<std::string> filters;
  const auto wanted_of = [](const Updating& update) {
    Wanted wanted;
    wanted.own_id = update.work->operation->object_id;
    wanted.name = update.plan.new_name;
    for (const Modification& modification : update.plan.modifications) {
      if (modification.values.empty()) continue;
      if (absl::EqualsIgnoreCase(modification.attribute, "sAMAccountName"))
        wanted.account_name = modification.values[0];
      if (absl::EqualsIgnoreCase(modification.attribute, "userPrincipalName"))
        wanted.principal_name = modification.values[0];
    }
    return wanted;
  };
  for (const Updating& update : updates) {
    if (!update.taken) continue;
    const auto more = TakenFilters(wanted_of(update));
    filters.insert(filters.end(), more.begin(), more.end());
  }
  if (filters.empty()) return;
  const auto entries = directory_.FindAny(filters, {"sAMAccountName", "userPrincipalName"}, deadline_);
  if (!entries.ok()) return;
  for (Updating& update : updates) {
    if (update.taken) AddTaken(wanted_of(update), *entries, *update.error);
  }
}

void Writer::Settle(Updating& update) {
  Work& work = *update.work;
  if (work.done || update.again) return;
  const Operation& operation = *work.operation;
  Result result;
  if (update.error.has_value()) {
    result = work.written.empty() ? Result::Failed(*update.error) : Result::PartlyApplied(*update.error);
    result.object_id = operation.object_id;
  } else {
    result = work.written.empty() ? Result::NoChange(operation.object_id) : Result::Applied(operation.object_id);
  }
  const bool renamed = !update.error.has_value() && update.plan.new_name.has_value();
  result.Named(renamed ? update.plan.new_name->ToString() : update.entry->dn);
  result.changes = work.written;
  work.Finish(std::move(result));
}

void Writer::SetCredentials(const Works& works) {
  std::vector<Request> requests;
  Works sent;
  for (Work* work : works) {
    auto password = PasswordOf(*work->operation);
    if (password.ok() && password->empty()) {
      password = Error(Reason::kInvalid, "AD-031", "there is no password in the operation").AsStatus();
    }
    if (!password.ok()) {
      work->Finish(Result::Failed(password.status()));
      continue;
    }
    requests.push_back(Request::Modify(GuidDn(work->operation->object_id),
                                       {{Modification::Kind::kReplace, "unicodePwd", {*std::move(password)}}}));
    sent.push_back(work);
  }
  const std::vector<Response> responses = directory_.client().Run(std::move(requests), Timeout());
  for (size_t i = 0; i < sent.size(); ++i) {
    Work& work = *sent[i];
    if (responses[i].ok()) {
      work.Finish(Result::Applied(work.operation->object_id));
    } else if (FinishUnanswered(work, responses[i])) {
      continue;
    } else if (TroubleOf(responses[i]) == Trouble::kGone) {
      work.Finish(Result::Failed(Gone(*work.operation)));
    } else {
      work.Finish(Result::Failed(ErrorOf(responses[i], "the password")));
    }
  }
}

void Writer::Delete(const Works& works) {
  std::set<std::string> ids;
  for (const Work* work : works) ids.insert(work->operation->object_id);
  const auto found = directory_.FindByIds(ids, {"adminCount", "member"}, deadline_);
  if (!found.ok()) {
    for (Work* work : works) work->Finish(Result::Failed(found.status()));
    return;
  }
  Works unseen;
  for (Work* work : works) {
    const auto entry = found->find(work->operation->object_id);
    // The id of something else than what the host means is never deleted.
    if (entry == found->end() || !IsOfClass(entry->second, work->operation->object_class)) {
      unseen.push_back(work);
    } else if (work->operation->object_class == kGroup && HasMembers(entry->second)) {
      // Groups and machines among them, which the host does not see.
      work->Finish(Result::Failed(Error(Reason::kConflict, "AD-047",
                                        "the group still has members that came from somebody else; take them out of "
                                        "it, or keep the group")));
    }
  }
  FinishUnseen(unseen);
  // An account can hold objects of its own (devices that synchronise mail): it goes with them, at the second try.
  for (const bool with_children : {false, true}) {
    std::vector<Request> requests;
    Works sent;
    for (Work* work : works) {
      if (work->done) continue;
      Request request = Request::Delete(GuidDn(work->operation->object_id));
      request.with_children = with_children;
      requests.push_back(std::move(request));
      sent.push_back(work);
    }
    const std::vector<Response> responses = directory_.client().Run(std::move(requests), Timeout());
    for (size_t i = 0; i < sent.size(); ++i) {
      Work& work = *sent[i];
      const Entry& entry = found->at(work.operation->object_id);
      if (responses[i].ok()) {
        work.Finish(Result::Applied(work.operation->object_id).Named(entry.dn));
      } else if (FinishUnanswered(work, responses[i])) {
        continue;
      } else if (TroubleOf(responses[i]) == Trouble::kGone) {
        work.Finish(ResultOfGone(*work.operation));
      } else if (TroubleOf(responses[i]) != Trouble::kHasChildren || with_children ||
                 work.operation->object_class != kAccount) {
        work.Finish(Result::Failed(WithProtection(ErrorOf(responses[i], "to delete the object"), entry)));
      }
    }
  }
}

}  // namespace sluice::active_directory
