// Level 4: operations on objects, each tried, repeated, and looked at.
#include "absl/strings/str_cat.h"
#include "sdk/wire/error.h"
#include "tests/conformance/writing.h"

namespace sluice::conformance {
namespace {

namespace v1 = connector::v1;
using Result = v1::OperationResult;

Verdict ReadOnlyRefuses(Run& run) {
  SLUICE_OR_SKIP(writing, run.Writing());
  (void)writing;
  SLUICE_OR_SKIP(reading, run.Reading());
  Bench bench(&run);
  SLUICE_OR_SKIP(account, bench.Account());
  const v1::Operation create = bench.Create(*account);
  const ApplyLog log = Apply(*reading, {create});
  const Result* result = log.Of(create.id());
  if (result != nullptr && result->outcome() != Result::FAILED) {
    bench.Made(account->name(), result->object_id());
    return Failed("opened READ_ONLY, a CREATE answers ", Text(*result));
  }
  const v1::Reason reason = result != nullptr ? result->error().reason() : ErrorOf(log.status).reason();
  if (result == nullptr && log.status.ok()) return Failed("opened READ_ONLY, Apply succeeds without an answer");
  return reason == v1::REASON_UNSUPPORTED
             ? Passed()
             : Failed("opened READ_ONLY, Apply answers ", result != nullptr ? Text(*result) : Text(log.status),
                      ", not UNSUPPORTED");
}

Verdict Creates(Run& run) {
  SLUICE_OR_SKIP(writing, run.Writing());
  Bench bench(&run);
  SLUICE_OR_SKIP(account, bench.Account());
  const v1::Operation create = bench.Create(*account);
  const Result result = ApplyOne(*writing, create);
  if (result.outcome() == Result::PENDING) return Skipped("TGT-031 judges what is PENDING");
  if (result.outcome() != Result::APPLIED)
    return Failed("CREATE of class ", account->name(), " answers ", Text(result),
                  "; check: {create: ...} says what a new object gets");
  if (result.object_id().empty()) return Failed("CREATE was APPLIED and gave no object_id");
  bench.Made(account->name(), result.object_id());
  bool is_there = false;
  SLUICE_OR_SKIP(seen, bench.Look(*writing, *account, result.object_id(), &is_there));
  if (!is_there)
    return Failed("CREATE was APPLIED, and Read does not find ", Text({account->name(), result.object_id()}));
  for (const v1::Delta& delta : create.deltas()) {
    const v1::Attribute* a = FindAttribute(*account, delta.attribute());
    const auto cell = seen.find(delta.attribute());
    if (a == nullptr || !a->readable() || cell == seen.end()) continue;
    if (!IsSame(*a, cell->second, delta.replace()))
      return Failed("CREATE was APPLIED, and attribute ", a->name(), " has another value than was written");
  }
  return Passed();
}

Verdict CreatesDisabled(Run& run) {
  SLUICE_OR_SKIP(writing, run.Writing());
  Bench bench(&run);
  SLUICE_OR_SKIP(account, bench.Account());
  if (account->writing().creates_enabled() || !Bench::Can(*account, v1::ACTION_ENABLE))
    return Skipped("its accounts are not enabled by an operation of their own");
  SLUICE_OR_SKIP(id, bench.New(*account));
  const Result result = ApplyOne(*writing, bench.Make(v1::ACTION_ENABLE, account->name(), id));
  if (result.outcome() == Result::NO_CHANGE) return Failed("an account that was just created is enabled already");
  return Passed();
}

Verdict Updates(Run& run) {
  SLUICE_OR_SKIP(writing, run.Writing());
  Bench bench(&run);
  SLUICE_OR_SKIP(account, bench.Account());
  SLUICE_OR_SKIP(id, bench.New(*account));
  const v1::Operation update = bench.Update(*account, id);
  if (update.deltas().empty()) return Skipped("it has no attribute to update; name one with check: {update: ...}");
  bool is_there = false;
  const Result result = ApplyOne(*writing, update);
  if (result.outcome() != Result::APPLIED) return Failed("UPDATE answers ", Text(result));
  SLUICE_OR_SKIP(after, bench.Look(*writing, *account, id, &is_there));
  for (const v1::Delta& delta : update.deltas()) {
    const v1::Attribute* a = FindAttribute(*account, delta.attribute());
    if (a == nullptr || !a->readable()) continue;
    if (!IsSame(*a, after[a->name()], delta.replace()))
      return Failed("UPDATE was APPLIED, and attribute ", a->name(), " has not the value that was written");
  }
  return Passed();
}

Verdict ChangesAreTold(Run& run) {
  SLUICE_OR_SKIP(writing, run.Writing());
  Bench bench(&run);
  SLUICE_OR_SKIP(account, bench.Account());
  SLUICE_OR_SKIP(id, bench.New(*account));
  const v1::Operation update = bench.Update(*account, id);
  if (update.deltas().empty()) return Skipped("it has no attribute to update");
  bool is_there = false;
  SLUICE_OR_SKIP(before, bench.Look(*writing, *account, id, &is_there));
  const Result result = ApplyOne(*writing, update);
  if (result.outcome() != Result::APPLIED) return Skipped("TGT-004 fails");
  for (const v1::Delta& delta : update.deltas()) {
    const v1::Attribute* a = FindAttribute(*account, delta.attribute());
    if (a == nullptr || !a->readable()) continue;
    const v1::Change* told = nullptr;
    for (const v1::Change& change : result.changes()) {
      if (change.attribute() == a->name()) told = &change;
    }
    if (told == nullptr) return Failed("UPDATE changed attribute ", a->name(), " and does not tell it in changes");
    if (!IsSame(*a, told->after(), delta.replace()))
      return Failed("UPDATE tells another value after than it wrote in attribute ", a->name());
    const auto old = before.find(a->name());
    const bool was_empty = old == before.end() || old->second.has_empty();
    const bool told_empty = told->before().has_empty() || told->before().kind_case() == v1::Value::KIND_NOT_SET;
    if (was_empty != told_empty || (!was_empty && !IsSame(*a, told->before(), old->second)))
      return Failed("UPDATE tells another value before than there was in attribute ", a->name());
  }
  return Passed();
}

// Does `first` once with each of `count` new ids; the first is `expected`, the others NO_CHANGE.
Verdict Repeats(Run& run, v1::Action action, const char* what, v1::Action prepare = v1::ACTION_UNSPECIFIED) {
  SLUICE_OR_SKIP(writing, run.Writing());
  Bench bench(&run);
  SLUICE_OR_SKIP(account, bench.Account());
  if (!Bench::Can(*account, action)) return Skipped("its accounts have not the action ", what);
  SLUICE_OR_SKIP(id, bench.New(*account));
  if (prepare != v1::ACTION_UNSPECIFIED) ApplyOne(*writing, bench.Make(prepare, account->name(), id));
  v1::Operation operation =
      action == v1::ACTION_UPDATE ? bench.Update(*account, id) : bench.Make(action, account->name(), id);
  const Result first = ApplyOne(*writing, operation);
  if (first.outcome() != Result::APPLIED) {
    if (action == v1::ACTION_UPDATE) return Skipped("TGT-004 fails");
    if (action == v1::ACTION_ENABLE && first.outcome() == Result::NO_CHANGE) return Skipped("TGT-003 fails");
    return Failed(what, " answers ", Text(first));
  }
  for (int i = 0; i < 2; ++i) {
    operation.set_id(absl::StrCat(operation.id(), "-again"));
    const Result again = ApplyOne(*writing, operation);
    if (again.outcome() != Result::NO_CHANGE)
      return Failed(what, " of what is so already answers ", Text(again), ", not NO_CHANGE");
  }
  return Passed();
}
Verdict UpdatesAgain(Run& run) { return Repeats(run, v1::ACTION_UPDATE, "UPDATE"); }
Verdict EnablesAgain(Run& run) { return Repeats(run, v1::ACTION_ENABLE, "ENABLE"); }
Verdict DisablesAgain(Run& run) { return Repeats(run, v1::ACTION_DISABLE, "DISABLE", v1::ACTION_ENABLE); }
Verdict DeletesAgain(Run& run) { return Repeats(run, v1::ACTION_DELETE, "DELETE"); }

Verdict GoneIsNotFound(Run& run) {
  SLUICE_OR_SKIP(writing, run.Writing());
  Bench bench(&run);
  SLUICE_OR_SKIP(account, bench.Account());
  SLUICE_OR_SKIP(id, bench.New(*account));
  if (ApplyOne(*writing, bench.Make(v1::ACTION_DELETE, account->name(), id)).outcome() != Result::APPLIED)
    return Skipped("TGT-009 fails");
  bool is_there = false;
  SLUICE_OR_SKIP(gone, bench.Look(*writing, *account, id, &is_there));
  (void)gone;
  if (is_there) return Failed("DELETE was APPLIED, and Read still finds ", Text({account->name(), id}));
  const v1::Operation update = bench.Update(*account, id);
  for (const v1::Operation& operation : {update, bench.Make(v1::ACTION_ENABLE, account->name(), id)}) {
    if (!Bench::Can(*account, operation.action())) continue;
    const Result result = ApplyOne(*writing, operation);
    if (!FailedWith(result, v1::REASON_NOT_FOUND))
      return Failed(v1::Action_Name(operation.action()).substr(7), " of an object that is gone answers ", Text(result),
                    ", not NOT_FOUND");
  }
  return Passed();
}

Verdict GrantsAndRevokes(Run& run) {
  SLUICE_OR_SKIP(writing, run.Writing());
  Bench bench(&run);
  SLUICE_OR_SKIP(account, bench.Account());
  SLUICE_OR_SKIP(relation, bench.Relation());
  SLUICE_OR_SKIP(id, bench.New(*account));
  SLUICE_OR_SKIP(group, bench.New(*run.FindClass(relation->relation().object_class())));
  struct Step {
    bool grant;
    Result::Outcome expected;
    const char* what;
  };
  for (const Step& step :
       {Step{true, Result::APPLIED, "GRANT"}, Step{true, Result::NO_CHANGE, "GRANT again"},
        Step{false, Result::APPLIED, "REVOKE"}, Step{false, Result::NO_CHANGE, "REVOKE again"},
        Step{true, Result::APPLIED, "GRANT after REVOKE"}, Step{false, Result::APPLIED, "the last REVOKE"}}) {
    const Result result = ApplyOne(*writing, bench.Grant(*relation, step.grant, id, group));
    if (result.outcome() != step.expected)
      return Failed(step.what, " answers ", Text(result), ", not ", Result::Outcome_Name(step.expected));
  }
  return Passed();
}

absl::StatusOr<bool> Holds(Run& run, Launched& launched, const v1::ObjectClass& relation, const std::string& account,
                           const std::string& group) {
  const v1::ObjectClass::Relation& r = relation.relation();
  ImportOptions options;
  options.classes = {{relation.name(), {r.subject_attribute(), r.object_attribute()}}};
  const ImportLog log = Import(launched, run.config(), options);
  if (!log.status.ok()) return absl::FailedPreconditionError(absl::StrCat("SRC-009 fails: ", Text(log.status)));
  const auto leads = [](const Record& record, const std::string& attribute, const std::string& id) {
    const auto cell = record.cells.find(attribute);
    return cell != record.cells.end() && (cell->second.reference().id() == id || cell->second.text() == id);
  };
  for (const Record& record : log.records) {
    if (leads(record, r.subject_attribute(), account) && leads(record, r.object_attribute(), group)) return true;
  }
  return false;
}

Verdict GrantsAreListed(Run& run) {
  SLUICE_OR_SKIP(writing, run.Writing());
  Bench bench(&run);
  SLUICE_OR_SKIP(account, bench.Account());
  SLUICE_OR_SKIP(relation, bench.Relation());
  SLUICE_OR_SKIP(id, bench.New(*account));
  SLUICE_OR_SKIP(group, bench.New(*run.FindClass(relation->relation().object_class())));
  for (const bool grant : {true, false}) {
    if (ApplyOne(*writing, bench.Grant(*relation, grant, id, group)).outcome() != Result::APPLIED)
      return Skipped("TGT-011 fails");
    SLUICE_OR_SKIP(holds, Holds(run, *writing, *relation, id, group));
    if (holds != grant)
      return Failed("after a ", grant ? "GRANT" : "REVOKE", " that was APPLIED the import ",
                    holds ? "still lists" : "does not list", " the membership");
  }
  return Passed();
}

Verdict GrantToNobody(Run& run) {
  SLUICE_OR_SKIP(writing, run.Writing());
  Bench bench(&run);
  SLUICE_OR_SKIP(account, bench.Account());
  SLUICE_OR_SKIP(relation, bench.Relation());
  SLUICE_OR_SKIP(id, bench.New(*account));
  SLUICE_OR_SKIP(group, bench.New(*run.FindClass(relation->relation().object_class())));
  if (ApplyOne(*writing, bench.Make(v1::ACTION_DELETE, account->name(), id)).outcome() != Result::APPLIED)
    return Skipped("TGT-009 fails");
  const Result grant = ApplyOne(*writing, bench.Grant(*relation, true, id, group));
  if (!FailedWith(grant, v1::REASON_NOT_FOUND))
    return Failed("GRANT to an account that is gone answers ", Text(grant), ", not NOT_FOUND");
  const Result revoke = ApplyOne(*writing, bench.Grant(*relation, false, id, group));
  if (revoke.outcome() != Result::NO_CHANGE)
    return Failed("REVOKE from an account that is gone answers ", Text(revoke), ", not NO_CHANGE");
  return Passed();
}

Verdict TakenIsSaid(Run& run) {
  SLUICE_OR_SKIP(writing, run.Writing());
  Bench bench(&run);
  SLUICE_OR_SKIP(account, bench.Account());
  const v1::Operation create = bench.Create(*account);
  const auto unique = bench.UniqueOf(*account, create);
  if (unique.first.empty()) return Skipped("a new account gets no text in an attribute with unique_in");
  if (auto first = bench.Created(*writing, *account, create); !first.ok()) return Skipped(first.status().message());
  v1::Operation second = bench.Create(*account);
  for (v1::Delta& delta : *second.mutable_deltas()) {
    if (delta.attribute() == unique.first) delta.mutable_replace()->set_text(unique.second);
  }
  const Result result = ApplyOne(*writing, second);
  if (result.outcome() == Result::APPLIED) bench.Made(account->name(), result.object_id());
  if (!FailedWith(result, v1::REASON_ALREADY_EXISTS))
    return Failed("a CREATE whose ", unique.first, " is taken answers ", Text(result), ", not ALREADY_EXISTS");
  for (const v1::Taken& taken : result.error().taken()) {
    if (taken.attribute() == unique.first) return Passed();
  }
  return Failed("a CREATE whose ", unique.first, " is taken does not say in `taken` which attribute it was");
}

Verdict CorrelatesOne(Run& run) {
  SLUICE_OR_SKIP(writing, run.Writing());
  Bench bench(&run);
  SLUICE_OR_SKIP(account, bench.Account());
  v1::Operation create = bench.Create(*account);
  const auto unique = bench.UniqueOf(*account, create);
  if (unique.first.empty()) return Skipped("a new account gets no text in an attribute with unique_in");
  v1::Match* match = create.add_correlate();
  match->set_attribute(unique.first);
  match->mutable_value()->set_text(unique.second);
  const Result first = ApplyOne(*writing, create);
  if (first.outcome() == Result::PENDING) return Skipped("TGT-031 judges what is PENDING");
  if (first.outcome() != Result::APPLIED)
    return Failed("a CREATE whose correlate matches nothing answers ", Text(first), ", not APPLIED");
  bench.Made(account->name(), first.object_id());
  create.set_id(create.id() + "-again");
  const Result again = ApplyOne(*writing, create);
  if (again.outcome() == Result::APPLIED) bench.Made(account->name(), again.object_id());
  if (again.outcome() != Result::NO_CHANGE || again.object_id() != first.object_id())
    return Failed("a CREATE whose correlate matches one object answers ", Text(again), ", not NO_CHANGE with its id");
  return Passed();
}

Verdict AmbiguousIsNeverChosen(Run& run) {
  SLUICE_OR_SKIP(writing, run.Writing());
  Bench bench(&run);
  SLUICE_OR_SKIP(account, bench.Account());
  const auto shared = run.config().correlate.find(account->name());
  if (shared == run.config().correlate.end())
    return Skipped("check: {correlate: {", account->name(),
                   ": ATTRIBUTE}} does not name an attribute that two accounts can share");
  std::vector<v1::Operation> creates = {bench.Create(*account), bench.Create(*account), bench.Create(*account)};
  const std::string value = bench.Unique();
  for (v1::Operation& create : creates) {
    v1::Delta* delta = nullptr;
    for (v1::Delta& existing : *create.mutable_deltas()) {
      if (existing.attribute() == shared->second) delta = &existing;
    }
    if (delta == nullptr) delta = create.add_deltas();
    delta->set_attribute(shared->second);
    delta->mutable_replace()->set_text(value);
  }
  for (int i = 0; i < 2; ++i) {
    const Result made = ApplyOne(*writing, creates[static_cast<size_t>(i)]);
    if (made.outcome() != Result::APPLIED) return Skipped("TGT-002 fails: ", Text(made));
    bench.Made(account->name(), made.object_id());
  }
  v1::Match* match = creates[2].add_correlate();
  match->set_attribute(shared->second);
  match->mutable_value()->set_text(value);
  const Result result = ApplyOne(*writing, creates[2]);
  if (result.outcome() == Result::APPLIED) bench.Made(account->name(), result.object_id());
  if (!FailedWith(result, v1::REASON_AMBIGUOUS))
    return Failed("a CREATE whose correlate matches two objects answers ", Text(result), ", not AMBIGUOUS");
  if (result.error().candidates_size() < 2)
    return Failed("AMBIGUOUS names ", result.error().candidates_size(), " candidates of two");
  return Passed();
}

Verdict RefusesWhatItCannot(Run& run) {
  SLUICE_OR_SKIP(writing, run.Writing());
  SLUICE_OR_SKIP(schema, run.Schema());
  Bench bench(&run);
  for (const v1::ObjectClass& c : schema->classes()) {
    if (Bench::Can(c, v1::ACTION_CREATE)) continue;
    const Result result = ApplyOne(*writing, bench.Create(c));
    if (result.outcome() != Result::FAILED ||
        (result.error().reason() != v1::REASON_UNSUPPORTED && result.error().reason() != v1::REASON_INVALID))
      return Failed("CREATE of class ", c.name(), ", which has not that action, answers ", Text(result),
                    ", not UNSUPPORTED");
  }
  const Result unknown = ApplyOne(*writing, bench.Make(v1::ACTION_DELETE, "no_such_class", "1"));
  if (unknown.outcome() != Result::FAILED) return Failed("DELETE of a class that there is not answers ", Text(unknown));
  return Passed();
}

Verdict RefusesNoValue(Run& run) {
  SLUICE_OR_SKIP(writing, run.Writing());
  Bench bench(&run);
  SLUICE_OR_SKIP(account, bench.Account());
  SLUICE_OR_SKIP(id, bench.New(*account));
  v1::Operation update = bench.Update(*account, id);
  if (update.deltas().empty()) return Skipped("it has no attribute to update");
  update.mutable_deltas(0)->mutable_replace()->clear_kind();
  const Result result = ApplyOne(*writing, update);
  return FailedWith(result, v1::REASON_INVALID) ? Passed()
                                                : Failed("an UPDATE that replaces by a value without a kind answers ",
                                                         Text(result), ", not INVALID: it may not clear");
}

constexpr Check kChecks[] = {
    {"TGT-001", 4, Severity::kMust, "A system that is open READ_ONLY refuses Apply with UNSUPPORTED.",
     "look at the mode of Open before anything is written", ReadOnlyRefuses},
    {"TGT-002", 4, Severity::kMust,
     "CREATE gives an object with an id, which Read finds with the values that were written.",
     "answer APPLIED only when it is there, with its id", Creates},
    {"TGT-003", 4, Severity::kMust, "CREATE leaves an account disabled.",
     "create it disabled, or say Writing.creates_enabled", CreatesDisabled},
    {"TGT-004", 4, Severity::kMust, "UPDATE writes what it is told.", "write each delta", Updates},
    {"TGT-005", 4, Severity::kMust, "UPDATE tells each change with the value before and after.",
     "read the object before you write it, and fill `changes`", ChangesAreTold},
    {"TGT-006", 4, Severity::kMust, "UPDATE of what is so already is NO_CHANGE.", "compare before you write",
     UpdatesAgain},
    {"TGT-007", 4, Severity::kMust, "ENABLE of what is enabled is NO_CHANGE.", "compare before you write",
     EnablesAgain},
    {"TGT-008", 4, Severity::kMust, "DISABLE of what is disabled is NO_CHANGE.", "compare before you write",
     DisablesAgain},
    {"TGT-009", 4, Severity::kMust, "DELETE of what is gone is NO_CHANGE.", "take 'there is no such object' for done",
     DeletesAgain},
    {"TGT-010", 4, Severity::kMust, "UPDATE and ENABLE of what is gone are NOT_FOUND.", "answer FAILED with NOT_FOUND",
     GoneIsNotFound},
    {"TGT-011", 4, Severity::kMust,
     "GRANT and REVOKE are APPLIED once, NO_CHANGE again, and APPLIED once more the other way.",
     "look whether it is so already, and answer NO_CHANGE", GrantsAndRevokes},
    {"TGT-012", 4, Severity::kMust, "What was granted is listed by Import, and what was revoked is not.",
     "list the relation's rows from the system, not from memory", GrantsAreListed},
    {"TGT-013", 4, Severity::kMust, "GRANT to an account that is gone is NOT_FOUND, REVOKE from it NO_CHANGE.",
     "tell a missing account from a missing membership", GrantToNobody},
    {"TGT-014", 4, Severity::kMust, "A CREATE with a taken value is ALREADY_EXISTS and says which attribute.",
     "fill `taken` of the error", TakenIsSaid},
    {"TGT-015", 4, Severity::kMust, "A CREATE whose correlate matches one object is NO_CHANGE with its id.",
     "look for `correlate` first", CorrelatesOne},
    {"TGT-016", 4, Severity::kMust,
     "A CREATE whose correlate matches several is AMBIGUOUS with candidates: none is chosen.",
     "count what `correlate` finds", AmbiguousIsNeverChosen},
    {"TGT-017", 4, Severity::kMust, "What a class cannot be told to do is FAILED: UNSUPPORTED or INVALID.",
     "refuse actions that the schema does not list", RefusesWhatItCannot},
    {"TGT-018", 4, Severity::kMust, "A replace without a value is INVALID: it clears nothing.",
     "clear only at `clear`, and at an explicit empty", RefusesNoValue},
};

}  // namespace

absl::Span<const Check> WriteChecks() { return kChecks; }

}  // namespace sluice::conformance
