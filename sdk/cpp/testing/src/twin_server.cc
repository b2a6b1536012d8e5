#include <httplib.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <thread>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "nlohmann/json.hpp"
#include "sluice/connector/testing/twin.h"

namespace sluice::connector::testing {
namespace {

constexpr int kThreads = 48;
constexpr int kMostDescriptors = 4096;
constexpr char kAdmin[] = "/__sim/";

using Json = nlohmann::ordered_json;

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

TwinRequest FromHttp(const httplib::Request& http) {
  TwinRequest request;
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
  for (const auto& [name, value] : http.headers) request.headers.emplace(absl::AsciiStrToLower(name), value);
  const std::string authorization = http.get_header_value("Authorization");
  if (authorization.starts_with("Bearer ")) request.bearer = authorization.substr(7);
  return request;
}

std::string RetryAfter(const TwinFault& fault) {
  if (fault.retry_after != "date") return fault.retry_after;
  return absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", absl::Now() + absl::Seconds(1), absl::UTCTimeZone());
}

TwinAnswer Say(int status, const Json& json) {
  TwinAnswer answer;
  answer.status = status;
  answer.body = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  return answer;
}

TwinAnswer Failure(const TwinFault& fault) {
  TwinAnswer answer;
  answer.status = fault.status;
  answer.body = absl::StrCat("{\"code\":", fault.status, ",\"message\":\"Simulated failure\"}");
  if (!fault.retry_after.empty()) answer.headers["Retry-After"] = RetryAfter(fault);
  return answer;
}

class Server final : public TwinServer {
 public:
  explicit Server(std::unique_ptr<Twin> twin)
      : twin_(std::move(twin)), own_kinds_(twin_->FaultKinds()), faults_(own_kinds_) {}

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
  TwinFaults& faults() override { return faults_; }
  TwinLog& log() override { return log_; }

 private:
  void Serve(const httplib::Request& http, httplib::Response& response) {
    const TwinRequest request = FromHttp(http);
    if (request.path.starts_with(kAdmin)) {
      const TwinAnswer answer = Admin(request);
      response.status = answer.status;
      Send(answer, response);
      return;
    }
    log_.Enter();
    const std::optional<TwinFault> fault = faults_.Take(request.Line());
    const bool is_own = fault && std::find(own_kinds_.begin(), own_kinds_.end(), fault->kind) != own_kinds_.end();
    TwinAnswer answer =
        fault && fault->kind == "status" ? Failure(*fault) : twin_->Handle(request, is_own ? &*fault : nullptr);
    if (fault) Disturb(*fault, answer);
    log_.Leave(request, twin_->PatternOf(request.path), answer, fault ? fault->kind : "");
    if (fault && fault->kind == "reset") ResetConnection(http.remote_port);
    response.status = answer.status;
    for (const auto& [key, value] : answer.headers) response.set_header(key, value);
    if (fault && fault->kind == "truncate") {
      Truncate(std::move(answer), response);
    } else {
      Send(std::move(answer), response);
    }
  }

  TwinAnswer Admin(const TwinRequest& request) {
    const std::string path = request.path.substr(sizeof(kAdmin) - 1);
    const size_t slash = path.find('/');
    const std::string what = path.substr(0, slash);
    const std::string argument = slash == std::string::npos ? "" : path.substr(slash + 1);
    if (what == "faults") return AdminFaults(request, argument);
    if (what == "log") return AdminLog(request);
    if (what == "counters") {
      Json json = Json::object();
      for (const auto& [name, count] : log_.Counters()) json[name] = count;
      return Say(200, json);
    }
    if (std::optional<TwinAnswer> answer = twin_->Admin(request)) return *std::move(answer);
    return Say(404, Json::object({{"error", "no such admin resource; see its README.md"}}));
  }

