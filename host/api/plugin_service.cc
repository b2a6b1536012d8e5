#include "host/api/call_internal.h"
#include "host/api/translate_internal.h"
#include "host/base/status.h"

namespace sluice::api {
namespace {

void Fill(const PluginStatus& plugin, v1::Plugin* out) {
  out->set_name("plugins/" + plugin.system);
  out->set_package(plugin.package);
  out->set_version(plugin.version);
  out->set_state(plugin.state);
  out->set_pid(plugin.pid);
  SetTime(plugin.since, out->mutable_since());
  out->set_restarts(plugin.restarts);
  out->set_last_end(plugin.last_end);
  for (const std::string& line : plugin.log) out->add_log(line);
}

class PluginService final : public v1::Plugins::CallbackService {
 public:
  explicit PluginService(const Backend& backend) : backend_(backend) {}

  grpc::ServerUnaryReactor* ListPlugins(grpc::CallbackServerContext* context, const v1::ListPluginsRequest* request,
                                        v1::ListPluginsResponse* reply) override {
    return Answer(backend_, context, [this, request, reply]() -> absl::Status {
      std::vector<PluginStatus> plugins = backend_.administration->Plugins();
      ASSIGN_OR_RETURN(const Page page, PageOf(plugins.size(), request->page_size(), request->page_token()));
      for (size_t i = page.from; i < page.to; ++i) {
        plugins[i].log.clear();
        Fill(plugins[i], reply->add_plugins());
      }
      reply->set_next_page_token(page.next_token);
      for (const PackageStatus& package : backend_.administration->Packages()) {
        v1::Package* row = reply->add_packages();
        row->set_name(package.name);
        row->set_version(package.version);
        row->set_folder(package.folder);
        for (const std::string& kind : package.kinds) row->add_kinds(kind);
      }
      return absl::OkStatus();
    });
  }

  grpc::ServerUnaryReactor* GetPlugin(grpc::CallbackServerContext* context, const v1::GetPluginRequest* request,
                                      v1::Plugin* reply) override {
    return Answer(backend_, context, [this, request, reply] { return Get(IdOf(request->name(), "plugins"), reply); });
  }

  grpc::ServerUnaryReactor* StartPlugin(grpc::CallbackServerContext* context, const v1::GetPluginRequest* request,
                                        v1::Plugin* reply) override {
    return Answer(backend_, context, [this, request, reply]() -> absl::Status {
      const std::string system = IdOf(request->name(), "plugins");
      RETURN_IF_ERROR(backend_.administration->StartPlugin(system));
      return Get(system, reply);
    });
  }

 private:
  absl::Status Get(const std::string& system, v1::Plugin* reply) {
    for (const PluginStatus& plugin : backend_.administration->Plugins()) {
      if (plugin.system != system) continue;
      Fill(plugin, reply);
      return absl::OkStatus();
    }
    return absl::NotFoundError(absl::StrCat("no plugin runs for a system \"", system, "\"; see: sluice plugin list"));
  }

  const Backend backend_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakePluginService(const Backend& backend) {
  return std::make_unique<PluginService>(backend);
}

}  // namespace sluice::api
