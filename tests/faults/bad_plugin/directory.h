// Directory: the bad plugin's own little target: accounts, groups and memberships in one JSON file, written anew and
// renamed into place at each change, so that it survives any crash. Logins and mail addresses are unique without regard
// to case. Any thread.
#ifndef SLUICE_TESTS_FAULTS_BAD_PLUGIN_DIRECTORY_H_
#define SLUICE_TESTS_FAULTS_BAD_PLUGIN_DIRECTORY_H_

#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "nlohmann/json.hpp"
#include "sluice/connector/operation.h"
#include "sluice/connector/record.h"
#include "sluice/connector/target.h"

namespace sluice::faults {

class Directory {
 public:
  explicit Directory(std::string path);

  // Appends a line to `path`.calls: what was asked of the plugin, whether or not it came to anything.
  void Note(const std::string& line) const;
  connector::Result Carry(const connector::Operation& operation);
  std::vector<connector::Record> List(const std::string& object_class);
  std::vector<connector::Record> Find(const std::string& object_class, const connector::Key& key);
  std::vector<connector::Taken> FindTaken(const std::string& attribute, const std::vector<connector::Value>& values);

 private:
  void Load() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Save() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  connector::Result Create(const connector::Operation& operation) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  connector::Result Change(const connector::Operation& operation) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  connector::Result Delete(const connector::Operation& operation) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  connector::Result Membership(const connector::Operation& operation) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  connector::Error TakenError(const connector::Operation& operation, const std::string& self)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  connector::Record RecordOf(const std::string& object_class, const std::string& id, const nlohmann::json& object);

  const std::string path_;
  absl::Mutex mutex_;
  nlohmann::json data_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::faults

#endif  // SLUICE_TESTS_FAULTS_BAD_PLUGIN_DIRECTORY_H_
