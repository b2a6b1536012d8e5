#include "host/base/testing/crash_hook.h"

namespace sluice::base::testing {

void SetCrashHook(void (*hook)(CrashPoint)) { CrashPoints::hook_.store(hook, std::memory_order_release); }

}  // namespace sluice::base::testing
