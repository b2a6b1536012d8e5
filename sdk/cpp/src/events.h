// Events: what the connector has to tell of its own accord, until the host has acknowledged it. Owned by RuntimeState.
// Any thread; listeners are called without its lock.
#ifndef SLUICE_SDK_CPP_SRC_EVENTS_H_
#define SLUICE_SDK_CPP_SRC_EVENTS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "sluice/connector/secret.h"
#include "sluice/connector/v1/plugin.pb.h"

namespace sluice::connector {

class Events {
 public:
  // Tells the host, and waits until it has stored the new value: true; false when it has not within `patience`, or
  // does not know such a secret. It is told again at each opening of the stream all the same.
  bool Rotate(const std::string& system, const std::string& name, const Secret& value, uint64_t replaces,
              absl::Duration patience);

  // From now on `wake` is called when there is something to send: now and then also when there is not. Gives the number
  // of the listener, which sees every event that is not acknowledged.
  uint64_t Listen(std::function<void()> wake);
  void Forget(uint64_t listener);
  // Those that this listener was not given yet. Empty for one that was replaced by a later one.
  std::vector<v1::Event> Next(uint64_t listener);
  void Acknowledge(const v1::EventAck& ack);

 private:
  struct Pending {
    v1::Event event;
    uint64_t given_to = 0;
    bool is_awaited = true;
    bool is_settled = false;
    bool is_understood = false;
  };
  void Wake();

  absl::Mutex mutex_;
  std::map<std::string, Pending> pending_ ABSL_GUARDED_BY(mutex_);
  std::function<void()> wake_ ABSL_GUARDED_BY(mutex_);
  uint64_t listener_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t next_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace sluice::connector

#endif  // SLUICE_SDK_CPP_SRC_EVENTS_H_
