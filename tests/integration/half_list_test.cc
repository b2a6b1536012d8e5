// Promise: nothing half-read is believed. Whatever Somtoday leaves out, nobody is disabled, stripped or deleted.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/integration/school.h"

namespace sluice::integration {
namespace {

using testing::ContainerEq;

// One school in use for all faults. Each test is a day of its own, so that what was lost sight of would end.
class HalfListTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    SchoolOptions options;
    options.edits = {{"systems/somtoday.yaml", "  people: [pupils, staff]",
                      "  page_size: 10\n  first_backoff: 10ms\n  timeout: 2s\n  people: [pupils, staff]"}};
    school_ = new School(options);
    school_->TakeIntoUse();
  }
  static void TearDownTestSuite() {
    delete school_;
    school_ = nullptr;
  }

  void SetUp() override { school_->SetDay(absl::StrCat("2026-11-", ++day_)); }

  // After a fault was set.
  static void ExpectNobodyLosesAnything() {
    std::set<std::string> enabled;
    for (const auto& [number, account] : school_->Accounts()) {
      if (account.IsEnabled()) enabled.insert(number);
    }
    const auto members = school_->Members();
    const Answer import = school_->Sluice({"import"});
    const Json plan = school_->Plan();
    for (const char* kind : {"retire", "disable", "revoke", "delete", "delete_resource"}) {
      for (const Json& operation : OperationsOf(plan, kind)) EXPECT_NE(operation["status"], "ready") << operation;
    }
    school_->Sluice({"enforce"});
    std::set<std::string> still;
    for (const auto& [number, account] : school_->Accounts()) {
      if (account.IsEnabled()) still.insert(number);
    }
    EXPECT_THAT(still, ContainerEq(enabled)) << import.out;
    EXPECT_THAT(school_->Members(), ContainerEq(members)) << import.out;
    Repair();
    school_->ExpectNothingToDo();
  }

  static void Fault(const std::string& route, const std::string& kind) {
    school_->Twin("POST", "faults", {{"route", route}, {"kind", kind}});
  }
  static void Withhold(const std::string& vestiging, const std::string& what, const Json& right, const Json& undo) {
    Json body = {{"vestiging", vestiging}};
    body.update(right);
    school_->Twin("POST", what, body);
    body.update(undo);
    withheld_.emplace_back(what, body);
  }
  static void Repair() {
    for (const auto& [what, body] : withheld_) school_->Twin("POST", what, body);
    withheld_.clear();
    school_->Twin("DELETE", "faults");
  }

  static inline School* school_ = nullptr;
  static inline int day_ = 24;
  static inline std::vector<std::pair<std::string, Json>> withheld_;  // What gives a right back.
};

TEST_F(HalfListTest, HalfAListOfPupilsEndsNobody) {
  Fault("/leerling\\?", "half_list");
  ExpectNobodyLosesAnything();
}

TEST_F(HalfListTest, HalfAListOfStaffAndOfClassGroupsEndsNobody) {
  Fault("/medewerker\\?", "half_list");
  Fault("/lesgroep\\?", "half_list");
  ExpectNobodyLosesAnything();
}

TEST_F(HalfListTest, AnEmptyListOfOneVestigingEndsNobody) {
  const std::string mavo = school_->Twin("GET", "state")["vestigingen"][1]["uuid"];
  Fault(mavo + "/leerling\\?", "empty_list");
  ExpectNobodyLosesAnything();
}

TEST_F(HalfListTest, EmptyListsOfEverythingEndNobody) {
  Fault("/(leerling|medewerker|lesgroep|stamgroep)\\?", "empty_list");
  ExpectNobodyLosesAnything();
}

TEST_F(HalfListTest, AListWithoutALastPageEndsNobody) {
  Fault("/leerling\\?", "no_last_page");
  ExpectNobodyLosesAnything();
}

TEST_F(HalfListTest, PagesThatDoNotFitTogetherEndNobody) {
  Fault("/leerling\\?", "shift");
  Fault("/lesgroep\\?", "short_page");
  Fault("/medewerker\\?", "duplicate");
  ExpectNobodyLosesAnything();
}

