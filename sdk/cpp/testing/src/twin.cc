// Faults, log, clock and state of a twin; the server is in twin_server.cc.
#include "sluice/connector/testing/twin.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <set>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "nlohmann/json.hpp"
#include "re2/re2.h"

namespace sluice::connector::testing {
namespace {

constexpr size_t kLogEntries = 200'000;

}  // namespace

struct TwinFaults::State {
  struct Entry {
    TwinFault fault;
    std::unique_ptr<re2::RE2> route;
  };
  std::set<std::string> kinds = {"status", "slow", "truncate", "reset", "html", "invalid_json", "empty_object"};
  absl::Mutex mutex;
  std::vector<Entry> entries ABSL_GUARDED_BY(mutex);
  int last_id ABSL_GUARDED_BY(mutex) = 0;
};

TwinFaults::TwinFaults(const std::vector<std::string>& own_kinds) : state_(std::make_unique<State>()) {
  state_->kinds.insert(own_kinds.begin(), own_kinds.end());
}

TwinFaults::~TwinFaults() = default;

absl::StatusOr<int> TwinFaults::Add(TwinFault fault) {
  if (!state_->kinds.contains(fault.kind))
    return absl::InvalidArgumentError(absl::StrCat("unknown kind '", fault.kind, "'"));
  State::Entry entry;
  entry.route = std::make_unique<re2::RE2>(fault.route, re2::RE2::Quiet);
  if (!entry.route->ok()) return absl::InvalidArgumentError(absl::StrCat("route: ", entry.route->error()));
  entry.fault = std::move(fault);
  absl::MutexLock lock(&state_->mutex);
  entry.fault.id = ++state_->last_id;
  state_->entries.push_back(std::move(entry));
  return state_->last_id;
}

absl::StatusOr<int> TwinFaults::AddJson(AnyText text) {
  TwinFault fault;
  try {
    const auto json = nlohmann::json::parse(text.view());
    fault.route = json.at("route").get<std::string>();
    fault.kind = json.at("kind").get<std::string>();
    fault.status = json.value("status", fault.kind == "status" ? 500 : 200);
    fault.retry_after = json.value("retry_after", std::string());
    fault.delay_ms = json.value("delay_ms", fault.kind == "slow" ? 1000 : 0);
    fault.skip = json.value("skip", 0);
    fault.count = json.value("count", 0);
  } catch (const std::exception& error) {
    return absl::InvalidArgumentError(error.what());
  }
  return Add(std::move(fault));
}

void TwinFaults::Clear() {
  absl::MutexLock lock(&state_->mutex);
  state_->entries.clear();
}

bool TwinFaults::Remove(int id) {
  absl::MutexLock lock(&state_->mutex);
  return std::erase_if(state_->entries, [id](const State::Entry& entry) { return entry.fault.id == id; }) > 0;
}

std::vector<TwinFault> TwinFaults::List() const {
  absl::MutexLock lock(&state_->mutex);
  std::vector<TwinFault> faults;
  for (const State::Entry& entry : state_->entries) faults.push_back(entry.fault);
  return faults;
}

std::vector<TwinFault> TwinFaults::Unused() const {
  std::vector<TwinFault> faults = List();
  std::erase_if(faults, [](const TwinFault& fault) { return fault.used > 0 && fault.used >= fault.count; });
  return faults;
}

std::optional<TwinFault> TwinFaults::Take(const std::string& line) {
  absl::MutexLock lock(&state_->mutex);
  for (State::Entry& entry : state_->entries) {
    TwinFault& fault = entry.fault;
    if (fault.count > 0 && fault.used >= fault.count) continue;
    if (!re2::RE2::PartialMatch(line, *entry.route)) continue;
    if (fault.skip > 0) {
      --fault.skip;
      continue;
    }
    ++fault.used;
    return fault;
  }
  return std::nullopt;
}

struct TwinLog::State {
  mutable absl::Mutex mutex;
  std::vector<TwinLogEntry> entries ABSL_GUARDED_BY(mutex);
  std::map<std::string, uint64_t> counters ABSL_GUARDED_BY(mutex);
  uint64_t in_flight ABSL_GUARDED_BY(mutex) = 0;
  uint64_t most_in_flight ABSL_GUARDED_BY(mutex) = 0;
};

TwinLog::TwinLog() : state_(std::make_unique<State>()) {}
TwinLog::~TwinLog() = default;

std::vector<TwinLogEntry> TwinLog::Entries() const {
  absl::MutexLock lock(&state_->mutex);
  return state_->entries;
}

std::map<std::string, uint64_t> TwinLog::Counters() const {
  absl::MutexLock lock(&state_->mutex);
  std::map<std::string, uint64_t> counters = state_->counters;
  counters["most_in_flight"] = state_->most_in_flight;
  return counters;
}

uint64_t TwinLog::Counter(AnyText name) const {
  const std::map<std::string, uint64_t> counters = Counters();
  const auto found = counters.find(name.str());
  return found == counters.end() ? 0 : found->second;
}

void TwinLog::Clear() {
  absl::MutexLock lock(&state_->mutex);
  state_->entries.clear();
  state_->counters.clear();
  state_->most_in_flight = state_->in_flight;
}

void TwinLog::Enter() {
  absl::MutexLock lock(&state_->mutex);
  state_->most_in_flight = std::max(state_->most_in_flight, ++state_->in_flight);
}

void TwinLog::Leave(const TwinRequest& request, const std::string& pattern, const TwinAnswer& answer,
                    const std::string& fault) {
  absl::MutexLock lock(&state_->mutex);
  --state_->in_flight;
  ++state_->counters["requests"];
  if (!request.only_reads()) ++state_->counters["writes"];
  ++state_->counters[absl::StrCat(request.method, " ", pattern)];
  ++state_->counters[absl::StrCat("status ", answer.status)];
  if (state_->entries.size() < kLogEntries)
    state_->entries.push_back({request.Line(), fault, answer.status, answer.items});
}

std::string TwinClock::Line() const {
  std::string line;
  if (file_.empty()) return line;
  std::ifstream file(file_);
  std::getline(file, line);
  return line;
}

absl::Time TwinClock::Now() const {
  absl::Time time;
  std::string error;
  if (absl::ParseTime(absl::RFC3339_full, Line(), &time, &error)) return time;
  return absl::Now();
}

absl::CivilDay TwinClock::Today() const {
  absl::CivilDay day;
  if (absl::ParseCivilTime(Line().substr(0, 10), &day)) return day;
  absl::TimeZone zone;
  if (!absl::LoadTimeZone("Europe/Amsterdam", &zone)) zone = absl::UTCTimeZone();
  return absl::ToCivilDay(absl::Now(), zone);
}

absl::Status TwinClock::Set(absl::Time time) const {
  const std::string half = file_ + ".new";
  {
    std::ofstream out(half);
    out << absl::FormatTime(absl::RFC3339_full, time, absl::UTCTimeZone()) << "\n";
  }
  if (file_.empty() || std::rename(half.c_str(), file_.c_str()) != 0)
    return absl::UnavailableError(absl::StrCat("the clock file '", file_, "' cannot be written"));
  return absl::OkStatus();
}

struct TwinState::Table {
  mutable absl::Mutex mutex;
  std::map<std::string, std::map<std::string, Object>> objects ABSL_GUARDED_BY(mutex);
  uint64_t last_version ABSL_GUARDED_BY(mutex) = 0;
};

TwinState::TwinState() : table_(std::make_unique<Table>()) {}
TwinState::~TwinState() = default;

uint64_t TwinState::Put(AnyText object_class, AnyText id, std::map<std::string, std::string> fields) {
  absl::MutexLock lock(&table_->mutex);
  table_->objects[object_class.str()][id.str()] = Object{std::move(fields), ++table_->last_version};
  return table_->last_version;
}

std::optional<TwinState::Object> TwinState::Find(AnyText object_class, AnyText id) const {
  absl::MutexLock lock(&table_->mutex);
  const auto objects = table_->objects.find(object_class.str());
  if (objects == table_->objects.end()) return std::nullopt;
  const auto found = objects->second.find(id.str());
  return found == objects->second.end() ? std::nullopt : std::optional<Object>(found->second);
}

bool TwinState::Erase(AnyText object_class, AnyText id) {
  absl::MutexLock lock(&table_->mutex);
  const auto objects = table_->objects.find(object_class.str());
  return objects != table_->objects.end() && objects->second.erase(id.str()) > 0;
}

std::vector<std::pair<std::string, TwinState::Object>> TwinState::List(AnyText object_class, size_t skip,
                                                                       size_t take) const {
  absl::MutexLock lock(&table_->mutex);
  std::vector<std::pair<std::string, Object>> list;
  const auto objects = table_->objects.find(object_class.str());
  if (objects == table_->objects.end()) return list;
  for (const auto& [id, object] : objects->second) {
    if (skip > 0) {
      --skip;
    } else if (list.size() < take) {
      list.emplace_back(id, object);
    }
  }
  return list;
}

size_t TwinState::size(AnyText object_class) const {
  absl::MutexLock lock(&table_->mutex);
  const auto objects = table_->objects.find(object_class.str());
  return objects == table_->objects.end() ? 0 : objects->second.size();
}

std::string Twin::PatternOf(const std::string& path) const {
  std::string pattern;
  for (absl::string_view step : absl::StrSplit(path, '/', absl::SkipEmpty())) {
    const bool has_digit = step.find_first_of("0123456789") != absl::string_view::npos;
    absl::StrAppend(&pattern, pattern.empty() ? "" : "/", has_digit ? "*" : step);
  }
  return pattern;
}

}  // namespace sluice::connector::testing
