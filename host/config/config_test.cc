// What a good folder becomes, and what can be asked about it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "host/config/diff.h"
#include "host/config/keys.h"
#include "host/config/testing.h"
#include "host/config/threshold_warnings.h"

namespace sluice::config {
namespace {

using core::Condition;
using core::EntitlementRef;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Files = std::map<std::string, std::string>;

class ConfigTest : public ::testing::Test {
 protected:
  ConfigTest() {
    for (const char* name : {"SLUICE_SECRETS_KEY", "SLUICE_SEAL_KEY", "SOMTODAY_CLIENT_ID", "SOMTODAY_CLIENT_SECRET",
                             "AD_BIND", "AD_PASSWORD"}) {
      setenv(name, "correct-horse", 1);
    }
    packages_.Add(testing::Somtoday());
    packages_.Add(testing::ActiveDirectory());
  }

  LoadResult LoadThe(const Files& files) { return LoadFiles(secrets_.path(), files, packages_, nullptr); }
  std::shared_ptr<const core::Configuration> Good(const Files& files) {
    LoadResult result = LoadThe(files);
    EXPECT_EQ(testing::Lines(result.errors), "");
    return result.configuration;
  }

  testing::SecretsFolder secrets_;
  testing::FakePackages packages_;
};

std::string FieldNames(const std::vector<core::FieldMapping>& fields) {
  std::string names;
  for (const auto& field : fields) absl::StrAppend(&names, field.field, " ");
  return names;
}

const core::FieldMapping* Find(const std::vector<core::FieldMapping>& fields, const std::string& name) {
  for (const auto& field : fields) {
    if (field.field == name) return &field;
  }
  return nullptr;
}

TEST_F(ConfigTest, WaterlandenIsReadWhole) {
  const LoadResult result = Load(absl::StrCat(testing::DataFolder(), "/waterlanden"), packages_, nullptr);
  ASSERT_EQ(testing::Lines(result.errors), "");
  EXPECT_EQ(testing::Lines(result.warnings), "");
  const core::Configuration& config = *result.configuration;
  EXPECT_EQ(config.name, "Stichting De Waterlanden");
  EXPECT_EQ(config.time_zone.name(), "Europe/Amsterdam");
  EXPECT_EQ(config.hash.size(), 64u);
  EXPECT_THAT(config.primary_contract.types, ElementsAre("employment", "placement"));
  EXPECT_EQ(config.primary_contract.then.size(), 6u);
  ASSERT_EQ(config.systems.size(), 2u);

  const core::SystemSpec& ad = *config.FindSystem("ad");
  EXPECT_FALSE(ad.is_source);
  EXPECT_EQ(ad.connector, "sluice.active_directory@1");
  EXPECT_EQ(ad.settings.at("base"), core::Value::Text("DC=waterlanden,DC=example"));
  EXPECT_EQ(ad.settings.at("page_size"), core::Value::Integer(500)) << "defaults are filled in";
  ASSERT_EQ(ad.account.size(), 3u);
  EXPECT_TRUE(ad.account[0].when.has_value());
  EXPECT_FALSE(ad.account[2].when.has_value());
  const core::AccountField& login = ad.account[2].fields[5];
  EXPECT_EQ(login.attribute, "sAMAccountName");
  EXPECT_EQ(login.write, core::AccountField::Write::kOnCreate);
  ASSERT_EQ(login.candidates.size(), 3u);
  EXPECT_TRUE(login.candidates[2].uses_counter());
  EXPECT_TRUE(ad.account[2].fields[6].generate);
  const core::ResourceSpec& group = ad.resources.at("class group");
  EXPECT_EQ(group.each, "contract.department");
  EXPECT_EQ(group.object_class, "group");
  EXPECT_EQ(FieldNames(group.fields), "name parent ");
  EXPECT_EQ(group.keep_unused_days, 400);
  EXPECT_EQ(ad.retire.move_to->text(), "OU=Vertrokken");
  EXPECT_EQ(ad.retire.keep_days, 90);
  EXPECT_EQ(ad.thresholds.at("disable").percent, 3);
  EXPECT_EQ(ad.thresholds.at("disable").position.ToString(), "systems/ad.yaml:40:3");
}

TEST_F(ConfigTest, RulesKeepTheirPlacesAndTheirRoles) {
  const auto config = Good(testing::FilesOf("waterlanden"));
  ASSERT_EQ(config->rules.size(), 9u);
  const core::Rule& laptops = config->rules[2];
  EXPECT_EQ(laptops.name, "Upper years of the lyceum borrow laptops");
  EXPECT_EQ(absl::StrCat(laptops.position.file, ":", laptops.position.line), "rules/pupils.yaml:13");
  EXPECT_EQ(config->rules[3].position.line, 20);
  EXPECT_EQ(config->rules[0].before_start_days, 14);
  EXPECT_EQ(config->rules[4].after_end_days, 7);
  EXPECT_THAT(core::PathsOf(laptops.when), ElementsAre("contract.custom.leerjaar", "contract.location.code",
                                                       "contract.type", "person.custom.geen_laptop"));
  const core::Rule& leaders = config->rules[6];
  std::string grants;
  for (const EntitlementRef& grant : leaders.grants)
    absl::StrAppend(&grants, grant.ToString(), " by ", grant.role, "; ");
  EXPECT_EQ(
      grants,
      "ad/account by team_leader; ad/access by team_leader; ad/group:docenten by team_leader; ad/group:teamleiders by "
      "team_leader; ");
  EXPECT_EQ(leaders.grants[2].position.ToString(), "roles/staff.yaml:6:27");
  EXPECT_EQ(config->rules[3].grants[0].kind, EntitlementRef::Kind::kResource);
}

TEST_F(ConfigTest, TheOperatorsMappingWinsFieldByFieldAndBothKeepTheirPlaces) {
  const auto config = Good(testing::FilesOf("waterlanden"));
  const core::SystemSpec& somtoday = *config->FindSystem("somtoday");
  ASSERT_EQ(somtoday.persons.size(), 2u);
  const auto& pupil = somtoday.persons[0].fields;
  EXPECT_EQ(Find(pupil, "custom.leerlingnummer")->position.ToString(), "systems/somtoday.yaml:20:3");
  EXPECT_EQ(Find(pupil, "external_id")->position.file, "sluice.somtoday/mapping.yaml");
  EXPECT_EQ(Find(somtoday.persons[1].fields, "custom.leerlingnummer"), nullptr) << "it reads no record of staff";
  for (const core::ContractMapping& contract : somtoday.contracts) {
    EXPECT_FALSE(contract.owner_attribute.empty()) << contract.type;
    if (contract.type != "class_group") continue;
    EXPECT_EQ(Find(contract.fields, "department.code")->position.file, "systems/somtoday.yaml");
    EXPECT_EQ(Find(contract.fields, "start")->position.file, "sluice.somtoday/mapping.yaml");
  }
}

TEST_F(ConfigTest, TheExamplesOfTheManualSayWhatTheManualSays) {
  Files files = testing::FilesOf("waterlanden");
  files["rules/pupils.yaml"] = absl::StrReplaceAll(files["rules/pupils.yaml"], {{"location.code", "locaton.code"}});
  files["systems/ad.yaml"] = absl::StrReplaceAll(files["systems/ad.yaml"], {{"env:AD_PASSWORD", "file:secrets/open"}});
  EXPECT_EQ(testing::Lines(LoadThe(files).errors),
            absl::StrCat("rules/pupils.yaml:16:43: unknown field \"locaton.code\"; did you mean \"location.code\"?\n"
                         "systems/ad.yaml:5:49: secret \"bind_password\": ",
                         secrets_.path(), "/secrets/open can be read by everybody; run chmod 600 on it\n"));
}

TEST_F(ConfigTest, TheHashIsOfFilesAndMappingsAndOfNothingElse) {
  const Files files = testing::FilesOf("waterlanden");
  const auto config = Good(files);
  EXPECT_EQ(Good(files)->hash, config->hash);
  EXPECT_EQ(Good(config->files)->hash, config->hash) << "a stored version gives itself";
  EXPECT_EQ(Load(absl::StrCat(testing::DataFolder(), "/waterlanden"), packages_, nullptr).configuration->hash,
            config->hash);
  Files changed = files;
  changed["rules/pupils.yaml"] += "# A remark.\n";
  EXPECT_NE(Good(changed)->hash, config->hash);
  const std::string mapping = absl::StrCat(secrets_.path(), "/mapping.yaml");
  std::ofstream(mapping) << testing::FileContent(testing::Somtoday().mapping_path) << "# A remark.\n";
  packages_.Get(2).mapping_path = mapping;
  EXPECT_NE(Good(files)->hash, config->hash);
}

TEST_F(ConfigTest, NoSecretIsKept) {
  const auto config = Good(testing::FilesOf("waterlanden"));
  for (const auto& [name, system] : config->systems) {
    for (const auto& [secret, reference] : system.secrets) EXPECT_FALSE(absl::StrContains(reference.target, "horse"));
    for (const auto& [setting, value] : system.settings) EXPECT_FALSE(absl::StrContains(value.ToText(), "horse"));
  }
  for (const auto& [path, content] : config->files) EXPECT_FALSE(absl::StrContains(content, "horse")) << path;
}

TEST_F(ConfigTest, SecretsOfAnotherMachineNeedNotBeHere) {
  unsetenv("AD_PASSWORD");
  LoadOptions options;
  options.checks_secrets = false;
  EXPECT_TRUE(LoadFiles("/nowhere", testing::FilesOf("waterlanden"), packages_, nullptr, options).ok());
  EXPECT_FALSE(LoadThe(testing::FilesOf("waterlanden")).ok());
}

TEST_F(ConfigTest, ConditionsOfEveryFormAreRead) {
  Files files = testing::FilesOf("small");
  files["rules/pupils.yaml"] =
      "- rule: A\n"
      "  when:\n"
      "    any:\n"
      "      - count_contracts: { ge: 2, where: { type: employment } }\n"
      "      - every_contract: { end: { between: [2026-08-01, today + 30d] }, location.code: { notin: [A] } }\n"
      "      - no_contract: { type: { prefix: place }, fte: { lt: 0.5 } }\n"
      "      - primary_contract: { title.name: { empty: false }, start: { le: today - 7d } }\n"
      "      - some_contract: { location.code: 0012, custom.leerjaar: 4, person.external_id: 17 }\n"
      "      - person.name.nick: { regex: '^J.*n$' }\n"
      "  grants: [ad/account]\n";
  const auto config = Good(files);
  const Condition& any = config->rules[0].when;
  ASSERT_EQ(any.kind, Condition::Kind::kAny);
  ASSERT_EQ(any.children.size(), 6u);
  EXPECT_EQ(any.children[0].kind, Condition::Kind::kCountContracts);
  EXPECT_THAT(any.children[0].counts, ElementsAre(2));
  EXPECT_EQ(any.children[0].children[0].path, "contract.type");
  const Condition& every = any.children[1].children[0];
  EXPECT_EQ(every.children[0].operands[0].value, core::Value::Date(absl::CivilDay(2026, 8, 1)));
  EXPECT_TRUE(every.children[0].operands[1].is_relative_day);
  EXPECT_EQ(every.children[0].operands[1].days_from_today, 30);
  EXPECT_EQ(every.children[1].op, core::TestOperator::kNotIn);
  const Condition& primary = any.children[3].children[0];
  EXPECT_EQ(primary.children[0].kind, Condition::Kind::kNot);
  EXPECT_EQ(primary.children[1].operands[0].days_from_today, -7);
  const Condition& some = any.children[4].children[0];
  EXPECT_EQ(some.children[0].operands[0].value, core::Value::Text("0012")) << "a code is text, whatever it looks like";
  EXPECT_EQ(some.children[1].operands[0].value, core::Value::Integer(4));
  EXPECT_EQ(some.children[2].path, "person.external_id");
  EXPECT_EQ(some.children[2].operands[0].value, core::Value::Text("17"));
  EXPECT_NE(any.children[5].compiled, nullptr);
}

TEST_F(ConfigTest, FilesThatNobodyReadsAreToldAndOthersAreLeftAlone) {
  const std::string folder = absl::StrCat(secrets_.path(), "/folder");
  std::filesystem::copy(absl::StrCat(testing::DataFolder(), "/waterlanden"), folder,
                        std::filesystem::copy_options::recursive);
  for (const char* name : {"rule", "rules/old", ".git"})
    std::filesystem::create_directories(absl::StrCat(folder, "/", name));
  for (const char* name :
       {"README.md", ".git/config.yaml", "rule/more.yaml", "rules/old/a.yaml", "systems/hr.yml", "sluce.yaml"}) {
    std::ofstream(absl::StrCat(folder, "/", name)) << "a: 1\n";
  }
  EXPECT_EQ(testing::Lines(Load(folder, packages_, nullptr).errors),
            "rule/more.yaml: this file is not read; did you mean \"rules/more.yaml\"?\n"
            "rules/old/a.yaml: this file is not read; systems, roles and rules have no folders in them\n"
            "sluce.yaml: this file is not read; did you mean \"sluice.yaml\"?\n"
            "systems/hr.yml: files of the configuration end in .yaml; rename it to systems/hr.yaml\n");
  EXPECT_THAT(testing::Lines(Load("/no/such/folder", packages_, nullptr).errors),
              HasSubstr("/no/such/folder: the folder cannot be read (No such file or directory)"));
}

TEST_F(ConfigTest, WhateverIsCutOutOfAFileIsToldAndNeverEndsTheProgram) {
  const Files files = testing::FilesOf("waterlanden");
  for (const auto& [path, content] : files) {
    for (size_t at = 0; at < content.size(); at += 37) {
      Files cut = files;
      cut[path] = content.substr(0, at);
      const LoadResult result = LoadThe(cut);
      EXPECT_NE(result.ok(), !result.errors.empty());
      for (const Diagnostic& error : result.errors) EXPECT_FALSE(error.position.file.empty()) << error.message;
      cut[path] = content;
      cut[path].erase(at, 11);
      LoadThe(cut);
    }
  }
}

TEST_F(ConfigTest, ADifferenceIsToldInWordsWhateverItsLayout) {
  Files files = testing::FilesOf("waterlanden");
  const auto before = Good(files);
  files["systems/ad.yaml"] = absl::StrReplaceAll(
      files["systems/ad.yaml"],
      {{"create: { count: 50 }", "create: {count: 60, percent: 5}"}, {"OU=Personeel", "OU=Medewerkers"}});
  std::string& pupils = files["rules/pupils.yaml"];
  const std::string last = pupils.substr(pupils.find("- rule: Every class"));
  pupils = absl::StrReplaceAll(pupils, {{last, ""}, {"before_start: 14d", "before_start: \"21d\""}});
  absl::StrAppend(&pupils,
                  "# A remark.\n- rule: Pupils of the mavo\n  when: { some_contract: { location.code: 31XY01 } }\n",
                  "  grants: [ad/account]\n");
  files["rules/classes.yaml"] = last;
  files["rules/staff.yaml"] =
      absl::StrReplaceAll(files["rules/staff.yaml"], {{"- rule: Janitors", "- rule: Caretakers"}});
  std::string lines;
  for (const ConfigChange& change : Diff(*before, *Good(files))) absl::StrAppend(&lines, change.ToString(), "\n");
  EXPECT_EQ(lines,
            "rules/classes.yaml: rule \"Every class has a group\" moved here from rules/pupils.yaml\n"
            "rules/pupils.yaml: rule \"Pupils have an account\": window.before_start: 14d -> 21d\n"
            "rules/pupils.yaml: rule \"Pupils of the mavo\" added\n"
            "rules/staff.yaml: rule \"Caretakers\" added\n"
            "rules/staff.yaml: rule \"Janitors\" removed\n"
            "systems/ad.yaml: account[2].parent: OU=Personeel -> OU=Medewerkers\n"
            "systems/ad.yaml: thresholds.create.count: 50 -> 60\n"
            "systems/ad.yaml: thresholds.create.percent: added 5\n");
  EXPECT_TRUE(Diff(*before, *before).empty());
}

TEST_F(ConfigTest, ThresholdsThatProtectNobodyAreWarnedAbout) {
  const auto config = Good(testing::FilesOf("waterlanden"));
  EXPECT_EQ(
      testing::Lines(ThresholdWarnings(*config, {{"ad", {{"disable", 1000}, {"revoke", 5000}, {"retire", 1000}}}})),
      "");
  EXPECT_EQ(testing::Lines(ThresholdWarnings(*config, {{"ad", {{"disable", 40}, {"revoke", 900}, {"delete", 12}}},
                                                       {"somtoday", {{"people_removed", 1020}}}})),
            "systems/ad.yaml:45:3: threshold \"delete\" of ad (count 10) lets 9 of 12 go without asking; write a count "
            "of at most 2\n"
            "systems/ad.yaml:42:3: threshold \"revoke\" of ad (count 500) lets 499 of 900 go without asking; write a "
            "count of at most "
            "45\n");
}

TEST_F(ConfigTest, ThresholdsThatCannotProtectASchoolOfThisSizeAreSaidWithTheNumber) {
  Files files = testing::FilesOf("waterlanden");
  files["systems/ad.yaml"] =
      absl::StrReplaceAll(files["systems/ad.yaml"], {{"disable: { count: 20, percent: 3 }", "disable: { count: 5000 }"},
                                                     {"retire: { count: 20, percent: 3 }", "retire: { percent: 100 }"},
                                                     {"update: { count: 100 }", "update: { count: 5000 }"},
                                                     {"delete: { count: 10 }", "delete: { count: 256 }"}});
  const auto config = Good(files);
  std::map<std::string, int64_t> held;
  for (const char* kind : {"create", "update", "enable", "disable", "retire", "delete"}) held[kind] = 1020;
  EXPECT_EQ(testing::Lines(ThresholdWarnings(*config, {{"ad", held}})),
            "systems/ad.yaml:45:3: threshold \"delete\" of ad (count 256) lets 255 of 1020 go without asking; write a "
            "count of at most 51\n"
            "systems/ad.yaml:40:3: threshold \"disable\" of ad (count 5000) lets 1020 of 1020 go without asking; write "
            "a count of at most 51\n"
            "systems/ad.yaml:44:3: threshold \"retire\" of ad (100 percent) lets 1019 of 1020 go without asking; write "
            "a count of at most 51\n"
            "systems/ad.yaml:38:3: threshold \"update\" of ad (count 5000) is never reached: 1020 are held; write a "
            "count of at most 510\n");
  // Percent counts from 20 on: alone it protects no small school.
  for (auto& [kind, count] : held) count = 19;
  EXPECT_THAT(testing::Lines(ThresholdWarnings(*config, {{"ad", held}})),
              HasSubstr("\"retire\" of ad (100 percent) lets 19 of 19 go"));
}

TEST(Keys, EveryKeyIsInTheSchemaAndOnTheReferencePage) {
  const std::string page = ReferencePage();
  const std::string schema = JsonSchema().dump();
  for (const Key& key : Keys()) {
    EXPECT_TRUE(absl::EndsWith(key.help, ".")) << key.path;
    if (key.path.empty()) continue;
    EXPECT_THAT(page, HasSubstr(absl::StrCat("`", absl::StrReplaceAll(key.path, {{"/", "."}}), "`")));
    EXPECT_THAT(schema, HasSubstr(key.help.substr(0, key.help.find('"'))));
  }
  EXPECT_EQ(JsonSchema()["$defs"].size(), 5u);
}

}  // namespace
}  // namespace sluice::config
