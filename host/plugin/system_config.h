// One system as the plugin layer needs it: which connector, and what it is opened with.
//
// Pure data. Two that are equal share a running process across a change of the configuration.
#ifndef SLUICE_HOST_PLUGIN_SYSTEM_CONFIG_H_
#define SLUICE_HOST_PLUGIN_SYSTEM_CONFIG_H_

#include <cstdint>
#include <map>
#include <string>

#include "host/core/value.h"

namespace sluice::plugin {

struct SystemConfig {
  enum class Mode { kReadOnly, kReadWrite };

  std::string name;       // "ad"
  std::string connector;  // "sluice.active_directory@1"
  core::Value::Map settings;
  std::map<std::string, std::string> secrets;  // By name; handed over in Open and nowhere else.
  struct SecretHistory {
    uint64_t version = 1;  // Another number for another value.
    std::string previous;  // The value before a rotation, as long as it may be the one that works.
    friend bool operator==(const SecretHistory&, const SecretHistory&) = default;
  };
  std::map<std::string, SecretHistory> secret_history = {};  // By name; of those that have one.
  Mode mode = Mode::kReadOnly;
  std::string time_zone = "Europe/Amsterdam";  // An IANA name.
  std::string ca_bundle;                       // PEM; empty: the operating system's.
  struct Pace {
    uint32_t requests_in_parallel = 0;  // 0: the connector's own choice.
    uint32_t requests_per_minute = 0;
    friend bool operator==(const Pace&, const Pace&) = default;
  } pace;

  friend bool operator==(const SystemConfig&, const SystemConfig&) = default;
};

}  // namespace sluice::plugin

#endif  // SLUICE_HOST_PLUGIN_SYSTEM_CONFIG_H_
