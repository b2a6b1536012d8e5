// What is known of targets from their last reading, for the configuration checker; and what is held of each kind.
#ifndef SLUICE_HOST_APP_SCHEMAS_H_
#define SLUICE_HOST_APP_SCHEMAS_H_

#include <map>
#include <string>

#include "host/config/packages.h"
#include "host/config/threshold_warnings.h"
#include "host/core/snapshot.h"
#include "host/core/state.h"

namespace sluice::app {

class Schemas final : public config::Schemas {
 public:
  explicit Schemas(const core::State& state);
  const config::SystemSchema* Find(const std::string& system, const config::PackageInfo& package) const override;

 private:
  std::map<std::string, config::SystemSchema> schemas_;
};

// By system and kind of threshold.
config::HeldCounts CountHeld(const core::Configuration& configuration, const core::State& state,
                             const core::Snapshot& snapshot);

}  // namespace sluice::app

#endif  // SLUICE_HOST_APP_SCHEMAS_H_
