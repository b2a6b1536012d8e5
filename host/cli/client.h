// The connection of `sluice` to the host, and how an answer ends the program.
//
// Used by one thread. Exit codes: 0 ok, 1 refused, failed or blocked, 2 usage, 3 host not reachable; the same with
// --json. An error is one line on stderr: what, why, next step.
#ifndef SLUICE_HOST_CLI_CLIENT_H_
#define SLUICE_HOST_CLI_CLIENT_H_

#include <google/protobuf/message.h>
#include <grpcpp/grpcpp.h>

#include <iostream>
#include <memory>
#include <string>

#include "absl/time/time.h"
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
  // The school's, as the last answer said; UTC before that.
  absl::TimeZone zone() const { return zone_; }
  void TakeZone(const grpc::ClientContext& context) const;

  // Says what went wrong and gives the exit code.
  int Fail(const grpc::Status& status) const;
  // Prints the answer as JSON, in the contract's own field names.
  int PrintJson(const google::protobuf::Message& message) const;

 private:
  Options options_;
  std::shared_ptr<grpc::Channel> channel_;
  mutable absl::TimeZone zone_ = absl::UTCTimeZone();
};

// What an answer says about how to end, when it always is well.
struct IsOk {
  template <typename Reply>
  int operator()(const Reply&) const {
    return kOk;
  }
};

// Prints an answer: `show` gives the text for people, `verdict` the exit code, whatever the form.
template <typename Reply, typename Show, typename Verdict>
int Print(const Client& client, const Reply& reply, Show show, Verdict verdict) {
  if (!client.json()) {
    std::cout << show(reply);
  } else if (const int code = client.PrintJson(reply); code != kOk) {
    return code;
  }
  return verdict(reply);
}

// One unary call.
template <typename Stub, typename Request, typename Reply, typename Show, typename Verdict = IsOk>
int Call(const Client& client, Stub& stub, grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Reply*),
         const Request& request, Show show, Verdict verdict = {}) {
  grpc::ClientContext context;
  Reply reply;
  const grpc::Status status = (stub.*method)(&context, request, &reply);
  if (!status.ok()) return client.Fail(status);
  client.TakeZone(context);
  return Print(client, reply, show, verdict);
}

// Every page of a list, as one answer.
template <typename Stub, typename Request, typename Reply, typename Show>
int CallPages(const Client& client, Stub& stub,
              grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Reply*), Request request, Show show) {
  Reply all;
  do {
    grpc::ClientContext context;
    Reply page;
    const grpc::Status status = (stub.*method)(&context, request, &page);
    if (!status.ok()) return client.Fail(status);
    client.TakeZone(context);
    all.clear_next_page_token();
    all.MergeFrom(page);
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return Print(client, all, show, IsOk());
}

}  // namespace sluice::cli

#endif  // SLUICE_HOST_CLI_CLIENT_H_
