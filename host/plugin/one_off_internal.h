// A plugin process without a system, for one question: what can be set, and are these settings right?
//
// Blocks. The process is gone when this is.
#ifndef SLUICE_HOST_PLUGIN_ONE_OFF_INTERNAL_H_
#define SLUICE_HOST_PLUGIN_ONE_OFF_INTERNAL_H_

#include <memory>

#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "host/plugin/catalogue.h"
#include "host/plugin/process.h"
#include "host/plugin/session.h"
#include "host/plugin/supervisor.h"

namespace sluice::plugin {

class OneOff final : private ProcessObserver {
 public:
  // Waits until the plugin has accepted, refused or ended.
  static absl::StatusOr<std::unique_ptr<OneOff>> Start(const Package& package, const SupervisorOptions& options);
  ~OneOff() override;

  absl::StatusOr<ConfigSchema> GetConfigSchema();
  absl::StatusOr<ConfigVerdict> ValidateConfig(const SystemConfig& config, uint32_t schema_version);

 private:
  explicit OneOff(const SupervisorOptions& options) : options_(options) {}
  void OnAccepted() override;
  void OnLog(const LogLine&) override {}
  void OnEnd(const ProcessEnd& end) override;

  const SupervisorOptions options_;
  absl::Mutex mutex_;
  bool is_accepted_ ABSL_GUARDED_BY(mutex_) = false;
  ProcessEnd end_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<Process> process_;
  std::shared_ptr<Session> session_;
};

}  // namespace sluice::plugin

#endif  // SLUICE_HOST_PLUGIN_ONE_OFF_INTERNAL_H_
