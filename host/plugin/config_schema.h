// What a connector can be told in its system's file, and the check of settings against it.
//
// Pure data and a pure function: the configuration checker turns each problem into a line with a position. The
// connector's own rules across settings are asked for with Router::CheckSystem.
#ifndef SLUICE_HOST_PLUGIN_CONFIG_SCHEMA_H_
#define SLUICE_HOST_PLUGIN_CONFIG_SCHEMA_H_

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "host/core/value.h"

namespace sluice::plugin {

struct SettingInfo {
  enum class Type { kText, kInteger, kFlag, kChoice, kDuration, kUrl, kDate, kFile, kCertificate, kList, kObject };

  std::string name;
  Type type = Type::kText;
  bool required = false;
  bool secret = false;  // Stands under `secrets`, not under `settings`.
  core::Value default_value;
  struct Choice {
    core::Value value;
    std::string label;
  };
  std::vector<Choice> choices;  // Not empty: nothing else is taken. Of a list: of its items.
  std::string pattern;          // RE2 of the whole text.
  std::optional<int64_t> min, max;
  std::string group, label, help;
  std::string deprecated;           // What to use instead.
  std::vector<std::string> egress;  // The addresses that this value opens: "{value}:443".
  std::vector<SettingInfo> fields;  // Of an object, or of each item of a list.
  std::string when_field;           // Asked for only when that setting has one of these values.
  std::vector<core::Value> when_values;
};

struct ConfigSchema {
  uint32_t version = 0;
  std::vector<SettingInfo> settings;
};

struct SettingProblem {
  std::vector<std::string> path;  // {"settings", "servers", "0"} or {"secrets", "client_id"}.
  std::string message;            // "unknown setting \"organisaton\"; did you mean \"organisation\"?"
  bool is_warning = false;
};

// Unknown settings, wrong types, values that are not allowed, and what is required and missing. `secrets` are the names
// that are given.
std::vector<SettingProblem> CheckSettings(const ConfigSchema& schema, const core::Value::Map& settings,
                                          const std::set<std::string>& secrets);

}  // namespace sluice::plugin

#endif  // SLUICE_HOST_PLUGIN_CONFIG_SCHEMA_H_
