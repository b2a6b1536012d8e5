#include "host/store/sqlite/log_tables.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "host/audit/chain.h"
#include "host/base/hash.h"
#include "host/base/status.h"
#include "host/store/sqlite/codec.h"

namespace sluice::store {
namespace {

constexpr char kRuns[] = "SELECT id, kind, state, actor, system, plan, started, ended, summary, counts FROM runs ";
constexpr char kSecrets[] =
    "SELECT id, person_id, system, attribute, sealed, operation_id, made, is_confirmed, handed_out FROM secrets ";

absl::StatusOr<std::vector<Run>> RunsOf(Query query) {
  std::vector<Run> runs;
  while (query.Next()) {
    Run run;
    run.id = query.Text(0);
    run.kind = query.Text(1);
    run.state = query.Text(2);
    run.actor = query.Text(3);
    run.system = query.Text(4);
    run.plan = query.Text(5);
    run.started = query.Time(6);
    run.ended = query.MaybeTime(7);
    run.summary = query.Text(8);
    run.counts = Parse(query.View(9));
    if (run.counts.is_discarded()) return Unreadable("runs", run.id);
    runs.push_back(std::move(run));
  }
  RETURN_IF_ERROR(query.status());
  return runs;
}

absl::StatusOr<std::vector<SealedSecret>> SecretsOf(Query query) {
  std::vector<SealedSecret> secrets;
  while (query.Next()) {
    SealedSecret secret;
    secret.id = query.Text(0);
    secret.person_id = query.Text(1);
    secret.system = query.Text(2);
    secret.attribute = query.Text(3);
    secret.sealed = query.Text(4);
    secret.operation_id = query.Text(5);
    secret.made = query.Time(6);
    secret.is_confirmed = query.Flag(7);
    secret.handed_out = query.MaybeTime(8);
    secrets.push_back(std::move(secret));
  }
  RETURN_IF_ERROR(query.status());
  return secrets;
}

}  // namespace

absl::Status WriteRun(Database& database, const Run& run) {
  return database.Run(
      "INSERT INTO runs (id, kind, state, actor, system, plan, started, ended, summary, counts) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, "
      "state = excluded.state, actor = excluded.actor, system = excluded.system, plan = excluded.plan, "
      "started = excluded.started, ended = excluded.ended, summary = excluded.summary, counts = excluded.counts",
      run.id, run.kind, run.state, run.actor, run.system, run.plan, run.started, run.ended, run.summary,
      run.counts.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

absl::StatusOr<std::vector<Run>> ReadRuns(Database& database, int limit) {
  ASSIGN_OR_RETURN(Query query, database.Ask(absl::StrCat(kRuns, "ORDER BY started DESC, number DESC LIMIT ?"), limit));
  return RunsOf(std::move(query));
}

absl::StatusOr<int> InterruptRuns(Database& database, absl::Time now) {
  std::vector<Run> runs;
  {
    ASSIGN_OR_RETURN(Query query, database.Ask(absl::StrCat(kRuns, "WHERE state = 'running' ORDER BY number")));
    ASSIGN_OR_RETURN(runs, RunsOf(std::move(query)));
  }
  std::vector<audit::Entry> entries;
  for (Run& run : runs) {
    run.state = "interrupted";
    run.ended = now;
    run.summary = "the host ended before the run did";
    RETURN_IF_ERROR(WriteRun(database, run));
    audit::Entry entry;
    entry.time = now;
    entry.actor = "host";
    entry.action = "run.interrupted";
    entry.run_id = run.id;
    entry.system = run.system;
    entry.plan = run.plan;
    entry.outcome = run.state;
    entry.detail = absl::StrCat(run.kind, ": ", run.summary);
    entries.push_back(std::move(entry));
  }
  RETURN_IF_ERROR(WriteAudit(database, entries));
  return static_cast<int>(runs.size());
}

absl::Status WriteBlocks(Database& database, const std::vector<BlockRecord>& blocks) {
  for (const BlockRecord& block : blocks) {
    RETURN_IF_ERROR(database.Run(
        "INSERT INTO blocks (id, system, kind, detail, verdict, ids, state, since, decided_by, reason, decided) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET system = excluded.system, "
        "kind = excluded.kind, detail = excluded.detail, verdict = excluded.verdict, ids = excluded.ids, "
        "state = excluded.state, since = excluded.since, decided_by = excluded.decided_by, reason = excluded.reason, "
        "decided = excluded.decided",
        block.id, block.system, block.kind, block.detail, block.verdict, TextsText(block.ids), block.state, block.since,
        block.decided_by, block.reason, block.decided));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<BlockRecord>> ReadBlocks(Database& database) {
  ASSIGN_OR_RETURN(Query query, database.Ask("SELECT id, system, kind, detail, verdict, ids, state, since, decided_by, "
                                             "reason, decided FROM blocks WHERE state <> 'gone' "
                                             "ORDER BY since DESC, id"));
  std::vector<BlockRecord> blocks;
  while (query.Next()) {
    BlockRecord block;
    block.id = query.Text(0);
    block.system = query.Text(1);
    block.kind = query.Text(2);
    block.detail = query.Text(3);
    block.verdict = query.Text(4);
    block.state = query.Text(6);
    block.since = query.Time(7);
    block.decided_by = query.Text(8);
    block.reason = query.Text(9);
    block.decided = query.MaybeTime(10);
    if (!TextsFromText(query.View(5), block.ids)) return Unreadable("blocks", block.id);
    blocks.push_back(std::move(block));
  }
  RETURN_IF_ERROR(query.status());
  return blocks;
}

absl::Status WriteSecrets(Database& database, const Commit& commit) {
  for (const std::string& id : commit.secrets_dropped) {
    RETURN_IF_ERROR(database.Run("DELETE FROM secrets WHERE id = ?", id));
  }
  for (const SealedSecret& secret : commit.secrets) {
    RETURN_IF_ERROR(database.Run(
        "INSERT INTO secrets (id, person_id, system, attribute, sealed, operation_id, made, is_confirmed, handed_out) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET person_id = excluded.person_id, "
        "system = excluded.system, attribute = excluded.attribute, sealed = excluded.sealed, "
        "operation_id = excluded.operation_id, made = excluded.made, is_confirmed = excluded.is_confirmed, "
        "handed_out = excluded.handed_out",
        secret.id, secret.person_id, secret.system, secret.attribute, secret.sealed, secret.operation_id, secret.made,
        secret.is_confirmed, secret.handed_out));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<SealedSecret>> ReadSecrets(Database& database, const std::string& person_id) {
  if (person_id.empty()) {
    ASSIGN_OR_RETURN(Query query, database.Ask(absl::StrCat(kSecrets, "WHERE handed_out IS NULL ORDER BY made, id")));
    return SecretsOf(std::move(query));
  }
  ASSIGN_OR_RETURN(Query query,
                   database.Ask(absl::StrCat(kSecrets, "WHERE person_id = ? ORDER BY made, id"), person_id));
  return SecretsOf(std::move(query));
}

absl::StatusOr<std::optional<SealedSecret>> ReadSecret(Database& database, const std::string& id) {
  ASSIGN_OR_RETURN(Query query, database.Ask(absl::StrCat(kSecrets, "WHERE id = ?"), id));
  ASSIGN_OR_RETURN(std::vector<SealedSecret> found, SecretsOf(std::move(query)));
  if (found.empty()) return std::nullopt;
  return std::move(found[0]);
}

absl::Status WriteConfiguration(Database& database, const ConfigurationRecord& configuration) {
  return database.Run("INSERT INTO configurations (hash, files, applied, actor) VALUES (?, ?, ?, ?)",
                      configuration.hash, TextsText(configuration.files), configuration.applied, configuration.actor);
}

absl::StatusOr<std::optional<ConfigurationRecord>> ReadConfiguration(Database& database) {
  ASSIGN_OR_RETURN(Query query, database.Ask("SELECT hash, files, applied, actor FROM configurations "
                                             "ORDER BY id DESC LIMIT 1"));
  if (!query.Next()) {
    RETURN_IF_ERROR(query.status());
    return std::nullopt;
  }
  ConfigurationRecord record;
  record.hash = query.Text(0);
  record.applied = query.Time(2);
  record.actor = query.Text(3);
  if (!TextsFromText(query.View(1), record.files)) return Unreadable("configurations", record.hash);
  return record;
}

absl::Status WriteAudit(Database& database, const std::vector<audit::Entry>& entries) {
  if (entries.empty()) return absl::OkStatus();
  int64_t sequence = 0;
  std::string hash = audit::GenesisHash();
  {
    ASSIGN_OR_RETURN(Query query, database.Ask("SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1"));
    if (query.Next()) {
      sequence = query.Integer(0);
      hash = query.Text(1);
    }
    RETURN_IF_ERROR(query.status());
  }
  for (const audit::Entry& entry : entries) {
    const AuditRow row = audit::MakeRow(++sequence, hash, entry);
    RETURN_IF_ERROR(database.Run("INSERT INTO audit (sequence, json, previous_hash, hash) VALUES (?, ?, ?, ?)",
                                 row.sequence, row.json, row.previous_hash, row.hash));
    for (const AuditRow::Personal& value : row.personal) {
      RETURN_IF_ERROR(
          database.Run("INSERT INTO audit_values (sequence, position, person_id, salt, json) VALUES (?, ?, ?, ?, ?)",
                       row.sequence, value.index, value.person_id, value.salt, value.json));
    }
    hash = row.hash;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<AuditRow>> ReadAudit(Database& database, int64_t from, int limit) {
  std::vector<AuditRow> rows;
  {
    ASSIGN_OR_RETURN(Query query, database.Ask("SELECT sequence, json, previous_hash, hash FROM audit "
                                               "WHERE sequence >= ? ORDER BY sequence LIMIT ?",
                                               from, limit));
    while (query.Next()) {
      AuditRow row;
      row.sequence = query.Integer(0);
      row.json = query.Text(1);
      row.previous_hash = query.Text(2);
      row.hash = query.Text(3);
      rows.push_back(std::move(row));
    }
    RETURN_IF_ERROR(query.status());
  }
  if (rows.empty()) return rows;
  ASSIGN_OR_RETURN(Query query, database.Ask("SELECT sequence, position, person_id, salt, json FROM audit_values "
                                             "WHERE sequence BETWEEN ? AND ? ORDER BY sequence, position",
                                             rows.front().sequence, rows.back().sequence));
  auto row = rows.begin();
  while (query.Next()) {
    while (row != rows.end() && row->sequence < query.Integer(0)) ++row;
    if (row == rows.end()) break;
    if (row->sequence != query.Integer(0)) continue;  // Of a row that is missing.
    row->personal.push_back({static_cast<int>(query.Integer(1)), query.Text(3), query.Text(4), query.Text(2)});
  }
  RETURN_IF_ERROR(query.status());
  return rows;
}

absl::Status InsertSeal(Database& database, const Seal& seal) {
  ASSIGN_OR_RETURN(const int64_t there,
                   database.Number(0, "SELECT count(*) FROM seals WHERE sequence = ?", seal.sequence));
  if (there > 0) {
    return absl::AlreadyExistsError(
        absl::StrCat("there is a seal over row ", seal.sequence, " of the audit log already"));
  }
  return database.Run(
      "INSERT INTO seals (sequence, hash, time, key_id, signature, public_key) "
      "VALUES (?, ?, ?, ?, ?, ?)",
      seal.sequence, seal.hash, seal.time, seal.key_id, seal.signature, seal.public_key);
}

absl::StatusOr<std::vector<Seal>> ReadSeals(Database& database) {
  ASSIGN_OR_RETURN(Query query, database.Ask("SELECT sequence, hash, time, key_id, signature, public_key FROM seals "
                                             "ORDER BY sequence"));
  std::vector<Seal> seals;
  while (query.Next()) {
    seals.push_back({query.Integer(0), query.Text(1), query.Time(2), query.Text(3), query.Text(4), query.Text(5)});
  }
  RETURN_IF_ERROR(query.status());
  return seals;
}

}  // namespace sluice::store
