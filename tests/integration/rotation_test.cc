// Promise: a secret of ours that a system changes is never lost. The plugin changes its own password: it tells the
// host, waits until that has stored it, and changes it then. Host and plugin die at every moment in between; the next
// of them signs in all the same, and neither the state nor a log holds a password.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "tests/integration/small_school.h"

namespace sluice::integration {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class RotationTest : public testing::Test {
 protected:
  void SetUp() override {
    GiveSecret("first-password");
    const std::string file = school_.root() + "/folder/systems/dir.yaml";
    WriteFile(file,
              absl::StrReplaceAll(
                  ReadFile(file),
                  {{"correlate:", absl::StrCat("secrets: { password: \"file:", SecretFile(), "\" }\ncorrelate:")}}));
    school_.Must({"config", "apply", "--reason", "it has a password"});
    Import();
  }
  std::string SecretFile() const { return school_.root() + "/secret"; }
  void GiveSecret(const std::string& text) {
    WriteFile(SecretFile(), text);
    fs::permissions(SecretFile(), fs::perms::owner_read | fs::perms::owner_write);
  }
  // The system's own password; empty: it was never changed.
  std::string Password() const {
    const std::string file = school_.root() + "/dir.json.password";
    return fs::exists(file) ? ReadFile(file) : "";
  }
  // A plugin that has just died is asked again a moment later.
  void Import() {
    Answer answer = school_.Sluice({"import"});
    for (int i = 0; i < 200 && answer.code != 0; ++i) {
      absl::SleepFor(absl::Milliseconds(50));
      answer = school_.Sluice({"import"});
    }
    EXPECT_EQ(answer.code, 0) << answer.err;
  }
  void Rotate() {
    const std::string before = Password();
    school_.Faults("dir", "import=rotate!once");
    Import();
    EXPECT_THAT(Password(), StartsWith("rotated-"));
    EXPECT_NE(Password(), before);
  }
  void Restart() {
    school_.host().Stop();
    school_.host().Start();
  }
  // A host that dies there while the plugin changes its password.
  void DieAt(const std::string& point) {
    Host& host = school_.host();
    host.Stop();
    host.place().program = "tests/sluiced-that-dies";
    host.place().environment["SLUICE_DIES_AT"] = point;
    host.Start();
    school_.Faults("dir", "import=rotate!once");
    EXPECT_EQ(school_.Sluice({"import"}).code, 3);
    ASSERT_TRUE(host.AwaitEnd(10)) << "it never passed " << point;
    host.place().program = "bin/sluiced";
    host.place().environment.erase("SLUICE_DIES_AT");
    host.Start();
  }
  void ExpectNoPasswordIsAnywhere() {
    school_.host().Stop();
    std::vector<std::string> files = {school_.host().place().log};
    for (const auto& entry : fs::recursive_directory_iterator(school_.host().place().state)) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
    for (const std::string& file : files) {
      const std::string text = ReadFile(file);
      EXPECT_THAT(text, Not(HasSubstr("first-password"))) << file;
      EXPECT_THAT(text, Not(HasSubstr("rotated-17"))) << file;  // What follows is the time.
    }
  }

  SmallSchool school_;
};

TEST_F(RotationTest, TheNextProcessAndTheNextHostSignInWithIt) {
  Rotate();
  Import();
  Restart();
  Import();
  school_.host().Kill();
  school_.host().Start();
  Import();
  Rotate();
  Restart();
  Import();
  ExpectNoPasswordIsAnywhere();
}

TEST_F(RotationTest, AHostThatDiesBeforeItIsStoredHasTheOldOneWhichStillWorks) {
  DieAt("secret-is-told");
  EXPECT_EQ(Password(), "") << "nobody acknowledged it, so it was not changed";
  Import();
  Rotate();
  Restart();
  Import();
  ExpectNoPasswordIsAnywhere();
}

TEST_F(RotationTest, AHostThatDiesBeforeItAcknowledgesHasBoth) {
  DieAt("secret-is-kept");
  EXPECT_EQ(Password(), "");
  Import();  // With the one before: the new one was never made to count.
  Rotate();
  Restart();
  Import();
  ExpectNoPasswordIsAnywhere();
}

TEST_F(RotationTest, APluginThatDiesBeforeItChangesItHasBoth) {
  school_.Faults("dir", "import=rotate-crash!once");
  Import();
  EXPECT_EQ(Password(), "");
  Restart();
  Import();
  Rotate();
  Import();
  ExpectNoPasswordIsAnywhere();
}

TEST_F(RotationTest, WhatTheOperatorGivesAfterwardsIsBelieved) {
  Rotate();
  Restart();
  Import();
  WriteFile(school_.root() + "/dir.json.password", "given-by-hand");
  GiveSecret("given-by-hand");
  Restart();
  Import();
  Rotate();
  Restart();
  Import();
}

}  // namespace
}  // namespace sluice::integration
