// The connector for tests against a real domain controller: an organizational unit for each test, operations sent as
// the host would send them, imports collected. One test, one thread; the controller is the program's.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "plugins/active_directory/src/changes.h"
#include "plugins/active_directory/src/connector.h"
#include "plugins/active_directory/tests/samba.h"

namespace sluice::active_directory {

using connector::Action;
using connector::Delta;
using connector::Operation;
using connector::Outcome;
using connector::Reason;
using connector::Result;
using connector::Secret;
using connector::Value;

// Collects the answers of a session.
class Sink final : public connector::ResultSink {
 public:
  void Answer(Result result) override {
    absl::MutexLock lock(&mutex_);
    const std::string id = result.operation;
    EXPECT_TRUE(results_.emplace(id, std::move(result)).second) << "answered twice: " << id;
  }
  void Progress(connector::ProgressReport) override {}
  std::map<std::string, Result> Wait(size_t count) {
    absl::MutexLock lock(&mutex_);
    const auto all = [this, count] { return results_.size() >= count; };
    mutex_.Await(absl::Condition(&all));
    return results_;
  }

 private:
  absl::Mutex mutex_;
  std::map<std::string, Result> results_;
};

// Collects an import.
class Records final : public connector::RecordWriter {
 public:
  absl::Status Add(const connector::Record& record) override {
    records.push_back(record);
    return absl::OkStatus();
  }
  absl::Status Deleted(connector::AnyText, connector::AnyText) override { return absl::OkStatus(); }
  absl::Status Checkpoint(connector::Cursor) override { return absl::OkStatus(); }
  absl::Status Complete(std::optional<connector::Cursor>) override {
    complete = true;
    return absl::OkStatus();
  }
  absl::Status CompleteClass(connector::AnyText object_class) override {
    complete_classes.insert(object_class.str());
    return absl::OkStatus();
  }
  absl::Status Partial(connector::AnyText object_class, connector::Error why) override {
    failed.emplace(object_class.str(), why);
    return absl::OkStatus();
  }
  absl::Status NotRead(connector::AnyText object_class, connector::Error why) override {
    failed.emplace(object_class.str(), why);
    return absl::OkStatus();
  }
  absl::Status NotRead(connector::Error) override { return absl::OkStatus(); }
  ScopeWriter& Scope(connector::AnyText, connector::AnyText) override { return *this; }
  void DeclareScopes(const std::vector<std::pair<std::string, std::string>>&) override {}
  void Report(connector::Diagnostic) override {}
  void Progress(connector::ProgressReport) override {}
  void AddSystemTime(absl::Duration) override {}

  size_t Count(const std::string& object_class) const {
    size_t count = 0;
    for (const auto& record : records) count += record.object_class() == object_class;
    return count;
  }
  const connector::Record* Named(const std::string& name) const {
    for (const auto& record : records) {
      if (record.name() == name) return &record;
    }
    return nullptr;
  }

  std::vector<connector::Record> records;
  std::set<std::string> complete_classes;
  std::map<std::string, connector::Error> failed;
  bool complete = false;
};

inline Delta Set(const std::string& attribute, Value value) {
  return Delta{attribute, Delta::Kind::kReplace, std::move(value), {}};
}
inline Delta Clear(const std::string& attribute) { return Delta{attribute, Delta::Kind::kClear, {}, {}}; }

class ConnectorTest : public testing::Test {
 protected:
  void SetUp() override {
    connector_ = Open(Samba::Get().System());
    client_ = std::make_unique<Client>(Samba::Get().ClientOptions());
    // Every test in an organizational unit of its own.
    unit_ = absl::StrCat("OU=", testing::UnitTest::GetInstance()->current_test_info()->name());
    unit_.resize(std::min<size_t>(unit_.size(), 60));
  }

  static std::unique_ptr<ActiveDirectory> Open(connector::System system) {
    auto connector = std::make_unique<ActiveDirectory>();
    const auto status = connector::SystemForTest::Open(*connector, std::move(system));
    EXPECT_TRUE(status.ok()) << status;
    return connector;
  }

  std::map<std::string, Result> Apply(std::vector<Operation> operations) {
    auto sink = std::make_shared<Sink>();
    auto session = connector_->StartApply({}, sink);
    const size_t count = operations.size();
    for (Operation& operation : operations) session->Submit(std::move(operation));
    session->Flush();
    return sink->Wait(count);
  }
  Result ApplyOne(Operation operation) {
    const std::string id = operation.id;
    return Apply({std::move(operation)}).at(id);
  }

  Operation Make(Action action, const std::string& object_class, const std::string& id = "") {
    Operation operation;
    operation.id = absl::StrCat("op", ++operations_);
    operation.action = action;
    operation.object_class = object_class;
    operation.object_id = id;
    return operation;
  }
  Operation Person(const std::string& cn, const std::string& account_name, const std::string& employee_id) {
    Operation operation = Make(Action::kCreate, kAccount);
    operation.deltas = {Set("cn", cn), Set("parent", unit_), Set("sAMAccountName", account_name),
                        Set("employeeID", employee_id)};
    operation.correlate = {{"employeeID", Value(employee_id)}};
    return operation;
  }
  Operation Member(Action action, const std::string& account, const std::string& group) {
    Operation operation = Make(action, kAccount, account);
    operation.permission = connector::Permission{kMembership, group, {}};
    return operation;
  }
  std::string MakeGroup(const std::string& name) {
    Operation operation = Make(Action::kCreate, kGroup);
    operation.deltas = {Set("name", name), Set("parent", unit_)};
    const Result result = ApplyOne(operation);
    EXPECT_EQ(result.outcome, Outcome::kApplied) << Why(result);
    return result.object_id;
  }
  std::vector<std::string> MakePeople(const std::string& prefix, int count) {
    std::vector<Operation> operations;
    for (int i = 0; i < count; ++i)
      operations.push_back(Person(absl::StrCat(prefix, i), absl::StrCat(prefix, i), absl::StrCat(prefix, i)));
    std::vector<std::string> order, ids;
    for (const Operation& operation : operations) order.push_back(operation.id);
    const auto results = Apply(std::move(operations));
    for (const std::string& id : order) {
      EXPECT_EQ(results.at(id).outcome, Outcome::kApplied) << Why(results.at(id));
      ids.push_back(results.at(id).object_id);
    }
    return ids;
  }
  static std::string Why(const Result& result) {
    if (!result.error.has_value()) return "no error";
    return absl::StrCat(std::string(connector::ReasonName(result.error->reason)), " ", result.error->target_status, " ",
                        result.error->diagnostics.empty() ? "" : result.error->diagnostics[0].summary);
  }
  Entry Look(const std::string& id, const std::vector<std::string>& attributes) {
    return Samba::Get().Look(*client_, GuidDn(id), attributes);
  }
  std::string Place() const { return absl::StrCat(unit_, ",", Samba::Get().Base()); }

  std::unique_ptr<ActiveDirectory> connector_;
  std::unique_ptr<Client> client_;
  std::string unit_;
  static inline int operations_ = 0;
};

}  // namespace sluice::active_directory
