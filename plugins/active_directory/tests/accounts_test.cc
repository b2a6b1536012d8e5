// Accounts in a real directory: made, found, changed, moved, disabled, deleted.
#include "plugins/active_directory/tests/connector_fixture.h"

namespace sluice::active_directory {
namespace {

TEST_F(ConnectorTest, CreatesADisabledAccountWithANameFullOfPitfallsAndItsFirstPasswordWorks) {
  Operation create = Person("Ö'Brien, Jr.", "obrien", "1001");
  create.deltas.push_back(Set("displayName", R"(*(O'Brien)\*)"));
  create.deltas.push_back(Set("userPrincipalName", "obrien@ad.test"));
  create.deltas.push_back(Set("description", ""));  // Never sent: a directory refuses empty texts.
  create.deltas.push_back(Set("initial_password", Value(Secret("Wélkom.2026!"))));
  const Result result = ApplyOne(create);
  ASSERT_EQ(result.outcome, Outcome::kApplied) << Why(result);
  EXPECT_EQ(result.object_name, R"(CN=Ö'Brien\, Jr.,)" + Place());
  for (const auto& change : result.changes) EXPECT_EQ(change.after.secret(), nullptr) << change.attribute;
  EXPECT_THAT(result.changes, testing::Contains(connector::Change{"container", Value::Empty(), Value(unit_)}));
  const Entry entry = Look(result.object_id, {"userAccountControl", "displayName", "pwdLastSet", "cn"});
  EXPECT_EQ(entry.First("useraccountcontrol"), "514");
  EXPECT_EQ(entry.First("displayname"), R"(*(O'Brien)\*)");
  EXPECT_EQ(entry.First("cn"), "Ö'Brien, Jr.");
  EXPECT_NE(entry.First("pwdlastset"), "0") << "a change at sign-in is asked for";
  EXPECT_FALSE(Samba::Get().CanSignIn("obrien@ad.test", "Wélkom.2026!"));
  const Result enabled = ApplyOne(Make(Action::kEnable, kAccount, result.object_id));
  EXPECT_EQ(enabled.outcome, Outcome::kApplied) << Why(enabled);
  EXPECT_TRUE(Samba::Get().CanSignIn("obrien@ad.test", "Wélkom.2026!"));
  EXPECT_EQ(ApplyOne(Make(Action::kEnable, kAccount, result.object_id)).outcome, Outcome::kNoChange);
}

TEST_F(ConnectorTest, FindsByValuesFullOfFilterCharacters) {
  Operation create = Person("Star", "star", "*()\\x");
  const Result result = ApplyOne(create);
  ASSERT_EQ(result.outcome, Outcome::kApplied) << Why(result);
  Operation again = Person("Star 2", "star2", "*()\\x");
  const Result found = ApplyOne(again);
  EXPECT_EQ(found.outcome, Outcome::kNoChange) << Why(found);
  EXPECT_EQ(found.object_id, result.object_id);
  // A star is a star: it does not match everybody.
  EXPECT_EQ(ApplyOne(Person("Star 3", "star3", "*")).outcome, Outcome::kApplied);
}

// The directory has no index of employeeID, so a batch is compared with a list of those that have one.
TEST_F(ConnectorTest, FindsInALargeBatchWhomSomebodyMadeByHandSinceTheLastOneAndMakesTheOthers) {
  constexpr int kMany = 150;
  const auto first = MakePeople("fewer", kMany);  // Makes the list.
  const auto one = Person("By hand", "byhand", "BATCH-140");
  const auto hand = ApplyOne(one);
  ASSERT_EQ(hand.outcome, Outcome::kApplied) << Why(hand);
  Operation moved = Make(Action::kUpdate, kAccount, first[0]);
  moved.deltas = {Set("employeeID", "batch-0")};
  ASSERT_EQ(ApplyOne(moved).outcome, Outcome::kApplied);
  Operation gone = Make(Action::kUpdate, kAccount, first[1]);
  gone.deltas = {Set("employeeID", "nobody")};
  ASSERT_EQ(ApplyOne(gone).outcome, Outcome::kApplied);
  std::vector<Operation> batch;
  std::vector<std::string> order;
  for (int i = 0; i < kMany; ++i) {
    batch.push_back(Person(absl::StrCat("Batch ", i), absl::StrCat("batch", i), absl::StrCat("batch-", i)));
    order.push_back(batch.back().id);
  }
  batch.push_back(Person("Fewer again", "fewer1again", "fewer1"));  // Nobody has this number any more.
  batch.push_back(Person("Fewer twice", "fewer2again", "fewer2"));
  const std::string free = batch[kMany].id, held = batch[kMany + 1].id;
  const auto results = Apply(std::move(batch));
  EXPECT_EQ(results.at(order[0]).outcome, Outcome::kNoChange) << Why(results.at(order[0]));
  EXPECT_EQ(results.at(order[0]).object_id, first[0]);
  EXPECT_EQ(results.at(order[140]).outcome, Outcome::kNoChange) << Why(results.at(order[140]));
  EXPECT_EQ(results.at(order[140]).object_id, hand.object_id);
  for (int i = 0; i < kMany; ++i) {
    if (i == 0 || i == 140) continue;
    EXPECT_EQ(results.at(order[i]).outcome, Outcome::kApplied) << i << " " << Why(results.at(order[i]));
  }
  EXPECT_EQ(results.at(free).outcome, Outcome::kApplied) << Why(results.at(free));
  EXPECT_EQ(results.at(held).outcome, Outcome::kNoChange);
  EXPECT_EQ(results.at(held).object_id, first[2]);
}

TEST_F(ConnectorTest, HoldsBackWhoeverMatchesSeveralAccounts) {
  const auto ids = MakePeople("amb", 2);
  for (const std::string& id : ids) {
    Operation update = Make(Action::kUpdate, kAccount, id);
    update.deltas = {Set("employeeID", "same-1")};
    ASSERT_EQ(ApplyOne(update).outcome, Outcome::kApplied);
  }
  const Result result = ApplyOne(Person("Third", "third", "same-1"));
  EXPECT_EQ(result.outcome, Outcome::kFailed);
  ASSERT_EQ(result.error->reason, Reason::kAmbiguous);
  EXPECT_EQ(result.error->candidates.size(), 2u);
}

TEST_F(ConnectorTest, CreatesTheSamePersonOnceEvenWhenAskedTwiceAtOnce) {
  const auto results = Apply({Person("Twice A", "twicea", "tw-1"), Person("Twice B", "twiceb", "tw-1")});
  std::multiset<Outcome> outcomes;
  std::set<std::string> ids;
  for (const auto& [id, result] : results) {
    outcomes.insert(result.outcome);
    ids.insert(result.object_id);
  }
  EXPECT_EQ(outcomes, (std::multiset<Outcome>{Outcome::kApplied, Outcome::kNoChange}));
  EXPECT_EQ(ids.size(), 1u);
}

TEST_F(ConnectorTest, AnEmptyKeyMatchesNobody) {
  Operation first = Person("Empty A", "emptya", "x-1");
  first.correlate = {{"employeeID", Value("")}};
  Operation second = Person("Empty B", "emptyb", "x-2");
  second.correlate = {{"employeeID", Value("")}};
  EXPECT_EQ(ApplyOne(first).outcome, Outcome::kApplied);
  EXPECT_EQ(ApplyOne(second).outcome, Outcome::kApplied);
}

TEST_F(ConnectorTest, SaysWhoHoldsATakenName) {
  ASSERT_EQ(ApplyOne(Person("Ada", "ada", "a-1")).outcome, Outcome::kApplied);
  const Result name = ApplyOne(Person("Ada Two", "ADA", "a-2"));
  EXPECT_EQ(name.outcome, Outcome::kFailed);
  ASSERT_EQ(name.error->reason, Reason::kAlreadyExists) << Why(name);
  ASSERT_EQ(name.error->taken.size(), 1u);
  EXPECT_EQ(name.error->taken[0].attribute, "sAMAccountName");
  EXPECT_EQ(name.error->taken[0].value, Value("ADA"));
  EXPECT_EQ(name.error->taken[0].holder.object_class, kAccount);
  const Result cn = ApplyOne(Person("ADA", "ada3", "a-3"));
  ASSERT_EQ(cn.error->reason, Reason::kAlreadyExists) << Why(cn);
  ASSERT_EQ(cn.error->taken.size(), 1u);
  EXPECT_EQ(cn.error->taken[0].attribute, "cn");
  Operation first = Person("Upn", "upn1", "a-4");
  first.deltas.push_back(Set("userPrincipalName", "upn@ad.test"));
  ASSERT_EQ(ApplyOne(first).outcome, Outcome::kApplied);
  Operation second = Person("Upn 2", "upn2", "a-5");
  second.deltas.push_back(Set("userPrincipalName", "UPN@ad.test"));
  const Result upn = ApplyOne(second);
  ASSERT_EQ(upn.error->reason, Reason::kAlreadyExists) << Why(upn);
  ASSERT_EQ(upn.error->taken.size(), 1u);
  EXPECT_EQ(upn.error->taken[0].attribute, "userPrincipalName");
  auto taken = connector_->FindTaken({"account_name", {Value("Ada"), Value("nobody"), Value("krbtgt")}, {}});
  ASSERT_TRUE(taken.ok());
  EXPECT_EQ(taken->taken.size(), 2u);
}

TEST_F(ConnectorTest, RefusesAccountNamesThatWindowsWouldRefuse) {
  EXPECT_EQ(ApplyOne(Person("Long", "a23456789012345678901", "l-1")).error->reason, Reason::kInvalid);
  EXPECT_EQ(ApplyOne(Person("Dot", "dot.", "l-2")).error->reason, Reason::kInvalid);
  EXPECT_EQ(ApplyOne(Person("Odd", "a+b", "l-3")).error->reason, Reason::kInvalid);
  EXPECT_EQ(ApplyOne(Person(std::string(65, 'x'), "longcn", "l-4")).error->reason, Reason::kInvalid);
  EXPECT_EQ(ApplyOne(Person("Twenty", "a2345678901234567890", "l-5")).outcome, Outcome::kApplied);
}

TEST_F(ConnectorTest, SaysThatAPasswordBreaksThePolicyAndCreatesNothing) {
  Operation create = Person("Weak", "weak", "w-1");
  create.deltas.push_back(Set("initial_password", Value(Secret("abc"))));
  const Result result = ApplyOne(create);
  EXPECT_EQ(result.outcome, Outcome::kFailed);
  EXPECT_EQ(result.error->reason, Reason::kPasswordPolicy) << Why(result);
  EXPECT_EQ(ApplyOne(Person("Weak", "weak", "w-1")).outcome, Outcome::kApplied);
}

TEST_F(ConnectorTest, ChangesOnlyWhatDiffersAndSaysBeforeAndAfter) {
  Operation create = Person("Change", "change", "c-1");
  create.deltas.push_back(Set("title", "Docent"));
  create.deltas.push_back(Set("department", "Talen"));
  const std::string id = ApplyOne(create).object_id;
  Operation update = Make(Action::kUpdate, kAccount, id);
  update.deltas = {Set("title", "LIO"), Set("department", "Talen"), Clear("description"), Set("cn", "Change"),
                   Set("parent", unit_)};
  const Result result = ApplyOne(update);
  EXPECT_EQ(result.outcome, Outcome::kApplied) << Why(result);
  EXPECT_THAT(result.changes, testing::ElementsAre(connector::Change{"title", Value("Docent"), Value("LIO")}));
  update.id = "again";
  EXPECT_EQ(ApplyOne(update).outcome, Outcome::kNoChange);
  Operation clear = Make(Action::kUpdate, kAccount, id);
  clear.deltas = {Clear("title"),
                  Delta{"proxyAddresses", Delta::Kind::kAdd, {}, {Value("SMTP:c@x.nl"), Value("smtp:d@x.nl")}}};
  ASSERT_EQ(ApplyOne(clear).outcome, Outcome::kApplied);
  Operation remove = Make(Action::kUpdate, kAccount, id);
  remove.deltas = {
      Delta{"proxyAddresses", Delta::Kind::kRemove, {}, {Value("smtp:D@x.nl"), Value("smtp:absent@x.nl")}}};
  ASSERT_EQ(ApplyOne(remove).outcome, Outcome::kApplied);
  const Entry entry = Look(id, {"title", "proxyAddresses"});
  EXPECT_FALSE(entry.Has("title"));
  EXPECT_THAT(entry.All("proxyaddresses"), testing::ElementsAre("SMTP:c@x.nl"));
  Operation unknown = Make(Action::kUpdate, kAccount, id);
  unknown.deltas = {Set("extensionAttribute1", "x")};
  EXPECT_EQ(ApplyOne(unknown).error->reason, Reason::kInvalid);
}

TEST_F(ConnectorTest, RenamesAndMovesInOneStepAndMakesTheContainersOnTheWay) {
  const std::string id = ApplyOne(Person("Before", "before", "m-1")).object_id;
  Operation update = Make(Action::kUpdate, kAccount, id);
  update.deltas = {Set("cn", "After, Jr."), Set("parent", "OU=Deep,OU=Deeper," + unit_)};
  const Result result = ApplyOne(update);
  EXPECT_EQ(result.outcome, Outcome::kApplied) << Why(result);
  EXPECT_EQ(result.object_name, R"(CN=After\, Jr.,OU=Deep,OU=Deeper,)" + Place());
  EXPECT_THAT(result.changes,
              testing::Contains(connector::Change{"container", Value::Empty(), Value("OU=Deeper," + unit_)}));
  EXPECT_THAT(result.changes, testing::Contains(connector::Change{"cn", Value("Before"), Value("After, Jr.")}));
  EXPECT_EQ(Look(id, {"cn"}).dn, result.object_name);
  // The same place, written otherwise, is no difference.
  Operation same = Make(Action::kUpdate, kAccount, id);
  same.deltas = {Set("parent", "ou=deep, ou=DEEPER," + unit_)};
  EXPECT_EQ(ApplyOne(same).outcome, Outcome::kNoChange);
}

TEST_F(ConnectorTest, DisablesWithoutTouchingOtherFlagsAndMovesInTheSameOperation) {
  const std::string id = ApplyOne(Person("Flags", "flags", "f-1")).object_id;
  ASSERT_TRUE(
      client_->RunOne(Request::Modify(GuidDn(id), {{Modification::Kind::kReplace, "userAccountControl", {"66048"}}}))
          .ok());
  Operation disable = Make(Action::kDisable, kAccount, id);
  disable.deltas = {Set("parent", "OU=Vertrokken," + unit_), Set("description", "Vertrokken")};
  const Result result = ApplyOne(disable);
  EXPECT_EQ(result.outcome, Outcome::kApplied) << Why(result);
  EXPECT_THAT(result.changes, testing::Contains(connector::Change{"enabled", Value(true), Value(false)}));
  EXPECT_EQ(Look(id, {"userAccountControl"}).First("useraccountcontrol"), "66050");
  disable.id = "disable again";
  EXPECT_EQ(ApplyOne(disable).outcome, Outcome::kNoChange);
}

TEST_F(ConnectorTest, DeletesOnceAndIsContentTheSecondTime) {
  const std::string id = ApplyOne(Person("Gone", "gone", "d-1")).object_id;
  EXPECT_EQ(ApplyOne(Make(Action::kDelete, kAccount, id)).outcome, Outcome::kApplied);
  EXPECT_EQ(ApplyOne(Make(Action::kDelete, kAccount, id)).outcome, Outcome::kNoChange);
  EXPECT_EQ(ApplyOne(Make(Action::kDisable, kAccount, id)).outcome, Outcome::kNoChange);
  EXPECT_EQ(ApplyOne(Make(Action::kEnable, kAccount, id)).error->reason, Reason::kNotFound);
  Operation update = Make(Action::kUpdate, kAccount, id);
  update.deltas = {Set("title", "x")};
  EXPECT_EQ(ApplyOne(update).error->reason, Reason::kNotFound);
  const std::string group = MakeGroup("gone-group");
  EXPECT_EQ(ApplyOne(Member(Action::kGrant, id, group)).error->reason, Reason::kNotFound);
  EXPECT_EQ(ApplyOne(Member(Action::kRevoke, id, group)).outcome, Outcome::kNoChange);
  EXPECT_EQ(ApplyOne(Make(Action::kDelete, kAccount, group)).outcome, Outcome::kNoChange)
      << "a group is never deleted as an account";
  EXPECT_FALSE(Look(group, {"cn"}).dn.empty());
}

TEST_F(ConnectorTest, DeletesAnAccountThatHoldsObjectsOfItsOwn) {
  const std::string id = ApplyOne(Person("Parent", "parent1", "p-1")).object_id;
  ASSERT_TRUE(client_
                  ->RunOne(Request::Add("CN=Device,CN=Parent," + Place(),
                                        {{Modification::Kind::kAdd, "objectClass", {"nTFRSSubscriptions"}}}))
                  .ok());
  const Result result = ApplyOne(Make(Action::kDelete, kAccount, id));
  EXPECT_EQ(result.outcome, Outcome::kApplied) << Why(result);
}

TEST_F(ConnectorTest, SetsANewPassword) {
  Operation create = Person("Pass", "pass", "pw-1");
  create.deltas.push_back(Set("initial_password", Value(Secret("First.Pass-1"))));
  const std::string id = ApplyOne(create).object_id;
  ASSERT_EQ(ApplyOne(Make(Action::kEnable, kAccount, id)).outcome, Outcome::kApplied);
  Operation set = Make(Action::kSetCredential, kAccount, id);
  set.deltas = {Set("initial_password", Value(Secret("Second.Pass-2")))};
  EXPECT_EQ(ApplyOne(set).outcome, Outcome::kApplied);
  EXPECT_TRUE(Samba::Get().CanSignIn("CN=Pass," + Place(), "Second.Pass-2"));
}

TEST_F(ConnectorTest, RenamesMovesAndGrantsInOneNightInAnyOrderWhileTheManagersNameChangesToo) {
  const auto people = MakePeople("night", 2);
  const std::string ellen = people[0], manager = people[1];
  const std::string first = MakeGroup("night-group1"), second = MakeGroup("night-group2");
  Operation boss = Make(Action::kUpdate, kAccount, ellen);
  boss.deltas = {Set("manager", "CN=night1," + Place())};
  ASSERT_EQ(ApplyOne(boss).outcome, Outcome::kApplied);
  const auto night = [&](const std::string& name) {
    Operation marriage = Make(Action::kUpdate, kAccount, ellen), other = Make(Action::kUpdate, kAccount, manager);
    marriage.deltas = {Set("cn", name), Set("sn", name), Set("parent", absl::StrCat("OU=", name, ",", unit_))};
    other.deltas = {Set("cn", "Boss of " + name), Set("parent", absl::StrCat("OU=", name, ",", unit_))};
    return std::vector<Operation>{marriage, Member(Action::kGrant, ellen, first), Member(Action::kGrant, ellen, second),
                                  other};
  };
  for (const std::vector<int>& order : {std::vector{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 0, 3, 2}, {2, 3, 0, 1}}) {
    const std::string name = absl::StrCat("N", order[0]);
    std::vector<Operation> sorted, operations = night(name);
    for (const int place : order) sorted.push_back(operations[place]);
    for (const auto& [id, result] : Apply(sorted)) EXPECT_EQ(result.outcome, Outcome::kApplied) << Why(result);
    const Entry entry = Look(ellen, {"sn", "memberOf", "manager"});
    EXPECT_EQ(entry.dn, absl::StrCat("CN=", name, ",OU=", name, ",", Place()));
    EXPECT_EQ(entry.First("sn"), name);
    EXPECT_EQ(entry.First("manager"), absl::StrCat("CN=Boss of ", name, ",OU=", name, ",", Place()));
    EXPECT_EQ(entry.All("memberof").size(), 2u);
    std::vector<Operation> back = {Member(Action::kRevoke, ellen, first), Member(Action::kRevoke, ellen, second)};
    for (const auto& [id, result] : Apply(back)) EXPECT_EQ(result.outcome, Outcome::kApplied) << Why(result);
  }
}

TEST_F(ConnectorTest, AnUpdateThatDiedBetweenItsTwoRequestsIsNotDoneAndIsFinishedByTheNext) {
  const auto people = MakePeople("died", 2);
  ASSERT_TRUE(client_
                  ->RunOne(Request::Add("OU=Next," + Place(),
                                        {{Modification::Kind::kAdd, "objectClass", {"organizationalUnit"}}}))
                  .ok());
  for (const bool modify_first : {true, false}) {
    const std::string& id = people[modify_first ? 0 : 1];
    const std::string name = absl::StrCat("Died", modify_first);
    Operation update = Make(Action::kUpdate, kAccount, id);
    update.deltas = {Set("cn", name), Set("sn", name), Set("parent", "OU=Next," + unit_)};
    const Response half =
        modify_first ? client_->RunOne(Request::Modify(GuidDn(id), {{Modification::Kind::kReplace, "sn", {name}}}))
                     : client_->RunOne(Request::Rename("CN=died1," + Place(), "CN=" + name, "OU=Next," + Place()));
    ASSERT_TRUE(half.ok());
    EXPECT_EQ(connector_->Verify({update}).state, connector::Verdict::State::kNotDone);
    const Result result = ApplyOne(update);
    EXPECT_EQ(result.outcome, Outcome::kApplied) << Why(result);
    EXPECT_EQ(result.changes.size(), modify_first ? 2u : 1u) << "what was written is not written again";
    EXPECT_EQ(connector_->Verify({update}).state, connector::Verdict::State::kDone);
    EXPECT_EQ(Look(id, {"sn"}).dn, absl::StrCat("CN=", name, ",OU=Next,", Place()));
  }
}

TEST_F(ConnectorTest, WhatCannotBeSeenIsGoneOnlyWhereOneCanLook) {
  const std::string id = "11111111-2222-3333-4444-555555555555";
  MakePeople("seen", 1);
  for (const Action action : {Action::kDisable, Action::kDelete}) {
    Operation gone = Make(action, kAccount, id), hidden = Make(action, kAccount, id);
    gone.object_name = "CN=Left," + Place();
    hidden.object_name = "CN=Left,OU=Nobody may look here," + Place();
    EXPECT_EQ(ApplyOne(gone).outcome, Outcome::kNoChange) << "its container shows itself, without it";
    const Result result = ApplyOne(hidden);
    ASSERT_EQ(result.outcome, Outcome::kFailed);
    EXPECT_EQ(result.error->reason, Reason::kForbidden) << Why(result);
  }
  Operation update = Make(Action::kUpdate, kAccount, id);
  update.object_name = "CN=Left,OU=Nobody may look here," + Place();
  update.deltas = {Set("title", "x")};
  EXPECT_EQ(ApplyOne(update).error->reason, Reason::kForbidden);
}

}  // namespace
}  // namespace sluice::active_directory
