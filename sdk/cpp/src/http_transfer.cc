#include "sdk/cpp/src/http_transfer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace sluice::connector {
namespace {

constexpr char kSentUrl[] = "sluice.connector/was_sent";

bool NeverLeft(CURLcode code) {
  switch (code) {
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_PROXY:
      return true;
    default:
      return false;
  }
}

// The address without path, query and user: what may stand in a message.
std::string Site(const std::string& url) {
  std::string site = "the system";
  CURLU* parsed = curl_url();
  char* host = nullptr;
  if (curl_url_set(parsed, CURLUPART_URL, url.c_str(), 0) == CURLUE_OK &&
      curl_url_get(parsed, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
    site = host;
    curl_free(host);
  }
  curl_url_cleanup(parsed);
  return site;
}

Error ErrorOfCode(CURLcode code, const std::string& site) {
  const std::string why = curl_easy_strerror(code);
  switch (code) {
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
      return Error(Reason::kInvalid, "SDK-0501", absl::StrCat("the address of ", site, " is not a valid one: ", why));
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PROXY:
      return Error(Reason::kUnavailable, "SDK-0502", absl::StrCat(site, " cannot be reached: ", why));
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      return Error(Reason::kUnavailable, "SDK-0503",
                   absl::StrCat("no safe connection to ", site, ": ", why,
                                "; check its certificate and the authorities that are trusted"));
    case CURLE_OPERATION_TIMEDOUT:
      return Error(Reason::kTransient, "SDK-0504", absl::StrCat(site, " did not answer in time"));
    default:
      return Error(Reason::kTransient, "SDK-0505", absl::StrCat("the answer of ", site, " broke off: ", why));
  }
}

}  // namespace

absl::Status MarkSent(absl::Status status, bool was_sent) {
  if (!status.ok()) status.SetPayload(kSentUrl, absl::Cord(was_sent ? "1" : "0"));
  return status;
}

bool WasSent(const absl::Status& status) {
  const auto payload = status.GetPayload(kSentUrl);
  return !payload.has_value() || *payload != "0";
}

HttpTransfer::HttpTransfer(HttpRequest request_in, Done done)
    : request(std::move(request_in)), done_(std::move(done)) {}

HttpTransfer::~HttpTransfer() { Release(); }

void HttpTransfer::Release() {
  if (easy_ != nullptr) curl_easy_cleanup(std::exchange(easy_, nullptr));
  curl_slist_free_all(std::exchange(headers_, nullptr));
}

bool HttpTransfer::is_idempotent() const {
  if (request.only_reads) return true;
  if (request.method == "GET" || request.method == "HEAD" || request.method == "OPTIONS") return true;
  return request.may_repeat_write && (request.method == "PUT" || request.method == "DELETE");
}

void HttpTransfer::Finish(absl::StatusOr<HttpResponse> outcome) {
  on_cancel = nullptr;
  if (Done done = std::exchange(done_, nullptr)) done(std::move(outcome));
}

absl::StatusOr<CURL*> HttpTransfer::Prepare(const HttpOptions& options, absl::Time now) {
  Release();
  easy_ = curl_easy_init();
  if (easy_ == nullptr) return Error(Reason::kBug, "SDK-0506", "no HTTP request could be made").AsStatus();
  if (!deadline.has_value()) deadline = std::min(now + request.timeout, request.deadline);
  ++attempts;
  response_ = HttpResponse();
  is_too_long_ = false;
  started_ = now;
  max_body_bytes_ = options.max_body_bytes;
  const absl::Duration left = std::min(*deadline - now, options.attempt_timeout);
  const auto milliseconds = [](absl::Duration d) {
    return static_cast<long>(std::max<int64_t>(1, absl::ToInt64Milliseconds(d)));
  };
  curl_easy_setopt(easy_, CURLOPT_PRIVATE, this);
  curl_easy_setopt(easy_, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy_, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy_, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  curl_easy_setopt(easy_, CURLOPT_PIPEWAIT, 1L);
  curl_easy_setopt(easy_, CURLOPT_ACCEPT_ENCODING, "");
  if (body == nullptr) {
    curl_easy_setopt(easy_, CURLOPT_TIMEOUT_MS, milliseconds(left));
  } else {
    curl_easy_setopt(easy_, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(easy_, CURLOPT_LOW_SPEED_TIME,
                     static_cast<long>(std::max<int64_t>(1, absl::ToInt64Seconds(options.attempt_timeout))));
  }
  curl_easy_setopt(easy_, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(std::min(left, options.connect_timeout)));
  curl_easy_setopt(easy_, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy_, CURLOPT_PROXY, options.proxy.c_str());  // An empty one switches the environment's off.
  curl_easy_setopt(easy_, CURLOPT_NOPROXY, "");
  if (!options.user_agent.empty()) curl_easy_setopt(easy_, CURLOPT_USERAGENT, options.user_agent.c_str());
  if (!options.ca_bundle.empty()) {
    curl_blob blob{const_cast<char*>(options.ca_bundle.data()), options.ca_bundle.size(), CURL_BLOB_COPY};
    curl_easy_setopt(easy_, CURLOPT_CAINFO_BLOB, &blob);
  }
  curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &HttpTransfer::OnBody);
  curl_easy_setopt(easy_, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(easy_, CURLOPT_HEADERFUNCTION, &HttpTransfer::OnHeader);
  curl_easy_setopt(easy_, CURLOPT_HEADERDATA, this);
  SetMethod();
  SetHeaders();
  return easy_;
}

void HttpTransfer::SetMethod() {
  if (request.method == "HEAD") {
    curl_easy_setopt(easy_, CURLOPT_NOBODY, 1L);
    return;
  }
  const bool has_body =
      !request.body.empty() || request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
  if (has_body) {
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDS, request.body.data());
  }
  if (request.method != "GET" || has_body) curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

void HttpTransfer::SetHeaders() {
  const auto add = [&](const std::string& line) { headers_ = curl_slist_append(headers_, line.c_str()); };
  for (const auto& [name, value] : request.headers)
    add(value.empty() ? absl::StrCat(name, ";") : absl::StrCat(name, ": ", value));
  if (!request.content_type.empty()) {
    add(absl::StrCat("Content-Type: ", request.content_type));
  } else {
    add("Content-Type:");  // None: libcurl would say that it is a form.
  }
  add("Expect:");
  if (!token.empty()) add(absl::StrCat("Authorization: Bearer ", token));
  curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, headers_);
}

size_t HttpTransfer::OnBody(char* data, size_t size, size_t count, void* self) {
  auto* transfer = static_cast<HttpTransfer*>(self);
  if (transfer->body != nullptr) {
    long status = 0;
    curl_easy_getinfo(transfer->easy_, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 200 && status < 300) {
      transfer->response_.status = static_cast<int>(status);
      transfer->response_.attempts = transfer->attempts;
      transfer->body->Begin(transfer->response_);
      return transfer->body->Add(data, size * count) ? size * count : CURL_WRITEFUNC_PAUSE;
    }
  }
  if (transfer->response_.body.size() + size * count > transfer->max_body_bytes_) {
    transfer->is_too_long_ = true;
    return 0;
  }
  transfer->response_.body.append(data, size * count);
  return size * count;
}

size_t HttpTransfer::OnHeader(char* data, size_t size, size_t count, void* self) {
  auto* transfer = static_cast<HttpTransfer*>(self);
  const absl::string_view line(data, size * count);
  if (absl::StartsWith(line, "HTTP/")) transfer->response_.headers.clear();  // After a proxy's answer or a 100.
  const size_t colon = line.find(':');
  if (colon != absl::string_view::npos) {
    transfer->response_.headers.emplace_back(std::string(absl::StripAsciiWhitespace(line.substr(0, colon))),
                                             std::string(absl::StripAsciiWhitespace(line.substr(colon + 1))));
  }
  return size * count;
}

absl::StatusOr<HttpResponse> HttpTransfer::Outcome(CURLcode code, absl::Time now) {
  if (is_too_long_) {
    return MarkSent(
        Error(Reason::kInvalid, "SDK-0507",
              absl::StrCat("an answer of ", Site(request.url), " is longer than ", max_body_bytes_, " bytes")),
        true);
  }
  if (code != CURLE_OK) {
    long sent_bytes = 0;
    curl_easy_getinfo(easy_, CURLINFO_REQUEST_SIZE, &sent_bytes);
    return MarkSent(ErrorOfCode(code, Site(request.url)), !NeverLeft(code) && sent_bytes > 0);
  }
  long status = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  response_.status = static_cast<int>(status);
  response_.took = now - started_;
  response_.attempts = attempts;
  return std::move(response_);
}

}  // namespace sluice::connector
