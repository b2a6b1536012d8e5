#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <set>

#include "plugins/somtoday/tests/twin_client.h"
#include "plugins/somtoday/twin/render.h"
#include "plugins/somtoday/twin/server.h"

namespace sluice::somtoday_twin {
namespace {

using ::testing::Contains;

class TwinTest : public ::testing::Test {
 protected:
  TwinTest() {
    clock_ = ::testing::TempDir() + "twin_clock_" + ::testing::UnitTest::GetInstance()->current_test_info()->name();
    SetClock("2026-11-24T03:30:00+01:00");
    TwinOptions options;
    options.clock_file = clock_;
    auto server = StartTwin(options);
    if (!server.ok()) throw std::runtime_error(std::string(server.status().message()));
    server_ = std::move(*server);
    client_ = std::make_unique<TwinClient>(server_->port());
    client_->SignIn();
    const Json list = client_->Get("vestiging");
    for (const Json& vestiging : list["vestigingen"]) vestigingen_.push_back(vestiging["uuid"]);
  }
  ~TwinTest() override {
    client_.reset();
    server_.reset();
    std::remove(clock_.c_str());
  }
  void SetClock(const std::string& time) { std::ofstream(clock_) << time << "\n"; }
  Json Pupil(int64_t number, const std::string& peil = "HUIDIG") {
    for (const std::string& vestiging : vestigingen_) {
      for (const Json& pupil : client_->All(vestiging, "leerling", "leerlingen", peil)) {
        if (pupil["leerlingnummer"] == number) return pupil;
      }
    }
    return Json();
  }
  std::string Lyceum(const std::string& rest) { return "vestiging/" + vestigingen_[0] + "/" + rest; }

