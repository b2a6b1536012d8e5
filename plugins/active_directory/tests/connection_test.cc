// What may go over the wire before the server's certificate was verified: nothing.
#include "plugins/active_directory/src/connection.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <concepts>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "plugins/active_directory/tests/samba.h"

namespace sluice::active_directory {
namespace {

template <typename T>
concept CanBind = requires(T connection, const Credentials& credentials, absl::Time deadline) {
  std::move(connection).Bind(credentials, deadline);
};
template <typename T>
concept HasHandle = requires(T connection) {
  connection.handle();
};

// A bind in clear text cannot be written: these are the compiler's words.
static_assert(!CanBind<Opened> && !HasHandle<Opened>);
static_assert(CanBind<Secured> && !HasHandle<Secured>);
static_assert(HasHandle<Bound> && !CanBind<Bound>);
static_assert(!std::default_initializable<Secured> && !std::default_initializable<Bound>);
static_assert(!std::constructible_from<Secured, LDAP*, int> && !std::constructible_from<Bound, LDAP*, int>);

absl::Time Soon() { return absl::Now() + absl::Seconds(5); }

absl::StatusOr<Bound> Connect(const Endpoint& endpoint, const Trust& trust, const Credentials& credentials) {
  auto opened = Opened::Dial(endpoint, Soon());
  if (!opened.ok()) return opened.status();
  auto secured = std::move(*opened).Secure(trust, Soon());
  if (!secured.ok()) return secured.status();
  return std::move(*secured).Bind(credentials, Soon());
}

TEST(Endpoint, TakesLdapsOnly) {
  EXPECT_EQ(ParseEndpoint("ldaps://DC1.School.example.")->Url(), "ldaps://dc1.school.example:636");
  EXPECT_EQ(ParseEndpoint("ldaps://[::1]:1636/")->Url(), "ldaps://[::1]:1636");
  for (const char* url : {"ldap://dc1", "dc1", "ldapi:///x", "ldaps://", "ldaps://localhost", "ldaps://dc1:0",
                          "ldaps://dc1:x", "ldaps://a b"}) {
    EXPECT_FALSE(ParseEndpoint(url).ok()) << url;
  }
}

TEST(Connection, ToAServerWithoutTlsSendsNoPassword) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(listener, 1), 0);
  socklen_t size = sizeof address;
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  std::string heard;
  std::thread server([&] {
    const int peer = accept(listener, nullptr, nullptr);
    char buffer[4096];
    for (bool answered = false;;) {
      const ssize_t count = read(peer, buffer, sizeof buffer);
      if (count <= 0) break;
      heard.append(buffer, count);
      if (!answered)
        answered = write(peer, "0\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00", 14) ==
                   14;  // "Bind succeeded", in clear text.
    }
    close(peer);
  });
  const auto bound = Connect(Endpoint{"127.0.0.1", ntohs(address.sin_port)}, Trust{},
                             Credentials{"CN=x", connector::Secret("Geheim.123")});
  server.join();
  close(listener);
  EXPECT_FALSE(bound.ok());
  EXPECT_FALSE(absl::StrContains(heard, "Geheim.123"));
  EXPECT_TRUE(absl::StartsWith(heard, "\x16\x03")) << "the first thing said is a TLS handshake";
}

TEST(Connection, ToASilentServerEndsInTime) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(listener, 1), 0);
  socklen_t size = sizeof address;
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  auto opened = Opened::Dial(Endpoint{"127.0.0.1", ntohs(address.sin_port)}, Soon());
  ASSERT_TRUE(opened.ok());
  const absl::Time began = absl::Now();
  const auto secured = std::move(*opened).Secure(Trust{}, began + absl::Milliseconds(300));
  EXPECT_TRUE(absl::IsUnavailable(secured.status())) << secured.status();
  EXPECT_LT(absl::Now() - began, absl::Seconds(3));
  close(listener);
}

TEST(Connection, SignsInOverVerifiedTls) {
  const auto options = Samba::Get().ClientOptions();
  const auto bound = Connect(options.servers[0], options.trust, options.credentials);
  EXPECT_TRUE(bound.ok()) << bound.status();
}

TEST(Connection, TakesAuthoritiesAsText) {
  auto options = Samba::Get().ClientOptions();
  FILE* file = fopen(options.trust.ca_file.c_str(), "r");
  ASSERT_NE(file, nullptr);
  char buffer[8192];
  const size_t size = fread(buffer, 1, sizeof buffer, file);
  fclose(file);
  const auto bound = Connect(options.servers[0], Trust{std::string(buffer, size), ""}, options.credentials);
  EXPECT_TRUE(bound.ok()) << bound.status();
}

TEST(Connection, RefusesACertificateOfAnotherAuthority) {
  const auto options = Samba::Get().ClientOptions();
  setenv("LDAPTLS_REQCERT", "never", 1);  // Must not help.
  const auto bound = Connect(options.servers[0], Trust{}, options.credentials);
  unsetenv("LDAPTLS_REQCERT");
  EXPECT_TRUE(absl::IsFailedPrecondition(bound.status())) << bound.status();
}

TEST(Connection, RefusesACertificateForAnotherName) {
  const auto options = Samba::Get().ClientOptions();
  // The server listens there, but its certificate does not name this address: as seen through the IPv4-mapped form.
  const Endpoint other{"::ffff:" + Samba::Get().ip(), 636};
  const auto bound = Connect(other, options.trust, options.credentials);
  EXPECT_TRUE(absl::IsFailedPrecondition(bound.status())) << bound.status();
}

TEST(Connection, RefusesAFileOfAuthoritiesThatCannotBeRead) {
  const auto options = Samba::Get().ClientOptions();
  const auto bound = Connect(options.servers[0], Trust{"", "/nowhere/ca.pem"}, options.credentials);
  EXPECT_TRUE(absl::IsFailedPrecondition(bound.status())) << bound.status();
}

TEST(Connection, NeverSendsAnEmptyPassword) {
  auto options = Samba::Get().ClientOptions();
  options.credentials.password = connector::Secret("");
  const auto bound = Connect(options.servers[0], options.trust, options.credentials);
  EXPECT_TRUE(absl::IsUnauthenticated(bound.status()));
  EXPECT_TRUE(absl::StrContains(bound.status().message(), "bind_password is empty")) << bound.status();
}

TEST(Connection, SaysWhyTheServiceAccountIsRefused) {
  auto options = Samba::Get().ClientOptions();
  options.credentials.password = connector::Secret("wrong");
  const auto bound = Connect(options.servers[0], options.trust, options.credentials);
  EXPECT_TRUE(absl::IsUnauthenticated(bound.status()));
  EXPECT_TRUE(absl::StrContains(bound.status().message(), "name or password is wrong")) << bound.status();
}

}  // namespace
}  // namespace sluice::active_directory
