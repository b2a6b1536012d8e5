// One import, or one read of single objects, as it came: taken apart, nothing left out, mistakes of form noted beside.
//
// Tolerant on purpose: what is wrong in one place does not hide what is right in another. One call, one thread.
#ifndef SLUICE_TESTS_CONFORMANCE_READING_H_
#define SLUICE_TESTS_CONFORMANCE_READING_H_

#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/conformance/launch.h"

namespace sluice::conformance {

struct Record {
  std::string object_class;
  std::string scope;
  std::string id;
  std::string name;
  std::map<std::string, connector::v1::Value> cells;  // By attribute; only those that are visible.
};

using ObjectKey = std::pair<std::string, std::string>;  // Class and id.

struct ImportLog {
  grpc::Status status;
  connector::v1::StreamSchema schema;  // The first.
  connector::v1::ImportEnd end;        // The first.
  std::vector<Record> records;
  std::vector<ObjectKey> deleted;
  struct Mark {
    connector::v1::Cursor cursor;
    size_t records;  // How many had come by then.
  };
  std::vector<Mark> checkpoints;
  std::vector<connector::v1::Diagnostic> diagnostics;
  size_t frames = 0, schemas = 0, ends = 0, largest_frame = 0, largest_batch = 0;
  size_t progresses = 0;
  absl::Duration longest_silence, took;
  bool was_cut_off = false;  // By us: silent for too long, or the reader had enough.
  // The first mistake of each kind, with the number of its frame; empty: none.
  std::string order_mistake, batch_mistake, large_frame;

  std::set<ObjectKey> Keys() const;
  const Record* Find(const ObjectKey& key) const;
  // State of a class in a scope (by their names); UNSPECIFIED when it has none.
  connector::v1::ImportEnd::State StateOf(const std::string& object_class, const std::string& scope) const;
  bool IsWhole() const;  // OK, one end, every class COMPLETE.
};

struct ImportOptions {
  std::vector<std::pair<std::string, std::vector<std::string>>> classes;
  std::vector<std::string> scopes;
  std::vector<connector::v1::Cursor> cursors;
  absl::Duration pause;   // Before each frame is read.
  size_t stop_after = 0;  // Records; then it is cut off. 0: never.
  std::function<void(connector::v1::ImportRequest*)> change;
};
ImportLog Import(Launched& launched, const Config& config, const ImportOptions& options = {});

struct ReadLog {
  grpc::Status status;
  std::vector<std::pair<size_t, Record>> found;                         // Key number and object.
  std::map<std::pair<size_t, std::string>, std::string> preconditions;  // By key and id.
  std::map<size_t, connector::v1::Error> errors;                        // By key.
  std::map<size_t, int> ends;                                           // How many a key got.
  std::string mistake;
};
ReadLog Read(Launched& launched, const connector::v1::ReadRequest& request);
connector::v1::ReadRequest ReadById(const std::string& object_class, const std::vector<std::string>& ids,
                                    const std::vector<std::string>& attributes);

// The same bytes for the same value, whatever the order of a map; of a list too unless `ordered`.
std::string Canonical(const connector::v1::Value& value, bool ordered = true);
// "person 4711".
std::string Text(const ObjectKey& key);

}  // namespace sluice::conformance

#endif  // SLUICE_TESTS_CONFORMANCE_READING_H_
