#include "host/plugin/config_schema.h"

#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace sluice::plugin {
namespace {

using core::Value;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Type = SettingInfo::Type;

SettingInfo Setting(std::string name, Type type) {
  SettingInfo setting;
  setting.name = std::move(name);
  setting.type = type;
  return setting;
}

ConfigSchema Schema() {
  SettingInfo organisation = Setting("organisation", Type::kText);
  organisation.required = true;
  organisation.help = "name or BRIN";
  SettingInfo people = Setting("people", Type::kList);
  people.choices = {{Value::Text("pupils"), ""}, {Value::Text("staff"), ""}};
  SettingInfo page = Setting("page_size", Type::kInteger);
  page.min = 1;
  page.max = 500;
  SettingInfo url = Setting("url", Type::kUrl);
  url.required = true;
  url.when_field = "mode";
  url.when_values = {Value::Text("private")};
  SettingInfo mode = Setting("mode", Type::kChoice);
  mode.default_value = Value::Text("public");
  mode.choices = {{Value::Text("public"), ""}, {Value::Text("private"), ""}};
  SettingInfo brin = Setting("brin", Type::kText);
  brin.pattern = "[0-9]{2}[A-Z]{2}";
  SettingInfo old = Setting("old", Type::kFlag);
  old.deprecated = "use mode";
  SettingInfo id = Setting("client_id", Type::kText);
  id.required = true;
  id.secret = true;
  return ConfigSchema{1, {organisation, people, page, Setting("timeout", Type::kDuration), url, mode, brin, old, id}};
}

std::vector<std::string> Check(Value::Map settings, std::set<std::string> secrets = {"client_id"}) {
  settings.try_emplace("organisation", Value::Text("De Waterlanden"));
  std::vector<std::string> lines;
  for (const SettingProblem& problem : CheckSettings(Schema(), settings, secrets)) {
    lines.push_back(
        absl::StrCat(absl::StrJoin(problem.path, "."), problem.is_warning ? ": warning: " : ": ", problem.message));
  }
  return lines;
}

TEST(ConfigSchemaTest, RightSettingsHaveNoProblems) {
  EXPECT_THAT(Check({{"people", Value::ListOf({Value::Text("staff")})},
                     {"page_size", Value::Integer(100)},
                     {"timeout", Value::Text("30s")}}),
              IsEmpty());
}

TEST(ConfigSchemaTest, EachMistakeHasItsLine) {
  EXPECT_THAT(Check({{"organisaton", Value::Text("x")}}),
              ElementsAre("settings.organisaton: unknown setting \"organisaton\"; did you mean \"organisation\"?"));
  EXPECT_THAT(Check({{"organisation", Value::Empty()}}),
              ElementsAre("settings.organisation: setting \"organisation\" must be a text, not nothing",
                          "settings.organisation: setting \"organisation\" is missing: name or BRIN"));
  EXPECT_THAT(Check({{"page_size", Value::Text("many")}}),
              ElementsAre("settings.page_size: setting \"page_size\" must be a whole number, not a text \"many\""));
  EXPECT_THAT(Check({{"page_size", Value::Integer(501)}}),
              ElementsAre("settings.page_size: setting \"page_size\" must be at most 500, not 501"));
  EXPECT_THAT(
      Check({{"timeout", Value::Text("soon")}}),
      ElementsAre(
          "settings.timeout: setting \"timeout\" must be a time such as 30s, 15m, 12h or 7d, not a text \"soon\""));
  EXPECT_THAT(Check({{"people", Value::Text("staff")}}),
              ElementsAre("settings.people: setting \"people\" must be a list, not a text \"staff\""));
  EXPECT_THAT(Check({{"people", Value::ListOf({Value::Text("pupil")})}}),
              ElementsAre("settings.people.0: setting \"people\" cannot be \"pupil\"; did you mean \"pupils\"?"));
  EXPECT_THAT(Check({{"brin", Value::Text("31XY00")}}),
              ElementsAre("settings.brin: setting \"brin\" cannot be \"31XY00\""));
  EXPECT_THAT(Check({{"mode", Value::Text("private")}}), ElementsAre("settings.url: setting \"url\" is missing"));
  EXPECT_THAT(Check({{"old", Value::Flag(true)}}),
              ElementsAre("settings.old: warning: setting \"old\" is out of use: use mode"));
}

TEST(ConfigSchemaTest, SecretsAreCheckedByName) {
  EXPECT_THAT(Check({}, {}), ElementsAre("secrets.client_id: secret \"client_id\" is missing"));
  EXPECT_THAT(Check({}, {"client_id", "client_secret"}),
              ElementsAre("secrets.client_secret: unknown secret \"client_secret\"; known are client_id"));
  EXPECT_THAT(Check({{"client_id", Value::Text("x")}}),
              ElementsAre("settings.client_id: \"client_id\" is a secret; it stands under secrets, as a reference"));
}

}  // namespace
}  // namespace sluice::plugin
