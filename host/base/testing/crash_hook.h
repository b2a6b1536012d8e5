// What makes a host die at a crash point (crash_point.h). Only for programs of tests: a library of its own.
#ifndef SLUICE_HOST_BASE_TESTING_CRASH_HOOK_H_
#define SLUICE_HOST_BASE_TESTING_CRASH_HOOK_H_

#include "host/base/crash_point.h"

namespace sluice::base::testing {

// Called with each point that is passed, on whatever thread passes it. Null: nothing happens, as in production.
void SetCrashHook(void (*hook)(CrashPoint));

}  // namespace sluice::base::testing

#endif  // SLUICE_HOST_BASE_TESTING_CRASH_HOOK_H_
