#include "host/api/peers.h"

#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "host/base/status.h"

namespace sluice::api {
namespace {

constexpr int kPauseMs = 100;

std::string UserName(uid_t uid) {
  char buffer[4096];
  passwd entry;
  passwd* found = nullptr;
  if (getpwuid_r(uid, &entry, buffer, sizeof buffer, &found) == 0 && found != nullptr)
    return absl::StrCat("user:", found->pw_name);
  return absl::StrCat("user:", uid);
}

absl::Status SystemError(absl::string_view what, const std::string& path) {
  return absl::UnavailableError(absl::StrCat(what, " ", path, ": ", std::strerror(errno)));
}

// The socket file of a host that is gone. Anything else that bears the name is somebody's, and stays.
absl::Status RemoveStale(const std::string& path) {
  struct stat found = {};
  if (lstat(path.c_str(), &found) != 0) {
    return errno == ENOENT ? absl::OkStatus() : SystemError("cannot look at", path);
  }
  if (!S_ISSOCK(found.st_mode)) {
    return absl::AlreadyExistsError(
        absl::StrCat(path, " is there and is not a socket; name another one with --socket, or remove it"));
  }
  return unlink(path.c_str()) == 0 ? absl::OkStatus() : SystemError("cannot replace", path);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Peers>> Peers::Listen(const std::string& path, std::function<void(int)> accepted) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return absl::InvalidArgumentError(
        absl::StrCat("the socket's path is longer than ", sizeof address.sun_path - 1, " bytes: ", path));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  const auto* name = reinterpret_cast<const sockaddr*>(&address);
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool answers = connect(probe, name, sizeof address) == 0;
  close(probe);
  if (answers) return absl::AlreadyExistsError(absl::StrCat("another host already listens on ", path));
  RETURN_IF_ERROR(RemoveStale(path));
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0 || bind(listener, name, sizeof address) != 0 || chmod(path.c_str(), 0660) != 0 ||
      listen(listener, 64) != 0) {
    absl::Status status = SystemError("cannot listen on", path);
    if (listener >= 0) close(listener);
    return status;
  }
  int wake[2];
  if (pipe2(wake, O_CLOEXEC) != 0) {
    close(listener);
    return SystemError("cannot watch", path);
  }
  return std::unique_ptr<Peers>(new Peers(path, listener, wake[0], wake[1], std::move(accepted)));
}

Peers::Peers(std::string path, int listener, int wake_read, int wake_write, std::function<void(int)> accepted)
    : path_(std::move(path)),
      listener_(listener),
      wake_read_(wake_read),
      wake_write_(wake_write),
      accepted_(std::move(accepted)) {
  struct stat made = {};
  if (lstat(path_.c_str(), &made) == 0) {
    device_ = made.st_dev;
    inode_ = made.st_ino;
  }
  thread_ = std::thread([this] { Accept(); });
}

Peers::~Peers() {
  close(wake_write_);
  thread_.join();
  close(wake_read_);
  close(listener_);
  struct stat found = {};
  if (lstat(path_.c_str(), &found) == 0 && found.st_dev == device_ && found.st_ino == inode_) unlink(path_.c_str());
}

void Peers::Accept() {
  for (;;) {
    pollfd watched[2] = {{listener_, POLLIN, 0}, {wake_read_, POLLIN, 0}};
    if (poll(watched, 2, -1) < 0) {
      if (errno == EINTR) continue;
      return;
    }
    if (watched[1].revents != 0) return;
    if (watched[0].revents == 0) continue;
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
      // Too many open files: the connection waits in the kernel's queue.
      if (errno == EMFILE || errno == ENFILE) poll(&watched[1], 1, kPauseMs);
      continue;
    }
    ucred credentials = {};
    socklen_t size = sizeof credentials;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
      close(fd);
      continue;
    }
    {
      absl::MutexLock lock(&mutex_);
      names_[fd] = UserName(credentials.uid);
    }
    accepted_(fd);
  }
}

std::string Peers::NameOf(const std::string& peer) const {
  absl::string_view number = peer;
  int fd = -1;
  if (absl::ConsumePrefix(&number, "fd:") && absl::SimpleAtoi(number, &fd)) {
    absl::MutexLock lock(&mutex_);
    if (auto found = names_.find(fd); found != names_.end()) return found->second;
  }
  return "user:?";
}

}  // namespace sluice::api
