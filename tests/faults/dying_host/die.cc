// What makes `sluiced-that-dies` of `sluiced`: the process ends as by `kill -9` at the crash point that the environment
// names. Linked beside host/main.cc and nothing else; see README.md.
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <cstdlib>
#include <mutex>
#include <string>

#include "host/base/testing/crash_hook.h"

namespace sluice::faults {
namespace {

struct Death {
  std::mutex mutex;
  std::string at, then;  // At the first passing of `at`; or of `then`, once `at` was passed.
  int passed_fd = -1;
  bool was_at = false;
};
Death death;

const char* NameOf(base::CrashPoint point) { return base::kCrashPoints[static_cast<size_t>(point)].name; }

void Pass(base::CrashPoint point) {
  const std::lock_guard<std::mutex> lock(death.mutex);
  const std::string name = NameOf(point);
  if (death.passed_fd >= 0) {
    const std::string line = name + "\n";
    if (write(death.passed_fd, line.data(), line.size()) < 0) _exit(70);
  }
  const bool is_there = death.was_at && !death.then.empty() ? name == death.then : name == death.at;
  if (!is_there) return;
  if (!death.was_at && !death.then.empty()) {
    death.was_at = true;
    return;
  }
  kill(getpid(), SIGKILL);
}

const bool kIsSet = [] {
  const char* at = std::getenv("SLUICE_DIES_AT");
  if (at == nullptr) return false;
  death.at = at;
  if (const size_t slash = death.at.find('/'); slash != std::string::npos) {
    death.then = death.at.substr(slash + 1);
    death.at.resize(slash);
  }
  if (const char* path = std::getenv("SLUICE_PASSED"))
    death.passed_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  base::testing::SetCrashHook(Pass);
  return true;
}();

}  // namespace
}  // namespace sluice::faults
