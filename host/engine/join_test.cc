// Two sources and a directory: one person of both has one account, whichever is read first, later, or not at all.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/core/joining.h"
#include "host/engine/testing/school.h"

namespace sluice::engine {
namespace {

using core::Value;
using ::testing::ElementsAre;
using testing::FakeConnector;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::School;
using ::testing::SizeIs;

core::FieldMapping Field(const std::string& field, const std::string& text) {
  return {field, core::testing::Parsed(text), {}};
}

class TwoSources : public ::testing::Test {
 protected:
  TwoSources() {
    school.hr = std::make_unique<FakeConnector>("hr");
    AddSource("hr", *school.hr);
    AddSource("somtoday", *school.somtoday);
    school.world.configuration.join =
        core::JoinSpec{core::testing::Parsed("{person.custom.nummer}"), {"hr", "somtoday"}, {}};
    school.world.AddRule("Staff", core::testing::SomeContract({core::testing::Equals("contract.type", "employment")}),
                         {"ad/account", "ad/access"});
    school.ApplyConfiguration();
    for (int number = 1; number <= 12; ++number) Add("hr", number);
    for (int number = 5; number <= 16; ++number) Add("somtoday", number);
  }

  void AddSource(const std::string& name, FakeConnector& connector) {
    core::SystemSpec& source = school.world.configuration.systems[name];
    source.name = name;
    source.is_source = true;
    source.persons = {{"medewerker",
                       {Field("external_id", "{medewerker.nummer}"), Field("custom.nummer", "{medewerker.nummer}"),
                        Field("name.nick", "{medewerker.roepnaam}"), Field("name.family", "{medewerker.achternaam}")}}};
    source.contracts = {
        {"employment", "baan", "medewerker", {Field("start", "{baan.van}"), Field("location.code", "{baan.plaats}")}}};
    for (const char* kind : {"people_added", "people_removed", "people_changed", "held_back"})
      source.thresholds[kind].count = 1000;
    SystemSchema schema;
    ClassInfo person, contract;
    person.name = "medewerker";
    for (const char* attribute : {"nummer", "roepnaam", "achternaam"}) Offer(person, attribute);
    contract.name = "baan";
    for (const char* attribute : {"medewerker", "van", "plaats"}) Offer(contract, attribute);
    schema.classes = {person, contract};
    connector.SetSchema(schema);
  }
  static void Offer(ClassInfo& info, const std::string& name) {
    info.attributes.emplace_back();
    info.attributes.back().name = name;
  }

  // Ids of records are those of the source; the number is in common. The names differ: the earlier source's count.
  void Add(const std::string& system, int number) {
    const std::string id = absl::StrCat(system, "-", number);
    records[system].push_back({"",
                               "medewerker",
                               id,
                               "",
                               {{"nummer", Value::Text(absl::StrCat(50000 + number))},
                                {"roepnaam", Value::Text("Ellen")},
                                {"achternaam", Value::Text(absl::StrCat("Boer", number, system))}}});
    records[system].push_back({"",
                               "baan",
                               absl::StrCat("baan-", id),
                               "",
                               {{"medewerker", Value::Ref({"medewerker", id})},
                                {"van", Value::Date(absl::CivilDay(2026, 8, 1))},
                                {"plaats", Value::Text(system)}}});
  }
  void Drop(const std::string& system, int number) {
    std::erase_if(records[system], [&](const core::Record& record) {
      const std::string id = absl::StrCat(system, "-", number);
      return record.id == id || record.id == absl::StrCat("baan-", id);
    });
  }
  store::Run Read(const std::string& system) {
    (system == "hr" ? school.hr : school.somtoday)->SetRecords(records[system]);
    return school.Import({system});
  }
  void EnforceAll() {
    school.Import();
    const store::Run run = school.Enforce();
    EXPECT_EQ(run.state, "succeeded") << run.summary;
  }
  // Operations that a plan has now: "update 50005".
  std::vector<std::string> Planned() {
    snapshot = school.store->LoadSnapshot().value();
    std::vector<std::string> lines;
    const core::Plan plan = school.Plan();
    for (const core::PlannedOperation& operation : plan.operations) {
      const core::Person* person = snapshot->Find(operation.person_id);
      lines.push_back(absl::StrCat(std::string(core::OperationKindName(operation.kind)), " ",
                                   person == nullptr ? "nobody" : person->external_id));
    }
    return lines;
  }
  size_t Accounts() {
    size_t count = 0;
    const core::State state = school.State();
    for (const core::Grant& grant : state.grants)
      count += grant.kind == core::EntitlementKind::kAccount && grant.state == core::GrantState::kHeld;
    return count;
  }
  const core::Person* Find(const std::string& number) {
    snapshot = school.store->LoadSnapshot().value();
    for (const auto& person : snapshot->persons) {
      if (person->external_id == number) return person.get();
    }
    return nullptr;
  }

