// What must have been read before something is taken away.
//
// An end says only that one place no longer has somebody; a place that could not be read that day may have got them. So
// what people have is taken away only when all that could still give it to them was last read whole, in one reading,
// and not before the day on which it became due. What could give it: the records of such people, and of contracts of
// the types that the rules speak of, as far as people of this kind have them; so pupils do not wait for a list of
// staff. Pure; must not outlive its input.
#ifndef SLUICE_HOST_CORE_UNREAD_H_
#define SLUICE_HOST_CORE_UNREAD_H_

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "host/core/plan.h"
#include "host/core/planner.h"
#include "host/core/reading.h"

namespace sluice::core {

class Unread {
 public:
  explicit Unread(const PlanInput& input);

  // What stands against taking `entitlement` of `system` from a person, of which it became due on `due`; empty:
  // nothing.
  UnreadParts Before(const Person& person, const std::string& system, const std::string& entitlement,
                     absl::CivilDay due) const;
  // The same for an object that is anybody's.
  UnreadParts BeforeAnybody(const std::string& system, const std::string& entitlement) const;

 private:
  using Types = std::optional<std::set<std::string>>;  // Of contracts; none: any.
  using Classes = std::set<std::string>;

  // Null: no rule gives it, so that no source could.
  const Types* TypesFor(const std::string& system, const std::string& entitlement) const;
  Classes ClassesOf(const SystemSpec& source, const Types& types) const;
  const Classes& ContractClassesOf(const std::string& source, const std::string& person_class) const;
  void Add(const std::string& source, const Classes& classes, absl::CivilDay due, UnreadParts& parts) const;

  const PlanInput& input_;
  // System, entitlement or "class group:" -> types of contracts that could give it.
  std::map<std::pair<std::string, std::string>, Types> types_;
  // Source, class of person -> classes of contracts that such people have. Computed when first asked for.
  mutable std::map<std::pair<std::string, std::string>, Classes> had_;
  mutable bool is_had_known_ = false;
};

// "leerling of dijk last on 3 Nov, plaatsing of dijk last on 3 Nov and 2 more"
std::string UnreadText(const UnreadParts& parts, absl::CivilDay as_of);

}  // namespace sluice::core

#endif  // SLUICE_HOST_CORE_UNREAD_H_
