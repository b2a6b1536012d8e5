#include "sluice/connector/http_pages.h"

#include <gmock/gmock.h>

#include <atomic>
#include <filesystem>
#include <fstream>

#include "sdk/cpp/src/http_fixture.h"
#include "sluice/connector/http_tape.h"
#include "sluice/connector/json_reader.h"

namespace sluice::connector {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class HttpPagesTest : public HttpTest {
 protected:
  // The bodies of all pages, or the reason of what failed.
  std::vector<std::string> ReadAll(HttpRequest request, NextPage next, Reason* why = nullptr) {
    HttpClient client(Quick());
    HttpPages pages(client, std::move(request), std::move(next));
    std::vector<std::string> bodies;
    while (bodies.size() < 100) {
      auto page = pages.Next();
      if (!page.ok()) {
        if (why != nullptr) *why = Error::From(page.status()).reason;
        break;
      }
      if (!page->has_value()) break;
      bodies.push_back((*page)->body);
    }
    return bodies;
  }
};

TEST_F(HttpPagesTest, FollowsTheHeaderLink) {
  server_.Get("/list", [this](const httplib::Request& request, httplib::Response& response) {
    const bool is_second = request.get_param_value("page") == "2";
    if (!is_second)
      response.set_header("Link",
                          absl::StrCat("<", Url("/list?page=1"), ">; rel=\"prev\", </list?page=2>; rel=\"next\""));
    response.set_content(is_second ? "b" : "a", "text/plain");
  });
  EXPECT_THAT(ReadAll(Get("/list"), NextPage::LinkHeader()), ElementsAre("a", "b"));
}

TEST_F(HttpPagesTest, FollowsALinkOrATokenInTheBody) {
  server_.Get("/odata", [this](const httplib::Request& request, httplib::Response& response) {
    const bool is_first = request.get_param_value("$skiptoken").empty();
    response.set_content(is_first ? absl::StrCat("{\"@odata.nextLink\":\"", Url("/odata?$skiptoken=x"), "\"}") : "{}",
                         "application/json");
  });
  EXPECT_EQ(ReadAll(Get("/odata"), NextPage::LinkIn("@odata.nextLink")).size(), 2u);
  server_.Get("/tokens", [](const httplib::Request& request, httplib::Response& response) {
    const std::string token = request.get_param_value("pageToken");
    EXPECT_EQ(request.get_param_value("customer"), "c1");
    response.set_content(token.empty()    ? "{\"meta\":{\"next\":\"a b\"}}"
                         : token == "a b" ? "{\"meta\":{\"next\":7}}"
                                          : "{\"meta\":{\"next\":null}}",
                         "application/json");
  });
  EXPECT_EQ(ReadAll(Get("/tokens?customer=c1"), NextPage::TokenIn("meta.next", "pageToken")).size(), 3u);
}

TEST_F(HttpPagesTest, CountsUntilAPageIsNotFull) {
  std::vector<std::string> asked;
  server_.Get("/rows", [&](const httplib::Request& request, httplib::Response& response) {
    asked.push_back(absl::StrCat(request.get_param_value("skip"), "+", request.get_param_value("take")));
    response.set_content(request.get_param_value("skip") == "4" ? "{\"rows\":[5]}" : "{\"rows\":[1,2]}",
                         "application/json");
  });
  EXPECT_EQ(ReadAll(Get("/rows"), NextPage::Offset("skip", "take", 2, "rows")).size(), 3u);
  EXPECT_THAT(asked, ElementsAre("0+2", "2+2", "4+2"));
}

TEST_F(HttpPagesTest, AListWithoutAnEndAndOneThatLeadsToAnotherHostAreErrors) {
  server_.Get("/round", [](const httplib::Request& request, httplib::Response& response) {
    response.set_content(
        request.get_param_value("p") == "2" ? "{\"next\":\"/round?p=1\"}" : "{\"next\":\"/round?p=2\"}",
        "application/json");
  });
  Reason why = Reason::kBug;
  ReadAll(Get("/round?p=1"), NextPage::LinkIn("next"), &why);
  EXPECT_EQ(why, Reason::kTransient);
  server_.Get("/away", [](const httplib::Request&, httplib::Response& response) {
    response.set_content("{\"next\":\"http://127.0.0.2:1/x\"}", "application/json");
  });
  EXPECT_TRUE(ReadAll(Get("/away"), NextPage::LinkIn("next"), &why).empty());
  EXPECT_EQ(why, Reason::kInvalid);
  server_.Get("/html", [](const httplib::Request&, httplib::Response& response) {
    response.set_content("<html>", "text/html");
  });
  EXPECT_TRUE(ReadAll(Get("/html"), NextPage::LinkIn("next"), &why).empty());
  EXPECT_EQ(why, Reason::kTransient) << "a page that is not what it should be is never the last page";
}

TEST(WithParameter, PutsItInThePlaceOfTheOld) {
  EXPECT_EQ(WithParameter("http://a/b", "x", "1 2"), "http://a/b?x=1%202");
  EXPECT_EQ(WithParameter("http://a/b?x=1&y=2&x=3", "x", "9"), "http://a/b?x=9&y=2");
  EXPECT_EQ(WithParameter("http://a/b?y=2#f", "$skip", "0"), "http://a/b?y=2&%24skip=0");
}

class HttpStreamTest : public HttpTest {
 protected:
  static constexpr size_t kChunk = 100'000;
  // Sends this many chunks of 'x', not compressed, then ends or breaks off.
  void Serve(size_t chunks, bool breaks_off = false) {
    server_.Get("/long", [this, chunks, breaks_off](const httplib::Request&, httplib::Response& response) {
      response.set_chunked_content_provider("application/octet-stream", [this, chunks, breaks_off, sent = size_t{0}](
                                                                            size_t, httplib::DataSink& sink) mutable {
        if (sent == chunks) {
          if (breaks_off) {
            absl::SleepFor(absl::Milliseconds(200));  // What was sent has arrived.
            return false;
          }
          sink.done();
          return true;
        }
        ++sent;
        chunks_sent_ = sent;
        return sink.write(std::string(kChunk, 'x').data(), kChunk);
      });
    });
  }
  std::atomic<size_t> chunks_sent_{0};
};

TEST_F(HttpStreamTest, ALongAnswerIsReadAsItComesAndWaitsForItsReader) {
  Serve(1500);
  HttpClient client(Quick());
  auto stream = client.OpenStream(Get("/long"));
  ASSERT_TRUE(stream.ok()) << stream.status();
  EXPECT_EQ(stream->response.status, 200);
  absl::SleepFor(absl::Milliseconds(100));
  EXPECT_LT(chunks_sent_, 800u) << "150 MB were not taken in without a reader; the sockets hold some of it";
  std::string buffer(kChunk, '\0');
  size_t total = 0;
  while (true) {
    auto count = stream->body->Read(buffer.data(), buffer.size());
    ASSERT_TRUE(count.ok()) << count.status();
    if (*count == 0) break;
    total += *count;
  }
  EXPECT_EQ(total, 1500 * kChunk);
}

TEST_F(HttpStreamTest, AnAnswerThatBreaksOffIsAnErrorAtItsEndAndOneThatNobodyWantsIsGivenUp) {
  Serve(3, /*breaks_off=*/true);
  HttpClient client(Quick());
  auto stream = client.OpenStream(Get("/long"));
  ASSERT_TRUE(stream.ok()) << stream.status();
  std::string buffer(kChunk, '\0');
  absl::Status end;
  while (end.ok()) {
    auto count = stream->body->Read(buffer.data(), buffer.size());
    ASSERT_TRUE(!count.ok() || *count > 0) << "a broken answer has no good end";
    end = count.status();
  }
  EXPECT_EQ(Error::From(end).reason, Reason::kTransient);
  auto unread = client.OpenStream(Get("/long"));
  ASSERT_TRUE(unread.ok());
}

TEST_F(HttpStreamTest, AnErrorIsGivenBackWhole) {
  server_.Get("/no", [](const httplib::Request&, httplib::Response& response) {
    response.status = 403;
    response.set_content("no right", "text/plain");
  });
  HttpClient client(Quick());
  auto stream = client.OpenStream(Get("/no"));
  ASSERT_TRUE(stream.ok());
  EXPECT_EQ(stream->response.status, 403);
  EXPECT_EQ(stream->response.body, "no right");
  EXPECT_EQ(stream->body, nullptr);
  HttpRequest nowhere;
  nowhere.url = "http://127.0.0.1:1/";
  EXPECT_FALSE(client.OpenStream(nowhere).ok());
}

TEST_F(HttpStreamTest, FeedsTheReaderOfJson) {
  server_.Get("/users", [](const httplib::Request&, httplib::Response& response) {
    std::string body = "{\"value\":[";
    for (int i = 0; i < 20'000; ++i) absl::StrAppend(&body, i > 0 ? "," : "", "{\"id\":", i, "}");
    response.set_content(body + "],\"next\":\"/users?2\"}", "application/json");
  });
  HttpClient client(Quick());
  auto stream = client.OpenStream(Get("/users"));
  ASSERT_TRUE(stream.ok());
  int64_t sum = 0;
  JsonReader reader("value");
  reader.Each([&](const Value& item) {
    sum += *FieldAt(item, "id").integer();
    return absl::OkStatus();
  });
  EXPECT_TRUE(reader.Read(*stream->body).ok());
  EXPECT_EQ(sum, 20'000LL * 19'999 / 2);
  EXPECT_EQ(FieldAt(reader.rest(), "next").TextOr(""), "/users?2");
}

TEST_F(HttpTest, ARequestEndsWithTheOperationThatItIsSentFor) {
  server_.Get("/flaky", [](const httplib::Request&, httplib::Response& response) { response.status = 503; });
  HttpOptions options = Quick();
  options.first_backoff = absl::Seconds(30);
  HttpClient client(options);
  Operation operation;
  operation.deadline = absl::Now() + absl::Milliseconds(200);
  const absl::Time before = absl::Now();
  auto response = client.Send(Get("/flaky").For(operation));
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->attempts, 1) << "a repetition would come after the operation's time";
  EXPECT_LT(absl::Now() - before, absl::Seconds(10));
  operation.deadline = absl::Now() - absl::Seconds(1);
  response = client.Send(Get("/flaky").For(operation));
  EXPECT_EQ(Error::From(response.status()).reason, Reason::kTransient);
  EXPECT_FALSE(WasSent(response.status()));
}

class HttpTapeTest : public HttpTest {
 protected:
  const std::string file_ =
      (std::filesystem::temp_directory_path() / absl::StrCat("tape-", getpid(), ".jsonl")).string();
  void TearDown() override {
    std::filesystem::remove(file_);
    HttpTest::TearDown();
  }
};

TEST_F(HttpTapeTest, WhatWasRecordedIsAnsweredWithoutTheSystem) {
  std::atomic<int> calls{0};
  server_.Post("/token", [](const httplib::Request&, httplib::Response& response) {
    response.set_content("{\"access_token\":\"canary\"}", "application/json");
  });
  server_.Get("/data", [&](const httplib::Request&, httplib::Response& response) {
    response.set_header("X-Page", "1");
    response.set_content(absl::StrCat("call ", ++calls), "text/plain");
  });
  HttpRequest request = Get("/data?api_key=canary&q=1");
  auto credentials = std::make_shared<OAuth2Client>();
  credentials->token_url = Url("/token");
  credentials->client_secret = Secret("canary");
  request.credentials = credentials;
  HttpOptions options = Quick();
  options.tape = *HttpTape::Record(file_);
  {
    HttpClient client(options);
    for (int i = 0; i < 2; ++i) ASSERT_EQ(client.Send(request)->status, 200);
  }
  std::ifstream in(file_);
  const std::string written((std::istreambuf_iterator<char>(in)), {});
  EXPECT_THAT(written, Not(HasSubstr("canary")));

  options.tape = *HttpTape::Replay(file_);
  HttpClient client(options);
  request.url = Get("/data?api_key=another&q=1").url;
  EXPECT_EQ(client.Send(request)->body, "call 1");
  auto stream = client.OpenStream(request);
  ASSERT_TRUE(stream.ok());
  EXPECT_EQ(stream->response.Header("x-page"), "1");
  EXPECT_EQ(options.tape->left(), 0u);
  EXPECT_EQ(calls, 2) << "nobody asked the system";
  const absl::Status nothing = client.Send(request).status();
  EXPECT_THAT(std::string(nothing.message()), HasSubstr("no further answer for GET"));
  EXPECT_FALSE(HttpTape::Replay("/nowhere/tape").ok());
}

}  // namespace
}  // namespace sluice::connector
