// A copy of every seal outside of the store: a file with a line for each, only ever appended to.
//
// Without it a whole store that was put back from a backup, or written anew, could not be told from the real one. It
// belongs on another disk or another machine (`sluiced --seals FILE`). One thread at a time.
#ifndef SLUICE_HOST_APP_SEAL_COPY_H_
#define SLUICE_HOST_APP_SEAL_COPY_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "host/audit/row.h"

namespace sluice::app {

class SealCopy {
 public:
  explicit SealCopy(std::string path) : path_(std::move(path)) {}

  // Those that can be read; a line that cannot, as one whose writing was cut off, is left out. None: there is no file
  // yet. UNAVAILABLE when there is one that cannot be read.
  absl::StatusOr<std::vector<audit::Seal>> Read() const;
  // On the disk when it returns. UNAVAILABLE, with what to do, when it cannot be written.
  absl::Status Append(const std::vector<audit::Seal>& seals) const;

  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

}  // namespace sluice::app

#endif  // SLUICE_HOST_APP_SEAL_COPY_H_
