// The host, its systems, plugins and runs, and the audit log.

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "host/cli/print.h"

namespace sluice::cli {
namespace {

std::string HeldText(const v1::System& system) {
  std::vector<std::string> parts;
  for (const auto& [what, count] : std::map<std::string, int64_t>(system.held().begin(), system.held().end())) {
    if (count > 0) parts.push_back(absl::StrCat(Number(count), " ", what));
  }
  return absl::StrJoin(parts, ", ");
}

// The systems that a run's summary may name.
std::vector<std::string> SystemsOf(const v1::Run& run) {
  std::set<std::string> names;
  for (absl::string_view name : absl::StrSplit(run.system(), ',', absl::SkipEmpty())) names.insert(std::string(name));
  const auto& counts = run.counts().fields();
  if (auto found = counts.find("systems"); found != counts.end()) {
    for (const auto& [name, value] : found->second.struct_value().fields()) names.insert(name);
  }
  return {names.begin(), names.end()};
}

// A summary says one thing after another, "; " between them, each system's with its name before it: a line for each
// system, and a line below it for all that follows. What names no system stays on the line.
std::string SummaryLines(const v1::Run& run) {
  const std::vector<std::string> systems = SystemsOf(run);
  const bool names_one = std::any_of(systems.begin(), systems.end(), [&](const std::string& name) {
    return absl::StrContains(absl::StrCat("; ", run.summary()), absl::StrCat("; ", name, ": "));
  });
  if (!names_one) return absl::StrCat(": ", run.summary(), "\n");
  Table table;
  for (absl::string_view part : absl::StrSplit(run.summary(), "; ")) {
    std::string system;
    for (const std::string& name : systems) {
      if (absl::StartsWith(part, absl::StrCat(name, ": "))) system = name;
    }
    if (!system.empty()) part.remove_prefix(system.size() + 2);
    table.Add({system, std::string(part)});
  }
  return absl::StrCat(":\n", table.ToString(2));
}

std::string TextOf(const google::protobuf::Struct& row, const char* name) {
  auto found = row.fields().find(name);
  return found == row.fields().end() ? std::string() : found->second.string_value();
}

// "2026-11-24T02:30:07.790075Z" as the school's clocks had it.
std::string TimeOf(const google::protobuf::Struct& row, absl::TimeZone zone) {
  const std::string text = TextOf(row, "time");
  absl::Time time;
  if (!absl::ParseTime(absl::RFC3339_full, text, &time, nullptr)) return text;
  return absl::FormatTime("%-d %b %Y %H:%M:%S", time, zone);
}

// What became of it, or why somebody decided it.
std::string HowOf(const v1::AuditRow& row) {
  std::vector<std::string> parts;
  for (const char* name : {"outcome", "detail"}) {
    if (const std::string text = TextOf(row.row(), name); !text.empty()) parts.push_back(text);
  }
  if (const std::string reason = TextOf(row.row(), "reason"); !reason.empty())
    parts.push_back(absl::StrCat("\"", reason, "\""));
  std::vector<std::string> changed;
  for (const v1::AttributeChange& change : row.personal()) changed.push_back(change.attribute());
  if (!changed.empty()) parts.push_back(absl::StrJoin(changed, ", "));
  return absl::StrJoin(parts, ": ");
}

std::string WhomOf(const v1::AuditRow& row) {
  if (!row.display().empty()) return absl::StrCat(row.display(), " ", row.external_id());
  const std::string person = TextOf(row.row(), "person");
  return person.empty() ? "" : absl::StrCat("person ", Short(person));
}

}  // namespace

std::string StatusText(const v1::Status& status, absl::TimeZone zone) {
  std::string out = absl::StrCat(status.name(), "; sluice ", status.version(), "; configuration ",
                                 Short(status.configuration(), 4), "; ", Moment(status.time(), zone), "\n");
  const v1::Snapshot& snapshot = status.snapshot();
  if (snapshot.sequence() == 0) {
    out += "Nothing was imported yet: sluice import\n";
  } else {
    absl::StrAppend(&out, "Snapshot ", snapshot.sequence(), " of ", Day(snapshot.as_of()), ": ",
                    Plural(snapshot.people(), "person", "people"), ", ", Number(snapshot.vanished()), " vanished, ",
                    Number(snapshot.held_back()), " held back\n");
  }
  Table table({"system", "kind", "connector", "plugin"});
  for (const v1::System& system : status.systems()) {
    table.Add({Id(system.name()), system.kind(), system.connector(), PluginState(system.plugin_state())});
  }
  out += table.ToString(2);
  for (const v1::Run& run : status.active_runs()) {
    absl::StrAppend(&out, "Under way: run ", Short(run.name()), " (", run.kind(), ") since ",
                    Moment(run.started(), zone), " by ", run.actor(), "\n");
  }
  if (status.open_operations() > 0) {
    absl::StrAppend(&out, Plural(status.open_operations(), "operation has", "operations have"),
                    " no outcome yet: the next enforcement verifies what is in doubt\n");
  }
  if (status.blocks_waiting() > 0)
    absl::StrAppend(&out, Plural(status.blocks_waiting(), "block waits", "blocks wait"), ": sluice block list\n");
  if (status.audit().damage_size() > 0 && status.audit().damage(0).accepted_in() == 0) {
    absl::StrAppend(&out, "The audit log is damaged and is not sealed: ", status.audit().damage(0).what(),
                    ": sluice audit check\n");
  }
  if (!status.audit().copy_problem().empty()) absl::StrAppend(&out, status.audit().copy_problem(), "\n");
  return out;
}

namespace {

std::string RowsName(const v1::AuditDamage& damage) {
  return damage.first() == damage.last() ? absl::StrCat(damage.first())
                                         : absl::StrCat(damage.first(), "-", damage.last());
}

}  // namespace

std::string AuditStateText(const v1::AuditState& state, absl::TimeZone zone) {
  std::string out;
  Table open({"rows", "what"}), accepted({"accepted rows", "what", "by", "in row", "reason"});
  bool is_damaged = false;
  for (const v1::AuditDamage& damage : state.damage()) {
    if (damage.accepted_in() == 0) {
      is_damaged = true;
      open.Add({RowsName(damage), damage.what()});
    } else {
      accepted.Add({RowsName(damage), damage.what(), damage.accepted_by(), absl::StrCat(damage.accepted_in()),
                    absl::StrCat("\"", damage.reason(), "\"")});
    }
  }
  out += open.ToString();
  out += accepted.ToString();
  absl::StrAppend(&out, Plural(state.last_row(), "row", "rows"), ", ",
                  state.sealed_row() == 0 ? "not sealed yet"
                                          : absl::StrCat("sealed up to row ", Number(state.sealed_row()), " on ",
                                                         Moment(state.sealed(), zone)),
                  is_damaged ? ": damaged; nothing is sealed until somebody accepts that\n" : "\n");
  if (is_damaged) {
    out += "Keep a copy of the store and look at these rows; then: sluice audit accept --rows A-B --reason \"...\"\n";
  }
  if (!state.copy_problem().empty()) absl::StrAppend(&out, state.copy_problem(), "\n");
  return out;
}

std::string SystemsText(const v1::ListSystemsResponse& reply) {
  Table table({"system", "kind", "connector", "state", "plugin", "holds"});
  for (const v1::System& one : reply.systems()) {
    table.Add({Id(one.name()), one.kind(), one.connector(), one.activation(), PluginState(one.plugin_state()),
               HeldText(one)});
  }
  return table.ToString();
}

std::string SystemText(const v1::System& system) {
  std::string out = absl::StrCat(Id(system.name()), "  ", system.kind(), "  ", system.connector(), "\n");
  Table facts;
  if (!system.activation().empty()) facts.Add({"state", system.activation()});
  for (const std::string& whom : system.activated_for()) {
    facts.Add({"activated for", absl::StartsWith(whom, "persons/") ? absl::StrCat("person ", Short(whom)) : whom});
  }
  facts.Add({"plugin", PluginState(system.plugin_state())});
  if (!system.observed_as_of().empty()) facts.Add({"observed", Day(system.observed_as_of())});
  if (const std::string held = HeldText(system); !held.empty()) facts.Add({"holds", held});
  out += facts.ToString(2);
  Table table({"scope", "class", "state", "records", "error"});
  for (const v1::ScopeState& scope : system.scopes()) {
    table.Add({scope.scope(), scope.object_class(), Words(scope.state()), Number(scope.records()), scope.error()});
  }
  return out + table.ToString(2);
}

std::string TestText(const v1::TestSystemResponse& reply) {
  std::string out;
  for (const std::string& line : reply.errors()) absl::StrAppend(&out, "error: ", line, "\n");
  for (const std::string& line : reply.warnings()) absl::StrAppend(&out, "warning: ", line, "\n");
  for (const v1::MissingRight& right : reply.missing_rights()) {
    absl::StrAppend(&out, "missing right: ", right.right(), " (", right.object_class(),
                    right.scope().empty() ? "" : absl::StrCat(" of ", right.scope()), "); ", right.remedy(), "\n");
  }
  if (!reply.errors().empty()) return out;
  return out + (reply.missing_rights().empty() ? "It signs in and may do what it needs.\n"
                                               : "It signs in, but lacks what is said above.\n");
}

std::string RunText(const v1::Run& run) {
  std::string out;
  for (const std::string& warning : run.warnings()) absl::StrAppend(&out, "Warning: ", warning, "\n");
  absl::StrAppend(&out, "Run ", Short(run.name()), " (", run.kind(), ") ", run.state());
  if (run.summary().empty()) return out + "\n";
  out += SummaryLines(run);
  if (run.state() == "blocked") out += "Look: sluice block list\n";
  return out;
}

std::string RunDetailText(const v1::RunDetail& detail, absl::TimeZone zone, bool shows_all) {
  const v1::Run& run = detail.run();
  std::string out = RunText(run);
  absl::StrAppend(&out, "Begun ", Moment(run.started(), zone), " by ", run.actor());
  if (run.has_ended()) absl::StrAppend(&out, ", ended ", Moment(run.ended(), zone));
  if (!run.plan().empty()) absl::StrAppend(&out, "; plan ", Short(run.plan(), 6));
  out += "\n";
  // What went wrong comes first and whole.
  Operations wrong, right;
  for (const v1::Operation& operation : detail.operations()) {
    const std::string& status = operation.status();
    const bool is_right = status == "applied" || status == "no_change" || status == "adopted";
    *(is_right ? right : wrong).Add() = operation;
  }
  if (!wrong.empty()) {
    absl::StrAppend(&out, "Not carried out: ", Plural(wrong.size(), "operation", "operations"), "\n",
                    OperationsText(wrong, true));
  }
  if (!right.empty()) {
    absl::StrAppend(&out, "Carried out: ", Plural(right.size(), "operation", "operations"), "\n",
                    OperationsText(right, shows_all));
  }
  return out;
}

std::string PluginsText(const v1::ListPluginsResponse& reply) {
  Table table({"system", "package", "version", "state", "pid", "restarts", "last end"});
  for (const v1::Plugin& one : reply.plugins()) {
    table.Add({Id(one.name()), one.package(), one.version(), PluginState(one.state()),
               one.pid() > 0 ? absl::StrCat(one.pid()) : "", absl::StrCat(one.restarts()), one.last_end()});
  }
  std::string out = table.ToString();
  for (const v1::Package& one : reply.packages()) {
    absl::StrAppend(&out, "installed: ", one.name(), " ", one.version(), " (", absl::StrJoin(one.kinds(), ", "), ")\n");
  }
  return out;
}

std::string PluginText(const v1::Plugin& plugin, absl::TimeZone zone) {
  std::string out =
      absl::StrCat(Id(plugin.name()), "  ", plugin.package(), " ", plugin.version(), "  ", PluginState(plugin.state()));
  if (plugin.since().seconds() > 0) absl::StrAppend(&out, " since ", Moment(plugin.since(), zone));
  if (plugin.pid() > 0) absl::StrAppend(&out, "  pid ", plugin.pid());
  out += "\n";
  if (plugin.restarts() > 0) absl::StrAppend(&out, "  restarts: ", plugin.restarts(), "\n");
  if (!plugin.last_end().empty()) absl::StrAppend(&out, "  last end: ", plugin.last_end(), "\n");
  for (const std::string& line : plugin.log()) absl::StrAppend(&out, "  ", line, "\n");
  return out;
}

std::string AuditText(const v1::ListAuditRowsResponse& reply, absl::TimeZone zone) {
  if (reply.rows().empty()) return "No rows.\n";
  Table table({"row", "time", "who", "what", "system", "whom", "how"});
  for (const v1::AuditRow& row : reply.rows()) {
    std::string what = TextOf(row.row(), "action");
    if (const std::string entitlement = TextOf(row.row(), "entitlement"); !entitlement.empty())
      absl::StrAppend(&what, " ", entitlement);
    table.Add({absl::StrCat(row.sequence()), TimeOf(row.row(), zone), TextOf(row.row(), "actor"), what,
               TextOf(row.row(), "system"), WhomOf(row),
               row.damage().empty() ? HowOf(row) : absl::StrCat("DAMAGED: ", row.damage())});
  }
  return table.ToString();
}

}  // namespace sluice::cli
