// What the directory's own schema says of each attribute, and values in its form. Read once from a directory, immutable
// afterwards; any thread. Attribute names compare without case, as in LDAP.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "plugins/active_directory/src/client.h"
#include "sluice/connector/description.h"
#include "sluice/connector/value.h"

namespace sluice::active_directory {

struct AttributeSchema {
  enum class Kind { kText, kName, kInteger, kFlag, kData };  // kName: a distinguished name.
  std::string name;                                          // As the schema spells it.
  Kind kind = Kind::kText;
  bool single = true;
  bool read_only = false;     // Kept by the directory itself: system-only, computed, a back link.
  bool indexed = false;       // Found by its value without reading every object.
  bool confidential = false;  // Not shown without a right of its own: its absence says nothing.
  uint32_t max_length = 0;    // Of texts; 0: none.
};

// Computed in a search of one object only: in any other it is an error of the whole search (MS-ADTS 3.1.1.4.5). Objects
// are read many at once here, so that no schema of ours has these, and no search asks for them.
bool IsOfOneObjectOnly(absl::string_view name);

class DirectorySchema {
 public:
  // `attributes` and `classes`: the attributeSchema and classSchema objects.
  static DirectorySchema Of(const std::vector<Entry>& attributes, const std::vector<Entry>& classes);
  static std::vector<std::string> AttributesToRead();
  static std::vector<std::string> ClassAttributesToRead();

  const AttributeSchema* Find(absl::string_view name) const;
  // Lower-case names of what an object of the class may have, with its parent and auxiliary classes.
  std::set<std::string> AllowedIn(absl::string_view object_class) const;

 private:
  struct ClassSchema {
    std::string parent;
    std::vector<std::string> auxiliary;
    std::vector<std::string> attributes;
  };
  std::map<std::string, AttributeSchema> attributes_;
  std::map<std::string, ClassSchema> classes_;
};

// An entry's values as a value: none is EMPTY (NOT_VISIBLE where that may only mean a missing right).
connector::Value ToValue(const AttributeSchema& attribute, const std::vector<std::string>& values);
// A value as LDAP texts. An empty text gives none: the directory refuses empty strings.
absl::StatusOr<std::vector<std::string>> FromValue(const AttributeSchema& attribute, const connector::Value& value);
// Values as a directory compares them: names without case and escaping, lists without order.
bool SameValues(const AttributeSchema& attribute, std::vector<std::string> a, std::vector<std::string> b);
// One value as a directory looks it up: texts without case.
std::string ComparisonKey(const AttributeSchema& attribute, absl::string_view value);
// The SDK's description of the attribute.
connector::Attribute Describe(const AttributeSchema& attribute);

}  // namespace sluice::active_directory
