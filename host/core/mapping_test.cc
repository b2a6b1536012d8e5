#include "host/core/mapping.h"

#include <algorithm>
#include <random>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/base/hash.h"

namespace sluice::core {
namespace {

using absl::CivilDay;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

FieldMapping Field(const std::string& field, const std::string& text) {
  auto made = Template::Parse(text);
  EXPECT_TRUE(made.ok()) << made.status();
  return {field, *made, {}};
}

SystemSpec Somtoday() {
  SystemSpec system;
  system.name = "somtoday";
  system.is_source = true;
  FieldMapping own = Field("custom.leerlingnummer", "{leerling.leerlingnummer}");  // An override of the operator.
  system.persons = {
      {"leerling",
       {Field("external_id", "{leerling.leerlingnummer}"), Field("name.nick", "{leerling.roepnaam}"),
        Field("name.given", "{leerling.voornamen}"), Field("name.family_prefix", "{leerling.voorvoegsel}"),
        Field("name.family", "{leerling.achternaam}"), own}},
      {"medewerker",
       {Field("external_id", "{medewerker.nummer | prefix(D)}"), Field("name.nick", "{medewerker.roepnaam}"),
        Field("name.family_prefix", "{medewerker.voorvoegsel}"), Field("name.family", "{medewerker.achternaam}"),
        Field("name.partner_prefix", "{medewerker.partner.voorvoegsel}"),
        Field("name.partner", "{medewerker.partner.achternaam}"), Field("name.convention", "{medewerker.naamgebruik}"),
        own}}};
  system.contracts = {
      {"placement",
       "plaatsing",
       "leerling",
       {Field("start", "{plaatsing.startdatum}"), Field("end", "{plaatsing.einddatum}"),
        Field("department.code", "{plaatsing.stamgroep.naam}"), Field("location.code", "{plaatsing.scope}"),
        Field("custom.label", "{contract.department.code | lower}")}},
      {"employment", "aanstelling", "", {Field("start", "{aanstelling.van}")}}};
  return system;
}

// Raw records that all came on one day.
class Records {
 public:
  Records& Add(const std::string& scope, const std::string& object_class, const std::string& id, Fields attributes,
               CivilDay first_seen = CivilDay(2026, 11, 1)) {
    RawRecord raw;
    raw.record = {scope, object_class, id, "", std::move(attributes)};
    raw.hash = RecordHash(raw.record);
    raw.first_seen = first_seen;
    raw.last_confirmed = CivilDay(2026, 11, 24);
    set_[{scope, object_class, id}] = raw;
    return *this;
  }
  Records& Pupil(const std::string& id, const std::string& nick, const std::string& family, Fields more = {}) {
    more["roepnaam"] = Value::Text(nick);
    more["achternaam"] = Value::Text(family);
    more.emplace("voorvoegsel", Value::Empty());
    more.emplace("voornamen", Value::Empty());
    return Add("dijk", "leerling", id, std::move(more));
  }
  Records& Vanish(const RawKey& key, CivilDay last_seen) {
    set_.at(key).last_seen = last_seen;
    return *this;
  }
  MappingResult Map(MappingOptions options = {}) const {
    options.owner_attributes.emplace("aanstelling", "medewerker");
    return MapPersons("somtoday", Somtoday(), set_, options);
  }
  const RawSet& set() const { return set_; }

