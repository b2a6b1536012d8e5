// Every key of the table, with everything that it is not: each ends in few errors with their places and what to do, or
// in a configuration; never in a crash. So a key that is new is covered as soon as it stands in the table.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "host/config/keys.h"
#include "host/config/testing.h"

namespace sluice::config {
namespace {

using Files = std::map<std::string, std::string>;

std::string FileOf(const Key& key) {
  switch (key.file) {
    case FileKind::kRoot:
      return "sluice.yaml";
    case FileKind::kSystem:
      return key.applies == AppliesTo::kTarget ? "systems/ad.yaml" : "systems/school.yaml";
    case FileKind::kRoles:
      return "roles/staff.yaml";
    case FileKind::kRules:
      return "rules/pupils.yaml";
  }
  return "";
}

// A name that may stand where the table says "<...>".
std::string NameFor(const std::string& part, const std::string& path) {
  const std::map<std::string, std::string> names = {{"<schedule>", "nightly"},
                                                    {"<kind>", "people_removed"},
                                                    {"<secret>", "password"},
                                                    {"<type>", "placement"},
                                                    {"<resource>", "class group"}};
  if (auto found = names.find(part); found != names.end()) return found->second;
  if (part == "<field>") return absl::StartsWith(path, "contract") ? "location.code" : "custom.nummer";
  return absl::StartsWith(path, "correlate") ? "employeeID" : absl::StartsWith(path, "account") ? "sn" : "description";
}

// Sets, or with nothing removes, what stands at the key's place; an account's `when` is in its first item.
void Put(YAML::Node node, const Key& key, const std::optional<YAML::Node>& value) {
  std::vector<std::string> parts;
  if (!key.path.empty()) parts = absl::StrSplit(key.path, '/');
  if (node.IsSequence()) node.reset(node[0]);
  for (size_t i = 0; i < parts.size(); ++i) {
    const std::string name = parts[i].front() == '<' ? NameFor(parts[i], key.path) : parts[i];
    if (node.IsSequence()) node.reset(node[parts[i] == "when" ? 0 : 1]);
    if (i + 1 == parts.size()) {
      if (value) {
        node[name] = *value;
      } else {
        node.remove(name);
      }
      return;
    }
    if (!node[name].IsDefined() || node[name].IsScalar()) node[name] = YAML::Node(YAML::NodeType::Map);
    node.reset(node[name]);
  }
}

std::string TextWith(const std::string& content, const Key& key, const std::optional<YAML::Node>& value) {
  YAML::Node root = YAML::Load(content);
  Put(root, key, value);
  return YAML::Dump(root);
}

// What the table's type can never be.
std::vector<std::string> NeverRight(KeyType type) {
  const std::vector<std::string> no_word = {"[]", "{}", "[a, b]", "{ a: b }", "~", "\"\"", "[[a]]"};
  std::vector<std::string> wrong;
  switch (type) {
    case KeyType::kText:
      wrong = no_word;
      wrong.push_back("\"a\\nb\"");
      return wrong;
    case KeyType::kInteger:
    case KeyType::kFlag:
    case KeyType::kDuration:
    case KeyType::kChoice:
      wrong = no_word;
      for (const char* word : {"-7d", "-1", "yes", "1e3", "0x10", "3%", "5_000", "7 d", "7D", "\"{\"", "a"})
        wrong.push_back(word);
      return wrong;
    case KeyType::kSecret:
      wrong = no_word;
      for (const char* word : {"hunter2", "env:", "file:", "exec:", "ENV:A", "exec:relative"}) wrong.push_back(word);
      return wrong;
    case KeyType::kTextList:
    case KeyType::kTemplateList:
      return {"[]", "{}", "{ a: b }", "~", "a", "[[a]]", "[~]", "[{ a: b }]"};
    case KeyType::kTemplate:
      return {"[]",
              "{}",
              "[a]",
              "{ a: b }",
              "\"{\"",
              "\"}\"",
              "\"{}\"",
              "\"{ | }\"",
              "\"{a.b | nofunction}\"",
              "\"{person.name.nick | left(-1)}\""};
    case KeyType::kAccountField:
      return {"[]", "{}", "[a]", "{ a: b }", "\"{\"", "\"{}\"", "{ value: a, candidates: [a] }"};
    case KeyType::kCondition:
      return {"[]", "{}", "~", "a", "1", "[a]", "{ a: b }", "{ all: [] }", "{ not: {} }", "{ some_contract: a }"};
    case KeyType::kFreeMap:
    case KeyType::kMap:
      return {"[]", "~", "a", "1", "[a]", "\"\""};
    case KeyType::kMapOrList:
    case KeyType::kList:
      return {"~", "a", "1", "[a]", "[[a]]", "\"\""};
  }
  return {};
}

class EveryKey : public ::testing::Test {
 protected:
  // Of `small` with another text in the place of one file.
  std::vector<Diagnostic> ErrorsOf(const std::string& file, const std::string& text) {
    Files files = files_;
    files[file] = text;
    const LoadResult result = LoadFiles(secrets_.path(), files, packages_, &schemas_);
    EXPECT_NE(result.ok(), !result.errors.empty());
    return result.errors;
  }

