#include "host/core/snapshot.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace sluice::core {
namespace {

Value DayOrEmpty(const std::optional<absl::CivilDay>& day) { return day ? Value::Date(*day) : Value::Empty(); }

void CompareFields(const Fields& before, const Fields& after, const std::string& prefix, const std::string& contract_id,
                   std::vector<FieldChange>& changes) {
  auto a = before.begin();
  auto b = after.begin();
  while (a != before.end() || b != after.end()) {
    bool has_a = b == after.end() || (a != before.end() && a->first <= b->first);
    bool has_b = a == before.end() || (b != after.end() && b->first <= a->first);
    FieldChange change;
    change.contract_id = contract_id;
    change.path = absl::StrCat(prefix, has_a ? a->first : b->first);
    if (has_a) change.before = (a++)->second;
    if (has_b) change.after = (b++)->second;
    if (!(change.before == change.after)) changes.push_back(std::move(change));
  }
}

void CompareContracts(const Contract& before, const Contract& after, std::vector<FieldChange>& changes) {
  std::vector<FieldChange> fields;
  CompareFields(before.fields, after.fields, "contract.", before.id, fields);
  auto add = [&](const char* path, Value was, Value is) {
    if (!(was == is)) fields.push_back({before.id, path, std::move(was), std::move(is)});
  };
  add("contract.start", Value::Date(before.start), Value::Date(after.start));
  add("contract.end", DayOrEmpty(before.end), DayOrEmpty(after.end));
  add("contract.last_seen", DayOrEmpty(before.last_seen), DayOrEmpty(after.last_seen));
  std::sort(fields.begin(), fields.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  std::move(fields.begin(), fields.end(), std::back_inserter(changes));
}

std::vector<FieldChange> ChangesOf(const Person& before, const Person& after) {
  std::vector<FieldChange> changes;
  CompareFields(before.fields, after.fields, "person.", "", changes);
  auto a = before.contracts.begin();
  auto b = after.contracts.begin();
  while (a != before.contracts.end() || b != after.contracts.end()) {
    if (b == after.contracts.end() || (a != before.contracts.end() && a->id < b->id)) {
      changes.push_back({a->id, "contract", Value::Text(a->type), Value::NotVisible()});
      ++a;
    } else if (a == before.contracts.end() || b->id < a->id) {
      changes.push_back({b->id, "contract", Value::NotVisible(), Value::Text(b->type)});
      ++b;
    } else {
      CompareContracts(*a++, *b++, changes);
    }
  }
  return changes;
}

// Whether nothing happened but that fields are no longer visible.
bool IsOnlyLessVisible(const std::vector<FieldChange>& changes) {
  return std::all_of(changes.begin(), changes.end(), [](const FieldChange& change) {
    if (absl::string_view(change.path) == absl::StrCat("contract.", Contract::kEndIsHidden)) return true;
    return change.path != "contract" && !change.after.is_visible();
  });
}

void ComparePersons(const Person& before, const Person& after, SnapshotDiff& diff) {
  if (before.held_back.empty() && !after.held_back.empty()) diff.held_back.push_back(after.id);
  if (!before.held_back.empty() && after.held_back.empty()) diff.released.push_back(after.id);
  if (!before.last_seen && after.last_seen) {
    diff.removed.push_back(after.id);
    return;
  }
  PersonChange change;
  change.person_id = after.id;
  change.has_returned = before.last_seen && !after.last_seen;
  change.fields = ChangesOf(before, after);
  if (change.fields.empty() && !change.has_returned) return;
  if (!change.has_returned && IsOnlyLessVisible(change.fields)) {
    diff.less_visible.push_back(after.id);
  } else {
    diff.changed.push_back(std::move(change));
  }
}

}  // namespace

const Person* Snapshot::Find(absl::string_view person_id) const {
  auto found = std::lower_bound(persons.begin(), persons.end(), person_id,
                                [](const auto& person, absl::string_view id) { return person->id < id; });
  return found != persons.end() && (*found)->id == person_id ? found->get() : nullptr;
}

std::map<std::string, std::string> ExternalIdHolders(const Snapshot& snapshot) {
  std::map<std::string, std::string> holders;
  for (const auto& person : snapshot.persons) {
    const bool has_anothers =
        std::any_of(person->held_back.begin(), person->held_back.end(),
                    [](const std::string& reason) { return absl::StrContains(reason, kHasTheExternalIdOf); });
    if (!has_anothers && !person->external_id.empty()) holders.emplace(person->external_id, person->id);
  }
  return holders;
}

bool SnapshotDiff::IsEmpty() const {
  return added.empty() && removed.empty() && changed.empty() && held_back.empty() && released.empty() &&
         less_visible.empty();
}

std::map<std::string, std::vector<std::string>> SnapshotDiff::ThresholdIds() const {
  std::vector<std::string> changed_ids;
  for (const PersonChange& change : changed) changed_ids.push_back(change.person_id);
  return {{"people_added", added},
          {"people_removed", removed},
          {"people_changed", std::move(changed_ids)},
          {"held_back", held_back}};
}

SnapshotDiff Diff(const Snapshot& before, const Snapshot& after) {
  SnapshotDiff diff;
  auto a = before.persons.begin();
  auto b = after.persons.begin();
  while (a != before.persons.end() || b != after.persons.end()) {
    if (b == after.persons.end() || (a != before.persons.end() && (*a)->id < (*b)->id)) {
      if (!(*a)->last_seen) diff.removed.push_back((*a)->id);
      ++a;
    } else if (a == before.persons.end() || (*b)->id < (*a)->id) {
      if (!(*b)->last_seen) diff.added.push_back((*b)->id);
      if (!(*b)->held_back.empty()) diff.held_back.push_back((*b)->id);
      ++b;
    } else {
      if (*a != *b) ComparePersons(**a, **b, diff);
      ++a;
      ++b;
    }
  }
  return diff;
}

}  // namespace sluice::core
