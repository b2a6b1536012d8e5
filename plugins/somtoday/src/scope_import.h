// Imports one vestiging: reads its lists for each school year, writes records, and says for each class whether it was
// whole.
//
// Lists are checked against each other: a pupil, teacher or class group that another list names and that its own list
// lacks is asked for by uuid; when it is there, that list was not whole. Nothing that could not be read is ever said to
// be complete. For one thread; lives as long as the import of this vestiging.
#ifndef PLUGINS_SOMTODAY_SRC_SCOPE_IMPORT_H_
#define PLUGINS_SOMTODAY_SRC_SCOPE_IMPORT_H_

#include <map>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "plugins/somtoday/src/list_reader.h"
#include "plugins/somtoday/src/records.h"
#include "plugins/somtoday/src/session.h"
#include "sluice/connector/source.h"

namespace sluice::somtoday {

class ScopeImport {
 public:
  ScopeImport(Session& session, const connector::ImportRequest& request, const Vestiging& vestiging,
              connector::ScopeWriter& out, connector::RecordWriter& whole);

  // Reads and writes everything; gives an error only when the import as a whole cannot go on.
  absl::Status Read();
  // Writes the states of the classes. After Read.
  absl::Status Finish();

  // No right on this vestiging at all (401).
  bool is_forbidden() const { return is_forbidden_; }
  bool anything() const { return anything_; }
  absl::Status first_failure() const { return first_failure_; }

 private:
  using Ids = absl::flat_hash_set<std::string>;
  enum Entity { kLeerling, kLesgroep, kMedewerker };
  static constexpr int kEntities = 3;

  struct List {
    bool wanted = false;
    absl::Status whole;      // Over all school years: the first reason why it was not.
    absl::Status special;    // A narrower reason for the contracts in it (placements of pupils, members of groups).
    Ids seen;                // In the school year that is being read.
    Ids named;               // By other lists, in that school year.
    bool was_whole = false;  // In that school year.
  };

  absl::Status ReadYear(const std::string& peil, SchoolYear school_year);
  absl::Status ReadList(Entity entity, const std::string& peil, SchoolYear school_year);
  absl::Status CheckNamed(Entity entity, const std::string& peil, SchoolYear school_year);
  absl::Status TakePage(Entity entity, SchoolYear school_year, const Json& records, const Json& permissions);
  absl::Status TakeLeerling(const Json& json, const Json& permissions);
  absl::Status TakeMedewerker(const Json& json, const Json& permissions, SchoolYear school_year);
  absl::Status TakeLesgroep(const Json& json, const Json& permissions, SchoolYear school_year);
  absl::Status TakeMembers(const Json& json, const Json& permissions, const char* key, const char* member_class,
                           SchoolYear school_year);
  void NameGroups(const Json& person);
  void Fail(absl::Status& into, const absl::Status& why);
  absl::Status Explain(const absl::Status& why, Entity entity, const std::string& peil) const;
  absl::Status Add(const connector::Record& record);
  bool WantsClass(const char* object_class) const { return request_.Wants(object_class); }
  Wants WantsOf(const char* object_class) const;
  absl::Status FinishClass(const char* object_class, bool chosen, const absl::Status& whole);

  Session& session_;
  const connector::ImportRequest& request_;
  const Vestiging& vestiging_;
  connector::ScopeWriter& out_;
  connector::RecordWriter& whole_;
  List lists_[kEntities];
  absl::flat_hash_map<std::string, Ids> written_;  // By class: ids of records.
  int64_t nameless_groups_ = 0;
  bool is_forbidden_ = false;
  bool anything_ = false;
  absl::Status first_failure_;
};

}  // namespace sluice::somtoday

#endif  // PLUGINS_SOMTODAY_SRC_SCOPE_IMPORT_H_
