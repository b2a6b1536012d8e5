// Promise: a mistake of an operator is said, with its place, and changes nothing: in the folder, on the command line,
// in what identifies people. One school in use, and one folder that is spoilt again and again.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/integration/school.h"

namespace sluice::integration {
namespace {

using testing::HasSubstr;

namespace fs = std::filesystem;

class BadOperatorTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    SchoolOptions options;
    options.edits = {{"systems/ad.yaml", "update: { count: 100 }", "update: { count: 50 }"}};
    school_ = new School(options);
    school_->TakeIntoUse();
    fs::copy(Folder(), school_->root() + "/good", fs::copy_options::recursive);
  }
  static void TearDownTestSuite() {
    delete school_;
    school_ = nullptr;
  }
  void SetUp() override { usn_ = school_->directory().HighestUsn(); }
  void TearDown() override { Restore(); }

  static std::string Folder() { return school_->host().place().folder; }
  static void Restore() {
    fs::remove_all(Folder());
    fs::copy(school_->root() + "/good", Folder(), fs::copy_options::recursive);
  }

  static std::vector<std::string> Texts(const Json& problems) {
    std::vector<std::string> texts;
    for (const Json& one : problems) {
      texts.push_back(absl::StrCat(one["file"].get<std::string>(), ":", one["line"].get<int>(), ":",
                                   one["column"].get<int>(), ": ", one["message"].get<std::string>()));
    }
    return texts;
  }

  // The folder as it stands is refused by everything that takes one, and the running configuration stays.
  void ExpectRefused(const std::string& says) {
    const std::string running = school_->Must({"status"})["configuration"];
    const Answer check = school_->Sluice({"config", "check"});
    EXPECT_EQ(check.code, 1) << says;
    EXPECT_THAT(absl::StrJoin(Texts(check.json["errors"]), "\n"), HasSubstr(says));
    EXPECT_EQ(check.json["running_hash"], running);
    EXPECT_EQ(school_->Sluice({"config", "diff"}).code, 1) << says;
    EXPECT_EQ(school_->Sluice({"config", "apply", "--reason", "a slip"}).code, 1) << says;
    EXPECT_EQ(school_->Must({"status"})["configuration"], running) << says;
  }

  void ExpectUntouched() {
    const Json plan = school_->Plan();
    EXPECT_TRUE(plan["operations"].empty()) << Describe(plan);
    EXPECT_EQ(school_->directory().HighestUsn(), usn_) << "the directory counted a change";
  }

  static inline School* school_ = nullptr;
  std::string usn_;
};

TEST_F(BadOperatorTest, TheGoodFolderHasNoErrorAndThresholdsOfALargerSchoolAreSaidWithTheNumber) {
  Json check = school_->Must({"config", "check"});
  EXPECT_TRUE(check["errors"].empty()) << check.dump();
  school_->Edit({"systems/ad.yaml", "disable: { count: 20, percent: 3 }", "disable: { count: 5000 }"});
  school_->Edit({"systems/ad.yaml", "retire: { count: 20, percent: 3 }", "retire: { percent: 100 }"});
  check = school_->Must({"config", "check"});
  const std::string warnings = absl::StrJoin(Texts(check["warnings"]), "\n");
  EXPECT_THAT(warnings, HasSubstr("threshold \"disable\" of ad (count 5000) lets 70 of 70 go without asking"));
  EXPECT_THAT(warnings, HasSubstr("threshold \"retire\" of ad (100 percent) lets 69 of 70 go without asking"));
  EXPECT_THAT(warnings,
              HasSubstr("threshold \"people_changed\" of somtoday (count 300) is never reached: 72 are held"));
}

