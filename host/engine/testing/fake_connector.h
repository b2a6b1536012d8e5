// A target, or a source, in memory that does what a test says: answers late, not at all, twice wrong, or dies.
//
// For tests. Every callback comes on a thread of its own, as the interface demands; the methods of a test may be called
// from any thread. Holds the engine to the contract: a second payload under one id is INVALID unless it failed and the
// attempt is higher, and two operations of one stream never touch one object at once.
#ifndef SLUICE_HOST_ENGINE_TESTING_FAKE_CONNECTOR_H_
#define SLUICE_HOST_ENGINE_TESTING_FAKE_CONNECTOR_H_

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "host/base/executor.h"
#include "host/engine/connector.h"

namespace sluice::engine::testing {

// What becomes of one operation.
struct Answer {
  enum class Kind {
    kDo,           // Carried out and answered.
    kFail,         // `reason`.
    kDoubtful,     // Carried out, answered IN_DOUBT.
    kDoubtfulNot,  // Not carried out, answered IN_DOUBT.
    kLose,         // Carried out; the stream breaks before the answer.
    kDrop,         // Not carried out; the stream breaks.
    kHold,         // Carried out when Release is called.
    kPending,
    kPart  // Only `part` of it is written: PARTLY_APPLIED.
  } kind = Kind::kDo;
  Reason reason = Reason::kUnspecified;
  std::vector<std::string> taken;  // Attributes, with ALREADY_EXISTS.
  absl::Duration retry_after = absl::ZeroDuration();
  std::string part;
};

class FakeConnector final : public Connector {
 public:
  struct Object {
    std::string object_class;
    core::Fields attributes;
    std::string password;
    std::set<std::string> members;  // Of a group.
  };

  explicit FakeConnector(std::string system);
  ~FakeConnector() override;

  const std::string& system() const override { return system_; }
  void Test(std::function<void(absl::StatusOr<TestReport>)> done) override;
  void GetSchema(std::function<void(absl::StatusOr<SystemSchema>)> done) override;
  void Import(const ReadPlan& plan, std::shared_ptr<ImportSink> sink) override;
  std::unique_ptr<ApplyStream> Apply(const std::string& run_id, std::shared_ptr<ApplySink> sink) override;
  void Verify(std::vector<TargetOperation> operations,
              std::function<void(absl::StatusOr<std::vector<Verdict>>)> done) override;
  void FindTaken(const std::string& unique_in, std::vector<core::Value> values,
                 std::function<void(absl::StatusOr<std::vector<Taken>>)> done) override;
  void Cancel() override;

  // Whether it can tell which values are taken; at first it cannot.
  void SetFindsTaken(bool finds_taken);
  std::vector<std::string> asked() const;  // Values, in their order.
  // What a result or a verdict that is pending says besides.
  void SetPending(std::string object_id, std::string private_state, std::string waiting_for);
  std::vector<TargetOperation> verified() const;
  // Why what Verify says is not done has failed; without a reason it may be sent again.
  void SetEnded(Failure failure);
  // The next operation of `action` gets `answer`; several wait in order.
  void Next(Action action, Answer answer);
  void Next(Action action, Reason reason) { Next(action, {Answer::Kind::kFail, reason, {}, {}, ""}); }
  // Until it is called again: every operation of `action`.
  void Always(Action action, std::optional<Answer> answer);
  // What Verify says of everything; none: the truth.
  void SetVerdict(std::optional<Verdict::State> state);
  // The next `calls` streams and verifications find the plugin away.
  void BeAway(int calls);
  // The name is in use by an object that nobody lists.
  void Take(const std::string& attribute, const std::string& name);
  // Called with each batch before it is looked at.
  void OnSend(std::function<void(const std::vector<TargetOperation>&)> hook);
  // Nothing that is sent arrives any more: the host died before it was on the wire.
  void SwallowSends(bool is_swallowed);
  void Release();  // What is held is carried out and answered.
  void AwaitHeld(size_t count);
  void Settle();  // Waits until everything that was posted until now is done.

