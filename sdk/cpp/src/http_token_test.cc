#include <gmock/gmock.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <atomic>

#include "absl/strings/escaping.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"
#include "sdk/cpp/src/http_fixture.h"
#include "sdk/cpp/src/jwt.h"

namespace sluice::connector {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class HttpTokenTest : public HttpTest {
 protected:
  HttpTokenTest() {
    credentials_->token_url = "to be set";
    credentials_->client_id = "me";
    credentials_->client_secret = Secret("s&cret");
  }
  HttpRequest Data() {
    credentials_->token_url = Url("/token");
    HttpRequest request = Get("/data");
    request.credentials = credentials_;
    return request;
  }
  // Gives t1, t2, ...
  void ServeTokens() {
    server_.Post("/token", [this](const httplib::Request& request, httplib::Response& response) {
      token_requests_.push_back(request);
      response.set_content(absl::StrCat("{\"access_token\":\"t", ++tokens_, "\",\"expires_in\":3600}"),
                           "application/json");
    });
  }

  std::shared_ptr<OAuth2Client> credentials_ = std::make_shared<OAuth2Client>();
  std::atomic<int> tokens_{0};
  std::vector<httplib::Request> token_requests_;
};

TEST_F(HttpTokenTest, OneTokenServesManyAndIsRenewedWhenItIsNoLongerGood) {
  ServeTokens();
  std::atomic<int> calls{0};
  server_.Get("/data", [&](const httplib::Request& request, httplib::Response& response) {
    const std::string good = ++calls < 3 ? "Bearer t1" : "Bearer t2";
    response.status = request.get_header_value("Authorization") == good ? 200 : 401;
  });
  credentials_->parameters["tenant"] = "board 1";
  HttpClient client(Quick());
  for (int i = 0; i < 4; ++i) EXPECT_EQ(client.Send(Data())->status, 200) << i;
  EXPECT_EQ(tokens_, 2);
  EXPECT_EQ(token_requests_[0].get_param_value("client_id"), "me");
  EXPECT_EQ(token_requests_[0].get_param_value("client_secret"), "s&cret");
  EXPECT_EQ(token_requests_[0].get_param_value("tenant"), "board 1");
}

TEST_F(HttpTokenTest, A401ForAMissingRightCostsNoFurtherTokens) {
  ServeTokens();
  server_.Get("/data", [](const httplib::Request&, httplib::Response& response) { response.status = 401; });
  HttpClient client(Quick());
  for (int i = 0; i < 5; ++i) EXPECT_EQ(client.Send(Data())->status, 401);
  EXPECT_EQ(tokens_, 1) << "a token that was never good for anything is not fetched again at once";
}

TEST_F(HttpTokenTest, ARefusedTokenIsAuthForAllWhoWaitAndShowsNoSecret) {
  server_.Post("/token", [&](const httplib::Request&, httplib::Response& response) {
    response.status = 400;
    response.set_content("{\"error\":\"invalid_client\"}", "application/json");
  });
  credentials_->client_secret = Secret("canary");
  HttpClient client(Quick());
  auto response = client.Send(Data());
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(Error::From(response.status()).reason, Reason::kAuth);
  EXPECT_THAT(response.status().ToString(), Not(HasSubstr("canary")));
  EXPECT_FALSE(WasSent(response.status())) << "the request itself never left";
}

TEST_F(HttpTokenTest, AnAnswerWithoutATokenIsAskedForAgainAndThenIsNoRefusal) {
  std::atomic<int> calls{0}, until{3};
  server_.Post("/token", [&](const httplib::Request&, httplib::Response& response) {
    const bool is_well = ++calls >= until;
    response.set_content(is_well ? "{\"access_token\":\"t\"}" : "<html>maintenance</html>", "text/html");
  });
  server_.Get("/data", [](const httplib::Request&, httplib::Response& response) { response.status = 200; });
  {
    HttpClient client(Quick());
    auto response = client.Send(Data());
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(calls, 3);
  }
  calls = 0;
  until = 1000;
  HttpClient client(Quick());
  EXPECT_EQ(Error::From(client.Send(Data()).status()).reason, Reason::kUnavailable);
  EXPECT_EQ(calls, 4);
}

std::string NewKey(bool is_ec) {
  EVP_PKEY* key = is_ec ? EVP_EC_gen("P-256") : EVP_RSA_gen(2048);
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string pem(data, static_cast<size_t>(size));
  BIO_free(bio);
  EVP_PKEY_free(key);
  return pem;
}

nlohmann::json Part(const std::string& jwt, size_t index) {
  const std::vector<std::string> parts = absl::StrSplit(jwt, '.');
  std::string text;
  EXPECT_TRUE(absl::WebSafeBase64Unescape(parts.at(index), &text));
  return nlohmann::json::parse(text, nullptr, false);
}

bool IsSignedBy(const std::string& jwt, const std::string& pem) {
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
  const size_t dot = jwt.rfind('.');
  std::string signature;
  absl::WebSafeBase64Unescape(jwt.substr(dot + 1), &signature);
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  EVP_DigestVerifyInit(context, nullptr, EVP_sha256(), nullptr, key);
  const bool is_good = EVP_DigestVerify(context, reinterpret_cast<const unsigned char*>(signature.data()),
                                        signature.size(), reinterpret_cast<const unsigned char*>(jwt.data()), dot) == 1;
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(key);
  BIO_free(bio);
  return is_good;
}

TEST_F(HttpTokenTest, AnAssertionIsTheGrantOfAServiceAccount) {
  ServeTokens();
  server_.Get("/data", [](const httplib::Request&, httplib::Response& response) { response.status = 200; });
  const std::string pem = NewKey(/*is_ec=*/false);
  credentials_->assertion.emplace();
  credentials_->assertion->private_key = Secret(pem);
  credentials_->assertion->key_id = "k1";
  credentials_->assertion->subject = "admin@board.nl";
  credentials_->assertion->claims["scope"] = "directory";
  HttpClient client(Quick());
  ASSERT_EQ(client.Send(Data())->status, 200);
  ASSERT_EQ(token_requests_.size(), 1u);
  const auto& request = token_requests_[0];
  EXPECT_EQ(request.get_param_value("grant_type"), "urn:ietf:params:oauth:grant-type:jwt-bearer");
  EXPECT_FALSE(request.has_param("client_secret"));
  const std::string jwt = request.get_param_value("assertion");
  EXPECT_EQ(Part(jwt, 0)["alg"], "RS256");
  EXPECT_EQ(Part(jwt, 0)["kid"], "k1");
  EXPECT_EQ(Part(jwt, 1)["iss"], "me");
  EXPECT_EQ(Part(jwt, 1)["sub"], "admin@board.nl");
  EXPECT_EQ(Part(jwt, 1)["aud"], credentials_->token_url);
  EXPECT_EQ(Part(jwt, 1)["scope"], "directory");
  EXPECT_EQ(Part(jwt, 1)["exp"].get<int64_t>() - Part(jwt, 1)["iat"].get<int64_t>(), 300);
  EXPECT_TRUE(IsSignedBy(jwt, pem));
}

TEST_F(HttpTokenTest, AnAssertionStandsInForTheSecretOfAClient) {
  ServeTokens();
  server_.Get("/data", [](const httplib::Request&, httplib::Response& response) { response.status = 200; });
  credentials_->assertion.emplace();
  credentials_->assertion->use = JwtAssertion::Use::kClient;
  credentials_->assertion->private_key = Secret(NewKey(/*is_ec=*/true));
  credentials_->assertion->x5t = "dGh1bWI";
  HttpClient client(Quick());
  ASSERT_EQ(client.Send(Data())->status, 200);
  const auto& request = token_requests_.at(0);
  EXPECT_EQ(request.get_param_value("grant_type"), "client_credentials");
  EXPECT_EQ(request.get_param_value("client_id"), "me");
  EXPECT_FALSE(request.has_param("client_secret"));
  const std::string jwt = request.get_param_value("client_assertion");
  EXPECT_EQ(Part(jwt, 0)["alg"], "ES256");
  EXPECT_EQ(Part(jwt, 0)["x5t"], "dGh1bWI");
  EXPECT_EQ(Part(jwt, 1)["sub"], "me");
  std::string signature;
  EXPECT_TRUE(absl::WebSafeBase64Unescape(jwt.substr(jwt.rfind('.') + 1), &signature));
  EXPECT_EQ(signature.size(), 64u) << "both halves in a row, not DER";
}

TEST_F(HttpTokenTest, AKeyThatIsNoneIsAuthAndIsNotShown) {
  credentials_->assertion.emplace();
  credentials_->assertion->private_key = Secret("canary");
  HttpClient client(Quick());
  auto response = client.Send(Data());
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(Error::From(response.status()).reason, Reason::kAuth);
  EXPECT_THAT(response.status().ToString(), Not(HasSubstr("canary")));
}

}  // namespace
}  // namespace sluice::connector
