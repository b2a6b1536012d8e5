#include "sluice/connector/http_client.h"

#include <gmock/gmock.h>

#include <atomic>
#include <set>
#include <thread>

#include "absl/synchronization/mutex.h"
#include "sdk/cpp/src/http_fixture.h"
#include "sdk/cpp/src/no_writing.h"

namespace sluice::connector {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class HttpClientTest : public HttpTest {};

TEST_F(HttpClientTest, GivesStatusHeadersAndBody) {
  server_.Get("/hello", [](const httplib::Request& request, httplib::Response& response) {
    response.set_header("X-Seen", request.get_header_value("X-Sent"));
    response.set_content("hello", "text/plain");
  });
  HttpClient client(Quick());
  HttpRequest request = Get("/hello");
  request.headers.emplace_back("X-Sent", "yes");
  auto response = client.Send(request);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, "hello");
  EXPECT_EQ(response->Header("x-seen"), "yes");
}

TEST_F(HttpClientTest, AReadIsRepeatedAfter429And500ButNotForEver) {
  std::atomic<int> calls{0};
  server_.Get("/flaky", [&](const httplib::Request&, httplib::Response& response) {
    const int call = ++calls;
    response.status = call == 1 ? 429 : call == 2 ? 500 : 200;
    if (call == 1) response.set_header("Retry-After", "0");
  });
  std::atomic<int> broken_calls{0};
  server_.Get("/broken", [&](const httplib::Request&, httplib::Response& response) {
    ++broken_calls;
    response.status = 503;
  });
  HttpClient client(Quick());
  auto response = client.Send(Get("/flaky"));
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->attempts, 3);
  response = client.Send(Get("/broken"));
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->status, 503);
  EXPECT_EQ(broken_calls, 4);
  EXPECT_EQ(ErrorOf(*response, "T", "x").reason, Reason::kUnavailable);
}

TEST_F(HttpClientTest, AWriteIsNeverRepeated) {
  std::atomic<int> calls{0};
  server_.Post("/write", [&](const httplib::Request& request, httplib::Response& response) {
    ++calls;
    EXPECT_EQ(request.body, "x=1");
    response.status = 500;
  });
  HttpClient client(Quick());
  HttpRequest request = Get("/write");
  request.method = "POST";
  request.body = "x=1";
  auto response = client.Send(request);
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->status, 500);
  EXPECT_EQ(calls, 1);
}

TEST_F(HttpClientTest, WhetherAWriteArrivedIsTold) {
  server_.Post("/slow", [](const httplib::Request&, httplib::Response& response) {
    absl::SleepFor(absl::Milliseconds(300));
    response.status = 200;
  });
  HttpClient client(Quick());
  HttpRequest request = Get("/slow");
  request.method = "POST";
  request.timeout = absl::Milliseconds(50);
  auto response = client.Send(request);
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(Error::From(response.status()).reason, Reason::kTransient);
  EXPECT_TRUE(WasSent(response.status()));
  request.url = "http://127.0.0.1:1/nobody";
  response = client.Send(request);
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(Error::From(response.status()).reason, Reason::kUnavailable);
  EXPECT_FALSE(WasSent(response.status()));
}

TEST_F(HttpClientTest, NoMoreThanPaceAllowsAreUnderWay) {
  absl::Mutex mutex;
  int now = 0;
  int most = 0;
  server_.Get("/page", [&](const httplib::Request&, httplib::Response&) {
    {
      absl::MutexLock lock(&mutex);
      most = std::max(most, ++now);
    }
    absl::SleepFor(absl::Milliseconds(5));
    absl::MutexLock lock(&mutex);
    --now;
  });
  HttpOptions options = Quick();
  options.pace.requests_in_parallel = 3;
  HttpClient client(options);
  std::atomic<int> done{0};
  for (int i = 0; i < 30; ++i) {
    client.SendAsync(Get("/page"), [&](absl::StatusOr<HttpResponse> response) {
      EXPECT_TRUE(response.ok());
      ++done;
    });
  }
  while (done < 30) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_LE(most, 3);
  EXPECT_GE(most, 2);
}

