#include "host/config/parse_condition.h"

#include "absl/strings/str_join.h"
#include "host/config/condition_reader.h"
#include "host/config/diagnostics.h"
#include "host/config/fields.h"
#include "host/config/template_reader.h"
#include "host/config/yaml.h"

namespace sluice::config {

namespace {

absl::StatusOr<core::Condition> Parse(const std::string& text, const KnownFields& fields) {
  Diagnostics diagnostics;
  core::Condition condition;
  if (const std::optional<YamlNode> node = ParseYaml("--when", text, diagnostics)) {
    condition = ReadCondition(*node, ConditionPlace::kRule, fields, diagnostics);
  }
  if (diagnostics.has_errors()) {
    std::vector<std::string> lines;
    for (const Diagnostic& error : diagnostics.TakeErrors()) lines.push_back(error.ToString());
    return absl::InvalidArgumentError(absl::StrJoin(lines, "\n"));
  }
  if (absl::Status status = core::Compile(condition); !status.ok()) return status;
  return condition;
}

}  // namespace

absl::StatusOr<core::Condition> ParseCondition(const std::string& text) {
  KnownFields fields;
  fields.SetIncomplete();
  return Parse(text, fields);
}

absl::StatusOr<core::Condition> ParseCondition(const std::string& text, const core::Configuration& configuration) {
  return Parse(text, FieldsOf(configuration));
}

absl::StatusOr<core::Template> ParseTemplate(const std::string& text, const core::Configuration& configuration) {
  Diagnostics diagnostics;
  YamlNode node;
  node.kind = YamlNode::Kind::kScalar;
  node.position = {"template", 1, 1};
  node.text = text;
  node.is_text_start = true;
  const KnownFields fields = FieldsOf(configuration);
  auto read = ReadTemplate(node, FieldsCheck(fields), diagnostics);
  if (read) return *std::move(read);
  std::vector<std::string> lines;
  for (const Diagnostic& error : diagnostics.TakeErrors()) lines.push_back(error.ToString());
  return absl::InvalidArgumentError(absl::StrJoin(lines, "\n"));
}

}  // namespace sluice::config
