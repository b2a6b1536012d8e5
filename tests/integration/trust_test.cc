// Promises: the audit log cannot be changed unseen; a first password is handed out once; logs hold ids, never names.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/integration/school.h"

namespace sluice::integration {
namespace {

int Verify(const std::string& file) {
  const std::string command =
      absl::StrCat(std::getenv("SLUICE_BINARY_DIR"), "/bin/sluice-audit-verify ", file, " >/dev/null 2>&1");
  const int status = system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

class TrustTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    school_ = new School;
    school_->TakeIntoUse();
    for (const char* number : {"103001", "103002", "D51326"}) {
      const Json answer = school_->Must({"credential", "print", number, "--reason", "first day"});
      handed_out_.push_back(answer["credentials"][0]["secret"]);
    }
    exported_ = school_->root() + "/audit.jsonl";
    EXPECT_EQ(school_->Sluice({"audit", "export", exported_}).code, 0);
  }
  static void TearDownTestSuite() {
    delete school_;
    school_ = nullptr;
  }

  static inline School* school_ = nullptr;
  static inline std::vector<std::string> handed_out_;
  static inline std::string exported_;
};

TEST_F(TrustTest, AnExportOfTheAuditLogVerifies) {
  EXPECT_EQ(Verify(exported_), 0);
  const std::string text = ReadFile(exported_);
  for (const char* action : {"configuration.applied", "import.accepted", "target.observed", "system.activated",
                             "block.approved", "credential.handed_out"})
    EXPECT_THAT(text, testing::HasSubstr(action));
}

TEST_F(TrustTest, OneChangedByteAnywhereFailsTheVerification) {
  const std::string text = ReadFile(exported_), changed_file = school_->root() + "/changed.jsonl";
  for (int i = 0; i < 40; ++i) {
    const size_t at = (text.size() - 1) * static_cast<size_t>(i) / 40 + 7;
    std::string changed = text;
    changed[at] = changed[at] == 'a' ? 'b' : 'a';
    WriteFile(changed_file, changed);
    EXPECT_NE(Verify(changed_file), 0) << "byte " << at << " of " << text.size() << ": "
                                       << text.substr(at - std::min<size_t>(at, 40), 80);
  }
  // A row that is missing, and an end that is cut off.
  const size_t line = text.find('\n', text.size() / 2) + 1;
  WriteFile(changed_file, text.substr(0, line) + text.substr(text.find('\n', line) + 1));
  EXPECT_NE(Verify(changed_file), 0);
  WriteFile(changed_file, text.substr(0, line));
  EXPECT_NE(Verify(changed_file), 0);
}

TEST_F(TrustTest, AFirstPasswordIsHandedOutOnceAndWorks) {
  EXPECT_EQ(school_->Sluice({"credential", "print", "103001", "--reason", "again"}).code, 1);
  EXPECT_TRUE(school_->directory().CanSignIn(school_->Accounts().at("103001").dn, handed_out_[0]));
  const std::string rows = school_->Sluice({"audit", "list", "--person", "103001", "--limit", "50"}).out;
  EXPECT_THAT(rows, testing::HasSubstr("credential.handed_out"));
}

TEST_F(TrustTest, LogsHoldIdsAndNeverNames) {
  const std::string log = ReadFile(school_->host().place().log);
  for (const char* name : {"Hoff-de Groot", "Çelik", "Ellen", "Sem Bakker", "@leerling."})
    EXPECT_FALSE(absl::StrContains(log, name)) << name;
}

}  // namespace
}  // namespace sluice::integration
