#include "host/app/vault.h"

#include "host/base/log.h"
#include "host/base/status.h"
#include "host/secrets/password.h"
#include "host/secrets/resolve.h"

namespace sluice::app {

absl::StatusOr<std::unique_ptr<Vault>> Vault::Open(const core::SecretReference& key) {
  std::shared_ptr<const secrets::Vault> vault;
  if (key.kind == core::SecretReference::Kind::kFile) {
    ASSIGN_OR_RETURN(vault, secrets::Vault::LoadOrCreate(key.target));
  } else {
    ASSIGN_OR_RETURN(const secrets::SecretString text, secrets::Resolve(key));
    ASSIGN_OR_RETURN(vault, secrets::Vault::FromKeyText(text.Reveal()));
  }
  return std::unique_ptr<Vault>(new Vault(std::move(vault)));
}

std::string Vault::MakePassword(const core::TargetClass& policy, const std::vector<std::string>& names) {
  secrets::PasswordPolicy wanted;
  wanted.min_length = policy.password_min_length;
  wanted.max_length = policy.password_max_length;
  wanted.kinds = static_cast<int>(policy.password_min_kinds);
  wanted.forbidden = names;
  absl::StatusOr<secrets::SecretString> password = secrets::GeneratePassword(wanted);
  if (!password.ok()) {
    base::LogError("no password meets the target's policy", {{"error", std::string(password.status().message())}});
    return "";
  }
  return std::string(password->Reveal());
}

absl::StatusOr<std::string> Vault::Seal(const std::string& id, const std::string& secret) {
  if (secret.empty()) return absl::FailedPreconditionError("no password meets the target's policy");
  return vault_->Seal(id, secrets::SecretString(secret));
}

absl::StatusOr<std::string> Vault::Open(const std::string& id, const std::string& sealed) {
  ASSIGN_OR_RETURN(const secrets::SecretString secret, vault_->Open(id, sealed));
  return std::string(secret.Reveal());
}

}  // namespace sluice::app