TEST_F(BadOperatorTest, AKeyThatStandsTwiceIsRefusedWithBothLinesAndTheRunningConfigurationStays) {
  const std::vector<std::pair<SchoolOptions::Edit, std::string>> slips = {
      {{"systems/ad.yaml", "retire:  ", "thresholds: { retire: { count: 500 } }\nretire:  "},
       "key \"thresholds\" stands twice, first in line"},
      {{"systems/ad.yaml", "    givenName:", "    cn: \"{person.external_id}\"\n    givenName:"},
       "key \"cn\" stands twice, first in line 12"},
      {{"systems/ad.yaml", "  create: { count: 50 }", "  create: { count: 50 }\n  create: { count: 5000 }"},
       "key \"create\" stands twice, first in line"},
      {{"rules/pupils.yaml", "  grants: [ad/access]",
        "  when: { some_contract: { type: employment } }\n  grants: [ad/access]"},
       "key \"when\" stands twice, first in line"},
      {{"rules/staff.yaml", "- rule: Janitors", "- rule: Pupils have an account"},
       "rule \"Pupils have an account\" stands twice, first at rules/pupils.yaml:"}};
  for (const auto& [edit, says] : slips) {
    school_->Edit(edit);
    ExpectRefused(says);
    Restore();
  }
  ExpectUntouched();
}

TEST_F(BadOperatorTest, AFolderInWhichFilesAreNotWhatTheySeemIsRefused) {
  fs::rename(Folder() + "/rules", school_->root() + "/rules");
  fs::create_symlink(school_->root() + "/rules", Folder() + "/rules");
  ExpectRefused("a link to a folder is not followed");
  fs::remove_all(school_->root() + "/rules");
  Restore();
  fs::remove(Folder() + "/rules/pupils.yaml");
  fs::create_symlink("/etc/passwd", Folder() + "/rules/pupils.yaml");
  ExpectRefused("this link leads out of the folder");
  Restore();
  fs::remove(Folder() + "/rules/pupils.yaml");
  ASSERT_EQ(mkfifo((Folder() + "/rules/pupils.yaml").c_str(), 0600), 0);
  ExpectRefused("this is no file that can be read");
  fs::remove(Folder() + "/rules/pupils.yaml");
  fs::create_directory(Folder() + "/rules/pupils.yaml");
  ExpectRefused("this is a folder and not a file");
  Restore();
  fs::resize_file(Folder() + "/rules/pupils.yaml", uintmax_t{8} << 30);
  ExpectRefused("the file is larger than 4 MiB");
  fs::remove_all(Folder());
  ExpectRefused("the folder cannot be read");
  Restore();
  ExpectUntouched();
}

TEST_F(BadOperatorTest, ASecretThatIsEmptyOrWrongIsFoundBeforeItIsUsed) {
  const std::string secret = school_->root() + "/secret";
  school_->Edit({"systems/ad.yaml", "env:AD_PASSWORD", "\"file:" + secret + "\""});
  ExpectRefused("does not exist; create it, readable by the host only");
  for (const auto& [content, says] : std::vector<std::pair<std::string, std::string>>{
           {"", "is empty"}, {"\n", "is empty"}, {" \t\r\n", "is empty"}, {"horse-battery \n", "ends with a blank"}}) {
    WriteFile(secret, content);
    fs::permissions(secret, fs::perms::owner_read | fs::perms::owner_write);
    ExpectRefused(says);
  }
  WriteFile(secret, "horse-battery\n");
  fs::permissions(secret, fs::perms::owner_read | fs::perms::group_read);
  ExpectRefused("can be read by group");
  Restore();
  school_->Edit({"systems/ad.yaml", "env:AD_PASSWORD", "env:Ad_Password"});
  ExpectRefused("variable Ad_Password is not set; did you mean \"AD_PASSWORD\"?");
  Restore();

  // One that is only wrong is told by the directory, and nobody is anonymous then.
  school_->Edit({"systems/ad.yaml", "env:AD_PASSWORD", "\"file:" + secret + "\""});
  fs::permissions(secret, fs::perms::owner_read | fs::perms::owner_write);
  school_->Must({"config", "apply", "--reason", "the password moves into a file"});
  const Answer test = school_->Sluice({"system", "test", "ad"});
  EXPECT_EQ(test.code, 1) << test.out;
  EXPECT_FALSE(absl::StrContains(test.out + test.err, "horse-battery")) << test.out << test.err;
  EXPECT_EQ(school_->Sluice({"import", "ad"}).code, 1);
  Restore();
  school_->Must({"config", "apply", "--reason", "back"});
  EXPECT_EQ(school_->Sluice({"system", "test", "ad"}).code, 0);
  ExpectUntouched();
}

