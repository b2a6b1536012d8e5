#include "sdk/cpp/src/http_loop.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "nlohmann/json.hpp"
#include "sluice/connector/log.h"

namespace sluice::connector {
namespace {

constexpr absl::Duration kTokenMargin = absl::Minutes(1);
constexpr absl::Duration kLongestBackoff = absl::Seconds(30);

absl::Status CancelledStatus(bool was_sent) {
  return MarkSent(Error(Reason::kCancelled, "SDK-0508", "the request was given up"), was_sent);
}

std::string TokenKey(const OAuth2Client& credentials) {
  std::string key = absl::StrCat(credentials.token_url, "\n", credentials.client_id, "\n", credentials.scope);
  for (const auto& [name, value] : credentials.parameters) absl::StrAppend(&key, "\n", name, "=", value);
  return absl::StrCat(key, "\n", std::hash<std::string>()(credentials.client_secret.Reveal()));
}

HttpRequest TokenRequest(const OAuth2Client& credentials) {
  HttpRequest request;
  request.method = "POST";
  request.url = credentials.token_url;
  request.only_reads = true;
  request.content_type = "application/x-www-form-urlencoded";
  request.headers = {{"Accept", "application/json"}};
  request.body = "grant_type=client_credentials";
  const auto add = [&](const std::string& name, const std::string& value) {
    absl::StrAppend(&request.body, "&", UrlEncode(name), "=", UrlEncode(value));
  };
  if (credentials.in_header) {
    const std::string pair =
        absl::StrCat(UrlEncode(credentials.client_id), ":", UrlEncode(credentials.client_secret.Reveal()));
    request.headers.emplace_back("Authorization", absl::StrCat("Basic ", absl::Base64Escape(pair)));
  } else {
    add("client_id", credentials.client_id);
    add("client_secret", credentials.client_secret.Reveal());
  }
  if (!credentials.scope.empty()) add("scope", credentials.scope);
  for (const auto& [name, value] : credentials.parameters) add(name, value);
  return request;
}

}  // namespace

HttpClient::Loop::Loop(HttpOptions options)
    : options_(std::move(options)),
      max_parallel_(options_.pace.requests_in_parallel > 0 ? options_.pace.requests_in_parallel : 8),
      multi_(curl_multi_init()) {
  curl_multi_setopt(multi_, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_MULTIPLEX));
  curl_multi_setopt(multi_, CURLMOPT_MAX_HOST_CONNECTIONS, static_cast<long>(max_parallel_));
  thread_ = std::thread([this] { Run(); });
}

HttpClient::Loop::~Loop() {
  {
    absl::MutexLock lock(&mutex_);
    is_over_ = true;
  }
  curl_multi_wakeup(multi_);
  thread_.join();
  curl_multi_cleanup(multi_);
}

void HttpClient::Loop::Start(HttpRequest request, HttpTransfer::Done done) {
  auto transfer = std::make_unique<HttpTransfer>(std::move(request), std::move(done));
  CURLM* multi = multi_;
  transfer->on_cancel = transfer->request.cancellation.OnCancel([multi] { curl_multi_wakeup(multi); });
  absl::MutexLock lock(&mutex_);
  incoming_.push_back(std::move(transfer));
  curl_multi_wakeup(multi_);
}

std::optional<absl::Time> HttpClient::Loop::limited_until() {
  absl::MutexLock lock(&mutex_);
  return limited_until_ > absl::Now() ? std::optional<absl::Time>(limited_until_) : std::nullopt;
}

void HttpClient::Loop::Run() {
  while (TakeIncoming()) {
    DropCancelled();
    StartWaiting();
    int running = 0;
    curl_multi_perform(multi_, &running);
    Collect();
    const auto wait_ms = static_cast<int>(absl::ToInt64Milliseconds(absl::Ceil(WaitTime(), absl::Milliseconds(1))));
    if (wait_ms > 0) curl_multi_poll(multi_, nullptr, 0, wait_ms, nullptr);
  }
  FailAll();
}

bool HttpClient::Loop::TakeIncoming() {
  absl::MutexLock lock(&mutex_);
  for (auto& transfer : incoming_) waiting_.push_back(std::move(transfer));
  incoming_.clear();
  return !is_over_;
}

