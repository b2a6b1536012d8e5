// The contract's Reader service: imports, single reads, taken names.
#ifndef SLUICE_SDK_CPP_SRC_READER_SERVICE_H_
#define SLUICE_SDK_CPP_SRC_READER_SERVICE_H_

#include "sdk/cpp/src/runtime_state.h"
#include "sluice/connector/v1/reader.grpc.pb.h"

namespace sluice::connector {

// The frames of an import are bytes here: they are made without a message.
using ReaderBase = v1::Reader::WithRawCallbackMethod_Import<
    v1::Reader::WithCallbackMethod_Read<v1::Reader::WithCallbackMethod_FindTaken<v1::Reader::Service>>>;

class ReaderService final : public ReaderBase {
 public:
  explicit ReaderService(RuntimeState* state) : state_(state) {}
  grpc::ServerWriteReactor<grpc::ByteBuffer>* Import(grpc::CallbackServerContext* context,
                                                     const grpc::ByteBuffer* request) override;
  grpc::ServerWriteReactor<v1::ReadFrame>* Read(grpc::CallbackServerContext* context,
                                                const v1::ReadRequest* request) override;
  grpc::ServerUnaryReactor* FindTaken(grpc::CallbackServerContext* context, const v1::FindTakenRequest* request,
                                      v1::FindTakenReply* reply) override;

 private:
  RuntimeState* const state_;
};

}  // namespace sluice::connector

#endif  // SLUICE_SDK_CPP_SRC_READER_SERVICE_H_
