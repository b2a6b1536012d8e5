// Correlation keys that would be written: no account is given the key of another one, so that a number that was typed
// onto the wrong person never makes two accounts look like one person's.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "host/core/target_planner.h"

namespace sluice::core {

// What was written to held accounts and may be newer than what the target showed.
void TargetPlanner::FindWrittenKeys() {
  for (const Grant& grant : input_.state->grants) {
    if (grant.system != system_.name || grant.kind != EntitlementKind::kAccount || grant.object_id.empty() ||
        grant.state == GrantState::kAbsent) {
      continue;
    }
    if (grant.since < observed_.as_of && index_.Find(system_.account_class, grant.object_id) != nullptr) continue;
    std::vector<std::pair<std::string, Value>> values;
    for (const FieldMapping& field : system_.correlate) {
      values.emplace_back(field.field, ValueIn(grant.desired, field.field));
    }
    for (const std::string& key : CorrelationKeys(values)) held_.by_new_key[key].insert(grant.object_id);
  }
}

// What this plan would write to an attribute of an account that is there; not visible: nothing.
Value TargetPlanner::Written(const Case& c, const std::string& attribute) const {
  const TargetAttribute* info = mapping_.Attribute(system_.account_class, attribute);
  if (info != nullptr && !info->updatable) return Value();
  Value after = ValueIn(c.values.always, attribute);
  if (!after.is_visible() && c.account_state() == GrantState::kRetired) {
    after = ValueIn(c.account->before_retirement, attribute);
  }
  if (c.account_state() == GrantState::kAbsent) return after;  // It is taken over.
  const Value& before = ValueIn(c.account->desired, attribute);
  if (before.is_visible() && mapping_.IsSame(system_.account_class, attribute, before, after)) return Value();
  return after;
}

// The values by which the account of a person is found: as they are, or as this plan would leave them.
std::vector<std::pair<std::string, Value>> TargetPlanner::KeyValues(const Case& c, bool is_after) const {
  const bool is_held = c.account_state() != GrantState::kAbsent;
  const bool is_new = !is_held && c.match.accounts.empty();
  const std::string account = is_held ? c.account->object_id : is_new ? "" : c.match.accounts.front()->id;
  const Record* observed = is_new ? nullptr : index_.Find(system_.account_class, account);
  std::vector<std::pair<std::string, Value>> values;
  for (const FieldMapping& field : system_.correlate) {
    const std::string& attribute = field.field;
    Value value = is_held ? ValueIn(c.account->desired, attribute) : Value();
    // Once it was written, what the target showed may be older; before, it says more.
    if (observed != nullptr && (!value.is_visible() || c.account->since < observed_.as_of)) {
      value = ValueIn(observed->attributes, attribute);
    }
    if (is_after) {
      Value after = is_new ? ValueIn(c.values.always, attribute) : Written(c, attribute);
      if (is_new && !after.is_visible()) after = ValueIn(c.values.on_create, attribute);
      if (after.is_visible()) value = std::move(after);
    }
    values.emplace_back(attribute, std::move(value));
  }
  return values;
}

// Which keys the plan would give to the account of `c` that it does not have.
void TargetPlanner::FindNewKeys(Case& c) const {
  if (c.is_frozen || !c.wants_account() || c.account_state() == GrantState::kUnmanaged) return;
  if (c.account_state() == GrantState::kAbsent) {
    if (!c.match.problem.empty()) return;
  } else if (std::none_of(system_.correlate.begin(), system_.correlate.end(),
                          [&](const FieldMapping& field) { return Written(c, field.field).is_visible(); })) {
    return;
  }
  const std::set<std::string> own = CorrelationKeys(KeyValues(c, false));
  for (const std::string& key : CorrelationKeys(KeyValues(c, true))) {
    if (!own.contains(key)) c.new_keys.insert(key);
  }
}

std::set<std::string> TargetPlanner::AccountsWith(const std::string& key) const {
  std::set<std::string> accounts;
  for (const Record* account : index_.Matching(key)) accounts.insert(account->id);
  const auto written = held_.by_new_key.find(key);
  if (written != held_.by_new_key.end()) accounts.insert(written->second.begin(), written->second.end());
  return accounts;
}

// Whether the account of `c` gets another key by this plan and so no longer has this one.
bool TargetPlanner::GivesUp(const Case& c, const std::string& key) const {
  if (c.new_keys.empty() || !c.key_problem.empty() || !c.values.problem.empty() || c.is_open) return false;
  if (CorrelationKeys(KeyValues(c, true)).contains(key)) return false;
  for (const AttributeChange& change :
       Differences(c, c.account->desired, index_.Find(system_.account_class, c.account->object_id))) {
    if (!NameProblem(c, change.attribute, change.after).empty()) return false;
  }
  return true;
}

std::string TargetPlanner::KeyProblem(const Case& c) const {
  const std::string what = absl::StrCat(CorrelationAttributes(system_), " of person ", c.person().id);
  constexpr char kRemedy[] = "; correct one of the two in the source";
  for (const std::string& key : c.new_keys) {
    for (const std::string& other : wanted_keys_.at(key)) {
      if (other != c.person().id) return absl::StrCat(what, " would be the same as that of person ", other, kRemedy);
    }
    for (const std::string& account : AccountsWith(key)) {
      if (c.account_state() != GrantState::kAbsent && account == c.account->object_id) continue;
      const auto holder = held_.holders.find(account);
      if (holder == held_.holders.end()) {
        return absl::StrCat(what, " would be the same as that of account ", account,
                            ", which nobody holds; remove it there, or correct it in the source");
      }
      const auto held = by_account_.find(account);
      if (held != by_account_.end() && GivesUp(*held->second, key)) continue;
      return absl::StrCat(what, " would be the same as that of account ", account, ", which person ", holder->second,
                          " holds", kRemedy);
    }
  }
  return "";
}

// Who would get a key that another one has, or wants, is held back; but those who give theirs up in the same plan do no
// harm, so that two numbers that were exchanged are set right.
void TargetPlanner::SettleKeys() {
  if (system_.correlate.empty()) return;
  std::vector<Case*> writers;
  for (Case& c : cases_) {
    FindNewKeys(c);
    if (c.new_keys.empty()) continue;
    writers.push_back(&c);
    for (const std::string& key : c.new_keys) wanted_keys_[key].insert(c.person().id);
  }
  if (writers.empty()) return;
  for (const Case& c : cases_) {
    if (c.account_state() != GrantState::kAbsent && !c.account->object_id.empty()) {
      by_account_.emplace(c.account->object_id, &c);
    }
    if (c.is_frozen || !c.wants_account()) continue;
    const auto wanted = wanted_keys_.find(c.key);
    if (wanted != wanted_keys_.end()) wanted->second.insert(c.person().id);
  }
  for (bool has_changed = true; has_changed;) {
    has_changed = false;
    for (Case* c : writers) {
      if (!c->key_problem.empty()) continue;
      c->key_problem = KeyProblem(*c);
      has_changed |= !c->key_problem.empty();
    }
  }
}

// Who gets a key waits for who gives it up; those who exchange theirs cannot wait for each other.
void TargetPlanner::OrderKeys() {
  std::map<std::string, std::set<std::string>> after;  // Operation -> those that come before it.
  for (const Case& c : cases_) {
    if (c.new_keys.empty() || c.key_operation.empty()) continue;
    for (const std::string& key : c.new_keys) {
      for (const std::string& account : AccountsWith(key)) {
        const auto held = by_account_.find(account);
        if (held == by_account_.end() || held->second == &c || held->second->key_operation.empty()) continue;
        after[c.key_operation].insert(held->second->key_operation);
      }
    }
  }
  const auto comes_before = [&](const std::string& first, const std::string& second) {
    std::set<std::string> seen;
    std::vector<std::string> open = {second};
    while (!open.empty()) {
      const std::string id = std::move(open.back());
      open.pop_back();
      const auto earlier = after.find(id);
      if (earlier == after.end()) continue;
      for (const std::string& one : earlier->second) {
        if (one == first) return true;
        if (seen.insert(one).second) open.push_back(one);
      }
    }
    return false;
  };
  for (PlannedOperation& operation : plan_->operations) {
    const auto earlier = after.find(operation.id);
    if (earlier == after.end()) continue;
    for (const std::string& id : earlier->second) {
      if (!comes_before(operation.id, id)) operation.depends_on.push_back(id);
    }
  }
}

// Who has no key may have an account that nobody can find.
void TargetPlanner::WarnWithoutKey() {
  if (system_.correlate.empty()) return;
  std::vector<std::string> without;
  for (const Case& c : cases_) {
    if (c.account_state() != GrantState::kAbsent || c.is_open || !c.has_account || !c.key.empty()) continue;
    if (!input_.state->links.contains({c.person().id, system_.name})) without.push_back(NumberOf(c.person().id));
  }
  if (without.empty()) return;
  constexpr size_t kShown = 5;
  const size_t count = without.size();
  without.resize(std::min(count, kShown));
  plan_->warnings.push_back(absl::StrCat(system_.name, ": ", count, count == 1 ? " person has no " : " people have no ",
                                         CorrelationAttributes(system_), " by which an account could be found, and ",
                                         count == 1 ? "gets" : "get", " a new one (", absl::StrJoin(without, ", "),
                                         count > kShown ? ", ...)" : ")"));
}

}  // namespace sluice::core
