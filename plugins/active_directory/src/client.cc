#include "plugins/active_directory/src/client.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "plugins/active_directory/src/encoding.h"
#include "plugins/active_directory/src/names.h"

namespace sluice::active_directory {
namespace {

constexpr int kReadAttempts = 4;
constexpr absl::Duration kTick = absl::Milliseconds(50);  // A half-written request is flushed by the next call only.
constexpr absl::Duration kSilence = absl::Seconds(10);
constexpr absl::Duration kShortestRest = absl::Milliseconds(100), kLongestRest = absl::Seconds(2);

}  // namespace

absl::Duration TimeUntil(absl::Time deadline, absl::Duration most) { return std::min(most, deadline - absl::Now()); }

Request Request::Search(std::string base, int scope, std::string filter, std::vector<std::string> attributes) {
  Request request;
  request.dn = std::move(base);
  request.scope = scope;
  request.filter = std::move(filter);
  request.attributes = std::move(attributes);
  return request;
}

Request Request::Add(std::string dn, std::vector<Modification> attributes) {
  Request request;
  request.kind = Kind::kAdd;
  request.dn = std::move(dn);
  request.modifications = std::move(attributes);
  return request;
}

Request Request::Modify(std::string dn, std::vector<Modification> modifications) {
  Request request;
  request.kind = Kind::kModify;
  request.dn = std::move(dn);
  request.modifications = std::move(modifications);
  return request;
}

Request Request::Rename(std::string dn, std::string new_rdn, std::string new_parent) {
  Request request;
  request.kind = Kind::kRename;
  request.dn = std::move(dn);
  request.new_rdn = std::move(new_rdn);
  request.new_parent = std::move(new_parent);
  return request;
}

Request Request::Delete(std::string dn) {
  Request request;
  request.kind = Kind::kDelete;
  request.dn = std::move(dn);
  return request;
}

const std::vector<std::string>& Entry::All(absl::string_view lower_name) const {
  static const auto* const kNone = new std::vector<std::string>;
  const auto found = attributes.find(std::string(lower_name));
  return found == attributes.end() ? *kNone : found->second;
}

std::string Entry::First(absl::string_view lower_name) const {
  const auto& all = All(lower_name);
  return all.empty() ? "" : all.front();
}

std::string Entry::Guid() const {
  auto text = GuidToText(First("objectguid"));
  return text.ok() ? *std::move(text) : "";
}

// Requests that one caller waits for together. The caller leaves by its deadline, also while the owner thread is busy
// with a connection that nobody answers: so what each request has come to is known here.
struct Client::Batch {
  struct Place {
    Response response;
    bool is_read = false, is_sent = false, is_finished = false;
  };

  explicit Batch(const std::vector<Request>& requests) : open(requests.size()), places(requests.size()) {
    for (size_t i = 0; i < requests.size(); ++i) places[i].is_read = requests[i].is_read();
  }

  // False when nobody waits any more: then it must not be sent.
  bool Sending(size_t index) {
    absl::MutexLock lock(&mutex);
    places[index].is_sent = !is_left;
    return !is_left;
  }
  void NotSent(size_t index) {
    absl::MutexLock lock(&mutex);
    places[index].is_sent = false;
  }
  void Finish(size_t index, Response response) {
    absl::MutexLock lock(&mutex);
    if (is_left) return;
    places[index].response = std::move(response);
    places[index].is_finished = true;
    --open;
  }
  std::vector<Response> Wait(absl::Time deadline) {
    absl::MutexLock lock(&mutex);
    mutex.AwaitWithDeadline(absl::Condition(
                                +[](Batch* waited) ABSL_NO_THREAD_SAFETY_ANALYSIS { return waited->open == 0; }, this),
                            deadline);
    is_left = true;
    std::vector<Response> responses;
    for (Place& place : places) {
      if (!place.is_finished) {
        place.response = Response{};
        place.response.fate = place.is_sent && !place.is_read ? Fate::kInDoubt : Fate::kNotSent;
        place.response.status = absl::UnavailableError(
            place.is_sent ? "the directory did not answer in time" : "the directory did not take the request in time");
      }
      responses.push_back(std::move(place.response));
    }
    return responses;
  }

