// The contract's Writer service: preview, apply, verify.
#ifndef SLUICE_SDK_CPP_SRC_WRITER_SERVICE_H_
#define SLUICE_SDK_CPP_SRC_WRITER_SERVICE_H_

#include "sdk/cpp/src/runtime_state.h"
#include "sluice/connector/v1/writer.grpc.pb.h"

namespace sluice::connector {

// The messages of Apply are bytes here: see ApplyCall.
using WriterBase = v1::Writer::WithCallbackMethod_Preview<
    v1::Writer::WithRawCallbackMethod_Apply<v1::Writer::WithCallbackMethod_Verify<v1::Writer::Service>>>;

class WriterService final : public WriterBase {
 public:
  explicit WriterService(RuntimeState* state) : state_(state) {}
  grpc::ServerUnaryReactor* Preview(grpc::CallbackServerContext* context, const v1::PreviewRequest* request,
                                    v1::PreviewReply* reply) override;
  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Apply(grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* Verify(grpc::CallbackServerContext* context, const v1::VerifyRequest* request,
                                   v1::VerifyReply* reply) override;

 private:
  RuntimeState* const state_;
};

}  // namespace sluice::connector

#endif  // SLUICE_SDK_CPP_SRC_WRITER_SERVICE_H_
