#include "sluice/connector/testing/twin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "sluice/connector/http_client.h"

namespace sluice::connector::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Users by id, with one fault of its own.
class Users final : public Twin {
 public:
  TwinAnswer Handle(const TwinRequest& request, const TwinFault* fault) override {
    TwinAnswer answer;
    if (request.bearer != "token" && request.path != "/login") {
      answer.status = 401;
    } else if (request.method == "POST" && request.path == "/login") {
      answer.body = request.Form("user") + "+" + request.Query("via") + "+" + request.Header("x-more");
    } else if (request.method == "PUT") {
      state_.Put("user", request.path.substr(7), {{"name", request.body}});
    } else {
      const auto users = state_.List("user");
      answer.items = static_cast<int>(users.size());
      for (const auto& [id, user] : users) absl::StrAppend(&answer.body, id, "=", user.fields.at("name"), ";");
      if (fault != nullptr) answer.body = "old " + answer.body;
    }
    return answer;
  }
  std::optional<TwinAnswer> Admin(const TwinRequest& request) override {
    if (request.path != "/__sim/hello") return std::nullopt;
    TwinAnswer answer;
    answer.body = "hello";
    return answer;
  }
  std::vector<std::string> FaultKinds() const override { return {"stale"}; }

 private:
  TwinState state_;
};

class TwinTest : public ::testing::Test {
 protected:
  TwinTest() : server_(*TwinServer::Start(std::make_unique<Users>())), client_(Options()) {}
  static HttpOptions Options() {
    HttpOptions options;
    options.first_backoff = absl::Milliseconds(1);
    options.max_attempts = 1;
    return options;
  }
  absl::StatusOr<HttpResponse> Send(const std::string& method, const std::string& path, const std::string& body = "") {
    HttpRequest request;
    request.method = method;
    request.url = server_->url() + path;
    request.body = body;
    request.bearer = Secret("token");
    request.headers = {{"X-More", "m"}};
    if (path.starts_with("/login")) request.content_type = "application/x-www-form-urlencoded";
    return client_.Send(std::move(request));
  }
  std::string Get(const std::string& path) {
    auto response = Send("GET", path);
    return response.ok() ? response->body : response.status().ToString();
  }

  std::unique_ptr<TwinServer> server_;
  HttpClient client_;
};

TEST_F(TwinTest, AnswersAndCounts) {
  EXPECT_EQ(Send("PUT", "/users/1", "Sem")->status, 200);
  EXPECT_EQ(Get("/users"), "1=Sem;");
  EXPECT_EQ(Send("POST", "/login?via=web", "user=a%20b&via=x")->body, "a b+web+m");
  EXPECT_EQ(server_->log().Counter("requests"), 3u);
  EXPECT_EQ(server_->log().Counter("writes"), 2u);
  EXPECT_EQ(server_->log().Counter("PUT users/*"), 1u);
  EXPECT_EQ(server_->log().Counter("status 200"), 3u);
  EXPECT_EQ(server_->log().Counter("most_in_flight"), 1u);
  EXPECT_EQ(server_->log().Entries()[1].line, "GET /users");
  EXPECT_EQ(server_->log().Entries()[1].items, 1);
  EXPECT_THAT(Get("/__sim/log"), Not(HasSubstr("token"))) << "what a request carries is not logged";
  EXPECT_THAT(Get("/__sim/counters"), HasSubstr("\"writes\":2"));
  EXPECT_EQ(Send("DELETE", "/__sim/log")->status, 200);
  EXPECT_EQ(server_->log().Counter("requests"), 0u);
  EXPECT_EQ(Get("/__sim/hello"), "hello");
  EXPECT_EQ(Send("GET", "/__sim/nothing")->status, 404);
}

