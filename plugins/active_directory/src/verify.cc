// What became of operations whose answers were lost: read, compare, and say so. A password cannot be read: it is "not
// done", since setting it again does no harm.
#include <utility>

#include "absl/strings/str_cat.h"
#include "plugins/active_directory/src/refusal.h"
#include "plugins/active_directory/src/writer.h"

namespace sluice::active_directory {

using connector::Action;
using connector::Error;
using connector::Operation;
using connector::Reason;
using connector::Result;
using connector::Verdict;

namespace {

bool IsMembership(Action action) { return action == Action::kGrant || action == Action::kRevoke; }

Result DoneFor(const Operation& operation, const std::string& id, const std::string& name) {
  Result result = Result::Applied(id).Named(name);
  result.operation = operation.id;
  return result;
}

}  // namespace

std::vector<Verdict> Writer::Verify(const std::vector<Operation>& operations) {
  std::set<std::string> ids, names;
  std::vector<const Operation*> creations, memberships;
  for (const Operation& operation : operations) {
    if (operation.action == Action::kCreate) {
      creations.push_back(&operation);
    } else if (IsMembership(operation.action)) {
      memberships.push_back(&operation);
    } else {
      ids.insert(operation.object_id);
    }
    for (const connector::Delta& delta : operation.deltas) {
      for (const std::string& name : LdapAttributesFor({delta.attribute})) names.insert(name);
    }
  }
  names.insert("userAccountControl");
  std::map<std::string, Verdict> by_id = VerifyMembers(memberships);
  auto schema = directory_.Schema();
  const absl::StatusOr<std::map<std::string, Entry>> found =
      schema.ok() ? directory_.FindByIds(ids, {names.begin(), names.end()}) : schema.status();
  std::vector<Verdict> verdicts;
  if (found.ok()) by_id.merge(VerifyCreates(creations, **schema));
  for (const Operation& operation : operations) {
    if (const auto known = by_id.find(operation.id); known != by_id.end()) {
      verdicts.push_back(known->second);
    } else if (!found.ok()) {
      verdicts.push_back(Verdict::Unknown(Error::From(found.status())));
    } else {
      verdicts.push_back(VerifyOne(operation, *found, **schema));
    }
  }
  return verdicts;
}

std::map<std::string, Verdict> Writer::VerifyCreates(const std::vector<const Operation*>& operations,
                                                     const DirectorySchema& schema) {
  std::map<std::string, Verdict> verdicts;
  std::vector<std::string> filters;
  std::set<std::string> attributes;
  for (const Operation* operation : operations) {
    // Without a key of its own, an object is known by its name and place.
    std::string filter = CorrelationFilter(operation->correlate);
    if (filter.empty()) {
      auto plan = PlanCreate(*operation, schema, directory_.layout().base);
      if (plan.ok()) filter = Equals("distinguishedName", plan->name.ToString());
    }
    if (!filter.empty()) filters.push_back(filter);
    const auto more = CorrelationAttributes(operation->correlate);
    attributes.insert(more.begin(), more.end());
  }
  const auto entries = directory_.FindAny(filters, {attributes.begin(), attributes.end()});
  for (const Operation* operation : operations) {
    if (!entries.ok()) {
      verdicts[operation->id] = Verdict::Unknown(Error::From(entries.status()));
      continue;
    }
    const bool has_key = !CorrelationFilter(operation->correlate).empty();
    auto plan = PlanCreate(*operation, schema, directory_.layout().base);
    std::vector<const Entry*> hits;
    for (const Entry& entry : *entries) {
      auto name = Dn::Parse(entry.dn);
      const bool hit = has_key ? Matches(entry, operation->correlate, schema, directory_.layout().base)
                               : plan.ok() && name.ok() && name->Key() == plan->name.Key();
      if (hit && IsOfClass(entry, operation->object_class)) hits.push_back(&entry);
    }
    if (hits.empty()) {
      verdicts[operation->id] = Verdict::NotDone();
    } else if (hits.size() == 1) {
      verdicts[operation->id] = Verdict::Done(DoneFor(*operation, hits[0]->Guid(), hits[0]->dn));
    } else {
      Error error(Reason::kAmbiguous, "AD-070", absl::StrCat(hits.size(), " objects match the correlation keys"));
      for (const Entry* hit : hits) error.Candidate(operation->object_class, hit->Guid());
      verdicts[operation->id] = Verdict::Unknown(std::move(error));
    }
  }
  return verdicts;
}

Verdict Writer::VerifyOne(const Operation& operation, const std::map<std::string, Entry>& found,
                          const DirectorySchema& schema) {
  const auto entry = found.find(operation.object_id);
  const bool there = entry != found.end() && IsOfClass(entry->second, operation.object_class);
  if (operation.action == Action::kDelete)
    return there ? Verdict::NotDone() : Verdict::Done(DoneFor(operation, operation.object_id, ""));
  if (operation.action == Action::kDisable && !there) return Verdict::Done(DoneFor(operation, operation.object_id, ""));
  if (!there || operation.action == Action::kSetCredential) return Verdict::NotDone();
  std::optional<bool> enable;
  if (operation.action == Action::kEnable) enable = true;
  if (operation.action == Action::kDisable) enable = false;
  auto plan = PlanUpdate(operation, entry->second, enable, schema, directory_.layout().base);
  if (!plan.ok()) return Verdict::Unknown(Error::From(plan.status()));
  return plan->nothing() ? Verdict::Done(DoneFor(operation, operation.object_id, entry->second.dn))
                         : Verdict::NotDone();
}

std::map<std::string, Verdict> Writer::VerifyMembers(const std::vector<const Operation*>& operations) {
  std::map<std::string, Verdict> verdicts;
  std::map<std::string, std::vector<const Operation*>> by_group;
  for (const Operation* operation : operations) {
    if (operation->permission.has_value()) by_group[operation->permission->object_id].push_back(operation);
  }
  for (const auto& [group, some] : by_group) {
    std::set<std::string> accounts;
    for (const Operation* operation : some) accounts.insert(operation->object_id);
    bool group_there = false;
    const auto members = ReadMembers(group, accounts, group_there);
    for (const Operation* operation : some) {
      if (!members.ok()) {
        verdicts[operation->id] = Verdict::Unknown(Error::From(members.status()));
        continue;
      }
      const bool is_member = members->at(operation->object_id).member;
      const bool done = is_member == (operation->action == Action::kGrant);
      verdicts[operation->id] =
          done ? Verdict::Done(DoneFor(*operation, operation->object_id, "")) : Verdict::NotDone();
    }
  }
  return verdicts;
}

}  // namespace sluice::active_directory
