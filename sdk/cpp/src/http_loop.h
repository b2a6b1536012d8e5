// HttpClient::Loop: the thread that drives all transfers of one client through one curl multi handle: pace, retries,
// tokens, cancellation. Everything but `incoming_` and what is guarded belongs to that thread.
#ifndef SLUICE_SDK_CPP_SRC_HTTP_LOOP_H_
#define SLUICE_SDK_CPP_SRC_HTTP_LOOP_H_

#include <curl/curl.h>

#include <atomic>
#include <list>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "sdk/cpp/src/http_transfer.h"
#include "sluice/connector/http_client.h"

namespace sluice::connector {

class HttpClient::Loop {
 public:
  explicit Loop(HttpOptions options);
  ~Loop();
  // With a body, a 2xx answer goes there as it comes, and `done` says how it ended.
  void Start(HttpRequest request, HttpTransfer::Done done, std::shared_ptr<HttpBody> body = nullptr);
  void Wake();
  std::optional<absl::Time> limited_until();
  bool is_read_only() const { return options_.read_only; }
  bool has_tape() const { return options_.tape != nullptr; }

 private:
  using Transfers = std::list<std::unique_ptr<HttpTransfer>>;
  struct Token {
    std::string value;
    absl::Time expires = absl::InfinitePast();
    absl::Time fetched = absl::InfinitePast();
    absl::Time not_before = absl::InfinitePast();  // Of the next attempt to fetch it.
    bool is_coming = false;
    bool has_worked = false;  // It was good for something.
    int broken = 0;           // Answers that held no token.
  };

  void Run();
  bool TakeIncoming();  // False when the client goes.
  // Gives up what is cancelled or has no time left.
  void DropHopeless();
  void ResumePaused();
  bool replays() const;
  void StartWaiting();
  // Whether it can leave now; it may begin to fetch a token.
  bool HasToken(HttpTransfer& transfer);
  void FetchToken(const std::shared_ptr<const OAuth2Client>& credentials, const std::string& key);
  void OnToken(const std::shared_ptr<const OAuth2Client>& credentials, const std::string& key,
               const absl::StatusOr<HttpResponse>& response);
  void FailToken(const std::string& key, const absl::Status& why);
  // After a 401: whether the request shall go again with another token.
  bool ShallRenew(const HttpTransfer& transfer, absl::Time now);
  void Launch(Transfers::iterator it);
  void Collect();
  void OnFinished(HttpTransfer* transfer, CURLcode code);
  // When to try again, or nothing.
  std::optional<absl::Time> RetryAt(const HttpTransfer& transfer, const absl::StatusOr<HttpResponse>& outcome,
                                    absl::Time now);
  absl::Duration WaitTime() const;
  void FailAll();

  const HttpOptions options_;
  const size_t max_parallel_;
  CURLM* const multi_;
  mutable absl::Mutex mutex_;
  std::vector<std::unique_ptr<HttpTransfer>> incoming_ ABSL_GUARDED_BY(mutex_);
  bool is_over_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time limited_until_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();

  Transfers waiting_;
  Transfers active_;
  std::map<std::string, Token> tokens_;
  absl::Time next_start_ = absl::InfinitePast();  // By requests_per_minute.
  std::mt19937_64 random_{std::random_device{}()};
  std::thread thread_;
};

}  // namespace sluice::connector

#endif  // SLUICE_SDK_CPP_SRC_HTTP_LOOP_H_
