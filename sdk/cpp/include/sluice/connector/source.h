// Source: the base of a connector that people come from. Derive, give `static Description Describe()`, implement
// Import, and run Serve<YourSource>(argc, argv). The runtime makes one object for each Open and calls it on threads of
// its own: Import one at a time, Test, Schema and Validate at any time beside it. An exception that leaves a method is
// reported as BUG. The author starts no servers, opens no paths, asks no clock for today's date.
#ifndef SLUICE_CONNECTOR_SOURCE_H_
#define SLUICE_CONNECTOR_SOURCE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "sluice/connector/description.h"
#include "sluice/connector/error.h"
#include "sluice/connector/record.h"
#include "sluice/connector/secret.h"
#include "sluice/connector/system.h"
#include "sluice/connector/text.h"
#include "sluice/connector/value.h"

namespace sluice::connector {

struct Cursor {
  std::string scope;
  uint32_t format = 0;  // The connector's own number for the encoding below.
  std::string token;    // At most 64 KiB; never a secret.
};

struct ClassRequest {
  std::string object_class;
  std::vector<std::string> attributes;  // Only these are wanted; the runtime drops any other.
};

struct ImportRequest {
  std::string run_id;
  std::vector<ClassRequest> classes;  // Never empty: the runtime fills in every class where the host names none.
  std::vector<std::string> scopes;    // Empty: all.
  std::vector<Cursor> cursors;        // A scope without one is read in full.
  absl::CivilDay as_of;               // Today, by the host's clock and time zone.
  Cancellation cancellation;
  const System* system = nullptr;

  bool Wants(AnyText object_class) const;
  bool Wants(AnyText object_class, AnyText attribute) const;
  bool WantsScope(AnyText scope) const;
  const Cursor* CursorOf(AnyText scope) const;  // Null: read it in full.
  // Today's copy of a FILE setting, made by the host.
  const std::string& File(AnyText setting) const { return system->settings.File(setting); }
};

// A warning under way: At and Of say more, and it is sent when this goes.
class Warning {
 public:
  using Send = std::function<void(Diagnostic)>;
  Warning(Send send, AnyText code, AnyText summary) : send_(std::move(send)) {
    diagnostic_.severity = Severity::kWarning;
    diagnostic_.code = code.str();
    diagnostic_.summary = summary.str();
  }
  Warning(const Warning&) = delete;
  Warning& operator=(const Warning&) = delete;
  ~Warning() { send_(std::move(diagnostic_)); }

  Warning& At(AnyText origin) {
    diagnostic_.origin = origin.str();
    return *this;
  }
  Warning& Of(AnyText object_class, AnyText id) {
    diagnostic_.object_class = object_class.str();
    diagnostic_.object_id = id.str();
    return *this;
  }
  Warning& Detail(AnyText detail) {
    diagnostic_.detail = detail.str();
    return *this;
  }

 private:
  Send send_;
  Diagnostic diagnostic_;
};

struct ProgressReport {
  std::string activity;
  uint64_t done = 0;
  uint64_t expected = 0;
  std::optional<absl::Time> limited_until;  // Waiting for the system's own limit.
};

// Writes into one scope: a part of the system that is read, and can fail, on its own. Any thread; several at a time.
class ScopeWriter {
 public:
  virtual ~ScopeWriter() = default;
  // Packs the record; blocks while the host is behind. Fails with CANCELLED when nobody listens any more: give up then.
  // Fails with INVALID, naming class, id and size, when the record alone is over the message limit: it may be left out
  // with Partial. A class or an attribute that was not asked for is dropped.
  virtual absl::Status Add(const Record& record) = 0;
  // Incremental imports: the object is gone.
  virtual absl::Status Deleted(AnyText object_class, AnyText id) = 0;
  // All that was added to this scope before is covered by this cursor.
  virtual absl::Status Checkpoint(Cursor cursor) = 0;

