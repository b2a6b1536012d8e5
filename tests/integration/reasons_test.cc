// Promise: every grant and every non-grant is explained, down to the raw record, and the explanation re-evaluates to
// the same answer. What re-evaluates here is written anew: it knows the rules of the demo board in words and reads what
// the API shows of people; it shares nothing with the host.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/civil_time.h"
#include "tests/integration/school.h"

namespace sluice::integration {
namespace {

constexpr char kToday[] = "2026-11-24";

// A rule of tests/data/configuration/waterlanden, in words.
struct RuleInWords {
  int before_start = 0, after_end = 0;
  std::set<std::string> gives;  // Entitlements; a class group's is told by its contract.
  std::function<bool(const Json& contract, const Json& person)> holds;
};

constexpr char kNotVisible[] = "?";  // What is not among the fields of a person or a contract.
std::string Field(const Json& of, const std::string& name) {
  return of["fields"].value(name, std::string(kNotVisible));
}
bool IsEmployedAs(const Json& contract, const std::set<std::string>& roles) {
  return contract["type"] == "employment" && roles.contains(Field(contract, "title.name"));
}

std::map<std::string, RuleInWords> Rules() {
  const auto is_placed = [](const Json& contract, const Json&) { return contract["type"] == "placement"; };
  std::map<std::string, RuleInWords> rules;
  rules["Pupils have an account"] = {14, 0, {"account"}, is_placed};
  rules["Pupils can sign in"] = {0, 0, {"access"}, is_placed};
  rules["Upper years of the lyceum borrow laptops"] = {
      0, 0, {"group:laptop-uitleen"}, [](const Json& contract, const Json& person) {
        return contract["type"] == "placement" && Field(contract, "location.code") == "31XY00" &&
               std::atoi(Field(contract, "custom.leerjaar").c_str()) >= 4 &&
               Field(person, "custom.geen_laptop") != "ja";
      }};
  rules["Every class has a group"] = {
      0, 0, {"class group"}, [](const Json& contract, const Json&) { return contract["type"] == "class_group"; }};
  const std::set<std::string> employee = {"account", "access"}, teachers = {"Docent", "LIO"};
  rules["Teachers of the lyceum"] = {14, 7, {"account", "access", "group:docenten"}, [=](const Json& c, const Json&) {
                                       return IsEmployedAs(c, teachers) && Field(c, "location.code") == "31XY00";
                                     }};
  rules["Teachers of the other schools"] = {
      14, 7, {"account", "access", "group:docenten"}, [=](const Json& c, const Json&) {
        return IsEmployedAs(c, teachers) && Field(c, "location.code") != "31XY00";
      }};
  rules["Team leaders"] = {
      14, 7, {"account", "access", "group:docenten", "group:teamleiders"}, [](const Json& c, const Json&) {
        return IsEmployedAs(c, {"Teamleider"});
      }};
  rules["Janitors"] = {
      14, 7, {"account", "access", "group:conciergerie", "group:laptop-uitleen"}, [](const Json& c, const Json&) {
        return IsEmployedAs(c, {"Conciërge"});
      }};
  rules["All other staff"] = {
      14, 7, employee, [](const Json& c, const Json&) {
        return c["type"] == "employment" && !IsEmployedAs(c, {"Docent", "LIO", "Teamleider", "Conciërge"});
      }};
  return rules;
}

std::string Shifted(const std::string& day, int days) {
  absl::CivilDay civil;
  return absl::ParseCivilTime(day, &civil) ? absl::FormatCivilTime(civil + days) : day;
}

bool IsInWindow(const Json& contract, const RuleInWords& rule) {
  const std::string start = contract["start"], end = contract["end"];
  return (start.empty() || Shifted(start, -rule.before_start) <= kToday) &&
         (end.empty() || Shifted(end, rule.after_end) >= kToday);
}

// "Docent or LIO", "not ja", "at least 4": what a clause wants, of what it saw.
bool Wants(const std::string& wanted, const std::string& saw) {
  if (absl::StartsWith(wanted, "not ")) return !Wants(wanted.substr(4), saw);
  if (absl::StartsWith(wanted, "at least ")) return std::atoi(saw.c_str()) >= std::atoi(wanted.substr(9).c_str());
  const std::vector<std::string> options = absl::StrSplit(wanted, " or ");
  return std::find(options.begin(), options.end(), saw) != options.end();
}

// One school; what the API shows of people is asked for once.
class ReasonsTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    SchoolOptions options;
    options.pupils = 84;
    options.staff = 20;
    school_ = new School(options);
    school_->Sluice({"import"});
    school_->ApproveAll();
    school_->Must({"system", "activate", "ad", "--reason", "in use"});
    plan_ = school_->Plan();
  }
  static void TearDownTestSuite() {
    delete school_;
    school_ = nullptr;
    people_.clear();
  }

