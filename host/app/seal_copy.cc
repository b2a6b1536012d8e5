#include "host/app/seal_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "host/audit/export.h"

namespace sluice::app {
namespace {

absl::Status Failed(const std::string& path, const char* what, int error) {
  return absl::UnavailableError(absl::StrCat("the copy of the seals, ", path, ", cannot be ", what, ": ",
                                             strerror(error), "; mend it, or name another file with --seals"));
}

}  // namespace

absl::StatusOr<std::vector<audit::Seal>> SealCopy::Read() const {
  struct stat status;
  if (stat(path_.c_str(), &status) != 0 && errno == ENOENT) return std::vector<audit::Seal>();
  std::ifstream file(path_, std::ios::binary);
  std::stringstream text;
  if (!file || (status.st_size > 0 && !(text << file.rdbuf()))) return Failed(path_, "read", errno == 0 ? EIO : errno);
  std::vector<audit::Seal> seals;
  const std::string lines = text.str();
  for (absl::string_view line : absl::StrSplit(lines, '\n')) {
    if (absl::StatusOr<audit::Seal> seal = audit::ParseSealLine(line); seal.ok()) seals.push_back(*std::move(seal));
  }
  return seals;
}

absl::Status SealCopy::Append(const std::vector<audit::Seal>& seals) const {
  const int file = open(path_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return Failed(path_, "written", errno);
  const auto close_file = absl::MakeCleanup([file] { close(file); });
  std::string text;
  struct stat status;
  char last = '\n';
  // What a host that was killed left of a line stays, and is ended.
  if (fstat(file, &status) == 0 && status.st_size > 0 && pread(file, &last, 1, status.st_size - 1) == 1 &&
      last != '\n') {
    text = "\n";
  }
  for (const audit::Seal& seal : seals) text += audit::SealLine(seal);
  for (size_t done = 0; done < text.size();) {
    const ssize_t size = write(file, text.data() + done, text.size() - done);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return Failed(path_, "written", errno);
    done += static_cast<size_t>(size);
  }
  if (fsync(file) != 0 && errno != EINVAL) return Failed(path_, "written", errno);  // EINVAL: no file, a pipe.
  return absl::OkStatus();
}

}  // namespace sluice::app
