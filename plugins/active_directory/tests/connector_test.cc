// The connector against a real domain controller: what the host asks of it, and what the directory then holds.
#include "plugins/active_directory/src/connector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "plugins/active_directory/src/changes.h"
#include "plugins/active_directory/tests/samba.h"

namespace sluice::active_directory {
namespace {

using connector::Action;
using connector::Delta;
using connector::Operation;
using connector::Outcome;
using connector::Reason;
using connector::Result;
using connector::Secret;
using connector::Value;

// Collects the answers of a session.
class Sink final : public connector::ResultSink {
 public:
  void Answer(Result result) override {
    absl::MutexLock lock(&mutex_);
    const std::string id = result.operation;
    EXPECT_TRUE(results_.emplace(id, std::move(result)).second) << "answered twice: " << id;
  }
  void Progress(connector::ProgressReport) override {}
  std::map<std::string, Result> Wait(size_t count) {
    absl::MutexLock lock(&mutex_);
    const auto all = [this, count] { return results_.size() >= count; };
    mutex_.Await(absl::Condition(&all));
    return results_;
  }

 private:
  absl::Mutex mutex_;
  std::map<std::string, Result> results_;
};

// Collects an import.
class Records final : public connector::RecordWriter {
 public:
  absl::Status Add(const connector::Record& record) override {
    records.push_back(record);
    return absl::OkStatus();
  }
  absl::Status Deleted(connector::AnyText, connector::AnyText) override { return absl::OkStatus(); }
  absl::Status Checkpoint(connector::Cursor) override { return absl::OkStatus(); }
  absl::Status Complete(std::optional<connector::Cursor>) override {
    complete = true;
    return absl::OkStatus();
  }
  absl::Status CompleteClass(connector::AnyText object_class) override {
    complete_classes.insert(object_class.str());
    return absl::OkStatus();
  }
  absl::Status Partial(connector::AnyText object_class, connector::Error why) override {
    failed.emplace(object_class.str(), why);
    return absl::OkStatus();
  }
  absl::Status NotRead(connector::AnyText object_class, connector::Error why) override {
    failed.emplace(object_class.str(), why);
    return absl::OkStatus();
  }
  absl::Status NotRead(connector::Error) override { return absl::OkStatus(); }
  ScopeWriter& Scope(connector::AnyText, connector::AnyText) override { return *this; }
  void DeclareScopes(const std::vector<std::pair<std::string, std::string>>&) override {}
  void Report(connector::Diagnostic) override {}
  void Progress(connector::ProgressReport) override {}
  void AddSystemTime(absl::Duration) override {}

  size_t Count(const std::string& object_class) const {
    size_t count = 0;
    for (const auto& record : records) count += record.object_class() == object_class;
    return count;
  }
  const connector::Record* Named(const std::string& name) const {
    for (const auto& record : records) {
      if (record.name() == name) return &record;
    }
    return nullptr;
  }

  std::vector<connector::Record> records;
  std::set<std::string> complete_classes;
  std::map<std::string, connector::Error> failed;
  bool complete = false;
};

Delta Set(const std::string& attribute, Value value) {
  return Delta{attribute, Delta::Kind::kReplace, std::move(value), {}};
}
Delta Clear(const std::string& attribute) { return Delta{attribute, Delta::Kind::kClear, {}, {}}; }

class ConnectorTest : public testing::Test {
 protected:
  void SetUp() override {
    connector_ = Open(Samba::Get().System());
    client_ = std::make_unique<Client>(Samba::Get().ClientOptions());
    // Every test in an organizational unit of its own.
    unit_ = absl::StrCat("OU=", testing::UnitTest::GetInstance()->current_test_info()->name());
    unit_.resize(std::min<size_t>(unit_.size(), 60));
  }

