#include "host/config/parse_condition.h"

#include "absl/strings/str_join.h"
#include "host/config/condition_reader.h"
#include "host/config/diagnostics.h"
#include "host/config/yaml.h"

namespace sluice::config {

absl::StatusOr<core::Condition> ParseCondition(const std::string& text) {
  Diagnostics diagnostics;
  KnownFields fields;
  fields.SetIncomplete();
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

}  // namespace sluice::config
