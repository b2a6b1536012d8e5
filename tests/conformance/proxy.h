// A TCP proxy between a connector and its system, whose connections can be broken where the suite wants: the bytes may
// be encrypted. Listens on the system's own loopback address (so that a certificate for it fits), or on 127.0.0.1, with
// a port of its own. Owns its threads; all functions are thread-safe.
#ifndef SLUICE_TESTS_CONFORMANCE_PROXY_H_
#define SLUICE_TESTS_CONFORMANCE_PROXY_H_

#include <list>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace sluice::conformance {

class Proxy {
 public:
  // `server` is "HOST:PORT", HOST an address.
  static absl::StatusOr<std::unique_ptr<Proxy>> Start(const std::string& server);
  ~Proxy();
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  const std::string& address() const { return address_; }  // "HOST:PORT"

  // How many pieces of requests came since the last Pass; a piece is what one read gives.
  int pieces();
  // Everything passes from here on; the count begins anew.
  void Pass();
  // Cuts the connection at the `piece`th piece from now (1 is the next), without passing it on or right after.
  void CutAt(int piece, bool pass_it_on);
  bool has_cut();
  // Passes on the `piece`th piece from now, and from then on nothing in either direction, so that the connector stands
  // still right after it. What it sends meanwhile is lost with it.
  void HoldAt(int piece);
  bool AwaitHeld(absl::Duration patience);
  // Answers no longer come back; requests still arrive.
  void SwallowAnswers();
  // Nobody is there: connections are closed (they are when this returns), and new ones at once.
  void Refuse();

  // Until the system is through with what came to it from connections that are cut: it has closed them, or ten seconds
  // have passed. Whoever looks at the system before may see the state before a write that is still under way.
  void AwaitCut();
  // The same for every connection: of a connector that has ended.
  void AwaitClosed();

 private:
  Proxy(std::string host, int port, int listener) : host_(std::move(host)), port_(port), listener_(listener) {}
  void Accept();
  void Forward(int client);
  void Exchange(int client, int server);
  void Finish(int server);
  enum class Fate { kPass, kCutBefore, kCutAfter };
  Fate NextPiece();
  bool IsSwallowing();
  bool IsRefusing();
  bool IsHeld();
  bool IsEnding();

  const std::string host_;
  const int port_;
  const int listener_;
  std::string address_;
  absl::Mutex mutex_;
  bool is_ending_ ABSL_GUARDED_BY(mutex_) = false;
  bool refuses_ ABSL_GUARDED_BY(mutex_) = false;
  bool swallows_ ABSL_GUARDED_BY(mutex_) = false;
  bool has_cut_ ABSL_GUARDED_BY(mutex_) = false;
  bool pass_it_on_ ABSL_GUARDED_BY(mutex_) = false;
  int pieces_ ABSL_GUARDED_BY(mutex_) = 0;
  int cut_at_ ABSL_GUARDED_BY(mutex_) = 0;  // 0: never.
  int hold_at_ ABSL_GUARDED_BY(mutex_) = 0;
  bool is_held_ ABSL_GUARDED_BY(mutex_) = false;
  int clients_ ABSL_GUARDED_BY(mutex_) = 0;         // Connections whose connector's end is open,
  int servers_ ABSL_GUARDED_BY(mutex_) = 0;         // and whose system's end is.
  int64_t idle_turns_ ABSL_GUARDED_BY(mutex_) = 0;  // How often nobody waited to be accepted.
  std::list<std::thread> threads_ ABSL_GUARDED_BY(mutex_);
  std::thread acceptor_;
};

}  // namespace sluice::conformance

#endif  // SLUICE_TESTS_CONFORMANCE_PROXY_H_
