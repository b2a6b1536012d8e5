// Promise: a plugin cannot take the host down, and the host takes its plugins with it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "tests/integration/school.h"

namespace sluice::integration {
namespace {

bool Lives(int pid) {
  const std::string stat = ReadFile(absl::StrCat("/proc/", pid, "/stat"));
  const size_t end = stat.rfind(')');
  return end != std::string::npos && stat.size() > end + 2 && stat[end + 2] != 'Z' && stat[end + 2] != 'X';
}

std::map<std::string, int> Plugins(School& school) {
  std::map<std::string, int> pids;
  const Json list = school.Must({"plugin", "list"});
  for (const Json& plugin : list["plugins"]) pids[plugin["name"].get<std::string>().substr(8)] = plugin["pid"];
  return pids;
}

TEST(ProcessTest, NoPluginIsLeftWhenTheHostIsKilled) {
  School school;
  school.Import();
  const auto plugins = Plugins(school);
  ASSERT_EQ(plugins.size(), 2u);
  for (const auto& [name, pid] : plugins) ASSERT_TRUE(Lives(pid)) << name;
  school.host().Kill();
  EXPECT_TRUE(Await([&] { return !Lives(plugins.at("ad")) && !Lives(plugins.at("somtoday")); }, 10));
  school.host().Start();
  school.Import();
}

}  // namespace
}  // namespace sluice::integration
