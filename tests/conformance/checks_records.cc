// Level 3: what is in an import.
#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "sdk/wire/columns.h"
#include "tests/conformance/run.h"

namespace sluice::conformance {
namespace {

namespace v1 = connector::v1;

Verdict IdsAreThereAndOnce(Run& run) {
  SLUICE_OR_SKIP(log, run.Whole());
  std::set<std::pair<std::string, ObjectKey>> seen;
  for (size_t i = 0; i < log->records.size(); ++i) {
    const Record& record = log->records[i];
    if (record.id.empty()) return Failed("record ", i + 1, ", of class ", record.object_class, ", has no id");
    if (!seen.insert({record.scope, {record.object_class, record.id}}).second)
      return Failed(Text({record.object_class, record.id}), " came twice in scope \"", record.scope, "\"");
  }
  return log->records.empty() ? Skipped("the import has no records; give it a system with some")
                              : Passed(log->records.size(), " records");
}

bool FitsKind(const v1::Attribute& attribute, const v1::Value& value) {
  switch (attribute.type()) {
    case v1::Attribute::TEXT:
      return value.has_text();
    case v1::Attribute::INTEGER:
      return value.has_integer();
    case v1::Attribute::NUMBER:
      return value.has_number() || value.has_integer();
    case v1::Attribute::FLAG:
      return value.has_flag();
    case v1::Attribute::DATA:
      return value.has_data();
    case v1::Attribute::DATE:
      return value.has_date() && wire::DateFromProto(value.date()).ok();
    case v1::Attribute::TIME:
      return value.has_time();
    case v1::Attribute::REFERENCE:
      return value.has_reference();
    case v1::Attribute::STRUCT:
      return value.has_struct_();
    default:
      return false;
  }
}

bool Fits(const v1::Attribute& attribute, const v1::Value& value) {
  if (value.has_empty()) return true;
  if (!attribute.multi_valued()) return FitsKind(attribute, value);
  return value.has_list() && std::all_of(value.list().values().begin(), value.list().values().end(),
                                         [&](const v1::Value& item) { return FitsKind(attribute, item); });
}

Verdict ValuesFitTheSchema(Run& run) {
  SLUICE_OR_SKIP(log, run.Whole());
  for (const Record& record : log->records) {
    const v1::ObjectClass* c = run.FindClass(record.object_class);
    if (c == nullptr) continue;  // SRC-008 says so.
    for (const v1::Attribute& attribute : c->attributes()) {
      const auto cell = record.cells.find(attribute.name());
      if (cell == record.cells.end()) continue;
      const std::string it =
          absl::StrCat("attribute ", attribute.name(), " of ", Text({record.object_class, record.id}));
      if (!attribute.readable()) return Failed(it, " has a value, and the schema says that it cannot be read");
      if (!Fits(attribute, cell->second))
        return Failed(it, " is no ", attribute.multi_valued() ? "list of " : "",
                      v1::Attribute::Type_Name(attribute.type()), ", as the schema says");
    }
  }
  return Passed();
}

// The first difference between two imports; volatile attributes may differ.
std::string Difference(Run& run, const ImportLog& a, const ImportLog& b) {
  std::map<std::pair<std::string, ObjectKey>, const Record*> others;
  for (const Record& record : b.records) others[{record.scope, {record.object_class, record.id}}] = &record;
  std::set<std::pair<std::string, ObjectKey>> seen;
  for (const Record& record : a.records) {
    const ObjectKey key{record.object_class, record.id};
    if (!seen.insert({record.scope, key}).second) continue;  // SRC-020 says so.
    auto it = others.find({record.scope, key});
    if (it == others.end())
      return absl::StrCat(Text(key), " is not there the second time; ids never change for the life of an object");
    const Record& other = *it->second;
    others.erase(it);
    const v1::ObjectClass* c = run.FindClass(record.object_class);
    if (c == nullptr) continue;
    for (const v1::Attribute& attribute : c->attributes()) {
      if (attribute.volatile_()) continue;
      const auto mine = record.cells.find(attribute.name()), theirs = other.cells.find(attribute.name());
      const bool has_mine = mine != record.cells.end(), has_theirs = theirs != other.cells.end();
      if (has_mine != has_theirs ||
          (has_mine && Canonical(mine->second, attribute.ordered()) != Canonical(theirs->second, attribute.ordered())))
        return absl::StrCat("attribute ", attribute.name(), " of ", Text(key), " has another value the second time");
    }
  }
  if (!others.empty())
    return absl::StrCat(Text(others.begin()->first.second),
                        " was not there the first time; ids never change for the life of an object");
  return "";
}

Verdict SameAgain(Run& run) {
  SLUICE_OR_SKIP(log, run.Worked());
  SLUICE_OR_SKIP(launched, run.Reading());
  const std::string difference = Difference(run, *log, Import(*launched, run.config()));
  return difference.empty() ? Passed() : Failed(difference);
}

Verdict SameInAnotherProcess(Run& run) {
  SLUICE_OR_SKIP(log, run.Worked());
  SLUICE_OR_SKIP(here, run.Reading());
  if (!Difference(run, *log, Import(*here, run.config())).empty()) return Skipped("SRC-022 fails");
  SLUICE_OR_SKIP(launched, run.FreshOpen(v1::OpenRequest::READ_ONLY));
  const std::string difference = Difference(run, *log, Import(*launched, run.config()));
  return difference.empty() ? Passed() : Failed("in a new process: ", difference);
}

Verdict ReferencesLead(Run& run) {
  SLUICE_OR_SKIP(log, run.Worked());
  const std::set<ObjectKey> keys = log->Keys();
  size_t leads = 0;
  for (const Record& record : log->records) {
    for (const auto& [name, value] : record.cells) {
      if (!value.has_reference()) continue;
      const v1::Reference& reference = value.reference();
      if (keys.count({reference.object_class(), reference.id()}) == 0)
        return Failed("attribute ", name, " of ", Text({record.object_class, record.id}), " leads to ",
                      Text({reference.object_class(), reference.id()}), ", which the import has not");
      ++leads;
    }
  }
  return Passed(leads, " references");
}

Verdict ContractsHaveAPerson(Run& run) {
  SLUICE_OR_SKIP(log, run.Worked());
  for (const Record& record : log->records) {
    const v1::ObjectClass* c = run.FindClass(record.object_class);
    if (c == nullptr || c->role() != v1::ObjectClass::CONTRACT || c->owner_attribute().empty()) continue;
    const auto owner = record.cells.find(c->owner_attribute());
    if (owner == record.cells.end() || owner->second.has_empty())
      return Failed(Text({record.object_class, record.id}), " does not say whose it is (attribute ",
                    c->owner_attribute(), ")");
  }
  return Passed();
}

Verdict DiagnosticsSayWhat(Run& run) {
  SLUICE_OR_SKIP(log, run.Whole());
  for (const v1::Diagnostic& diagnostic : log->diagnostics) {
    if (diagnostic.code().empty() || diagnostic.summary().empty())
      return Failed("a diagnostic of the import has no code or no summary");
    if (diagnostic.severity() == v1::Diagnostic::SEVERITY_UNSPECIFIED)
      return Failed("diagnostic ", diagnostic.code(), " has no severity");
  }
  return Passed(log->diagnostics.size(), " diagnostics");
}

constexpr Check kChecks[] = {
    {"SRC-020", 3, Severity::kMust, "Every record has an id, once in its class and scope.",
     "use the system's own key; leave out what has none, with a diagnostic", IdsAreThereAndOnce},
    {"SRC-021", 3, Severity::kMust, "Values have the type that the schema gives the attribute.",
     "set the value as its type (SetDate, SetReference, SetList), or correct the schema", ValuesFitTheSchema},
    {"SRC-022", 3, Severity::kMust,
     "A second import of the same system gives the same objects with the same ids and values.",
     "take ids from the system, not from a row number, a hash of the content or a clock", SameAgain},
    {"SRC-023", 3, Severity::kMust, "So does an import by another process.",
     "keep no counter or seed of the process in an id", SameInAnotherProcess},
    {"SRC-024", 3, Severity::kShould, "References lead to objects of the same import.",
     "read the class that is referred to as well", ReferencesLead},
    {"SRC-025", 3, Severity::kMust, "Every contract says whose it is.",
     "set the owner attribute of each CONTRACT, or leave it out with a diagnostic", ContractsHaveAPerson},
    {"SRC-026", 3, Severity::kMust, "Every diagnostic has a severity, a code and one line.",
     "give out.Warn a code of your manifest and a line", DiagnosticsSayWhat},
};

}  // namespace

absl::Span<const Check> RecordChecks() { return kChecks; }

}  // namespace sluice::conformance
