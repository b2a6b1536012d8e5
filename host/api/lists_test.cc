// Lists in pages: every item once, whatever the size of a page, and no token but the list's own.

#include "absl/strings/str_cat.h"
#include "host/api/testing/api_test.h"

namespace sluice::api::testing {
namespace {

using ::testing::HasSubstr;
constexpr auto kInvalid = grpc::StatusCode::INVALID_ARGUMENT;

class ListsTest : public ApiTest {
 protected:
  ListsTest() {
    host_.ImportAll();
    for (int i = 0; i < 6; ++i) host_.Await(host_.engine().StartImport({"user:test", ""}, {"ad"}));
  }

  // Walks `method` page by page and all at once; `names` gives a page's items.
  template <typename Method, typename Request, typename Names>
  void ExpectPagesAreWhole(Method method, Request request, int at_least, Names names) {
    const std::vector<std::string> whole = names(Pages(method, request, 1000).front());
    EXPECT_GE(static_cast<int>(whole.size()), at_least);
    for (int size : {1, 2, 3}) {
      std::vector<std::string> walked;
      for (const auto& page : Pages(method, request, size)) {
        const std::vector<std::string> some = names(page);
        EXPECT_LE(static_cast<int>(some.size()), size);
        EXPECT_FALSE(some.empty());
        walked.insert(walked.end(), some.begin(), some.end());
      }
      EXPECT_EQ(walked, whole) << "in pages of " << size;
    }
    for (const char* token : {"no token of ours", "-1", "999999999999999999999", "\xC3\xA9"}) {
      request.set_page_token(token);
      EXPECT_EQ(Code(method, request), kInvalid) << token;
      EXPECT_THAT(message_, HasSubstr("page_token"));
    }
    request.clear_page_token();
    request.set_page_size(-1);
    EXPECT_EQ(Code(method, request), kInvalid);
  }
};

template <typename Items>
std::vector<std::string> NamesOf(const Items& items) {
  std::vector<std::string> names;
  for (const auto& item : items) names.push_back(item.name());
  return names;
}

TEST_F(ListsTest, PersonsComeInWholePages) {
  ExpectPagesAreWhole(&v1::Persons::Stub::ListPersons, v1::ListPersonsRequest(), 4,
                      [](const v1::ListPersonsResponse& page) { return NamesOf(page.persons()); });
}

TEST_F(ListsTest, SystemsComeInWholePages) {
  ExpectPagesAreWhole(&v1::Systems::Stub::ListSystems, v1::ListSystemsRequest(), 2,
                      [](const v1::ListSystemsResponse& page) { return NamesOf(page.systems()); });
}

TEST_F(ListsTest, RulesComeInWholePages) {
  ExpectPagesAreWhole(&v1::Rules::Stub::ListRules, v1::ListRulesRequest(), 3,
                      [](const v1::ListRulesResponse& page) { return NamesOf(page.rules()); });
}

TEST_F(ListsTest, PluginsComeInWholePages) {
  ExpectPagesAreWhole(&v1::Plugins::Stub::ListPlugins, v1::ListPluginsRequest(), 2,
                      [](const v1::ListPluginsResponse& page) { return NamesOf(page.plugins()); });
}

TEST_F(ListsTest, RunsComeInWholePages) {
  ExpectPagesAreWhole(&v1::Runs::Stub::ListRuns, v1::ListRunsRequest(), 7,
                      [](const v1::ListRunsResponse& page) { return NamesOf(page.runs()); });
}

TEST_F(ListsTest, BlocksComeInWholePages) {
  v1::ListBlocksRequest request;
  request.set_with_decided(true);
  store::Commit commit;
  for (int i = 0; i < 5; ++i) {
    store::BlockRecord block;
    block.id = absl::StrCat("block-", i);
    block.system = "school";
    block.kind = "people_removed";
    block.state = "waiting";
    block.since = host_.clock().Now() + absl::Seconds(i);
    commit.blocks.push_back(block);
  }
  ASSERT_TRUE(host_.store().Write(commit).ok());
  ExpectPagesAreWhole(&v1::Blocks::Stub::ListBlocks, request, 5,
                      [](const v1::ListBlocksResponse& page) { return NamesOf(page.blocks()); });
}

TEST_F(ListsTest, CredentialsComeInWholePages) {
  host_.Activate();
  ApprovePlan();
  host_.Await(host_.engine().StartEnforcement({"user:test", ""}, ""));
  ExpectPagesAreWhole(&v1::Credentials::Stub::ListCredentials, v1::ListCredentialsRequest(), 3,
                      [](const v1::ListCredentialsResponse& page) {
                        std::vector<std::string> names;
                        for (const v1::Credential& one : page.credentials()) names.push_back(one.person());
                        return names;
                      });
}

std::vector<std::string> Sequences(const v1::ListAuditRowsResponse& page) {
  std::vector<std::string> names;
  for (const v1::AuditRow& row : page.rows()) names.push_back(absl::StrCat(row.sequence()));
  return names;
}

TEST_F(ListsTest, AuditRowsComeInWholePagesInBothOrders) {
  v1::ListAuditRowsRequest request;
  ExpectPagesAreWhole(&v1::Audit::Stub::ListAuditRows, request, 8, Sequences);
  std::vector<std::string> oldest = Sequences(Ok(&v1::Audit::Stub::ListAuditRows, request));
  request.set_newest_first(true);
  ExpectPagesAreWhole(&v1::Audit::Stub::ListAuditRows, request, 8, Sequences);
  std::reverse(oldest.begin(), oldest.end());
  EXPECT_EQ(Sequences(Ok(&v1::Audit::Stub::ListAuditRows, request)), oldest);
}

TEST_F(ListsTest, AuditRowsOfOnePersonNameThePerson) {
  Ok(&v1::Persons::Stub::ExcludePerson, Named<v1::ExcludePersonRequest>("104233", "on leave"));
  Ok(&v1::Persons::Stub::IncludePerson, Named<v1::ExcludePersonRequest>("104233", "back"));
  v1::ListAuditRowsRequest request;
  request.set_person("104233");
  request.set_newest_first(true);
  const auto reply = Ok(&v1::Audit::Stub::ListAuditRows, request);
  ASSERT_EQ(reply.rows_size(), 2);
  EXPECT_EQ(reply.rows(0).row().fields().at("action").string_value(), "person.included");
  EXPECT_EQ(reply.rows(0).display(), "Noor van der Zwaluw");
  EXPECT_EQ(reply.rows(0).external_id(), "104233");
  EXPECT_EQ(reply.next_page_token(), "");
  request.set_person("999999");
  EXPECT_EQ(Code(&v1::Audit::Stub::ListAuditRows, request), grpc::StatusCode::NOT_FOUND);
}

TEST_F(ListsTest, WhatBeginsMeanwhileShiftsNoPage) {
  v1::ListRunsRequest request;
  request.set_page_size(2);
  const auto first = Ok(&v1::Runs::Stub::ListRuns, request);
  host_.Await(host_.engine().StartImport({"user:test", ""}, {"ad"}));
  request.set_page_token(first.next_page_token());
  const auto second = Ok(&v1::Runs::Stub::ListRuns, request);
  for (const v1::Run& run : second.runs()) {
    EXPECT_NE(run.name(), first.runs(0).name());
    EXPECT_NE(run.name(), first.runs(1).name());
  }
}

constexpr char kUnlock[] = "DROP TRIGGER audit_is_never_changed; DROP TRIGGER audit_is_never_shortened;";

TEST_F(ListsTest, ADamagedRowIsMarkedAndQuestionsAboutOthersAreAnswered) {
  Ok(&v1::Persons::Stub::ExcludePerson, Named<v1::ExcludePersonRequest>("104233", "on leave"));
  const int64_t rows = static_cast<int64_t>(host_.store().LoadAudit(1, 1000)->size());
  ASSERT_GT(rows, 4);
  host_.EditStore(absl::StrCat(kUnlock,
                               "UPDATE audit SET json = 'garbled' WHERE sequence = 2; "
                               "DELETE FROM audit WHERE sequence = 4"));
  v1::ListAuditRowsRequest request;
  request.set_newest_first(true);
  auto reply = Ok(&v1::Audit::Stub::ListAuditRows, request);
  ASSERT_EQ(reply.rows_size(), rows - 1);
  EXPECT_THAT(reply.rows(static_cast<int>(rows - 3)).damage(), HasSubstr("row 2 was changed"));
  EXPECT_EQ(reply.rows(static_cast<int>(rows - 4)).damage(), "row 4 is missing");
  EXPECT_EQ(reply.rows(0).damage(), "");
  // Whom the damaged row was about nobody knows.
  request.set_person("104233");
  reply = Ok(&v1::Audit::Stub::ListAuditRows, request);
  ASSERT_EQ(reply.rows_size(), 3);
  EXPECT_EQ(reply.rows(0).row().fields().at("action").string_value(), "person.excluded");
  EXPECT_EQ(reply.rows(0).damage(), "");
}

TEST_F(ListsTest, AGapLongerThanABatchEndsTheListInNeitherOrder) {
  host_.EditStore(absl::StrCat(kUnlock, "UPDATE audit SET sequence = sequence + 5000 WHERE sequence > 2"));
  const int rows = static_cast<int>(host_.store().LoadAudit(1, 1000)->size());
  v1::ListAuditRowsRequest request;
  EXPECT_EQ(Ok(&v1::Audit::Stub::ListAuditRows, request).rows_size(), rows);
  request.set_newest_first(true);
  EXPECT_EQ(Ok(&v1::Audit::Stub::ListAuditRows, request).rows_size(), rows);
  request.set_page_size(1);
  request.set_page_token("4000");
  EXPECT_EQ(Ok(&v1::Audit::Stub::ListAuditRows, request).rows(0).sequence(), 2);
}

}  // namespace
}  // namespace sluice::api::testing
