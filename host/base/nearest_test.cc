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

TEST(Nearest, FindsOptionsAndVerbsOfACommandLine) {
  EXPECT_EQ(Nearest("--plna", {"--json", "--plan"}), "--plan");
  EXPECT_EQ(Nearest("-plan", {"--json", "--plan"}), "--plan");
  EXPECT_EQ(Nearest("stats", {"status", "plan"}), "status");
  EXPECT_EQ(Nearest("ENFORCE", {"status", "enforce"}), "enforce");
  EXPECT_EQ(Nearest("--limt", {"--plan", "--json", "--socket"}), "");
  EXPECT_EQ(Nearest("x", {"why"}), "");
}

}  // namespace
}  // namespace sluice::base
