// Faults on demand: which request goes wrong, how, and how often.
//
// A fault names its requests by a regular expression over "METHOD /path?query". The first fault in order of making that
// matches and is not used up is taken. Thread-safe.
#ifndef PLUGINS_SOMTODAY_TWIN_FAULTS_H_
#define PLUGINS_SOMTODAY_TWIN_FAULTS_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "nlohmann/json.hpp"
#include "re2/re2.h"

namespace sluice::somtoday_twin {

struct Fault {
  int id = 0;
  std::string route;        // RE2, anywhere in "GET /rest/v1/connect/...?offset=0&amount=200".
  std::string kind;         // status, truncate, reset, html, invalid_json, empty_object, slow, empty_list, half_list,
                            // short_page, no_last_page, reorder, duplicate, shift
  int status = 500;         // status; no_last_page: the answer three pages after the end (200: the list goes on).
  std::string retry_after;  // Seconds as text, or "date" for an HTTP date one second ahead.
  int delay_ms = 0;         // slow: before the first byte.
  int skip = 0;             // Matching requests that go well first.
  int count = 0;            // How often; 0: until cleared.
  int used = 0;
};

class Faults {
 public:
  // Members as in Fault; `route` and `kind` are required.
  absl::StatusOr<int> Add(const nlohmann::ordered_json& fault);
  void Clear();
  bool Remove(int id);
  nlohmann::ordered_json List() const;

  // Counts a use.
  std::optional<Fault> Take(const std::string& request);

 private:
  struct Entry {
    Fault fault;
    std::unique_ptr<re2::RE2> route;
  };
  mutable absl::Mutex mutex_;
  std::vector<Entry> entries_ ABSL_GUARDED_BY(mutex_);
  int last_id_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace sluice::somtoday_twin

#endif  // PLUGINS_SOMTODAY_TWIN_FAULTS_H_
