// What is a target's alone: correlation, accounts, resources, retirement. And thresholds, which both have.
#ifndef SLUICE_HOST_CONFIG_TARGET_READER_H_
#define SLUICE_HOST_CONFIG_TARGET_READER_H_

#include "host/config/diagnostics.h"
#include "host/config/fields.h"
#include "host/config/packages.h"
#include "host/config/yaml.h"
#include "host/core/configuration.h"

namespace sluice::config {

// `file` has the right shapes. `schema` may be null: what the target can hold is not known and not checked.
void ReadTarget(const YamlNode& file, const SystemSchema* schema, const KnownFields& fields, core::SystemSpec& system,
                Diagnostics& diagnostics);

void ReadThresholds(const YamlNode& file, core::SystemSpec& system, Diagnostics& diagnostics);

}  // namespace sluice::config

#endif  // SLUICE_HOST_CONFIG_TARGET_READER_H_
