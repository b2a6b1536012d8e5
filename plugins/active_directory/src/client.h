// Requests to one directory over one connection, pipelined: a window of them is under way, answers come in any order.
// One owner thread per client makes the connection (and a new one when it is lost), sends, polls and receives; every
// other thread only queues and waits. What becomes of a request is always certain to the caller: answered, never sent,
// or in doubt (sent, and the answer lost). A lost read is asked again; a write never is. What a server answers with
// "busy" it has not done: that is asked again, for a while.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "plugins/active_directory/src/connection.h"

namespace sluice::active_directory {

struct Modification {
  enum class Kind { kAdd = LDAP_MOD_ADD, kDelete = LDAP_MOD_DELETE, kReplace = LDAP_MOD_REPLACE };
  Kind kind = Kind::kReplace;
  std::string attribute;
  std::vector<std::string> values;  // Of a kReplace, none: clear.
};

struct Request {
  enum class Kind { kSearch, kAdd, kModify, kRename, kDelete };
  static Request Search(std::string base, int scope, std::string filter, std::vector<std::string> attributes);
  static Request Add(std::string dn, std::vector<Modification> attributes);
  static Request Modify(std::string dn, std::vector<Modification> modifications);
  static Request Rename(std::string dn, std::string new_rdn, std::string new_parent);  // Empty parent: stays there.
  static Request Delete(std::string dn);
  bool is_read() const { return kind == Kind::kSearch; }

  Kind kind = Kind::kSearch;
  std::string dn;
  int scope = LDAP_SCOPE_BASE;
  std::string filter;
  std::vector<std::string> attributes;  // Of a search: what to return; none asked for returns names only.
  int page_size = 0;                    // 0: unpaged.
  std::string cookie;                   // Of the page before.
  bool extended_names = false;          // Names come as "<GUID=...>;<SID=...>;name".
  bool with_children = false;           // Delete what lies below, too.
  std::vector<Modification> modifications;
  std::string new_rdn;
  std::string new_parent;
  uint64_t only_on_connection = 0;  // A cookie is worth nothing on another connection: then it is not sent.
};

struct Entry {
  std::string dn;
  std::map<std::string, std::vector<std::string>> attributes;  // By lower-case name, options included.

  const std::vector<std::string>& All(absl::string_view lower_name) const;
  std::string First(absl::string_view lower_name) const;
  bool Has(absl::string_view lower_name) const { return !All(lower_name).empty(); }
  std::string Guid() const;  // Text; empty if objectGUID was not asked for.
};

enum class Fate { kAnswered, kNotSent, kInDoubt };

struct Response {
  bool ok() const { return fate == Fate::kAnswered && code == LDAP_SUCCESS; }

  Fate fate = Fate::kNotSent;
  int code = 0;            // Of an answer.
  std::string diagnostic;  // The server's text; may hold names: never logged, never shown.
  std::vector<Entry> entries;
  std::string cookie;       // Of a paged search that goes on.
  uint64_t connection = 0;  // The number of the connection that answered.
  absl::Status status;      // Why it was not sent, or is in doubt.
};

// What a request may take that is part of something with a deadline.
absl::Duration TimeUntil(absl::Time deadline, absl::Duration most = absl::Seconds(60));

class Client {
 public:
  struct Options {
    std::vector<Endpoint> servers;  // Tried in this order; the one that answered last comes first.
    Trust trust;
    Credentials credentials;
    int window = 32;
    int most_at_once = 0;  // Entries that a search without pages may give; 0: what the directory allows.
    absl::Duration connect_timeout = absl::Seconds(10);
    absl::Duration patience = absl::Seconds(15);  // How long requests wait for a server that is lost, or busy.
  };

  explicit Client(Options options);
  // Requests without an answer by then are in doubt, or were not sent.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Sends all of them, in this order, and waits until each has its fate; answers stand in the order of the requests.
  // Returns by its timeout, whatever the directory and the connection to it do: what was not sent by then never is.
  std::vector<Response> Run(std::vector<Request> requests, absl::Duration timeout = absl::Seconds(60));
  Response RunOne(Request request, absl::Duration timeout = absl::Seconds(60));

 private:
  struct Batch;
  struct Job;
  struct Wire;  // What belongs to the live connection; the owner thread's alone.

  void Own();
  void TakeQueued();
  bool Connect();
  void ConnectFailed(const absl::Status& why);
  void SendWindow();
  int SendOne(Job& job, int& message_id);
  void Receive();
  void Accept(LDAPMessage* message);
  bool Rests(std::unique_ptr<Job>& job, const Response& response);
  void WakeRested();
  void Lose(const absl::Status& why);
  void ExpireOverdue();
  void WaitForWork();
  static void Finish(std::unique_ptr<Job> job, Response response);
  void FailWaiting(const absl::Status& why);

  const Options options_;
  const int wake_;  // An eventfd: something was queued, or the client ends.
  absl::Mutex mutex_;
  std::deque<std::unique_ptr<Job>> queued_ ABSL_GUARDED_BY(mutex_);
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;

  // The owner thread's.
  std::deque<std::unique_ptr<Job>> waiting_;
  std::vector<std::unique_ptr<Job>> resting_;  // Answered with "busy".
  std::map<int, std::unique_ptr<Job>> under_way_;
  std::unique_ptr<Wire> wire_;
  uint64_t connections_ = 0;
  size_t server_ = 0;
  absl::Time lost_at_ = absl::InfiniteFuture();
  absl::Time next_try_ = absl::InfinitePast();
  absl::Duration backoff_ = absl::ZeroDuration();
  absl::Time last_answer_ = absl::InfinitePast();
  std::thread owner_;
};

}  // namespace sluice::active_directory
