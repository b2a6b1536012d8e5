#include "host/secrets/vault.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "host/base/hash.h"
#include "host/base/private_file.h"
#include "host/base/status.h"

namespace sluice::secrets {
namespace {

constexpr size_t kKeySize = 32, kNonceSize = 12, kTagSize = 16;

struct Free {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, Free>;

const unsigned char* Bytes(absl::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* Bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

}  // namespace

absl::StatusOr<std::shared_ptr<const Vault>> Vault::FromKeyText(absl::string_view base64) {
  std::string key;
  if (!absl::Base64Unescape(absl::StripAsciiWhitespace(base64), &key) || key.size() != kKeySize) {
    WipeText(key);
    return absl::InvalidArgumentError("the secrets key is not 32 bytes in base64");
  }
  std::string key_id = base::Sha256Hex(absl::StrCat("sluice secrets key id\n", base::Sha256Hex(key))).substr(0, 8);
  return std::shared_ptr<const Vault>(new Vault(SecretString::TakeFrom(key), std::move(key_id)));
}

absl::StatusOr<std::shared_ptr<const Vault>> Vault::LoadOrCreate(const std::string& path) {
  absl::StatusOr<std::string> text = base::ReadPrivateFile(path);
  if (absl::IsNotFound(text.status())) {
    std::string key = base::RandomBytes(kKeySize);
    std::string made = absl::StrCat(absl::Base64Escape(key), "\n");
    WipeText(key);
    const absl::Status created = base::CreatePrivateFile(path, made);
    WipeText(made);
    if (!created.ok() && !absl::IsAlreadyExists(created)) return base::Annotate(created, "secrets key");
    text = base::ReadPrivateFile(path);
  }
  if (!text.ok()) return base::Annotate(text.status(), "secrets key");
  absl::StatusOr<std::shared_ptr<const Vault>> vault = FromKeyText(*text);
  WipeText(*text);
  if (!vault.ok()) return absl::Status(vault.status().code(), absl::StrCat(path, ": ", vault.status().message()));
  return vault;
}

absl::StatusOr<std::string> Vault::Seal(absl::string_view id, const SecretString& secret) const {
  const absl::Status failed = absl::InternalError(absl::StrCat("secret ", id, " could not be sealed"));
  const std::string nonce = base::RandomBytes(kNonceSize);
  std::string cipher(secret.size(), '\0'), tag(kTagSize, '\0');
  int size = 0;
  const Context context(EVP_CIPHER_CTX_new());
  if (context == nullptr ||
      EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, Bytes(key_.Reveal()), Bytes(nonce)) != 1 ||
      EVP_EncryptUpdate(context.get(), nullptr, &size, Bytes(id), static_cast<int>(id.size())) != 1 ||
      EVP_EncryptUpdate(context.get(), Bytes(cipher), &size, Bytes(secret.Reveal()), static_cast<int>(secret.size())) !=
          1 ||
      EVP_EncryptFinal_ex(context.get(), Bytes(tag), &size) != 1 ||
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTagSize, tag.data()) != 1) {
    return failed;
  }
  return absl::StrCat("v1.", key_id_, ".", absl::Base64Escape(absl::StrCat(nonce, cipher, tag)));
}

absl::StatusOr<SecretString> Vault::Open(absl::string_view id, absl::string_view sealed) const {
  const absl::Status damaged = absl::DataLossError(
      absl::StrCat("secret ", id, " cannot be opened: it was changed, or belongs to something else; make a new one"));
  if (!absl::ConsumePrefix(&sealed, "v1.")) return damaged;
  const size_t dot = sealed.find('.');
  if (dot == absl::string_view::npos) return damaged;
  if (sealed.substr(0, dot) != key_id_) {
    return absl::FailedPreconditionError(absl::StrCat("secret ", id, " was sealed with key ", sealed.substr(0, dot),
                                                      ", the host has key ", key_id_, ": put the old key file back"));
  }
  std::string bytes;
  if (!absl::Base64Unescape(sealed.substr(dot + 1), &bytes) || bytes.size() < kNonceSize + kTagSize) return damaged;
  const size_t cipher_size = bytes.size() - kNonceSize - kTagSize;
  const absl::string_view nonce = absl::string_view(bytes).substr(0, kNonceSize);
  const absl::string_view cipher = absl::string_view(bytes).substr(kNonceSize, cipher_size);
  std::string tag = bytes.substr(kNonceSize + cipher_size);
  std::string plain(cipher_size + 1, '\0');
  int size = 0, rest = 0;
  const Context context(EVP_CIPHER_CTX_new());
  const bool is_good =
      context != nullptr &&
      EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, Bytes(key_.Reveal()), Bytes(nonce)) == 1 &&
      EVP_DecryptUpdate(context.get(), nullptr, &rest, Bytes(id), static_cast<int>(id.size())) == 1 &&
      EVP_DecryptUpdate(context.get(), Bytes(plain), &size, Bytes(cipher), static_cast<int>(cipher.size())) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTagSize, tag.data()) == 1 &&
      EVP_DecryptFinal_ex(context.get(), Bytes(plain) + size, &rest) == 1;
  if (!is_good) {
    WipeText(plain);
    return damaged;
  }
  plain.resize(cipher_size);
  return SecretString::TakeFrom(plain);
}

std::string Vault::Fingerprint(absl::string_view text) const {
  std::string mac(EVP_MAX_MD_SIZE, '\0');
  unsigned int size = 0;
  std::string bytes = absl::StrCat("sluice fingerprint\n", text);
  const absl::string_view key = key_.Reveal();
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), Bytes(absl::string_view(bytes)), bytes.size(),
       Bytes(mac), &size);
  WipeText(bytes);
  mac.resize(size);
  return mac;
}

}  // namespace sluice::secrets