 private:
  RawSet set_;
};

Value FieldOfOnly(const MappingResult& result, const std::string& field) {
  EXPECT_THAT(result.persons, SizeIs(1));
  return result.persons.empty() ? Value() : FieldOf(result.persons[0], nullptr, "person." + field);
}

Fields Placed(const std::string& pupil, Fields more = {}) {
  more.emplace("leerling", Value::Ref({"leerling", pupil}));
  more.emplace("startdatum", Value::Date(CivilDay(2026, 8, 1)));
  more.emplace("einddatum", Value::Empty());
  more.emplace("stamgroep", Value::MapOf({{"naam", Value::Text("H4D")}}));
  return more;
}

TEST(Mapping, MakesAPersonWithContractsOutOfRecords) {
  Records records;
  records.Pupil("1", "Noor", "Zwaluw",
                {{"voorvoegsel", Value::Text("van der")}, {"leerlingnummer", Value::Integer(104233)}});
  records.Add("dijk", "plaatsing", "p1", Placed("1", {{"einddatum", Value::Date(CivilDay(2027, 7, 31))}}));
  MappingResult result = records.Map();
  ASSERT_THAT(result.persons, SizeIs(1));
  const Person& noor = result.persons[0];
  EXPECT_EQ(noor.id, PersonId("somtoday", "leerling", "1"));
  EXPECT_EQ(noor.display, "Noor van der Zwaluw");
  EXPECT_EQ(noor.external_id, "104233");
  EXPECT_TRUE(noor.fields.at("external_id") == Value::Integer(104233)) << "one placeholder keeps the type";
  EXPECT_TRUE(noor.fields.at("name.family_all") == Value::Text("van der Zwaluw"));
  EXPECT_THAT(noor.held_back, IsEmpty());
  EXPECT_THAT(noor.sources, ElementsAre(RecordKey{"somtoday", "dijk", "leerling", "1"}));
  ASSERT_THAT(noor.contracts, SizeIs(1));
  const Contract& placement = noor.contracts[0];
  EXPECT_EQ(placement.type, "placement");
  EXPECT_EQ(placement.start, CivilDay(2026, 8, 1));
  EXPECT_EQ(placement.end, CivilDay(2027, 7, 31));
  EXPECT_TRUE(placement.fields.at("department.code") == Value::Text("H4D"));
  EXPECT_TRUE(placement.fields.at("location.code") == Value::Text("dijk"));
  EXPECT_TRUE(placement.fields.at("custom.label") == Value::Text("h4d"));
  EXPECT_EQ(placement.source.id, "p1");
  EXPECT_THAT(result.held_back, IsEmpty());
}

TEST(Mapping, ComposesTheFamilyNameByConvention) {
  struct Row {
    Value convention;
    const char* family_all;
  };
  for (const Row& row :
       {Row{Value::Text("B"), "de Boer"}, Row{Value::Text("P"), "van Smit"}, Row{Value::Text("pb"), "van Smit-de Boer"},
        Row{Value::Text("BP"), "de Boer-van Smit"}, Row{Value::Empty(), "de Boer"}, Row{Value::Text("?"), "de Boer"},
        Row{Value::NotVisible(), ""}}) {
    Records records;
    records.Add("dijk", "medewerker", "e1",
                {{"roepnaam", Value::Text("Ellen")},
                 {"voorvoegsel", Value::Text("de")},
                 {"achternaam", Value::Text("Boer")},
                 {"partner", Value::MapOf({{"voorvoegsel", Value::Text("van")}, {"achternaam", Value::Text("Smit")}})},
                 {"naamgebruik", row.convention}});
    EXPECT_EQ(FieldOfOnly(records.Map(), "name.family_all").ToText(), row.family_all) << row.convention.ToText();
  }
}

TEST(Mapping, DoesNotGuessANameOfWhichAPartIsNotVisible) {
  Records records;
  records.Add("dijk", "leerling", "1", {{"roepnaam", Value::Text("Noor")}, {"achternaam", Value::Text("Zwaluw")}});
  MappingResult result = records.Map();
  EXPECT_FALSE(FieldOfOnly(result, "name.family_all").is_visible()) << "voorvoegsel is mapped and not granted";
  EXPECT_THAT(result.persons[0].held_back, ElementsAre("leerling 1: name.display is not visible"));
  EXPECT_THAT(result.held_back, SizeIs(1));
}

TEST(Mapping, ShowsSomebodyWithoutANickNameByTheGivenOne) {
  Records records;
  records.Pupil("1", "", "Ng", {{"voornamen", Value::Text("Mei Lin")}});
  EXPECT_EQ(FieldOfOnly(records.Map(), "name.display").ToText(), "Mei Lin Ng");
}

TEST(Mapping, HoldsBackAPersonWithoutAName) {
  Records records;
  records.Pupil("1", " ", "\u00A0");
  MappingResult result = records.Map();
  EXPECT_THAT(result.persons[0].held_back, ElementsAre("leerling 1: name.display is empty"));
}

// C13: what looks the same is the same, so that a cleaned-up source changes nothing.
TEST(Mapping, NormalisesEveryText) {
  Records dirty, clean;
  dirty.Pupil("1", "Zoe\u0308 ", "Zwa\u200Bluw\u00A0", {{"voorvoegsel", Value::Text(" van\u00A0der ")}});
  clean.Pupil("1", "Zo\u00EB", "Zwaluw", {{"voorvoegsel", Value::Text("van der")}});
  EXPECT_EQ(VersionHash(dirty.Map().persons[0]), VersionHash(clean.Map().persons[0]));
  EXPECT_EQ(clean.Map().persons[0].display, "Zo\u00EB van der Zwaluw");
}

TEST(Mapping, JoinsOnePersonOutOfSeveralScopes) {
  Records records;
  records.Pupil("1", "Noor", "Zwaluw");
  records.Add("brug", "leerling", "1", {{"leerlingnummer", Value::Text("104233")}, {"roepnaam", Value::Text("Nora")}});
  MappingResult result = records.Map();
  EXPECT_TRUE(FieldOfOnly(result, "custom.leerlingnummer") == Value::Text("104233")) << "visible in one of them";
  EXPECT_EQ(result.persons[0].display, "Nora Zwaluw") << "the first scope by id";
  EXPECT_THAT(result.persons[0].sources, ElementsAre(RecordKey{"somtoday", "brug", "leerling", "1"},
                                                     RecordKey{"somtoday", "dijk", "leerling", "1"}));
}

TEST(Mapping, LeavesOutAnOverrideThatSpeaksOfAnotherClass) {
  Records records;
  records.Add("dijk", "medewerker", "e1",
              {{"roepnaam", Value::Text("Ellen")},
               {"voorvoegsel", Value::Empty()},
               {"achternaam", Value::Text("Smit")},
               {"naamgebruik", Value::Empty()}});
  EXPECT_FALSE(FieldOfOnly(records.Map(), "custom.leerlingnummer").is_visible());
}

// C08: a placement that says it has no start gives nothing, visibly, and nobody borrows a date: beside another one it
// is left out; the only one holds its person back, for the date may have been wiped out by mistake.
TEST(Mapping, LeavesOutAContractWhoseStartIsEmptyBesideAnotherOfItsType) {
  Records records;
  records.Pupil("1", "Sem", "Bakker");
  records.Add("dijk", "plaatsing", "p1", Placed("1", {{"einddatum", Value::Date(CivilDay(2025, 12, 1))}}));
  records.Add("dijk", "plaatsing", "p2", Placed("1", {{"startdatum", Value::Empty()}}));
  MappingResult result = records.Map();
  ASSERT_THAT(result.persons, SizeIs(1));
  ASSERT_THAT(result.persons[0].contracts, SizeIs(1));
  EXPECT_EQ(result.persons[0].contracts[0].source.id, "p1");
  EXPECT_THAT(result.persons[0].held_back, IsEmpty());
  EXPECT_EQ(result.persons[0].fields.at(Person::kLeftOut).ToText(), "plaatsing p2 is left out: its start is empty");
  ASSERT_THAT(result.held_back, SizeIs(1));
  EXPECT_EQ(result.held_back[0].reason, "plaatsing p2 is left out: its start is empty");
  EXPECT_EQ(result.held_back[0].person_id, result.persons[0].id);
  EXPECT_EQ(result.held_back[0].record, (RecordKey{"somtoday", "dijk", "plaatsing", "p2"}));
}

TEST(Mapping, HoldsBackThePersonWhoseOnlyContractOfATypeHasAnEmptyStart) {
  Records records;
  records.Pupil("1", "Sem", "Bakker");
  records.Add("dijk", "plaatsing", "p1", Placed("1", {{"startdatum", Value::Empty()}}));
  MappingResult result = records.Map();
  ASSERT_THAT(result.persons, SizeIs(1));
  EXPECT_THAT(result.persons[0].contracts, IsEmpty());
  EXPECT_THAT(result.persons[0].held_back, ElementsAre("plaatsing p1: its start is empty; fill it in in the source"));
  EXPECT_FALSE(result.persons[0].fields.contains(Person::kLeftOut));
}

// Promise 2: a start that we may not see must not end what the contract gave.
TEST(Mapping, HoldsBackThePersonWhenAStartIsNotVisibleOrNoDate) {
  for (const auto& [start, reason] : {std::pair{Value::NotVisible(), "plaatsing p1: its start is not visible"},
                                      std::pair{Value::Text("1 August"), "plaatsing p1: its start is no date"}}) {
    Records records;
    records.Pupil("1", "Sem", "Bakker");
    records.Add("dijk", "plaatsing", "p1", Placed("1", {{"startdatum", start}}));
    EXPECT_THAT(records.Map().persons[0].held_back, ElementsAre(reason));
  }
}

TEST(Mapping, TellsAnOpenEndFromOneThatIsNotVisible) {
  Records records;
  records.Pupil("1", "Sem", "Bakker");
  records.Add("dijk", "plaatsing", "p1", Placed("1"));
  records.Add("dijk", "plaatsing", "p2", Placed("1", {{"einddatum", Value::NotVisible()}}));
  records.Add("dijk", "plaatsing", "p3",
              Placed("1", {{"startdatum", Value::Text("2026-08-01")}, {"einddatum", Value::Text("2027-07-31")}}));
  MappingResult result = records.Map();
  ASSERT_THAT(result.persons[0].contracts, SizeIs(3));
  for (const Contract& contract : result.persons[0].contracts) {
    Value end = FieldOf(result.persons[0], &contract, "contract.end");
    EXPECT_EQ(end.is_empty(), contract.source.id == "p1");
    EXPECT_EQ(end.is_visible(), contract.source.id != "p2");
    EXPECT_EQ(contract.end.has_value(), contract.source.id == "p3");
  }
}

TEST(Mapping, FindsTheOwnerByReferenceOrText) {
  Records records;
  records.Add("dijk", "medewerker", "e1",
              {{"roepnaam", Value::Text("Ellen")},
               {"voorvoegsel", Value::Empty()},
               {"achternaam", Value::Text("Smit")},
               {"naamgebruik", Value::Empty()}});
  Value day = Value::Date(CivilDay(2026, 8, 1));
  records.Add("dijk", "aanstelling", "a1", {{"medewerker", Value::Text("e1")}, {"van", day}});
  records.Add("dijk", "aanstelling", "a2", {{"medewerker", Value::Ref({"medewerker", "e1"})}, {"van", day}});
  records.Add("dijk", "aanstelling", "a3", {{"medewerker", Value::Ref({"medewerker", "nobody"})}, {"van", day}});
  records.Add("dijk", "aanstelling", "a4", {{"van", day}});
  MappingResult result = records.Map();
  EXPECT_THAT(result.persons[0].contracts, SizeIs(2)) << "the attribute comes from the schema";
  EXPECT_EQ(result.dangling_contracts, 1);
  ASSERT_THAT(result.held_back, SizeIs(1));
  EXPECT_EQ(result.held_back[0].reason, "aanstelling a4 is left out: medewerker is not visible");
}

// C19: the one that had the number first keeps it, whatever was seen first today.
TEST(Mapping, HoldsBackTheLaterOfTwoPersonsWithOneNumber) {
  Records records;
  Fields number = {{"leerlingnummer", Value::Text("104233")}, {"voorvoegsel", Value::Empty()}};
  auto pupil = [&](const std::string& id, const char* nick, CivilDay first_seen) {
    Fields fields = number;
    fields["roepnaam"] = Value::Text(nick);
    fields["achternaam"] = Value::Text("X");
    records.Add("dijk", "leerling", id, fields, first_seen);
    return PersonId("somtoday", "leerling", id);
  };
  std::string daan = pupil("1", "Daan", CivilDay(2026, 9, 2));
  std::string noor = pupil("2", "Noor", CivilDay(2026, 9, 1));
  auto held = [&](const MappingResult& result, const std::string& id) {
    for (const Person& person : result.persons) {
      if (person.id == id) return person.held_back.size();
    }
    return size_t{99};
  };
  MappingResult result = records.Map();
  EXPECT_EQ(held(result, noor), 0u);
  EXPECT_EQ(held(result, daan), 1u);
  ASSERT_THAT(result.held_back, SizeIs(1));
  EXPECT_THAT(result.held_back[0].reason, testing::AllOf(HasSubstr(noor), HasSubstr(daan)));
  EXPECT_EQ(result.held_back[0].person_id, daan);
  MappingOptions options;
  options.external_id_holders = {{"104233", daan}};
  EXPECT_EQ(held(records.Map(options), noor), 1u) << "Daan had it in the parent snapshot";
}

TEST(Mapping, LetsPersonsAndContractsVanishOnTheDayTheyWereLastSeen) {
  Records records;
  records.Pupil("1", "Sem", "Bakker");
  records.Add("brug", "leerling", "1", {{"roepnaam", Value::Text("Sam")}});
  records.Add("dijk", "plaatsing", "p1", Placed("1"));
  records.Vanish({"dijk", "plaatsing", "p1"}, CivilDay(2026, 11, 20));
  records.Vanish({"brug", "leerling", "1"}, CivilDay(2026, 11, 20));
  MappingResult one = records.Map();
  EXPECT_FALSE(one.persons[0].last_seen.has_value()) << "another scope still has him";
  EXPECT_EQ(one.persons[0].display, "Sem Bakker") << "a tombstone does not speak while somebody else does";
  EXPECT_EQ(one.persons[0].contracts[0].EffectiveEnd(), CivilDay(2026, 11, 20));
  records.Vanish({"dijk", "leerling", "1"}, CivilDay(2026, 11, 22));
  MappingResult both = records.Map();
  EXPECT_EQ(both.persons[0].last_seen, CivilDay(2026, 11, 22));
  EXPECT_EQ(both.persons[0].id, one.persons[0].id);
}

// Purity: the order in which records arrive makes no difference.
TEST(Mapping, GivesTheSameBytesAfterAShuffleOfTheRecords) {
  ImportedData data;
  data.system = "somtoday";
  data.scopes = {{"dijk", ""}, {"brug", ""}};
  for (int i = 0; i < 60; ++i) {
    std::string id = absl::StrCat(i % 40);
    const char* scope = i % 3 == 0 ? "brug" : "dijk";
    data.records.push_back({scope,
                            "leerling",
                            id,
                            "",
                            {{"roepnaam", Value::Text(absl::StrCat("N", i))},
                             {"achternaam", Value::Text("X")},
                             {"voorvoegsel", Value::Empty()},
                             {"leerlingnummer", Value::Integer(i % 30)}}});
    data.records.push_back({scope, "plaatsing", absl::StrCat("p", i), "", Placed(id)});
  }
  auto bytes = [&] {
    MappingOptions options;
    MappingResult result =
        MapPersons("somtoday", Somtoday(), MergeRecords({}, data, CivilDay(2026, 11, 24), 30).set, options);
    nlohmann::json all = nlohmann::json::array();
    for (const Person& person : result.persons) all.push_back(ToJson(person));
    for (const HeldBackRecord& held : result.held_back) all.push_back(held.reason);
    return base::CanonicalJson(all);
  };
  std::string first = bytes();
  std::mt19937 random(7);
  for (int round = 0; round < 5; ++round) {
    std::shuffle(data.records.begin(), data.records.end(), random);
    EXPECT_EQ(bytes(), first);
  }
}

}  // namespace
}  // namespace sluice::core
