// Persons of several sources that are one person, by an exact key: between mapping and evaluation.
//
// Pure: a function of the mapped persons, the configuration, the parent snapshot and the state; the order of persons
// makes no difference. Nothing is joined in doubt: where it is not certain who belongs to whom, those concerned are
// held back and stay what they were. A person keeps its id for ever, whichever of its records comes, goes or comes
// again.
#ifndef SLUICE_HOST_CORE_JOINING_H_
#define SLUICE_HOST_CORE_JOINING_H_

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "host/core/configuration.h"
#include "host/core/person.h"
#include "host/core/snapshot.h"
#include "host/core/state.h"

namespace sluice::core {

// Key in a person's `fields` of what a joined person consists of; see MembersOf. Also where a person carries the id of
// a record that is no longer there.
inline constexpr char kJoined[] = "joined";

// One source's own person within a joined one.
struct JoinedMember {
  std::string system, object_class, id;  // Of its record.
  std::string external_id;               // As its source has it.
  std::optional<absl::CivilDay> last_seen;
  std::vector<std::string> gives;  // Fields that come from here; of the first member none: it gives all the others.
};

// By precedence; none: the person is of one source alone.
std::vector<JoinedMember> MembersOf(const Person& person);
// The source that a field of the person comes from.
std::string SourceOfField(const Person& person, absl::string_view field);
// Whether a record of this source is part of the person.
bool IsOf(const Person& person, absl::string_view system);
// Members of `system` that are gone now and were there before, of persons that live on: their persons' ids.
std::vector<std::string> PeopleThatLost(const Snapshot& before, const Snapshot& after, absl::string_view system);

// Whether fields of a person come from another source on this day than on the snapshot's: the grace of one that no
// longer has it ended in between.
bool ChangesHands(const Snapshot& snapshot, const Configuration& configuration, absl::CivilDay as_of);

// ExternalIdHolders for the mapping of one source: who holds an id there, by the ids that the mapping gives.
std::map<std::string, std::string> ExternalIdHoldersOf(const Snapshot& snapshot, absl::string_view system);

// Persons of whom the state knows something that would be lost with their ids: grants, exclusions, links.
std::set<std::string> PeopleWithState(const State& state);

struct JoinInput {
  const Configuration* configuration = nullptr;
  const Snapshot* before = nullptr;  // The parent snapshot.
  std::set<std::string> with_state;  // PeopleWithState.
  absl::CivilDay as_of;
};

// `persons`: those of all sources of the configuration's join, as they were mapped. Gives them joined, by id.
//
// - Persons of different sources whose keys are equal and not empty are one. Its contracts are those of all. A field is
//   that of the earliest source whose mapping has it, also where that is not visible today: nothing changes hands for a
//   day. A source that no longer has its record gives way to the others after its vanish_grace.
// - Of several persons of one source with one key, the one that was joined before stays so and the others are held
// back;
//   where none was, all that are still there are held back, and nobody is joined.
// - A key that is not visible, or is empty now, separates nobody; another key does: then the one whose record the
//   person's id is keeps it, and the other is a person of its own.
// - The id is the one that one of them had in the parent snapshot, else that of the earliest source's record. Where two
//   had one, it is the one that the state knows; where it knows both, they are not joined but held back.
std::vector<Person> JoinPersons(std::vector<Person> persons, const JoinInput& input);

}  // namespace sluice::core

#endif  // SLUICE_HOST_CORE_JOINING_H_
