// The conversation with one running plugin, over gRPC on the connection that its process gives. gRPC and the generated
// messages stay behind it.
//
// Thread-safe. Every call is asynchronous and has a deadline or an idle limit; its callback comes exactly once, on a
// thread of gRPC, and must be short: post what takes time to an executor. When the process dies every call fails at
// once with UNAVAILABLE; the session never reconnects. The last reference may go on any thread. Failures are statuses
// that carry an engine::Failure.
#ifndef SLUICE_HOST_PLUGIN_SESSION_H_
#define SLUICE_HOST_PLUGIN_SESSION_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "host/base/executor.h"
#include "host/base/subprocess.h"
#include "host/engine/connector.h"
#include "host/plugin/config_schema.h"
#include "host/plugin/process.h"
#include "host/plugin/system_config.h"

namespace sluice::plugin {

struct PluginInfo {
  std::string name, version;
  std::vector<std::string> services;
  bool can_preview = false, can_find_taken = false, can_import_incrementally = false;
};

// What a connector says about settings; each line is for an operator.
struct ConfigVerdict {
  std::vector<SettingProblem> problems;
  core::Value::Map migrated;  // Settings of an older schema, brought up to date.
};

// A secret of ours has another value from now on.
struct SecretRotation {
  std::string event_id, system, name, value;
  uint64_t replaces_version = 0;  // 0: whichever there is.
};

// A stream's surroundings. The executor must live until `ended` has been called.
struct StreamContext {
  std::string system;
  std::string run_id;
  absl::Duration idle_limit = absl::Seconds(35);
  base::Executor* executor = nullptr;  // Runs the sink; may be blocked by it.
  base::Executor* timers = nullptr;    // Runs the idle check; is never blocked.
  std::vector<std::string> secrets;    // Taken out of every message.
  std::function<void()> ended;         // After the sink's last call, on `executor`.
};

class ApplyCall;

class Session : public std::enable_shared_from_this<Session> {
 public:
  // Takes the host's end of the connection; connects, when the first call is made, where the plugin listens.
  static std::shared_ptr<Session> Adopt(Connection connection);
  ~Session();

  void GetInfo(absl::Duration deadline, std::function<void(absl::StatusOr<PluginInfo>)> done);
  void GetConfigSchema(absl::Duration deadline, std::function<void(absl::StatusOr<ConfigSchema>)> done);
  void ValidateConfig(const SystemConfig& config, uint32_t schema_version, absl::Duration deadline,
                      std::function<void(absl::StatusOr<ConfigVerdict>)> done);
  // The only call that hands secrets over. A diagnostic that is an error fails it with INVALID_ARGUMENT.
  void Open(const SystemConfig& config, uint32_t schema_version, absl::Duration deadline,
            std::function<void(absl::Status)> done);
  // OK when the plugin answers at all: one that is still starting or drains is alive.
  void Check(absl::Duration deadline, std::function<void(absl::Status)> done);
  // The ids of the operations that were not finished within `patience`.
  void Drain(absl::Duration patience, std::function<void(absl::StatusOr<std::vector<std::string>>)> done);
  // Listens for secrets that the system gave us. The receiver calls `acknowledge` when it has stored one durably, with
  // false when it knows nothing of it; an event that it does not acknowledge comes again at the next opening. `over` is
  // called when the stream has ended, unless the session has.
  void ListenToEvents(std::function<void(SecretRotation rotation, std::function<void(bool)> acknowledge)> receive,
                      std::function<void()> over);

  void Test(const std::string& system, absl::Duration deadline,
            std::function<void(absl::StatusOr<engine::TestReport>)> done);
  void GetSchema(const std::string& system, absl::Duration deadline,
                 std::function<void(absl::StatusOr<engine::SystemSchema>)> done);
  // kUnsupported, and no call, when the program said that it cannot.
  void FindTaken(const std::string& system, const std::string& unique_in, const std::vector<core::Value>& values,
                 absl::Duration deadline, std::function<void(absl::StatusOr<std::vector<engine::Taken>>)> done);
  void Verify(const std::string& system, const std::vector<engine::TargetOperation>& operations,
              absl::Duration deadline, std::function<void(absl::StatusOr<std::vector<engine::Verdict>>)> done);
  void Import(const engine::ReadPlan& plan, StreamContext context, std::shared_ptr<engine::ImportSink> sink);
  // Operations that `call` has queued, and those to come, are sent on this connection.
  void Apply(std::shared_ptr<ApplyCall> call);

  // Cancels imports and applies; each ends with CANCELLED.
  void CancelStreams();
  // The process is gone: everything that is under way, and all that comes, fails with UNAVAILABLE.
  void FailAll();

 private:
  struct Wire;
  explicit Session(std::unique_ptr<Wire> wire);
  template <typename Request, typename Response, typename Start>
  void Unary(absl::Duration deadline, Request request, Start start, std::function<void(absl::Status, Response&)> done);

  const std::unique_ptr<Wire> wire_;
};

}  // namespace sluice::plugin

#endif  // SLUICE_HOST_PLUGIN_SESSION_H_
