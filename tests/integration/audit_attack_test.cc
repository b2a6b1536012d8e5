// Promise: the audit log cannot be changed unseen. The store's file is edited past the host, as whoever has the machine
// could; the host goes on, says one line and seals nothing, until somebody with a name accepts it; the verifier names
// what was accepted, and what was not.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "tests/integration/small_school.h"

namespace sluice::integration {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

class AuditAttack : public testing::Test {
 protected:
  AuditAttack() {
    school_.Finish();
    EXPECT_EQ(school_.Sluice({"audit", "check"}).code, 0);
    Export();  // Sealed.
  }

  std::string Store() { return school_.state_file(); }
  std::string Copy() { return school_.host().place().state + "/seals.jsonl"; }
  std::string File() { return school_.root() + "/export.jsonl"; }

  void Edit(const std::string& sql) {
    sqlite3* database = nullptr;
    char* error = nullptr;
    ASSERT_EQ(sqlite3_open(Store().c_str(), &database), SQLITE_OK);
    const std::string whole = absl::StrCat(
        "PRAGMA busy_timeout = 5000; DROP TRIGGER IF EXISTS audit_is_never_changed; "
        "DROP TRIGGER IF EXISTS audit_is_never_shortened; ",
        sql);
    EXPECT_EQ(sqlite3_exec(database, whole.c_str(), nullptr, nullptr, &error), SQLITE_OK) << (error ? error : "");
    sqlite3_close(database);
  }
  void Export() { EXPECT_EQ(school_.Sluice({"audit", "export", File()}).code, 0); }
  // What the verifier says of a fresh export, held against the owner's key and the copy of the seals.
  std::string Verified(int expected_code) {
    Export();
    const std::string out = school_.root() + "/verdict";
    const std::string command =
        absl::StrCat(std::getenv("SLUICE_BINARY_DIR"), "/bin/sluice-audit-verify ", File(), " --public-key ",
                     school_.root(), "/keys/seal.pub --seals ", Copy(), " >", out, " 2>&1");
    const int status = system(command.c_str());
    const std::string said = ReadFile(out);
    EXPECT_EQ(WIFEXITED(status) ? WEXITSTATUS(status) : -1, expected_code) << said;
    return said;
  }
  int64_t SealedRow() {
    const Json audit = school_.Must({"status"})["audit"];
    return audit.contains("sealed_row") ? std::stoll(audit["sealed_row"].get<std::string>()) : 0;
  }

  // Damage that is there: seen, not sealed, accepted, named.
  void ExpectRefusedUntilAccepted(const std::string& rows, const std::string& what) {
    const Answer check = school_.Sluice({"audit", "check"});
    EXPECT_EQ(check.code, 1);
    EXPECT_THAT(check.out, HasSubstr(what));
    EXPECT_THAT(school_.Sluice({"status"}).out, HasSubstr(what));
    const int64_t sealed = SealedRow();
    school_.Must({"import"});  // The school goes on.
    EXPECT_THAT(Verified(1), HasSubstr("broken: "));
    EXPECT_EQ(SealedRow(), sealed);
    EXPECT_EQ(school_.Sluice({"audit", "accept", "--rows", rows}).code, 2);
    school_.Must({"audit", "accept", "--rows", rows, "--reason", "disk failure of Tuesday"});
    EXPECT_EQ(school_.Sluice({"audit", "check"}).code, 0);
    const std::string verdict = Verified(0);
    EXPECT_THAT(verdict, HasSubstr("damaged, and accepted"));
    EXPECT_THAT(verdict, HasSubstr(what));
    EXPECT_THAT(verdict, HasSubstr("\"disk failure of Tuesday\""));
    EXPECT_GT(SealedRow(), sealed);
  }

  SmallSchool school_;
};

TEST_F(AuditAttack, ADamagedStoreAndAnOlderOneAreSealedOnlyAfterSomebodyAcceptedThat) {
  EXPECT_THAT(Verified(0), HasSubstr(": unbroken"));
  // While the host runs: a row that was sealed.
  Edit("UPDATE audit SET json = replace(json, 'configuration.applied', 'configuration.changed') WHERE sequence = 1");
  ExpectRefusedUntilAccepted("1", "row 1 was changed");
  // Once more, after it was accepted.
  Edit("UPDATE audit SET json = replace(json, 'configuration.changed', 'configuration.applies') WHERE sequence = 1");
  EXPECT_THAT(Verified(1), HasSubstr("broken: row 1 was changed"));
  Edit("UPDATE audit SET json = replace(json, 'configuration.applies', 'configuration.changed') WHERE sequence = 1");
  EXPECT_THAT(Verified(0), HasSubstr("damaged, and accepted"));
  // While it does not: a row that is gone, and one that is no text.
  school_.host().Stop();
  Edit("DELETE FROM audit WHERE sequence = 3; UPDATE audit SET json = x'FFFE00' WHERE sequence = 4");
  school_.host().Start();
  const Answer list = school_.Sluice({"audit", "list", "--limit", "1000"});
  EXPECT_EQ(list.code, 0);
  EXPECT_THAT(list.out, HasSubstr("row 4 was changed"));
  ExpectRefusedUntilAccepted("3-4", "row 3 is missing");
  // The file of an hour ago.
  school_.host().Stop();
  fs::copy(Store(), school_.root() + "/older.db");
  school_.host().Start();
  school_.Must({"import"});
  school_.Must({"import"});
  Export();
  const int64_t newest = SealedRow();
  school_.host().Stop();
  for (const char* suffix : {"-wal", "-shm"}) fs::remove(Store() + suffix);
  fs::copy(school_.root() + "/older.db", Store(), fs::copy_options::overwrite_existing);
  school_.host().Start();
  const Answer check = school_.Sluice({"audit", "check"});
  EXPECT_EQ(check.code, 1);
  EXPECT_THAT(check.out, HasSubstr("older copy"));
  EXPECT_THAT(Verified(1), HasSubstr("broken: "));
  school_.Must({"audit", "accept", "--rows", absl::StrCat("1-", newest), "--reason", "put back after a disk failure"});
  EXPECT_EQ(school_.Sluice({"audit", "check"}).code, 0);
  EXPECT_THAT(Verified(0), HasSubstr("\"put back after a disk failure\""));
}

}  // namespace
}  // namespace sluice::integration
