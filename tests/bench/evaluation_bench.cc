// How long it takes to evaluate a whole board over all dates: every person against 200 rules of the kinds that schools
// write, one thread. A tenth are staff; a pupil has a placement and eight class groups.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "host/core/evaluation.h"
#include "host/core/planner_test_world.h"

namespace sluice::core {
namespace {

using testing::Clause;
using testing::Equals;
using testing::OfKind;
using testing::SomeContract;

constexpr int kLocations = 15;

std::string Location(int number) { return absl::StrCat("31XY", number < 10 ? "0" : "", number); }
std::string Class(int year, int letter, int location) {
  return absl::StrCat("h", year, std::string(1, static_cast<char>('a' + letter)), "-", location);
}
std::string Lesson(int subject, int year, int location) {
  return absl::StrCat("h", year, ".vak", subject, "-", location);
}

Condition Texts(const std::string& path, const std::vector<std::string>& texts) {
  std::vector<Value> values;
  for (const std::string& text : texts) values.push_back(Value::Text(text));
  return Clause(path, TestOperator::kIn, std::move(values));
}

Condition Born(int years_ago) {
  Condition test = Clause("person.details.birth_date", TestOperator::kLe, {});
  test.operands.push_back({Value(), true, -years_ago * 365});
  return test;
}

// 200 rules: three for everybody, the rest for one location, year, class, subject or function.
void AddRules(testing::World& world) {
  std::vector<Rule>& rules = world.configuration.rules;
  rules.clear();
  const auto placement = [] { return Equals("contract.type", "placement"); };
  const auto employment = [] { return Equals("contract.type", "employment"); };
  world.AddRule("account", SomeContract({placement()}), {"ad/account"}).before_start_days = 14;
  world.AddRule("access", SomeContract({placement()}), {"ad/access"});
  world.AddRule("lessons", SomeContract({Equals("contract.type", "class_group")}), {"ad/class group"});
  world.AddRule("staff", SomeContract({employment()}), {"ad/account", "ad/access", "ad/group:staff"});
  for (int i = 0; rules.size() < 200; ++i) {
    const int location = i % kLocations, year = 1 + i % 6;
    const std::string group = absl::StrCat("ad/group:g", i);
    const Condition here = Equals("contract.location.code", Location(location));
    switch (i % 7) {
      case 0:
        world.AddRule(group, SomeContract({placement(), here}), {group}).before_start_days = 14;
        break;
      case 1:
        world.AddRule(group,
                      SomeContract({placement(), here,
                                    Clause("contract.custom.leerjaar", TestOperator::kGe, {Value::Integer(year)})}),
                      {group});
        break;
      case 2: {
        Rule& rule =
            world.AddRule(group, SomeContract({employment(), Texts("contract.title.name", {"Docent", "LIO"}), here}),
                          {group, "ad/group:teachers"});
        rule.before_start_days = 14;
        rule.after_end_days = 7;
        break;
      }
      case 3:
        world.AddRule(group,
                      SomeContract({Equals("contract.type", "class_group"),
                                    Texts("contract.department.code",
                                          {Lesson(i % 8, year, location), Lesson((i + 1) % 8, year, location)})}),
                      {group});
        break;
      case 4:
        world.AddRule(
            group,
            OfKind(Condition::Kind::kAll, {SomeContract({placement(), here}),
                                           OfKind(Condition::Kind::kNot, {Equals("person.custom.geen_laptop", "ja")})}),
            {group});
        break;
      case 5:
        world.AddRule(group,
                      OfKind(Condition::Kind::kAny,
                             {SomeContract({Equals("contract.department.code", Class(year, i % 4, location))}),
                              SomeContract({employment(), here})}),
                      {group});
        break;
      default:
        if (i % 14 == 6) {
          world.AddRule(group, OfKind(Condition::Kind::kPrimaryContract, {placement(), here}), {group});
        } else {
          world.AddRule(group, OfKind(Condition::Kind::kAll, {SomeContract({here}), Born(16 + i % 3)}), {group});
        }
    }
  }
}

Contract MakeContract(const std::string& type, const std::string& person, const std::string& code, int location) {
  Contract contract;
  contract.id = absl::StrCat(type, "-", person, "-", code);
  contract.type = type;
  contract.start = absl::CivilDay(2026, 8, 1);
  contract.end = absl::CivilDay(2027, 7, 31);
  contract.source = {"somtoday", Location(location), type, contract.id};
  contract.fields = {{"department.id", Value::Text("id-" + code)},
                     {"department.code", Value::Text(code)},
                     {"location.id", Value::Text(absl::StrCat("vestiging-", location))},
                     {"location.code", Value::Text(Location(location))},
                     {"location.name", Value::Text(absl::StrCat("School ", location))},
                     {"custom.schooljaar", Value::Text("2026/2027")}};
  return contract;
}

std::shared_ptr<const Person> MakePerson(int number) {
  auto person = std::make_shared<Person>();
  const int location = number % kLocations, year = 1 + number % 6;
  person->external_id = absl::StrCat(100000 + number);
  person->id = PersonId("somtoday", "leerling", person->external_id);
  person->display = absl::StrCat("Pupil ", number);
  person->fields = {{"external_id", Value::Text(person->external_id)},
                    {"name.nick", Value::Text(absl::StrCat("Nick", number))},
                    {"name.family_all", Value::Text(absl::StrCat("Family", number))},
                    {"name.display", Value::Text(person->display)},
                    {"custom.geen_laptop", Value::Text(number % 50 == 0 ? "ja" : "nee")},
                    {"details.birth_date", Value::Date(absl::CivilDay(2009 + number % 6, 1 + number % 12, 1))}};
  person->sources = {{"somtoday", Location(location), "leerling", person->external_id}};
  const std::string& who = person->external_id;
  if (number % 10 == 0) {
    Contract employment = MakeContract("employment", who, Location(location), location);
    employment.fields["title.name"] = Value::Text(number % 30 == 0 ? "Docent" : number % 20 == 0 ? "LIO" : "Conciërge");
    person->contracts.push_back(std::move(employment));
  } else {
    Contract placement = MakeContract("placement", who, Class(year, number % 4, location), location);
    placement.fields["custom.leerjaar"] = Value::Integer(year);
    person->contracts.push_back(std::move(placement));
  }
  for (int subject = 0; subject < 8; ++subject) {
    person->contracts.push_back(MakeContract("class_group", who, Lesson(subject, year, location), location));
  }
  std::sort(person->contracts.begin(), person->contracts.end(),
            [](const Contract& a, const Contract& b) { return a.id < b.id; });
  return person;
}

void EvaluateEverybody(benchmark::State& state) {
  testing::World world;
  AddRules(world);
  std::vector<std::shared_ptr<const Person>> persons;
  for (int number = 0; number < state.range(0); ++number) persons.push_back(MakePerson(number));
  int64_t intervals = 0;
  for (auto _ : state) {
    intervals = 0;
    const Evaluator evaluator(world.configuration);
    for (const auto& person : persons) {
      for (const EntitlementIntervals& entitlement : evaluator.Evaluate(*person))
        intervals += static_cast<int64_t>(entitlement.intervals.size());
    }
  }
  state.counters["intervals"] = static_cast<double>(intervals);
}
BENCHMARK(EvaluateEverybody)->Arg(3000)->Arg(30000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sluice::core

BENCHMARK_MAIN();
