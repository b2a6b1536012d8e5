#include "plugins/somtoday/twin/server.h"

#include "plugins/somtoday/twin/connect.h"

namespace sluice::somtoday_twin {

absl::StatusOr<std::unique_ptr<TwinServer>> StartTwin(const TwinOptions& options) {
  return TwinServer::Start(std::make_unique<Connect>(options), {options.port});
}

}  // namespace sluice::somtoday_twin
