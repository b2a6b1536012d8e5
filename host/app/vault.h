// The engine's Vault over host/secrets: passwords that the target's policy takes, sealed under a key outside of the
// store.
#ifndef SLUICE_HOST_APP_VAULT_H_
#define SLUICE_HOST_APP_VAULT_H_

#include <memory>

#include "host/core/configuration.h"
#include "host/engine/context.h"
#include "host/secrets/vault.h"

namespace sluice::app {

class Vault final : public engine::Vault {
 public:
  // Loads the key that the configuration names; a key file that is not there is made.
  static absl::StatusOr<std::unique_ptr<Vault>> Open(const core::SecretReference& key);

  std::string MakePassword(const core::TargetClass& policy, const std::vector<std::string>& names) override;
  absl::StatusOr<std::string> Seal(const std::string& id, const std::string& secret) override;
  absl::StatusOr<std::string> Open(const std::string& id, const std::string& sealed) override;

  const std::shared_ptr<const secrets::Vault>& sealed() const { return vault_; }

 private:
  explicit Vault(std::shared_ptr<const secrets::Vault> vault) : vault_(std::move(vault)) {}
  const std::shared_ptr<const secrets::Vault> vault_;
};

}  // namespace sluice::app

#endif  // SLUICE_HOST_APP_VAULT_H_