  std::string clock_;
  std::unique_ptr<TwinServer> server_;
  std::unique_ptr<TwinClient> client_;
  std::vector<std::string> vestigingen_;
};

TEST_F(TwinTest, TheSameSeedGivesTheSameSchool) {
  const SchoolSize size;
  const Day today = MakeDay(2026, 11, 24);
  EXPECT_EQ(RenderState(GenerateSchool(size, today), today), RenderState(GenerateSchool(size, today), today));
}

TEST_F(TwinTest, AWrongSecretGetsNoToken) {
  httplib::Client http("127.0.0.1", server_->port());
  const auto result =
      http.Post("/inloggen/oauth2/token?organisation=x",
                httplib::Params{{"grant_type", "client_credentials"}, {"client_id", "waterlanden-link"}});
  EXPECT_EQ(result->status, 401);
}

TEST_F(TwinTest, NineHundredPupilsAreSpreadOverThreeVestigingen) {
  ASSERT_EQ(vestigingen_.size(), 3u);
  std::set<std::string> pupils;
  for (const std::string& vestiging : vestigingen_) {
    for (const Json& pupil : client_->All(vestiging, "leerling", "leerlingen", "HUIDIG")) pupils.insert(pupil["uuid"]);
  }
  EXPECT_EQ(pupils.size(), 900u);
}

TEST_F(TwinTest, PagesHoldAtMostTwoHundred) {
  EXPECT_EQ(client_->Get(Lyceum("leerling?amount=200"))["leerlingen"].size(), 200u);
  for (const char* amount : {"amount=201", "amount=0", "amount=-1", "offset=3", "amount=x"}) {
    client_->Get(Lyceum("leerling?") + amount);
    EXPECT_EQ(client_->last_status, 400) << amount;
  }
}

TEST_F(TwinTest, DifficultNamesArriveByteForByte) {
  std::set<std::string> names;
  for (const std::string& vestiging : vestigingen_) {
    for (const Json& pupil : client_->All(vestiging, "leerling", "leerlingen", "HUIDIG"))
      names.insert(pupil["roepnaam"].get<std::string>() + "|" + pupil.value("voorvoegsel", "") + "|" +
                   pupil["achternaam"].get<std::string>());
  }
  EXPECT_THAT(names, Contains("Jan-Willem|van 't|Hoff-de Groot"));
  EXPECT_THAT(names, Contains("Zoë||Çelik"));
  EXPECT_THAT(names, Contains("Zoe\xCC\x88||C\xCC\xA7"
                              "elik"));
  EXPECT_THAT(names, Contains("Bo||Ng"));
  EXPECT_THAT(names, Contains("Seán||Ö'Brien"));
}

TEST_F(TwinTest, FieldRightsHideAFieldAndVeldpermissiesSaysSo) {
  client_->Admin("POST", "rights",
                 {{"vestiging", "31XY00"}, {"entity", "leerling"}, {"field", "roepnaam"}, {"granted", false}});
  const Json page = client_->Get(Lyceum("leerling?amount=1&veldpermissies=true"));
  EXPECT_FALSE(page["leerlingen"][0].contains("roepnaam"));
  EXPECT_EQ(page["veldpermissies"]["roepnaam"], false);
  EXPECT_EQ(page["veldpermissies"]["achternaam"], true);
  EXPECT_EQ(page["veldpermissies"]["plaatsingVeldpermissies"]["stamgroep"], true);
}

TEST_F(TwinTest, AVestigingThatIsNotGrantedAnswers401) {
  client_->Admin("POST", "grants", {{"vestiging", "31XY00"}, {"granted", false}});
  client_->Get(Lyceum("leerling?amount=1"));
  EXPECT_EQ(client_->last_status, 401);
  EXPECT_EQ(client_->Get("vestiging")["vestigingen"].size(), 3u);
  client_->Admin("POST", "grants", {{"vestiging", "31XY00"}, {"granted", false}, {"listed", false}});
  EXPECT_EQ(client_->Get("vestiging")["vestigingen"].size(), 2u);
}

TEST_F(TwinTest, AGrantThatEndsBeforeTheNextSchoolYearRefusesOnlyVolgend) {
  client_->Admin("POST", "grants", {{"vestiging", "31XY00"}, {"granted", true}, {"until", "2027-07-31"}});
  client_->Get(Lyceum("leerling?amount=1&peilschooljaar=HUIDIG"));
  EXPECT_EQ(client_->last_status, 200);
  client_->Get(Lyceum("leerling?amount=1&peilschooljaar=VOLGEND"));
  EXPECT_EQ(client_->last_status, 401);
}

TEST_F(TwinTest, AnEndpointCanBeWithdrawn) {
  client_->Admin("POST", "rights", {{"vestiging", "31XY00"}, {"endpoint", "lesgroep"}, {"status", 404}});
  client_->Get(Lyceum("lesgroep/?amount=1"));
  EXPECT_EQ(client_->last_status, 404);
}

TEST_F(TwinTest, TheFirstDayChangesWhatItSays) {
  const Json sem_before = Pupil(103991);
  client_->Admin("POST", "day/1");
  const Json noor = Pupil(104233);
  EXPECT_EQ(noor["plaatsingen"][0]["stamgroep"]["naam"], "H4D");
  EXPECT_EQ(noor["plaatsingen"][0]["startdatum"], "2026-11-24");
  EXPECT_EQ(noor["lesgroepen"].size(), 8u);
  const Json sem = Pupil(103991);
  EXPECT_EQ(sem_before["plaatsingen"][0]["einddatum"], "2027-07-31");
  EXPECT_EQ(sem["plaatsingen"][0]["einddatum"], "2026-11-23");
  EXPECT_EQ(sem["lesgroepen"].size(), 0u);
  EXPECT_TRUE(Pupil(103991, "").is_null());
  client_->Admin("POST", "day/2");
  EXPECT_EQ(Pupil(103991, "")["lesgroepen"].size(), 8u);
}

TEST_F(TwinTest, OnTheFirstOfAugustEverybodyMovesUp) {
  const Json prepared = client_->Admin("POST", "day/3");
  const std::string repeater = prepared[0]["event"]["repeat"][0];
  SetClock("2027-08-01T03:30:00+02:00");
  int repeated = 0, seen = 0;
  for (const std::string& vestiging : vestigingen_) {
    for (const Json& pupil : client_->All(vestiging, "leerling", "leerlingen", "HUIDIG")) {
      ++seen;
      ASSERT_EQ(pupil["plaatsingen"].size(), 1u);
      EXPECT_EQ(pupil["plaatsingen"][0]["schooljaar"], "2027/2028");
      EXPECT_EQ(pupil["lesgroepen"].size(), 8u);
      const int leerjaar = pupil["plaatsingen"][0]["leerjaar"];
      if (pupil["uuid"] == repeater) {
        ++repeated;
        EXPECT_EQ(leerjaar, 4);
      } else {
        EXPECT_GE(leerjaar, 2);
      }
    }
  }
  EXPECT_EQ(repeated, 1);
  EXPECT_EQ(seen, prepared[0]["result"]["placed"].get<int>());
}

TEST_F(TwinTest, APatchReplacesAndTakesAwayFields) {
  const std::string uuid = Pupil(103991)["uuid"];
  client_->Event(
      {{"type", "patch"}, {"uuid", uuid}, {"fields", {{"leerlingnummer", "103991"}, {"roepnaam", nullptr}}}});
  const Json page = client_->Get(Lyceum("leerling/" + uuid));
  EXPECT_EQ(page["leerlingen"][0]["leerlingnummer"], "103991");
  EXPECT_FALSE(page["leerlingen"][0].contains("roepnaam"));
}

TEST_F(TwinTest, AFaultHappensAsOftenAsItWasAskedFor) {
  client_->Fault(
      {{"route", "GET .*/leerling"}, {"kind", "status"}, {"status", 429}, {"retry_after", "7"}, {"count", 2}});
  for (int i = 0; i < 2; ++i) {
    const auto result = client_->Raw(Lyceum("leerling?amount=1"));
    EXPECT_EQ(result->status, 429);
    EXPECT_EQ(result->get_header_value("Retry-After"), "7");
  }
  EXPECT_EQ(client_->Raw(Lyceum("leerling?amount=1"))->status, 200);
  EXPECT_EQ(client_->Admin("GET", "faults")[0]["used"], 2);
}

TEST_F(TwinTest, WireFaultsBreakTheAnswer) {
  client_->Fault({{"route", "/leerling"}, {"kind", "truncate"}, {"count", 1}});
  EXPECT_FALSE(client_->Raw(Lyceum("leerling?amount=10")));
  client_->Fault({{"route", "/leerling"}, {"kind", "reset"}, {"count", 1}});
  EXPECT_FALSE(client_->Raw(Lyceum("leerling?amount=10")));
  client_->Fault({{"route", "/leerling"}, {"kind", "html"}, {"count", 1}});
  EXPECT_EQ(client_->Raw(Lyceum("leerling?amount=10"))->get_header_value("Content-Type"), "text/html;charset=utf-8");
  EXPECT_EQ(client_->Get(Lyceum("leerling?amount=10"))["leerlingen"].size(), 10u);
}

TEST_F(TwinTest, ListFaultsChangeTheList) {
  const size_t all = client_->All(vestigingen_[0], "leerling", "leerlingen", "HUIDIG").size();
  const auto count = [&](const std::string& kind) {
    client_->Admin("DELETE", "faults");
    client_->Fault({{"route", "/leerling"}, {"kind", kind}});
    const Json list = client_->All(vestigingen_[0], "leerling", "leerlingen", "HUIDIG");
    std::set<std::string> distinct;
    for (const Json& pupil : list) distinct.insert(pupil["uuid"]);
    return std::pair(list.size(), distinct.size());
  };
  EXPECT_EQ(count("empty_list").first, 0u);
  EXPECT_EQ(count("half_list").first, (all + 1) / 2);
  EXPECT_GT(count("duplicate").first, all);
  EXPECT_EQ(count("duplicate").second, all);
  EXPECT_EQ(count("reorder").first, all);
  EXPECT_LT(count("reorder").second, all);
  client_->Admin("DELETE", "faults");
  client_->Fault({{"route", "/leerling"}, {"kind", "no_last_page"}});
  EXPECT_EQ(client_->Get(Lyceum("leerling?amount=200&offset=10000"))["leerlingen"].size(), 200u);
}

TEST_F(TwinTest, TheLogShowsRequestsWithoutSecrets) {
  client_->Admin("DELETE", "log");
  client_->SignIn();
  client_->Get(Lyceum("leerling?amount=3"));
  const Json log = client_->Admin("GET", "log");
  EXPECT_EQ(log.back()["items"], 3);
  EXPECT_EQ(log.dump().find("somtoday-secret"), std::string::npos);
  EXPECT_EQ(client_->Admin("GET", "counters")["GET vestiging/*/leerling"], 1);
}

TEST_F(TwinTest, AHundredThousandPupilsAreMadeQuickly) {
  SchoolSize size;
  size.pupils = 100'000;
  size.staff = 8'000;
  const Day today = MakeDay(2026, 11, 24);
  const School school = GenerateSchool(size, today);
  size_t placed = 0;
  for (int i = 0; i < 3; ++i) placed += ListOf(school, "leerling", i, MakeView(Peil::kNow, today)).size();
  EXPECT_EQ(placed, 100'000u);
}

}  // namespace
}  // namespace sluice::somtoday_twin
