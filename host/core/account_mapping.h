// What a target's account (or object) of a person should look like on a day: each attribute's value, or why it cannot
// be said.
//
// Pure functions, safe on any thread. A mapping outlives nothing: it is built for one target and one evaluation, and
// the configuration and the schema outlive it. Messages name attributes and limits, never a value.
#ifndef SLUICE_HOST_CORE_ACCOUNT_MAPPING_H_
#define SLUICE_HOST_CORE_ACCOUNT_MAPPING_H_

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "host/core/condition.h"
#include "host/core/configuration.h"
#include "host/core/person.h"
#include "host/core/state.h"

namespace re2 {
class RE2;
}

namespace sluice::core {

// One person's account on one day.
struct AccountValues {
  Fields always;                                               // Written in creates and updates; empty ones clear.
  Fields on_create;                                            // Written in creates only.
  std::map<std::string, std::vector<std::string>> candidates;  // Attribute -> names to try, in order.
  std::vector<std::string> secrets;                            // Attributes that get a generated secret.
  std::vector<std::pair<std::string, Value>> correlate;        // In the configuration's order.
  std::string problem;                                         // Why the person is held back; empty: nothing is wrong.
};

// Attributes that the host itself gives a meaning, whatever a target's schema says.
bool IsHostAttribute(absl::string_view name);

// A place in a directory tree, to compare: without case, and without blanks around its parts.
std::string PlaceKey(absl::string_view place);

class AccountMapping {
 public:
  AccountMapping(const SystemSpec& system, const TargetSchema& schema);
  ~AccountMapping();

  // `subject.contract` is the contract that the account speaks of; -1: none, its fields are not visible.
  // `is_there`: the account is held, so that candidates of names, which are written once, are left out.
  AccountValues Evaluate(const Subject& subject, bool is_there = false) const;

  // What is wrong with a value of an attribute by the target's schema: "sn is longer than 64 characters"; empty:
  // nothing.
  std::string CheckValue(const std::string& object_class, const std::string& attribute, const Value& value) const;

  // Whether two values of an attribute are one to the target: as text, lists as sets, without regard to case where the
  // schema says so and for `parent`. What is not visible differs from nothing.
  bool IsSame(const std::string& object_class, const std::string& attribute, const Value& a, const Value& b) const;

  // The schema is known and has no such attribute: it is never written.
  bool IsMissing(const std::string& object_class, const std::string& attribute) const;

  // Null when the schema does not know it.
  const TargetAttribute* Attribute(const std::string& object_class, const std::string& attribute) const;

  // What an account is called by, where it is mapped; else empty.
  std::string LabelAttribute() const;

  // The domain in which an attribute's values are unique; empty: none.
  std::string DomainOf(const std::string& object_class, const std::string& attribute) const;

 private:
  void EvaluateField(const AccountField& field, const Subject& subject, bool is_there, AccountValues& values) const;

  const SystemSpec& system_;
  const TargetSchema& schema_;
  std::vector<std::string> attributes_;  // Every mapped one that the target has, in order of first mention.
  std::map<std::pair<std::string, std::string>, std::unique_ptr<re2::RE2>> allowed_;
};

}  // namespace sluice::core

#endif  // SLUICE_HOST_CORE_ACCOUNT_MAPPING_H_
