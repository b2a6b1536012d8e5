#include "host/core/raw_records.h"

#include <algorithm>
#include <functional>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "host/base/hash.h"

namespace sluice::core {
namespace {

using absl::CivilDay;
const CivilDay kMonday(2026, 11, 23);
const CivilDay kTuesday(2026, 11, 24);
const CivilDay kWednesday(2026, 11, 25);

Record Pupil(const std::string& scope, const std::string& id, Fields attributes = {}) {
  return {scope, "leerling", id, "", std::move(attributes)};
}

// One scope, one class, these pupils.
ImportedData Import(const std::string& scope, std::vector<Record> records,
                    Completeness completeness = Completeness::kComplete) {
  ImportedData data;
  data.system = "somtoday";
  data.scopes = {{scope, scope}};
  data.states = {{scope, "leerling", completeness, static_cast<int64_t>(records.size()), ""}};
  data.records = std::move(records);
  return data;
}

RawSet Start(std::vector<Record> records) {
  return MergeRecords({}, Import("dijk", std::move(records)), kMonday, 30).set;
}

std::vector<Record> Pupils(int count) {
  std::vector<Record> records;
  for (int i = 0; i < count; ++i) records.push_back(Pupil("dijk", absl::StrCat("p", i)));
  return records;
}

int64_t Tombstones(const RawSet& set) {
  return std::count_if(set.begin(), set.end(), [](const auto& item) { return item.second.last_seen.has_value(); });
}

TEST(MergeRecords, MakesATombstoneOfWhatACompleteClassNoLongerHas) {
  auto result = MergeRecords(Start(Pupils(10)), Import("dijk", Pupils(9)), kTuesday, 30);
  const RawRecord& gone = result.set.at({"dijk", "leerling", "p9"});
  EXPECT_EQ(gone.last_seen, kMonday) << "the day it was last confirmed, not the day it was missed";
  EXPECT_EQ(result.counts.vanished, 1);
  EXPECT_EQ(result.counts.unchanged, 9);
  EXPECT_EQ(result.set.at({"dijk", "leerling", "p0"}).last_confirmed, kTuesday);
  EXPECT_TRUE(result.losses.empty());
}

// Promise 1, as a table: each way in which a list may be half.
TEST(MergeRecords, EndsNothingThatWasNotReadCompletely) {
  RawSet before = Start(Pupils(10));
  struct Row {
    const char* name;
    std::function<void(ImportedData&)> spoil;
  };
  Row rows[] = {
      {"partial", [](ImportedData& data) { data.states[0].completeness = Completeness::kPartial; }},
      {"not read", [](ImportedData& data) { data.states[0].completeness = Completeness::kNotRead; }},
      {"class no longer offered", [](ImportedData& data) { data.states.clear(); }},
      {"scope no longer offered", [](ImportedData& data) { data.scopes.clear(); }},
      {"counts differ", [](ImportedData& data) { data.states[0].records = 3; }},
      {"two states that disagree",
       [](ImportedData& data) {
         data.states.push_back(data.states[0]);
         data.states.back().completeness = Completeness::kPartial;
       }},
      {"another class", [](ImportedData& data) { data.states[0].object_class = "medewerker"; }},
      {"another scope",
       [](ImportedData& data) {
         data.scopes[0].first = "brug";
         data.states[0].scope = "brug";
       }},
  };
  for (const Row& row : rows) {
    ImportedData data = Import("dijk", Pupils(2));
    row.spoil(data);
    auto result = MergeRecords(before, data, kTuesday, 30);
    EXPECT_EQ(Tombstones(result.set), 0) << row.name;
    EXPECT_EQ(result.set.size(), 10u) << row.name;
    EXPECT_EQ(result.counts.kept, 8) << row.name;
    EXPECT_TRUE(result.losses.empty()) << row.name;
  }
  EXPECT_EQ(Tombstones(MergeRecords(before, Import("dijk", Pupils(2)), kTuesday, 30).set), 8) << "none of these";
}

TEST(MergeRecords, TakesWhatAPartialClassDoesSay) {
  RawSet before = Start(Pupils(2));
  Record changed = Pupil("dijk", "p0", {{"roepnaam", Value::Text("Noor")}});
  auto result =
      MergeRecords(before, Import("dijk", {changed, Pupil("dijk", "new")}, Completeness::kPartial), kTuesday, 30);
  EXPECT_EQ(result.counts.added, 1);
  EXPECT_EQ(result.counts.changed, 1);
  EXPECT_EQ(result.counts.kept, 1);
  EXPECT_EQ(result.set.at({"dijk", "leerling", "p0"}).record.attributes.size(), 1u);
  EXPECT_EQ(result.set.at({"dijk", "leerling", "p0"}).first_seen, kMonday);
  EXPECT_EQ(result.set.at({"dijk", "leerling", "p1"}).last_confirmed, kMonday);
}

TEST(MergeRecords, BringsBackWhatReappears) {
  RawSet gone = MergeRecords(Start(Pupils(3)), Import("dijk", Pupils(2)), kTuesday, 30).set;
  auto result = MergeRecords(gone, Import("dijk", Pupils(3)), kWednesday, 30);
  EXPECT_EQ(result.counts.reappeared, 1);
  EXPECT_EQ(Tombstones(result.set), 0);
  EXPECT_EQ(result.set.at({"dijk", "leerling", "p2"}).first_seen, kMonday);
}

TEST(MergeRecords, DaysOnWhichNothingCouldBeReadDoNotCountAsDaysOnWhichSomebodyWasMissed) {
  auto result = MergeRecords(Start(Pupils(10)), Import("dijk", Pupils(9)), kMonday + 20, 30);
  EXPECT_EQ(result.set.at({"dijk", "leerling", "p9"}).last_seen, kMonday + 19) << "a grace begins where it was missed";
  EXPECT_EQ(result.set.at({"dijk", "leerling", "p9"}).last_confirmed, kMonday);
}

// A contract of one record, which said `then` on Monday and says `now` on Tuesday.
Fields Dates(Fields then, Fields now) {
  const KeptDates dates = {{"dienstverband", {{"van"}, {"tot"}}}};
  const auto import = [](Fields fields) {
    return ImportedData{"somtoday",
                        {{"dijk", ""}},
                        {{"dijk", "dienstverband", Completeness::kComplete, 1, ""}},
                        {{"dijk", "dienstverband", "d1", "", std::move(fields)}}};
  };
  RawSet monday = MergeRecords({}, import(std::move(then)), kMonday, 30, dates).set;
  return MergeRecords(std::move(monday), import(std::move(now)), kTuesday, 30, dates)
      .set.at({"dijk", "dienstverband", "d1"})
      .record.attributes;
}

TEST(MergeRecords, DatesOnceSeenStayWhileTheyMayNotBeSeenAndWhatHasBegunStaysBegun) {
  const Value began = Value::Date(kMonday - 100), ended = Value::Date(kMonday - 5);
  const Value next_year = Value::Date(kMonday + 300);
  EXPECT_EQ(Dates({{"van", began}, {"tot", ended}}, {}), (Fields{{"van", began}, {"tot", ended}}));
  EXPECT_EQ(Dates({{"van", began}, {"tot", ended}}, {{"tot", Value::Empty()}}),
            (Fields{{"van", began}, {"tot", Value::Empty()}}))
      << "an explicit empty is an answer";
  EXPECT_EQ(Dates({{"van", began}}, {{"van", next_year}}), (Fields{{"van", began}}));
  EXPECT_EQ(Dates({{"van", began}, {"tot", Value::Empty()}}, {{"van", next_year}, {"tot", next_year}}),
            (Fields{{"van", began}, {"tot", next_year}}));
  EXPECT_EQ(Dates({{"van", began}, {"tot", ended}}, {{"van", next_year}, {"tot", Value::Empty()}}),
            (Fields{{"van", next_year}, {"tot", Value::Empty()}}))
      << "who had left begins anew";
  EXPECT_EQ(Dates({{"van", next_year}}, {{"van", Value::Date(kMonday + 200)}}),
            (Fields{{"van", Value::Date(kMonday + 200)}}));
  EXPECT_EQ(Dates({{"van", began}}, {{"van", Value::Date(kMonday - 50)}}),
            (Fields{{"van", Value::Date(kMonday - 50)}}));
}

TEST(MergeRecords, KeepsATombstoneAsItIsUntilItsRetentionIsOver) {
  RawSet gone = MergeRecords(Start(Pupils(3)), Import("dijk", Pupils(2)), kTuesday, 30).set;
  auto later = MergeRecords(gone, Import("dijk", Pupils(2)), kMonday + 30, 30);
  EXPECT_EQ(later.set.at({"dijk", "leerling", "p2"}).last_seen, kMonday);
  EXPECT_EQ(later.counts.vanished, 0);
  auto over = MergeRecords(gone, Import("dijk", Pupils(2)), kMonday + 31, 30);
  EXPECT_EQ(over.counts.dropped, 1);
  EXPECT_EQ(over.set.size(), 2u);
  EXPECT_EQ(MergeRecords(gone, Import("dijk", Pupils(2)), kMonday + 9999, -1).set.size(), 3u);
}

TEST(MergeRecords, SaysWhichAttributesAreNoLongerVisible) {
  RawSet before = Start({Pupil("dijk", "p0", {{"roepnaam", Value::Text("Noor")}, {"voorvoegsel", Value::Empty()}})});
  auto result =
      MergeRecords(before, Import("dijk", {Pupil("dijk", "p0", {{"roepnaam", Value::Text("Noor")}})}), kTuesday, 30);
  EXPECT_EQ(result.counts.hidden, 1);
  EXPECT_EQ(result.set.at({"dijk", "leerling", "p0"}).record.attributes.count("voorvoegsel"), 0u);
}

TEST(MergeRecords, ReportsALossOfHalfAndAtLeastFive) {
  struct Row {
    int had, left;
    bool is_loss;
  };
  for (const Row& row : {Row{10, 5, true}, Row{10, 6, false}, Row{9, 4, true}, Row{8, 4, false}, Row{5, 0, true},
                         Row{4, 0, false}, Row{100, 51, false}}) {
    auto result = MergeRecords(Start(Pupils(row.had)), Import("dijk", Pupils(row.left)), kTuesday, 30);
    ASSERT_EQ(result.losses.size(), row.is_loss ? 1u : 0u) << row.had << " -> " << row.left;
    if (!row.is_loss) continue;
    EXPECT_EQ(result.losses[0].scope, "dijk");
    EXPECT_EQ(result.losses[0].object_class, "leerling");
    EXPECT_EQ(result.losses[0].had, row.had);
    EXPECT_EQ(result.losses[0].lost, row.had - row.left);
  }
  // A second import of the same half list loses nothing more.
  RawSet half = MergeRecords(Start(Pupils(10)), Import("dijk", Pupils(5)), kTuesday, 30).set;
  EXPECT_TRUE(MergeRecords(half, Import("dijk", Pupils(5)), kWednesday, 30).losses.empty());
}

TEST(MergeRecords, JoinsTwoRecordsOfOneKeyWhateverTheirOrder) {
  Record a = Pupil("dijk", "p0", {{"roepnaam", Value::Text("Noor")}, {"x", Value::Empty()}, {"y", Value::Text("1")}});
  Record b = Pupil("dijk", "p0", {{"x", Value::Text("v")}, {"z", Value::Empty()}, {"y", Value::Text("2")}});
  auto first = MergeRecords({}, Import("dijk", {a, b}), kMonday, 30);
  auto second = MergeRecords({}, Import("dijk", {b, a}), kMonday, 30);
  EXPECT_EQ(first.counts.duplicates, 1);
  const RawRecord& joined = first.set.at({"dijk", "leerling", "p0"});
  EXPECT_EQ(joined.hash, second.set.at({"dijk", "leerling", "p0"}).hash);
  EXPECT_TRUE(joined.record.attributes.at("x") == Value::Text("v"));
  EXPECT_TRUE(joined.record.attributes.at("z").is_empty());
}

TEST(JoinAttributes, LetsTheVisibleWinAndUnitesLists) {
  Value ab = Value::ListOf({Value::Text("a"), Value::Text("b")});
  Value bc = Value::ListOf({Value::Text("b"), Value::Text("c")});
  Fields joined = JoinAttributes({{"l", ab}, {"p", ab}, {"h", Value::NotVisible()}, {"e", Value::Empty()}},
                                 {{"l", bc}, {"p", Value::PartialListOf({})}, {"h", Value::Text("x")}, {"n", bc}});
  EXPECT_TRUE(joined["l"] == Value::ListOf({Value::Text("a"), Value::Text("b"), Value::Text("c")}));
  EXPECT_TRUE(joined["p"] == Value::PartialListOf({Value::Text("a"), Value::Text("b")}));
  EXPECT_TRUE(joined["h"] == Value::Text("x"));
  EXPECT_TRUE(joined["e"].is_empty());
  EXPECT_TRUE(joined["n"] == bc);
}

TEST(Record, ComesBackFromItsJson) {
  Record record = Pupil("dijk", "p0", {{"roepnaam", Value::Text("Noor")}});
  auto back = RecordFromJson(ToJson(record));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(RecordHash(*back), RecordHash(record));
  EXPECT_EQ(base::CanonicalJson(ToJson(record)),
            R"({"attributes":{"roepnaam":"Noor"},"class":"leerling","id":"p0","name":"","scope":"dijk"})");
  EXPECT_FALSE(RecordFromJson({{"class", "leerling"}}).ok());
  EXPECT_FALSE(RecordFromJson(nlohmann::json::array()).ok());
}

}  // namespace
}  // namespace sluice::core
