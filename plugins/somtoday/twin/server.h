// Starts the twin: token endpoint, Connect and the admin endpoint, on 127.0.0.1 only.
//
// Requests run in parallel: reads share a lock, events take it alone. It never writes a file and never looks at
// credentials beyond comparing them.
#ifndef PLUGINS_SOMTODAY_TWIN_SERVER_H_
#define PLUGINS_SOMTODAY_TWIN_SERVER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "plugins/somtoday/twin/generate.h"
#include "sluice/connector/testing/twin.h"

namespace sluice::somtoday_twin {

using connector::testing::TwinServer;

struct TwinOptions {
  int port = 0;  // 0: any.
  SchoolSize size;
  std::string clock_file;
  std::string client_id = "waterlanden-link";
  std::string client_secret = "somtoday-secret";
};

absl::StatusOr<std::unique_ptr<TwinServer>> StartTwin(const TwinOptions& options);

}  // namespace sluice::somtoday_twin

#endif  // PLUGINS_SOMTODAY_TWIN_SERVER_H_
