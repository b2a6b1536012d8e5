// The second half of an evaluation, for one target: what the population wants against what is held and observed gives
// operations.
//
// Internal to core: used by MakePlan and Correlate. Persons are taken in the order of their ids, so that the order of
// the input makes no difference. It takes no decision about limits: thresholds.h does.
#ifndef SLUICE_HOST_CORE_TARGET_PLANNER_H_
#define SLUICE_HOST_CORE_TARGET_PLANNER_H_

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "host/core/account_mapping.h"
#include "host/core/correlation.h"
#include "host/core/evaluation.h"
#include "host/core/planner.h"
#include "host/core/reasons.h"
#include "host/core/unread.h"

namespace sluice::core {

// One person as the first half left it.
struct PersonFacts {
  const Person* person = nullptr;
  std::vector<EntitlementIntervals> entitlements;
  bool is_excluded = false;  // Computed, not planned.
};

// Everybody, by person id, and every grant of everybody.
struct Population {
  std::vector<PersonFacts> persons;
  std::map<std::pair<std::string, std::string>, std::vector<const Grant*>> grants;  // Person, system.
};
Population EvaluatePopulation(const PlanInput& input, const Evaluator& evaluator);

class TargetPlanner {
 public:
  TargetPlanner(const PlanInput& input, const Population& population, const SystemSpec& system,
                const TargetSchema& schema, const Observed& observed);

  // Appends operations, held back people, warnings and what the engine must remember; statuses are ready, waiting or
  // observing.
  void Run(Plan& plan);
  CorrelationReport Report();

 private:
  // One person in this target.
  struct Case {
    const PersonFacts* facts = nullptr;
    const Grant* account = nullptr;
    const Grant* access = nullptr;
    std::map<std::string, const Grant*> permissions;  // By entitlement.
    const EntitlementIntervals* account_intervals = nullptr;
    const EntitlementIntervals* access_intervals = nullptr;
    std::map<std::string, const EntitlementIntervals*> permission_intervals;
    const SupportedInterval* account_today = nullptr;
    const SupportedInterval* access_today = nullptr;
    bool is_frozen = false;  // Excluded or held back: nothing is planned.
    bool is_open = false;    // An operation is under way: only grants, which wait.
    bool is_activated = false;
    std::vector<bool> in_window;  // Contracts in scope of the rules that give the account.
    int contract = -1;            // The one that the account speaks of.
    AccountValues values;         // When the account is wanted.
    std::string key;
    Match match;
    std::set<std::string> new_keys;  // Correlation keys that the account has not and would be given.
    std::string key_problem;         // Why it is not given them.
    std::string key_operation;       // Id of the operation that gives them.
    std::string problem;             // Why nothing new is planned in this target.
    bool has_account = false;        // Held and staying, or about to be.
    std::string account_id;          // Empty: not known yet.
    std::string root;                // Id of the operation that gives the account; empty: it is there.
    const Record* seen = nullptr;    // A held account as it was read after the last operation on it.
    bool is_missing = false;         // Held, and not there when it was read after that,
    bool is_unseen = false;          // nor can anybody look where it stood.
    bool has_drifted_account = false, has_drifted_access = false;
    std::set<std::string> drifted_permissions;  // Entitlements.

    const Person& person() const { return *facts->person; }
    GrantState account_state() const { return account == nullptr ? GrantState::kAbsent : account->state; }
    bool wants_account() const { return account_today != nullptr && account_today->verdict == Verdict::kTrue; }
    bool may_want_account() const { return account_today != nullptr; }
    bool wants_access() const { return access_today != nullptr && access_today->verdict == Verdict::kTrue; }
    Verdict PermissionVerdict(const std::string& entitlement, absl::CivilDay day) const;
    // A rule gives a resource of this kind of which it cannot be said which one.
    bool MayHoldAny(const std::string& resource, absl::CivilDay day) const;
  };

