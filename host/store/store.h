// The state: everything that the host must not lose, behind one interface.
//
// One Commit is one transaction: all of it is written, audit rows included, or nothing. Thread-safe. Reads see
// committed states only. Implementations: sqlite/. A store is opened by one host at a time; a second one is refused by
// name.
#ifndef SLUICE_HOST_STORE_STORE_H_
#define SLUICE_HOST_STORE_STORE_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "host/audit/entry.h"
#include "host/audit/row.h"
#include "host/core/plan.h"
#include "host/core/raw_records.h"
#include "host/core/reading.h"
#include "host/core/snapshot.h"
#include "host/core/state.h"

namespace sluice::store {

// One execution of anything scheduled or asked for.
struct Run {
  std::string id;     // UUID
  std::string kind;   // "import", "observe", "enforce", "verify"
  std::string state;  // "running", "succeeded", "failed", "blocked", "stopped", "interrupted"
  std::string actor;
  std::string system;  // Empty: all.
  std::string plan;    // Of an enforcement.
  absl::Time started;
  std::optional<absl::Time> ended;
  std::string summary;    // One line for people, without personal data.
  nlohmann::json counts;  // By what it counts.
};

// An operation that was written ahead, and what became of it.
struct Operation {
  enum class State { kWritten, kSent, kDone, kFailed, kPending, kInDoubt, kSuperseded };
  core::PlannedOperation planned;
  std::string plan;  // Hash.
  std::string run_id;
  State state = State::kWritten;
  int attempt = 0;
  std::string host;                            // Who claimed it,
  int64_t fence = 0;                           // with which lease,
  absl::Time lease_until;                      // until when.
  std::string outcome;                         // "applied", "no_change", "failed", ... once there is one.
  std::string error_reason;                    // "ALREADY_EXISTS"
  std::string error;                           // One line for people.
  std::optional<absl::Time> retry_at;          // kFailed: not before; none: not by itself.
  std::map<std::string, std::string> names;    // Late names: attribute -> what it became.
  std::map<std::string, std::string> secrets;  // Attribute -> id of the sealed value.
  // kPending: what the target said of it, to be asked with.
  std::string object_id, private_state;
  absl::Time written, ended;
};

struct SealedSecret {
  std::string id;
  std::string person_id, system, attribute;
  std::string sealed;  // Encrypted with a key outside of the store.
  std::string operation_id;
  absl::Time made;
  bool is_confirmed = false;  // The target took it.
  std::optional<absl::Time> handed_out;
};

struct BlockRecord {
  std::string id, system, kind, detail, verdict;
  std::vector<std::string> ids;  // Operations, or persons of a source, that wait.
  std::string state;             // "waiting", "approved", "rejected", "lapsed", "gone"
  absl::Time since;
  std::string decided_by, reason;
  std::optional<absl::Time> decided;
};

// A candidate that a source threshold stops is kept, to be looked at and approved; at most one a system.
struct ImportResult {
  std::string system, run_id;
  absl::CivilDay as_of;
  core::RawSet raw;  // The whole new set; the store keeps what differs from the one before.
  std::vector<core::ClassState> states;
  bool is_candidate = false;  // Waits: the active set stays.
  // All of it was read and is as it was (VisitRawRecords): `raw` stays empty, only the day is written.
  bool is_confirmation = false;
};

// A raw record without what it says.
struct RawFacts {
  core::RawKey key;
  std::string hash;                         // As in core::RawRecord.
  std::optional<absl::CivilDay> last_seen;  // Set: gone since.
  bool is_confirmed_with_class = false;     // On the day of its class's last complete reading.
};

struct ConfigurationRecord {
  std::string hash;
  std::map<std::string, std::string> files;
  absl::Time applied;
  std::string actor;
};

// Everything that one transaction writes. What is empty is left alone.
struct Commit {
  std::optional<Run> run;  // Inserted or replaced.
  std::vector<ImportResult> imports;
  std::optional<core::Snapshot> snapshot;          // Becomes the active one; gets the next sequence number.
  std::string snapshot_cause;                      // "import", "configuration", "decision"
  std::map<std::string, core::Observed> observed;  // By target: replaces what was observed.
  std::map<std::string, core::TargetSchema> schemas;
  std::vector<core::Grant> grants;                // Upserted by (person, system, entitlement).
  std::vector<core::ResourceInstance> resources;  // Upserted by (system, resource, key).
  std::vector<core::NameEntry> names_reserved;    // ALREADY_EXISTS when another holder has one of them.
  std::vector<core::NameEntry> names_released;
  std::map<std::string, std::string> permissions;
  std::vector<Operation> operations;  // Upserted by id. One whose stored fence is higher: ABORTED, nothing is written.
  std::optional<core::Plan> plan;     // Kept by hash.
  std::vector<BlockRecord> blocks;    // Upserted by id.
  std::vector<core::Approval> approvals;                             // Replaced by block id.
  std::vector<std::string> approvals_lapsed;                         // Block ids.
  std::vector<core::Exclusion> exclusions;                           // Upserted by person.
  std::vector<std::string> included;                                 // Persons excluded no longer.
  std::map<std::pair<std::string, std::string>, std::string> links;  // (person, system) -> account.
  std::map<std::string, std::pair<core::Activation::State, std::vector<std::string>>>
      activations;                    // System -> state and the
                                      // decisions that made it kPartly: "person:<id>" and "when:<YAML>" texts.
  std::vector<SealedSecret> secrets;  // Upserted by id.
  std::vector<std::string> secrets_dropped;
  std::optional<ConfigurationRecord> configuration;  // Becomes the running one.
  std::optional<absl::CivilDay> as_of;               // The last day that was accepted.
  std::vector<audit::Entry> audit;
};

using AuditRow = audit::Row;
using Seal = audit::Seal;

class Store {
 public:
  virtual ~Store() = default;

