// Level 3: going on from a cursor, and single objects.
#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "sdk/wire/limits.h"
#include "tests/conformance/run.h"

namespace sluice::conformance {
namespace {

namespace v1 = connector::v1;

constexpr size_t kMaxResumes = 40;  // Of more checkpoints, these many spread over the import.
constexpr size_t kMaxKeys = 50;     // Of each class.

absl::StatusOr<bool> Resumes(Run& run) {
  auto info = run.Info();
  if (!info.ok()) return info.status();
  if (!(*info)->capabilities().incremental_import())
    return absl::FailedPreconditionError("it has not the capability incremental_import");
  return true;
}

std::vector<v1::Cursor> LastCursors(const ImportLog& log) {
  std::vector<v1::Cursor> cursors;
  for (const auto& scope : log.end.scopes()) {
    if (scope.has_cursor()) cursors.push_back(scope.cursor());
  }
  return cursors;
}

Verdict CursorsAreSound(Run& run) {
  SLUICE_OR_SKIP(log, run.Worked());
  std::set<std::string> scopes;
  for (const auto& scope : log->schema.scopes()) scopes.insert(scope.id());
  std::vector<v1::Cursor> cursors = LastCursors(*log);
  for (const ImportLog::Mark& mark : log->checkpoints) cursors.push_back(mark.cursor);
  for (const v1::Cursor& cursor : cursors) {
    if (cursor.token().size() > wire::kMaxCursorBytes)
      return Failed("a cursor has ", cursor.token().size(), " bytes; at most 64 KiB");
    if (scopes.count(cursor.scope()) == 0)
      return Failed("a cursor names a scope \"", cursor.scope(), "\" that the schema has not");
    for (const auto& [name, secret] : run.config().secrets) {
      if (secret.size() >= 6 && cursor.token().find(secret) != std::string::npos)
        return Failed("a cursor holds the secret ", name);
    }
  }
  SLUICE_OR_SKIP(info, run.Info());
  if (info->capabilities().incremental_import() && log->IsWhole() && LastCursors(*log).empty())
    return Failed("it has the capability incremental_import, and the end of a complete import has no cursor");
  return cursors.empty() ? Skipped("it gives no cursors") : Passed(cursors.size(), " cursors");
}

// What a host holds that stopped at a checkpoint and went on from there.
std::set<ObjectKey> Joined(const ImportLog& first, size_t records, const ImportLog& rest) {
  std::set<ObjectKey> keys;
  for (size_t i = 0; i < records && i < first.records.size(); ++i)
    keys.emplace(first.records[i].object_class, first.records[i].id);
  for (const ObjectKey& key : rest.deleted) keys.erase(key);
  for (const Record& record : rest.records) keys.emplace(record.object_class, record.id);
  return keys;
}

Verdict ResumesFromEveryCheckpoint(Run& run) {
  SLUICE_OR_SKIP(resumes, Resumes(run));
  (void)resumes;
  SLUICE_OR_SKIP(log, run.Worked());
  SLUICE_OR_SKIP(launched, run.Reading());
  if (log->checkpoints.empty()) return Skipped("an import of this system has no checkpoints");
  const size_t step = std::max<size_t>(1, log->checkpoints.size() / kMaxResumes);
  std::map<std::string, v1::Cursor> reached;  // The newest of each scope.
  for (size_t i = 0; i < log->checkpoints.size(); ++i) {
    const ImportLog::Mark& mark = log->checkpoints[i];
    reached[mark.cursor.scope()] = mark.cursor;
    if (i % step != 0 && i + 1 < log->checkpoints.size()) continue;
    ImportOptions options;
    for (const auto& [scope, cursor] : reached) options.cursors.push_back(cursor);
    const ImportLog rest = Import(*launched, run.config(), options);
    if (!rest.status.ok()) return Failed("going on from checkpoint ", i + 1, " answers ", Text(rest.status));
    const std::set<ObjectKey> joined = Joined(*log, mark.records, rest), whole = log->Keys();
    if (joined == whole) continue;
    for (const ObjectKey& key : whole) {
      if (joined.count(key) == 0) return Failed("what went on from checkpoint ", i + 1, " lacks ", Text(key));
    }
    return Failed("what went on from checkpoint ", i + 1, " has ", joined.size(), " objects, one import has ",
                  whole.size());
  }
  return Passed(log->checkpoints.size(), " checkpoints");
}

Verdict GoesOnFromItsEnd(Run& run) {
  SLUICE_OR_SKIP(resumes, Resumes(run));
  (void)resumes;
  SLUICE_OR_SKIP(log, run.Worked());
  SLUICE_OR_SKIP(launched, run.Reading());
  ImportOptions options;
  options.cursors = LastCursors(*log);
  if (options.cursors.empty()) return Skipped("SRC-030 fails");
  const ImportLog rest = Import(*launched, run.config(), options);
  if (!rest.status.ok()) return Failed("going on from the end's cursors answers ", Text(rest.status));
  if (!rest.deleted.empty())
    return Failed("nothing changed, and going on from the end's cursors deletes ", Text(rest.deleted[0]));
  if (rest.ends != 1) return Failed("going on from the end's cursors has ", rest.ends, " end frames");
  return Passed(rest.records.size(), " records came again");
}

// CURSOR_EXPIRED, or everything: never a part that looks whole.
Verdict WithWrongCursor(Run& run, const char* what, void (*change)(v1::Cursor*)) {
  auto resumes = Resumes(run);
  if (!resumes.ok()) return Skipped(resumes.status().message());
  SLUICE_OR_SKIP(log, run.Worked());
  SLUICE_OR_SKIP(launched, run.Reading());
  ImportOptions options;
  options.cursors = LastCursors(*log);
  if (options.cursors.empty()) return Skipped("SRC-030 fails");
  for (v1::Cursor& cursor : options.cursors) change(&cursor);
  const ImportLog rest = Import(*launched, run.config(), options);
  if (!rest.status.ok()) {
    const v1::Reason reason = ErrorOf(rest.status).reason();
    return reason == v1::REASON_CURSOR_EXPIRED
               ? Passed()
               : Failed("a cursor ", what, " answers ", Text(rest.status), ", not CURSOR_EXPIRED");
  }
  return rest.Keys() == log->Keys() ? Passed()
                                    : Failed("a cursor ", what, " was believed: ", rest.records.size(), " of ",
                                             log->records.size(), " records came");
}

Verdict AnotherVersionsCursor(Run& run) {
  return WithWrongCursor(run, "of another format",
                         [](v1::Cursor* cursor) { cursor->set_format(cursor->format() + 1000); });
}
Verdict BrokenCursor(Run& run) {
  return WithWrongCursor(run, "with a broken token", [](v1::Cursor* cursor) { cursor->set_token("\xff\x00garbage"); });
}

absl::StatusOr<bool> CanRead(Run& run) {
  auto launched = run.Reading();
  if (!launched.ok()) return launched.status();
  auto schema = run.Schema();
  if (!schema.ok()) return schema.status();
  if ((*schema)->classes().empty()) return absl::FailedPreconditionError("SCH-001 fails");
  const ReadLog log = Read(**launched, ReadById((*schema)->classes(0).name(), {"no-such-id"}, {}));
  if (!log.status.ok() && ErrorOf(log.status).reason() == v1::REASON_UNSUPPORTED)
    return absl::FailedPreconditionError("it reads whole imports only");
  return true;
}

std::vector<std::string> Readable(const v1::ObjectClass& c) {
  std::vector<std::string> names;
  for (const v1::Attribute& a : c.attributes()) {
    if (a.readable()) names.push_back(a.name());
  }
  return names;
}

Verdict ReadFindsWhatImportLists(Run& run) {
  SLUICE_OR_SKIP(can_read, CanRead(run));
  (void)can_read;
  SLUICE_OR_SKIP(log, run.Worked());
  SLUICE_OR_SKIP(schema, run.Schema());
  SLUICE_OR_SKIP(launched, run.Reading());
  size_t found = 0;
  for (const v1::ObjectClass& c : schema->classes()) {
    std::vector<const Record*> records;
    std::vector<std::string> ids;
    for (const Record& record : log->records) {
      if (record.object_class != c.name() || records.size() >= kMaxKeys) continue;
      records.push_back(&record);
      ids.push_back(record.id);
    }
    if (ids.empty()) continue;
    const ReadLog read = Read(*launched, ReadById(c.name(), ids, Readable(c)));
    if (!read.status.ok() && ErrorOf(read.status).reason() == v1::REASON_UNSUPPORTED) continue;
    if (!read.status.ok()) return Failed("Read of class ", c.name(), " answers ", Text(read.status));
    std::map<size_t, const Record*> by_key;
    for (const auto& [key, record] : read.found) by_key[key] = &record;
    for (size_t i = 0; i < records.size(); ++i) {
      if (by_key.count(i) == 0) return Failed("Import lists ", Text({c.name(), ids[i]}), ", and Read does not find it");
      if (by_key[i]->id != ids[i])
        return Failed("asked for ", Text({c.name(), ids[i]}), ", Read gives ", Text({c.name(), by_key[i]->id}));
      for (const v1::Attribute& a : c.attributes()) {
        const auto mine = records[i]->cells.find(a.name()), theirs = by_key[i]->cells.find(a.name());
        if (a.volatile_() || mine == records[i]->cells.end() || theirs == by_key[i]->cells.end()) continue;
        if (Canonical(mine->second, a.ordered()) != Canonical(theirs->second, a.ordered()))
          return Failed("attribute ", a.name(), " of ", Text({c.name(), ids[i]}),
                        " is one thing in Import and another in Read");
      }
      ++found;
    }
  }
  return found > 0 ? Passed(found, " objects") : Skipped("the import has no objects that could be read one by one");
}

Verdict NothingIsNoError(Run& run) {
  SLUICE_OR_SKIP(can_read, CanRead(run));
  (void)can_read;
  SLUICE_OR_SKIP(schema, run.Schema());
  SLUICE_OR_SKIP(launched, run.Reading());
  for (const v1::ObjectClass& c : schema->classes()) {
    const ReadLog read = Read(*launched, ReadById(c.name(), {"no-such-id-1", "no-such-id-2"}, {}));
    if (!read.status.ok() && ErrorOf(read.status).reason() == v1::REASON_UNSUPPORTED) continue;
    if (!read.status.ok())
      return Failed("Read of ids of class ", c.name(), " that there are not answers ", Text(read.status));
    if (!read.found.empty())
      return Failed("Read finds ", Text({c.name(), read.found[0].second.id}), " for an id that there is not");
    if (!read.errors.empty() && read.errors.begin()->second.reason() != v1::REASON_INVALID)
      return Failed("a key of class ", c.name(), " that finds nothing ends with an error");
  }
  return Passed();
}

Verdict EveryKeyEndsOnce(Run& run) {
  SLUICE_OR_SKIP(can_read, CanRead(run));
  (void)can_read;
  SLUICE_OR_SKIP(log, run.Worked());
  SLUICE_OR_SKIP(launched, run.Reading());
  if (log->records.empty()) return Skipped("the import has no records");
  const Record& record = log->records[0];
  const ReadLog read = Read(*launched, ReadById(record.object_class, {record.id, "no-such-id", record.id}, {}));
  if (!read.status.ok()) return Skipped("READ-001 fails");
  if (!read.mistake.empty()) return Failed(read.mistake);
  for (size_t key = 0; key < 3; ++key) {
    const auto ends = read.ends.find(key);
    if (ends == read.ends.end()) return Failed("key ", key, " of 3 has no end");
    if (ends->second != 1) return Failed("key ", key, " of 3 has ", ends->second, " ends");
  }
  return read.ends.size() == 3 ? Passed() : Failed("three keys were asked for, and ", read.ends.size(), " ended");
}

Verdict FindsByValue(Run& run) {
  SLUICE_OR_SKIP(can_read, CanRead(run));
  (void)can_read;
  SLUICE_OR_SKIP(log, run.Worked());
  SLUICE_OR_SKIP(launched, run.Reading());
  std::set<std::string> tried;
  for (const Record& record : log->records) {
    const v1::ObjectClass* c = run.FindClass(record.object_class);
    if (c == nullptr || c->role() != v1::ObjectClass::ACCOUNT) continue;
    for (const v1::Attribute& a : c->attributes()) {
      const auto cell = record.cells.find(a.name());
      if (a.unique_in().empty() || cell == record.cells.end() || !cell->second.has_text() ||
          !tried.insert(a.name()).second)
        continue;
      v1::ReadRequest request;
      request.set_system(kSystem);
      request.set_object_class(c->name());
      v1::Match* match = request.add_keys()->add_match();
      match->set_attribute(a.name());
      *match->mutable_value() = cell->second;
      const ReadLog read = Read(*launched, request);
      if (!read.status.ok()) return Failed("Read by attribute ", a.name(), " answers ", Text(read.status));
      const bool is_found = std::any_of(read.found.begin(), read.found.end(),
                                        [&](const auto& one) { return one.second.id == record.id; });
      if (!is_found) return Failed("Read by attribute ", a.name(), " does not find ", Text({c->name(), record.id}));
    }
  }
  return tried.empty() ? Skipped("no account has a value in an attribute with unique_in")
                       : Passed(tried.size(), " attributes");
}

constexpr Check kChecks[] = {
    {"SRC-030", 3, Severity::kMust,
     "Cursors name a scope of the schema, have at most 64 KiB, and hold no secret; who goes on from them gives them at "
     "the end.",
     "put a position into the cursor, not data; give out.Complete(cursor)", CursorsAreSound},
    {"SRC-031", 3, Severity::kMust, "Going on from every checkpoint gives the same objects as one import.",
     "send a checkpoint only when all before it was sent, and read everything after it", ResumesFromEveryCheckpoint},
    {"SRC-032", 3, Severity::kMust, "Going on from the end deletes nothing when nothing changed.",
     "send as deleted only what the system says was deleted", GoesOnFromItsEnd},
    {"SRC-033", 3, Severity::kMust, "A cursor of another format is CURSOR_EXPIRED, or everything is read.",
     "look at cursor.format before you read the token", AnotherVersionsCursor},
    {"SRC-034", 3, Severity::kMust, "A cursor that cannot be read is CURSOR_EXPIRED, or everything is read.",
     "answer CURSOR_EXPIRED to a token that you cannot read", BrokenCursor},
    {"READ-001", 3, Severity::kMust, "What Import lists, Read finds by its id, with the same values.",
     "let both use one function that makes a record", ReadFindsWhatImportLists},
    {"READ-002", 3, Severity::kMust, "A key that finds nothing ends without an error.",
     "NOT_FOUND is no error of Read: send the end of the key", NothingIsNoError},
    {"READ-003", 3, Severity::kMust, "Every key ends once, after all that it found.",
     "send one KeyEnd for each key of the request", EveryKeyEndsOnce},
    {"READ-004", 3, Severity::kMust, "An account is found by the attributes that are unique.",
     "look for keys with match in the system, by each attribute with unique_in", FindsByValue},
};

}  // namespace

absl::Span<const Check> ResumeChecks() { return kChecks; }

}  // namespace sluice::conformance
