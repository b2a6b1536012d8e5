#include "host/store/sqlite/operation_tables.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "host/base/hash.h"
#include "host/base/status.h"
#include "host/store/sqlite/codec.h"

namespace sluice::store {
namespace {

constexpr char kSelect[] =
    "SELECT o.id, o.plan, o.run_id, o.state, o.attempt, o.host, o.fence, o.lease_until, o.outcome, o.error_reason, "
    "o.error, o.retry_at, o.names, o.secrets, o.written, o.ended, c.json, o.object_id, o.private_state FROM operations "
    "AS o "
    "JOIN operation_contents AS c ON c.operation_id = o.id ";

bool IsOpen(Operation::State state) {
  switch (state) {
    case Operation::State::kWritten:
    case Operation::State::kSent:
    case Operation::State::kPending:
    case Operation::State::kInDoubt:
      return true;
    case Operation::State::kDone:
    case Operation::State::kFailed:
    case Operation::State::kSuperseded:
      return false;
  }
  return false;
}

// One more than every text that begins with `prefix`.
std::string After(const std::string& prefix) { return absl::StrCat(prefix, "\x7f"); }

// How the stored one was claimed; checks the fence of the one to write.
struct Stored {
  bool is_there = false;
  bool is_open = false;
  // By the same run's sending: what it says is stored as well.
  bool is_of_this_attempt = false;
};
absl::StatusOr<Stored> CheckFence(Database& database, const Operation& operation) {
  ASSIGN_OR_RETURN(Query query,
                   database.Ask("SELECT state, fence, host, run_id, attempt, plan FROM operations WHERE id = ?",
                                operation.planned.id));
  Stored stored;
  if (query.Next()) {
    Operation::State state = Operation::State::kDone;
    if (!FromName(query.View(0), state)) return Unreadable("operations", operation.planned.id);
    stored = {
        true, IsOpen(state),
        query.View(3) == operation.run_id && query.Integer(4) == operation.attempt && query.View(5) == operation.plan};
    if (query.Integer(1) > operation.fence) {
      return absl::AbortedError(absl::StrCat("operation ", operation.planned.id, " was claimed by host ", query.View(2),
                                             " with lease ", query.Integer(1), "; the lease ", operation.fence,
                                             " of this host is over: nothing was written, claim anew"));
    }
  }
  RETURN_IF_ERROR(query.status());
  return stored;
}

absl::Status Upsert(Database& database, const Operation& operation) {
  return database.Run(
      "INSERT INTO operations (id, system, person_id, entitlement, plan, run_id, state, attempt, host, fence, "
      "lease_until, outcome, error_reason, error, retry_at, names, secrets, object_id, private_state, written, ended) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
      "plan = excluded.plan, run_id = excluded.run_id, state = excluded.state, attempt = excluded.attempt, "
      "host = excluded.host, fence = excluded.fence, lease_until = excluded.lease_until, outcome = excluded.outcome, "
      "error_reason = excluded.error_reason, error = excluded.error, retry_at = excluded.retry_at, "
      "names = excluded.names, secrets = excluded.secrets, object_id = excluded.object_id, "
      "private_state = excluded.private_state, written = excluded.written, ended = excluded.ended",
      operation.planned.id, operation.planned.system, operation.planned.person_id, operation.planned.entitlement,
      operation.plan, operation.run_id, NameOf(operation.state), operation.attempt, operation.host, operation.fence,
      operation.lease_until, operation.outcome, operation.error_reason, operation.error, operation.retry_at,
      TextsText(operation.names), TextsText(operation.secrets), operation.object_id, Blob{operation.private_state},
      operation.written, operation.ended);
}

absl::StatusOr<Operation> OperationFrom(const Query& query) {
  Operation operation;
  const std::string id = query.Text(0);
  operation.plan = query.Text(1);
  operation.run_id = query.Text(2);
  operation.attempt = static_cast<int>(query.Integer(4));
  operation.host = query.Text(5);
  operation.fence = query.Integer(6);
  operation.lease_until = query.Time(7);
  operation.outcome = query.Text(8);
  operation.error_reason = query.Text(9);
  operation.error = query.Text(10);
  operation.retry_at = query.MaybeTime(11);
  operation.written = query.Time(14);
  operation.ended = query.Time(15);
  operation.object_id = query.Text(17);
  operation.private_state = std::string(query.View(18));
  const nlohmann::json json = Parse(query.View(16));
  if (!FromName(query.View(3), operation.state) || !TextsFromText(query.View(12), operation.names) ||
      !TextsFromText(query.View(13), operation.secrets) || !json.is_object()) {
    return Unreadable("operations", id);
  }
  absl::StatusOr<core::PlannedOperation> planned = core::PlannedOperationFromJson(json);
  if (!planned.ok()) return Unreadable("operation_contents", id);
  operation.planned = *std::move(planned);
  return operation;
}

absl::StatusOr<std::vector<Operation>> AllOf(Query query) {
  std::vector<Operation> operations;
  while (query.Next()) {
    ASSIGN_OR_RETURN(Operation operation, OperationFrom(query));
    operations.push_back(std::move(operation));
  }
  RETURN_IF_ERROR(query.status());
  return operations;
}

}  // namespace

absl::StatusOr<bool> WriteOperations(Database& database, const std::vector<Operation>& operations) {
  bool has_changed = false;
  for (const Operation& operation : operations) {
    ASSIGN_OR_RETURN(const Stored stored, CheckFence(database, operation));
    has_changed = has_changed || IsOpen(operation.state) != stored.is_open;
    RETURN_IF_ERROR(Upsert(database, operation));
    if (stored.is_of_this_attempt) continue;
    RETURN_IF_ERROR(
        database.Run("INSERT INTO operation_contents (operation_id, json) VALUES (?, ?) "
                     "ON CONFLICT DO UPDATE SET json = excluded.json WHERE json IS NOT excluded.json",
                     operation.planned.id, base::CanonicalJson(core::ToJson(operation.planned))));
  }
  return has_changed;
}

absl::Status ReadOpen(Database& database, core::State& state) {
  ASSIGN_OR_RETURN(Query query, database.Ask("SELECT id, system, person_id, entitlement FROM operations "
                                             "WHERE state IN ('written', 'sent', 'pending', 'in_doubt')"));
  while (query.Next()) {
    state.open_operations.insert(query.Text(0));
    const absl::string_view whom = query.View(2).empty() ? query.View(3) : query.View(2);
    state.open_objects.insert(absl::StrCat(query.View(1), "/", whom));
  }
  return query.status();
}

absl::StatusOr<std::vector<Operation>> ReadOpenOperations(Database& database) {
  ASSIGN_OR_RETURN(
      Query query,
      database.Ask(absl::StrCat(
          kSelect, "WHERE o.state IN ('written', 'sent', 'pending', 'in_doubt') ORDER BY o.written, c.rowid")));
  return AllOf(std::move(query));
}

absl::StatusOr<std::vector<Operation>> ReadOperationsOfRun(Database& database, const std::string& run_id) {
  ASSIGN_OR_RETURN(Query query,
                   database.Ask(absl::StrCat(kSelect, "WHERE o.run_id = ? ORDER BY o.written, c.rowid"), run_id));
  return AllOf(std::move(query));
}

absl::StatusOr<std::vector<Operation>> ReadOperationsOfPerson(Database& database, const std::string& person_id) {
  ASSIGN_OR_RETURN(Query query,
                   database.Ask(absl::StrCat(kSelect, "WHERE o.person_id = ? ORDER BY o.written, c.rowid"), person_id));
  return AllOf(std::move(query));
}

absl::StatusOr<std::optional<Operation>> ReadOperation(Database& database, const std::string& id_prefix) {
  const std::string prefix = absl::AsciiStrToLower(id_prefix);
  ASSIGN_OR_RETURN(
      Query query,
      database.Ask(absl::StrCat(kSelect, "WHERE o.id >= ? AND o.id < ? ORDER BY o.id LIMIT 2"), prefix, After(prefix)));
  ASSIGN_OR_RETURN(std::vector<Operation> found, AllOf(std::move(query)));
  if (found.empty()) return std::nullopt;
  if (found.size() > 1) {
    return absl::InvalidArgumentError(absl::StrCat("several operations begin with \"", id_prefix, "\", among them ",
                                                   found[0].planned.id, " and ", found[1].planned.id,
                                                   ": give more of it"));
  }
  return std::move(found[0]);
}

absl::StatusOr<std::map<std::string, int>> ReadAttempts(Database& database, const std::vector<std::string>& ids) {
  std::map<std::string, int> attempts;
  for (const std::string& id : ids) {
    ASSIGN_OR_RETURN(const int64_t attempt, database.Number(-1, "SELECT attempt FROM operations WHERE id = ?", id));
    if (attempt >= 0) attempts[id] = static_cast<int>(attempt);
  }
  return attempts;
}

absl::Status WritePlan(Database& database, const core::Plan& plan) {
  // The operations stand one by one: the first plan of a large board would be a text of hundreds of megabytes.
  core::Plan head;
  head.hash = plan.hash;
  head.snapshot = plan.snapshot;
  head.state_sequence = plan.state_sequence;
  head.configuration = plan.configuration;
  head.as_of = plan.as_of;
  head.blocks = plan.blocks;
  head.thresholds = plan.thresholds;
  head.held_back = plan.held_back;
  head.warnings = plan.warnings;
  head.resolved_permissions = plan.resolved_permissions;
  head.unused_resources = plan.unused_resources;
  head.reused_resources = plan.reused_resources;
  head.drifted = plan.drifted;
  head.settled = plan.settled;
  RETURN_IF_ERROR(
      database.Run("INSERT INTO plans (hash, json) VALUES (?, ?) ON CONFLICT DO UPDATE SET "
                   "json = excluded.json WHERE json IS NOT excluded.json",
                   plan.hash, base::CanonicalJson(core::ToJson(head))));
  ASSIGN_OR_RETURN(const int64_t id, database.Number(0, "SELECT id FROM plans WHERE hash = ?", plan.hash));
  int64_t position = 0;
  for (const core::PlannedOperation& operation : plan.operations) {
    RETURN_IF_ERROR(
        database.Run("INSERT INTO plan_operations (plan, position, json) VALUES (?, ?, ?) "
                     "ON CONFLICT DO UPDATE SET json = excluded.json WHERE json IS NOT excluded.json",
                     id, position++, base::CanonicalJson(core::ToJson(operation))));
  }
  return database.Run("DELETE FROM plan_operations WHERE plan = ? AND position >= ?", id, position);
}

absl::StatusOr<core::Plan> ReadPlan(Database& database, const std::string& hash_prefix) {
  const std::string prefix = absl::AsciiStrToLower(hash_prefix);
  int64_t id = 0;
  core::Plan plan;
  {
    ASSIGN_OR_RETURN(Query query, database.Ask("SELECT id, hash, json FROM plans WHERE hash >= ? AND hash < ? "
                                               "ORDER BY hash LIMIT 2",
                                               prefix, After(prefix)));
    std::vector<std::string> hashes;
    for (; query.Next(); hashes.push_back(query.Text(1))) {
      if (!hashes.empty()) continue;
      id = query.Integer(0);
      const nlohmann::json json = Parse(query.View(2));
      absl::StatusOr<core::Plan> head =
          json.is_object() ? core::PlanFromJson(json) : absl::StatusOr<core::Plan>(absl::DataLossError("no plan"));
      if (!head.ok()) return Unreadable("plans", query.Text(1));
      plan = *std::move(head);
    }
    RETURN_IF_ERROR(query.status());
    if (hashes.empty()) return absl::NotFoundError(absl::StrCat("there is no plan ", hash_prefix));
    if (hashes.size() > 1) {
      return absl::InvalidArgumentError(absl::StrCat("several plans begin with \"", hash_prefix, "\", among them ",
                                                     hashes[0].substr(0, 12), " and ", hashes[1].substr(0, 12),
                                                     ": give more of it"));
    }
  }
  ASSIGN_OR_RETURN(Query query, database.Ask("SELECT json FROM plan_operations WHERE plan = ? ORDER BY position", id));
  while (query.Next()) {
    const nlohmann::json json = Parse(query.View(0));
    if (!json.is_object()) return Unreadable("plan_operations", plan.hash);
    absl::StatusOr<core::PlannedOperation> operation = core::PlannedOperationFromJson(json);
    if (!operation.ok()) return Unreadable("plan_operations", plan.hash);
    plan.operations.push_back(*std::move(operation));
  }
  RETURN_IF_ERROR(query.status());
  return plan;
}

}  // namespace sluice::store
