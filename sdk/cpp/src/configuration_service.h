// The contract's Configuration service: schema, settings, opening and testing systems.
#ifndef SLUICE_SDK_CPP_SRC_CONFIGURATION_SERVICE_H_
#define SLUICE_SDK_CPP_SRC_CONFIGURATION_SERVICE_H_

#include "sdk/cpp/src/runtime_state.h"
#include "sluice/connector/v1/configuration.grpc.pb.h"

namespace sluice::connector {

class ConfigurationService final : public v1::Configuration::CallbackService {
 public:
  explicit ConfigurationService(RuntimeState* state) : state_(state) {}
  grpc::ServerUnaryReactor* GetConfigSchema(grpc::CallbackServerContext* context,
                                            const v1::GetConfigSchemaRequest* request,
                                            v1::GetConfigSchemaReply* reply) override;
  grpc::ServerUnaryReactor* ValidateConfig(grpc::CallbackServerContext* context,
                                           const v1::ValidateConfigRequest* request,
                                           v1::ValidateConfigReply* reply) override;
  grpc::ServerUnaryReactor* Open(grpc::CallbackServerContext* context, const v1::OpenRequest* request,
                                 v1::OpenReply* reply) override;
  grpc::ServerUnaryReactor* Close(grpc::CallbackServerContext* context, const v1::CloseRequest* request,
                                  v1::CloseReply* reply) override;
  grpc::ServerUnaryReactor* Test(grpc::CallbackServerContext* context, const v1::TestRequest* request,
                                 v1::TestReply* reply) override;
  grpc::ServerUnaryReactor* GetSchema(grpc::CallbackServerContext* context, const v1::GetSchemaRequest* request,
                                      v1::GetSchemaReply* reply) override;

 private:
  RuntimeState* const state_;
};

}  // namespace sluice::connector

#endif  // SLUICE_SDK_CPP_SRC_CONFIGURATION_SERVICE_H_
