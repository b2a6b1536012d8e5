#include "sdk/cpp/src/import_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "sdk/wire/columns.h"
#include "sdk/wire/error.h"

namespace sluice::connector {
namespace {

using ::testing::HasSubstr;

class Frames final : public FrameSink {
 public:
  absl::Status Send(v1::ImportFrame frame) override {
    absl::MutexLock lock(&mutex_);
    if (is_gone_) return Error(Reason::kCancelled, "T", "gone");
    frames_.push_back(std::move(frame));
    return absl::OkStatus();
  }
  void Go() {
    absl::MutexLock lock(&mutex_);
    is_gone_ = true;
  }
  std::vector<v1::ImportFrame> All() {
    absl::MutexLock lock(&mutex_);
    return frames_;
  }
  void AwaitFrames(size_t count) {
    absl::MutexLock lock(&mutex_);
    const auto enough = [this, count]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return frames_.size() >= count; };
    ASSERT_TRUE(mutex_.AwaitWithTimeout(absl::Condition(&enough), absl::Seconds(20)));
  }

 private:
  absl::Mutex mutex_;
  std::vector<v1::ImportFrame> frames_ ABSL_GUARDED_BY(mutex_);
  bool is_gone_ ABSL_GUARDED_BY(mutex_) = false;
};

ImportLimits Quiet() {
  ImportLimits limits;
  limits.flush_interval = absl::Hours(1);
  limits.progress_interval = absl::Hours(1);
  return limits;
}

const std::vector<ClassRequest> kPeople = {{"person", {"name", "born"}}, {"contract", {"person"}}};

TEST(ImportWriter, SchemaComesFirstAndEndLastWithCountsOfEveryScopeAndClass) {
  Frames frames;
  ImportWriter out(kPeople, Quiet(), &frames);
  ScopeWriter& north = out.Scope("north", "North");
  ScopeWriter& south = out.Scope("south", "South");
  ASSERT_TRUE(north.Add(Record("person", "1").Set("name", "Ng").Set("not asked for", "x")).ok());
  ASSERT_TRUE(north.Add(Record("room", "9")).ok());  // Nobody asked for rooms.
  ASSERT_TRUE(south.Add(Record("person", "2").SetEmpty("name")).ok());
  ASSERT_TRUE(south.NotRead("contract", Error(Reason::kForbidden, "T-1", "no right")).ok());
  ASSERT_TRUE(out.Complete().ok());
  ASSERT_TRUE(out.End().ok());
  const auto all = frames.All();
  ASSERT_EQ(all.size(), 4u);
  ASSERT_TRUE(all.front().has_schema());
  EXPECT_EQ(all.front().schema().scopes(1).id(), "south");
  auto rows = wire::DecodeBatch(all[1].records(), all[0].schema());
  ASSERT_TRUE(rows.ok());
  EXPECT_EQ((*rows)[0].cells[0].text(), "Ng");
  ASSERT_TRUE(all.back().has_end());
  const auto& end = all.back().end();
  ASSERT_EQ(end.scopes_size(), 2);
  EXPECT_EQ(end.scopes(0).classes(0).records(), 1u);
  EXPECT_EQ(end.scopes(0).classes(1).state(), v1::ImportEnd::COMPLETE);
  EXPECT_EQ(end.scopes(1).classes(1).state(), v1::ImportEnd::NOT_READ);
  EXPECT_EQ(end.scopes(1).classes(1).error().reason(), v1::REASON_FORBIDDEN);
}

TEST(ImportWriter, WithoutCompleteThereIsNoEnd) {
  Frames frames;
  ImportWriter out(kPeople, Quiet(), &frames);
  ASSERT_TRUE(out.Add(Record("person", "1")).ok());
  ASSERT_TRUE(out.CompleteClass("person").ok());
  const absl::Status status = out.End();
  EXPECT_EQ(Error::From(status).reason, Reason::kBug);
  EXPECT_THAT(std::string(status.message()), HasSubstr("class contract"));
  for (const auto& frame : frames.All()) EXPECT_FALSE(frame.has_end());
}

TEST(ImportWriter, BatchesAreCutAtTheirLimits) {
  Frames frames;
  ImportWriter out(kPeople, Quiet(), &frames);
  for (int i = 0; i < 1001; ++i) ASSERT_TRUE(out.Add(Record("person", std::to_string(i))).ok());
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(out.Add(Record("person", "big").Set("name", std::string(700000, 'x'))).ok());
  ASSERT_TRUE(out.Complete().ok());
  ASSERT_TRUE(out.End().ok());
  std::vector<int> sizes;
  for (const auto& frame : frames.All()) {
    EXPECT_LE(frame.ByteSizeLong(), wire::kMaxMessageBytes);
    if (frame.has_records()) sizes.push_back(frame.records().ids_size());
  }
  EXPECT_EQ(sizes, (std::vector<int>{500, 500, 2, 1, 1}));
}

TEST(ImportWriter, ARecordOverTheMessageLimitIsRefusedByName) {
  Frames frames;
  ImportWriter out(kPeople, Quiet(), &frames);
  const absl::Status status = out.Add(Record("person", "p7").Set("name", std::string(size_t{5} << 20, 'x')));
  const Error error = Error::From(status);
  EXPECT_EQ(error.reason, Reason::kInvalid);
  EXPECT_EQ(error.diagnostics[0].object_class, "person");
  EXPECT_EQ(error.diagnostics[0].object_id, "p7");
  EXPECT_THAT(error.diagnostics[0].summary, HasSubstr("5242"));
  ASSERT_TRUE(out.Partial("person", error).ok());
  ASSERT_TRUE(out.Complete().ok());
  EXPECT_TRUE(out.End().ok());
}

TEST(ImportWriter, WhatWaitsIsFlushedByItselfAndALongSilenceSaysProgress) {
  Frames frames;
  ImportLimits limits;
  limits.flush_interval = absl::Milliseconds(10);
  limits.progress_interval = absl::Milliseconds(30);
  ImportWriter out(kPeople, limits, &frames);
  out.Progress({"reading pupils", 7, 100, {}});
  frames.AwaitFrames(1);
  EXPECT_EQ(frames.All()[0].progress().activity(), "reading pupils");
  ASSERT_TRUE(out.Add(Record("person", "1")).ok());
  const auto has_records = [&] {
    for (const auto& frame : frames.All()) {
      if (frame.has_records()) return true;
    }
    return false;
  };
  for (int i = 0; !has_records(); ++i) {
    ASSERT_LT(i, 2000);
    frames.AwaitFrames(frames.All().size() + 1);
  }
}

TEST(ImportWriter, WhenNobodyListensEveryWriteSaysSo) {
  Frames frames;
  ImportWriter out(kPeople, Quiet(), &frames);
  ASSERT_TRUE(out.Add(Record("person", "1")).ok());
  frames.Go();
  absl::Status status;
  for (int i = 0; i < 500 && status.ok(); ++i) status = out.Add(Record("person", "2"));
  EXPECT_EQ(Error::From(status).reason, Reason::kCancelled);
  EXPECT_FALSE(out.Complete().ok());
  EXPECT_FALSE(out.End().ok());
}

TEST(ImportWriter, ACheckpointComesAfterTheRecordsThatItCovers) {
  Frames frames;
  ImportWriter out(kPeople, Quiet(), &frames);
  ASSERT_TRUE(out.Add(Record("person", "1")).ok());
  ASSERT_TRUE(out.Checkpoint(Cursor{"", 1, "after 1"}).ok());
  ASSERT_TRUE(out.Deleted("person", "0").ok());
  ASSERT_TRUE(out.Complete(Cursor{"", 1, "end"}).ok());
  ASSERT_TRUE(out.End().ok());
  const auto all = frames.All();
  ASSERT_EQ(all.size(), 5u);
  EXPECT_TRUE(all[1].has_records());
  EXPECT_EQ(all[2].checkpoint().cursor().token(), "after 1");
  EXPECT_TRUE(all[3].has_deleted());
  EXPECT_EQ(all[4].end().scopes(0).cursor().token(), "end");
  EXPECT_FALSE(out.Checkpoint(Cursor{"", 1, std::string(70000, 'x')}).ok());
}

TEST(ImportWriter, AScopeThatComesAfterTheFirstRecordIsABug) {
  Frames frames;
  ImportWriter out(kPeople, Quiet(), &frames);
  ASSERT_TRUE(out.Add(Record("person", "1")).ok());
  EXPECT_EQ(Error::From(out.Scope("late", "").Add(Record("person", "2"))).reason, Reason::kBug);
}

TEST(ImportWriter, ManyThreadsWriteAtOnce) {
  Frames frames;
  ImportWriter out(kPeople, ImportLimits(), &frames);
  std::vector<std::thread> threads;
  out.DeclareScopes({{"0", ""}, {"1", ""}, {"2", ""}, {"3", ""}});
  for (int t = 0; t < 4; ++t) {
    ScopeWriter* scope = &out.Scope(std::to_string(t), "");
    threads.emplace_back([scope, &out] {
      for (int i = 0; i < 2000; ++i) EXPECT_TRUE(scope->Add(Record("person", std::to_string(i))).ok());
      out.Warn("T-2", "one warning").At("page 1");
      EXPECT_TRUE(scope->Complete().ok());
    });
  }
  for (auto& thread : threads) thread.join();
  ASSERT_TRUE(out.End().ok());
  int rows = 0;
  int warnings = 0;
  for (const auto& frame : frames.All()) {
    rows += frame.records().ids_size();
    warnings += frame.has_diagnostic() ? 1 : 0;
  }
  EXPECT_EQ(rows, 8000);
  EXPECT_EQ(warnings, 4);
}

}  // namespace
}  // namespace sluice::connector
