// Between two vestigingen, last days, and dates that are missing: what happens on which day, literally, and that it was
// said beforehand (C08, C23, C24); and a night in which everything of a person changes, wherever the host dies in it
// (C36).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/integration/school.h"

namespace sluice::integration {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Lines = std::vector<std::string>;

// A pupil of the lyceum: the number, the record, the placement.
struct Pupil {
  std::string number, uuid, placement;
};

// From a Thursday on: who moves, who has a gap, who overlaps, who left, and who has no date.
class Transfers : public testing::Test {
 protected:
  explicit Transfers(const std::string& time = "2026-11-12T03:30:00+01:00") : school(Small(time)) {
    school.TakeIntoUse();
    const Json state = school.Twin("GET", "state");
    for (const auto& [uuid, lists] : state["HUIDIG"].items()) {
      for (const Json& pupil : lists["leerlingen"]) {
        if (pupil["plaatsingen"].size() != 1) continue;
        const Json& vestiging = VestigingOf(state, uuid);
        if (vestiging["afkorting"] == "31XY00") {
          pupils.push_back({pupil["leerlingnummer"].dump(), pupil["uuid"], pupil["plaatsingen"][0]["uuid"]});
        } else if (vestiging["afkorting"] == "31XY01") {
          other_class = pupil["plaatsingen"][0]["stamgroep"]["naam"];
        }
      }
    }
    EXPECT_GE(pupils.size(), 6u);
  }
  static SchoolOptions Small(const std::string& time) {
    SchoolOptions options;
    options.pupils = 45;
    options.staff = 4;
    options.time = time;
    return options;
  }
  static const Json& VestigingOf(const Json& state, const std::string& uuid) {
    for (const Json& vestiging : state["vestigingen"]) {
      if (vestiging["uuid"] == uuid) return vestiging;
    }
    return state;
  }
  void Move(const Pupil& pupil, const std::string& day) {
    school.Event({{"type", "class_change"},
                  {"leerling", pupil.number},
                  {"vestiging", "31XY01"},
                  {"stamgroep", other_class},
                  {"datum", day}});
  }
  void Patch(const std::string& uuid, const Json& fields) {
    school.Event({{"type", "patch"}, {"uuid", uuid}, {"fields", fields}});
  }
  // Reads, plans and enforces the night of `day`; what was planned of a pupil's account, in order.
  std::map<std::string, Lines> Night(const std::string& day) {
    school.SetDay(day);
    school.Sluice({"import"});
    const Json plan = school.Plan();
    std::map<std::string, Lines> lines;
    for (const Json& operation : plan["operations"]) {
      const std::string kind = operation["kind"];
      if (kind == "grant" || kind == "revoke" || kind == "create_resource" || kind == "adopt") continue;
      lines[operation.value("external_id", "")].push_back(
          absl::StrCat(kind, " ", operation["label"].get<std::string>()));
    }
    school.ApproveAll();
    school.Enforce();
    return lines;
  }
  bool IsEnabled(const Pupil& pupil) { return school.Accounts().at(pupil.number).IsEnabled(); }
  std::string PlaceOf(const Pupil& pupil) {
    const std::string dn = school.Accounts().at(pupil.number).dn;
    return dn.substr(dn.find(",OU=") + 1, 9);
  }
  Json Why(const Pupil& pupil, const std::string& entitlement) {
    return school.Must({"why", pupil.number, entitlement});
  }

