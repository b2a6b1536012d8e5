#include "host/store/sqlite/schema.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "host/base/status.h"

namespace sluice::store {
namespace {

// Days are text ("2026-11-24"), times are microseconds since 1970 (UTC), hashes of what is stored once are 32 bytes.
// A range is [from, until): until is NULL for what holds now.
constexpr char kTables[] = R"sql(
CREATE TABLE meta (
  key TEXT PRIMARY KEY,
  value
) WITHOUT ROWID;

CREATE TABLE contents (
  id INTEGER PRIMARY KEY,
  hash BLOB NOT NULL UNIQUE,
  json TEXT NOT NULL
);

CREATE TABLE imports (
  id INTEGER PRIMARY KEY,
  system TEXT NOT NULL,
  run_id TEXT NOT NULL,
  as_of TEXT NOT NULL,
  is_candidate INTEGER NOT NULL
);
CREATE INDEX imports_by_system ON imports (system, is_candidate);

CREATE TABLE class_states (
  system TEXT NOT NULL,
  is_candidate INTEGER NOT NULL,
  position INTEGER NOT NULL,
  scope TEXT NOT NULL,
  class TEXT NOT NULL,
  completeness TEXT NOT NULL,
  records INTEGER NOT NULL,
  error TEXT NOT NULL,
  PRIMARY KEY (system, is_candidate, position)
) WITHOUT ROWID;

CREATE TABLE class_confirmed (
  system TEXT NOT NULL,
  scope TEXT NOT NULL,
  class TEXT NOT NULL,
  day TEXT NOT NULL,
  PRIMARY KEY (system, scope, class)
) WITHOUT ROWID;

CREATE TABLE raw_records (
  id INTEGER PRIMARY KEY,
  system TEXT NOT NULL,
  scope TEXT NOT NULL,
  class TEXT NOT NULL,
  object TEXT NOT NULL,
  hash BLOB NOT NULL,
  content INTEGER NOT NULL,
  first_seen TEXT NOT NULL,
  last_seen TEXT,
  confirmed TEXT,
  from_import INTEGER NOT NULL,
  until_import INTEGER
);
CREATE UNIQUE INDEX raw_records_now ON raw_records (system, scope, class, object) WHERE until_import IS NULL;
CREATE INDEX raw_records_of ON raw_records (object, system, class);

CREATE TABLE raw_candidates (
  system TEXT NOT NULL,
  scope TEXT NOT NULL,
  class TEXT NOT NULL,
  object TEXT NOT NULL,
  is_gone INTEGER NOT NULL,
  hash BLOB,
  json TEXT,
  first_seen TEXT,
  last_seen TEXT,
  confirmed TEXT,
  PRIMARY KEY (system, scope, class, object)
) WITHOUT ROWID;

CREATE TABLE snapshots (
  sequence INTEGER PRIMARY KEY,
  as_of TEXT NOT NULL,
  configuration TEXT NOT NULL,
  cause TEXT NOT NULL,
  run_id TEXT NOT NULL,
  persons INTEGER NOT NULL
);

CREATE TABLE person_versions (
  id INTEGER PRIMARY KEY,
  person_id TEXT NOT NULL,
  hash BLOB NOT NULL,
  content INTEGER NOT NULL,
  from_snapshot INTEGER NOT NULL,
  until_snapshot INTEGER
);
CREATE UNIQUE INDEX person_versions_now ON person_versions (person_id) WHERE until_snapshot IS NULL;
CREATE UNIQUE INDEX person_versions_of ON person_versions (person_id, from_snapshot);

CREATE TABLE observed_systems (
  system TEXT PRIMARY KEY,
  is_known INTEGER NOT NULL,
  as_of TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE observed_records (
  system TEXT NOT NULL,
  class TEXT NOT NULL,
  object TEXT NOT NULL,
  scope TEXT NOT NULL,
  hash BLOB NOT NULL,
  json TEXT NOT NULL,
  PRIMARY KEY (system, class, object, scope)
);

CREATE TABLE schemas (
  system TEXT PRIMARY KEY,
  json TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE grants (
  system TEXT NOT NULL,
  person_id TEXT NOT NULL,
  entitlement TEXT NOT NULL,
  kind TEXT NOT NULL,
  state TEXT NOT NULL,
  generation INTEGER NOT NULL,
  object_id TEXT NOT NULL,
  object_name TEXT NOT NULL,
  label TEXT NOT NULL,
  is_correlated INTEGER NOT NULL,
  since TEXT NOT NULL,
  last_operation TEXT NOT NULL,
  desired TEXT,
  retired_on TEXT,
  before_retirement TEXT,
  drifted_since TEXT,
  precondition TEXT NOT NULL,
  private_state TEXT NOT NULL,
  PRIMARY KEY (system, person_id, entitlement)
) WITHOUT ROWID;
CREATE INDEX grants_of ON grants (person_id);

CREATE TABLE resources (
  system TEXT NOT NULL,
  resource TEXT NOT NULL,
  key TEXT NOT NULL,
  label TEXT NOT NULL,
  object_class TEXT NOT NULL,
  object_id TEXT NOT NULL,
  generation INTEGER NOT NULL,
  is_held INTEGER NOT NULL,
  is_correlated INTEGER NOT NULL,
  unused_since TEXT,
  desired TEXT,
  PRIMARY KEY (system, resource, key)
) WITHOUT ROWID;

CREATE TABLE names (
  system TEXT NOT NULL,
  domain TEXT NOT NULL,
  name TEXT NOT NULL,
  holder TEXT NOT NULL,
  PRIMARY KEY (system, domain, name)
) WITHOUT ROWID;

CREATE TABLE permissions (
  name TEXT PRIMARY KEY,
  object_id TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE activations (
  system TEXT PRIMARY KEY,
  state TEXT NOT NULL,
  decisions TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE exclusions (
  person_id TEXT PRIMARY KEY,
  until TEXT,
  reason TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE links (
  person_id TEXT NOT NULL,
  system TEXT NOT NULL,
  account TEXT NOT NULL,
  PRIMARY KEY (person_id, system)
) WITHOUT ROWID;

CREATE TABLE approvals (
  block_id TEXT PRIMARY KEY,
  system TEXT NOT NULL,
  kind TEXT NOT NULL,
  ids TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE blocks (
  id TEXT PRIMARY KEY,
  system TEXT NOT NULL,
  kind TEXT NOT NULL,
  detail TEXT NOT NULL,
  verdict TEXT NOT NULL,
  ids TEXT NOT NULL,
  state TEXT NOT NULL,
  since INTEGER NOT NULL,
  decided_by TEXT NOT NULL,
  reason TEXT NOT NULL,
  decided INTEGER
) WITHOUT ROWID;

CREATE TABLE plans (
  id INTEGER PRIMARY KEY,
  hash TEXT NOT NULL UNIQUE,
  json TEXT NOT NULL
);
CREATE TABLE plan_operations (
  plan INTEGER NOT NULL,
  position INTEGER NOT NULL,
  json TEXT NOT NULL,
  PRIMARY KEY (plan, position)
);

CREATE TABLE operations (
  id TEXT PRIMARY KEY,
  system TEXT NOT NULL,
  person_id TEXT NOT NULL,
  entitlement TEXT NOT NULL,
  plan TEXT NOT NULL,
  run_id TEXT NOT NULL,
  state TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  host TEXT NOT NULL,
  fence INTEGER NOT NULL,
  lease_until INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  error_reason TEXT NOT NULL,
  error TEXT NOT NULL,
  retry_at INTEGER,
  names TEXT NOT NULL,
  secrets TEXT NOT NULL,
  object_id TEXT NOT NULL,
  private_state BLOB NOT NULL,
  written INTEGER NOT NULL,
  ended INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX operations_open ON operations (state) WHERE state IN ('written', 'sent', 'pending', 'in_doubt');
CREATE INDEX operations_of_run ON operations (run_id);
CREATE INDEX operations_of_person ON operations (person_id);
CREATE TABLE operation_contents (
  operation_id TEXT PRIMARY KEY,
  json TEXT NOT NULL
);

CREATE TABLE secrets (
  id TEXT PRIMARY KEY,
  person_id TEXT NOT NULL,
  system TEXT NOT NULL,
  attribute TEXT NOT NULL,
  sealed TEXT NOT NULL,
  operation_id TEXT NOT NULL,
  made INTEGER NOT NULL,
  is_confirmed INTEGER NOT NULL,
  handed_out INTEGER
) WITHOUT ROWID;
CREATE INDEX secrets_of ON secrets (person_id);

CREATE TABLE configurations (
  id INTEGER PRIMARY KEY,
  hash TEXT NOT NULL,
  files TEXT NOT NULL,
  applied INTEGER NOT NULL,
  actor TEXT NOT NULL
);

CREATE TABLE runs (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  state TEXT NOT NULL,
  actor TEXT NOT NULL,
  system TEXT NOT NULL,
  plan TEXT NOT NULL,
  started INTEGER NOT NULL,
  ended INTEGER,
  summary TEXT NOT NULL,
  counts TEXT NOT NULL
);

CREATE TABLE audit (
  sequence INTEGER PRIMARY KEY,
  json TEXT NOT NULL,
  previous_hash TEXT NOT NULL,
  hash TEXT NOT NULL
);
CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'a row of the audit log is never changed'); END;
CREATE TRIGGER audit_is_never_shortened BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'a row of the audit log is never removed'); END;
CREATE TABLE audit_values (
  sequence INTEGER NOT NULL,
  position INTEGER NOT NULL,
  person_id TEXT NOT NULL,
  salt TEXT NOT NULL,
  json TEXT NOT NULL,
  PRIMARY KEY (sequence, position)
) WITHOUT ROWID;
CREATE INDEX audit_values_of ON audit_values (person_id);

CREATE TABLE seals (
  sequence INTEGER PRIMARY KEY,
  hash TEXT NOT NULL,
  time INTEGER NOT NULL,
  key_id TEXT NOT NULL,
  signature TEXT NOT NULL,
  public_key TEXT NOT NULL
);
)sql";

}  // namespace

absl::Status PrepareSchema(Database& database) {
  ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(database, Transaction::Kind::kWrite));
  ASSIGN_OR_RETURN(const int64_t application, database.Number(0, "PRAGMA application_id"));
  ASSIGN_OR_RETURN(const int64_t version, database.Number(0, "PRAGMA user_version"));
  ASSIGN_OR_RETURN(const int64_t tables, database.Number(0, "SELECT count(*) FROM sqlite_schema"));
  if (application == 0 && version == 0 && tables == 0) {
    RETURN_IF_ERROR(database.RunScript(kTables));
    RETURN_IF_ERROR(database.RunScript(absl::StrCat("PRAGMA application_id = ", kApplicationId)));
    RETURN_IF_ERROR(database.RunScript(absl::StrCat("PRAGMA user_version = ", kSchemaVersion)));
    return transaction.Commit();
  }
  if (application != kApplicationId) {
    return absl::FailedPreconditionError(
        absl::StrCat(database.path(), " is a database of another program; name another file as the store"));
  }
  if (version != kSchemaVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat("store ", database.path(), " has format ", version, ", this program knows format ", kSchemaVersion,
                     version > kSchemaVersion ? ": it was used by a newer version; start that one" : ""));
  }
  return absl::OkStatus();
}

}  // namespace sluice::store
