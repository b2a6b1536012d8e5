#include "plugins/somtoday/twin/faults.h"

#include <set>

#include "absl/status/status.h"

namespace sluice::somtoday_twin {

absl::StatusOr<int> Faults::Add(const nlohmann::ordered_json& json) {
  static const auto* const kKinds = new std::set<std::string>{
      "status",     "truncate",  "reset",        "html",    "invalid_json", "empty_object", "slow",
      "empty_list", "half_list", "no_last_page", "reorder", "duplicate",    "short_page",   "shift"};
  Entry entry;
  Fault& fault = entry.fault;
  try {
    fault.route = json.at("route").get<std::string>();
    fault.kind = json.at("kind").get<std::string>();
    fault.status = json.value("status", fault.kind == "no_last_page" ? 200 : 500);
    fault.retry_after = json.value("retry_after", std::string());
    fault.delay_ms = json.value("delay_ms", fault.kind == "slow" ? 1000 : 0);
    fault.skip = json.value("skip", 0);
    fault.count = json.value("count", 0);
  } catch (const std::exception& error) {
    return absl::InvalidArgumentError(error.what());
  }
  if (!kKinds->contains(fault.kind)) return absl::InvalidArgumentError("unknown kind '" + fault.kind + "'");
  entry.route = std::make_unique<re2::RE2>(fault.route, re2::RE2::Quiet);
  if (!entry.route->ok()) return absl::InvalidArgumentError("route: " + entry.route->error());
  absl::MutexLock lock(&mutex_);
  fault.id = ++last_id_;
  entries_.push_back(std::move(entry));
  return last_id_;
}

void Faults::Clear() {
  absl::MutexLock lock(&mutex_);
  entries_.clear();
}

bool Faults::Remove(int id) {
  absl::MutexLock lock(&mutex_);
  return std::erase_if(entries_, [id](const Entry& entry) { return entry.fault.id == id; }) > 0;
}

nlohmann::ordered_json Faults::List() const {
  absl::MutexLock lock(&mutex_);
  auto list = nlohmann::ordered_json::array();
  for (const Entry& entry : entries_) {
    const Fault& fault = entry.fault;
    list.push_back(nlohmann::ordered_json::object({{"id", fault.id},
                                                   {"route", fault.route},
                                                   {"kind", fault.kind},
                                                   {"count", fault.count},
                                                   {"used", fault.used}}));
  }
  return list;
}

std::optional<Fault> Faults::Take(const std::string& request) {
  absl::MutexLock lock(&mutex_);
  for (Entry& entry : entries_) {
    Fault& fault = entry.fault;
    if (fault.count > 0 && fault.used >= fault.count) continue;
    if (!re2::RE2::PartialMatch(request, *entry.route)) continue;
    if (fault.skip > 0) {
      --fault.skip;
      continue;
    }
    ++fault.used;
    return fault;
  }
  return std::nullopt;
}

}  // namespace sluice::somtoday_twin