  // One instance of a resource that somebody needs or that is held.
  struct Instance {
    std::string resource, key, label;
    const ResourceSpec* spec = nullptr;  // Null: no longer configured.
    const ResourceInstance* held = nullptr;
    const Case* first = nullptr;  // Who asks first, and for what.
    const SupportedInterval* interval = nullptr;
    int64_t needed_by = 0;
    bool is_used = false, is_activated = false, is_open = false, is_held_back = false;
    bool is_supported = false;              // A rule gives it to somebody today, or may do so.
    const Instance* predecessor = nullptr;  // Whose object it takes over: held, of the same name, needed by nobody.
    bool has_successor = false;
    std::string contested_object;  // Of the held one of the same name that is still needed.
    std::string gone_object;       // That it had, and that somebody deleted in the target.
    std::string object_id;         // Held or adopted.
    std::string create_id;         // Of the operation that gives it; empty: it is there.
    Fields fields;
    std::string entitlement() const { return absl::StrCat(resource, ":", key); }
  };

  // target_planner.cc
  void BuildCases();
  void FillCase(const PersonFacts& facts, Case& c);
  bool IsActivated(const Case& c) const;
  void ComputeAccount(Case& c);
  void Correlate();
  void FindSharedNames();
  std::string NameProblem(const Case& c, const std::string& attribute, const Value& value) const;
  bool IsTaken(const std::string& domain, const std::string& name, const std::string& holder,
               const std::string& own_object) const;
  std::string NumberOf(const std::string& person_id) const;  // What people know a person by.
  void HoldBack(Case& c, std::string reason);
  void HoldBackResources(const std::vector<const Instance*>& instances, std::string reason);
  PlannedOperation NewOperation(OperationKind kind, const Case& c, const std::string& entitlement, const Grant* grant);
  std::string Add(PlannedOperation operation, bool is_activated, bool waits);
  UnreadParts UnreadBefore(const PlannedOperation& operation) const;
  void WarnUnknown();
  void WarnMissingAttributes();

  // drift_planner.cc
  bool IsReadSince(const Grant& grant) const;
  void LookAtTarget();
  bool CanBeSeen(const std::string& place) const;
  std::string GonePart(const Value& wanted) const;
  void ExplainDrift(Reason& reason, const Grant& grant, absl::string_view what) const;
  void PlanChangedByHand(Case& c, const std::vector<AttributeChange>& planned);
  bool PlanDisabledByHand(Case& c);
  void PlanEnabledByHand(Case& c);
  bool TakeOverAsFound(Case& c, std::vector<AttributeChange>& changes);
  void FindGoneResources();
  void PlanGoneResource(Instance& instance, PlannedOperation& operation);
  enum class Membership { kAsHeld, kTakenAway, kLostWithItsObject };
  Membership SeenMembership(const Case& c, const Grant& grant, const std::string& object_class,
                            const std::string& permission_id) const;
  void WarnOtherNames();
  void NoteDrift();
  void WarnDrift();

  // key_planner.cc
  void FindWrittenKeys();
  void SettleKeys();
  Value Written(const Case& c, const std::string& attribute) const;
  std::vector<std::pair<std::string, Value>> KeyValues(const Case& c, bool is_after) const;
  void FindNewKeys(Case& c) const;
  std::set<std::string> AccountsWith(const std::string& key) const;
  bool GivesUp(const Case& c, const std::string& key) const;
  std::string KeyProblem(const Case& c) const;
  void OrderKeys();
  void WarnWithoutKey();

