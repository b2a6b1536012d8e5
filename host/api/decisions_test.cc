// From a plan to accounts, with the decisions on the way: blocks, runs, first passwords, and the log of all of it.

#include "absl/strings/str_cat.h"
#include "host/api/testing/api_test.h"

namespace sluice::api::testing {
namespace {

using ::testing::HasSubstr;
constexpr auto kNotFound = grpc::StatusCode::NOT_FOUND;
constexpr auto kInvalid = grpc::StatusCode::INVALID_ARGUMENT;
constexpr auto kFailed = grpc::StatusCode::FAILED_PRECONDITION;

class DecisionsTest : public ApiTest {
 protected:
  v1::Run Follow(const v1::Run& started) {
    grpc::ClientContext context;
    auto reader = Stub<v1::Runs>()->WatchRun(&context, Named<v1::GetRunRequest>(started.name()));
    v1::Run run, last;
    while (reader->Read(&run)) last = run;
    EXPECT_TRUE(reader->Finish().ok());
    return last;
  }
  v1::Run Enforce(const std::string& plan = "") {
    v1::StartEnforcementRequest request;
    request.set_plan(plan);
    return Follow(Ok(&v1::Runs::Stub::StartEnforcement, request));
  }
};

TEST_F(DecisionsTest, ABlockedImportNamesItsPeopleAndGoesOnWhenApproved) {
  const v1::Run run = Follow(Ok(&v1::Runs::Stub::StartImport));
  EXPECT_EQ(run.state(), "blocked");
  const auto blocks = Ok(&v1::Blocks::Stub::ListBlocks);
  ASSERT_EQ(blocks.blocks_size(), 1);
  const v1::Block block = Ok(&v1::Blocks::Stub::GetBlock, Named<v1::GetBlockRequest>(blocks.blocks(0).name()));
  EXPECT_EQ(block.kind(), "people_added");
  ASSERT_EQ(block.items_size(), 4);
  std::set<std::string> numbers;
  for (const v1::BlockItem& item : block.items()) {
    numbers.insert(item.external_id());
    EXPECT_EQ(item.summary(), "new");
  }
  EXPECT_TRUE(numbers.contains("104233"));
  EXPECT_EQ(Code(&v1::Blocks::Stub::ApproveBlock, Named<v1::DecideBlockRequest>(block.name())), kInvalid);
  EXPECT_EQ(Code(&v1::Blocks::Stub::RejectBlock, Named<v1::DecideBlockRequest>(block.name())), kInvalid);
  const std::string shortened = block.name().substr(7, 8);
  const v1::Block approved = Ok(&v1::Blocks::Stub::ApproveBlock, Named<v1::DecideBlockRequest>(shortened, "day one"));
  EXPECT_EQ(approved.state(), "approved");
  EXPECT_THAT(approved.decided_by(), HasSubstr("user:"));
  EXPECT_EQ(Ok(&v1::Persons::Stub::ListPersons).persons_size(), 4);
}

TEST_F(DecisionsTest, NothingIsTheBeginningOfEveryBlock) {
  Follow(Ok(&v1::Runs::Stub::StartImport));
  EXPECT_EQ(Code(&v1::Blocks::Stub::ApproveBlock, Named<v1::DecideBlockRequest>("", "a slip")), kInvalid);
  EXPECT_EQ(Code(&v1::Blocks::Stub::ApproveBlock, Named<v1::DecideBlockRequest>("blocks/", "a slip")), kInvalid);
  EXPECT_EQ(Code(&v1::Blocks::Stub::GetBlock), kInvalid);
  EXPECT_EQ(Code(&v1::Blocks::Stub::GetBlock, Named<v1::GetBlockRequest>("zzzz")), kNotFound);
  EXPECT_EQ(Code(&v1::Blocks::Stub::RejectBlock, Named<v1::DecideBlockRequest>("zzzz", "a slip")), kNotFound);
  EXPECT_EQ(Ok(&v1::Blocks::Stub::ListBlocks).blocks(0).state(), "waiting");
}

TEST_F(DecisionsTest, ARejectedBlockIsShownWithTheDecidedOnly) {
  Follow(Ok(&v1::Runs::Stub::StartImport));
  const std::string name = Ok(&v1::Blocks::Stub::ListBlocks).blocks(0).name();
  EXPECT_EQ(Ok(&v1::Blocks::Stub::RejectBlock, Named<v1::DecideBlockRequest>(name, "too many")).state(), "rejected");
  EXPECT_EQ(Ok(&v1::Blocks::Stub::ListBlocks).blocks_size(), 0);
  v1::ListBlocksRequest all;
  all.set_with_decided(true);
  ASSERT_EQ(Ok(&v1::Blocks::Stub::ListBlocks, all).blocks_size(), 1);
  EXPECT_EQ(Ok(&v1::Blocks::Stub::ListBlocks, all).blocks(0).reason(), "too many");
}

TEST_F(DecisionsTest, ABlockOfAmbiguousBeginningIsRefused) {
  store::Commit commit;
  for (const char* id : {"abcd1111-0000", "abcd2222-0000"}) {
    store::BlockRecord block;
    block.id = id;
    block.system = "school";
    block.kind = "people_removed";
    block.state = "waiting";
    block.since = host_.clock().Now();
    commit.blocks.push_back(block);
  }
  ASSERT_TRUE(host_.store().Write(commit).ok());
  EXPECT_EQ(Code(&v1::Blocks::Stub::GetBlock, Named<v1::GetBlockRequest>("abcd")), kInvalid);
  EXPECT_EQ(Code(&v1::Blocks::Stub::ApproveBlock, Named<v1::DecideBlockRequest>("abcd", "a slip")), kInvalid);
  EXPECT_EQ(Ok(&v1::Blocks::Stub::GetBlock, Named<v1::GetBlockRequest>("abcd1")).name(), "blocks/abcd1111-0000");
}

TEST_F(DecisionsTest, AnEnforcementSaysWhatItWillDoThenDoesIt) {
  host_.ImportAll();
  host_.Activate();
  const v1::Plan plan = Ok(&v1::Plans::Stub::CreatePlan);
  EXPECT_GT(plan.operations_size(), 0);
  EXPECT_EQ(plan.blocks_size(), 1);  // Three accounts are to be created, and three is the limit.
  EXPECT_EQ(Ok(&v1::Plans::Stub::GetPlan, Named<v1::GetPlanRequest>(plan.name())).name(), plan.name());
  EXPECT_EQ(Ok(&v1::Plans::Stub::GetPlan, Named<v1::GetPlanRequest>(plan.name().substr(6, 6))).name(), plan.name());
  EXPECT_EQ(Enforce().state(), "blocked");
  EXPECT_EQ(host_.directory().operations(), 0);
  const v1::Block block = Ok(&v1::Blocks::Stub::GetBlock, Named<v1::GetBlockRequest>(plan.blocks(0).name()));
  ASSERT_EQ(block.items_size(), 3);
  EXPECT_THAT(block.items(0).summary(), HasSubstr("create account"));
  EXPECT_NE(block.items(0).display(), "");
  Ok(&v1::Blocks::Stub::ApproveBlock, Named<v1::DecideBlockRequest>(block.name(), "day one"));
  const v1::Run started = Ok(&v1::Runs::Stub::StartEnforcement);
  EXPECT_THAT(started.summary(), HasSubstr("operations: 3 create"));
  EXPECT_EQ(Follow(started).state(), "succeeded");
  EXPECT_GT(host_.directory().operations(), 3);
  EXPECT_EQ(Ok(&v1::Plans::Stub::CreatePlan).operations_size(), 0);
  const auto detail = Ok(&v1::Runs::Stub::GetRun, Named<v1::GetRunRequest>(started.name()));
  EXPECT_GT(detail.operations_size(), 3);
  EXPECT_EQ(detail.operations(0).run(), started.name().substr(5));
}

TEST_F(DecisionsTest, APlanThatIsNoLongerWhatFollowsIsRefused) {
  host_.ImportAll();
  host_.Activate();
  v1::StartEnforcementRequest request;
  request.set_plan("plans/0000000000");
  EXPECT_EQ(Code(&v1::Runs::Stub::StartEnforcement, request), kFailed);
  EXPECT_THAT(message_, HasSubstr("sluice plan"));
  EXPECT_EQ(Code(&v1::Plans::Stub::GetPlan, Named<v1::GetPlanRequest>("0000000000")), kNotFound);
  EXPECT_EQ(Code(&v1::Plans::Stub::GetPlan), kInvalid);
  EXPECT_EQ(host_.directory().operations(), 0);
}

TEST_F(DecisionsTest, AnOperationThatFailsMakesTheRunFailAndIsNamed) {
  host_.ImportAll();
  host_.Activate();
  host_.directory().Refuse("104233");
  ApprovePlan();
  const v1::Run run = Enforce();
  EXPECT_EQ(run.state(), "failed");
  const auto detail = Ok(&v1::Runs::Stub::GetRun, Named<v1::GetRunRequest>(run.name()));
  int failed = 0;
  for (const v1::Operation& operation : detail.operations()) {
    if (operation.status() != "failed") continue;
    ++failed;
    EXPECT_EQ(operation.external_id(), "104233");
    EXPECT_THAT(operation.error(), HasSubstr("the directory does not allow it"));
  }
  EXPECT_EQ(failed, 1);
}

TEST_F(DecisionsTest, AFirstPasswordIsHandedOutOnceAndToNobodyElse) {
  host_.ImportAll();
  host_.Activate();
  ApprovePlan();
  ASSERT_EQ(Enforce().state(), "succeeded");
  const auto waiting = Ok(&v1::Credentials::Stub::ListCredentials);
  ASSERT_EQ(waiting.credentials_size(), 3);
  for (const v1::Credential& one : waiting.credentials()) EXPECT_EQ(one.secret(), "");
  v1::HandOutCredentialsRequest request;
  request.set_person("104233");
  request.set_reason("she starts today");
  const auto handed = Ok(&v1::Credentials::Stub::HandOutCredentials, request);
  ASSERT_EQ(handed.credentials_size(), 1);
  EXPECT_EQ(handed.credentials(0).secret(), "Welkom-2026");
  EXPECT_NE(handed.credentials(0).login(), "");
  EXPECT_EQ(Code(&v1::Credentials::Stub::HandOutCredentials, request), kNotFound);
  EXPECT_EQ(Ok(&v1::Credentials::Stub::ListCredentials).credentials_size(), 2);
  request.set_person("104234");  // Had an account already.
  EXPECT_EQ(Code(&v1::Credentials::Stub::HandOutCredentials, request), kNotFound);
}

TEST_F(DecisionsTest, ARunIsStoppedByTheBeginningOfItsIdAndOnlyWhileItRuns) {
  host_.school().HoldImports(true);
  const v1::Run run = Ok(&v1::Runs::Stub::StartImport);
  EXPECT_EQ(Code(&v1::Runs::Stub::StartImport), grpc::StatusCode::ABORTED);
  EXPECT_EQ(Code(&v1::Runs::Stub::StopRun), kInvalid);
  EXPECT_EQ(Code(&v1::Runs::Stub::StopRun, Named<v1::GetRunRequest>("zzzz")), kNotFound);
  EXPECT_EQ(Ok(&v1::Runs::Stub::StopRun, Named<v1::GetRunRequest>(run.name().substr(5, 8))).name(), run.name());
  EXPECT_EQ(Follow(run).state(), "stopped");
  EXPECT_EQ(Code(&v1::Runs::Stub::StopRun, Named<v1::GetRunRequest>(run.name())), kFailed);
  EXPECT_EQ(Code(&v1::Runs::Stub::GetRun), kInvalid);
  EXPECT_EQ(Code(&v1::Runs::Stub::GetRun, Named<v1::GetRunRequest>("zzzz")), kNotFound);
  v1::StartImportRequest request;
  request.add_systems("entra");
  EXPECT_EQ(Code(&v1::Runs::Stub::StartImport, request), kNotFound);
}

}  // namespace
}  // namespace sluice::api::testing
