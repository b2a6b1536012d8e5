// What the checker needs to know of installed connectors and of the systems they speak to.
//
// Implemented by host/app over the plugin layer's catalogue, and by fakes in tests. Called by one load at a time; an
// implementation may start a plugin to ask it, and must not touch the network.
#ifndef SLUICE_HOST_CONFIG_PACKAGES_H_
#define SLUICE_HOST_CONFIG_PACKAGES_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "host/core/value.h"

namespace sluice::config {

// One setting of a connector, field for field the contract's ConfigField.
struct SettingSchema {
  enum class Type { kText, kInteger, kFlag, kChoice, kDuration, kUrl, kDate, kFile, kCertificate, kList, kObject };
  std::string name;
  Type type = Type::kText;
  bool required = false;
  bool secret = false;               // Stands under `secrets:`, by reference.
  core::Value default_value;         // Not visible: none.
  std::vector<core::Value> choices;  // Of the value, or of each item of a list.
  std::string pattern;               // RE2 of the whole value.
  std::optional<int64_t> min, max;   // Of a number; of a list, how many.
  std::string help;
  std::string deprecated;             // What to use instead.
  std::vector<SettingSchema> fields;  // Of an object, or of each item of a list.
  std::string when_field;             // Asked for only when that setting has one of these values.
  std::vector<core::Value> when_values;
};

struct PackageInfo {
  std::string name;        // "sluice.somtoday"
  std::string version;     // "1.0.2"
  bool is_source = false;  // A connector may be both; a system is one of them.
  bool is_target = false;
  std::string mapping_path;  // Of its mapping.yaml; empty: it brings none.
  std::vector<SettingSchema> settings;
  // For each class of records that are contracts, the attribute that names their person.
  std::map<std::string, std::string> owner_attributes;
};

struct InstalledPackage {
  std::string name;
  std::string version;
};

class Packages {
 public:
  virtual ~Packages() = default;
  virtual std::vector<InstalledPackage> Installed() const = 0;
  // The error is for an operator: what is wrong with the package, and what to do.
  virtual absl::StatusOr<PackageInfo> Describe(const InstalledPackage& package) const = 0;
};

// The newest installed version that `connector` ("sluice.somtoday@1", "sluice.somtoday@1.2") allows. INVALID_ARGUMENT
// when it is not written so; NOT_FOUND when nothing fits, with what is installed; else the error of Describe.
absl::StatusOr<PackageInfo> FindPackage(const Packages& packages, const std::string& connector);

// What is known of one class of a system's objects.
struct AttributeSchema {
  enum class Type { kOther, kText, kNumber, kDate, kFlag };
  std::string name;
  bool multi_valued = false;
  bool required = false;
  bool writable = true;    // On create or on update.
  int64_t max_length = 0;  // Characters; 0: no limit known.
  Type type = Type::kOther;
  bool is_secret = false;
};
struct ClassSchema {
  std::string name;
  std::vector<AttributeSchema> attributes;
  bool is_permission = false;        // Membership of it can be granted.
  std::string owner_attribute = {};  // Of contracts: names their person.
};
struct SystemSchema {
  std::vector<ClassSchema> classes;
  const ClassSchema* Find(const std::string& name) const;
};

// Schemas of systems, where they were read before. Optional: what is not known is not checked.
class Schemas {
 public:
  virtual ~Schemas() = default;
  // Null when not known. Valid until the next call.
  virtual const SystemSchema* Find(const std::string& system, const PackageInfo& package) const = 0;
};

}  // namespace sluice::config

#endif  // SLUICE_HOST_CONFIG_PACKAGES_H_
