// Which records a request may see, and in which order.

#include <algorithm>

#include "plugins/somtoday/twin/render.h"

namespace sluice::somtoday_twin {
namespace {

bool Overlaps(Day start, Day end, Day from, Day until) { return start <= until && end >= from; }

template <typename T>
void Add(std::vector<uint32_t>& list, const std::vector<T>& records, auto&& wanted) {
  for (uint32_t i = 0; i < records.size(); ++i) {
    if (wanted(records[i])) list.push_back(i);
  }
}

bool PlacedIn(const Pupil& pupil, int vestiging, const View& view) {
  return !pupil.removed &&
         std::any_of(pupil.placements.begin(), pupil.placements.end(), [&](const Placement& placement) {
           return placement.vestiging == vestiging && Overlaps(placement.start, placement.end, view.from, view.until);
         });
}

}  // namespace

View MakeView(Peil peil, Day today) {
  View view;
  view.today = today;
  view.school_year = SchoolYearOf(today) + (peil == Peil::kNext ? 1 : 0);
  view.from = peil == Peil::kNow ? today : FirstDayOf(view.school_year);
  view.until = peil == Peil::kNow ? today : LastDayOf(view.school_year);
  view.members_from = std::max(view.from, peil == Peil::kNext ? view.from : today);
  return view;
}

std::string_view EnvelopeOf(std::string_view entity) {
  if (entity == "leerling") return "leerlingen";
  if (entity == "plaatsing") return "plaatsingen";
  if (entity == "medewerker") return "medewerkers";
  if (entity == "lesgroep") return "lesgroepen";
  if (entity == "stamgroep") return "stamgroepen";
  if (entity == "vak") return "vakken";
  if (entity == "opleiding") return "opleidingen";
  return "";
}

const std::string& UuidOf(const School& school, std::string_view entity, uint32_t index) {
  if (entity == "leerling") return school.pupils[index].uuid;
  if (entity == "plaatsing") return school.pupils[index / 64].placements[index % 64].uuid;
  if (entity == "medewerker") return school.staff[index].uuid;
  if (entity == "lesgroep") return school.lesgroepen[index].uuid;
  if (entity == "stamgroep") return school.stamgroepen[index].uuid;
  if (entity == "vak") return school.vakken[index].uuid;
  return school.opleidingen[index].uuid;
}

std::vector<uint32_t> ListOf(const School& school, std::string_view entity, int vestiging, const View& view) {
  std::vector<uint32_t> list;
  if (entity == "leerling") {
    Add(list, school.pupils, [&](const Pupil& pupil) { return PlacedIn(pupil, vestiging, view); });
  } else if (entity == "plaatsing") {
    for (uint32_t i = 0; i < school.pupils.size(); ++i) {
      const Pupil& pupil = school.pupils[i];
      for (uint32_t k = 0; !pupil.removed && k < pupil.placements.size() && k < 64; ++k) {
        const Placement& placement = pupil.placements[k];
        if (placement.vestiging == vestiging && Overlaps(placement.start, placement.end, view.from, view.until))
          list.push_back(i * 64 + k);
      }
    }
  } else if (entity == "medewerker") {
    Add(list, school.staff, [&](const Staff& staff) {
      return !staff.removed && Overlaps(staff.in_service, staff.out_of_service, view.from, view.until) &&
             std::find(staff.vestigingen.begin(), staff.vestigingen.end(), vestiging) != staff.vestigingen.end();
    });
  } else if (entity == "lesgroep") {
    Add(list, school.lesgroepen, [&](const Lesgroep& group) {
      return !group.removed && group.vestiging == vestiging && group.school_year == view.school_year;
    });
  } else if (entity == "stamgroep") {
    Add(list, school.stamgroepen,
        [&](const Stamgroep& group) { return group.vestiging == vestiging && group.school_year == view.school_year; });
  } else if (entity == "vak") {
    Add(list, school.vakken, [&](const Vak& vak) { return vak.vestiging == vestiging; });
  } else {
    Add(list, school.opleidingen, [&](const Opleiding& opleiding) { return opleiding.vestiging == vestiging; });
  }
  std::sort(list.begin(), list.end(),
            [&](uint32_t a, uint32_t b) { return UuidOf(school, entity, a) < UuidOf(school, entity, b); });
  return list;
}

}  // namespace sluice::somtoday_twin
