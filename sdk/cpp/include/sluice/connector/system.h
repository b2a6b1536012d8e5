// System: one configured use of a connector, as the host opened it: settings, secrets, pace. Made by the runtime,
// handed to Open, and there as Source::system() in every later call. Immutable; any thread. Opening again makes a new
// connector object with a new System.
#ifndef SLUICE_CONNECTOR_SYSTEM_H_
#define SLUICE_CONNECTOR_SYSTEM_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "sluice/connector/secret.h"
#include "sluice/connector/text.h"
#include "sluice/connector/value.h"

namespace sluice::connector {

// What an operator set, defaults filled in, types checked against Describe(). A getter of something that is not set
// gives the zero of its type; Has() tells the difference.
class Settings {
 public:
  Settings() = default;
  Settings(std::map<std::string, Value> values, std::map<std::string, Secret> secrets,
           std::map<std::string, std::string> files = {})
      : values_(std::move(values)), secrets_(std::move(secrets)), files_(std::move(files)) {}

  bool Has(AnyText name) const;
  std::string Text(AnyText name) const;
  int64_t Integer(AnyText name) const;
  bool Flag(AnyText name) const;
  absl::Duration Duration(AnyText name) const;         // From "30s", "15m", "7d", or whole seconds.
  std::vector<std::string> Texts(AnyText name) const;  // Of a list of texts; one text is a list of one.
  const Value& Get(AnyText name) const;                // Lists and objects as they are; NOT_VISIBLE if not set.
  const class Secret& Secret(AnyText name) const;      // Empty if not set.
  // The content of the host's copy of a FILE setting; empty if not set.
  const std::string& File(AnyText name) const;

  const std::map<std::string, Value>& values() const { return values_; }
  // The same with other files; the runtime's.
  Settings WithFiles(std::map<std::string, std::string> files) const {
    return Settings(values_, secrets_, std::move(files));
  }

 private:
  std::map<std::string, Value> values_;
  std::map<std::string, class Secret> secrets_;
  std::map<std::string, std::string> files_;
};

// The limits that an operator gave; 0: the connector's own.
struct Pace {
  uint32_t requests_in_parallel = 0;
  uint32_t requests_per_minute = 0;
};

struct System {
  std::string id;
  Settings settings;
  bool read_only = true;
  absl::TimeZone time_zone = absl::UTCTimeZone();  // For systems that speak in local time.
  std::string ca_bundle;                           // PEM; empty: the operating system's.
  Pace pace;
  std::string work_dir;      // The only writable directory.
  std::string egress_proxy;  // Path of the host's SOCKS5 socket; empty: straight.
};

// Tells a call that nobody waits for it any more. Copies share one state; any thread.
class Cancellation {
 public:
  Cancellation();
  bool IsCancelled() const;
  void Cancel() const;  // The runtime's; also for tests.
  // Sleeps for `duration` or until cancelled; true if it slept through.
  bool Sleep(absl::Duration duration) const;
  // Calls `callback` once when cancelled, at once if it already is; on the cancelling thread, so it must be short. The
  // handle given back unregisters when it goes, and waits for a callback that is under way.
  [[nodiscard]] std::shared_ptr<void> OnCancel(std::function<void()> callback) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace sluice::connector

#endif  // SLUICE_CONNECTOR_SYSTEM_H_
