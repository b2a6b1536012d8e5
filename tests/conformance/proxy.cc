#include "tests/conformance/proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"

namespace sluice::conformance {
namespace {

constexpr int kTurnMilliseconds = 20;
constexpr absl::Duration kSettleLimit = absl::Seconds(10);

sockaddr_in AddressOf(const std::string& host, int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  inet_pton(AF_INET, host.c_str(), &address.sin_addr);
  return address;
}

bool SendAll(int fd, const char* data, size_t size) {
  for (size_t done = 0; done < size;) {
    const ssize_t n = send(fd, data + done, size - done, MSG_NOSIGNAL);
    if (n <= 0) return false;
    done += static_cast<size_t>(n);
  }
  return true;
}

// An answer that is lost looks like a connection that was reset.
void Reset(int fd) {
  const linger now{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close(fd);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Proxy>> Proxy::Start(const std::string& server) {
  const std::pair<std::string, std::string> parts = absl::StrSplit(server, absl::MaxSplits(':', 1));
  int port = 0;
  in_addr ignored;
  if (!absl::SimpleAtoi(parts.second, &port) || inet_pton(AF_INET, parts.first.c_str(), &ignored) != 1)
    return absl::InvalidArgumentError(
        absl::StrCat("check: {proxy: ", server, "} must be an address and a port, such as 127.0.0.1:8443"));
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const std::string own = absl::StartsWith(parts.first, "127.") ? parts.first : "127.0.0.1";
  sockaddr_in address = AddressOf(own, 0);
  socklen_t size = sizeof address;
  if (listener < 0 || bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      listen(listener, 64) != 0 || getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    if (listener >= 0) close(listener);
    return absl::ErrnoToStatus(errno, "no proxy can listen");
  }
  std::unique_ptr<Proxy> proxy(new Proxy(parts.first, port, listener));
  proxy->address_ = absl::StrCat(own, ":", ntohs(address.sin_port));
  proxy->acceptor_ = std::thread([p = proxy.get()] { p->Accept(); });
  return proxy;
}

Proxy::~Proxy() {
  {
    absl::MutexLock lock(&mutex_);
    is_ending_ = true;
  }
  acceptor_.join();
  std::list<std::thread> threads;
  {
    absl::MutexLock lock(&mutex_);
    threads.swap(threads_);
  }
  for (std::thread& thread : threads) thread.join();
  close(listener_);
}

int Proxy::pieces() {
  absl::MutexLock lock(&mutex_);
  return pieces_;
}
void Proxy::Pass() {
  absl::MutexLock lock(&mutex_);
  refuses_ = swallows_ = has_cut_ = is_held_ = false;
  pieces_ = cut_at_ = hold_at_ = 0;
}
void Proxy::CutAt(int piece, bool pass_it_on) {
  Pass();
  absl::MutexLock lock(&mutex_);
  cut_at_ = piece;
  pass_it_on_ = pass_it_on;
}
void Proxy::HoldAt(int piece) {
  Pass();
  absl::MutexLock lock(&mutex_);
  hold_at_ = piece;
}
bool Proxy::AwaitHeld(absl::Duration patience) {
  absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(absl::Condition(&is_held_), patience);
}
bool Proxy::has_cut() {
  absl::MutexLock lock(&mutex_);
  return has_cut_;
}
void Proxy::SwallowAnswers() {
  absl::MutexLock lock(&mutex_);
  swallows_ = true;
}
void Proxy::Refuse() {
  absl::MutexLock lock(&mutex_);
  refuses_ = true;
  const auto none = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return clients_ == 0; };
  mutex_.AwaitWithTimeout(absl::Condition(&none), kSettleLimit);
}
void Proxy::AwaitCut() {
  absl::MutexLock lock(&mutex_);
  const auto settled = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return servers_ <= clients_; };
  mutex_.AwaitWithTimeout(absl::Condition(&settled), kSettleLimit);
}
void Proxy::AwaitClosed() {
  absl::MutexLock lock(&mutex_);
  // Also who was about to be accepted: two turns in which nobody was.
  const int64_t later = idle_turns_ + 2;
  const auto closed = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return idle_turns_ >= later && clients_ == 0 && servers_ == 0;
  };
  mutex_.AwaitWithTimeout(absl::Condition(&closed), kSettleLimit);
}
bool Proxy::IsSwallowing() {
  absl::MutexLock lock(&mutex_);
  return swallows_;
}
bool Proxy::IsRefusing() {
  absl::MutexLock lock(&mutex_);
  return refuses_ || is_ending_;
}

bool Proxy::IsHeld() {
  absl::MutexLock lock(&mutex_);
  return is_held_;
}
bool Proxy::IsEnding() {
  absl::MutexLock lock(&mutex_);
  return is_ending_;
}

Proxy::Fate Proxy::NextPiece() {
  absl::MutexLock lock(&mutex_);
  if (++pieces_ == hold_at_) is_held_ = true;
  if (pieces_ != cut_at_) return Fate::kPass;
  has_cut_ = true;
  return pass_it_on_ ? Fate::kCutAfter : Fate::kCutBefore;
}

void Proxy::Accept() {
  for (;;) {
    pollfd polled{listener_, POLLIN, 0};
    const bool is_idle = poll(&polled, 1, kTurnMilliseconds) <= 0;
    {
      absl::MutexLock lock(&mutex_);
      if (is_ending_) return;
      if (is_idle) ++idle_turns_;
    }
    if (is_idle) continue;
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    absl::MutexLock lock(&mutex_);
    if (refuses_ || is_held_) {
      Reset(client);
      continue;
    }
    ++clients_;
    ++servers_;
    threads_.emplace_back([this, client] { Forward(client); });
  }
}

void Proxy::Forward(int client) {
  const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = AddressOf(host_, port_);
  const bool is_there =
      server >= 0 && connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  if (is_there) {
    Exchange(client, server);
  } else {
    Reset(client);
  }
  {
    absl::MutexLock lock(&mutex_);
    --clients_;
  }
  if (is_there) Finish(server);
  if (server >= 0) close(server);
  absl::MutexLock lock(&mutex_);
  --servers_;
}

// Passes on until one end closes, or is to be cut off; closes the connector's end.
void Proxy::Exchange(int client, int server) {
  std::array<char, 65536> buffer;
  bool is_lost = false;
  while (!is_lost && !IsRefusing()) {
    const bool is_held = IsHeld();
    const short wanted = is_held ? 0 : POLLIN;
    std::array<pollfd, 2> polled = {{{client, static_cast<short>(wanted | POLLRDHUP), 0}, {server, wanted, 0}}};
    if (poll(polled.data(), polled.size(), kTurnMilliseconds) <= 0) continue;
    if (IsRefusing()) break;
    if (is_held || IsHeld()) {
      if ((polled[0].revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0) break;
      absl::SleepFor(absl::Milliseconds(1));
    } else if (polled[0].revents != 0) {
      const ssize_t n = recv(client, buffer.data(), buffer.size(), 0);
      if (n <= 0) break;
      const Fate fate = NextPiece();
      if (fate != Fate::kCutBefore && !SendAll(server, buffer.data(), static_cast<size_t>(n))) break;
      if (fate == Fate::kCutAfter) {
        // The system is to have it before anybody looks.
        pollfd answer{server, POLLIN, 0};
        poll(&answer, 1, 2000);
      }
      is_lost = fate != Fate::kPass;
    } else if (polled[1].revents != 0) {
      const ssize_t n = recv(server, buffer.data(), buffer.size(), 0);
      if (n <= 0) break;
      if (!IsSwallowing() && !SendAll(client, buffer.data(), static_cast<size_t>(n))) break;
    }
  }
  is_lost || IsRefusing() ? Reset(client) : static_cast<void>(close(client));
}

// Nothing more comes; a system closes once it has done what came before.
void Proxy::Finish(int server) {
  shutdown(server, SHUT_WR);
  std::array<char, 65536> buffer;
  const absl::Time until = absl::Now() + kSettleLimit;
  while (!IsEnding() && absl::Now() < until) {
    pollfd polled{server, POLLIN, 0};
    if (poll(&polled, 1, kTurnMilliseconds) > 0 && recv(server, buffer.data(), buffer.size(), 0) <= 0) return;
  }
}

}  // namespace sluice::conformance
