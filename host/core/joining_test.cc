// Who is one person with whom, with which id, and where the fields come from.
#include "host/core/joining.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::core {
namespace {

using absl::CivilDay;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

FieldMapping Field(const std::string& field) { return {field, *Template::Parse(absl::StrCat("{r.", field, "}")), {}}; }

// Two sources, hr before somtoday: hr has names and a mail address, somtoday names and an abbreviation.
class Join : public ::testing::Test {
 protected:
  Join() {
    configuration_.join = JoinSpec{*Template::Parse("{person.custom.nummer}"), {"hr", "somtoday"}, {}};
    AddSource("hr", {"name.family", "custom.nummer", "contact.business.email"});
    AddSource("somtoday", {"name.family", "custom.nummer", "custom.afkorting"});
  }

  void AddSource(const std::string& name, const std::vector<std::string>& fields) {
    SystemSpec& system = configuration_.systems[name];
    system.name = name;
    system.is_source = true;
    system.persons = {{"r", {}}};
    for (const std::string& field : fields) system.persons[0].fields.push_back(Field(field));
  }

  // As mapping makes one: a key of "?" is not visible, one of "" empty.
  Person& Add(const std::string& system, const std::string& id, const std::string& key, Fields more = {}) {
    persons_.emplace_back();
    Person& person = persons_.back();
    person.id = PersonId(system, "r", id);
    person.fields = std::move(more);
    if (key != "?") person.fields["custom.nummer"] = key.empty() ? Value::Empty() : Value::Text(key);
    const std::string family = absl::StrCat(system, id);
    person.fields.emplace("name.family", Value::Text(family));
    const Value name = person.fields.at("name.family");
    person.fields["name.family_all"] = name;
    person.fields["name.display"] = name;
    person.fields["external_id"] = Value::Text(absl::StrCat(system.substr(0, 1), id));
    person.display = family;
    person.external_id = absl::StrCat(system.substr(0, 1), id);
    person.sources = {{system, "dijk", "r", id}};
    Contract contract;
    contract.type = "employment";
    contract.source = {system, "dijk", "c", id};
    contract.id = ContractId("employment", contract.source);
    contract.start = CivilDay(2026, 8, 1);
    person.contracts.push_back(contract);
    return person;
  }
  Person& Gone(const std::string& system, const std::string& id, const std::string& key, CivilDay day) {
    Person& person = Add(system, id, key);
    person.last_seen = person.contracts[0].last_seen = day;
    return person;
  }

  // Joins those that were added since the last time, and makes them the parent snapshot.
  std::vector<std::string> Next() {
    Snapshot next;
    for (Person& person :
         JoinPersons(std::move(persons_), {&configuration_, &before_, with_state_, CivilDay(2026, 11, 24)}))
      next.persons.push_back(std::make_shared<const Person>(std::move(person)));
    persons_.clear();
    before_ = std::move(next);
    std::vector<std::string> lines;
    for (const auto& person : before_.persons) lines.push_back(LineOf(*person));
    std::sort(lines.begin(), lines.end());
    return lines;
  }
  // "hr 1 + somtoday 7 as hr 1", and " !" when held back.
  std::string LineOf(const Person& person) const {
    std::vector<std::string> parts;
    std::string named = "another id";
    for (const RecordKey& record : person.sources) parts.push_back(absl::StrCat(record.system, " ", record.id));
    for (const char* system : {"hr", "somtoday"}) {
      for (int id = 0; id < 20; ++id) {
        if (PersonId(system, "r", absl::StrCat(id)) == person.id) named = absl::StrCat(system, " ", id);
      }
    }
    return absl::StrCat(absl::StrJoin(parts, " + "), " as ", named, person.held_back.empty() ? "" : " !");
  }
  const Person& Of(const std::string& system, const std::string& id) const {
    for (const auto& person : before_.persons) {
      for (const RecordKey& record : person->sources) {
        if (record.system == system && record.id == id) return *person;
      }
    }
    static const Person* const kNobody = new Person;
    return *kNobody;
  }
  void Knows(const std::string& system, const std::string& id) { with_state_.insert(PersonId(system, "r", id)); }

