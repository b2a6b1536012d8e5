// The admin endpoint of the twin: what tests use to look behind the interface and to break it.

#include <algorithm>

#include "absl/strings/str_split.h"
#include "plugins/somtoday/twin/connect.h"
#include "plugins/somtoday/twin/events.h"

namespace sluice::somtoday_twin {
namespace {

constexpr size_t kLogEntries = 200'000;

Answer Say(int status, const Json& json) {
  Answer answer;
  answer.status = status;
  answer.body = json.dump();
  return answer;
}

Answer Problem(const std::string& message) { return Say(400, Json::object({{"error", message}})); }

Answer Done(const absl::StatusOr<Json>& result) {
  return result.ok() ? Say(200, *result) : Problem(std::string(result.status().message()));
}

// "/rest/v1/connect/vestiging/<uuid>/leerling/<uuid>" -> "vestiging/leerling/*".
std::string Pattern(const std::string& path) {
  std::string pattern;
  for (absl::string_view step : absl::StrSplit(path, '/', absl::SkipEmpty())) {
    if (step == "rest" || step == "v1" || step == "connect") continue;
    if (!pattern.empty()) pattern += '/';
    pattern += step.size() == 36 ? "*" : std::string(step);
  }
  return pattern;
}

}  // namespace

Answer Connect::HandleAdmin(const Request& request) {
  const std::vector<std::string> path = absl::StrSplit(request.path, '/', absl::SkipEmpty());
  const std::string what = path.size() > 1 ? path[1] : "";
  const std::string argument = path.size() > 2 ? path[2] : "";
  if (what == "state") {
    absl::ReaderMutexLock lock(&school_mutex_);
    Answer answer;
    answer.body = RenderState(school_, clock_.Today());
    return answer;
  }
  if (what == "events" || what == "day") return AdminEvents(request, what, argument);
  if (what == "rights" || what == "grants") return AdminRights(request, what);
  if (what == "faults") return AdminFaults(request, argument);
  if (what == "log") return AdminLog(request);
  if (what == "counters") return Counters();
  if (what == "tokens" && request.method == "DELETE") {
    absl::MutexLock lock(&mutex_);
    tokens_.clear();
    return Say(200, Json::object());
  }
  return Say(404, Json::object({{"error", "no such admin resource; see README.md"}}));
}

Answer Connect::AdminEvents(const Request& request, const std::string& what, const std::string& argument) {
  if (request.method != "POST") return Problem("use POST");
  absl::MutexLock lock(&school_mutex_);
  const Day today = clock_.Today();
  if (what == "day") return Done(PlayDay(school_, std::atoi(argument.c_str()), today));
  const Json body = Json::parse(request.body, nullptr, false);
  if (body.is_discarded()) return Problem("the body is not JSON");
  if (!body.is_array()) return Done(ApplyEvent(school_, body, today));
  Json results = Json::array();
  for (const Json& event : body) {
    auto result = ApplyEvent(school_, event, today);
    if (!result.ok()) return Problem(std::string(result.status().message()));
    results.push_back(*result);
  }
  return Say(200, results);
}

Answer Connect::AdminRights(const Request& request, const std::string& what) {
  const Json body = Json::parse(request.body, nullptr, false);
  if (!body.is_object()) return Problem("the body is not a JSON object");
  absl::MutexLock lock(&school_mutex_);
  try {
    const std::string key = body.value("vestiging", std::string());
    std::vector<int> vestigingen;
    if (key.empty()) {
      for (int i = 0; i < static_cast<int>(school_.vestigingen.size()); ++i) vestigingen.push_back(i);
    } else if (VestigingOf(key) >= 0) {
      vestigingen.push_back(VestigingOf(key));
    } else {
      return Problem("no vestiging " + key);
    }
    for (const int vestiging : vestigingen) {
      if (what == "grants") {
        const auto until = ParseDay(body.value("until", std::string()));
        rights_.SetVestiging(vestiging, body.value("granted", true), body.value("listed", true),
                             until.value_or(kForever));
      } else if (body.contains("endpoint")) {
        rights_.SetEndpoint(vestiging, body["endpoint"].get<std::string>(), body.value("status", 403));
      } else {
        rights_.SetField(vestiging, body.at("entity").get<std::string>(), body.at("field").get<std::string>(),
                         body.value("granted", false));
      }
    }
  } catch (const std::exception& error) {
    return Problem(error.what());
  }
  return Say(200, Json::object());
}

Answer Connect::AdminFaults(const Request& request, const std::string& argument) {
  if (request.method == "GET") return Say(200, faults_.List());
  if (request.method == "DELETE") {
    if (argument.empty()) {
      faults_.Clear();
    } else if (!faults_.Remove(std::atoi(argument.c_str()))) {
      return Problem("no fault " + argument);
    }
    return Say(200, Json::object());
  }
  const Json body = Json::parse(request.body, nullptr, false);
  if (body.is_discarded()) return Problem("the body is not JSON");
  auto id = faults_.Add(body);
  if (!id.ok()) return Problem(std::string(id.status().message()));
  return Say(200, Json::object({{"id", *id}}));
}

void Connect::Log(const Request& request, const Answer& answer, const std::optional<Fault>& fault) {
  absl::MutexLock lock(&mutex_);
  ++counters_["requests"];
  ++counters_[request.method + " " + Pattern(request.path)];
  ++counters_["status " + std::to_string(answer.status)];
  if (log_.size() < kLogEntries)
    log_.push_back({request.Line(), fault ? fault->kind : "", answer.status, answer.items});
}

Answer Connect::AdminLog(const Request& request) {
  absl::MutexLock lock(&mutex_);
  if (request.method == "DELETE") {
    log_.clear();
    counters_.clear();
    most_in_flight_ = in_flight_;
    return Say(200, Json::object());
  }
  Json list = Json::array();
  for (const LogEntry& entry : log_) {
    Json line = Json::object({{"request", entry.line}, {"status", entry.status}});
    if (entry.items >= 0) line["items"] = entry.items;
    if (!entry.fault.empty()) line["fault"] = entry.fault;
    list.push_back(std::move(line));
  }
  return Say(200, list);
}

Answer Connect::Counters() {
  absl::MutexLock lock(&mutex_);
  Json json = Json::object();
  for (const auto& [key, count] : counters_) json[key] = count;
  json["most_in_flight"] = most_in_flight_;
  return Say(200, json);
}

}  // namespace sluice::somtoday_twin
