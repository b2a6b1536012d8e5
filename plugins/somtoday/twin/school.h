// The simulated school board: plain data, indices instead of pointers, nothing about HTTP.
//
// The truth about a pupil's class groups is Pupil::memberships (with dates); Lesgroep::pupils and Stamgroep::pupils are
// indices over it that may hold a pupil who has left. Records are never erased, only marked removed, so indices stay
// good. One owner (the server) guards it with a mutex; `version` grows with every change and invalidates derived lists.
#ifndef PLUGINS_SOMTODAY_TWIN_SCHOOL_H_
#define PLUGINS_SOMTODAY_TWIN_SCHOOL_H_

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "nlohmann/json.hpp"
#include "plugins/somtoday/twin/calendar.h"

namespace sluice::somtoday_twin {

struct Niveau {
  const char* code;   // "H": first letter of a stamgroep.
  const char* soort;  // "HAVO": onderwijssoort.
  int years;
};
// H, V, M, K, B, P.
extern const std::vector<Niveau> kNiveaus;

struct Vestiging {
  std::string uuid, naam, afkorting;
  std::vector<std::string> brins;
  std::vector<int> niveaus;
  int weight = 1;  // Share of the pupils.
};

struct Vak {
  std::string uuid, afkorting, naam;
  int vestiging = 0;
  bool core = false;  // Everybody takes it, with the whole stamgroep.
};

struct Opleiding {
  std::string uuid;
  int vestiging = 0, niveau = 0, leerjaar = 0;
};

struct Placement {
  std::string uuid;
  int school_year = 0;
  Day start = 0, end = 0;  // Both inclusive.
  int vestiging = 0, leerjaar = 0;
  uint32_t stamgroep = 0;
};

struct Membership {
  uint32_t lesgroep = 0;
  Day from = 0, until = 0;  // Both inclusive.
};

struct Pupil {
  std::string uuid;
  int64_t number = 0;
  std::string roepnaam, voorletters, voorvoegsel, achternaam, email;
  bool prefix_is_empty_text = false;  // "voorvoegsel":"" instead of no key.
  bool address_secret = false;
  bool removed = false;
  bool woman = false;
  Day birth = 0;
  std::vector<Placement> placements;
  std::vector<Membership> memberships;
};

struct Staff {
  std::string uuid;
  int number = 0;
  std::string roepnaam, voorletters, voorvoegsel, achternaam, email, functie, afkorting;
  int64_t extern_number = 0;  // 0: none.
  bool removed = false;
  bool woman = false;
  Day birth = 0, in_service = 0, out_of_service = kForever;
  std::string out_reason;
  std::vector<int> vestigingen;  // The first is the hoofdvestiging.
  std::vector<uint32_t> lesgroepen;
};

struct Stamgroep {
  std::string uuid, naam;
  int school_year = 0, vestiging = 0, niveau = 0, leerjaar = 0, letter = 0;
  int mentor = -1;  // Index of staff.
  std::vector<uint32_t> pupils;
};

struct Lesgroep {
  std::string uuid, naam;
  int school_year = 0, vestiging = 0, niveau = 0, leerjaar = 0;
  int vak = -1;
  bool removed = false;
  std::vector<uint32_t> pupils;
  std::vector<uint32_t> docenten;
};

// One leerjaar of one niveau in one vestiging in one school year.
struct Cohort {
  std::vector<uint32_t> stamgroepen;
  std::map<int, std::map<int, uint32_t>> lesgroepen;  // By vak, then by number in the name.
};
using CohortKey = std::tuple<int, int, int, int>;  // school year, vestiging, niveau, leerjaar

struct School {
  uint64_t seed = 0;
  uint64_t version = 1;
  std::string instelling_uuid;
  std::vector<Vestiging> vestigingen;
  std::vector<Vak> vakken;
  std::vector<Opleiding> opleidingen;
  std::vector<Pupil> pupils;
  std::vector<Staff> staff;
  std::vector<Stamgroep> stamgroepen;
  std::vector<Lesgroep> lesgroepen;
  std::map<CohortKey, Cohort> cohorts;
  uint32_t placements_made = 0;
  // Literal fields that replace what a record says (null takes a field away), by uuid.
  std::unordered_map<std::string, nlohmann::ordered_json> patches;
};

// `kind` is two hexadecimal digits ("a1" leerling, "b1" plaatsing, "c1" opleiding, "d1" stamgroep, "e1" medewerker,
// "f1" lesgroep, "91" vak). The order of uuids is not the order of making.
std::string MakeUuid(uint64_t seed, const char* kind, uint64_t index);

// A well-spread number that depends on nothing but its arguments.
uint64_t Mix(uint64_t a, uint64_t b);

}  // namespace sluice::somtoday_twin

#endif  // PLUGINS_SOMTODAY_TWIN_SCHOOL_H_
