#include "host/config/settings_reader.h"

#include <algorithm>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "host/config/keys.h"
#include "re2/re2.h"

namespace sluice::config {
namespace {

using core::Value;
using Type = SettingSchema::Type;

bool IsAskedFor(const SettingSchema& field, const Value::Map& settings) {
  if (field.when_field.empty()) return true;
  auto found = settings.find(field.when_field);
  if (found == settings.end()) return false;
  return std::any_of(field.when_values.begin(), field.when_values.end(),
                     [&](const Value& value) { return value.ToText() == found->second.ToText(); });
}

class Reader {
 public:
  explicit Reader(Diagnostics& diagnostics) : diagnostics_(diagnostics) {}

  Value::Map Map(const YamlNode* map, const std::vector<SettingSchema>& schema, const std::string& path,
                 const core::Position& missing_at) {
    Value::Map result;
    if (map != nullptr) {
      for (const auto& [key, value] : map->entries) Entry(key, value, schema, path, result);
    }
    for (const SettingSchema& field : schema) {
      if (!field.secret && field.default_value.is_visible()) result.try_emplace(field.name, field.default_value);
    }
    for (const SettingSchema& field : schema) {
      const bool is_written = map != nullptr && map->Find(field.name) != nullptr;
      if (field.secret || !field.required || is_written || result.contains(field.name)) continue;
      if (!IsAskedFor(field, result) || IsMeant(map, field.name, schema)) continue;
      diagnostics_.Error(missing_at, absl::StrCat("setting ", Name(path, field.name), " is missing; add it",
                                                  field.help.empty() ? "" : absl::StrCat(": ", field.help)));
    }
    return result;
  }

 private:
  // An unknown key of the map that was told to be this one.
  static bool IsMeant(const YamlNode* map, const std::string& name, const std::vector<SettingSchema>& schema) {
    return map != nullptr && std::any_of(map->entries.begin(), map->entries.end(), [&](const auto& entry) {
             const std::string& word = entry.first.text;
             const bool is_known =
                 std::any_of(schema.begin(), schema.end(), [&](const auto& one) { return one.name == word; });
             return !is_known && Nearest(word, {name}) == name;
           });
  }

  static std::string Name(const std::string& path, const std::string& name) {
    return Quoted(path.empty() ? name : absl::StrCat(path, ".", name));
  }

  void Entry(const YamlNode& key, const YamlNode& value, const std::vector<SettingSchema>& schema,
             const std::string& path, Value::Map& result) {
    auto field = std::find_if(schema.begin(), schema.end(), [&](const auto& one) { return one.name == key.text; });
    if (field == schema.end()) {
      std::vector<std::string> known;
      for (const SettingSchema& one : schema) {
        if (!one.secret) known.push_back(one.name);
      }
      diagnostics_.Error(key.position,
                         absl::StrCat("unknown setting ", Name(path, key.text), Suggest(key.text, known)));
      return;
    }
    if (field->secret) {
      diagnostics_.Error(key.position, absl::StrCat("setting ", Name(path, key.text),
                                                    " is a secret; move it to \"secrets\", as env:NAME or file:/path"));
      return;
    }
    if (!field->deprecated.empty()) {
      diagnostics_.Warn(key.position,
                        absl::StrCat("setting ", Name(path, key.text), " is old; use ", field->deprecated));
    }
    const std::string here = path.empty() ? key.text : absl::StrCat(path, ".", key.text);
    if (auto read = One(value, *field, here)) result[key.text] = *std::move(read);
  }

  std::optional<Value> Wrong(const YamlNode& node, const std::string& path, absl::string_view wanted) {
    diagnostics_.Error(node.position,
                       absl::StrCat("setting ", Quoted(path), " is ", node.Describe(), "; write ", wanted));
    return std::nullopt;
  }

  std::optional<Value> One(const YamlNode& node, const SettingSchema& field, const std::string& path) {
    if (field.type == Type::kList) return List(node, field, path);
    if (field.type == Type::kObject) {
      if (!node.is_map()) return Wrong(node, path, "a map of keys and values");
      return Value::MapOf(Map(&node, field.fields, path, node.position));
    }
    auto value = Word(node, field, path);
    if (value && !field.choices.empty()) return Choice(node, *value, field, path);
    return value;
  }

  std::optional<Value> List(const YamlNode& node, const SettingSchema& field, const std::string& path) {
    if (!node.is_list()) return Wrong(node, path, "a list, for example [one, two]");
    if (field.min && static_cast<int64_t>(node.items.size()) < *field.min) {
      return Wrong(node, path, absl::StrCat("a list of at least ", *field.min));
    }
    Value::List list;
    SettingSchema item = field;
    item.type = field.fields.empty() ? Type::kText : Type::kObject;
    item.min.reset();
    item.max.reset();
    for (const YamlNode& one : node.items) {
      if (auto value = One(one, item, path)) list.push_back(*std::move(value));
    }
    return Value::ListOf(std::move(list));
  }

