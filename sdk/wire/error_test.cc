#include "sdk/wire/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "google/protobuf/descriptor.h"

namespace sluice::wire {
namespace {

namespace v1 = connector::v1;

TEST(Error, EveryReasonSurvivesTheWayOverGrpc) {
  const auto* reasons = v1::Reason_descriptor();
  for (int i = 0; i < reasons->value_count(); ++i) {
    const int number = reasons->value(i)->number();
    if (number == 0) continue;
    v1::Error error = MakeError(static_cast<v1::Reason>(number), "TST-001", "what went wrong");
    error.set_target_status("HTTP 409");
    const grpc::Status on_the_wire = GrpcFromStatus(StatusFromError(error));
    EXPECT_FALSE(on_the_wire.ok());
    const absl::Status status = StatusFromGrpc(on_the_wire);
    EXPECT_TRUE(CarriesError(status));
    EXPECT_EQ(status.code(), CodeOf(static_cast<v1::Reason>(number)));
    EXPECT_EQ(ErrorFromStatus(status).SerializeAsString(), error.SerializeAsString());
  }
}

TEST(Error, AnUnknownReasonIsABug) {
  EXPECT_EQ(NormalReason(0), v1::REASON_BUG);
  EXPECT_EQ(NormalReason(99), v1::REASON_BUG);
  v1::Error error;
  error.set_reason(static_cast<v1::Reason>(99));
  const v1::Error read = ErrorFromStatus(StatusFromError(error));
  EXPECT_EQ(read.reason(), v1::REASON_BUG);
  EXPECT_EQ(read.diagnostics_size(), 1);
}

TEST(Error, RetryAfterIsClampedToADay) {
  v1::Error error = MakeError(v1::REASON_THROTTLED, "", "slow down");
  error.mutable_retry_after()->set_seconds(1000000);
  EXPECT_EQ(ErrorFromStatus(StatusFromError(error)).retry_after().seconds(), 86400);
  error.mutable_retry_after()->set_seconds(-1);
  EXPECT_FALSE(ErrorFromStatus(StatusFromError(error)).has_retry_after());
}

TEST(Error, AStatusWithoutAnErrorGetsTheNearestReason) {
  EXPECT_EQ(ErrorFromStatus(StatusFromGrpc(grpc::Status(grpc::StatusCode::UNAVAILABLE, "gone"))).reason(),
            v1::REASON_UNAVAILABLE);
  EXPECT_EQ(ErrorFromStatus(absl::DeadlineExceededError("late")).reason(), v1::REASON_TRANSIENT);
  EXPECT_EQ(ErrorFromStatus(absl::UnknownError("?")).reason(), v1::REASON_BUG);
  EXPECT_FALSE(CarriesError(absl::UnknownError("?")));
}

TEST(Error, ALongErrorIsShortenedAndKeepsItsReason) {
  v1::Error error = MakeError(v1::REASON_INVALID, "TST-002", std::string(5000, 'x'));
  for (int i = 0; i < 100; ++i) *error.add_diagnostics() = error.diagnostics(0);
  const grpc::Status status = GrpcFromStatus(StatusFromError(error));
  EXPECT_LT(status.error_details().size(), 7000u);
  EXPECT_EQ(ErrorFromStatus(StatusFromGrpc(status)).diagnostics(0).code(), "TST-002");
}

TEST(Error, GarbageInTheDetailsIsOnlyGarbage) {
  const grpc::Status status(grpc::StatusCode::INTERNAL, "text", "\x1a\xff\xff\xff garbage");
  EXPECT_EQ(ErrorFromStatus(StatusFromGrpc(status)).reason(), v1::REASON_BUG);
}

TEST(Error, OneLineForALog) {
  v1::Error error = MakeError(v1::REASON_FORBIDDEN, "SOM-0107", "a right is missing");
  error.mutable_diagnostics(0)->set_origin("page 3");
  error.set_target_status("HTTP 403");
  EXPECT_EQ(Describe(error), "FORBIDDEN SOM-0107: a right is missing, at page 3 (HTTP 403)");
}

}  // namespace
}  // namespace sluice::wire
