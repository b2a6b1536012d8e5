// The management API on a unix socket. Translates between messages and the engine; holds no logic of its own.
//
// Each call runs on the engine's pool and finishes when it is done; no thread of gRPC waits.
#ifndef SLUICE_HOST_API_SERVER_H_
#define SLUICE_HOST_API_SERVER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "host/api/administration.h"
#include "host/engine/engine.h"

namespace sluice::api {

class Server {
 public:
  // `engine` and `administration` outlive the server.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const std::string& socket, engine::Engine* engine,
                                                       Administration* administration);
  virtual ~Server() = default;  // Ends open calls and waits for them.
};

}  // namespace sluice::api

#endif  // SLUICE_HOST_API_SERVER_H_
