// What a plugin writes to stdout and stderr, made harmless: lines of at most 16 KiB, no more of them than a rate
// allows, as one message with a level and a few known fields.
//
// Every byte is hostile input. A line that is JSON with our keys becomes a structured line; anything else becomes one
// plain line, and nothing a plugin writes can do more than that. Control characters and broken UTF-8 come out as '?',
// and the values that `secrets` names come out as "***", also as base64 or an address writes them. LineReader is used
// by one thread; RecentLines is thread-safe; the functions are pure.
#ifndef SLUICE_HOST_PLUGIN_LOG_LINES_H_
#define SLUICE_HOST_PLUGIN_LOG_LINES_H_

#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "host/base/log.h"

namespace sluice::plugin {

struct LogLine {
  base::LogLevel level = base::LogLevel::kInfo;
  std::string message;
  std::vector<std::pair<std::string, std::string>> fields;  // Known keys only.
  bool is_structured = false;                               // It was JSON with our keys.

  std::string ToText() const;  // "warning: page was read (page=3)"
};

// `is_error_stream`: what a line without a level counts as (a warning, not information).
LogLine ParseLogLine(absl::string_view line, bool is_error_stream);

// Text that can stand in a log and on a terminal.
std::string HarmlessText(absl::string_view text, size_t max_bytes);

// `text` without any of the secrets; those of fewer than 4 characters are too common to look for.
std::string WithoutSecrets(std::string text, const std::vector<std::string>& secrets);

struct LineLimits {
  size_t max_line_bytes = 16 * 1024;
  double lines_per_second = 200;
  double burst = 1000;
};

class LineReader {
 public:
  explicit LineReader(LineLimits limits) : limits_(limits), tokens_(limits.burst) {}

  // Gives each line that ends in these bytes. A line over the limit is cut and its rest left out. `now` is monotonic.
  void Feed(absl::string_view bytes, absl::Duration now, const std::function<void(absl::string_view)>& emit);
  // Gives the last line, if it had no end, and says how many were dropped.
  void Finish(const std::function<void(absl::string_view)>& emit);

 private:
  void EndLine(absl::Duration now, const std::function<void(absl::string_view)>& emit);
  void TellDropped(const std::function<void(absl::string_view)>& emit);

  const LineLimits limits_;
  std::string line_;
  bool is_cut_ = false;
  double tokens_;
  absl::Duration last_ = absl::ZeroDuration();
  uint64_t dropped_ = 0;
};

// The last lines, for `plugin show` and for the report of a crash.
class RecentLines {
 public:
  explicit RecentLines(size_t most) : most_(most) {}
  void Add(std::string line);
  std::vector<std::string> Get() const;

 private:
  const size_t most_;
  mutable absl::Mutex mutex_;
  std::deque<std::string> lines_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::plugin

#endif  // SLUICE_HOST_PLUGIN_LOG_LINES_H_