  // Each with its place and a remedy, on one line, and not many for one mistake.
  void ExpectUseful(const std::vector<Diagnostic>& errors) {
    EXPECT_LE(errors.size(), 5u) << testing::Lines(errors);
    for (const Diagnostic& error : errors) {
      EXPECT_GT(error.position.line, 0) << error.ToString();
      EXPECT_GT(error.position.column, 0) << error.ToString();
      EXPECT_TRUE(files_.contains(error.position.file)) << error.ToString();
      EXPECT_FALSE(absl::StrContains(error.message, '\n')) << error.ToString();
      const bool has_remedy =
          absl::StrContains(error.message, "; ") || absl::StrContains(error.message, "is written ") ||
          absl::StrContains(error.message, "must stand") || absl::StrContains(error.message, "is never closed");
      EXPECT_TRUE(has_remedy) << error.ToString();
    }
  }

  testing::SecretsFolder secrets_;
  const testing::FakePackages packages_;
  const testing::FakeSchemas schemas_;
  const Files files_ = testing::FilesOf("small");
};

TEST_F(EveryKey, RefusesWhatItIsNot) {
  for (const Key& key : Keys()) {
    if (key.path.empty()) continue;
    for (const std::string& wrong : NeverRight(key.type)) {
      SCOPED_TRACE(absl::StrCat(FileOf(key), " ", key.path, ": ", wrong));
      const auto errors = ErrorsOf(FileOf(key), TextWith(files_.at(FileOf(key)), key, YAML::Load(wrong)));
      EXPECT_FALSE(errors.empty());
      ExpectUseful(errors);
    }
  }
}

TEST_F(EveryKey, SurvivesEverythingElse) {
  const std::vector<std::string> values = {"[]",
                                           "{}",
                                           "~",
                                           "\"\"",
                                           "a",
                                           "1",
                                           "-1",
                                           "true",
                                           "2026-02-30",
                                           "1.5",
                                           "'{'",
                                           "[[[[a]]]]",
                                           "{ a: { b: { c: [d] } } }",
                                           "\"{person.name.nick}\"",
                                           "99999999999999999999",
                                           "\"\\U0001F600\"",
                                           "[a, [b], { c: d }, ~]",
                                           "today"};
  for (const Key& key : Keys()) {
    if (key.path.empty()) continue;
    for (const std::string& value : values) {
      SCOPED_TRACE(absl::StrCat(FileOf(key), " ", key.path, ": ", value));
      for (const Diagnostic& error : ErrorsOf(FileOf(key), TextWith(files_.at(FileOf(key)), key, YAML::Load(value))))
        EXPECT_FALSE(absl::StrContains(error.message, '\n')) << error.ToString();
    }
  }
}

TEST_F(EveryKey, IsMissedWhereItMustStand) {
  for (const Key& key : Keys()) {
    if (key.path.empty() || !key.required) continue;
    SCOPED_TRACE(absl::StrCat(FileOf(key), " ", key.path));
    const auto errors = ErrorsOf(FileOf(key), TextWith(files_.at(FileOf(key)), key, std::nullopt));
    const std::string name = key.path.substr(key.path.rfind('/') + 1);
    EXPECT_THAT(testing::Lines(errors), ::testing::HasSubstr(absl::StrCat("key \"", name, "\" is missing")));
    ExpectUseful(errors);
  }
}

// A letter too few, where no name of one's own may stand.
TEST_F(EveryKey, IsNamedWhenItIsMisspelt) {
  for (const Key& key : Keys()) {
    const std::string name = key.path.substr(key.path.rfind('/') + 1);
    const std::string parent = key.path.substr(0, key.path.size() - name.size());
    const bool is_free = std::any_of(Keys().begin(), Keys().end(), [&](const Key& one) {
      return one.file == key.file && absl::StartsWith(one.path, absl::StrCat(parent, "<")) &&
             !absl::StrContains(one.path.substr(parent.size()), '/');
    });
    if (name.empty() || is_free) continue;
    SCOPED_TRACE(absl::StrCat(FileOf(key), " ", key.path));
    Key misspelt = key;
    misspelt.path = absl::StrCat(parent, name.substr(0, name.size() - 2), name.substr(name.size() - 1));
    const std::string without = TextWith(files_.at(FileOf(key)), key, std::nullopt);
    const auto errors = ErrorsOf(FileOf(key), TextWith(without, misspelt, YAML::Load("a")));
    EXPECT_THAT(testing::Lines(errors), ::testing::HasSubstr(absl::StrCat("did you mean \"", name, "\"?")));
  }
}

}  // namespace
}  // namespace sluice::config
