// Templates, from YAML to core::Template, with every path in them checked, and their greatest length where it is known.
//
// Pure functions; what is wrong goes to the diagnostics.
#ifndef SLUICE_HOST_CONFIG_TEMPLATE_READER_H_
#define SLUICE_HOST_CONFIG_TEMPLATE_READER_H_

#include <functional>
#include <optional>
#include <string>

#include "host/config/diagnostics.h"
#include "host/config/fields.h"
#include "host/config/yaml.h"
#include "host/core/template.h"

namespace sluice::config {

// What is wrong with a path, with its remedy; "" when nothing is.
using PathCheck = std::function<std::string(const std::string& path)>;

// A scalar or null. Nothing when it is something else or cannot be parsed.
std::optional<core::Template> ReadTemplate(const YamlNode& node, const PathCheck& check, Diagnostics& diagnostics);

// A path must be a filled field; `contract.` may be forbidden, with the reason to give.
PathCheck FieldsCheck(const KnownFields& fields, absl::string_view no_person = "");

// The type of value that a template gives, from its last function, or from `of_path` of its only placeholder.
FieldType TypeOfTemplate(const YamlNode& node, const std::function<FieldType(const std::string& path)>& of_path);

// The most characters that the template can give; nothing when a placeholder in it has no bound.
std::optional<int64_t> MostCharacters(absl::string_view text);

}  // namespace sluice::config

#endif  // SLUICE_HOST_CONFIG_TEMPLATE_READER_H_
