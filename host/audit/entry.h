// One thing that happened, as the audit log keeps it.
//
// The row that is hashed holds ids and commitments only; personal values lie beside the chain, salted, per person, so
// that erasing a person leaves the chain whole.
#ifndef SLUICE_HOST_AUDIT_ENTRY_H_
#define SLUICE_HOST_AUDIT_ENTRY_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "host/core/value.h"

namespace sluice::audit {

// A personal value before and after. In the chain stands SHA-256(salt || canonical JSON of [field, before, after]).
struct PersonalChange {
  std::string person_id;
  std::string field;  // "sn", "person.name.family"
  core::Value before;
  core::Value after;
};

struct Entry {
  absl::Time time;     // Cut to microseconds before it is hashed and stored.
  std::string actor;   // "user:alice (uid 1000)", "schedule", "host"
  std::string action;  // "operation.create", "import.accepted", "block.approved", "credential.handed_out",
                       // "configuration.applied"
  std::string run_id;
  std::string system;
  std::string person_id;
  std::string entitlement;
  std::string operation_id;
  std::string plan;  // Its hash.
  std::string configuration;
  std::string plugin;   // "sluice.active_directory 1.0.0"
  std::string outcome;  // "applied", "no_change", "failed", "in_doubt", ...
  int64_t snapshot = 0;
  std::string detail;    // One line without personal data: an error's reason, a verdict.
  nlohmann::json facts;  // Further ids and numbers for this action; never personal. Null: none.
  std::string reason;    // What somebody with a name gave as a reason for a decision.
  std::vector<PersonalChange> changes;
};

}  // namespace sluice::audit

#endif  // SLUICE_HOST_AUDIT_ENTRY_H_
