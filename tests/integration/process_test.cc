// Promise: a plugin cannot take the host down, and the host takes its plugins with it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>

#include "absl/strings/match.h"
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

TEST(ProcessTest, APluginThatDiesInMidImportGivesOneClearLineAndTheNextImportWorks) {
  School school;
  school.Import();
  const int pid = Plugins(school).at("somtoday");
  school.Twin("POST", "faults", {{"route", "/leerling\\?"}, {"kind", "slow"}, {"delay_ms", 20000}});
  const auto import = school.host().RunInBackground({"import"});
  ASSERT_TRUE(Await([&] { return school.Twin("GET", "faults")[0]["used"] > 0; }));
  ASSERT_TRUE(Lives(pid));
  kill(pid, SIGKILL);
  const Answer answer = import();
  EXPECT_EQ(answer.code, 1);
  ASSERT_TRUE(answer.json.is_object()) << answer.err;
  EXPECT_EQ(answer.json["state"], "failed");
  const std::string summary = answer.json["summary"];
  EXPECT_THAT(summary, testing::HasSubstr("somtoday: not read: "));
  EXPECT_THAT(summary, testing::HasSubstr("the plugin went away in the middle of the call"));
  EXPECT_FALSE(absl::StrContains(summary, "\n")) << summary;
  EXPECT_EQ(school.Must({"status"})["snapshot"]["people"], 72) << "what was known stays";

  school.Twin("DELETE", "faults");
  ASSERT_TRUE(Await([&] {
    return school.Must({"plugin", "show", "somtoday"})["state"] == "ready";
  })) << "restarted after its backoff";
  school.Import();
  const Json plugin = school.Must({"plugin", "show", "somtoday"});
  EXPECT_NE(plugin["pid"], pid);
  EXPECT_EQ(plugin["state"], "ready");
}

TEST(ProcessTest, APluginThatDiesWhileItWritesLosesNothing) {
  School school;
  school.Import();
  school.Must({"system", "activate", "ad", "--reason", "in use"});
  school.Plan();
  school.ApproveAll();
  const int pid = Plugins(school).at("ad");
  const auto enforcement = school.host().RunInBackground({"enforce"});
  ASSERT_TRUE(Await([&] { return school.directory().Search("(employeeID=*)", {"cn"}).size() >= 20; }));
  kill(pid, SIGKILL);
  enforcement();
  school.Import();
  school.Plan();
  school.ApproveAll();
  school.Enforce();
  school.ExpectNothingToDo();
  EXPECT_EQ(school.Accounts().size(), 70u);
  for (const auto& [number, account] : school.Accounts()) EXPECT_TRUE(account.IsEnabled()) << number;
}

}  // namespace
}  // namespace sluice::integration
