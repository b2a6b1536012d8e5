// The fixture of the API's tests: a host and a connection to it, as any client has one.
//
// Every method that is called is noted, so that a method of the contract that no test calls is found out.
#ifndef SLUICE_HOST_API_TESTING_API_TEST_H_
#define SLUICE_HOST_API_TESTING_API_TEST_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <set>
#include <string>
#include <type_traits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/api/testing/test_host.h"
#include "sluice/management/v1/management.grpc.pb.h"

namespace sluice::api::testing {

namespace v1 = sluice::management::v1;

// "/sluice.management.v1.Host/GetStatus" of each call that a test made.
std::set<std::string>& CalledMethods();
std::shared_ptr<grpc::Channel> Connect(const std::string& socket);

// Awaits a condition that another thread brings about.
template <typename Condition>
bool Eventually(Condition condition, absl::Duration patience = absl::Seconds(20)) {
  const absl::Time end = absl::Now() + patience;
  while (!condition()) {
    if (absl::Now() > end) return false;
    absl::SleepFor(absl::Milliseconds(2));
  }
  return true;
}

class ApiTest : public ::testing::Test {
 protected:
  ApiTest() : channel_(Connect(host_.socket())) {}

  template <typename Service>
  std::unique_ptr<typename Service::Stub> Stub() {
    return Service::NewStub(channel_);
  }

  // One call that succeeds.
  template <typename Stub, typename Request, typename Reply>
  Reply Ok(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Reply*),
           const std::type_identity_t<Request>& request = {}) {
    grpc::ClientContext context;
    Reply reply;
    Stub stub(channel_);
    const grpc::Status status = (stub.*method)(&context, request, &reply);
    EXPECT_TRUE(status.ok()) << status.error_code() << ": " << status.error_message();
    return reply;
  }

  // One call that does not: its code, and what it says in `message_`.
  template <typename Stub, typename Request, typename Reply>
  grpc::StatusCode Code(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Reply*),
                        const std::type_identity_t<Request>& request = {}) {
    grpc::ClientContext context;
    Reply reply;
    Stub stub(channel_);
    const grpc::Status status = (stub.*method)(&context, request, &reply);
    message_ = status.error_message();
    return status.error_code();
  }

  // Walks a list with pages of `size`, at most a hundred.
  template <typename Stub, typename Request, typename Reply>
  std::vector<Reply> Pages(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Reply*),
                           std::type_identity_t<Request> request, int size) {
    std::vector<Reply> pages;
    request.set_page_size(size);
    do {
      pages.push_back(Ok(method, request));
      request.set_page_token(pages.back().next_page_token());
    } while (!request.page_token().empty() && pages.size() < 100);
    return pages;
  }

  template <typename Request>
  static Request Named(const std::string& name) {
    Request request;
    request.set_name(name);
    return request;
  }
  template <typename Request>
  static Request Named(const std::string& name, const std::string& reason) {
    Request request = Named<Request>(name);
    request.set_reason(reason);
    return request;
  }

  // Whatever thresholds stop in the plan of now.
  void ApprovePlan() {
    const v1::Plan plan = Ok(&v1::Plans::Stub::CreatePlan);
    for (const v1::Block& block : plan.blocks()) {
      Ok(&v1::Blocks::Stub::ApproveBlock, Named<v1::DecideBlockRequest>(block.name(), "day one"));
    }
  }

  TestHost host_;
  std::shared_ptr<grpc::Channel> channel_;
  std::string message_;
};

}  // namespace sluice::api::testing

#endif  // SLUICE_HOST_API_TESTING_API_TEST_H_
