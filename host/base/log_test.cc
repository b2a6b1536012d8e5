#include "host/base/log.h"

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace sluice::base {
namespace {

TEST(Log, WritesOneJsonLineWithItsFields) {
  testing::internal::CaptureStderr();
  LogWarning("a line with \"quotes\" and {braces}\n", {{"system", "ad"}, {"run", "7f22a0"}});
  nlohmann::json line = nlohmann::json::parse(testing::internal::GetCapturedStderr(), nullptr, false);
  ASSERT_TRUE(line.is_object());
  EXPECT_EQ(line["level"], "warning");
  EXPECT_EQ(line["message"], "a line with \"quotes\" and {braces}\n");
  EXPECT_EQ(line["system"], "ad");
  EXPECT_EQ(line["run"], "7f22a0");
  EXPECT_TRUE(line["time"].get<std::string>().ends_with("Z"));
}

TEST(Log, LeavesOutWhatIsBelowTheLevel) {
  testing::internal::CaptureStderr();
  SetLogLevel(LogLevel::kError);
  LogInfo("not this");
  SetLogLevel(LogLevel::kInfo);
  LogInfo("but this");
  std::string text = testing::internal::GetCapturedStderr();
  EXPECT_EQ(text.find("not this"), std::string::npos);
  EXPECT_NE(text.find("but this"), std::string::npos);
}

}  // namespace
}  // namespace sluice::base
