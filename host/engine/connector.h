// The engine's one view of a connector: a configured system that can be read and, if it is a target, written.
//
// Implemented by host/plugin over gRPC, and by fakes in tests. Everything is asynchronous: no call blocks, every
// callback comes exactly once (sinks: any number of times before their end) on a thread of the implementation, never
// under a lock of the caller and never from inside the call that started it. A Connector outlives its calls; destroying
// it cancels them and waits for no plugin.
#ifndef SLUICE_HOST_ENGINE_CONNECTOR_H_
#define SLUICE_HOST_ENGINE_CONNECTOR_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "host/core/record.h"
#include "host/core/value.h"

namespace sluice::engine {

// The closed list of the contract (error.proto); what the host does for each is in enforcer.h and breaker.h.
enum class Reason {
  kUnspecified,
  kThrottled,
  kTransient,
  kUnavailable,
  kAuth,
  kForbidden,
  kProtected,
  kInvalid,
  kPasswordPolicy,
  kConflict,
  kNotFound,
  kAlreadyExists,
  kAmbiguous,
  kQuota,
  kCursorExpired,
  kUnsupported,
  kCancelled,
  kBug
};
absl::string_view ReasonName(Reason reason);  // "ALREADY_EXISTS"

struct Taken {
  std::string attribute;
  core::Value value;
  core::Reference holder;
  std::string holder_name;
};

struct Failure {
  Reason reason = Reason::kUnspecified;
  std::string message;        // Summaries of the diagnostics, joined; for an operator.
  std::string target_status;  // "LDAP 68 00002071"
  absl::Duration retry_after = absl::ZeroDuration();
  std::vector<Taken> taken;                 // With kAlreadyExists.
  std::vector<core::Reference> candidates;  // With kAmbiguous.
};

// A failed call as a status: the message names the system; the code follows the contract's table; the payload is the
// Failure.
absl::Status FailureToStatus(const Failure& failure);
Failure FailureFromStatus(const absl::Status& status);  // kUnavailable for UNAVAILABLE, ... when there is no payload.

enum class Action { kRead, kCreate, kUpdate, kEnable, kDisable, kDelete, kRestore, kGrant, kRevoke, kSetCredential };

struct Delta {
  enum class Change { kReplace, kAdd, kRemove, kClear };
  std::string attribute;
  Change change = Change::kReplace;
  core::Value value;  // A list for kAdd and kRemove. A secret is kText here, and is_secret says so.
  bool is_secret = false;
};

struct Match {
  std::string attribute;
  core::Value value;
};

// What is sent to a target. Field for field the contract's Operation.
struct TargetOperation {
  std::string id;
  uint32_t attempt = 1;
  Action action = Action::kUpdate;
  std::string object_class;
  std::string object_id;
  std::string object_name;
  std::vector<Delta> deltas;
  std::vector<Match> correlate;
  std::string relation_class;  // GRANT and REVOKE.
  std::string permission_id;
  std::string precondition;
  std::string private_state;
  absl::Duration timeout = absl::Minutes(2);
};

struct Change {
  std::string attribute;
  core::Value before;
  core::Value after;
};

enum class Outcome { kInDoubt, kApplied, kNoChange, kFailed, kPartlyApplied, kPending };

struct TargetResult {
  std::string operation_id;
  Outcome outcome = Outcome::kInDoubt;
  Failure failure;        // With kFailed, kPartlyApplied, kInDoubt.
  std::string object_id;  // Replaces the stored one when not empty.
  bool provisional_id = false;
  std::string object_name;
  std::vector<Change> changes;
  std::string precondition;
  std::string private_state;
  std::string waiting_for;  // With kPending: one line for an operator.
};

struct Verdict {
  enum class State { kUnknown, kDone, kNotDone, kTooEarly, kPending };
  std::string operation_id;
  State state = State::kUnknown;
  TargetResult result;  // With kDone; with kPending what is new.
  absl::Duration retry_after = absl::ZeroDuration();
  Failure failure;  // With kUnknown why; with kNotDone, when it has a reason: the target ended it so.
};

// What a class of objects is and can be told (contract: ObjectClass).
struct AttributeInfo {
  enum class Type { kText, kInteger, kNumber, kFlag, kData, kDate, kTime, kReference, kStruct, kSecret };
  std::string name;
  Type type = Type::kText;
  bool multi_valued = false, required = false, readable = true, creatable = false, updatable = false,
       case_insensitive = false, ordered = false, is_volatile = false;
  std::string unique_in;
  uint32_t max_length = 0;         // Characters; 0: no limit known.
  std::string allowed_characters;  // RE2 of the whole value; empty: all.
  std::string reference_class;
  enum class Privacy { kUnspecified, kPublic, kInternal, kSensitive, kSpecial } privacy = Privacy::kUnspecified;
};

struct ClassInfo {
  enum class Role { kOther, kPerson, kContract, kDepartment, kAccount, kPermission, kRelation };
  std::string name;
  Role role = Role::kOther;
  std::vector<AttributeInfo> attributes;
  std::vector<Action> actions;
  std::string owner_attribute;                                                   // kContract: names its person.
  std::string subject_class, subject_attribute, object_class, object_attribute;  // kRelation.
  bool grantable = false;
  std::string label_attribute;
  uint32_t password_min_length = 0, password_max_length = 0, password_min_kinds = 0;
  bool joins = false, creates_enabled = false, full_state = false;
  uint32_t max_in_flight = 0;  // 0: not limited.
};

struct SystemSchema {
  std::vector<ClassInfo> classes;
};

struct MissingRight {
  std::string object_class, right, remedy, scope, attribute;
};

struct TestReport {
  std::vector<std::string> errors, warnings;  // One line each.
  std::vector<MissingRight> missing_rights;
};

struct ReadClass {
  std::string object_class;
  std::vector<std::string> attributes;  // Only these are asked for.
};

struct ReadPlan {
  std::vector<ReadClass> classes;
  absl::CivilDay as_of;
};

struct Progress {
  std::string activity;
  uint64_t done = 0, expected = 0;
};

// Receives an import as it streams. Calls come one at a time, in order. Pause the plugin by not returning from
// OnRecords.
class ImportSink {
 public:
  virtual ~ImportSink() = default;
  virtual void OnRecords(std::vector<core::Record> records) = 0;
  virtual void OnWarning(const std::string& message) = 0;
  virtual void OnProgress(const Progress& progress) = 0;
  // Last. OK only when the stream had its end and the counts agree; then `scopes` and `states` are complete.
  virtual void OnEnd(absl::Status status, std::vector<std::pair<std::string, std::string>> scopes,
                     std::vector<core::ClassState> states) = 0;
};

// One open stream of operations. Thread-safe.
class ApplyStream {
 public:
  virtual ~ApplyStream() = default;
  virtual void Send(
      std::vector<TargetOperation> operations) = 0;  // Copies are not kept: secrets are wiped after sending.
  virtual void Flush() = 0;                          // Nothing more comes before what was sent is settled.
  virtual void Close() = 0;                          // No more operations; OnClosed follows when all are settled.
};

class ApplySink {
 public:
  virtual ~ApplySink() = default;
  virtual void OnResults(std::vector<TargetResult> results) = 0;
  // Last. When not OK, every operation without a result is in doubt.
  virtual void OnClosed(absl::Status status) = 0;
};

class Connector {
 public:
  virtual ~Connector() = default;

