#include "host/core/person.h"

#include "gtest/gtest.h"
#include "host/base/hash.h"
#include "host/core/configuration.h"

namespace sluice::core {
namespace {

Person Ellen() {
  Person person;
  person.id = PersonId("somtoday", "medewerker", "e1");
  person.display = "Ellen Smit-de Boer";
  person.external_id = "D51326";
  person.fields = {{"name.nick", Value::Text("Ellen")}, {"name.prefix", Value::Empty()}};
  person.sources = {{"somtoday", "dijk", "medewerker", "e1"}};
  Contract contract;
  contract.source = {"somtoday", "dijk", "aanstelling", "x1"};
  contract.id = ContractId("employment", contract.source);
  contract.type = "employment";
  contract.start = absl::CivilDay(2026, 8, 1);
  contract.end = absl::CivilDay(2027, 7, 31);
  contract.fields = {{"fte", Value::Number({800000})}};
  person.contracts = {contract};
  person.held_back = {"medewerker e1: name.display is empty"};
  person.last_seen = absl::CivilDay(2026, 11, 1);
  return person;
}

TEST(Person, ComesBackFromItsJson) {
  Person person = Ellen();
  EXPECT_EQ(CanonicalText(person), base::CanonicalJson(ToJson(person)));
  EXPECT_EQ(CanonicalText(Person()), base::CanonicalJson(ToJson(Person())));
  auto back = PersonFromJson(nlohmann::json::parse(base::CanonicalJson(ToJson(person))));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(VersionHash(*back), VersionHash(person));
  EXPECT_EQ(back->contracts[0].end, person.contracts[0].end);
  EXPECT_EQ(back->last_seen, person.last_seen);
  EXPECT_EQ(back->held_back, person.held_back);
}

TEST(Person, HasAnotherVersionWhenAnythingIsDifferent) {
  std::string hash = VersionHash(Ellen());
  Person open = Ellen();
  open.contracts[0].end.reset();
  EXPECT_NE(VersionHash(open), hash);
  Person hidden = Ellen();
  hidden.fields.erase("name.prefix");
  EXPECT_NE(VersionHash(hidden), hash);
  Person there = Ellen();
  there.last_seen.reset();
  EXPECT_NE(VersionHash(there), hash);
}

TEST(Person, RefusesADamagedForm) {
  nlohmann::json good = ToJson(Ellen());
  for (const char* key : {"id", "fields", "contracts", "sources", "held_back", "display"}) {
    nlohmann::json bad = good;
    bad.erase(key);
    EXPECT_FALSE(PersonFromJson(bad).ok()) << key;
  }
  nlohmann::json bad = good;
  bad["contracts"][0]["start"] = "1 August";
  EXPECT_FALSE(PersonFromJson(bad).ok());
  bad = good;
  bad["sources"][0] = {"one", "two"};
  EXPECT_FALSE(PersonFromJson(bad).ok());
  EXPECT_FALSE(PersonFromJson(nlohmann::json::array()).ok());
}

TEST(Ids, DependOnTheObjectAndNotOnItsScope) {
  EXPECT_EQ(PersonId("somtoday", "leerling", "1"), PersonId("somtoday", "leerling", "1"));
  EXPECT_NE(PersonId("somtoday", "leerling", "1"), PersonId("hr", "leerling", "1"));
  EXPECT_EQ(ContractId("placement", {"s", "dijk", "plaatsing", "1"}),
            ContractId("placement", {"s", "brug", "plaatsing", "1"}));
  EXPECT_NE(ContractId("placement", {"s", "dijk", "plaatsing", "1"}),
            ContractId("choice", {"s", "dijk", "plaatsing", "1"}));
}

TEST(Contract, EndsOnTheEarlierOfItsEndAndTheDayItWasLastSeen) {
  Contract contract;
  EXPECT_FALSE(contract.EffectiveEnd().has_value());
  contract.last_seen = absl::CivilDay(2026, 11, 1);
  EXPECT_EQ(contract.EffectiveEnd(), absl::CivilDay(2026, 11, 1));
  contract.end = absl::CivilDay(2026, 10, 1);
  EXPECT_EQ(contract.EffectiveEnd(), absl::CivilDay(2026, 10, 1));
  contract.end = absl::CivilDay(2026, 12, 1);
  EXPECT_EQ(contract.EffectiveEnd(), absl::CivilDay(2026, 11, 1));
}

TEST(FieldOf, FindsFieldsByTheirWholePath) {
  Person person = Ellen();
  const Contract* contract = &person.contracts[0];
  EXPECT_TRUE(FieldOf(person, nullptr, "person.name.nick") == Value::Text("Ellen"));
  EXPECT_TRUE(FieldOf(person, nullptr, "person.name.prefix") == Value::Empty());
  EXPECT_TRUE(FieldOf(person, contract, "contract.type") == Value::Text("employment"));
  EXPECT_TRUE(FieldOf(person, contract, "contract.start") == Value::Date(absl::CivilDay(2026, 8, 1)));
  EXPECT_TRUE(FieldOf(person, contract, "contract.end") == Value::Date(absl::CivilDay(2027, 7, 31)));
  EXPECT_TRUE(FieldOf(person, contract, "contract.fte") == Value::Number({800000}));
  for (const char* path : {"name.nick", "person.none", "contract.none", "other.name"}) {
    EXPECT_FALSE(FieldOf(person, contract, path).is_visible()) << path;
  }
  EXPECT_FALSE(FieldOf(person, nullptr, "contract.type").is_visible());
  person.contracts[0].end.reset();
  EXPECT_TRUE(FieldOf(person, contract, "contract.end").is_empty());
  person.contracts[0].fields[Contract::kEndIsHidden] = Value::Flag(true);
  EXPECT_FALSE(FieldOf(person, contract, "contract.end").is_visible());
}

TEST(EntitlementRef, IsWrittenAsInTheRules) {
  using Kind = EntitlementRef::Kind;
  EXPECT_EQ((EntitlementRef{Kind::kAccount, "ad", "", "", "", "", {}}).ToString(), "ad/account");
  EXPECT_EQ((EntitlementRef{Kind::kAccess, "ad", "", "", "", "", {}}).ToString(), "ad/access");
  EXPECT_EQ((EntitlementRef{Kind::kPermission, "ad", "group", "docenten", "", "", {}}).ToString(), "ad/group:docenten");
  EXPECT_EQ((EntitlementRef{Kind::kResource, "ad", "", "", "class group", "", {}}).ToString(), "ad/class group");
}

}  // namespace
}  // namespace sluice::core
