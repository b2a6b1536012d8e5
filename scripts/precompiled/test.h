// The same for tests.
#ifndef SLUICE_SCRIPTS_PRECOMPILED_TEST_H_
#define SLUICE_SCRIPTS_PRECOMPILED_TEST_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scripts/precompiled/common.h"

#endif  // SLUICE_SCRIPTS_PRECOMPILED_TEST_H_
