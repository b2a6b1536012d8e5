// Level 5: what breaks between a connector and its system, and a connector that is killed.
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <thread>

#include "absl/strings/str_cat.h"
#include "sdk/wire/error.h"
#include "tests/conformance/proxy.h"
#include "tests/conformance/writing.h"

namespace sluice::conformance {
namespace {

namespace v1 = connector::v1;
using Result = v1::OperationResult;
using VerdictState = v1::VerifyReply;

constexpr int kMostPoints = 12;  // Of more places, these many spread over all.

absl::StatusOr<std::unique_ptr<Proxy>> Before(Run& run) {
  if (run.config().proxy.empty())
    return absl::FailedPreconditionError(
        "check: {proxy: HOST:PORT} does not name the system, with {proxy} in its settings");
  return Proxy::Start(run.config().proxy);
}

std::vector<int> Points(int most) {
  std::vector<int> points;
  const int step = std::max(1, (most + kMostPoints - 1) / kMostPoints);
  for (int i = 1; i <= most; i += step) points.push_back(i);
  return points;
}

VerdictState::State StateOf(Launched& launched, const v1::Operation& operation) {
  v1::VerifyRequest request;
  request.set_system(kSystem);
  *request.add_operations() = operation;
  for (int i = 0; i < 20; ++i) {
    v1::VerifyReply reply;
    if (!launched.writer().Verify(launched.Context().get(), request, &reply).ok() || reply.verdicts_size() != 1)
      return VerdictState::STATE_UNSPECIFIED;
    const auto state = reply.verdicts(0).state();
    if (state != VerdictState::TOO_EARLY && state != VerdictState::PENDING) return state;
    absl::SleepFor(absl::Milliseconds(200));
  }
  return VerdictState::PENDING;
}

// Kills it once the proxy stands still behind a piece of this operation, or `after` a time where there is none. Comes
// back when all is over: the process, and what the system made of what it had sent.
void ApplyAndKill(Launched& victim, const v1::Operation& operation, Proxy* proxy, absl::Duration after) {
  std::atomic<bool> is_over = false;
  std::thread killer([&] {
    if (proxy == nullptr) absl::SleepFor(after);
    while (proxy != nullptr && !proxy->AwaitHeld(absl::Milliseconds(20)) && !is_over) {
    }
    victim.Signal(SIGKILL);
  });
  Apply(victim, {operation});
  is_over = true;
  killer.join();
  victim.AwaitEnd(kEndLimit);
  if (proxy != nullptr) proxy->AwaitClosed();
}

// What a host does after a crash: asks, sends again if it was not done, and then there must be exactly one.
std::string Recovered(Run& run, Bench& bench, const v1::ObjectClass& account, v1::Operation create,
                      const std::string& when) {
  const auto unique = bench.UniqueOf(account, create);
  auto again = run.Writing();
  if (!again.ok()) return "";
  auto state = StateOf(**again, create);
  auto there = bench.With(**again, account.name(), unique);
  if (!there.ok()) return "";
  for (const std::string& id : *there) bench.Made(account.name(), id);
  if (state == VerdictState::DONE && there->empty())
    return absl::StrCat(when, ", Verify says DONE, and the account is not there");
  // Without a proxy nobody knows when the system is through: what was written since is DONE when it is asked again.
  if (state == VerdictState::NOT_DONE && !there->empty()) state = StateOf(**again, create);
  if (state == VerdictState::NOT_DONE && !there->empty())
    return absl::StrCat(when, ", Verify says NOT_DONE, and the account is there");
  if (state != VerdictState::DONE && state != VerdictState::NOT_DONE)
    return absl::StrCat(when, ", Verify says ", VerdictState::State_Name(state));
  if (state == VerdictState::DONE) return "";
  create.set_attempt(2);
  const Result result = ApplyOne(**again, create);
  there = bench.With(**again, account.name(), unique);
  if (!there.ok()) return "";
  for (const std::string& id : *there) bench.Made(account.name(), id);
  if (there->size() == 1) return "";
  return absl::StrCat(when, ", Verify says NOT_DONE, the second attempt answers ", Text(result),
                      ", and the account is there ", there->size(), " times");
}

Verdict KilledAtAnyPoint(Run& run) {
  SLUICE_OR_SKIP(writing, run.Writing());
  Bench bench(&run);
  SLUICE_OR_SKIP(account, bench.Account());
  const v1::Operation probe = bench.Create(*account);
  if (bench.UniqueOf(*account, probe).first.empty())
    return Skipped("a new account gets no text in an attribute with unique_in");
  const absl::Time start = absl::Now();
  if (auto made = bench.Created(*writing, *account, probe); !made.ok()) return Skipped(made.status().message());
  const absl::Duration whole = absl::Now() - start;
  std::unique_ptr<Proxy> proxy;
  int points = kMostPoints;
  if (!run.config().proxy.empty()) {
    SLUICE_OR_SKIP(started, Proxy::Start(run.config().proxy));
    proxy = std::move(started);
    SLUICE_OR_SKIP(through, run.FreshOpen(v1::OpenRequest::READ_WRITE, proxy->address()));
    const v1::Operation counted = bench.Create(*account);
    const Result result = ApplyOne(*through, counted);
    if (!result.object_id().empty()) bench.Made(account->name(), result.object_id());
    points = std::max(1, proxy->pieces());
  }
  int tried = 0;
  for (const int point : Points(points)) {
    SLUICE_OR_SKIP(victim, run.FreshOpen(v1::OpenRequest::READ_WRITE, proxy == nullptr ? "" : proxy->address()));
    const v1::Operation create = bench.Create(*account);
    if (proxy != nullptr) proxy->HoldAt(point);
    ApplyAndKill(*victim, create, proxy.get(), whole * point / points);
    ++tried;
    if (std::string wrong = Recovered(run, bench, *account, create,
                                      absl::StrCat("killed in a CREATE, at point ", point, " of ", points));
        !wrong.empty())
      return Failed(wrong);
  }
  return Passed(tried, " points");
}

Verdict EndsInTheMiddleOfAWrite(Run& run) {
  SLUICE_OR_SKIP(writing, run.Writing());
  (void)writing;
  Bench bench(&run);
  SLUICE_OR_SKIP(account, bench.Account());
  SLUICE_OR_SKIP(proxy, Before(run));
  SLUICE_OR_SKIP(victim, run.FreshOpen(v1::OpenRequest::READ_WRITE, proxy->address()));
  const v1::Operation create = bench.Create(*account);
  proxy->Pass();
  proxy->SwallowAnswers();
  ApplyOptions options;
  options.patience = absl::Seconds(12);
  absl::Time closed;
  options.after_send = [&] {
    const absl::Time until = absl::Now() + options.patience / 2;
    while (proxy->pieces() == 0 && absl::Now() < until) absl::SleepFor(absl::Milliseconds(1));
    victim->CloseControl();
    closed = absl::Now();
  };
  Apply(*victim, {create}, options);
  const bool has_ended = victim->AwaitEnd(kEndLimit - (absl::Now() - closed)).has_value();
  victim.reset();
  proxy->AwaitClosed();
  const auto unique = bench.UniqueOf(*account, create);
  if (!unique.first.empty()) {
    SLUICE_OR_SKIP(ids, bench.With(*writing, account->name(), unique));
    for (const std::string& id : ids) bench.Made(account->name(), id);
  }
  return has_ended ? Passed()
                   : Failed(absl::FormatDuration(kEndLimit),
                            " after its control descriptor was closed, in the middle of a write, it still runs");
}

Verdict LostAnswersAreDoubt(Run& run) {
  SLUICE_OR_SKIP(writing, run.Writing());
  Bench bench(&run);
  SLUICE_OR_SKIP(account, bench.Account());
  SLUICE_OR_SKIP(proxy, Before(run));
  if (bench.UniqueOf(*account, bench.Create(*account)).first.empty())
    return Skipped("a new account gets no text in an attribute with unique_in");
  SLUICE_OR_SKIP(through, run.FreshOpen(v1::OpenRequest::READ_WRITE, proxy->address()));
  proxy->Pass();
  if (auto first = bench.Created(*through, *account, bench.Create(*account)); !first.ok())
    return Skipped(first.status().message());
  const int points = proxy->pieces();
  int cut = 0;
  for (const int point : Points(points)) {
    for (const bool pass_it_on : {false, true}) {
      const v1::Operation create = bench.Create(*account);
      proxy->CutAt(point, pass_it_on);
      const Result result = ApplyOne(*through, create);
      if (!proxy->has_cut()) continue;
      ++cut;
      proxy->AwaitCut();
      SLUICE_OR_SKIP(ids, bench.With(*writing, account->name(), bench.UniqueOf(*account, create)));
      for (const std::string& id : ids) bench.Made(account->name(), id);
      const std::string when = absl::StrCat("the connection was cut ", pass_it_on ? "after" : "before", " piece ",
                                            point, " of ", points, " of a CREATE: the result is ", Text(result));
      if (result.outcome() == Result::FAILED && !ids.empty()) return Failed(when, ", and the account is there");
      if ((result.outcome() == Result::APPLIED || result.outcome() == Result::NO_CHANGE) && ids.size() != 1)
        return Failed(when, ", and the account is there ", ids.size(), " times");
      if (ids.size() > 1) return Failed(when, ", and the account is there ", ids.size(), " times");
    }
  }
  return cut > 0 ? Passed(cut, " cuts")
                 : Failed("no connection was cut: the connector does not go through {proxy}; put it into the settings");
}

bool IsOutage(v1::Reason reason) { return reason == v1::REASON_UNAVAILABLE || reason == v1::REASON_TRANSIENT; }

Verdict SystemIsDown(Run& run) {
  SLUICE_OR_SKIP(proxy, Before(run));
  SLUICE_OR_SKIP(is_target, run.IsTarget());
  SLUICE_OR_SKIP(worked, run.Worked());
  (void)worked;
  SLUICE_OR_SKIP(
      through, run.FreshOpen(is_target && run.config().write ? v1::OpenRequest::READ_WRITE : v1::OpenRequest::READ_ONLY,
                             proxy->address()));
  proxy->Refuse();
  const ImportLog log = Import(*through, run.config());
  if (log.status.ok()) {
    for (const auto& scope : log.end.scopes()) {
      for (const auto& c : scope.classes()) {
        if (c.state() == v1::ImportEnd::COMPLETE)
          return Failed("its system was not there, and an import says that a class is COMPLETE");
      }
    }
  } else if (!IsOutage(ErrorOf(log.status).reason())) {
    return Failed("its system was not there, and an import answers ", Text(log.status), ", not UNAVAILABLE");
  }
  if (!is_target || !run.config().write) return Passed();
  Bench bench(&run);
  SLUICE_OR_SKIP(account, bench.Account());
  const Result result = ApplyOne(*through, bench.Create(*account));
  if (result.outcome() == Result::OUTCOME_UNSPECIFIED && IsOutage(result.error().reason())) return Passed();
  if ((result.outcome() != Result::FAILED && result.outcome() != Result::IN_DOUBT) ||
      !IsOutage(result.error().reason()))
    return Failed("its system was not there, and a CREATE answers ", Text(result), ", not UNAVAILABLE");
  return Passed();
}

Verdict AnswersInTime(Run& run) {
  SLUICE_OR_SKIP(writing, run.Writing());
  Bench bench(&run);
  SLUICE_OR_SKIP(account, bench.Account());
  SLUICE_OR_SKIP(proxy, Before(run));
  SLUICE_OR_SKIP(through, run.FreshOpen(v1::OpenRequest::READ_WRITE, proxy->address()));
  v1::Operation create = bench.Create(*account);
  create.mutable_timeout()->set_seconds(1);
  proxy->SwallowAnswers();
  ApplyOptions options;
  options.patience = absl::Seconds(6);
  const ApplyLog log = Apply(*through, {create}, options);
  through.reset();
  proxy->AwaitClosed();
  const auto unique = bench.UniqueOf(*account, create);
  if (!unique.first.empty()) {
    SLUICE_OR_SKIP(ids, bench.With(*writing, account->name(), unique));
    for (const std::string& id : ids) bench.Made(account->name(), id);
  }
  if (log.Of(create.id()) == nullptr && log.was_cut_off)
    return Failed("its system was silent, and an operation with a timeout of 1 s has no result after 6 s");
  return Passed();
}

Verdict CutImportsAreNotWhole(Run& run) {
  SLUICE_OR_SKIP(proxy, Before(run));
  SLUICE_OR_SKIP(reading, run.Reading());
  SLUICE_OR_SKIP(through, run.FreshOpen(v1::OpenRequest::READ_ONLY, proxy->address()));
  proxy->Pass();
  Import(*through, run.config());  // What is asked once for each process is out of the way.
  proxy->Pass();
  Import(*through, run.config());
  const int points = proxy->pieces();
  const ImportLog whole = Import(*reading, run.config());
  if (!whole.status.ok()) return Skipped("SRC-001 fails: ", Text(whole.status));
  std::map<std::pair<std::string, std::string>, std::set<std::string>> expected;
  for (const Record& record : whole.records) expected[{record.scope, record.object_class}].insert(record.id);
  int cut = 0;
  for (const int point : Points(points)) {
    proxy->CutAt(point, true);
    const ImportLog log = Import(*through, run.config());
    if (!proxy->has_cut()) continue;
    ++cut;
    if (!log.status.ok()) continue;
    std::map<std::pair<std::string, std::string>, std::set<std::string>> came;
    for (const Record& record : log.records) came[{record.scope, record.object_class}].insert(record.id);
    for (const auto& [place, ids] : expected) {
      if (log.StateOf(place.second, place.first) != v1::ImportEnd::COMPLETE || came[place] == ids) continue;
      return Failed("the connection was cut at piece ", point, " of ", points, " of an import: class ", place.second,
                    " of scope \"", place.first, "\" is COMPLETE with ", came[place].size(), " of ", ids.size(),
                    " objects");
    }
  }
  return cut > 0 ? Passed(cut, " cuts")
                 : Failed("no connection was cut: the connector does not go through {proxy}; put it into the settings");
}

// Of an import that was cut and did not fail as a whole.
std::string ScopesMistake(const ImportLog& log) {
  if (log.end.scopes_size() != log.schema.scopes_size()) return "its end does not name every scope";
  for (const auto& scope : log.end.scopes()) {
    if (scope.classes_size() != log.schema.classes_size()) return "its end does not name every class of every scope";
    for (const auto& c : scope.classes()) {
      if (c.state() != v1::ImportEnd::COMPLETE && c.error().diagnostics().empty())
        return "a class that is not COMPLETE has no error that says why";
    }
  }
  return "";
}

// Goes on from what its end says was read; what came before counts.
std::string RestMistake(Run& run, Launched& reading, const ImportLog& log, const std::set<ObjectKey>& whole) {
  ImportOptions options;
  for (const auto& scope : log.end.scopes()) {
    if (scope.has_cursor()) options.cursors.push_back(scope.cursor());
  }
  if (options.cursors.empty()) return "";
  const ImportLog rest = Import(reading, run.config(), options);
  if (!rest.status.ok())
    return ErrorOf(rest.status).reason() == v1::REASON_CURSOR_EXPIRED
               ? ""
               : absl::StrCat("going on from its cursors answers ", Text(rest.status));
  std::set<ObjectKey> joined = log.Keys();  // Nothing is deleted meanwhile; SRC-032 looks at that.
  for (const ObjectKey& key : rest.Keys()) joined.insert(key);
  for (const ObjectKey& key : whole) {
    if (joined.count(key) == 0) return absl::StrCat("what went on from its cursors lacks ", Text(key));
  }
  return "";
}

Verdict OneScopeFails(Run& run) {
  SLUICE_OR_SKIP(proxy, Before(run));
  SLUICE_OR_SKIP(worked, run.Worked());
  if (worked->schema.scopes_size() < 2) return Skipped("it has one scope");
  if (!ScopesMistake(*worked).empty())
    return Skipped("without a cut ", ScopesMistake(*worked), ": SRC-002, SRC-004 or SRC-005 fails");
  SLUICE_OR_SKIP(info, run.Info());
  SLUICE_OR_SKIP(reading, run.Reading());
  SLUICE_OR_SKIP(through, run.FreshOpen(v1::OpenRequest::READ_ONLY, proxy->address()));
  Import(*through, run.config());
  proxy->Pass();
  Import(*through, run.config());
  const int points = proxy->pieces();
  int cut = 0, failed = 0;
  for (const int point : Points(points)) {
    proxy->CutAt(point, true);
    const ImportLog log = Import(*through, run.config());
    if (!proxy->has_cut()) continue;
    ++cut;
    if (!log.status.ok() || log.IsWhole()) continue;
    ++failed;
    std::string wrong = ScopesMistake(log);
    if (wrong.empty() && info->capabilities().incremental_import())
      wrong = RestMistake(run, *reading, log, worked->Keys());
    if (!wrong.empty())
      return Failed("the connection was cut at piece ", point, " of ", points, " of an import: ", wrong);
  }
  return cut > 0 ? Passed(cut, " cuts, ", failed, " of them failed for a part")
                 : Failed("no connection was cut: the connector does not go through {proxy}; put it into the settings");
}

Verdict OpensWithoutItsSystem(Run& run) {
  SLUICE_OR_SKIP(proxy, Before(run));
  SLUICE_OR_SKIP(launched, run.Fresh());
  proxy->Refuse();
  const absl::Status status = launched->Open(v1::OpenRequest::READ_ONLY, proxy->address());
  return status.ok() ? Passed() : Failed("its system was not there, and ", status.message(), ": Open signs in nowhere");
}

Verdict WorksAgain(Run& run) {
  SLUICE_OR_SKIP(proxy, Before(run));
  SLUICE_OR_SKIP(worked, run.Worked());
  (void)worked;
  SLUICE_OR_SKIP(through, run.FreshOpen(v1::OpenRequest::READ_ONLY, proxy->address()));
  if (!Import(*through, run.config()).status.ok()) return Skipped("SRC-001 fails");
  proxy->Refuse();
  Import(*through, run.config());
  proxy->Pass();
  const ImportLog log = Import(*through, run.config());
  return log.status.ok() ? Passed()
                         : Failed("its system was away and is there again, and an import answers ", Text(log.status));
}

constexpr Check kChecks[] = {
    {"FLT-001", 5, Severity::kMust,
     "Killed at any point of a CREATE, it can be told afterwards whether it was done, and there is one account.",
     "let one request create all of it, and let Verify find it by what is unique", KilledAtAnyPoint},
    {"FLT-002", 5, Severity::kMust, "It ends within 2 s of its host, also in the middle of a write.",
     "do not wait for the system once descriptor 3 is closed", EndsInTheMiddleOfAWrite},
    {"FLT-003", 5, Severity::kMust,
     "Wherever the connection breaks in a write, FAILED means that nothing was written and APPLIED that it was.",
     "answer IN_DOUBT when the request may have arrived", LostAnswersAreDoubt},
    {"FLT-004", 5, Severity::kMust, "A system that is not there is UNAVAILABLE, and nothing of it COMPLETE.",
     "tell a connection that cannot be made from one that is refused", SystemIsDown},
    {"FLT-005", 5, Severity::kMust, "An operation is answered within its timeout, also when the system is silent.",
     "use Operation.timeout for every request, and answer IN_DOUBT", AnswersInTime},
    {"FLT-006", 5, Severity::kMust,
     "Wherever the connection breaks in an import, no class is COMPLETE that is not whole.",
     "give CompleteClass only after its last page", CutImportsAreNotWhole},
    {"FLT-007", 5, Severity::kMust, "Open needs no system: it signs in nowhere.", "sign in at the first request",
     OpensWithoutItsSystem},
    {"FLT-008", 5, Severity::kMust, "When the system is there again, the same process works again.",
     "make a new connection after a failure", WorksAgain},
    {"FLT-009", 5, Severity::kMust,
     "Wherever one of several scopes fails, the end says of each what was read, and going on from its cursors gives "
     "the rest.",
     "give a scope that failed the cursor of its last checkpoint, or none", OneScopeFails},
};

}  // namespace

absl::Span<const Check> FaultChecks() { return kChecks; }

}  // namespace sluice::conformance
