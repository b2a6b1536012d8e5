#include "sluice/connector/http_client.h"

#include <curl/curl.h>

#include <mutex>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "sdk/cpp/src/http_body.h"
#include "sdk/cpp/src/http_loop.h"
#include "sdk/cpp/src/no_writing.h"
#include "sdk/wire/limits.h"

namespace sluice::connector {

HttpOptions HttpOptions::For(const System& system) {
  HttpOptions options;
  options.pace = system.pace;
  options.ca_bundle = system.ca_bundle;
  options.read_only = system.read_only;
  if (!system.egress_proxy.empty()) options.proxy = absl::StrCat("socks5h://localhost", system.egress_proxy);
  return options;
}

std::string HttpResponse::Header(AnyText name) const {
  for (const auto& [key, value] : headers) {
    if (absl::EqualsIgnoreCase(key, name.str())) return value;
  }
  return "";
}

HttpClient::HttpClient(HttpOptions options) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  loop_ = std::make_unique<Loop>(std::move(options));
  read_only_ = loop_->is_read_only();
}

HttpClient::~HttpClient() = default;

HttpRequest& HttpRequest::For(const Operation& operation) {
  timeout = std::min(timeout, operation.timeout);
  deadline = std::min(deadline, operation.deadline);
  cancellation = operation.cancellation;
  return *this;
}

absl::Status HttpClient::Refusal(const HttpRequest& request) const {
  const bool may_write =
      !request.only_reads && request.method != "GET" && request.method != "HEAD" && request.method != "OPTIONS";
  const bool is_preview = NoWriting::IsOn();
  if (!may_write || (!read_only_ && !is_preview)) return absl::OkStatus();
  return MarkSent(
      Error(Reason::kInvalid, "SDK-0511",
            absl::StrCat("a ", request.method, " was refused: ",
                         is_preview ? "Preview and Verify only read" : "the system is open for reading only",
                         "; say only_reads if this one does not write")),
      false);
}

void HttpClient::SendAsync(HttpRequest request, std::function<void(absl::StatusOr<HttpResponse>)> done) {
  if (absl::Status refusal = Refusal(request); !refusal.ok()) {
    done(refusal);
    return;
  }
  loop_->Start(std::move(request), std::move(done));
}

absl::StatusOr<HttpResponse> HttpClient::Send(HttpRequest request) {
  absl::StatusOr<HttpResponse> outcome = HttpResponse();
  absl::Notification done;
  SendAsync(std::move(request), [&](absl::StatusOr<HttpResponse> result) {
    outcome = std::move(result);
    done.Notify();
  });
  done.WaitForNotification();
  return outcome;
}

namespace {

// The reader's end of a body; gives the transfer up when it goes.
class BodySource final : public ByteSource {
 public:
  explicit BodySource(std::shared_ptr<HttpBody> body) : body_(std::move(body)) {}
  ~BodySource() override { body_->Abandon(); }
  absl::StatusOr<size_t> Read(char* buffer, size_t size) override { return body_->Read(buffer, size); }

 private:
  const std::shared_ptr<HttpBody> body_;
};

HttpStream StreamOf(HttpResponse response) {
  HttpStream stream;
  if (response.ok()) stream.body = std::make_unique<TextSource>(std::exchange(response.body, ""));
  stream.response = std::move(response);
  return stream;
}

}  // namespace

absl::StatusOr<HttpStream> HttpClient::OpenStream(HttpRequest request) {
  if (absl::Status refusal = Refusal(request); !refusal.ok()) return refusal;
  if (loop_->has_tape()) {
    absl::StatusOr<HttpResponse> whole = Send(std::move(request));
    if (!whole.ok()) return whole.status();
    return StreamOf(*std::move(whole));
  }
  auto body = std::make_shared<HttpBody>([loop = loop_.get()] { loop->Wake(); });
  loop_->Start(
      std::move(request), [body](absl::StatusOr<HttpResponse> outcome) { body->End(std::move(outcome)); }, body);
  absl::StatusOr<HttpResponse> response = body->AwaitBegin();
  if (!response.ok()) return response.status();
  if (!body->has_begun()) return StreamOf(*std::move(response));
  HttpStream stream;
  stream.response = *std::move(response);
  stream.body = std::make_unique<BodySource>(std::move(body));
  return stream;
}

std::optional<absl::Time> HttpClient::limited_until() const { return loop_->limited_until(); }

Error ErrorOf(const HttpResponse& response, AnyText code, AnyText what) {
  Reason reason = Reason::kTransient;
  switch (response.status) {
    case 400:
    case 405:
    case 413:
    case 415:
    case 422:
      reason = Reason::kInvalid;
      break;
    case 401:
      reason = Reason::kAuth;
      break;
    case 403:
      reason = Reason::kForbidden;
      break;
    case 404:
    case 410:
      reason = Reason::kNotFound;
      break;
    case 409:
    case 412:
      reason = Reason::kConflict;
      break;
    case 429:
      reason = Reason::kThrottled;
      break;
    case 501:
      reason = Reason::kUnsupported;
      break;
    case 502:
    case 503:
    case 504:
      reason = Reason::kUnavailable;
      break;
    default:
      if (response.status < 500) reason = Reason::kBug;  // An answer that nobody expects here.
  }
  Error error(reason, code, what);
  error.TargetStatus(absl::StrCat("HTTP ", response.status));
  if (auto after = ParseRetryAfter(response.Header("Retry-After"), absl::Now())) error.RetryAfter(*after);
  for (const char* name : {"x-request-id", "request-id", "x-correlation-id"}) {
    if (std::string id = response.Header(name); !id.empty()) {
      error.TargetRequestId(id.substr(0, 128));
      break;
    }
  }
  return error;
}

std::optional<absl::Duration> ParseRetryAfter(AnyText header, absl::Time now) {
  const std::string text = header.str();
  int64_t seconds = 0;
  absl::Duration wait;
  if (absl::SimpleAtoi(text, &seconds)) {
    if (seconds < 0) return std::nullopt;
    wait = absl::Seconds(seconds);
  } else {
    const time_t date = text.empty() ? -1 : curl_getdate(text.c_str(), nullptr);
    if (date < 0) return std::nullopt;
    wait = std::max(absl::ZeroDuration(), absl::FromTimeT(date) - now);
  }
  return std::min(wait, wire::kMaxRetryAfter);
}

std::string UrlEncode(AnyText text) {
  std::string out;
  for (const char c : text.view()) {
    const auto byte = static_cast<unsigned char>(c);
    if (absl::ascii_isalnum(byte) || c == '-' || c == '.' || c == '_' || c == '~') {
      out.push_back(c);
    } else {
      absl::StrAppend(&out, "%", absl::Hex(byte, absl::kZeroPad2));
    }
  }
  for (size_t i = 0; i + 2 < out.size(); ++i) {
    if (out[i] == '%') {
      out[i + 1] = absl::ascii_toupper(static_cast<unsigned char>(out[i + 1]));
      out[i + 2] = absl::ascii_toupper(static_cast<unsigned char>(out[i + 2]));
    }
  }
  return out;
}

}  // namespace sluice::connector
