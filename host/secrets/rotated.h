// Secrets that a system gave us in place of the operator's: kept sealed, one file each, until the operator gives
// another.
//
// A value descends from the operator's: when that changes, the operator is believed again. The value before it is kept
// too, because a process may have ended between the moment it was announced and the moment it came to count. Owned by
// the host's composition root; thread-safe. Nothing here knows a system, and no message holds a value.
#ifndef SLUICE_HOST_SECRETS_ROTATED_H_
#define SLUICE_HOST_SECRETS_ROTATED_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "host/secrets/secret_string.h"
#include "host/secrets/vault.h"

namespace sluice::secrets {

struct RotatedSecret {
  SecretString value;
  SecretString previous;  // Empty: it never was another.
  uint64_t version = 0;   // Another number for another value; says nothing of it to who has not the key.
};

class RotatedSecrets {
 public:
  // Files lie in `folder`, which is made (mode 0700) with the first of them.
  RotatedSecrets(std::string folder, std::shared_ptr<const Vault> vault)
      : folder_(std::move(folder)), vault_(std::move(vault)) {}

  // What to hand over where the operator gives `given`. The error of Vault::Open when a kept value does not open:
  // nobody is locked out by guessing.
  absl::StatusOr<RotatedSecret> Resolve(const std::string& system, const std::string& name, const SecretString& given);
  // Keeps a new value; it is on disk when this returns. FAILED_PRECONDITION when `replaces` (unless 0) is not the
  // version that is current, or was never resolved; then nothing changes. The same value again is no error.
  absl::StatusOr<RotatedSecret> Keep(const std::string& system, const std::string& name, const SecretString& value,
                                     uint64_t replaces);

 private:
  using Key = std::pair<std::string, std::string>;
  struct Kept {
    std::string base;  // Fingerprint of the operator's value that it descends from.
    SecretString value, previous;
  };

  std::string PathOf(const Key& key) const;
  absl::StatusOr<Kept> Read(const Key& key) const;
  uint64_t VersionOf(const Key& key, const SecretString& value) const;
  RotatedSecret Current(const Key& key, const Kept& kept) const;

  const std::string folder_;
  const std::shared_ptr<const Vault> vault_;
  absl::Mutex mutex_;
  std::map<Key, Kept> known_ ABSL_GUARDED_BY(mutex_);  // As last resolved, or kept.
};

}  // namespace sluice::secrets

#endif  // SLUICE_HOST_SECRETS_ROTATED_H_
