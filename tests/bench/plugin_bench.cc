// What the way to a plugin costs: the launch, a record of an import, an operation. The connector is
// plugin_connector.cc, which costs next to nothing; goplugin.py runs this beside a peer. Processor time is that of both
// processes.
//
//   plugin_bench PLUGINS WORK LAUNCHES RECORDS OPERATIONS
//
// prints {"launch_ms":M,"record_us":R,"operation_us":O,"memory_kb":K}: the median launch to the first answer, processor
// time for each record and operation, and the plugin's memory at most.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "host/base/clock.h"
#include "host/base/memory.h"
#include "host/plugin/router.h"

namespace sluice::plugin {
namespace {

constexpr char kConnector[] = "test.free@1";
constexpr size_t kInFlight = 256, kTogether = 64, kDeltas = 5;

[[noreturn]] void Fail(const absl::Status& status) {
  std::fprintf(stderr, "plugin_bench: %s\n", std::string(status.message()).c_str());
  exit(1);
}

double Seconds(const timeval& time) { return static_cast<double>(time.tv_sec) + 1e-6 * time.tv_usec; }

// Processor seconds of this process and of the plugin, so far.
double Spent(int pid) {
  rusage own = {};
  getrusage(RUSAGE_SELF, &own);
  std::ifstream file(absl::StrCat("/proc/", pid, "/stat"));
  std::string line;
  std::getline(file, line);
  std::istringstream fields(line.substr(line.rfind(')') + 2));
  std::string field;
  double ticks = 0;
  for (int i = 3; fields >> field && i <= 15; ++i) {
    if (i >= 14) ticks += std::stod(field);
  }
  return Seconds(own.ru_utime) + Seconds(own.ru_stime) + ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

long PeakMemory(int pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/status"));
  for (std::string word; file >> word;) {
    long kilobytes = 0;
    if (word == "VmHWM:" && file >> kilobytes) return kilobytes;
  }
  return 0;
}

// One start of the program, up to its answer to the first call.
class Launch final : public ProcessObserver {
 public:
  double Milliseconds(const Package& package) {
    const absl::Time began = absl::Now();
    auto process = Process::Start(package, {}, this);
    if (!process.ok()) Fail(process.status());
    accepted_.WaitForNotification();
    auto session = Session::Adopt((*process)->TakeConnection());
    absl::Notification answered;
    absl::Duration took;
    session->GetInfo(absl::Seconds(10), [&](absl::StatusOr<PluginInfo> info) {
      if (!info.ok()) Fail(info.status());
      took = absl::Now() - began;
      answered.Notify();
    });
    answered.WaitForNotification();
    return absl::ToDoubleMilliseconds(took);
  }

 private:
  void OnAccepted() override { accepted_.Notify(); }
  void OnLog(const LogLine&) override {}
  void OnEnd(const ProcessEnd&) override {}
  absl::Notification accepted_;
};

class Reading final : public engine::ImportSink {
 public:
  void OnRecords(std::vector<core::Record> more) override {
    for (const core::Record& record : more) {
      for (const auto& attribute : record.attributes) bytes += attribute.second.text().size();
    }
    records += more.size();
  }
  void OnWarning(const std::string&) override {}
  void OnProgress(const engine::Progress&) override {}
  void OnEnd(absl::Status ended, std::vector<std::pair<std::string, std::string>>,
             std::vector<core::ClassState>) override {
    if (!ended.ok()) Fail(ended);
    done.Notify();
  }
  size_t records = 0, bytes = 0;
  absl::Notification done;
};

class Writing final : public engine::ApplySink {
 public:
  void OnResults(std::vector<engine::TargetResult> results) override {
    absl::MutexLock lock(&mutex);
    for (const engine::TargetResult& result : results) applied += result.outcome == engine::Outcome::kApplied;
    open -= results.size();
  }
  void OnClosed(absl::Status status) override {
    if (!status.ok()) Fail(status);
    done.Notify();
  }
  absl::Mutex mutex;
  size_t open ABSL_GUARDED_BY(mutex) = 0, applied = 0;
  absl::Notification done;
};

double RecordMicroseconds(engine::Connector* connector, int pid, size_t records) {
  engine::ReadPlan plan;
  plan.classes.emplace_back();
  plan.classes[0].object_class = "thing";
  for (int i = 0; i < 20; ++i) plan.classes[0].attributes.push_back(absl::StrCat("a", i));
  plan.as_of = absl::CivilDay(2026, 11, 24);
  auto sink = std::make_shared<Reading>();
  const double before = Spent(pid);
  connector->Import(plan, sink);
  sink->done.WaitForNotification();
  if (sink->records != records) Fail(absl::InternalError(absl::StrCat(sink->records, " records came")));
  return (Spent(pid) - before) * 1e6 / static_cast<double>(records);
}

std::vector<engine::TargetOperation> Operations(size_t first) {
  std::vector<engine::TargetOperation> operations(kTogether);
  for (size_t i = 0; i < operations.size(); ++i) {
    engine::TargetOperation& operation = operations[i];
    operation.id = absl::StrCat("operation-", first + i);
    operation.object_class = "thing";
    operation.object_id = absl::StrCat("thing-", first + i);
    operation.deltas.resize(kDeltas);
    for (size_t k = 0; k < kDeltas; ++k) {
      operation.deltas[k].attribute = absl::StrCat("a", k);
      operation.deltas[k].value = core::Value::Text(absl::StrCat("a value of some bytes ", i % 10));
    }
  }
  return operations;
}

double OperationMicroseconds(engine::Connector* connector, int pid, size_t count) {
  auto sink = std::make_shared<Writing>();
  const double before = Spent(pid);
  std::unique_ptr<engine::ApplyStream> stream = connector->Apply("run", sink);
  for (size_t sent = 0; sent < count; sent += kTogether) {
    {
      absl::MutexLock lock(&sink->mutex);
      sink->mutex.Await(absl::Condition(
          +[](Writing* writing) { return writing->open + kTogether <= kInFlight; }, sink.get()));
      sink->open += kTogether;
    }
    stream->Send(Operations(sent));
  }
  stream->Close();
  sink->done.WaitForNotification();
  if (sink->applied < count) Fail(absl::InternalError(absl::StrCat(sink->applied, " operations were applied")));
  return (Spent(pid) - before) * 1e6 / static_cast<double>(count);
}

void WaitForSchema(engine::Connector* connector) {
  absl::Notification known;
  connector->GetSchema([&](absl::StatusOr<engine::SystemSchema> schema) {
    if (!schema.ok()) Fail(schema.status());
    known.Notify();
  });
  known.WaitForNotification();
}

void Run(const std::string& plugins, const std::string& work, int launches, size_t records, size_t operations) {
  const std::unique_ptr<base::Clock> clock = base::SystemClock();
  RouterOptions options;
  options.plugin_directories = {std::filesystem::absolute(plugins)};
  options.supervisor.work_root = std::filesystem::absolute(work);
  Router router(options, clock.get());
  auto package = router.FindPackage(kConnector);
  if (!package.ok()) Fail(package.status());
  std::vector<double> milliseconds;
  for (int i = 0; i < launches; ++i) milliseconds.push_back(Launch().Milliseconds(*package));
  std::sort(milliseconds.begin(), milliseconds.end());

  SystemConfig config;
  config.name = "free";
  config.connector = kConnector;
  config.settings["records"] = core::Value::Integer(static_cast<int64_t>(records));
  config.mode = SystemConfig::Mode::kReadWrite;
  if (absl::Status status = router.Reconfigure({config}); !status.ok()) Fail(status);
  engine::Connector* connector = router.Find("free");
  WaitForSchema(connector);
  const int pid = router.Status()[0].pid;
  const double record = RecordMicroseconds(connector, pid, records);
  const double operation = OperationMicroseconds(connector, pid, operations);
  std::printf(R"({"launch_ms":%.2f,"record_us":%.3f,"operation_us":%.3f,"memory_kb":%ld})"
              "\n",
              milliseconds[milliseconds.size() / 2], record, operation, PeakMemory(pid));
  router.Stop();
}

}  // namespace
}  // namespace sluice::plugin

int main(int argc, char** argv) {
  sluice::base::ShareMemory();  // As the host begins.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  int launches = 0;
  size_t records = 0, operations = 0;
  if (argc != 6 || !absl::SimpleAtoi(argv[3], &launches) || !absl::SimpleAtoi(argv[4], &records) ||
      !absl::SimpleAtoi(argv[5], &operations) || launches < 1) {
    std::fprintf(stderr, "usage: plugin_bench PLUGINS WORK LAUNCHES RECORDS OPERATIONS\n");
    return 2;
  }
  sluice::plugin::Run(argv[1], argv[2], launches, records, operations);
  return 0;
}
