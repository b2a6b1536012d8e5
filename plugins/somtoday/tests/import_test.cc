// What an import of a healthy Somtoday gives.

#include "plugins/somtoday/tests/import_fixture.h"

namespace sluice::somtoday {
namespace {

using connector::Reason;
using connector::Value;
using ::testing::HasSubstr;

TEST_F(ImportTest, EverybodyOfEveryVestigingArrives) {
  StartTwin(900, 120);
  const Imported imported = Import();
  ASSERT_TRUE(imported.status.ok()) << imported.status;
  EXPECT_TRUE(imported.out->complete);
  EXPECT_EQ(imported.out->repeated, 0);
  std::set<std::string> pupils;
  for (const std::string& vestiging : vestigingen_) {
    for (const auto& [object_class, end] : imported.Scope(vestiging).ends)
      EXPECT_EQ(end.state, State::kComplete) << object_class;
    EXPECT_EQ(imported.Ids(vestiging, "leerling"), Truth(vestiging, "leerlingen"));
    EXPECT_EQ(imported.Ids(vestiging, "medewerker"), Truth(vestiging, "medewerkers"));
    EXPECT_EQ(imported.Ids(vestiging, "lesgroep_lid"), TrueMembers(vestiging));
    EXPECT_EQ(imported.Ids(vestiging, "dienstverband").size(), imported.Ids(vestiging, "medewerker").size());
    pupils.merge(imported.Ids(vestiging, "leerling"));
  }
  EXPECT_EQ(pupils.size(), 900u);
  EXPECT_EQ(imported.Scope(vestigingen_[0]).label, "Lyceum De Dijk");
}

TEST_F(ImportTest, ScopesAreVestigingenAndTheirCodeIsTheBrin) {
  StartTwin();
  const Imported imported = Import();
  const connector::Record* placement = imported.Find("plaatsing", "vestiging_code", "31XY00");
  ASSERT_NE(placement, nullptr);
  EXPECT_EQ(placement->Get("vestiging_naam").TextOr(""), "Lyceum De Dijk");
  EXPECT_EQ(placement->Get("vestiging").TextOr(""), vestigingen_[0]);
}

TEST_F(ImportTest, APlacementIsFlatAndKnowsItsPupil) {
  StartTwin();
  const Imported imported = Import();
  const connector::Record* sem = imported.Find("leerling", "leerlingnummer", "103991");
  ASSERT_NE(sem, nullptr);
  const auto& placements = imported.Scope(vestigingen_[0]).records.at("plaatsing");
  int found = 0;
  for (const auto& [id, record] : placements) {
    if (record.Get("leerling").reference()->id != sem->id()) continue;
    ++found;
    EXPECT_EQ(*record.Get("startdatum").date(), absl::CivilDay(2026, 8, 1));
    EXPECT_EQ(*record.Get("einddatum").date(), absl::CivilDay(2027, 7, 31));
    EXPECT_EQ(*record.Get("leerjaar").integer(), 4);
    EXPECT_THAT(record.Get("stamgroep_naam").TextOr(""), HasSubstr("H4"));
    EXPECT_EQ(record.Get("opleiding_naam").TextOr(""), "HAVO 4");
  }
  EXPECT_EQ(found, 1);
}

TEST_F(ImportTest, StaffHaveAnEmploymentForEachVestiging) {
  StartTwin();
  const Imported imported = Import();
  const connector::Record* ellen = imported.Find("medewerker", "nummer", "51326");
  ASSERT_NE(ellen, nullptr);
  EXPECT_EQ(ellen->Get("medewerkernummer").TextOr(""), "Medewerker 51326");
  std::map<std::string, int> employments;
  for (const std::string& vestiging : vestigingen_) {
    for (const auto& [id, record] : imported.Scope(vestiging).records.at("dienstverband"))
      ++employments[record.Get("medewerker").reference()->id];
  }
  EXPECT_EQ(employments[ellen->id()], 1);
  EXPECT_TRUE(std::any_of(employments.begin(), employments.end(), [](const auto& pair) { return pair.second == 2; }));
}

TEST_F(ImportTest, AServiceDateThatIsNotVisibleIsTheFirstOfAugust) {
  StartTwin();
  const Imported imported = Import();
  for (const auto& [id, record] : imported.Scope(vestigingen_[2]).records.at("dienstverband")) {
    EXPECT_EQ(*record.Get("begindatum").date(), absl::CivilDay(2026, 8, 1));
    EXPECT_FALSE(record.Get("einddatum").is_visible());
  }
  const auto& visible = imported.Scope(vestigingen_[0]).records.at("dienstverband");
  EXPECT_TRUE(std::any_of(visible.begin(), visible.end(), [](const auto& pair) {
    return pair.second.Get("begindatum").date()->year() < 2026 && pair.second.Get("einddatum").is_empty();
  }));
}

TEST_F(ImportTest, AFieldThatIsNotShownIsNotVisibleAndOneWithoutValueIsEmpty) {
  StartTwin();
  client_->Admin("POST", "rights",
                 {{"vestiging", "31XY00"}, {"entity", "leerling"}, {"field", "roepnaam"}, {"granted", false}});
  const Imported imported = Import();
  bool saw_empty_prefix = false;
  for (const auto& [id, record] : imported.Scope(vestigingen_[0]).records.at("leerling")) {
    EXPECT_FALSE(record.Get("roepnaam").is_visible());
    EXPECT_TRUE(record.Get("voorvoegsel").is_visible());
    saw_empty_prefix |= record.Get("voorvoegsel").is_empty();
  }
  EXPECT_TRUE(saw_empty_prefix);
  EXPECT_EQ(imported.StateOf(vestigingen_[0], "leerling"), State::kComplete);
  for (const auto& [id, record] : imported.Scope(vestigingen_[1]).records.at("leerling"))
    EXPECT_TRUE(record.Get("roepnaam").has_value());
}

TEST_F(ImportTest, ABsnIsReadOnlyWhenTheSettingSaysSo) {
  StartTwin();
  client_->Admin("POST", "rights", {{"entity", "leerling"}, {"field", "BSN"}, {"granted", true}});
  const auto with_bsn = [](const Imported& imported) {
    int count = 0;
    for (const auto& [id, scope] : imported.out->scopes) {
      for (const auto& [record_id, record] : scope->records["leerling"]) count += record.Get("BSN").has_value() ? 1 : 0;
    }
    return count;
  };
  EXPECT_EQ(with_bsn(Import()), 0);
  settings_["bsn"] = Value(true);
  EXPECT_GT(with_bsn(Import()), 0);
}

TEST_F(ImportTest, TypesAreTakenAsTheyCome) {
  StartTwin();
  const connector::Record* sem = Import().Find("leerling", "leerlingnummer", "103991");
  ASSERT_NE(sem, nullptr);
  const std::string uuid =
      Truth(vestigingen_[0], "leerlingen").empty() ? "" : *Truth(vestigingen_[0], "leerlingen").begin();
  client_->Event(
      {{"type", "patch"}, {"uuid", uuid}, {"fields", {{"leerlingnummer", "0777"}, {"roepnaam", 5}, {"nieuw", {1}}}}});
  const Imported imported = Import();
  const connector::Record* changed = imported.Find("leerling", "leerlingnummer", "0777");
  ASSERT_NE(changed, nullptr);
  EXPECT_EQ(changed->Get("roepnaam").TextOr(""), "5");
}

TEST_F(ImportTest, AClassGroupHasTheDatesOfItsSchoolYear) {
  StartTwin();
  client_->Admin("POST", "day/3");
  const Imported imported = Import();
  std::map<std::string, int> by_year;
  for (const auto& [id, record] : imported.Scope(vestigingen_[0]).records.at("lesgroep_lid")) {
    const absl::CivilDay start = *record.Get("begindatum").date();
    ++by_year[record.Get("schooljaar").TextOr("")];
    EXPECT_EQ(start.month(), 8);
    EXPECT_EQ(*record.Get("einddatum").date(), absl::CivilDay(start.year() + 1, 7, 31));
  }
  EXPECT_GT(by_year["2026/2027"], 0);
  EXPECT_GT(by_year["2027/2028"], 0);
  // Who is in both school years is one person with two placements.
  EXPECT_EQ(imported.out->repeated, 0);
  EXPECT_EQ(imported.Ids(vestigingen_[0], "leerling"), Truth(vestigingen_[0], "leerlingen"));
}

TEST_F(ImportTest, GroupsWithoutANameAreLeftOutWithAWarning) {
  StartTwin();
  const Imported imported = Import();
  ASSERT_FALSE(imported.out->warnings.empty());
  EXPECT_EQ(imported.out->warnings[0].code, "SOM-0401");
  EXPECT_EQ(imported.StateOf(vestigingen_[0], "lesgroep_lid"), State::kComplete);
}

TEST_F(ImportTest, OnlyWhatTheSettingsChooseIsRead) {
  StartTwin();
  settings_["people"] = Value(connector::List{Value("staff")});
  settings_["contracts"] = Value(connector::List{Value("employment")});
  client_->Admin("DELETE", "log");
  const Imported imported = Import();
  EXPECT_EQ(imported.StateOf(vestigingen_[0], "medewerker"), State::kComplete);
  EXPECT_EQ(imported.StateOf(vestigingen_[0], "leerling"), State::kNotRead);
  EXPECT_EQ(imported.StateOf(vestigingen_[0], "lesgroep_lid"), State::kNotRead);
  EXPECT_FALSE(client_->Admin("GET", "counters").contains("GET vestiging/*/leerling"));
}

TEST_F(ImportTest, OnlyClassesThatAreAskedForAreRead) {
  StartTwin();
  client_->Admin("DELETE", "log");
  const Imported imported = Import({"medewerker"});
  EXPECT_TRUE(imported.status.ok());
  EXPECT_TRUE(imported.Ids(vestigingen_[0], "dienstverband").empty());
  EXPECT_FALSE(client_->Admin("GET", "counters").contains("GET vestiging/*/lesgroep"));
}

TEST_F(ImportTest, PagesAreFetchedInParallelWithinTheLimit) {
  StartTwin(900, 120);
  settings_["requests_in_parallel"] = Value(3);
  client_->Fault({{"route", "/leerling"}, {"kind", "slow"}, {"delay_ms", 20}});
  client_->Admin("DELETE", "log");
  EXPECT_TRUE(Import({"leerling"}).status.ok());
  const int most = client_->Admin("GET", "counters")["most_in_flight"];
  EXPECT_GT(most, 1);
  EXPECT_LE(most, 3);
}

TEST_F(ImportTest, ACancelledImportStopsAndIsNotComplete) {
  StartTwin();
  client_->Fault({{"route", "/leerling"}, {"kind", "slow"}, {"delay_ms", 3000}});
  cancelled_ = std::make_shared<connector::Cancellation>();
  cancelled_->Cancel();
  const Imported imported = Import();
  EXPECT_FALSE(imported.status.ok());
  EXPECT_FALSE(imported.out->complete);
}

TEST_F(ImportTest, TheOrganisationIsFoundByNameToo) {
  StartTwin();
  settings_["organisation"] = Value("stichting de waterlanden");
  EXPECT_TRUE(Import({"medewerker"}).status.ok());
}

TEST_F(ImportTest, TwoOrganisationsOfOneNameAreShownBoth) {
  StartTwin();
  settings_["organisation"] = Value("Stichting Openbaar Onderwijs Noord");
  const Imported imported = Import();
  EXPECT_EQ(connector::Error::From(imported.status).reason, Reason::kAmbiguous);
  EXPECT_THAT(std::string(imported.status.message()), HasSubstr("42CD"));
  EXPECT_THAT(std::string(imported.status.message()), HasSubstr("43EF"));
}

TEST_F(ImportTest, AnUnknownOrganisationIsNamed) {
  StartTwin();
  settings_["organisation"] = Value("Stichting Het Water");
  const Imported imported = Import();
  EXPECT_EQ(connector::Error::From(imported.status).reason, Reason::kNotFound);
  EXPECT_THAT(std::string(imported.status.message()), HasSubstr("Stichting Het Water"));
}

TEST_F(ImportTest, TestNamesMissingRights) {
  StartTwin();
  client_->Admin("POST", "rights",
                 {{"vestiging", "31XY00"}, {"entity", "leerling"}, {"field", "achternaam"}, {"granted", false}});
  client_->Admin("POST", "rights", {{"vestiging", "31XY01"}, {"endpoint", "lesgroep"}, {"status", 403}});
  client_->Admin("POST", "grants", {{"vestiging", "31XY02"}, {"granted", false}});
  Somtoday source;
  ASSERT_TRUE(connector::SystemForTest::Open(source, MakeSystem()).ok());
  const auto result = source.Test({});
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->missing_rights.size(), 3u);
  EXPECT_EQ(result->missing_rights[0].right, "leerling.achternaam");
  EXPECT_EQ(result->missing_rights[0].scope, vestigingen_[0]);
  EXPECT_EQ(result->missing_rights[1].object_class, "lesgroep_lid");
  EXPECT_EQ(result->missing_rights[2].scope, vestigingen_[2]);
  EXPECT_THAT(result->missing_rights[2].remedy, HasSubstr("Vakcollege De Sluis"));
}

TEST_F(ImportTest, NextYearAloneIsRefused) {
  connector::ValidateRequest request;
  request.settings = connector::Settings({{"school_years", Value(connector::List{Value("VOLGEND")})}}, {});
  EXPECT_EQ(Somtoday().Validate(request).diagnostics.size(), 1u);
}

}  // namespace
}  // namespace sluice::somtoday
