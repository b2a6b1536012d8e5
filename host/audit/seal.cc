#include "host/audit/seal.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "host/audit/chain.h"
#include "host/base/hash.h"
#include "host/base/private_file.h"
#include "host/base/status.h"

namespace sluice::audit {
namespace {

constexpr size_t kPublicKeySize = 32, kSignatureSize = 64;

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using Key = std::unique_ptr<EVP_PKEY, Free>;
using Bio = std::unique_ptr<BIO, Free>;

std::string Contents(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return size > 0 ? std::string(data, static_cast<size_t>(size)) : std::string();
}

class Ed25519Key final : public SealKey {
 public:
  Ed25519Key(Key key, std::string id, std::string public_key, std::string public_pem)
      : key_(std::move(key)),
        id_(std::move(id)),
        public_key_(std::move(public_key)),
        public_pem_(std::move(public_pem)) {}

  const std::string& id() const override { return id_; }
  const std::string& public_key() const override { return public_key_; }
  const std::string& public_pem() const override { return public_pem_; }

  absl::StatusOr<std::string> Sign(absl::string_view text) const override {
    std::unique_ptr<EVP_MD_CTX, Free> context(EVP_MD_CTX_new());
    std::string signature(kSignatureSize, '\0');
    size_t size = signature.size();
    if (context == nullptr || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
        EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                       reinterpret_cast<const unsigned char*>(text.data()), text.size()) != 1) {
      return absl::InternalError(absl::StrCat("the seal key ", id_, " could not sign"));
    }
    return signature;
  }

 private:
  const Key key_;
  const std::string id_, public_key_, public_pem_;
};

std::string KeyId(absl::string_view public_key_bytes) { return base::Sha256Hex(public_key_bytes).substr(0, 16); }

absl::StatusOr<std::string> MakePem() {
  std::unique_ptr<EVP_PKEY_CTX, Free> context(EVP_PKEY_CTX_new_id(EVP_PKEY_ED25519, nullptr));
  EVP_PKEY* made = nullptr;
  if (context == nullptr || EVP_PKEY_keygen_init(context.get()) != 1 || EVP_PKEY_keygen(context.get(), &made) != 1) {
    return absl::InternalError("no seal key could be made: OpenSSL has no Ed25519");
  }
  const Key key(made);
  const Bio bio(BIO_new(BIO_s_secmem()));
  if (bio == nullptr ||
      PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return absl::InternalError("no seal key could be made: it could not be written as PEM");
  }
  return Contents(bio.get());
}

int NoPassphrase(char*, int, int, void*) { return -1; }

}  // namespace

absl::StatusOr<std::shared_ptr<const SealKey>> SealKey::FromPem(absl::string_view pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  Key key(bio == nullptr ? nullptr : PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassphrase, nullptr));
  if (key == nullptr || EVP_PKEY_id(key.get()) != EVP_PKEY_ED25519) {
    return absl::InvalidArgumentError("no Ed25519 private key in PEM without a passphrase");
  }
  std::string bytes(kPublicKeySize, '\0');
  size_t size = bytes.size();
  const Bio out(BIO_new(BIO_s_mem()));
  if (EVP_PKEY_get_raw_public_key(key.get(), reinterpret_cast<unsigned char*>(bytes.data()), &size) != 1 ||
      out == nullptr || PEM_write_bio_PUBKEY(out.get(), key.get()) != 1) {
    return absl::InternalError("the public half of the seal key could not be read");
  }
  return std::make_shared<const Ed25519Key>(std::move(key), KeyId(bytes), absl::BytesToHexString(bytes),
                                            Contents(out.get()));
}

absl::StatusOr<std::shared_ptr<const SealKey>> SealKey::LoadOrCreate(const std::string& path) {
  absl::StatusOr<std::string> pem = base::ReadPrivateFile(path);
  const bool is_new = absl::IsNotFound(pem.status());
  if (is_new) {
    ASSIGN_OR_RETURN(std::string made, MakePem());
    const absl::Status created = base::CreatePrivateFile(path, made);
    if (!created.ok() && !absl::IsAlreadyExists(created)) return base::Annotate(created, "seal key");
    pem = base::ReadPrivateFile(path);
  }
  if (!pem.ok()) return base::Annotate(pem.status(), "seal key");
  absl::StatusOr<std::shared_ptr<const SealKey>> key = FromPem(*pem);
  std::fill(pem->begin(), pem->end(), '\0');
  if (!key.ok())
    return absl::Status(key.status().code(), absl::StrCat("seal key ", path, ": ", key.status().message()));
  if (is_new) {
    const absl::Status shown = base::CreatePrivateFile(absl::StrCat(path, ".pub"), (*key)->public_pem());
    if (!shown.ok() && !absl::IsAlreadyExists(shown)) return base::Annotate(shown, "seal key");
  }
  return key;
}

std::string SealText(int64_t sequence, absl::string_view hash, absl::Time time) {
  return absl::StrCat("sluice-seal-v1\n", sequence, "\n", hash, "\n", TimeText(time), "\n");
}

absl::StatusOr<Seal> SignSeal(const SealKey& key, int64_t sequence, const std::string& hash, absl::Time time) {
  Seal seal;
  seal.sequence = sequence;
  seal.hash = hash;
  seal.time = absl::FromUnixMicros(absl::ToUnixMicros(time));
  seal.key_id = key.id();
  seal.public_key = key.public_key();
  ASSIGN_OR_RETURN(const std::string signature, key.Sign(SealText(sequence, hash, seal.time)));
  seal.signature = absl::Base64Escape(signature);
  return seal;
}

std::string KeyIdOf(absl::string_view public_key) {
  const std::string bytes = absl::HexStringToBytes(public_key);
  return bytes.size() == kPublicKeySize && absl::BytesToHexString(bytes) == public_key ? KeyId(bytes) : "";
}

bool IsSignedBy(absl::string_view public_key, absl::string_view text, absl::string_view signature) {
  std::string signed_;
  if (KeyIdOf(public_key).empty() || !absl::Base64Unescape(signature, &signed_) || signed_.size() != kSignatureSize) {
    return false;
  }
  const std::string bytes = absl::HexStringToBytes(public_key);
  const Key key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr,
                                            reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()));
  std::unique_ptr<EVP_MD_CTX, Free> context(EVP_MD_CTX_new());
  return key != nullptr && context != nullptr &&
         EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
         EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signed_.data()), signed_.size(),
                          reinterpret_cast<const unsigned char*>(text.data()), text.size()) == 1;
}

absl::Status CheckSeal(const Seal& seal) {
  if (KeyIdOf(seal.public_key) == seal.key_id &&
      IsSignedBy(seal.public_key, SealText(seal.sequence, seal.hash, seal.time), seal.signature)) {
    return absl::OkStatus();
  }
  return absl::DataLossError(
      absl::StrCat("the seal over row ", seal.sequence, " was changed: its signature is not by key ", seal.key_id));
}

}  // namespace sluice::audit