  std::optional<Value> Word(const YamlNode& node, const SettingSchema& field, const std::string& path) {
    const bool is_word = node.is_scalar();
    switch (field.type) {
      case Type::kInteger: {
        auto number = is_word && !node.is_quoted ? IntegerOf(node.text) : std::nullopt;
        if (!number) return Wrong(node, path, "a whole number");
        if (field.min && *number < *field.min) return Wrong(node, path, absl::StrCat("at least ", *field.min));
        if (field.max && *number > *field.max) return Wrong(node, path, absl::StrCat("at most ", *field.max));
        return Value::Integer(*number);
      }
      case Type::kFlag:
        if (!is_word || node.is_quoted || (node.text != "true" && node.text != "false")) {
          return Wrong(node, path, "true or false");
        }
        return Value::Flag(node.text == "true");
      case Type::kDate: {
        auto day = is_word ? DayOf(node.text) : std::nullopt;
        if (!day) return Wrong(node, path, "a day, for example 2026-08-01");
        return Value::Date(*day);
      }
      case Type::kDuration: {
        static const LazyRE2 kDuration = {"[0-9]{1,6}(ms|s|m|h|d)"};
        if (!is_word || !RE2::FullMatch(node.text, *kDuration))
          return Wrong(node, path, "a duration, for example 30s, 5m or 7d");
        return Value::Text(node.text);
      }
      case Type::kUrl:
        if (!is_word || !absl::StrContains(node.text, "://"))
          return Wrong(node, path, "an address, for example https://host");
        return Value::Text(node.text);
      default:
        if (!is_word || node.text.empty()) return Wrong(node, path, "text");
        if (!field.pattern.empty() && !RE2::FullMatch(node.text, RE2(field.pattern, RE2::Quiet))) {
          return Wrong(node, path, absl::StrCat("text like ", field.pattern));
        }
        return Value::Text(node.text);
    }
  }

  std::optional<Value> Choice(const YamlNode& node, const Value& value, const SettingSchema& field,
                              const std::string& path) {
    std::vector<std::string> known;
    for (const Value& choice : field.choices) {
      if (choice.ToText() == value.ToText()) return choice;
      known.push_back(choice.ToText());
    }
    const std::string nearest = Nearest(value.ToText(), known);
    if (nearest.empty()) return Wrong(node, path, JoinOr(known));
    diagnostics_.Error(node.position, absl::StrCat("setting ", Quoted(path), " is ", node.Describe(), "; did you mean ",
                                                   Quoted(nearest), "?"));
    return std::nullopt;
  }

  Diagnostics& diagnostics_;
};

}  // namespace

core::Value::Map ReadSettings(const YamlNode* map, const std::vector<SettingSchema>& schema,
                              const core::Position& missing_at, Diagnostics& diagnostics) {
  return Reader(diagnostics).Map(map, schema, "", map != nullptr ? map->position : missing_at);
}

void CheckSecretNames(const YamlNode* map, const std::vector<SettingSchema>& schema, const core::Value::Map& settings,
                      const core::Position& missing_at, Diagnostics& diagnostics) {
  std::vector<std::string> known, missing;
  for (const SettingSchema& field : schema) {
    if (!field.secret) continue;
    known.push_back(field.name);
    const bool is_written = map != nullptr && map->Find(field.name) != nullptr;
    if (!is_written && field.required && IsAskedFor(field, settings)) missing.push_back(field.name);
  }
  for (const std::string& name : missing) {
    const bool is_meant = map != nullptr && std::any_of(map->entries.begin(), map->entries.end(), [&](const auto& one) {
                            return Nearest(one.first.text, known) == name && one.first.text != name;
                          });
    if (is_meant) continue;
    diagnostics.Error(
        map != nullptr ? map->position : missing_at,
        absl::StrCat("secret ", Quoted(name), " is missing; add it under \"secrets\", as env:NAME or file:/path"));
  }
  if (map == nullptr) return;
  for (const auto& [key, value] : map->entries) {
    if (std::find(known.begin(), known.end(), key.text) != known.end()) continue;
    const bool is_setting =
        std::any_of(schema.begin(), schema.end(), [&, key = &key](const auto& one) { return one.name == key->text; });
    diagnostics.Error(key.position, is_setting
                                        ? absl::StrCat(Quoted(key.text), " is no secret; move it to \"settings\"")
                                        : absl::StrCat("unknown secret ", Quoted(key.text), Suggest(key.text, known)));
  }
}

}  // namespace sluice::config
