// A real store whose file is edited past the host: what the sealer finds, refuses and goes on with.
#include "host/app/sealer.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/audit/export.h"
#include "host/base/testing/temporary_folder.h"
#include "host/store/sqlite/database.h"
#include "host/store/sqlite/sqlite_store.h"

namespace sluice::app {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const engine::Actor kAlice{"user:alice (uid 1000)", "disk failure"};

class Sealing : public ::testing::Test {
 protected:
  Sealing() {
    key_ = *audit::SealKey::LoadOrCreate(folder_.path() + "/seal");
    Begin();
    for (int at = 0; at < 6; ++at) AddRow();
    EXPECT_TRUE(sealer_->Seal().ok());
    for (int at = 0; at < 4; ++at) AddRow();
  }
  ~Sealing() override { End(); }

  std::string Store() const { return folder_.path() + "/sluice.db"; }
  std::string Copy() const { return folder_.path() + "/copy/seals.jsonl"; }
  void Begin() {
    fs::create_directories(folder_.path() + "/copy");
    store_ = store::OpenSqliteStore({Store(), "testhost", &clock_, ""}).value();
    sealer_ = std::make_unique<Sealer>(store_.get(), key_, &clock_, Copy());
  }
  void End() {
    sealer_.reset();
    store_.reset();
  }
  void AddRow() {
    store::Commit commit;
    audit::Entry entry;
    entry.time = clock_.Now();
    entry.actor = "host";
    entry.action = "operation.create";
    commit.audit = {entry};
    EXPECT_TRUE(store_->Write(commit).ok());
    clock_.Set(clock_.Now() + absl::Seconds(1));
  }
  // As somebody with the file could, host up or down.
  void Edit(const std::string& sql) {
    const std::string unlock =
        "DROP TRIGGER IF EXISTS audit_is_never_changed; DROP TRIGGER IF EXISTS audit_is_never_shortened; ";
    ASSERT_TRUE(store::Database::Open({Store(), true, ""}).value()->RunScript(unlock + sql).ok());
  }
  std::string Damage() {
    const absl::Status status = sealer_->Check();
    const api::AuditState state = sealer_->State();
    const bool is_whole = state.damage.empty() || state.damage[0].accepted_in > 0;
    EXPECT_EQ(status.code(), is_whole ? absl::StatusCode::kOk : absl::StatusCode::kDataLoss);
    return is_whole ? "" : state.damage[0].what;
  }
  int Seals() const { return static_cast<int>(store_->LoadSeals()->size()); }
  std::string Exported() {
    std::string text;
    EXPECT_TRUE(sealer_
                    ->Export([&](const std::string& line) {
                      absl::StrAppend(&text, line, "\n");
                      return true;
                    })
                    .ok());
    return text;
  }
  // Refuses until Alice accepts; the host meanwhile goes on; afterwards, and after a new start, all is sealed again.
  void ExpectRefusedUntilAccepted(const std::string& what) {
    EXPECT_THAT(Damage(), HasSubstr(what));
    const int seals = Seals();
    AddRow();
    EXPECT_EQ(sealer_->Seal().code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(Seals(), seals);
    EXPECT_THAT(Exported(), HasSubstr("sluice-audit"));  // A damaged log can be handed out, unsealed.
    EXPECT_EQ(Seals(), seals);
    const api::AuditDamage found = sealer_->State().damage[0];
    EXPECT_EQ(sealer_->Accept({"user:alice", ""}, found.first, found.last).status().code(),
              absl::StatusCode::kInvalidArgument);
    const absl::StatusOr<api::AuditState> state = sealer_->Accept(kAlice, 1, 1000000);
    ASSERT_TRUE(state.ok()) << state.status();
    EXPECT_EQ(state->sealed_row, state->last_row);
    EXPECT_EQ(state->damage[0].accepted_by, "user:alice (uid 1000)");
    EXPECT_EQ(state->damage[0].reason, "disk failure");
    EXPECT_EQ(Damage(), "");
    EXPECT_EQ(sealer_->Accept(kAlice, 1, 1000000).status().code(), absl::StatusCode::kFailedPrecondition);
    End();
    Begin();
    EXPECT_EQ(Damage(), "");
    EXPECT_THAT(sealer_->State().damage, SizeIs(testing::Ge(1)));
    AddRow();
    EXPECT_TRUE(sealer_->Seal().ok());
    EXPECT_EQ(sealer_->State().sealed_row, sealer_->State().last_row);
  }

  base::TemporaryFolder folder_;
  base::FakeClock clock_{absl::FromUnixNanos(1795487400123456789)};
  std::shared_ptr<const audit::SealKey> key_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Sealer> sealer_;
};

TEST_F(Sealing, WhatIsNewIsSealedInTheStoreAndInTheCopy) {
  EXPECT_TRUE(sealer_->Seal().ok());
  EXPECT_TRUE(sealer_->Seal().ok());
  EXPECT_EQ(Seals(), 2);
  EXPECT_EQ(sealer_->State().sealed_row, 10);
  ASSERT_THAT(*SealCopy(Copy()).Read(), SizeIs(2));
  EXPECT_TRUE(audit::CheckSeal(SealCopy(Copy()).Read()->back()).ok());
  struct stat status;
  ASSERT_EQ(stat(Copy().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  AddRow();
  sealer_->End();
  EXPECT_EQ(Seals(), 3);
}

TEST_F(Sealing, AChangedRowBehindTheLastSeal) {
  Edit("UPDATE audit SET json = replace(json, 'host', 'nobody') WHERE sequence = 8");
  ExpectRefusedUntilAccepted("row 8 was changed");
}

TEST_F(Sealing, AChangedRowUnderASealIsFoundAtTheNextStart) {
  End();
  Edit("UPDATE audit SET json = replace(json, 'host', 'nobody') WHERE sequence = 2");
  Begin();
  ExpectRefusedUntilAccepted("row 2 was changed");
}

TEST_F(Sealing, AGarbledRow) {
  Edit("UPDATE audit SET json = x'FF00FE5B', hash = x'0102' WHERE sequence = 3");
  ExpectRefusedUntilAccepted("row 3 was changed");
}

TEST_F(Sealing, ADroppedRow) {
  Edit("DELETE FROM audit WHERE sequence = 9");
  ExpectRefusedUntilAccepted("row 9 is missing");
}

TEST_F(Sealing, SwappedRows) {
  Edit(
      "UPDATE audit SET sequence = 100 WHERE sequence = 2; UPDATE audit SET sequence = 2 WHERE sequence = 3; "
      "UPDATE audit SET sequence = 3 WHERE sequence = 100");
  ExpectRefusedUntilAccepted("row 2 does not follow row 1");
}

TEST_F(Sealing, RowsCutOffUnderASeal) {
  Edit("DELETE FROM audit WHERE sequence > 4");
  ExpectRefusedUntilAccepted("rows 5 to 6 are missing, which the seal of");
}

TEST_F(Sealing, TheWholeLogCutOffWithItsSeals) {
  Edit("DELETE FROM audit; DELETE FROM seals");
  ExpectRefusedUntilAccepted("rows 1 to 6 are missing, which the seal of");
}

TEST_F(Sealing, TheStoreOfYesterday) {
  End();
  fs::copy(Store(), folder_.path() + "/yesterday");
  Begin();
  for (int at = 0; at < 5; ++at) AddRow();
  ASSERT_TRUE(sealer_->Seal().ok());
  End();
  fs::copy(folder_.path() + "/yesterday", Store(), fs::copy_options::overwrite_existing);
  for (const char* suffix : {"-wal", "-shm"}) fs::remove(Store() + suffix);
  Begin();
  ExpectRefusedUntilAccepted("rows 11 to 15 are missing, which the seal of");
  while (sealer_->State().last_row < 20) {  // Past the rows of the lost days: nothing is found anew.
    AddRow();
    ASSERT_TRUE(sealer_->Seal().ok());
  }
  EXPECT_EQ(Damage(), "");
}

TEST_F(Sealing, AChangedSealIsMadeGoodByItsCopy) {
  Edit("UPDATE seals SET time = time + 1");
  EXPECT_EQ(Damage(), "");
  fs::remove(Copy());
  ExpectRefusedUntilAccepted("the seal over row 6 was changed");
}

TEST_F(Sealing, AnotherKeyThanTheOneThatSealed) {
  key_ = *audit::SealKey::LoadOrCreate(folder_.path() + "/new");
  End();
  Begin();
  ExpectRefusedUntilAccepted("the seals over row 6 are by key");
}

TEST_F(Sealing, ACopyThatCannotBeWrittenIsSaidAndMendedLater) {
  fs::remove_all(folder_.path() + "/copy");
  EXPECT_TRUE(sealer_->Seal().ok());
  EXPECT_THAT(sealer_->State().copy_problem, HasSubstr("/copy/seals.jsonl, cannot be written"));
  EXPECT_EQ(Seals(), 2);
  fs::create_directories(folder_.path() + "/copy");
  EXPECT_TRUE(sealer_->Check().ok());
  EXPECT_EQ(sealer_->State().copy_problem, "");
  EXPECT_THAT(*SealCopy(Copy()).Read(), SizeIs(2));
}

TEST_F(Sealing, ALineThatWasCutOffInTheCopyHidesNoOther) {
  std::ofstream(Copy(), std::ios::app) << "{\"seal\":{\"hash\":\"12";
  EXPECT_TRUE(sealer_->Seal().ok());
  std::ofstream(Copy(), std::ios::app) << "\xff\n\n{}\n";
  EXPECT_THAT(*SealCopy(Copy()).Read(), SizeIs(2));
  EXPECT_EQ(Damage(), "");
}

TEST_F(Sealing, WithoutRowsThereIsNothingToSeal) {
  End();
  for (const char* suffix : {"", "-wal", "-shm"}) fs::remove(Store() + suffix);
  fs::remove(Copy());
  Begin();
  EXPECT_TRUE(sealer_->Seal().ok());
  EXPECT_EQ(Seals(), 0);
  EXPECT_THAT(sealer_->State().damage, IsEmpty());
}

}  // namespace
}  // namespace sluice::app
