// Level 3: the stream of an import.
#include <algorithm>
#include <fstream>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "sdk/wire/error.h"
#include "sdk/wire/limits.h"
#include "tests/conformance/run.h"

namespace sluice::conformance {
namespace {

namespace v1 = connector::v1;

Verdict Succeeds(Run& run) {
  SLUICE_OR_SKIP(log, run.Whole());
  if (log->status.ok()) return Passed(log->records.size(), " records in ", absl::ToInt64Milliseconds(log->took), " ms");
  if (log->was_cut_off) return Skipped("SRC-011 fails");
  return Failed("the import failed after ", log->records.size(), " records: ", Text(log->status));
}

Verdict IsInOrder(Run& run) {
  SLUICE_OR_SKIP(log, run.Worked());
  if (!log->order_mistake.empty()) return Failed(log->order_mistake);
  if (log->ends == 0)
    return Failed("the stream ended without an end frame, after ", log->frames, " frames with ", log->records.size(),
                  " records");
  if (log->ends > 1) return Failed("there are ", log->ends, " end frames");
  return Passed();
}

// The classes that an import of everything must answer for.
std::set<std::string> Expected(Run& run) {
  std::set<std::string> names;
  auto schema = run.Schema();
  if (schema.ok()) {
    for (const auto& c : (*schema)->classes()) names.insert(c.name());
  }
  return names;
}

Verdict CountsAreRight(Run& run) {
  SLUICE_OR_SKIP(log, run.Worked());
  if (!log->batch_mistake.empty()) return Skipped("SRC-006 fails");
  if (log->ends == 0) return Skipped("SRC-002 fails");
  std::map<std::pair<std::string, std::string>, uint64_t> sent;
  for (const Record& record : log->records) ++sent[{record.scope, record.object_class}];
  std::set<uint32_t> scopes;
  for (const auto& scope : log->end.scopes()) {
    if (static_cast<int>(scope.scope()) >= log->schema.scopes_size() || !scopes.insert(scope.scope()).second) continue;
    const std::string& id = log->schema.scopes(static_cast<int>(scope.scope())).id();
    for (const auto& c : scope.classes()) {
      if (static_cast<int>(c.object_class()) >= log->schema.classes_size()) continue;
      const std::string& name = log->schema.classes(static_cast<int>(c.object_class())).object_class();
      const uint64_t came = sent[{id, name}];
      const auto gone = std::count_if(log->deleted.begin(), log->deleted.end(),
                                      [&, n = &name](const ObjectKey& key) { return key.first == *n; });
      if (c.deleted() > static_cast<uint64_t>(gone))
        return Failed("the end says ", c.deleted(), " deleted of class ", name, "; ", gone, " came");
      if (c.records() != came)
        return Failed("the end says ", c.records(), " records of class ", name, " in scope \"", id, "\"; ", came,
                      " came");
    }
  }
  return Passed();
}

Verdict EndNamesEverything(Run& run) {
  SLUICE_OR_SKIP(log, run.Worked());
  if (log->ends == 0) return Skipped("SRC-002 fails");
  if (log->schema.scopes().empty())
    return Failed("the schema names no scope; a connector without parts has one, nameless");
  std::set<std::string> scope_ids;
  for (const auto& scope : log->schema.scopes()) {
    if (!scope_ids.insert(scope.id()).second) return Failed("two scopes have the id \"", scope.id(), "\"");
  }
  std::set<uint32_t> scopes;
  for (const auto& scope : log->end.scopes()) {
    if (static_cast<int>(scope.scope()) >= log->schema.scopes_size())
      return Failed("the end names scope ", scope.scope(), " of ", log->schema.scopes_size());
    if (!scopes.insert(scope.scope()).second) return Failed("the end names scope ", scope.scope(), " twice");
    std::set<uint32_t> classes;
    for (const auto& c : scope.classes()) {
      if (static_cast<int>(c.object_class()) >= log->schema.classes_size())
        return Failed("the end names class ", c.object_class(), " of ", log->schema.classes_size());
      if (!classes.insert(c.object_class()).second) return Failed("the end names a class twice");
    }
    if (static_cast<int>(classes.size()) != log->schema.classes_size())
      return Failed("the end names ", classes.size(), " of ", log->schema.classes_size(), " classes for scope \"",
                    log->schema.scopes(static_cast<int>(scope.scope())).id(), "\"");
  }
  if (static_cast<int>(scopes.size()) != log->schema.scopes_size())
    return Failed("the end names ", scopes.size(), " of ", log->schema.scopes_size(), " scopes");
  return Passed();
}

Verdict StatesAreExplained(Run& run) {
  SLUICE_OR_SKIP(log, run.Worked());
  if (log->ends == 0) return Skipped("SRC-002 fails");
  int complete = 0, others = 0;
  for (const auto& scope : log->end.scopes()) {
    for (const auto& c : scope.classes()) {
      if (!v1::ImportEnd::State_IsValid(c.state()) || c.state() == v1::ImportEnd::STATE_UNSPECIFIED)
        return Failed("the end gives a class no state");
      if (c.state() == v1::ImportEnd::COMPLETE) {
        ++complete;
        continue;
      }
      ++others;
      if (!c.has_error() || c.error().reason() == v1::REASON_UNSPECIFIED || c.error().diagnostics().empty())
        return Failed("a class is ", v1::ImportEnd::State_Name(c.state()), " without an error that says why");
    }
  }
  return Passed(complete, " complete, ", others, " not");
}

Verdict BatchesFit(Run& run) {
  SLUICE_OR_SKIP(log, run.Whole());
  if (!log->batch_mistake.empty()) return Failed(log->batch_mistake);
  if (log->largest_batch > wire::kMaxBatchRecords)
    return Failed("a batch has ", log->largest_batch, " records; at most ", wire::kMaxBatchRecords);
  return Passed();
}

Verdict FramesAreSmall(Run& run) {
  SLUICE_OR_SKIP(log, run.Whole());
  if (!log->large_frame.empty()) return Failed(log->large_frame, "; a message has at most 4 MiB");
  return Passed("the largest has ", log->largest_frame, " bytes");
}

Verdict ClassesAreThoseOfTheSchema(Run& run) {
  SLUICE_OR_SKIP(log, run.Worked());
  if (log->schemas == 0) return Skipped("SRC-002 fails");
  std::set<std::string> expected = Expected(run);
  for (const auto& columns : log->schema.classes()) {
    const v1::ObjectClass* c = run.FindClass(columns.object_class());
    if (c == nullptr) return Failed("the import has class ", columns.object_class(), ", which GetSchema does not name");
    expected.erase(columns.object_class());
    for (const std::string& name : columns.attributes()) {
      const bool is_known = std::any_of(c->attributes().begin(), c->attributes().end(),
                                        [&](const v1::Attribute& a) { return a.name() == name; });
      if (!is_known)
        return Failed("the import has attribute ", name, " of class ", c->name(), ", which GetSchema does not name");
    }
  }
  if (!expected.empty()) return Failed("an import of every class leaves out class ", *expected.begin());
  return Passed();
}

Verdict OnlyWhatIsAsked(Run& run) {
  SLUICE_OR_SKIP(worked, run.Worked());
  SLUICE_OR_SKIP(launched, run.Reading());
  for (const auto& columns : worked->schema.classes()) {
    if (columns.attributes().empty()) continue;
    const std::string& name = columns.object_class();
    ImportOptions options;
    options.classes = {{name, {columns.attributes(0)}}};
    const ImportLog log = Import(*launched, run.config(), options);
    if (!log.status.ok()) return Failed("an import of class ", name, " alone answers ", Text(log.status));
    for (const auto& sent : log.schema.classes()) {
      if (sent.object_class() != name)
        return Failed("asked for class ", name, " only, it sent class ", sent.object_class());
      for (const std::string& attribute : sent.attributes()) {
        if (attribute != columns.attributes(0))
          return Failed("asked for attribute ", columns.attributes(0), " of class ", name, " only, it sent ",
                        attribute);
      }
    }
    std::set<ObjectKey> expected, came = log.Keys();
    for (const ObjectKey& key : worked->Keys()) {
      if (key.first == name) expected.insert(key);
    }
    if (came.size() != expected.size())  // SRC-022 judges their ids.

      return Failed("class ", name, " alone has ", came.size(), " objects, and ", expected.size(),
                    " in an import of everything");
  }
  return Passed();
}

Verdict UnknownClassIsInvalid(Run& run) {
  SLUICE_OR_SKIP(launched, run.Reading());
  ImportOptions options;
  options.classes = {{"no_such_class", {"x"}}};
  const ImportLog log = Import(*launched, run.config(), options);
  for (const auto& scope : log.schema.scopes()) {
    if (log.status.ok() && log.StateOf("no_such_class", scope.id()) == v1::ImportEnd::COMPLETE)
      return Failed("asked for class no_such_class, it says that all of it was read");
  }
  if (!log.status.ok() && ErrorOf(log.status).reason() != v1::REASON_INVALID)
    return Failed("asked for class no_such_class, it answers ", Text(log.status), ", not INVALID");
  return Passed();
}

Verdict IsNeverSilent(Run& run) {
  SLUICE_OR_SKIP(log, run.Whole());
  if (log->was_cut_off || log->longest_silence > wire::kProgressDeadline)
    return Failed("it sent nothing for ", absl::FormatDuration(absl::Trunc(log->longest_silence, absl::Seconds(1))),
                  " after ", log->frames, " frames; the host cancels then");
  return Passed("longest silence ", absl::ToInt64Milliseconds(log->longest_silence), " ms");
}

Verdict ScopesAlone(Run& run) {
  SLUICE_OR_SKIP(worked, run.Worked());
  if (worked->schema.scopes_size() < 2) return Skipped("it has one scope");
  SLUICE_OR_SKIP(launched, run.Reading());
  for (const auto& scope : worked->schema.scopes()) {
    ImportOptions options;
    options.scopes = {scope.id()};
    const ImportLog log = Import(*launched, run.config(), options);
    if (!log.status.ok()) return Failed("an import of scope \"", scope.id(), "\" alone answers ", Text(log.status));
    std::set<ObjectKey> expected;
    for (const Record& record : worked->records) {
      if (record.scope == scope.id()) expected.emplace(record.object_class, record.id);
    }
    for (const Record& record : log.records) {
      if (record.scope != scope.id())
        return Failed("asked for scope \"", scope.id(), "\" only, it sent records of scope \"", record.scope, "\"");
    }
    if (log.Keys() != expected)
      return Failed("scope \"", scope.id(), "\" alone has ", log.Keys().size(), " objects, and ", expected.size(),
                    " in an import of everything");
  }
  return Passed(worked->schema.scopes_size(), " scopes");
}

int64_t ResidentKilobytes(pid_t pid) {
  std::ifstream status(absl::StrCat("/proc/", pid, "/status"));
  for (std::string line; std::getline(status, line);) {
    int64_t kilobytes = 0;
    if (absl::StartsWith(line, "VmRSS:") && absl::SimpleAtoi(line.substr(6, line.size() - 9), &kilobytes))
      return kilobytes;
  }
  return 0;
}

Verdict SlowReaderKeepsItSmall(Run& run) {
  SLUICE_OR_SKIP(launched, run.FreshOpen(v1::OpenRequest::READ_ONLY));
  const int64_t before = ResidentKilobytes(launched->pid());
  ImportOptions options;
  options.pause = absl::Milliseconds(20);
  options.stop_after = 20000;
  const ImportLog log = Import(*launched, run.config(), options);
  const int64_t after = ResidentKilobytes(launched->pid());
  const int64_t grown = (after - before) / 1024;
  if (grown > 128) return Failed("with a slow reader it grew by ", grown, " MiB");
  return Passed("grew by ", grown, " MiB over ", log.records.size(), " records");
}

constexpr Check kChecks[] = {
    {"SRC-001", 3, Severity::kMust, "An import of everything succeeds with this configuration.",
     "see the error; its diagnostic says what to do", Succeeds},
    {"SRC-002", 3, Severity::kMust, "A stream is one schema first, then data, and exactly one end, last.",
     "call out.Complete() when all was read, or without the SDK send ImportEnd as the last frame", IsInOrder},
    {"SRC-003", 3, Severity::kMust, "The counts of the end are what came.",
     "count records per scope and class as they are sent", CountsAreRight},
    {"SRC-004", 3, Severity::kMust, "The end names every scope of the schema once, and in it every class once.",
     "write a ScopeEnd for each scope and a ClassEnd for each class, also for those without records",
     EndNamesEverything},
    {"SRC-005", 3, Severity::kMust, "A class that is not COMPLETE says why, with an error.",
     "give Partial or NotRead the Error that stopped you", StatesAreExplained},
    {"SRC-006", 3, Severity::kMust, "Batches fit the schema: indexes, presences, lengths; at most 500 records.",
     "give each column one presence a record and one value for each PRESENT one", BatchesFit},
    {"SRC-007", 3, Severity::kMust, "No frame has more than 4 MiB.",
     "flush at 1 MiB, and leave out (with a diagnostic) a record that is larger itself", FramesAreSmall},
    {"SRC-008", 3, Severity::kMust,
     "An import of everything has the classes of GetSchema, and no other class or attribute.",
     "name every class that is asked for in the StreamSchema, also one without objects", ClassesAreThoseOfTheSchema},
    {"SRC-009", 3, Severity::kMust, "Asked for one class and one attribute, it sends those, and the same objects.",
     "send only what request.classes names", OnlyWhatIsAsked},
    {"SRC-010", 3, Severity::kMust, "An unknown class is INVALID, never empty and complete.",
     "refuse classes that you do not know", UnknownClassIsInvalid},
    {"SRC-011", 3, Severity::kMust, "It is never silent for 30 s.",
     "send Progress every 10 s while you wait for the system", IsNeverSilent},
    {"SRC-012", 3, Severity::kMust, "Asked for one scope, it sends that one, and the same objects.",
     "send only the scopes of request.scopes, where it names any", ScopesAlone},
    {"SRC-013", 3, Severity::kMust, "A slow reader does not make it large.", "let Write block; do not read ahead",
     SlowReaderKeepsItSmall},
};

}  // namespace

absl::Span<const Check> ImportChecks() { return kChecks; }

}  // namespace sluice::conformance
