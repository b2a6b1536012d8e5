// Reads one list of Connect page by page, in parallel, and knows afterwards whether all of it was seen.
//
// Connect promises no total, no order and no next link, so nothing it says is believed that can be checked:
// neighbouring pages overlap by one record, which must be the same in both; the end is looked at once more; pages that
// only repeat what was seen are a list without an end. A reading that does not fit together is done again, and in the
// end is not whole. Records are handed on as they come, maybe more than once. For one thread.
#ifndef PLUGINS_SOMTODAY_SRC_LIST_READER_H_
#define PLUGINS_SOMTODAY_SRC_LIST_READER_H_

#include <functional>
#include <map>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "plugins/somtoday/src/session.h"

namespace sluice::somtoday {

class ListReader {
 public:
  // Called for each page: its records and what `veldpermissies` says (an empty object if it says nothing). A failure
  // ends the reading and is given back as it is.
  using OnPage = std::function<absl::Status(const Json& records, const Json& permissions)>;

  ListReader(Session& session, std::string path, std::string envelope, OnPage on_page);

  struct Outcome {
    absl::Status whole;      // OK: everything was seen. Else why not.
    absl::Status abandoned;  // Not OK: on_page failed, or the import was cancelled.
    bool anything = false;   // Some page was read.
  };
  Outcome Read();

 private:
  struct Page {
    size_t records = 0;
    std::string first, last;
  };
  struct Pass {
    std::map<int, Page> pages;
    absl::flat_hash_set<std::string> seen;
    int next = 0;
    int end = -1;  // The first page that is not full.
    int full_pages = 0;
    bool repeats = false;  // A full page held nothing new.
    absl::Status failure;
  };

  absl::Status ReadOnce(Outcome& outcome);
  void Launch(Fetcher& fetcher, Pass& pass);
  absl::Status Take(Pass& pass, int index, const Json& body, Outcome& outcome);
  absl::Status CheckFit(const Pass& pass) const;
  absl::Status LookAtEnd(Fetcher& fetcher, const Pass& pass, Outcome& outcome);
  std::string PathOf(size_t offset) const;
  size_t page_size() const { return static_cast<size_t>(session_.options().page_size); }

  Session& session_;
  const std::string path_, envelope_;
  const OnPage on_page_;
};

}  // namespace sluice::somtoday

#endif  // PLUGINS_SOMTODAY_SRC_LIST_READER_H_