TEST_F(HttpClientTest, CancellationAndTheEndOfTheClientEndRequests) {
  server_.Get("/slow", [](const httplib::Request&, httplib::Response&) { absl::SleepFor(absl::Milliseconds(300)); });
  HttpRequest request = Get("/slow");
  {
    HttpClient client(Quick());
    std::thread canceller([&] {
      absl::SleepFor(absl::Milliseconds(20));
      request.cancellation.Cancel();
    });
    EXPECT_EQ(Error::From(client.Send(request).status()).reason, Reason::kCancelled);
    canceller.join();
  }
  bool was_called = false;
  {
    HttpClient client(Quick());
    client.SendAsync(Get("/slow"), [&](absl::StatusOr<HttpResponse> response) {
      was_called = true;
      EXPECT_EQ(Error::From(response.status()).reason, Reason::kCancelled);
    });
  }
  EXPECT_TRUE(was_called);
}

TEST_F(HttpClientTest, ATruncatedBodyIsTransientAndReadOnlyRefusesWrites) {
  server_.Get("/short", [](const httplib::Request&, httplib::Response& response) {
    response.set_content_provider(1000, "text/plain", [](size_t, size_t, httplib::DataSink& sink) {
      sink.write("abc", 3);
      return false;
    });
  });
  HttpOptions options = Quick();
  options.read_only = true;
  options.max_attempts = 2;
  HttpClient client(options);
  EXPECT_EQ(Error::From(client.Send(Get("/short")).status()).reason, Reason::kTransient);
  HttpRequest write = Get("/short");
  write.method = "DELETE";
  auto refused = client.Send(write);
  EXPECT_EQ(Error::From(refused.status()).reason, Reason::kInvalid);
  EXPECT_FALSE(WasSent(refused.status()));
}

TEST_F(HttpClientTest, APreviewWritesNothingAlsoWhereTheSystemIsOpenForWriting) {
  server_.Post("/x", [](const httplib::Request&, httplib::Response&) {});
  HttpClient client(Quick());
  HttpRequest write = Get("/x");
  write.method = "POST";
  {
    const NoWriting preview;
    EXPECT_EQ(Error::From(client.Send(write).status()).reason, Reason::kInvalid);
    HttpRequest query = write;
    query.only_reads = true;
    EXPECT_TRUE(client.Send(query).ok());
  }
  EXPECT_TRUE(client.Send(write).ok());
}

TEST_F(HttpClientTest, OneConnectionServesRequestsThatFollowEachOther) {
  std::set<int> ports;
  server_.Get("/x", [&](const httplib::Request& request, httplib::Response&) { ports.insert(request.remote_port); });
  HttpClient client(Quick());
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(client.Send(Get("/x")).ok());
  EXPECT_EQ(ports.size(), 1u);
}

TEST_F(HttpClientTest, TheEnvironmentsProxyIsNotUsed) {
  setenv("http_proxy", "http://127.0.0.1:1", 1);
  server_.Get("/hello", [](const httplib::Request&, httplib::Response&) {});
  HttpClient client(Quick());
  EXPECT_TRUE(client.Send(Get("/hello")).ok());
  unsetenv("http_proxy");
  HttpOptions options = Quick();
  options.max_attempts = 1;
  options.proxy = "http://127.0.0.1:1";
  HttpClient through_proxy(options);
  EXPECT_EQ(Error::From(through_proxy.Send(Get("/hello")).status()).reason, Reason::kUnavailable);
}

TEST(HttpHelpers, RetryAfterIsReadAsSecondsOrDate) {
  const absl::Time now = absl::FromCivil(absl::CivilSecond(2026, 8, 1, 12, 0, 0), absl::UTCTimeZone());
  EXPECT_EQ(ParseRetryAfter("120", now), absl::Seconds(120));
  EXPECT_EQ(ParseRetryAfter("Sat, 01 Aug 2026 12:01:00 GMT", now), absl::Minutes(1));
  EXPECT_EQ(ParseRetryAfter("Sat, 01 Aug 2026 11:01:00 GMT", now), absl::ZeroDuration());
  EXPECT_EQ(ParseRetryAfter("999999999", now), absl::Hours(24));
  EXPECT_EQ(ParseRetryAfter("soon", now), std::nullopt);
  EXPECT_EQ(ParseRetryAfter("", now), std::nullopt);
  EXPECT_EQ(UrlEncode("a b&c/é~"), "a%20b%26c%2F%C3%A9~");
}

}  // namespace
}  // namespace sluice::connector
