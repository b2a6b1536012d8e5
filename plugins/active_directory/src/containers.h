// Organizational units that are there, or are made when first needed, with those above them. Remembers what it saw, so
// that a thousand people in one place cost one question. Any thread; one at a time makes, so that none is made twice.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "plugins/active_directory/src/client.h"
#include "plugins/active_directory/src/names.h"

namespace sluice::active_directory {

class Containers {
 public:
  Containers(Client& client, Dn base) : client_(client), base_(std::move(base)) {}

  // For each that is wanted (by Key()): the ones that were made on the way to it, outermost first and each told once;
  // or why it is not there. Nothing but organizational units is made, and nothing outside the base.
  using Answers = std::map<std::string, absl::StatusOr<std::vector<Dn>>>;
  Answers Ensure(const std::vector<Dn>& wanted, absl::Time deadline = absl::InfiniteFuture())
      ABSL_LOCKS_EXCLUDED(mutex_);
  // One that was believed to be there is not.
  void Forget() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  using Level = std::map<std::string, Dn>;
  struct Round {
    std::map<size_t, Level> unknown;  // By depth: a parent is made before its children.
    std::map<std::string, absl::Status> failed;
    std::map<std::string, Dn> made;
  };
  Round UnknownOf(const std::vector<Dn>& wanted) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Leaves in the round only those that are not there.
  absl::Status FindMissing(Round& round, absl::Time deadline) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void MakeLevel(const Level& level, Round& round, absl::Time deadline) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<std::vector<Dn>> AnswerFor(const Dn& dn, Round& round) const;

  Client& client_;
  const Dn base_;
  absl::Mutex mutex_;
  std::set<std::string> known_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::active_directory
