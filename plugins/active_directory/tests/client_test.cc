// What becomes of requests when the connection does not last: certain answers, in-doubt writes, reads that are asked
// again.
#include "plugins/active_directory/src/client.h"

#include <gtest/gtest.h>

#include <future>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "plugins/active_directory/src/directory.h"
#include "plugins/active_directory/src/names.h"
#include "plugins/active_directory/tests/proxy.h"
#include "plugins/active_directory/tests/samba.h"

namespace sluice::active_directory {
namespace {

class ClientTest : public testing::Test {
 protected:
  ClientTest() : straight_(Samba::Get().ClientOptions()), proxy_(Samba::Get().ip(), 636), client_(Through()) {}

  Client::Options Through() const {
    Client::Options options = Samba::Get().ClientOptions();
    options.servers = {*ParseEndpoint(absl::StrCat("ldaps://", Samba::Get().ip(), ":", proxy_.port()))};
    return options;
  }
  static std::string Unit(const std::string& name) { return absl::StrCat("OU=", name, ",", Samba::Get().Base()); }
  static Request AddUnit(const std::string& name) {
    return Request::Add(Unit(name), {{Modification::Kind::kAdd, "objectClass", {"organizationalUnit"}}});
  }
  static Request ReadBase() {
    return Request::Search(Samba::Get().Base(), LDAP_SCOPE_BASE, "(objectClass=*)", {"objectGUID"});
  }
  bool IsThere(const std::string& name) {
    return straight_.RunOne(Request::Search(Unit(name), LDAP_SCOPE_BASE, "(objectClass=*)", {})).ok();
  }
  void AwaitThere(const std::string& name) {
    while (!IsThere(name)) absl::SleepFor(absl::Milliseconds(5));
  }

  Client straight_;
  Proxy proxy_;
  Client client_;
};

TEST_F(ClientTest, AWriteWhoseAnswerWasLostIsInDoubtAndNeverSentAgain) {
  ASSERT_TRUE(client_.RunOne(ReadBase()).ok());
  proxy_.SwallowAnswers(true);
  auto lost = std::async(std::launch::async, [&] { return client_.RunOne(AddUnit("Lost")); });
  AwaitThere("Lost");
  proxy_.SwallowAnswers(false);
  proxy_.CutAll();
  const Response response = lost.get();
  EXPECT_EQ(response.fate, Fate::kInDoubt);
  EXPECT_TRUE(absl::IsUnavailable(response.status)) << response.status;
  EXPECT_TRUE(client_.RunOne(ReadBase()).ok()) << "the next request makes a new connection";
  EXPECT_EQ(proxy_.connections(), 2);
}

TEST_F(ClientTest, AReadWhoseAnswerWasLostIsAskedAgain) {
  ASSERT_TRUE(client_.RunOne(ReadBase()).ok());
  proxy_.SwallowAnswers(true);
  const int64_t before = proxy_.received();
  auto read = std::async(std::launch::async, [&] { return client_.RunOne(ReadBase()); });
  while (proxy_.received() == before) absl::SleepFor(absl::Milliseconds(1));
  proxy_.SwallowAnswers(false);
  proxy_.CutAll();
  const Response response = read.get();
  EXPECT_TRUE(response.ok()) << response.status;
  EXPECT_EQ(response.entries.size(), 1u);
}

TEST_F(ClientTest, OfManyWritesCutInTheMiddleEachHasOneTrueFate) {
  ASSERT_TRUE(client_.RunOne(ReadBase()).ok());
  std::vector<Request> requests;
  for (int i = 0; i < 100; ++i) requests.push_back(AddUnit(absl::StrCat("Many", i)));
  auto run = std::async(std::launch::async, [&] { return client_.Run(std::move(requests)); });
  AwaitThere("Many40");
  proxy_.CutAll();
  const std::vector<Response> responses = run.get();
  int in_doubt = 0;
  for (int i = 0; i < 100; ++i) {
    const Response& response = responses[i];
    in_doubt += response.fate == Fate::kInDoubt;
    // A request behind the window went on over the new connection: not sent before, it is sent now.
    EXPECT_NE(response.fate, Fate::kNotSent) << i;
    EXPECT_TRUE(response.ok() || response.fate != Fate::kAnswered) << i << " " << response.code;
    EXPECT_TRUE(!response.ok() || IsThere(absl::StrCat("Many", i))) << i;
  }
  EXPECT_LE(in_doubt, 32);
}

TEST_F(ClientTest, AListThatIsCutBeginsAnewAndGivesEveryObjectOnce) {
  std::vector<Request> requests;
  ASSERT_TRUE(straight_.RunOne(AddUnit("Listed")).ok());
  for (int i = 0; i < 300; ++i) {
    requests.push_back(Request::Add(absl::StrCat("CN=u", i, ",", Unit("Listed")),
                                    {{Modification::Kind::kAdd, "objectClass", {"contact"}}}));
  }
  for (const Response& response : straight_.Run(std::move(requests))) ASSERT_TRUE(response.ok());
  Layout layout;
  layout.client = Through();
  layout.base = *Dn::Parse(Samba::Get().Base());
  layout.page_size = 40;
  Directory directory(layout);
  proxy_.CutAfter(12000);
  std::multiset<std::string> names;
  const auto status =
      directory.List(*Dn::Parse(Unit("Listed")), "(objectClass=contact)", {"cn"}, false, {}, [&](const Entry& entry) {
        names.insert(entry.First("cn"));
        return absl::OkStatus();
      });
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(proxy_.connections(), 2) << "it was cut in the middle";
  EXPECT_EQ(names.size(), 300u);
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), 300u);
}

