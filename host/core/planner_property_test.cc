#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <random>

#include "absl/strings/str_cat.h"
#include "host/core/planner_test_world.h"

namespace sluice::core {
namespace {

using testing::Equals;
using testing::SomeContract;
using testing::World;

// What makes a school; a world is built from it, in any order of its people.
struct Pupil {
  int number = 0;
  int family = 0, code = 0;
  int start = 0, length = 0;  // Days after 1 August; 0: open.
  bool is_visible = true, is_excluded = false;
};

std::vector<Pupil> AnyPupils() {
  const auto size = *rc::gen::inRange(1, 25);
  std::vector<Pupil> pupils;
  for (int i = 0; i < size; ++i) {
    Pupil pupil;
    pupil.number = i;
    pupil.family = *rc::gen::inRange(0, 4);
    pupil.code = *rc::gen::inRange(0, 4);
    pupil.start = *rc::gen::inRange(0, 200);
    pupil.length = *rc::gen::inRange(0, 200);
    pupil.is_visible = *rc::gen::inRange(0, 5) != 0;
    pupil.is_excluded = *rc::gen::inRange(0, 8) == 0;
    pupils.push_back(pupil);
  }
  return pupils;
}

void Fill(World& world, const std::vector<Pupil>& pupils) {
  world.NoLimits();
  world.AddRule("Lyceum", SomeContract({Equals("contract.location.code", "31XY00")}), {"ad/group:lyceum"});
  world.AddGroup("lyceum", "lyceum");
  world.AddAccount("old-1", {{"employeeID", Value::Text("1")}});
  world.AddAccount("old-2", {{"employeeID", Value::Text("2")}});
  world.AddAccount("old-2b", {{"employeeID", Value::Text("2")}});
  for (const Pupil& pupil : pupils) {
    Person& person = world.AddPerson(absl::StrCat(pupil.number), "Sem", absl::StrCat("Bakker", pupil.family));
    const absl::CivilDay start = absl::CivilDay(2026, 8, 1) + pupil.start;
    const std::optional<absl::CivilDay> end =
        pupil.length == 0 ? std::nullopt : std::optional<absl::CivilDay>(start + pupil.length);
    for (const char* type : {"placement", "class_group"}) {
      Contract& contract = world.AddContract(person, type, absl::StrCat("H", pupil.code), start, end);
      if (!pupil.is_visible) contract.fields.erase("location.code");
    }
    if (pupil.is_excluded) world.state.exclusions.push_back({person.id, std::nullopt, "test"});
  }
}

template <typename Items>
void Shuffle(Items& items, std::mt19937& random) {
  std::shuffle(items.begin(), items.end(), random);
}

RC_GTEST_PROP(Purity, AShuffleOfTheInputGivesTheSameBytes, ()) {
  std::vector<Pupil> pupils = AnyPupils();
  std::mt19937 random(*rc::gen::inRange(0, 1000000));
  World one, other;
  Fill(one, pupils);
  Shuffle(pupils, random);
  Fill(other, pupils);
  Shuffle(other.state.observed["ad"].records, random);
  RC_ASSERT(ToJson(one.Make()).dump() == ToJson(other.Make()).dump());
  // And a day later, with everything held, in another order of the state.
  one.Run();
  other.state = one.state;
  Shuffle(other.state.grants, random);
  Shuffle(other.state.names, random);
  Shuffle(other.state.resources, random);
  Shuffle(other.state.observed["ad"].records, random);
  one.today = other.today = absl::CivilDay(2027, 2, 1);
  RC_ASSERT(ToJson(one.Make()).dump() == ToJson(other.Make()).dump());
}

RC_GTEST_PROP(Purity, WhatWasCarriedOutIsNotPlannedAgain, ()) {
  World world;
  Fill(world, AnyPupils());
  for (int day = 0; day < 4; ++day) {
    world.today = absl::CivilDay(2026, 8, 1) + *rc::gen::inRange(0, 700);
    // Blocks of the half rule are approved.
    for (int round = 0; round < 2; ++round) {
      for (const Block& block : world.Make().blocks) {
        world.state.approvals.push_back({block.id, block.system, block.kind, {block.ids.begin(), block.ids.end()}});
      }
      world.Run();
    }
    RC_ASSERT(world.Lines(world.Make()) == std::vector<std::string>());
  }
}

RC_GTEST_PROP(Unknown, AnUnknownNeverTakesAnythingAway, ()) {
  World world;
  std::vector<Pupil> pupils = AnyPupils();
  for (Pupil& pupil : pupils) pupil.is_visible = true;
  Fill(world, pupils);
  world.Run();
  // From here on nothing but the days of a contract can be seen, of anybody, and every contract is in scope.
  for (const Pupil& pupil : pupils) {
    for (Contract& contract : world.Find(absl::StrCat(pupil.number)).contracts) contract.fields.clear();
  }
  world.configuration.rules.clear();
  int line = 1;
  for (const char* grant : {"ad/account", "ad/access", "ad/class group", "ad/group:lyceum"}) {
    Rule& rule = world.AddRule(grant, SomeContract({Equals("contract.location.code", "31XY00", line++)}), {grant});
    rule.before_start_days = rule.after_end_days = 1000;
  }
  for (const PlannedOperation& operation : world.Make().operations) {
    RC_ASSERT(operation.kind == OperationKind::kUpdate || operation.kind == OperationKind::kCreateResource);
  }
}

}  // namespace
}  // namespace sluice::core
