// Operation and Result: one change that the host wants in a target, and what became of it. Plain values.
#ifndef SLUICE_CONNECTOR_OPERATION_H_
#define SLUICE_CONNECTOR_OPERATION_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "sluice/connector/description.h"
#include "sluice/connector/error.h"
#include "sluice/connector/secret.h"
#include "sluice/connector/system.h"
#include "sluice/connector/text.h"
#include "sluice/connector/value.h"

namespace sluice::connector {

// A change of one attribute. Secrets (a password) come as a kReplace whose value is a Secret.
struct Delta {
  enum class Kind { kReplace, kAdd, kRemove, kClear };
  std::string attribute;
  Kind kind = Kind::kReplace;
  Value value;  // With kReplace.
  List values;  // With kAdd and kRemove.
  friend bool operator==(const Delta&, const Delta&) = default;
};

// An attribute that must have this value.
struct Match {
  std::string attribute;
  Value value;
  friend bool operator==(const Match&, const Match&) = default;
};

// What GRANT gives and REVOKE takes away.
struct Permission {
  std::string relation_class;
  std::string object_id;  // The group, the licence.
  std::map<std::string, Value> parameters;
  friend bool operator==(const Permission&, const Permission&) = default;
};

struct Operation {
  std::string id;  // The idempotency key.
  uint32_t attempt = 0;
  Action action = Action::kRead;
  std::string object_class;
  std::string object_id;    // Empty for CREATE. Precondition and private state below are this object's.
  std::string object_name;  // Last known; a hint.
  std::vector<Delta> deltas;
  std::vector<Delta> full_state;  // With Writing::full_state.
  std::vector<Match> correlate;   // CREATE: look for these first; one hit is NO_CHANGE with its id, more are AMBIGUOUS.
  std::optional<Permission> permission;
  std::string precondition;
  std::string private_state;
  // From the connector's first request for it; a batch may wait for a flush.
  absl::Duration timeout = absl::InfiniteDuration();
  absl::Time deadline = absl::InfiniteFuture();  // For Apply and ApplyBatch: when it is in doubt, by that timeout.
  Cancellation cancellation;

  // The delta of an attribute, or null.
  const Delta* Find(AnyText attribute) const {
    for (const Delta& delta : deltas) {
      if (delta.attribute == attribute.view()) return &delta;
    }
    return nullptr;
  }
};

// Before and after of one attribute, side effects in the target included.
struct Change {
  std::string attribute;
  Value before;
  Value after;
  Reference object = {};  // Another object that changed along with it; empty: the operation's own.
  friend bool operator==(const Change&, const Change&) = default;
};

enum class Outcome {
  kApplied = 1,
  kNoChange = 2,       // Already so.
  kFailed = 3,         // Nothing was written.
  kPartlyApplied = 4,  // `changes` says what was.
  kPending = 5,        // The target, or a person there, is still at it.
  kInDoubt = 6,        // The target may or may not have written.
};

// With PENDING: what the target, or a person there, is still at. Verify says how it ends.
struct Pending {
  std::string waiting_for;                  // One line for an operator: "the invitation to be accepted".
  std::optional<absl::Duration> ask_after;  // Verify is of no use before.
  std::optional<absl::Time> expires;        // When the target gives up by itself.
};

struct Result {
  static Result Applied(AnyText object_id) { return Of(Outcome::kApplied, object_id); }
  static Result NoChange(AnyText object_id) { return Of(Outcome::kNoChange, object_id); }
  static Result Failed(Error error) { return Of(Outcome::kFailed, std::move(error)); }
  static Result Failed(const absl::Status& status) { return Of(Outcome::kFailed, Error::From(status)); }
  static Result PartlyApplied(Error error) { return Of(Outcome::kPartlyApplied, std::move(error)); }
  static Result Pending(AnyText object_id, connector::Pending pending = {}) {
    Result result = Of(Outcome::kPending, object_id);
    result.pending = std::move(pending);
    return result;
  }
  // The answer was lost after the request left; the host verifies by reading.
  static Result InDoubt(Error error) { return Of(Outcome::kInDoubt, std::move(error)); }

  Result& Changed(AnyText attribute, Value before, Value after) {
    changes.push_back(Change{attribute.str(), std::move(before), std::move(after), {}});
    return *this;
  }
  // What else changed in the target along with it.
  Result& AlsoChanged(Reference object, AnyText attribute, Value before, Value after) {
    changes.push_back(Change{attribute.str(), std::move(before), std::move(after), std::move(object)});
    return *this;
  }
  Result& Named(AnyText name) {
    object_name = name.str();
    return *this;
  }

  std::string operation;  // Filled in by the runtime where Apply returns it; a session's sink needs it.
  Outcome outcome = Outcome::kInDoubt;
  std::optional<Error> error;
  std::string object_id;  // May differ from the operation's: the host replaces it.
  bool provisional_id = false;
  std::string object_name;
  std::vector<Change> changes;
  std::string precondition;
  std::string private_state;
  std::optional<connector::Pending> pending;  // With PENDING.
  std::map<std::string, Secret> secrets;      // What the target made: a one-time pass, a generated password.

 private:
  static Result Of(Outcome outcome, AnyText object_id) {
    Result result;
    result.outcome = outcome;
    result.object_id = object_id.str();
    return result;
  }
  static Result Of(Outcome outcome, Error error) {
    Result result;
    result.outcome = outcome;
    result.error = std::move(error);
    return result;
  }
};

}  // namespace sluice::connector

#endif  // SLUICE_CONNECTOR_OPERATION_H_