TEST_F(ClientTest, ARequestThatGetsNoAnswerEndsInTime) {
  ASSERT_TRUE(client_.RunOne(ReadBase()).ok());
  proxy_.SwallowAnswers(true);
  const Response read = client_.RunOne(ReadBase(), absl::Milliseconds(200));
  EXPECT_EQ(read.fate, Fate::kNotSent);
  const Response write = client_.RunOne(AddUnit("Late"), absl::Milliseconds(500));
  EXPECT_EQ(write.fate, Fate::kInDoubt);
}

TEST_F(ClientTest, ACallerLeavesInTimeWhileAConnectionIsMadeThatNobodyAnswers) {
  proxy_.SwallowAnswers(true);  // From the beginning: the handshake gets no answer either.
  const absl::Time began = absl::Now();
  const Response write = client_.RunOne(AddUnit("Never"), absl::Milliseconds(300));
  EXPECT_LT(absl::Now() - began, absl::Seconds(3)) << "a connection may take 10 s";
  EXPECT_EQ(write.fate, Fate::kNotSent);
  proxy_.SwallowAnswers(false);
  proxy_.CutAll();
  // The connection that was cut may take one more request with it.
  EXPECT_TRUE(client_.RunOne(ReadBase()).ok() || client_.RunOne(ReadBase()).ok());
  EXPECT_FALSE(IsThere("Never")) << "what nobody waits for any more is not sent";
}

TEST_F(ClientTest, AServerThatWasNeverThereFailsAtOnce) {
  Client::Options options = Samba::Get().ClientOptions();
  options.servers = {*ParseEndpoint(absl::StrCat("ldaps://", Samba::Get().ip(), ":1"))};
  Client nobody(options);
  const absl::Time began = absl::Now();
  const Response response = nobody.RunOne(ReadBase());
  EXPECT_EQ(response.fate, Fate::kNotSent);
  EXPECT_TRUE(absl::IsUnavailable(response.status));
  EXPECT_LT(absl::Now() - began, absl::Seconds(2));
}

TEST_F(ClientTest, TheNextServerTakesOver) {
  Client::Options options = Samba::Get().ClientOptions();
  options.servers.insert(options.servers.begin(), *ParseEndpoint(absl::StrCat("ldaps://", Samba::Get().ip(), ":1")));
  Client client(options);
  EXPECT_TRUE(client.RunOne(ReadBase()).ok());
}

TEST_F(ClientTest, AFilterThatCannotBeReadIsRefusedWithoutHarm) {
  const Response response = client_.RunOne(Request::Search(Samba::Get().Base(), LDAP_SCOPE_BASE, "(((", {}));
  EXPECT_EQ(response.fate, Fate::kNotSent);
  EXPECT_TRUE(client_.RunOne(ReadBase()).ok());
}

}  // namespace
}  // namespace sluice::active_directory
