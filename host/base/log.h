// The host's log: JSON lines on stderr, {"time","level","message", fields...}. Ids only: no names, no secrets.
//
// Thread-safe. spdlog stays behind this header.
#ifndef SLUICE_HOST_BASE_LOG_H_
#define SLUICE_HOST_BASE_LOG_H_

#include <initializer_list>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace sluice::base {

enum class LogLevel { kDebug, kInfo, kWarning, kError };
using LogField = std::pair<absl::string_view, std::string>;

void SetLogLevel(LogLevel least);
void Log(LogLevel level, absl::string_view message, std::initializer_list<LogField> fields = {});

inline void LogInfo(absl::string_view message, std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kInfo, message, fields);
}
inline void LogWarning(absl::string_view message, std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kWarning, message, fields);
}
inline void LogError(absl::string_view message, std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kError, message, fields);
}

}  // namespace sluice::base

#endif  // SLUICE_HOST_BASE_LOG_H_
