#include "host/cli/print.h"

#include <algorithm>
#include <iostream>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"

namespace sluice::cli {
namespace {

size_t Width(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string Percent(int64_t count, int64_t held) {
  const int64_t tenths = held == 0 ? 0 : count * 1000 / held;
  return absl::StrCat(tenths / 10, ".", tenths % 10, " %");
}

char Sign(const std::string& kind) {
  if (kind == "adopt") return '=';
  if (kind == "update") return '~';
  if (kind == "create" || kind == "enable" || kind == "grant" || kind == "create_resource") return '+';
  return '-';
}

// "create account", "grant group les-h4.bio2", "update sn, displayName"
std::string What(const v1::Operation& operation) {
  std::string kind = absl::StrReplaceAll(operation.kind(), {{"_resource", ""}});
  if (kind == "adopt") kind = "take over";
  return absl::StrCat(kind, " ", operation.label());
}

std::string ByKind(const google::protobuf::RepeatedPtrField<v1::Operation>& operations) {
  std::vector<std::pair<std::string, int64_t>> counts;
  for (const v1::Operation& operation : operations) {
    auto found =
        std::find_if(counts.begin(), counts.end(), [&](const auto& entry) { return entry.first == operation.kind(); });
    if (found == counts.end()) {
      counts.emplace_back(operation.kind(), 1);
    } else {
      ++found->second;
    }
  }
  std::vector<std::string> parts;
  for (const auto& [kind, count] : counts)
    parts.push_back(absl::StrCat(Number(count), " ", absl::StrReplaceAll(kind, {{"_", " "}})));
  return absl::StrJoin(parts, ", ");
}

// "ad retire 1 of 20, 0.1 % of 3 %"
std::string Verdict(const v1::ThresholdVerdict& verdict) {
  std::string text = absl::StrCat(verdict.system(), " ", absl::StrReplaceAll(verdict.kind(), {{"_", " "}}), " ",
                                  Number(verdict.count()));
  if (verdict.count_limit() > 0) absl::StrAppend(&text, " of ", Number(verdict.count_limit()));
  if (verdict.percent_limit() > 0) {
    absl::StrAppend(&text, verdict.count_limit() > 0 ? ", " : ": ", Percent(verdict.count(), verdict.held()), " of ",
                    verdict.percent_limit(), " %");
  }
  return text;
}

void ShowThresholds(const v1::Plan& plan) {
  std::vector<std::string> held, reached;
  for (const v1::ThresholdVerdict& verdict : plan.thresholds()) {
    if (verdict.count() == 0) continue;
    (verdict.is_reached() ? reached : held).push_back(Verdict(verdict));
  }
  if (reached.empty()) {
    std::cout << "Thresholds hold" << (held.empty() ? "" : absl::StrCat(" (", absl::StrJoin(held, "; "), ")")) << ".\n";
  } else {
    std::cout << "Thresholds are reached: " << absl::StrJoin(reached, "; ") << ".\n";
    if (!held.empty()) std::cout << "The others hold (" << absl::StrJoin(held, "; ") << ").\n";
  }
  for (const v1::Block& block : plan.blocks()) {
    if (block.state() == "approved") {
      std::cout << "Approved: " << block.verdict() << " (block " << Short(block.name()) << ")\n";
    } else {
      std::cout << "Waits: " << block.verdict() << ". Look: sluice block show " << Short(block.name())
                << "; approve: sluice block approve " << Short(block.name()) << " --reason \"...\"\n";
    }
  }
}

void ShowSupport(const v1::Support& support) {
  std::string rule = support.rule();
  if (!support.role().empty()) absl::StrAppend(&rule, " (role ", support.role(), ")");
  Table table;
  table.Add({"rule", rule, support.position()});
  if (!support.contract().empty()) {
    std::string window = absl::StrCat(support.from().empty() ? "" : Day(support.from()), " to ",
                                      support.until().empty() ? "open" : Day(support.until()), ", in window");
    table.Add({"contract", support.contract(), window});
  }
  for (const v1::Clause& clause : support.clauses()) table.Add({"clause", clause.text(), clause.position()});
  for (const std::string& record : support.records()) table.Add({"record", record, ""});
  std::cout << table.ToString(2);
}

}  // namespace

Table::Table(std::vector<std::string> headings) : has_headings_(!headings.empty()) {
  if (has_headings_) rows_.push_back(std::move(headings));
}

void Table::Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }

std::string Table::ToString(size_t indent) const {
  if (has_headings_ && rows_.size() == 1) return "";
  std::vector<size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(row[i]));
  }
  std::string out;
  for (const auto& row : rows_) {
    std::string line(indent, ' ');
    for (size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line.append(widths[i] - Width(row[i]) + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::string Short(const std::string& id_or_name, size_t length) {
  const size_t slash = id_or_name.rfind('/');
  return id_or_name.substr(slash == std::string::npos ? 0 : slash + 1, length);
}

std::string Number(int64_t number) {
  std::string text = absl::StrCat(number);
  for (int64_t i = static_cast<int64_t>(text.size()) - 3; i > (number < 0 ? 1 : 0); i -= 3)
    text.insert(static_cast<size_t>(i), ",");
  return text;
}

std::string Day(const std::string& iso) {
  absl::CivilDay day;
  if (!absl::ParseCivilTime(iso, &day)) return iso;
  return absl::FormatTime("%-d %b %Y", absl::FromCivil(day, absl::UTCTimeZone()), absl::UTCTimeZone());
}

std::string Moment(const google::protobuf::Timestamp& time) {
  return absl::FormatTime("%-d %b %Y %H:%M", absl::FromUnixSeconds(time.seconds()), absl::LocalTimeZone());
}

std::string Plural(int64_t count, const std::string& one, const std::string& many) {
  return absl::StrCat(Number(count), " ", count == 1 ? one : many);
}

int ShowStatus(const v1::Status& status) {
  std::cout << status.name() << "; sluice " << status.version() << "; configuration "
            << Short(status.configuration(), 4) << "; as of " << Day(status.as_of()) << "\n";
  const v1::Snapshot& snapshot = status.snapshot();
  if (snapshot.sequence() == 0) {
    std::cout << "Nothing was imported yet: sluice import\n";
  } else {
    std::cout << "Snapshot " << snapshot.sequence() << " of " << Day(snapshot.as_of()) << ": "
              << Number(snapshot.people()) << " people, " << Number(snapshot.vanished()) << " vanished, "
              << Number(snapshot.held_back()) << " held back\n";
  }
  Table table({"system", "kind", "connector", "plugin"});
  for (const v1::System& system : status.systems()) {
    table.Add({Short(system.name(), 64), system.kind(), system.connector(), system.plugin_state()});
  }
  std::cout << table.ToString(2);
  for (const v1::Run& run : status.active_runs()) {
    std::cout << "Run " << Short(run.name()) << " (" << run.kind() << ") since " << Moment(run.started()) << "\n";
  }
  if (status.open_operations() > 0) {
    std::cout << Plural(status.open_operations(), "operation is", "operations are")
              << " in doubt: the next enforcement verifies them\n";
  }
  if (status.blocks_waiting() > 0)
    std::cout << Plural(status.blocks_waiting(), "block waits", "blocks wait") << ": sluice block list\n";
  return kOk;
}

void ShowOperations(const google::protobuf::RepeatedPtrField<v1::Operation>& operations, size_t most) {
  Table table;
  size_t shown = 0;
  for (const v1::Operation& operation : operations) {
    if (shown++ == most) break;
    std::string note = operation.supports_size() > 0 ? operation.supports(0).rule() : "";
    if (operation.status() == "blocked") note = absl::StrCat("blocked ", Short(operation.block()));
    if (operation.status() == "waiting" || operation.status() == "observing" || operation.status() == "failed")
      note = operation.status();
    if (!operation.error().empty()) note = absl::StrCat(operation.status(), ": ", operation.error());
    table.Add({std::string(1, Sign(operation.kind())), operation.system(), What(operation), operation.display(),
               operation.external_id(), operation.summary(), note});
  }
  std::cout << table.ToString(2);
  if (static_cast<size_t>(operations.size()) > most) {
    std::cout << "  ... and " << Number(operations.size() - static_cast<int64_t>(most))
              << " more; all of them with --all\n";
  }
}

int ShowPlan(const v1::Plan& plan, bool shows_all) {
  const v1::Snapshot& snapshot = plan.snapshot();
  std::cout << "Snapshot " << snapshot.sequence() << " of " << Day(snapshot.as_of()) << ", "
            << Number(snapshot.people()) << " people; configuration " << Short(plan.configuration(), 4) << "; as of "
            << Day(plan.as_of()) << "\n";
  ShowOperations(plan.operations(), shows_all ? SIZE_MAX : 40);
  if (plan.operations().empty()) {
    std::cout << "Nothing to do.\n";
  } else {
    std::cout << Plural(plan.operations_size(), "operation", "operations") << ": " << ByKind(plan.operations())
              << ".\n";
    int64_t observing = std::count_if(plan.operations().begin(), plan.operations().end(),
                                      [](const v1::Operation& operation) { return operation.status() == "observing"; });
    if (observing > 0) {
      std::cout << Plural(observing, "of them only shows", "of them only show")
                << " what an activation would do: sluice correlation report, then sluice system activate\n";
    }
  }
  ShowThresholds(plan);
  if (plan.held_back().empty()) {
    std::cout << "Nobody is held back.\n";
  } else {
    std::cout << Plural(plan.held_back_size(), "person is", "people are") << " held back:\n";
    Table table;
    for (const v1::HeldBack& held : plan.held_back()) {
      if (!shows_all && table.size() == 20) break;
      table.Add({held.display(), held.external_id(), held.system(), held.reason()});
    }
    std::cout << table.ToString(2);
  }
  for (const std::string& warning : plan.warnings()) std::cout << "Warning: " << warning << "\n";
  if (!plan.operations().empty())
    std::cout << "Carry it out with: sluice enforce --plan " << Short(plan.name(), 6) << "\n";
  return kOk;
}

int ShowExplanation(const v1::Explanation& explanation) {
  if (explanation.has_grant() && (explanation.grant().state() == "held" || explanation.grant().state() == "retired")) {
    const v1::Grant& grant = explanation.grant();
    std::cout << (grant.state() == "held" ? "Held since " : "Retired since ")
              << Day(grant.state() == "held" ? grant.since() : grant.retired_on());
    if (!grant.operation().empty()) std::cout << ", by operation " << Short(grant.operation(), 6);
    if (!explanation.plan().empty()) std::cout << " of plan " << Short(explanation.plan(), 6);
    std::cout << "\n";
  }
  if (explanation.answer() == "granted") {
    if (!explanation.has_grant() || explanation.grant().state() != "held")
      std::cout << "Granted by rules; not carried out yet.\n";
    for (const v1::Support& support : explanation.supports()) ShowSupport(support);
    std::cout << "  snapshot  " << explanation.snapshot().sequence() << " of " << Day(explanation.snapshot().as_of())
              << ", configuration " << Short(explanation.configuration(), 4) << "\n";
  } else if (explanation.answer() == "unknown") {
    std::cout << "Unknown: something that a rule asks for is not visible. What is held stays, nothing new is given.\n";
  } else if (explanation.answer() == "not_granted" || explanation.answer() == "held_no_longer") {
    std::cout << "Not granted.";
    if (explanation.missed_size() > 0) {
      std::cout << " Nearest rule: " << explanation.missed(0).rule() << " (" << explanation.missed(0).position() << ")";
    }
    std::cout << "\n";
  } else {
    std::cout << absl::StrReplaceAll(explanation.answer(), {{"_", " "}}) << "\n";
  }
  if (explanation.answer() != "granted") {
    int shown = 0;
    for (const v1::MissedRule& missed : explanation.missed()) {
      if (++shown > 3) break;
      if (shown > 1) std::cout << "Next: " << missed.rule() << " (" << missed.position() << ")\n";
      for (const v1::Clause& clause : missed.clauses()) {
        if (clause.verdict() != "true") std::cout << "  " << clause.text() << "\n";
      }
      if (!missed.window().empty()) std::cout << "  " << missed.window() << "\n";
    }
  }
  if (!explanation.next_change().empty())
    std::cout << "Changes by itself on " << Day(explanation.next_change()) << ".\n";
  if (!explanation.note().empty()) std::cout << explanation.note() << "\n";
  return kOk;
}

int ShowCheck(const v1::CheckConfigurationResponse& check, bool says_ok) {
  const auto print = [](const v1::ConfigurationError& error, const char* prefix) {
    std::cout << error.file();
    if (error.line() > 0) std::cout << ":" << error.line();
    if (error.column() > 0) std::cout << ":" << error.column();
    std::cout << ": " << prefix << error.message() << "\n";
  };
  for (const v1::ConfigurationError& error : check.errors()) print(error, "");
  for (const v1::ConfigurationError& warning : check.warnings()) print(warning, "warning: ");
  if (check.errors_size() > 0) {
    std::cout << Plural(check.errors_size(), "error", "errors") << ". The running configuration "
              << Short(check.running_hash(), 4) << " is unchanged.\n";
    return kFailed;
  }
  if (says_ok) {
    std::cout << "Configuration " << Short(check.hash(), 4) << " is right"
              << (check.hash() == check.running_hash()
                      ? "; it is the running one.\n"
                      : absl::StrCat("; running is ", Short(check.running_hash(), 4), ".\n"));
  }
  return kOk;
}

int ShowRun(const v1::Run& run) {
  for (const std::string& warning : run.warnings()) std::cout << "  " << warning << "\n";
  std::cout << "Run " << Short(run.name()) << " (" << run.kind() << ") " << run.state();
  if (!run.summary().empty()) std::cout << ": " << run.summary();
  std::cout << "\n";
  return run.state() == "succeeded" || run.state() == "running" ? kOk : kFailed;
}

int ShowPerson(const v1::PersonDetail& detail) {
  const v1::Person& person = detail.person();
  std::cout << person.display() << "  " << person.external_id() << "  " << person.state() << "  "
            << Short(person.name(), 36) << "\n";
  for (const std::string& reason : person.held_back()) std::cout << "  held back: " << reason << "\n";
  if (!detail.exclusion().empty()) std::cout << "  excluded " << detail.exclusion() << "\n";
  Table fields;
  for (const auto& [path, value] : std::map<std::string, std::string>(detail.fields().begin(), detail.fields().end())) {
    fields.Add({path, value});
  }
  std::cout << fields.ToString(2);
  Table contracts({"contract", "from", "until", "department", "location", "title", ""});
  for (const v1::Contract& contract : detail.contracts()) {
    const auto field = [&](const char* path) {
      auto found = contract.fields().find(path);
      return found == contract.fields().end() ? std::string() : found->second;
    };
    contracts.Add({contract.type(), Day(contract.start()), contract.end().empty() ? "open" : Day(contract.end()),
                   field("department.code"), field("location.code"), field("title.name"),
                   contract.is_primary()          ? "primary"
                   : contract.last_seen().empty() ? ""
                                                  : "gone since " + Day(contract.last_seen())});
  }
  std::cout << contracts.ToString();
  Table grants({"system", "holds", "state", "since", "object"});
  for (const v1::Grant& grant : detail.grants()) {
    grants.Add({grant.system(), grant.label().empty() ? grant.entitlement() : grant.label(), grant.state(),
                Day(grant.since()), grant.object_name().empty() ? grant.object_id() : grant.object_name()});
  }
  std::cout << grants.ToString();
  for (const v1::RawRecord& record : detail.raw_records()) {
    std::cout << record.system() << " " << record.object_class() << " " << record.id() << " (confirmed "
              << Day(record.last_confirmed()) << ")\n  " << record.attributes().ShortDebugString() << "\n";
  }
  if (detail.operations_size() > 0) {
    std::cout << "operations\n";
    ShowOperations(detail.operations(), 40);
  }
  return kOk;
}

int ShowBlock(const v1::Block& block) {
  std::cout << "Block " << Short(block.name()) << " of " << block.system() << ": " << block.verdict() << "; "
            << block.state() << " since " << Moment(block.since()) << "\n";
  if (!block.decided_by().empty())
    std::cout << block.state() << " by " << block.decided_by() << ": " << block.reason() << "\n";
  Table table;
  for (const v1::BlockItem& item : block.items()) {
    if (table.size() == 40) break;
    table.Add({item.display(), item.external_id(), item.summary()});
  }
  std::cout << table.ToString(2);
  if (block.items_size() > 40) std::cout << "  ... and " << Number(block.items_size() - 40) << " more\n";
  return kOk;
}

int ShowCorrelation(const v1::CorrelationReport& report, bool shows_all) {
  static const std::map<std::string, std::string> kWords = {{"one", "match one account"},
                                                            {"several", "match several accounts: held back"},
                                                            {"none", "match none: would be created"},
                                                            {"no_key", "have no key"},
                                                            {"shared", "share an account: held back"},
                                                            {"held", "have their account already"}};
  for (const auto& [result, words] : kWords) {
    auto found = report.counts().find(result);
    if (found != report.counts().end()) std::cout << "  " << Number(found->second) << " " << words << "\n";
  }
  std::cout << "  " << Plural(report.unmatched_accounts_size(), "account matches", "accounts match") << " nobody\n";
  Table table;
  for (const v1::CorrelationRow& row : report.rows()) {
    if (!shows_all && (row.result() == "none" || row.result() == "held")) continue;
    if (!shows_all && table.size() == 40) break;
    table.Add({row.result(), row.display(), row.external_id(), row.key(), row.account_names()});
  }
  for (const v1::ObservedAccount& account : report.unmatched_accounts()) {
    if (!shows_all && table.size() >= 60) break;
    table.Add({"nobody", "", "", account.id(), account.name()});
  }
  std::cout << table.ToString(2);
  return kOk;
}

}  // namespace sluice::cli
