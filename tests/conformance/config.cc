#include "tests/conformance/config.h"

#include <stdlib.h>
#include <yaml-cpp/yaml.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "sdk/wire/columns.h"

namespace sluice::conformance {
namespace {

namespace v1 = connector::v1;

// What yaml-cpp finds wrong, or we do, with the place.
class BadConfig : public std::runtime_error {
 public:
  BadConfig(const YAML::Node& at, const std::string& what)
      : std::runtime_error(absl::StrCat("line ", at.Mark().line + 1, ": ", what)) {}
};

bool IsPlain(const YAML::Node& node) { return node.Tag() != "!"; }  // Not in quotes.

void ToValue(const YAML::Node& node, v1::Value* out) {
  if (node.IsSequence()) {
    out->mutable_list();
    for (const YAML::Node& item : node) ToValue(item, out->mutable_list()->add_values());
  } else if (node.IsMap()) {
    out->mutable_struct_();
    for (const auto& item : node)
      ToValue(item.second, &(*out->mutable_struct_()->mutable_fields())[item.first.as<std::string>()]);
  } else if (node.IsNull()) {
    out->mutable_empty();
  } else {
    const std::string text = node.as<std::string>();
    int64_t integer = 0;
    if (IsPlain(node) && absl::SimpleAtoi(text, &integer)) {
      out->set_integer(integer);
    } else if (IsPlain(node) && (text == "true" || text == "false")) {
      out->set_flag(text == "true");
    } else {
      out->set_text(text);
    }
  }
}

Values ToValues(const YAML::Node& node) {
  Values values;
  if (!node) return values;
  if (!node.IsMap()) throw BadConfig(node, "this must be a map of names and values");
  for (const auto& item : node) ToValue(item.second, &values[item.first.as<std::string>()]);
  return values;
}

std::string ReadSecretFile(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return std::string(absl::StripSuffix(text.str(), "\n"));
}

std::string ToSecret(const YAML::Node& node) {
  const std::string text = node.as<std::string>();
  const std::pair<std::string, std::string> parts = absl::StrSplit(text, absl::MaxSplits(':', 1));
  if (parts.first == "env") {
    const char* value = getenv(parts.second.c_str());
    if (value == nullptr) throw BadConfig(node, absl::StrCat("the environment has no ", parts.second, "; set it"));
    return value;
  }
  if (parts.first == "file") return ReadSecretFile(parts.second);
  if (parts.first == "text") return parts.second;
  throw BadConfig(node, "a secret is env:NAME, file:PATH, or text:VALUE for a simulated system");
}

absl::CivilDay ToDay(const YAML::Node& node) {
  absl::CivilDay day;
  if (!absl::ParseCivilTime(node.as<std::string>(), &day)) throw BadConfig(node, "as_of is a date such as 2026-08-01");
  return day;
}

std::map<std::string, std::string> ToSecrets(const YAML::Node& node) {
  std::map<std::string, std::string> secrets;
  for (const auto& one : node) secrets[one.first.as<std::string>()] = ToSecret(one.second);
  return secrets;
}

OtherConfig ToOther(const YAML::Node& node) {
  OtherConfig other;
  for (const auto& item : node) {
    const std::string key = item.first.as<std::string>();
    if (key == "settings") {
      other.settings = ToValues(item.second);
    } else if (key == "secrets") {
      other.secrets = ToSecrets(item.second);
    } else if (key == "classes" || key == "scopes") {
      (key == "classes" ? other.classes : other.scopes) = item.second.as<std::vector<std::string>>();
    } else {
      throw BadConfig(item.first,
                      absl::StrCat("there is no key \"", key, "\" here; it takes settings, secrets, classes, scopes"));
    }
  }
  return other;
}

void ReadCheck(const YAML::Node& node, Config* config) {
  for (const auto& item : node) {
    const YAML::Node& value = item.second;
    const std::string key = item.first.as<std::string>();
    if (key == "as_of") {
      config->as_of = ToDay(value);
    } else if (key == "write") {
      config->write = value.as<bool>();
    } else if (key == "prefix") {
      config->prefix = value.as<std::string>();
    } else if (key == "proxy") {
      config->proxy = value.as<std::string>();
    } else if (key == "create" || key == "update") {
      auto& classes = key == "create" ? config->create : config->update;
      for (const auto& one : value) classes[one.first.as<std::string>()] = ToValues(one.second);
    } else if (key == "refused") {
      config->refused = ToOther(value);
      if (config->refused.classes.empty()) throw BadConfig(value, "refused names the classes that are refused then");
    } else if (key == "other") {
      config->other = ToOther(value);
    } else if (key == "correlate") {
      for (const auto& one : value) config->correlate[one.first.as<std::string>()] = one.second.as<std::string>();
    } else {
      throw BadConfig(item.first,
                      absl::StrCat("check has no key \"", key,
                                   "\"; it takes as_of, write, prefix, proxy, create, update, correlate, refused, "
                                   "other"));
    }
  }
}

// A plain number may be meant as text ("people: 12" for a TEXT); the schema says.
void Fit(const v1::ConfigField& field, const std::string& directory, v1::Value* value) {
  const bool is_text = field.type() == v1::ConfigField::TEXT || field.type() == v1::ConfigField::FILE ||
                       field.type() == v1::ConfigField::CERTIFICATE;
  if (is_text && value->has_integer()) value->set_text(absl::StrCat(value->integer()));
  if (field.type() == v1::ConfigField::FILE && value->has_text() && !value->text().empty() && value->text()[0] != '/')
    value->set_text((std::filesystem::path(directory) / value->text()).lexically_normal().string());
  absl::CivilDay day;
  if (field.type() == v1::ConfigField::DATE && value->has_text() && absl::ParseCivilTime(value->text(), &day))
    *value->mutable_date() = wire::DateToProto(day);
}

}  // namespace

void ReplaceInTexts(v1::Value* value, const std::string& from, const std::string& to) {
  if (value->has_text()) value->set_text(absl::StrReplaceAll(value->text(), {{from, to}}));
  if (value->has_list()) {
    for (v1::Value& item : *value->mutable_list()->mutable_values()) ReplaceInTexts(&item, from, to);
  }
  if (value->has_struct_()) {
    for (auto& [name, item] : *value->mutable_struct_()->mutable_fields()) ReplaceInTexts(&item, from, to);
  }
}

Values FitSettings(const Config& config, const v1::GetConfigSchemaReply& schema, const std::string& directory) {
  Values settings = config.settings;
  for (auto& [name, value] : settings) {
    for (const v1::ConfigField& field : schema.fields()) {
      if (field.name() == name) Fit(field, directory, &value);
    }
  }
  return settings;
}

Config WithOther(Config config, const OtherConfig& other) {
  for (const auto& [name, value] : other.settings) config.settings[name] = value;
  for (const auto& [name, secret] : other.secrets) config.secrets[name] = secret;
  return config;
}

absl::StatusOr<Config> ReadConfig(const std::string& path) {
  Config config;
  config.as_of = absl::ToCivilDay(absl::Now(), absl::UTCTimeZone());
  try {
    const YAML::Node root = YAML::LoadFile(path);
    if (root.IsNull()) return config;
    if (!root.IsMap()) throw BadConfig(root, "this must be a map with settings, secrets and check");
    config.settings = ToValues(root["settings"]);
    config.secrets = ToSecrets(root["secrets"]);
    if (root["time_zone"]) config.time_zone = root["time_zone"].as<std::string>();
    if (root["check"]) ReadCheck(root["check"], &config);
  } catch (const YAML::BadFile&) {
    return absl::NotFoundError(absl::StrCat(path, ": this file cannot be read; write one with settings: and secrets:"));
  } catch (const std::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", error.what()));
  }
  return config;
}

}  // namespace sluice::conformance
