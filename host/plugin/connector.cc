#include "host/plugin/connector.h"

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "host/plugin/log_lines.h"
#include "host/plugin/streams_internal.h"

namespace sluice::plugin {
namespace {

absl::Status Cancelled() {
  engine::Failure failure;
  failure.reason = engine::Reason::kCancelled;
  failure.message = "the call was cancelled before it began";
  return engine::FailureToStatus(failure);
}

class ApplyHandle final : public engine::ApplyStream {
 public:
  explicit ApplyHandle(std::shared_ptr<ApplyCall> call) : call_(std::move(call)) {}
  ~ApplyHandle() override { call_->Close(); }
  void Send(std::vector<engine::TargetOperation> operations) override { call_->Send(std::move(operations)); }
  void Flush() override { call_->Flush(); }
  void Close() override { call_->Close(); }

 private:
  const std::shared_ptr<ApplyCall> call_;
};

}  // namespace

PluginConnector::PluginConnector(std::string system, std::shared_ptr<Supervisor> supervisor,
                                 base::Executor* supervision, CallLimits limits)
    : system_(std::move(system)),
      supervisor_(std::move(supervisor)),
      supervision_(supervision),
      limits_(limits),
      calls_(absl::StrCat("call ", system_)),
      imports_(absl::StrCat("read ", system_)) {}

PluginConnector::~PluginConnector() {
  is_retired_ = true;
  Cancel();
  absl::Notification stopped;  // Ends the calls that have no cancel of their own; SIGKILL asks for nobody's consent.
  supervisor_->Stop([&stopped] { stopped.Notify(); }, /*quickly=*/true);
  stopped.WaitForNotification();
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(
      +[](int* under_way) { return *under_way == 0; }, &under_way_));
}

void PluginConnector::Begin() {
  absl::MutexLock lock(&mutex_);
  ++under_way_;
}

void PluginConnector::End() {
  absl::MutexLock lock(&mutex_);
  --under_way_;
}

// With the system's name in front, which an operator needs, and without its secrets.
absl::Status PluginConnector::Named(const absl::Status& status) const {
  if (status.ok()) return status;
  engine::Failure failure = engine::FailureFromStatus(status);
  failure.message =
      absl::StrCat(system_, ": ", WithoutSecrets(std::move(failure.message), supervisor_->SecretValues()));
  return engine::FailureToStatus(failure);
}

void PluginConnector::Acquire(Supervisor::Acquired acquired) {
  if (is_retired_) {
    supervision_->Run([this, acquired = std::move(acquired)] {
      engine::Failure failure;
      failure.reason = engine::Reason::kUnavailable;
      failure.message = "this system is not in the running configuration";
      acquired(engine::FailureToStatus(failure));
    });
    return;
  }
  supervisor_->Acquire(std::move(acquired));
}

template <typename Result, typename Call>
void PluginConnector::Unary(std::function<void(absl::StatusOr<Result>)> done, Call call) {
  Begin();
  const auto answer = [this, done = std::move(done)](absl::StatusOr<Result> result) {
    calls_.Run([this, done, result = std::move(result)]() mutable {
      if (result.ok()) {
        done(std::move(result));
      } else {
        done(Named(result.status()));
      }
      End();
    });
  };
  Acquire([answer, call = std::move(call)](absl::StatusOr<std::shared_ptr<Session>> session) {
    if (!session.ok()) return answer(session.status());
    call(**session, answer);
  });
}

void PluginConnector::Test(std::function<void(absl::StatusOr<engine::TestReport>)> done) {
  Unary<engine::TestReport>(std::move(done),
                            [this](Session& session, auto answer) { session.Test(system_, limits_.test, answer); });
}

void PluginConnector::GetSchema(std::function<void(absl::StatusOr<engine::SystemSchema>)> done) {
  Unary<engine::SystemSchema>(
      std::move(done), [this](Session& session, auto answer) { session.GetSchema(system_, limits_.schema, answer); });
}

void PluginConnector::Verify(std::vector<engine::TargetOperation> operations,
                             std::function<void(absl::StatusOr<std::vector<engine::Verdict>>)> done) {
  auto shared = std::make_shared<std::vector<engine::TargetOperation>>(std::move(operations));
  Unary<std::vector<engine::Verdict>>(std::move(done), [this, shared](Session& session, auto answer) {
    session.Verify(system_, *shared, limits_.verify, answer);
  });
}

void PluginConnector::FindTaken(const std::string& unique_in, std::vector<core::Value> values,
                                std::function<void(absl::StatusOr<std::vector<engine::Taken>>)> done) {
  auto shared = std::make_shared<std::vector<core::Value>>(std::move(values));
  Unary<std::vector<engine::Taken>>(std::move(done), [this, unique_in, shared](Session& session, auto answer) {
    session.FindTaken(system_, unique_in, *shared, limits_.find_taken, answer);
  });
}

StreamContext PluginConnector::Context(std::string run_id, base::Executor* executor) {
  StreamContext context;
  context.system = system_;
  context.run_id = std::move(run_id);
  context.idle_limit = limits_.idle;
  context.executor = executor;
  context.timers = supervision_;
  context.secrets = supervisor_->SecretValues();
  context.ended = [this] { End(); };
  return context;
}

void PluginConnector::Import(const engine::ReadPlan& plan, std::shared_ptr<engine::ImportSink> sink) {
  Begin();
  const std::string run_id = absl::StrCat(system_, "-import-", next_run_++);
  const uint64_t cancels = *cancels_;
  Acquire([this, plan, sink, run_id, cancels](absl::StatusOr<std::shared_ptr<Session>> session) {
    if (session.ok() && *cancels_ != cancels) session = Cancelled();
    if (session.ok()) return (*session)->Import(plan, Context(run_id, &imports_), sink);
    imports_.Run([this, sink, status = session.status()] {
      sink->OnEnd(Named(status), {}, {});
      End();
    });
  });
}

std::unique_ptr<engine::ApplyStream> PluginConnector::Apply(const std::string& run_id,
                                                            std::shared_ptr<engine::ApplySink> sink) {
  Begin();
  auto call = std::make_shared<ApplyCall>(Context(run_id, &calls_), std::move(sink));
  const uint64_t cancels = *cancels_;
  Acquire([this, call, cancels](absl::StatusOr<std::shared_ptr<Session>> session) {
    if (session.ok() && *cancels_ != cancels) session = Cancelled();
    if (session.ok()) return (*session)->Apply(call);
    call->Refuse(session.status());
  });
  return std::make_unique<ApplyHandle>(call);
}

// On the supervision thread, where calls begin: one that was asked for before this is either under way or sees the
// count.
void PluginConnector::Cancel() {
  supervision_->Run([cancels = cancels_, supervisor = supervisor_] {
    ++*cancels;
    supervisor->CancelStreams();
  });
}

}  // namespace sluice::plugin