  absl::Mutex mutex;
  size_t open ABSL_GUARDED_BY(mutex);
  bool is_left ABSL_GUARDED_BY(mutex) = false;
  std::vector<Place> places ABSL_GUARDED_BY(mutex);
};

struct Client::Job {
  Request request;
  std::shared_ptr<Batch> batch;
  size_t index = 0;
  absl::Time deadline;
  int attempts = 0;
  absl::Time busy_since = absl::InfiniteFuture(), rests_until = absl::InfinitePast();
  absl::Duration rest = absl::ZeroDuration();
  Response response;  // Collects entries while the search is under way.
};

struct Client::Wire {
  Bound connection;
  uint64_t number;
};

Client::Client(Options options) : options_(std::move(options)), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  signal(SIGPIPE, SIG_IGN);  // Else a lost connection ends the process.
  owner_ = std::thread([this] { Own(); });
}

Client::~Client() {
  {
    absl::MutexLock lock(&mutex_);
    ending_ = true;
  }
  eventfd_write(wake_, 1);
  owner_.join();
  close(wake_);
}

std::vector<Response> Client::Run(std::vector<Request> requests, absl::Duration timeout) {
  if (requests.empty()) return {};
  const auto batch = std::make_shared<Batch>(requests);
  const absl::Time deadline = absl::Now() + timeout;
  {
    absl::MutexLock lock(&mutex_);
    for (size_t i = 0; i < requests.size(); ++i) {
      auto job = std::make_unique<Job>();
      job->request = std::move(requests[i]);
      job->batch = batch;
      job->index = i;
      job->deadline = deadline;
      queued_.push_back(std::move(job));
    }
  }
  eventfd_write(wake_, 1);
  return batch->Wait(deadline);
}

Response Client::RunOne(Request request, absl::Duration timeout) {
  std::vector<Request> one;
  one.push_back(std::move(request));
  return std::move(Run(std::move(one), timeout)[0]);
}

void Client::Finish(std::unique_ptr<Job> job, Response response) {
  job->batch->Finish(job->index, std::move(response));
}

void Client::Own() {
  while (true) {
    TakeQueued();
    {
      absl::MutexLock lock(&mutex_);
      if (ending_) break;
    }
    ExpireOverdue();
    WakeRested();
    if (wire_ != nullptr)
      Receive();  // First: an idle connection that was closed is found before anything is sent on it.
    if (!waiting_.empty() && (wire_ != nullptr || Connect())) SendWindow();
    WaitForWork();
  }
  Lose(absl::CancelledError("the connection is being closed"));
  FailWaiting(absl::CancelledError("the connection is being closed"));
}

void Client::TakeQueued() {
  absl::MutexLock lock(&mutex_);
  for (auto& job : queued_) waiting_.push_back(std::move(job));
  queued_.clear();
}

bool Client::Connect() {
  if (absl::Now() < next_try_) return false;
  absl::Status last = absl::InvalidArgumentError("no server is configured");
  for (size_t i = 0; i < options_.servers.size(); ++i) {
    const size_t index = (server_ + i) % options_.servers.size();
    const absl::Time deadline = absl::Now() + options_.connect_timeout;
    const auto bound = [&]() -> absl::StatusOr<Bound> {
      auto opened = Opened::Dial(options_.servers[index], deadline);
      if (!opened.ok()) return opened.status();
      auto secured = std::move(*opened).Secure(options_.trust, deadline);
      if (!secured.ok()) return secured.status();
      return std::move(*secured).Bind(options_.credentials, deadline);
    };
    auto connection = bound();
    if (connection.ok()) {
      server_ = index;
      wire_ = std::make_unique<Wire>(Wire{*std::move(connection), ++connections_});
      lost_at_ = absl::InfiniteFuture();
      backoff_ = absl::ZeroDuration();
      last_answer_ = absl::Now();
      return true;
    }
    last = connection.status();
    if (absl::IsUnauthenticated(last)) break;  // Asking every server would only lock the account.
  }
  ConnectFailed(last);
  return false;
}

// A server that was there before gets time to come back; what never worked, or is refused, fails at once.
void Client::ConnectFailed(const absl::Status& why) {
  const bool may_come_back = absl::IsUnavailable(why) && connections_ > 0;
  if (!may_come_back || absl::Now() - lost_at_ > options_.patience) {
    FailWaiting(why);
    next_try_ = absl::InfinitePast();
    return;
  }
  backoff_ = std::clamp(backoff_ * 2, absl::Milliseconds(100), absl::Seconds(3));
  next_try_ = absl::Now() + backoff_;
}