  // RESOURCE_EXHAUSTED / UNAVAILABLE when the disk does not take it: nothing was written, the same Commit may be tried
  // again.
  virtual absl::Status Write(const Commit& commit) = 0;

  // The active raw records of a source; of its waiting candidate when `candidate` (NOT_FOUND: none).
  virtual absl::StatusOr<core::RawSet> LoadRawSet(const std::string& system, bool candidate = false) = 0;
  // What LoadRawSet gives, in the same order, one by one until `visit` says false.
  virtual absl::Status VisitRawRecords(const std::string& system, absl::FunctionRef<bool(const RawFacts&)> visit) = 0;
  // The waiting candidate as it was written: its day and states with the whole set. NOT_FOUND: none waits.
  virtual absl::StatusOr<ImportResult> LoadCandidate(const std::string& system) = 0;
  virtual absl::StatusOr<std::vector<core::ClassState>> LoadClassStates(const std::string& system) = 0;
  // When each class of each scope of each source was last read whole.
  virtual absl::StatusOr<core::Readings> LoadReadings() = 0;
  virtual absl::StatusOr<std::shared_ptr<const core::Snapshot>>
  LoadSnapshot() = 0;  // Active; sequence 0 and empty when there is none.
  // Activations carry their "when" texts in `activation_texts`: the caller parses them into State.activations.
  virtual absl::StatusOr<core::State> LoadState(std::map<std::string, std::vector<std::string>>* activation_texts) = 0;
  // State.sequence alone: whether LoadState would give something else than it gave before.
  virtual absl::StatusOr<int64_t> LoadStateSequence() = 0;
  virtual absl::StatusOr<std::optional<ConfigurationRecord>> LoadConfiguration() = 0;
  virtual absl::StatusOr<std::optional<absl::CivilDay>> LoadAsOf() = 0;
  virtual absl::StatusOr<core::Plan> LoadPlan(
      const std::string& hash_prefix) = 0;                                  // NOT_FOUND; INVALID_ARGUMENT: ambiguous.
  virtual absl::StatusOr<std::vector<Operation>> LoadOpenOperations() = 0;  // kWritten, kSent, kPending, kInDoubt.
  virtual absl::StatusOr<std::vector<Operation>> LoadOperations(const std::string& run_id) = 0;
  virtual absl::StatusOr<std::vector<Operation>> LoadOperationsOf(const std::string& person_id) = 0;
  virtual absl::StatusOr<std::optional<Operation>> LoadOperation(const std::string& id_prefix) = 0;
  // How often each of those that are stored was sent, by whole id.
  virtual absl::StatusOr<std::map<std::string, int>> LoadAttempts(const std::vector<std::string>& ids) = 0;
  virtual absl::StatusOr<std::vector<Run>> LoadRuns(int limit) = 0;   // Newest first.
  virtual absl::StatusOr<std::vector<BlockRecord>> LoadBlocks() = 0;  // Not "gone"; newest first.
  virtual absl::StatusOr<std::vector<SealedSecret>> LoadSecrets(
      const std::string& person_id) = 0;  // Empty id: all that are not handed out.
  virtual absl::StatusOr<std::optional<SealedSecret>> LoadSecret(const std::string& id) = 0;

  virtual absl::StatusOr<std::vector<AuditRow>> LoadAudit(int64_t from, int limit) = 0;
  virtual absl::StatusOr<std::vector<Seal>> LoadSeals() = 0;
  virtual absl::Status WriteSeal(const Seal& seal) = 0;
  // The next lease number of this host's claim: higher than every one given before.
  virtual absl::StatusOr<int64_t> NextFence() = 0;
};

}  // namespace sluice::store

#endif  // SLUICE_HOST_STORE_STORE_H_