TEST_F(TwinTest, FaultsComeByRouteAndCount) {
  ASSERT_EQ(Send("POST", "/__sim/faults",
                 R"({"route":"GET /users","kind":"status","status":429,"retry_after":"1","skip":1,"count":2})")
                ->status,
            200);
  EXPECT_EQ(Send("GET", "/users")->status, 200) << "one is left out";
  EXPECT_EQ(Send("PUT", "/users/1", "Sem")->status, 200) << "another route";
  EXPECT_EQ(server_->faults().Unused().size(), 1u);
  for (int i = 0; i < 2; ++i) {
    auto response = Send("GET", "/users");
    EXPECT_EQ(response->status, 429);
    EXPECT_EQ(response->Header("Retry-After"), "1");
  }
  EXPECT_TRUE(server_->faults().Unused().empty());
  // The client waits for that second now; another one does not know of it.
  HttpClient other(Options());
  HttpRequest request;
  request.url = server_->url() + "/users";
  request.bearer = Secret("token");
  EXPECT_EQ(other.Send(request)->status, 200) << "twice, and no more";
  EXPECT_FALSE(server_->faults().AddJson("{\"route\":\"x\",\"kind\":\"nonsense\"}").ok());
  EXPECT_FALSE(server_->faults().AddJson("{\"route\":\"(\",\"kind\":\"slow\"}").ok());
  EXPECT_FALSE(server_->faults().AddJson("{}").ok());
}

TEST_F(TwinTest, TheWireBreaksOnDemand) {
  ASSERT_TRUE(Send("PUT", "/users/1", std::string(100'000, 'x')).ok());
  const auto once = [&](const std::string& kind) {
    TwinFault fault;
    fault.route = "GET /users";
    fault.kind = kind;
    fault.count = 1;
    fault.delay_ms = 150;
    ASSERT_TRUE(server_->faults().Add(fault).ok()) << kind;
  };
  once("truncate");
  EXPECT_EQ(Error::From(Send("GET", "/users").status()).reason, Reason::kTransient);
  once("reset");
  EXPECT_FALSE(Send("GET", "/users").ok());
  once("html");
  EXPECT_THAT(Get("/users"), HasSubstr("<html>"));
  once("invalid_json");
  EXPECT_LT(Get("/users").size(), 60'000u);
  once("empty_object");
  EXPECT_EQ(Get("/users"), "{}");
  once("stale");
  EXPECT_THAT(Get("/users"), HasSubstr("old 1=")) << "the twin's own";
  once("slow");
  const absl::Time before = absl::Now();
  EXPECT_EQ(Send("GET", "/users")->status, 200);
  EXPECT_GE(absl::Now() - before, absl::Milliseconds(150));
  EXPECT_TRUE(server_->faults().Unused().empty());
}

TEST(TwinClock, IsMovedByAFile) {
  const std::string file = (std::filesystem::temp_directory_path() / absl::StrCat("clock-", getpid())).string();
  const TwinClock clock(file);
  EXPECT_GT(clock.Now(), absl::Now() - absl::Hours(1)) << "without a file the real time";
  const absl::Time august = absl::FromCivil(absl::CivilSecond(2026, 8, 1, 6, 0, 0), absl::UTCTimeZone());
  ASSERT_TRUE(clock.Set(august).ok());
  EXPECT_EQ(TwinClock(file).Now(), august);
  EXPECT_EQ(TwinClock(file).Today(), absl::CivilDay(2026, 8, 1));
  std::filesystem::remove(file);
  EXPECT_FALSE(TwinClock().Set(august).ok());
}

TEST(TwinState, HoldsObjectsWithVersions) {
  TwinState state;
  const uint64_t first = state.Put("user", "b", {{"name", "B"}});
  state.Put("user", "a", {{"name", "A"}});
  EXPECT_GT(state.Put("user", "b", {{"name", "B2"}}), first);
  EXPECT_EQ(state.Find("user", "b")->fields.at("name"), "B2");
  EXPECT_EQ(state.List("user", 1, 1)[0].first, "b");
  EXPECT_EQ(state.size("user"), 2u);
  EXPECT_TRUE(state.Erase("user", "a"));
  EXPECT_FALSE(state.Erase("user", "a"));
  EXPECT_FALSE(state.Find("group", "a").has_value());
}

}  // namespace
}  // namespace sluice::connector::testing
