// From what systems say to a snapshot and to what is observed: whole, in part, not at all, blocked.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/engine/testing/school.h"

namespace sluice::engine {
namespace {

using core::Value;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::School;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

core::FieldMapping Field(const std::string& field, const std::string& text) {
  return {field, core::testing::Parsed(text), {}};
}

// A source with pupils and placements in two schools, "dijk" and "meer".
class Import : public ::testing::Test {
 protected:
  Import() {
    core::SystemSpec& source = school.world.configuration.systems["somtoday"];
    source.persons = {{"leerling",
                       {Field("external_id", "{leerling.nummer}"), Field("name.nick", "{leerling.roepnaam}"),
                        Field("name.family", "{leerling.achternaam}")}}};
    source.contracts = {{"placement",
                         "plaatsing",
                         "leerling",
                         {Field("start", "{plaatsing.van}"), Field("department.code", "{plaatsing.klas}"),
                          Field("department.id", "{plaatsing.klas}")}}};
    for (const char* kind : {"people_added", "people_removed", "people_changed", "held_back"}) {
      source.thresholds[kind].count = 1000;
    }
    school.ApplyConfiguration();
    SystemSchema schema;
    ClassInfo pupil, placement;
    pupil.name = "leerling";
    for (const char* name : {"nummer", "roepnaam", "achternaam", "bsn", "geboortedatum"}) Offer(pupil, name);
    placement.name = "plaatsing";
    for (const char* name : {"leerling", "van", "klas", "mentor"}) Offer(placement, name);
    schema.classes = {pupil, placement};
    school.somtoday->SetSchema(schema);
    for (int i = 0; i < 12; ++i) Add(i < 6 ? "dijk" : "meer", i);
  }

  static void Offer(ClassInfo& info, const std::string& name) {
    info.attributes.emplace_back();
    info.attributes.back().name = name;
  }
  void Add(const std::string& scope, int number) {
    const std::string id = absl::StrCat("p", number);
    records.push_back({scope,
                       "leerling",
                       id,
                       "",
                       {{"nummer", Value::Text(absl::StrCat(number))},
                        {"roepnaam", Value::Text("Noor")},
                        {"achternaam", Value::Text(absl::StrCat("Zwaluw", number))},
                        {"bsn", Value::Text("123456782")}}});
    records.push_back({scope,
                       "plaatsing",
                       absl::StrCat("pl", number),
                       "",
                       {{"leerling", Value::Ref({"leerling", id})},
                        {"van", Value::Date(absl::CivilDay(2026, 8, 1))},
                        {"klas", Value::Text("H4D")},
                        {"mentor", Value::Text("D1")}}});
  }
  void Drop(int number) {
    std::erase_if(records, [&](const core::Record& record) {
      return record.id == absl::StrCat("p", number) || record.id == absl::StrCat("pl", number);
    });
  }
  store::Run Read() {
    school.somtoday->SetRecords(records);
    return school.Import({"somtoday"});
  }
  int People(bool with_vanished = false) {
    int count = 0;
    const auto snapshot = school.store->LoadSnapshot().value();
    for (const auto& person : snapshot->persons) count += with_vanished || !person->last_seen;
    return count;
  }
  void Limit(const std::string& kind, int64_t count) {
    school.world.configuration.systems["somtoday"].thresholds[kind].count = count;
    school.ApplyConfiguration();
  }
  std::vector<store::BlockRecord> Waiting() {
    std::vector<store::BlockRecord> waiting;
    const std::vector<store::BlockRecord> all = school.store->LoadBlocks().value();
    for (const store::BlockRecord& block : all) {
      if (block.state == "waiting") waiting.push_back(block);
    }
    return waiting;
  }

