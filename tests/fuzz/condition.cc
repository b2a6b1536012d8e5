#include "host/core/condition.h"

#include "host/config/parse_condition.h"
#include "tests/fuzz/targets.h"

namespace sluice::fuzz {
namespace {

using core::Value;

core::Person MakePerson() {
  core::Person person;
  person.id = "p";
  person.external_id = "104233";
  person.fields = {{"name.nick", Value::Text("Noor")},        {"custom.leerjaar", Value::Integer(4)},
                   {"custom.geen_laptop", Value::Flag(true)}, {"birth_date", Value::Date(absl::CivilDay(2010, 2, 28))},
                   {"custom.empty", Value::Empty()},          {"name.family_all", Value::Text("Ça\xcc\x8c de Boer")}};
  for (const char* type : {"placement", "class_group", "employment"}) {
    core::Contract contract;
    contract.id = type;
    contract.type = type;
    contract.start = absl::CivilDay(2026, 8, 1);
    if (contract.type != "employment") contract.end = absl::CivilDay(2027, 7, 31);
    contract.fields = {{"location.code", Value::Text("31XY00")},
                       {"custom.leerjaar", Value::Integer(4)},
                       {"title.name", Value::Text("Docent")},
                       {"fte", Value::Text("0,8")}};
    person.contracts.push_back(contract);
  }
  return person;
}

bool HasTests(const core::Condition& condition) {
  if (condition.kind == core::Condition::Kind::kTest) return true;
  for (const core::Condition& child : condition.children) {
    if (HasTests(child)) return true;
  }
  return false;
}

}  // namespace

void FuzzCondition(absl::string_view input) {
  const absl::StatusOr<core::Condition> condition = config::ParseCondition(std::string(input));
  if (!condition.ok()) {
    Expect(!condition.status().message().empty(), "a refusal says why");
    return;
  }
  static const core::Person* const kPerson = new core::Person(MakePerson());
  core::PathsOf(*condition);
  core::RelativeDaysOf(*condition);
  for (const std::vector<bool>& in_window :
       {std::vector<bool>{true, true, true}, {false, true, false}, {false, false, false}}) {
    for (const int primary : {-1, 0, 2}) {
      const core::Subject subject{kPerson, &in_window, primary, primary, absl::CivilDay(2026, 11, 24)};
      const core::Verdict verdict = core::Evaluate(*condition, subject);
      Expect(core::Evaluate(*condition, subject) == verdict, "the same question has the same answer");
      const std::vector<core::ClauseResult> clauses = core::Explain(*condition, subject);
      Expect(!HasTests(*condition) || !clauses.empty(), "an explanation is never empty");
      if (verdict != core::Verdict::kTrue) continue;
      for (const int at : core::MatchingContracts(*condition, subject)) {
        Expect(at >= 0 && at < 3 && in_window[static_cast<size_t>(at)], "a contract that matches is in the window");
      }
    }
  }
}

}  // namespace sluice::fuzz
