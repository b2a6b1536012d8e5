// What an import wrote, for tests: records by class and id, and the state of each class of each scope.
//
// Stands in for the SDK's runtime and is as strict: an attribute that was not asked for is dropped, a class without a
// state makes the import incomplete. One test, one thread.
#ifndef PLUGINS_SOMTODAY_TESTS_COLLECTOR_H_
#define PLUGINS_SOMTODAY_TESTS_COLLECTOR_H_

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sluice/connector/source.h"

namespace sluice::somtoday {

enum class State { kMissing, kComplete, kPartial, kNotRead };

struct ClassEnd {
  State state = State::kMissing;
  connector::Error error;
};

class Collector final : public connector::RecordWriter {
 public:
  explicit Collector(const connector::ImportRequest& request) : request_(request) {}

  connector::ScopeWriter& Scope(connector::AnyText id, connector::AnyText label) override {
    auto& scope = scopes[id.str()];
    if (scope == nullptr) scope = std::make_unique<ScopeEnd>(*this, id.str());
    if (!label.view().empty()) scope->label = label.str();
    return *scope;
  }
  void DeclareScopes(const std::vector<std::pair<std::string, std::string>>& ids_and_labels) override {
    for (const auto& [id, label] : ids_and_labels) Scope(id, label);
  }
  absl::Status Complete(std::optional<connector::Cursor>) override {
    complete = true;
    for (auto& [id, scope] : scopes) static_cast<void>(scope->Complete(std::nullopt));
    return absl::OkStatus();
  }
  void Report(connector::Diagnostic diagnostic) override { warnings.push_back(std::move(diagnostic)); }
  void Progress(connector::ProgressReport) override {}
  void AddSystemTime(absl::Duration) override {}

  // The nameless scope is not used.
  absl::Status Add(const connector::Record&) override { return absl::InternalError("no scope"); }
  absl::Status Deleted(connector::AnyText, connector::AnyText) override { return absl::InternalError("no scope"); }
  absl::Status Checkpoint(connector::Cursor) override { return absl::InternalError("no scope"); }
  absl::Status CompleteClass(connector::AnyText) override { return absl::InternalError("no scope"); }
  absl::Status Partial(connector::AnyText, connector::Error) override { return absl::InternalError("no scope"); }
  absl::Status NotRead(connector::AnyText, connector::Error) override { return absl::InternalError("no scope"); }
  absl::Status NotRead(connector::Error) override { return absl::InternalError("no scope"); }

  struct ScopeEnd final : connector::ScopeWriter {
    ScopeEnd(Collector& collector, std::string id) : collector(collector), id(std::move(id)) {}
    absl::Status Add(const connector::Record& record) override {
      connector::Record kept(record.object_class(), record.id());
      for (const auto& [name, value] : record.attributes()) {
        if (collector.request_.Wants(record.object_class(), name)) kept.Set(name, value);
      }
      if (!records[record.object_class()].emplace(record.id(), kept).second) ++collector.repeated;
      return absl::OkStatus();
    }
    absl::Status Deleted(connector::AnyText, connector::AnyText) override { return absl::OkStatus(); }
    absl::Status Checkpoint(connector::Cursor) override { return absl::OkStatus(); }
    absl::Status Complete(std::optional<connector::Cursor>) override {
      for (const auto& wanted : collector.request_.classes) Settle(wanted.object_class, State::kComplete, {});
      return absl::OkStatus();
    }
    absl::Status CompleteClass(connector::AnyText object_class) override {
      return End(object_class, State::kComplete, {});
    }
    absl::Status Partial(connector::AnyText object_class, connector::Error why) override {
      return End(object_class, State::kPartial, std::move(why));
    }
    absl::Status NotRead(connector::AnyText object_class, connector::Error why) override {
      return End(object_class, State::kNotRead, std::move(why));
    }
    absl::Status NotRead(connector::Error why) override {
      for (const auto& wanted : collector.request_.classes) Settle(wanted.object_class, State::kNotRead, why);
      return absl::OkStatus();
    }
    absl::Status End(connector::AnyText object_class, State state, connector::Error error) {
      Settle(object_class, state, std::move(error));
      return absl::OkStatus();
    }
    void Settle(connector::AnyText object_class, State state, connector::Error error) {
      auto& end = ends[object_class.str()];
      if (end.state == State::kMissing) end = {state, std::move(error)};
    }

    Collector& collector;
    std::string id, label;
    std::map<std::string, std::map<std::string, connector::Record>> records;
    std::map<std::string, ClassEnd> ends;
  };

  std::map<std::string, std::unique_ptr<ScopeEnd>> scopes;
  std::vector<connector::Diagnostic> warnings;
  bool complete = false;
  int repeated = 0;  // Records that were written twice.

 private:
  const connector::ImportRequest& request_;
};

}  // namespace sluice::somtoday

#endif  // PLUGINS_SOMTODAY_TESTS_COLLECTOR_H_
