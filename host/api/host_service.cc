#include "host/api/call_internal.h"
#include "host/api/translate_internal.h"
#include "host/base/status.h"

namespace sluice::api {
namespace {

class HostService final : public v1::Host::CallbackService {
 public:
  explicit HostService(const Backend& backend) : backend_(backend) {}

  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context, const v1::GetStatusRequest*,
                                      v1::Status* reply) override {
    return Answer(backend_, context, [this, reply] { return Status(reply); });
  }

 private:
  absl::Status Status(v1::Status* reply) {
    const engine::Context& context = backend_.engine->context();
    const auto configuration = context.configuration();
    reply->set_name(configuration->name);
    reply->set_version(SLUICE_VERSION);
    reply->set_configuration(configuration->hash);
    SetTime(context.clock->Now(), reply->mutable_time());
    reply->set_as_of(DateOf(backend_.engine->calendar().Today()));
    reply->set_store("sqlite");
    reply->set_time_zone(configuration->time_zone_name);
    ASSIGN_OR_RETURN(const auto snapshot, context.store->LoadSnapshot());
    Fill(*snapshot, reply->mutable_snapshot());
    ASSIGN_OR_RETURN(const auto blocks, context.store->LoadBlocks());
    int waiting = 0;
    for (const store::BlockRecord& block : blocks) waiting += block.state == "waiting";
    reply->set_blocks_waiting(waiting);
    ASSIGN_OR_RETURN(const auto open, context.store->LoadOpenOperations());
    reply->set_open_operations(static_cast<int32_t>(open.size()));
    ASSIGN_OR_RETURN(const auto runs, context.store->LoadRuns(20));
    for (const store::Run& run : runs) {
      if (run.state == "running") Fill(run, reply->add_active_runs());
    }
    ASSIGN_OR_RETURN(const AuditState audit, backend_.administration->Audit(/*now=*/false));
    Fill(audit, reply->mutable_audit());
    const auto plugins = backend_.administration->Plugins();
    for (const auto& [name, spec] : configuration->systems) {
      v1::System* system = reply->add_systems();
      system->set_name("systems/" + name);
      system->set_kind(spec.is_source ? "source" : "target");
      system->set_connector(spec.connector);
      for (const PluginStatus& plugin : plugins) {
        if (plugin.system == name) system->set_plugin_state(plugin.state);
      }
    }
    return absl::OkStatus();
  }

  const Backend backend_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeHostService(const Backend& backend) {
  return std::make_unique<HostService>(backend);
}

}  // namespace sluice::api
