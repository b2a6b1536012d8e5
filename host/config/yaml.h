// One file of YAML as a tree whose every key and value knows where it stands.
//
// Stricter than YAML: a key that stands twice in a map, anchors, aliases, tags, a second document, tabs as indentation,
// characters that nobody sees, typographic quotation marks and an unclosed one are errors, because each of them makes a
// file mean something else than it seems to. A byte-order mark at the start and CRLF are taken as they are meant.
// yaml-cpp stays behind this header. Plain data; safe to share once built.
#ifndef SLUICE_HOST_CONFIG_YAML_H_
#define SLUICE_HOST_CONFIG_YAML_H_

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "host/config/diagnostics.h"
#include "host/core/position.h"
#include "host/core/value.h"

namespace sluice::config {

inline constexpr size_t kMostFileBytes = 4 << 20;

struct YamlEntry;

struct YamlNode {
  enum class Kind { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kNull;
  core::Position position;
  bool is_quoted = false;      // Of a scalar: it is text, whatever it looks like.
  bool is_text_start = false;  // The scalar's first character stands at `position` (not quoted, no block).
  std::string text;            // kScalar
  std::vector<YamlNode> items;
  std::vector<YamlEntry> entries;  // kMap, in order; keys are scalars, each once.

  bool is_null() const { return kind == Kind::kNull; }
  bool is_scalar() const { return kind == Kind::kScalar; }
  bool is_list() const { return kind == Kind::kList; }
  bool is_map() const { return kind == Kind::kMap; }

  const YamlNode* Find(absl::string_view key) const;     // The value of a key of a map; null when there is none.
  const YamlNode* FindKey(absl::string_view key) const;  // The key itself, for its position.

  // Where byte `offset` of a scalar's text stands; `position` when that cannot be told (escapes, blocks).
  core::Position PositionAt(size_t offset) const;

  // What a plain scalar says: a whole number without leading zeros, a number with a fraction, true or false, a day;
  // anything else, and all that is quoted, is text. Null is empty. Lists and maps keep their shape.
  core::Value ToValue() const;

  // For messages: `text` (not more than a line of it), "a list", "a map", "empty".
  std::string Describe() const;
};

struct YamlEntry {
  YamlNode first, second;  // The key and its value.
};

// What one plain word says, as above.
core::Value ValueOfWord(absl::string_view word);
// "2026-08-01"; nothing when it is not a day of the calendar.
std::optional<absl::CivilDay> DayOf(absl::string_view text);
// A whole number; nothing when it is not one.
std::optional<int64_t> IntegerOf(absl::string_view text);

// Adds what is wrong to `diagnostics` and gives nothing when the file cannot be used.
std::optional<YamlNode> ParseYaml(const std::string& file, const std::string& content, Diagnostics& diagnostics);

}  // namespace sluice::config

#endif  // SLUICE_HOST_CONFIG_YAML_H_
