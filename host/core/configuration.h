// One immutable version of the configuration folder, as the rest of the host reads it.
//
// Built and checked by host/config only; everything here is already consistent: names resolve, templates parse, roles
// are expanded. Shared as std::shared_ptr<const Configuration>.
#ifndef SLUICE_HOST_CORE_CONFIGURATION_H_
#define SLUICE_HOST_CORE_CONFIGURATION_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "host/core/condition.h"
#include "host/core/position.h"
#include "host/core/template.h"
#include "host/core/value.h"

namespace sluice::core {

// How a field is computed.
struct FieldMapping {
  std::string field;  // Of a person: "name.nick"; of a contract: "department.code", "start"; of an account: "sn".
  Template value;
  Position position;
};

// One class of raw records that are persons.
struct PersonMapping {
  std::string from;                  // "leerling"
  std::vector<FieldMapping> fields;  // Package's mapping with the operator's differences on top, by field name.
};
struct ContractMapping {
  std::string type;  // "placement"
  std::string from;  // "plaatsing"; its schema names the attribute that refers to the person.
  std::string
      owner_attribute;  // From the mapping's `owner`, or the connector's schema; a Reference, or the id as text.
  std::vector<FieldMapping> fields;
};

struct Threshold {
  std::optional<int64_t> count;
  std::optional<int64_t> percent;
  Position position;
};
using Thresholds =
    std::map<std::string, Threshold>;  // By kind: "create", "people_removed". One that is not named is a count of 1.

// A shorter secret is not looked for in log lines: "a" or "test" stands in half of all words. The check of the
// configuration warns of one.
inline constexpr size_t kShortestHiddenSecret = 6;

struct SecretReference {
  enum class Kind { kEnv, kFile, kExec } kind = Kind::kEnv;
  std::string target;  // Name of the variable, path, or command line.
  Position position;
};

struct AccountField {
  enum class Write { kAlways, kOnCreate };
  std::string attribute;
  Write write = Write::kAlways;
  Template value;                    // Unless there are candidates.
  std::vector<Template> candidates;  // In this order; {n} counts 2, 3, ... in the last.
  bool generate = false;             // initial_password: generate
  Position position;
};
// A field comes from the first item that has it and whose `when` holds; unknown holds the person back.
struct AccountItem {
  std::optional<Condition> when;
  std::vector<AccountField> fields;
  Position position;
};

struct ResourceSpec {
  std::string name;                  // "class group"
  std::string each;                  // "contract.department": one for each "<each>.id" of the contracts in scope.
  std::string object_class;          // "group"
  std::vector<FieldMapping> fields;  // "name", "parent", ...: `name` is its label.
  std::optional<int64_t> keep_unused_days;
  Position position;
};

struct RetireSpec {
  std::optional<Template> move_to;  // The attribute `parent`.
  std::vector<FieldMapping> set;
  int64_t keep_days = 90;
  enum class Then { kDelete, kKeep } then = Then::kDelete;
};

// What is done about what somebody changed in a target by hand. kAsk: it waits in the plan until somebody decides.
struct DriftSpec {
  enum class Policy { kAsk, kRestore, kLeave };
  Policy disabled = Policy::kAsk;  // An account that may be used.
  Policy enabled = Policy::kAsk;   // One that may not.
  Policy changed = Policy::kAsk;   // A mapped attribute, the name or the place.
  Policy removed = Policy::kAsk;   // A membership that was granted, or a group.
};

struct SystemSpec {
  std::string name;  // "ad": the file's name
  bool is_source = false;
  std::string connector;  // "sluice.active_directory@1"
  Value::Map settings;
  std::map<std::string, SecretReference> secrets;
  Thresholds thresholds;
  Position position;
  // Of a source
  int64_t vanish_grace_days = 7;
  std::vector<PersonMapping> persons;
  std::vector<ContractMapping> contracts;
  // Of a target
  std::vector<FieldMapping> correlate;  // field: the account's attribute; all must match.
  std::string account_class = "account";
  std::vector<AccountItem> account;
  std::map<std::string, ResourceSpec> resources;
  RetireSpec retire;
  DriftSpec drift;
};

// What a rule gives, roles expanded.
struct EntitlementRef {
  enum class Kind { kAccount, kAccess, kPermission, kResource };
  Kind kind = Kind::kAccount;
  std::string system;        // "ad"
  std::string object_class;  // kPermission: "group"
  std::string label;         // kPermission: "docenten"
  std::string resource;      // kResource: "class group"
  std::string role;          // The role that it came through; empty: none.
  Position position;
  // "ad/account", "ad/access", "ad/group:docenten", "ad/class group"
  std::string ToString() const;
};

struct Rule {
  std::string name;
  Position position;
  Condition when;
  int64_t before_start_days = 0;
  int64_t after_end_days = 0;
  std::vector<EntitlementRef> grants;
};

struct SortKey {
  std::string field;  // Of a contract: "fte", "hours_per_week", "sequence", "end", "start", "id"
  bool descending = false;
};
struct PrimaryContractSpec {
  std::vector<std::string> types;  // Earlier types win.
  std::vector<SortKey> then;       // Missing values sort last; a missing end counts as the greatest.
};

// Persons of several sources with one key are one person.
struct JoinSpec {
  Template key;                      // "{person.custom.personeelsnummer}", of each source's own person.
  std::vector<std::string> sources;  // An earlier one wins.
  Position position;
};

struct Configuration {
  std::string
      hash;  // SHA-256 of all files (names and contents) and of the packages' mappings; its first 4 digits name it.
  std::string folder;
  std::string name;  // "Stichting De Waterlanden"
  std::string time_zone_name = "Europe/Amsterdam";
  absl::TimeZone time_zone;
  SecretReference secrets_key;
  SecretReference seal_key;
  PrimaryContractSpec primary_contract;
  std::optional<JoinSpec> join;
  std::map<std::string, SystemSpec> systems;
  std::vector<Rule> rules;                   // In order of file name, then line.
  std::map<std::string, std::string> files;  // Relative path -> contents, as they were read.

  const SystemSpec* FindSystem(absl::string_view system) const {
    auto found = systems.find(std::string(system));
    return found == systems.end() ? nullptr : &found->second;
  }
};

}  // namespace sluice::core

#endif  // SLUICE_HOST_CORE_CONFIGURATION_H_
