// What a check has in hand: the connector under test, processes of it, and what was read from it once for many checks.
//
// One lane of checks, one thread. A shared process that has died is replaced at the next call. Everything that is
// started here ends with the Run.
#ifndef SLUICE_TESTS_CONFORMANCE_RUN_H_
#define SLUICE_TESTS_CONFORMANCE_RUN_H_

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/conformance/check.h"
#include "tests/conformance/launch.h"
#include "tests/conformance/reading.h"

namespace sluice::conformance {

class Run {
 public:
  explicit Run(const Subject& subject) : subject_(subject) {}

  const Subject& subject() const { return subject_; }
  const Config& config() const { return subject_.config; }

  // A new process, nothing opened. The status says why there is none; a check that needs one is skipped with it.
  absl::StatusOr<std::unique_ptr<Launched>> Fresh() const;
  // The lane's own process in which nothing is open; for calls that change nothing.
  absl::StatusOr<Launched*> Bare();
  absl::StatusOr<std::unique_ptr<Launched>> FreshOpen(connector::v1::OpenRequest::Mode mode,
                                                      const std::string& proxy = "") const;
  // The lane's own process with kSystem open: READ_ONLY, or READ_WRITE where the suite may write to a target.
  absl::StatusOr<Launched*> Reading();
  absl::StatusOr<Launched*> Writing();
  void LetGo();  // Of both: the next check gets new ones.

  absl::StatusOr<const connector::v1::GetInfoReply*> Info();
  absl::StatusOr<bool> IsTarget();
  absl::StatusOr<const connector::v1::GetSchemaReply*> Schema();
  const connector::v1::ObjectClass* FindClass(const std::string& name);
  // One import of everything, by Reading(). OK also when it failed: a check looks at what it needs.
  absl::StatusOr<const ImportLog*> Whole();
  // The same, or a status that says which check failed: for checks that need an import that worked.
  absl::StatusOr<const ImportLog*> Worked();

  // What a check leaves for the next ones of its file.
  std::shared_ptr<void> kept;

  // The last lines of the lane's processes, for a failed check.
  std::string LastWords();

 private:
  absl::StatusOr<Launched*> Shared(std::unique_ptr<Launched>* process, connector::v1::OpenRequest::Mode mode);

  const Subject& subject_;
  std::unique_ptr<Launched> bare_, reading_, writing_;
  std::optional<connector::v1::GetInfoReply> info_;
  std::optional<connector::v1::GetSchemaReply> schema_;
  std::optional<ImportLog> whole_;
};

struct CheckResult {
  const Check* check = nullptr;
  Verdict verdict;
  std::string last_words;  // Of the connector, when it failed.
  absl::Duration took;
};

struct Selection {
  int max_level = 6;
  int min_level = 0;
  std::set<std::string> ids;  // Empty: all.
  bool speed = false;         // Level 7.
  bool must_only = false;
};
// Runs what is selected, lanes beside each other, and gives the results in the order of the tables.
std::vector<CheckResult> RunChecks(const Subject& subject, const Selection& selection);

}  // namespace sluice::conformance

#endif  // SLUICE_TESTS_CONFORMANCE_RUN_H_
