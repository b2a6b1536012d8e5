#include "host/app/packages.h"

#include "absl/strings/str_cat.h"
#include "host/base/status.h"
#include "host/secrets/resolve.h"

namespace sluice::app {
namespace {

config::SettingSchema ToSchema(const plugin::SettingInfo& info) {
  config::SettingSchema schema;
  schema.name = info.name;
  schema.type = static_cast<config::SettingSchema::Type>(info.type);
  schema.required = info.required;
  schema.secret = info.secret;
  schema.default_value = info.default_value;
  for (const plugin::SettingInfo::Choice& choice : info.choices) schema.choices.push_back(choice.value);
  schema.pattern = info.pattern;
  schema.min = info.min;
  schema.max = info.max;
  schema.help = info.help;
  schema.deprecated = info.deprecated;
  for (const plugin::SettingInfo& field : info.fields) schema.fields.push_back(ToSchema(field));
  schema.when_field = info.when_field;
  schema.when_values = info.when_values;
  return schema;
}

static_assert(static_cast<int>(config::SettingSchema::Type::kObject) ==
                  static_cast<int>(plugin::SettingInfo::Type::kObject),
              "the two lists of setting types are one list");

}  // namespace

std::vector<config::InstalledPackage> Packages::Installed() const {
  std::vector<config::InstalledPackage> installed;
  const plugin::Catalogue catalogue = router_->ReadCatalogue();
  for (const plugin::Package& package : catalogue.packages()) installed.push_back({package.name, package.version});
  return installed;
}

absl::StatusOr<config::PackageInfo> Packages::Describe(const config::InstalledPackage& installed) const {
  const plugin::Catalogue catalogue = router_->ReadCatalogue();
  for (const plugin::Package& package : catalogue.packages()) {
    if (package.name != installed.name || package.version != installed.version) continue;
    config::PackageInfo info;
    info.name = package.name;
    info.version = package.version;
    info.is_source = package.is_source;
    info.is_target = package.is_target;
    info.mapping_path = package.mapping_path;
    ASSIGN_OR_RETURN(const plugin::ConfigSchema schema,
                     router_->FindConfigSchema(
                         absl::StrCat(package.name, "@", package.version_numbers[0], ".", package.version_numbers[1])));
    for (const plugin::SettingInfo& setting : schema.settings) info.settings.push_back(ToSchema(setting));
    return info;
  }
  return absl::NotFoundError(absl::StrCat(installed.name, " ", installed.version, " is not installed any more"));
}

absl::StatusOr<std::vector<plugin::SystemConfig>> SystemConfigs(const core::Configuration& configuration,
                                                                const core::State& state,
                                                                secrets::RotatedSecrets* rotated) {
  std::vector<plugin::SystemConfig> configs;
  for (const auto& [name, spec] : configuration.systems) {
    plugin::SystemConfig config;
    config.name = name;
    config.connector = spec.connector;
    config.settings = spec.settings;
    config.time_zone = configuration.time_zone_name;
    for (const auto& [secret, reference] : spec.secrets) {
      absl::StatusOr<secrets::SecretString> resolved = secrets::Resolve(reference);
      if (!resolved.ok()) {
        return base::Annotate(resolved.status(),
                              absl::StrCat(reference.position.ToString(), ": secret \"", secret, "\""));
      }
      if (rotated == nullptr) {
        config.secrets[secret] = std::string(resolved->Reveal());
        continue;
      }
      absl::StatusOr<secrets::RotatedSecret> current = rotated->Resolve(name, secret, *resolved);
      if (!current.ok()) {
        return base::Annotate(current.status(),
                              absl::StrCat(reference.position.ToString(), ": secret \"", secret, "\""));
      }
      config.secrets[secret] = std::string(current->value.Reveal());
      config.secret_history[secret] = {current->version, std::string(current->previous.Reveal())};
    }
    auto activation = state.activations.find(name);
    const bool is_written = !spec.is_source && activation != state.activations.end() &&
                            activation->second.state != core::Activation::State::kObserving;
    config.mode = is_written ? plugin::SystemConfig::Mode::kReadWrite : plugin::SystemConfig::Mode::kReadOnly;
    configs.push_back(std::move(config));
  }
  return configs;
}

}  // namespace sluice::app
