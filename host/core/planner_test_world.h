// A small school for tests of the planner: the configuration of the operator's guide, people, and a target that does
// what plans say.
//
// For tests only; single-threaded.
#ifndef SLUICE_HOST_CORE_PLANNER_TEST_WORLD_H_
#define SLUICE_HOST_CORE_PLANNER_TEST_WORLD_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/core/planner.h"

namespace sluice::core::testing {

Condition Clause(const std::string& path, TestOperator op, std::vector<Value> operands, int line = 0);
Condition Equals(const std::string& path, const std::string& text, int line = 0);
Condition OfKind(Condition::Kind kind, std::vector<Condition> children, int line = 0);
Condition SomeContract(std::vector<Condition> children, int line = 0);  // One and the same contract.
EntitlementRef GrantOf(const std::string& text);  // "ad/account", "ad/group:docenten", "ad/class group"
Template Parsed(const std::string& text);

class World {
 public:
  World();

  Rule& AddRule(const std::string& name, Condition when, const std::vector<std::string>& grants);
  Rule& FindRule(const std::string& name);
  AccountField& Field(const std::string& attribute);

  // A person with a placement and a lesson group of their class, from 1 August 2026, open end.
  Person& AddPupil(const std::string& number, const std::string& given, const std::string& family,
                   const std::string& class_code = "H4D");
  Person& AddPerson(const std::string& number, const std::string& given, const std::string& family);
  Contract& AddContract(Person& person, const std::string& type, const std::string& code, absl::CivilDay start,
                        std::optional<absl::CivilDay> end = std::nullopt);
  Person& Find(const std::string& number);
  void Remove(const std::string& number);

  // Objects of the target that were there before.
  Record& AddAccount(const std::string& id, Fields attributes, bool is_enabled = true);
  Record& AddGroup(const std::string& id, const std::string& name);
  void AddMember(const std::string& group, const std::string& account);
  Record* Account(const std::string& id);
  const Grant* Held(const std::string& number, const std::string& entitlement) const;

  void Activate() { state.activations["ad"].state = Activation::State::kActive; }
  void NoLimits();

  PlanInput Input();
  Plan Make() { return MakePlan(Input()); }
  // Carries out what is ready, as the engine would commit it. Returns "create 104233 account" for each.
  std::vector<std::string> Enforce(const Plan& plan);
  std::vector<std::string> Run() { return Enforce(Make()); }
  // "create 104233 account [blocked]" for each operation.
  std::vector<std::string> Lines(const Plan& plan) const;

  Configuration configuration;
  State state;
  Readings readings;  // Empty: nothing waits for one.
  absl::CivilDay today = absl::CivilDay(2026, 11, 24);

 private:
  std::string LineOf(const PlannedOperation& operation) const;
  Grant& GrantFor(const PlannedOperation& operation, EntitlementKind kind);
  void Carry(const PlannedOperation& operation);
  void CarryAccount(const PlannedOperation& operation, Grant& grant);
  void CarryResource(const PlannedOperation& operation);
  void CarryPermission(const PlannedOperation& operation, Grant& grant);

  std::vector<std::shared_ptr<Person>> persons_;
  Snapshot snapshot_;
  int next_object_ = 1;
};

}  // namespace sluice::core::testing

#endif  // SLUICE_HOST_CORE_PLANNER_TEST_WORLD_H_
