// Roles and rules: who gets what, with roles expanded and every grant resolved.
#ifndef SLUICE_HOST_CONFIG_RULES_READER_H_
#define SLUICE_HOST_CONFIG_RULES_READER_H_

#include <map>
#include <string>
#include <vector>

#include "host/config/diagnostics.h"
#include "host/config/fields.h"
#include "host/config/packages.h"
#include "host/config/yaml.h"
#include "host/core/configuration.h"

namespace sluice::config {

using Trees = std::map<std::string, YamlNode>;  // By relative path.

// What grants are resolved against.
struct GrantContext {
  const std::map<std::string, core::SystemSpec>* systems = nullptr;
  // Of targets whose schema is known.
  std::map<std::string, const SystemSchema*> schemas;
  // Systems whose file could not be read: they exist, and more is not known.
  std::vector<std::string> unread_systems;
};

// In order of file, then line. `trees` holds the files of roles/ and rules/ that could be read, with their shapes
// checked; `is_complete` says that they are all, so that a role nobody knows is an error.
std::vector<core::Rule> ReadRules(const Trees& roles, const Trees& rules, bool is_complete, const GrantContext& context,
                                  const KnownFields& fields, Diagnostics& diagnostics);

}  // namespace sluice::config

#endif  // SLUICE_HOST_CONFIG_RULES_READER_H_