  School school;
  std::vector<Pupil> pupils;
  std::string other_class;
};

TEST_F(Transfers, AMoveAGapAndAnOverlapAreExactlyWhatTheWindowsSayAndAreSaidBeforehand) {
  const Pupil &sem = pupils[0], &daan = pupils[1], &mia = pupils[2];
  Move(sem, "2026-11-16");  // A until Sunday the 15th, B from the 16th.
  school.Event({{"type", "leaver"}, {"leerling", daan.number}, {"einddatum", "2026-11-13"}});
  school.Event({{"type", "return"}, {"leerling", daan.number}, {"startdatum", "2026-11-16"}});
  Move(mia, "2026-11-14");
  Patch(mia.placement, {{"einddatum", "2026-11-20"}});  // Both, for a week.

  EXPECT_THAT(Night("2026-11-12"), IsEmpty()) << "all of it is to come";
  EXPECT_EQ(Why(daan, "ad/access")["next_change"], "2026-11-14");
  EXPECT_EQ(Why(sem, "ad/access").value("next_change", ""), Why(pupils[3], "ad/access").value("next_change", ""));
  EXPECT_THAT(Night("2026-11-13"), IsEmpty());
  EXPECT_TRUE(IsEnabled(daan)) << "his last day is whole";

  std::map<std::string, Lines> night = Night("2026-11-14");
  EXPECT_THAT(night[daan.number], ElementsAre("disable account"));
  EXPECT_THAT(night[mia.number], ElementsAre("update parent"));
  EXPECT_THAT(night[sem.number], IsEmpty());
  EXPECT_EQ(night.size(), 3u);
  EXPECT_FALSE(IsEnabled(daan));
  EXPECT_EQ(Why(daan, "ad/access")["next_change"], "2026-11-16");
  EXPECT_EQ(PlaceOf(mia), "OU=31XY01");

  EXPECT_THAT(Night("2026-11-15"), IsEmpty());
  night = Night("2026-11-16");
  EXPECT_THAT(night[sem.number], ElementsAre("update parent")) << "one move, and never disabled";
  EXPECT_THAT(night[daan.number], ElementsAre("enable account"));
  EXPECT_THAT(night[mia.number], IsEmpty());
  EXPECT_EQ(night.size(), 3u);
  for (const Pupil* pupil : {&sem, &daan, &mia}) EXPECT_TRUE(IsEnabled(*pupil)) << pupil->number;
  EXPECT_EQ(PlaceOf(sem), "OU=31XY01");
  // The week in which Mia has two placements, and the night on which the old one ends: one primary contract.
  for (const char* day : {"2026-11-17", "2026-11-18", "2026-11-20", "2026-11-21"}) {
    EXPECT_THAT(Night(day), IsEmpty()) << day;
    EXPECT_EQ(PlaceOf(mia), "OU=31XY01");
  }
  school.ExpectAsTheOracleSays();
}

TEST_F(Transfers, NobodyComesBackOrGoesByADateThatIsMissing) {
  const Pupil &left = pupils[0], &present = pupils[1];
  school.Event({{"type", "leaver"}, {"leerling", left.number}, {"einddatum", "2026-11-12"}});
  EXPECT_THAT(Night("2026-11-13")[left.number], ElementsAre("retire account"));

  // Enrolled anew with neither date, though both may be seen; and the one date of somebody else was wiped out.
  const Json anew = school.Event({{"type", "return"}, {"leerling", left.number}, {"startdatum", "2026-11-14"}});
  const std::string undated = anew.is_array() ? anew[0]["plaatsing"] : anew["plaatsing"];
  Patch(undated, {{"startdatum", nullptr}, {"einddatum", nullptr}});
  Patch(present.placement, {{"startdatum", nullptr}});
  std::map<std::string, Lines> night = Night("2026-11-14");
  EXPECT_THAT(night, IsEmpty());
  EXPECT_FALSE(IsEnabled(left));
  EXPECT_TRUE(IsEnabled(present));
  EXPECT_THAT(Why(left, "ad/account")["note"].get<std::string>(),
              HasSubstr(absl::StrCat("plaatsing ", undated, " is left out: its start is empty")));
  EXPECT_THAT(Why(left, "ad/access")["note"].get<std::string>(), HasSubstr(undated));
  EXPECT_THAT(Why(present, "ad/account")["note"].get<std::string>(),
              HasSubstr(absl::StrCat("plaatsing ", present.placement, ": its start is empty; fill it in")));
  std::vector<std::string> held_back;
  const Json plan = school.Plan();
  for (const Json& held : plan["held_back"]) {
    if (held["system"] == "") held_back.push_back(held["external_id"]);  // For what the source says of them.
  }
  EXPECT_THAT(held_back, ElementsAre(present.number));

  Patch(present.placement, {{"startdatum", "2026-08-01"}});
  Patch(undated, {{"startdatum", "2026-11-16"}, {"einddatum", "2027-07-31"}});
  night = Night("2026-11-15");  // Within 14 days of its start he has an account, and may not sign in yet.
  EXPECT_THAT(night[left.number], testing::SizeIs(1));
  EXPECT_EQ(night.size(), 1u);
  EXPECT_FALSE(IsEnabled(left));
  EXPECT_THAT(Night("2026-11-16")[left.number], ElementsAre("enable account"));
  EXPECT_TRUE(IsEnabled(left));
}

// A night at whose end somebody leaves.
struct LastDay {
  const char* before;  // When the school begins.
  const char* last_day;
  const char* evening;  // Half past eleven in Amsterdam,
  const char* later;    // and half past twelve.
  const char* day_after;
};

class LastDays : public Transfers, public testing::WithParamInterface<LastDay> {
 protected:
  LastDays() : Transfers(GetParam().before) {}
};

// C23, with the clock that goes forward, the one that goes back, and a 29 February.
TEST_P(LastDays, AreWholeInTheSchoolsZoneWhereverAHostBelievesThatItIs) {
  const LastDay& night = GetParam();
  const Pupil& leaver = pupils[0];
  school.Event({{"type", "leaver"}, {"leerling", leaver.number}, {"einddatum", night.last_day}});
  // Three hosts with one past, each in a zone of its own; the first knows none.
  Host& first = school.host();
  first.Stop();
  std::vector<std::unique_ptr<Host>> others;
  for (const char* zone : {"UTC", "America/New_York"}) {
    others.push_back(school.AnotherHost(absl::StrCat("host", others.size() + 2)));
    std::filesystem::copy(first.place().state, others.back()->place().state, std::filesystem::copy_options::recursive);
    others.back()->place().environment["TZ"] = zone;
    others.back()->Start();
  }
  first.Start();
  const auto plan_at = [&](const char* time) {
    school.SetTime(time);
    school.Import();
    const Json plan = school.Plan();
    for (const auto& other : others) {
      EXPECT_EQ(other->Run({"import"}).code, 0);
      EXPECT_EQ(other->Run({"plan"}).json.dump(), plan.dump()) << other->place().environment["TZ"];
    }
    return plan;
  };
  EXPECT_THAT(plan_at(night.evening)["operations"], IsEmpty());
  EXPECT_EQ(Why(leaver, "ad/access")["next_change"], night.day_after);
  EXPECT_TRUE(IsEnabled(leaver)) << "the last day is whole";
  const Json plan = plan_at(night.later);
  std::set<std::string> people;
  for (const Json& operation : plan["operations"]) people.insert(operation["external_id"]);
  EXPECT_THAT(people, ElementsAre(leaver.number)) << Describe(plan);
  EXPECT_EQ(OperationsOf(plan, "retire").size(), 1u) << Describe(plan);
  school.ApproveAll();
  school.Enforce();
  EXPECT_FALSE(IsEnabled(leaver));
  for (const auto& other : others) other->Stop();
}

std::string NameOf(const testing::TestParamInfo<LastDay>& night) {
  return "On" + absl::StrReplaceAll(night.param.last_day, {{"-", ""}});
}

INSTANTIATE_TEST_SUITE_P(Nights, LastDays,
                         testing::Values(LastDay{"2027-03-28T03:30:00+02:00", "2027-03-28", "2027-03-28T21:30:00Z",
                                                 "2027-03-28T22:30:00Z", "2027-03-29"}),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(LongNights, LastDays,
                         testing::Values(LastDay{"2027-10-30T03:30:00+02:00", "2027-10-31", "2027-10-31T22:30:00Z",
                                                 "2027-10-31T23:30:00Z", "2027-11-01"},
                                         LastDay{"2028-02-29T03:30:00+01:00", "2028-02-29", "2028-02-29T22:30:00Z",
                                                 "2028-02-29T23:30:00Z", "2028-03-01"}),
                         NameOf);

// C36 with deaths: a new name, another place and other groups in one night, and the host dies in the middle of it.
TEST_F(Transfers, ANightOfEverythingAtOnceIsRightWhereverTheHostDiesInIt) {
  const auto before = school.Accounts();
  const std::vector<std::string> points = {"written-ahead", "sent", "answered", "answered/transaction-is-written",
                                           "outcome-is-stored"};
  Host& host = school.host();
  for (size_t i = 0; i < points.size(); ++i) {
    SCOPED_TRACE(points[i]);
    const std::string number = pupils[i].number, day = absl::StrCat("2026-11-", 13 + i);
    school.SetDay(day);
    school.Event({{"type", "marriage"}, {"leerling", number}, {"voorvoegsel", ""}, {"achternaam", "Nachtegaal"}});
    Move(pupils[i], day);
    school.Import();
    school.Plan();
    school.ApproveAll();
    host.Stop();
    host.place().program = "tests/sluiced-that-dies";
    host.place().environment["SLUICE_DIES_AT"] = points[i];
    host.Start();
    EXPECT_NE(school.Sluice({"enforce"}).code, 0);
    EXPECT_TRUE(host.AwaitEnd(10)) << "it never came there";
    host.place().program = "bin/sluiced";
    host.place().environment.erase("SLUICE_DIES_AT");
    host.Start();
    school.Sluice({"enforce"});
    school.ApproveAll();
    school.Enforce();
    const Entry account = school.Accounts().at(number);
    EXPECT_EQ(account.Id(), before.at(number).Id());
    EXPECT_THAT(account.dn, HasSubstr("Nachtegaal"));
    EXPECT_EQ(PlaceOf(pupils[i]), "OU=31XY01");
    EXPECT_TRUE(account.IsEnabled());
  }
  school.ExpectAsTheTwinSays();
  school.ExpectNothingToDo();
}

}  // namespace
}  // namespace sluice::integration
