#include "tests/integration/changing_board.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace sluice::integration {
namespace {

constexpr char kLongName[] = "103012";  // Has no account for as long as the name is longer than a CN may be.

absl::CivilDay DayOf(const Json& text) {
  absl::CivilDay day;
  absl::ParseCivilTime(text.get<std::string>(), &day);
  return day;
}

std::string Text(absl::CivilDay day) { return absl::FormatCivilTime(day); }

const std::vector<std::string>& FirstNames() {
  static const auto* const kNames =
      new std::vector<std::string>{"Sanne", "Daan", "Fatima", "Noa", "Lars", "Zoë", "Mia", "Sem"};
  return *kNames;
}

const std::vector<std::string>& FamilyNames() {
  static const auto* const kNames =
      new std::vector<std::string>{"Jansen", "Bakker", "El Amrani", "Visser", "Smit", "Özdemir", "Dijkstra"};
  return *kNames;
}

}  // namespace

int Dice::Roll(int sides) {
  uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return static_cast<int>((z ^ (z >> 31)) % static_cast<uint64_t>(sides));
}

void ChangingBoard::Look() {
  const Json state = school_.Twin("GET", "state");
  vestigingen_.clear();
  pupils_.clear();
  stamgroepen_.clear();
  for (const Json& vestiging : state["vestigingen"]) vestigingen_.push_back(vestiging["uuid"]);
  std::map<std::string, Staff> staff;
  for (const std::string& vestiging : vestigingen_) {
    for (const Json& pupil : state["HUIDIG"][vestiging]["leerlingen"]) {
      for (const Json& placement : pupil["plaatsingen"]) {
        if (DayOf(placement["startdatum"]) > day_ || DayOf(placement["einddatum"]) < day_) continue;
        const std::string group = placement["stamgroep"]["naam"];
        pupils_.push_back(
            {pupil["leerlingnummer"].dump(), pupil["uuid"], vestiging, group, DayOf(placement["startdatum"])});
        stamgroepen_[vestiging].insert(group);
      }
    }
    for (const Json& person : state["HUIDIG"][vestiging]["medewerkers"]) {
      Staff& one = staff[person["uuid"]];
      one.uuid = person["uuid"];
      const std::string number = person["medewerkernummer"];
      one.number = number.substr(number.rfind(' ') + 1);
      one.vestigingen.insert(vestiging);
      one.leaves = person.contains("datum_uit_dienst");
    }
  }
  staff_.clear();
  for (auto& [uuid, one] : staff) staff_.push_back(one);
  if (!originals_.empty()) return;
  for (const Pupil& pupil : pupils_) originals_.insert(pupil.uuid);
  for (const Staff& one : staff_) originals_.insert(one.uuid);
}

ChangingBoard::Pupil* ChangingBoard::AnyPupil() {
  for (int i = 0; i < 20 && !pupils_.empty(); ++i) {
    Pupil& pupil = pupils_[static_cast<size_t>(dice_.Roll(static_cast<int>(pupils_.size())))];
    if (!left_.contains(pupil.uuid) && touched_.insert(pupil.uuid).second) return &pupil;
  }
  return nullptr;
}

ChangingBoard::Staff* ChangingBoard::AnyStaff() {
  for (int i = 0; i < 20 && !staff_.empty(); ++i) {
    Staff& one = staff_[static_cast<size_t>(dice_.Roll(static_cast<int>(staff_.size())))];
    if (!one.leaves && touched_.insert(one.uuid).second) return &one;
  }
  return nullptr;
}

std::string ChangingBoard::Stamgroep(const std::string& vestiging, const std::string& other_than) {
  std::vector<std::string> groups(stamgroepen_[vestiging].begin(), stamgroepen_[vestiging].end());
  std::erase(groups, other_than);
  return groups.empty() ? "" : dice_.Of(groups);
}

