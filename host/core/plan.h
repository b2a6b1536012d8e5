// A plan: every operation that should follow, why, and what waits.
//
// The result of a pure computation (planner.h); the same input gives the same bytes. Immutable.
#ifndef SLUICE_HOST_CORE_PLAN_H_
#define SLUICE_HOST_CORE_PLAN_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "host/core/condition.h"
#include "host/core/person.h"
#include "host/core/reading.h"
#include "host/core/state.h"
#include "host/core/value.h"
#include "nlohmann/json.hpp"

namespace sluice::core {

// In the order in which operations of one account are carried out. kAdopt changes no target: it takes over what is
// already so.
enum class OperationKind {
  kCreateResource,
  kAdopt,
  kCreate,
  kUpdate,
  kEnable,
  kGrant,
  kRevoke,
  kDisable,
  kRetire,
  kDelete,
  kDeleteResource
};
absl::string_view OperationKindName(OperationKind kind);  // "create_resource": also the name of its threshold.
absl::StatusOr<OperationKind> OperationKindFromName(absl::string_view name);

struct AttributeChange {
  std::string attribute;
  Value before;  // Not visible: not known.
  Value after;   // Empty: cleared.
};

// A value that only enforcement can settle: name(domain, candidates). The plan's hash covers the candidates, not what
// it became.
struct LateName {
  std::string attribute;                // "sAMAccountName"
  std::string domain;                   // "account_name"
  std::vector<std::string> candidates;  // Expanded, in order.
  std::string expected;                 // The first one that is free as far as is known now; not hashed.
};

// Why a rule gives something to somebody: re-evaluates to the same answer.
struct SupportReason {
  std::string rule;
  Position position;
  std::string role;                           // Through which role; empty: none.
  absl::CivilDay on;                          // The day on which it holds, or held last.
  std::string contract_id;                    // Empty: the rule speaks of the person only.
  std::string contract;                       // For people: "placement H4D", "class group h4.bio2"
  std::optional<absl::CivilDay> from, until;  // The contract's window; none: open.
  std::vector<ClauseResult> clauses;
  std::vector<RecordKey> records;  // Raw records of the contract and of the person.
};

struct Reason {
  // What caused it: "rules", "correlation", "succession" (it was held through another entitlement), "data" (a value
  // changed), "drift" (somebody changed it by hand), "returned", "ended", "period over", "unused".
  std::string origin;
  std::string summary;                  // One line: "placement H4D from 24 Nov"; "placement ended 23 Nov".
  std::vector<SupportReason> supports;  // For what is given; for what ends, those that ended last.
};

enum class OperationStatus {
  kReady,
  kBlocked,   // By a threshold: see `block`.
  kWaiting,   // For an operation that is blocked, or for one under way.
  kObserving  // The target, or the target for this person, is not activated.
};

struct PlannedOperation {
  std::string id;  // UUIDv8 of (system, whom, entitlement, generation, kind, payload)
  OperationKind kind = OperationKind::kUpdate;
  std::string system;
  std::string person_id;    // Empty for resources.
  std::string entitlement;  // As in Grant; of a resource "class group:<key>".
  int64_t generation = 0;
  std::string object_class;              // "account", "group"
  std::string label;                     // For people: "account", "group les-h4.bio2", "sn, displayName"
  std::string object_id;                 // Account's or resource's; empty: from the CREATE it depends on.
  std::string permission_id;             // kGrant, kRevoke; empty: from the CREATE_RESOURCE it depends on.
  std::vector<AttributeChange> changes;  // kCreate, kUpdate, kRetire, kCreateResource; of kAdopt what was found.
  std::vector<LateName> names;           // kCreate, kCreateResource
  std::vector<std::string> secrets;      // Attributes that get a generated secret: "initial_password"
  std::vector<std::pair<std::string, Value>> correlate;  // kCreate: what an existing account would match.
  std::vector<std::string> depends_on;                   // Ids of operations of this plan that must have succeeded.
  Reason reason;
  OperationStatus status = OperationStatus::kReady;
  std::string block;  // Id of the block that it waits for.
};

// A kind of operations of one system that reached its limit (or a permission that would lose half of what it held).
struct Block {
  std::string id;  // UuidOf(system, kind, detail): the same group, the same id on all days.
  std::string system;
  std::string kind;              // "retire"; "revoke" with a detail for the half rule:
  std::string detail;            // "group docenten", "class group" (all instances of that resource); of "unread" the
                                 // source.
  std::vector<std::string> ids;  // Operations that wait, sorted.
  std::string verdict;           // "retire 24 of 20, 2.4 % of 3 %"
  bool is_approved = false;      // All of its operations are covered: they are ready.
};

// A threshold that held, or not: printed every time.
struct ThresholdVerdict {
  std::string system, kind;
  int64_t count = 0, held = 0;  // Operations of the kind; what is held of it.
  int64_t observing = 0;        // Of these operations those that only show what an activation would do: none counts.
  std::optional<int64_t> count_limit, percent_limit;
  bool is_reached = false;
};

struct HeldBack {
  std::string person_id, system, reason;       // System empty: everywhere. Person empty: it is about resources,
  std::vector<std::string> entitlements = {};  // these: "class group:<key>".
};

struct Plan {
  std::string hash;  // SHA-256 over the ids of its operations, in order; its first digits name it.
  int64_t snapshot = 0, state_sequence = 0;
  std::string configuration;
  absl::CivilDay as_of;
  std::vector<PlannedOperation> operations;  // By system, then person id, kind, entitlement; resources first.
  std::vector<Block> blocks;
  std::vector<ThresholdVerdict> thresholds;
  std::vector<HeldBack> held_back;
  std::vector<std::string> warnings;
  // What nothing is planned of, a target "ad" or an entitlement "ad/group:docenten", and the warning that says why. For
  // explanations of this plan; not stored.
  std::map<std::string, std::string> hindered;
  // For the engine to remember: permissions found by their label ("ad/group:docenten" -> object id), held resources
  // that nobody needs on the day and that have no date yet ("ad/class group:<key>"), and those that have one and are
  // needed again.
  std::map<std::string, std::string> resolved_permissions;
  std::vector<std::string> unused_resources;
  std::vector<std::string> reused_resources;
  // Grants that the target contradicts and that have no date yet, and those that have one and that it does not
  // contradict any more: "ad/<person id>/access".
  std::vector<std::string> drifted, settled;
  // By operation that takes something away: what must be read first (unread.h). For the thresholds; not kept.
  std::map<std::string, UnreadParts> unread;
};

// The origin of what undoes a change by hand: such an operation is decided, or the configuration says that it is done.
inline constexpr char kDrift[] = "drift";

// The kind of the block of what is taken away while its source is not read whole.
inline constexpr char kUnread[] = "unread";

nlohmann::json ToJson(const Plan& plan);
absl::StatusOr<Plan> PlanFromJson(const nlohmann::json& json);
nlohmann::json ToJson(const PlannedOperation& operation);
absl::StatusOr<PlannedOperation> PlannedOperationFromJson(const nlohmann::json& json);

}  // namespace sluice::core

#endif  // SLUICE_HOST_CORE_PLAN_H_
