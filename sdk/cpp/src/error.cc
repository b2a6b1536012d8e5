#include "sluice/connector/error.h"

#include "sdk/cpp/src/convert_values.h"
#include "sdk/wire/error.h"
#include "sluice/connector/description.h"
#include "sluice/connector/v1/configuration.pb.h"

namespace sluice::connector {

std::string_view ReasonName(Reason reason) { return wire::ReasonName(static_cast<v1::Reason>(reason)); }

std::string_view ActionName(Action action) {
  const auto number = static_cast<int>(action);
  if (!v1::Action_IsValid(number)) return "UNKNOWN";
  std::string_view name = v1::Action_Name(static_cast<v1::Action>(number));
  name.remove_prefix(std::string_view("ACTION_").size());
  return name;
}

Error Error::From(const absl::Status& status) { return FromProto(wire::ErrorFromStatus(status)); }

absl::Status Error::AsStatus() const { return wire::StatusFromError(ToProto(*this)); }

}  // namespace sluice::connector
