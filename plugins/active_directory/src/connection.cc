#include "plugins/active_directory/src/connection.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openldap.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"

namespace sluice::active_directory {
namespace {

// The group S-1-5-11, which everybody has who is signed in, and nobody else.
constexpr absl::string_view kAuthenticatedUsers("\x01\x01\0\0\0\0\0\x05\x0b\0\0\0", 12);
constexpr char kSystemBundle[] = "/etc/ssl/certs/ca-certificates.crt";

int MillisecondsUntil(absl::Time deadline) {
  return static_cast<int>(std::clamp<int64_t>(absl::ToInt64Milliseconds(deadline - absl::Now()), 0, 600'000));
}

timeval TimevalUntil(absl::Time deadline) {
  return absl::ToTimeval(std::max(deadline - absl::Now(), absl::Milliseconds(1)));
}

absl::Status MakeNonBlocking(int descriptor) {
  const int flags = fcntl(descriptor, F_GETFL);
  if (flags < 0 || fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0)
    return absl::InternalError("the socket cannot be made non-blocking");
  return absl::OkStatus();
}

// Waits for one address; the descriptor, or -1 with errno.
int ConnectTo(const addrinfo& address, absl::Time deadline) {
  const int descriptor =
      socket(address.ai_family, address.ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address.ai_protocol);
  if (descriptor < 0) return -1;
  int error = 0;
  if (connect(descriptor, address.ai_addr, address.ai_addrlen) != 0) {
    error = errno;
    if (error == EINPROGRESS) {
      pollfd wait{descriptor, POLLOUT, 0};
      socklen_t size = sizeof error;
      if (poll(&wait, 1, MillisecondsUntil(deadline)) != 1) {
        error = ETIMEDOUT;
      } else if (getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
        error = errno;
      }
    }
  }
  if (error == 0) {
    const int on = 1;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    return descriptor;
  }
  close(descriptor);
  errno = error;
  return -1;
}

// A PEM text as a file that lives only in memory: libldap takes its trust by path.
class MemoryFile {
 public:
  static absl::StatusOr<MemoryFile> Of(const std::string& content) {
    MemoryFile file(memfd_create("trust", MFD_CLOEXEC));
    if (file.descriptor_ < 0 ||
        write(file.descriptor_, content.data(), content.size()) != static_cast<ssize_t>(content.size())) {
      return absl::InternalError("the certificate authorities could not be put in memory");
    }
    return file;
  }
  MemoryFile(MemoryFile&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  MemoryFile& operator=(MemoryFile&&) = delete;
  ~MemoryFile() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  std::string Path() const { return absl::StrCat("/proc/self/fd/", descriptor_); }

 private:
  explicit MemoryFile(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

absl::Status SetOption(LDAP* handle, int option, const void* value, absl::string_view what) {
  if (ldap_set_option(handle, option, value) == LDAP_OPT_SUCCESS) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("the LDAP library refuses ", what));
}

// Every option, NEWCTX last: without it, or when it fails, the library would believe the machine's authorities.
absl::Status SetOptions(LDAP* handle, const std::string& ca_path, absl::Time deadline) {
  const timeval wait = TimevalUntil(deadline);
  const int version = LDAP_VERSION3, demand = LDAP_OPT_X_TLS_DEMAND, client = 0;
  const int newest_to_refuse = LDAP_OPT_X_TLS_PROTOCOL_TLS1_2;
  struct {
    int option;
    const void* value;
    absl::string_view what;
  } const options[] = {
      {LDAP_OPT_PROTOCOL_VERSION, &version, "protocol version 3"},
      {LDAP_OPT_REFERRALS, LDAP_OPT_OFF, "to ignore referrals"},
      {LDAP_OPT_NETWORK_TIMEOUT, &wait, "a network timeout"},
      {LDAP_OPT_CONNECT_ASYNC, LDAP_OPT_ON, "to connect without blocking"},
      {LDAP_OPT_TIMEOUT, &wait, "a timeout"},
      {LDAP_OPT_X_TLS_CACERTFILE, ca_path.c_str(), "the certificate authorities (ca_file)"},
      {LDAP_OPT_X_TLS_REQUIRE_CERT, &demand, "to demand a certificate"},
      {LDAP_OPT_X_TLS_REQUIRE_SAN, &demand, "to demand the server's name in the certificate"},
      {LDAP_OPT_X_TLS_PROTOCOL_MIN, &newest_to_refuse, "TLS 1.2 or newer"},
      {LDAP_OPT_X_TLS_NEWCTX, &client, "the certificate authorities (ca_file); is it a readable PEM file?"},
  };
  for (const auto& option : options) {
    if (auto status = SetOption(handle, option.option, option.value, option.what); !status.ok()) return status;
  }
  return absl::OkStatus();
}

// Waits for the answer to one request without ever blocking in the library.
absl::StatusOr<LDAPMessage*> Await(LDAP* handle, int descriptor, int message_id, absl::Time deadline) {
  while (true) {
    timeval zero{0, 0};
    LDAPMessage* message = nullptr;
    const int kind = ldap_result(handle, message_id, LDAP_MSG_ALL, &zero, &message);
    if (kind > 0) return message;
    if (kind < 0) return absl::UnavailableError("the server closed the connection");
    if (absl::Now() >= deadline) return absl::UnavailableError("the server does not answer");
    pollfd wait{descriptor, POLLIN, 0};
    poll(&wait, 1, std::min(50, MillisecondsUntil(deadline)));
  }
}

// The directory's word on who we are.
absl::Status CheckNotAnonymous(LDAP* handle, int descriptor, absl::Time deadline) {
  std::string attribute = "tokenGroups";
  char* attributes[] = {attribute.data(), nullptr};
  int message_id = 0;
  const int sent = ldap_search_ext(handle, "", LDAP_SCOPE_BASE, "(objectClass=*)", attributes, 0, nullptr, nullptr,
                                   nullptr, 1, &message_id);
  if (sent != LDAP_SUCCESS) return absl::UnavailableError("the server closed the connection");
  auto answer = Await(handle, descriptor, message_id, deadline);
  if (!answer.ok()) return answer.status();
  std::unique_ptr<LDAPMessage, int (*)(LDAPMessage*)> guard(*answer, &ldap_msgfree);
  int code = LDAP_OTHER;
  ldap_parse_result(handle, *answer, &code, nullptr, nullptr, nullptr, nullptr, 0);
  if (code == LDAP_BUSY || code == LDAP_UNAVAILABLE)
    return absl::UnavailableError("the directory is busy, or on its way up or down");
  LDAPMessage* entry = ldap_first_entry(handle, *answer);
  berval** values = entry == nullptr ? nullptr : ldap_get_values_len(handle, entry, attribute.c_str());
  bool authenticated = false;
  for (berval** value = values; value != nullptr && *value != nullptr; ++value) {
    authenticated |= absl::string_view((*value)->bv_val, (*value)->bv_len) == kAuthenticatedUsers;
  }
  ldap_value_free_len(values);
  if (authenticated) return absl::OkStatus();
  return absl::UnauthenticatedError(
      "the directory takes us as anonymous although it accepted name and password; check bind_dn");
}

absl::string_view BindRefusal(absl::string_view diagnostic) {
  const struct {
    absl::string_view code, text;
  } kCodes[] = {
      {"data 525", "there is no such user; check bind_dn"},
      {"data 52e", "name or password is wrong; check bind_dn and bind_password"},
      {"data 530", "the account may not sign in at this hour"},
      {"data 531", "the account may not sign in from this machine"},
      {"data 532", "the account's password has expired"},
      {"data 533", "the account is disabled"},
      {"data 701", "the account has expired"},
      {"data 773", "the account must change its password first"},
      {"data 775", "the account is locked"},
  };
  for (const auto& code : kCodes) {
    if (absl::StrContains(diagnostic, code.code)) return code.text;
  }
  return "check bind_dn and bind_password";
}

absl::Status BindStatus(int code, absl::string_view diagnostic) {
  if (code == LDAP_SUCCESS) return absl::OkStatus();
  if (code == LDAP_BUSY || code == LDAP_UNAVAILABLE)
    return absl::UnavailableError("the server is too busy to let us sign in");
  return absl::UnauthenticatedError(
      absl::StrCat("the directory refuses the service account (LDAP ", code, "): ", BindRefusal(diagnostic)));
}

}  // namespace

std::string Endpoint::Url() const {
  const bool v6 = absl::StrContains(host, ":");
  return absl::StrCat("ldaps://", v6 ? "[" : "", host, v6 ? "]" : "", ":", port);
}

absl::StatusOr<Endpoint> ParseEndpoint(absl::string_view url) {
  absl::string_view rest = url;
  if (!absl::StartsWithIgnoreCase(rest, "ldaps://")) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", url, "\": write ldaps://server; a connection without TLS is never made"));
  }
  rest.remove_prefix(8);
  absl::ConsumeSuffix(&rest, "/");
  Endpoint endpoint;
  absl::string_view port;
  if (absl::ConsumePrefix(&rest, "[")) {
    const size_t end = rest.find(']');
    if (end == absl::string_view::npos)
      return absl::InvalidArgumentError(absl::StrCat("\"", url, "\": the address has no ]"));
    endpoint.host = std::string(rest.substr(0, end));
    rest.remove_prefix(end + 1);
    if (!rest.empty() && !absl::ConsumePrefix(&rest, ":"))
      return absl::InvalidArgumentError(absl::StrCat("\"", url, "\": what follows the ] is not a port"));
    port = rest;
  } else {
    const size_t colon = rest.find(':');
    endpoint.host = std::string(rest.substr(0, colon));
    if (colon != absl::string_view::npos) port = rest.substr(colon + 1);
  }
  endpoint.host = absl::AsciiStrToLower(absl::StripSuffix(endpoint.host, "."));
  if (endpoint.host.empty() || absl::StrContains(endpoint.host, "/") || absl::StrContains(endpoint.host, " ")) {
    return absl::InvalidArgumentError(absl::StrCat("\"", url, "\": write ldaps://server, or ldaps://server:port"));
  }
  if (endpoint.host == "localhost") {
    return absl::InvalidArgumentError(
        "\"ldaps://localhost\": write the name or the address that the server's certificate has");
  }
  if (!port.empty() && (!absl::SimpleAtoi(port, &endpoint.port) || endpoint.port < 1 || endpoint.port > 65535)) {
    return absl::InvalidArgumentError(absl::StrCat("\"", url, "\": the port is not a number from 1 to 65535"));
  }
  return endpoint;
}

Opened::Opened(Opened&& other) noexcept
    : endpoint_(std::move(other.endpoint_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

Opened::~Opened() {
  if (descriptor_ >= 0) close(descriptor_);
}

absl::StatusOr<Opened> Opened::Dial(const Endpoint& endpoint, absl::Time deadline) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failure = getaddrinfo(endpoint.host.c_str(), std::to_string(endpoint.port).c_str(), &hints, &found);
  if (failure != 0)
    return absl::UnavailableError(
        absl::StrCat(endpoint.Url(), ": the name cannot be resolved: ", gai_strerror(failure)));
  std::unique_ptr<addrinfo, void (*)(addrinfo*)> guard(found, &freeaddrinfo);
  int error = 0;
  for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
    const int descriptor = ConnectTo(*address, deadline);
    if (descriptor >= 0) return Opened(endpoint, descriptor);
    error = errno;
  }
  return absl::UnavailableError(absl::StrCat(endpoint.Url(), ": no connection: ", strerror(error)));
}

absl::StatusOr<Secured> Opened::Secure(const Trust& trust, absl::Time deadline) && {
  LDAP* raw = nullptr;
  if (ldap_init_fd(descriptor_, LDAP_PROTO_TCP, endpoint_.Url().c_str(), &raw) != LDAP_SUCCESS) {
    return absl::InternalError("the LDAP library does not take the connection");
  }
  internal::Handle handle(raw);
  const int descriptor = std::exchange(descriptor_, -1);  // The handle closes it from here on.
  std::string ca_path = trust.ca_file.empty() ? kSystemBundle : trust.ca_file;
  std::optional<MemoryFile> memory;
  if (!trust.ca_pem.empty()) {
    auto file = MemoryFile::Of(trust.ca_pem);
    if (!file.ok()) return file.status();
    memory.emplace(*std::move(file));
    ca_path = memory->Path();
  }
  if (auto status = SetOptions(raw, ca_path, deadline); !status.ok()) return status;
  if (auto status = MakeNonBlocking(descriptor); !status.ok()) return status;
  const int code = ldap_install_tls(raw);
  if (code == LDAP_TIMEOUT)
    return absl::UnavailableError(absl::StrCat(endpoint_.Url(), ": the server does not answer the TLS handshake"));
  if (code != LDAP_SUCCESS || ldap_tls_inplace(raw) != 1) {
    return absl::FailedPreconditionError(absl::StrCat(
        endpoint_.Url(),
        ": no trusted TLS connection: either the certificate is not signed by an authority that we trust (ca_file), or "
        "it does not name ",
        endpoint_.host, " as a subject alternative name, or the server speaks no TLS there"));
  }
  if (auto status = MakeNonBlocking(descriptor); !status.ok()) return status;  // The handshake made it blocking again.
  return Secured(std::move(handle), descriptor);
}

absl::StatusOr<Bound> Secured::Bind(const Credentials& credentials, absl::Time deadline) && {
  if (credentials.bind_dn.empty())
    return absl::UnauthenticatedError("bind_dn is empty; the connector never signs in as nobody");
  if (credentials.password.empty()) {
    return absl::UnauthenticatedError(
        "bind_password is empty; a directory would take that as anonymous, so it is not sent");
  }
  const std::string& secret = credentials.password.Reveal();
  berval password{secret.size(), const_cast<char*>(secret.data())};
  int message_id = 0;
  if (ldap_sasl_bind(handle_.get(), credentials.bind_dn.c_str(), LDAP_SASL_SIMPLE, &password, nullptr, nullptr,
                     &message_id) != LDAP_SUCCESS) {
    return absl::UnavailableError("the server closed the connection before we could sign in");
  }
  auto answer = Await(handle_.get(), descriptor_, message_id, deadline);
  if (!answer.ok()) return answer.status();
  int code = LDAP_OTHER;
  char* text = nullptr;
  ldap_parse_result(handle_.get(), *answer, &code, nullptr, &text, nullptr, nullptr, 1);
  const std::string diagnostic = text == nullptr ? "" : text;
  ldap_memfree(text);
  if (auto status = BindStatus(code, diagnostic); !status.ok()) return status;
  if (auto status = CheckNotAnonymous(handle_.get(), descriptor_, deadline); !status.ok()) return status;
  return Bound(std::move(handle_), descriptor_);
}

}  // namespace sluice::active_directory
