// What the host believes and what people decided: the part of an evaluation's input that is neither a raw record nor
// configuration.
//
// Pure data, loaded from the store as of one sequence number. Nothing here is changed by an evaluation.
#ifndef SLUICE_HOST_CORE_STATE_H_
#define SLUICE_HOST_CORE_STATE_H_

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/time/civil_time.h"
#include "host/core/condition.h"
#include "host/core/record.h"
#include "host/core/value.h"

namespace sluice::core {

enum class EntitlementKind { kAccount, kAccess, kPermission };
enum class GrantState { kAbsent, kHeld, kUnmanaged, kInDoubt, kRetired };  // kRetired: accounts only.

// The state of one entitlement of one person. `entitlement` is, within the system: "account", "access",
// "group:docenten" (a permission, by its configured label), "class group:<key>" (one instance of a resource, by what
// `each` gave).
struct Grant {
  std::string person_id;
  std::string system;
  std::string entitlement;
  EntitlementKind kind = EntitlementKind::kAccount;
  GrantState state = GrantState::kAbsent;
  int64_t generation = 0;      // Counts the outcomes that changed it: part of every operation's id.
  std::string object_id;       // Of the account, or of the permission's object.
  std::string object_name;     // Last known (a DN): a hint.
  std::string label;           // For people: "les-h4.bio2".
  bool is_correlated = false;  // Existed before us.
  absl::CivilDay since;
  std::optional<absl::CivilDay> drifted_since;  // The day on which the target was first read to be otherwise.
  std::string last_operation;
  // Of an account
  Fields desired;  // Every mapped attribute as it was last written or found; never a secret.
  std::optional<absl::CivilDay> retired_on;
  Fields before_retirement;  // What retiring changed: attribute -> value before.
  std::string precondition;
  std::string private_state;
};

// An object that rules need: a class group.
struct ResourceInstance {
  std::string system;
  std::string resource;      // "class group"
  std::string key;           // What `each` gave: the department's id.
  std::string label;         // "les-h4.bio2"
  std::string object_class;  // "group"
  std::string object_id;     // Empty: not there.
  int64_t generation = 0;
  bool is_held = false;
  bool is_correlated = false;
  std::optional<absl::CivilDay> unused_since;
  Fields desired;
};

// A name that is given or reserved in a domain of uniqueness of a system.
struct NameEntry {
  std::string system;
  std::string domain;  // "account_name"
  std::string name;    // Normalised.
  std::string holder;  // "person:<id>" or "resource:<resource>:<key>"
};

struct Activation {
  enum class State { kObserving, kPartly, kActive } state = State::kObserving;
  std::set<std::string> person_ids;   // kPartly: these,
  std::vector<Condition> conditions;  // and whoever one of these holds for.
  // Conditions that cannot be read any more, and why: nobody is activated by them.
  std::vector<std::string> unreadable;
};

struct Exclusion {
  std::string person_id;
  std::optional<absl::CivilDay> until;  // Last day; none: until included again.
  std::string reason;
  bool Holds(absl::CivilDay on) const { return !until || *until >= on; }
};

// Covers the operations (or, for a source, the persons) that somebody saw waiting.
struct Approval {
  std::string block_id;
  std::string system;
  std::string kind;
  std::set<std::string> ids;
};

// What a target said when it was last read.
struct Observed {
  bool is_known = false;  // False: never read completely.
  absl::CivilDay as_of;
  std::vector<Record> records;  // Of every class that was read completely, by class and id.
};

// What evaluation needs to know of a target's classes.
struct TargetAttribute {
  std::string unique_in;
  uint32_t max_length = 0;
  std::string allowed_characters;
  bool multi_valued = false, case_insensitive = false, is_secret = false, creatable = true, updatable = true;
};
struct TargetClass {
  std::map<std::string, TargetAttribute> attributes;
  std::string label_attribute;
  uint32_t password_min_length = 0, password_max_length = 0, password_min_kinds = 0;  // 0: the target does not say.
  bool joins = false;          // Of a relation: changes of one object are written together.
  uint32_t max_in_flight = 0;  // Operations that may be under way at once; 0: not limited.
};
struct TargetSchema {
  std::map<std::string, TargetClass> classes;
  // The relation that GRANT and REVOKE change, for each class of permissions.
  struct Relation {
    std::string relation_class, subject_attribute, object_attribute;
  };
  std::map<std::string, Relation> relations;  // By permission class: "group".
  bool creates_enabled = false;
};

struct State {
  int64_t sequence = 0;       // Rises with every change of what follows.
  std::vector<Grant> grants;  // Absent ones that have a generation included.
  std::vector<ResourceInstance> resources;
  std::vector<NameEntry> names;
  std::map<std::string, std::string> permissions;  // "ad/group:docenten" -> object id: found once, kept.
  std::map<std::string, Activation> activations;   // By system; none: observing.
  std::vector<Exclusion> exclusions;
  std::map<std::pair<std::string, std::string>, std::string>
      links;  // (person, system) -> account id: manual correlation.
  std::vector<Approval> approvals;
  std::map<std::string, Observed> observed;     // By target.
  std::map<std::string, TargetSchema> schemas;  // By target.
  std::set<std::string> open_operations;        // Ids that are under way, pending or in doubt: not planned again.
  std::set<std::string> open_objects;  // "ad/<person id>" and "ad/<resource>:<key>" that such an operation touches.
};

}  // namespace sluice::core

#endif  // SLUICE_HOST_CORE_STATE_H_
