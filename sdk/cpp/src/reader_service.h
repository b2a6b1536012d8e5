// The contract's Reader service: imports, single reads, taken names.
#ifndef SLUICE_SDK_CPP_SRC_READER_SERVICE_H_
#define SLUICE_SDK_CPP_SRC_READER_SERVICE_H_

#include "sdk/cpp/src/runtime_state.h"
#include "sluice/connector/v1/reader.grpc.pb.h"

namespace sluice::connector {

class ReaderService final : public v1::Reader::CallbackService {
 public:
  explicit ReaderService(RuntimeState* state) : state_(state) {}
  grpc::ServerWriteReactor<v1::ImportFrame>* Import(grpc::CallbackServerContext* context,
                                                    const v1::ImportRequest* request) override;
  grpc::ServerWriteReactor<v1::ReadFrame>* Read(grpc::CallbackServerContext* context,
                                                const v1::ReadRequest* request) override;
  grpc::ServerUnaryReactor* FindTaken(grpc::CallbackServerContext* context, const v1::FindTakenRequest* request,
                                      v1::FindTakenReply* reply) override;

 private:
  RuntimeState* const state_;
};

}  // namespace sluice::connector

#endif  // SLUICE_SDK_CPP_SRC_READER_SERVICE_H_
