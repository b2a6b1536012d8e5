#include "host/engine/confirmation.h"

#include <set>
#include <tuple>
#include <utility>

#include "host/base/status.h"
#include "host/core/joining.h"

namespace sluice::engine {

absl::StatusOr<bool> Confirmation::IsAllKnown(const std::shared_ptr<const core::Configuration>& configuration,
                                              const std::string& system, core::ImportedData& data, absl::CivilDay as_of,
                                              int64_t tombstone_days) const {
  ASSIGN_OR_RETURN(const std::shared_ptr<const core::Snapshot> snapshot, context_.store->LoadSnapshot());
  {
    absl::MutexLock lock(&mutex_);
    if (mapped_with_ == nullptr || mapped_with_ != configuration || snapshot_ != snapshot->sequence) return false;
  }
  if (core::ChangesHands(*snapshot, *configuration, as_of)) return false;
  const std::set<std::pair<std::string, std::string>> complete = core::CompleteClasses(data);
  core::SortAndJoin(data.records);
  // A class that was not read may hold nothing, as one that the settings leave out.
  const core::RawKey* last = nullptr;
  core::RawKey last_complete;
  const auto is_complete = [&](const core::RawKey& key) {
    if (last == nullptr || last->scope != key.scope || last->object_class != key.object_class) {
      if (!complete.contains({key.scope, key.object_class})) return false;
      last_complete = key;
      last = &last_complete;
    }
    return true;
  };
  auto next = data.records.begin();
  bool is_known = true;
  const auto visit = [&](const store::RawFacts& facts) {
    const bool is_said =
        next != data.records.end() && std::tie(next->scope, next->object_class, next->id) ==
                                          std::tie(facts.key.scope, facts.key.object_class, facts.key.id);
    if (facts.last_seen) {  // Gone before: it stays so until its time is over, and its day is not its class's.
      is_known = !is_said && !facts.is_confirmed_with_class && *facts.last_seen + tombstone_days >= as_of;
    } else {
      is_known =
          is_said && is_complete(facts.key) && facts.is_confirmed_with_class && core::RecordHash(*next) == facts.hash;
    }
    if (is_said) ++next;
    return is_known;
  };
  RETURN_IF_ERROR(context_.store->VisitRawRecords(system, visit));
  return is_known && next == data.records.end();
}

void Confirmation::Remember(std::shared_ptr<const core::Configuration> configuration) {
  const auto snapshot = context_.store->LoadSnapshot();
  absl::MutexLock lock(&mutex_);
  mapped_with_ = snapshot.ok() ? std::move(configuration) : nullptr;
  snapshot_ = snapshot.ok() ? (*snapshot)->sequence : 0;
}

}  // namespace sluice::engine
