#include "host/core/configuration.h"

#include "absl/strings/str_cat.h"

namespace sluice::core {

std::string EntitlementRef::ToString() const {
  switch (kind) {
    case Kind::kAccount:
      return absl::StrCat(system, "/account");
    case Kind::kAccess:
      return absl::StrCat(system, "/access");
    case Kind::kPermission:
      return absl::StrCat(system, "/", object_class, ":", label);
    case Kind::kResource:
      return absl::StrCat(system, "/", resource);
  }
  return system;
}

}  // namespace sluice::core
