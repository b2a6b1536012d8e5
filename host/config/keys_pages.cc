// The JSON Schema and the reference page, both out of the table of keys.
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "host/config/condition_reader.h"
#include "host/config/keys.h"
#include "host/core/template_functions.h"

namespace sluice::config {
namespace {

using nlohmann::json;

struct Shape {
  const Key* key = nullptr;
  std::map<std::string, Shape> children;  // "<...>" stands for any name.
};

Shape ShapeOf(FileKind file) {
  Shape root;
  for (const Key& key : Keys()) {
    if (key.file != file) continue;
    Shape* shape = &root;
    if (!key.path.empty()) {
      for (absl::string_view part : absl::StrSplit(key.path, '/')) shape = &shape->children[std::string(part)];
    }
    shape->key = &key;
  }
  return root;
}

json ObjectSchema(const Shape& shape);

json ValueSchema(const Shape& shape) {
  const json scalar = {{"type", {"string", "number", "boolean"}}};
  const json scalar_or_null = {{"type", {"string", "number", "boolean", "null"}}};
  switch (shape.key->type) {
    case KeyType::kText:
      return scalar;
    case KeyType::kInteger:
      return {{"type", "integer"}};
    case KeyType::kFlag:
      return {{"type", "boolean"}};
    case KeyType::kDuration:
      return {{"type", "string"}, {"pattern", "^[0-9]{1,5}d$"}};
    case KeyType::kChoice:
      return {{"enum", shape.key->choices}};
    case KeyType::kTextList:
    case KeyType::kTemplateList:
      return {{"type", "array"}, {"minItems", 1}, {"items", scalar}};
    case KeyType::kTemplate:
      return scalar_or_null;
    case KeyType::kSecret:
      return {{"type", "string"}, {"pattern", "^(env|file|exec):."}};
    case KeyType::kCondition:
      return {{"$ref", "#/$defs/condition"}};
    case KeyType::kFreeMap:
      return {{"type", "object"}};
    case KeyType::kMap:
      return ObjectSchema(shape);
    case KeyType::kMapOrList:
      return {{"anyOf", {ObjectSchema(shape), {{"type", "array"}, {"items", ObjectSchema(shape)}}}}};
    case KeyType::kList:
      return {{"type", "array"}, {"items", ObjectSchema(shape)}};
    case KeyType::kAccountField:
      return {{"anyOf", {scalar_or_null, ObjectSchema(shape)}}};
  }
  return json::object();
}

json ObjectSchema(const Shape& shape) {
  json object = {{"type", "object"}, {"properties", json::object()}, {"additionalProperties", false}};
  json required = json::array();
  for (const auto& [name, child] : shape.children) {
    json value = ValueSchema(child);
    value["description"] = child.key->help;
    if (!child.key->default_value.empty())
      value["description"] = absl::StrCat(child.key->help, " Default: ", child.key->default_value, ".");
    if (name.front() == '<') {
      object["additionalProperties"] = value;
    } else {
      object["properties"][name] = value;
    }
    if (child.key->required) required.push_back(name);
  }
  if (!required.empty()) object["required"] = required;
  return object;
}

json FileSchema(FileKind file) {
  const Shape shape = ShapeOf(file);
  return shape.key == nullptr ? ObjectSchema(shape) : ValueSchema(shape);
}

json ConditionSchema() {
  const json self = {{"$ref", "#/$defs/condition"}};
  const json operators = {
      {"type", "object"}, {"properties", json::object()}, {"additionalProperties", false}, {"minProperties", 1}};
  json test = {
      {"anyOf", {{{"type", {"string", "number", "boolean"}}}, {{"type", "array"}, {"minItems", 1}}, operators}}};
  for (const std::string& name : OperatorNames()) test["anyOf"][2]["properties"][name] = json::object();
  json condition = {{"type", "object"}, {"properties", json::object()}, {"additionalProperties", test}};
  for (const std::string& word : ConditionWords()) condition["properties"][word] = self;
  for (const char* word : {"all", "any"})
    condition["properties"][word] = {{"type", "array"}, {"minItems", 1}, {"items", self}};
  condition["properties"]["count_contracts"] = {{"type", "object"}};
  return condition;
}

std::string TypeText(const Key& key) {
  switch (key.type) {
    case KeyType::kText:
      return "text";
    case KeyType::kInteger:
      return "whole number";
    case KeyType::kFlag:
      return "true or false";
    case KeyType::kDuration:
      return "days (7d)";
    case KeyType::kChoice:
      return JoinOr(key.choices);
    case KeyType::kTextList:
      return "list of texts";
    case KeyType::kTemplate:
      return "template";
    case KeyType::kTemplateList:
      return "list of templates";
    case KeyType::kSecret:
      return "reference to a secret";
    case KeyType::kCondition:
      return "condition";
    case KeyType::kFreeMap:
    case KeyType::kMap:
      return "map";
    case KeyType::kMapOrList:
      return "map, or list of maps";
    case KeyType::kList:
      return "list of maps";
    case KeyType::kAccountField:
      return "template, or map";
  }
  return "";
}

void AppendTable(FileKind file, absl::string_view title, std::string& page) {
  absl::StrAppend(&page, "\n## ", title, "\n\n| key | type | default | |\n|---|---|---|---|\n");
  for (const Key& key : Keys()) {
    if (key.file != file || key.path.empty()) continue;
    const std::string name = absl::StrReplaceAll(key.path, {{"/", "."}});
    const absl::string_view only = key.applies == AppliesTo::kSource   ? " Of a source."
                                   : key.applies == AppliesTo::kTarget ? " Of a target."
                                                                       : "";
    absl::StrAppend(&page, "| `", name, "` | ", TypeText(key), " | ",
                    key.required                ? "required"
                    : key.default_value.empty() ? ""
                                                : absl::StrCat("`", key.default_value, "`"),
                    " | ", key.help, only, " |\n");
  }
}

}  // namespace

nlohmann::json JsonSchema() {
  json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                 {"title", "A file of a Sluice configuration folder"},
                 {"anyOf", json::array()}};
  const std::pair<const char*, FileKind> files[] = {{"root", FileKind::kRoot},
                                                    {"system", FileKind::kSystem},
                                                    {"roles", FileKind::kRoles},
                                                    {"rules", FileKind::kRules}};
  for (const auto& [name, file] : files) {
    schema["$defs"][name] = FileSchema(file);
    schema["anyOf"].push_back({{"$ref", absl::StrCat("#/$defs/", name)}});
  }
  schema["$defs"]["condition"] = ConditionSchema();
  return schema;
}

