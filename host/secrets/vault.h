// Secrets at rest: sealed with AES-256-GCM under a key that is not in the store.
//
// Immutable once made; safe to use from any thread. A sealed text is bound to the id under which it is kept: one that
// is moved to another id does not open. README.md has the format.
#ifndef SLUICE_HOST_SECRETS_VAULT_H_
#define SLUICE_HOST_SECRETS_VAULT_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "host/secrets/secret_string.h"

namespace sluice::secrets {

class Vault {
 public:
  // Reads the key file at `path` (32 bytes in base64), and makes one (mode 0600) when there is none.
  // FAILED_PRECONDITION when others can read it, INVALID_ARGUMENT when it holds no key, UNAVAILABLE when it cannot be
  // read or made.
  static absl::StatusOr<std::shared_ptr<const Vault>> LoadOrCreate(const std::string& path);
  // From a key that was resolved elsewhere: 32 bytes in base64.
  static absl::StatusOr<std::shared_ptr<const Vault>> FromKeyText(absl::string_view base64);

  // "v1.<key id>.<base64 of nonce, cipher text and tag>".
  absl::StatusOr<std::string> Seal(absl::string_view id, const SecretString& secret) const;
  // FAILED_PRECONDITION when it was sealed with another key, DATA_LOSS when it was changed or belongs to another id.
  absl::StatusOr<SecretString> Open(absl::string_view id, absl::string_view sealed) const;

  // 32 bytes that are the same for the same text under the same key, and tell who has not the key nothing else of it.
  std::string Fingerprint(absl::string_view text) const;

  const std::string& key_id() const { return key_id_; }  // First 8 digits of the SHA-256 of the key.

 private:
  Vault(SecretString key, std::string key_id) : key_(std::move(key)), key_id_(std::move(key_id)) {}
  const SecretString key_;
  const std::string key_id_;
};

}  // namespace sluice::secrets

#endif  // SLUICE_HOST_SECRETS_VAULT_H_