void HttpClient::Loop::DropCancelled() {
  for (Transfers* list : {&waiting_, &active_}) {
    for (auto it = list->begin(); it != list->end();) {
      if (!(*it)->request.cancellation.IsCancelled()) {
        ++it;
        continue;
      }
      std::unique_ptr<HttpTransfer> transfer = std::move(*it);
      it = list->erase(it);
      if (list == &active_) curl_multi_remove_handle(multi_, transfer->handle());
      transfer->Finish(CancelledStatus(transfer->attempts > 0));
    }
  }
}

void HttpClient::Loop::StartWaiting() {
  absl::Time limited;
  {
    absl::MutexLock lock(&mutex_);
    limited = limited_until_;
  }
  const absl::Time now = absl::Now();
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    auto current = it++;
    if (active_.size() >= max_parallel_ || limited > now || next_start_ > now) return;
    if ((*current)->not_before > now || !HasToken(**current)) continue;
    Launch(current);
    if (options_.pace.requests_per_minute > 0) next_start_ = now + absl::Minutes(1) / options_.pace.requests_per_minute;
  }
}

bool HttpClient::Loop::HasToken(HttpTransfer& transfer) {
  if (transfer.request.bearer.has_value()) {
    transfer.token = transfer.request.bearer->Reveal();
    return true;
  }
  if (transfer.request.credentials == nullptr) return true;
  const std::string key = TokenKey(*transfer.request.credentials);
  Token& token = tokens_[key];
  if (!token.value.empty() && token.expires > absl::Now()) {
    transfer.token = token.value;
    transfer.waits_for_token = false;
    return true;
  }
  transfer.waits_for_token = true;
  if (!std::exchange(token.is_coming, true)) FetchToken(transfer.request.credentials, key);
  return false;
}

void HttpClient::Loop::FetchToken(const std::shared_ptr<const OAuth2Client>& credentials, const std::string& key) {
  // At the end of the list: it is found by this very pass, or the next.
  waiting_.push_back(std::make_unique<HttpTransfer>(
      TokenRequest(*credentials),
      [this, key](absl::StatusOr<HttpResponse> response) { OnToken(key, std::move(response)); }));
}

void HttpClient::Loop::OnToken(const std::string& key, absl::StatusOr<HttpResponse> response) {
  Token& token = tokens_[key];
  token.is_coming = false;
  absl::Status failure = response.status();
  if (response.ok() && !response->ok()) {
    Error error = ErrorOf(*response, "SDK-0509", "no token was given for the client id and its secret");
    if (response->status >= 400 && response->status < 500 && response->status != 429) error.reason = Reason::kAuth;
    failure = error.AsStatus();
  }
  if (failure.ok()) {
    const auto json = nlohmann::json::parse(response->body, nullptr, false);
    const auto value = json.is_object() ? json.find("access_token") : json.end();
    if (json.is_object() && value != json.end() && value->is_string()) {
      const auto expires_in = json.find("expires_in");
      const int64_t seconds = expires_in != json.end() && expires_in->is_number() ? expires_in->get<int64_t>() : 3600;
      token.value = value->get<std::string>();
      token.expires = absl::Now() + std::max(absl::Seconds(seconds) - kTokenMargin, absl::Seconds(seconds) / 2);
      return;
    }
    failure = Error(Reason::kAuth, "SDK-0510", "the answer of the token address holds no token").AsStatus();
  }
  Transfers failed;
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    auto current = it++;
    if ((*current)->waits_for_token && TokenKey(*(*current)->request.credentials) == key) {
      failed.splice(failed.end(), waiting_, current);
    }
  }
  for (auto& transfer : failed) transfer->Finish(MarkSent(failure, transfer->attempts > 0));
}

void HttpClient::Loop::Launch(Transfers::iterator it) {
  HttpTransfer& transfer = **it;
  absl::StatusOr<CURL*> handle = transfer.Prepare(options_, absl::Now());
  if (!handle.ok()) {
    std::unique_ptr<HttpTransfer> failed = std::move(*it);
    waiting_.erase(it);
    failed->Finish(handle.status());
    return;
  }
  active_.splice(active_.end(), waiting_, it);
  curl_multi_add_handle(multi_, *handle);
}