  static std::unique_ptr<ActiveDirectory> Open(connector::System system) {
    auto connector = std::make_unique<ActiveDirectory>();
    const auto status = connector::SystemForTest::Open(*connector, std::move(system));
    EXPECT_TRUE(status.ok()) << status;
    return connector;
  }

  std::map<std::string, Result> Apply(std::vector<Operation> operations) {
    auto sink = std::make_shared<Sink>();
    auto session = connector_->StartApply({}, sink);
    const size_t count = operations.size();
    for (Operation& operation : operations) session->Submit(std::move(operation));
    session->Flush();
    return sink->Wait(count);
  }
  Result ApplyOne(Operation operation) {
    const std::string id = operation.id;
    return Apply({std::move(operation)}).at(id);
  }

  Operation Make(Action action, const std::string& object_class, const std::string& id = "") {
    Operation operation;
    operation.id = absl::StrCat("op", ++operations_);
    operation.action = action;
    operation.object_class = object_class;
    operation.object_id = id;
    return operation;
  }
  Operation Person(const std::string& cn, const std::string& account_name, const std::string& employee_id) {
    Operation operation = Make(Action::kCreate, kAccount);
    operation.deltas = {Set("cn", cn), Set("parent", unit_), Set("sAMAccountName", account_name),
                        Set("employeeID", employee_id)};
    operation.correlate = {{"employeeID", Value(employee_id)}};
    return operation;
  }
  Operation Member(Action action, const std::string& account, const std::string& group) {
    Operation operation = Make(action, kAccount, account);
    operation.permission = connector::Permission{kMembership, group, {}};
    return operation;
  }
  std::string MakeGroup(const std::string& name) {
    Operation operation = Make(Action::kCreate, kGroup);
    operation.deltas = {Set("name", name), Set("parent", unit_)};
    const Result result = ApplyOne(operation);
    EXPECT_EQ(result.outcome, Outcome::kApplied) << Why(result);
    return result.object_id;
  }
  std::vector<std::string> MakePeople(const std::string& prefix, int count) {
    std::vector<Operation> operations;
    for (int i = 0; i < count; ++i)
      operations.push_back(Person(absl::StrCat(prefix, i), absl::StrCat(prefix, i), absl::StrCat(prefix, i)));
    std::vector<std::string> order, ids;
    for (const Operation& operation : operations) order.push_back(operation.id);
    const auto results = Apply(std::move(operations));
    for (const std::string& id : order) {
      EXPECT_EQ(results.at(id).outcome, Outcome::kApplied) << Why(results.at(id));
      ids.push_back(results.at(id).object_id);
    }
    return ids;
  }
  static std::string Why(const Result& result) {
    if (!result.error.has_value()) return "no error";
    return absl::StrCat(std::string(connector::ReasonName(result.error->reason)), " ", result.error->target_status, " ",
                        result.error->diagnostics.empty() ? "" : result.error->diagnostics[0].summary);
  }
  Entry Look(const std::string& id, const std::vector<std::string>& attributes) {
    return Samba::Get().Look(*client_, GuidDn(id), attributes);
  }
  std::string Place() const { return absl::StrCat(unit_, ",", Samba::Get().Base()); }

