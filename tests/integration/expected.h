// What the directory ought to hold on a day, computed from the twin's own state by code that shares nothing with the
// host: a few lines for the rules of tests/data/configuration/waterlanden, written down once more.
//
// Pure; may be called from anywhere.
#ifndef SLUICE_TESTS_INTEGRATION_EXPECTED_H_
#define SLUICE_TESTS_INTEGRATION_EXPECTED_H_

#include <map>
#include <set>
#include <string>

#include "nlohmann/json.hpp"

namespace sluice::integration {

struct ExpectedSchool {
  std::set<std::string> people;                         // By number: "103001", "D52001"; each has an enabled account.
  std::map<std::string, std::set<std::string>> groups;  // Name -> numbers of its members; only groups with members.
  std::map<std::string, int> years;                     // Of pupils: leerjaar.
};

// `state` is what GET /__sim/state says; it holds the day.
ExpectedSchool ExpectedOf(const nlohmann::json& state);

}  // namespace sluice::integration

#endif  // SLUICE_TESTS_INTEGRATION_EXPECTED_H_