  // The system's name in the configuration: "ad".
  virtual const std::string& system() const = 0;

  virtual void Test(std::function<void(absl::StatusOr<TestReport>)> done) = 0;
  virtual void GetSchema(std::function<void(absl::StatusOr<SystemSchema>)> done) = 0;
  virtual void Import(const ReadPlan& plan, std::shared_ptr<ImportSink> sink) = 0;
  // A stream without data or progress for longer than the hang limit is cancelled; operations without a result are in
  // doubt.
  virtual std::unique_ptr<ApplyStream> Apply(const std::string& run_id, std::shared_ptr<ApplySink> sink) = 0;
  virtual void Verify(std::vector<TargetOperation> operations,
                      std::function<void(absl::StatusOr<std::vector<Verdict>>)> done) = 0;
  // Which of these values are in use in a domain of uniqueness, as far as the target tells; kUnsupported from a
  // connector that cannot tell.
  virtual void FindTaken(const std::string& unique_in, std::vector<core::Value> values,
                         std::function<void(absl::StatusOr<std::vector<Taken>>)> done) = 0;
  // Stops an import or a stream of this system that is under way, if any.
  virtual void Cancel() = 0;
};

// Finds the connector of a system of the running configuration; null when there is none.
class Connectors {
 public:
  virtual ~Connectors() = default;
  virtual Connector* Find(const std::string& system) = 0;
};

}  // namespace sluice::engine

#endif  // SLUICE_HOST_ENGINE_CONNECTOR_H_
