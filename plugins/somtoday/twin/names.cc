#include "plugins/somtoday/twin/names.h"

#include <cctype>
#include <string_view>
#include <utility>

namespace sluice::somtoday_twin {
namespace {

constexpr const char* kWomen[] = {"Emma",  "Julia",  "Mila",  "Tess",    "Sophie", "Zoë",        "Sara",  "Nora",
                                  "Yara",  "Eva",    "Lotte", "Noëlle",  "Liv",    "Fenna",      "Fleur", "Roos",
                                  "Anouk", "Isa",    "Lieke", "Fatima",  "Aylin",  "Maud",       "Saar",  "Femke",
                                  "Merel", "Sterre", "Jade",  "Esmée",   "Hailey", "Lynn",       "Amira", "Charlotte",
                                  "Puck",  "Renée",  "Iris",  "Loïs",    "Sanne",  "Britt",      "Elin",  "Vera",
                                  "Naomi", "Romy",   "Floor", "Jasmijn", "Hanna",  "Anna-Fleur", "Linde", "Kiki"};
constexpr const char* kMen[] = {"Noah",  "Liam",       "Luca",     "Lucas",  "Mees",    "Finn",   "James",  "Milan",
                                "Levi",  "Sem",        "Daan",     "Noud",   "Luuk",    "Adam",   "Bram",   "Zayn",
                                "Mason", "Hugo",       "Benjamin", "Teun",   "Gijs",    "Thijs",  "Jens",   "Ruben",
                                "Sven",  "Mohamed",    "Yusuf",    "Ties",   "Guus",    "Floris", "Siem",   "Joep",
                                "Boaz",  "Jan-Pieter", "Stijn",    "Jurre",  "Olivier", "Ömer",   "André",  "Jules",
                                "Kai",   "Owen",       "Rayan",    "Casper", "Tobias",  "Vince",  "Willem", "Xavi"};
constexpr const char* kFamilies[] = {
    "Jansen",    "Bakker",   "Visser",   "Smit",      "Meijer",     "Mulder",     "Bos",       "Vos",       "Peters",
    "Hendriks",  "Dekker",   "Brouwer",  "Dijkstra",  "Smits",      "Kok",        "Jacobs",    "Vermeulen", "Schouten",
    "Willems",   "Hoekstra", "Koster",   "Prins",     "Huisman",    "Peeters",    "Kuiper",    "Veenstra",  "Kramer",
    "Post",      "Scholten", "Yılmaz",   "Kaya",      "Çelik",      "Müller",     "Sørensen",  "Nguyen",    "Janssen",
    "Verhoeven", "Postma",   "Hofman",   "Groen",     "Timmermans", "Kuijpers",   "Bouwman",   "Wolters",   "Blom",
    "Maas",      "Evers",    "Mol",      "Gerritsen", "Wiersma",    "Bakker-Vos", "Rodrígues", "Goossens",  "Pot",
    "Hermans",   "Molenaar", "Zijlstra", "Kooiman",   "Terpstra",   "Faber"};
constexpr std::pair<const char*, const char*> kPrefixed[] = {
    {"de", "Vries"},       {"van den", "Berg"},    {"van", "Dijk"},       {"de", "Boer"},        {"de", "Groot"},
    {"van der", "Meer"},   {"van", "Leeuwen"},     {"de", "Wit"},         {"van der", "Linden"}, {"van", "Dam"},
    {"de", "Haan"},        {"van der", "Heijden"}, {"van den", "Broek"},  {"de", "Bruijn"},      {"van der", "Veen"},
    {"van den", "Heuvel"}, {"ter", "Beek"},        {"ten", "Brink"},      {"van 't", "Hof"},     {"in 't", "Veld"},
    {"op 't", "Land"},     {"den", "Ouden"},       {"'t", "Hart"},        {"von", "Berg"},       {"el", "Amrani"},
    {"la", "Fontaine"},    {"van de", "Ven"},      {"uit den", "Bogaard"}};

template <typename T, size_t n>
const T& Pick(const T (&list)[n], uint64_t random) {
  return list[random % n];
}

}  // namespace

const std::vector<PersonName>& DifficultPupilNames() {
  static const auto* const kNames = new std::vector<PersonName>{
      {"Jan-Willem", "JW", "van 't", "Hoff-de Groot"},
      {"Zoë", "Z", "", "Çelik", false, true},
      {"Bo", "B", "", "Ng"},
      // The decomposed twin: the same letters, written as a letter and a combining mark.
      {"Zoe\xCC\x88", "Z", "",
       "C\xCC\xA7"
       "elik",
       false, true},
      {"Emma", "E", "de", "Vries", false, true},
      {"Emma", "E", "de", "Vries", false, true},
      {"Seán", "S", "", "Ö'Brien"},
      {"Sem", "SJ", "", "Bakker"},
      {"Laurens", "L", "", "'s-Gravesande"},
      {"Łukasz", "Ł", "", "Đorđević"},
      {"Noël", "N", "", "Sørensen"},
      {"Maximiliaan", "MA", "van", "Nieuwenhuijzen-Schouten"},
      {"Anna-Sophia", "AS", "", "Wolfeschlegelsteinhausenbergerdorff-van Nieuwenhuijzen tot Oldenbarnevelt", false,
       true},
      {"J", "J", "", "Müller"},
      {"Bas", "B", "", "Jansen ", true},
      {"Tom", "T", "", "Smit & Zn. <Junior>"},
      {"Yasmina", "Y", "el", "Amrani", false, true},
      {"Pieter", "P", "op 't", "Land"},
      {"Karel", "K", "'t", "Hart"},
      {"Fleur", "F", "ter", "Beek", true, true}};
  return *kNames;
}

const std::vector<PersonName>& DifficultStaffNames() {
  static const auto* const kNames =
      new std::vector<PersonName>{{"Ellen", "E", "de", "Boer", false, true},
                                  {"Jan", "J", "", "Jansen"},
                                  {"Jan", "J", "", "Jansen"},
                                  {"Zoë", "Z", "", "Çelik", false, true},
                                  {"Marie-José", "MJ", "van 't", "Hoff-de Groot", false, true},
                                  {"Wei", "W", "", "Ng"}};
  return *kNames;
}

PersonName MakeName(uint64_t random) {
  PersonName name;
  name.woman = random % 2 == 0;
  name.roepnaam = name.woman ? Pick(kWomen, random >> 8) : Pick(kMen, random >> 8);
  const std::string_view initial = name.roepnaam;
  name.voorletters = static_cast<unsigned char>(initial[0]) < 0x80 ? initial.substr(0, 1) : initial.substr(0, 2);
  if ((random >> 20) % 10 < 3) name.voorletters += static_cast<char>('A' + (random >> 24) % 26);
  if ((random >> 32) % 10 < 3) {
    const auto& [prefix, family] = Pick(kPrefixed, random >> 36);
    name.voorvoegsel = prefix;
    name.achternaam = family;
  } else {
    name.achternaam = Pick(kFamilies, random >> 36);
  }
  return name;
}

std::string MailPart(const std::string& name) {
  std::string part;
  for (const char c : name) {
    if (static_cast<unsigned char>(c) < 0x80 && std::isalnum(static_cast<unsigned char>(c)))
      part += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return part.empty() ? "x" : part;
}

}  // namespace sluice::somtoday_twin
