#include "host/core/planner.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "host/base/hash.h"
#include "host/core/evaluation.h"
#include "host/core/target_planner.h"
#include "host/core/thresholds.h"

namespace sluice::core {
namespace {

struct Target {
  const SystemSpec* system = nullptr;
  const TargetSchema* schema = nullptr;
  const Observed* observed = nullptr;  // Null with the schema: nothing can be planned yet.
};

Target TargetOf(const PlanInput& input, const SystemSpec& system) {
  Target target{&system, nullptr, nullptr};
  const auto schema = input.state->schemas.find(system.name);
  const auto observed = input.state->observed.find(system.name);
  if (schema == input.state->schemas.end() || observed == input.state->observed.end() || !observed->second.is_known) {
    return target;
  }
  target.schema = &schema->second;
  target.observed = &observed->second;
  return target;
}

// Operations are large: their places are sorted, and each is moved once.
void SortOperations(std::vector<PlannedOperation>& operations) {
  std::vector<const PlannedOperation*> order;
  order.reserve(operations.size());
  for (const PlannedOperation& operation : operations) order.push_back(&operation);
  std::sort(order.begin(), order.end(), [](const PlannedOperation* a, const PlannedOperation* b) {
    return std::tie(a->system, a->person_id, a->kind, a->entitlement, a->id) <
           std::tie(b->system, b->person_id, b->kind, b->entitlement, b->id);
  });
  std::vector<PlannedOperation> sorted;
  sorted.reserve(operations.size());
  for (const PlannedOperation* operation : order) {
    sorted.push_back(std::move(operations[static_cast<size_t>(operation - operations.data())]));
  }
  operations = std::move(sorted);
}

std::string HashOf(const Plan& plan) {
  std::string ids;
  for (const PlannedOperation& operation : plan.operations) absl::StrAppend(&ids, operation.id, "\n");
  return base::Sha256Hex(ids);
}

void AddHeldBackPersons(const Population& population, Plan& plan) {
  for (const PersonFacts& facts : population.persons) {
    if (facts.person->held_back.empty()) continue;
    plan.held_back.push_back({facts.person->id, "", absl::StrJoin(facts.person->held_back, "; ")});
  }
  int64_t strangers = 0;
  std::string last;
  const auto is_known = [&](const std::string& id) {
    const auto place =
        std::lower_bound(population.persons.begin(), population.persons.end(), id,
                         [](const PersonFacts& facts, const std::string& wanted) { return facts.person->id < wanted; });
    return place != population.persons.end() && place->person->id == id;
  };
  for (const auto& [key, grants] : population.grants) {
    if (key.first == last || is_known(key.first)) continue;
    if (std::all_of(grants.begin(), grants.end(), [](const Grant* g) { return g->state == GrantState::kAbsent; })) {
      continue;
    }
    last = key.first;
    ++strangers;
  }
  if (strangers > 0) {
    plan.warnings.push_back(absl::StrCat(strangers, strangers == 1 ? " person holds" : " people hold",
                                         " something and is in no snapshot; nothing of it is touched"));
  }
}

}  // namespace

Plan MakePlan(const PlanInput& input) {
  Plan plan;
  plan.snapshot = input.snapshot->sequence;
  plan.state_sequence = input.state->sequence;
  plan.configuration = input.configuration->hash;
  plan.as_of = input.as_of;
  const Evaluator evaluator(*input.configuration);
  const Population population = EvaluatePopulation(input, evaluator);
  AddHeldBackPersons(population, plan);
  for (const auto& [name, system] : input.configuration->systems) {
    if (system.is_source) continue;
    const Target target = TargetOf(input, system);
    if (target.observed == nullptr) {
      plan.warnings.push_back(absl::StrCat(
          name, ": nothing is planned until it has been read completely once; run `sluice system observe ", name, "`"));
      plan.hindered[name] = plan.warnings.back();
      continue;
    }
    TargetPlanner(input, population, system, *target.schema, *target.observed).Run(plan);
  }
  SortOperations(plan.operations);
  std::sort(plan.held_back.begin(), plan.held_back.end(), [](const HeldBack& a, const HeldBack& b) {
    return std::tie(a.system, a.person_id, a.reason) < std::tie(b.system, b.person_id, b.reason);
  });
  plan.hash = HashOf(plan);
  ApplyThresholds(*input.configuration, *input.state, plan);
  return plan;
}

absl::StatusOr<CorrelationReport> Correlate(const PlanInput& input, const std::string& name) {
  const SystemSpec* system = input.configuration->FindSystem(name);
  if (system == nullptr || system->is_source) {
    return absl::NotFoundError(absl::StrCat("no target is called \"", name, "\""));
  }
  const Target target = TargetOf(input, *system);
  if (target.observed == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat(name, " has not been read completely yet; run `sluice system observe ", name, "` first"));
  }
  const Evaluator evaluator(*input.configuration);
  const Population population = EvaluatePopulation(input, evaluator);
  return TargetPlanner(input, population, *system, *target.schema, *target.observed).Report();
}

}  // namespace sluice::core
