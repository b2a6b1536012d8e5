#include "host/core/snapshot.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::core {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Person Make(std::string id, Fields fields = {}) {
  Person person;
  person.id = std::move(id);
  person.fields = std::move(fields);
  return person;
}

Snapshot Of(std::vector<Person> persons) {
  Snapshot snapshot;
  for (Person& person : persons) snapshot.persons.push_back(std::make_shared<const Person>(std::move(person)));
  return snapshot;
}

Contract Placement(std::string id, std::string department) {
  Contract contract;
  contract.id = std::move(id);
  contract.type = "placement";
  contract.start = absl::CivilDay(2026, 8, 1);
  contract.fields = {{"department.code", Value::Text(department)}};
  return contract;
}

TEST(Snapshot, FindsAPersonById) {
  Snapshot snapshot = Of({Make("a"), Make("c")});
  EXPECT_EQ(snapshot.Find("c")->id, "c");
  EXPECT_EQ(snapshot.Find("b"), nullptr);
  EXPECT_EQ(Snapshot().Find("a"), nullptr);
}

TEST(Diff, OfTwoEqualSnapshotsIsEmpty) {
  EXPECT_TRUE(Diff(Of({Make("a"), Make("b")}), Of({Make("a"), Make("b")})).IsEmpty());
}

TEST(Diff, TellsWhoCameAndWhoWent) {
  Person vanished = Make("b");
  vanished.last_seen = absl::CivilDay(2026, 11, 23);
  SnapshotDiff diff = Diff(Of({Make("a"), Make("b"), Make("d")}), Of({vanished, Make("c"), Make("d")}));
  EXPECT_THAT(diff.added, ElementsAre("c"));
  EXPECT_THAT(diff.removed, ElementsAre("a", "b"));
  EXPECT_THAT(diff.changed, IsEmpty());
  EXPECT_TRUE(Diff(Of({vanished}), Of({vanished})).IsEmpty()) << "reported once";
  EXPECT_TRUE(Diff(Of({vanished}), Of({})).IsEmpty()) << "its retention is over";
  SnapshotDiff back = Diff(Of({vanished}), Of({Make("b")}));
  ASSERT_EQ(back.changed.size(), 1u);
  EXPECT_TRUE(back.changed[0].has_returned);
}

TEST(Diff, TellsEachFieldBeforeAndAfter) {
  Person before =
      Make("a", {{"name.family", Value::Text("de Boer")}, {"name.nick", Value::Text("Ellen")}, {"x", Value::Empty()}});
  Person after =
      Make("a", {{"name.family", Value::Text("Smit")}, {"name.nick", Value::Text("Ellen")}, {"y", Value::Integer(1)}});
  before.contracts = {Placement("c1", "H3D"), Placement("c2", "H4D")};
  after.contracts = {Placement("c2", "H4E"), Placement("c3", "H5")};
  after.contracts[0].end = absl::CivilDay(2027, 7, 31);
  SnapshotDiff diff = Diff(Of({before}), Of({after}));
  ASSERT_EQ(diff.changed.size(), 1u);
  std::vector<std::string> lines;
  for (const FieldChange& change : diff.changed[0].fields) {
    lines.push_back(change.contract_id + " " + change.path + " " + change.before.ToText() + " > " +
                    change.after.ToText());
  }
  EXPECT_THAT(lines, ElementsAre(" person.name.family de Boer > Smit", " person.x  > ", " person.y  > 1",
                                 "c1 contract placement > ", "c2 contract.department.code H4D > H4E",
                                 "c2 contract.end  > 2027-07-31", "c3 contract  > placement"));
}

TEST(Diff, CountsNobodyOfWhomOnlyVisibilityWent) {
  SnapshotDiff diff = Diff(Of({Make("a", {{"x", Value::Text("1")}})}), Of({Make("a")}));
  EXPECT_THAT(diff.less_visible, ElementsAre("a"));
  EXPECT_THAT(diff.ThresholdIds()["people_changed"], IsEmpty());
}

TEST(Diff, GivesTheIdsThatEachThresholdCounts) {
  Person held = Make("b");
  held.held_back = {"reason"};
  Person new_and_held = Make("e");
  new_and_held.held_back = {"reason"};
  Person was_held = Make("d");
  was_held.held_back = {"reason"};
  SnapshotDiff diff = Diff(Of({Make("a"), Make("b"), Make("c", {{"x", Value::Integer(1)}}), was_held}),
                           Of({held, Make("c", {{"x", Value::Integer(2)}}), Make("d"), new_and_held}));
  auto ids = diff.ThresholdIds();
  EXPECT_THAT(ids["people_added"], ElementsAre("e"));
  EXPECT_THAT(ids["people_removed"], ElementsAre("a"));
  EXPECT_THAT(ids["people_changed"], ElementsAre("c"));
  EXPECT_THAT(ids["held_back"], ElementsAre("b", "e"));
  EXPECT_THAT(diff.released, ElementsAre("d"));
}

TEST(ExternalIdHolders, LeavesOutWhoHasAnothersNumberAndNobodyElse) {
  Person noor = Make("a");
  noor.external_id = "104233";
  noor.held_back = {"name.family is not visible"};  // A name that is hidden for a day gives no number away.
  Person daan = Make("b");
  daan.external_id = "104233";
  daan.held_back = {absl::StrCat("person b", kHasTheExternalIdOf, "a, who had it first")};
  auto holders = ExternalIdHolders(Of({noor, daan, Make("c")}));
  EXPECT_EQ(holders, (std::map<std::string, std::string>{{"104233", "a"}}));
}

}  // namespace
}  // namespace sluice::core
