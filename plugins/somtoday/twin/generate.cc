#include "plugins/somtoday/twin/generate.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <numeric>

namespace sluice::somtoday_twin {
namespace {

struct VakName {
  const char* afkorting;
  const char* naam;
  bool core;
};
constexpr VakName kVakken[] = {{"ne", "Nederlandse taal", true},
                               {"en", "Engelse taal", true},
                               {"wi", "Wiskunde", true},
                               {"lo", "Lichamelijke opvoeding", true},
                               {"bio", "Biologie", true},
                               {"nat", "Natuurkunde", false},
                               {"schk", "Scheikunde", false},
                               {"econ", "Economie", false},
                               {"gs", "Geschiedenis", false},
                               {"ak", "Aardrijkskunde", false},
                               {"fatl", "Franse taal", false},
                               {"dutl", "Duitse taal", false},
                               {"kunstbeeldende", "Kunst (beeldende vormgeving)", false}};
constexpr int kElectives = 8;
constexpr int kElectivesTaken = 3;

struct VestigingPlan {
  const char* naam;
  const char* afkorting;
  std::vector<int> niveaus;
  int weight;
};

const std::vector<VestigingPlan>& VestigingPlans() {
  static const auto* const kPlans = new std::vector<VestigingPlan>{{"Lyceum De Dijk", "31XY00", {0, 1}, 5},
                                                                   {"Mavo Het Baken", "31XY01", {2}, 2},
                                                                   {"Vakcollege De Sluis", "31XY02", {3, 4}, 2},
                                                                   {"Praktijkschool De Terp", "TERP", {5}, 1},
                                                                   {"Gymnasium 't Diep", "", {1}, 2},
                                                                   {"Scholengemeenschap Noordkop", "NK", {0, 1, 2}, 3}};
  return *kPlans;
}

void MakeVestigingen(School& school, int count) {
  for (int i = 0; i < count; ++i) {
    const auto& plans = VestigingPlans();
    const VestigingPlan& plan = plans[static_cast<size_t>(i) % plans.size()];
    Vestiging vestiging;
    vestiging.uuid = MakeUuid(school.seed, "5b", static_cast<uint64_t>(i));
    char brin[16];
    std::snprintf(brin, sizeof(brin), "%dXY%02d", 31 + i / 100, i % 100);
    const bool first_round = static_cast<size_t>(i) < plans.size();
    vestiging.naam = first_round ? plan.naam : std::string(plan.naam) + " " + std::to_string(i + 1);
    vestiging.afkorting = first_round ? plan.afkorting : brin;
    vestiging.brins = {brin};
    if (i == 3) vestiging.brins.push_back("31XY90");
    vestiging.niveaus = plan.niveaus;
    vestiging.weight = plan.weight;
    for (const VakName& vak : kVakken) {
      school.vakken.push_back(
          {MakeUuid(school.seed, "91", school.vakken.size()), vak.afkorting, vak.naam, i, vak.core});
    }
    for (const int niveau : plan.niveaus) {
      for (int leerjaar = 1; leerjaar <= kNiveaus[static_cast<size_t>(niveau)].years; ++leerjaar)
        school.opleidingen.push_back({MakeUuid(school.seed, "c1", school.opleidingen.size()), i, niveau, leerjaar});
    }
    school.vestigingen.push_back(std::move(vestiging));
  }
}

// Pupils per cohort in proportion to the weights; HAVO 4 of a lyceum is double, for those who come from elsewhere.
std::vector<std::pair<CohortKey, int>> ShareOut(const School& school, int school_year, int pupils) {
  std::vector<std::pair<CohortKey, int>> shares;
  std::vector<double> weights;
  for (const Opleiding& opleiding : school.opleidingen) {
    const Vestiging& vestiging = school.vestigingen[static_cast<size_t>(opleiding.vestiging)];
    int years = 0;
    for (const int niveau : vestiging.niveaus) years += kNiveaus[static_cast<size_t>(niveau)].years;
    const bool wide = opleiding.niveau == 0 && opleiding.leerjaar == 4;
    weights.push_back(static_cast<double>(vestiging.weight) / years * (wide ? 2 : 1));
    shares.push_back({{school_year, opleiding.vestiging, opleiding.niveau, opleiding.leerjaar}, 0});
  }
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  int given = 0;
  for (size_t i = 0; i < shares.size(); ++i) {
    shares[i].second = static_cast<int>(weights[i] / total * pupils);
    given += shares[i].second;
  }
  for (size_t i = 0; given < pupils; i = (i + 1) % shares.size(), ++given) ++shares[i].second;
  return shares;
}

std::string Letters(int letter) {
  std::string text(1, static_cast<char>('A' + letter % 26));
  return letter < 26 ? text : Letters(letter / 26 - 1) + text;
}

std::vector<uint32_t> TeachersOf(const School& school, int vestiging) {
  std::vector<uint32_t> teachers;
  for (uint32_t i = 0; i < school.staff.size(); ++i) {
    const Staff& staff = school.staff[i];
    if (staff.removed || (staff.functie != "Docent" && staff.functie != "LIO")) continue;
    if (std::find(staff.vestigingen.begin(), staff.vestigingen.end(), vestiging) != staff.vestigingen.end())
      teachers.push_back(i);
  }
  return teachers;
}

uint32_t AddLesgroep(School& school, Lesgroep group, const std::vector<uint32_t>& teachers) {
  const auto index = static_cast<uint32_t>(school.lesgroepen.size());
  group.uuid = MakeUuid(school.seed, "f1", index);
  const bool nobody = index % 29 == 28;
  const int teachers_needed = nobody || teachers.empty() ? 0 : index % 17 == 16 ? 2 : 1;
  for (int i = 0; i < teachers_needed; ++i) {
    const uint32_t teacher = teachers[(Mix(school.seed, index) + static_cast<uint64_t>(i)) % teachers.size()];
    if (!group.docenten.empty() && group.docenten[0] == teacher) continue;
    group.docenten.push_back(teacher);
    school.staff[teacher].lesgroepen.push_back(index);
  }
  school.lesgroepen.push_back(std::move(group));
  return index;
}

void MakeCohortLesgroepen(School& school, const CohortKey& key, Cohort& cohort, const std::vector<uint32_t>& teachers) {
  const auto& [school_year, vestiging, niveau, leerjaar] = key;
  const char letter = static_cast<char>(std::tolower(kNiveaus[static_cast<size_t>(niveau)].code[0]));
  for (int vak = 0; vak < static_cast<int>(school.vakken.size()); ++vak) {
    const Vak& subject = school.vakken[static_cast<size_t>(vak)];
    if (subject.vestiging != vestiging) continue;
    std::vector<int> numbers;
    if (subject.core) {
      for (const uint32_t stamgroep : cohort.stamgroepen) numbers.push_back(school.stamgroepen[stamgroep].letter + 1);
    } else {
      const int count = (static_cast<int>(cohort.stamgroepen.size()) * kElectivesTaken + kElectives - 1) / kElectives;
      for (int number = 1; number <= count; ++number) numbers.push_back(number);
    }
    for (const int number : numbers) {
      if (cohort.lesgroepen[vak].contains(number)) continue;
      Lesgroep group;
      group.naam = std::string(1, letter) + std::to_string(leerjaar) + "." + subject.afkorting + std::to_string(number);
      group.school_year = school_year;
      group.vestiging = vestiging;
      group.niveau = niveau;
      group.leerjaar = leerjaar;
      group.vak = vak;
      cohort.lesgroepen[vak][number] = AddLesgroep(school, std::move(group), teachers);
    }
  }
}

std::vector<uint32_t> GroupsOf(const School& school, const Pupil& pupil, const Placement& placement) {
  std::vector<uint32_t> groups;
  const Stamgroep& stamgroep = school.stamgroepen[placement.stamgroep];
  const auto found =
      school.cohorts.find({placement.school_year, placement.vestiging, stamgroep.niveau, placement.leerjaar});
  if (found == school.cohorts.end()) return groups;
  const uint64_t random = Mix(school.seed, static_cast<uint64_t>(pupil.number));
  std::vector<std::pair<uint64_t, uint32_t>> electives;
  for (const auto& [vak, numbers] : found->second.lesgroepen) {
    if (numbers.empty()) continue;
    if (school.vakken[static_cast<size_t>(vak)].core) {
      const auto own = numbers.find(stamgroep.letter + 1);
      if (own != numbers.end()) groups.push_back(own->second);
    } else {
      auto any = numbers.begin();
      std::advance(any, static_cast<long>(Mix(random, 1000) % numbers.size()));
      // The same subjects year after year: the rank depends on the pupil and the subject only.
      electives.emplace_back(Mix(random, static_cast<uint64_t>(vak)), any->second);
    }
  }
  std::sort(electives.begin(), electives.end());
  for (size_t i = 0; i < electives.size() && i < kElectivesTaken; ++i) groups.push_back(electives[i].second);
  return groups;
}

void AddOddLesgroepen(School& school, int school_year) {
  for (int vestiging = 0; vestiging < static_cast<int>(school.vestigingen.size()); ++vestiging) {
    Lesgroep group;
    group.school_year = school_year;
    group.vestiging = vestiging;
    group.niveau = school.vestigingen[static_cast<size_t>(vestiging)].niveaus[0];
    group.leerjaar = 1;
    group.naam = "leeg1";  // Nobody in it.
    AddLesgroep(school, group, {});
    group.naam = "";  // No name, no subject.
    const uint32_t nameless = AddLesgroep(school, group, {});
    group.naam = "begeleiding1";  // No subject.
    const uint32_t mentoring = AddLesgroep(school, group, TeachersOf(school, vestiging));
    int members = 0;
    for (uint32_t i = 0; i < school.pupils.size() && members < 5; ++i) {
      Pupil& pupil = school.pupils[i];
      if (pupil.placements.empty() || pupil.placements.back().school_year != school_year) continue;
      // One member comes from another vestiging.
      const bool other = pupil.placements.back().vestiging != vestiging;
      if (other != (members == 4)) continue;
      pupil.memberships.push_back({mentoring, FirstDayOf(school_year), LastDayOf(school_year)});
      school.lesgroepen[mentoring].pupils.push_back(i);
      if (members < 2) {
        pupil.memberships.push_back({nameless, FirstDayOf(school_year), LastDayOf(school_year)});
        school.lesgroepen[nameless].pupils.push_back(i);
      }
      ++members;
    }
  }
}

void MakeStaff(School& school, int count) {
  static constexpr const char* kOther[] = {"Conciërge", "Teamleider", "Onderwijsassistent", "Administratief medewerker",
                                           "Directeur"};
  const auto& difficult = DifficultStaffNames();
  int weights = 0;
  for (const Vestiging& vestiging : school.vestigingen) weights += vestiging.weight;
  for (int i = 0; i < count; ++i) {
    const uint64_t random = Mix(school.seed ^ 0xE1, static_cast<uint64_t>(i));
    const PersonName name =
        static_cast<size_t>(i) < difficult.size() ? difficult[static_cast<size_t>(i)] : MakeName(random);
    int at = i == 0 ? 0 : static_cast<int>(Mix(random, 1) % static_cast<uint64_t>(weights));
    int vestiging = 0;
    while (at >= school.vestigingen[static_cast<size_t>(vestiging)].weight)
      at -= school.vestigingen[static_cast<size_t>(vestiging++)].weight;
    const std::string functie =
        i % 10 < 7 ? (i % 20 == 6 ? "LIO" : "Docent") : kOther[(random >> 12) % std::size(kOther)];
    const uint32_t index = AddStaff(school, name, i == 0 ? 51326 : 52000 + i, functie, vestiging);
    Staff& staff = school.staff[index];
    staff.in_service = MakeDay(2005 + static_cast<int>(random % 20), 8, 1);
    staff.extern_number = i % 11 == 10 ? 0 : i % 13 == 12 ? 700000 : 700000 + i;
    if (i % 8 == 4 && school.vestigingen.size() > 1)
      staff.vestigingen.push_back((vestiging + 1) % static_cast<int>(school.vestigingen.size()));
  }
}

void MakePupils(School& school, const SchoolSize& size, int school_year) {
  const auto& difficult = DifficultPupilNames();
  std::vector<uint32_t> order;
  int64_t number = 103001;
  for (int i = 0; i < size.pupils; ++i) {
    const uint64_t random = Mix(school.seed ^ 0xA1, static_cast<uint64_t>(i));
    const PersonName name =
        static_cast<size_t>(i) < difficult.size() ? difficult[static_cast<size_t>(i)] : MakeName(random);
    while (number == 103991 || number == 104233) ++number;
    order.push_back(AddPupil(school, name, i == 7 ? 103991 : number++, 0));
  }
  std::sort(order.begin(), order.end(),
            [&](uint32_t a, uint32_t b) { return Mix(school.seed, a) < Mix(school.seed, b); });
  // Sem Bakker is in HAVO 4 whatever the seed.
  const auto shares = ShareOut(school, school_year, size.pupils);
  size_t next = 0;
  for (const auto& [key, count] : shares) {
    const bool wide = std::get<1>(key) == 0 && std::get<2>(key) == 0 && std::get<3>(key) == 4;
    if (wide && order.size() > 7 && count > 0) {
      const auto sem = std::find(order.begin(), order.end(), 7u);
      const size_t last = next + static_cast<size_t>(count) - 1;
      std::iter_swap(sem, order.begin() + static_cast<long>(last));
    }
    next += static_cast<size_t>(count);
  }
  next = 0;
  for (const auto& [key, count] : shares) {
    const bool wide = std::get<1>(key) == 0 && std::get<2>(key) == 0 && std::get<3>(key) == 4;
    const int classes = std::max((count + 25) / 26, wide && count >= 20 ? 4 : 1);
    for (int i = 0; i < count; ++i) {
      const uint32_t index = order[next++];
      const uint32_t stamgroep = EnsureStamgroep(school, key, i * classes / count);
      Pupil& pupil = school.pupils[index];
      const uint64_t random = Mix(school.seed ^ 0xB1, index);
      pupil.birth = MakeDay(school_year - 11 - std::get<3>(key), 1 + static_cast<int>(random % 12),
                            1 + static_cast<int>((random >> 8) % 28));
      pupil.placements.push_back(MakePlacement(school, stamgroep, FirstDayOf(school_year), LastDayOf(school_year)));
    }
  }
}

// Łukasz came to another class on 1 October, Noël from another vestiging.
void MoveSomeEarlier(School& school, int school_year) {
  const Day moved = MakeDay(school_year, 10, 1);
  for (const uint32_t index : {9u, 10u}) {
    if (index >= school.pupils.size()) continue;
    Pupil& pupil = school.pupils[index];
    const Placement now = pupil.placements.back();
    for (uint32_t other = 0; other < school.stamgroepen.size(); ++other) {
      const Stamgroep& before = school.stamgroepen[other];
      if (other == now.stamgroep || (before.vestiging != now.vestiging) != (index == 10)) continue;
      pupil.placements.insert(pupil.placements.begin(),
                              MakePlacement(school, other, FirstDayOf(school_year), moved - 1));
      pupil.placements.back().start = moved;
      break;
    }
  }
}

}  // namespace

uint32_t EnsureStamgroep(School& school, const CohortKey& key, int letter) {
  Cohort& cohort = school.cohorts[key];
  for (const uint32_t index : cohort.stamgroepen) {
    if (school.stamgroepen[index].letter == letter) return index;
  }
  const auto index = static_cast<uint32_t>(school.stamgroepen.size());
  Stamgroep stamgroep;
  stamgroep.uuid = MakeUuid(school.seed, "d1", index);
  std::tie(stamgroep.school_year, stamgroep.vestiging, stamgroep.niveau, stamgroep.leerjaar) = key;
  stamgroep.letter = letter;
  stamgroep.naam =
      kNiveaus[static_cast<size_t>(stamgroep.niveau)].code + std::to_string(stamgroep.leerjaar) + Letters(letter);
  const std::vector<uint32_t> teachers = TeachersOf(school, stamgroep.vestiging);
  if (!teachers.empty()) stamgroep.mentor = static_cast<int>(teachers[index % teachers.size()]);
  school.stamgroepen.push_back(std::move(stamgroep));
  cohort.stamgroepen.push_back(index);
  return index;
}

Placement MakePlacement(School& school, uint32_t stamgroep, Day start, Day end) {
  const Stamgroep& group = school.stamgroepen[stamgroep];
  Placement placement;
  placement.uuid = MakeUuid(school.seed, "b1", school.placements_made++);
  placement.school_year = group.school_year;
  placement.start = start;
  placement.end = end;
  placement.vestiging = group.vestiging;
  placement.leerjaar = group.leerjaar;
  placement.stamgroep = stamgroep;
  return placement;
}

void EnsureLesgroepen(School& school, int school_year) {
  std::map<int, std::vector<uint32_t>> teachers;
  for (int i = 0; i < static_cast<int>(school.vestigingen.size()); ++i) teachers[i] = TeachersOf(school, i);
  for (auto& [key, cohort] : school.cohorts) {
    if (std::get<0>(key) == school_year) MakeCohortLesgroepen(school, key, cohort, teachers[std::get<1>(key)]);
  }
}

void FollowPlacement(School& school, uint32_t index, const Placement& placement, Day from) {
  Pupil& pupil = school.pupils[index];
  std::vector<uint32_t> wanted = GroupsOf(school, pupil, placement);
  for (Membership& membership : pupil.memberships) {
    if (school.lesgroepen[membership.lesgroep].school_year != placement.school_year || membership.until < from)
      continue;
    const auto found = std::find(wanted.begin(), wanted.end(), membership.lesgroep);
    if (found == wanted.end()) {
      membership.until = from - 1;
    } else {
      membership.until = placement.end;
      wanted.erase(found);
    }
  }
  std::erase_if(pupil.memberships, [](const Membership& membership) { return membership.until < membership.from; });
  for (const uint32_t group : wanted) {
    pupil.memberships.push_back({group, from, placement.end});
    auto& members = school.lesgroepen[group].pupils;
    if (std::find(members.begin(), members.end(), index) == members.end()) members.push_back(index);
  }
  auto& classmates = school.stamgroepen[placement.stamgroep].pupils;
  if (std::find(classmates.begin(), classmates.end(), index) == classmates.end()) classmates.push_back(index);
}

uint32_t AddPupil(School& school, const PersonName& name, int64_t number, Day birth) {
  const auto index = static_cast<uint32_t>(school.pupils.size());
  Pupil pupil;
  pupil.uuid = MakeUuid(school.seed, "a1", index);
  pupil.number = number;
  pupil.roepnaam = name.roepnaam;
  pupil.voorletters = name.voorletters;
  pupil.voorvoegsel = name.voorvoegsel;
  pupil.achternaam = name.achternaam;
  pupil.prefix_is_empty_text = name.prefix_is_empty_text && name.voorvoegsel.empty();
  pupil.woman = name.woman;
  pupil.birth = birth;
  pupil.address_secret = index % 40 == 39;
  // The two of the same name share an address: an address is not a key.
  pupil.email = index == 5 ? school.pupils[4].email : std::to_string(number) + "@leerling.waterlanden.example";
  school.pupils.push_back(std::move(pupil));
  return index;
}

uint32_t AddStaff(School& school, const PersonName& name, int number, std::string functie, int vestiging) {
  const auto index = static_cast<uint32_t>(school.staff.size());
  Staff staff;
  staff.uuid = MakeUuid(school.seed, "e1", index);
  staff.number = number;
  staff.roepnaam = name.roepnaam;
  staff.voorletters = name.voorletters;
  staff.voorvoegsel = name.voorvoegsel;
  staff.achternaam = name.achternaam;
  staff.woman = name.woman;
  staff.functie = std::move(functie);
  staff.birth = MakeDay(1962 + static_cast<int>(Mix(school.seed, index) % 38), 3, 14);
  staff.afkorting = MailPart(name.achternaam).substr(0, 3) + std::to_string(index % 1000);
  for (char& c : staff.afkorting) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  staff.email = MailPart(name.roepnaam).substr(0, 1) + "." + MailPart(name.achternaam) + std::to_string(number % 1000) +
                "@waterlanden.example";
  staff.vestigingen = {vestiging};
  school.staff.push_back(std::move(staff));
  return index;
}

School GenerateSchool(const SchoolSize& size, Day today) {
  School school;
  school.seed = size.seed;
  const int school_year = SchoolYearOf(today);
  school.instelling_uuid = MakeUuid(size.seed, "5a", 0);
  school.pupils.reserve(static_cast<size_t>(size.pupils) + 64);
  MakeVestigingen(school, std::max(1, size.locations));
  MakeStaff(school, size.staff);
  if (school.staff.size() > 8) {
    school.staff[school.staff.size() - 1].out_of_service = MakeDay(school_year + 1, 3, 31);
    school.staff[school.staff.size() - 1].out_reason = "Pensioen";
    school.staff[school.staff.size() - 2].in_service = MakeDay(school_year + 1, 2, 1);
  }
  MakePupils(school, size, school_year);
  EnsureLesgroepen(school, school_year);
  MoveSomeEarlier(school, school_year);
  for (uint32_t i = 0; i < school.pupils.size(); ++i) {
    if (school.pupils[i].placements.empty()) continue;
    const Placement placement = school.pupils[i].placements.back();
    FollowPlacement(school, i, placement, placement.start);
  }
  AddOddLesgroepen(school, school_year);
  return school;
}

}  // namespace sluice::somtoday_twin
