// Every verb of the command line with every kind of slip: each ends with 2 before anything runs, says what is wrong and
// where help is, and leaves store and directory as they were.
#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "host/cli/testing/command_line.h"

namespace sluice::cli {
namespace {

using testing::Answer;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Words;

// A verb as it is typed right: its own words, those that it demands, options with their values.
struct Verb {
  Words words, arguments;
  std::vector<std::pair<std::string, std::string>> options;
  bool takes_more = false;  // So many words that none is too many.
};

const std::string kReason = "--reason";

std::vector<Verb> Verbs() {
  const std::pair<std::string, std::string> reason = {kReason, "as agreed"};
  return {{{"status"}, {}, {}},
          {{"import"}, {}, {}, true},
          {{"plan"}, {}, {{"--all", ""}}},
          {{"enforce"}, {}, {{"--plan", "9f3c07"}}},
          {{"why"}, {"104233", "ad/account"}, {}},
          {{"config", "check"}, {"folder"}, {}},
          {{"config", "diff"}, {"folder"}, {}},
          {{"config", "apply"}, {"folder"}, {reason}},
          {{"config", "schema"}, {}, {{"--reference", ""}}},
          {{"system", "list"}, {}, {}},
          {{"system", "show"}, {"ad"}, {}},
          {{"system", "test"}, {"ad"}, {}},
          {{"system", "activate"}, {"ad"}, {{"--person", "104233"}, {"--when", "{ some_contract: {} }"}, reason}},
          {{"system", "observe"}, {"ad"}, {reason}},
          {{"person", "list"}, {}, {{"--search", "Noor"}, {"--state", "present"}}},
          {{"person", "show"}, {"104233"}, {{"--raw", ""}}},
          {{"person", "exclude"}, {"104233"}, {{"--until", "2026-12-31"}, reason}},
          {{"person", "include"}, {"104233"}, {reason}},
          {{"mapping", "try"}, {"104233"}, {{"--system", "ad"}}, true},
          {{"rule", "list"}, {}, {}},
          {{"rule", "show"}, {"Pupils can sign in"}, {}},
          {{"run", "list"}, {}, {{"--limit", "5"}}},
          {{"run", "show"}, {"12345678"}, {{"--all", ""}}},
          {{"run", "stop"}, {"12345678"}, {}},
          {{"block", "list"}, {}, {{"--all", ""}}},
          {{"block", "show"}, {"12345678"}, {{"--all", ""}}},
          {{"block", "approve"}, {"12345678"}, {reason}, true},
          {{"block", "reject"}, {"12345678"}, {reason}, true},
          {{"correlation", "report"}, {"ad"}, {{"--all", ""}}},
          {{"correlation", "link"}, {"ad", "104233", "account-1"}, {reason}},
          {{"plugin", "list"}, {}, {}},
          {{"plugin", "show"}, {"ad"}, {}},
          {{"plugin", "start"}, {"ad"}, {}},
          {{"credential", "print"}, {"104233"}, {reason}},
          {{"audit", "list"}, {}, {{"--person", "104233"}, {"--limit", "5"}}},
          {{"audit", "check"}, {}, {}},
          {{"audit", "accept"}, {}, {{"--rows", "2-3"}, reason}},
          {{"audit", "export"}, {"file"}, {}}};
}

// Arguments that may be left out.
bool IsOptional(const Verb& verb) {
  return verb.words[0] == "config" || verb.words == Words{"audit", "export"} ||
         verb.words == Words{"credential", "print"};
}

Words Whole(const Verb& verb) {
  Words words = verb.words;
  words.insert(words.end(), verb.arguments.begin(), verb.arguments.end());
  for (const auto& [name, value] : verb.options) {
    words.push_back(name);
    if (!value.empty()) words.push_back(value);
  }
  return words;
}

Words Without(Words words, const std::string& word) {
  words.erase(std::find(words.begin(), words.end(), word));
  return words;
}

Words With(Words words, const std::string& old_word, const std::string& new_word) {
  std::replace(words.begin(), words.end(), old_word, new_word);
  return words;
}

class EveryVerb : public testing::CommandLineTest {
 protected:
  void ExpectUsage(const Words& words, const std::string& says = "") {
    const Answer answer = Run(words);
    const std::string typed = absl::StrJoin(words, " ");
    EXPECT_EQ(answer.code, 2) << "sluice " << typed << "\n" << answer.err;
    EXPECT_THAT(answer.err, HasSubstr(says)) << "sluice " << typed;
    EXPECT_THAT(answer.err, HasSubstr("\nHelp: sluice")) << "sluice " << typed;
    EXPECT_THAT(answer.out, IsEmpty()) << "sluice " << typed;
  }

