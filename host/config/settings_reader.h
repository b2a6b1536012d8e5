// Settings and secrets of a system, checked against what its connector asks for.
#ifndef SLUICE_HOST_CONFIG_SETTINGS_READER_H_
#define SLUICE_HOST_CONFIG_SETTINGS_READER_H_

#include <string>
#include <vector>

#include "host/config/diagnostics.h"
#include "host/config/packages.h"
#include "host/config/yaml.h"
#include "host/core/value.h"

namespace sluice::config {

// `map` may be null: no settings are written. `missing_at` is where a missing one is told. Defaults are filled in.
// Secrets of the schema are left out; one that stands among the settings is an error.
core::Value::Map ReadSettings(const YamlNode* map, const std::vector<SettingSchema>& schema,
                              const core::Position& missing_at, Diagnostics& diagnostics);

// Names only: what is written under `secrets:` against the secrets that the connector asks for. `settings` decides
// which of them are asked for at all.
void CheckSecretNames(const YamlNode* map, const std::vector<SettingSchema>& schema, const core::Value::Map& settings,
                      const core::Position& missing_at, Diagnostics& diagnostics);

}  // namespace sluice::config

#endif  // SLUICE_HOST_CONFIG_SETTINGS_READER_H_
