// References to secrets: read and checked, never kept. What a reference leads to must be there, must not be empty and
// must not be open to others; its content is looked at and forgotten at once.
//
// Reads the environment and the file system; starts no program.
#ifndef SLUICE_HOST_CONFIG_SECRET_READER_H_
#define SLUICE_HOST_CONFIG_SECRET_READER_H_

#include <optional>
#include <string>

#include "host/config/diagnostics.h"
#include "host/config/yaml.h"
#include "host/core/configuration.h"

namespace sluice::config {

// What a reference leads to: text that somebody wrote, or a key that may hold any bytes.
enum class SecretContent { kText, kKey };

// A file with a key of the host may be absent: the host makes it when it first starts.
// `name` is how messages call it: "bind_password". A relative path counts from `folder`. With `checks_value` off only
// the form of the reference is checked.
std::optional<core::SecretReference> ReadSecret(const YamlNode& node, const std::string& name,
                                                const std::string& folder, SecretContent content, bool checks_value,
                                                Diagnostics& diagnostics);

}  // namespace sluice::config

#endif  // SLUICE_HOST_CONFIG_SECRET_READER_H_
