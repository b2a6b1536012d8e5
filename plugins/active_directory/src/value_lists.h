// Which values of an attribute anybody in the directory has, for attributes that the directory keeps no index of: to
// look such a value up it reads every object that there is. So all that have one are listed once, and from then on
// only what has changed since, which every directory has an index of. A value that nobody is known to have is certain
// as of the last Refresh; one that somebody has may be gone by now and is looked up. Any thread; one refreshes at a
// time.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "plugins/active_directory/src/schema.h"

namespace sluice::active_directory {

class Directory;

class ValueLists {
 public:
  explicit ValueLists(Directory& directory) : directory_(directory) {}

  // Of `values` (as ComparisonKey), those that somebody may have.
  absl::StatusOr<absl::flat_hash_set<std::string>> Held(const AttributeSchema& attribute,
                                                        const absl::flat_hash_set<std::string>& values,
                                                        absl::Time deadline) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct List {
    // The controller counts its changes; another one counts otherwise, and then the list is read anew.
    uint64_t connection = 0;
    int64_t seen_to = 0;
    absl::flat_hash_set<std::string> values;
  };
  struct Count {
    uint64_t connection = 0;
    int64_t changes = 0;
  };
  absl::StatusOr<Count> CountChanges(absl::Time deadline);
  absl::Status Refresh(const AttributeSchema& attribute, List& list, absl::Time deadline);

  Directory& directory_;
  absl::Mutex mutex_;
  std::map<std::string, List> lists_ ABSL_GUARDED_BY(mutex_);  // By attribute.
};

}  // namespace sluice::active_directory
