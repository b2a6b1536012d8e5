#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "host/core/planner_test_world.h"
#include "host/core/reasons.h"
#include "host/core/text.h"

namespace sluice::core {
namespace {

using testing::Clause;
using testing::Equals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::SomeContract;
using testing::World;
using Answer = Explanation::Answer;

class Why : public ::testing::Test {
 protected:
  Why() {
    world_.NoLimits();
    world_.AddPupil("1", "Noor", "Zwaluw");
    world_.AddGroup("g", "laptop-uitleen");
    world_.AddRule(
        "Upper years borrow laptops",
        SomeContract({Equals("contract.type", "placement", 12), Equals("contract.location.code", "31XY01", 13)}, 12),
        {"ad/group:laptop-uitleen"});
  }
  Explanation Ask(const std::string& entitlement) {
    auto answer = Explain(world_.Input(), world_.Find("1").id, entitlement);
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.value_or(Explanation());
  }
  World world_;
};

TEST_F(Why, WhatIsGivenNamesRuleContractAndRecord) {
  world_.Run();
  const Explanation why = Ask("ad/class group:les-h4d.bio2");
  EXPECT_EQ(why.answer, Answer::kGranted);
  ASSERT_EQ(why.supports.size(), 1u);
  EXPECT_EQ(why.supports[0].rule, "Every class has a group");
  EXPECT_EQ(why.supports[0].contract, "class group H4D.bio2");
  EXPECT_EQ(why.supports[0].records[0].object_class, "class_group");
  ASSERT_TRUE(why.grant.has_value());
  EXPECT_EQ(why.grant->state, GrantState::kHeld);
  EXPECT_TRUE(Reevaluates(why.supports[0], world_.Input(), world_.Find("1")));
  EXPECT_EQ(Ask("ad/class group:id-H4D.bio2").entitlement, why.entitlement);
}

TEST_F(Why, AChangedValueNoLongerEvaluatesToTheSame) {
  const Explanation why = Ask("ad/account");
  SupportReason reason = why.supports.at(0);
  ASSERT_FALSE(reason.clauses.empty());
  reason.clauses[0].saw = Value::Text("employment");
  EXPECT_FALSE(Reevaluates(reason, world_.Input(), world_.Find("1")));
}

TEST_F(Why, WhatIsNotGivenNamesTheNearestRuleAndTheClauseThatFails) {
  const Explanation why = Ask("ad/group:laptop-uitleen");
  EXPECT_EQ(why.answer, Answer::kNotGranted);
  ASSERT_EQ(why.missed.size(), 1u);
  EXPECT_EQ(why.missed[0].rule, "Upper years borrow laptops");
  ASSERT_EQ(why.missed[0].clauses.size(), 1u);
  EXPECT_EQ(why.missed[0].clauses[0].text, "location.code is 31XY00, the rule wants 31XY01");
  EXPECT_EQ(why.missed[0].clauses[0].position.line, 13);
}

TEST_F(Why, AContractThatIsNotInScopeYetSaysFromWhen) {
  for (Contract& contract : world_.Find("1").contracts) contract.start = absl::CivilDay(2027, 1, 25);
  const Explanation why = Ask("ad/account");
  EXPECT_EQ(why.answer, Answer::kNotGranted);
  EXPECT_EQ(why.missed.at(0).window, "placement H4D is in scope from 11 Jan 2027");
  EXPECT_EQ(why.next_change, absl::CivilDay(2027, 1, 11));
}

TEST_F(Why, WhatIsHeldAndNoLongerGivenSaysSo) {
  world_.Run();
  for (Contract& contract : world_.Find("1").contracts) contract.end = absl::CivilDay(2026, 11, 23);
  const Explanation why = Ask("ad/account");
  EXPECT_EQ(why.answer, Answer::kHeldNoLonger);
  EXPECT_EQ(why.missed.at(0).window, "placement H4D was in scope until 23 Nov");
}

TEST_F(Why, AnUnknownFieldSaysUnknown) {
  for (Contract& contract : world_.Find("1").contracts) contract.fields.erase("location.code");
  const Explanation why = Ask("ad/group:laptop-uitleen");
  EXPECT_EQ(why.answer, Answer::kUnknown);
  EXPECT_THAT(why.missed.at(0).clauses.at(0).text, HasSubstr("not visible"));
}

TEST_F(Why, WhoIsExcludedHeldBackOrNotActivatedIsToldSo) {
  Person& noor = world_.Find("1");
  world_.state.exclusions.push_back({noor.id, absl::CivilDay(2026, 12, 1), "exam"});
  EXPECT_EQ(Ask("ad/account").answer, Answer::kExcluded);
  EXPECT_EQ(Ask("ad/account").note, "excluded until 1 Dec: exam");
  world_.state.exclusions.clear();
  noor.held_back = {"name.family is empty"};
  EXPECT_EQ(Ask("ad/account").answer, Answer::kHeldBack);
  noor.held_back.clear();
  world_.state.activations.clear();
  EXPECT_EQ(Ask("ad/account").answer, Answer::kNotActivated);
  world_.Activate();
  world_.AddAccount("a", {{"employeeID", Value::Text("1")}});
  world_.AddAccount("b", {{"employeeID", Value::Text("1")}});
  EXPECT_EQ(Ask("ad/account").answer, Answer::kHeldBack);
}

TEST_F(Why, WhatNobodyCouldHaveNamesTheNearest) {
  const std::string id = world_.Find("1").id;
  EXPECT_EQ(Explain(world_.Input(), id, "ad/acount").status().message(),
            "no rule gives \"ad/acount\"; did you mean \"ad/account\"?");
  EXPECT_EQ(Explain(world_.Input(), id, "ad/class group:les-x").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Explain(world_.Input(), "nobody", "ad/account").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(Why, EveryWhyNotHasAValueThatCanBeLookedUpAgain) {
  for (const char* entitlement : {"ad/group:laptop-uitleen", "ad/account", "ad/access"}) {
    for (const absl::CivilDay day :
         {absl::CivilDay(2026, 7, 1), absl::CivilDay(2026, 7, 20), absl::CivilDay(2026, 11, 24)}) {
      world_.today = day;
      const Person& person = world_.Find("1");
      for (const Explanation::Missed& missed : Ask(entitlement).missed) {
        EXPECT_FALSE(missed.clauses.empty());
        for (const ClauseResult& clause : missed.clauses) {
          const Contract* contract = nullptr;
          for (const Contract& candidate : person.contracts) {
            if (candidate.id == clause.contract_id) contract = &candidate;
          }
          EXPECT_EQ(FieldOf(person, contract, clause.path), clause.saw) << entitlement << " " << DateText(day);
        }
      }
    }
  }
}

TEST(ContractText, NamesADepartmentThenATitleThenALocation) {
  Contract contract;
  contract.type = "class_group";
  EXPECT_EQ(ContractText(contract), "class group");
  contract.fields["location.code"] = Value::Text("31XY00");
  EXPECT_EQ(ContractText(contract), "class group 31XY00");
  contract.fields["title.name"] = Value::Text("Biologie");
  EXPECT_EQ(ContractText(contract), "class group Biologie");
  contract.fields["department.code"] = Value::Text("h4.bio2");
  EXPECT_EQ(ContractText(contract), "class group h4.bio2");
  contract.fields["department.code"] = Value::NotVisible();
  EXPECT_EQ(ContractText(contract), "class group Biologie");
}

}  // namespace
}  // namespace sluice::core
