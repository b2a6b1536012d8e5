#include "host/core/contract_window.h"

#include <algorithm>

namespace sluice::core {
namespace {

absl::CivilDay Clip(absl::CivilDay day) { return std::clamp(day, kFirstDay, kLastDay); }

absl::CivilDay Later(absl::CivilDay day, int64_t days) { return day == kLastDay ? day : Clip(day + days); }

}  // namespace

int64_t VanishGraceOf(const Person& person, const Configuration& configuration) {
  int64_t grace = 0;
  bool is_known = false;
  for (const RecordKey& source : person.sources) {
    const SystemSpec* system = configuration.FindSystem(source.system);
    if (system == nullptr) continue;
    grace = std::max(grace, system->vanish_grace_days);
    is_known = true;
  }
  return is_known ? grace : 7;
}

ContractWindow WindowOf(const Person& person, const Contract& contract, int64_t before_start, int64_t after_end,
                        int64_t grace) {
  absl::CivilDay end = contract.end.value_or(kLastDay);
  if (contract.last_seen && (!person.last_seen || *contract.last_seen < *person.last_seen)) {
    end = std::min(end, *contract.last_seen);
  }
  ContractWindow window{Clip(contract.start - before_start), Later(end, after_end)};
  if (person.last_seen) {
    const absl::CivilDay by_rule = Later(std::min(end, *person.last_seen), after_end);
    window.until = std::max(by_rule, std::min(window.until, Later(*person.last_seen, grace)));
  }
  return window;
}

std::vector<bool> InWindow(const Person& person, const Rule& rule, int64_t grace, absl::CivilDay day) {
  std::vector<bool> in_window;
  in_window.reserve(person.contracts.size());
  const bool is_over = day > LastDayOf(person, rule, grace);
  for (const Contract& contract : person.contracts) {
    in_window.push_back(!is_over &&
                        WindowOf(person, contract, rule.before_start_days, rule.after_end_days, grace).Has(day));
  }
  return in_window;
}

absl::CivilDay LastDayOf(const Person& person, const Rule& rule, int64_t grace) {
  if (!person.last_seen) return kLastDay;
  return Later(*person.last_seen, std::max(rule.after_end_days, grace));
}

}  // namespace sluice::core
