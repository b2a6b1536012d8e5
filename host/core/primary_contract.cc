#include "host/core/primary_contract.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"

namespace sluice::core {
namespace {

bool IsNumber(const Value& value) {
  return value.kind() == Value::Kind::kInteger || value.kind() == Value::Kind::kDecimal;
}

// Whole and millionths apart, so that no integer overflows.
std::pair<int64_t, int64_t> Parts(const Value& value) {
  if (value.kind() == Value::Kind::kInteger) return {value.integer(), 0};
  int64_t millionths = value.decimal().millionths;
  int64_t whole = millionths / 1000000;
  int64_t rest = millionths % 1000000;
  if (rest < 0) {
    rest += 1000000;
    --whole;
  }
  return {whole, rest};
}

template <typename T>
int Order(const T& a, const T& b) {
  return a < b ? -1 : b < a ? 1 : 0;
}

// Of two values that are there: negative when a is the smaller one.
int Compare(const Value& a, const Value& b) {
  if (IsNumber(a) && IsNumber(b)) return Order(Parts(a), Parts(b));
  if (a.kind() != b.kind()) return Order(a.kind(), b.kind());
  if (a.kind() == Value::Kind::kDate) return Order(a.date(), b.date());
  if (a.kind() == Value::Kind::kTime) return Order(a.time(), b.time());
  return Order(a.ToText(), b.ToText());
}

int CompareBy(const SortKey& key, const Person& person, const Contract& a, const Contract& b) {
  if (key.field == "id") return key.descending ? Order(b.id, a.id) : Order(a.id, b.id);
  if (key.field == "end") {
    absl::CivilDay end_a = a.EffectiveEnd().value_or(absl::CivilDay::max());
    absl::CivilDay end_b = b.EffectiveEnd().value_or(absl::CivilDay::max());
    return key.descending ? Order(end_b, end_a) : Order(end_a, end_b);
  }
  std::string path = absl::StrCat("contract.", key.field);
  Value value_a = FieldOf(person, &a, path);
  Value value_b = FieldOf(person, &b, path);
  if (value_a.has_value() != value_b.has_value()) return value_a.has_value() ? -1 : 1;
  if (!value_a.has_value()) return 0;
  return key.descending ? Compare(value_b, value_a) : Compare(value_a, value_b);
}

int TypeRank(const std::vector<std::string>& types, const std::string& type) {
  return static_cast<int>(std::find(types.begin(), types.end(), type) - types.begin());
}

// Group 0 is active, 1 future, 2 past; the second number puts the nearest of a group first.
std::pair<int, int64_t> TimeRank(const Contract& contract, absl::CivilDay as_of) {
  std::optional<absl::CivilDay> end = contract.EffectiveEnd();
  if (end && (*end < as_of || *end < contract.start)) return {2, as_of - *end};
  if (contract.start > as_of) return {1, contract.start - as_of};
  return {0, 0};
}

bool ComesBefore(const Person& person, const PrimaryContractSpec& spec, absl::CivilDay as_of, const Contract& a,
                 const Contract& b) {
  if (int order = Order(TimeRank(a, as_of), TimeRank(b, as_of)); order != 0) return order < 0;
  if (int order = Order(TypeRank(spec.types, a.type), TypeRank(spec.types, b.type)); order != 0) return order < 0;
  for (const SortKey& key : spec.then) {
    if (int order = CompareBy(key, person, a, b); order != 0) return order < 0;
  }
  return a.id < b.id;
}

}  // namespace

int PrimaryContractAmong(const Person& person, const std::vector<int>& contracts, const PrimaryContractSpec& spec,
                         absl::CivilDay as_of) {
  int best = -1;
  for (int index : contracts) {
    if (best < 0 || ComesBefore(person, spec, as_of, person.contracts[index], person.contracts[best])) best = index;
  }
  return best;
}

int PrimaryContract(const Person& person, const PrimaryContractSpec& spec, absl::CivilDay as_of) {
  std::vector<int> all(person.contracts.size());
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int>(i);
  return PrimaryContractAmong(person, all, spec, as_of);
}

std::vector<absl::CivilDay> PrimaryBreakpoints(const Person& person) {
  std::set<absl::CivilDay> days;
  for (const Contract& contract : person.contracts) {
    days.insert(contract.start);
    if (std::optional<absl::CivilDay> end = contract.EffectiveEnd()) days.insert(*end + 1);
  }
  return std::vector<absl::CivilDay>(days.begin(), days.end());
}

}  // namespace sluice::core
