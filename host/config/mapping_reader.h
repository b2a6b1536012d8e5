// How a source's records become persons and contracts: the package's mapping with the operator's differences on top.
#ifndef SLUICE_HOST_CONFIG_MAPPING_READER_H_
#define SLUICE_HOST_CONFIG_MAPPING_READER_H_

#include "host/config/diagnostics.h"
#include "host/config/fields.h"
#include "host/config/packages.h"
#include "host/config/yaml.h"
#include "host/core/configuration.h"

namespace sluice::config {

// `package_mapping` and `schema` may be null: the package brings no mapping, its records' classes are not known. The
// operator wins field by field; a contract type that the operator reads from another class stands on its own. Each
// file's shapes have been checked. Fills `system.persons` and `system.contracts`, and tells `fields` what is filled.
void ReadMapping(const YamlNode& system_file, const YamlNode* package_mapping, const PackageInfo& package,
                 const SystemSchema* schema, core::SystemSpec& system, KnownFields& fields, Diagnostics& diagnostics);

}  // namespace sluice::config

#endif  // SLUICE_HOST_CONFIG_MAPPING_READER_H_
