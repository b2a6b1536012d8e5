#include "host/engine/snapshots.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "absl/strings/str_cat.h"
#include "host/base/status.h"
#include "host/core/joining.h"
#include "host/core/thresholds.h"
#include "host/engine/calendar.h"
#include "host/engine/world.h"

namespace sluice::engine {
namespace {

// What is there of the persons of a snapshot that records or contracts can have come to from another one: those that
// are joined, and those that are new.
class Present {
 public:
  Present(const core::Snapshot& before, const core::Snapshot& snapshot) : before_(before), snapshot_(snapshot) {}

  bool HasContract(const std::string& id) { return Ids().contains(id); }
  bool HasRecord(const core::RecordKey& record) { return Ids().contains(TextOf(record)); }

 private:
  static std::string TextOf(const core::RecordKey& record) {
    return absl::StrCat(record.system, "\n", record.scope, "\n", record.object_class, "\n", record.id);
  }
  const std::set<std::string>& Ids() {
    if (is_known_) return ids_;
    is_known_ = true;
    for (const auto& person : snapshot_.persons) {
      if (!person->fields.contains(core::kJoined) && before_.Find(person->id) != nullptr) continue;
      if (!person->last_seen) {
        for (const core::RecordKey& record : person->sources) ids_.insert(TextOf(record));
      }
      for (const core::Contract& contract : person->contracts) {
        if (!contract.last_seen) ids_.insert(contract.id);
      }
    }
    return ids_;
  }

