// The steps to a directory connection, as types: an Opened socket can only be Secured, a Secured one can only be bound,
// and only a Bound one gives its handle away. A bind before a verified TLS handshake can therefore not be written.
// Each step consumes the one before; a step that fails closes the connection. Move-only, owned by one thread. Never
// follows a referral, never reads the machine's ldap.conf for trust, never sends an empty password.
#pragma once

#include <ldap.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "sluice/connector/secret.h"

namespace sluice::active_directory {

// One server, out of a URL such as "ldaps://dc1.school.example". Only ldaps is taken.
struct Endpoint {
  std::string host;  // As the certificate must name it.
  int port = 636;
  std::string Url() const;
};
// Fails with kInvalidArgument, saying what to write instead.
absl::StatusOr<Endpoint> ParseEndpoint(absl::string_view url);

// Whose certificates are believed. A PEM text wins over a file; without either, the operating system's.
struct Trust {
  std::string ca_pem;
  std::string ca_file;
};

struct Credentials {
  std::string bind_dn;  // A DN or a user principal name.
  connector::Secret password;
};

namespace internal {
struct Unbind {
  void operator()(LDAP* handle) const { ldap_unbind_ext(handle, nullptr, nullptr); }
};
using Handle = std::unique_ptr<LDAP, Unbind>;
}  // namespace internal

// Authenticated over verified TLS, and not anonymous.
class Bound {
 public:
  LDAP* handle() const { return handle_.get(); }
  int descriptor() const { return descriptor_; }

 private:
  friend class Secured;
  Bound(internal::Handle handle, int descriptor) : handle_(std::move(handle)), descriptor_(descriptor) {}
  internal::Handle handle_;
  int descriptor_;
};

// Over TLS, with a certificate that our trust signed and that names the server.
class Secured {
 public:
  // kUnauthenticated: the directory refuses name or password, or would take us as anonymous. kUnavailable: no answer.
  absl::StatusOr<Bound> Bind(const Credentials& credentials, absl::Time deadline) &&;

 private:
  friend class Opened;
  Secured(internal::Handle handle, int descriptor) : handle_(std::move(handle)), descriptor_(descriptor) {}
  internal::Handle handle_;
  int descriptor_;
};

// A TCP connection; nothing has been said on it.
class Opened {
 public:
  // kUnavailable: nobody answers there.
  static absl::StatusOr<Opened> Dial(const Endpoint& endpoint, absl::Time deadline);
  // kFailedPrecondition: the certificate is not believed (both causes are named), or the trust cannot be read.
  absl::StatusOr<Secured> Secure(const Trust& trust, absl::Time deadline) &&;

  Opened(Opened&& other) noexcept;
  Opened& operator=(Opened&&) = delete;
  ~Opened();

 private:
  Opened(Endpoint endpoint, int descriptor) : endpoint_(std::move(endpoint)), descriptor_(descriptor) {}
  Endpoint endpoint_;
  int descriptor_;
};

}  // namespace sluice::active_directory