void HttpClient::Loop::Collect() {
  int left = 0;
  while (CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    char* owner = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &owner);
    const CURLcode code = message->data.result;
    curl_multi_remove_handle(multi_, message->easy_handle);
    OnFinished(reinterpret_cast<HttpTransfer*>(owner), code);
  }
}

void HttpClient::Loop::OnFinished(HttpTransfer* transfer, CURLcode code) {
  const absl::Time now = absl::Now();
  absl::StatusOr<HttpResponse> outcome = transfer->Outcome(code, now);
  auto it = std::find_if(active_.begin(), active_.end(), [&](const auto& owned) { return owned.get() == transfer; });
  if (it == active_.end()) return;
  if (outcome.ok() && outcome->status == 401 && transfer->request.credentials != nullptr &&
      !transfer->has_renewed_token) {
    Token& token = tokens_[TokenKey(*transfer->request.credentials)];
    if (token.value == transfer->token) token.value.clear();
    transfer->has_renewed_token = true;  // A refused token means that nothing was done: even a write may go again.
    transfer->Release();
    waiting_.splice(waiting_.begin(), active_, it);
    return;
  }
  if (auto retry_at = RetryAt(*transfer, outcome, now); retry_at.has_value()) {
    LogDebug("a request is repeated")
        .With("attempt", transfer->attempts)
        .With("status", outcome.ok() ? outcome->status : 0)
        .With("wait_ms", absl::ToInt64Milliseconds(*retry_at - now));
    transfer->not_before = *retry_at;
    transfer->Release();
    waiting_.splice(waiting_.end(), active_, it);
    return;
  }
  std::unique_ptr<HttpTransfer> owned = std::move(*it);
  active_.erase(it);
  owned->Release();
  owned->Finish(std::move(outcome));
}

std::optional<absl::Time> HttpClient::Loop::RetryAt(const HttpTransfer& transfer,
                                                    const absl::StatusOr<HttpResponse>& outcome, absl::Time now) {
  std::optional<absl::Duration> asked;
  if (outcome.ok()) {
    if (outcome->status != 429 && outcome->status < 500) return std::nullopt;
    if (outcome->status == 501 || outcome->status == 505) return std::nullopt;
    asked = ParseRetryAfter(outcome->Header("Retry-After"), now);
    if (outcome->status == 429 && asked.has_value()) {
      absl::MutexLock lock(&mutex_);
      limited_until_ = std::max(limited_until_, now + std::min(*asked, options_.longest_wait));
    }
  } else {
    const Reason reason = Error::From(outcome.status()).reason;
    if (reason != Reason::kTransient && reason != Reason::kUnavailable) return std::nullopt;
  }
  if (!transfer.is_idempotent() || transfer.attempts >= options_.max_attempts) return std::nullopt;
  absl::Duration wait = std::min(options_.first_backoff * (1 << std::min(transfer.attempts - 1, 10)), kLongestBackoff);
  wait *= std::uniform_real_distribution<double>(0.5, 1.0)(random_);
  if (asked.has_value()) wait = std::max(wait, *asked);
  if (wait > options_.longest_wait || now + wait >= *transfer.deadline) return std::nullopt;
  return now + wait;
}

absl::Duration HttpClient::Loop::WaitTime() const {
  absl::Time earliest = absl::Now() + absl::Seconds(1);
  if (active_.size() < max_parallel_) {
    absl::Time limited;
    {
      absl::MutexLock lock(&mutex_);
      limited = limited_until_;
    }
    for (const auto& transfer : waiting_) {
      if (transfer->waits_for_token && transfer->request.credentials != nullptr) {
        auto token = tokens_.find(TokenKey(*transfer->request.credentials));
        if (token != tokens_.end() && token->second.is_coming) continue;
      }
      earliest = std::min(earliest, std::max({transfer->not_before, limited, next_start_}));
    }
  }
  return std::max(absl::ZeroDuration(), earliest - absl::Now());
}

void HttpClient::Loop::FailAll() {
  for (auto& transfer : active_) curl_multi_remove_handle(multi_, transfer->handle());
  for (Transfers* list : {&active_, &waiting_}) {
    Transfers mine;
    mine.swap(*list);
    for (auto& transfer : mine) transfer->Finish(CancelledStatus(transfer->attempts > 0));
  }
}

}  // namespace sluice::connector
