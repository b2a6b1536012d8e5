// Log lines of a connector: one JSON object a line on stderr, which the host reads. Ids, counts and codes only: no
// names, no secrets (a Secret does not convert to a Value's text here: it is written as "***"). Any thread; never
// blocks for long, never fails.
//
//   LogInfo("page was read").With("page", 3).With("scope", scope_id);
#ifndef SLUICE_CONNECTOR_LOG_H_
#define SLUICE_CONNECTOR_LOG_H_

#include <string>
#include <utility>
#include <vector>

#include "sluice/connector/text.h"
#include "sluice/connector/value.h"

namespace sluice::connector {

enum class LogLevel { kDebug = 1, kInfo = 2, kWarning = 3, kError = 4 };

// One line; written when it goes.
class LogLine {
 public:
  LogLine(LogLevel level, AnyText message) : level_(level), message_(message.str()) {}
  LogLine(const LogLine&) = delete;
  LogLine& operator=(const LogLine&) = delete;
  ~LogLine();
  LogLine& With(AnyText key, Value value) {
    fields_.emplace_back(key.str(), std::move(value));
    return *this;
  }

 private:
  LogLevel level_;
  std::string message_;
  std::vector<std::pair<std::string, Value>> fields_;
};

inline LogLine LogDebug(AnyText message) { return LogLine(LogLevel::kDebug, message); }
inline LogLine LogInfo(AnyText message) { return LogLine(LogLevel::kInfo, message); }
inline LogLine LogWarning(AnyText message) { return LogLine(LogLevel::kWarning, message); }
inline LogLine LogError(AnyText message) { return LogLine(LogLevel::kError, message); }

// Lines below this level are dropped. The host sets it at start.
void SetLogLevel(LogLevel level);

}  // namespace sluice::connector

#endif  // SLUICE_CONNECTOR_LOG_H_
