// Answers requests: Connect, the token endpoint and the admin endpoint, over one school.
//
// Thread-safe. A fault that concerns the list (half of it, another order) is applied here; one that concerns the wire
// is the framework's.
#ifndef PLUGINS_SOMTODAY_TWIN_CONNECT_H_
#define PLUGINS_SOMTODAY_TWIN_CONNECT_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "plugins/somtoday/twin/render.h"
#include "plugins/somtoday/twin/request.h"
#include "plugins/somtoday/twin/server.h"

namespace sluice::somtoday_twin {

class Connect final : public connector::testing::Twin {
 public:
  explicit Connect(const TwinOptions& options);

  Answer Handle(const Request& request, const Fault* fault) override;
  std::optional<Answer> Admin(const Request& request) override;
  std::vector<std::string> FaultKinds() const override;
  std::string PatternOf(const std::string& path) const override;

 private:
  using List = std::shared_ptr<const std::vector<uint32_t>>;

  Answer Token(const Request& request);
  Answer Instelling(const Request& request);
  Answer VestigingList(const Request& request);
  Answer Data(const Request& request, const std::vector<std::string>& path, const Fault* fault);
  Answer Page(const Request& request, const std::string& entity, int vestiging, const View& view, const Fault* fault)
      ABSL_SHARED_LOCKS_REQUIRED(school_mutex_);
  Answer Render(const Request& request, const std::string& entity, int vestiging, const View& view,
                const std::vector<uint32_t>& indices) ABSL_SHARED_LOCKS_REQUIRED(school_mutex_);
  List CachedList(const std::string& entity, int vestiging, const View& view) ABSL_SHARED_LOCKS_REQUIRED(school_mutex_);
  bool KnowsToken(const std::string& bearer);
  int VestigingOf(const std::string& key) const ABSL_SHARED_LOCKS_REQUIRED(school_mutex_);

  Answer AdminRights(const Request& request, const std::string& what);
  Answer AdminEvents(const Request& request, const std::string& what, const std::string& argument);

  const TwinOptions options_;
  const SchoolClock clock_;

  absl::Mutex school_mutex_;
  School school_ ABSL_GUARDED_BY(school_mutex_);
  Rights rights_ ABSL_GUARDED_BY(school_mutex_);

  absl::Mutex mutex_;  // Taken inside school_mutex_, never around it.
  std::map<std::string, List> lists_ ABSL_GUARDED_BY(mutex_);
  uint64_t lists_version_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::string, absl::Time> tokens_ ABSL_GUARDED_BY(mutex_);
  uint64_t tokens_given_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace sluice::somtoday_twin

#endif  // PLUGINS_SOMTODAY_TWIN_CONNECT_H_
