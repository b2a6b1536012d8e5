// A private place where a plugin that cannot adopt a connected socket may listen: a path that only this user can
// reach, and the host's half of mutual TLS for one launch.
//
// The key is made anew for each launch (ECDSA on P-256), never leaves the process, and is good for 24 hours, which is
// only asked at the start of the connection. Owned by the Process; the socket is removed with it. Any thread.
#ifndef SLUICE_HOST_PLUGIN_LISTEN_H_
#define SLUICE_HOST_PLUGIN_LISTEN_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice::plugin {

// A self-signed certificate and its key.
struct TlsIdentity {
  std::string certificate_der;
  std::string certificate_pem;
  std::string key_pem;
};
absl::StatusOr<TlsIdentity> MakeTlsIdentity(const std::string& name);
// INVALID_ARGUMENT for what is no certificate.
absl::StatusOr<std::string> CertificateToPem(absl::string_view der);

class ListenPlace {
 public:
  // In `directory`, which is private and there already; where it is empty, or too long for a socket's path (107 bytes),
  // in one of its own below `root`; where that is so too, below $TMPDIR.
  static absl::StatusOr<std::unique_ptr<ListenPlace>> Make(const std::string& directory, const std::string& root);
  ~ListenPlace();
  ListenPlace(const ListenPlace&) = delete;
  ListenPlace& operator=(const ListenPlace&) = delete;

  const std::string& path() const { return path_; }
  const TlsIdentity& identity() const { return identity_; }

 private:
  ListenPlace() = default;

  std::string path_;
  std::string own_directory_;  // Empty: somebody else removes it.
  TlsIdentity identity_;
};

}  // namespace sluice::plugin

#endif  // SLUICE_HOST_PLUGIN_LISTEN_H_
