#include "host/store/sqlite/state_tables.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "host/base/status.h"
#include "host/store/sqlite/codec.h"

namespace sluice::store {
namespace {

// Runs statements and remembers whether one of them changed something.
class Writer {
 public:
  explicit Writer(Database& database) : database_(database) {}
  template <class... Arguments>
  absl::Status Run(absl::string_view sql, const Arguments&... arguments) {
    RETURN_IF_ERROR(database_.Run(sql, arguments...));
    has_changed_ = has_changed_ || database_.Changes() > 0;
    return absl::OkStatus();
  }
  Database& database() { return database_; }
  bool has_changed() const { return has_changed_; }

 private:
  Database& database_;
  bool has_changed_ = false;
};

absl::Status WriteGrants(Writer& writer, const std::vector<core::Grant>& grants) {
  for (const core::Grant& grant : grants) {
    RETURN_IF_ERROR(writer.Run(
        "INSERT INTO grants (system, person_id, entitlement, kind, state, generation, object_id, object_name, label, "
        "is_correlated, since, last_operation, desired, retired_on, before_retirement, drifted_since, precondition, "
        "private_state) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET kind = excluded.kind, "
        "state = excluded.state, generation = excluded.generation, object_id = excluded.object_id, "
        "object_name = excluded.object_name, label = excluded.label, is_correlated = excluded.is_correlated, "
        "since = excluded.since, last_operation = excluded.last_operation, desired = excluded.desired, "
        "retired_on = excluded.retired_on, before_retirement = excluded.before_retirement, "
        "drifted_since = excluded.drifted_since, precondition = excluded.precondition, private_state = "
        "excluded.private_state "
        "WHERE (kind, state, generation, object_id, object_name, label, is_correlated, since, last_operation, desired, "
        "retired_on, before_retirement, drifted_since, precondition, private_state) IS NOT (excluded.kind, "
        "excluded.state, "
        "excluded.generation, excluded.object_id, excluded.object_name, excluded.label, excluded.is_correlated, "
        "excluded.since, excluded.last_operation, excluded.desired, excluded.retired_on, excluded.before_retirement, "
        "excluded.drifted_since, excluded.precondition, excluded.private_state)",
        grant.system, grant.person_id, grant.entitlement, NameOf(grant.kind), NameOf(grant.state), grant.generation,
        grant.object_id, grant.object_name, grant.label, grant.is_correlated, grant.since, grant.last_operation,
        FieldsText(grant.desired), grant.retired_on, FieldsText(grant.before_retirement), grant.drifted_since,
        grant.precondition, Blob{grant.private_state}));
  }
  return absl::OkStatus();
}

absl::Status WriteResources(Writer& writer, const std::vector<core::ResourceInstance>& resources) {
  for (const core::ResourceInstance& resource : resources) {
    RETURN_IF_ERROR(writer.Run(
        "INSERT INTO resources (system, resource, key, label, object_class, object_id, generation, is_held, "
        "is_correlated, unused_since, desired) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
        "label = excluded.label, object_class = excluded.object_class, object_id = excluded.object_id, "
        "generation = excluded.generation, is_held = excluded.is_held, is_correlated = excluded.is_correlated, "
        "unused_since = excluded.unused_since, desired = excluded.desired WHERE (label, object_class, object_id, "
        "generation, is_held, is_correlated, unused_since, desired) IS NOT (excluded.label, excluded.object_class, "
        "excluded.object_id, excluded.generation, excluded.is_held, excluded.is_correlated, excluded.unused_since, "
        "excluded.desired)",
        resource.system, resource.resource, resource.key, resource.label, resource.object_class, resource.object_id,
        resource.generation, resource.is_held, resource.is_correlated, resource.unused_since,
        FieldsText(resource.desired)));
  }
  return absl::OkStatus();
}

absl::Status ReserveName(Writer& writer, const core::NameEntry& entry) {
  {
    ASSIGN_OR_RETURN(Query query,
                     writer.database().Ask("SELECT holder FROM names WHERE system = ? AND domain = ? AND name = ?",
                                           entry.system, entry.domain, entry.name));
    if (query.Next()) {
      if (query.View(0) == entry.holder) return absl::OkStatus();
      return absl::AlreadyExistsError(absl::StrCat("a name in ", entry.system, " domain ", entry.domain, " is held by ",
                                                   query.View(0), ", so ", entry.holder,
                                                   " cannot have it: take the next candidate"));
    }
    RETURN_IF_ERROR(query.status());
  }
  return writer.Run("INSERT INTO names (system, domain, name, holder) VALUES (?, ?, ?, ?)", entry.system, entry.domain,
                    entry.name, entry.holder);
}

absl::Status WriteNames(Writer& writer, const Commit& commit) {
  for (const core::NameEntry& entry : commit.names_released) {
    RETURN_IF_ERROR(writer.Run("DELETE FROM names WHERE system = ? AND domain = ? AND name = ? AND holder = ?",
                               entry.system, entry.domain, entry.name, entry.holder));
  }
  for (const core::NameEntry& entry : commit.names_reserved) RETURN_IF_ERROR(ReserveName(writer, entry));
  return absl::OkStatus();
}

absl::Status WriteApprovals(Writer& writer, const Commit& commit) {
  for (const std::string& block : commit.approvals_lapsed) {
    RETURN_IF_ERROR(writer.Run("DELETE FROM approvals WHERE block_id = ?", block));
  }
  for (const core::Approval& approval : commit.approvals) {
    const std::vector<std::string> ids(approval.ids.begin(), approval.ids.end());
    RETURN_IF_ERROR(writer.Run(
        "INSERT INTO approvals (block_id, system, kind, ids) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
        "system = excluded.system, kind = excluded.kind, ids = excluded.ids WHERE (system, kind, ids) IS NOT "
        "(excluded.system, excluded.kind, excluded.ids)",
        approval.block_id, approval.system, approval.kind, TextsText(ids)));
  }
  return absl::OkStatus();
}

absl::Status WriteExclusions(Writer& writer, const Commit& commit) {
  for (const std::string& person : commit.included) {
    RETURN_IF_ERROR(writer.Run("DELETE FROM exclusions WHERE person_id = ?", person));
  }
  for (const core::Exclusion& exclusion : commit.exclusions) {
    RETURN_IF_ERROR(
        writer.Run("INSERT INTO exclusions (person_id, until, reason) VALUES (?, ?, ?) "
                   "ON CONFLICT DO UPDATE SET until = excluded.until, reason = excluded.reason "
                   "WHERE (until, reason) IS NOT (excluded.until, excluded.reason)",
                   exclusion.person_id, exclusion.until, exclusion.reason));
  }
  return absl::OkStatus();
}

absl::Status WriteDecisions(Writer& writer, const Commit& commit) {
  RETURN_IF_ERROR(WriteApprovals(writer, commit));
  RETURN_IF_ERROR(WriteExclusions(writer, commit));
  for (const auto& [key, account] : commit.links) {
    if (account.empty()) {
      RETURN_IF_ERROR(writer.Run("DELETE FROM links WHERE person_id = ? AND system = ?", key.first, key.second));
      continue;
    }
    RETURN_IF_ERROR(
        writer.Run("INSERT INTO links (person_id, system, account) VALUES (?, ?, ?) ON CONFLICT DO UPDATE "
                   "SET account = excluded.account WHERE account IS NOT excluded.account",
                   key.first, key.second, account));
  }
  for (const auto& [system, activation] : commit.activations) {
    RETURN_IF_ERROR(
        writer.Run("INSERT INTO activations (system, state, decisions) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET "
                   "state = excluded.state, decisions = excluded.decisions "
                   "WHERE (state, decisions) IS NOT (excluded.state, excluded.decisions)",
                   system, NameOf(activation.first), TextsText(activation.second)));
  }
  return absl::OkStatus();
}

absl::Status WriteTargets(Writer& writer, const Commit& commit) {
  for (const auto& [system, schema] : commit.schemas) {
    RETURN_IF_ERROR(
        writer.Run("INSERT INTO schemas (system, json) VALUES (?, ?) ON CONFLICT DO UPDATE SET "
                   "json = excluded.json WHERE json IS NOT excluded.json",
                   system, SchemaText(schema)));
  }
  for (const auto& [name, object_id] : commit.permissions) {
    if (object_id.empty()) {
      RETURN_IF_ERROR(writer.Run("DELETE FROM permissions WHERE name = ?", name));
      continue;
    }
    RETURN_IF_ERROR(
        writer.Run("INSERT INTO permissions (name, object_id) VALUES (?, ?) ON CONFLICT DO UPDATE SET "
                   "object_id = excluded.object_id WHERE object_id IS NOT excluded.object_id",
                   name, object_id));
  }
  return absl::OkStatus();
}

absl::Status ReadGrants(Database& database, core::State& state) {
  ASSIGN_OR_RETURN(
      Query query,
      database.Ask("SELECT system, person_id, entitlement, kind, state, generation, object_id, object_name, label, "
                   "is_correlated, since, last_operation, desired, retired_on, before_retirement, precondition, "
                   "private_state, drifted_since FROM grants ORDER BY system, person_id, entitlement"));
  while (query.Next()) {
    core::Grant grant;
    grant.system = query.Text(0);
    grant.person_id = query.Text(1);
    grant.entitlement = query.Text(2);
    grant.generation = query.Integer(5);
    grant.object_id = query.Text(6);
    grant.object_name = query.Text(7);
    grant.label = query.Text(8);
    grant.is_correlated = query.Flag(9);
    grant.last_operation = query.Text(11);
    grant.retired_on = query.Day(13);
    grant.precondition = query.Text(15);
    grant.private_state = query.Text(16);
    grant.drifted_since = query.Day(17);
    const std::optional<absl::CivilDay> since = query.Day(10);
    absl::StatusOr<core::Fields> desired = FieldsFromText(query.View(12));
    absl::StatusOr<core::Fields> before = FieldsFromText(query.View(14));
    if (!FromName(query.View(3), grant.kind) || !FromName(query.View(4), grant.state) || !since.has_value() ||
        !desired.ok() || !before.ok()) {
      return Unreadable("grants", absl::StrCat(grant.system, " ", grant.person_id, " ", grant.entitlement));
    }
    grant.since = *since;
    grant.desired = *std::move(desired);
    grant.before_retirement = *std::move(before);
    state.grants.push_back(std::move(grant));
  }
  return query.status();
}

absl::Status ReadResources(Database& database, core::State& state) {
  ASSIGN_OR_RETURN(Query query,
                   database.Ask("SELECT system, resource, key, label, object_class, object_id, generation, "
                                "is_held, is_correlated, unused_since, desired FROM resources "
                                "ORDER BY system, resource, key"));
  while (query.Next()) {
    core::ResourceInstance resource;
    resource.system = query.Text(0);
    resource.resource = query.Text(1);
    resource.key = query.Text(2);
    resource.label = query.Text(3);
    resource.object_class = query.Text(4);
    resource.object_id = query.Text(5);
    resource.generation = query.Integer(6);
    resource.is_held = query.Flag(7);
    resource.is_correlated = query.Flag(8);
    resource.unused_since = query.Day(9);
    absl::StatusOr<core::Fields> desired = FieldsFromText(query.View(10));
    if (!desired.ok()) {
      return Unreadable("resources", absl::StrCat(resource.system, " ", resource.resource, ":", resource.key));
    }
    resource.desired = *std::move(desired);
    state.resources.push_back(std::move(resource));
  }
  return query.status();
}

absl::Status ReadNames(Database& database, core::State& state) {
  {
    ASSIGN_OR_RETURN(Query query, database.Ask("SELECT system, domain, name, holder FROM names "
                                               "ORDER BY system, domain, name"));
    while (query.Next()) state.names.push_back({query.Text(0), query.Text(1), query.Text(2), query.Text(3)});
    RETURN_IF_ERROR(query.status());
  }
  ASSIGN_OR_RETURN(Query query, database.Ask("SELECT name, object_id FROM permissions"));
  while (query.Next()) state.permissions[query.Text(0)] = query.Text(1);
  return query.status();
}

absl::Status ReadActivations(Database& database, core::State& state,
                             std::map<std::string, std::vector<std::string>>* texts) {
  ASSIGN_OR_RETURN(Query query, database.Ask("SELECT system, state, decisions FROM activations"));
  while (query.Next()) {
    core::Activation& activation = state.activations[query.Text(0)];
    std::vector<std::string> decisions;
    if (!FromName(query.View(1), activation.state) || !TextsFromText(query.View(2), decisions)) {
      return Unreadable("activations", query.Text(0));
    }
    for (absl::string_view decision : decisions) {
      if (absl::ConsumePrefix(&decision, "person:")) activation.person_ids.insert(std::string(decision));
    }
    if (texts != nullptr) (*texts)[query.Text(0)] = std::move(decisions);
  }
  return query.status();
}

absl::Status ReadApprovals(Database& database, core::State& state) {
  ASSIGN_OR_RETURN(Query query, database.Ask("SELECT block_id, system, kind, ids FROM approvals ORDER BY block_id"));
  while (query.Next()) {
    std::vector<std::string> ids;
    if (!TextsFromText(query.View(3), ids)) return Unreadable("approvals", query.Text(0));
    state.approvals.push_back({query.Text(0), query.Text(1), query.Text(2), {ids.begin(), ids.end()}});
  }
  return query.status();
}

absl::Status ReadPersonDecisions(Database& database, core::State& state) {
  {
    ASSIGN_OR_RETURN(Query query, database.Ask("SELECT person_id, until, reason FROM exclusions ORDER BY person_id"));
    while (query.Next()) state.exclusions.push_back({query.Text(0), query.Day(1), query.Text(2)});
    RETURN_IF_ERROR(query.status());
  }
  ASSIGN_OR_RETURN(Query query, database.Ask("SELECT person_id, system, account FROM links"));
  while (query.Next()) state.links[{query.Text(0), query.Text(1)}] = query.Text(2);
  return query.status();
}

absl::Status ReadSchemas(Database& database, core::State& state) {
  ASSIGN_OR_RETURN(Query query, database.Ask("SELECT system, json FROM schemas"));
  while (query.Next()) {
    absl::StatusOr<core::TargetSchema> schema = SchemaFromText(query.View(1));
    if (!schema.ok()) return Unreadable("schemas", query.Text(0));
    state.schemas[query.Text(0)] = *std::move(schema);
  }
  return query.status();
}

}  // namespace

absl::StatusOr<bool> WriteState(Database& database, const Commit& commit) {
  Writer writer(database);
  RETURN_IF_ERROR(WriteNames(writer, commit));
  RETURN_IF_ERROR(WriteGrants(writer, commit.grants));
  RETURN_IF_ERROR(WriteResources(writer, commit.resources));
  RETURN_IF_ERROR(WriteTargets(writer, commit));
  RETURN_IF_ERROR(WriteDecisions(writer, commit));
  return writer.has_changed();
}

absl::Status ReadState(Database& database, core::State& state,
                       std::map<std::string, std::vector<std::string>>* activation_texts) {
  RETURN_IF_ERROR(ReadGrants(database, state));
  RETURN_IF_ERROR(ReadResources(database, state));
  RETURN_IF_ERROR(ReadNames(database, state));
  RETURN_IF_ERROR(ReadActivations(database, state, activation_texts));
  RETURN_IF_ERROR(ReadApprovals(database, state));
  RETURN_IF_ERROR(ReadPersonDecisions(database, state));
  return ReadSchemas(database, state);
}

}  // namespace sluice::store
