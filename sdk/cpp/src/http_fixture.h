// A real HTTP server in the same process, for tests of what speaks HTTP.
#ifndef SLUICE_SDK_CPP_SRC_HTTP_FIXTURE_H_
#define SLUICE_SDK_CPP_SRC_HTTP_FIXTURE_H_

#include <gtest/gtest.h>
#include <httplib.h>

#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "sluice/connector/http_client.h"

namespace sluice::connector {

// A server on the loopback, and requests to it.
class HttpTest : public ::testing::Test {
 protected:
  void SetUp() override {
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) absl::SleepFor(absl::Milliseconds(1));
  }
  void TearDown() override {
    server_.stop();
    thread_.join();
  }
  std::string Url(const std::string& path) const { return absl::StrCat("http://127.0.0.1:", port_, path); }
  HttpRequest Get(const std::string& path) const {
    HttpRequest request;
    request.url = Url(path);
    return request;
  }
  static HttpOptions Quick() {
    HttpOptions options;
    options.first_backoff = absl::Milliseconds(1);
    return options;
  }

  httplib::Server server_;
  int port_ = 0;
  std::thread thread_;
};

}  // namespace sluice::connector

#endif  // SLUICE_SDK_CPP_SRC_HTTP_FIXTURE_H_
