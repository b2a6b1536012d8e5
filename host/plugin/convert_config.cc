#include <utility>

#include "absl/strings/str_cat.h"
#include "host/plugin/convert_internal.h"
#include "host/plugin/log_lines.h"

namespace sluice::plugin {
namespace {

namespace v1 = connector::v1;

constexpr int kMaxDepth = 8;  // Of settings within settings.

SettingInfo::Type TypeFromProto(v1::ConfigField::Type type) {
  return type >= v1::ConfigField::TEXT && type <= v1::ConfigField::OBJECT
             ? static_cast<SettingInfo::Type>(static_cast<int>(type) - 1)
             : SettingInfo::Type::kText;
}
static_assert(static_cast<int>(SettingInfo::Type::kText) + 1 == v1::ConfigField::TEXT);
static_assert(static_cast<int>(SettingInfo::Type::kFile) + 1 == v1::ConfigField::FILE);
static_assert(static_cast<int>(SettingInfo::Type::kObject) + 1 == v1::ConfigField::OBJECT);

SettingInfo SettingFromProto(const v1::ConfigField& field, int depth) {
  SettingInfo setting;
  setting.name = field.name();
  setting.type = TypeFromProto(field.type());
  setting.required = field.required();
  setting.secret = field.secret();
  setting.default_value = ValueFromProto(field.default_value());
  for (const v1::ConfigField::Choice& choice : field.choices()) {
    setting.choices.push_back({ValueFromProto(choice.value()), HarmlessText(choice.label(), 200)});
  }
  setting.pattern = field.pattern();
  if (field.has_min()) setting.min = field.min();
  if (field.has_max()) setting.max = field.max();
  setting.group = HarmlessText(field.group(), 200);
  setting.label = HarmlessText(field.label(), 200);
  setting.help = HarmlessText(field.help(), 1000);
  setting.deprecated = HarmlessText(field.deprecated(), 500);
  for (const std::string& address : field.egress()) setting.egress.push_back(HarmlessText(address, 500));
  if (depth < kMaxDepth) {
    for (const v1::ConfigField& inner : field.fields()) setting.fields.push_back(SettingFromProto(inner, depth + 1));
  }
  setting.when_field = field.when().field();
  for (const v1::Value& value : field.when().values()) setting.when_values.push_back(ValueFromProto(value));
  return setting;
}

std::vector<std::string> PathFromProto(const v1::Path& path) {
  std::vector<std::string> steps;
  for (const v1::Path::Step& step : path.steps()) {
    switch (step.step_case()) {
      case v1::Path::Step::kName:
        steps.push_back(HarmlessText(step.name(), 200));
        break;
      case v1::Path::Step::kIndex:
        steps.push_back(absl::StrCat(step.index()));
        break;
      case v1::Path::Step::kKey:
        steps.push_back(HarmlessText(step.key(), 200));
        break;
      case v1::Path::Step::STEP_NOT_SET:
        break;
    }
  }
  return steps;
}

}  // namespace

ConfigSchema ConfigSchemaFromProto(const v1::GetConfigSchemaReply& schema) {
  ConfigSchema result;
  result.version = schema.version();
  for (const v1::ConfigField& field : schema.fields()) result.settings.push_back(SettingFromProto(field, 0));
  return result;
}

namespace {

ConfigVerdict VerdictFrom(const google::protobuf::RepeatedPtrField<v1::Diagnostic>& diagnostics) {
  ConfigVerdict verdict;
  for (const v1::Diagnostic& diagnostic : diagnostics) {
    std::vector<std::string> path = PathFromProto(diagnostic.path());
    // A connector may say "servers" where the file has it under settings.
    if (!path.empty() && path.front() != "settings" && path.front() != "secrets") path.insert(path.begin(), "settings");
    verdict.problems.push_back(
        {std::move(path), DiagnosticText(diagnostic), diagnostic.severity() == v1::Diagnostic::WARNING});
  }
  return verdict;
}

}  // namespace

ConfigVerdict ConfigVerdictFromProto(const v1::ValidateConfigReply& reply) {
  ConfigVerdict verdict = VerdictFrom(reply.diagnostics());
  for (const auto& [name, value] : reply.migrated()) verdict.migrated[name] = ValueFromProto(value);
  return verdict;
}

ConfigVerdict ConfigVerdictFromProto(const v1::OpenReply& reply) { return VerdictFrom(reply.diagnostics()); }

}  // namespace sluice::plugin
