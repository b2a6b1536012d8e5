#include "sdk/cpp/src/http_loop.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "nlohmann/json.hpp"
#include "sdk/cpp/src/http_body.h"
#include "sdk/cpp/src/jwt.h"
#include "sluice/connector/http_tape.h"
#include "sluice/connector/log.h"

namespace sluice::connector {
namespace {

constexpr absl::Duration kTokenMargin = absl::Minutes(1);
constexpr absl::Duration kOldToken = absl::Minutes(1);  // It may have been good for something that we did not see.
constexpr absl::Duration kLongestBackoff = absl::Seconds(30);

absl::Status CancelledStatus(bool was_sent) {
  return MarkSent(Error(Reason::kCancelled, "SDK-0508", "the request was given up"), was_sent);
}

absl::Status LateStatus(bool was_sent) {
  return MarkSent(Error(Reason::kTransient, "SDK-0504", "there was no time left for the request"), was_sent);
}

std::string TokenKey(const OAuth2Client& credentials) {
  std::string key = absl::StrCat(credentials.token_url, "\n", credentials.client_id, "\n", credentials.scope);
  for (const auto& [name, value] : credentials.parameters) absl::StrAppend(&key, "\n", name, "=", value);
  size_t secrets = std::hash<std::string>()(credentials.client_secret.Reveal());
  if (credentials.assertion.has_value()) {
    const JwtAssertion& assertion = *credentials.assertion;
    absl::StrAppend(&key, "\n", assertion.issuer, "\n", assertion.subject);
    for (const auto& [name, value] : assertion.claims) absl::StrAppend(&key, "\n", name, "=", value);
    secrets ^= std::hash<std::string>()(assertion.private_key.Reveal());
  }
  return absl::StrCat(key, "\n", secrets);
}

absl::StatusOr<HttpRequest> TokenRequest(const OAuth2Client& credentials) {
  const bool is_grant = credentials.assertion.has_value() && credentials.assertion->use == JwtAssertion::Use::kGrant;
  HttpRequest request;
  request.method = "POST";
  request.url = credentials.token_url;
  request.only_reads = true;
  request.content_type = "application/x-www-form-urlencoded";
  request.headers = {{"Accept", "application/json"}};
  request.body = "grant_type=client_credentials";
  if (is_grant) request.body = absl::StrCat("grant_type=", UrlEncode("urn:ietf:params:oauth:grant-type:jwt-bearer"));
  const auto add = [&](const std::string& name, const std::string& value) {
    absl::StrAppend(&request.body, "&", UrlEncode(name), "=", UrlEncode(value));
  };
  if (credentials.assertion.has_value()) {
    absl::StatusOr<std::string> assertion = SignAssertion(credentials, absl::Now());
    if (!assertion.ok()) return assertion.status();
    if (is_grant) {
      add("assertion", *assertion);
    } else {
      add("client_id", credentials.client_id);
      add("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
      add("client_assertion", *assertion);
    }
  } else if (credentials.in_header) {
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
  // Not a limit for each host: curl 7.88 can forget a transfer that waits for one. No more than max_parallel_ run
  // anyway.
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(max_parallel_));
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

void HttpClient::Loop::Wake() { curl_multi_wakeup(multi_); }

void HttpClient::Loop::Start(HttpRequest request, HttpTransfer::Done done, std::shared_ptr<HttpBody> body) {
  auto transfer = std::make_unique<HttpTransfer>(std::move(request), std::move(done));
  transfer->body = std::move(body);
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
    DropHopeless();
    ResumePaused();
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

void HttpClient::Loop::DropHopeless() {
  const absl::Time now = absl::Now();
  for (Transfers* list : {&waiting_, &active_}) {
    for (auto it = list->begin(); it != list->end();) {
      auto current = it++;
      const HttpTransfer& transfer = **current;
      const bool is_given_up =
          transfer.request.cancellation.IsCancelled() || (transfer.body != nullptr && transfer.body->is_abandoned());
      // Curl ends what it has under way by itself, unless it forgot it.
      const bool is_late = list == &waiting_
                               ? transfer.request.deadline <= now
                               : transfer.deadline.has_value() && *transfer.deadline + absl::Seconds(1) <= now;
      if (!is_given_up && !is_late) continue;
      std::unique_ptr<HttpTransfer> owned = std::move(*current);
      list->erase(current);
      if (list == &active_) curl_multi_remove_handle(multi_, owned->handle());
      owned->Finish(is_given_up ? CancelledStatus(owned->attempts > 0) : LateStatus(owned->attempts > 0));
    }
  }
}

void HttpClient::Loop::ResumePaused() {
  for (const auto& transfer : active_) {
    if (transfer->body != nullptr && transfer->body->TakeResume()) curl_easy_pause(transfer->handle(), CURLPAUSE_CONT);
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
  if (transfer.request.credentials == nullptr || replays()) return true;
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
  absl::StatusOr<HttpRequest> request = TokenRequest(*credentials);
  if (!request.ok()) {
    FailToken(key, request.status());
    return;
  }
  auto transfer = std::make_unique<HttpTransfer>(*std::move(request),
                                                 [this, credentials, key](absl::StatusOr<HttpResponse> response) {
                                                   OnToken(credentials, key, std::move(response));
                                                 });
  transfer->not_before = tokens_[key].not_before;
  transfer->is_for_token = true;
  // At the end of the list: it is found by this very pass, or the next.
  waiting_.push_back(std::move(transfer));
}

void HttpClient::Loop::OnToken(const std::shared_ptr<const OAuth2Client>& credentials, const std::string& key,
                               const absl::StatusOr<HttpResponse>& response) {
  Token& token = tokens_[key];
  if (!response.ok()) {
    FailToken(key, response.status());
    return;
  }
  if (!response->ok()) {
    Error error = ErrorOf(*response, "SDK-0509", "no token was given for the client id and its secret or key");
    if (response->status == 400 || response->status == 401 || response->status == 403) error.reason = Reason::kAuth;
    FailToken(key, error);
    return;
  }
  const absl::Time now = absl::Now();
  const auto json = nlohmann::json::parse(response->body, nullptr, false);
  const auto value = json.is_object() ? json.find("access_token") : json.end();
  if (json.is_object() && value != json.end() && value->is_string()) {
    const auto expires_in = json.find("expires_in");
    const int64_t seconds = expires_in != json.end() && expires_in->is_number() ? expires_in->get<int64_t>() : 3600;
    token = Token{value->get<std::string>(),
                  now + std::max(absl::Seconds(seconds) - kTokenMargin, absl::Seconds(seconds) / 2), now};
    return;
  }
  // A page about maintenance, say: once more, a bounded number of times.
  if (++token.broken < options_.max_attempts) {
    token.not_before = now + std::min(options_.first_backoff * (1 << std::min(token.broken - 1, 10)), kLongestBackoff);
    FetchToken(credentials, key);
    return;
  }
  FailToken(key, Error(Reason::kUnavailable, "SDK-0510",
                       "the token address answers without a token; the system may be under maintenance"));
}

void HttpClient::Loop::FailToken(const std::string& key, const absl::Status& why) {
  tokens_[key] = Token();
  Transfers failed;
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    auto current = it++;
    if ((*current)->waits_for_token && TokenKey(*(*current)->request.credentials) == key) {
      failed.splice(failed.end(), waiting_, current);
    }
  }
  for (auto& transfer : failed) transfer->Finish(MarkSent(why, transfer->attempts > 0));
}

bool HttpClient::Loop::replays() const { return options_.tape != nullptr && options_.tape->replays(); }

void HttpClient::Loop::Launch(Transfers::iterator it) {
  HttpTransfer& transfer = **it;
  if (replays()) {
    std::unique_ptr<HttpTransfer> owned = std::move(*it);
    waiting_.erase(it);
    absl::StatusOr<HttpResponse> answer = options_.tape->Answer(owned->request);
    if (!answer.ok()) answer = MarkSent(answer.status(), false);
    owned->Finish(std::move(answer));
    return;
  }
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
  if (outcome.ok() && outcome->ok() && transfer->request.credentials != nullptr) {
    Token& token = tokens_[TokenKey(*transfer->request.credentials)];
    if (token.value == transfer->token) token.has_worked = true;
  }
  if (outcome.ok() && outcome->status == 401 && ShallRenew(*transfer, now)) {
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
  if (options_.tape != nullptr && outcome.ok() && !owned->is_for_token) options_.tape->Keep(owned->request, *outcome);
  owned->Finish(std::move(outcome));
}

bool HttpClient::Loop::ShallRenew(const HttpTransfer& transfer, absl::Time now) {
  if (transfer.request.credentials == nullptr || transfer.has_renewed_token) return false;
  Token& token = tokens_[TokenKey(*transfer.request.credentials)];
  if (token.value != transfer.token) return true;  // There is another one now.
  if (!token.has_worked && now - token.fetched < kOldToken) return false;
  token = Token();
  return true;
}

std::optional<absl::Time> HttpClient::Loop::RetryAt(const HttpTransfer& transfer,
                                                    const absl::StatusOr<HttpResponse>& outcome, absl::Time now) {
  if (transfer.body != nullptr && transfer.body->has_begun()) return std::nullopt;
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
