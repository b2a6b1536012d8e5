// Target: the base of a connector in which accounts live. It has all of a Source (Import lists what the target holds)
// and writes. The simple way is Apply: one operation, blocking, on up to Writing::max_in_flight threads of the runtime.
// A connector that pipelines (one connection, many requests under way, joined writes) overrides StartApply and answers
// each operation when it is done. The runtime refuses Apply on a system opened read-only, and answers a repeated
// operation id by itself.
#ifndef SLUICE_CONNECTOR_TARGET_H_
#define SLUICE_CONNECTOR_TARGET_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "sluice/connector/operation.h"
#include "sluice/connector/source.h"

namespace sluice::connector {

// An id, or all of these at once.
struct Key {
  std::string object_id;
  std::vector<Match> match;
};
struct ReadRequest {
  std::string object_class;
  std::vector<Key> keys;
  std::vector<std::string> attributes;
  Cancellation cancellation;

  bool Wants(AnyText attribute) const;
};

// Where Read writes. Any thread.
class FoundWriter {
 public:
  virtual ~FoundWriter() = default;
  // An object that matches request.keys[key]. Every one that matches is reported; none is chosen.
  virtual absl::Status Found(size_t key, const Record& record, AnyText precondition = "") = 0;
  // This key could not be looked up. A key of which nothing is said found what it found, without an error.
  virtual void Failed(size_t key, Error why) = 0;
};

struct Verdict {
  enum class State { kDone = 1, kNotDone = 2, kTooEarly = 3, kPending = 4, kUnknown = 5 };
  static Verdict Done(Result result) { return Verdict{State::kDone, std::move(result), {}, {}}; }
  static Verdict NotDone() { return Verdict{State::kNotDone, {}, {}, {}}; }
  // The target itself ended it (an invitation that expired): it has failed, and is not sent again.
  static Verdict EndedBadly(Error why) { return Verdict{State::kNotDone, {}, {}, std::move(why)}; }
  static Verdict TooEarly(absl::Duration retry_after) { return Verdict{State::kTooEarly, {}, retry_after, {}}; }
  static Verdict Pending(absl::Duration retry_after) { return Verdict{State::kPending, {}, retry_after, {}}; }
  static Verdict Unknown(Error why) { return Verdict{State::kUnknown, {}, {}, std::move(why)}; }

  State state = State::kUnknown;
  std::optional<Result> result;               // With kDone; `before` of a change may be missing.
  std::optional<absl::Duration> retry_after;  // With kTooEarly and kPending.
  std::optional<Error> error;                 // With kUnknown, and with kNotDone if the target ended it so.
};

struct FindTakenRequest {
  std::string unique_in;
  std::vector<Value> values;
  Cancellation cancellation;
};
struct FindTakenResult {
  std::vector<Taken> taken;
};

// Takes the answers of a session. Any thread, any time, also after the session is gone (then they are dropped). Never
// blocks.
class ResultSink {
 public:
  virtual ~ResultSink() = default;
  // Exactly one for each operation; `result.operation` names it. A second one, or one for an unknown id, is dropped and
  // logged.
  virtual void Answer(Result result) = 0;
  virtual void Progress(ProgressReport report) = 0;
};

// Some operations of one class and action, at most Writing::batch_size.
struct ApplyBatchRequest {
  std::vector<Operation> operations;
  Cancellation cancellation;  // The host gave all of them up.
};
struct ApplyBatchResult {
  std::vector<Result> results;  // One for each operation, in the same order.
};

struct PreviewRequest {
  Operation operation;
};

struct VerifyRequest {
  Operation operation;
};
struct VerifyBatchRequest {
  std::vector<Operation> operations;
  Cancellation cancellation;
};
struct VerifyBatchResult {
  std::vector<Verdict> verdicts;  // One for each operation, in the same order.
};

struct ApplyRequest {
  std::string run_id;
  Cancellation cancellation;  // The host went away, or gave the whole stream up.
};

// One Apply stream of the host. The runtime calls these from one thread at a time; none may block: queue, and answer
// through the sink.
class ApplySession {
 public:
  // Called once nothing more will be submitted and all is answered, or the host is gone: what has no answer by then is
  // in doubt. It may wait for requests under way, at most as long as their timeouts.
  virtual ~ApplySession() = default;
  virtual void Submit(Operation operation) = 0;
  // Settle all that was submitted: nothing more comes before it is. A session that waits to join operations stops
  // waiting here.
  virtual void Flush() {}
  // Whoever waited for this operation gave it up: if it has not been sent, answer it FAILED with CANCELLED. Its own
  // Cancellation is cancelled as well.
  virtual void Cancel(const std::string& operation_id) { static_cast<void>(operation_id); }
};

class Target : public Source {
 public:
  // By id, or by what it looks like.
  virtual absl::Status Read(const ReadRequest& request, FoundWriter& out) = 0;

  // Carries one operation out. Implement this, or ApplyBatch, or StartApply. DELETE and REVOKE of what is gone are
  // NO_CHANGE; a write whose answer was lost is IN_DOUBT. What takes longer than the operation's timeout is cancelled,
  // and in doubt.
  virtual Result Apply(const Operation& operation);
  // Several at once, for a system that takes many in one request.
  virtual ApplyBatchResult ApplyBatch(const ApplyBatchRequest& request);
  // Operations as they come, answers when they are there. Not overridden: null, and the runtime calls ApplyBatch on its
  // own threads.
  virtual std::unique_ptr<ApplySession> StartApply(const ApplyRequest& request, std::shared_ptr<ResultSink> sink);

  // What Apply would answer now; never writes. Not overridden: reads the object and compares each delta.
  virtual Result Preview(const PreviewRequest& request);
  // What became of an operation whose answer was lost; never writes. Not overridden: reads and compares. For GRANT and
  // REVOKE that needs a relation class with ids or readable subject and object attributes; else UNKNOWN.
  virtual Verdict Verify(const VerifyRequest& request);
  // Several at once; not overridden: Verify for each.
  virtual VerifyBatchResult VerifyBatch(const VerifyBatchRequest& request);
  // Which of these values are in use in a domain of uniqueness. With Description::FindsTaken.
  virtual absl::StatusOr<FindTakenResult> FindTaken(const FindTakenRequest& request);
};

}  // namespace sluice::connector

#endif  // SLUICE_CONNECTOR_TARGET_H_
