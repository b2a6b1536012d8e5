// The contract's Writer service: preview, apply, verify.
#ifndef SLUICE_SDK_CPP_SRC_WRITER_SERVICE_H_
#define SLUICE_SDK_CPP_SRC_WRITER_SERVICE_H_

#include "sdk/cpp/src/runtime_state.h"
#include "sluice/connector/v1/writer.grpc.pb.h"

namespace sluice::connector {

class WriterService final : public v1::Writer::CallbackService {
 public:
  explicit WriterService(RuntimeState* state) : state_(state) {}
  grpc::ServerUnaryReactor* Preview(grpc::CallbackServerContext* context, const v1::PreviewRequest* request,
                                    v1::PreviewReply* reply) override;
  grpc::ServerBidiReactor<v1::ApplyRequest, v1::ApplyReply>* Apply(grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* Verify(grpc::CallbackServerContext* context, const v1::VerifyRequest* request,
                                   v1::VerifyReply* reply) override;

 private:
  RuntimeState* const state_;
};

}  // namespace sluice::connector

#endif  // SLUICE_SDK_CPP_SRC_WRITER_SERVICE_H_
