#include "sdk/cpp/src/jwt.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include <memory>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace sluice::connector {
namespace {

constexpr int kEs256Half = 32;

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

Key ReadKey(const std::string& pem) {
  std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
  // A key with a passphrase is refused here, not asked for on a terminal.
  const auto no_passphrase = [](char*, int, int, void*) { return -1; };
  return Key(PEM_read_bio_PrivateKey(bio.get(), nullptr, +no_passphrase, nullptr), EVP_PKEY_free);
}

std::string Encode(const std::string& bytes) { return absl::WebSafeBase64Escape(bytes); }

// A JWT holds both halves of an ECDSA signature in a row (RFC 7518, 3.4); OpenSSL gives them as DER.
std::string RowOfHalves(const std::string& der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> signature(
      d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())), ECDSA_SIG_free);
  if (signature == nullptr) return "";
  std::string row(2 * kEs256Half, '\0');
  auto* out = reinterpret_cast<unsigned char*>(row.data());
  if (BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), out, kEs256Half) != kEs256Half) return "";
  if (BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), out + kEs256Half, kEs256Half) != kEs256Half) return "";
  return row;
}

// Empty if it could not be signed.
std::string Sign(EVP_PKEY* key, const std::string& text) {
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  size_t size = 0;
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  if (EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key) != 1) return "";
  if (EVP_DigestSign(context.get(), nullptr, &size, bytes, text.size()) != 1) return "";
  std::string signature(size, '\0');
  auto* out = reinterpret_cast<unsigned char*>(signature.data());
  if (EVP_DigestSign(context.get(), out, &size, bytes, text.size()) != 1) return "";
  signature.resize(size);
  return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC ? RowOfHalves(signature) : signature;
}

const char* AlgorithmOf(EVP_PKEY* key) {
  if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA) return "RS256";
  if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC && EVP_PKEY_get_bits(key) == 8 * kEs256Half) return "ES256";
  return nullptr;
}

absl::Status Unusable(const char* why) {
  return Error(Reason::kAuth, "SDK-0512", absl::StrCat("the private key for signing in cannot be used: ", why));
}

std::string RandomId() {
  unsigned char bytes[16];
  if (RAND_bytes(bytes, sizeof(bytes)) != 1) return "";
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(bytes), sizeof(bytes)));
}

}  // namespace

absl::StatusOr<std::string> SignAssertion(const OAuth2Client& client, absl::Time now) {
  const JwtAssertion& assertion = *client.assertion;
  const Key key = ReadKey(assertion.private_key.Reveal());
  if (key == nullptr) return Unusable("it is not a private key in PEM without a passphrase");
  const char* algorithm = AlgorithmOf(key.get());
  if (algorithm == nullptr) return Unusable("it is neither RSA nor P-256");
  nlohmann::json header = {{"alg", algorithm}, {"typ", "JWT"}};
  if (!assertion.key_id.empty()) header["kid"] = assertion.key_id;
  if (!assertion.x5t.empty()) header["x5t"] = assertion.x5t;
  const std::string issuer = assertion.issuer.empty() ? client.client_id : assertion.issuer;
  nlohmann::json claims = {{"iss", issuer},
                           {"aud", assertion.audience.empty() ? client.token_url : assertion.audience},
                           {"iat", absl::ToUnixSeconds(now)},
                           {"exp", absl::ToUnixSeconds(now + assertion.lifetime)},
                           {"jti", RandomId()}};
  if (!assertion.subject.empty()) {
    claims["sub"] = assertion.subject;
  } else if (assertion.use == JwtAssertion::Use::kClient) {
    claims["sub"] = issuer;
  }
  for (const auto& [name, value] : assertion.claims) claims[name] = value;
  const auto replace = nlohmann::json::error_handler_t::replace;
  const std::string text =
      absl::StrCat(Encode(header.dump(-1, ' ', false, replace)), ".", Encode(claims.dump(-1, ' ', false, replace)));
  const std::string signature = Sign(key.get(), text);
  if (signature.empty()) return Unusable("it does not sign");
  return absl::StrCat(text, ".", Encode(signature));
}

}  // namespace sluice::connector
