// Promise: a plugin cannot take the host down. Each connector is killed, and stopped so that it answers nothing, in the
// middle of an import and of an enforcement: the run recovers or fails with one clear line, and the next one is right.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "absl/strings/str_cat.h"
#include "tests/integration/school.h"

namespace sluice::integration {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;

class PluginsDieTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    school_ = new School({.arguments = {"--hang-limit", "2"}});
    school_->Import();
  }
  static void TearDownTestSuite() {
    delete school_;
    school_ = nullptr;
  }

  static int PidOf(const std::string& system) { return school_->Must({"plugin", "show", system})["pid"]; }
  // The plugin that was hit is replaced by itself.
  static void AwaitAnotherThan(const std::string& system, int pid) {
    EXPECT_TRUE(Await([&] {
      const Json plugin = school_->Must({"plugin", "show", system});
      return plugin["state"] == "ready" && plugin["pid"] != pid;
    })) << system
        << " was not started again";
  }
  static void ExpectOneLine(const Answer& answer, const std::string& system, int signal) {
    EXPECT_EQ(answer.code, 1);
    ASSERT_TRUE(answer.json.is_object()) << answer.err;
    EXPECT_EQ(answer.json["state"], "failed");
    const std::string summary = answer.json["summary"];
    EXPECT_THAT(summary, HasSubstr(absl::StrCat(system, ": not read: ")));
    EXPECT_THAT(summary, Not(HasSubstr("\n")));
    if (signal == SIGKILL) {
      EXPECT_THAT(summary, HasSubstr("the plugin went away in the middle of the call"));
    } else {  // Whoever notices first.
      EXPECT_THAT(summary, AnyOf(HasSubstr("the plugin said nothing for 2s"),
                                 HasSubstr("the plugin went away in the middle of the call")));
    }
  }

  static inline School* school_ = nullptr;
};

TEST_F(PluginsDieTest, TheSourceInMidImport) {
  for (const int signal : {SIGKILL, SIGSTOP}) {
    SCOPED_TRACE(signal == SIGKILL ? "killed" : "stopped");
    const int pid = PidOf("somtoday");
    school_->Twin("POST", "faults", {{"route", "/leerling\\?"}, {"kind", "slow"}, {"delay_ms", 20000}});
    const auto import = school_->host().RunInBackground({"import"});
    ASSERT_TRUE(Await([&] { return school_->Twin("GET", "faults")[0]["used"] > 0; }));
    ASSERT_EQ(kill(pid, signal), 0);
    ExpectOneLine(import(), "somtoday", signal);
    EXPECT_EQ(school_->Must({"status"})["snapshot"]["people"], 72) << "what was known stays";
    school_->Twin("DELETE", "faults");
    AwaitAnotherThan("somtoday", pid);
    school_->Import();
  }
}

TEST_F(PluginsDieTest, TheTargetInMidImport) {
  for (const int signal : {SIGKILL, SIGSTOP}) {
    SCOPED_TRACE(signal == SIGKILL ? "killed" : "stopped");
    const int pid = PidOf("ad");
    school_->domain().Signal(SIGSTOP);  // So that its connector is in the middle of reading.
    const auto import = school_->host().RunInBackground({"import", "ad"});
    EXPECT_TRUE(Await([&] {
      const Json run = school_->Must({"run", "list", "--limit", "1"})["runs"][0];
      return run["state"] == "running" && run["kind"] == "import";
    }));
    ASSERT_EQ(kill(pid, signal), 0);
    ExpectOneLine(import(), "ad", signal);
    school_->domain().Signal(SIGCONT);
    AwaitAnotherThan("ad", pid);
    school_->Must({"import", "ad"});
  }
}

// Everything in one enforcement: the source's connector has no part in it.
TEST_F(PluginsDieTest, BothInMidEnforcement) {
  school_->Must({"system", "activate", "ad", "--reason", "in use"});
  school_->Plan();
  school_->ApproveAll();
  const auto enforcement = school_->host().RunInBackground({"enforce"});
  const auto await = [&](const std::string& filter, size_t objects) {
    EXPECT_TRUE(Await([&] { return school_->directory().Search(filter, {"cn"}).size() >= objects; })) << filter;
  };
  await("(cn=les-*)", 20);
  int pid = PidOf("ad");
  kill(pid, SIGKILL);
  AwaitAnotherThan("ad", pid);
  await("(employeeID=*)", 20);
  pid = PidOf("ad");
  kill(pid, SIGSTOP);
  const int source = PidOf("somtoday");
  kill(source, SIGKILL);
  AwaitAnotherThan("ad", pid);
  const Answer answer = enforcement();
  EXPECT_EQ(answer.code, 0) << answer.out << answer.err;
  EXPECT_EQ(answer.json["state"], "succeeded") << "the run recovers by itself";
  AwaitAnotherThan("somtoday", source);
  school_->ExpectAsTheTwinSays();
  school_->ExpectNothingToDo();
}

}  // namespace
}  // namespace sluice::integration
