// HttpTape: what a system answered, in a file, so that a connector's tests run without the system. Given to an
// HttpClient as HttpOptions::tape, it writes each final answer down, or answers instead of the network: each request,
// by method, address and body, in the order in which it was recorded, each answer once. Tokens are neither recorded nor
// asked for on replay; of an address, parameters whose name speaks of a token, key, secret or password are masked. The
// bodies are written as they are: record a test environment, never a school. Any thread.
#ifndef SLUICE_CONNECTOR_HTTP_TAPE_H_
#define SLUICE_CONNECTOR_HTTP_TAPE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "sluice/connector/http_client.h"
#include "sluice/connector/text.h"

namespace sluice::connector {

class HttpTape {
 public:
  // Writes to this file, a JSON object a line; what was in it is lost.
  static absl::StatusOr<std::shared_ptr<HttpTape>> Record(AnyText file);
  static absl::StatusOr<std::shared_ptr<HttpTape>> Replay(AnyText file);
  virtual ~HttpTape() = default;

  virtual bool replays() const = 0;
  virtual void Keep(const HttpRequest& request, const HttpResponse& response) = 0;
  // INVALID, with the method and the address, if there is no answer (any more).
  virtual absl::StatusOr<HttpResponse> Answer(const HttpRequest& request) = 0;
  // How many recorded answers nobody asked for: a test expects 0 in the end.
  virtual size_t left() const = 0;
};

}  // namespace sluice::connector

#endif  // SLUICE_CONNECTOR_HTTP_TAPE_H_
