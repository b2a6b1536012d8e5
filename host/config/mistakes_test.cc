// Every kind of mistake, with its exact message: a table in tests/data/configuration/mistakes/*.txt.
//
// A case: "=== what is wrong"; "--- replace FILE" with lines "< old" and "> new" (the first place in the file that has
// the old text; more lines of ">" follow it); "--- file FILE" with the whole file; "--- remove FILE"; "--- errors" and
// "--- warnings" with the exact lines. What is not mentioned is as in tests/data/configuration/small.
#include <grp.h>
#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "host/config/testing.h"
#include "re2/re2.h"

namespace sluice::config {
namespace {

using testing::DataFolder;
using testing::FileContent;

struct Mistake {
  std::string source;  // "rules.txt:12"
  std::string name;
  std::map<std::string, std::string> files;
  std::string errors;
  std::string warnings;
};

std::string OwnGroup() {
  const struct group* found = getgrgid(getegid());
  return found == nullptr ? absl::StrCat(getegid()) : found->gr_name;
}

// Unescapes \t, \r and \xff, so that the table itself shows what nobody sees.
std::string Unescaped(absl::string_view text) {
  static const LazyRE2 kByte = {"(?s)(.*?)\\\\x([0-9a-f]{2})"};
  const std::string lines = absl::StrReplaceAll(text, {{"\\t", "\t"}, {"\\r", "\r"}});
  std::string result, before, digits;
  for (re2::StringPiece rest = lines;;) {
    if (!RE2::Consume(&rest, *kByte, &before, &digits)) return absl::StrCat(result, std::string(rest));
    absl::StrAppend(&result, before, absl::HexStringToBytes(digits));
  }
}

// Replaces the first `before` and gives the place behind what came instead, where further lines go.
size_t Replace(Mistake& mistake, const std::string& file, const std::string& before, const std::string& after) {
  std::string& content = mistake.files[file];
  const size_t at = content.find(before);
  if (at == std::string::npos) {
    ADD_FAILURE() << mistake.source << ": " << file << " has no " << before;
    return 0;
  }
  content.replace(at, before.size(), after);
  return at + after.size();
}

std::vector<Mistake> ReadTable(const std::string& path) {
  std::vector<Mistake> mistakes;
  std::string section, file, before;
  int number = 0;
  size_t behind = 0;      // Of a replacement: where its next line goes.
  bool is_first = false;  // The next ">" line replaces; others are added.
  for (absl::string_view line : absl::StrSplit(FileContent(path), '\n')) {
    ++number;
    if (absl::ConsumePrefix(&line, "=== ")) {
      mistakes.push_back({absl::StrCat(std::filesystem::path(path).filename().string(), ":", number), std::string(line),
                          testing::FilesOf("small"), "", ""});
      section.clear();
    } else if (absl::ConsumePrefix(&line, "--- ")) {
      const std::vector<std::string> words = absl::StrSplit(line, absl::MaxSplits(' ', 1));
      section = words[0];
      file = words.size() > 1 ? words[1] : "";
      if (section == "remove") mistakes.back().files.erase(file);
      if (section == "file") mistakes.back().files[file].clear();
    } else if (section == "file") {
      absl::StrAppend(&mistakes.back().files[file], Unescaped(line), "\n");
    } else if (section == "replace" && absl::ConsumePrefix(&line, "< ")) {
      before = Unescaped(line);
      is_first = true;
    } else if (section == "replace" && absl::StartsWith(line, ">")) {
      const std::string text = Unescaped(line.size() < 2 ? "" : line.substr(2));
      if (!is_first) mistakes.back().files[file].insert(behind, absl::StrCat("\n", text));
      behind = is_first ? Replace(mistakes.back(), file, before, text) : behind + 1 + text.size();
      is_first = false;
    } else if (section == "errors" && !line.empty()) {
      absl::StrAppend(&mistakes.back().errors, line, "\n");
    } else if (section == "warnings" && !line.empty()) {
      absl::StrAppend(&mistakes.back().warnings, line, "\n");
    }
  }
  return mistakes;
}

void CheckTable(const std::string& table) {
  testing::SecretsFolder secrets;
  const testing::FakePackages packages;
  const testing::FakeSchemas schemas;
  const std::vector<Mistake> mistakes = ReadTable(absl::StrCat(DataFolder(), "/mistakes/", table));
  ASSERT_FALSE(mistakes.empty());
  for (const Mistake& mistake : mistakes) {
    SCOPED_TRACE(absl::StrCat(mistake.source, ": ", mistake.name));
    const LoadResult result = LoadFiles(secrets.path(), mistake.files, packages, &schemas);
    auto shown = [&](const std::vector<Diagnostic>& found) {
      return absl::StrReplaceAll(testing::Lines(found),
                                 {{secrets.path(), "$FOLDER"}, {Quoted(OwnGroup()), "\"$GROUP\""}});
    };
    EXPECT_EQ(shown(result.errors), mistake.errors);
    EXPECT_EQ(shown(result.warnings), mistake.warnings);
    EXPECT_EQ(result.ok(), mistake.errors.empty());
  }
}

TEST(Mistakes, OfAFileAreToldWithPlaceAndRemedy) { CheckTable("files.txt"); }
TEST(Mistakes, OfASystemAreToldWithPlaceAndRemedy) { CheckTable("systems.txt"); }
TEST(Mistakes, OfSecretsAreToldWithoutTheSecret) { CheckTable("secrets.txt"); }
TEST(Mistakes, OfAMappingAreToldWithPlaceAndRemedy) { CheckTable("mapping.txt"); }
TEST(Mistakes, OfAccountsAndResourcesAreToldWithPlaceAndRemedy) { CheckTable("accounts.txt"); }
TEST(Mistakes, OfConditionsAreToldWithPlaceAndRemedy) { CheckTable("conditions.txt"); }
TEST(Mistakes, OfRulesAndRolesAreToldWithPlaceAndRemedy) { CheckTable("rules.txt"); }

}  // namespace
}  // namespace sluice::config