  // The commands that a page of help lists: two blanks, a word.
  std::set<std::string> Listed(const Words& command) {
    Words words = command;
    words.push_back("--help");
    const Answer answer = Run(words);
    std::set<std::string> listed;
    bool is_list = false;
    for (absl::string_view line : absl::StrSplit(answer.out, '\n')) {
      if (!absl::StartsWith(line, " ")) {
        is_list = absl::StartsWith(line, "Every day") || absl::StartsWith(line, "Otherwise") ||
                  absl::StartsWith(line, "Subcommands");
        continue;
      }
      if (!is_list || !absl::ConsumePrefix(&line, "  ") || line.empty() || line[0] == ' ') continue;
      listed.insert(std::string(line.substr(0, line.find(' '))));
    }
    return listed;
  }
};

TEST_F(EveryVerb, IsInThisTable) {
  std::map<std::string, std::set<std::string>> known;
  for (const Verb& verb : Verbs()) {
    std::set<std::string>& verbs = known[verb.words[0]];
    if (verb.words.size() > 1) verbs.insert(verb.words[1]);
  }
  std::set<std::string> nouns;
  for (const auto& [noun, verbs] : known) {
    nouns.insert(noun);
    EXPECT_EQ(verbs.empty() ? verbs : Listed({noun}), verbs) << noun;
  }
  EXPECT_EQ(Listed({}), nouns);
}

TEST_F(EveryVerb, EndsWith2AtASlipAndRunsNothing) {
  Begin();
  const auto before = Kept();
  for (const Verb& verb : Verbs()) {
    const Words whole = Whole(verb);
    Words words = whole;
    words.push_back("--wrng");
    ExpectUsage(words, "there is no option --wrng");
    words = whole;
    words.insert(words.begin(), "--wrng=1");
    ExpectUsage(words, "there is no option --wrng");
    if (!verb.takes_more) {
      words = whole;
      words.push_back("surplus");
      ExpectUsage(words, "\"surplus\" is a word too many");
    }
    for (const std::string& argument : verb.arguments) {
      if (!IsOptional(verb)) ExpectUsage(Without(whole, argument), "required");
      ExpectUsage(With(whole, argument, ""), "it is empty");
    }
    for (const auto& [name, value] : verb.options) {
      const std::string misspelt = name.substr(0, name.size() - 2) + name.back();
      ExpectUsage(With(whole, name, misspelt),
                  absl::StrCat("there is no option ", misspelt, "; did you mean ", name, "?"));
      ExpectUsage(With(whole, name, "\u2013" + name.substr(2)), "typographic dash");
      if (name == kReason) ExpectUsage(Without(Without(whole, name), value), "--reason");
      if (value.empty()) continue;
      ExpectUsage(With(whole, value, ""), "it is empty");
      // As an empty variable without quotation marks leaves it; what follows is no value.
      words = Without(whole, value);
      words.push_back("--json");
      ExpectUsage(words, words[words.size() - 2] == name ? "its value is missing before --json" : "");
    }
  }
  EXPECT_EQ(Kept(), before);
}

}  // namespace
}  // namespace sluice::cli
