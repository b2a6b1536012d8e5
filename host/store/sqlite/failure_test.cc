// A disk that fails, a host that is killed, a second host, a file that is not ours: nothing is half written.
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/audit/chain.h"
#include "host/store/sqlite/database.h"
#include "host/store/sqlite/testing/fault_vfs.h"
#include "host/store/sqlite/testing/store_fixture.h"

namespace sluice::store {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// A commit that touches many tables: number `at` in each of them.
Commit EverythingAt(int at) {
  Commit commit;
  const std::string number = absl::StrCat(at);
  commit.grants = {MakeGrant("person-1", core::GrantState::kHeld, at)};
  commit.names_reserved = {{"ad", "account_name", absl::StrCat("name", number), "person:1"}};
  commit.operations = {MakeOperation(absl::StrFormat("%08d", at), Operation::State::kDone)};
  commit.imports = {MakeImport(20 + at)};
  commit.snapshot = MakeSnapshot(20 + at);
  commit.snapshot_cause = "import";
  commit.run = Run{absl::StrCat("run-", number), "import", "succeeded", "schedule", "", "", kNow, kNow, "", {}};
  commit.secrets = {{absl::StrCat("s", number), "person-1", "ad", "initial_password", "v1.x", "", kNow, false, {}}};
  commit.audit = {MakeEntry("import.accepted")};
  return commit;
}

class Failing : public StoreFixture {
 protected:
  ~Failing() override { ClearFault(); }

  // How many such commits the store holds; every table must say the same.
  int Commits() {
    const core::State state = State();
    const int count = static_cast<int>(state.sequence);
    EXPECT_EQ(static_cast<int>(state.names.size()), count);
    EXPECT_EQ(state.grants.size(), count > 0 ? 1u : 0u);
    if (count > 0) {
      EXPECT_EQ(state.grants[0].generation, count);
    }
    EXPECT_EQ(static_cast<int>(store_->LoadOperations("run-1")->size()), count);
    EXPECT_EQ(static_cast<int>(store_->LoadRuns(1000)->size()), count);
    EXPECT_EQ(static_cast<int>(store_->LoadSecrets("")->size()), count);
    EXPECT_EQ((*store_->LoadSnapshot())->sequence, count);
    EXPECT_EQ(static_cast<int>((*store_->LoadSnapshot())->persons.size()), count > 0 ? 20 + count : 0);
    EXPECT_EQ(static_cast<int>(store_->LoadRawSet("somtoday")->size()), count > 0 ? 2 * (20 + count) : 0);
    EXPECT_EQ(static_cast<int>(store_->LoadAudit(1, 1000)->size()), count);
    const auto read = [&](int64_t from, int limit) { return store_->LoadAudit(from, limit); };
    EXPECT_TRUE(audit::CheckChain(read).ok()) << audit::CheckChain(read);
    return count;
  }
};

TEST_F(Failing, AFullDiskWritesNothingAndTheSameCommitMayBeTriedAgain) {
  Open(FaultVfs());
  Write(EverythingAt(1));
  SetFault({.code = SQLITE_FULL});
  for (int tries = 0; tries < 3; ++tries) {
    const absl::Status full = store_->Write(EverythingAt(2));
    EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_THAT(std::string(full.message()),
                AllOf(HasSubstr(Path()), HasSubstr("disk is full"), HasSubstr("Make room")));
    EXPECT_EQ(Commits(), 1);  // What is there can still be read.
  }
  ClearFault();
  Write(EverythingAt(2));
  EXPECT_EQ(Commits(), 2);
  Open();
  EXPECT_EQ(Commits(), 2);
}

TEST_F(Failing, AWriteOrSyncThatFailsOnceWritesNothingWhereverItFails) {
  Open(FaultVfs());
  Write(EverythingAt(1));
  int done = 1;
  for (const int code : {SQLITE_IOERR_WRITE, SQLITE_IOERR_FSYNC}) {
    for (int after = 0;; ++after) {
      SetFault({.code = code,
                .after = after,
                .times = 1,
                .on_write = code == SQLITE_IOERR_WRITE,
                .on_sync = code == SQLITE_IOERR_FSYNC});
      const absl::Status status = store_->Write(EverythingAt(done + 1));
      const bool was_reached = FaultOperations() > after;
      ClearFault();
      if (status.ok()) {
        ++done;
        EXPECT_EQ(Commits(), done);
        if (!was_reached) break;  // There are fewer operations than that in a commit.
        continue;
      }
      EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
      EXPECT_EQ(Commits(), done);
      Write(EverythingAt(done + 1));
      ++done;
      EXPECT_EQ(Commits(), done);
    }
  }
  EXPECT_GT(done, 10);
  Open();
  EXPECT_EQ(Commits(), done);
}

TEST_F(Failing, TimesAreHashedAsTheyAreStoredAlsoWhenTheirCommitFailsOnce) {
  Open(FaultVfs());
  const absl::Time fine = absl::FromUnixSeconds(1795487400) + absl::Nanoseconds(123456789);
  const auto commit = [&](int at) {
    Commit made = EverythingAt(at);
    made.audit[0].time = fine;
    made.audit.push_back(made.audit[0]);
    return made;
  };
  Write(commit(1));
  for (const int code : {SQLITE_FULL, SQLITE_IOERR_WRITE, SQLITE_IOERR_FSYNC}) {
    SetFault({.code = code, .times = 1, .on_sync = code == SQLITE_IOERR_FSYNC});
    EXPECT_FALSE(store_->Write(commit(2)).ok());
    ClearFault();
  }
  Write(commit(2));
  clock_.Set(fine);
  Seal seal{4, "", fine, "k", "s", "p"};
  seal.hash = store_->LoadAudit(4, 1)->at(0).hash;
  ASSERT_TRUE(store_->WriteSeal(seal).ok());
  Open();  // What is read back hashes the same.
  const auto rows = store_->LoadAudit(1, 10);
  ASSERT_EQ(rows->size(), 4u);
  for (const AuditRow& row : *rows) EXPECT_THAT(row.json, HasSubstr(".123456Z\""));
  const auto read = [&](int64_t from, int limit) { return store_->LoadAudit(from, limit); };
  EXPECT_TRUE(audit::CheckChain(read).ok()) << audit::CheckChain(read);
  EXPECT_EQ(store_->LoadSeals()->at(0).time, absl::FromUnixMicros(absl::ToUnixMicros(fine)));
}

TEST_F(Failing, ADiskThatTurnsReadOnlyIsNamedAndComesBack) {
  Open(FaultVfs());
  Write(EverythingAt(1));
  SetFault({.code = SQLITE_READONLY});
  const absl::Status refused = store_->Write(EverythingAt(2));
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("can only be read"));
  EXPECT_FALSE(store_->NextFence().ok());
  ClearFault();
  Write(EverythingAt(2));
  EXPECT_EQ(Commits(), 2);
}

