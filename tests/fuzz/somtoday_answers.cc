// The whole connector against a server in this process that answers what the input says.
#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <map>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "plugins/somtoday/src/somtoday.h"
#include "plugins/somtoday/tests/collector.h"
#include "tests/fuzz/targets.h"

namespace sluice::fuzz {
namespace {

using connector::Value;

// Answers each connection once, by the last word of the path that it knows, and closes it. The answers of one word come
// one after the other; the last one stays.
class Server {
 public:
  Server() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    signal(SIGPIPE, SIG_IGN);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    Expect(bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0 && listen(listener_, 64) == 0 &&
               getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0,
           "a port on loopback");
    port_ = ntohs(address.sin_port);
    std::thread([this] { Serve(); }).detach();
  }

  std::string url() const { return absl::StrCat("http://127.0.0.1:", port_); }

  void Begin(std::vector<std::pair<std::string, std::string>> answers) {
    absl::MutexLock lock(&mutex_);
    answers_.clear();
    next_.clear();
    for (auto& [path, answer] : answers) answers_[path].push_back(std::move(answer));
  }

 private:
  [[noreturn]] void Serve() {
    while (true) {
      const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (connection < 0) continue;
      const timeval patience = {1, 0};
      setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
      const std::string answer = Answer(ReadRequest(connection));
      for (size_t done = 0; done < answer.size();) {
        const ssize_t size = send(connection, answer.data() + done, answer.size() - done, MSG_NOSIGNAL);
        if (size <= 0) break;
        done += static_cast<size_t>(size);
      }
      close(connection);
    }
  }

  // With its body: a connection that is closed before all of it was read is reset.
  static std::string ReadRequest(int connection) {
    std::string request;
    char bytes[8192];
    size_t end = std::string::npos, body = 0;
    while (end == std::string::npos || request.size() < end + 4 + body) {
      const ssize_t size = recv(connection, bytes, sizeof(bytes), 0);
      if (size <= 0) break;
      request.append(bytes, static_cast<size_t>(size));
      end = request.find("\r\n\r\n");
      const size_t length = request.find("Content-Length: ");
      if (end != std::string::npos && length < end) {
        const size_t from = length + 16;
        if (!absl::SimpleAtoi(request.substr(from, request.find('\r', from) - from), &body)) body = 0;
      }
    }
    return request.substr(0, request.find('\r'));
  }

  std::string Answer(const std::string& request) {
    std::string text;
    {
      absl::MutexLock lock(&mutex_);
      for (const char* word : {"lesgroep", "medewerker", "leerling", "instelling", "token", "vestiging"}) {
        if (!absl::StrContains(request, absl::StrCat("/", word))) continue;
        const std::vector<std::string>& answers = answers_[word];
        size_t& next = next_[word];
        if (!answers.empty()) text = answers[std::min(next++, answers.size() - 1)];
        break;
      }
    }
    if (absl::StartsWith(text, "HTTP/")) return text;
    return absl::StrCat("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ", text.size(),
                        "\r\n\r\n", text);
  }

  const int listener_;
  int port_ = 0;
  absl::Mutex mutex_;
  std::map<std::string, std::vector<std::string>> answers_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, size_t> next_ ABSL_GUARDED_BY(mutex_);
};

connector::System MakeSystem(const Server& server) {
  connector::System system;
  system.id = "somtoday";
  system.settings = connector::Settings(
      {{"organisation", Value("31XY")},
       {"api_url", Value(server.url() + "/rest/v1")},
       {"token_url", Value(server.url() + "/inloggen/oauth2/token")},
       {"page_size", Value(10)},
       {"requests_in_parallel", Value(2)},
       {"timeout", Value("200ms")},
       {"first_backoff", Value("1ms")}},
      {{"client_id", connector::Secret("link")}, {"client_secret", connector::Secret("somtoday-secret")}});
  return system;
}

connector::ImportRequest MakeRequest() {
  connector::ImportRequest request;
  for (const auto& object_class : somtoday::Somtoday::Describe().classes) {
    connector::ClassRequest wanted;
    wanted.object_class = object_class.name;
    for (const auto& attribute : object_class.attributes) wanted.attributes.push_back(attribute.name);
    request.classes.push_back(std::move(wanted));
  }
  request.as_of = absl::CivilDay(2026, 11, 24);
  return request;
}

void CheckImport(const absl::Status& status, const somtoday::Collector& out) {
  Expect(!status.ok() || out.complete, "an import that went well says that it is complete");
  Expect(!absl::StrContains(status.message(), "somtoday-secret"), "no secret in a message");
  for (const auto& [id, scope] : out.scopes) {
    Expect(!id.empty(), "a scope has an id");
    for (const auto& [object_class, records] : scope->records) {
      for (const auto& [record_id, record] : records) Expect(!record_id.empty(), "a record has an id");
    }
    if (!status.ok()) continue;
    Expect(scope->ends.size() == 5, "each class of a scope has a state");
    for (const auto& [object_class, end] : scope->ends) {
      Expect(end.state == somtoday::State::kComplete || !end.error.diagnostics.empty(),
             "what is not complete says why");
    }
  }
}

}  // namespace

void FuzzSomtodayAnswers(absl::string_view input) {
  static Server* const kServer = new Server;
  const connector::System system = MakeSystem(*kServer);
  connector::ImportRequest request = MakeRequest();
  kServer->Begin(Parts(input, "--- "));
  somtoday::Somtoday source;
  Expect(connector::SystemForTest::Open(source, system).ok(), "a system is opened without asking anybody");
  request.system = &source.system();
  somtoday::Collector out(request);
  const absl::Status status = source.Import(request, out);
  CheckImport(status, out);
  kServer->Begin(Parts(input, "--- "));
  connector::TestRequest test;
  if (const auto result = source.Test(test); !result.ok()) {
    Expect(!absl::StrContains(result.status().message(), "somtoday-secret"), "no secret in a message");
  }
}

}  // namespace sluice::fuzz