  TwinAnswer AdminFaults(const TwinRequest& request, const std::string& argument) {
    if (request.method == "GET") {
      Json list = Json::array();
      for (const TwinFault& fault : faults_.List()) {
        list.push_back(Json::object({{"id", fault.id},
                                     {"route", fault.route},
                                     {"kind", fault.kind},
                                     {"count", fault.count},
                                     {"used", fault.used}}));
      }
      return Say(200, list);
    }
    if (request.method == "DELETE") {
      if (argument.empty()) {
        faults_.Clear();
      } else if (!faults_.Remove(std::atoi(argument.c_str()))) {
        return Say(400, Json::object({{"error", absl::StrCat("no fault ", argument)}}));
      }
      return Say(200, Json::object());
    }
    const absl::StatusOr<int> id = faults_.AddJson(request.body);
    if (!id.ok()) return Say(400, Json::object({{"error", std::string(id.status().message())}}));
    return Say(200, Json::object({{"id", *id}}));
  }

  TwinAnswer AdminLog(const TwinRequest& request) {
    if (request.method == "DELETE") {
      log_.Clear();
      return Say(200, Json::object());
    }
    Json list = Json::array();
    for (const TwinLogEntry& entry : log_.Entries()) {
      Json line = Json::object({{"request", entry.line}, {"status", entry.status}});
      if (entry.items >= 0) line["items"] = entry.items;
      if (!entry.fault.empty()) line["fault"] = entry.fault;
      list.push_back(std::move(line));
    }
    return Say(200, list);
  }

  // Not set_content: that would compress every page as well as it can, which costs more than making it.
  static void Send(TwinAnswer answer, httplib::Response& response) {
    if (answer.body.empty()) return;
    const size_t size = answer.body.size();
    response.set_content_provider(
        size, answer.content_type,
        [body = std::move(answer.body)](size_t offset, size_t length, httplib::DataSink& sink) {
          return sink.write(body.data() + offset, length);
        });
  }

  void Disturb(const TwinFault& fault, TwinAnswer& answer) {
    if (fault.kind == "slow") {
      const absl::Time until = absl::Now() + absl::Milliseconds(fault.delay_ms);
      while (absl::Now() < until && !stopping_) absl::SleepFor(absl::Milliseconds(10));
    } else if (fault.kind == "html") {
      answer.status = 200;
      answer.content_type = "text/html;charset=utf-8";
      answer.body = "<!DOCTYPE html><html><body><h1>Down for maintenance</h1></body></html>";
    } else if (fault.kind == "invalid_json") {
      answer.body.resize(answer.body.size() / 2);
    } else if (fault.kind == "empty_object") {
      answer.body = "{}";
    }
  }

  // Says the whole length, sends half.
  static void Truncate(TwinAnswer answer, httplib::Response& response) {
    const size_t size = answer.body.size();
    response.set_content_provider(
        size, answer.content_type,
        [body = std::move(answer.body)](size_t offset, size_t length, httplib::DataSink& sink) {
          if (offset > 0) return false;
          sink.write(body.data(), std::max<size_t>(1, length / 2));
          return false;
        });
  }

  const std::unique_ptr<Twin> twin_;
  const std::vector<std::string> own_kinds_;
  TwinFaults faults_;
  TwinLog log_;
  httplib::Server http_;
  std::thread thread_;
  std::atomic<bool> stopping_ = false;
  int port_ = 0;
};

sigset_t EndSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

}  // namespace

absl::StatusOr<std::unique_ptr<TwinServer>> TwinServer::Start(std::unique_ptr<Twin> twin, TwinServerOptions options) {
  auto server = std::make_unique<Server>(std::move(twin));
  if (absl::Status status = server->Listen(options.port); !status.ok()) return status;
  return server;
}

void BlockSignals() {
  const sigset_t signals = EndSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

int ServeUntilSignal(const TwinServer& server, AnyText name, AnyText port_file) {
  const std::string file = port_file.str();
  if (!file.empty()) {
    const std::string half = file + ".new";
    std::ofstream(half) << server.port() << "\n";
    if (std::rename(half.c_str(), file.c_str()) != 0) {
      std::cerr << name.view() << ": " << file << " cannot be written\n";
      return 1;
    }
  }
  std::cout << name.view() << " listens on 127.0.0.1 port " << server.port() << std::endl;
  const sigset_t signals = EndSignals();
  int signal = 0;
  sigwait(&signals, &signal);
  return 0;
}

}  // namespace sluice::connector::testing