  School school;
  std::map<std::string, std::vector<core::Record>> records;
  std::shared_ptr<const core::Snapshot> snapshot;
};

TEST_F(TwoSources, OnePersonOfBothHasOneAccountWhicheverComesFirst) {
  Read("somtoday");
  EnforceAll();
  EXPECT_EQ(Accounts(), 12u);
  const std::string before = Find("50005")->id;
  Read("hr");
  EXPECT_THAT(school.store->LoadSnapshot().value()->persons, SizeIs(16));
  EXPECT_EQ(Find("50005")->id, before) << "the one that has the account";
  EXPECT_THAT(Find("50005")->contracts, SizeIs(2));
  EXPECT_EQ(core::FieldOf(*Find("50005"), nullptr, "person.name.family").text(), "Boer5hr");
  EnforceAll();
  EXPECT_EQ(Accounts(), 16u);
  EXPECT_THAT(Planned(), IsEmpty());
  Read("somtoday");
  Read("hr");
  EXPECT_THAT(Planned(), IsEmpty()) << "a second time changes nothing";
}

TEST_F(TwoSources, ASourceThatIsNotReadTakesNothingFromAnybody) {
  Read("hr");
  Read("somtoday");
  EnforceAll();
  Failure failure;
  failure.reason = Reason::kTransient;
  failure.message = "hr is being written";
  school.hr->FailImport(FailureToStatus(failure));
  EXPECT_EQ(Read("hr").state, "failed");
  EXPECT_EQ(Read("somtoday").state, "succeeded");
  EXPECT_THAT(Planned(), IsEmpty());
  EXPECT_THAT(Find("50005")->contracts, SizeIs(2));
}

TEST_F(TwoSources, WhoLeavesOneSourceKeepsTheAccountWhileTheOtherHasThePerson) {
  Read("hr");
  Read("somtoday");
  EnforceAll();
  const std::string before = Find("50005")->id;
  Drop("hr", 5);
  Drop("hr", 1);
  Read("hr");
  EXPECT_EQ(Find("50005")->id, before);
  EXPECT_FALSE(Find("50005")->last_seen);
  EXPECT_TRUE(Find("50001")->last_seen);
  EXPECT_THAT(Planned(), IsEmpty()) << "nothing is renamed or ended at once";
  for (int day = 2; day <= 8; day += 2) {
    school.SetDay(absl::CivilDay(2026, 11, 24) + day);
    EXPECT_EQ(Read("hr").state, "succeeded");
    EXPECT_EQ(Read("somtoday").state, "succeeded");
  }
  EXPECT_EQ(core::FieldOf(*Find("50005"), nullptr, "person.name.family").text(), "Boer5somtoday")
      << "also where no source says anything new on the day that the grace ends";
  EXPECT_THAT(Planned(), ::testing::Contains("update 50005"));
  EXPECT_THAT(Planned(), ::testing::Not(::testing::Contains("retire 50005")));
  EXPECT_THAT(Planned(), ::testing::Contains("retire 50001"));
}

TEST_F(TwoSources, LimitsOfASourceCountWhomItLostThoughTheOtherHasThem) {
  Read("hr");
  Read("somtoday");
  EnforceAll();
  school.world.configuration.systems["somtoday"].thresholds["people_removed"].count = 2;
  school.ApplyConfiguration();
  Drop("somtoday", 5);
  Drop("somtoday", 6);
  const store::Run run = Read("somtoday");
  EXPECT_EQ(run.state, "blocked") << run.summary;
  EXPECT_THAT(run.summary, HasSubstr("people_removed"));
  EXPECT_THAT(Planned(), IsEmpty());
  Drop("somtoday", 7);
  Drop("somtoday", 8);
  Drop("somtoday", 9);
  Drop("somtoday", 10);
  school.world.configuration.systems["somtoday"].thresholds["people_removed"].count = 1000;
  school.ApplyConfiguration();
  EXPECT_THAT(Read("somtoday").summary, HasSubstr("medewerker would lose 6 of 12")) << "half of a class always waits";
}

TEST_F(TwoSources, TwoWithAccountsOfTheirOwnThatAreOneByTheirKeysAreHeldBack) {
  school.world.configuration.join.reset();
  for (core::SystemSpec* source :
       {&school.world.configuration.systems["hr"], &school.world.configuration.systems["somtoday"]})
    source->persons[0].fields[0] = Field("external_id", "{medewerker.id}");  // Each has an account by its own id.
  school.ApplyConfiguration();
  Read("hr");
  Read("somtoday");
  EnforceAll();
  EXPECT_EQ(Accounts(), 24u);
  school.world.configuration.join =
      core::JoinSpec{core::testing::Parsed("{person.custom.nummer}"), {"hr", "somtoday"}, {}};
  school.ApplyConfiguration();
  Read("hr");
  Read("somtoday");
  EXPECT_THAT(Planned(), IsEmpty()) << "nobody gets, loses or shares an account";
  EXPECT_THAT(Find("hr-5")->held_back, ElementsAre(HasSubstr("each of the two has accounts or decisions of its own")));
  EXPECT_THAT(Find("hr-1")->held_back, IsEmpty());
}

TEST_F(TwoSources, WhatBecomesPartOfAnotherPersonIsNoLoss) {
  school.world.configuration.join.reset();
  school.ApplyConfiguration();
  Read("hr");
  Read("somtoday");
  school.world.configuration.join =
      core::JoinSpec{core::testing::Parsed("{person.custom.nummer}"), {"hr", "somtoday"}, {}};
  school.ApplyConfiguration();
  const store::Run run = Read("somtoday");
  EXPECT_EQ(run.state, "succeeded") << run.summary;
  EXPECT_THAT(school.store->LoadSnapshot().value()->persons, SizeIs(16));
}

}  // namespace
}  // namespace sluice::engine
