// A twin: a simulated system for tests, with the vendor's interface, its faults and its data. An author writes Handle;
// the framework brings the server (127.0.0.1 only), faults by route and count, a clock that a test moves, a log of
// requests and counters. All of it can be steered from the same process, and over HTTP below /__sim/ from another:
//
//   POST   /__sim/faults         {"route": "GET /users.*skip=200", "kind": "status", "status": 429, "retry_after": "2",
//   "count": 1} GET    /__sim/faults         what is set and how often it was used;  DELETE /__sim/faults[/ID] takes it
//   away GET    /__sim/log            all requests;  DELETE forgets them and the counters GET    /__sim/counters
//   requests, writes, each method and path, each status, most_in_flight
//
// Kinds of fault: status (status, retry_after: seconds or `date`), slow (delay_ms), truncate, reset, html,
// invalid_json, empty_object; and those that the twin names itself. `route` is RE2, anywhere in "METHOD /path?query";
// `skip`: how many go well first; `count`: how often, 0 until it is taken away.
#ifndef SLUICE_CONNECTOR_TESTING_TWIN_H_
#define SLUICE_CONNECTOR_TESTING_TWIN_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "sluice/connector/text.h"

namespace sluice::connector::testing {

struct TwinRequest {
  std::string method, path, query_text, body, bearer;
  std::multimap<std::string, std::string> query;
  std::multimap<std::string, std::string> form;     // Of a body of that kind.
  std::multimap<std::string, std::string> headers;  // Names in lower case.

  // The first of this name; empty if there is none.
  std::string Query(const std::string& name) const { return First(query, name); }
  std::string Form(const std::string& name) const { return First(form, name); }
  std::string Header(const std::string& name) const { return First(headers, name); }
  std::string Line() const { return method + " " + path + (query_text.empty() ? "" : "?" + query_text); }
  bool only_reads() const { return method == "GET" || method == "HEAD" || method == "OPTIONS"; }

 private:
  static std::string First(const std::multimap<std::string, std::string>& map, const std::string& name) {
    const auto found = map.find(name);
    return found == map.end() ? "" : found->second;
  }
};

struct TwinAnswer {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  std::map<std::string, std::string> headers;
  int items = -1;  // Of a list; for the log.
};

struct TwinFault {
  int id = 0;
  std::string route;
  std::string kind;
  int status = 200;
  std::string retry_after;  // Seconds, or "date": an HTTP date one second ahead.
  int delay_ms = 0;
  int skip = 0;
  int count = 0;
  int used = 0;
};

// Which request goes wrong, how, and how often. The first fault in order of making that fits and is not used up is
// taken. Any thread.
class TwinFaults {
 public:
  explicit TwinFaults(const std::vector<std::string>& own_kinds);
  ~TwinFaults();
  // Gives its id. INVALID_ARGUMENT for a kind that nobody knows or a route that is no RE2.
  absl::StatusOr<int> Add(TwinFault fault);
  // The same as a JSON object.
  absl::StatusOr<int> AddJson(AnyText json);
  bool Remove(int id);
  void Clear();
  std::vector<TwinFault> List() const;
  // Those that did not happen as often as they should have: a fault that was set and did not happen proves nothing.
  std::vector<TwinFault> Unused() const;
  // For this request line; counts a use.
  std::optional<TwinFault> Take(const std::string& line);

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

struct TwinLogEntry {
  std::string line, fault;
  int status = 0;
  int items = -1;
};

// What was asked for. Never holds a header, a body or a form: secrets come there. Any thread.
class TwinLog {
 public:
  TwinLog();
  ~TwinLog();
  std::vector<TwinLogEntry> Entries() const;
  // "requests", "writes", "GET users/*", "status 200", "most_in_flight"; 0 if there is none of this name.
  uint64_t Counter(AnyText name) const;
  std::map<std::string, uint64_t> Counters() const;
  void Clear();

  void Enter();
  void Leave(const TwinRequest& request, const std::string& pattern, const TwinAnswer& answer,
             const std::string& fault);

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

// A clock that a test moves: one RFC 3339 line in a file, read on each call, so that several programs share it. Without
// a file, or when it cannot be read, the real time. Any thread.
class TwinClock {
 public:
  explicit TwinClock(std::string file = "") : file_(std::move(file)) {}
  absl::Time Now() const;
  // The day that the line names, in its own offset; of the real time the day in Amsterdam.
  absl::CivilDay Today() const;
  // Writes the line; the file appears whole.
  absl::Status Set(absl::Time time) const;

 private:
  std::string Line() const;
  const std::string file_;
};

// What a simple system holds: objects by class and id, each with a number that changes with it (its etag). Any thread.
class TwinState {
 public:
  TwinState();
  ~TwinState();
  struct Object {
    std::map<std::string, std::string> fields;
    uint64_t version = 0;
  };
  // Makes it or replaces it; gives its new version.
  uint64_t Put(AnyText object_class, AnyText id, std::map<std::string, std::string> fields);
  std::optional<Object> Find(AnyText object_class, AnyText id) const;
  // False if it was not there.
  bool Erase(AnyText object_class, AnyText id);
  // By id; `skip` and `take` for pages.
  std::vector<std::pair<std::string, Object>> List(AnyText object_class, size_t skip = 0,
                                                   size_t take = static_cast<size_t>(-1)) const;
  size_t size(AnyText object_class) const;

 private:
  struct Table;
  const std::unique_ptr<Table> table_;
};

class Twin {
 public:
  virtual ~Twin() = default;
  // Answers as the system would. Any thread, several at once. `fault`: one of the twin's own kinds, to be played; else
  // null.
  virtual TwinAnswer Handle(const TwinRequest& request, const TwinFault* fault) = 0;
  // A request below /__sim/ that the framework does not know; nothing: 404.
  virtual std::optional<TwinAnswer> Admin(const TwinRequest& request) {
    static_cast<void>(request);
    return std::nullopt;
  }
  virtual std::vector<std::string> FaultKinds() const { return {}; }
  // What the counters call a path: ids left out. Not overridden: steps with a digit are *.
  virtual std::string PatternOf(const std::string& path) const;
};

struct TwinServerOptions {
  int port = 0;  // 0: any.
};

// A running server; ends, and waits for its threads, when it goes.
class TwinServer {
 public:
  static absl::StatusOr<std::unique_ptr<TwinServer>> Start(std::unique_ptr<Twin> twin, TwinServerOptions options = {});
  virtual ~TwinServer() = default;
  virtual int port() const = 0;
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port()); }
  virtual TwinFaults& faults() = 0;
  virtual TwinLog& log() = 0;
};

// For a main(): writes the port to `port_file` (if named) and to stdout, and waits for SIGTERM or SIGINT, which must be
// blocked (BlockSignals) before the server starts. Gives the exit code.
void BlockSignals();
int ServeUntilSignal(const TwinServer& server, AnyText name, AnyText port_file);

}  // namespace sluice::connector::testing

#endif  // SLUICE_CONNECTOR_TESTING_TWIN_H_
