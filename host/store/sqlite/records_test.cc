// Raw records, candidates, snapshots and observed records in the store.
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/store/sqlite/database.h"
#include "host/store/sqlite/testing/store_fixture.h"

namespace sluice::store {
namespace {

class Records : public StoreFixture {
 protected:
  Records() { Open(); }
  void WriteImport(const ImportResult& import) {
    Commit commit;
    commit.imports.push_back(import);
    Write(commit);
  }
  void WriteSnapshot(const core::Snapshot& snapshot) {
    Commit commit;
    commit.snapshot = snapshot;
    commit.snapshot_cause = "import";
    Write(commit);
  }
  int64_t Count(const std::string& table) {
    auto database = Database::Open({Path(), false, ""});
    return *(*database)->Number(-1, absl::StrCat("SELECT count(*) FROM ", table));
  }
  void ExpectSame(const core::RawSet& wanted, bool candidate = false) {
    const absl::StatusOr<core::RawSet> set = store_->LoadRawSet("somtoday", candidate);
    ASSERT_TRUE(set.ok()) << set.status();
    ASSERT_EQ(set->size(), wanted.size());
    auto other = set->begin();
    for (const auto& [key, raw] : wanted) {
      ASSERT_EQ(other->first, key);
      EXPECT_EQ(core::ToJson(other->second.record), core::ToJson(raw.record));
      EXPECT_EQ(other->second.hash, raw.hash);
      EXPECT_EQ(other->second.first_seen, raw.first_seen);
      EXPECT_EQ(other->second.last_confirmed, raw.last_confirmed) << key.id;
      EXPECT_EQ(other->second.last_seen, raw.last_seen);
      ++other;
    }
  }
  static void ConfirmAll(ImportResult& import, absl::CivilDay day) {
    import.as_of = day;
    for (auto& [key, raw] : import.raw) {
      if (!raw.last_seen.has_value()) raw.last_confirmed = day;
    }
  }
};

TEST_F(Records, AnImportIsReadBackAsItWas) {
  const ImportResult import = MakeImport(3);
  WriteImport(import);
  ExpectSame(import.raw);
  Open();
  ExpectSame(import.raw);
  const auto states = store_->LoadClassStates("somtoday");
  ASSERT_EQ(states->size(), 2u);
  EXPECT_EQ((*states)[1].object_class, "plaatsing");
  EXPECT_EQ((*states)[1].completeness, core::Completeness::kComplete);
  EXPECT_TRUE(store_->LoadRawSet("nobody", false)->empty());
}

TEST_F(Records, ManyDifferencesAreWrittenInPartsAndAreAllThere) {
  ImportResult import = MakeImport(2600);
  WriteImport(import);
  ExpectSame(import.raw);
  // Some gone, some new, many changed, in every part.
  ConfirmAll(import, kDay + 1);
  for (int number = 0; number < 2600; number += 7)
    import.raw.erase({"v1", "plaatsing", absl::StrFormat("%06d", number)});
  for (int number = 0; number < 3000; number += 2) AddRecord(import.raw, "v1", "leerling", number, kDay + 1, "Visser");
  for (core::ClassState& state : import.states) state.records = 3000;
  WriteImport(import);
  ExpectSame(import.raw);
}

TEST_F(Records, AConfirmationKeepsEveryRecordForAnotherDay) {
  ImportResult import = MakeImport(30);
  import.raw.begin()->second.last_seen = import.raw.begin()->second.last_confirmed = kDay - 1;  // Gone.
  WriteImport(import);
  ImportResult next = import;
  next.raw.clear();
  next.is_confirmation = true;
  next.as_of = kDay + 1;
  WriteImport(next);
  ConfirmAll(import, kDay + 1);
  ExpectSame(import.raw);
  EXPECT_EQ(Count("raw_records"), 60);
}

TEST_F(Records, ADayWithoutChangesWritesNoRecord) {
  ImportResult import = MakeImport(50);
  WriteImport(import);
  ConfirmAll(import, kDay + 1);
  WriteImport(import);
  ExpectSame(import.raw);
  EXPECT_EQ(Count("raw_records"), 100);
  EXPECT_EQ(Count("raw_records WHERE confirmed IS NOT NULL"), 0);
  EXPECT_EQ(Count("imports"), 2);
}

TEST_F(Records, AChangedRecordKeepsItsOldVersion) {
  ImportResult import = MakeImport(3);
  WriteImport(import);
  ConfirmAll(import, kDay + 1);
  AddRecord(import.raw, "v1", "leerling", 1, kDay + 1, "Smit");
  WriteImport(import);
  ExpectSame(import.raw);
  EXPECT_EQ(Count("raw_records"), 7);
  EXPECT_EQ(Count("raw_records WHERE until_import = 2"), 1);
  EXPECT_EQ(Count("contents"), 7);
  AddRecord(import.raw, "v1", "leerling", 1, kDay + 1, "Bakker");  // As before: the content is there.
  WriteImport(import);
  ExpectSame(import.raw);
  EXPECT_EQ(Count("contents"), 7);
}

TEST_F(Records, TombstonesPartialClassesAndDroppedRecordsKeepTheirDays) {
  ImportResult import = MakeImport(4);
  WriteImport(import);
  // The next day: leerling complete, one gone; plaatsing half, two seen.
  import.as_of = kDay + 1;
  import.states[1].completeness = core::Completeness::kPartial;
  for (auto& [key, raw] : import.raw) {
    if (key.object_class == "leerling" && key.id == "000002") {
      raw.last_seen = kDay;
    } else if (key.object_class == "leerling" || key.id < "000002") {
      raw.last_confirmed = kDay + 1;
    }
  }
  WriteImport(import);
  ExpectSame(import.raw);
  // Then complete again; the tombstone is dropped.
  import.states[1].completeness = core::Completeness::kComplete;
  ConfirmAll(import, kDay + 2);
  import.raw.erase({"v1", "leerling", "000002"});
  WriteImport(import);
  ExpectSame(import.raw);
  EXPECT_EQ(Count("raw_records WHERE until_import IS NULL AND confirmed IS NOT NULL"), 0);
}

TEST_F(Records, ACandidateWaitsBesideTheActiveSet) {
  ImportResult import = MakeImport(5);
  WriteImport(import);
  EXPECT_EQ(store_->LoadRawSet("somtoday", true).status().code(), absl::StatusCode::kNotFound);
  ImportResult candidate = import;
  candidate.is_candidate = true;
  ConfirmAll(candidate, kDay + 1);
  candidate.raw[{"v1", "leerling", "000001"}].last_seen = kDay;
  candidate.raw[{"v1", "leerling", "000001"}].last_confirmed = kDay;
  candidate.raw.erase({"v1", "leerling", "000003"});
  AddRecord(candidate.raw, "v1", "leerling", 2, kDay + 1, "Smit");
  AddRecord(candidate.raw, "v2", "leerling", 9, kDay + 1);
  WriteImport(candidate);
  ExpectSame(import.raw);
  ExpectSame(candidate.raw, true);
  EXPECT_EQ((*store_->LoadClassStates("somtoday")).size(), 2u);
  EXPECT_EQ(Count("raw_candidates"), 4);
  // Another one takes its place; then it is approved.
  AddRecord(candidate.raw, "v2", "leerling", 10, kDay + 1);
  WriteImport(candidate);
  ExpectSame(candidate.raw, true);
  candidate.is_candidate = false;
  WriteImport(candidate);
  ExpectSame(candidate.raw);
  EXPECT_EQ(store_->LoadRawSet("somtoday", true).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Count("raw_candidates"), 0);
}

TEST_F(Records, SnapshotsAreStoredAsDifferences) {
  core::Snapshot snapshot = MakeSnapshot(20);
  EXPECT_EQ((*store_->LoadSnapshot())->sequence, 0);
  WriteSnapshot(snapshot);
  Open();  // Nothing is remembered.
  snapshot.persons[3] = MakePerson(3, "Smit");
  snapshot.persons.erase(snapshot.persons.begin() + 7);
  snapshot.persons.push_back(MakePerson(99));
  snapshot.as_of = kDay + 1;
  WriteSnapshot(snapshot);
  EXPECT_EQ(Count("person_versions"), 22);
  EXPECT_EQ(Count("person_versions WHERE until_snapshot = 2"), 2);
  for (int opened = 0; opened < 2; ++opened) {
    const auto loaded = store_->LoadSnapshot();
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    EXPECT_EQ((*loaded)->sequence, 2);
    EXPECT_EQ((*loaded)->as_of, kDay + 1);
    EXPECT_EQ((*loaded)->configuration, "7c1e");
    ASSERT_EQ((*loaded)->persons.size(), 20u);
    for (size_t at = 0; at < 20; ++at) {
      EXPECT_EQ(core::ToJson(*(*loaded)->persons[at]), core::ToJson(*snapshot.persons[at]));
    }
    Open();
  }
}

TEST_F(Records, SamePersonsInOtherObjectsMakeNoNewVersions) {
  WriteSnapshot(MakeSnapshot(1000));
  WriteSnapshot(MakeSnapshot(1000, kDay + 1));
  EXPECT_EQ(Count("person_versions"), 1000);
  EXPECT_EQ(Count("snapshots"), 2);
  EXPECT_EQ((*store_->LoadSnapshot())->as_of, kDay + 1);
}

TEST_F(Records, APersonTwiceInASnapshotIsRefused) {
  core::Snapshot snapshot = MakeSnapshot(2);
  snapshot.persons[1] = snapshot.persons[0];
  Commit commit;
  commit.snapshot = snapshot;
  EXPECT_EQ(store_->Write(commit).code(), absl::StatusCode::kInternal);
  EXPECT_EQ((*store_->LoadSnapshot())->sequence, 0);
}

TEST_F(Records, AnUnchangedDayOfFiveThousandPersonsCostsUnder100KiB) {
  ImportResult import = MakeImport(5000);
  Commit commit;
  commit.imports = {import};
  commit.snapshot = MakeSnapshot(5000);
  commit.observed["ad"].is_known = true;
  for (const auto& [key, raw] : import.raw) commit.observed["ad"].records.push_back(raw.record);
  Write(commit);
  Open();
  const int64_t before = BytesOnDisk();
  ConfirmAll(commit.imports[0], kDay + 1);
  commit.snapshot = MakeSnapshot(5000, kDay + 1);
  commit.observed["ad"].as_of = kDay + 1;
  commit.audit = {MakeEntry("import.accepted")};
  Write(commit);
  const int64_t with_log = BytesOnDisk() - before;
  store_.reset();
  const int64_t closed = BytesOnDisk() - before;
  RecordProperty("bytes", static_cast<int>(closed));
  EXPECT_LT(closed, 100 * 1024);
  EXPECT_LT(with_log, 200 * 1024);  // What is in the log is there twice until it is cut back.
}

TEST_F(Records, ObservedRecordsAreReplacedAndOnlyWrittenWhereTheyDiffer) {
  Commit commit;
  core::Observed& observed = commit.observed["ad"];
  observed.is_known = true;
  observed.as_of = kDay;
  for (const auto& [key, raw] : MakeImport(3).raw) observed.records.push_back(raw.record);
  Write(commit);
  const int64_t sequence = State().sequence;
  Write(commit);
  EXPECT_EQ(State().sequence, sequence);
  observed.records[1].name = "Smit";
  observed.records.erase(observed.records.begin());
  Write(commit);
  const core::State state = State();
  EXPECT_EQ(state.sequence, sequence + 1);
  ASSERT_EQ(state.observed.at("ad").records.size(), 5u);
  EXPECT_EQ(state.observed.at("ad").records[0].name, "Smit");
  EXPECT_TRUE(state.observed.at("ad").is_known);
}

}  // namespace
}  // namespace sluice::store
