// State, operations, plans, runs, secrets, configuration and audit rows in the store.
#include <algorithm>
#include <string>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/audit/chain.h"
#include "host/audit/log_check.h"
#include "host/store/sqlite/database.h"
#include "host/store/sqlite/testing/store_fixture.h"

namespace sluice::store {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class InStore : public StoreFixture {
 protected:
  InStore() { Open(); }
};

TEST_F(InStore, GrantsAndResourcesAreReadBackAsTheyWere) {
  Commit commit;
  core::Grant grant = MakeGrant("person-1", core::GrantState::kRetired, 7);
  grant.retired_on = kDay;
  grant.before_retirement = {{"parent", core::Value::Text("OU=Leerlingen")}};
  grant.private_state = std::string("\0\xff", 2);
  grant.precondition = "etag";
  grant.is_correlated = true;
  commit.grants = {grant};
  core::ResourceInstance resource{"ad", "class group", "d1", "les-h4", "group", "guid", 2, true, false, kDay, {}};
  commit.resources = {resource};
  Write(commit);
  Open();
  const core::State state = State();
  ASSERT_EQ(state.grants.size(), 1u);
  const core::Grant& read = state.grants[0];
  EXPECT_EQ(read.state, core::GrantState::kRetired);
  EXPECT_EQ(read.object_name, grant.object_name);
  EXPECT_EQ(read.desired, grant.desired);
  EXPECT_EQ(read.before_retirement, grant.before_retirement);
  EXPECT_EQ(read.private_state, grant.private_state);
  EXPECT_EQ(read.retired_on, grant.retired_on);
  EXPECT_EQ(read.generation, 7);
  EXPECT_TRUE(read.is_correlated);
  ASSERT_EQ(state.resources.size(), 1u);
  EXPECT_EQ(state.resources[0].unused_since, kDay);
  EXPECT_EQ(state.resources[0].label, "les-h4");
}

TEST_F(InStore, TheSequenceRisesOnlyWhenSomethingOfTheStateChanges) {
  Commit commit;
  commit.grants = {MakeGrant("person-1", core::GrantState::kHeld, 1)};
  commit.exclusions = {{"person-1", kDay, "long illness"}};
  commit.links[{"person-1", "ad"}] = "guid-1";
  commit.approvals = {{"block-1", "ad", "retire", {"o1", "o2"}}};
  commit.permissions["ad/group:docenten"] = "guid-2";
  commit.activations["ad"] = {core::Activation::State::kPartly, {"person:person-1", "when:{ a: b }"}};
  commit.schemas["ad"].classes["account"].attributes["sn"].max_length = 64;
  Write(commit);
  EXPECT_EQ(State().sequence, 1);
  Write(commit);
  EXPECT_EQ(State().sequence, 1);
  Commit log;
  log.run = store::Run{"run-1", "import", "running", "schedule", "", "", kNow, std::nullopt, "", {{"records", 3}}};
  log.audit = {MakeEntry("import.accepted")};
  Write(log);
  EXPECT_EQ(State().sequence, 1);
  commit.grants[0].desired["sn"] = core::Value::Text("Smit");
  Write(commit);
  EXPECT_EQ(State().sequence, 2);
}

TEST_F(InStore, DecisionsAreReadBackAndTakenBack) {
  Commit commit;
  commit.exclusions = {{"person-1", std::nullopt, "court"}};
  commit.links[{"person-1", "ad"}] = "guid-1";
  commit.approvals = {{"block-1", "ad", "retire", {"o1", "o2"}}};
  commit.permissions["ad/group:docenten"] = "guid-2";
  commit.activations["ad"] = {core::Activation::State::kPartly, {"person:person-1", "when:{ a: b }"}};
  Write(commit);
  std::map<std::string, std::vector<std::string>> texts;
  core::State state = *store_->LoadState(&texts);
  EXPECT_THAT(texts["ad"], ElementsAre("person:person-1", "when:{ a: b }"));
  EXPECT_THAT(state.activations["ad"].person_ids, ElementsAre("person-1"));
  EXPECT_EQ(state.activations["ad"].state, core::Activation::State::kPartly);
  EXPECT_EQ(state.exclusions[0].until, std::nullopt);
  EXPECT_THAT(state.approvals[0].ids, ElementsAre("o1", "o2"));
  EXPECT_EQ((state.links[{"person-1", "ad"}]), "guid-1");
  Commit back;
  back.included = {"person-1"};
  back.links[{"person-1", "ad"}] = "";
  back.approvals_lapsed = {"block-1"};
  back.permissions["ad/group:docenten"] = "";
  Write(back);
  state = State();
  EXPECT_TRUE(state.exclusions.empty() && state.links.empty() && state.approvals.empty() && state.permissions.empty());
  EXPECT_EQ(state.sequence, 2);
}

TEST_F(InStore, ASchemaIsReadBackAsItWas) {
  Commit commit;
  core::TargetSchema& schema = commit.schemas["ad"];
  schema.creates_enabled = true;
  schema.relations["group"] = {"membership", "member", "group"};
  core::TargetClass& account = schema.classes["account"];
  account.label_attribute = "cn";
  account.password_min_length = 20;
  account.attributes["sAMAccountName"] = {"account_name", 20, "[a-z]", false, true, false, true, false};
  Write(commit);
  const core::State state = State();
  const core::TargetSchema& read = state.schemas.at("ad");
  const core::TargetAttribute& name = read.classes.at("account").attributes.at("sAMAccountName");
  EXPECT_EQ(name.unique_in, "account_name");
  EXPECT_EQ(name.max_length, 20u);
  EXPECT_TRUE(name.case_insensitive);
  EXPECT_FALSE(name.updatable);
  EXPECT_EQ(read.classes.at("account").password_min_length, 20u);
  EXPECT_EQ(read.relations.at("group").subject_attribute, "member");
  EXPECT_TRUE(read.creates_enabled);
}

TEST_F(InStore, ANameThatSomebodyElseHasIsRefusedAsAWhole) {
  Commit commit;
  commit.names_reserved = {{"ad", "account_name", "s.bakker", "person:1"}};
  Write(commit);
  Write(commit);  // The same holder: nothing new.
  EXPECT_EQ(State().sequence, 1);
  Commit other;
  other.grants = {MakeGrant("person-2", core::GrantState::kHeld, 1)};
  other.names_reserved = {{"ad", "account_name", "s.bakker2", "person:2"},
                          {"ad", "account_name", "s.bakker", "person:2"}};
  const absl::Status refused = store_->Write(other);
  EXPECT_EQ(refused.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(refused.message()), AllOf(HasSubstr("account_name"), HasSubstr("person:1")));
  EXPECT_TRUE(State().grants.empty());
  EXPECT_EQ(State().names.size(), 1u);
  other.names_released = {{"ad", "account_name", "s.bakker", "person:1"}};
  Write(other);
  EXPECT_EQ(State().names.size(), 2u);
}

TEST_F(InStore, OpenOperationsAreNotPlannedAgain) {
  Commit commit;
  commit.operations = {
      MakeOperation("aa01", Operation::State::kWritten), MakeOperation("aa02", Operation::State::kDone),
      MakeOperation("aa03", Operation::State::kInDoubt), MakeOperation("ab04", Operation::State::kFailed)};
  commit.operations[2].planned.person_id = "";
  commit.operations[2].planned.entitlement = "class group:d1";
  commit.operations[3].retry_at = kNow + absl::Hours(1);
  commit.operations[3].names = {{"sAMAccountName", "s.bakker"}};
  Write(commit);
  core::State state = State();
  EXPECT_THAT(state.open_operations, ElementsAre("aa01", "aa03"));
  EXPECT_THAT(state.open_objects, ElementsAre("ad/class group:d1", "ad/person-1"));
  EXPECT_EQ(store_->LoadOpenOperations()->size(), 2u);
  EXPECT_EQ(store_->LoadOperations("run-1")->size(), 4u);
  EXPECT_EQ(store_->LoadOperationsOf("person-1")->size(), 3u);
  const auto failed = store_->LoadOperation("AB");
  ASSERT_TRUE(failed.ok() && failed->has_value());
  EXPECT_EQ((*failed)->retry_at, kNow + absl::Hours(1));
  EXPECT_EQ((*failed)->names.at("sAMAccountName"), "s.bakker");
  EXPECT_EQ(core::ToJson((*failed)->planned), core::ToJson(commit.operations[3].planned));
  EXPECT_EQ(store_->LoadOperation("aa").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(store_->LoadOperation("ff")->has_value());
  const auto attempts = store_->LoadAttempts({"aa01", "ab", "ff"});
  ASSERT_TRUE(attempts.ok()) << attempts.status();
  EXPECT_EQ(*attempts, (std::map<std::string, int>{{"aa01", commit.operations[0].attempt}}));
  const int64_t sequence = state.sequence;
  commit.operations = {MakeOperation("aa01", Operation::State::kSent)};
  Write(commit);
  EXPECT_EQ(State().sequence, sequence);  // Open before and after.
  commit.operations = {MakeOperation("aa01", Operation::State::kDone)};
  Write(commit);
  EXPECT_EQ(State().sequence, sequence + 1);
}

TEST_F(InStore, AHostWhoseLeaseIsOverWritesNothing) {
  const int64_t first = *store_->NextFence(), second = *store_->NextFence();
  EXPECT_GT(second, first);
  Commit commit;
  commit.operations = {MakeOperation("aa01", Operation::State::kSent, second)};
  Write(commit);
  Commit late;
  late.operations = {MakeOperation("aa02", Operation::State::kDone, first),
                     MakeOperation("aa01", Operation::State::kDone, first)};
  late.grants = {MakeGrant("person-1", core::GrantState::kHeld, 1)};
  late.audit = {MakeEntry("operation.create")};
  const absl::Status refused = store_->Write(late);
  EXPECT_EQ(refused.code(), absl::StatusCode::kAborted);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("aa01"));
  EXPECT_TRUE(State().grants.empty());
  EXPECT_FALSE(store_->LoadOperation("aa02")->has_value());
  EXPECT_TRUE(store_->LoadAudit(1, 10)->empty());
  Open();
  EXPECT_GT(*store_->NextFence(), second);
}

TEST_F(InStore, APlanIsKeptByHashAndFoundByItsFirstDigits) {
  Commit commit;
  commit.plan.emplace();
  commit.plan->hash = "9f3c07aa";
  commit.plan->as_of = kDay;
  commit.plan->warnings = {"one"};
  commit.plan->operations = {MakeOperation("aa01", Operation::State::kWritten).planned,
                             MakeOperation("aa02", Operation::State::kWritten).planned};
  commit.plan->resolved_permissions["ad/group:docenten"] = "guid";
  Write(commit);
  EXPECT_EQ(core::ToJson(*store_->LoadPlan("9f3c")), core::ToJson(*commit.plan));
  commit.plan->operations[0].status = core::OperationStatus::kBlocked;
  commit.plan->operations.pop_back();
  Write(commit);
  EXPECT_EQ(core::ToJson(*store_->LoadPlan("9F3C07AA")), core::ToJson(*commit.plan));
  commit.plan->hash = "9f3d";
  Write(commit);
  EXPECT_EQ(store_->LoadPlan("9f3").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(store_->LoadPlan("00").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(InStore, RunsBlocksSecretsAndConfigurationAreReadBack) {
  Commit commit;
  commit.run =
      store::Run{"run-1", "enforce", "succeeded", "user:alice", "ad", "9f3c", kNow, kNow, "5 applied", {{"create", 1}}};
  commit.blocks.resize(1);
  commit.blocks[0].id = "b1";
  commit.blocks[0].ids = {"o1", "o2"};
  commit.blocks[0].state = "waiting";
  commit.blocks[0].since = kNow;
  commit.secrets = {{"s1", "person-1", "ad", "initial_password", "v1.x", "o1", kNow, false, std::nullopt}};
  commit.configuration = ConfigurationRecord{"7c1e", {{"sluice.yaml", "name: a\n"}}, kNow, "user:alice"};
  commit.as_of = kDay;
  Write(commit);
  Open();
  EXPECT_EQ((*store_->LoadRuns(10))[0].counts, commit.run->counts);
  EXPECT_EQ((*store_->LoadRuns(10))[0].ended, kNow);
  EXPECT_THAT((*store_->LoadBlocks())[0].ids, ElementsAre("o1", "o2"));
  EXPECT_EQ((*store_->LoadSecrets("")).size(), 1u);
  EXPECT_EQ((*store_->LoadSecret("s1"))->sealed, "v1.x");
  EXPECT_EQ((*store_->LoadConfiguration())->files.at("sluice.yaml"), "name: a\n");
  EXPECT_EQ(*store_->LoadAsOf(), kDay);
  Commit next;
  next.secrets = commit.secrets;
  next.secrets[0].handed_out = kNow;
  next.blocks = commit.blocks;
  next.blocks[0].state = "gone";
  Write(next);
  EXPECT_TRUE(store_->LoadSecrets("")->empty());
  EXPECT_EQ(store_->LoadSecrets("person-1")->size(), 1u);
  EXPECT_TRUE(store_->LoadBlocks()->empty());
  Commit drop;
  drop.secrets_dropped = {"s1"};
  Write(drop);
  EXPECT_FALSE(store_->LoadSecret("s1")->has_value());
}

TEST_F(InStore, RunsThatADeadHostLeftAreClosedAtOpening) {
  Commit commit;
  commit.run = store::Run{"run-1", "import", "running", "schedule", "somtoday", "", kNow, std::nullopt, "", {}};
  Write(commit);
  clock_.Set(kNow + absl::Minutes(1));
  Open();
  const std::vector<store::Run> runs = *store_->LoadRuns(10);
  EXPECT_EQ(runs[0].state, "interrupted");
  EXPECT_EQ(runs[0].ended, kNow + absl::Minutes(1));
  EXPECT_THAT((*store_->LoadAudit(1, 10))[0].json, HasSubstr("run.interrupted"));
}

TEST_F(InStore, WhatIsReadBackHashesTheSame) {
  Commit commit;
  for (int at = 0; at < 5; ++at) {
    commit.audit.push_back(MakeEntry("operation.create"));
    commit.audit.back().time = absl::FromUnixNanos(1795487400123456789 + at);
    commit.audit.back().detail = "Ö€😀\x01";
  }
  Write(commit);
  Open();
  Write(commit);
  const auto read = [&](int64_t from, int limit) { return store_->LoadAudit(from, limit); };
  EXPECT_TRUE(audit::CheckChain(read).ok());
  const std::vector<AuditRow> rows = *store_->LoadAudit(4, 3);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].sequence, 4);
  ASSERT_EQ(rows[2].personal.size(), 1u);
  EXPECT_EQ(rows[2].personal[0].person_id, "person-1");
}

TEST_F(InStore, SealsAreKeptAndMadeOverTheStoredChain) {
  Commit commit;
  commit.audit = {MakeEntry("a"), MakeEntry("b")};
  Write(commit);
  const auto key = *audit::SealKey::LoadOrCreate(absl::StrCat(folder_.path(), "/seal"));
  const auto read = [&](int64_t from, int limit) { return store_->LoadAudit(from, limit); };
  const auto judge = [&] { return audit::CheckLog(read, *store_->LoadSeals(), key->id())->Judge(); };
  const auto seal = audit::MakeSeal(judge(), *key, kNow);
  ASSERT_TRUE(seal.ok() && seal->has_value()) << seal.status();
  EXPECT_TRUE(store_->WriteSeal(**seal).ok());
  EXPECT_EQ(store_->WriteSeal(**seal).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(audit::CheckSeal((*store_->LoadSeals())[0]).ok());
  EXPECT_FALSE(audit::MakeSeal(judge(), *key, kNow)->has_value());
}

TEST_F(InStore, RowsOfTheAuditLogCannotBeChangedByAccident) {
  Commit commit;
  commit.audit = {MakeEntry("a")};
  Write(commit);
  auto database = Database::Open({Path(), true, ""});
  EXPECT_FALSE((*database)->RunScript("UPDATE audit SET json = '{}'").ok());
  EXPECT_FALSE((*database)->RunScript("DELETE FROM audit").ok());
}

TEST_F(InStore, CommitsOfSeveralThreadsAreWrittenOrRefusedEachByItself) {
  constexpr int kThreads = 8, kCommits = 40;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int at = 0; at < kCommits; ++at) {
        const std::string person = absl::StrCat("person-", thread, "-", at);
        Commit commit;
        commit.grants = {MakeGrant(person, core::GrantState::kHeld, 1)};
        commit.audit = {MakeEntry("operation.create")};
        // One name for each number: one thread gets it, the others are refused as a whole.
        commit.names_reserved = {{"ad", "account_name", absl::StrCat("name", at), person}};
        const absl::Status status = store_->Write(commit);
        EXPECT_TRUE(status.ok() || absl::IsAlreadyExists(status)) << status;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const core::State state = State();
  EXPECT_EQ(state.names.size(), static_cast<size_t>(kCommits));
  EXPECT_EQ(state.sequence, kCommits);
  ASSERT_EQ(state.grants.size(), static_cast<size_t>(kCommits));
  for (const core::NameEntry& name : state.names) {
    EXPECT_EQ(std::count_if(state.grants.begin(), state.grants.end(),
                            [&](const core::Grant& grant) { return grant.person_id == name.holder; }),
              1);
  }
  const auto read = [&](int64_t from, int limit) { return store_->LoadAudit(from, limit); };
  EXPECT_TRUE(audit::CheckChain(read).ok());
  EXPECT_EQ(store_->LoadAudit(1, 1000)->size(), static_cast<size_t>(kCommits));
}

TEST_F(InStore, ReadersSeeWholeCommitsWhileOthersWrite) {
  std::thread writer([&] {
    for (int at = 1; at <= 100; ++at) {
      Commit commit;
      commit.grants = {MakeGrant("person-1", core::GrantState::kHeld, at),
                       MakeGrant("person-2", core::GrantState::kHeld, at)};
      EXPECT_TRUE(store_->Write(commit).ok());
    }
  });
  int64_t seen = 0;
  while (seen < 100) {
    const core::State state = State();
    if (state.grants.empty()) continue;
    ASSERT_EQ(state.grants.size(), 2u);
    EXPECT_EQ(state.grants[0].generation, state.grants[1].generation);
    EXPECT_EQ(state.sequence, state.grants[0].generation);
    seen = state.sequence;
  }
  writer.join();
}

}  // namespace
}  // namespace sluice::store
