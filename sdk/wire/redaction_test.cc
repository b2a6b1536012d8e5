#include "sdk/wire/redaction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sluice/connector/v1/configuration.pb.h"
#include "sluice/connector/v1/plugin.pb.h"
#include "sluice/connector/v1/writer.pb.h"

namespace sluice::wire {
namespace {

namespace v1 = connector::v1;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Redaction, NoSecretOfAnOpenRequestIsPrinted) {
  v1::OpenRequest request;
  request.set_system("ad");
  (*request.mutable_secrets())["password"].set_value("canary-1");
  const std::string text = RedactedText(request);
  EXPECT_THAT(text, Not(HasSubstr("canary")));
  EXPECT_THAT(text, HasSubstr("***"));
  EXPECT_THAT(text, HasSubstr("ad"));
  EXPECT_EQ(request.secrets().at("password").value(), "canary-1");
}

TEST(Redaction, NoSecretDeepInAnOperationIsPrinted) {
  v1::ApplyRequest request;
  auto* operation = request.mutable_operations()->add_operations();
  operation->add_deltas()->mutable_replace()->set_secret_text("canary-2");
  auto* list = operation->add_deltas()->mutable_add();
  (*list->add_values()->mutable_struct_()->mutable_fields())["x"].set_secret_text("canary-3");
  EXPECT_THAT(RedactedText(request), Not(HasSubstr("canary")));
  v1::OperationResult result;
  (*result.mutable_secrets())["pass"].set_value("canary-4");
  EXPECT_THAT(RedactedText(result), Not(HasSubstr("canary")));
  v1::Event event;
  event.mutable_secret_rotated()->set_value("canary-5");
  EXPECT_THAT(RedactedText(event), Not(HasSubstr("canary")));
}

}  // namespace
}  // namespace sluice::wire
