// HttpClient: HTTP for connectors, on one thread that drives all transfers. Brings connection reuse, HTTP/2, OAuth2
// client credentials, the limits of Pace, Retry-After (seconds or date), and bounded retries of idempotent requests
// only: a write whose answer was lost is never repeated. Checks certificates always. Never logs a header, a body, a
// query or a secret. Any thread; outlives no request: the destructor cancels what is under way and waits for the
// callbacks.
#ifndef SLUICE_CONNECTOR_HTTP_CLIENT_H_
#define SLUICE_CONNECTOR_HTTP_CLIENT_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "sluice/connector/error.h"
#include "sluice/connector/secret.h"
#include "sluice/connector/system.h"
#include "sluice/connector/text.h"

namespace sluice::connector {

// Client credentials (RFC 6749, 4.4). The token is fetched when first needed, shared by all requests that name these
// credentials, fetched anew a minute before it expires and once after a 401.
struct OAuth2Client {
  std::string token_url;
  std::string client_id;
  Secret client_secret;
  std::string scope;
  std::map<std::string, std::string> parameters;  // More form fields of the token request (a tenant).
  bool in_header = false;                         // Basic authentication instead of form fields.
};

struct HttpRequest {
  std::string method = "GET";
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::string content_type;                         // With a body.
  std::shared_ptr<const OAuth2Client> credentials;  // Adds Authorization: Bearer.
  std::optional<Secret> bearer;                     // A token of one's own instead.
  absl::Duration timeout = absl::Seconds(60);       // All attempts together, waiting for Pace apart.
  // GET, HEAD, OPTIONS, PUT and DELETE are idempotent; true here says that this POST or PATCH only reads.
  bool only_reads = false;
  // PUT and DELETE are repeated only when this is true.
  bool may_repeat_write = false;
  Cancellation cancellation;
};

struct HttpResponse {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  absl::Duration took;
  int attempts = 1;

  // The first header of this name, whatever its case; empty if there is none.
  std::string Header(AnyText name) const;
  bool ok() const { return status >= 200 && status < 300; }
};

struct HttpOptions {
  Pace pace;  // In parallel: 8 if not set.
  absl::Duration connect_timeout = absl::Seconds(10);
  absl::Duration attempt_timeout = absl::Seconds(30);      // Of one attempt.
  int max_attempts = 4;                                    // Of an idempotent request.
  absl::Duration first_backoff = absl::Milliseconds(500);  // Doubles, with jitter.
  absl::Duration longest_wait = absl::Minutes(2);          // An answer with a longer Retry-After is given back at once.
  size_t max_body_bytes = 64u << 20;
  std::string ca_bundle;  // PEM; empty: the operating system's.
  std::string proxy;      // "socks5h://localhost/<path>", "http://proxy:3128"; empty: none. No environment.
  std::string user_agent;
  bool read_only = false;  // Refuses every request that may write.

  // What the host said when it opened the system.
  static HttpOptions For(const System& system);
};

class HttpClient {
 public:
  explicit HttpClient(HttpOptions options);
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  ~HttpClient();

  // Any answer that has a status is given back, 4xx and 5xx too (after retries where they may be); see ErrorOf. Fails
  // with UNAVAILABLE (no connection, DNS, TLS), TRANSIENT (broken off, timed out, a truncated body), AUTH (the token
  // was refused), THROTTLED, CANCELLED, INVALID (not a URL, read-only). For a request that may write, WasSent tells if
  // it can have arrived.
  absl::StatusOr<HttpResponse> Send(HttpRequest request);
  // The same; `done` is called once, on the client's thread, and must not block, nor call Send.
  void SendAsync(HttpRequest request, std::function<void(absl::StatusOr<HttpResponse>)> done);

  // Waits for the system's own limit end here, for ProgressReport::limited_until.
  std::optional<absl::Time> limited_until() const;

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
  bool read_only_ = false;
};

// The usual reason for a status that is not 2xx: 401 AUTH, 403 FORBIDDEN, 404 NOT_FOUND, 409 CONFLICT, 412 CONFLICT,
// 429 THROTTLED with Retry-After, 400 and 422 INVALID, 502, 503, 504 UNAVAILABLE, other 5xx TRANSIENT. The body is not
// in it: it may hold personal data.
Error ErrorOf(const HttpResponse& response, AnyText code, AnyText what);
// Whether a failed Send may have reached the system: then a write is IN_DOUBT, else FAILED.
bool WasSent(const absl::Status& status);
// Seconds or an HTTP date (RFC 9110, 10.2.3); nothing if it is neither.
std::optional<absl::Duration> ParseRetryAfter(AnyText header, absl::Time now);
// Percent-encodes everything but letters, digits and -._~ (RFC 3986).
std::string UrlEncode(AnyText text);

}  // namespace sluice::connector

#endif  // SLUICE_CONNECTOR_HTTP_CLIENT_H_
