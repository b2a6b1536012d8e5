#include "host/base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "host/base/hash.h"

namespace sluice::base {
namespace {

spdlog::level::level_enum LevelOf(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

// Never destroyed: threads may log while the program ends.
spdlog::logger& Logger() {
  static spdlog::logger* logger = [] {
    auto* made = new spdlog::logger("sluice", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%fZ","level":"%l",%v})", spdlog::pattern_time_type::utc);
    made->flush_on(spdlog::level::debug);
    return made;
  }();
  return *logger;
}

}  // namespace

void SetLogLevel(LogLevel least) { Logger().set_level(LevelOf(least)); }

void Log(LogLevel level, absl::string_view message, std::initializer_list<LogField> fields) {
  spdlog::logger& logger = Logger();
  spdlog::level::level_enum its_level = LevelOf(level);
  if (!logger.should_log(its_level)) return;
  std::string line = absl::StrCat("\"message\":", CanonicalJson(std::string(message)));
  for (const auto& [key, value] : fields) {
    absl::StrAppend(&line, ",", CanonicalJson(std::string(key)), ":", CanonicalJson(value));
  }
  logger.log(its_level, spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace sluice::base
