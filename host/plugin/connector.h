// One configured system as the engine sees it, over whatever process serves it now.
//
// Lives as long as the Router, even when its system has left the configuration: then every call fails. Callbacks of
// calls and results of an apply run on one thread of its own, an import's sink on another, because it may block. The
// destructor cancels what is under way and waits for the callbacks, never for the plugin; it must not run on a thread
// of the connector.
#ifndef SLUICE_HOST_PLUGIN_CONNECTOR_H_
#define SLUICE_HOST_PLUGIN_CONNECTOR_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "host/base/executor.h"
#include "host/engine/connector.h"
#include "host/plugin/session.h"
#include "host/plugin/supervisor.h"

namespace sluice::plugin {

struct CallLimits {
  absl::Duration test = absl::Minutes(2);
  absl::Duration schema = absl::Minutes(2);
  absl::Duration verify = absl::Minutes(5);
  absl::Duration find_taken = absl::Minutes(1);  // Without an answer a name is tried all the same.
  absl::Duration idle = absl::Seconds(35);       // Of a stream: the contract promises a sign of life every 30 s.
};

class PluginConnector final : public engine::Connector {
 public:
  PluginConnector(std::string system, std::shared_ptr<Supervisor> supervisor, base::Executor* supervision,
                  CallLimits limits);
  ~PluginConnector() override;

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
  void Cancel() override;

  Supervisor& supervisor() { return *supervisor_; }
  // From now on every call fails with NOT_FOUND, or no longer.
  void SetRetired(bool is_retired) { is_retired_ = is_retired; }

 private:
  template <typename Result, typename Call>
  void Unary(std::function<void(absl::StatusOr<Result>)> done, Call call);
  void Acquire(Supervisor::Acquired acquired);
  StreamContext Context(std::string run_id, base::Executor* executor);
  absl::Status Named(const absl::Status& status) const;
  void Begin();
  void End();

  const std::string system_;
  const std::shared_ptr<Supervisor> supervisor_;
  base::Executor* const supervision_;
  const CallLimits limits_;
  std::atomic<bool> is_retired_{false};
  std::atomic<uint64_t> next_run_{1};
  std::shared_ptr<std::atomic<uint64_t>> cancels_ = std::make_shared<std::atomic<uint64_t>>(0);
  absl::Mutex mutex_;
  int under_way_ ABSL_GUARDED_BY(mutex_) = 0;
  base::Executor calls_, imports_;  // Last: their threads use all of the above.
};

}  // namespace sluice::plugin

#endif  // SLUICE_HOST_PLUGIN_CONNECTOR_H_
