#include "host/plugin/listen.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "host/base/status.h"

namespace sluice::plugin {
namespace {

constexpr size_t kMaxPath = sizeof(sockaddr_un::sun_path) - 1;
constexpr char kSocketName[] = "grpc.sock";
constexpr long kHour = 3600;  // NOLINT: OpenSSL counts in it.

template <typename T, void (*Free)(T*)>
struct Freed {
  void operator()(T* object) const { Free(object); }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY, EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509, X509_free>>;
using Bio = std::unique_ptr<BIO, Freed<BIO, BIO_free_all>>;
using Extension = std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION, X509_EXTENSION_free>>;

std::string SocketIn(const std::string& directory) { return absl::StrCat(directory, "/", kSocketName); }
bool Fits(const std::string& directory) { return !directory.empty() && SocketIn(directory).size() <= kMaxPath; }

// A new directory, of ours alone, below one that may be anybody's.
absl::StatusOr<std::string> MakeDirectory(const std::string& root) {
  std::string name = absl::StrCat(root, "/sluice.XXXXXX");
  if (!Fits(name)) {
    const char* temporary = getenv("TMPDIR");
    name = absl::StrCat(temporary != nullptr && *temporary != '\0' ? temporary : "/tmp", "/sluice.XXXXXX");
    if (!Fits(name)) return absl::FailedPreconditionError(absl::StrCat(name, " is too long for a socket"));
  }
  if (mkdtemp(name.data()) == nullptr) return absl::ErrnoToStatus(errno, absl::StrCat(name, " cannot be made"));
  return name;
}

absl::Status Failed() { return absl::InternalError("no key for a connection can be made"); }

std::string Contents(BIO* bio) {
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<size_t>(size));
}

std::string ToPem(X509* certificate) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr || PEM_write_bio_X509(bio.get(), certificate) != 1) return "";
  return Contents(bio.get());
}

bool Fill(X509* certificate, EVP_PKEY* key, const std::string& name) {
  uint64_t serial = 0;
  if (RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) != 1) return false;
  serial >>= 1;  // A serial number is positive.
  X509_NAME* subject = X509_get_subject_name(certificate);
  const auto* text = reinterpret_cast<const unsigned char*>(name.c_str());
  if (X509_set_version(certificate, X509_VERSION_3) != 1 ||
      ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial) != 1 ||
      X509_gmtime_adj(X509_getm_notBefore(certificate), -kHour) == nullptr ||
      X509_gmtime_adj(X509_getm_notAfter(certificate), 24 * kHour) == nullptr ||
      X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, text, -1, -1, 0) != 1 ||
      X509_set_issuer_name(certificate, subject) != 1 || X509_set_pubkey(certificate, key) != 1) {
    return false;
  }
  const Extension names(
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, absl::StrCat("DNS:", name).c_str()));
  return names != nullptr && X509_add_ext(certificate, names.get(), -1) == 1 &&
         X509_sign(certificate, key, EVP_sha256()) != 0;
}

}  // namespace

absl::StatusOr<TlsIdentity> MakeTlsIdentity(const std::string& name) {
  const Key key(EVP_EC_gen("P-256"));
  const Certificate certificate(X509_new());
  if (key == nullptr || certificate == nullptr || !Fill(certificate.get(), key.get(), name)) return Failed();
  TlsIdentity identity;
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate.get(), &der);
  if (size <= 0) return Failed();
  identity.certificate_der.assign(reinterpret_cast<char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  identity.certificate_pem = ToPem(certificate.get());
  const Bio bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr || PEM_write_bio_PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return Failed();
  }
  identity.key_pem = Contents(bio.get());
  return identity;
}

absl::StatusOr<std::string> CertificateToPem(absl::string_view der) {
  const auto* data = reinterpret_cast<const unsigned char*>(der.data());
  const unsigned char* end = data + der.size();
  const Certificate certificate(d2i_X509(nullptr, &data, static_cast<long>(der.size())));  // NOLINT: OpenSSL's type.
  if (certificate == nullptr || data != end) return absl::InvalidArgumentError("it is no certificate");
  return ToPem(certificate.get());
}

absl::StatusOr<std::unique_ptr<ListenPlace>> ListenPlace::Make(const std::string& directory, const std::string& root) {
  std::unique_ptr<ListenPlace> place(new ListenPlace);
  if (!Fits(directory)) {
    ASSIGN_OR_RETURN(place->own_directory_, MakeDirectory(root));
  }
  place->path_ = SocketIn(place->own_directory_.empty() ? directory : place->own_directory_);
  ASSIGN_OR_RETURN(place->identity_, MakeTlsIdentity("sluice-host"));
  return place;
}

ListenPlace::~ListenPlace() {
  std::error_code ignored;  // It may be gone, or never have been there.
  std::filesystem::remove(path_, ignored);
  if (!own_directory_.empty()) std::filesystem::remove(own_directory_, ignored);
}

}  // namespace sluice::plugin
