// The connection of `sluice` to the host, and how an answer ends the program.
//
// Exit codes: 0 ok, 1 refused or failed, 2 usage, 3 host not reachable. An error is one line on stderr: what, why, next
// step.
#ifndef SLUICE_HOST_CLI_CLIENT_H_
#define SLUICE_HOST_CLI_CLIENT_H_

#include <google/protobuf/message.h>
#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "sluice/management/v1/management.grpc.pb.h"

namespace sluice::cli {

namespace v1 = sluice::management::v1;

inline constexpr int kOk = 0, kFailed = 1, kUsage = 2, kNotReachable = 3;

struct Options {
  std::string socket;
  bool json = false;
};

class Client {
 public:
  explicit Client(const Options& options);

  template <typename Service>
  std::unique_ptr<typename Service::Stub> Stub() const {
    return Service::NewStub(channel_);
  }
  bool json() const { return options_.json; }

  // Says what went wrong and gives the exit code.
  int Fail(const grpc::Status& status) const;
  // Prints the answer as JSON, in the contract's own field names.
  int PrintJson(const google::protobuf::Message& message) const;

 private:
  Options options_;
  std::shared_ptr<grpc::Channel> channel_;
};

// One unary call. `show` prints the answer for people and gives the exit code.
template <typename Stub, typename Request, typename Reply, typename Show>
int Call(const Client& client, Stub& stub, grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Reply*),
         const Request& request, Show show) {
  grpc::ClientContext context;
  Reply reply;
  const grpc::Status status = (stub.*method)(&context, request, &reply);
  if (!status.ok()) return client.Fail(status);
  if (client.json()) return client.PrintJson(reply);
  return show(reply);
}

}  // namespace sluice::cli

#endif  // SLUICE_HOST_CLI_CLIENT_H_
