#include "plugins/active_directory/tests/proxy.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

namespace sluice::active_directory {
namespace {

constexpr int kTickMs = 10;

sockaddr_in AddressOf(const std::string& ip, int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  inet_pton(AF_INET, ip.c_str(), &address.sin_addr);
  return address;
}

bool WriteAll(int to, const char* bytes, ssize_t size) {
  while (size > 0) {
    const ssize_t count = send(to, bytes, size, MSG_NOSIGNAL);
    if (count <= 0) return false;
    bytes += count;
    size -= count;
  }
  return true;
}

}  // namespace

Proxy::Proxy(std::string ip, int server_port) : ip_(std::move(ip)), server_port_(server_port) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = AddressOf(ip_, 0);
  socklen_t size = sizeof address;
  bind(listener_, reinterpret_cast<sockaddr*>(&address), size);
  listen(listener_, 8);
  getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { Accept(); });
}

Proxy::~Proxy() {
  ending_ = true;
  acceptor_.join();
  close(listener_);
  absl::MutexLock lock(&mutex_);
  for (std::thread& thread : threads_) thread.join();
}

void Proxy::CutAll() { ++generation_; }

void Proxy::Accept() {
  while (!ending_) {
    pollfd wait{listener_, POLLIN, 0};
    if (poll(&wait, 1, kTickMs) != 1) continue;
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    ++connections_;
    absl::MutexLock lock(&mutex_);
    threads_.emplace_back([this, client] { Forward(client); });
  }
}

int Proxy::Connect() const {
  const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = AddressOf(ip_, server_port_);
  if (connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return server;
  close(server);
  return -1;
}

void Proxy::Forward(int client) {
  const int generation = generation_;
  const int server = Connect();
  char buffer[16384];
  int64_t answered = 0;
  while (server >= 0 && !ending_ && generation == generation_) {
    pollfd wait[2] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
    if (poll(wait, 2, kTickMs) <= 0) continue;
    if (wait[0].revents != 0) {
      const ssize_t count = read(client, buffer, sizeof buffer);
      if (count <= 0 || !WriteAll(server, buffer, count)) break;
      received_ += count;
    }
    if (wait[1].revents != 0) {
      const ssize_t count = read(server, buffer, sizeof buffer);
      if (count <= 0) break;
      answered += count;
      if (cut_after_ > 0 && answered > cut_after_) {
        cut_after_ = 0;
        break;
      }
      if (!swallow_ && !WriteAll(client, buffer, count)) break;
    }
  }
  close(client);
  if (server >= 0) close(server);
}

}  // namespace sluice::active_directory
