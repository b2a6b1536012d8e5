#include <google/protobuf/util/json_util.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "host/api/translate_internal.h"
#include "host/core/reasons.h"

namespace sluice::api {
namespace {

const char* StateName(core::GrantState state) {
  switch (state) {
    case core::GrantState::kAbsent:
      return "absent";
    case core::GrantState::kHeld:
      return "held";
    case core::GrantState::kUnmanaged:
      return "unmanaged";
    case core::GrantState::kInDoubt:
      return "in_doubt";
    case core::GrantState::kRetired:
      return "retired";
  }
  return "absent";
}

const char* StatusName(core::OperationStatus status) {
  switch (status) {
    case core::OperationStatus::kReady:
      return "ready";
    case core::OperationStatus::kBlocked:
      return "blocked";
    case core::OperationStatus::kWaiting:
      return "waiting";
    case core::OperationStatus::kObserving:
      return "observing";
  }
  return "ready";
}

const char* StateName(store::Operation::State state) {
  switch (state) {
    case store::Operation::State::kWritten:
      return "written";
    case store::Operation::State::kSent:
      return "sent";
    case store::Operation::State::kDone:
      return "done";
    case store::Operation::State::kFailed:
      return "failed";
    case store::Operation::State::kPending:
      return "pending";
    case store::Operation::State::kInDoubt:
      return "in_doubt";
    case store::Operation::State::kSuperseded:
      return "superseded";
  }
  return "";
}

const char* VerdictName(core::Verdict verdict) {
  return verdict == core::Verdict::kTrue ? "true" : verdict == core::Verdict::kFalse ? "false" : "unknown";
}

const char* AnswerName(core::Explanation::Answer answer) {
  switch (answer) {
    case core::Explanation::Answer::kGranted:
      return "granted";
    case core::Explanation::Answer::kNotGranted:
      return "not_granted";
    case core::Explanation::Answer::kUnknown:
      return "unknown";
    case core::Explanation::Answer::kHeldNoLonger:
      return "held_no_longer";
    case core::Explanation::Answer::kExcluded:
      return "excluded";
    case core::Explanation::Answer::kHeldBack:
      return "held_back";
    case core::Explanation::Answer::kNotActivated:
      return "not_activated";
  }
  return "unknown";
}

std::string RecordName(const core::RecordKey& key) {
  return absl::StrCat(key.system, " ", key.object_class, " ", key.id);
}

}  // namespace

std::string DateOf(absl::CivilDay day) { return absl::FormatCivilTime(day); }
std::string DateOf(const std::optional<absl::CivilDay>& day) { return day ? DateOf(*day) : ""; }

void SetTime(absl::Time time, google::protobuf::Timestamp* out) {
  const int64_t micros = absl::ToUnixMicros(time);
  int64_t seconds = micros / 1000000, rest = micros % 1000000;
  if (rest < 0) {
    --seconds;
    rest += 1000000;
  }
  out->set_seconds(seconds);
  out->set_nanos(static_cast<int32_t>(rest * 1000));
}

void SetStruct(const nlohmann::json& json, google::protobuf::Struct* out) {
  if (!json.is_object()) return;
  const std::string text = json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  if (!google::protobuf::util::JsonStringToMessage(text, out).ok()) out->Clear();
}

std::string ContractLabel(const core::Contract& contract) { return core::ContractText(contract); }

void Fill(const core::Snapshot& snapshot, v1::Snapshot* out) {
  out->set_sequence(snapshot.sequence);
  if (snapshot.sequence > 0) out->set_as_of(DateOf(snapshot.as_of));
  out->set_configuration(snapshot.configuration);
  int people = 0, held_back = 0, vanished = 0;
  for (const auto& person : snapshot.persons) {
    ++(person->last_seen ? vanished : people);
    held_back += !person->held_back.empty();
  }
  out->set_people(people);
  out->set_held_back(held_back);
  out->set_vanished(vanished);
}

void Fill(const core::Person& person, const core::State& state, absl::CivilDay as_of, v1::Person* out) {
  out->set_name("persons/" + person.id);
  out->set_external_id(person.external_id);
  out->set_display(person.display);
  std::vector<std::string> systems;  // Several of a person that is joined, by precedence.
  for (const core::RecordKey& record : person.sources) {
    if (systems.empty() || systems.back() != record.system) systems.push_back(record.system);
  }
  out->set_system(absl::StrJoin(systems, ", "));
  out->set_state("present");
  if (person.last_seen) out->set_state("vanished");
  for (const core::Exclusion& exclusion : state.exclusions) {
    if (exclusion.person_id == person.id && exclusion.Holds(as_of)) out->set_state("excluded");
  }
  if (!person.held_back.empty()) out->set_state("held_back");
  for (const std::string& reason : person.held_back) out->add_held_back(reason);
  for (const core::Contract& contract : person.contracts) out->add_contracts(ContractLabel(contract));
  out->set_last_seen(DateOf(person.last_seen));
}

void Fill(const core::Contract& contract, v1::Contract* out) {
  out->set_id(contract.id);
  out->set_type(contract.type);
  out->set_start(DateOf(contract.start));
  out->set_end(DateOf(contract.end));
  out->set_last_seen(DateOf(contract.last_seen));
  for (const auto& [path, value] : contract.fields) (*out->mutable_fields())[path] = value.ToText();
  out->set_record(RecordName(contract.source));
}

void Fill(const core::Grant& grant, v1::Grant* out) {
  out->set_system(grant.system);
  out->set_entitlement(grant.entitlement);
  out->set_label(grant.label);
  out->set_state(StateName(grant.state));
  out->set_object_id(grant.object_id);
  out->set_object_name(grant.object_name);
  out->set_since(DateOf(grant.since));
  out->set_retired_on(DateOf(grant.retired_on));
  out->set_is_correlated(grant.is_correlated);
  out->set_operation(grant.last_operation);
}

void Fill(const core::ClauseResult& clause, v1::Clause* out) {
  out->set_position(clause.position.ToString());
  out->set_path(clause.path);
  out->set_wanted(clause.wanted);
  out->set_saw(clause.saw.ToText());
  out->set_verdict(VerdictName(clause.verdict));
  out->set_text(clause.text);
  out->set_contract_id(clause.contract_id);
}

void Fill(const core::SupportReason& support, v1::Support* out) {
  out->set_rule(support.rule);
  out->set_position(support.position.ToString());
  out->set_role(support.role);
  out->set_contract_id(support.contract_id);
  out->set_contract(support.contract);
  out->set_from(DateOf(support.from));
  out->set_until(DateOf(support.until));
  for (const core::ClauseResult& clause : support.clauses) Fill(clause, out->add_clauses());
  for (const core::RecordKey& key : support.records) out->add_records(RecordName(key));
}

void Fill(const core::Explanation& explanation, v1::Explanation* out) {
  out->set_answer(AnswerName(explanation.answer));
  out->set_entitlement(absl::StrCat(explanation.system, "/", explanation.entitlement));
  out->set_label(explanation.label);
  if (explanation.grant) Fill(*explanation.grant, out->mutable_grant());
  for (const core::SupportReason& support : explanation.supports) Fill(support, out->add_supports());
  for (const core::Explanation::Missed& missed : explanation.missed) {
    v1::MissedRule* rule = out->add_missed();
    rule->set_rule(missed.rule);
    rule->set_position(missed.position.ToString());
    rule->set_window(missed.window);
    for (const core::ClauseResult& clause : missed.clauses) Fill(clause, rule->add_clauses());
  }
  out->set_next_change(DateOf(explanation.next_change));
  out->set_note(explanation.note);
}

void Fill(const core::PlannedOperation& operation, const core::Snapshot& snapshot, v1::Operation* out) {
  out->set_id(operation.id);
  out->set_kind(std::string(core::OperationKindName(operation.kind)));
  out->set_system(operation.system);
  FillPerson(snapshot, operation.person_id, out);
  out->set_entitlement(operation.entitlement);
  out->set_label(operation.label);
  out->set_status(StatusName(operation.status));
  out->set_summary(operation.reason.summary);
  out->set_origin(operation.reason.origin);
  out->set_block(operation.block);
  for (const core::AttributeChange& change : operation.changes) {
    v1::AttributeChange* row = out->add_changes();
    row->set_attribute(change.attribute);
    row->set_before(change.before.ToText());
    row->set_after(change.after.ToText());
    row->set_is_cleared(change.after.is_empty());
  }
  for (const core::LateName& late : operation.names) {
    v1::AttributeChange* row = out->add_changes();
    row->set_attribute(late.attribute);
    row->set_after(late.expected);
  }
  for (const core::SupportReason& support : operation.reason.supports) Fill(support, out->add_supports());
}

void Fill(const store::Operation& operation, const core::Snapshot& snapshot, v1::Operation* out) {
  Fill(operation.planned, snapshot, out);
  out->set_status(operation.outcome.empty() ? StateName(operation.state) : operation.outcome);
  out->set_error(operation.error_reason.empty() ? "" : absl::StrCat(operation.error_reason, ": ", operation.error));
  if (operation.ended > absl::UnixEpoch()) SetTime(operation.ended, out->mutable_ended());
  out->set_plan(operation.plan);
  out->set_run(operation.run_id);
}

void Fill(const core::Plan& plan, const engine::World& world, v1::Plan* out) {
  out->set_name("plans/" + plan.hash);
  out->set_as_of(DateOf(plan.as_of));
  Fill(*world.snapshot, out->mutable_snapshot());
  out->set_configuration(plan.configuration);
  for (const core::PlannedOperation& operation : plan.operations)
    Fill(operation, *world.snapshot, out->add_operations());
  for (const core::Block& block : plan.blocks) {
    v1::Block* row = out->add_blocks();
    row->set_name("blocks/" + block.id);
    row->set_system(block.system);
    row->set_kind(block.kind);
    row->set_detail(block.detail);
    row->set_verdict(block.verdict);
    row->set_state(block.is_approved ? "approved" : "waiting");
    row->set_size(static_cast<int32_t>(block.ids.size()));
  }
  for (const core::ThresholdVerdict& verdict : plan.thresholds) {
    v1::ThresholdVerdict* row = out->add_thresholds();
    row->set_system(verdict.system);
    row->set_kind(verdict.kind);
    row->set_count(verdict.count);
    row->set_held(verdict.held);
    row->set_count_limit(verdict.count_limit.value_or(0));
    row->set_percent_limit(verdict.percent_limit.value_or(0));
    row->set_is_reached(verdict.is_reached);
    row->set_observing(verdict.observing);
  }
  for (const core::HeldBack& held : plan.held_back) {
    v1::HeldBack* row = out->add_held_back();
    FillPerson(*world.snapshot, held.person_id, row);
    row->set_system(held.system);
    row->set_reason(held.reason);
  }
  for (const std::string& warning : plan.warnings) out->add_warnings(warning);
}

void Fill(const store::BlockRecord& block, v1::Block* out) {
  out->set_name("blocks/" + block.id);
  out->set_system(block.system);
  out->set_kind(block.kind);
  out->set_detail(block.detail);
  out->set_verdict(block.verdict);
  out->set_state(block.state);
  out->set_size(static_cast<int32_t>(block.ids.size()));
  SetTime(block.since, out->mutable_since());
  out->set_decided_by(block.decided_by);
  out->set_reason(block.reason);
  if (block.decided) SetTime(*block.decided, out->mutable_decided());
}

void Fill(const store::Run& run, v1::Run* out) {
  out->set_name("runs/" + run.id);
  out->set_kind(run.kind);
  out->set_state(run.state);
  out->set_actor(run.actor);
  SetTime(run.started, out->mutable_started());
  if (run.ended) SetTime(*run.ended, out->mutable_ended());
  out->set_summary(run.summary);
  SetStruct(run.counts, out->mutable_counts());
  out->set_plan(run.plan);
  out->set_system(run.system);
}

void Fill(const AuditState& state, v1::AuditState* out) {
  out->set_checked(state.is_checked);
  out->set_last_row(state.last_row);
  out->set_sealed_row(state.sealed_row);
  if (state.sealed_row > 0) SetTime(state.sealed_at, out->mutable_sealed());
  out->set_copy_problem(state.copy_problem);
  for (const AuditDamage& damage : state.damage) {
    v1::AuditDamage* line = out->add_damage();
    line->set_first(damage.first);
    line->set_last(damage.last);
    line->set_what(damage.what);
    line->set_accepted_in(damage.accepted_in);
    line->set_accepted_by(damage.accepted_by);
    line->set_reason(damage.reason);
  }
}

void Fill(const engine::Runs::View& view, v1::Run* out) {
  Fill(view.run, out);
  out->set_activity(view.progress.activity);
  out->set_done(view.progress.done);
  out->set_expected(view.progress.expected);
  for (const std::string& warning : view.warnings) out->add_warnings(warning);
}

}  // namespace sluice::api
