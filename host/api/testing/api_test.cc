#include "host/api/testing/api_test.h"

#include <google/protobuf/descriptor.h>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"

namespace sluice::api::testing {
namespace {

absl::Mutex& CalledMutex() {
  static auto* mutex = new absl::Mutex;
  return *mutex;
}

// Sees each call on its way out.
class Notes final : public grpc::experimental::ClientInterceptorFactoryInterface {
 public:
  grpc::experimental::Interceptor* CreateClientInterceptor(grpc::experimental::ClientRpcInfo* info) override {
    absl::MutexLock lock(&CalledMutex());
    CalledMethods().insert(info->method());
    return nullptr;
  }
};

// After all tests: none of the contract's methods was left out.
class EveryMethodIsCalled final : public ::testing::Environment {
 public:
  void TearDown() override {
    if (::testing::GTEST_FLAG(filter) != "*") return;
    const auto* file = v1::Status::descriptor()->file();
    for (int i = 0; i < file->service_count(); ++i) {
      for (int j = 0; j < file->service(i)->method_count(); ++j) {
        const std::string method =
            absl::StrCat("/", file->service(i)->full_name(), "/", file->service(i)->method(j)->name());
        EXPECT_TRUE(CalledMethods().contains(method)) << "no test calls " << method;
      }
    }
  }
};

const auto* const kEnvironment = ::testing::AddGlobalTestEnvironment(new EveryMethodIsCalled);

}  // namespace

std::set<std::string>& CalledMethods() {
  static auto* called = new std::set<std::string>;
  return *called;
}

std::shared_ptr<grpc::Channel> Connect(const std::string& socket) {
  std::vector<std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>> factories;
  factories.push_back(std::make_unique<Notes>());
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // A connection of its own.
  return grpc::experimental::CreateCustomChannelWithInterceptors(
      absl::StrCat("unix:", socket), grpc::InsecureChannelCredentials(), arguments, std::move(factories));
}

}  // namespace sluice::api::testing