  // For imports: this status at the end; this class is read in part, or nothing is said of it.
  void FailImport(absl::Status status);
  void SetCompleteness(const std::string& object_class, core::Completeness completeness);
  void HideClass(const std::string& object_class);
  void HoldImport(bool is_held);  // Imports end only when it is lifted, or they are cancelled.
  void AwaitImport();
  // Further records, of a source.
  void SetRecords(std::vector<core::Record> records);
  void SetSchema(SystemSchema schema);
  ReadPlan last_plan() const;

  std::string AddObject(const std::string& object_class, core::Fields attributes);
  // As somebody does by hand in the directory.
  void SetAttribute(const std::string& id, const std::string& attribute, core::Value value);
  void Remove(const std::string& id);  // The object, out of every group as well.
  // By an attribute's value; null: none, or several.
  std::optional<Object> Find(const std::string& attribute, const std::string& value) const;
  std::optional<Object> Get(const std::string& id) const;
  int Count(const std::string& object_class) const;
  // "create #1", "enable #1": carried out, in order; failed ones are not in it.
  std::vector<std::string> done() const;
  // Every operation that arrived.
  std::vector<TargetOperation> sent() const;
  int streams() const;
  std::vector<std::string> violations() const;  // Of the contract, by the host.
  void Forget();                                // Of `done` and `sent`.

 private:
  class Stream;
  struct Call;

  void Take(const std::shared_ptr<Call>& call, std::vector<TargetOperation> operations);
  void Carry(const std::shared_ptr<Call>& call, const TargetOperation& operation, const Answer& answer);
  void EndIfSettled(const std::shared_ptr<Call>& call);
  void Break(const std::shared_ptr<Call>& call);
  TargetResult Do(const TargetOperation& operation, const std::string& only = "") ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::optional<Failure> Check(const TargetOperation& operation) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Answer AnswerTo(const TargetOperation& operation) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsAway();
  void SendImport(const ReadPlan& plan, const std::shared_ptr<ImportSink>& sink);

  const std::string system_;
  mutable absl::Mutex mutex_;
  SystemSchema schema_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Object> objects_ ABSL_GUARDED_BY(mutex_);
  std::vector<core::Record> records_ ABSL_GUARDED_BY(mutex_);
  std::map<Action, std::deque<Answer>> next_ ABSL_GUARDED_BY(mutex_);
  std::map<Action, Answer> always_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, TargetResult> results_ ABSL_GUARDED_BY(mutex_);  // Of what was carried out.
  struct Seen {
    uint32_t attempt = 0;
    std::string payload;
    bool has_failed = false;
  };
  std::map<std::string, Seen> seen_ ABSL_GUARDED_BY(mutex_);
  std::set<std::pair<std::string, std::string>> taken_ ABSL_GUARDED_BY(mutex_);
  std::optional<Verdict::State> verdict_ ABSL_GUARDED_BY(mutex_);
  TargetResult pending_ ABSL_GUARDED_BY(mutex_);
  Failure ended_ ABSL_GUARDED_BY(mutex_);
  std::vector<TargetOperation> verified_ ABSL_GUARDED_BY(mutex_);
  bool finds_taken_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::string> asked_ ABSL_GUARDED_BY(mutex_);
  int away_ ABSL_GUARDED_BY(mutex_) = 0;
  bool is_swallowed_ ABSL_GUARDED_BY(mutex_) = false;
  std::function<void(const std::vector<TargetOperation>&)> hook_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::pair<std::shared_ptr<Call>, TargetOperation>> held_ ABSL_GUARDED_BY(mutex_);
  absl::Status import_status_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, core::Completeness> completeness_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> hidden_ ABSL_GUARDED_BY(mutex_);
  bool is_import_held_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::pair<ReadPlan, std::shared_ptr<ImportSink>>> held_imports_ ABSL_GUARDED_BY(mutex_);
  ReadPlan plan_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> done_ ABSL_GUARDED_BY(mutex_);
  std::vector<TargetOperation> sent_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> violations_ ABSL_GUARDED_BY(mutex_);
  int streams_ ABSL_GUARDED_BY(mutex_) = 0;
  int next_id_ ABSL_GUARDED_BY(mutex_) = 1;
  std::unique_ptr<base::Executor> executor_;  // Last: it uses all of the above.
};

// A directory: accounts, groups, memberships.
SystemSchema DirectorySchema();

}  // namespace sluice::engine::testing

#endif  // SLUICE_HOST_ENGINE_TESTING_FAKE_CONNECTOR_H_
