// Promises 4, 5, 8 and 9 under random schools, rules, limits and decisions: what is checked here is counted anew, from
// the plan's operations and the state, by code that shares nothing with thresholds.cc.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "host/core/planner_test_world.h"
#include "host/core/thresholds.h"

namespace sluice::core {
namespace {

using testing::Equals;
using testing::OfKind;
using testing::SomeContract;
using testing::World;
using Kind = Condition::Kind;

int Any(int from, int until) { return *rc::gen::inRange(from, until); }
bool OneIn(int count) { return Any(0, count) == 0; }

bool IsCovered(const State& state, const std::string& block, const std::vector<std::string>& ids) {
  return std::any_of(state.approvals.begin(), state.approvals.end(), [&](const Approval& approval) {
    return approval.block_id == block &&
           std::all_of(ids.begin(), ids.end(), [&](const std::string& id) { return approval.ids.contains(id); });
  });
}

int64_t HeldOf(const State& state, OperationKind kind) {
  int64_t accounts = 0, permissions = 0, resources = 0;
  for (const Grant& grant : state.grants) {
    accounts += grant.state == GrantState::kHeld && grant.kind == EntitlementKind::kAccount;
    permissions += grant.state == GrantState::kHeld && grant.kind == EntitlementKind::kPermission;
  }
  for (const ResourceInstance& resource : state.resources) resources += resource.is_held;
  if (kind == OperationKind::kGrant || kind == OperationKind::kRevoke) return permissions;
  return kind == OperationKind::kCreateResource || kind == OperationKind::kDeleteResource ? resources : accounts;
}

// A kind that reaches its limit waits as a whole, unless somebody approved all of it.
void CheckKinds(const World& world, const Plan& plan) {
  const Thresholds& thresholds = world.configuration.systems.at("ad").thresholds;
  for (int k = 0; k <= static_cast<int>(OperationKind::kDeleteResource); ++k) {
    const OperationKind kind = static_cast<OperationKind>(k);
    const std::string name(OperationKindName(kind));
    std::vector<std::string> ids;
    bool is_ready = false;
    for (const PlannedOperation& operation : plan.operations) {
      if (operation.kind != kind || operation.status == OperationStatus::kObserving) continue;
      ids.push_back(operation.id);
      is_ready |= operation.status == OperationStatus::kReady;
    }
    const int64_t count = static_cast<int64_t>(ids.size()), held = HeldOf(world.state, kind);
    bool reaches = kind != OperationKind::kAdopt && count >= 1;  // One that is not named is 1.
    if (const auto named = thresholds.find(name); named != thresholds.end()) {
      const Threshold& limit = named->second;
      reaches = count > 0 && ((limit.count && count >= *limit.count) ||
                              (limit.percent && held >= 20 && count * 100 >= *limit.percent * held));
    }
    if (!reaches) continue;
    const std::string block = BlockId("ad", name, "");
    const bool is_covered = IsCovered(world.state, block, ids);
    RC_ASSERT(is_covered || !is_ready);
    const auto shown =
        std::find_if(plan.blocks.begin(), plan.blocks.end(), [&](const Block& one) { return one.id == block; });
    RC_ASSERT(shown != plan.blocks.end());
    std::sort(ids.begin(), ids.end());
    RC_ASSERT(shown->ids == ids);
    RC_ASSERT(shown->is_approved == is_covered);
  }
}

// A permission that would lose half of what it held, and at least five, waits whatever the limits say.
void CheckHalves(const World& world, const Plan& plan) {
  std::map<std::string, std::vector<const PlannedOperation*>> revokes;
  for (const PlannedOperation& operation : plan.operations) {
    if (operation.kind == OperationKind::kRevoke && operation.status != OperationStatus::kObserving) {
      revokes[operation.entitlement].push_back(&operation);
    }
  }
  for (const auto& [entitlement, operations] : revokes) {
    const int64_t held = std::count_if(world.state.grants.begin(), world.state.grants.end(), [&](const Grant& grant) {
      return grant.state == GrantState::kHeld && grant.entitlement == entitlement;
    });
    if (operations.size() < 5 || static_cast<int64_t>(2 * operations.size()) < held) continue;
    const bool is_class_group = entitlement.starts_with("class group:");
    const std::string block = BlockId("ad", "revoke", is_class_group ? "class group" : operations.front()->label);
    std::vector<std::string> ids;
    bool is_ready = false;
    for (const PlannedOperation* operation : operations) {
      ids.push_back(operation->id);
      is_ready |= operation->status == OperationStatus::kReady;
    }
    RC_ASSERT(!is_ready || IsCovered(world.state, block, ids));
  }
}

void CheckLimits(const World& world, const Plan& plan) {
  CheckKinds(world, plan);
  CheckHalves(world, plan);
  std::map<std::string, OperationStatus> statuses;
  for (const PlannedOperation& operation : plan.operations) statuses[operation.id] = operation.status;
  const auto activation = world.state.activations.find("ad");
  const bool observes =
      activation == world.state.activations.end() || activation->second.state == Activation::State::kObserving;
  for (const PlannedOperation& operation : plan.operations) {
    if (operation.status != OperationStatus::kReady) continue;
    RC_ASSERT(!observes);
    for (const std::string& before : operation.depends_on) {
      const auto found = statuses.find(before);
      RC_ASSERT(found == statuses.end() || found->second == OperationStatus::kReady);
    }
  }
}

const char* AnyKind() {
  static constexpr const char* kKinds[] = {"create",          "update",          "enable", "grant",
                                           "revoke",          "disable",         "retire", "delete",
                                           "create_resource", "delete_resource", "adopt"};
  return kKinds[Any(0, 11)];
}

// Whatever can cause a plan: an import, a configuration, a day, a decision, an activation, somebody's approval.
void Disturb(World& world, int people) {
  const std::string number = absl::StrCat(Any(0, people));
  switch (Any(0, 9)) {
    case 0:
    case 1:  // Many leave, or come back.
      for (int i = 0; i < people; ++i) {
        const bool leaves = OneIn(2);
        for (Contract& contract : world.Find(absl::StrCat(i)).contracts) {
          contract.end = leaves ? std::optional<absl::CivilDay>(world.today - 1) : std::nullopt;
        }
      }
      return;
    case 2:
      for (Contract& contract : world.Find(number).contracts) contract.end = world.today - 1;
      return;
    case 3:
      world.Find(number).fields["name.family_all"] = Value::Text(absl::StrCat("Smit", Any(0, 9)));
      return;
    case 4:
      if (world.configuration.rules.size() > 2 && OneIn(2)) {
        world.configuration.rules.pop_back();
      } else {
        world.AddRule(absl::StrCat("More ", world.configuration.rules.size()),
                      SomeContract({Equals("contract.type", "placement")}), {"ad/group:lyceum"});
      }
      return;
    case 5: {
      auto& thresholds = world.configuration.systems["ad"].thresholds;
      const std::string kind = AnyKind();
      if (OneIn(3)) {
        thresholds.erase(kind);
      } else {
        thresholds[kind] = {OneIn(3) ? std::nullopt : std::optional<int64_t>(Any(1, 12)),
                            OneIn(2) ? std::nullopt : std::optional<int64_t>(Any(1, 60)),
                            {}};
      }
      return;
    }
    case 6:
      world.today += Any(1, 60);
      return;
    case 7:
      world.state.exclusions.push_back({world.Find(number).id, world.today + Any(0, 9), "test"});
      return;
    default:
      world.state.activations["ad"].state = OneIn(6) ? Activation::State::kObserving : Activation::State::kActive;
  }
}

// All of a block, or all but one of it, as somebody saw it.
void Approve(World& world, const Plan& plan) {
  for (const Block& block : plan.blocks) {
    if (OneIn(2)) continue;
    Approval approval{block.id, block.system, block.kind, {block.ids.begin(), block.ids.end()}};
    if (OneIn(4)) approval.ids.erase(approval.ids.begin());
    world.state.approvals.push_back(std::move(approval));
  }
}

// Carries a plan out as a target does in which some of it fails, and what depends on that with it.
void EnforceWithFailures(World& world, Plan plan) {
  std::set<std::string> failed;
  for (bool has_changed = true; has_changed;) {
    has_changed = false;
    for (PlannedOperation& operation : plan.operations) {
      if (operation.status != OperationStatus::kReady) continue;
      const bool waits = std::any_of(operation.depends_on.begin(), operation.depends_on.end(),
                                     [&](const std::string& id) { return failed.contains(id); });
      if (!waits && (!failed.empty() || !OneIn(4))) continue;
      operation.status = OperationStatus::kWaiting;
      has_changed |= failed.insert(operation.id).second;
    }
  }
  world.Enforce(plan);
}

RC_GTEST_PROP(Thresholds, HoldWhateverCausedThePlanAndAnApprovalCoversOnlyWhatItSaw, ()) {
  World world;
  world.NoLimits();
  world.AddGroup("lyceum", "lyceum");
  world.AddRule("Lyceum", SomeContract({Equals("contract.location.code", "31XY00")}), {"ad/group:lyceum"});
  const int people = Any(2, 26);
  for (int i = 0; i < people; ++i) world.AddPupil(absl::StrCat(i), "Sem", "Bakker", absl::StrCat("H", i % 2));
  if (!OneIn(4)) world.Run();
  for (int step = 0; step < 8; ++step) {
    Disturb(world, people);
    const Plan plan = world.Make();
    CheckLimits(world, plan);
    Approve(world, plan);
    const Plan approved = world.Make();
    RC_ASSERT(approved.hash == plan.hash);
    CheckLimits(world, approved);
    EnforceWithFailures(world, approved);
  }
}

// A condition over what may be hidden; each test stands on a line of its own, as in a file.
Condition AnyCondition(int depth, int& line) {
  ++line;
  if (depth == 0 || OneIn(3)) {
    if (OneIn(3)) return Equals("person.custom.a", absl::StrCat(Any(0, 2)), line);
    return Equals(OneIn(2) ? "contract.location.code" : "contract.department.code", absl::StrCat("H", Any(0, 2)), line);
  }
  std::vector<Condition> children;
  for (int i = Any(1, 3); i > 0; --i) children.push_back(AnyCondition(depth - 1, line));
  const Kind kinds[] = {Kind::kAll, Kind::kAny, Kind::kNot};
  const Kind kind = kinds[Any(0, 3)];
  if (kind == Kind::kNot) children.resize(1);
  return OfKind(kind, std::move(children));
}

Condition AnyRuleCondition(int& line) {
  const Kind kinds[] = {Kind::kSomeContract, Kind::kNoContract, Kind::kEveryContract};
  Condition inner = OfKind(kinds[OneIn(2) ? 0 : Any(0, 3)], {OfKind(Kind::kAll, {AnyCondition(2, line)})});
  return OneIn(4) ? OfKind(Kind::kNot, {std::move(inner)}) : inner;
}

void FillByChance(World& world, int people) {
  world.NoLimits();
  world.AddGroup("lyceum", "lyceum");
  world.configuration.rules.clear();
  int line = 0;
  for (const char* grant : {"ad/account", "ad/access", "ad/group:lyceum", "ad/class group", "ad/group:lyceum"}) {
    world.AddRule(absl::StrCat(grant, " ", world.configuration.rules.size()), AnyRuleCondition(line), {grant});
  }
  for (int i = 0; i < people; ++i) {
    Person& person = world.AddPerson(absl::StrCat(i), absl::StrCat("Sem", i), "Bakker");
    person.fields["custom.a"] = Value::Text(absl::StrCat(Any(0, 2)));
    for (int n = Any(0, 4); n > 0; --n) {
      Contract& contract = world.AddContract(person, OneIn(2) ? "placement" : "class_group",
                                             absl::StrCat("H", Any(0, 2)), absl::CivilDay(2026, 8, 1) + n);
      contract.fields["location.code"] = Value::Text(absl::StrCat("H", Any(0, 2)));
    }
  }
}

void ChangeByChance(World& world, int people) {
  for (int i = 0; i < people; ++i) {
    Person& person = world.Find(absl::StrCat(i));
    if (OneIn(3)) person.fields["custom.a"] = Value::Text(absl::StrCat(Any(0, 2)));
    for (Contract& contract : person.contracts) {
      if (OneIn(3)) contract.fields["location.code"] = Value::Text(absl::StrCat("H", Any(0, 2)));
      if (OneIn(6)) contract.end = world.today - 1;
    }
  }
}

void HideByChance(World& world, int people) {
  for (int i = 0; i < people; ++i) {
    Person& person = world.Find(absl::StrCat(i));
    if (OneIn(3)) person.fields.erase("custom.a");
    for (Contract& contract : person.contracts) {
      for (const char* field : {"location.code", "department.code", "department.id"}) {
        if (OneIn(4)) contract.fields.erase(field);
      }
    }
  }
}

std::set<std::string> Changing(const Plan& plan) {
  std::set<std::string> lines;
  for (const PlannedOperation& operation : plan.operations) {
    if (operation.kind == OperationKind::kUpdate || operation.person_id.empty()) continue;
    lines.insert(absl::StrCat(std::string(OperationKindName(operation.kind)), " ", operation.person_id, " ",
                              operation.entitlement));
  }
  return lines;
}

std::set<std::string> Updating(const Plan& plan) {
  std::set<std::string> lines;
  for (const PlannedOperation& operation : plan.operations) {
    if (operation.kind != OperationKind::kUpdate) continue;
    for (const AttributeChange& change : operation.changes) {
      lines.insert(absl::StrCat(operation.person_id, " ", change.attribute, " ", change.after.ToText()));
    }
  }
  return lines;
}

RC_GTEST_PROP(Unknown, WhatIsHiddenTakesNothingAwayAndGivesNothingThatWouldNotFollowIfItWereSeen, ()) {
  World world;
  const int people = Any(1, 8);
  FillByChance(world, people);
  for (int round = 0; round < 2; ++round) {
    for (const Block& block : world.Make().blocks) {
      world.state.approvals.push_back({block.id, block.system, block.kind, {block.ids.begin(), block.ids.end()}});
    }
    world.Run();
  }
  ChangeByChance(world, people);
  const Plan visible = world.Make();
  const std::set<std::string> seen = Changing(visible);
  HideByChance(world, people);
  const Plan hidden = world.Make();
  for (const std::string& line : Changing(hidden)) {
    // Whose account would be retired loses access by that, and not by an operation of its own.
    if (line.starts_with("disable ") && seen.contains("retire " + line.substr(8, 36) + " account")) continue;
    if (!seen.contains(line)) RC_FAIL(absl::StrCat("only because something is hidden: ", line));
  }
  const std::set<std::string> updates = Updating(visible);
  for (const std::string& line : Updating(hidden)) {
    if (!updates.contains(line)) RC_FAIL(absl::StrCat("written only because something is hidden: ", line));
  }
}

RC_GTEST_PROP(Explained, EveryGrantAndEveryNonGrantSaysWhyAndEvaluatesAgain, ()) {
  World world;
  const int people = Any(1, 6);
  FillByChance(world, people);
  if (OneIn(2)) world.Run();
  ChangeByChance(world, people);
  if (OneIn(2)) HideByChance(world, people);
  if (OneIn(3)) world.AddRule("Ghosts", SomeContract({Equals("contract.type", "placement")}), {"ad/group:ghosts"});
  if (OneIn(4)) world.state.activations["ad"].state = Activation::State::kObserving;
  if (OneIn(4)) world.configuration.systems["ad"].thresholds.clear();
  if (OneIn(4)) world.state.open_objects.insert("ad/" + world.Find("0").id);
  if (OneIn(4)) world.state.exclusions.push_back({world.Find("0").id, std::nullopt, "test"});
  if (OneIn(4)) world.AddGroup("h0", "les-h0");
  const PlanInput input = world.Input();
  for (int i = 0; i < people; ++i) {
    const Person& person = world.Find(absl::StrCat(i));
    std::set<std::string> asked = {"ad/account", "ad/access", "ad/group:lyceum"};
    for (const EntitlementIntervals& one : EvaluatePerson(person, world.configuration)) {
      if (!one.entitlement.ends_with(":")) asked.insert(absl::StrCat("ad/", one.entitlement));
    }
    for (const std::string& entitlement : asked) {
      const auto why = Explain(input, person.id, entitlement);
      RC_ASSERT(why.ok());
      for (const SupportReason& support : why->supports) RC_ASSERT(Reevaluates(support, input, person));
      const bool is_held = why->grant && why->grant->state == GrantState::kHeld;
      if (why->answer == Explanation::Answer::kGranted) {
        RC_ASSERT(!why->supports.empty());
        if (!is_held && why->note.empty()) RC_FAIL(absl::StrCat("no word on why it is not there: ", entitlement));
      } else {
        RC_ASSERT(!why->supports.empty() || !why->missed.empty());
      }
    }
  }
}

}  // namespace
}  // namespace sluice::core