  static const Json& Person(const std::string& number) {
    auto found = people_.find(number);
    if (found == people_.end())
      found = people_.emplace(number, school_->Must({"person", "show", number, "--raw"})).first;
    return found->second;
  }

  static const Json* ContractOf(const Json& person, const std::string& id) {
    for (const Json& contract : person["contracts"]) {
      if (contract["id"] == id) return &contract;
    }
    return nullptr;
  }

  // The line of the file that a position names.
  static std::string LineAt(const std::string& position) {
    const std::vector<std::string> parts = absl::StrSplit(position, ':');
    int number = 0;
    if (parts.size() != 3 || !absl::SimpleAtoi(parts[1], &number)) return "";
    const std::string text = ReadFile(absl::StrCat(school_->root(), "/waterlanden/", parts[0]));
    const std::vector<std::string> lines = absl::StrSplit(text, '\n');
    return number >= 1 && static_cast<size_t>(number) <= lines.size() ? lines[static_cast<size_t>(number) - 1] : "";
  }

  // A clause shows the value that the person or the contract really has, and its verdict follows from it: what may not
  // be seen is unknown.
  static void CheckClause(const Json& clause, const Json& person) {
    const std::string path = clause["path"], saw = clause["saw"];
    const std::string name = path.substr(path.find('.') + 1);
    std::string has;
    if (absl::StartsWith(path, "person.")) {
      has = Field(person, name);
    } else {
      const Json* contract = ContractOf(person, clause["contract_id"]);
      ASSERT_NE(contract, nullptr) << clause;
      has = name == "type" ? contract->at("type").get<std::string>() : Field(*contract, name);
    }
    const bool is_visible = has != kNotVisible;
    EXPECT_EQ(saw, is_visible ? has : "") << clause;
    EXPECT_EQ(clause["verdict"], !is_visible ? "unknown" : Wants(clause["wanted"], saw) ? "true" : "false") << clause;
    EXPECT_THAT(LineAt(clause["position"]), testing::HasSubstr(name)) << clause;
  }

  static void CheckRecords(const Json& support, const Json& person, const Json& contract) {
    std::set<std::string> raw;
    for (const Json& record : person["raw_records"])
      raw.insert(absl::StrCat(record["system"].get<std::string>(), " ", record["object_class"].get<std::string>(), " ",
                              record["id"].get<std::string>()));
    ASSERT_GE(support["records"].size(), 2u) << support;  // Of the contract, and of the person in each vestiging.
    EXPECT_EQ(support["records"][0], contract["record"]);
    for (const Json& record : support["records"]) EXPECT_TRUE(raw.contains(record.get<std::string>())) << record;
    // The contract says what its raw record says.
    static const std::map<std::string, std::vector<std::pair<std::string, std::string>>> kSameAs = {
        {"plaatsing", {{"location.code", "vestiging_code"}, {"department.code", "stamgroep_naam"}}},
        {"lesgroep_lid", {{"department.code", "naam"}, {"department.id", "lesgroep"}}},
        {"dienstverband", {{"title.name", "functie"}, {"location.code", "vestiging_code"}}}};
    for (const Json& record : person["raw_records"]) {
      if (!absl::EndsWith(contract["record"].get<std::string>(), " " + record["id"].get<std::string>())) continue;
      for (const auto& [field, attribute] : kSameAs.at(record["object_class"]))
        EXPECT_EQ(Field(contract, field), record["attributes"][attribute]) << record;
    }
  }

