#include "sdk/cpp/src/runtime.h"

#include <gmock/gmock.h>

#include "sdk/cpp/src/runtime_fixture.h"

namespace sluice::connector {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(RuntimeTest, SaysWhatItIs) {
  grpc::ClientContext context;
  Within(context);
  v1::GetInfoReply info;
  ASSERT_TRUE(plugin_->GetInfo(&context, {}, &info).ok());
  EXPECT_EQ(info.name(), "test.scripted");
  EXPECT_EQ(info.services_size(), 4);
  grpc::ClientContext schema_context;
  v1::GetConfigSchemaReply schema;
  ASSERT_TRUE(configuration_->GetConfigSchema(&schema_context, {}, &schema).ok());
  EXPECT_EQ(schema.fields_size(), 3);
  EXPECT_TRUE(schema.fields(2).secret());
}

TEST_F(RuntimeTest, WrongSettingsAreRefusedWithAPath) {
  v1::OpenRequest request;
  request.set_system("sys");
  (*request.mutable_config()->mutable_settings())["cuont"].set_integer(1);
  (*request.mutable_config()->mutable_settings())["password"].set_text("canary");
  grpc::ClientContext context;
  Within(context);
  v1::OpenReply reply;
  const absl::Status status = wire::StatusFromGrpc(configuration_->Open(&context, request, &reply));
  const v1::Error error = wire::ErrorFromStatus(status);
  EXPECT_EQ(error.reason(), v1::REASON_INVALID);
  ASSERT_EQ(error.diagnostics_size(), 3);
  EXPECT_EQ(error.diagnostics(0).path().steps(0).name(), "cuont");
  EXPECT_THAT(error.DebugString(), HasSubstr("is required"));
  EXPECT_THAT(error.DebugString(), HasSubstr("is a secret"));
  EXPECT_THAT(error.DebugString(), Not(HasSubstr("canary")));
}

TEST_F(RuntimeTest, AnImportComesThroughWholly) {
  ASSERT_TRUE(Open("plain", 1234).ok());
  std::vector<v1::ImportFrame> frames;
  ASSERT_TRUE(Import(&frames).ok());
  int rows = 0;
  for (const auto& frame : frames) rows += frame.records().ids_size();
  EXPECT_EQ(rows, 1234);
  ASSERT_TRUE(frames.back().has_end());
  EXPECT_EQ(frames.back().end().scopes(0).classes(0).records(), 1234u);
  ASSERT_TRUE(Open("plain", 2).ok()) << "opening again replaces the settings";
  frames.clear();
  ASSERT_TRUE(Import(&frames).ok());
  EXPECT_EQ(frames.back().end().scopes(0).classes(0).records(), 2u);
}

TEST_F(RuntimeTest, AnExceptionIsABugWithoutItsText) {
  ASSERT_TRUE(Open("throw").ok());
  std::vector<v1::ImportFrame> frames;
  const v1::Error error = wire::ErrorFromStatus(Import(&frames));
  EXPECT_EQ(error.reason(), v1::REASON_BUG);
  EXPECT_THAT(error.DebugString(), HasSubstr("runtime_error"));
  EXPECT_THAT(error.DebugString(), Not(HasSubstr("personal data")));
}

TEST_F(RuntimeTest, AnImportWithoutCompleteHasNoEnd) {
  ASSERT_TRUE(Open("incomplete").ok());
  std::vector<v1::ImportFrame> frames;
  EXPECT_EQ(wire::ErrorFromStatus(Import(&frames)).reason(), v1::REASON_BUG);
  for (const auto& frame : frames) EXPECT_FALSE(frame.has_end());
}

TEST_F(RuntimeTest, UnknownSystemAndUnknownClassAreInvalid) {
  std::vector<v1::ImportFrame> frames;
  EXPECT_EQ(wire::ErrorFromStatus(Import(&frames)).reason(), v1::REASON_INVALID);
  ASSERT_TRUE(Open("plain").ok());
  v1::ImportRequest request = ImportOf("sys");
  request.add_classes()->set_object_class("room");
  grpc::ClientContext context;
  Within(context);
  auto stream = reader_->Import(&context, request);
  v1::ImportFrame frame;
  EXPECT_FALSE(stream->Read(&frame));
  EXPECT_EQ(wire::ErrorFromStatus(wire::StatusFromGrpc(stream->Finish())).reason(), v1::REASON_INVALID);
}

TEST_F(RuntimeTest, ACancelledImportTellsItsAuthorAndTheNextOneMayCome) {
  ASSERT_TRUE(Open("hang").ok());
  {
    grpc::ClientContext context;
    auto stream = reader_->Import(&context, ImportOf("sys"));
    v1::ImportFrame frame;
    ASSERT_TRUE(stream->Read(&frame));
    std::vector<v1::ImportFrame> frames;
    EXPECT_EQ(wire::ErrorFromStatus(Import(&frames)).reason(), v1::REASON_INVALID) << "one import at a time";
    context.TryCancel();
    stream->Finish();
  }
  absl::MutexLock lock(&script_.mutex);
  EXPECT_TRUE(script_.mutex.AwaitWithTimeout(absl::Condition(&script_.was_cancelled), absl::Seconds(20)));
}

TEST_F(RuntimeTest, ReadAnswersEachKeyOnce) {
  ASSERT_TRUE(Open("plain").ok());
  v1::ReadRequest request;
  request.set_system("sys");
  request.set_object_class("account");
  for (const char* id : {"a", "gone", "fails"}) request.add_keys()->set_object_id(id);
  request.add_attributes("mail");
  request.add_attributes("login");
  grpc::ClientContext context;
  Within(context);
  auto stream = reader_->Read(&context, request);
  std::vector<v1::ReadFrame> frames;
  v1::ReadFrame frame;
  while (stream->Read(&frame)) frames.push_back(frame);
  ASSERT_TRUE(stream->Finish().ok());
  ASSERT_EQ(frames.size(), 5u);
  auto rows = wire::DecodeBatch(frames[1].found().objects(), frames[0].schema());
  ASSERT_TRUE(rows.ok());
  EXPECT_TRUE((*rows)[0].cells[0].has_empty());
  EXPECT_EQ((*rows)[0].cells[1].text(), "old");
  EXPECT_EQ(frames[1].found().preconditions(0), "etag");
  EXPECT_FALSE(frames[3].end().has_error());
  EXPECT_EQ(frames[4].end().error().reason(), v1::REASON_FORBIDDEN);
}

}  // namespace
}  // namespace sluice::connector