  std::unique_ptr<ActiveDirectory> connector_;
  std::unique_ptr<Client> client_;
  std::string unit_;
  static int operations_;
};
int ConnectorTest::operations_ = 0;

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

TEST_F(ConnectorTest, ListsEverythingInPagesWithOnlyWhatWasAskedFor) {
  const auto people = MakePeople("list", 1100);
  Operation update = Make(Action::kUpdate, kAccount, people[5]);
  update.deltas = {Set("title", "Docent")};
  ASSERT_EQ(ApplyOne(update).outcome, Outcome::kApplied);
  auto paged = Open(Samba::Get().System(0, 250));
  Records records;
  connector::ImportRequest request;
  request.classes = {{kAccount, {"cn", "parent", "enabled", "title", "employeeID", "noSuchAttribute"}},
                     {kContainer, {"ou", "parent"}},
                     {kPrincipal, {"sAMAccountName"}}};
  const auto status = paged->Import(request, records);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_TRUE(records.complete);
  EXPECT_THAT(records.complete_classes, testing::IsSupersetOf({kAccount, kContainer, kPrincipal}));
  const auto* person = records.Named("CN=list5," + Place());
  ASSERT_NE(person, nullptr);
  EXPECT_EQ(person->id(), people[5]);
  EXPECT_EQ(person->Get("cn"), Value("list5"));
  EXPECT_EQ(person->Get("parent"), Value(unit_));
  EXPECT_EQ(person->Get("enabled"), Value(false));
  EXPECT_EQ(person->Get("title"), Value("Docent"));
  EXPECT_EQ(person->Get("noSuchAttribute"), Value::NotVisible());
  EXPECT_EQ(records.Named("CN=list6," + Place())->Get("title"), Value::Empty());
  size_t here = 0;
  std::set<std::string> ids;
  for (const auto& record : records.records) {
    here += record.object_class() == kAccount && record.Get("parent") == Value(unit_);
    EXPECT_TRUE(ids.insert(record.object_class() + record.id()).second);
  }
  EXPECT_EQ(here, 1100u);
  EXPECT_GT(records.Count(kPrincipal), records.Count(kAccount)) << "computers and groups take names, too";
}

TEST_F(ConnectorTest, AClassThatCannotBeReadIsNotReadAndTheOthersAre) {
  connector::System system = Samba::Get().System();
  auto values = system.settings.values();
  values["groups_base"] = Value("OU=Not there");
  system.settings = connector::Settings(values, {{"bind_dn", system.settings.Secret("bind_dn")},
                                                 {"bind_password", system.settings.Secret("bind_password")}});
  auto connector = Open(system);
  Records records;
  connector::ImportRequest request;
  request.classes = {{kAccount, {"cn"}}, {kGroup, {"cn"}}};
  ASSERT_TRUE(connector->Import(request, records).ok());
  EXPECT_THAT(records.complete_classes, testing::ElementsAre(kAccount));
  ASSERT_TRUE(records.failed.contains(kGroup));
}

TEST_F(ConnectorTest, VerifiesByReading) {
  Operation create = Person("Verify", "verify", "v-1");
  EXPECT_EQ(connector_->Verify(create).state, connector::Verdict::State::kNotDone);
  const std::string id = ApplyOne(create).object_id;
  const auto verdict = connector_->Verify(create);
  EXPECT_EQ(verdict.state, connector::Verdict::State::kDone);
  EXPECT_EQ(verdict.result->object_id, id);
  const std::string group = MakeGroup("verify-group");
  const Operation grant = Member(Action::kGrant, id, group), enable = Make(Action::kEnable, kAccount, id),
                  remove = Make(Action::kDelete, kAccount, id);
  for (const auto& before : connector_->VerifyBatch({grant, enable, remove}))
    EXPECT_EQ(before.state, connector::Verdict::State::kNotDone);
  ApplyOne(grant);
  ApplyOne(enable);
  for (const auto& after : connector_->VerifyBatch({grant, enable}))
    EXPECT_EQ(after.state, connector::Verdict::State::kDone);
  ApplyOne(remove);
  EXPECT_EQ(connector_->Verify(remove).state, connector::Verdict::State::kDone);
}

TEST_F(ConnectorTest, KnowsTheDirectorysSchemaAndPasswordPolicy) {
  auto schema = connector_->Schema({});
  ASSERT_TRUE(schema.ok()) << schema.status();
  ASSERT_TRUE(schema->has_value());
  const auto find = [](const connector::ObjectClass& object_class,
                       const std::string& name) -> const connector::Attribute* {
    for (const auto& attribute : object_class.attributes) {
      if (attribute.name == name) return &attribute;
    }
    return nullptr;
  };
  const auto& account = (*schema)->classes[0];
  EXPECT_EQ(account.name, kAccount);
  EXPECT_EQ(account.password_policy->min_length, 7u);
  EXPECT_EQ(account.password_policy->min_character_kinds, 3u);
  ASSERT_NE(find(account, "givenName"), nullptr);
  EXPECT_EQ(find(account, "givenName")->max_length, 64u);
  EXPECT_TRUE(find(account, "proxyAddresses")->multi_valued);
  EXPECT_FALSE(find(account, "memberOf")->creatable);
  EXPECT_EQ(find(account, "extensionAttribute1"), nullptr);
  EXPECT_EQ(find(account, "sAMAccountName")->max_length, 20u);
  EXPECT_EQ(find(account, "unicodePwd"), nullptr);
}

TEST_F(ConnectorTest, TestFindsNothingMissingForAnAdministratorAndSaysWhatOthersLack) {
  auto result = connector_->Test({});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->missing_rights.empty()) << result->missing_rights[0].right;
  Operation create = Person("Weak Service", "weaksvc", "svc-1");
  create.deltas.push_back(Set("initial_password", Value(Secret("Service.Pass-1"))));
  const std::string id = ApplyOne(create).object_id;
  ASSERT_EQ(ApplyOne(Make(Action::kEnable, kAccount, id)).outcome, Outcome::kApplied);
  connector::System system = Samba::Get().System();
  system.settings = connector::Settings(system.settings.values(), {{"bind_dn", Secret("CN=Weak Service," + Place())},
                                                                   {"bind_password", Secret("Service.Pass-1")}});
  auto weak = Open(system);
  result = weak->Test({});
  ASSERT_TRUE(result.ok()) << result.status();
  std::set<std::string> rights;
  for (const auto& missing : result->missing_rights) rights.insert(missing.right);
  EXPECT_THAT(rights, testing::IsSupersetOf({"Create user objects", "Create group objects",
                                             "Create organizationalUnit objects", "Write member"}));
  system.settings = connector::Settings(system.settings.values(),
                                        {{"bind_dn", Secret("weaksvc@ad.test")}, {"bind_password", Secret("no")}});
  EXPECT_EQ(connector::Error::From(Open(system)->Test({}).status()).reason, Reason::kAuth);
}

TEST_F(ConnectorTest, GoesOnAfterTheServerWasRestarted) {
  const std::string id = ApplyOne(Person("Restart", "restart", "r-1")).object_id;
  Samba::Get().Stop();
  auto sink = std::make_shared<Sink>();
  auto session = connector_->StartApply({}, sink);
  Operation update = Make(Action::kUpdate, kAccount, id);
  update.deltas = {Set("title", "Terug")};
  session->Submit(update);
  session->Flush();
  Samba::Get().Start();
  const Result result = sink->Wait(1).at(update.id);
  EXPECT_EQ(result.outcome, Outcome::kApplied) << Why(result);
}

TEST_F(ConnectorTest, SettingsThatCannotWorkAreRefusedWithTheirName) {
  connector::ValidateRequest request;
  request.settings = connector::Settings({{"servers", Value("ldap://dc1")}, {"base", Value("DC=x")}}, {});
  auto result = connector_->Validate(request);
  ASSERT_EQ(result.diagnostics.size(), 1u);
  EXPECT_EQ(result.diagnostics[0].path, (connector::Path{std::string("servers")}));
  request.settings = connector::Settings({{"servers", Value("ldaps://dc1")}, {"base", Value("school")}}, {});
  EXPECT_EQ(connector_->Validate(request).diagnostics[0].path, (connector::Path{std::string("base")}));
  request.settings = connector::Settings({{"servers", Value("ldaps://dc1")}, {"base", Value("DC=x")}}, {});
  EXPECT_TRUE(connector_->Validate(request).diagnostics.empty());
}

}  // namespace
}  // namespace sluice::active_directory
