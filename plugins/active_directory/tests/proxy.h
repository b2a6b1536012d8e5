// A TCP proxy before a server, on the server's own address (so that its certificate fits) and a port of its own. It can
// swallow answers, and cut every connection: what happens to a client whose answers are lost. Owns its threads.
#pragma once

#include <atomic>
#include <list>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"

namespace sluice::active_directory {

class Proxy {
 public:
  Proxy(std::string ip, int server_port);
  ~Proxy();

  int port() const { return port_; }
  // Answers go nowhere; requests still arrive.
  void SwallowAnswers(bool swallow) { swallow_ = swallow; }
  void CutAll();
  // Cuts by itself once so many bytes of answers have passed; 0: never.
  void CutAfter(int64_t answer_bytes) { cut_after_ = answer_bytes; }
  int connections() const { return connections_; }
  int64_t received() const { return received_; }  // Bytes of requests.

 private:
  void Accept();
  void Forward(int client);
  int Connect() const;

  const std::string ip_;
  const int server_port_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> swallow_{false}, ending_{false};
  std::atomic<int> generation_{0}, connections_{0};
  std::atomic<int64_t> cut_after_{0}, received_{0};
  absl::Mutex mutex_;
  std::list<std::thread> threads_ ABSL_GUARDED_BY(mutex_);
  std::thread acceptor_;
};

}  // namespace sluice::active_directory
