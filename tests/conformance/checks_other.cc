// Level 3: the same system opened in another way: with rights that are missing, and with other settings.
#include <set>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "tests/conformance/run.h"

namespace sluice::conformance {
namespace {

namespace v1 = connector::v1;

// One import of the system, opened so.
absl::StatusOr<ImportLog> ImportOf(const Subject& subject) {
  auto launched = Launched::Start(subject);
  if (!launched.ok())
    return absl::FailedPreconditionError(absl::StrCat("BOOT-001 fails: ", launched.status().message()));
  if (absl::Status status = (*launched)->Open(v1::OpenRequest::READ_ONLY); !status.ok())
    return absl::FailedPreconditionError(absl::StrCat("CFG-004 fails: ", status.message()));
  return Import(**launched, subject.config);
}

const v1::ImportEnd::ClassEnd* EndOf(const ImportLog& log, const std::string& object_class, const std::string& scope) {
  for (const auto& end : log.end.scopes()) {
    if (static_cast<int>(end.scope()) >= log.schema.scopes_size() ||
        log.schema.scopes(static_cast<int>(end.scope())).id() != scope)
      continue;
    for (const auto& c : end.classes()) {
      const int index = static_cast<int>(c.object_class());
      if (index < log.schema.classes_size() && log.schema.classes(index).object_class() == object_class) return &c;
    }
  }
  return nullptr;
}

std::set<std::string> Ids(const ImportLog& log, const std::string& object_class, const std::string& scope) {
  std::set<std::string> ids;
  for (const Record& record : log.records) {
    if (record.object_class == object_class && record.scope == scope) ids.insert(record.id);
  }
  return ids;
}

Verdict RefusedIsNotEmpty(Run& run) {
  const OtherConfig& refused = run.config().refused;
  if (refused.classes.empty()) return Skipped("check: {refused: ...} does not say how its system refuses a class");
  SLUICE_OR_SKIP(worked, run.Worked());
  Subject subject = run.subject();
  subject.config = WithOther(subject.config, refused);
  SLUICE_OR_SKIP(log, ImportOf(subject));
  if (!log.status.ok())
    return Failed("its system refuses a class, and the whole import answers ", Text(log.status),
                  "; the other classes count");
  int seen = 0;
  for (const auto& scope : worked->schema.scopes()) {
    const bool is_in = refused.scopes.empty() || absl::c_linear_search(refused.scopes, scope.id());
    for (const auto& columns : worked->schema.classes()) {
      const std::string& name = columns.object_class();
      const std::string where = absl::StrCat("class ", name, " of scope \"", scope.id(), "\"");
      const auto* end = EndOf(log, name, scope.id());
      if (end == nullptr) continue;  // Nobody believes it was read; SRC-002 says that it is missing.
      if (is_in && absl::c_linear_search(refused.classes, name)) {
        ++seen;
        if (end->state() == v1::ImportEnd::COMPLETE)
          return Failed("its system refuses ", where, ", and it is COMPLETE with ", end->records(), " objects");
        if (end->error().reason() != v1::REASON_FORBIDDEN)
          return Failed("its system refuses ", where, ", and the end's error is ",
                        v1::Reason_Name(end->error().reason()), ", not FORBIDDEN");
      } else if (worked->StateOf(name, scope.id()) == v1::ImportEnd::COMPLETE &&
                 (end->state() != v1::ImportEnd::COMPLETE ||
                  Ids(log, name, scope.id()) != Ids(*worked, name, scope.id()))) {
        return Failed("its system refuses another class, and ", where, " is ", v1::ImportEnd::State_Name(end->state()),
                      " with ", end->records(), " objects");
      }
    }
  }
  return seen > 0 ? Passed(seen, " classes and scopes refused")
                  : Skipped("check: {refused: ...} names no class and scope that an import has");
}

Verdict OtherSettingsCursor(Run& run) {
  SLUICE_OR_SKIP(info, run.Info());
  if (!info->capabilities().incremental_import()) return Skipped("it has not the capability incremental_import");
  if (!run.config().other.has_value()) return Skipped("check: {other: ...} gives no other settings");
  SLUICE_OR_SKIP(worked, run.Worked());
  SLUICE_OR_SKIP(launched, run.Reading());
  Subject subject = run.subject();
  subject.config = WithOther(subject.config, *run.config().other);
  SLUICE_OR_SKIP(log, ImportOf(subject));
  if (!log.status.ok()) return Skipped("with check: {other: ...} an import answers ", Text(log.status));
  ImportOptions options;
  for (const auto& scope : log.end.scopes()) {
    if (scope.has_cursor()) options.cursors.push_back(scope.cursor());
  }
  if (options.cursors.empty()) return Skipped("SRC-030 fails");
  const ImportLog rest = Import(*launched, run.config(), options);
  if (!rest.status.ok())
    return ErrorOf(rest.status).reason() == v1::REASON_CURSOR_EXPIRED
               ? Passed()
               : Failed("a cursor of other settings answers ", Text(rest.status), ", not CURSOR_EXPIRED");
  return rest.Keys() == worked->Keys() ? Passed("everything was read")
                                       : Failed("a cursor of other settings was believed: ", rest.records.size(),
                                                " of ", worked->records.size(), " records came");
}

constexpr Check kChecks[] = {
    {"SRC-014", 3, Severity::kMust,
     "A class that its system refuses is NOT_READ and FORBIDDEN, never empty and COMPLETE, and the other classes "
     "count.",
     "give the class that is refused NotRead with Reason::kForbidden, and go on with the next", RefusedIsNotEmpty},
    {"SRC-035", 3, Severity::kMust, "A cursor of other settings is CURSOR_EXPIRED, or everything is read.",
     "put what the cursor depends on into its token, and compare it", OtherSettingsCursor},
};

}  // namespace

absl::Span<const Check> OtherChecks() { return kChecks; }

}  // namespace sluice::conformance