  // Every class of this scope that has no state yet was read wholly. `cursor`: where the next import goes on.
  virtual absl::Status Complete(std::optional<Cursor> cursor = std::nullopt) = 0;
  // One class was read wholly; only then can the host end what is no longer in it.
  virtual absl::Status CompleteClass(AnyText object_class) = 0;
  // Some records of the class are missing, and why.
  virtual absl::Status Partial(AnyText object_class, Error why) = 0;
  // Nothing of the class could be read (a 401 for this scope, no longer offered), and why.
  virtual absl::Status NotRead(AnyText object_class, Error why) = 0;
  // No class of this scope that has no state yet could be read.
  virtual absl::Status NotRead(Error why) = 0;
};

// Where an import writes. Scopes are declared, by Scope or DeclareScopes, before the first record is added (the
// contract names them first); without any there is one, nameless, and the ScopeWriter functions of this object write
// into it. Any thread.
class RecordWriter : public ScopeWriter {
 public:
  // The writer of a scope, declared if it is new; lives as long as this object. After the first record a new scope is a
  // BUG.
  virtual ScopeWriter& Scope(AnyText id, AnyText label = "") = 0;
  virtual void DeclareScopes(const std::vector<std::pair<std::string, std::string>>& ids_and_labels) = 0;

  // Every class of every scope that has no state yet was read wholly. Call it last: an import without it, in which some
  // class of some scope has no state, is refused.
  absl::Status Complete(std::optional<Cursor> cursor = std::nullopt) override = 0;

  Warning Warn(AnyText code, AnyText summary) {
    return Warning([this](Diagnostic diagnostic) { Report(std::move(diagnostic)); }, code, summary);
  }
  virtual void Report(Diagnostic diagnostic) = 0;
  // The runtime says every 10 s that the import lives; this says what it is at.
  virtual void Progress(ProgressReport report) = 0;
  // Time spent waiting for the system, summed over requests; shown to operators.
  virtual void AddSystemTime(absl::Duration spent) = 0;
};

struct ValidateRequest {
  uint32_t schema_version = 0;  // Of the settings; older ones may be brought up to date.
  Settings settings;            // Types, required fields and choices are checked already; secrets are not here.
};
struct ValidateResult {
  std::vector<Diagnostic> diagnostics;    // An error in one of them refuses the settings.
  std::map<std::string, Value> migrated;  // The settings in the current schema version, if that is newer.
};

struct TestRequest {
  Cancellation cancellation;
};
struct MissingRight {
  std::string object_class;
  Action action = Action::kRead;
  std::string right;
  std::string remedy;
  std::string scope;
  std::string attribute;
};
struct TestResult {
  std::vector<Diagnostic> diagnostics;
  std::vector<MissingRight> missing_rights;
};

struct SchemaRequest {
  Cancellation cancellation;
};
struct SchemaResult {
  std::vector<ObjectClass> classes;
  std::vector<Diagnostic> diagnostics;
};

class Source {
 public:
  virtual ~Source() = default;

  // Reads everything that was asked for into `out`, and ends with out.Complete(). An error that it returns fails the
  // whole import.
  virtual absl::Status Import(const ImportRequest& request, RecordWriter& out) = 0;

  // Rules across fields. Needs no network and no system: system() is not there yet.
  virtual ValidateResult Validate(const ValidateRequest&) { return {}; }
  // Prepares; signs in nowhere. system() is there from here on.
  virtual absl::Status Open(const System&) { return absl::OkStatus(); }
  // Signs in, reads the least possible, names missing rights.
  virtual absl::StatusOr<TestResult> Test(const TestRequest&) { return TestResult{}; }
  // The classes of this very system, where they differ from Describe()'s. Not overridden: those of Describe().
  virtual absl::StatusOr<std::optional<SchemaResult>> Schema(const SchemaRequest&) {
    return std::optional<SchemaResult>();
  }

  const System& system() const { return *system_; }

 protected:
  // Null outside of a runtime.
  const Description* description() const { return description_.get(); }

  // Tells the host that a secret setting has another value, and waits until it is stored: OK, or UNAVAILABLE when it
  // was not within `patience` (it is told again by itself). Where the connector makes the value (a password), call this
  // before it is changed in the system: after a crash in between, Secret::RevealPrevious is the one that still works.
  absl::Status RotateSecret(AnyText name, const Secret& value, absl::Duration patience = absl::Minutes(1)) const;

 private:
  friend class Systems;
  friend class SystemForTest;
  std::shared_ptr<const System> system_ = std::make_shared<const System>();
  std::shared_ptr<const Description> description_;
  std::function<bool(const std::string& name, const Secret& value, absl::Duration patience)> rotate_;
};

// Opens a connector object in a test, as the runtime would.
class SystemForTest {
 public:
  static absl::Status Open(Source& source, System system) {
    source.system_ = std::make_shared<const System>(std::move(system));
    return source.Open(*source.system_);
  }
};

}  // namespace sluice::connector

#endif  // SLUICE_CONNECTOR_SOURCE_H_
