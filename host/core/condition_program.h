// How one test of a condition is answered, without building strings: for condition.cc and condition_explain.cc only.
//
// Compile() makes a TestProgram of each test and hangs it on the condition; a test that was not compiled is answered
// the same, slower. Immutable; safe on any thread.
#ifndef SLUICE_HOST_CORE_CONDITION_PROGRAM_H_
#define SLUICE_HOST_CORE_CONDITION_PROGRAM_H_

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "host/core/condition.h"
#include "re2/re2.h"

namespace sluice::core::internal {

struct TestProgram {
  enum class Place { kNowhere, kPerson, kContractField, kContractType, kContractStart, kContractEnd };
  Place place = Place::kNowhere;
  std::string key;  // Of the field, without "person." or "contract.".
  std::unique_ptr<RE2> pattern;
};

TestProgram::Place PlaceOf(absl::string_view path, absl::string_view& key);

// INVALID_ARGUMENT names an expression that does not compile.
absl::StatusOr<std::shared_ptr<const TestProgram>> MakeProgram(const Condition& test);

Verdict EvaluateTest(const Condition& test, const Subject& subject);

// What the test looks at; not visible when there is nothing.
Value SeenBy(const Condition& test, const Subject& subject);

inline Verdict Not(Verdict verdict) {
  return verdict == Verdict::kTrue ? Verdict::kFalse : verdict == Verdict::kFalse ? Verdict::kTrue : Verdict::kUnknown;
}
inline Verdict Of(bool is_true) { return is_true ? Verdict::kTrue : Verdict::kFalse; }

inline bool IsInWindow(const Subject& subject, size_t contract) {
  return subject.in_window == nullptr || (contract < subject.in_window->size() && (*subject.in_window)[contract]);
}
// The subject of a test inside a *_contract: one contract.
inline Subject WithContract(const Subject& subject, int contract) {
  Subject inner = subject;
  inner.contract = contract;
  return inner;
}

// How many in-window contracts satisfy the child of a *_contract for certain, and how many may.
struct ContractCount {
  int64_t in_window = 0, certain = 0, possible = 0;
};
ContractCount CountContracts(const Condition& condition, const Subject& subject);
Verdict EvaluateCount(const Condition& condition, const ContractCount& count);

}  // namespace sluice::core::internal

#endif  // SLUICE_HOST_CORE_CONDITION_PROGRAM_H_
