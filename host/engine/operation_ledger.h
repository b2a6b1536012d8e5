// The operations of one target in one run, as the store has them: written ahead, then one outcome each.
//
// Owned by a SystemEnforcement and used on its strand only. Every method is one transaction, or none, and returns the
// store's refusal. After that what was to be written ahead, or claimed, is as it was before the call; outcomes,
// verdicts and adoptions are kept (`has_pending`) and written by Retry: nothing else is called in between. Never calls
// a connector. write_ahead.cc has what comes before sending, settlement.cc what comes after.
#ifndef SLUICE_HOST_ENGINE_OPERATION_LEDGER_H_
#define SLUICE_HOST_ENGINE_OPERATION_LEDGER_H_

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "host/engine/context.h"
#include "host/engine/outcome.h"
#include "host/engine/runs.h"
#include "host/engine/world.h"

namespace sluice::engine {

// What became of the operations of one system.
struct EnforcementCounts {
  int64_t adopted = 0, applied = 0, no_change = 0, failed = 0, in_doubt = 0, pending = 0, not_sent = 0;
  std::string error;                   // Why the system was left alone; empty: it was not.
  std::set<std::string> refused = {};  // What was pending and the target ended badly, by id: not again in this run.

  int64_t Settled() const { return adopted + applied + no_change + failed + in_doubt + pending; }
  void Add(const EnforcementCounts& other);  // But for `error`.
};

class OperationLedger {
 public:
  // `fence`: this run's lease. `world` and `context` outlive it.
  OperationLedger(const Context& context, const World& world, std::string system, std::string plan,
                  std::shared_ptr<ActiveRun> run, int64_t fence);

  // Takes over what is already so: no call to the target.
  absl::Status Adopt(const std::vector<core::PlannedOperation>& operations);

  struct Ahead {
    std::vector<TargetOperation> send;        // Is stored.
    absl::Time lease_until;                   // Nothing of it is sent later than this.
    absl::Status status;                      // Why the store did not take
    std::vector<store::Operation> unwritten;  // these, which are as they were given.
  };
  // Stores `batch` as sent, with names and sealed secrets. One transaction for the batch; one for each operation only
  // when somebody else has reserved one of the names meanwhile. What cannot be sent (every candidate is taken, its
  // object is not there) has its outcome in it.
  Ahead WriteAhead(std::vector<store::Operation> batch);
  // Names that the next `count` operations would get, as far as nobody has looked for them in the target yet.
  struct NamesToAsk {
    std::string domain;
    std::vector<std::string> names;  // Empty: there are none.
  };
  NamesToAsk UnaskedNames(const std::deque<store::Operation>& next, size_t count) const;
  // What the target says of them; with a status that it cannot tell, the domain is asked for no more.
  void Learn(const NamesToAsk& asked, const absl::StatusOr<std::vector<Taken>>& taken);
  // Not sent after all: to be written ahead once more.
  std::vector<store::Operation> TakeBack(const std::vector<std::string>& ids);

  // Stores outcomes, of operations and of credentials. With `sends_again` some are to be sent again: with the next
  // name, with another password, or later; without it that has failed as well.
  absl::Status Settle(const std::vector<TargetResult>& results, bool sends_again);

  // Claims what an earlier run left open (sent, in doubt, pending): all of it is in doubt until it is verified.
  absl::Status Claim(std::vector<store::Operation> open);
  // Everything under way is in doubt: its stream is gone.
  void DoubtAll();
  // Stored as sent, and not sent: reading says that it is not done.
  void Doubt(const std::vector<TargetOperation>& operations);
  // What Verify is to be asked, at most `limit`.
  std::vector<TargetOperation> InDoubt(size_t limit);
  // `sends_again` false: what is not done is closed, and the next plan wants it again.
  absl::Status SettleVerdicts(const std::vector<std::string>& asked, const std::vector<Verdict>& verdicts,
                              bool sends_again);
  // A secret cannot be verified: an account that turns out to be made gets its sealed password set once more before it
  // counts as made. Raises the attempt in the store and returns the calls, each of which is idempotent.
  absl::StatusOr<std::vector<TargetOperation>> WriteAheadCredentials();
  bool has_credentials() const { return awaiting_credential_.size() > credentials_.size(); }
  // Leaves what is in doubt, and what could not be stored, to the next run.
  void GiveUpDoubts();

  // What a refused Settle, SettleVerdicts or Adopt wanted to write.
  bool has_pending() const { return pending_.has_value(); }
  absl::Status Retry() { return WritePending(); }
  void ForgetPending() { pending_.reset(); }

  // Since they were taken last: what is to be sent once more, and how long to wait before anything is sent or asked.
  std::vector<store::Operation> TakeAgain() { return std::exchange(again_, {}); }
  absl::Duration TakeWait() { return std::exchange(wait_, absl::ZeroDuration()); }

