// From a reference in the configuration to the secret itself: env:, file:, exec:.
//
// No state; safe on any thread, not on one that must not wait: a command may take its time. Messages name the
// reference, never what it gave.
#ifndef SLUICE_HOST_SECRETS_RESOLVE_H_
#define SLUICE_HOST_SECRETS_RESOLVE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "host/secrets/secret_string.h"

namespace sluice::secrets {

inline constexpr absl::Duration kExecPatience = absl::Seconds(10);

// A variable of the host's environment.
absl::StatusOr<SecretString> ResolveEnv(const std::string& name);
// A file, by absolute path, that only its owner may read; one line feed at its end is not part of the secret.
absl::StatusOr<SecretString> ResolveFile(const std::string& path);
// What a program writes to its standard output, one line feed at the end aside. The program is named by absolute path;
// words are parted by blanks, quotes and a backslash keep them together; no shell. It gets PATH, HOME and LANG.
absl::StatusOr<SecretString> ResolveExec(const std::string& command_line, absl::Duration patience = kExecPatience);

// Resolves a core::SecretReference, or whatever looks like one. NOT_FOUND: there is no such variable or file.
// FAILED_PRECONDITION: others can read the file. INVALID_ARGUMENT: it is empty (many servers take an empty password for
// "anonymous"), has blanks at an end or a zero byte. UNAVAILABLE, DEADLINE_EXCEEDED: the file or the program fails.
template <class Reference>
absl::StatusOr<SecretString> Resolve(const Reference& reference, absl::Duration patience = kExecPatience) {
  switch (reference.kind) {
    case Reference::Kind::kEnv:
      return ResolveEnv(reference.target);
    case Reference::Kind::kFile:
      return ResolveFile(reference.target);
    case Reference::Kind::kExec:
      return ResolveExec(reference.target, patience);
  }
  return absl::InternalError("bug: a secret reference of no kind");
}

}  // namespace sluice::secrets

#endif  // SLUICE_HOST_SECRETS_RESOLVE_H_
