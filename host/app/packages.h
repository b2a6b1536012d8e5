// What the configuration checker asks about connectors, answered by the plugin layer; and a system's settings for that
// layer.
#ifndef SLUICE_HOST_APP_PACKAGES_H_
#define SLUICE_HOST_APP_PACKAGES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "host/config/packages.h"
#include "host/core/configuration.h"
#include "host/core/state.h"
#include "host/plugin/router.h"
#include "host/secrets/rotated.h"

namespace sluice::app {

class Packages final : public config::Packages {
 public:
  explicit Packages(plugin::Router* router) : router_(router) {}
  std::vector<config::InstalledPackage> Installed() const override;
  absl::StatusOr<config::PackageInfo> Describe(const config::InstalledPackage& package) const override;

 private:
  plugin::Router* router_;
};

// Every system as the plugin layer opens it, secrets resolved. A target that only observes is opened without the right
// to write.
absl::StatusOr<std::vector<plugin::SystemConfig>> SystemConfigs(const core::Configuration& configuration,
                                                                const core::State& state,
                                                                secrets::RotatedSecrets* rotated = nullptr);

}  // namespace sluice::app

#endif  // SLUICE_HOST_APP_PACKAGES_H_
