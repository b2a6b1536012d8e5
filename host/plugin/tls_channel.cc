#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/tls_certificate_provider.h"
#include "grpcpp/security/tls_certificate_verifier.h"
#include "grpcpp/security/tls_credentials_options.h"
#include "host/plugin/tls_channel_internal.h"

namespace sluice::plugin {
namespace {

namespace tls = grpc::experimental;

std::string WithoutBlanks(absl::string_view pem) {
  std::string text;
  for (const char c : pem) {
    if (c != '\n' && c != '\r' && c != ' ') text.push_back(c);
  }
  return text;
}

// The peer is who has exactly this certificate; its names mean nothing.
class Pinned final : public tls::ExternalCertificateVerifier {
 public:
  explicit Pinned(std::string certificate) : certificate_(WithoutBlanks(certificate)) {}

  bool Verify(tls::TlsCustomVerificationCheckRequest* request, std::function<void(grpc::Status)>,
              grpc::Status* status) override {
    const grpc::string_ref peer = request->peer_cert();
    if (WithoutBlanks(absl::string_view(peer.data(), peer.size())) != certificate_) {
      *status = grpc::Status(grpc::StatusCode::UNAUTHENTICATED, "another certificate than the plugin's");
    }
    return true;  // Decided at once.
  }
  void Cancel(tls::TlsCustomVerificationCheckRequest*) override {}

 private:
  const std::string certificate_;
};

}  // namespace

std::shared_ptr<grpc::Channel> TlsChannel(const Connection& connection, grpc::ChannelArguments arguments) {
  tls::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(std::make_shared<tls::StaticDataCertificateProvider>(
      connection.plugin_certificate,
      std::vector<tls::IdentityKeyCertPair>{{connection.host_key, connection.host_certificate}}));
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_certificate_verifier(tls::ExternalCertificateVerifier::Create<Pinned>(connection.plugin_certificate));
  options.set_check_call_host(false);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);  // A call is made once, as on an inherited socket.
  return grpc::CreateCustomChannel(absl::StrCat("unix:", connection.listen_path), tls::TlsCredentials(options),
                                   arguments);
}

}  // namespace sluice::plugin
