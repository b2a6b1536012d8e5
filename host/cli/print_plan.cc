// Plans, operations, blocks, runs and explanations.

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "host/cli/print.h"

namespace sluice::cli {
namespace {

constexpr int kShortList = 40;  // So many rows are shown as they are.
constexpr int kOfEachKind = 6;  // Of longer lists.
constexpr int kMissedRules = 3;

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

std::string ByKind(const Operations& operations) {
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
    parts.push_back(absl::StrCat(Number(count), " ", kind == "adopt" ? "take over" : Words(kind)));
  return absl::StrJoin(parts, ", ");
}

// "ad retire 1 of 20, 0.1 % of 3 %"
std::string Verdict(const v1::ThresholdVerdict& verdict, int64_t count) {
  std::string text = absl::StrCat(verdict.system(), " ", Words(verdict.kind()), " ", Number(count));
  if (verdict.count_limit() > 0) absl::StrAppend(&text, " of ", Number(verdict.count_limit()));
  if (verdict.percent_limit() > 0) {
    absl::StrAppend(&text, verdict.count_limit() > 0 ? ", " : ": ", Percent(count, verdict.held()), " of ",
                    verdict.percent_limit(), " %");
  }
  return text;
}

std::string BlockLines(const v1::Plan& plan) {
  std::string out;
  Table waiting;
  std::vector<std::string> ids;
  for (const v1::Block& block : plan.blocks()) {
    if (block.state() == "approved") {
      absl::StrAppend(&out, "Approved: ", block.verdict(), " (block ", Short(block.name()), ")\n");
    } else {
      ids.push_back(Short(block.name()));
      if (ids.size() <= kShortList) waiting.Add({ids.back(), block.system(), block.verdict()});
    }
  }
  if (ids.empty()) return out;
  absl::StrAppend(&out,
                  Plural(static_cast<int64_t>(ids.size()), "group of operations waits", "groups of operations wait"),
                  " for a decision:\n", waiting.ToString(2));
  if (ids.size() > kShortList)
    absl::StrAppend(&out, "  ... and ", ids.size() - kShortList, " more: sluice block list\n");
  absl::StrAppend(&out, "Look: sluice block show ", ids.front(), "; approve: sluice block approve ", ids.front(),
                  ids.size() > 1 ? " ..." : "", " --reason \"...\"\n");
  return out;
}

std::string ThresholdLines(const v1::Plan& plan) {
  std::vector<std::string> held, reached;
  for (const v1::ThresholdVerdict& verdict : plan.thresholds()) {
    const int64_t count = verdict.count() - verdict.observing();
    if (verdict.count_limit() == 0 && verdict.percent_limit() == 0 && !verdict.is_reached()) continue;
    if (count > 0) (verdict.is_reached() ? reached : held).push_back(Verdict(verdict, count));
  }
  std::string out;
  if (reached.empty()) {
    absl::StrAppend(&out, "Thresholds hold", held.empty() ? "" : absl::StrCat(" (", absl::StrJoin(held, "; "), ")"),
                    ".\n");
  } else {
    absl::StrAppend(&out, "Thresholds are reached: ", absl::StrJoin(reached, "; "), ".\n");
    if (!held.empty()) absl::StrAppend(&out, "The others hold (", absl::StrJoin(held, "; "), ").\n");
  }
  return out + BlockLines(plan);
}

std::string HeldBackLines(const v1::Plan& plan, bool shows_all) {
  if (plan.held_back().empty()) return "Nobody is held back.\n";
  std::set<std::string> persons;
  int resources = 0, cut = 0;
  Table table, rest;
  for (const v1::HeldBack& held : plan.held_back()) {
    const bool is_person = !held.person().empty();
    if (is_person) persons.insert(held.person());
    resources += !is_person;
    if (!shows_all && table.size() + rest.size() >= kShortList) {
      ++cut;
    } else if (is_person) {
      table.Add({held.display(), held.external_id(), held.system(), held.reason()});
    } else {
      rest.Add({held.system(), held.reason()});
    }
  }
  const auto people = static_cast<int64_t>(persons.size());
  std::string who;
  if (people > 0) who = Plural(people, "person", "people");
  if (resources > 0) absl::StrAppend(&who, people > 0 ? " and " : "", Plural(resources, "resource", "resources"));
  std::string out =
      absl::StrCat(who, people + resources == 1 ? " is" : " are", " held back:\n", table.ToString(2), rest.ToString(2));
  if (cut > 0) absl::StrAppend(&out, "  ... and ", Number(cut), " more; all of them with --all\n");
  return out;
}

std::vector<std::string> Row(const v1::Operation& operation, bool all_observe) {
  static const std::set<std::string> kPlain = {"ready", "applied", "no_change", "adopted"};
  std::string note = operation.supports_size() > 0 ? operation.supports(0).rule() : "";
  if (operation.status() == "blocked") {
    note = absl::StrCat("blocked ", Short(operation.block()));
  } else if (!operation.error().empty()) {
    note = absl::StrCat(Words(operation.status()), ": ", operation.error());
  } else if (!kPlain.contains(operation.status()) && !(all_observe && operation.status() == "observing")) {
    note = Words(operation.status());
  }
  return {std::string(1, Sign(operation.kind())),
          operation.system(),
          What(operation),
          operation.display(),
          operation.external_id(),
          operation.summary(),
          note};
}

// Adds each record once: several clauses and contracts lead to the same ones.
void AddSupport(const v1::Support& support, std::set<std::string>& records, Table& table) {
  std::string rule = support.rule();
  if (!support.role().empty()) absl::StrAppend(&rule, " (role ", support.role(), ")");
  table.Add({"rule", rule, support.position()});
  if (!support.contract().empty()) {
    table.Add({"contract", support.contract(),
               absl::StrCat(support.from().empty() ? "always" : Day(support.from()), " to ",
                            support.until().empty() ? "open" : Day(support.until()), ", in window today")});
  }
  for (const v1::Clause& clause : support.clauses()) table.Add({"", clause.text(), clause.position()});
  for (const std::string& record : support.records()) {
    if (records.insert(record).second) table.Add({"record", record});
  }
}

std::string MissedText(const v1::MissedRule& missed) {
  std::string out;
  std::vector<std::string> lines;
  for (const v1::Clause& clause : missed.clauses()) {
    if (clause.verdict() != "true" && std::find(lines.begin(), lines.end(), clause.text()) == lines.end())
      lines.push_back(clause.text());
  }
  for (const std::string& line : lines) absl::StrAppend(&out, "  ", line, "\n");
  if (!missed.window().empty()) absl::StrAppend(&out, "  ", missed.window(), "\n");
  return out;
}

std::string HeldLine(const v1::Explanation& explanation) {
  const v1::Grant& grant = explanation.grant();
  const bool is_held = grant.state() == "held";
  if (!explanation.has_grant() || (!is_held && grant.state() != "retired")) return "";
  std::string out =
      absl::StrCat(is_held ? "Held since " : "Retired since ", Day(is_held ? grant.since() : grant.retired_on()));
  if (!grant.operation().empty()) absl::StrAppend(&out, ", by operation ", Short(grant.operation(), 6));
  if (!explanation.plan().empty()) absl::StrAppend(&out, " of plan ", Short(explanation.plan(), 6));
  return out + "\n";
}

std::string AnswerLine(const v1::Explanation& explanation) {
  const std::string& answer = explanation.answer();
  if (answer == "granted") {
    return explanation.has_grant() && explanation.grant().state() == "held"
               ? ""
               : "Granted by rules; not carried out yet.\n";
  }
  if (answer == "unknown")
    return "Unknown: something that a rule asks for is not visible. What is held stays, nothing new is given.\n";
  if (answer == "not_granted" || answer == "held_no_longer") {
    std::string line = answer == "not_granted" ? "Not granted." : "No rule gives it any longer.";
    if (explanation.missed_size() > 0) {
      absl::StrAppend(&line, " Nearest rule: ", explanation.missed(0).rule(), " (", explanation.missed(0).position(),
                      ")");
    }
    return line + "\n";
  }
  if (answer == "not_activated") return "Rules give it, but the target only observes for this person.\n";
  if (answer == "held_back") return "Held back: nothing changes until the reason is gone.\n";
  if (answer == "excluded") return "Excluded: what is held stays as it is.\n";
  return Words(answer) + "\n";
}

}  // namespace

std::string OperationsText(const Operations& operations, bool shows_all) {
  const bool all_observe = std::all_of(operations.begin(), operations.end(),
                                       [](const v1::Operation& one) { return one.status() == "observing"; });
  if (operations.size() <= kShortList) shows_all = true;
  std::map<std::pair<std::string, std::string>, int> shown, cut;
  Table table;
  for (const v1::Operation& operation : operations) {
    const std::pair<std::string, std::string> kind = {operation.system(), operation.kind()};
    if (shows_all || ++shown[kind] <= kOfEachKind) {
      table.Add(Row(operation, all_observe));
    } else {
      ++cut[kind];
    }
  }
  std::string out = table.ToString(2);
  std::vector<std::string> more;
  for (const auto& [kind, count] : cut)
    more.push_back(absl::StrCat(Number(count), " ", kind.first, " ", Words(kind.second)));
  if (!more.empty()) absl::StrAppend(&out, "  ... and ", absl::StrJoin(more, ", "), "; all of them with --all\n");
  return out;
}

std::string PlanText(const v1::Plan& plan, bool shows_all) {
  const v1::Snapshot& snapshot = plan.snapshot();
  std::string out;
  // That the people below are not the newest stands above all else.
  const auto is_of_newer = [](const std::string& warning) { return absl::StartsWith(warning, "a newer import "); };
  for (const std::string& warning : plan.warnings()) {
    if (is_of_newer(warning)) absl::StrAppend(&out, "Warning: ", warning, "\n");
  }
  if (snapshot.sequence() == 0) {
    out += "Nothing was imported yet: sluice import\n";
  } else {
    absl::StrAppend(&out, "Snapshot ", snapshot.sequence(), " of ", Day(snapshot.as_of()), ", ",
                    Plural(snapshot.people(), "person", "people"), "; ");
    absl::StrAppend(&out, "configuration ", Short(plan.configuration(), 4), "; as of ", Day(plan.as_of()), "\n");
  }
  int64_t observing = std::count_if(plan.operations().begin(), plan.operations().end(),
                                    [](const v1::Operation& operation) { return operation.status() == "observing"; });
  // What an enforcement would do is not to be sought among what only shows.
  Operations real;
  for (const v1::Operation& operation : plan.operations()) {
    if (operation.status() != "observing") *real.Add() = operation;
  }
  const bool hides = !shows_all && !real.empty() && plan.operations_size() > kShortList;
  out += OperationsText(hides ? real : plan.operations(), shows_all);
  if (plan.operations().empty()) {
    out += "Nothing to do.\n";
  } else {
    absl::StrAppend(&out, Plural(plan.operations_size(), "operation", "operations"), ": ", ByKind(plan.operations()),
                    ".\n");
    if (observing > 0) {
      absl::StrAppend(&out, observing == plan.operations_size() ? "All of them only show" : Number(observing),
                      observing == plan.operations_size() ? ""
                      : observing == 1                    ? " of them only shows"
                                                          : " of them only show",
                      " what an activation would do: sluice correlation report, then sluice system activate\n");
    }
  }
  out += ThresholdLines(plan);
  out += HeldBackLines(plan, shows_all);
  for (const std::string& warning : plan.warnings()) {
    if (!is_of_newer(warning)) absl::StrAppend(&out, "Warning: ", warning, "\n");
  }
  if (plan.operations_size() > observing)
    absl::StrAppend(&out, "Carry it out with: sluice enforce --plan ", Short(plan.name(), 6), "\n");
  return out;
}

std::string ExplanationText(const v1::Explanation& explanation) {
  std::string out = HeldLine(explanation) + AnswerLine(explanation);
  std::set<std::string> records;
  Table table;
  for (const v1::Support& support : explanation.supports()) AddSupport(support, records, table);
  if (explanation.answer() == "granted") {
    table.Add({"snapshot", absl::StrCat(explanation.snapshot().sequence(), " of ", Day(explanation.snapshot().as_of())),
               absl::StrCat("configuration ", Short(explanation.configuration(), 4))});
  }
  out += table.ToString(2);
  for (int i = 0; explanation.answer() != "granted" && i < std::min(explanation.missed_size(), kMissedRules); ++i) {
    const v1::MissedRule& missed = explanation.missed(i);
    const bool is_named = i == 0 && (explanation.answer() == "not_granted" || explanation.answer() == "held_no_longer");
    if (!is_named) absl::StrAppend(&out, i == 0 ? "Rule: " : "Next: ", missed.rule(), " (", missed.position(), ")\n");
    out += MissedText(missed);
  }
  if (!explanation.next_change().empty())
    absl::StrAppend(&out, "Changes by itself on ", Day(explanation.next_change()), ".\n");
  if (!explanation.note().empty()) absl::StrAppend(&out, explanation.note(), "\n");
  return out;
}

std::string BlocksText(const v1::ListBlocksResponse& reply, absl::TimeZone zone) {
  if (reply.blocks().empty()) return "Nothing waits.\n";
  // By system and kind, so that what belongs together is looked at together; otherwise as they came, newest first.
  std::vector<const v1::Block*> blocks;
  for (const v1::Block& block : reply.blocks()) blocks.push_back(&block);
  std::stable_sort(blocks.begin(), blocks.end(), [](const v1::Block* a, const v1::Block* b) {
    return std::make_tuple(a->state() != "waiting", a->system(), a->kind()) <
           std::make_tuple(b->state() != "waiting", b->system(), b->kind());
  });
  Table table({"block", "system", "kind", "state", "since", "size", "what"});
  int waiting = 0;
  int64_t size = 0;
  const v1::Block* before = nullptr;
  for (const v1::Block* block : blocks) {
    const bool is_same = before != nullptr && before->system() == block->system() && before->kind() == block->kind();
    table.Add({Short(block->name()), is_same ? "" : block->system(), is_same ? "" : Words(block->kind()),
               block->state(), Moment(block->since(), zone), Number(block->size()), block->verdict()});
    if (block->state() == "waiting") {
      ++waiting;
      size += block->size();
    }
    before = block;
  }
  std::string out = table.ToString();
  if (waiting > 0) {
    absl::StrAppend(
        &out, Plural(waiting, "block waits", "blocks wait"), ", ", Number(size),
        " in all. Look: sluice block show ID; decide: sluice block approve|reject ID... --reason \"...\"\n");
  }
  return out;
}

std::string BlockText(const v1::Block& block, absl::TimeZone zone, bool shows_all) {
  std::string out = absl::StrCat("Block ", Short(block.name()), " of ", block.system(), ": ", block.verdict(), "; ",
                                 block.state(), " since ", Moment(block.since(), zone), "\n");
  if (!block.decided_by().empty())
    absl::StrAppend(&out, block.state(), " by ", block.decided_by(), ": ", block.reason(), "\n");
  Table table;
  int cut = 0;
  for (const v1::BlockItem& item : block.items()) {
    if (!shows_all && table.size() == kShortList) {
      ++cut;
    } else {
      table.Add({item.display().empty() && item.summary().empty() ? item.id() : item.display(), item.external_id(),
                 item.summary()});
    }
  }
  out += table.ToString(2);
  if (cut > 0) absl::StrAppend(&out, "  ... and ", Number(cut), " more; all of them with --all\n");
  if (block.state() == "waiting")
    absl::StrAppend(&out, "Decide: sluice block approve|reject ", Short(block.name()), " --reason \"...\"\n");
  return out;
}

}  // namespace sluice::cli