  School school;
  std::vector<core::Record> records;
};

TEST_F(Import, MakesPeopleOfRecordsAndASecondTimeChangesNothing) {
  const store::Run run = Read();
  EXPECT_EQ(run.state, "succeeded");
  EXPECT_EQ(run.summary, "somtoday: 12 people (12 new, 0 gone, 0 changed)");
  const int64_t sequence = school.store->LoadSnapshot().value()->sequence;
  EXPECT_EQ(Read().summary, "somtoday: 12 people (0 new, 0 gone, 0 changed)");
  EXPECT_EQ(school.Audit().back()["action"], "import.accepted");
  EXPECT_EQ(school.Audit().back()["plugin"], "test.somtoday 1.0.0");
  EXPECT_GE(school.store->LoadSnapshot().value()->sequence, sequence);
}

TEST_F(Import, ThatSaysNothingNewReadsNothingBackAndChangesTheDayOnly) {
  Read();
  Drop(3);
  Read();
  const auto next_day = [&] { school.clock.Set(school.clock.Now() + absl::Hours(24)); };
  next_day();
  Read();  // What is gone keeps the day that it was seen last.
  const core::RawSet before = school.store->LoadRawSet("somtoday", false).value();
  const auto people = school.store->LoadSnapshot().value()->persons;
  next_day();
  school.store->ForgetReads();
  EXPECT_EQ(Read().summary, "somtoday: 12 people (0 new, 0 gone, 0 changed)");
  EXPECT_EQ(school.store->reads()["raw"], 0);
  EXPECT_EQ(school.store->LoadSnapshot().value()->persons, people) << "the same objects";
  core::RawSet after = school.store->LoadRawSet("somtoday", false).value();
  ASSERT_EQ(after.size(), before.size());
  for (const auto& [key, raw] : before) {
    EXPECT_EQ(after[key].hash, raw.hash);
    EXPECT_EQ(after[key].last_seen, raw.last_seen);
    EXPECT_EQ(after[key].first_seen, raw.first_seen);
    EXPECT_EQ(after[key].last_confirmed, raw.last_seen ? raw.last_confirmed : raw.last_confirmed + 1);
  }
}

TEST_F(Import, ThatSaysSomethingNewIsTakenWhateverItIs) {
  Read();
  Read();
  struct Row {
    const char* what;
    std::function<void()> change;
    const char* summary;
  };
  const Row rows[] = {
      {"a field", [&] { records[0].attributes["roepnaam"] = Value::Text("Noortje"); },
       "12 people (0 new, 0 gone, 1 changed)"},
      {"nothing", [] {}, "12 people (0 new, 0 gone, 0 changed)"},
      {"one more", [&] { Add("dijk", 99); }, "13 people (1 new, 0 gone, 0 changed)"},
      {"one gone", [&] { Drop(99); }, "13 people (0 new, 1 gone, 0 changed)"},
      {"nothing again", [] {}, "13 people (0 new, 0 gone, 0 changed)"},
      {"one returned", [&] { Add("dijk", 99); }, "13 people (0 new, 0 gone, 1 changed)"},
      {"another configuration", [&] { Limit("people_added", 1000); }, "13 people (0 new, 0 gone, 0 changed)"},
  };
  for (const Row& row : rows) {
    row.change();
    EXPECT_EQ(Read().summary, absl::StrCat("somtoday: ", row.summary)) << row.what;
  }
}

TEST_F(Import, AsksForWhatIsMappedAndForNothingElse) {
  Read();
  const ReadPlan plan = school.somtoday->last_plan();
  ASSERT_THAT(plan.classes, SizeIs(2));
  EXPECT_THAT(plan.classes[0].attributes, UnorderedElementsAre("nummer", "roepnaam", "achternaam"));
  EXPECT_THAT(plan.classes[1].attributes, UnorderedElementsAre("leerling", "van", "klas"));
  const core::RawSet raw_set = school.store->LoadRawSet("somtoday", false).value();
  for (const auto& [key, raw] : raw_set) {
    EXPECT_FALSE(raw.record.attributes.contains("bsn"));
  }
}

TEST_F(Import, OfATargetAsksForWhatIsMappedCorrelatedOrUnique) {
  school.Import({"ad"});
  const ReadPlan plan = school.ad->last_plan();
  ASSERT_THAT(plan.classes, SizeIs(3));
  EXPECT_THAT(plan.classes[0].attributes, Contains("employeeID"));
  EXPECT_THAT(plan.classes[0].attributes, Contains("enabled"));
  EXPECT_THAT(plan.classes[0].attributes, AllOf(Not(Contains("homePhone")), Not(Contains("initial_password"))));
  EXPECT_THAT(plan.classes[2].attributes, UnorderedElementsAre("group", "member"));
}

TEST_F(Import, AClassThatCameInPartKeepsWhatItHad) {
  Read();
  Drop(1);
  school.somtoday->SetCompleteness("leerling", core::Completeness::kPartial);
  school.somtoday->SetCompleteness("plaatsing", core::Completeness::kNotRead);
  const store::Run run = Read();
  EXPECT_EQ(run.state, "succeeded");
  EXPECT_THAT(run.summary, HasSubstr("leerling of dijk came in part: the service account may not read it"));
  EXPECT_THAT(run.summary, HasSubstr("what they held is kept"));
  EXPECT_EQ(People(), 12);
}

TEST_F(Import, ThatFailsLeavesEverything) {
  Read();
  Drop(1);
  school.somtoday->FailImport(absl::UnavailableError("the stream had no end"));
  const store::Run run = Read();
  EXPECT_EQ(run.state, "failed");
  EXPECT_EQ(run.summary, "somtoday: not read: the stream had no end");
  EXPECT_EQ(People(), 12);
  EXPECT_EQ(school.store->LoadRawSet("somtoday", false).value().size(), 24u);
  EXPECT_EQ(school.Audit().back()["action"], "import.failed");
}

TEST_F(Import, ATargetThatWasNotReadCompletelyIsNotObserved) {
  school.ad->AddObject("account", {{"employeeID", Value::Text("1")}});
  school.ad->SetCompleteness("membership", core::Completeness::kPartial);
  EXPECT_THAT(school.Import().summary, HasSubstr("ad: not observed: membership"));
  EXPECT_THAT(school.State().observed["ad"].records, IsEmpty());
  school.ad->SetCompleteness("membership", core::Completeness::kComplete);
  school.ad->HideClass("group");  // Nothing is said of it: not "there are none".
  const store::Run run = school.Import();
  EXPECT_EQ(run.state, "failed");
  EXPECT_THAT(run.summary, HasSubstr("group was not read: nothing was said of it"));
  EXPECT_THAT(school.State().observed["ad"].records, IsEmpty());
}

TEST_F(Import, OneSystemThatFailsDoesNotKeepTheOthers) {
  school.ad->FailImport(absl::UnavailableError("no answer"));
  school.somtoday->SetRecords(records);
  const store::Run run = school.Import({});
  EXPECT_EQ(run.state, "failed");
  EXPECT_EQ(run.summary, "ad: not read: no answer; somtoday: 12 people (12 new, 0 gone, 0 changed)");
  EXPECT_EQ(People(), 12);
}

TEST_F(Import, ThatReachesALimitWaitsAsACandidateUntilItIsApproved) {
  Read();
  Limit("people_removed", 2);
  Drop(1);
  Drop(2);
  const store::Run run = Read();
  EXPECT_EQ(run.state, "blocked");
  EXPECT_THAT(run.summary, HasSubstr("waits: people_removed 2 of 2"));
  EXPECT_EQ(People(), 12);
  EXPECT_TRUE(school.store->LoadCandidate("somtoday").ok());
  ASSERT_THAT(Waiting(), SizeIs(1));
  EXPECT_TRUE(school.engine->Decide(school.alice, Waiting()[0].id, true).ok());
  EXPECT_EQ(People(), 10);
  EXPECT_EQ(People(true), 12);
  EXPECT_TRUE(absl::IsNotFound(school.store->LoadCandidate("somtoday").status()));
  EXPECT_THAT(school.State().approvals, IsEmpty());  // Used up.
  EXPECT_EQ(Read().state, "succeeded");
  EXPECT_THAT(school.store->LoadBlocks().value(), IsEmpty());
  // The same two come back and go again: that is another decision.
  Add("dijk", 1);
  Add("dijk", 2);
  Limit("people_changed", 1000);
  EXPECT_EQ(Read().state, "succeeded");
  Drop(1);
  Drop(2);
  EXPECT_EQ(Read().state, "blocked");
  EXPECT_EQ(People(), 12);
}

TEST_F(Import, ACandidateEndsPeopleOnTheDayOfItsReadingAlsoWhenItIsApprovedLater) {
  Read();
  Limit("people_removed", 2);
  Drop(1);
  Drop(2);
  school.SetDay(absl::CivilDay(2026, 11, 25));
  EXPECT_EQ(Read().state, "blocked");
  school.SetDay(absl::CivilDay(2026, 11, 27));
  EXPECT_TRUE(school.engine->Decide(school.alice, Waiting()[0].id, true).ok());
  int gone = 0;
  const core::RawSet raw_set = school.store->LoadRawSet("somtoday", false).value();
  for (const auto& [key, raw] : raw_set) {
    if (raw.last_seen) {
      EXPECT_EQ(*raw.last_seen, absl::CivilDay(2026, 11, 24));
      ++gone;
    } else {
      EXPECT_EQ(raw.last_confirmed, absl::CivilDay(2026, 11, 25));
    }
  }
  EXPECT_EQ(gone, 4);
}

TEST_F(Import, ANewImportReplacesTheCandidate) {
  Read();
  Limit("people_removed", 2);
  Drop(1);
  Drop(2);
  EXPECT_EQ(Read().state, "blocked");
  Add("dijk", 2);
  const store::Run run = Read();
  EXPECT_EQ(run.state, "succeeded") << run.summary;
  EXPECT_EQ(People(), 11);
  EXPECT_TRUE(absl::IsNotFound(school.store->LoadCandidate("somtoday").status()));
  EXPECT_THAT(school.store->LoadBlocks().value(), IsEmpty());
}

TEST_F(Import, AnApprovalLapsesWhenMoreAreGone) {
  Read();
  Limit("people_removed", 2);
  Limit("people_added", 1);
  Drop(1);
  Drop(2);
  Add("dijk", 20);
  EXPECT_EQ(Read().state, "blocked");
  ASSERT_THAT(Waiting(), SizeIs(2));
  for (const store::BlockRecord& block : Waiting()) {  // One of two is not enough.
    if (block.kind != "people_removed") continue;
    EXPECT_TRUE(school.engine->Decide(school.alice, block.id, true).ok());
  }
  EXPECT_EQ(People(), 12);
  Drop(3);
  EXPECT_EQ(Read().state, "blocked");
  EXPECT_THAT(Waiting(), SizeIs(2));
  EXPECT_THAT(school.State().approvals, IsEmpty());
}

TEST_F(Import, WhatWasRejectedStaysRejectedWhileTheSameIsRead) {
  Read();
  Limit("people_removed", 2);
  Drop(1);
  Drop(2);
  Read();
  EXPECT_TRUE(school.engine->Decide(school.alice, Waiting()[0].id, false).ok());
  EXPECT_EQ(Read().state, "blocked");
  EXPECT_THAT(Waiting(), IsEmpty());
  EXPECT_EQ(People(), 12);
  Drop(3);
  Read();
  EXPECT_THAT(Waiting(), SizeIs(1));
}

TEST_F(Import, ALossOfHalfOfASchoolWaitsWhateverTheLimitsSay) {
  Read();
  for (int i = 6; i < 12; ++i) Drop(i);
  records.push_back({"meer", "leerling", "other", "", {{"nummer", Value::Text("99")}}});
  const store::Run run = Read();
  EXPECT_EQ(run.state, "blocked");
  EXPECT_THAT(run.summary, HasSubstr("leerling of meer would lose 6 of 6"));
  EXPECT_THAT(run.summary, HasSubstr("plaatsing of meer would lose 6 of 6"));
  EXPECT_GE(People(), 12);
}

TEST_F(Import, ALossOfLessThanFiveIsOnlyCounted) {
  records.clear();
  for (int i = 0; i < 4; ++i) Add("dijk", i);
  Read();
  records.clear();
  Add("dijk", 0);
  EXPECT_EQ(Read().state, "succeeded");
  EXPECT_EQ(People(), 1);
}

TEST_F(Import, AnApprovedChangeOfTheConfigurationMapsTheSameRecordsAnew) {
  Read();
  // As App applies a new version: the snapshot waits, the version runs.
  school.world.configuration.systems["somtoday"].persons[0].fields[1] = Field("name.nick", "{leerling.achternaam}");
  Limit("people_changed", 5);
  const auto candidate = school.engine->snapshots().Remap(school.world.configuration, absl::CivilDay(2026, 11, 24));
  ASSERT_TRUE(candidate.ok());
  EXPECT_TRUE(candidate->is_blocked);
  store::Commit commit;
  ASSERT_TRUE(school.engine->snapshots().AddTo(*candidate, "", "configuration", commit).ok());
  ASSERT_TRUE(school.store->Write(commit).ok());
  ASSERT_THAT(Waiting(), SizeIs(1));
  EXPECT_TRUE(school.engine->Decide(school.alice, Waiting()[0].id, true).ok());
  EXPECT_EQ(school.store->LoadSnapshot().value()->persons[0]->fields.at("name.nick").ToText().substr(0, 6), "Zwaluw");
}

TEST_F(Import, StoppedTakesNothingAndLeavesAnEnforcementAlone) {
  Read();
  Drop(1);
  school.world.AddPupil("1", "Noor", "Zwaluw");
  school.somtoday->SetRecords(records);
  school.somtoday->HoldImport(true);
  const auto run = school.engine->StartImport(school.alice, {});
  ASSERT_TRUE(run.ok());
  school.somtoday->AwaitImport();
  EXPECT_TRUE(absl::IsAborted(school.engine->StartImport(school.alice, {}).status()));
  EXPECT_TRUE(school.engine->StopRun(school.alice, *run).ok());
  const store::Run ended = school.Await(run);
  EXPECT_EQ(ended.state, "stopped");
  EXPECT_EQ(People(), 12);
}

TEST_F(Import, IsMappedByTheConfigurationThatIsInForceWhenItEnds) {
  school.somtoday->SetRecords(records);
  school.somtoday->HoldImport(true);
  const auto run = school.engine->StartImport(school.alice, {"somtoday"});
  ASSERT_TRUE(run.ok());
  school.somtoday->AwaitImport();
  school.world.configuration.hash = "8d2f";
  school.world.configuration.systems["somtoday"].persons[0].fields[1] = Field("name.nick", "Nieuw");
  school.ApplyConfiguration();
  school.somtoday->HoldImport(false);
  EXPECT_EQ(school.Await(run).state, "succeeded");
  const auto snapshot = school.store->LoadSnapshot().value();
  EXPECT_EQ(snapshot->configuration, "8d2f");
  for (const auto& person : snapshot->persons) EXPECT_EQ(person->fields.at("name.nick").ToText(), "Nieuw");
}

TEST_F(Import, OfASystemThatWasTakenOutMeanwhileIsNotTaken) {
  school.somtoday->SetRecords(records);
  school.somtoday->HoldImport(true);
  const auto run = school.engine->StartImport(school.alice, {"somtoday"});
  ASSERT_TRUE(run.ok());
  school.somtoday->AwaitImport();
  school.world.configuration.systems.erase("somtoday");
  school.ApplyConfiguration();
  school.somtoday->HoldImport(false);
  const store::Run ended = school.Await(run);
  EXPECT_EQ(ended.state, "failed");
  EXPECT_THAT(ended.summary, HasSubstr("it was taken out of the configuration while it was read"));
  EXPECT_EQ(People(), 0);
}

TEST_F(Import, OfAnUnknownSystemIsRefused) {
  EXPECT_THAT(school.Import({"nobody"}).summary, HasSubstr("there is no system \"nobody\""));
}

TEST_F(Import, ThatTheStoreDoesNotTakeNowWaitsForItWithOneLine) {
  school.store->Refuse(
      3, [](const store::Commit& commit) { return !commit.imports.empty(); },
      absl::ResourceExhaustedError("the disk is full"));
  const store::Run run = Read();
  EXPECT_EQ(run.state, "succeeded") << run.summary;
  EXPECT_THAT(school.Warnings(run), ElementsAre("the disk is full; the run waits for it"));
  EXPECT_EQ(People(), 12);
}

TEST_F(Import, ThatTheStoreWillNeverTakeFailsWithOneLine) {
  school.store->RefuseOnce([](const store::Commit& commit) { return !commit.imports.empty(); },
                           absl::DataLossError("the store is damaged"));
  const store::Run run = Read();
  EXPECT_EQ(run.state, "failed");
  EXPECT_EQ(run.summary, "somtoday: the store is damaged");
  EXPECT_EQ(People(), 0);
  EXPECT_EQ(Read().state, "succeeded");
}

TEST_F(Import, AVerbReadsTheStateOnceAndNotAgainWhileNothingHasChanged) {
  for (int i = 12; i < 900; ++i) Add("dijk", i);
  Read();
  school.store->ForgetReads();
  Read();
  EXPECT_EQ(school.store->reads()["raw"], 0);
  EXPECT_LE(school.store->reads()["state"], 1);
  school.store->ForgetReads();
  school.Plan();
  const int after_first = school.store->reads()["state"];
  school.Plan();
  const auto why = school.engine->Why("1", "ad/account");
  EXPECT_TRUE(why.ok()) << why.status();
  EXPECT_LE(after_first, 1);
  EXPECT_EQ(school.store->reads()["state"], after_first);
}

TEST_F(Import, AnEngineThatIsGoneHearsNothing) {
  school.somtoday->SetRecords(records);
  school.somtoday->HoldImport(true);
  ASSERT_TRUE(school.engine->StartImport(school.alice, {"somtoday"}).ok());
  school.somtoday->AwaitImport();
  school.Crash();
  school.somtoday->HoldImport(false);
  school.somtoday->Settle();
  school.Start();
  EXPECT_EQ(People(), 0);
  EXPECT_EQ(Read().state, "succeeded");
}

}  // namespace
}  // namespace sluice::engine
