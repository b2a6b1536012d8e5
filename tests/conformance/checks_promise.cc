// Level 4: what is promised of every operation: one answer, one write, previews and verdicts that are true.
#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "sdk/wire/error.h"
#include "tests/conformance/writing.h"

namespace sluice::conformance {
namespace {

namespace v1 = connector::v1;
using Result = v1::OperationResult;
using VerdictState = v1::VerifyReply;

Verdict OneResultEach(Run& run) {
  SLUICE_OR_SKIP(writing, run.Writing());
  Bench bench(&run);
  SLUICE_OR_SKIP(account, bench.Account());
  std::vector<v1::Operation> operations;
  std::map<std::string, std::string> logins;
  for (int i = 0; i < 10; ++i) {
    operations.push_back(bench.Create(*account));
    operations.push_back(bench.Make(v1::ACTION_DELETE, account->name(), absl::StrCat("no-such-id-", i)));
  }
  ApplyOptions options;
  options.with_oddities = true;
  const ApplyLog log = Apply(*writing, operations, options);
  std::map<std::string, int> seen;
  for (const Result& result : log.results) {
    ++seen[result.operation()];
    if (result.outcome() == Result::APPLIED && !result.object_id().empty())
      bench.Made(account->name(), result.object_id());
  }
  for (const v1::Operation& operation : operations) {
    if (seen[operation.id()] == 0)
      return Failed("an operation of ", operations.size(), " has no result; the stream ended with ", Text(log.status));
    if (seen[operation.id()] > 1) return Failed("an operation has ", seen[operation.id()], " results");
  }
  if (seen.size() != operations.size()) return Failed("a result names an operation that was not sent");
  if (!log.status.ok()) return Failed("Apply ends with ", Text(log.status));
  std::set<std::string> ids;
  for (const v1::Operation& operation : operations) {
    const Result& result = *log.Of(operation.id());
    if (operation.action() != v1::ACTION_CREATE || result.outcome() != Result::APPLIED) continue;
    if (!ids.insert(result.object_id()).second) return Failed("two results name one object");
  }
  return Passed(operations.size(), " operations");
}

Verdict RepeatsAreOneWrite(Run& run) {
  SLUICE_OR_SKIP(writing, run.Writing());
  Bench bench(&run);
  SLUICE_OR_SKIP(account, bench.Account());
  const v1::Operation create = bench.Create(*account);
  const auto unique = bench.UniqueOf(*account, create);
  SLUICE_OR_SKIP(first, bench.Created(*writing, *account, create));
  for (int i = 0; i < 9; ++i) {
    const Result again = ApplyOne(*writing, create);
    if (!again.object_id().empty()) bench.Made(account->name(), again.object_id());
    if (again.outcome() != first.outcome() || again.object_id() != first.object_id())
      return Failed("sent again with the same id and payload, a CREATE answers ", Text(again), "; first it was ",
                    Text(first));
  }
  if (unique.first.empty()) return Passed();
  SLUICE_OR_SKIP(ids, bench.With(*writing, account->name(), unique));
  return ids.size() <= 1 ? Passed() : Failed("one CREATE, sent ten times, made ", ids.size(), " objects");
}

Verdict HigherAttemptOfDone(Run& run) {
  SLUICE_OR_SKIP(writing, run.Writing());
  Bench bench(&run);
  SLUICE_OR_SKIP(account, bench.Account());
  v1::Operation create = bench.Create(*account);
  SLUICE_OR_SKIP(first, bench.Created(*writing, *account, create));
  create.set_attempt(2);
  const Result again = ApplyOne(*writing, create);
  if (again.object_id() == first.object_id() &&
      (again.outcome() == Result::APPLIED || again.outcome() == Result::NO_CHANGE))
    return Passed();
  if (!again.object_id().empty()) bench.Made(account->name(), again.object_id());
  return Failed("a second attempt of a CREATE that was APPLIED answers ", Text(again), ", not the same result");
}

Verdict OtherPayloadIsInvalid(Run& run) {
  SLUICE_OR_SKIP(writing, run.Writing());
  Bench bench(&run);
  SLUICE_OR_SKIP(account, bench.Account());
  const v1::Operation create = bench.Create(*account);
  SLUICE_OR_SKIP(first, bench.Created(*writing, *account, create));
  v1::Operation other = bench.Create(*account);
  other.set_id(create.id());
  const Result result = ApplyOne(*writing, other);
  if (result.outcome() == Result::APPLIED && result.object_id() != first.object_id())
    bench.Made(account->name(), result.object_id());
  if (FailedWith(result, v1::REASON_INVALID)) return Passed();
  return Failed("the id of a CREATE, sent again with another payload, answers ", Text(result), ", not INVALID");
}

Verdict FailuresSayWhy(Run& run) {
  SLUICE_OR_SKIP(writing, run.Writing());
  Bench bench(&run);
  SLUICE_OR_SKIP(account, bench.Account());
  v1::Operation bad = bench.Make(static_cast<v1::Action>(99), account->name(), "1");
  const Result unknown = ApplyOne(*writing, bad);
  const Result gone = ApplyOne(*writing, bench.Update(*account, "no-such-id"));
  for (const Result& result : {unknown, gone}) {
    if (result.outcome() == Result::OUTCOME_UNSPECIFIED || result.outcome() == Result::APPLIED ||
        result.outcome() == Result::NO_CHANGE)
      continue;
    if (!result.has_error() || result.error().reason() == v1::REASON_UNSPECIFIED)
      return Failed("a result is ", Result::Outcome_Name(result.outcome()), " without an error and its reason");
    if (result.error().diagnostics().empty() || result.error().diagnostics(0).code().empty() ||
        result.error().diagnostics(0).summary().empty())
      return Failed("a result is FAILED with ", std::string(wire::ReasonName(result.error().reason())),
                    " and no diagnostic with a code and a summary");
  }
  return Passed();
}

absl::StatusOr<Result> Preview(Launched& launched, const v1::Operation& operation) {
  v1::PreviewRequest request;
  request.set_system(kSystem);
  *request.add_operations() = operation;
  v1::PreviewReply reply;
  const grpc::Status status = launched.writer().Preview(launched.Context().get(), request, &reply);
  if (!status.ok()) return absl::InternalError(Text(status));
  if (reply.results_size() != 1)
    return absl::InternalError(absl::StrCat(reply.results_size(), " results for one operation"));
  return reply.results(0);
}

absl::StatusOr<bool> Previews(Run& run) {
  auto info = run.Info();
  if (!info.ok()) return info.status();
  if (!(*info)->capabilities().preview()) return absl::FailedPreconditionError("it has not the capability preview");
  return true;
}

Verdict PreviewWritesNothing(Run& run) {
  SLUICE_OR_SKIP(writing, run.Writing());
  SLUICE_OR_SKIP(previews, Previews(run));
  (void)previews;
  Bench bench(&run);
  SLUICE_OR_SKIP(account, bench.Account());
  const v1::Operation create = bench.Create(*account);
  const auto unique = bench.UniqueOf(*account, create);
  auto shown = Preview(*writing, create);
  if (!shown.ok()) return Failed("Preview of a CREATE answers ", shown.status().message());
  if (!unique.first.empty()) {
    SLUICE_OR_SKIP(ids, bench.With(*writing, account->name(), unique));
    for (const std::string& id : ids) bench.Made(account->name(), id);
    if (!ids.empty()) return Failed("Preview of a CREATE created the account");
  }
  SLUICE_OR_SKIP(id, bench.New(*account));
  bool is_there = false;
  SLUICE_OR_SKIP(before, bench.Look(*writing, *account, id, &is_there));
  for (const v1::Operation& operation :
       {bench.Update(*account, id), bench.Make(v1::ACTION_DELETE, account->name(), id)}) {
    if (auto result = Preview(*writing, operation); !result.ok())
      return Failed("Preview answers ", result.status().message());
    SLUICE_OR_SKIP(after, bench.Look(*writing, *account, id, &is_there));
    if (!is_there) return Failed("Preview of a DELETE deleted the account");
    for (const auto& [name, value] : before) {
      if (after.count(name) == 0 || Canonical(after[name], false) != Canonical(value, false))
        return Failed("Preview of ", v1::Action_Name(operation.action()).substr(7), " changed attribute ", name);
    }
  }
  return Passed();
}

Verdict PreviewEqualsApply(Run& run) {
  SLUICE_OR_SKIP(writing, run.Writing());
  SLUICE_OR_SKIP(previews, Previews(run));
  (void)previews;
  Bench bench(&run);
  SLUICE_OR_SKIP(account, bench.Account());
  SLUICE_OR_SKIP(id, bench.New(*account));
  const v1::Operation update = bench.Update(*account, id);
  std::vector<v1::Operation> operations = {update, update, bench.Make(v1::ACTION_DELETE, account->name(), id),
                                           bench.Make(v1::ACTION_DELETE, account->name(), id), update};
  operations[1].set_id(update.id() + "-again");
  operations[4].set_id(update.id() + "-gone");  // By then it is deleted.
  for (const v1::Operation& operation : operations) {
    auto shown = Preview(*writing, operation);
    if (!shown.ok()) return Skipped("TGT-025 fails");
    const Result done = ApplyOne(*writing, operation);
    const std::string what = v1::Action_Name(operation.action()).substr(7);
    if (shown->outcome() != done.outcome())
      return Failed("Preview of ", what, " says ", Text(*shown), ", Apply ", Text(done));
    if (shown->error().reason() != done.error().reason())
      return Failed("Preview of ", what, " says ", Text(*shown), ", Apply ", Text(done));
    for (const v1::Change& change : done.changes()) {
      const v1::Attribute* a = FindAttribute(*account, change.attribute());
      if (a == nullptr || !a->readable() || done.outcome() != Result::APPLIED ||
          operation.action() != v1::ACTION_UPDATE)
        continue;
      const bool is_shown = std::any_of(shown->changes().begin(), shown->changes().end(), [&](const v1::Change& c) {
        return c.attribute() == change.attribute() && IsSame(*a, c.after(), change.after());
      });
      if (!is_shown)
        return Failed("Apply of ", what, " changed attribute ", change.attribute(), ", and Preview did not show it");
    }
  }
  return Passed(operations.size(), " operations");
}

Verdict PreviewWorksReadOnly(Run& run) {
  SLUICE_OR_SKIP(writing, run.Writing());
  SLUICE_OR_SKIP(previews, Previews(run));
  (void)previews;
  SLUICE_OR_SKIP(reading, run.Reading());
  Bench bench(&run);
  SLUICE_OR_SKIP(account, bench.Account());
  SLUICE_OR_SKIP(id, bench.New(*account));
  (void)writing;
  auto shown = Preview(*reading, bench.Make(v1::ACTION_DELETE, account->name(), id));
  if (!shown.ok()) return Failed("opened READ_ONLY, Preview answers ", shown.status().message());
  return shown->outcome() == Result::APPLIED ? Passed()
                                             : Failed("opened READ_ONLY, Preview of a DELETE says ", Text(*shown));
}

absl::StatusOr<v1::VerifyReply> Verify(Launched& launched, const std::vector<v1::Operation>& operations) {
  v1::VerifyRequest request;
  request.set_system(kSystem);
  for (const v1::Operation& operation : operations) *request.add_operations() = operation;
  v1::VerifyReply reply;
  const grpc::Status status = launched.writer().Verify(launched.Context().get(), request, &reply);
  if (!status.ok()) return absl::InternalError(Text(status));
  return reply;
}

// What Verify says of one; UNSPECIFIED if it says nothing. Waits where it asks for that.
VerdictState::State StateOf(Launched& launched, const v1::Operation& operation, std::string* id = nullptr) {
  for (int i = 0; i < 20; ++i) {
    auto reply = Verify(launched, {operation});
    if (!reply.ok() || reply->verdicts_size() != 1) return VerdictState::STATE_UNSPECIFIED;
    const auto& verdict = reply->verdicts(0);
    if (id != nullptr) *id = verdict.result().object_id();
    if (verdict.state() != VerdictState::TOO_EARLY && verdict.state() != VerdictState::PENDING) return verdict.state();
    absl::SleepFor(absl::Milliseconds(200));
  }
  return VerdictState::PENDING;
}

Verdict VerifyKnowsWhatWasDone(Run& run) {
  SLUICE_OR_SKIP(writing, run.Writing());
  Bench bench(&run);
  SLUICE_OR_SKIP(account, bench.Account());
  const v1::Operation create = bench.Create(*account);
  SLUICE_OR_SKIP(made, bench.Created(*writing, *account, create));
  // Another process: it remembers nothing of what was done.
  SLUICE_OR_SKIP(other, run.FreshOpen(v1::OpenRequest::READ_WRITE));
  std::string id;
  if (auto state = StateOf(*other, create, &id); state != VerdictState::DONE)
    return Failed("of a CREATE that was APPLIED Verify says ", VerdictState::State_Name(state));
  if (id != made.object_id()) return Failed("of a CREATE that was APPLIED Verify gives another object_id");
  const v1::Operation update = bench.Update(*account, made.object_id());
  if (!update.deltas().empty()) {
    if (ApplyOne(*writing, update).outcome() != Result::APPLIED) return Skipped("TGT-004 fails");
    if (auto state = StateOf(*other, update); state != VerdictState::DONE)
      return Failed("of an UPDATE that was APPLIED Verify says ", VerdictState::State_Name(state));
  }
  const v1::Operation remove = bench.Make(v1::ACTION_DELETE, account->name(), made.object_id());
  if (ApplyOne(*writing, remove).outcome() != Result::APPLIED) return Skipped("TGT-009 fails");
  if (auto state = StateOf(*other, remove); state != VerdictState::DONE)
    return Failed("of a DELETE that was APPLIED Verify says ", VerdictState::State_Name(state));
  return Passed();
}

Verdict VerifyKnowsWhatWasNotDone(Run& run) {
  SLUICE_OR_SKIP(writing, run.Writing());
  Bench bench(&run);
  SLUICE_OR_SKIP(account, bench.Account());
  SLUICE_OR_SKIP(id, bench.New(*account));
  for (const v1::Operation& operation :
       {bench.Create(*account), bench.Update(*account, id), bench.Make(v1::ACTION_DELETE, account->name(), id)}) {
    if (operation.action() == v1::ACTION_UPDATE && operation.deltas().empty()) continue;
    const auto state = StateOf(*writing, operation);
    if (state != VerdictState::NOT_DONE)
      return Failed("of a ", v1::Action_Name(operation.action()).substr(7), " that was never sent Verify says ",
                    VerdictState::State_Name(state));
  }
  bool is_there = false;
  SLUICE_OR_SKIP(seen, bench.Look(*writing, *account, id, &is_there));
  (void)seen;
  return is_there ? Passed() : Failed("Verify of a DELETE deleted the account");
}

Verdict OneVerdictEach(Run& run) {
  SLUICE_OR_SKIP(writing, run.Writing());
  Bench bench(&run);
  SLUICE_OR_SKIP(account, bench.Account());
  std::vector<v1::Operation> operations = {bench.Create(*account),
                                           bench.Make(v1::ACTION_DELETE, account->name(), "no-such-id"),
                                           bench.Make(static_cast<v1::Action>(99), account->name(), "1")};
  auto reply = Verify(*writing, operations);
  if (!reply.ok()) return Failed("Verify of three operations answers ", reply.status().message());
  std::map<std::string, int> seen;
  for (const auto& verdict : reply->verdicts()) ++seen[verdict.operation()];
  for (const v1::Operation& operation : operations) {
    if (seen[operation.id()] != 1) return Failed("of three operations one has ", seen[operation.id()], " verdicts");
  }
  return seen.size() == 3 ? Passed() : Failed("a verdict names an operation that was not sent");
}

Verdict PendingComesToAnEnd(Run& run) {
  SLUICE_OR_SKIP(writing, run.Writing());
  Bench bench(&run);
  SLUICE_OR_SKIP(account, bench.Account());
  const v1::Operation create = bench.Create(*account);
  const auto unique = bench.UniqueOf(*account, create);
  const Result made = ApplyOne(*writing, create);
  if (!made.object_id().empty()) bench.Made(account->name(), made.object_id());
  if (made.outcome() != Result::PENDING && !made.provisional_id())
    return Skipped("its system does not let anybody wait");
  std::string id;
  const auto state = StateOf(*writing, create, &id);
  if (state == VerdictState::PENDING)
    return Failed("an operation that is PENDING has no end: Verify still says PENDING");
  if (unique.first.empty()) return Passed();
  SLUICE_OR_SKIP(ids, bench.With(*writing, account->name(), unique));
  for (const std::string& one : ids) bench.Made(account->name(), one);
  if (state == VerdictState::DONE && (ids.count(id) == 0 || ids.size() != 1))
    return Failed("a PENDING CREATE is DONE as Verify says, and the import has ", ids.size(), " such objects");
  if (state == VerdictState::NOT_DONE && !ids.empty())
    return Failed("a PENDING CREATE is NOT_DONE as Verify says, and it is there");
  return Passed(VerdictState::State_Name(state));
}

Verdict FindsTaken(Run& run) {
  SLUICE_OR_SKIP(writing, run.Writing());
  SLUICE_OR_SKIP(info, run.Info());
  if (!info->capabilities().find_taken()) return Skipped("it has not the capability find_taken");
  Bench bench(&run);
  SLUICE_OR_SKIP(account, bench.Account());
  const v1::Operation create = bench.Create(*account);
  const auto unique = bench.UniqueOf(*account, create);
  if (unique.first.empty()) return Skipped("a new account gets no text in an attribute with unique_in");
  v1::FindTakenRequest request;
  request.set_system(kSystem);
  request.set_unique_in(FindAttribute(*account, unique.first)->unique_in());
  request.add_values()->set_text(unique.second);
  v1::FindTakenReply before, after;
  grpc::Status status = writing->reader().FindTaken(writing->Context().get(), request, &before);
  if (!status.ok())
    return ErrorOf(status).reason() == v1::REASON_UNSUPPORTED ? Skipped("INF-002 fails")
                                                              : Failed("FindTaken answers ", Text(status));
  if (!before.taken().empty()) return Failed("FindTaken says that a value which nobody has is taken");
  SLUICE_OR_SKIP(made, bench.Created(*writing, *account, create));
  status = writing->reader().FindTaken(writing->Context().get(), request, &after);
  if (!status.ok() || after.taken().empty())
    return Failed("FindTaken does not find the ", unique.first, " of an account that was just created");
  return after.taken(0).holder().id() == made.object_id()
             ? Passed()
             : Failed("FindTaken names another holder than the account that has the value");
}

Verdict StalePreconditionConflicts(Run& run) {
  SLUICE_OR_SKIP(writing, run.Writing());
  Bench bench(&run);
  SLUICE_OR_SKIP(account, bench.Account());
  SLUICE_OR_SKIP(id, bench.New(*account));
  const auto precondition = [&]() -> std::string {
    const ReadLog read = Read(*writing, ReadById(account->name(), {id}, {}));
    return read.preconditions.empty() ? "" : read.preconditions.begin()->second;
  };
  const std::string before = precondition();
  v1::Operation update = bench.Update(*account, id);
  if (before.empty() || update.deltas().empty()) return Skipped("it gives no preconditions");
  if (ApplyOne(*writing, update).outcome() != Result::APPLIED) return Skipped("TGT-004 fails");
  if (precondition() == before) return Skipped("its preconditions do not change with the object");
  v1::Operation stale = bench.Update(*account, id);
  stale.set_precondition(before);
  const Result result = ApplyOne(*writing, stale);
  return FailedWith(result, v1::REASON_CONFLICT)
             ? Passed()
             : Failed("an UPDATE with the precondition of an older state answers ", Text(result), ", not CONFLICT");
}

constexpr Check kChecks[] = {
    {"TGT-020", 4, Severity::kMust, "Every operation gets exactly one result, whatever else is on the stream.",
     "answer each operation once, by its id", OneResultEach},
    {"TGT-021", 4, Severity::kMust, "An operation that is sent ten times is written once and answered the same.",
     "keep results by operation id; the SDK does", RepeatsAreOneWrite},
    {"TGT-022", 4, Severity::kMust, "A higher attempt of what was APPLIED gets the same result.",
     "do not write again what the ledger says was APPLIED", HigherAttemptOfDone},
    {"TGT-023", 4, Severity::kMust, "The same id with another payload is INVALID.",
     "keep a hash of the payload beside the result", OtherPayloadIsInvalid},
    {"TGT-024", 4, Severity::kMust, "A result that is not APPLIED or NO_CHANGE says why: a reason and a diagnostic.",
     "fill the result's error", FailuresSayWhy},
    {"TGT-025", 4, Severity::kMust, "Preview writes nothing.", "let Preview read and compare only",
     PreviewWritesNothing},
    {"TGT-026", 4, Severity::kMust, "Preview says what Apply then does.",
     "let both compute the changes with one function", PreviewEqualsApply},
    {"TGT-027", 4, Severity::kMust, "Preview works on a system that is open READ_ONLY.",
     "READ_ONLY refuses Apply, not Preview", PreviewWorksReadOnly},
    {"TGT-028", 4, Severity::kMust, "Verify says DONE, with the id, of what was done, also by another process.",
     "verify by reading the system, not by remembering", VerifyKnowsWhatWasDone},
    {"TGT-029", 4, Severity::kMust, "Verify says NOT_DONE of what was never sent, and writes nothing.",
     "compare what is there with every delta", VerifyKnowsWhatWasNotDone},
    {"TGT-030", 4, Severity::kMust, "Verify gives one verdict for each operation.",
     "answer UNKNOWN where reading cannot tell", OneVerdictEach},
    {"TGT-031", 4, Severity::kMust,
     "What is PENDING comes to an end that is true: DONE and there, or NOT_DONE and not.",
     "let Verify look at the system each time", PendingComesToAnEnd},
    {"TGT-032", 4, Severity::kMust, "FindTaken finds a value that somebody has, with its holder, and no other.",
     "look in the whole domain of uniqueness", FindsTaken},
    {"TGT-033", 4, Severity::kMust, "An operation with the precondition of an older state is CONFLICT.",
     "compare the precondition before you write", StalePreconditionConflicts},
};

}  // namespace

absl::Span<const Check> PromiseChecks() { return kChecks; }

}  // namespace sluice::conformance
