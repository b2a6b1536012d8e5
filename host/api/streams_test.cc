// What streams: a run that is watched, an export that is read; slowly, by many, and not to the end.

#include <thread>

#include "host/api/testing/api_test.h"

namespace sluice::api::testing {
namespace {

using ::testing::HasSubstr;

class StreamsTest : public ApiTest {
 protected:
  struct Watcher {
    grpc::ClientContext context;
    std::unique_ptr<v1::Runs::Stub> stub;
    std::unique_ptr<grpc::ClientReader<v1::Run>> reader;
  };
  std::unique_ptr<Watcher> Watch(const std::string& name) {
    auto watcher = std::make_unique<Watcher>();
    watcher->stub = Stub<v1::Runs>();
    watcher->reader = watcher->stub->WatchRun(&watcher->context, Named<v1::GetRunRequest>(name));
    return watcher;
  }
};

TEST_F(StreamsTest, AWatcherSeesTheRunUntilItHasEnded) {
  host_.school().HoldImports(true);
  const v1::Run run = Ok(&v1::Runs::Stub::StartImport);
  auto watcher = Watch(run.name().substr(5, 8));
  v1::Run seen;
  ASSERT_TRUE(watcher->reader->Read(&seen));
  EXPECT_EQ(seen.name(), run.name());
  EXPECT_FALSE(seen.has_ended());
  host_.school().HoldImports(false);
  while (watcher->reader->Read(&seen)) {
  }
  EXPECT_TRUE(watcher->reader->Finish().ok());
  EXPECT_TRUE(seen.has_ended());
  EXPECT_EQ(seen.state(), "blocked");
  EXPECT_THAT(seen.summary(), HasSubstr("school: 4 people"));
}

TEST_F(StreamsTest, ARunThatHasEndedIsShownOnce) {
  const v1::Run run = Ok(&v1::Runs::Stub::StartImport);
  host_.Await(run.name().substr(5));
  auto watcher = Watch(run.name());
  v1::Run seen;
  EXPECT_TRUE(watcher->reader->Read(&seen));
  EXPECT_TRUE(seen.has_ended());
  EXPECT_FALSE(watcher->reader->Read(&seen));
  EXPECT_TRUE(watcher->reader->Finish().ok());
}

TEST_F(StreamsTest, ARunThatIsNotThereIsNotFound) {
  v1::Run seen;
  auto watcher = Watch("zzzz");
  EXPECT_FALSE(watcher->reader->Read(&seen));
  EXPECT_EQ(watcher->reader->Finish().error_code(), grpc::StatusCode::NOT_FOUND);
  watcher = Watch("");
  EXPECT_FALSE(watcher->reader->Read(&seen));
  EXPECT_EQ(watcher->reader->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(StreamsTest, AWatcherThatLeavesInMidStreamIsLetGo) {
  host_.school().HoldImports(true);
  const v1::Run run = Ok(&v1::Runs::Stub::StartImport);
  auto watcher = Watch(run.name());
  v1::Run seen;
  ASSERT_TRUE(watcher->reader->Read(&seen));
  watcher->context.TryCancel();
  while (watcher->reader->Read(&seen)) {
  }
  EXPECT_EQ(watcher->reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  host_.school().HoldImports(false);
  EXPECT_TRUE(host_.Await(run.name().substr(5)).ended.has_value());
}

// Many more than the host has threads.
TEST_F(StreamsTest, ManyWatchersAtOnceKeepNobodyElseWaiting) {
  host_.school().HoldImports(true);
  const v1::Run run = Ok(&v1::Runs::Stub::StartImport);
  std::vector<std::unique_ptr<Watcher>> watchers;
  v1::Run seen;
  for (int i = 0; i < 100; ++i) {
    watchers.push_back(Watch(run.name()));
    ASSERT_TRUE(watchers.back()->reader->Read(&seen));
  }
  const absl::Time before = absl::Now();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(Ok(&v1::Host::Stub::GetStatus).name(), "A small school");
  EXPECT_LT(absl::Now() - before, absl::Seconds(5));
  host_.school().HoldImports(false);
  for (const auto& watcher : watchers) {
    while (watcher->reader->Read(&seen)) {
    }
    EXPECT_TRUE(watcher->reader->Finish().ok());
    EXPECT_TRUE(seen.has_ended());
  }
}

TEST_F(StreamsTest, AnExportIsReadLineByLine) {
  host_.ImportAll();
  host_.SetExportLines(1000);
  grpc::ClientContext context;
  auto stub = Stub<v1::Audit>();
  auto reader = stub->ExportAudit(&context, {});
  v1::ExportAuditLine line;
  int lines = 0;
  while (reader->Read(&line)) ++lines;
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_GT(lines, 1000);
  EXPECT_EQ(line.line(), "line 999");
}

TEST_F(StreamsTest, AnExportThatIsLeftInMidStreamEnds) {
  host_.SetExportLines(-1);
  grpc::ClientContext context;
  auto stub = Stub<v1::Audit>();
  auto reader = stub->ExportAudit(&context, {});
  v1::ExportAuditLine line;
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(reader->Read(&line));
  context.TryCancel();
  while (reader->Read(&line)) {
  }
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  int last = -1;
  EXPECT_TRUE(Eventually([&] {
    const int now = host_.exported();
    const bool stands = now == last;
    last = now;
    absl::SleepFor(absl::Milliseconds(20));
    return stands;
  }));
}

TEST_F(StreamsTest, FewExportsAtATimeAndTheOthersAreToldSo) {
  host_.SetExportLines(-1);
  auto stub = Stub<v1::Audit>();
  v1::ExportAuditLine line;
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<grpc::ClientReader<v1::ExportAuditLine>>> readers;
  for (int i = 0; i < 4; ++i) {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    readers.push_back(stub->ExportAudit(contexts.back().get(), {}));
    ASSERT_TRUE(readers.back()->Read(&line));
  }
  grpc::ClientContext context;
  auto refused = stub->ExportAudit(&context, {});
  EXPECT_FALSE(refused->Read(&line));
  EXPECT_EQ(refused->Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(Ok(&v1::Host::Stub::GetStatus).name(), "A small school");  // Nobody reads them, and yet.
  for (auto& one : contexts) one->TryCancel();
  for (auto& reader : readers) {
    while (reader->Read(&line)) {
    }
    reader->Finish();
  }
  host_.SetExportLines(0);
  EXPECT_TRUE(Eventually([&] {
    grpc::ClientContext again;
    auto reader = stub->ExportAudit(&again, {});
    while (reader->Read(&line)) {
    }
    return reader->Finish().ok();
  }));
}

}  // namespace
}  // namespace sluice::api::testing
