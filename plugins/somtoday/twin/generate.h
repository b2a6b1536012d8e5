// Makes a school board from a seed, and the class groups of any of its school years.
//
// The same size, seed and day give the same board, byte for byte. Nothing here locks: the caller owns the School.
#ifndef PLUGINS_SOMTODAY_TWIN_GENERATE_H_
#define PLUGINS_SOMTODAY_TWIN_GENERATE_H_

#include <string>
#include <string_view>
#include <vector>

#include "plugins/somtoday/twin/names.h"
#include "plugins/somtoday/twin/school.h"

namespace sluice::somtoday_twin {

struct SchoolSize {
  int pupils = 900;
  int staff = 120;
  int locations = 3;
  uint64_t seed = 7;
};

// The board as it is on `today`, with the placements and class groups of that day's school year only.
School GenerateSchool(const SchoolSize& size, Day today);

// Index of the stamgroep with this letter (0 is A); makes it when it is not there.
uint32_t EnsureStamgroep(School& school, const CohortKey& key, int letter);

// Makes the class groups that the stamgroepen of a year need and do not have, with their teachers.
void EnsureLesgroepen(School& school, int school_year);

// Makes pupil `index` a member of exactly the class groups that go with `placement`, from `from` on; others of that
// school year end the day before.
void FollowPlacement(School& school, uint32_t index, const Placement& placement, Day from);

Placement MakePlacement(School& school, uint32_t stamgroep, Day start, Day end);

// Adds a pupil without a placement; gives the index.
uint32_t AddPupil(School& school, const PersonName& name, int64_t number, Day birth);
// Adds a member of staff of `vestiging`; gives the index.
uint32_t AddStaff(School& school, const PersonName& name, int number, std::string functie, int vestiging);

}  // namespace sluice::somtoday_twin

#endif  // PLUGINS_SOMTODAY_TWIN_GENERATE_H_
