// Files that only their owner may read: keys and secrets.
//
// No state; safe on any thread. Messages name the path and the remedy, never what the file holds.
#ifndef SLUICE_HOST_BASE_PRIVATE_FILE_H_
#define SLUICE_HOST_BASE_PRIVATE_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice::base {

inline constexpr size_t kPrivateFileLimit = 65536;

// The contents of a file. NOT_FOUND when there is none; FAILED_PRECONDITION, with the chmod that mends it, when its
// group or others can read or change it; INVALID_ARGUMENT for what is no file or is longer than kPrivateFileLimit;
// UNAVAILABLE when it cannot be read.
absl::StatusOr<std::string> ReadPrivateFile(const std::string& path);

// Makes a file (mode 0600), whole and on disk, or not at all. ALREADY_EXISTS when there is one: it is left alone.
// UNAVAILABLE when it cannot be written.
absl::Status CreatePrivateFile(const std::string& path, absl::string_view contents);

// The same, in the place of the one that may be there: after a crash it is the old one or the new one, whole.
absl::Status ReplacePrivateFile(const std::string& path, absl::string_view contents);

}  // namespace sluice::base

#endif  // SLUICE_HOST_BASE_PRIVATE_FILE_H_
