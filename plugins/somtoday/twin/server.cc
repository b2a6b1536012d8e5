#include "plugins/somtoday/twin/server.h"

#include <httplib.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "plugins/somtoday/twin/connect.h"

namespace sluice::somtoday_twin {
namespace {

constexpr int kThreads = 48;
constexpr int kMostDescriptors = 4096;

// Ends the connection of a peer on the loopback with a reset, whatever is still to be sent. The HTTP library does not
// hand out its sockets, so the one with this peer is looked up.
void ResetConnection(int peer_port) {
  for (int fd = 3; fd < kMostDescriptors; ++fd) {
    sockaddr_in peer{};
    socklen_t size = sizeof(peer);
    if (getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0 || peer.sin_family != AF_INET) continue;
    if (ntohs(peer.sin_port) != peer_port) continue;
    sockaddr nowhere{};
    nowhere.sa_family = AF_UNSPEC;
    connect(fd, &nowhere, sizeof(nowhere));  // On Linux: sends RST.
    return;
  }
}

Request FromHttp(const httplib::Request& http) {
  Request request;
  request.method = http.method;
  request.path = http.path;
  request.body = http.body;
  const size_t question = http.target.find('?');
  if (question != std::string::npos) request.query_text = http.target.substr(question + 1);
  for (const auto& [key, value] : http.params) request.form.emplace(key, value);
  // The library joins query and form; a secret in the query does not count as one in the form, so only what is named
  // there is query.
  for (size_t at = 0; at < request.query_text.size();) {
    const size_t end = std::min(request.query_text.find('&', at), request.query_text.size());
    const std::string pair = request.query_text.substr(at, end - at);
    const size_t equals = pair.find('=');
    const std::string key = pair.substr(0, equals);
    request.query.emplace(key, equals == std::string::npos ? "" : pair.substr(equals + 1));
    at = end + 1;
  }
  for (auto& [key, value] : request.query) {
    const auto [begin, last] = http.params.equal_range(key);
    const auto count = request.query.count(key);
    if (count == 1 && begin != last) value = begin->second;
    request.form.erase(key);
  }
  const std::string authorization = http.get_header_value("Authorization");
  if (authorization.starts_with("Bearer ")) request.bearer = authorization.substr(7);
  return request;
}

std::string RetryAfter(const Fault& fault) {
  if (fault.retry_after != "date") return fault.retry_after;
  return absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", absl::Now() + absl::Seconds(1), absl::UTCTimeZone());
}

class Server final : public TwinServer {
 public:
  explicit Server(const TwinOptions& options) : connect_(options) {}

  ~Server() override {
    stopping_ = true;
    http_.stop();
    if (thread_.joinable()) thread_.join();
  }

  absl::Status Listen(int port) {
    http_.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
    http_.set_keep_alive_max_count(1'000'000);
    http_.set_keep_alive_timeout(2);
    http_.set_tcp_nodelay(true);
    const auto handler = [this](const httplib::Request& http, httplib::Response& response) { Serve(http, response); };
    http_.Get(".*", handler);
    http_.Post(".*", handler);
    http_.Put(".*", handler);
    http_.Delete(".*", handler);
    port_ = port == 0 ? http_.bind_to_any_port("127.0.0.1") : http_.bind_to_port("127.0.0.1", port) ? port : -1;
    if (port_ <= 0) return absl::UnavailableError(absl::StrCat("port ", port, " of 127.0.0.1 cannot be opened"));
    thread_ = std::thread([this] { http_.listen_after_bind(); });
    return absl::OkStatus();
  }

  int port() const override { return port_; }

 private:
  void Serve(const httplib::Request& http, httplib::Response& response) {
    const Request request = FromHttp(http);
    if (request.path.starts_with("/__sim")) {
      const Answer answer = connect_.HandleAdmin(request);
      response.status = answer.status;
      Say(answer, response);
      return;
    }
    connect_.Entered();
    const std::optional<Fault> fault = connect_.faults().Take(request.Line());
    Answer answer = fault && fault->kind == "status" ? Failure(*fault) : connect_.Handle(request, fault);
    if (fault) Disturb(*fault, answer);
    connect_.Log(request, answer, fault);
    connect_.Left();
    if (fault && fault->kind == "reset") ResetConnection(http.remote_port);
    response.status = answer.status;
    for (const auto& [key, value] : answer.headers) response.set_header(key, value);
    if (fault && fault->kind == "truncate") {
      Truncate(std::move(answer), response);
    } else {
      Say(std::move(answer), response);
    }
  }

  // Not set_content: that would compress every page as well as it can, which costs more than making it.
  static void Say(Answer answer, httplib::Response& response) {
    if (answer.body.empty()) return;
    const size_t size = answer.body.size();
    response.set_content_provider(
        size, answer.content_type,
        [body = std::move(answer.body)](size_t offset, size_t length, httplib::DataSink& sink) {
          return sink.write(body.data() + offset, length);
        });
  }

  static Answer Failure(const Fault& fault) {
    Answer answer;
    answer.status = fault.status;
    answer.body = "{\"code\":" + std::to_string(fault.status) + ",\"message\":\"Simulated failure\"}";
    if (!fault.retry_after.empty()) answer.headers["Retry-After"] = RetryAfter(fault);
    return answer;
  }

  void Disturb(const Fault& fault, Answer& answer) {
    if (fault.kind == "slow") {
      const absl::Time until = absl::Now() + absl::Milliseconds(fault.delay_ms);
      while (absl::Now() < until && !stopping_) absl::SleepFor(absl::Milliseconds(10));
    } else if (fault.kind == "html") {
      answer.status = 200;
      answer.content_type = "text/html;charset=utf-8";
      answer.body = "<!DOCTYPE html><html><body><h1>Somtoday is in onderhoud</h1></body></html>";
    } else if (fault.kind == "invalid_json") {
      answer.body.resize(answer.body.size() / 2);
    } else if (fault.kind == "empty_object") {
      answer.body = "{}";
    }
  }

  // Says the whole length, sends half.
  static void Truncate(Answer answer, httplib::Response& response) {
    const size_t size = answer.body.size();
    response.set_content_provider(
        size, answer.content_type,
        [body = std::move(answer.body)](size_t offset, size_t length, httplib::DataSink& sink) {
          if (offset > 0) return false;
          sink.write(body.data(), std::max<size_t>(1, length / 2));
          return false;
        });
  }

  Connect connect_;
  httplib::Server http_;
  std::thread thread_;
  std::atomic<bool> stopping_ = false;
  int port_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<TwinServer>> TwinServer::Start(const TwinOptions& options) {
  auto server = std::make_unique<Server>(options);
  if (absl::Status status = server->Listen(options.port); !status.ok()) return status;
  return server;
}

}  // namespace sluice::somtoday_twin
