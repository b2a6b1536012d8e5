#include "host/plugin/supervisor.h"

#include <signal.h>
#include <stdlib.h>

#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "host/base/log.h"
#include "host/engine/connector.h"

namespace sluice::plugin {
namespace {

// An end that says more than its text does to an operator.
std::string EndText(const PluginStatus& status, const ProcessEnd& end) {
  return absl::StrCat("plugin ",
                      status.package.empty() ? status.connector : absl::StrCat(status.package, " ", status.version),
                      " of ", status.system, " ", end.text);
}

}  // namespace

absl::string_view PluginStateName(PluginState state) {
  switch (state) {
    case PluginState::kStopped:
      return "stopped";
    case PluginState::kStarting:
      return "starting";
    case PluginState::kReady:
      return "ready";
    case PluginState::kDraining:
      return "draining";
    case PluginState::kBackoff:
      return "backoff";
    case PluginState::kHalted:
      return "halted";
  }
  return "stopped";
}

// Hears the process and posts to the executor. Outlives it; holds the supervisor weakly, because it is part of it.
class Supervisor::Launch final : public ProcessObserver {
 public:
  Launch(std::weak_ptr<Supervisor> owner, base::Executor* executor, uint64_t number, std::shared_ptr<RecentLines> lines,
         std::string system, std::string connector, std::vector<std::string> secrets)
      : owner_(std::move(owner)),
        executor_(executor),
        number_(number),
        lines_(std::move(lines)),
        system_(std::move(system)),
        connector_(std::move(connector)),
        secrets_(std::move(secrets)) {}

  void OnAccepted() override {
    executor_->Run([owner = owner_, number = number_] {
      if (auto self = owner.lock()) self->OnAccepted(number);
    });
  }

  void OnLog(const LogLine& line) override {
    LogLine clean = line;
    {
      absl::MutexLock lock(&mutex_);
      clean.message = WithoutSecrets(std::move(clean.message), secrets_);
      for (auto& field : clean.fields) field.second = WithoutSecrets(std::move(field.second), secrets_);
    }
    const std::string text = clean.ToText();
    lines_->Add(text);
    std::string fields;
    for (const auto& [key, value] : clean.fields) absl::StrAppend(&fields, fields.empty() ? "" : " ", key, "=", value);
    if (fields.empty()) {
      base::Log(clean.level, clean.message, {{"system", system_}, {"plugin", connector_}});
    } else {
      base::Log(clean.level, clean.message, {{"system", system_}, {"plugin", connector_}, {"fields", fields}});
    }
  }

  // A secret that came to be after the launch.
  void AddSecret(const std::string& value) {
    absl::MutexLock lock(&mutex_);
    secrets_.push_back(value);
  }

  void OnEnd(const ProcessEnd& end) override {
    executor_->Run([owner = owner_, number = number_, end] {
      if (auto self = owner.lock()) self->OnEnd(number, end);
    });
  }

