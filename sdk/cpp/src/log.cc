#include "sluice/connector/log.h"

#include <errno.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <exception>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"

namespace sluice::connector {
namespace {

constexpr size_t kMaxLineBytes = 15 * 1024;  // The host cuts lines at 16 KiB.

std::atomic<int> g_level{static_cast<int>(LogLevel::kInfo)};

const char* NameOf(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "error";
}

nlohmann::json Written(const Value& value) {
  if (const auto* text = value.text()) return *text;
  if (const auto* integer = value.integer()) return *integer;
  if (const auto* number = value.number()) return *number;
  if (const auto* flag = value.flag()) return *flag;
  if (const auto* date = value.date()) return absl::FormatCivilTime(*date);
  if (const auto* time = value.time()) return absl::FormatTime(*time, absl::UTCTimeZone());
  if (value.secret() != nullptr) return "***";
  if (const auto* reference = value.reference()) return reference->id;
  if (const auto* list = value.list()) {
    auto array = nlohmann::json::array();
    for (const Value& item : *list) array.push_back(Written(item));
    return array;
  }
  return nullptr;
}

}  // namespace

void SetLogLevel(LogLevel level) { g_level = static_cast<int>(level); }

LogLine::~LogLine() {
  if (static_cast<int>(level_) < g_level) return;
  try {
    nlohmann::ordered_json line;
    line["time"] = absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(), absl::UTCTimeZone());
    line["level"] = NameOf(level_);
    line["message"] = message_;
    for (const auto& [key, value] : fields_) line[key] = Written(value);
    std::string text = line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    if (text.size() > kMaxLineBytes) {
      nlohmann::ordered_json shorter;
      shorter["time"] = line["time"];
      shorter["level"] = line["level"];
      shorter["message"] = message_.substr(0, 1000);
      shorter["shortened"] = true;
      text = shorter.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    }
    text.push_back('\n');
    // One write for one line: lines of several threads do not mix below PIPE_BUF, and nothing is held while it is
    // written.
    size_t done = 0;
    while (done < text.size()) {
      const ssize_t n = write(STDERR_FILENO, text.data() + done, text.size() - done);
      if (n < 0 && errno != EINTR) break;
      if (n > 0) done += static_cast<size_t>(n);
    }
  } catch (const std::exception&) {
    // Out of memory: a lost log line is the smaller evil.
  }
}

}  // namespace sluice::connector