  // A reason, re-evaluated: rule and line, clauses, contract, window, raw records; and the rule in words agrees.
  static void CheckSupport(const Json& support, const Json& person, const std::string& entitlement) {
    const std::string name = support["rule"];
    ASSERT_TRUE(rules_.contains(name)) << support;
    const RuleInWords& rule = rules_.at(name);
    EXPECT_THAT(LineAt(support["position"]), testing::HasSubstr("- rule: " + name)) << support;
    EXPECT_TRUE(rule.gives.contains(entitlement)) << name << " does not give " << entitlement;
    ASSERT_FALSE(support["clauses"].empty());
    for (const Json& clause : support["clauses"]) {
      CheckClause(clause, person);
      EXPECT_EQ(clause["verdict"], "true") << clause;
    }
    const Json* contract = ContractOf(person, support["contract_id"]);
    ASSERT_NE(contract, nullptr) << support;
    EXPECT_TRUE(rule.holds(*contract, person)) << support;
    EXPECT_TRUE(IsInWindow(*contract, rule)) << support;
    const std::string start = contract->at("start"), end = contract->at("end");
    EXPECT_EQ(support["from"], start.empty() ? "" : Shifted(start, -rule.before_start));
    EXPECT_EQ(support["until"], end.empty() ? "" : Shifted(end, rule.after_end));
    CheckRecords(support, person, *contract);
  }

  static inline School* school_ = nullptr;
  static inline Json plan_;
  static inline std::map<std::string, Json> people_;
  static inline const std::map<std::string, RuleInWords> rules_ = Rules();
};

TEST_F(ReasonsTest, EveryReasonOfThePlanReEvaluatesToTheSameAnswer) {
  int checked = 0;
  for (const Json& operation : plan_["operations"]) {
    if (operation["person"] == "") continue;  // Of a resource: the reason of one who needs it.
    const Json& person = Person(operation["external_id"]);
    std::string entitlement = operation["entitlement"];
    std::string key;
    if (absl::StartsWith(entitlement, "class group:")) {
      key = entitlement.substr(12);
      entitlement = "class group";
    }
    ASSERT_FALSE(operation["supports"].empty()) << operation;
    EXPECT_FALSE(operation["summary"].get<std::string>().empty());
    for (const Json& support : operation["supports"]) {
      CheckSupport(support, person, entitlement);
      if (HasFatalFailure()) return;
      if (!key.empty()) {
        EXPECT_EQ(Field(*ContractOf(person, support["contract_id"]), "department.id"), key);
      }
      ++checked;
    }
  }
  EXPECT_GT(checked, 1000);
}

TEST_F(ReasonsTest, WhatAHundredPeopleDoNotGetIsExplainedByEachRuleThatWouldGiveIt) {
  const std::vector<std::string> entitlements = {"group:laptop-uitleen", "group:docenten", "group:teamleiders",
                                                 "group:conciergerie"};
  int people = 0, refusals = 0;
  const Json list = school_->Must({"person", "list"});
  for (const Json& listed : list["persons"]) {
    const std::string number = listed["external_id"];
    if (number == "103012") continue;  // Held back: her name is too long for a CN.
    const Json& person = Person(number);
    const std::string& entitlement = entitlements[static_cast<size_t>(people++) % entitlements.size()];
    std::set<std::string> giving, rules;
    for (const auto& [name, rule] : rules_) {
      if (!rule.gives.contains(entitlement)) continue;
      rules.insert(name);
      for (const Json& contract : person["contracts"]) {
        if (IsInWindow(contract, rule) && rule.holds(contract, person)) giving.insert(name);
      }
    }
    const Json why = school_->Must({"why", number, "ad/" + entitlement});
    for (const Json& support : why["supports"]) CheckSupport(support, person, entitlement);
    if (!giving.empty()) {
      EXPECT_NE(why["answer"], "not_granted") << number << " " << entitlement;
      std::set<std::string> supporting;
      for (const Json& support : why["supports"]) supporting.insert(support["rule"].get<std::string>());
      EXPECT_EQ(supporting, giving) << number << " " << entitlement;
      continue;
    }
    ++refusals;
    EXPECT_EQ(why["answer"], "not_granted") << number << " " << entitlement;
    EXPECT_TRUE(why["supports"].empty());
    std::set<std::string> missed;
    for (const Json& rule : why["missed"]) {
      missed.insert(rule["rule"].get<std::string>());
      EXPECT_THAT(LineAt(rule["position"]), testing::HasSubstr("- rule: " + rule["rule"].get<std::string>()));
      bool is_refused = !rule["window"].get<std::string>().empty();
      for (const Json& clause : rule["clauses"]) {
        CheckClause(clause, person);
        is_refused |= clause["verdict"] == "false";
      }
      EXPECT_TRUE(is_refused) << rule;
    }
    EXPECT_EQ(missed, rules) << number << " " << entitlement;
    if (HasFatalFailure()) return;
  }
  EXPECT_GE(people, 100);
  EXPECT_GT(refusals, 70);
}

}  // namespace
}  // namespace sluice::integration