  Configuration configuration_;
  std::vector<Person> persons_;
  Snapshot before_;
  std::set<std::string> with_state_;
};

TEST_F(Join, PersonsOfOneKeyAreOneWithTheContractsOfBoth) {
  Add("hr", "1", "51326");
  Add("somtoday", "7", "51326");
  Add("somtoday", "8", "51327");
  Add("hr", "2", "");
  Add("somtoday", "9", "?");
  EXPECT_THAT(Next(), ElementsAre("hr 1 + somtoday 7 as hr 1", "hr 2 as hr 2", "somtoday 8 as somtoday 8",
                                  "somtoday 9 as somtoday 9"));
  EXPECT_THAT(Of("hr", "1").contracts, SizeIs(2));
}

TEST_F(Join, AFieldComesFromTheEarliestSourceWhoseMappingHasItAndSaysSo) {
  Add("hr", "1", "51326", {{"contact.business.email", Value::Text("e.boer@hr.example")}});
  Add("somtoday", "7", "51326",
      {{"custom.afkorting", Value::Text("BOE")}, {"contact.business.email", Value::Text("not mapped")}});
  Next();
  const Person& person = Of("hr", "1");
  EXPECT_EQ(person.display, "hr1");
  EXPECT_EQ(FieldOf(person, nullptr, "person.name.family").text(), "hr1");
  EXPECT_EQ(FieldOf(person, nullptr, "person.custom.afkorting").text(), "BOE");
  EXPECT_EQ(FieldOf(person, nullptr, "person.contact.business.email").text(), "e.boer@hr.example");
  EXPECT_EQ(SourceOfField(person, "name.family"), "hr");
  EXPECT_EQ(SourceOfField(person, "custom.afkorting"), "somtoday");
  EXPECT_TRUE(IsOf(person, "hr") && IsOf(person, "somtoday"));
}

TEST_F(Join, AFieldThatIsHiddenTodayDoesNotComeFromAnotherSource) {
  Person& hr = Add("hr", "1", "51326");
  hr.fields.erase("name.family");
  Add("somtoday", "7", "51326");
  Next();
  EXPECT_FALSE(FieldOf(Of("hr", "1"), nullptr, "person.name.family").is_visible());
  Add("hr", "1", "51326", {{"name.family", Value::Empty()}});
  Add("somtoday", "7", "51326");
  Next();
  EXPECT_TRUE(FieldOf(Of("hr", "1"), nullptr, "person.name.family").is_empty()) << "an empty one is what it says";
}

TEST_F(Join, TheIdIsThatOfWhoWasThereFirstAndStays) {
  Add("somtoday", "7", "51326");
  EXPECT_THAT(Next(), ElementsAre("somtoday 7 as somtoday 7"));
  Add("hr", "1", "51326");
  Add("somtoday", "7", "51326");
  EXPECT_THAT(Next(), ElementsAre("hr 1 + somtoday 7 as somtoday 7")) << "the account is that of somtoday 7";
  Add("hr", "1", "51326");
  Gone("somtoday", "7", "51326", CivilDay(2026, 11, 20));
  EXPECT_THAT(Next(), ElementsAre("hr 1 + somtoday 7 as somtoday 7"));
  EXPECT_FALSE(Of("hr", "1").last_seen) << "hr still has this person";
  Add("hr", "1", "51326");  // The tombstone's retention is over.
  EXPECT_THAT(Next(), ElementsAre("hr 1 as somtoday 7"));
  Add("hr", "1", "?");
  EXPECT_THAT(Next(), ElementsAre("hr 1 as somtoday 7"));
  Add("hr", "1", "51326");
  Add("somtoday", "12", "51326");
  EXPECT_THAT(Next(), ElementsAre("hr 1 + somtoday 12 as somtoday 7"));
}

TEST_F(Join, WhoIsGoneEverywhereIsGone) {
  Add("hr", "1", "51326");
  Add("somtoday", "7", "51326");
  Next();
  Gone("hr", "1", "51326", CivilDay(2026, 11, 20));
  Gone("somtoday", "7", "51326", CivilDay(2026, 11, 22));
  Next();
  EXPECT_EQ(Of("hr", "1").last_seen, CivilDay(2026, 11, 22));
}

TEST_F(Join, ASourceThatLostSomebodyGivesWayAfterItsGrace) {
  Add("hr", "1", "51326");
  Add("somtoday", "7", "51326");
  Next();
  const Snapshot whole = before_;
  Gone("hr", "1", "51326", CivilDay(2026, 11, 20));
  Add("somtoday", "7", "51326");
  Next();
  EXPECT_EQ(Of("hr", "1").display, "hr1") << "nothing is renamed at once";
  EXPECT_THAT(PeopleThatLost(whole, before_, "hr"), SizeIs(1)) << "hr's limits count it";
  EXPECT_THAT(PeopleThatLost(whole, before_, "somtoday"), IsEmpty());
  Gone("hr", "1", "51326", CivilDay(2026, 11, 1));
  Add("somtoday", "7", "51326");
  Next();
  EXPECT_EQ(Of("hr", "1").display, "somtoday7");
  EXPECT_EQ(SourceOfField(Of("hr", "1"), "contact.business.email"), "hr");
}

TEST_F(Join, AKeyThatCannotBeSeenOrIsEmptySeparatesNobody) {
  Add("hr", "1", "51326");
  Add("somtoday", "7", "51326");
  Next();
  for (const auto& [hr, somtoday] :
       std::vector<std::pair<const char*, const char*>>{{"?", "51326"}, {"51326", ""}, {"?", "?"}, {"", ""}}) {
    Add("hr", "1", hr);
    Add("somtoday", "7", somtoday);
    EXPECT_THAT(Next(), ElementsAre("hr 1 + somtoday 7 as hr 1")) << hr << " " << somtoday;
  }
}

TEST_F(Join, AnotherKeySeparatesAndWhoseRecordTheIdIsKeepsIt) {
  Add("somtoday", "7", "51326");
  Next();
  Add("somtoday", "7", "51326");
  Add("hr", "1", "51326");
  Next();
  Add("somtoday", "7", "51326");
  Add("hr", "1", "51399");
  EXPECT_THAT(Next(), ElementsAre("hr 1 as hr 1", "somtoday 7 as somtoday 7"));
  Add("somtoday", "7", "51326");
  Add("hr", "1", "51326");
  EXPECT_THAT(Next(), ElementsAre("hr 1 + somtoday 7 as hr 1"))
      << "nobody knows more of one than of the other: the earlier source";
}

TEST_F(Join, TwoOfOneSourceWithOneKeyAreHeldBackAndNobodyIsJoined) {
  Add("hr", "1", "51326");
  Add("hr", "2", "51326");
  Add("somtoday", "7", "51326");
  EXPECT_THAT(Next(), ElementsAre("hr 1 as hr 1 !", "hr 2 as hr 2 !", "somtoday 7 as somtoday 7"));
  EXPECT_THAT(Of("hr", "1").held_back,
              ElementsAre("hr r 1: it has the join key of hr r 2; correct one of the two in the source"));
}

TEST_F(Join, WhoWasJoinedBeforeStaysSoAndTheOtherOfItsSourceIsHeldBack) {
  Add("hr", "1", "51326");
  Add("somtoday", "7", "51326");
  Next();
  Add("hr", "1", "51326");
  Add("hr", "2", "51326");
  Add("somtoday", "7", "51326");
  EXPECT_THAT(Next(), ElementsAre("hr 1 + somtoday 7 as hr 1", "hr 2 as hr 2 !"));
}

TEST_F(Join, AMistypedKeyTakesNobodyAwayFromThePersonThatItWasPartOf) {
  Add("hr", "1", "51326");
  Add("somtoday", "7", "51326");
  Add("hr", "2", "51327");
  Add("somtoday", "8", "51327");
  Next();
  Add("hr", "1", "51326");
  Add("somtoday", "7", "51326");
  Add("hr", "2", "51326");
  Add("somtoday", "8", "51327");
  EXPECT_THAT(Next(), ElementsAre("hr 1 + somtoday 7 as hr 1", "hr 2 + somtoday 8 as hr 2 !"));
}

TEST_F(Join, ANumberThatIsGivenOutAgainIsNotTheOldOwners) {
  Add("hr", "1", "51326");
  Next();
  Gone("hr", "1", "51326", CivilDay(2026, 11, 1));
  Add("somtoday", "9", "51326");
  EXPECT_THAT(Next(), ElementsAre("hr 1 as hr 1", "somtoday 9 as somtoday 9"));
  EXPECT_TRUE(Of("hr", "1").last_seen);
}

TEST_F(Join, TwoThatBothHaveAccountsAreHeldBackAndStayTwo) {
  Add("hr", "1", "51326");
  Add("somtoday", "7", "");
  Next();
  Knows("hr", "1");
  Knows("somtoday", "7");
  for (int turn = 0; turn < 2; ++turn) {
    Add("hr", "1", "51326");
    Add("somtoday", "7", "51326");
    EXPECT_THAT(Next(), ElementsAre("hr 1 as hr 1 !", "somtoday 7 as somtoday 7 !"));
  }
  EXPECT_THAT(Of("hr", "1").held_back, ElementsAre(HasSubstr("each of the two has accounts or decisions of its own")));
  with_state_.erase(PersonId("hr", "r", "1"));
  Add("hr", "1", "51326");
  Add("somtoday", "7", "51326");
  EXPECT_THAT(Next(), ElementsAre("hr 1 + somtoday 7 as somtoday 7")) << "the one that has the account";
}

TEST_F(Join, AnIdThatSomebodyCarriesIsNotGivenBackToItsRecord) {
  Add("hr", "1", "51326");
  Add("somtoday", "7", "51326");
  Next();
  Add("somtoday", "7", "51326");
  EXPECT_THAT(Next(), ElementsAre("somtoday 7 as hr 1"));
  Add("somtoday", "7", "51326");
  Add("hr", "1", "51400");
  EXPECT_THAT(Next(), ElementsAre("hr 1 as another id", "somtoday 7 as hr 1"));
  Add("somtoday", "7", "51326");
  Add("hr", "1", "51400");
  EXPECT_THAT(Next(), ElementsAre("hr 1 as another id", "somtoday 7 as hr 1"));
}

TEST_F(Join, WhatHoldsOneBackHoldsThePersonBackUntilItIsLongGone) {
  Add("hr", "1", "51326").held_back = {"r 1: name.display is not visible"};
  Add("somtoday", "7", "51326");
  EXPECT_THAT(Next(), ElementsAre("hr 1 + somtoday 7 as hr 1 !"));
  Gone("hr", "1", "51326", CivilDay(2026, 10, 1)).held_back = {"r 1: name.display is not visible"};
  Add("somtoday", "7", "51326");
  EXPECT_THAT(Next(), ElementsAre("hr 1 + somtoday 7 as hr 1"));
}

TEST_F(Join, NumbersOfASourceAreHeldByItsOwnPersons) {
  Add("hr", "1", "51326");
  Add("somtoday", "7", "51326");
  Next();
  EXPECT_EQ(ExternalIdHoldersOf(before_, "somtoday"),
            (std::map<std::string, std::string>{{"s7", PersonId("somtoday", "r", "7")}}));
  EXPECT_EQ(ExternalIdHoldersOf(before_, "hr"), (std::map<std::string, std::string>{{"h1", PersonId("hr", "r", "1")}}));
}

TEST_F(Join, WhatIsJoinedReadsAsItWasWritten) {
  Add("hr", "1", "51326");
  Gone("somtoday", "7", "51326", CivilDay(2026, 11, 20));
  Add("hr", "2", "1");
  Next();
  for (const auto& person : before_.persons) {
    const auto read = PersonFromJson(ToJson(*person));
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(VersionHash(*read), VersionHash(*person));
    EXPECT_EQ(MembersOf(*read).size(), MembersOf(*person).size());
  }
}

}  // namespace
}  // namespace sluice::core