 private:
  const std::weak_ptr<Supervisor> owner_;
  base::Executor* const executor_;
  const uint64_t number_;
  const std::shared_ptr<RecentLines> lines_;
  const std::string system_, connector_;
  absl::Mutex mutex_;
  std::vector<std::string> secrets_ ABSL_GUARDED_BY(mutex_);
};

std::shared_ptr<Supervisor> Supervisor::Create(SystemConfig config, absl::StatusOr<Package> package,
                                               SupervisorOptions options, base::Executor* executor,
                                               const base::Clock* clock, SecretSink secrets) {
  return std::shared_ptr<Supervisor>(
      new Supervisor(std::move(config), std::move(package), std::move(options), executor, clock, std::move(secrets)));
}

Supervisor::Supervisor(SystemConfig config, absl::StatusOr<Package> package, SupervisorOptions options,
                       base::Executor* executor, const base::Clock* clock, SecretSink secrets)
    : options_(std::move(options)),
      executor_(executor),
      clock_(clock),
      secret_sink_(std::move(secrets)),
      package_(std::move(package)),
      backoff_(options_.backoff),
      lines_(std::make_shared<RecentLines>(options_.log_lines)),
      config_(std::move(config)) {
  absl::MutexLock lock(&mutex_);
  status_.system = config_.name;
  status_.connector = config_.connector;
  status_.since = clock_->Now();
  if (package_.ok()) {
    status_.package = package_->name;
    status_.version = package_->version;
    status_.directory = package_->directory;
  }
}

Supervisor::~Supervisor() {
  process_.reset();  // Kills it, if somebody forgot to stop.
  RemoveWorkDir();
}

PluginStatus Supervisor::Status() const {
  absl::MutexLock lock(&mutex_);
  PluginStatus status = status_;
  status.last_lines = lines_->Get();
  return status;
}

std::vector<std::string> Supervisor::SecretValues() const {
  absl::MutexLock lock(&mutex_);
  std::vector<std::string> values;
  for (const auto& [name, value] : config_.secrets) values.push_back(value);
  for (const auto& [name, history] : config_.secret_history) {
    if (!history.previous.empty()) values.push_back(history.previous);
  }
  return values;
}

SystemConfig Supervisor::config() const {
  absl::MutexLock lock(&mutex_);
  return config_;
}

void Supervisor::ListenToEvents(uint64_t launch) {
  if (!IsCurrent(launch) || Status().state != PluginState::kReady) return;
  const auto weak = weak_from_this();
  session_->ListenToEvents(
      [weak, launch, executor = executor_](SecretRotation rotation, std::function<void(bool)> acknowledge) {
        executor->Run([weak, launch, rotation = std::move(rotation), acknowledge = std::move(acknowledge)] {
          if (auto self = weak.lock()) self->OnRotation(launch, rotation, acknowledge);
        });
      },
      [weak, launch, executor = executor_, after = options_.events_again] {
        executor->RunAfter(after, [weak, launch] {
          if (auto self = weak.lock()) self->ListenToEvents(launch);
        });
      });
}

void Supervisor::OnRotation(uint64_t launch, const SecretRotation& rotation, std::function<void(bool)> acknowledge) {
  if (!IsCurrent(launch)) return;
  launch_->AddSecret(rotation.value);
  const SystemConfig now = config();
  if (rotation.system != now.name || now.secrets.count(rotation.name) == 0 || !secret_sink_) {
    base::LogWarning("a plugin told of a new secret that it does not have",
                     {{"system", now.name}, {"plugin", now.connector}, {"secret", HarmlessText(rotation.name, 100)}});
    return acknowledge(false);
  }
  secret_sink_(rotation, [weak = weak_from_this(), rotation,
                          acknowledge = std::move(acknowledge)](std::optional<SystemConfig::SecretHistory> history) {
    auto self = weak.lock();
    if (self == nullptr) return;
    if (history.has_value()) {  // The next process of this system is opened with it; this one has it.
      absl::MutexLock lock(&self->mutex_);
      self->config_.secrets[rotation.name] = rotation.value;
      self->config_.secret_history[rotation.name] = *std::move(history);
    }
    acknowledge(true);
  });
}

void Supervisor::CancelStreams() {
  std::shared_ptr<Session> session;
  {
    absl::MutexLock lock(&mutex_);
    session = shared_session_;
  }
  if (session != nullptr) session->CancelStreams();
}

void Supervisor::Start() {
  executor_->Run([self = shared_from_this()] {
    self->ends_.clear();
    self->backoff_.Reset();
    switch (self->Status().state) {
      case PluginState::kStopped:
      case PluginState::kBackoff:
      case PluginState::kHalted:
        return self->StartProcess();
      case PluginState::kDraining:
        self->starts_again_ = true;
        return;
      case PluginState::kStarting:
      case PluginState::kReady:
        return;
    }
  });
}

absl::Status Supervisor::Unavailable() const {
  engine::Failure failure;
  failure.reason = engine::Reason::kUnavailable;
  const PluginStatus status = Status();
  failure.message = status.message.empty()
                        ? absl::StrCat("the plugin of ", status.system, " is ", PluginStateName(status.state))
                        : status.message;
  return engine::FailureToStatus(failure);
}

void Supervisor::Acquire(Acquired acquired) {
  executor_->Run([self = shared_from_this(), acquired = std::move(acquired)]() mutable {
    switch (self->Status().state) {
      case PluginState::kReady:
        return acquired(self->session_);
      case PluginState::kStopped:
        self->waiters_.push_back(std::move(acquired));
        return self->StartProcess();
      case PluginState::kStarting:
        self->waiters_.push_back(std::move(acquired));
        return;
      case PluginState::kDraining:
        if (self->starts_again_) {
          self->waiters_.push_back(std::move(acquired));
          return;
        }
        return acquired(self->Unavailable());
      case PluginState::kBackoff:
      case PluginState::kHalted:
        return acquired(self->Unavailable());
    }
  });
}

void Supervisor::AnswerWaiters(const absl::StatusOr<std::shared_ptr<Session>>& answer) {
  std::vector<Acquired> waiters;
  waiters.swap(waiters_);
  for (const Acquired& waiter : waiters) waiter(answer);
}

void Supervisor::SetState(PluginState state, std::string message) {
  absl::MutexLock lock(&mutex_);
  status_.state = state;
  status_.since = clock_->Now();
  status_.message = std::move(message);
  status_.pid = process_ != nullptr ? process_->pid() : 0;
  status_.launch_id = process_ != nullptr ? process_->launch_id() : "";
  shared_session_ = state == PluginState::kReady || state == PluginState::kDraining ? session_ : nullptr;
}

void Supervisor::StartProcess() {
  if (backoff_timer_ != 0) executor_->Cancel(backoff_timer_);
  backoff_timer_ = 0;
  const uint64_t number = ++launch_number_;
  if (!package_.ok()) {  // Nothing of ours changes that: only another configuration, or an installation.
    ProcessEnd end{.kind = EndKind::kNotStarted, .number = 0, .text = "", .worth_retrying = false};
    end.text = absl::StrCat("cannot be started: ", package_.status().message());
    return Judge(end);
  }
  ProcessOptions process_options = options_.process;
  SystemConfig config;
  {
    absl::MutexLock lock(&mutex_);
    config = config_;
  }
  process_options.time_zone = config.time_zone;
  if (!options_.work_root.empty()) {
    std::string name = absl::StrCat(options_.work_root, "/", config.name, ".XXXXXX");
    if (mkdtemp(name.data()) == nullptr) {
      return Judge({.kind = EndKind::kNotStarted,
                    .number = 0,
                    .text = absl::StrCat("cannot be started: no directory can be made in ", options_.work_root),
                    .worth_retrying = true});
    }
    work_dir_ = name;
    process_options.work_dir = name;
  }
  launch_ = std::make_unique<Launch>(weak_from_this(), executor_, number, lines_, config.name, package_->name,
                                     SecretValues());
  auto process = Process::Start(*package_, process_options, launch_.get());
  if (!process.ok()) {
    RemoveWorkDir();
    return Judge(
        {.kind = EndKind::kNotStarted,
         .number = 0,
         .text = absl::StrCat("cannot be started: ", process.status().message()),
         .worth_retrying = !absl::IsNotFound(process.status()) && !absl::IsPermissionDenied(process.status())});
  }
  process_ = *std::move(process);
  SetState(PluginState::kStarting, absl::StrCat("the plugin of ", config.name, " is starting"));
  base::LogInfo("plugin started", {{"system", config.name},
                                   {"plugin", package_->name},
                                   {"version", package_->version},
                                   {"pid", absl::StrCat(process_->pid())},
                                   {"launch", process_->launch_id()}});
}

void Supervisor::CheckHealth(uint64_t launch) {
  if (!IsCurrent(launch) || Status().state != PluginState::kReady) return;
  session_->Check(options_.health_deadline, [self = shared_from_this(), launch](const absl::Status& status) {
    self->executor_->Run([self, launch, status] { self->OnHealth(launch, status); });
  });
}

void Supervisor::OnHealth(uint64_t launch, const absl::Status& status) {
  if (!IsCurrent(launch) || Status().state != PluginState::kReady) return;
  misses_ = status.ok() ? 0 : misses_ + 1;
  if (misses_ >= options_.health_misses) {
    process_->Kill({.kind = EndKind::kHang,
                    .number = 0,
                    .text = absl::StrCat("gave no answer to ", misses_, " health calls in a row and was killed"),
                    .worth_retrying = true});
    return;
  }
  executor_->RunAfter(options_.health_every, [self = weak_from_this(), launch] {
    if (auto s = self.lock()) s->CheckHealth(launch);
  });
}

void Supervisor::OnEnd(uint64_t launch, const ProcessEnd& end) {
  if (!IsCurrent(launch)) return;
  if (session_ != nullptr) session_->FailAll();
  session_.reset();
  process_.reset();  // Joins its thread, which has said its last word.
  launch_.reset();
  RemoveWorkDir();
  if (Status().state == PluginState::kDraining) return FinishStop();
  Judge(end);
}

void Supervisor::RemoveWorkDir() {
  if (work_dir_.empty()) return;
  std::error_code ignored;
  std::filesystem::remove_all(work_dir_, ignored);
  work_dir_.clear();
}

// What follows from an end that nobody asked for.
void Supervisor::Judge(const ProcessEnd& end) {
  const absl::Duration now = base::Executor::Elapsed();
  if (ready_since_ != absl::InfiniteDuration() && now - ready_since_ >= options_.healthy_after) backoff_.Reset();
  ready_since_ = absl::InfiniteDuration();
  std::string text;
  {
    absl::MutexLock lock(&mutex_);
    status_.last_end = end;
    status_.last_end_time = clock_->Now();
    ++status_.restarts;
    text = EndText(status_, end);
  }
  ends_.push_back(now);
  while (!ends_.empty() && now - ends_.front() > options_.breaker_window) ends_.pop_front();
  const bool is_loop = static_cast<int>(ends_.size()) >= options_.breaker_ends;
  if (!end.worth_retrying || is_loop) {
    const std::string why = is_loop && end.worth_retrying ? absl::StrCat(" for the ", ends_.size(), "th time in ",
                                                                         absl::FormatDuration(options_.breaker_window))
                                                          : "";
    const std::string system = Status().system;
    SetState(PluginState::kHalted, absl::StrCat(text, why, "; it is halted: see `sluice plugin show ", system,
                                                "`, then `sluice plugin start ", system, "`"));
    base::LogError("plugin halted", {{"system", system}, {"why", absl::StrCat(text, why)}});
    return AnswerWaiters(Unavailable());
  }
  const absl::Duration wait = backoff_.Next();
  SetState(PluginState::kBackoff, absl::StrCat(text, "; it is started again in ",
                                               absl::FormatDuration(absl::Trunc(wait, absl::Milliseconds(1)))));
  base::LogWarning("plugin ended", {{"system", Status().system}, {"why", text}});
  AnswerWaiters(Unavailable());
  backoff_timer_ = executor_->RunAfter(wait, [weak = weak_from_this()] {
    auto self = weak.lock();
    if (self != nullptr && self->Status().state == PluginState::kBackoff) self->StartProcess();
  });
}

void Supervisor::Stop(std::function<void()> stopped, bool quickly) {
  executor_->Run([self = shared_from_this(), stopped = std::move(stopped), quickly] {
    self->stop_waiters_.push_back(stopped);
    self->starts_again_ = false;
    self->StopProcess(quickly);
  });
}

void Supervisor::Reconfigure(SystemConfig config, absl::StatusOr<Package> package) {
  {
    absl::MutexLock lock(&mutex_);  // At once: who asks for it now must see what comes.
    config_ = std::move(config);
    status_.connector = config_.connector;
    status_.package = package.ok() ? package->name : "";
    status_.version = package.ok() ? package->version : "";
    status_.directory = package.ok() ? package->directory : "";
  }
  executor_->Run([self = shared_from_this(), package = std::move(package)] {
    const PluginState state = self->Status().state;
    self->package_ = package;
    self->ends_.clear();
    self->backoff_.Reset();
    if (state == PluginState::kStopped) return;
    self->starts_again_ = state != PluginState::kDraining || self->starts_again_;
    self->StopProcess(false);
  });
}

void Supervisor::StopProcess(bool quickly) {
  if (backoff_timer_ != 0) executor_->Cancel(backoff_timer_);
  backoff_timer_ = 0;
  if (process_ == nullptr) return FinishStop();
  const bool was_ready = Status().state == PluginState::kReady;
  if (Status().state == PluginState::kDraining && !quickly) return;
  process_->ExplainEnd({.kind = EndKind::kAsked, .number = 0, .text = "was stopped", .worth_retrying = true});
  SetState(PluginState::kDraining, absl::StrCat("the plugin of ", Status().system, " is stopping"));
  const uint64_t launch = launch_number_;
  if (quickly) {
    process_->Signal(SIGKILL);
    return;
  }
  if (!was_ready) return CloseAndKill(launch);
  session_->Drain(options_.drain_patience, [self = shared_from_this(),
                                            launch](absl::StatusOr<std::vector<std::string>> unfinished) {
    self->executor_->Run([self, launch, unfinished = std::move(unfinished)] {
      if (unfinished.ok() && !unfinished->empty()) {
        base::LogWarning("plugin drained with operations unfinished",
                         {{"system", self->Status().system}, {"operations", absl::StrCat(unfinished->size())}});
      }
      self->CloseAndKill(launch);
    });
  });
}

void Supervisor::CloseAndKill(uint64_t launch) {
  if (!IsCurrent(launch)) return;
  process_->CloseControl();
  const auto then = [this, launch](absl::Duration patience, int signal) {
    executor_->RunAfter(patience, [self = shared_from_this(), launch, signal] {
      if (self->IsCurrent(launch)) self->process_->Signal(signal);
    });
  };
  then(options_.exit_patience, SIGTERM);
  then(options_.exit_patience + options_.term_patience, SIGKILL);
}

void Supervisor::FinishStop() {
  ready_since_ = absl::InfiniteDuration();
  SetState(PluginState::kStopped, "");
  std::vector<std::function<void()>> stopped;
  stopped.swap(stop_waiters_);
  const bool starts_again = std::exchange(starts_again_, false);
  for (const auto& callback : stopped) callback();
  if (starts_again) {
    StartProcess();
  } else {
    AnswerWaiters(Unavailable());
  }
}

}  // namespace sluice::plugin
