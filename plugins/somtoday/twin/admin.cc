// The admin endpoint of the twin: what tests use to look behind the interface and to break it.

#include <algorithm>

#include "absl/strings/str_split.h"
#include "plugins/somtoday/twin/connect.h"
#include "plugins/somtoday/twin/events.h"

namespace sluice::somtoday_twin {
namespace {

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

}  // namespace

// "/rest/v1/connect/vestiging/<uuid>/leerling/<uuid>" -> "vestiging/*/leerling/*".
std::string Connect::PatternOf(const std::string& path) const {
  std::string pattern;
  for (absl::string_view step : absl::StrSplit(path, '/', absl::SkipEmpty())) {
    if (step == "rest" || step == "v1" || step == "connect") continue;
    if (!pattern.empty()) pattern += '/';
    pattern += step.size() == 36 ? "*" : std::string(step);
  }
  return pattern;
}

std::optional<Answer> Connect::Admin(const Request& request) {
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
  if (what == "tokens" && request.method == "DELETE") {
    absl::MutexLock lock(&mutex_);
    tokens_.clear();
    return Say(200, Json::object());
  }
  return std::nullopt;
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

}  // namespace sluice::somtoday_twin
