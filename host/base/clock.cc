#include "host/base/clock.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace sluice::base {
namespace {

class RealClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::Now(); }
};

struct Reading {
  absl::Time time;     // What the file says.
  absl::Time changed;  // When it was last written, by the system's clock.
};

absl::StatusOr<Reading> Read(const std::string& path) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0) {
    return absl::NotFoundError(absl::StrCat("clock file ", path, ": ", std::strerror(errno)));
  }
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  Reading reading;
  reading.changed = absl::TimeFromTimespec(status.st_mtim);
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, absl::StripAsciiWhitespace(line), &reading.time, &error)) {
    return absl::InvalidArgumentError(
        absl::StrCat("clock file ", path, " must hold one line such as 2026-11-24T03:30:00+01:00: ", error));
  }
  return reading;
}

class ClockOfFile final : public Clock {
 public:
  ClockOfFile(std::string path, Reading first) : path_(std::move(path)), last_(first) {}

  absl::Time Now() const override {
    absl::StatusOr<Reading> reading = Read(path_);
    absl::MutexLock lock(&mutex_);
    if (reading.ok()) last_ = *reading;
    return last_.time + std::max(absl::Now() - last_.changed, absl::ZeroDuration());
  }

 private:
  const std::string path_;
  mutable absl::Mutex mutex_;
  mutable Reading last_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<Clock> SystemClock() { return std::make_unique<RealClock>(); }

absl::StatusOr<std::unique_ptr<Clock>> FileClock(const std::string& path) {
  absl::StatusOr<Reading> first = Read(path);
  if (!first.ok()) return first.status();
  return std::make_unique<ClockOfFile>(path, *first);
}

}  // namespace sluice::base
