// Which persons of several sources are one: `join` of sluice.yaml.
#ifndef SLUICE_HOST_CONFIG_JOIN_READER_H_
#define SLUICE_HOST_CONFIG_JOIN_READER_H_

#include <string>
#include <vector>

#include "host/config/diagnostics.h"
#include "host/config/yaml.h"
#include "host/core/configuration.h"

namespace sluice::config {

// The systems and their mappings have been read; `unread` are those whose files could not be, of which nothing is said.
// Each source must be one, and fill every field that the key reads.
void ReadJoin(const YamlNode& root, const std::vector<std::string>& unread, core::Configuration& configuration,
              Diagnostics& diagnostics);

}  // namespace sluice::config

#endif  // SLUICE_HOST_CONFIG_JOIN_READER_H_
