// The socket that the management API listens on, and who is at the other end of each connection: the kernel says
// (SO_PEERCRED).
//
// The accepting thread owns the listening descriptor. NameOf is thread-safe. A socket file of a host that is gone is
// replaced; one that answers is not, and neither is
// anything else of that name.
#ifndef SLUICE_HOST_API_PEERS_H_
#define SLUICE_HOST_API_PEERS_H_

#include <sys/types.h>

#include <functional>
#include <map>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

namespace sluice::api {

class Peers {
 public:
  // Listens on `path` (at most 107 bytes), mode 0660, and calls `accepted` for each connection, on a thread of its own;
  // the descriptor is the callee's.
  static absl::StatusOr<std::unique_ptr<Peers>> Listen(const std::string& path, std::function<void(int fd)> accepted);
  ~Peers();

  // "user:alice" of what gRPC calls a peer ("fd:12"); "user:?" when it is not known.
  std::string NameOf(const std::string& peer) const;

 private:
  Peers(std::string path, int listener, int wake_read, int wake_write, std::function<void(int)> accepted);
  void Accept();

  const std::string path_;
  const int listener_, wake_read_, wake_write_;
  const std::function<void(int)> accepted_;
  dev_t device_ = 0;
  ino_t inode_ = 0;  // Of the socket file: another host's, made since, is left alone.
  mutable absl::Mutex mutex_;
  std::map<int, std::string> names_
      ABSL_GUARDED_BY(mutex_);  // By descriptor: overwritten when the number is used again.
  std::thread thread_;
};

}  // namespace sluice::api

#endif  // SLUICE_HOST_API_PEERS_H_
