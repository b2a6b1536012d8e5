// The one table of keys of the configuration folder: what may stand where, its type, its default, one sentence of help.
//
// From it come the checker of shapes, the JSON Schema for editors and the reference page; a key that is not here does
// not exist. Immutable; safe on any thread.
#ifndef SLUICE_HOST_CONFIG_KEYS_H_
#define SLUICE_HOST_CONFIG_KEYS_H_

#include <string>
#include <vector>

#include "host/config/diagnostics.h"
#include "host/config/yaml.h"
#include "nlohmann/json.hpp"

namespace sluice::config {

enum class FileKind { kRoot, kSystem, kRoles, kRules };

enum class KeyType {
  kText,
  kInteger,
  kFlag,
  kDuration,      // "14d"
  kChoice,        // One of `choices`.
  kTextList,      // A list of texts.
  kTemplate,      // Text with {placeholders}, a constant, or null.
  kTemplateList,  // A list of those.
  kSecret,        // "env:NAME", "file:/path" or "exec:/program argument".
  kCondition,     // A map of the condition language, checked by its own reader.
  kFreeMap,       // Any map; checked against the connector's schema.
  kMap,           // A map of the keys below it.
  kMapOrList,     // One such map, or a list of them.
  kList,          // A list of such maps.
  kAccountField,  // A template, or a map of the keys below it.
};

enum class AppliesTo { kBoth, kSource, kTarget };

struct Key {
  FileKind file;
  std::string path;  // "thresholds/<kind>/count"; "<...>" stands for any name. What a list's items have follows "/".
  KeyType type;
  bool required;
  std::string default_value;  // As it would be written; empty: none.
  std::string help;           // One sentence.
  std::vector<std::string> choices = {};
  AppliesTo applies = AppliesTo::kBoth;
};

const std::vector<Key>& Keys();

// Every kind of threshold of a source or of a target.
const std::vector<std::string>& ThresholdKinds(bool is_source);

// Days of "14d"; nothing when it is not written so.
std::optional<int64_t> DaysOf(const std::string& text);

// Checks names and shapes of everything in one file. A reader may then take what has the right shape and pass over the
// rest in silence.
void CheckKeys(FileKind file, const YamlNode& root, Diagnostics& diagnostics);

// JSON Schema (2020-12) of the four kinds of file: "$defs": root, system, roles, rules; the whole accepts any of them.
nlohmann::json JsonSchema();

// The reference page in Markdown.
std::string ReferencePage();

}  // namespace sluice::config

#endif  // SLUICE_HOST_CONFIG_KEYS_H_
