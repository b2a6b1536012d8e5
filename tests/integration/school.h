// A whole small school for a test: a generated Somtoday, a real Active Directory, a host with both connectors, and the
// command line to drive it, all on one test clock.
//
// School owns everything that it starts and the folder that all of it lives in (in memory where there is room), and
// ends and removes it; when the test is killed the kernel and the domain's guardian do. One test, one thread. What a
// test asks of the host goes through `sluice --json`, as an operator's script would. What cannot be started ends the
// program with a message.
#ifndef SLUICE_TESTS_INTEGRATION_SCHOOL_H_
#define SLUICE_TESTS_INTEGRATION_SCHOOL_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "host/base/subprocess.h"
#include "nlohmann/json.hpp"
#include "tests/integration/domain.h"

namespace sluice::integration {

using Json = nlohmann::json;

// What a command said.
struct Answer {
  int code = -1;
  std::string out, err;
  Json json;  // Of `out`; null when that is no JSON.
};

struct HostPlace {
  std::string folder, socket, state, log, clock, plugins;
  std::map<std::string, std::string> environment;
  std::string program = "bin/sluiced";  // In the build folder.
  std::vector<std::string> arguments;   // Further ones.
};

// One `sluiced`, started and ended as a test wants.
class Host {
 public:
  explicit Host(HostPlace place) : place_(std::move(place)) {}

  // Returns when the socket answers.
  void Start();
  // When the socket answers, or it has ended: then false, and `last_words` is what it said last.
  bool TryStart(std::string* last_words = nullptr);
  void Stop();  // SIGTERM.
  void Kill();  // SIGKILL.
  // Waits until it has ended by itself; false when it did not within `seconds`.
  bool AwaitEnd(int seconds);
  void Signal(int signal) { process_->Signal(signal); }
  bool IsRunning() const { return process_ != nullptr; }
  pid_t pid() const { return process_->pid(); }
  const HostPlace& place() const { return place_; }
  HostPlace& place() { return place_; }  // For the next start.

  // `sluice ARGUMENTS --json`, to its end.
  Answer Run(std::vector<std::string> arguments) const;
  // The same in the background; the answer comes when it is asked for.
  std::function<Answer()> RunInBackground(std::vector<std::string> arguments) const;

 private:
  HostPlace place_;
  std::unique_ptr<base::Subprocess> process_;
};

struct SchoolOptions {
  std::vector<std::string> arguments = {};  // Further ones of the host.
  int pupils = 60, staff = 12, locations = 3, seed = 7;
  std::string time = "2026-11-24T03:30:00+01:00";
  // Before the first start: file in the configuration folder, what stands there once, what stands there instead.
  struct Edit {
    std::string file, from, to;
  };
  std::vector<Edit> edits = {};
  // The host reaches the directory through one that can be busy, slow, or refuse (faulty_directory.py).
  bool has_faults = false;
  // The host signs in as svc-sluice, one of the domain's administrators, so that a right can be taken from it alone.
  bool has_own_account = false;
};

class School {
 public:
  explicit School(const SchoolOptions& options = {});
  ~School();
  School(const School&) = delete;
  School& operator=(const School&) = delete;

  Host& host() { return *host_; }
  Directory& directory() { return domain_->directory(); }
  Domain& domain() { return *domain_; }
  const std::string& root() const { return root_; }

  // Another host with a state of its own on the same folder and systems.
  std::unique_ptr<Host> AnotherHost(const std::string& name) const;

  // Time and events.
  void SetTime(const std::string& time);  // RFC 3339
  void SetDay(const std::string& day) { SetTime(day + "T03:30:00" + (IsSummer(day) ? "+02:00" : "+01:00")); }
  Json Twin(const std::string& method, const std::string& path, const Json& body = nullptr);  // An admin call.
  Json Event(const Json& event) { return Twin("POST", "events", event); }
  void Edit(const SchoolOptions::Edit& edit);

  // With has_faults: rules as faulty_directory.py reads them; what was asked since the last call, "modify" -> how
  // often; and the largest number of members that one modify named.
  void SetFaults(const Json& rules);
  struct Requests {
    std::map<std::string, int> by_kind;
    int of_members = 0, most_members = 0;  // Modifies that name members.
  };
  Requests TakeRequests();

  // Commands. Those that must succeed say so as a failure of the test when they do not.
  Answer Sluice(const std::vector<std::string>& arguments) { return host_->Run(arguments); }
  Json Must(const std::vector<std::string>& arguments);
  Json Import() { return Must({"import"}); }
  Json Plan() { return Must({"plan"}); }
  Json Enforce() { return Must({"enforce"}); }
  // Approves everything that waits, except kinds in `except`; says the kinds.
  std::vector<std::string> ApproveAll(const std::vector<std::string>& except = {});

  // The first days: imports, activates, approves and enforces until nothing is left to do.
  void TakeIntoUse();
  // Imports, plans and enforces on the same day: nothing follows, and the directory counts no change.
  void ExpectNothingToDo();

  // The directory holds what tests/oracle, a program by other hands, makes of the twin's state and the folder: for a
  // school that was taken into use on this day. Run after everything was approved and enforced.
  void ExpectAsTheOracleSays();

  // The directory holds what ExpectedOf (expected.h) makes of the twin's state: who is enabled, and who is in which
  // group.
  void ExpectAsTheTwinSays();

  // Of the directory: people by employeeID.
  std::map<std::string, Entry> Accounts();
  // CN of a group -> employeeIDs of its members, of groups below OU=Lesgroepen and of the four that were there.
  std::map<std::string, std::vector<std::string>> Members();

 private:
  static bool IsSummer(const std::string& day) { return day.substr(5, 2) >= "04" && day.substr(5, 2) <= "10"; }
  void StartTwin(const SchoolOptions& options);
  HostPlace PlaceFor(const std::string& name) const;
  void WriteFolder();
  void StartFaults();

  std::string root_;
  std::unique_ptr<Domain> domain_;
  std::unique_ptr<base::Subprocess> twin_, faults_;
  std::string directory_uri_;
  std::string bind_dn_, bind_password_;
  int twin_port_ = 0;
  std::unique_ptr<Host> host_;
};

// Of a plan's operations those of a kind; of any kind for "".
std::vector<Json> OperationsOf(const Json& plan, const std::string& kind);
std::map<std::string, int> CountByKind(const Json& plan);
// One line an operation, for messages: "create account 104233 ready: placement H4D from 24 Nov".
std::string Describe(const Json& plan);

// Waits until `condition` holds; false when it did not within `seconds`.
bool Await(const std::function<bool()>& condition, int seconds = 30);
std::string ReadFile(const std::string& path);
void WriteFile(const std::string& path, const std::string& text);

}  // namespace sluice::integration

#endif  // SLUICE_TESTS_INTEGRATION_SCHOOL_H_
