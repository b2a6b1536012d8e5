// HttpClient: HTTP for connectors, on one thread that drives all transfers. Brings connection reuse, HTTP/2, OAuth2
// (client credentials, JWT bearer), the limits of Pace, Retry-After (seconds or date), and bounded retries of
// idempotent requests only: a write whose answer was lost is never repeated. Lists in pages: http_pages.h; recording
// for tests: http_tape.h. Checks certificates always. Never logs a header, a body, a query or a secret. Any thread;
// outlives no request: the destructor cancels what is under way and waits for the callbacks.
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
#include "sluice/connector/byte_source.h"
#include "sluice/connector/error.h"
#include "sluice/connector/operation.h"
#include "sluice/connector/secret.h"
#include "sluice/connector/system.h"
#include "sluice/connector/text.h"

namespace sluice::connector {

class HttpTape;

// A signed assertion (RFC 7523) instead of a client secret. The key's kind chooses the algorithm: RSA RS256, P-256
// ES256.
struct JwtAssertion {
  enum class Use {
    kGrant,  // The assertion is the grant: grant_type jwt-bearer (a Google service account).
    kClient  // It stands in for the client's secret: client_assertion (an Entra application with a certificate).
  };
  Use use = Use::kGrant;
  Secret private_key;                         // PEM.
  std::string key_id;                         // Header `kid`; empty: none.
  std::string x5t;                            // Header `x5t`: the certificate's SHA-1 in base64url; empty: none.
  std::string issuer;                         // Empty: the client id.
  std::string subject;                        // Empty: the issuer with kClient, none with kGrant.
  std::string audience;                       // Empty: the token address.
  std::map<std::string, std::string> claims;  // More of them (`scope`).
  absl::Duration lifetime = absl::Minutes(5);
};

// Client credentials (RFC 6749, 4.4), or what JwtAssertion says. The token is fetched when first needed, shared by all
// requests that name these credentials, and fetched anew a minute before it expires. After a 401 it is fetched once
// more if it had been good for something before: systems also say 401 for a right that is missing, and there a new
// token helps nobody.
struct OAuth2Client {
  std::string token_url;
  std::string client_id;
  Secret client_secret;
  std::optional<JwtAssertion> assertion;
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
  absl::Time deadline = absl::InfiniteFuture();     // The same as a moment, waiting for Pace included.
  // GET, HEAD, OPTIONS, PUT and DELETE are idempotent; true here says that this POST or PATCH only reads.
  bool only_reads = false;
  // PUT and DELETE are repeated only when this is true.
  bool may_repeat_write = false;
  Cancellation cancellation;

  // Ends with the operation that it is sent for: not after its timeout, and when it is given up.
  HttpRequest& For(const Operation& operation);
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
  bool read_only = false;          // Refuses every request that may write.
  std::shared_ptr<HttpTape> tape;  // Records what is answered, or answers instead of the system.

  // What the host said when it opened the system.
  static HttpOptions For(const System& system);
};

// An answer whose body comes as it is read.
struct HttpStream {
  HttpResponse response;             // Its body is empty if ok(); else it is the whole answer.
  std::unique_ptr<ByteSource> body;  // If ok(). Fails with TRANSIENT if the answer breaks off, CANCELLED if given up.
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

  // For answers that are longer than anybody wants in memory; for json_reader.h and xml_reader.h. Repeats like Send
  // until the first byte of a body came, never afterwards. However long it takes, only an answer that is silent for
  // attempt_timeout breaks off. Holds about 1 MiB that was not read yet. The body must go before the client does.
  absl::StatusOr<HttpStream> OpenStream(HttpRequest request);

  // Waits for the system's own limit end here, for ProgressReport::limited_until.
  std::optional<absl::Time> limited_until() const;

 private:
  class Loop;
  absl::Status Refusal(const HttpRequest& request) const;
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