void Client::FailWaiting(const absl::Status& why) {
  TakeQueued();
  for (auto& job : resting_) waiting_.push_back(std::move(job));
  resting_.clear();
  for (auto& job : waiting_) {
    Response response;
    response.fate = Fate::kNotSent;
    response.status = why;
    Finish(std::move(job), std::move(response));
  }
  waiting_.clear();
}

void Client::SendWindow() {
  while (wire_ != nullptr && !waiting_.empty() &&
         under_way_.size() < static_cast<size_t>(std::max(1, options_.window))) {
    auto job = std::move(waiting_.front());
    waiting_.pop_front();
    if (job->request.only_on_connection != 0 && job->request.only_on_connection != wire_->number) {
      Response response;
      response.status = absl::AbortedError("the connection on which this list began is gone");
      Finish(std::move(job), std::move(response));
      continue;
    }
    if (!job->batch->Sending(job->index)) continue;
    int message_id = 0;
    const int code = SendOne(*job, message_id);
    if (code != LDAP_SUCCESS) job->batch->NotSent(job->index);
    if (code == LDAP_SUCCESS) {
      ++job->attempts;
      job->response = Response{};
      job->response.connection = wire_->number;
      under_way_[message_id] = std::move(job);
      continue;
    }
    if (code == LDAP_BUSY) {  // The socket takes no more now: not sent, later.
      waiting_.push_front(std::move(job));
      return;
    }
    if (code == LDAP_SERVER_DOWN || code == LDAP_CONNECT_ERROR || code == LDAP_UNAVAILABLE) {
      waiting_.push_front(std::move(job));
      Lose(absl::UnavailableError("the connection to the directory was lost"));
      return;
    }
    Response response;  // The library itself refuses it: a filter that cannot be read, no memory.
    response.status = absl::InvalidArgumentError(absl::StrCat("the request cannot be sent: ", ldap_err2string(code)));
    Finish(std::move(job), std::move(response));
  }
}

int Client::SendOne(Job& job, int& message_id) {
  const Request& request = job.request;
  LDAP* handle = wire_->connection.handle();
  switch (request.kind) {
    case Request::Kind::kSearch: {
      const EncodedStrings attributes(request.attributes.empty() ? std::vector<std::string>{LDAP_NO_ATTRS}
                                                                 : request.attributes);
      const EncodedControls controls(request);
      return ldap_search_ext(handle, request.dn.c_str(), request.scope, request.filter.c_str(), attributes.get(), 0,
                             controls.get(), nullptr, nullptr, request.page_size > 0 ? 0 : options_.most_at_once,
                             &message_id);
    }
    case Request::Kind::kAdd: {
      const EncodedModifications changes(request.modifications);
      return ldap_add_ext(handle, request.dn.c_str(), changes.get(), nullptr, nullptr, &message_id);
    }
    case Request::Kind::kModify: {
      const EncodedModifications changes(request.modifications);
      return ldap_modify_ext(handle, request.dn.c_str(), changes.get(), nullptr, nullptr, &message_id);
    }
    case Request::Kind::kRename:
      return ldap_rename(handle, request.dn.c_str(), request.new_rdn.c_str(),
                         request.new_parent.empty() ? nullptr : request.new_parent.c_str(), 1, nullptr, nullptr,
                         &message_id);
    case Request::Kind::kDelete: {
      const EncodedControls controls(request);
      return ldap_delete_ext(handle, request.dn.c_str(), controls.get(), nullptr, &message_id);
    }
  }
  return LDAP_PARAM_ERROR;
}

void Client::Receive() {
  while (wire_ != nullptr) {
    timeval zero{0, 0};
    LDAPMessage* message = nullptr;
    const int kind = ldap_result(wire_->connection.handle(), LDAP_RES_ANY, LDAP_MSG_ONE, &zero, &message);
    if (kind == 0) return;
    if (kind < 0 || ldap_msgid(message) == 0) {  // Lost, or the server's notice that it closes.
      ldap_msgfree(message);
      Lose(absl::UnavailableError("the connection to the directory was lost"));
      return;
    }
    last_answer_ = absl::Now();
    Accept(message);
    ldap_msgfree(message);
  }
}