std::string ReferencePage() {
  std::string page =
      "# Reference of the configuration folder\n\n"
      "Made from the table of keys that the checker itself uses. `<name>` stands for a name of your own choice.\n";
  AppendTable(FileKind::kRoot, "sluice.yaml", page);
  AppendTable(FileKind::kSystem, "systems/NAME.yaml", page);
  AppendTable(FileKind::kRoles, "roles/NAME.yaml (a list)", page);
  AppendTable(FileKind::kRules, "rules/NAME.yaml (a list)", page);
  absl::StrAppend(&page, "\n## Thresholds\n\nOf a source: `", absl::StrJoin(ThresholdKinds(true), "`, `"),
                  "`. Of a target: `", absl::StrJoin(ThresholdKinds(false), "`, `"), "`.\n");
  absl::StrAppend(
      &page, "\n## Conditions\n\nA map of fields is \"and\", a list of values is \"one of\". Words: `",
      absl::StrJoin(ConditionWords(), "`, `"), "`. Operators: `", absl::StrJoin(OperatorNames(), "`, `"),
      "`.\nA day may be relative: `today`, `today + 30d`. Paths are whole (`person.`, `contract.`) except inside "
      "a `*_contract`.\n`count_contracts: { ge: 2, where: { type: employment } }` counts.\n");
  absl::StrAppend(
      &page,
      "\n## Templates\n\nText with `{field | function(argument) | ...}`. A template that is one placeholder keeps the "
      "field's type;\n`null` clears; what is not visible changes nothing. `{{` and `}}` stand for braces.\n\n"
      "| function | |\n|---|---|\n");
  for (const core::TemplateFunction& function : core::TemplateFunctions()) {
    absl::StrAppend(&page, "| `", function.usage, "` | ", function.help, " |\n");
  }
  return page;
}

}  // namespace sluice::config
