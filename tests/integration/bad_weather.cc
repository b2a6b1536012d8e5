#include "tests/integration/bad_weather.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "re2/re2.h"

namespace sluice::integration {
namespace {

constexpr const char* kLists[] = {"leerling", "medewerker", "lesgroep"};

const std::vector<std::pair<std::string, std::string>>& Fields() {
  static const auto* const kFields =
      new std::vector<std::pair<std::string, std::string>>{{"leerling", "plaatsingen"},
                                                           {"leerling", "achternaam"},
                                                           {"leerling", "leerlingnummer"},
                                                           {"leerling", "roepnaam"},
                                                           {"leerling", "lesgroepen"},
                                                           {"leerling", "uuid"},
                                                           {"plaatsing", "startdatum"},
                                                           {"plaatsing", "einddatum"},
                                                           {"plaatsing", "leerjaar"},
                                                           {"plaatsing", "stamgroep"},
                                                           {"plaatsing", "uuid"},
                                                           {"plaatsing", "schooljaar"},
                                                           {"medewerker", "functie"},
                                                           {"medewerker", "medewerkernummer"},
                                                           {"medewerker", "achternaam"},
                                                           {"medewerker", "hoofdvestiging"},
                                                           {"medewerker", "datumInDienst"},
                                                           {"medewerker", "datumUitDienst"},
                                                           {"medewerker", "uuid"},
                                                           {"lesgroep", "naam"},
                                                           {"lesgroep", "leerlingen"},
                                                           {"lesgroep", "docenten"},
                                                           {"lesgroep", "uuid"},
                                                           {"lesgroep", "leerjaar"}};
  return *kFields;
}

}  // namespace

BadWeather::BadWeather(School& school, uint64_t seed) : school_(school), dice_(seed ^ 0xBAD) {
  const Json state = school.Twin("GET", "state");
  for (const Json& vestiging : state["vestigingen"]) vestigingen_.push_back(vestiging["uuid"]);
}

void BadWeather::Fault(const std::string& route, const std::string& kind, Json more) {
  more["route"] = route;
  more["kind"] = kind;
  school_.Twin("POST", "faults", more);
  lines_.push_back(more.dump());
}

void BadWeather::Withhold(const std::string& what, const Json& place, const Json& taken, const Json& given, int days,
                          const std::string& name) {
  Json body = place;
  body.update(taken);
  school_.Twin("POST", what, body);
  lines_.push_back(absl::StrCat(what, " for ", days, " days: ", body.dump()));
  body.update(given);
  withheld_.push_back({what, body, number_ + days, name});
}

bool BadWeather::IsTaken(const std::string& place) const {
  const auto covers = [&](const std::string& one) {
    return one == place || absl::StartsWith(place, one + "/") || absl::StartsWith(one, place + "/");
  };
  return std::any_of(taken_.begin(), taken_.end(), covers) ||
         std::any_of(withheld_.begin(), withheld_.end(), [&](const Withheld& one) { return covers(one.place); });
}

std::string BadWeather::FreeList() {
  for (int i = 0; i < 10; ++i) {
    std::string place = absl::StrCat(dice_.Of(vestigingen_), "/", kLists[dice_.Roll(3)]);
    if (!IsTaken(place)) return place;
  }
  return "";
}

// After this nothing is read.
void BadWeather::WholeRun() {
  switch (dice_.Roll(7)) {
    case 0:
      return Fault("/oauth2/token", "html");
    case 1:
      return Fault("/oauth2/token", "status", {{"status", 503}});
    case 2:
      return Fault("/oauth2/token", "status", {{"status", 401}});
    case 3:
      return Fault("/connect/instelling", "html");
    case 4:
      return Fault("/connect/vestiging$", "empty_object");
    case 5:
      return Fault("/connect/vestiging$", "truncate");
    default:
      return Fault("/rest/v1/connect/", "status", {{"status", 429}, {"retry_after", "0"}});
  }
}

void BadWeather::AllConsents() {
  for (const std::string& vestiging : vestigingen_) {
    if (IsTaken(vestiging)) return;
  }
  const int days = 1 + dice_.Roll(3);
  for (const std::string& vestiging : vestigingen_) {
    Withhold("grants", {{"vestiging", vestiging}}, {{"granted", false}, {"listed", true}}, {{"granted", true}}, days,
             vestiging);
  }
  evidence_.push_back({"no consent is left", absl::StrCat(vestigingen_[0], "/"), 401});
}

void BadWeather::OneConsent() {
  const std::string vestiging = dice_.Of(vestigingen_);
  if (IsTaken(vestiging)) return;
  const bool listed = dice_.Chance(60);
  Withhold("grants", {{"vestiging", vestiging}}, {{"granted", false}, {"listed", listed}},
           {{"granted", true}, {"listed", true}}, 1 + dice_.Roll(5), vestiging);
  if (listed) evidence_.push_back({"one consent is gone", absl::StrCat(vestiging, "/"), 401});
}

void BadWeather::OneEndpoint() {
  const std::string place = FreeList();
  if (place.empty()) return;
  const std::string vestiging = place.substr(0, 36), endpoint = place.substr(37);
  const int status = dice_.Chance(50) ? 403 : 404;
  Withhold("rights", {{"vestiging", vestiging}, {"endpoint", endpoint}}, {{"status", status}}, {{"status", 200}},
           1 + dice_.Roll(5), place);
  evidence_.push_back({"an endpoint is refused", absl::StrCat(place, "/?\\?"), status});
}

void BadWeather::OneField() {
  const auto& [entity, field] = dice_.Of(Fields());
  const std::string place = absl::StrCat(dice_.Of(vestigingen_), "/", entity == "plaatsing" ? "leerling" : entity);
  if (IsTaken(place)) return;
  const std::string vestiging = place.substr(0, 36);
  Withhold("rights", {{"vestiging", vestiging}, {"entity", entity}, {"field", field}}, {{"granted", false}},
           {{"granted", true}}, 1 + dice_.Roll(5), place);
  evidence_.push_back({"a field is hidden", absl::StrCat(place, "/?\\?"), 200});
}

void BadWeather::OneList() {
  const std::string place = FreeList();
  if (place.empty()) return;
  taken_.insert(place);
  static const auto* const kKinds = new std::vector<std::string>{
      "half_list", "empty_list", "short_page",   "shift",        "reorder", "duplicate", "no_last_page", "holes",
      "last_year", "truncate",   "invalid_json", "empty_object", "html",    "reset",     "status",       "storm"};
  std::string kind = dice_.Of(*kKinds);
  // Of staff whose dates may not be seen, as in the third vestiging, nothing says that a list is last year's.
  if (kind == "last_year" && place == absl::StrCat(vestigingen_.back(), "/medewerker")) kind = "reorder";
  const std::string route = absl::StrCat(place, "/?\\?", dice_.Chance(30) ? ".*peilschooljaar=HUIDIG" : "");
  Json more = {{"skip", dice_.Chance(25) ? 1 : 0}, {"count", dice_.Chance(30) ? 1 + dice_.Roll(2) : 0}};
  if (kind == "storm") {
    more["status"] = 429;
    more["retry_after"] = "0";
  } else if (kind == "status") {
    more["status"] = 500 + dice_.Roll(4);
  }
  Fault(route, kind == "storm" ? "status" : kind, more);
}

// What a client should get over by itself.
void BadWeather::Healing() {
  // One a day: several together would be too much for its patience.
  if (!taken_.insert("healing").second) return;
  switch (dice_.Roll(5)) {
    case 0:
      return Fault("/oauth2/token", "status",
                   {{"status", 429}, {"retry_after", dice_.Chance(20) ? "1" : "0"}, {"count", 2}});
    case 1:
      return Fault("/connect/instelling", "status", {{"status", 503}, {"count", 1}});
    case 2:
      return Fault("/connect/vestiging/", "slow", {{"delay_ms", 60}, {"count", 4}});
    case 3:
      return Fault("/oauth2/token", "html", {{"count", 1}});
    default: {
      const std::string place = FreeList();
      if (place.empty()) return;
      taken_.insert(place);
      return Fault(absl::StrCat(place, "/?\\?"), "status", {{"status", 401}, {"count", 1}});
    }
  }
}

std::vector<std::string> BadWeather::Begin(int number) {
  number_ = number;
  taken_.clear();
  evidence_.clear();
  lines_.clear();
  school_.Twin("DELETE", "faults");
  school_.Twin("DELETE", "log");
  std::erase_if(withheld_, [&](const Withheld& one) {
    if (one.until > number) return false;
    school_.Twin("POST", one.what, one.give_back);
    return true;
  });
  const int kind = dice_.Roll(100);
  if (kind < 15) return lines_;
  if (kind < 25) {
    WholeRun();
    return lines_;
  }
  if (kind < 30) AllConsents();
  for (int left = 1 + dice_.Roll(4); left > 0; --left) {
    const int what = dice_.Roll(20);
    if (what < 9) {
      OneList();
    } else if (what < 12) {
      OneField();
    } else if (what < 14) {
      OneEndpoint();
    } else if (what < 16) {
      OneConsent();
    } else {
      Healing();
    }
  }
  return lines_;
}

std::vector<std::string> BadWeather::NeverHappened() {
  std::vector<std::string> missing;
  for (const Json& fault : school_.Twin("GET", "faults")) {
    if (fault["used"] == 0) missing.push_back(fault.dump());
  }
  const Json log = school_.Twin("GET", "log");
  for (const Evidence& evidence : evidence_) {
    const bool is_there = std::any_of(log.begin(), log.end(), [&](const Json& entry) {
      return entry["status"] == evidence.status &&
             RE2::PartialMatch(entry["request"].get<std::string>(), evidence.request);
    });
    if (!is_there) missing.push_back(absl::StrCat(evidence.line, ": ", evidence.request, " ", evidence.status));
  }
  return missing;
}

void BadWeather::End() {
  for (const Withheld& one : withheld_) school_.Twin("POST", one.what, one.give_back);
  withheld_.clear();
  school_.Twin("DELETE", "faults");
}

}  // namespace sluice::integration
