// Seals: a signature over the audit chain up to a row, so that what was sealed cannot be rewritten unseen.
//
// SealKey holds an Ed25519 key in memory; safe to use from any thread once made. The private half never leaves it.
// Whether the log may be sealed is not its question: see log_check.h.
#ifndef SLUICE_HOST_AUDIT_SEAL_H_
#define SLUICE_HOST_AUDIT_SEAL_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/audit/row.h"

namespace sluice::audit {

class SealKey {
 public:
  // Reads the private key (PKCS #8 PEM) at `path`, and makes one there when there is no file: mode 0600, and the
  // public half beside it as "<path>.pub". FAILED_PRECONDITION when others can read it, INVALID_ARGUMENT when it is no
  // Ed25519 key, UNAVAILABLE when it cannot be read or written.
  static absl::StatusOr<std::shared_ptr<const SealKey>> LoadOrCreate(const std::string& path);
  static absl::StatusOr<std::shared_ptr<const SealKey>> FromPem(absl::string_view pem);

  virtual ~SealKey() = default;
  virtual const std::string& id() const = 0;          // SHA-256 of the 32 bytes of the public key, first 16 digits.
  virtual const std::string& public_key() const = 0;  // Those 32 bytes as 64 hexadecimal digits.
  virtual const std::string& public_pem() const = 0;  // For sluice-audit-verify --public-key.
  virtual absl::StatusOr<std::string> Sign(absl::string_view text) const = 0;  // 64 bytes.
};

// What is signed.
std::string SealText(int64_t sequence, absl::string_view hash, absl::Time time);

// A signed statement about a row; checks nothing.
absl::StatusOr<Seal> SignSeal(const SealKey& key, int64_t sequence, const std::string& hash, absl::Time time);

// DATA_LOSS when the signature is not one of the key that the seal names.
absl::Status CheckSeal(const Seal& seal);

// The name of a public key (64 hexadecimal digits): "" when it is none.
std::string KeyIdOf(absl::string_view public_key);
// Whether `signature` (base64) is one of `public_key` (64 hexadecimal digits) over `text`.
bool IsSignedBy(absl::string_view public_key, absl::string_view text, absl::string_view signature);

}  // namespace sluice::audit

#endif  // SLUICE_HOST_AUDIT_SEAL_H_
