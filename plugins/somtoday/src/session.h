// A session with one organisation of Somtoday: finds the organisation, signs in, sends requests.
//
// Owned by one import or test and used by its thread; answers come on the HTTP client's thread and are handed over by
// Fetcher. The client signs in, and anew only when the token that was refused had been good for something before: a 401
// also means "no right on this vestiging", and signing in does not help there. Never logs a token, a secret or a
// record.
#ifndef PLUGINS_SOMTODAY_SRC_SESSION_H_
#define PLUGINS_SOMTODAY_SRC_SESSION_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "plugins/somtoday/src/page.h"
#include "sluice/connector/http_client.h"
#include "sluice/connector/system.h"

namespace sluice::somtoday {

struct Vestiging {
  std::string uuid, naam;
  std::string code;  // Its BRIN6, or the abbreviation where that is not clear.
};

// The settings of a system, read once.
struct Options {
  std::string organisation, api_url, token_url;
  std::string client_id;
  connector::Secret client_secret;
  bool pupils = true, staff = true;
  bool placement = true, class_group = true, employment = true;
  std::vector<std::string> school_years;  // HUIDIG first.
  int page_size = 200;
  int parallel = 4;
  bool bsn = false;
  absl::Duration timeout = absl::Minutes(2);
  absl::Duration backoff = absl::Milliseconds(500);

  static Options Of(const connector::System& system);
};

class Session {
 public:
  Session(const Options& options, const connector::System& system, connector::Cancellation cancellation);

  // Finds the organisation. NOT_FOUND, AMBIGUOUS, or why it could not be done.
  absl::Status Start();
  // Signs in; the vestigingen that this client may read now. AUTH if it may read none because it is refused.
  absl::StatusOr<std::vector<Vestiging>> Vestigingen();

  const Options& options() const { return options_; }
  const connector::Cancellation& cancellation() const { return cancellation_; }
  absl::Duration system_time() const { return system_time_; }

 private:
  friend class Fetcher;
  using Done = std::function<void(absl::StatusOr<connector::HttpResponse>)>;

  absl::StatusOr<std::string> FindOrganisation();
  absl::StatusOr<Json> Instellingen(const std::string& query);
  // What the HTTP client says of the token endpoint, in words of Somtoday; anything else as it is.
  absl::Status Explained(const absl::Status& status) const;
  void Send(const std::string& path, Done done);
  // One answer as JSON, broken ones retried; without a token.
  absl::StatusOr<Json> GetPublic(const std::string& path);

  const Options options_;
  const connector::Cancellation cancellation_;
  std::shared_ptr<const connector::OAuth2Client> credentials_;  // Since Start.
  absl::Duration system_time_;
  connector::HttpClient http_;  // Last: its destructor waits for answers under way.
};

// Sends requests of one part of the organisation in parallel and gives the answers one by one. Repeats broken answers a
// bounded number of times. For one thread.
class Fetcher {
 public:
  explicit Fetcher(Session& session);

  struct Reply {
    int tag = 0;
    absl::StatusOr<Json> body;
  };
  // `envelope`: the array that the answer must hold; an answer without it is broken.
  void Start(int tag, const std::string& path, const std::string& envelope);
  int under_way() const { return under_way_; }
  // Waits for one of those under way. FORBIDDEN with SOM-0201 for a 401, with SOM-0202 for a 403; NOT_FOUND with
  // SOM-0203 for a 404; else what the HTTP client or the parser said.
  Reply Next();
  // One request.
  absl::StatusOr<Json> Get(const std::string& path, const std::string& envelope);

 private:
  struct Request {
    int tag = 0;
    std::string path, envelope;
    int attempts = 0;
  };
  struct Arrived {
    Request request;
    absl::StatusOr<connector::HttpResponse> response;
    std::optional<Json> json;  // Its body, parsed where it arrived: beside the thread that takes records out of it.
  };
  // Shared with callbacks that may come when nobody listens any more.
  struct Inbox {
    absl::Mutex mutex;
    std::deque<Arrived> arrived ABSL_GUARDED_BY(mutex);
  };

  void Send(Request request);
  // Nothing: it was sent again.
  std::optional<absl::StatusOr<Json>> Settle(Arrived& arrived);

  Session& session_;
  std::shared_ptr<Inbox> inbox_ = std::make_shared<Inbox>();
  int under_way_ = 0;
};

}  // namespace sluice::somtoday

#endif  // PLUGINS_SOMTODAY_SRC_SESSION_H_
