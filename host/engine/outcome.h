// What an outcome means for the state: which grants, resources and names change, and the audit row that says so.
//
// Pure but for what it is given; used by OperationLedger on its strand.
#ifndef SLUICE_HOST_ENGINE_OUTCOME_H_
#define SLUICE_HOST_ENGINE_OUTCOME_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "host/core/plan.h"
#include "host/core/state.h"
#include "host/engine/connector.h"
#include "host/store/store.h"

namespace sluice::engine {

// The grants and resources of one system while an enforcement runs: starts as the state says and follows every outcome.
class SystemState {
 public:
  SystemState(const core::State& state, const std::string& system);

  const std::string& system() const { return system_; }
  const core::TargetSchema& schema() const { return schema_; }
  const std::string& account_class() const { return account_class_; }
  void set_account_class(const std::string& name) { account_class_ = name; }
  core::Grant* FindGrant(const std::string& person_id, const std::string& entitlement);
  core::Grant& GrantOf(const core::PlannedOperation& operation, const std::string& entitlement,
                       core::EntitlementKind kind);
  // Who else holds an account; empty: nobody does.
  std::string OtherHolder(const std::string& account_id, const std::string& person_id) const;
  core::ResourceInstance* FindResource(const std::string& entitlement);
  core::ResourceInstance& ResourceOf(const core::PlannedOperation& operation);
  // What else is held of an object: other grants of one kind ("class group:") of a person, other instances.
  std::vector<core::Grant*> OtherGrants(const core::Grant& grant);
  std::vector<core::ResourceInstance*> OtherInstances(const core::ResourceInstance& instance);
  // The names of one instance of a resource ("resource:class group:<key>") go over to another; gives what changed.
  std::vector<core::NameEntry> MoveNames(const std::string& from, const std::string& to);

  // The account, or the permission's object, that an operation speaks of; empty when it is not there.
  std::string AccountId(const core::PlannedOperation& operation);
  std::string PermissionId(const core::PlannedOperation& operation);

 private:
  std::string system_;
  std::string account_class_ = "account";
  core::TargetSchema schema_;
  std::map<std::pair<std::string, std::string>, core::Grant> grants_;  // By person and entitlement.
  std::map<std::string, core::ResourceInstance> resources_;            // By entitlement: "class group:<key>".
  std::vector<core::NameEntry> names_;                                 // Of resources.
};

// What is sent for a planned operation. `stored.names` has what late names became; `secrets` the values of the
// generated ones. FAILED_PRECONDITION when what it depends on is not there.
absl::StatusOr<TargetOperation> ToTargetOperation(const store::Operation& stored, SystemState& state,
                                                  const std::map<std::string, std::string>& secrets);

// Writes a success (kApplied or kNoChange) into `state` and `commit`.
void RecordSuccess(const store::Operation& stored, const TargetResult& result, absl::CivilDay as_of, SystemState& state,
                   store::Commit& commit);

// The audit row of any outcome; `changes` of the result, or else the planned ones.
audit::Entry AuditOutcome(const store::Operation& stored, const TargetResult& result, absl::string_view outcome);

Action ActionOf(core::OperationKind kind);
absl::string_view OutcomeName(Outcome outcome);  // "no_change"

}  // namespace sluice::engine

#endif  // SLUICE_HOST_ENGINE_OUTCOME_H_