Json ChangingBoard::DrawOfPupil() {
  Pupil* pupil = AnyPupil();
  if (pupil == nullptr) return nullptr;
  const int what = dice_.Roll(10);
  if (what < 6 && pupil->start < day_) {  // Another class, half of them in another vestiging.
    const std::string vestiging = what < 3 ? pupil->vestiging : dice_.Of(vestigingen_);
    const std::string group = Stamgroep(vestiging, vestiging == pupil->vestiging ? pupil->stamgroep : "");
    if (group.empty()) return nullptr;
    return {{"type", "class_change"}, {"leerling", pupil->uuid}, {"vestiging", vestiging}, {"stamgroep", group}};
  }
  if (what < 7) {
    if (!originals_.contains(pupil->uuid) || pupil->number == kLongName) return nullptr;
    renamed_.insert(pupil->uuid);
    return {{"type", "marriage"}, {"leerling", pupil->uuid}, {"achternaam", dice_.Of(FamilyNames())}};
  }
  if (!originals_.contains(pupil->uuid) || renamed_.contains(pupil->uuid) || pupil->start >= day_) return nullptr;
  if (what == 7 && number_ <= days_of_removals_ - 3) {
    removed_[pupil->uuid] = number_;
    return {{"type", "remove"}, {"uuid", pupil->uuid}};
  }
  const absl::CivilDay end = day_ + (what == 8 ? -1 : dice_.Roll(5));
  left_[pupil->uuid] = end;
  return {{"type", "leaver"}, {"leerling", pupil->uuid}, {"einddatum", Text(end)}};
}

Json ChangingBoard::DrawOfStaff() {
  Staff* one = AnyStaff();
  if (one == nullptr) return nullptr;
  const int what = dice_.Roll(6);
  static const auto* const kRoles = new std::vector<std::string>{"Docent", "Teamleider", "Conciërge", "Administratie"};
  if (what < 2) return {{"type", "staff_role"}, {"medewerker", one->uuid}, {"functie", dice_.Of(*kRoles)}};
  if (what < 4) {
    std::set<std::string> vestigingen = {dice_.Of(vestigingen_)};
    if (dice_.Chance(40)) vestigingen.insert(dice_.Of(vestigingen_));
    return {{"type", "staff_vestigingen"}, {"medewerker", one->uuid}, {"vestigingen", vestigingen}};
  }
  if (what == 4) {
    if (!originals_.contains(one->uuid)) return nullptr;
    renamed_.insert(one->uuid);
    return {{"type", "marriage"}, {"medewerker", one->uuid}, {"achternaam", dice_.Of(FamilyNames())}};
  }
  if (!originals_.contains(one->uuid) || renamed_.contains(one->uuid)) return nullptr;
  return {{"type", "staff_leaver"}, {"medewerker", one->uuid}, {"datum_uit_dienst", Text(day_ - 1)}};
}

// Of one who left, or was removed by mistake.
Json ChangingBoard::DrawReturn() {
  for (const auto& [uuid, number] : removed_) {
    if (number_ - number < 1 + dice_.Roll(6) || !touched_.insert(uuid).second) continue;
    Json event = {{"type", "restore"}, {"uuid", uuid}};
    removed_.erase(removed_.find(uuid));
    return event;
  }
  for (const auto& [uuid, end] : left_) {
    if (end >= day_ || dice_.Chance(60) || !touched_.insert(uuid).second) continue;
    Json event = {{"type", "return"}, {"leerling", uuid}};
    left_.erase(left_.find(uuid));
    return event;
  }
  return nullptr;
}

Json ChangingBoard::Draw() {
  const int what = dice_.Roll(20);
  if (what < 10) return DrawOfPupil();
  if (what < 14) return DrawOfStaff();
  if (what < 16) return DrawReturn();
  if (what == 16) {
    return {{"type", "new_staff"},
            {"roepnaam", dice_.Of(FirstNames())},
            {"achternaam", dice_.Of(FamilyNames())},
            {"vestiging", dice_.Of(vestigingen_)}};
  }
  const std::string vestiging = dice_.Of(vestigingen_), group = Stamgroep(vestiging, "");
  if (group.empty()) return nullptr;
  return {{"type", "new_pupil"},
          {"roepnaam", dice_.Of(FirstNames())},
          {"achternaam", dice_.Of(FamilyNames())},
          {"vestiging", vestiging},
          {"stamgroep", group}};
}

std::vector<std::string> ChangingBoard::Play(absl::CivilDay day, int number, int days_of_removals) {
  day_ = day;
  number_ = number;
  days_of_removals_ = days_of_removals;
  touched_.clear();
  Look();
  std::vector<std::string> lines;
  for (int left = 1 + dice_.Roll(4); left > 0; --left) {
    const Json event = Draw();
    if (event.is_null()) continue;
    school_.Event(event);
    lines.push_back(event.dump());
  }
  return lines;
}

}  // namespace sluice::integration
