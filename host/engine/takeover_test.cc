// What the state says once a class group took over the object of last year's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/engine/outcome.h"

namespace sluice::engine {
namespace {

using ::testing::IsEmpty;

constexpr absl::CivilDay kDay(2027, 8, 1);

class TakeOver : public ::testing::Test {
 protected:
  TakeOver() {
    core::ResourceInstance old;
    old.system = "ad";
    old.resource = "class group";
    old.key = "old";
    old.label = "les-h4.bio2";
    old.object_class = "group";
    old.object_id = "guid";
    old.generation = 1;
    old.is_held = true;
    old.unused_since = kDay;
    old.desired = {{"parent", core::Value::Text("OU=Lesgroepen")}};
    state_.resources.push_back(old);
    state_.names = {{"ad", "account_name", "les-h4.bio2", "resource:class group:old"},
                    {"ad", "account_name", "e.smit", "person:p"},
                    {"entra", "account_name", "les-h4.bio2", "resource:class group:old"}};
    AddGrant("p", "class group:old", "guid");
    AddGrant("q", "class group:old", "guid");
    AddGrant("p", "class group:other", "another");
    AddGrant("p", "group:les-h4.bio2", "guid");
  }
  void AddGrant(const std::string& person, const std::string& entitlement, const std::string& object) {
    core::Grant grant;
    grant.person_id = person;
    grant.system = "ad";
    grant.entitlement = entitlement;
    grant.kind = core::EntitlementKind::kPermission;
    grant.state = core::GrantState::kHeld;
    grant.generation = 1;
    grant.object_id = object;
    state_.grants.push_back(grant);
  }
  static store::Operation Adoption(const std::string& person) {
    store::Operation stored;
    stored.planned.id = "operation";
    stored.planned.kind = core::OperationKind::kAdopt;
    stored.planned.system = "ad";
    stored.planned.person_id = person;
    stored.planned.entitlement = "class group:new";
    stored.planned.object_class = "group";
    stored.planned.label = "group les-h4.bio2";
    (person.empty() ? stored.planned.object_id : stored.planned.permission_id) = "guid";
    return stored;
  }
  store::Commit Record(const store::Operation& stored, SystemState& state) {
    TargetResult result;
    result.outcome = Outcome::kNoChange;
    result.object_id = stored.planned.object_id;
    store::Commit commit;
    RecordSuccess(stored, result, kDay, state, commit);
    return commit;
  }
  core::State state_;
};

TEST_F(TakeOver, TheOldInstanceIsHeldNoLongerAndItsNamesGoAlong) {
  SystemState state(state_, "ad");
  const store::Commit commit = Record(Adoption(""), state);
  ASSERT_EQ(commit.resources.size(), 2u);
  EXPECT_EQ(commit.resources[0].key, "old");
  EXPECT_FALSE(commit.resources[0].is_held);
  EXPECT_EQ(commit.resources[0].object_id, "");
  EXPECT_EQ(commit.resources[0].generation, 2);
  EXPECT_FALSE(commit.resources[0].unused_since);
  EXPECT_EQ(commit.resources[1].key, "new");
  EXPECT_TRUE(commit.resources[1].is_held);
  EXPECT_EQ(commit.resources[1].object_id, "guid");
  EXPECT_FALSE(commit.resources[1].is_correlated);  // We made it: it is ours to delete.
  EXPECT_EQ(commit.resources[1].desired.at("parent"), core::Value::Text("OU=Lesgroepen"));
  ASSERT_EQ(commit.names_released.size(), 1u);
  EXPECT_EQ(commit.names_released[0].holder, "resource:class group:old");
  ASSERT_EQ(commit.names_reserved.size(), 1u);
  EXPECT_EQ(commit.names_reserved[0].name, "les-h4.bio2");
  EXPECT_EQ(commit.names_reserved[0].holder, "resource:class group:new");
  EXPECT_EQ(state.FindResource("class group:new")->object_id, "guid");
}

TEST_F(TakeOver, AMembershipThatIsKeptIsHeldOnceAndNothingElseIsTouched) {
  SystemState state(state_, "ad");
  const store::Commit commit = Record(Adoption("p"), state);
  ASSERT_EQ(commit.grants.size(), 2u);
  EXPECT_EQ(commit.grants[0].entitlement, "class group:old");
  EXPECT_EQ(commit.grants[0].state, core::GrantState::kAbsent);
  EXPECT_EQ(commit.grants[0].generation, 2);
  EXPECT_EQ(commit.grants[1].entitlement, "class group:new");
  EXPECT_EQ(commit.grants[1].state, core::GrantState::kHeld);
  EXPECT_EQ(commit.grants[1].object_id, "guid");
  EXPECT_FALSE(commit.grants[1].is_correlated);
  EXPECT_EQ(state.FindGrant("q", "class group:old")->state, core::GrantState::kHeld);
  EXPECT_EQ(state.FindGrant("p", "class group:other")->state, core::GrantState::kHeld);
  EXPECT_EQ(state.FindGrant("p", "group:les-h4.bio2")->state, core::GrantState::kHeld);
}

TEST_F(TakeOver, WhatIsGrantedByAWriteReleasesNothing) {
  SystemState state(state_, "ad");
  store::Operation stored = Adoption("p");
  stored.planned.kind = core::OperationKind::kGrant;
  EXPECT_EQ(Record(stored, state).grants.size(), 1u);
  EXPECT_EQ(state.FindGrant("p", "class group:old")->state, core::GrantState::kHeld);
}

TEST_F(TakeOver, WhatIsFoundInTheTargetAndHeldByNobodyIsCorrelated) {
  state_.resources.clear();
  SystemState state(state_, "ad");
  const store::Commit commit = Record(Adoption(""), state);
  ASSERT_EQ(commit.resources.size(), 1u);
  EXPECT_TRUE(commit.resources[0].is_correlated);
  EXPECT_THAT(commit.names_released, IsEmpty());
}

}  // namespace
}  // namespace sluice::engine
