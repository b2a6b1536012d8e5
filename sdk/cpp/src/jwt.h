// Signs assertions of RFC 7523. Pure but for the signature's own randomness; any thread.
#ifndef SLUICE_SDK_CPP_SRC_JWT_H_
#define SLUICE_SDK_CPP_SRC_JWT_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "sluice/connector/http_client.h"

namespace sluice::connector {

// AUTH, without a word of the key, if the key cannot be used.
absl::StatusOr<std::string> SignAssertion(const OAuth2Client& client, absl::Time now);

}  // namespace sluice::connector

#endif  // SLUICE_SDK_CPP_SRC_JWT_H_