  bool HasSucceeded(const std::string& id) const { return succeeded_.contains(id); }
  bool has_in_doubt() const;
  size_t under_way() const { return under_way_.size(); }
  const EnforcementCounts& counts() const { return counts_; }

 private:
  // One transaction and what follows from it here once it is written.
  struct Change {
    store::Commit commit;
    EnforcementCounts counts;
    std::vector<std::string> ended;                  // No longer under way,
    std::vector<std::string> succeeded;              // and these with success.
    std::vector<store::Operation> open;              // Under way from now on, or still, as they are stored.
    std::vector<store::Operation> again;             // Ended here, to be sent again,
    bool sends_again = true;                         // if that is allowed,
    absl::Duration wait = absl::ZeroDuration();      // after this.
    std::map<std::string, TargetResult> found_done;  // CREATEs that lack their password.
    std::vector<std::string> warnings;
  };
  // An operation that is about to be written ahead.
  struct Prepared {
    store::Operation stored;
    std::map<std::string, std::string> secrets;
    std::vector<store::SealedSecret> sealed;
    std::vector<core::NameEntry> reserved, released;
    std::optional<Failure> refusal;
    TargetOperation operation;
  };

  absl::Status Write(Change change);
  absl::Status WritePending();
  // A refused one is forgotten: the caller makes it anew.
  absl::Status WriteOrForget(Change change);
  // Gives `stored` its last row and its audit row.
  void End(store::Operation stored, const TargetResult& result, std::string outcome, Change& change);

  Prepared Prepare(store::Operation stored);
  std::optional<Failure> ChooseNames(Prepared& prepared);
  // The first candidate that nobody else has; empty: all are taken.
  std::string FreeName(const core::PlannedOperation& planned, const core::LateName& late) const;
  absl::Status MakeSecrets(Prepared& prepared);
  absl::Status WriteSent(std::vector<Prepared>& batch, std::vector<TargetOperation>& out);
  // `written`: so many of `batch` are.
  absl::Status WriteOneByOne(std::vector<Prepared>& batch, std::vector<TargetOperation>& out, size_t& written);
  std::string MakePassword(const store::Operation& stored);
  void ReleaseNames(const store::Operation& stored, store::Commit& commit) const;

  void SettleOne(const store::Operation& stored, const TargetResult& result, Change& change);
  static void TakePending(store::Operation& stored, const TargetResult& result);
  void SettleSuccess(store::Operation stored, const TargetResult& result, Change& change);
  void SettleFailure(store::Operation stored, const TargetResult& result, Change& change);
  void Fail(store::Operation stored, const TargetResult& result, Change& change);
  void SettlePart(store::Operation stored, const TargetResult& result, Change& change);
  void SettleCredential(const std::string& create, const TargetResult& result, Change& change);
  void SettleNotDone(store::Operation stored, bool sends_again, Change& change);
  void LeaveInDoubt(store::Operation stored, store::Operation::State state, Change& change);
  bool TryAgain(const store::Operation& stored, const TargetResult& result, Change& change);
  absl::Time Now() const { return context_.clock->Now(); }

  const Context& context_;
  const World& world_;
  const std::string system_;
  const std::string plan_;
  const std::shared_ptr<ActiveRun> run_;
  const int64_t fence_;

  SystemState state_;
  EnforcementCounts counts_;
  std::map<std::string, store::Operation> under_way_;               // Stored as open, by id.
  std::map<std::string, std::vector<store::SealedSecret>> sealed_;  // Of those under way.
  std::map<std::string, TargetResult> awaiting_credential_;         // CREATEs found done, by id.
  std::map<std::string, std::string> credentials_;                  // SET_CREDENTIAL's id -> the CREATE's.
  std::set<std::string> succeeded_;
  std::map<std::string, int> passwords_, not_done_, too_early_, throttled_;  // How often, by id.
  std::optional<Change> pending_;                                            // Refused by the store.
  std::vector<store::Operation> again_;                                      // To be taken.
  absl::Duration wait_ = absl::ZeroDuration();
  std::set<std::string> taken_;  // Domain and name that the target, or another holder, has.
  std::map<std::string, std::string>
      holders_;                  // Of those that the target was asked for: the object that has it, or "".
  std::set<std::string> asked_;  // Domain and name; a domain alone: it cannot tell.
  std::map<std::string, std::string> claimed_;  // Domain and name -> id of the operation that has it in this run.
  std::set<std::string> held_before_;           // Domain, name and holder that were in the ledger before.
};

}  // namespace sluice::engine

#endif  // SLUICE_HOST_ENGINE_OPERATION_LEDGER_H_
