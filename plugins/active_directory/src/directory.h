// One domain as the connector sees it: where things stand, what the schema says, and the few ways to look things up in
// bulk: lists in pages, many objects by one filter, long member lists by ranges, containers made when missing. Any
// thread; blocks while the directory answers. Never one search an object.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "plugins/active_directory/src/client.h"
#include "plugins/active_directory/src/containers.h"
#include "plugins/active_directory/src/names.h"
#include "plugins/active_directory/src/schema.h"
#include "plugins/active_directory/src/value_lists.h"
#include "sluice/connector/error.h"
#include "sluice/connector/system.h"

namespace sluice::active_directory {

inline constexpr char kAccount[] = "account";
inline constexpr char kGroup[] = "group";
inline constexpr char kMembership[] = "membership";
inline constexpr char kContainer[] = "container";
inline constexpr char kPrincipal[] = "principal";

// The settings of one system, read and checked.
struct Layout {
  // Fails with kInvalidArgument, saying which setting and what to write.
  static absl::StatusOr<Layout> Of(const connector::System& system);

  Client::Options client;
  Dn base;
  std::vector<Dn> people_bases;
  std::vector<Dn> group_bases;
  int page_size = 500;
  int range_step = 0;  // 0: the directory's own.
};

// True if the entry's objectClass is what the connector calls an account, a group, a container or a principal.
bool IsOfClass(const Entry& entry, absl::string_view object_class);
std::string FilterOf(absl::string_view object_class);

struct PasswordRules {
  uint32_t min_length = 0;
  bool complex = false;
};

class Directory {
 public:
  explicit Directory(Layout layout)
      : layout_(std::move(layout)), client_(layout_.client), containers_(client_, layout_.base), value_lists_(*this) {}

  const Layout& layout() const { return layout_; }
  Client& client() { return client_; }

  // Whatever takes a deadline ends by it, UNAVAILABLE when the directory has not answered until then.
  // Read at first use.
  absl::StatusOr<std::shared_ptr<const DirectorySchema>> Schema(absl::Time deadline = absl::InfiniteFuture())
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<PasswordRules> ReadPasswordRules();

  // Every object below `base` that the filter matches, page by page, each once even if the list had to begin anew on
  // another connection. Stops with the first error, its own or `each`'s.
  using Each = std::function<absl::Status(const Entry& entry)>;
  absl::Status List(const Dn& base, const std::string& filter, const std::vector<std::string>& attributes,
                    bool extended_names, const connector::Cancellation& cancellation, const Each& each,
                    absl::Time deadline = absl::InfiniteFuture());

  // The same of a list that is usually short, or of small entries: at once, and in pages only when the directory gives
  // no more than a part of it. Samba takes several times as long for an entry in a page.
  absl::Status ListAtOnce(const Dn& base, const std::string& filter, const std::vector<std::string>& attributes,
                          const Each& each, absl::Time deadline = absl::InfiniteFuture());

  // Everything in the domain that one of the filters matches; about 50 filters a search, the searches pipelined.
  absl::StatusOr<std::vector<Entry>> FindAny(const std::vector<std::string>& filters,
                                             const std::vector<std::string>& attributes,
                                             absl::Time deadline = absl::InfiniteFuture());
  // By objectGUID; those that are not there are missing from the answer.
  absl::StatusOr<std::map<std::string, Entry>> FindByIds(const std::set<std::string>& ids,
                                                         const std::vector<std::string>& attributes,
                                                         absl::Time deadline = absl::InfiniteFuture());

  // All values of a list attribute (lower-case name) of an entry, the rest of a long list fetched by ranges.
  absl::StatusOr<std::vector<std::string>> AllValues(const Entry& entry, absl::string_view lower_name,
                                                     bool extended_names);
  // What to ask for so that AllValues can begin: "member" or "member;range=0-99".
  std::string FirstRange(absl::string_view name) const;

  Containers& containers() { return containers_; }
  ValueLists& value_lists() { return value_lists_; }

 private:
  void AddFineGrainedRules(PasswordRules& rules);

  const Layout layout_;
  Client client_;
  Containers containers_;
  ValueLists value_lists_;
  absl::Mutex mutex_;
  std::shared_ptr<const DirectorySchema> schema_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::active_directory