// Runs `body` in a process of its own; how it ended.
template <class Body>
int InChild(const Body& body) {
  const pid_t child = fork();
  if (child == 0) {
    body();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

TEST_F(Failing, AHostThatIsKilledAtAnyWriteLeavesAllOrNothing) {
  Open();
  Write(EverythingAt(1));
  store_.reset();
  int done = 1, kills = 0;
  for (int after = 0;; after += 1 + after / 8) {
    const int status = InChild([&] {
      absl::StatusOr<std::unique_ptr<Store>> store = TryOpen(FaultVfs());
      SetFault({.kills = true, .after = after, .on_write = true, .on_sync = true});
      if (!store.ok() || !(*store)->Write(EverythingAt(done + 1)).ok()) _exit(1);
      (*store).reset();
    });
    const bool was_killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    kills += was_killed;
    ASSERT_TRUE(was_killed || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
    Open();
    const int now = Commits();
    ASSERT_TRUE(now == done || now == done + 1) << now;
    done = now;
    store_.reset();
    if (!was_killed) break;
  }
  EXPECT_GT(kills, 10);
}

TEST_F(Failing, AHostThatIsKilledAtRandomMomentsLosesNoAcknowledgedCommit) {
  for (int round = 0; round < 5; ++round) {
    Open();
    const int before = Commits();
    store_.reset();
    int pipe_ends[2];
    ASSERT_EQ(pipe(pipe_ends), 0);
    const pid_t child = fork();
    if (child == 0) {
      absl::StatusOr<std::unique_ptr<Store>> store = TryOpen();
      for (int at = before + 1; store.ok(); ++at) {
        if (!(*store)->Write(EverythingAt(at)).ok() || write(pipe_ends[1], "x", 1) != 1) _exit(1);
      }
      _exit(1);
    }
    close(pipe_ends[1]);
    int acknowledged = 0;
    char byte;
    while (acknowledged < 3 + round && read(pipe_ends[0], &byte, 1) == 1) ++acknowledged;
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    while (read(pipe_ends[0], &byte, 1) == 1) ++acknowledged;
    close(pipe_ends[0]);
    Open();
    EXPECT_GE(Commits(), before + acknowledged);
    EXPECT_LE(Commits(), before + acknowledged + 1);
    store_.reset();
  }
}

TEST_F(Failing, ASecondHostIsRefusedByName) {
  Open();
  const absl::Status refused = TryOpen().status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), AllOf(HasSubstr("host testhost"), HasSubstr(absl::StrCat(getpid()))));
  EXPECT_EQ(InChild([&] {
              const absl::Status other = TryOpen().status();
              if (other.code() != absl::StatusCode::kFailedPrecondition) _exit(1);
            }),
            0);
  store_.reset();
  Open();
}

TEST_F(Failing, AHostThatWasTakenOverWritesNothingMore) {
  Open();
  Write(EverythingAt(1));
  std::filesystem::remove(absl::StrCat(Path(), ".lock"));  // Or it lies on a disk that knows no locks.
  auto other = TryOpen();
  ASSERT_TRUE(other.ok()) << other.status();
  ASSERT_TRUE((*other)->Write(EverythingAt(2)).ok());
  Seal seal;
  for (const absl::Status& refused :
       {store_->Write(EverythingAt(3)), store_->NextFence().status(), store_->WriteSeal(seal)}) {
    EXPECT_EQ(refused.code(), absl::StatusCode::kAborted);
    EXPECT_THAT(std::string(refused.message()), AllOf(HasSubstr("was taken over by host testhost, process"),
                                                      HasSubstr("writes and sends nothing more")));
  }
  EXPECT_EQ(Commits(), 2);
  ASSERT_TRUE((*other)->Write(EverythingAt(3)).ok());
}

TEST_F(Failing, TheLockIsFreeAsSoonAsItsHolderIsDead) {
  const int status = InChild([&] {
    absl::StatusOr<std::unique_ptr<Store>> store = TryOpen();
    if (store.ok()) kill(getpid(), SIGKILL);
  });
  EXPECT_TRUE(WIFSIGNALED(status));
  Open();
}

TEST_F(Failing, AFileThatCannotBeWrittenIsRefusedAtOpening) {
  Open();
  store_.reset();
  chmod(Path().c_str(), 0444);
  chmod(folder_.path().c_str(), 0777);
  chmod(absl::StrCat(Path(), ".lock").c_str(), 0666);
  const int status = InChild([&] {
    if (getuid() == 0 && setuid(65534) != 0) _exit(2);
    const absl::Status refused = TryOpen().status();
    if (refused.code() != absl::StatusCode::kUnavailable) _exit(3);
    if (std::string(refused.message()).find("can only be read") == std::string::npos) _exit(4);
  });
  EXPECT_EQ(status, 0) << WEXITSTATUS(status);
}

TEST_F(Failing, TheFilesAreForTheirOwnerOnly) {
  Open();
  Write(EverythingAt(1));
  for (const char* suffix : {"", "-wal", "-shm", ".lock"}) {
    struct stat status;
    ASSERT_EQ(stat(absl::StrCat(Path(), suffix).c_str(), &status), 0) << suffix;
    EXPECT_EQ(status.st_mode & 0777, 0600u) << suffix;
  }
}

TEST_F(Failing, AnotherProgramsFileAndANewerFormatAreLeftAlone) {
  std::ofstream(Path()) << std::string(8192, 'x');
  EXPECT_EQ(TryOpen().status().code(), absl::StatusCode::kDataLoss);
  std::filesystem::remove(Path());
  {
    auto other = Database::Open({Path(), true, ""});
    ASSERT_TRUE((*other)->RunScript("CREATE TABLE t (a)").ok());
  }
  EXPECT_THAT(std::string(TryOpen().status().message()), HasSubstr("another program"));
  std::filesystem::remove(Path());
  Open();
  store_.reset();
  {
    auto newer = Database::Open({Path(), true, ""});
    ASSERT_TRUE((*newer)->RunScript("PRAGMA user_version = 9999").ok());
  }
  EXPECT_THAT(std::string(TryOpen().status().message()), HasSubstr("newer version"));
  EXPECT_EQ(OpenSqliteStore({"/nowhere/at/all.db", "h", &clock_, ""}).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(Failing, ADamagedRowIsNamed) {
  Open();
  Write(EverythingAt(1));
  {
    auto database = Database::Open({Path(), true, ""});
    ASSERT_TRUE((*database)->RunScript("UPDATE grants SET state = 'what'").ok());
  }
  const absl::Status damaged = store_->LoadState(nullptr).status();
  EXPECT_EQ(damaged.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(damaged.message()), AllOf(HasSubstr("table grants"), HasSubstr("person-1")));
}

}  // namespace
}  // namespace sluice::store