  const core::Snapshot& before_;
  const core::Snapshot& snapshot_;
  bool is_known_ = false;
  std::set<std::string> ids_;
};

// What was in force in one class of one scope, and what of it is gone now.
struct Held {
  int64_t had = 0;
  std::vector<std::string> lost;
};
using HeldByClass = std::map<std::pair<std::string, std::string>, Held>;

// Contracts that ended by their own dates are no loss: a school year ends for everybody. Nor is what became part of
// another person.
HeldByClass LossesBetween(const core::Snapshot& before, const core::Snapshot& after, const std::string& system,
                          absl::CivilDay as_of) {
  HeldByClass held;
  Present present(before, after);
  const std::vector<std::string> lost_members = core::PeopleThatLost(before, after, system);
  const std::set<std::string> lost_a_member(lost_members.begin(), lost_members.end());
  for (const auto& person : before.persons) {
    if (!core::IsOf(*person, system) || person->last_seen) continue;
    const core::Person* now = after.Find(person->id);
    const bool is_gone = now == nullptr || now->last_seen.has_value();
    for (const core::RecordKey& source : person->sources) {
      if (source.system != system) continue;
      Held& persons = held[{source.scope, source.object_class}];
      ++persons.had;
      if (is_gone ? !present.HasRecord(source) : lost_a_member.contains(person->id)) persons.lost.push_back(person->id);
    }
    for (const core::Contract& contract : person->contracts) {
      if (contract.source.system != system) continue;
      const auto end = contract.EffectiveEnd();
      if (contract.last_seen || (end && *end < as_of)) continue;
      Held& contracts = held[{contract.source.scope, contract.source.object_class}];
      ++contracts.had;
      bool is_there = false;
      if (now != nullptr) {
        for (const core::Contract& other : now->contracts) is_there |= other.id == contract.id && !other.last_seen;
      }
      if (!is_there && !present.HasContract(contract.id)) contracts.lost.push_back(contract.id);
    }
  }
  return held;
}

bool IsJoined(const core::Configuration& configuration, const std::string& system) {
  if (!configuration.join) return false;
  const std::vector<std::string>& sources = configuration.join->sources;
  return std::find(sources.begin(), sources.end(), system) != sources.end();
}

// One that the configuration does not name is a count of 1.
core::Threshold ThresholdOf(const core::Thresholds& thresholds, const std::string& kind) {
  if (auto found = thresholds.find(kind); found != thresholds.end()) return found->second;
  core::Threshold unnamed;
  unnamed.count = 1;
  return unnamed;
}

store::BlockRecord MakeBlock(const std::string& system, const std::string& kind, const std::string& detail,
                             std::string verdict, std::vector<std::string> ids, absl::Time now) {
  std::sort(ids.begin(), ids.end());
  store::BlockRecord block;
  block.id = core::BlockId(system, kind, detail);
  block.system = system;
  block.kind = kind;
  block.detail = detail;
  block.verdict = std::move(verdict);
  block.ids = std::move(ids);
  block.state = "waiting";
  block.since = now;
  return block;
}

}  // namespace

absl::StatusOr<Candidate> Snapshots::Make(const core::Configuration& configuration, const std::string& system,
                                          const core::RawSet& raw, absl::CivilDay as_of) const {
  ASSIGN_OR_RETURN(const std::shared_ptr<const core::Snapshot> before, context_.store->LoadSnapshot());
  core::MappingOptions options;
  options.as_of = as_of;
  core::Snapshot next;
  next.as_of = as_of;
  next.configuration = configuration.hash;
  std::vector<std::string> systems;
  std::vector<core::Person> to_join;
  for (const auto& [name, spec] : configuration.systems) {
    if (!spec.is_source) continue;
    systems.push_back(name);
    core::RawSet active;
    if (name != system) {
      ASSIGN_OR_RETURN(active, context_.store->LoadRawSet(name));
    }
    options.external_id_holders = core::ExternalIdHoldersOf(*before, name);
    core::MappingResult mapped = core::MapPersons(name, spec, name == system ? raw : active, options);
    if (IsJoined(configuration, name)) {
      std::move(mapped.persons.begin(), mapped.persons.end(), std::back_inserter(to_join));
      continue;
    }
    for (core::Person& person : mapped.persons)
      next.persons.push_back(std::make_shared<const core::Person>(std::move(person)));
  }
  if (!to_join.empty()) {
    ASSIGN_OR_RETURN(const std::shared_ptr<const core::State> state, LoadState(context_));
    const core::JoinInput input{&configuration, before.get(), core::PeopleWithState(*state), as_of};
    for (core::Person& person : core::JoinPersons(std::move(to_join), input))
      next.persons.push_back(std::make_shared<const core::Person>(std::move(person)));
  }
  std::sort(next.persons.begin(), next.persons.end(), [](const auto& a, const auto& b) { return a->id < b->id; });
  return Check(std::move(next), configuration, system.empty() ? systems : std::vector<std::string>{system}, as_of);
}

absl::StatusOr<Candidate> Snapshots::Confirm(absl::CivilDay as_of) const {
  ASSIGN_OR_RETURN(const std::shared_ptr<const core::Snapshot> before, context_.store->LoadSnapshot());
  Candidate candidate;
  candidate.snapshot = *before;
  candidate.snapshot.as_of = as_of;
  candidate.counts.people = static_cast<int64_t>(before->persons.size());
  return candidate;
}

absl::StatusOr<Candidate> Snapshots::Remap(const core::Configuration& configuration, absl::CivilDay as_of) const {
  return Make(configuration, "", {}, as_of);
}

absl::StatusOr<Candidate> Snapshots::Check(core::Snapshot next, const core::Configuration& configuration,
                                           const std::vector<std::string>& systems, absl::CivilDay as_of) const {
  ASSIGN_OR_RETURN(const std::shared_ptr<const core::Snapshot> before, context_.store->LoadSnapshot());
  ASSIGN_OR_RETURN(const std::shared_ptr<const core::State> state, LoadState(context_));
  Candidate candidate;
  candidate.diff = core::Diff(*before, next);
  candidate.snapshot = std::move(next);
  candidate.counts = {
      static_cast<int64_t>(candidate.snapshot.persons.size()), static_cast<int64_t>(candidate.diff.added.size()),
      static_cast<int64_t>(candidate.diff.removed.size()), static_cast<int64_t>(candidate.diff.changed.size()),
      static_cast<int64_t>(candidate.diff.held_back.size())};
  // Where one source alone was read, what becomes of persons that are joined with its own is its doing as well.
  const auto is_of = [&](const std::string& person_id, const std::string& system) {
    const core::Person* person = candidate.snapshot.Find(person_id);
    if (person == nullptr) person = before->Find(person_id);
    if (person == nullptr) return false;
    if (core::IsOf(*person, system)) return true;
    return systems.size() == 1 && IsJoined(configuration, system) && !person->sources.empty() &&
           IsJoined(configuration, person->sources.front().system);
  };
  for (const std::string& system : systems) {
    const core::SystemSpec& spec = *configuration.FindSystem(system);
    int64_t held = 0;
    for (const auto& person : before->persons) held += core::IsOf(*person, system) && !person->last_seen;
    const std::vector<std::string> lost = core::PeopleThatLost(*before, candidate.snapshot, system);
    for (const auto& [kind, everybody] : candidate.diff.ThresholdIds()) {
      std::vector<std::string> ids;
      for (const std::string& id : everybody) {
        if (is_of(id, system)) ids.push_back(id);
      }
      // Somebody else still has them, and this source does not.
      if (kind == "people_removed") ids.insert(ids.end(), lost.begin(), lost.end());
      const int64_t count = static_cast<int64_t>(ids.size());
      const core::Threshold threshold = ThresholdOf(spec.thresholds, kind);
      if (count == 0 || !core::Reaches(threshold, count, held)) continue;
      candidate.blocks.push_back(MakeBlock(system, kind, "", core::VerdictText(kind, threshold, count, held),
                                           std::move(ids), context_.clock->Now()));
    }
    for (auto& [where, loss] : LossesBetween(*before, candidate.snapshot, system, as_of)) {
      const int64_t lost = static_cast<int64_t>(loss.lost.size());
      if (lost < core::kHalfRuleFrom || 2 * lost < loss.had) continue;
      const std::string detail = absl::StrCat(where.second, where.first.empty() ? "" : " of ", where.first);
      candidate.blocks.push_back(MakeBlock(system, "loss", detail,
                                           absl::StrCat(detail, " would lose ", lost, " of ", loss.had),
                                           std::move(loss.lost), context_.clock->Now()));
    }
  }
  for (store::BlockRecord& block : candidate.blocks) {
    for (const core::Approval& approval : state->approvals) {
      if (approval.block_id != block.id) continue;
      const bool is_covered = std::all_of(block.ids.begin(), block.ids.end(),
                                          [&](const std::string& id) { return approval.ids.contains(id); });
      if (is_covered) {
        block.state = "approved";
      } else {
        candidate.lapsed.push_back(block.id);
      }
    }
    candidate.is_blocked |= block.state == "waiting";
  }
  return candidate;
}

absl::Status Snapshots::AddTo(const Candidate& candidate, const std::string& system, const std::string& cause,
                              store::Commit& commit) const {
  ASSIGN_OR_RETURN(const std::vector<store::BlockRecord> known, context_.store->LoadBlocks());
  std::map<std::string, const store::BlockRecord*> by_id;
  for (const store::BlockRecord& block : known) by_id[block.id] = &block;
  std::set<std::string> current;
  for (store::BlockRecord block : candidate.blocks) {
    current.insert(block.id);
    auto old = by_id.find(block.id);
    if (old != by_id.end()) {
      if (block.state == "approved") {
        block.decided_by = old->second->decided_by;
        block.reason = old->second->reason;
        block.decided = old->second->decided;
      } else if (old->second->state == "waiting") {
        block.since = old->second->since;
      } else if (old->second->state == "rejected" && old->second->ids == block.ids) {
        block = *old->second;  // It was looked at, and nothing has changed.
      }
    }
    commit.blocks.push_back(std::move(block));
  }
  for (store::BlockRecord block : known) {
    const core::SystemSpec* spec = context_.configuration()->FindSystem(block.system);
    const bool is_of_a_source = spec == nullptr ? block.system != kHostSystem : spec->is_source;
    if (current.contains(block.id) || !is_of_a_source || (!system.empty() && block.system != system)) continue;
    block.state = "gone";
    commit.approvals_lapsed.push_back(block.id);
    commit.blocks.push_back(std::move(block));
  }
  commit.approvals_lapsed.insert(commit.approvals_lapsed.end(), candidate.lapsed.begin(), candidate.lapsed.end());
  if (!candidate.is_blocked) {
    // An approval of a source names people, not operations: it is used up with what it let through.
    commit.approvals_lapsed.insert(commit.approvals_lapsed.end(), current.begin(), current.end());
    commit.snapshot = candidate.snapshot;
    commit.snapshot_cause = cause;
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> Snapshots::ActivateCandidate(const std::string& system, absl::CivilDay as_of,
                                                  store::Commit& commit) const {
  absl::StatusOr<store::ImportResult> import = context_.store->LoadCandidate(system);
  const bool is_import = import.ok();
  if (absl::IsNotFound(import.status())) {  // A change of the configuration waited: the same records, mapped anew.
    import = store::ImportResult();
    ASSIGN_OR_RETURN(import->raw, context_.store->LoadRawSet(system));
  }
  RETURN_IF_ERROR(import.status());
  ASSIGN_OR_RETURN(const Candidate candidate, Make(*context_.configuration(), system, import->raw, as_of));
  RETURN_IF_ERROR(AddTo(candidate, system, "decision", commit));
  if (candidate.is_blocked) return false;
  if (!is_import) return true;
  import->is_candidate = false;
  commit.imports.push_back(*std::move(import));
  return true;
}

}  // namespace sluice::engine
