// A system in memory: a source that hands out its records, or a directory that does what it is told.
//
// For tests of what speaks to the host. Answers come on a thread of its own. Thread-safe.
#ifndef SLUICE_HOST_API_TESTING_FAKE_SYSTEM_H_
#define SLUICE_HOST_API_TESTING_FAKE_SYSTEM_H_

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "host/base/executor.h"
#include "host/engine/connector.h"

namespace sluice::api::testing {

class FakeSystem final : public engine::Connector {
 public:
  FakeSystem(std::string system, engine::SystemSchema schema)
      : system_(std::move(system)), schema_(std::move(schema)) {}

  const std::string& system() const override { return system_; }
  void Test(std::function<void(absl::StatusOr<engine::TestReport>)> done) override;
  void GetSchema(std::function<void(absl::StatusOr<engine::SystemSchema>)> done) override;
  void Import(const engine::ReadPlan& plan, std::shared_ptr<engine::ImportSink> sink) override;
  std::unique_ptr<engine::ApplyStream> Apply(const std::string& run_id,
                                             std::shared_ptr<engine::ApplySink> sink) override;
  void Verify(std::vector<engine::TargetOperation> operations,
              std::function<void(absl::StatusOr<std::vector<engine::Verdict>>)> done) override;
  void FindTaken(const std::string& unique_in, std::vector<core::Value> values,
                 std::function<void(absl::StatusOr<std::vector<engine::Taken>>)> done) override;
  void Cancel() override { HoldImports(false); }

  void Add(const std::string& object_class, const std::string& id, core::Fields attributes);
  void Remove(const std::string& id);
  // Imports that begin while they are held end only when they are not any more.
  void HoldImports(bool are_held);
  // Every operation on an object with this value among its attributes fails.
  void Refuse(const std::string& value);
  // What a test of the system says.
  void SetReport(engine::TestReport report);
  int operations() const;  // That were carried out.

 private:
  class Stream;
  engine::TargetResult Do(const engine::TargetOperation& operation);
  void Answer(std::shared_ptr<engine::ImportSink> sink, const engine::ReadPlan& plan);

  const std::string system_;
  const engine::SystemSchema schema_;
  mutable absl::Mutex mutex_;
  std::vector<core::Record> records_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> refused_ ABSL_GUARDED_BY(mutex_);
  engine::TestReport report_ ABSL_GUARDED_BY(mutex_);
  bool are_held_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::pair<std::shared_ptr<engine::ImportSink>, engine::ReadPlan>> held_ ABSL_GUARDED_BY(mutex_);
  int operations_ ABSL_GUARDED_BY(mutex_) = 0;
  base::Executor executor_{"fake-system"};
};

engine::SystemSchema SchoolSchema();
engine::SystemSchema DirectorySchema();

}  // namespace sluice::api::testing

#endif  // SLUICE_HOST_API_TESTING_FAKE_SYSTEM_H_
