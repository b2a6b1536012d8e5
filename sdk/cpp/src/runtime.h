// Runtime: a connector's gRPC server on one inherited socket. Owns the server, the services and the systems. Start it
// once; the destructor ends all calls and waits for the author's threads, so a process whose author hangs ends by _exit
// instead (see run.cc).
#ifndef SLUICE_SDK_CPP_SRC_RUNTIME_H_
#define SLUICE_SDK_CPP_SRC_RUNTIME_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "grpcpp/server.h"
#include "sdk/cpp/src/configuration_service.h"
#include "sdk/cpp/src/plugin_service.h"
#include "sdk/cpp/src/reader_service.h"
#include "sdk/cpp/src/runtime_state.h"
#include "sdk/cpp/src/writer_service.h"
#include "sluice/connector/serve.h"

namespace sluice::connector {

struct RuntimeOptions {
  std::string work_dir;
  std::string egress_proxy;
  ImportLimits limits;
};

class Runtime {
 public:
  Runtime(const Connector& connector, RuntimeOptions options);
  ~Runtime();

  // Serves on `fd`, a connected stream socket, and owns it from here on, whatever comes of it.
  absl::Status Start(int fd);
  // Answers NOT_SERVING to health checks, or SERVING again.
  void SetServing(bool is_serving);
  RuntimeState& state() { return state_; }

 private:
  RuntimeState state_;
  PluginService plugin_;
  ConfigurationService configuration_;
  ReaderService reader_;
  WriterService writer_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace sluice::connector

#endif  // SLUICE_SDK_CPP_SRC_RUNTIME_H_
