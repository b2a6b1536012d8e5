// The program itself, against a host in this process: what it makes of a command line, what it says, and how it ends.

#include "host/cli/testing/command_line.h"

#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::cli {
namespace {

using testing::Answer;
using testing::CommandLineTest;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using testing::Words;

struct WrongLine {
  Words words;
  std::string says;
};

TEST_F(CommandLineTest, AWrongCommandLineEndsWith2AndTheNearestRightOneAndRunsNothing) {
  Begin();
  const auto before = Kept();
  const std::vector<WrongLine> lines = {
      {{}, "sluice: say what to do; every day: status, import, plan, enforce, why"},
      {{"stats"}, "sluice: there is no command \"stats\"; did you mean status?"},
      {{"bloc", "list"}, "sluice: there is no command \"bloc\"; did you mean block?"},
      {{"enforce", "--plan", "9f3c07", "--limt", "5"},
       "sluice enforce: there is no option --limt; there are: --help, --plan"},
      {{"enforce", "--plna", "9f3c07"}, "sluice enforce: there is no option --plna; did you mean --plan?"},
      {{"--plna=9f3c07", "enforce"}, "sluice enforce: there is no option --plna; did you mean --plan?"},
      {{"--plan", "9f3c07", "enforce"}, "sluice enforce: there is no option --plan"},
      {{"enforce", "9f3c07"}, "sluice enforce: \"9f3c07\" is a word too many"},
      {{"enforce", "\u2013\u2013plan", "9f3c07"}, "begins with a typographic dash; write it as --plan"},
      {{"enforce", "\u2014json"}, "begins with a typographic dash; write it as --json"},
      {{"import", "\u2013json"}, "begins with a typographic dash; write it as --json"},
      {{"enforce", "--plan"}, "sluice enforce: --plan"},
      {{"enforce", "--plan", ""}, "sluice enforce: --plan: it is empty"},
      {{"enforce", "--plan="}, "sluice enforce: --plan"},
      {{"enforce", "--plan", "aa", "--plan", "bb"}, "sluice enforce: "},
      {{"enforce", "--jsn"}, "sluice enforce: there is no option --jsn; did you mean --json?"},
      {{"system", "activate", "ad", "--when", "", "--reason", "all of them"}, "--when: it is empty"},
      {{"system", "activate", "ad", "--person", "", "--reason", "one"}, "--person: it is empty"},
      {{"system", "activate", "ad"}, "sluice system activate: --reason is required"},
      {{"system", "activat", "ad"}, "sluice system: there is no verb \"activat\"; did you mean activate?"},
      {{"system"}, "sluice system: a verb is missing: list, show, test, activate, observe"},
      {{"block", "approve", "1234"}, "sluice block approve: --reason is required"},
      {{"block", "approve", "--reason", "yes"}, "sluice block approve: block is required"},
      {{"why", "104233"}, "sluice why: entitlement is required"},
      {{"why", "104233", "ad/account", "today"}, "sluice why: \"today\" is a word too many"},
      {{"audit", "list", "--limit", "-3"}, "--limit"},
      {{"audit", "list", "--limit", "few"}, "--limit"},
      {{"person", "list", "--serch", "Noor"}, "sluice person list: there is no option --serch; did you mean --search?"},
      {{"config", "apply"}, "sluice config apply: --reason is required"},
      {{"status", "--all"}, "sluice status: there is no option --all"},
      {{"ENFORCE"}, "sluice: there is no command \"ENFORCE\"; did you mean enforce?"},
      {{"enforce", "-plan", "9f3c07"}, "sluice enforce: there is no option -plan; did you mean --plan?"},
      {{"enforce", "--plan=9f3c07", "--limt=5"}, "sluice enforce: there is no option --limt"},
      {{"enforce", "--dry-run"}, "sluice enforce: there is no option --dry-run"},
      {{"--dry-run", "enforce"}, "sluice enforce: there is no option --dry-run"},
      {{"enforce", "--", "now"}, "\"now\" is a word too many"},
      {{"person", "list", "--state", "gone"}, "--state"},
      {{"credential", "print", "104233"}, "sluice credential print: person requires --reason"},
      {{"credential", "print", "--reason", "which one"}, "sluice credential print: --reason requires person"},
      {{"mapping", "try", "104233", "{person.name.nick}", "--system", "ad"}, "excludes"},
      {{"status", "enforce"}, "sluice status: \"enforce\" is a word too many"},
      {{"plan", "enforce"}, "sluice plan: \"enforce\" is a word too many"},
      {{"enforce", "--plan", "--json"}, "sluice enforce: --plan: its value is missing before --json"},
      {{"block", "approve", "abcd1111", "--reason", "--json"}, "--reason: its value is missing before --json"},
  };
  for (const WrongLine& line : lines) {
    const Answer answer = Run(line.words);
    const std::string typed = absl::StrJoin(line.words, " ");
    EXPECT_EQ(answer.code, 2) << "sluice " << typed;
    EXPECT_THAT(answer.err, HasSubstr(line.says)) << "sluice " << typed;
    EXPECT_THAT(answer.err, HasSubstr("\nHelp: sluice")) << "sluice " << typed;
    EXPECT_THAT(answer.out, IsEmpty()) << "sluice " << typed;
  }
  EXPECT_EQ(Kept(), before);
}

TEST_F(CommandLineTest, WhatTheHostRefusesAsUnclearEndsWith2AsWell) {
  Begin();
  store::Commit commit;
  for (const char* id : {"abcd1111-0000", "abcd2222-0000"}) {
    store::BlockRecord block;
    block.id = id;
    block.system = "school";
    block.kind = "people_removed";
    block.state = "waiting";
    commit.blocks.push_back(block);
  }
  ASSERT_TRUE(host_.store().Write(commit).ok());
  for (const Words& words : std::vector<Words>{
           {"block", "show", "abcd"},
           {"block", "approve", "abcd1", "abcd", "--reason", "yes"},
           {"person", "exclude", "104233", "--until", "soon", "--reason", "ill"},
           {"system", "activate", "ad", "--when", "{ a: ", "--reason", "some"},
           {"system", "activate", "ad", "--when", "{}", "--reason", "all"},
           {"system", "activate", "ad", "--when", "{ some_contract: { departement.code: H4D } }", "--reason", "some"},
           {"system", "activate", "school", "--reason", "the source"},
           {"person", "exclude", "104233", "--until", "2026-11-23", "--reason", "ill"},
           {"person", "exclude", "104233", "--until", "2027-02-29", "--reason", "ill"},
           {"person", "exclude", "104233", "--reason", " "},
           {"mapping", "try", "104233", "{person.name.nik}"},
           {"mapping", "try", "104233", "{nick}"},
           {"mapping", "try", "104233", "{person.name.nick | uper}"},
           {"mapping", "try", "104233", "{person.custom.geen_laptop}"},
           {"enforce", "--plan", "9f3"},
           {"enforce", "--plan", "9F3C07"},
           {"enforce", "--plan", "latest"},
           {"block", "show", "a"},
           {"block", "approve", "abc", "--reason", "yes"},
           {"block", "approve", "abcd1", "--reason", "\t"},
           {"run", "show", "1"},
           {"credential", "print", "104233", "--reason", " "}}) {
    const auto before = Kept();
    const Answer answer = Run(words);
    EXPECT_EQ(answer.code, 2) << absl::StrJoin(words, " ") << answer.err;
    EXPECT_THAT(answer.err, StartsWith("sluice: ")) << absl::StrJoin(words, " ");
    EXPECT_THAT(answer.out, IsEmpty()) << absl::StrJoin(words, " ");
    EXPECT_EQ(Kept(), before) << absl::StrJoin(words, " ");
  }
  // One of two ids was ambiguous: the other one is not decided either.
  EXPECT_THAT(Run({"block", "show", "abcd1"}).out, HasSubstr("waiting since"));
}

TEST_F(CommandLineTest, NobodyAndNothingAreRefusedWith1) {
  Begin();
  for (const Words& words : std::vector<Words>{{"person", "show", "999999"},
                                               {"why", "999999", "ad/account"},
                                               {"system", "activate", "ad", "--person", "999999", "--reason", "one"},
                                               {"system", "show", "entra"},
                                               {"import", "entra"},
                                               {"block", "approve", "zzzz", "--reason", "yes"},
                                               {"run", "show", "zzzz"},
                                               {"enforce", "--plan", "000000"},
                                               {"rule", "show", "No rule"},
                                               {"why", "104233", "entra/account"},
                                               {"why", "104233", "ad/clas group:h4d"},
                                               {"mapping", "try", "104233", "--system", "school"},
                                               {"audit", "list", "--person", "999999"},
                                               {"plugin", "show", "entra"},
                                               {"correlation", "report", "entra"},
                                               {"correlation", "link", "ad", "104233", "nobody", "--reason", "one"},
                                               {"person", "include", "999999", "--reason", "back"},
                                               {"credential", "print", "104233", "--reason", "she starts"}}) {
    const Answer answer = Run(words);
    EXPECT_EQ(answer.code, 1) << absl::StrJoin(words, " ");
    EXPECT_THAT(answer.err, StartsWith("sluice: ")) << absl::StrJoin(words, " ");
    EXPECT_EQ(std::count(answer.err.begin(), answer.err.end(), '\n'), 1) << answer.err;
    EXPECT_THAT(answer.out, IsEmpty());
  }
  EXPECT_EQ(host_.directory().operations(), 0);
}

TEST_F(CommandLineTest, WithoutAHostItEndsWith3AndSaysHowToGetOne) {
  const Answer answer = RunOn("/nowhere/s.sock", {"status"});
  EXPECT_EQ(answer.code, 3);
  EXPECT_EQ(
      answer.err,
      "sluice: no host answers on /nowhere/s.sock; start it with: sluiced --config FOLDER, or name its socket with "
      "--socket\n");
  EXPECT_EQ(RunOn("/nowhere/s.sock", {"status", "--json"}).code, 3);
  EXPECT_EQ(RunOn("/nowhere/s.sock", {"enforce"}).code, 3);
  EXPECT_EQ(RunOn("/nowhere/s.sock", {"audit", "export"}).code, 3);
  EXPECT_EQ(RunOn("/nowhere/s.sock", {"--help"}).code, 0);
  EXPECT_EQ(RunOn("/nowhere/s.sock", {"stats"}).code, 2);
}

TEST_F(CommandLineTest, OptionsOfTheProgramStandBeforeAndAfterTheVerb) {
  Begin();
  for (const Words& words : std::vector<Words>{{"--json", "system", "list"},
                                               {"system", "--json", "list"},
                                               {"system", "list", "--json"},
                                               {"--socket", host_.socket(), "system", "list", "--json"},
                                               {"system", "list", "--json", "--socket", host_.socket()}}) {
    const Answer answer = Run(words);
    EXPECT_EQ(answer.code, 0) << answer.err;
    EXPECT_EQ(nlohmann::json::parse(answer.out)["systems"].size(), 2u);
  }
}

TEST_F(CommandLineTest, HelpNamesTheEverydayVerbsFirst) {
  const Answer answer = Run({"--help"});
  EXPECT_EQ(answer.code, 0);
  EXPECT_THAT(answer.out, HasSubstr("Every day:\n  status"));
  EXPECT_LT(answer.out.find("Every day"), answer.out.find("Otherwise"));
  for (const char* verb : {"import", "plan", "enforce", "why"})
    EXPECT_LT(answer.out.find(absl::StrCat("\n  ", verb)), answer.out.find("Otherwise")) << verb;
  EXPECT_THAT(answer.out, HasSubstr("0 ok, 1 refused, failed or blocked, 2 usage, 3 no host answers"));
  EXPECT_EQ(Run({"block", "approve", "--help"}).code, 0);
  EXPECT_THAT(Run({"--version"}).out, HasSubstr("0."));
}

TEST_F(CommandLineTest, EveryListIsTheSameInJson) {
  Begin();
  Run({"enforce"});
  for (const Words& words : std::vector<Words>{{"status"},
                                               {"plan"},
                                               {"why", "104233", "ad/group:laptop-uitleen"},
                                               {"config", "check"},
                                               {"config", "diff"},
                                               {"system", "list"},
                                               {"system", "show", "ad"},
                                               {"system", "test", "ad"},
                                               {"person", "list"},
                                               {"person", "show", "104233", "--raw"},
                                               {"mapping", "try", "104233", "--system", "ad"},
                                               {"rule", "list"},
                                               {"rule", "show", "Pupils can sign in"},
                                               {"run", "list"},
                                               {"block", "list"},
                                               {"correlation", "report", "ad"},
                                               {"plugin", "list"},
                                               {"plugin", "show", "ad"},
                                               {"credential", "print"},
                                               {"audit", "list"}}) {
    const std::string typed = absl::StrJoin(words, " ");
    const Answer text = Run(words);
    Words with_json = words;
    with_json.push_back("--json");
    const Answer json = Run(with_json);
    EXPECT_EQ(text.code, 0) << typed << ": " << text.err;
    EXPECT_EQ(json.code, text.code) << typed;
    EXPECT_THAT(text.out, Not(IsEmpty())) << typed;
    EXPECT_TRUE(nlohmann::json::accept(json.out)) << typed << ": " << json.out;
    EXPECT_THAT(text.err, IsEmpty()) << typed;
  }
}

TEST_F(CommandLineTest, ExitCodesAreEqualWithJson) {
  // An import that a threshold stops.
  EXPECT_EQ(Run({"import"}).code, 1);
  EXPECT_EQ(Run({"import", "--json"}).code, 1);
  host_.ImportAll();
  host_.Activate();
  // An enforcement that is wholly blocked.
  const Answer blocked = Run({"enforce", "--json"});
  EXPECT_EQ(blocked.code, 1);
  EXPECT_EQ(nlohmann::json::parse(blocked.out)["state"], "blocked");
  EXPECT_EQ(Run({"enforce"}).code, 1);
  // A folder with errors.
  host_.WriteFile("rules/pupils.yaml", "- rule: 7\n  wen: true\n");
  for (const Words& words :
       std::vector<Words>{{"config", "check"}, {"config", "diff"}, {"config", "apply", "--reason", "a try"}}) {
    Words with_json = words;
    with_json.push_back("--json");
    EXPECT_EQ(Run(words).code, 1) << absl::StrJoin(words, " ");
    EXPECT_EQ(Run(with_json).code, 1) << absl::StrJoin(words, " ");
  }
  // A system that does not sign in.
  host_.directory().SetReport({{"no such base"}, {}, {}});
  EXPECT_EQ(Run({"system", "test", "ad"}).code, 1);
  EXPECT_EQ(Run({"system", "test", "ad", "--json"}).code, 1);
}

TEST_F(CommandLineTest, AnEnforcementSaysFirstWhatItWillDoAndToHowMany) {
  Begin();
  const std::string plan = nlohmann::json::parse(Run({"plan", "--json"}).out)["name"].get<std::string>().substr(6, 6);
  EXPECT_THAT(Run({"plan"}).out, HasSubstr(absl::StrCat("Carry it out with: sluice enforce --plan ", plan)));
  Answer answer = Run({"enforce", "--plan", plan});
  EXPECT_EQ(answer.code, 1);
  EXPECT_THAT(answer.out, StartsWith(absl::StrCat("Plan ", plan, ": ")));
  EXPECT_THAT(answer.out, HasSubstr("3 wait for a decision"));
  EXPECT_THAT(answer.out, HasSubstr(") blocked"));
  EXPECT_EQ(Run({"block", "approve", WaitingBlock(), "--reason", "day one"}).code, 0);
  answer = Run({"enforce"});
  EXPECT_EQ(answer.code, 0) << answer.out;
  EXPECT_THAT(answer.out, HasSubstr("operations: 3 create"));
  EXPECT_THAT(answer.out, HasSubstr("succeeded"));
  EXPECT_THAT(Run({"plan"}).out, HasSubstr("Nothing to do.\nThresholds hold.\nNobody is held back.\n"));
}

TEST_F(CommandLineTest, AnEnforcementOfWhichOneFailsEndsWith1AndNamesIt) {
  Begin();
  Run({"plan"});
  Run({"block", "approve", WaitingBlock(), "--reason", "day one"});
  host_.directory().Refuse("104233");
  const Answer answer = Run({"enforce"});
  EXPECT_EQ(answer.code, 1);
  EXPECT_THAT(answer.out, HasSubstr("1 failed"));
  EXPECT_THAT(answer.out, HasSubstr("Noor van der Zwaluw  104233"));
  EXPECT_THAT(answer.out, HasSubstr("the directory does not allow it"));
  const auto runs = nlohmann::json::parse(Run({"run", "list", "--json"}).out);
  const Answer show = Run({"run", "show", runs["runs"][0]["name"].get<std::string>().substr(5, 8)});
  EXPECT_EQ(show.code, 0);  // It was shown; the run failed, showing it did not.
  EXPECT_LT(show.out.find("Not carried out"), show.out.find("Carried out"));
  EXPECT_EQ(Run({"enforce", "--json"}).code, 1);
}

TEST_F(CommandLineTest, TimesAreTheSchoolsNotTheTerminals) {
  Begin();
  EXPECT_THAT(Run({"status"}).out, HasSubstr("24 Nov 2026 03:30"));
  EXPECT_THAT(Run({"run", "list"}).out, HasSubstr("24 Nov 2026 03:30"));
  EXPECT_THAT(Run({"audit", "list"}).out, HasSubstr("24 Nov 2026 03:30:00"));
}

TEST_F(CommandLineTest, SeveralBlocksAreDecidedAtOnceAndEachOnce) {
  store::Commit commit;
  for (const char* id : {"aaaa1111-0000", "bbbb2222-0000", "cccc3333-0000"}) {
    store::BlockRecord block;
    block.id = id;
    block.system = "ad";
    block.kind = "revoke";
    block.verdict = absl::StrCat("group ", id, " would lose 9 of 10 members");
    block.state = "waiting";
    commit.blocks.push_back(block);
  }
  ASSERT_TRUE(host_.store().Write(commit).ok());
  const Answer answer = Run({"block", "approve", "aaaa", "bbbb2", "blocks/aaaa1111-0000", "--reason", "as agreed"});
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_EQ(std::count(answer.out.begin(), answer.out.end(), '\n'), 2) << answer.out;
  EXPECT_EQ(Run({"block", "reject", "cccc", "--reason", "not this one"}).code, 0);
  EXPECT_EQ(Run({"block", "list"}).out, "Nothing waits.\n");
  EXPECT_THAT(Run({"block", "list", "--all"}).out, HasSubstr("rejected"));
}

TEST_F(CommandLineTest, TheAuditLogShowsTheNewestWithWhoWhatAndWhom) {
  Begin();
  Run({"person", "exclude", "104233", "--until", "2026-12-31", "--reason", "on leave"});
  const Answer answer = Run({"audit", "list", "--limit", "1"});
  const std::vector<std::string> lines = absl::StrSplit(answer.out, '\n', absl::SkipEmpty());
  ASSERT_EQ(lines.size(), 2u) << answer.out;
  EXPECT_THAT(lines[1], HasSubstr("person.excluded"));
  EXPECT_THAT(lines[1], HasSubstr("Noor van der Zwaluw 104233"));
  EXPECT_THAT(lines[1], HasSubstr("\"on leave\""));
  EXPECT_THAT(lines[1], HasSubstr("user:"));
}

TEST_F(CommandLineTest, DamageOfTheAuditLogIsOneLineInTheStatusAndIsAcceptedWithAReason) {
  Begin();
  EXPECT_EQ(Run({"audit", "check"}).code, 0);
  host_.EditStore("DROP TRIGGER audit_is_never_changed; UPDATE audit SET json = '{}' WHERE sequence IN (2, 3)");
  Answer answer = Run({"audit", "check"});
  EXPECT_EQ(answer.code, 1);
  EXPECT_THAT(answer.out,
              HasSubstr("2-3   row 2 was changed: its contents do not give its hash; damaged on to row 3\n"));
  EXPECT_THAT(answer.out, HasSubstr("sluice audit accept --rows A-B"));
  EXPECT_THAT(Run({"status"}).out, HasSubstr("The audit log is damaged and is not sealed: row 2 was changed"));
  EXPECT_THAT(Run({"audit", "list", "--limit", "100"}).out, HasSubstr("DAMAGED: row 2 was changed"));
  for (const char* rows : {"", "two", "0", "3-2", "2-", "-2", "2-3-4", "2,3"}) {
    EXPECT_EQ(Run({"audit", "accept", "--rows", rows, "--reason", "disk failure"}).code, 2) << rows;
  }
  EXPECT_EQ(Run({"audit", "accept", "--rows", "2-3"}).code, 2);
  answer = Run({"audit", "accept", "--rows", "2", "--reason", "disk failure"});
  EXPECT_EQ(answer.code, 1);
  EXPECT_THAT(answer.err, HasSubstr("accept whole: rows 2-3"));
  answer = Run({"audit", "accept", "--rows", "2-3", "--reason", "disk failure"});
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_THAT(answer.out, HasSubstr("\"disk failure\""));
  EXPECT_EQ(Run({"audit", "check"}).code, 0);
  EXPECT_THAT(Run({"status"}).out, Not(HasSubstr("audit")));
}

TEST_F(CommandLineTest, AnExportIsWrittenWhole) {
  Begin();
  const std::string path = host_.folder() + "/audit.jsonl";
  EXPECT_EQ(Run({"audit", "export", path}).code, 0);
  std::ifstream file(path);
  std::stringstream content;
  content << file.rdbuf();
  EXPECT_EQ(content.str(), Run({"audit", "export"}).out);
  EXPECT_THAT(content.str(), HasSubstr("system.activated"));
  EXPECT_EQ(Run({"audit", "export", "/nowhere/audit.jsonl"}).code, 1);
  // What was exported before outlives an export that fails.
  EXPECT_EQ(RunOn("/nowhere/s.sock", {"audit", "export", path}).code, 3);
  EXPECT_EQ(config::testing::FileContent(path), content.str());
  EXPECT_FALSE(std::filesystem::exists(path + ".part"));
  EXPECT_EQ(Run({"audit", "export", "/dev/null"}).code, 0);
}

TEST_F(CommandLineTest, AFirstPasswordIsPrintedOnce) {
  Begin();
  Run({"plan"});
  Run({"block", "approve", WaitingBlock(), "--reason", "day one"});
  ASSERT_EQ(Run({"enforce"}).code, 0);
  EXPECT_THAT(Run({"credential", "print"}).out, HasSubstr("104233"));
  const Answer first = Run({"credential", "print", "104233", "--reason", "she starts"});
  EXPECT_EQ(first.code, 0);
  EXPECT_THAT(first.out, HasSubstr("password  Welkom-2026"));
  EXPECT_EQ(Run({"credential", "print", "104233", "--reason", "again"}).code, 1);
}

}  // namespace
}  // namespace sluice::cli