void Client::Accept(LDAPMessage* message) {
  const auto found = under_way_.find(ldap_msgid(message));
  if (found == under_way_.end()) return;
  Response& response = found->second->response;
  LDAP* handle = wire_->connection.handle();
  switch (ldap_msgtype(message)) {
    case LDAP_RES_SEARCH_ENTRY:
      response.entries.push_back(DecodeEntry(handle, message));
      return;
    case LDAP_RES_SEARCH_REFERENCE:
    case LDAP_RES_INTERMEDIATE:
      return;
    default:
      break;
  }
  DecodeResult(handle, message, response);
  response.fate = Fate::kAnswered;
  auto job = std::move(found->second);
  under_way_.erase(found);
  Response done = std::move(job->response);
  if (!Rests(job, done)) Finish(std::move(job), std::move(done));
}

// A server that is too busy, or on its way down or up, has not done it: it is asked again, later and later.
bool Client::Rests(std::unique_ptr<Job>& job, const Response& response) {
  if (response.code != LDAP_BUSY && response.code != LDAP_UNAVAILABLE) return false;
  job->batch->NotSent(job->index);
  const absl::Time now = absl::Now();
  job->busy_since = std::min(job->busy_since, now);
  job->rest = std::clamp(job->rest * 2, kShortestRest, kLongestRest);
  job->rests_until = now + job->rest;
  const absl::Time last = std::min(job->deadline, job->busy_since + options_.patience);
  if (job->rests_until > last) return false;
  resting_.push_back(std::move(job));
  return true;
}

void Client::WakeRested() {
  const absl::Time now = absl::Now();
  std::erase_if(resting_, [&](std::unique_ptr<Job>& job) {
    if (job->rests_until > now) return false;
    waiting_.push_back(std::move(job));
    return true;
  });
}

// Answers what was under way: a read is asked again, a write is in doubt.
void Client::Lose(const absl::Status& why) {
  if (wire_ == nullptr) return;
  wire_.reset();
  lost_at_ = absl::Now();
  next_try_ = absl::InfinitePast();
  std::deque<std::unique_ptr<Job>> again;
  for (auto& [id, job] : under_way_) {
    if (job->request.is_read() && job->attempts < kReadAttempts && !absl::IsCancelled(why)) {
      again.push_back(std::move(job));
      continue;
    }
    Response response;
    response.fate = job->request.is_read() ? Fate::kNotSent : Fate::kInDoubt;
    response.status = why;
    Finish(std::move(job), std::move(response));
  }
  under_way_.clear();
  while (!again.empty()) {
    waiting_.push_front(std::move(again.back()));
    again.pop_back();
  }
}

void Client::ExpireOverdue() {
  const absl::Time now = absl::Now();
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    if ((*at)->deadline > now) {
      ++at;
      continue;
    }
    Response response;
    response.status = absl::UnavailableError("the directory did not take the request in time");
    Finish(std::move(*at), std::move(response));
    at = waiting_.erase(at);
  }
  bool overdue = false;
  for (auto at = under_way_.begin(); at != under_way_.end();) {
    if (at->second->deadline > now) {
      ++at;
      continue;
    }
    overdue = true;
    if (wire_ != nullptr) ldap_abandon_ext(wire_->connection.handle(), at->first, nullptr, nullptr);
    Response response;
    response.fate = at->second->request.is_read() ? Fate::kNotSent : Fate::kInDoubt;
    response.status = absl::UnavailableError("the directory did not answer in time");
    Finish(std::move(at->second), std::move(response));
    at = under_way_.erase(at);
  }
  if (overdue && now - last_answer_ > kSilence) Lose(absl::UnavailableError("the directory has fallen silent"));
}

void Client::WaitForWork() {
  // Longest when nothing is under way; an idle connection that closes wakes us by its descriptor.
  absl::Duration longest = absl::Seconds(30);
  if (!under_way_.empty() || !resting_.empty()) longest = kTick;
  if (!waiting_.empty())
    longest = wire_ != nullptr ? kTick : std::clamp(next_try_ - absl::Now(), absl::Milliseconds(1), kTick);
  pollfd wait[2] = {{wake_, POLLIN, 0}, {wire_ == nullptr ? -1 : wire_->connection.descriptor(), POLLIN, 0}};
  poll(wait, 2, static_cast<int>(absl::ToInt64Milliseconds(longest)));
  eventfd_t count = 0;
  eventfd_read(wake_, &count);
}

}  // namespace sluice::active_directory