TEST_F(BadOperatorTest, CommandLinesThatEndWith2LeaveStoreAndDirectoryAsTheyWere) {
  const auto store = [] {
    return ReadFile(school_->host().place().state + "/sluice.db") +
           ReadFile(school_->host().place().state + "/sluice.db-wal");
  };
  const std::string before = store();
  for (const std::vector<std::string>& line : std::vector<std::vector<std::string>>{
           {"enforce", "--plan", "9f3c07", "--limt", "5"},
           {"--limt", "5", "enforce"},
           {"enforce", "\u2013\u2013plan", "9f3c07"},
           {"enforce", "--plan", "9f"},
           {"enforce", "now"},
           {"system", "activate", "ad", "--person", "", "--reason", "one"},
           {"system", "activate", "ad", "--when", "{ some_contract: { departement.code: H4D } }", "--reason", "some"},
           {"system", "observe", "ad", "--reason", "--json"},
           {"person", "exclude", "103001", "--until", "2026-02-30", "--reason", "ill"},
           {"credential", "print", "103001"},
           {"config", "apply"}}) {
    EXPECT_EQ(school_->Sluice(line).code, 2) << absl::StrJoin(line, " ");
  }
  EXPECT_EQ(school_->Sluice({"system", "activate", "ad", "--person", "999999", "--reason", "nobody"}).code, 1);
  EXPECT_TRUE(store() == before) << "something was written";
  EXPECT_EQ(school_->Must({"system", "show", "ad"})["activation"], "active");
  ExpectUntouched();
}

TEST_F(BadOperatorTest, AnotherCorrelationRelinksNobodyWhoHasAnAccount) {
  const auto ids = [&] {
    std::map<std::string, std::string> ids;
    for (const auto& [number, account] : school_->Accounts()) ids[number] = account.First("objectGUID");
    return ids;
  };
  const auto before = ids();
  for (const char* correlate : {"{ displayName: \"{person.name.display}\" }", "{ sn: \"{person.name.family_all}\" }",
                                "{ description: \"{person.external_id}\" }"}) {
    school_->Edit({"systems/ad.yaml", "correlate: { employeeID: \"{person.external_id}\" }",
                   absl::StrCat("correlate: ", correlate)});
    const Json diff = school_->Must({"config", "diff"});
    EXPECT_EQ(diff["changes"].size(), 2u) << diff["changes"].dump();
    for (const char* count : {"added", "removed", "changed", "held_back"}) EXPECT_EQ(diff["people"][count], 0) << count;
    EXPECT_TRUE(diff["plan_after"]["operations"].empty()) << diff["plan_after"].dump();
    school_->Must({"config", "apply", "--reason", "another key"});
    school_->Import();
    ExpectUntouched();
    const Json report = school_->Must({"correlation", "report", "ad"});
    EXPECT_EQ(report["counts"]["held"], 70) << report["counts"].dump();
    Restore();
  }
  school_->Must({"config", "apply", "--reason", "back"});
  EXPECT_EQ(ids(), before);
  ExpectUntouched();
}

TEST_F(BadOperatorTest, AnotherFormOfTheIdentifyingAttributeIsManyUpdatesThatTheLimitStops) {
  school_->Edit(
      {"systems/ad.yaml", "    employeeID: \"{person.external_id}\"", "    employeeID: \"SL{person.external_id}\""});
  const Json diff = school_->Must({"config", "diff"});
  EXPECT_EQ(diff["plan_after"]["operations"], Json({{"ad update", 70}})) << diff["plan_after"].dump();
  school_->Must({"config", "apply", "--reason", "a prefix"});
  school_->Import();
  const Json plan = school_->Plan();
  EXPECT_EQ(CountByKind(plan), (std::map<std::string, int>{{"update", 70}})) << Describe(plan);
  const Answer enforce = school_->Sluice({"enforce"});
  EXPECT_EQ(enforce.code, 1);
  EXPECT_EQ(enforce.json["state"], "blocked") << enforce.out;
  EXPECT_EQ(school_->directory().HighestUsn(), usn_) << "the directory counted a change";
  Restore();
  school_->Must({"config", "apply", "--reason", "back"});
  ExpectUntouched();
}

}  // namespace
}  // namespace sluice::integration
