#include "tests/integration/expected.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"

namespace sluice::integration {
namespace {

using Json = nlohmann::json;

// The name is longer than a CN may be, so she is held back.
constexpr char kHeldBack[] = "103012";
constexpr char kLyceum[] = "Lyceum De Dijk";

std::string Shifted(const std::string& day, int days) {
  absl::CivilDay civil;
  if (!absl::ParseCivilTime(day, &civil)) return day;
  return absl::FormatCivilTime(civil + days);
}

std::string NumberOfStaff(const Json& staff) {
  const std::string text = staff["medewerkernummer"];  // "Medewerker 52001"
  return absl::StrCat("D", text.substr(text.rfind(' ') + 1));
}

void AddPupil(const Json& pupil, const std::string& today, ExpectedSchool& school) {
  const std::string number = pupil["leerlingnummer"].dump();
  if (number == kHeldBack) return;
  for (const Json& placement : pupil["plaatsingen"]) {
    const std::string start = placement["startdatum"], end = placement["einddatum"];
    if (start > Shifted(today, 14) || end < today) continue;
    school.people.insert(number);
    if (start > today) continue;
    const int year = placement["leerjaar"];
    school.years[number] = year;
    const bool brings_own = number == "103017" || number == "103142";
    if (pupil["vestiging"]["naam"] == kLyceum && year >= 4 && !brings_own)
      school.groups["laptop-uitleen"].insert(number);
  }
}

void AddStaff(const Json& staff, bool shows_dates, const std::string& today, ExpectedSchool& school) {
  const std::string number = NumberOfStaff(staff);
  if (shows_dates && staff.value("datum_in_dienst", today) > Shifted(today, 14)) return;
  if (shows_dates && staff.contains("datum_uit_dienst") && staff["datum_uit_dienst"] < Shifted(today, -7)) return;
  school.people.insert(number);
  const std::string role = staff.value("functie", "");
  if (role == "Docent" || role == "LIO" || role == "Teamleider") school.groups["docenten"].insert(number);
  if (role == "Teamleider") school.groups["teamleiders"].insert(number);
  if (role == "Conciërge") school.groups["conciergerie"].insert(number);
  if (role == "Conciërge") school.groups["laptop-uitleen"].insert(number);
}

}  // namespace

ExpectedSchool ExpectedOf(const Json& state) {
  ExpectedSchool school;
  const std::string today = state["today"];
  std::map<std::string, std::string> numbers;  // By uuid.
  // The third vestiging does not let the client see when somebody's service begins and ends.
  const std::string without_dates =
      state["vestigingen"].size() < 3 ? "" : state["vestigingen"][2]["uuid"].get<std::string>();
  // Next year's list holds who begins within the two weeks before.
  for (const char* list : {"HUIDIG", "VOLGEND"}) {
    for (const auto& [uuid, vestiging] : state[list].items()) {
      for (const Json& pupil : vestiging["leerlingen"]) {
        numbers[pupil["uuid"]] = pupil["leerlingnummer"].dump();
        AddPupil(pupil, today, school);
      }
      for (const Json& staff : vestiging["medewerkers"]) {
        numbers[staff["uuid"]] = NumberOfStaff(staff);
        AddStaff(staff, uuid != without_dates, today, school);
      }
    }
  }
  for (const auto& [uuid, vestiging] : state["HUIDIG"].items()) {
    for (const Json& group : vestiging["lesgroepen"]) {
      const std::string name = group.value("naam", ""), year = group.value("schooljaar", "");
      // One without a name is left out; "begeleiding1" is the name of three, so that none of them can be made.
      if (name.empty() || name == "begeleiding1") continue;
      std::set<std::string>& members =
          school.groups[absl::StrCat("les-", absl::AsciiStrToLower(name), "-", year.substr(0, 4))];
      for (const Json& pupil : group["leerlingen"]) members.insert(numbers[pupil["uuid"]]);
      for (const Json& teacher : group["docenten"]) members.insert(numbers[teacher.get<std::string>()]);
    }
  }
  for (auto& [name, members] : school.groups)
    std::erase_if(members, [&](const std::string& number) { return !school.people.contains(number); });
  std::erase_if(school.groups, [](const auto& group) { return group.second.empty(); });
  return school;
}

}  // namespace sluice::integration
