#include "host/config/yaml.h"

#include <gtest/gtest.h>

namespace sluice::config {
namespace {

std::string ErrorsOf(const std::string& content) {
  Diagnostics diagnostics;
  ParseYaml("a.yaml", content, diagnostics);
  std::string lines;
  for (const Diagnostic& error : diagnostics.TakeErrors()) lines += error.ToString() + "\n";
  return lines;
}

TEST(Yaml, CountsColumnsInCharactersNotBytes) {
  Diagnostics diagnostics;
  auto root = ParseYaml("a.yaml", "{ é: 1, b: 'q' }\n", diagnostics);
  ASSERT_TRUE(root);
  EXPECT_EQ(root->FindKey("b")->position.ToString(), "a.yaml:1:9");
  EXPECT_EQ(root->Find("b")->PositionAt(0).ToString(), "a.yaml:1:13");
}

TEST(Yaml, KnowsWhereACharacterOfATextStandsUnlessItIsEscaped) {
  Diagnostics diagnostics;
  auto root = ParseYaml("a.yaml", "a: \"ü{x}\"\nb: \"\\t{x}\"\nc: |\n  {x}\n", diagnostics);
  ASSERT_TRUE(root);
  EXPECT_EQ(root->Find("a")->PositionAt(2).ToString(), "a.yaml:1:6");
  EXPECT_EQ(root->Find("b")->PositionAt(1).ToString(), "a.yaml:2:4");
  EXPECT_EQ(root->Find("c")->PositionAt(1).ToString(), "a.yaml:3:4");
}

TEST(Yaml, PutsAnAbsentValueWhereItsKeyIs) {
  Diagnostics diagnostics;
  auto root = ParseYaml("a.yaml", "a:\nb: 1\n", diagnostics);
  ASSERT_TRUE(root);
  EXPECT_TRUE(root->Find("a")->is_null());
  EXPECT_EQ(root->Find("a")->position.ToString(), "a.yaml:1:1");
}

TEST(Yaml, TakesAWordForWhatItLooksLikeOnlyWhenThatIsSafe) {
  using Kind = core::Value::Kind;
  EXPECT_EQ(ValueOfWord("4"), core::Value::Integer(4));
  EXPECT_EQ(ValueOfWord("-4"), core::Value::Integer(-4));
  EXPECT_EQ(ValueOfWord("0.8"), core::Value::Number({800000}));
  EXPECT_EQ(ValueOfWord("2026-08-01"), core::Value::Date(absl::CivilDay(2026, 8, 1)));
  EXPECT_EQ(ValueOfWord("true"), core::Value::Flag(true));
  for (const char* text : {"007", "0x10", "1e3", "no", "on", "2026-02-30", "31XY00", "1_000", "+4", "12:30"}) {
    EXPECT_EQ(ValueOfWord(text).kind(), Kind::kText) << text;
  }
}

TEST(Yaml, RefusesWhatMakesAFileMeanSomethingElseThanItSeems) {
  EXPECT_EQ(ErrorsOf("a: 1\nb: 2\na: 3\n"), "a.yaml:3:1: key \"a\" stands twice, first in line 1; keep one of them\n");
  EXPECT_EQ(ErrorsOf("a: \"x\nb: 1\n"), "a.yaml:1:4: a quotation mark is not closed; close it\n");
  EXPECT_EQ(ErrorsOf("a: 'it''s\nb: 1\n"), "a.yaml:1:4: a quotation mark is not closed; close it\n");
  EXPECT_EQ(ErrorsOf("a: 'it''s'\nb: \"\\\"\"\n"), "");
  EXPECT_EQ(ErrorsOf("a: &x 1\n"), "a.yaml:1:4: an anchor (&) has no meaning here; write the value where it is used\n");
  EXPECT_EQ(ErrorsOf("a: !!str 1\n"),
            "a.yaml:1:4: a tag (!) has no meaning here; write text in quotation marks and numbers without\n");
  EXPECT_EQ(ErrorsOf("a: 1\n---\nb: 2\n"),
            "a.yaml:2:1: a second document starts here; keep one, without \"---\" or \"...\"\n");
  EXPECT_EQ(ErrorsOf("---\na: 1\n"), "");
  EXPECT_EQ(ErrorsOf("? [a]\n: b\n"), "a.yaml:1:3: a key must be one word or text, not a list\n");
}

TEST(Yaml, SurvivesWhatIsNoYaml) {
  EXPECT_EQ(ErrorsOf("a: \xff\n"), "a.yaml:1:4: the file is not text in UTF-8 from here on; save it as UTF-8\n");
  EXPECT_EQ(ErrorsOf(std::string("a: \0b\n", 6)),
            "a.yaml:1:4: the file is not text in UTF-8 from here on; save it as UTF-8\n");
  EXPECT_FALSE(ErrorsOf(std::string(100000, '[')).empty());
  EXPECT_FALSE(ErrorsOf(std::string(5 << 20, 'a')).empty());
  // As many as a file may have, and in no more time than anything else.
  for (const char* bracket : {"[", "{", "- ", "? ", "[{", "\"", "!", "&", ": "}) {
    std::string many;
    while (many.size() + 4 < kMostFileBytes / 16) many += bracket;
    EXPECT_FALSE(ErrorsOf(many).empty()) << bracket;
  }
  EXPECT_FALSE(ErrorsOf("*x").empty());
  EXPECT_FALSE(ErrorsOf("a: @b\n").empty());
}

}  // namespace
}  // namespace sluice::config
