// The contract's Plugin service: what the program is, its events, and its orderly end.
#ifndef SLUICE_SDK_CPP_SRC_PLUGIN_SERVICE_H_
#define SLUICE_SDK_CPP_SRC_PLUGIN_SERVICE_H_

#include "sdk/cpp/src/runtime_state.h"
#include "sluice/connector/v1/plugin.grpc.pb.h"

namespace sluice::connector {

class PluginService final : public v1::Plugin::CallbackService {
 public:
  explicit PluginService(RuntimeState* state) : state_(state) {}
  grpc::ServerUnaryReactor* GetInfo(grpc::CallbackServerContext* context, const v1::GetInfoRequest* request,
                                    v1::GetInfoReply* reply) override;
  grpc::ServerBidiReactor<v1::EventAck, v1::Event>* Events(grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* Drain(grpc::CallbackServerContext* context, const v1::DrainRequest* request,
                                  v1::DrainReply* reply) override;

 private:
  RuntimeState* const state_;
};

}  // namespace sluice::connector

#endif  // SLUICE_SDK_CPP_SRC_PLUGIN_SERVICE_H_
