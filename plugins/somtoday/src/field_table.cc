#include "plugins/somtoday/src/field_table.h"

namespace sluice::somtoday {
namespace {

using connector::Privacy;
constexpr FieldKind kText = FieldKind::kText;
constexpr FieldKind kInteger = FieldKind::kInteger;
constexpr FieldKind kDate = FieldKind::kDate;

}  // namespace

const std::vector<FieldSpec>& LeerlingFields() {
  static const auto* const kFields = new std::vector<FieldSpec>{
      {"leerlingnummer", "leerlingnummer", "leerlingnummer", kText, Privacy::kInternal, true},
      {"roepnaam", "roepnaam", "roepnaam", kText, Privacy::kSensitive, true},
      {"voornamen", "voornamen", "voornamen", kText, Privacy::kSensitive, false},
      {"voorletters", "voorletters", "voorletters", kText, Privacy::kSensitive, true},
      {"voorvoegsel", "voorvoegsel", "voorvoegsel", kText, Privacy::kSensitive, true},
      {"achternaam", "achternaam", "achternaam", kText, Privacy::kSensitive, true},
      {"geslacht", "geslacht", "geslacht", kText, Privacy::kSensitive, false},
      {"geboortedatum", "geboortedatum", "geboortedatum", kDate, Privacy::kSensitive, false},
      {"emailadres", "emailadres", "emailadres", kText, Privacy::kSensitive, false},
      {"mobielnummer", "mobielnummer", "mobielnummer", kText, Privacy::kSensitive, false},
      {"telefoonnummer", "telefoonnummer", "telefoonnummer", kText, Privacy::kSensitive, false},
      {"gebruikersnaam", "gebruikersnaam", "gebruikersnaam", kText, Privacy::kInternal, false},
      {"eckid", "eckid", "eckid", kText, Privacy::kSensitive, false},
      {"BSN", "BSN", "BSN", kText, Privacy::kSpecial, false}};
  return *kFields;
}

const std::vector<FieldSpec>& PlaatsingFields() {
  static const auto* const kFields = new std::vector<FieldSpec>{
      {"schooljaar", "schooljaar", "schooljaar", kText, Privacy::kInternal, false},
      {"startdatum", "startdatum", "startdatum", kDate, Privacy::kInternal, true},
      {"einddatum", "einddatum", "einddatum", kDate, Privacy::kInternal, true},
      {"leerjaar", "leerjaar", "leerjaar", kInteger, Privacy::kInternal, true},
      {"stamgroep", "stamgroep.uuid", "stamgroep", kText, Privacy::kInternal, true},
      {"stamgroep_naam", "stamgroep.naam", "stamgroep", kText, Privacy::kInternal, true},
      {"stamgroep_omschrijving", "stamgroep.omschrijving", "stamgroep", kText, Privacy::kInternal, false},
      {"onderwijssoort", "stamgroep.onderwijssoort", "stamgroep", kText, Privacy::kInternal, false},
      {"opleiding", "opleiding.uuid", "opleiding", kText, Privacy::kInternal, false},
      {"opleiding_naam", "opleiding.naam", "opleiding", kText, Privacy::kInternal, false},
      {"opleiding_afkorting", "opleiding.afkorting", "opleiding", kText, Privacy::kInternal, false}};
  return *kFields;
}

const std::vector<FieldSpec>& MedewerkerFields() {
  static const auto* const kFields = new std::vector<FieldSpec>{
      {"nummer", "medewerkernummer", "medewerkernummer", kText, Privacy::kInternal, true},
      {"medewerkernummer", "medewerkernummer", "medewerkernummer", kText, Privacy::kInternal, false},
      {"externnummer", "externnummer", "externnummer", kText, Privacy::kInternal, false},
      {"afkorting", "afkorting", "afkorting", kText, Privacy::kInternal, false},
      {"roepnaam", "roepnaam", "roepnaam", kText, Privacy::kSensitive, true},
      {"voorletters", "voorletters", "voorletters", kText, Privacy::kSensitive, true},
      {"voorvoegsel", "voorvoegsel", "voorvoegsel", kText, Privacy::kSensitive, true},
      {"achternaam", "achternaam", "achternaam", kText, Privacy::kSensitive, true},
      {"geslacht", "geslacht", "geslacht", kText, Privacy::kSensitive, false},
      {"geboortedatum", "geboortedatum", "geboortedatum", kDate, Privacy::kSensitive, false},
      {"emailadres", "emailadres", "emailadres", kText, Privacy::kSensitive, false},
      {"werk_telefoonnummer", "werk_telefoonnummer", "werk_telefoonnummer", kText, Privacy::kInternal, false},
      {"gebruikersnaam", "gebruikersnaam", "gebruikersnaam", kText, Privacy::kInternal, false},
      {"eckid", "eckid", "eckid", kText, Privacy::kSensitive, false},
      {"bsn", "bsn", "bsn", kText, Privacy::kSpecial, false}};
  return *kFields;
}

const std::vector<FieldSpec>& DienstverbandFields() {
  static const auto* const kFields = new std::vector<FieldSpec>{
      {"functie", "functie", "functie", kText, Privacy::kInternal, true},
      {"begindatum", "datum_in_dienst", "datumInDienst", kDate, Privacy::kInternal, true},
      {"einddatum", "datum_uit_dienst", "datumUitDienst", kDate, Privacy::kInternal, true},
      {"reden_uit_dienst", "reden_uit_dienst", "redenUitDienst", kText, Privacy::kSensitive, false}};
  return *kFields;
}

const std::vector<FieldSpec>& LesgroepFields() {
  static const auto* const kFields = new std::vector<FieldSpec>{
      {"naam", "naam", "naam", kText, Privacy::kInternal, true},
      {"vak", "vak", "vak", kText, Privacy::kInternal, false},
      {"vaknaam", "vaknaam", "vaknaam", kText, Privacy::kInternal, false},
      {"leerjaar", "leerjaar", "leerjaar", kInteger, Privacy::kInternal, false},
      {"onderwijssoort", "onderwijssoort", "onderwijssoort", kText, Privacy::kInternal, false}};
  return *kFields;
}

}  // namespace sluice::somtoday
