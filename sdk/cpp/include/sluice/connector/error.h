// Error: why something failed, from a closed list of reasons on each of which the host acts in one fixed way. It
// travels as an absl::Status: an Error converts to one, and Error::From gives it back. Never holds a secret or personal
// data. A plain value type.
//
//   return Error(Reason::kForbidden, "SOM-0107", "the right 'leerlingen lezen' is missing").Origin("page
//   3").TargetStatus("HTTP 403");
#ifndef SLUICE_CONNECTOR_ERROR_H_
#define SLUICE_CONNECTOR_ERROR_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "sluice/connector/text.h"
#include "sluice/connector/value.h"

namespace sluice::connector {

// The numbers are those of the contract (error.proto); what the host does for each stands there.
enum class Reason {
  kThrottled = 1,
  kTransient = 2,
  kUnavailable = 3,
  kAuth = 4,       // Our credentials: stops the whole system.
  kForbidden = 5,  // A right is missing; the diagnostic names it.
  kProtected = 6,
  kInvalid = 7,
  kPasswordPolicy = 8,
  kConflict = 9,
  kNotFound = 10,
  kAlreadyExists = 11,
  kAmbiguous = 12,
  kQuota = 13,
  kCursorExpired = 14,
  kUnsupported = 15,
  kCancelled = 16,
  kBug = 17,
};
std::string_view ReasonName(Reason reason);  // "THROTTLED".

enum class Severity { kError = 1, kWarning = 2 };

// Where in a configuration, a record or an operation something is: a name, an index, or a key of a map.
struct PathKey {
  std::string key;
  friend bool operator==(const PathKey&, const PathKey&) = default;
};
using PathStep = std::variant<std::string, int64_t, PathKey>;
using Path = std::vector<PathStep>;

struct Diagnostic {
  Severity severity = Severity::kError;
  std::string code;     // Stable, from the connector's manifest: "SOM-0107".
  std::string summary;  // One line for an operator; no personal data, no secret.
  std::string detail;
  Path path;
  std::string object_class;
  std::string object_id;
  std::string origin;  // "line 17", "page 3": where in the system's own answer.
  friend bool operator==(const Diagnostic&, const Diagnostic&) = default;
};

// A value that something else has already.
struct Taken {
  std::string attribute;
  Value value;
  Reference holder;
  std::string holder_name;
  friend bool operator==(const Taken&, const Taken&) = default;
};

class Error {
 public:
  Error() = default;  // BUG, without a diagnostic.
  Error(Reason reason, AnyText code, AnyText summary) : reason(reason) {
    diagnostics.push_back(Diagnostic{Severity::kError, code.str(), summary.str(), {}, {}, {}, {}, {}});
  }

  // The Error that a status carries; for a status of somebody else's the nearest reason, with its message as the
  // summary.
  static Error From(const absl::Status& status);
  // Never OK. Its code is the one the reason has on the wire; its message is the first summary.
  absl::Status AsStatus() const;
  operator absl::Status() const { return AsStatus(); }  // NOLINT: `return Error(...)` is the point.

  Error& Detail(AnyText detail) {
    return First([&](Diagnostic& d) { d.detail = detail.str(); });
  }
  Error& Origin(AnyText origin) {
    return First([&](Diagnostic& d) { d.origin = origin.str(); });
  }
  Error& At(Path path) {
    return First([&](Diagnostic& d) { d.path = std::move(path); });
  }
  Error& Object(AnyText object_class, AnyText id) {
    return First([&](Diagnostic& d) {
      d.object_class = object_class.str();
      d.object_id = id.str();
    });
  }
  Error& RetryAfter(absl::Duration delay) {
    retry_after = delay;
    return *this;
  }
  // With THROTTLED: what the limit counts ("tenant", "credential", "object").
  Error& ThrottleScope(AnyText scope) {
    throttle_scope = scope.str();
    return *this;
  }
  // "HTTP 409", "LDAP 68 00002071".
  Error& TargetStatus(AnyText status) {
    target_status = status.str();
    return *this;
  }
  Error& TargetRequestId(AnyText id) {
    target_request_id = id.str();
    return *this;
  }
  // With ALREADY_EXISTS: which attribute's value; the host then takes the next name.
  Error& TakenBy(AnyText attribute, Value value, Reference holder = {}, AnyText holder_name = "") {
    taken.push_back(Taken{attribute.str(), std::move(value), std::move(holder), holder_name.str()});
    return *this;
  }
  // With AMBIGUOUS: one of those that match.
  Error& Candidate(AnyText object_class, AnyText id) {
    candidates.push_back(Reference{object_class.str(), id.str()});
    return *this;
  }

  Reason reason = Reason::kBug;
  std::optional<absl::Duration> retry_after;
  std::string throttle_scope;
  std::vector<Diagnostic> diagnostics;
  std::vector<Taken> taken;
  std::vector<Reference> candidates;
  std::string target_status;
  std::string target_request_id;

  friend bool operator==(const Error&, const Error&) = default;

 private:
  template <typename Change>
  Error& First(Change change) {
    if (diagnostics.empty()) diagnostics.emplace_back();
    change(diagnostics.front());
    return *this;
  }
};

}  // namespace sluice::connector

#endif  // SLUICE_CONNECTOR_ERROR_H_
