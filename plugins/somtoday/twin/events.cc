#include "plugins/somtoday/twin/events.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "plugins/somtoday/twin/generate.h"

namespace sluice::somtoday_twin {
namespace {

absl::Status Wrong(const std::string& message) { return absl::InvalidArgumentError(message); }

std::string TextOf(const Json& event, const char* key, std::string otherwise = "") {
  const auto found = event.find(key);
  if (found == event.end()) return otherwise;
  return found->is_string() ? found->get<std::string>() : found->dump();
}

Day DayOf(const Json& event, const char* key, Day otherwise) {
  const auto day = ParseDay(TextOf(event, key));
  return day ? *day : otherwise;
}

absl::StatusOr<uint32_t> FindPupil(const School& school, const Json& event) {
  const std::string key = TextOf(event, "leerling");
  for (uint32_t i = 0; i < school.pupils.size(); ++i) {
    if (school.pupils[i].uuid == key || std::to_string(school.pupils[i].number) == key) return i;
  }
  return Wrong("no leerling " + key);
}

absl::StatusOr<uint32_t> FindStaff(const School& school, const Json& event) {
  const std::string key = TextOf(event, "medewerker");
  for (uint32_t i = 0; i < school.staff.size(); ++i) {
    if (school.staff[i].uuid == key || std::to_string(school.staff[i].number) == key) return i;
  }
  return Wrong("no medewerker " + key);
}

absl::StatusOr<int> FindVestiging(const School& school, const std::string& key) {
  for (size_t i = 0; i < school.vestigingen.size(); ++i) {
    const Vestiging& vestiging = school.vestigingen[i];
    if (key.empty() || vestiging.uuid == key || vestiging.afkorting == key || vestiging.brins[0] == key)
      return static_cast<int>(i);
  }
  return Wrong("no vestiging " + key);
}

absl::StatusOr<uint32_t> FindStamgroep(const School& school, const std::string& name, int vestiging, int school_year) {
  for (uint32_t i = 0; i < school.stamgroepen.size(); ++i) {
    const Stamgroep& group = school.stamgroepen[i];
    if (group.school_year == school_year && (vestiging < 0 || group.vestiging == vestiging) &&
        (group.naam == name || group.uuid == name))
      return i;
  }
  return Wrong("no stamgroep " + name);
}

Placement* PlacementOn(Pupil& pupil, Day day) {
  for (Placement& placement : pupil.placements) {
    if (placement.start <= day && placement.end >= day) return &placement;
  }
  return nullptr;
}

absl::StatusOr<Json> NewPupil(School& school, const Json& event, Day today) {
  const Day start = DayOf(event, "startdatum", today);
  auto vestiging = FindVestiging(school, TextOf(event, "vestiging"));
  if (!vestiging.ok()) return vestiging.status();
  auto stamgroep = FindStamgroep(school, TextOf(event, "stamgroep"), *vestiging, SchoolYearOf(start));
  if (!stamgroep.ok()) return stamgroep.status();
  int64_t number = 0;
  for (const Pupil& pupil : school.pupils) number = std::max(number, pupil.number);
  number = std::max<int64_t>(number + 1, 104300);
  if (event.contains("leerlingnummer")) number = std::stoll(TextOf(event, "leerlingnummer"));
  for (const Pupil& pupil : school.pupils) {
    if (pupil.number == number) return Wrong(absl::StrCat("leerlingnummer ", number, " is taken"));
  }
  const PersonName name{TextOf(event, "roepnaam", "Nieuw"),
                        TextOf(event, "voorletters", "N"),
                        TextOf(event, "voorvoegsel"),
                        TextOf(event, "achternaam", "Komer"),
                        false,
                        true};
  const int leerjaar = school.stamgroepen[*stamgroep].leerjaar;
  const uint32_t index = AddPupil(school, name, number, MakeDay(SchoolYearOf(start) - 11 - leerjaar, 11, 3));
  school.pupils[index].placements.push_back(MakePlacement(school, *stamgroep, start, LastDayOf(SchoolYearOf(start))));
  FollowPlacement(school, index, Placement(school.pupils[index].placements.back()), start);
  return Json{{"leerling", school.pupils[index].uuid}, {"leerlingnummer", number}};
}

absl::StatusOr<Json> ClassChange(School& school, const Json& event, Day today) {
  auto index = FindPupil(school, event);
  if (!index.ok()) return index.status();
  Pupil& pupil = school.pupils[*index];
  const Day date = DayOf(event, "datum", today);
  Placement* current = PlacementOn(pupil, date);
  if (current == nullptr) return Wrong("the leerling has no placement on that day");
  int vestiging = current->vestiging;
  if (event.contains("vestiging")) {
    auto other = FindVestiging(school, TextOf(event, "vestiging"));
    if (!other.ok()) return other.status();
    vestiging = *other;
  }
  auto stamgroep = FindStamgroep(school, TextOf(event, "stamgroep"), vestiging, current->school_year);
  if (!stamgroep.ok()) return stamgroep.status();
  const Day end = current->end;
  current->end = date - 1;
  std::erase_if(pupil.placements, [](const Placement& placement) { return placement.end < placement.start; });
  pupil.placements.push_back(MakePlacement(school, *stamgroep, date, end));
  const Placement placement = pupil.placements.back();
  FollowPlacement(school, *index, placement, date);
  return Json{{"leerling", pupil.uuid}, {"plaatsing", placement.uuid}};
}

absl::StatusOr<Json> Leaver(School& school, const Json& event, Day today) {
  auto index = FindPupil(school, event);
  if (!index.ok()) return index.status();
  Pupil& pupil = school.pupils[*index];
  const Day end = DayOf(event, "einddatum", today - 1);
  if (PlacementOn(pupil, end) == nullptr) return Wrong("the leerling has no placement on that day");
  for (Placement& placement : pupil.placements) placement.end = std::min(placement.end, end);
  std::erase_if(pupil.placements, [](const Placement& placement) { return placement.end < placement.start; });
  for (Membership& membership : pupil.memberships) membership.until = std::min(membership.until, end);
  std::erase_if(pupil.memberships, [](const Membership& membership) { return membership.until < membership.from; });
  return Json{{"leerling", pupil.uuid}, {"einddatum", FormatDay(end)}};
}

absl::StatusOr<Json> Return(School& school, const Json& event, Day today) {
  auto index = FindPupil(school, event);
  if (!index.ok()) return index.status();
  Pupil& pupil = school.pupils[*index];
  const Day start = DayOf(event, "startdatum", today);
  if (PlacementOn(pupil, start) != nullptr) return Wrong("the leerling has a placement on that day");
  if (pupil.placements.empty()) return Wrong("the leerling never had a placement");
  const Stamgroep& before = school.stamgroepen[pupil.placements.back().stamgroep];
  auto stamgroep =
      FindStamgroep(school, TextOf(event, "stamgroep", before.naam), before.vestiging, SchoolYearOf(start));
  if (!stamgroep.ok()) return stamgroep.status();
  pupil.removed = false;
  pupil.placements.push_back(MakePlacement(school, *stamgroep, start, LastDayOf(SchoolYearOf(start))));
  const Placement placement = pupil.placements.back();
  FollowPlacement(school, *index, placement, start);
  return Json{{"leerling", pupil.uuid}, {"plaatsing", placement.uuid}};
}

absl::StatusOr<Json> Marriage(School& school, const Json& event) {
  if (event.contains("leerling")) {
    auto index = FindPupil(school, event);
    if (!index.ok()) return index.status();
    Pupil& pupil = school.pupils[*index];
    pupil.achternaam = TextOf(event, "achternaam", pupil.achternaam);
    pupil.voorvoegsel = TextOf(event, "voorvoegsel");
    return Json{{"leerling", pupil.uuid}};
  }
  auto index = FindStaff(school, event);
  if (!index.ok()) return index.status();
  Staff& staff = school.staff[*index];
  staff.achternaam = TextOf(event, "achternaam", staff.achternaam);
  staff.voorvoegsel = TextOf(event, "voorvoegsel");
  return Json{{"medewerker", staff.uuid}};
}

absl::StatusOr<Json> StaffEvent(School& school, const std::string& type, const Json& event, Day today) {
  auto index = FindStaff(school, event);
  if (!index.ok()) return index.status();
  Staff& staff = school.staff[*index];
  if (type == "staff_role") {
    staff.functie = TextOf(event, "functie");
  } else if (type == "staff_leaver") {
    staff.out_of_service = DayOf(event, "datum_uit_dienst", today - 1);
    staff.out_reason = TextOf(event, "reden_uit_dienst", "Ontslag op eigen verzoek");
  } else {
    std::vector<int> vestigingen;
    for (const auto& key : event.value("vestigingen", Json::array())) {
      auto vestiging = FindVestiging(school, key.get<std::string>());
      if (!vestiging.ok()) return vestiging.status();
      vestigingen.push_back(*vestiging);
    }
    if (vestigingen.empty()) return Wrong("vestigingen is empty");
    staff.vestigingen = std::move(vestigingen);
  }
  return Json{{"medewerker", staff.uuid}};
}

absl::StatusOr<Json> NewStaff(School& school, const Json& event, Day today) {
  auto vestiging = FindVestiging(school, TextOf(event, "vestiging"));
  if (!vestiging.ok()) return vestiging.status();
  int number = 0;
  for (const Staff& staff : school.staff) number = std::max(number, staff.number);
  const PersonName name{TextOf(event, "roepnaam", "Nieuw"),
                        TextOf(event, "voorletters", "N"),
                        TextOf(event, "voorvoegsel"),
                        TextOf(event, "achternaam", "Collega"),
                        false,
                        false};
  const uint32_t index = AddStaff(school, name, number + 1, TextOf(event, "functie", "Docent"), *vestiging);
  school.staff[index].in_service = DayOf(event, "datum_in_dienst", today);
  return Json{{"medewerker", school.staff[index].uuid}, {"nummer", school.staff[index].number}};
}

absl::StatusOr<Json> Patch(School& school, const Json& event) {
  const std::string uuid = TextOf(event, "uuid");
  const auto fields = event.find("fields");
  if (uuid.empty() || fields == event.end() || !fields->is_object()) return Wrong("patch needs uuid and fields");
  Json& patch = school.patches[uuid];
  for (const auto& [key, value] : fields->items()) patch[key] = value;
  return Json{{"uuid", uuid}};
}

absl::StatusOr<Json> SetRemoved(School& school, const Json& event, bool removed) {
  const std::string uuid = TextOf(event, "uuid");
  for (Pupil& pupil : school.pupils) {
    if (pupil.uuid == uuid) return pupil.removed = removed, Json{{"leerling", uuid}};
  }
  for (Staff& staff : school.staff) {
    if (staff.uuid == uuid) return staff.removed = removed, Json{{"medewerker", uuid}};
  }
  for (Lesgroep& group : school.lesgroepen) {
    if (group.uuid == uuid) return group.removed = removed, Json{{"lesgroep", uuid}};
  }
  return Wrong("no record " + uuid);
}

// Everybody who is placed to the end of this school year moves up one leerjaar, keeps the letter of the class, or
// repeats; who finished leaves. Doing it again adds only who is not there yet.
absl::StatusOr<Json> SchoolYear(School& school, const Json& event, Day today) {
  const int year = SchoolYearOf(today);
  std::set<std::string> repeaters;
  for (const auto& item : event.value("repeat", Json::array()))
    repeaters.insert(item.is_string() ? item.get<std::string>() : item.dump());
  std::vector<uint32_t> moved;
  int leaving = 0;
  for (uint32_t i = 0; i < school.pupils.size(); ++i) {
    Pupil& pupil = school.pupils[i];
    if (pupil.removed || pupil.placements.empty()) continue;
    const Placement last = pupil.placements.back();
    if (last.school_year != year || last.end != LastDayOf(year)) continue;
    const Stamgroep before = school.stamgroepen[last.stamgroep];
    const bool repeats = repeaters.contains(pupil.uuid) || repeaters.contains(std::to_string(pupil.number));
    const int leerjaar = last.leerjaar + (repeats ? 0 : 1);
    if (leerjaar > kNiveaus[static_cast<size_t>(before.niveau)].years) {
      ++leaving;
      continue;
    }
    const uint32_t group = EnsureStamgroep(school, {year + 1, last.vestiging, before.niveau, leerjaar}, before.letter);
    pupil.placements.push_back(MakePlacement(school, group, FirstDayOf(year + 1), LastDayOf(year + 1)));
    moved.push_back(i);
  }
  const int intake = event.value("intake", 0);
  for (int i = 0; i < intake; ++i) {
    const auto vestiging = static_cast<int>(static_cast<size_t>(i) % school.vestigingen.size());
    const int niveau = school.vestigingen[static_cast<size_t>(vestiging)].niveaus[0];
    int64_t number = 110000;
    for (const Pupil& pupil : school.pupils) number = std::max(number, pupil.number + 1);
    const uint32_t index = AddPupil(school, MakeName(Mix(school.seed ^ 0xC7, static_cast<uint64_t>(number))), number,
                                    MakeDay(year - 11, 5, 6));
    const int letter = i / static_cast<int>(school.vestigingen.size()) / 25;
    const uint32_t group = EnsureStamgroep(school, {year + 1, vestiging, niveau, 1}, letter);
    school.pupils[index].placements.push_back(MakePlacement(school, group, FirstDayOf(year + 1), LastDayOf(year + 1)));
    moved.push_back(index);
  }
  EnsureLesgroepen(school, year + 1);
  for (const uint32_t index : moved)
    FollowPlacement(school, index, Placement(school.pupils[index].placements.back()), FirstDayOf(year + 1));
  return Json{
      {"schooljaar", SchoolYearName(year + 1)}, {"placed", moved.size()}, {"leaving", leaving}, {"intake", intake}};
}

absl::StatusOr<Json> Dispatch(School& school, const std::string& type, const Json& event, Day today) {
  if (type == "new_pupil") return NewPupil(school, event, today);
  if (type == "class_change") return ClassChange(school, event, today);
  if (type == "leaver") return Leaver(school, event, today);
  if (type == "return") return Return(school, event, today);
  if (type == "marriage") return Marriage(school, event);
  if (type == "new_staff") return NewStaff(school, event, today);
  if (type == "staff_role" || type == "staff_leaver" || type == "staff_vestigingen")
    return StaffEvent(school, type, event, today);
  if (type == "patch") return Patch(school, event);
  if (type == "remove") return SetRemoved(school, event, true);
  if (type == "restore") return SetRemoved(school, event, false);
  if (type == "school_year") return SchoolYear(school, event, today);
  return Wrong("unknown event type '" + type + "'");
}

// The first pupil of a stamgroep, by number, who is placed there for the whole year and is not one of the difficult
// ones.
const Pupil* PlainPupilOf(const School& school, const std::string& stamgroep, int school_year, Day today) {
  const Pupil* found = nullptr;
  for (size_t i = 20; i < school.pupils.size(); ++i) {
    const Pupil& pupil = school.pupils[i];
    if (pupil.removed || pupil.placements.empty()) continue;
    const Placement& last = pupil.placements.back();
    const Stamgroep& group = school.stamgroepen[last.stamgroep];
    if (last.school_year != school_year || last.end < today || group.naam != stamgroep) continue;
    if (found == nullptr || pupil.number < found->number) found = &pupil;
  }
  return found;
}

}  // namespace

absl::StatusOr<Json> ApplyEvent(School& school, const Json& event, Day today) {
  if (!event.is_object()) return Wrong("an event is an object");
  try {
    auto result = Dispatch(school, TextOf(event, "type"), event, today);
    if (result.ok()) ++school.version;
    return result;
  } catch (const std::exception& error) {
    return Wrong(error.what());
  }
}

absl::StatusOr<Json> PlayDay(School& school, int number, Day today) {
  const int year = SchoolYearOf(today);
  Json events = Json::array();
  if (number == 1) {
    const Pupil* mover = PlainPupilOf(school, "H4A", year, today);
    if (mover == nullptr) return Wrong("the school is too small for this day: nobody is in H4A");
    events.push_back(Json::object({{"type", "new_pupil"},
                                   {"leerlingnummer", 104233},
                                   {"roepnaam", "Noor"},
                                   {"voorletters", "NJ"},
                                   {"voorvoegsel", "van der"},
                                   {"achternaam", "Zwaluw"},
                                   {"vestiging", "31XY00"},
                                   {"stamgroep", "H4D"}}));
    events.push_back(Json::object({{"type", "class_change"}, {"leerling", mover->uuid}, {"stamgroep", "H4B"}}));
    events.push_back(Json::object({{"type", "staff_role"}, {"medewerker", 52001}, {"functie", "Teamleider"}}));
    events.push_back(Json::object(
        {{"type", "marriage"}, {"medewerker", 51326}, {"voorvoegsel", ""}, {"achternaam", "Smit-de Boer"}}));
    events.push_back(Json::object({{"type", "leaver"}, {"leerling", 103991}}));
  } else if (number == 2) {
    events.push_back(Json::object({{"type", "return"}, {"leerling", 103991}}));
  } else if (number == 3) {
    const Pupil* repeater = PlainPupilOf(school, "H4C", year, today);
    Json repeat = Json::array();
    if (repeater != nullptr) repeat.push_back(repeater->uuid);
    events.push_back(Json::object({{"type", "school_year"}, {"repeat", repeat}}));
  } else {
    return Wrong("there are days 1, 2 and 3");
  }
  Json results = Json::array();
  for (const Json& event : events) {
    auto result = ApplyEvent(school, event, today);
    if (!result.ok()) return result.status();
    results.push_back(Json::object({{"event", event}, {"result", *result}}));
  }
  return results;
}

}  // namespace sluice::somtoday_twin
