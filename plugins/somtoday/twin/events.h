// Things that happen at a school: what a day changes, and the roll-over to the next school year.
//
// An event is a JSON object with a `type`; its answer names the records that it touched. An event that does not fit the
// school (an unknown pupil, a class that does not exist) is InvalidArgument and changes nothing.
// The caller owns the School and holds its lock.
#ifndef PLUGINS_SOMTODAY_TWIN_EVENTS_H_
#define PLUGINS_SOMTODAY_TWIN_EVENTS_H_

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"
#include "plugins/somtoday/twin/school.h"

namespace sluice::somtoday_twin {

using Json = nlohmann::ordered_json;

// new_pupil, class_change, leaver, return, marriage, staff_role, new_staff, staff_leaver, staff_vestigingen, patch,
// remove, restore, school_year; see README.md for their members. Dates that are not given follow from `today`.
absl::StatusOr<Json> ApplyEvent(School& school, const Json& event, Day today);

// Day 1: a new pupil, a class change, a change of role, a marriage, a leaver. Day 2: the leaver returns. Day 3: the
// next school year is prepared, with one who repeats the year.
absl::StatusOr<Json> PlayDay(School& school, int number, Day today);

}  // namespace sluice::somtoday_twin

#endif  // PLUGINS_SOMTODAY_TWIN_EVENTS_H_