TEST_F(HalfListTest, TruncatedAndFailingAnswersEndNobody) {
  Fault("/leerling\\?", "truncate");
  Fault("/lesgroep\\?", "status");
  Fault("/medewerker\\?", "empty_object");
  ExpectNobodyLosesAnything();
}

TEST_F(HalfListTest, AVestigingThatAnswers401EndsNobody) {
  Withhold("31XY01", "grants", {{"granted", false}, {"listed", true}}, {{"granted", true}, {"listed", true}});
  ExpectNobodyLosesAnything();
}

TEST_F(HalfListTest, WithoutAnyConsentAnImportFailsInOneLineWithoutKnockingAgainAndAgain) {
  school_->Twin("DELETE", "log");
  for (const char* vestiging : {"31XY00", "31XY01", "31XY02"})
    Withhold(vestiging, "grants", {{"granted", false}, {"listed", true}}, {{"granted", true}, {"listed", true}});
  const Answer import = school_->Sluice({"import", "somtoday"});
  EXPECT_EQ(import.code, 1);
  EXPECT_EQ(import.json["state"], "failed");
  EXPECT_THAT(import.json["summary"].get<std::string>(),
              testing::HasSubstr("'Stichting De Waterlanden' gives this client no right on any vestiging"));
  EXPECT_LE(school_->Twin("GET", "counters").value("POST inloggen/oauth2/token", 0), 2);
  const Json plan = school_->Plan();
  ASSERT_FALSE(plan["warnings"].empty());
  EXPECT_THAT(plan["warnings"][0].get<std::string>(), testing::HasSubstr("was not taken (failed)"));
  ExpectNobodyLosesAnything();
}

TEST_F(HalfListTest, ListsOfLastYearEndNobodyAndBringNobodyBack) {
  Fault("/(leerling|lesgroep|medewerker)/?\\?", "last_year");
  ExpectNobodyLosesAnything();
}

TEST_F(HalfListTest, ADayOnWhichAContractEndsIsNotForgottenWhenItMayNotBeSeen) {
  const Json state = school_->Twin("GET", "state");
  const std::string mavo = state["vestigingen"][1]["uuid"], lyceum = state["vestigingen"][0]["uuid"];
  const Json pupil = state["HUIDIG"][mavo]["leerlingen"][0];
  const std::string number = pupil["leerlingnummer"].dump();
  const std::string group = state["HUIDIG"][lyceum]["leerlingen"][0]["plaatsingen"][0]["stamgroep"]["naam"];
  school_->Event(
      {{"type", "class_change"}, {"leerling", pupil["uuid"]}, {"vestiging", "31XY00"}, {"stamgroep", group}});
  school_->Import();
  school_->Enforce();
  EXPECT_THAT(school_->Accounts().at(number).dn, testing::HasSubstr("OU=31XY00,OU=Leerlingen"));
  Withhold("31XY01", "rights", {{"entity", "plaatsing"}, {"field", "einddatum"}, {"granted", false}},
           {{"granted", true}});
  ExpectNobodyLosesAnything();
  EXPECT_THAT(school_->Accounts().at(number).dn, testing::HasSubstr("OU=31XY00,OU=Leerlingen"));
}

TEST_F(HalfListTest, AVestigingThatIsNoLongerNamedEndsNobody) {
  Withhold("31XY01", "grants", {{"granted", false}, {"listed", false}}, {{"granted", true}, {"listed", true}});
  ExpectNobodyLosesAnything();
}

TEST_F(HalfListTest, AClassOfRecordsThatIsNoLongerOfferedEndsNobody) {
  for (const char* endpoint : {"lesgroep", "medewerker"})
    Withhold("31XY00", "rights", {{"endpoint", endpoint}, {"status", 404}}, {{"status", 200}});
  ExpectNobodyLosesAnything();
}

TEST_F(HalfListTest, FieldsThatMayNoLongerBeSeenTakeNothingAway) {
  const std::vector<std::pair<std::string, std::string>> fields = {
      {"leerling", "plaatsingen"}, {"lesgroep", "leerlingen"}, {"medewerker", "functie"}, {"leerling", "achternaam"}};
  for (const auto& [entity, field] : fields)
    Withhold("31XY00", "rights", {{"entity", entity}, {"field", field}, {"granted", false}}, {{"granted", true}});
  ExpectNobodyLosesAnything();
}

}  // namespace
}  // namespace sluice::integration
