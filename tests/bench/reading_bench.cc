// How long it takes to read a source and do nothing with it: the connector's process, its stream, the host's checks,
// and a sink that counts. What the host does beyond that is measured against this.
//
//   reading_bench FOLDER PLUGINS WORK    the configuration with a source "somtoday"; prints {"records":N,"seconds":S}
#include <cstdio>
#include <filesystem>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "host/app/packages.h"
#include "host/base/clock.h"
#include "host/config/load.h"
#include "host/engine/read_plan.h"
#include "host/plugin/router.h"

namespace sluice {
namespace {

constexpr char kSystem[] = "somtoday";

class Counter final : public engine::ImportSink {
 public:
  void OnRecords(std::vector<core::Record> more) override { records += more.size(); }
  void OnWarning(const std::string&) override {}
  void OnProgress(const engine::Progress&) override {}
  void OnEnd(absl::Status ended, std::vector<std::pair<std::string, std::string>>,
             std::vector<core::ClassState>) override {
    status = std::move(ended);
    done.Notify();
  }
  size_t records = 0;
  absl::Status status;
  absl::Notification done;
};

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "reading_bench: %s\n", std::string(status.message()).c_str());
  return 1;
}

int Run(const std::string& folder, const std::string& plugins, const std::string& work) {
  const std::unique_ptr<base::Clock> clock = base::SystemClock();
  plugin::RouterOptions options;
  options.plugin_directories = {std::filesystem::absolute(plugins)};
  options.supervisor.work_root = std::filesystem::absolute(work);
  plugin::Router router(options, clock.get());
  app::Packages packages(&router);
  const config::LoadResult loaded = config::Load(folder, packages, nullptr);
  if (!loaded.ok()) return Fail(loaded.ToStatus());
  auto systems = app::SystemConfigs(*loaded.configuration, core::State());
  if (!systems.ok()) return Fail(systems.status());
  std::erase_if(*systems, [](const plugin::SystemConfig& system) { return system.name != kSystem; });
  if (absl::Status status = router.Reconfigure(*std::move(systems)); !status.ok()) return Fail(status);
  engine::Connector* connector = router.Find(kSystem);
  if (connector == nullptr) return Fail(absl::NotFoundError("the folder has no source somtoday"));
  absl::StatusOr<engine::SystemSchema> schema;
  absl::Notification known;
  connector->GetSchema([&](absl::StatusOr<engine::SystemSchema> answer) {
    schema = std::move(answer);
    known.Notify();
  });
  known.WaitForNotification();
  if (!schema.ok()) return Fail(schema.status());
  const engine::ReadPlan plan =
      engine::SourceReadPlan(*loaded.configuration->FindSystem(kSystem), *schema, absl::CivilDay(2026, 11, 24));
  auto sink = std::make_shared<Counter>();
  const absl::Time began = absl::Now();
  connector->Import(plan, sink);
  sink->done.WaitForNotification();
  const double seconds = absl::ToDoubleSeconds(absl::Now() - began);
  router.Stop();
  if (!sink->status.ok()) return Fail(sink->status);
  std::printf("{\"records\":%zu,\"seconds\":%.3f}\n", sink->records, seconds);
  return 0;
}

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: reading_bench FOLDER PLUGINS WORK\n");
    return 2;
  }
  return sluice::Run(argv[1], argv[2], argv[3]);
}
