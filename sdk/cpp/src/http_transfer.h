// HttpTransfer: one request with all its attempts. Owned and driven by HttpLoop, on its thread only.
#ifndef SLUICE_SDK_CPP_SRC_HTTP_TRANSFER_H_
#define SLUICE_SDK_CPP_SRC_HTTP_TRANSFER_H_

#include <curl/curl.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "sdk/cpp/src/http_body.h"
#include "sluice/connector/http_client.h"

namespace sluice::connector {

class HttpTransfer {
 public:
  using Done = std::function<void(absl::StatusOr<HttpResponse>)>;
  HttpTransfer(HttpRequest request, Done done);
  HttpTransfer(const HttpTransfer&) = delete;
  HttpTransfer& operator=(const HttpTransfer&) = delete;
  ~HttpTransfer();

  // Makes the handle of the next attempt. The caller gives it to its multi handle, and takes it out again before
  // Release.
  absl::StatusOr<CURL*> Prepare(const HttpOptions& options, absl::Time now);
  void Release();

  // What the finished attempt came to; takes the response.
  absl::StatusOr<HttpResponse> Outcome(CURLcode code, absl::Time now);

  bool is_idempotent() const;
  void Finish(absl::StatusOr<HttpResponse> outcome);

  HttpRequest request;
  CURL* handle() const { return easy_; }
  int attempts = 0;
  std::optional<absl::Time> deadline;  // Set when the first attempt leaves.
  absl::Time not_before = absl::InfinitePast();
  std::string token;  // The bearer token of this attempt.
  bool has_renewed_token = false;
  bool waits_for_token = false;
  bool is_for_token = false;
  std::shared_ptr<HttpBody> body;  // Where a 2xx answer goes; null: into the response.
  std::shared_ptr<void> on_cancel;

 private:
  static size_t OnBody(char* data, size_t size, size_t count, void* self);
  static size_t OnHeader(char* data, size_t size, size_t count, void* self);
  void SetHeaders();
  void SetMethod();

  Done done_;
  CURL* easy_ = nullptr;
  curl_slist* headers_ = nullptr;
  HttpResponse response_;
  absl::Time started_;
  size_t max_body_bytes_ = 0;
  bool is_too_long_ = false;
};

// Marks a failed Send as (not) having reached the system; see WasSent.
absl::Status MarkSent(absl::Status status, bool was_sent);

}  // namespace sluice::connector

#endif  // SLUICE_SDK_CPP_SRC_HTTP_TRANSFER_H_
