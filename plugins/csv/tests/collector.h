// What an import wrote, for tests: records by class and id, and the state of each class. One test, one thread.
#ifndef PLUGINS_CSV_TESTS_COLLECTOR_H_
#define PLUGINS_CSV_TESTS_COLLECTOR_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sluice/connector/source.h"

namespace sluice::csv {

// Stands in for the SDK's runtime: what was written, and the state of each class.
class Collector final : public connector::RecordWriter {
 public:
  connector::ScopeWriter& Scope(connector::AnyText, connector::AnyText) override { return *this; }
  void DeclareScopes(const std::vector<std::pair<std::string, std::string>>&) override {}
  absl::Status Add(const connector::Record& record) override {
    if (!records[record.object_class()].emplace(record.id(), record).second) ++repeated;
    return absl::OkStatus();
  }
  absl::Status Deleted(connector::AnyText, connector::AnyText) override { return absl::OkStatus(); }
  absl::Status Checkpoint(connector::Cursor) override { return absl::OkStatus(); }
  absl::Status Complete(std::optional<connector::Cursor>) override { return absl::InternalError("not by class"); }
  absl::Status CompleteClass(connector::AnyText object_class) override { return End(object_class, "complete"); }
  absl::Status Partial(connector::AnyText object_class, connector::Error why) override {
    return End(object_class, absl::StrCat("in part: ", why.diagnostics.at(0).summary));
  }
  absl::Status NotRead(connector::AnyText object_class, connector::Error) override {
    return End(object_class, "not read");
  }
  absl::Status NotRead(connector::Error) override { return absl::OkStatus(); }
  void Report(connector::Diagnostic diagnostic) override { warnings.push_back(diagnostic.summary); }
  void Progress(connector::ProgressReport) override {}
  void AddSystemTime(absl::Duration) override {}

  std::map<std::string, std::map<std::string, connector::Record>> records;
  std::map<std::string, std::string> ends;
  std::vector<std::string> warnings;
  int repeated = 0;  // Records that were written twice.

 private:
  absl::Status End(connector::AnyText object_class, std::string state) {
    ends[object_class.str()] = std::move(state);
    return absl::OkStatus();
  }
};

}  // namespace sluice::csv

#endif  // PLUGINS_CSV_TESTS_COLLECTOR_H_
