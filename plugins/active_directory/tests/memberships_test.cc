// Groups and their members in a real directory.
#include "plugins/active_directory/tests/connector_fixture.h"

namespace sluice::active_directory {
namespace {

TEST_F(ConnectorTest, GrantsSixHundredMembershipsOfWhichOneIsThereAndOneCannotBe) {
  const auto people = MakePeople("gr", 600);
  const std::string group = MakeGroup("big-group");
  ASSERT_EQ(ApplyOne(Member(Action::kGrant, people[7], group)).outcome, Outcome::kApplied);
  ASSERT_EQ(ApplyOne(Make(Action::kDelete, kAccount, people[550])).outcome, Outcome::kApplied);
  std::vector<Operation> grants;
  for (const std::string& id : people) grants.push_back(Member(Action::kGrant, id, group));
  const std::string already = grants[7].id, missing = grants[550].id;
  std::map<Outcome, int> counts;
  const auto results = Apply(std::move(grants));
  for (const auto& [id, result] : results) ++counts[result.outcome];
  EXPECT_EQ(counts[Outcome::kApplied], 598);
  EXPECT_EQ(results.at(already).outcome, Outcome::kNoChange);
  EXPECT_EQ(results.at(missing).outcome, Outcome::kFailed);
  EXPECT_EQ(results.at(missing).error->reason, Reason::kNotFound);
  EXPECT_EQ(Look(group, {"member"}).All("member").size(), 599u);

  // The members are listed whole, although the directory is asked for a hundred at a time.
  auto sliced = Open(Samba::Get().System(100, 50));
  Records records;
  connector::ImportRequest request;
  request.classes = {{kMembership, {"account", "group"}}, {kGroup, {"cn"}}};
  ASSERT_TRUE(sliced->Import(request, records).ok());
  std::set<std::string> members;
  for (const auto& record : records.records) {
    if (record.object_class() == kMembership && record.Get("group").reference()->id == group)
      members.insert(record.Get("account").reference()->id);
  }
  EXPECT_EQ(members.size(), 599u);

  std::vector<Operation> revokes;
  for (int i = 0; i < 10; ++i) revokes.push_back(Member(Action::kRevoke, people[i], group));
  ASSERT_EQ(ApplyOne(Member(Action::kRevoke, people[3], group)).outcome, Outcome::kApplied);
  const std::string absent = revokes[3].id;
  const auto revoked = Apply(std::move(revokes));
  for (const auto& [id, result] : revoked)
    EXPECT_EQ(result.outcome, id == absent ? Outcome::kNoChange : Outcome::kApplied) << Why(result);
  EXPECT_EQ(Look(group, {"member"}).All("member").size(), 589u);
}

TEST_F(ConnectorTest, KeepsTheOrderOfOperationsThatTouchOneObject) {
  const auto people = MakePeople("ord", 1);
  const std::string group = MakeGroup("order-group");
  auto grant = Member(Action::kGrant, people[0], group), revoke = Member(Action::kRevoke, people[0], group);
  auto remove = Make(Action::kDelete, kAccount, people[0]);
  const std::string g = grant.id, r = revoke.id, d = remove.id;
  const auto results = Apply({grant, revoke, remove});
  EXPECT_EQ(results.at(g).outcome, Outcome::kApplied);
  EXPECT_EQ(results.at(r).outcome, Outcome::kApplied);
  EXPECT_EQ(results.at(d).outcome, Outcome::kApplied);
}

TEST_F(ConnectorTest, AGroupsNameIsItsCnAndItsAccountName) {
  const std::string id = MakeGroup("les-h4.bio2");
  Entry entry = Look(id, {"cn", "sAMAccountName", "groupType"});
  EXPECT_EQ(entry.First("cn"), "les-h4.bio2");
  EXPECT_EQ(entry.First("samaccountname"), "les-h4.bio2");
  EXPECT_EQ(entry.First("grouptype"), "-2147483646");
  Operation rename = Make(Action::kUpdate, kGroup, id);
  rename.deltas = {Set("name", "les-h5.bio2"), Set("description", "Biologie")};
  EXPECT_EQ(ApplyOne(rename).outcome, Outcome::kApplied);
  entry = Look(id, {"cn", "sAMAccountName"});
  EXPECT_EQ(entry.First("cn"), "les-h5.bio2");
  EXPECT_EQ(entry.First("samaccountname"), "les-h5.bio2");
  rename.id = "rename again";
  EXPECT_EQ(ApplyOne(rename).outcome, Outcome::kNoChange);
}

TEST_F(ConnectorTest, AGroupInWhichSomebodyElsePutAMemberIsNotDeleted) {
  const std::string group = MakeGroup("used-group"), nested = MakeGroup("nested-group");
  ASSERT_TRUE(
      client_->RunOne(Request::Modify(GuidDn(group), {{Modification::Kind::kAdd, "member", {GuidDn(nested)}}})).ok());
  const Result kept = ApplyOne(Make(Action::kDelete, kGroup, group));
  ASSERT_EQ(kept.outcome, Outcome::kFailed);
  EXPECT_EQ(kept.error->reason, Reason::kConflict) << Why(kept);
  EXPECT_EQ(ApplyOne(Make(Action::kDelete, kGroup, nested)).outcome, Outcome::kApplied);
  EXPECT_EQ(ApplyOne(Make(Action::kDelete, kGroup, group)).outcome, Outcome::kApplied);
}

}  // namespace
}  // namespace sluice::active_directory
