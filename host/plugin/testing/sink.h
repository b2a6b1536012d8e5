// A sink for tests that keeps all that a plugin sends. Whoever waits for `done` may read the rest afterwards.
#ifndef SLUICE_HOST_PLUGIN_TESTING_SINK_H_
#define SLUICE_HOST_PLUGIN_TESTING_SINK_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/synchronization/notification.h"
#include "host/engine/connector.h"

namespace sluice::plugin {

class Sink final : public engine::ImportSink, public engine::ApplySink {
 public:
  void OnRecords(std::vector<core::Record> more) override {
    for (core::Record& record : more) records.push_back(std::move(record));
  }
  void OnWarning(const std::string& message) override { warnings.push_back(message); }
  void OnProgress(const engine::Progress&) override {}
  void OnEnd(absl::Status s, std::vector<std::pair<std::string, std::string>>,
             std::vector<core::ClassState> st) override {
    status = std::move(s);
    states = std::move(st);
    done.Notify();
  }
  void OnResults(std::vector<engine::TargetResult> more) override {
    results.insert(results.end(), more.begin(), more.end());
  }
  void OnClosed(absl::Status s) override {
    status = std::move(s);
    done.Notify();
  }
  std::vector<core::Record> records;
  std::vector<std::string> warnings;
  std::vector<core::ClassState> states;
  std::vector<engine::TargetResult> results;
  absl::Status status;
  absl::Notification done;
};

}  // namespace sluice::plugin

#endif  // SLUICE_HOST_PLUGIN_TESTING_SINK_H_