  // account_ladder.cc
  void PlanAccount(Case& c);
  void PlanNew(Case& c);
  void PlanCreate(Case& c);
  void PlanAdopt(Case& c);
  void PlanHeld(Case& c);
  void PlanReturn(Case& c);
  void PlanRetire(Case& c);
  void PlanDelete(Case& c);
  void PlanAccess(Case& c);
  // `by_hand`: what somebody did that it undoes; empty: the person's data changed.
  void PlanUpdate(Case& c, std::vector<AttributeChange> changes, const std::string& depends_on,
                  const std::string& by_hand = "");
  void LeaveOutGonePlace(std::vector<AttributeChange>& changes, const std::string& whose);
  std::vector<AttributeChange> Differences(const Case& c, const Fields& known, const Record* observed) const;
  void LeaveWhatIsDoubtful(const Case& c, std::vector<AttributeChange>& changes) const;
  bool SettleNames(const Case& c, std::vector<LateName>& names, std::string& problem);

  // permission_planner.cc
  void PlanResources();
  void CollectInstances();
  void CollectNeeds(const Case& c);
  void NameInstances();
  bool NameInstance(Instance& instance);
  void SettleOneName(const std::vector<Instance*>& instances);
  std::string NeederText(const Instance& instance) const;
  PlannedOperation NewResourceOperation(OperationKind kind, const Instance& instance) const;
  void PlanInstance(Instance& instance);
  void TakeOver(Instance& instance);
  void PlanUnused(Instance& instance);
  bool AdoptInstance(Instance& instance, const std::string& label_attribute);
  std::string InstanceProblem(const Instance& instance, const std::string& own_object) const;
  void ResolvePermissions();
  void PlanPermissions(Case& c);
  std::string ObjectOf(const EntitlementIntervals& wanted) const;
  const Grant* HeldThroughAnother(const Case& c, const std::string& entitlement, const std::string& object) const;
  bool IsWantedThroughAnother(const Case& c, const Grant& grant) const;
  void PlanGrant(Case& c, const EntitlementIntervals& wanted, const SupportedInterval& today);
  void PlanRevoke(Case& c, const Grant& grant);
  std::string PermissionLabel(const EntitlementIntervals& wanted) const;

  const PlanInput& input_;
  const Population& population_;
  const SystemSpec& system_;
  const TargetSchema& schema_;
  const Observed& observed_;
  const ObservedIndex index_;
  const AccountMapping mapping_;
  const Reasons reasons_;
  const Unread unread_;
  Plan* plan_ = nullptr;
  std::vector<Case> cases_;
  HeldAccounts held_;
  std::map<std::string, std::set<std::string>> wanted_keys_;                     // Correlation key -> persons.
  std::map<std::string, const Case*> by_account_;                                // Account id -> who holds it.
  std::map<std::pair<std::string, std::string>, std::set<std::string>> wanted_;  // Domain, name -> persons.
  std::map<std::pair<std::string, std::string>, std::string> given_;             // Domain, name -> holder (state's).
  std::map<std::pair<std::string, std::string>, std::string> reserved_;          // The same, in this plan.
  std::map<std::string, Instance> instances_;                                    // By entitlement.
  std::map<std::string, std::string> permission_ids_;                            // By entitlement.
  int64_t without_account_ = 0;
  std::set<std::string> containers_;                                // Places that are there,
  std::map<std::string, int64_t> inhabited_;                        // in which something is seen,
  std::set<std::string> known_places_;                              // or in or above which held accounts stood;
  std::map<std::string, int64_t> missing_from_;                     // how many are missing from each,
  std::map<std::string, std::map<std::string, int64_t>> moved_;     // and where those went that were moved.
  std::map<std::string, std::map<std::string, int64_t>> unplaced_;  // Gone place -> what is not put there.
  std::vector<std::string> left_disabled_, left_enabled_, left_changed_, left_removed_;
};

// A value of an attribute; not visible when it has none.
const Value& ValueIn(const Fields& fields, const std::string& attribute);
// The attribute that people call an object of a class by.
std::string LabelAttribute(const TargetSchema& schema, const std::string& object_class);

// The flag of an observed account that says whether it may be used.
inline constexpr absl::string_view kEnabledAttribute = "enabled";

}  // namespace sluice::core

#endif  // SLUICE_HOST_CORE_TARGET_PLANNER_H_
