#include "plugins/somtoday/twin/rights.h"

#include "absl/strings/str_cat.h"

namespace sluice::somtoday_twin {
namespace {

std::string Key(int vestiging, std::string_view entity, std::string_view permission = {}) {
  std::string key = std::to_string(vestiging);
  key.append("/").append(entity);
  if (!permission.empty()) key.append("/").append(permission);
  return key;
}

using Table = std::map<std::string, std::vector<std::string>, std::less<>>;

const Table& Permissions() {
  static const auto* const kTable = new Table{
      {"leerling",
       {"uuid",
        "eckid",
        "leerlingnummer",
        "roepnaam",
        "voornamen",
        "voorletters",
        "voorvoegsel",
        "achternaam",
        "geslacht",
        "geboortedatum",
        "emailadres",
        "mobielnummer",
        "telefoonnummer",
        "adres",
        "verzorgers",
        "vestiging",
        "plaatsingen",
        "lesgroepen",
        "vakkeuzes",
        "gebruikersnaam",
        "eduPersonRealId",
        "parnassysLeerlingNummer",
        "geboorteplaats",
        "geboorteland",
        "wenstContactViaEMail",
        "BSN",
        "isActief",
        "schoolVanHerkomstBrin",
        "schoolVanHerkomstNaam",
        "adviesSchoolVanHerkomst",
        "onderwijsSinds",
        "externDebiteurnummer",
        "bankgegevens",
        "debiteuradres"}},
      {"plaatsing",
       {"uuid", "schooljaar", "startdatum", "einddatum", "leerjaar", "opleiding", "stamgroep", "mentor_plaatsing",
        "eerste_mentor_stamgroep", "tweede_mentor_stamgroep", "digiDeliveryId", "opleidingskenmerken"}},
      {"medewerker",
       {"uuid",
        "eckid",
        "bsn",
        "roepnaam",
        "voorletters",
        "voorvoegsel",
        "achternaam",
        "geslacht",
        "geboortedatum",
        "adres",
        "emailadres",
        "prive_email",
        "werk_telefoonnummer",
        "prive_telefoonnummer",
        "medewerkernummer",
        "afkorting",
        "lesgroepen",
        "vestiging",
        "hoofdvestiging",
        "is_docent",
        "functie",
        "gebruikersnaam",
        "externnummer",
        "eduPersonRealId",
        "datumInDienst",
        "datumUitDienst",
        "redenUitDienst"}},
      {"lesgroep",
       {"uuid", "naam", "leerlingen", "docenten", "vak", "vaknaam", "landelijke_vakcode", "vakuuid", "vakkeuzes",
        "leerjaar", "schooljaar", "onderwijssoort", "vestiging"}},
      {"stamgroep",
       {"uuid", "omschrijving", "leerjaar", "onderwijssoort", "naam", "leerlingen", "eerste_mentor_stamgroep",
        "tweede_mentor_stamgroep"}},
      {"vak", {"uuid", "afkorting", "naam"}},
      {"opleiding",
       {"uuid", "afkorting", "naam", "code", "landelijke_naam", "profielafkorting", "profielnaam", "leerjaren",
        "vanafschooljaar", "totschooljaar"}},
      {"vestiging", {"uuid", "naam", "brins", "afkorting", "digideliveryid"}}};
  return *kTable;
}

}  // namespace

const std::vector<std::string>& PermissionsOf(std::string_view entity) {
  static const auto* const kNone = new std::vector<std::string>;
  const auto found = Permissions().find(entity);
  return found == Permissions().end() ? *kNone : found->second;
}

Rights::Rights(const School& school) {
  for (int i = 0; i < static_cast<int>(school.vestigingen.size()); ++i) {
    for (const char* field :
         {"BSN", "externDebiteurnummer", "bankgegevens", "debiteuradres", "vakkeuzes", "verzorgers"})
      SetField(i, "leerling", field, false);
    for (const char* field : {"bsn", "prive_email"}) SetField(i, "medewerker", field, false);
    if (i == 2) {
      for (const char* field : {"datumInDienst", "datumUitDienst", "redenUitDienst"})
        SetField(i, "medewerker", field, false);
    }
  }
}

bool Rights::Sees(int vestiging, std::string_view entity, std::string_view permission) const {
  return !hidden_.contains(Key(vestiging, entity, permission));
}

void Rights::SetField(int vestiging, const std::string& entity, const std::string& permission, bool granted) {
  if (granted) {
    hidden_.erase(Key(vestiging, entity, permission));
  } else {
    hidden_.insert(Key(vestiging, entity, permission));
  }
}

int Rights::EndpointStatus(int vestiging, std::string_view endpoint) const {
  const auto found = refused_.find(Key(vestiging, endpoint));
  return found == refused_.end() ? 200 : found->second;
}

void Rights::SetEndpoint(int vestiging, const std::string& endpoint, int status) {
  refused_[Key(vestiging, endpoint)] = status;
}

bool Rights::Grants(int vestiging, Day first_needed) const {
  const auto found = granted_until_.find(vestiging);
  return found == granted_until_.end() || found->second >= first_needed;
}

void Rights::SetVestiging(int vestiging, bool granted, bool listed, Day until) {
  granted_until_[vestiging] = granted ? until : -kForever;
  if (granted || listed) {
    unlisted_.erase(vestiging);
  } else {
    unlisted_.insert(vestiging);
  }
}

}  // namespace sluice::somtoday_twin
