#include "host/secrets/rotated.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "host/base/testing/temporary_folder.h"

namespace sluice::secrets {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class RotatedTest : public ::testing::Test {
 protected:
  // As a host that starts.
  void Open() { secrets_ = std::make_unique<RotatedSecrets>(root_.path() + "/rotated", vault_); }
  void SetUp() override {
    auto vault = Vault::LoadOrCreate(root_.path() + "/key");
    ASSERT_TRUE(vault.ok());
    vault_ = *vault;
    Open();
  }
  RotatedSecret Resolve(const std::string& given) {
    auto current = secrets_->Resolve("ad", "password", SecretString(given));
    EXPECT_TRUE(current.ok()) << current.status();
    return current.ok() ? *std::move(current) : RotatedSecret();
  }
  absl::Status Keep(const std::string& value, uint64_t replaces) {
    return secrets_->Keep("ad", "password", SecretString(value), replaces).status();
  }
  std::string File() {
    std::ifstream file(root_.path() + "/rotated/ad.password");
    return std::string(std::istreambuf_iterator<char>(file), {});
  }

  base::TemporaryFolder root_;
  std::shared_ptr<const Vault> vault_;
  std::unique_ptr<RotatedSecrets> secrets_;
};

TEST_F(RotatedTest, WhatNeverChangedIsTheOperators) {
  const RotatedSecret current = Resolve("old");
  EXPECT_EQ(current.value.Reveal(), "old");
  EXPECT_TRUE(current.previous.empty());
  EXPECT_NE(current.version, 0u);
  EXPECT_EQ(Resolve("old").version, current.version);
  EXPECT_NE(Resolve("other").version, current.version);
  EXPECT_FALSE(std::filesystem::exists(root_.path() + "/rotated"));
}

TEST_F(RotatedTest, ANewValueIsThereAfterARestartWithTheOneBefore) {
  const RotatedSecret old = Resolve("old");
  ASSERT_EQ(Keep("new", old.version), absl::OkStatus());
  Open();
  const RotatedSecret current = Resolve("old");
  EXPECT_EQ(current.value.Reveal(), "new");
  EXPECT_EQ(current.previous.Reveal(), "old");
  EXPECT_NE(current.version, old.version);
  ASSERT_EQ(Keep("newest", current.version), absl::OkStatus());
  Open();
  EXPECT_EQ(Resolve("old").value.Reveal(), "newest");
  EXPECT_EQ(Resolve("old").previous.Reveal(), "new");
}

TEST_F(RotatedTest, AnEventThatComesAgainIsNoError) {
  const RotatedSecret old = Resolve("old");
  ASSERT_EQ(Keep("new", old.version), absl::OkStatus());
  EXPECT_EQ(Keep("new", old.version), absl::OkStatus());
  EXPECT_EQ(Resolve("old").previous.Reveal(), "old");
}

TEST_F(RotatedTest, TheOperatorIsBelievedWhenHeGivesAnother) {
  const RotatedSecret old = Resolve("old");
  ASSERT_EQ(Keep("new", old.version), absl::OkStatus());
  EXPECT_EQ(Resolve("by hand").value.Reveal(), "by hand");
  EXPECT_EQ(Keep("late", old.version).code(), absl::StatusCode::kFailedPrecondition)
      << "it replaces what is not there any more";
  EXPECT_EQ(Resolve("by hand").value.Reveal(), "by hand");
  ASSERT_EQ(Keep("next", Resolve("by hand").version), absl::OkStatus());
  EXPECT_EQ(Resolve("by hand").value.Reveal(), "next");
}

TEST_F(RotatedTest, NothingIsReadableInItsFile) {
  ASSERT_EQ(Keep("new", Resolve("very old secret").version), absl::OkStatus());
  EXPECT_THAT(File(), Not(HasSubstr("old secret")));
  struct stat info = {};
  ASSERT_EQ(stat((root_.path() + "/rotated/ad.password").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  ASSERT_EQ(stat((root_.path() + "/rotated").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
}

TEST_F(RotatedTest, AFileThatWasChangedOrMovedIsTold) {
  ASSERT_EQ(Keep("new", Resolve("old").version), absl::OkStatus());
  std::filesystem::rename(root_.path() + "/rotated/ad.password", root_.path() + "/rotated/entra.password");
  EXPECT_FALSE(secrets_->Resolve("entra", "password", SecretString("x")).ok()) << "it was sealed for another system";
  EXPECT_EQ(Resolve("old").value.Reveal(), "old");
}

TEST_F(RotatedTest, WhatWasNeverAskedForIsNotKept) {
  EXPECT_EQ(Keep("new", 0).code(), absl::StatusCode::kFailedPrecondition);
  Resolve("old");
  EXPECT_EQ(Keep("", 0).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Keep("new", 0), absl::OkStatus());
}

TEST_F(RotatedTest, ADiskThatTakesNothingChangesNothing) {
  std::ofstream(root_.path() + "/rotated") << "a file where the folder should be";
  const RotatedSecret old = Resolve("old");
  EXPECT_FALSE(Keep("new", old.version).ok());
  EXPECT_EQ(Resolve("old").value.Reveal(), "old");
}

}  // namespace
}  // namespace sluice::secrets
