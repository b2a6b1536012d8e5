// What both halves of OperationLedger share.
#ifndef SLUICE_HOST_ENGINE_OPERATION_LEDGER_INTERNAL_H_
#define SLUICE_HOST_ENGINE_OPERATION_LEDGER_INTERNAL_H_

#include <string>

#include "absl/strings/str_cat.h"
#include "host/base/hash.h"
#include "host/core/names.h"
#include "host/core/plan.h"

namespace sluice::engine {

inline std::string NameKey(const std::string& domain, const std::string& name) {
  return absl::StrCat(domain, "\n", core::NormaliseName(name));
}

inline std::string SecretId(const std::string& operation_id, const std::string& attribute) {
  return base::UuidOf({"secret", operation_id, attribute});
}

inline std::string HolderOf(const core::PlannedOperation& operation) {
  return operation.person_id.empty() ? absl::StrCat("resource:", operation.entitlement)
                                     : absl::StrCat("person:", operation.person_id);
}

}  // namespace sluice::engine

#endif  // SLUICE_HOST_ENGINE_OPERATION_LEDGER_INTERNAL_H_
