// First passwords: random, readable, and such that strict directories take them.
//
// No state; safe on any thread. Every password that the policy allows is equally likely.
#ifndef SLUICE_HOST_SECRETS_PASSWORD_H_
#define SLUICE_HOST_SECRETS_PASSWORD_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "host/secrets/secret_string.h"

namespace sluice::secrets {

inline constexpr size_t kShortestPassword = 14;

struct PasswordPolicy {
  size_t min_length = kShortestPassword;  // Less counts as kShortestPassword.
  size_t max_length = 0;                  // 0: no limit.
  int kinds = 3;                          // Of: small letters, capitals, digits, signs; less counts as 3.
  // Names of the person and of the account. No three letters or digits that follow each other in one of them stand in
  // the password, whatever their case and accents.
  std::vector<std::string> forbidden;
};

// Without signs unless four kinds are asked for, and without what people mix up (0 O o, 1 l I i).
// INVALID_ARGUMENT when the policy allows no password, as with a max_length under 14.
absl::StatusOr<SecretString> GeneratePassword(const PasswordPolicy& policy);

// Does `password` hold three letters or digits that follow each other in one of `names`?
bool HoldsPartOf(absl::string_view password, const std::vector<std::string>& names);

}  // namespace sluice::secrets

#endif  // SLUICE_HOST_SECRETS_PASSWORD_H_
