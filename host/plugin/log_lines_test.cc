#include "host/plugin/log_lines.h"

#include <gmock/gmock.h>

#include <random>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace sluice::plugin {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

std::vector<std::string> Lines(LineReader* reader, absl::string_view bytes, absl::Duration now = absl::Seconds(1)) {
  std::vector<std::string> lines;
  reader->Feed(bytes, now, [&](absl::string_view line) { lines.emplace_back(line); });
  return lines;
}

TEST(LogLinesTest, KnownKeysBecomeFieldsAndTheRestStaysAway) {
  const LogLine line =
      ParseLogLine(R"({"level":"error","message":"page failed","page":3,"code":"SOM-1","host":"evil","run":{}})", true);
  EXPECT_EQ(line.level, base::LogLevel::kError);
  EXPECT_EQ(line.message, "page failed");
  EXPECT_THAT(line.fields, ElementsAre(Pair("code", "SOM-1"), Pair("page", "3")));
  EXPECT_EQ(line.ToText(), "error: page failed (code=SOM-1, page=3)");
}

TEST(LogLinesTest, WhatIsNotOurJsonIsOnePlainLine) {
  EXPECT_EQ(ParseLogLine("hello", false).ToText(), "info: hello");
  EXPECT_EQ(ParseLogLine("hello", true).ToText(), "warning: hello");
  for (const char* line : {R"({"@message": 1, "@level": "info"})", R"({"message": 1})", "{", "{}", "[1]", "null"}) {
    EXPECT_EQ(ParseLogLine(line, false).message, line);
  }
}

TEST(LogLinesTest, ControlCharactersAndBrokenTextDoNoHarm) {
  EXPECT_EQ(HarmlessText("a\x1b[2Jb\tc\x7f", 100), "a?[2Jb c?");
  EXPECT_EQ(HarmlessText("Zo\xc3\xab \xff\xc0\x80 \xed\xa0\x80", 100), "Zo\xc3\xab ??? ???");
  EXPECT_EQ(HarmlessText("\xc2\x9b", 100), "?") << "a terminal takes C1 for an escape";
  EXPECT_EQ(HarmlessText("abcdef", 3), "abc...");
}

TEST(LogLinesTest, AnythingAtAllCanBeWritten) {
  constexpr absl::string_view kBytes = "{}[]\":,\\u0\n\xff\xc3 amessglv1";
  std::mt19937 random(7);
  LineReader reader({});
  for (int i = 0; i < 2000; ++i) {
    std::string bytes(random() % 200, '\0');
    for (char& byte : bytes) byte = kBytes[random() % kBytes.size()];
    reader.Feed(bytes, absl::Seconds(i), [](absl::string_view line) { ParseLogLine(line, true).ToText(); });
  }
  std::string deep(16000, '[');
  EXPECT_EQ(ParseLogLine("{\"message\":" + deep, true).message.substr(0, 11), "{\"message\":");
}

TEST(LogLinesTest, ALineIsCutAtItsLimitAndTheNextIsWhole) {
  LineReader reader({.max_line_bytes = 4, .lines_per_second = 1000, .burst = 1000});
  EXPECT_THAT(Lines(&reader, "ab"), ElementsAre());
  EXPECT_THAT(Lines(&reader, "cdefgh\nxy\n"), ElementsAre("abcd...", "xy"));
}

TEST(LogLinesTest, WhatIsTooMuchIsDroppedAndCounted) {
  LineReader reader({.max_line_bytes = 100, .lines_per_second = 1, .burst = 2});
  EXPECT_THAT(Lines(&reader, "1\n2\n3\n4\n"), ElementsAre("1", "2"));
  EXPECT_THAT(Lines(&reader, "5\n", absl::Seconds(3)), ElementsAre(HasSubstr("dropped 2 lines"), "5"));
}

TEST(LogLinesTest, SecretsAreTakenOut) {
  EXPECT_EQ(WithoutSecrets("token is hunter2!", {"hunter2!", "is"}), "token is ***");
  EXPECT_EQ(WithoutSecrets("a plan of the test host", {"a", "test", "host"}), "a plan of the test host")
      << "what is too short would take half of the log with it";
  EXPECT_EQ(WithoutSecrets("waterlanden-geheim of waterlanden", {"waterlanden", "waterlanden-geheim"}), "*** of ***");
  EXPECT_EQ(WithoutSecrets("?secret=p%40ss%2Bw%C3%ABrd&x=p%40ss%2bw%c3%abrd", {"p@ss+w\u00ebrd"}), "?secret=***&x=***");
  for (const char* before : {"", "i", "id", "id:", "client:"}) {
    const std::string line =
        absl::StrCat("Basic ", absl::Base64Escape(absl::StrCat(before, "correct horse>>battery", "?")), " refused");
    const std::string clean = WithoutSecrets(line, {"correct horse>>battery"});
    EXPECT_THAT(clean, HasSubstr("***")) << line;
    EXPECT_LT(clean.size(), 45u) << clean;
  }
}

TEST(LogLinesTest, OnlyTheLastLinesAreKept) {
  RecentLines lines(2);
  for (const char* line : {"1", "2", "3"}) lines.Add(line);
  EXPECT_THAT(lines.Get(), ElementsAre("2", "3"));
}

}  // namespace
}  // namespace sluice::plugin
