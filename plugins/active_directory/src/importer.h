// Reads a directory into an import: containers, accounts, groups, memberships, principals, each class in pages and each
// with its own end. A class that cannot be read is said to be so, and ends nobody. One object an import; one thread.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "plugins/active_directory/src/directory.h"
#include "plugins/active_directory/src/schema.h"
#include "sluice/connector/source.h"

namespace sluice::active_directory {

class Importer {
 public:
  Importer(Directory& directory, const connector::ImportRequest& request, connector::RecordWriter& out)
      : directory_(directory), request_(request), out_(out) {}

  // Fails when the directory cannot be reached, or nobody listens any more.
  absl::Status Run();

  // An entry as a record of its class, with these attributes.
  static connector::Record RecordOf(const Entry& entry, const std::string& object_class,
                                    const std::vector<std::string>& attributes, const DirectorySchema& schema,
                                    const Dn& base);

 private:
  absl::Status ImportClass(const connector::ClassRequest& wanted);
  absl::Status ListClass(const connector::ClassRequest& wanted);
  absl::Status ListMemberships();
  absl::Status AddMembers(const Entry& group);
  absl::Status KnowAccounts();
  std::vector<Dn> BasesOf(const std::string& object_class) const;
  absl::Status Add(const connector::Record& record);

  Directory& directory_;
  const connector::ImportRequest& request_;
  connector::RecordWriter& out_;
  std::shared_ptr<const DirectorySchema> schema_;
  std::set<std::string> accounts_;  // Ids; members that are something else are left out.
  bool accounts_known_ = false;
  uint64_t added_ = 0;
  bool listener_gone_ = false;
};

}  // namespace sluice::active_directory
