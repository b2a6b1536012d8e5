#include "host/base/nearest.h"

#include <gtest/gtest.h>

namespace sluice::base {
namespace {

TEST(Nearest, FindsASlipAndNothingFarAway) {
  std::vector<std::string> names = {"upper", "lower", "left", "right"};
  EXPECT_EQ(Nearest("uper", names), "upper");
  EXPECT_EQ(Nearest("lfet", names), "left");
  EXPECT_EQ(Nearest("transliterate", names), "");
}

}  // namespace
}  // namespace sluice::base
