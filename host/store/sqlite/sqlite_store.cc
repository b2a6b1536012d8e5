#include "host/store/sqlite/sqlite_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "host/base/crash_point.h"
#include "host/base/log.h"
#include "host/base/status.h"
#include "host/store/sqlite/codec.h"
#include "host/store/sqlite/database.h"
#include "host/store/sqlite/file_lock.h"
#include "host/store/sqlite/log_tables.h"
#include "host/store/sqlite/operation_tables.h"
#include "host/store/sqlite/person_tables.h"
#include "host/store/sqlite/raw_tables.h"
#include "host/store/sqlite/schema.h"
#include "host/store/sqlite/state_tables.h"

namespace sluice::store {
namespace {

// Write-ahead log; what is committed is on the disk; the log is cut back when it is checkpointed, 1 MiB stays.
constexpr char kWriterSettings[] =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 1048576; "
    "PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY; PRAGMA secure_delete = FAST;";
constexpr char kReaderSettings[] = "PRAGMA query_only = 1; PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY;";

constexpr char kStateSequence[] = "state_sequence", kFence[] = "fence", kAsOf[] = "as_of";
constexpr char kOwner[] = "owner", kOwnerName[] = "owner_name";  // Rises with each host that opens the store.

absl::StatusOr<int64_t> Raise(Database& database, const char* key) {
  RETURN_IF_ERROR(
      database.Run("INSERT INTO meta (key, value) VALUES (?, 1) ON CONFLICT DO UPDATE SET "
                   "value = value + 1",
                   key));
  return database.Number(0, "SELECT value FROM meta WHERE key = ?", key);
}

class SqliteStore final : public Store {
 public:
  SqliteStore(SqliteOptions options, std::unique_ptr<FileLock> lock, std::unique_ptr<Database> writer)
      : options_(std::move(options)), lock_(std::move(lock)), writer_(std::move(writer)) {}

  // `holder`: how this host is named to another one.
  absl::Status Prepare(const std::string& holder);

  absl::Status Write(const Commit& commit) override ABSL_LOCKS_EXCLUDED(write_mutex_);
  absl::Status WriteSeal(const Seal& seal) override ABSL_LOCKS_EXCLUDED(write_mutex_);
  absl::StatusOr<int64_t> NextFence() override ABSL_LOCKS_EXCLUDED(write_mutex_);

  absl::StatusOr<core::RawSet> LoadRawSet(const std::string& system, bool candidate) override {
    return Read([&](Database& database) { return ReadRawSet(database, system, candidate); });
  }
  absl::Status VisitRawRecords(const std::string& system, absl::FunctionRef<bool(const RawFacts&)> visit) override {
    return Read([&](Database& database) { return store::VisitRawRecords(database, system, visit); });
  }
  absl::StatusOr<ImportResult> LoadCandidate(const std::string& system) override {
    return Read([&](Database& database) { return ReadCandidate(database, system); });
  }
  absl::StatusOr<std::vector<core::ClassState>> LoadClassStates(const std::string& system) override {
    return Read([&](Database& database) { return ReadClassStates(database, system); });
  }
  absl::StatusOr<core::Readings> LoadReadings() override {
    return Read([](Database& database) { return ReadReadings(database); });
  }
  absl::StatusOr<std::shared_ptr<const core::Snapshot>> LoadSnapshot() override;
  absl::StatusOr<core::State> LoadState(std::map<std::string, std::vector<std::string>>* activation_texts) override;
  absl::StatusOr<int64_t> LoadStateSequence() override {
    return Read(
        [](Database& database) { return database.Number(0, "SELECT value FROM meta WHERE key = ?", kStateSequence); });
  }
  absl::StatusOr<std::optional<ConfigurationRecord>> LoadConfiguration() override {
    return Read([](Database& database) { return ReadConfiguration(database); });
  }
  absl::StatusOr<std::optional<absl::CivilDay>> LoadAsOf() override;
  absl::StatusOr<core::Plan> LoadPlan(const std::string& hash_prefix) override {
    return Read([&](Database& database) { return ReadPlan(database, hash_prefix); });
  }
  absl::StatusOr<std::vector<Operation>> LoadOpenOperations() override {
    return Read([](Database& database) { return ReadOpenOperations(database); });
  }
  absl::StatusOr<std::vector<Operation>> LoadOperations(const std::string& run_id) override {
    return Read([&](Database& database) { return ReadOperationsOfRun(database, run_id); });
  }
  absl::StatusOr<std::vector<Operation>> LoadOperationsOf(const std::string& person_id) override {
    return Read([&](Database& database) { return ReadOperationsOfPerson(database, person_id); });
  }
  absl::StatusOr<std::optional<Operation>> LoadOperation(const std::string& id_prefix) override {
    return Read([&](Database& database) { return ReadOperation(database, id_prefix); });
  }
  absl::StatusOr<std::map<std::string, int>> LoadAttempts(const std::vector<std::string>& ids) override {
    return Read([&](Database& database) { return ReadAttempts(database, ids); });
  }
  absl::StatusOr<std::vector<Run>> LoadRuns(int limit) override {
    return Read([&](Database& database) { return ReadRuns(database, limit); });
  }
  absl::StatusOr<std::vector<BlockRecord>> LoadBlocks() override {
    return Read([](Database& database) { return ReadBlocks(database); });
  }
  absl::StatusOr<std::vector<SealedSecret>> LoadSecrets(const std::string& person_id) override {
    return Read([&](Database& database) { return ReadSecrets(database, person_id); });
  }
  absl::StatusOr<std::optional<SealedSecret>> LoadSecret(const std::string& id) override {
    return Read([&](Database& database) { return ReadSecret(database, id); });
  }
  absl::StatusOr<std::vector<AuditRow>> LoadAudit(int64_t from, int limit) override {
    return Read([&](Database& database) { return ReadAudit(database, from, limit); });
  }
  absl::StatusOr<std::vector<Seal>> LoadSeals() override {
    return Read([](Database& database) { return ReadSeals(database); });
  }

 private:
  // A commit whose caller waits in Write.
  struct Waiting {
    const Commit* commit;
    absl::Status status;
    std::optional<SnapshotCache> cache;  // To remember once it is committed.
    bool is_done;
  };

  // ABORTED, and nothing is written any more, when another host took the store over: the lock is the kernel's and of
  // this machine, and somebody may remove its file.
  absl::StatusOr<Transaction> BeginWrite() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  // One transaction; a member that is refused leaves the others as they are. An error: nobody's commit is written.
  absl::Status WriteGroup(const std::vector<Waiting*>& group) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status WriteAll(const Commit& commit, std::optional<SnapshotCache>& cache)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);

  // Calls `read` with a connection of its own, in one view of the file.
  template <class Function>
  std::invoke_result_t<Function, Database&> Read(const Function& read) ABSL_LOCKS_EXCLUDED(read_mutex_) {
    ASSIGN_OR_RETURN(std::unique_ptr<Database> database, TakeReader());
    auto result = InOneView(*database, read);
    if (result.ok()) ReturnReader(std::move(database));
    return result;
  }
  template <class Function>
  static std::invoke_result_t<Function, Database&> InOneView(Database& database, const Function& read) {
    ASSIGN_OR_RETURN(const Transaction view, Transaction::Begin(database, Transaction::Kind::kRead));
    return read(database);
  }
  absl::StatusOr<std::unique_ptr<Database>> TakeReader() ABSL_LOCKS_EXCLUDED(read_mutex_);
  void ReturnReader(std::unique_ptr<Database> database) ABSL_LOCKS_EXCLUDED(read_mutex_);

  const SqliteOptions options_;
  const std::unique_ptr<FileLock> lock_;

  absl::Mutex write_mutex_ ABSL_ACQUIRED_BEFORE(queue_mutex_, read_mutex_);
  const std::unique_ptr<Database> writer_ ABSL_PT_GUARDED_BY(write_mutex_);
  int64_t owner_ ABSL_GUARDED_BY(write_mutex_) = 0;

  absl::Mutex queue_mutex_;
  std::vector<Waiting*> queue_ ABSL_GUARDED_BY(queue_mutex_);

  absl::Mutex read_mutex_;
  std::vector<std::unique_ptr<Database>> idle_readers_ ABSL_GUARDED_BY(read_mutex_);
  SnapshotCache snapshot_ ABSL_GUARDED_BY(read_mutex_);
};

absl::Status SqliteStore::Prepare(const std::string& holder) {
  absl::MutexLock lock(&write_mutex_);
  RETURN_IF_ERROR(PrepareSchema(*writer_));
  RETURN_IF_ERROR(writer_->RunScript(kWriterSettings));
  ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*writer_, Transaction::Kind::kWrite));
  ASSIGN_OR_RETURN(owner_, Raise(*writer_, kOwner));
  RETURN_IF_ERROR(
      writer_->Run("INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
                   kOwnerName, holder));
  ASSIGN_OR_RETURN(const int interrupted, InterruptRuns(*writer_, options_.clock->Now()));
  RETURN_IF_ERROR(transaction.Commit());
  if (interrupted > 0) {
    base::LogWarning("runs that the last host did not finish are closed as interrupted",
                     {{"runs", absl::StrCat(interrupted)}});
  }
  return absl::OkStatus();
}

absl::StatusOr<Transaction> SqliteStore::BeginWrite() {
  ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*writer_, Transaction::Kind::kWrite));
  ASSIGN_OR_RETURN(const int64_t owner, writer_->Number(0, "SELECT value FROM meta WHERE key = ?", kOwner));
  if (owner == owner_) return transaction;
  ASSIGN_OR_RETURN(Query name, writer_->Ask("SELECT value FROM meta WHERE key = ?", kOwnerName));
  const std::string other = name.Next() ? name.Text(0) : "another host";
  return absl::AbortedError(
      absl::StrCat("store ", options_.path, " was taken over by ", other,
                   "; this host writes and sends nothing more. End it, and see why both were started on one store"));
}

absl::Status SqliteStore::WriteAll(const Commit& commit, std::optional<SnapshotCache>& cache) {
  Database& database = *writer_;
  // What may refuse the commit comes first.
  ASSIGN_OR_RETURN(bool has_changed, WriteOperations(database, commit.operations));
  ASSIGN_OR_RETURN(const bool state_has_changed, WriteState(database, commit));
  has_changed = has_changed || state_has_changed;
  for (const auto& [system, observed] : commit.observed) {
    ASSIGN_OR_RETURN(const bool differs, WriteObserved(database, system, observed));
    has_changed = has_changed || differs;
  }
  for (const ImportResult& import : commit.imports) RETURN_IF_ERROR(WriteImport(database, import));
  if (commit.snapshot.has_value()) {
    SnapshotCache known;
    {
      absl::MutexLock lock(&read_mutex_);
      known = snapshot_;
    }
    ASSIGN_OR_RETURN(cache, WriteSnapshot(database, *commit.snapshot, commit.snapshot_cause,
                                          commit.run.has_value() ? commit.run->id : "", known));
  }
  if (commit.plan.has_value()) RETURN_IF_ERROR(WritePlan(database, *commit.plan));
  RETURN_IF_ERROR(WriteBlocks(database, commit.blocks));
  RETURN_IF_ERROR(WriteSecrets(database, commit));
  if (commit.configuration.has_value()) RETURN_IF_ERROR(WriteConfiguration(database, *commit.configuration));
  if (commit.run.has_value()) RETURN_IF_ERROR(WriteRun(database, *commit.run));
  if (commit.as_of.has_value()) {
    RETURN_IF_ERROR(
        database.Run("INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET "
                     "value = excluded.value",
                     kAsOf, *commit.as_of));
  }
  if (has_changed) RETURN_IF_ERROR(Raise(database, kStateSequence).status());
  return WriteAudit(database, commit.audit);
}

absl::Status SqliteStore::Write(const Commit& commit) {
  Waiting waiting{&commit, {}, {}, false};
  {
    absl::MutexLock lock(&queue_mutex_);
    queue_.push_back(&waiting);
  }
  // Whoever gets the connection writes for all that wait by then: one sync of the disk for the whole group.
  absl::MutexLock lock(&write_mutex_);
  if (!waiting.is_done) {
    std::vector<Waiting*> group;
    {
      absl::MutexLock queue_lock(&queue_mutex_);
      group.swap(queue_);
    }
    const absl::Status status = WriteGroup(group);
    for (Waiting* member : group) {
      if (!status.ok()) member->status = status;
      member->is_done = true;
    }
  }
  return waiting.status;
}

absl::Status SqliteStore::WriteGroup(const std::vector<Waiting*>& group) {
  ASSIGN_OR_RETURN(Transaction transaction, BeginWrite());
  base::CrashPoints::Pass(base::CrashPoint::kInTransaction);
  for (Waiting* member : group) {
    RETURN_IF_ERROR(writer_->Run("SAVEPOINT member"));
    member->status = WriteAll(*member->commit, member->cache);
    if (!member->status.ok()) {
      // Refused by itself; or, when the disk fails, everything is gone and nobody's commit is written.
      member->cache.reset();
      if (!writer_->InTransaction()) return member->status;
      RETURN_IF_ERROR(writer_->Run("ROLLBACK TO member"));
    }
    RETURN_IF_ERROR(writer_->Run("RELEASE member"));
  }
  base::CrashPoints::Pass(base::CrashPoint::kTransactionIsWritten);
  RETURN_IF_ERROR(transaction.Commit());
  base::CrashPoints::Pass(base::CrashPoint::kTransactionIsCommitted);
  const bool is_large = std::any_of(group.begin(), group.end(), [](const Waiting* member) {
    return !member->commit->imports.empty() || member->commit->snapshot.has_value();
  });
  if (is_large) writer_->ReleasePages();
  absl::MutexLock lock(&read_mutex_);
  for (Waiting* member : group) {
    if (member->cache.has_value()) snapshot_ = *std::move(member->cache);
  }
  return absl::OkStatus();
}

absl::Status SqliteStore::WriteSeal(const Seal& seal) {
  absl::MutexLock lock(&write_mutex_);
  ASSIGN_OR_RETURN(Transaction transaction, BeginWrite());
  RETURN_IF_ERROR(InsertSeal(*writer_, seal));
  return transaction.Commit();
}

absl::StatusOr<int64_t> SqliteStore::NextFence() {
  absl::MutexLock lock(&write_mutex_);
  ASSIGN_OR_RETURN(Transaction transaction, BeginWrite());
  ASSIGN_OR_RETURN(const int64_t fence, Raise(*writer_, kFence));
  RETURN_IF_ERROR(transaction.Commit());
  return fence;
}

absl::StatusOr<std::shared_ptr<const core::Snapshot>> SqliteStore::LoadSnapshot() {
  SnapshotCache known;
  {
    absl::MutexLock lock(&read_mutex_);
    known = snapshot_;
  }
  ASSIGN_OR_RETURN(SnapshotCache current, Read([&](Database& database) -> absl::StatusOr<SnapshotCache> {
                     ASSIGN_OR_RETURN(const int64_t active, ActiveSnapshot(database));
                     if (known.snapshot != nullptr && known.snapshot->sequence == active) return known;
                     return ReadSnapshot(database);
                   }));
  absl::MutexLock lock(&read_mutex_);
  std::shared_ptr<const core::Snapshot> snapshot = current.snapshot;
  if (snapshot_.snapshot == nullptr || snapshot_.snapshot->sequence < snapshot->sequence)
    snapshot_ = std::move(current);
  return snapshot;
}

absl::StatusOr<core::State> SqliteStore::LoadState(std::map<std::string, std::vector<std::string>>* activation_texts) {
  return Read([&](Database& database) -> absl::StatusOr<core::State> {
    core::State state;
    ASSIGN_OR_RETURN(state.sequence, database.Number(0, "SELECT value FROM meta WHERE key = ?", kStateSequence));
    RETURN_IF_ERROR(ReadState(database, state, activation_texts));
    RETURN_IF_ERROR(ReadOpen(database, state));
    ASSIGN_OR_RETURN(state.observed, ReadObserved(database));
    return state;
  });
}

absl::StatusOr<std::optional<absl::CivilDay>> SqliteStore::LoadAsOf() {
  return Read([](Database& database) -> absl::StatusOr<std::optional<absl::CivilDay>> {
    ASSIGN_OR_RETURN(Query query, database.Ask("SELECT value FROM meta WHERE key = ?", kAsOf));
    if (!query.Next()) {
      RETURN_IF_ERROR(query.status());
      return std::nullopt;
    }
    const std::optional<absl::CivilDay> day = query.Day(0);
    if (!day.has_value()) return Unreadable("meta", kAsOf);
    return day;
  });
}

absl::StatusOr<std::unique_ptr<Database>> SqliteStore::TakeReader() {
  {
    absl::MutexLock lock(&read_mutex_);
    if (!idle_readers_.empty()) {
      std::unique_ptr<Database> reader = std::move(idle_readers_.back());
      idle_readers_.pop_back();
      return reader;
    }
  }
  ASSIGN_OR_RETURN(std::unique_ptr<Database> reader,
                   Database::Open({options_.path, /*is_writer=*/false, options_.vfs}));
  RETURN_IF_ERROR(reader->RunScript(kReaderSettings));
  return reader;
}

void SqliteStore::ReturnReader(std::unique_ptr<Database> database) {
  constexpr size_t kMostIdle = 4;
  database->ReleasePages();
  absl::MutexLock lock(&read_mutex_);
  if (idle_readers_.size() < kMostIdle) idle_readers_.push_back(std::move(database));
}

std::string ThisHost() {
  char name[256] = {};
  return gethostname(name, sizeof(name) - 1) == 0 ? name : "unknown";
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const SqliteOptions& options) {
  const std::string holder =
      absl::StrCat("host ", options.host_name.empty() ? ThisHost() : options.host_name, ", process ", getpid(),
                   ", since ", absl::FormatTime("%E4Y-%m-%d %H:%M:%S UTC", options.clock->Now(), absl::UTCTimeZone()));
  ASSIGN_OR_RETURN(std::unique_ptr<FileLock> lock, FileLock::Acquire(absl::StrCat(options.path, ".lock"), holder));
  // Made with the right mode before SQLite makes it with another one; its side files take over the mode.
  const int fd = open(options.path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd >= 0) close(fd);
  ASSIGN_OR_RETURN(std::unique_ptr<Database> writer, Database::Open({options.path, /*is_writer=*/true, options.vfs}));
  auto store = std::make_unique<SqliteStore>(options, std::move(lock), std::move(writer));
  RETURN_IF_ERROR(store->Prepare(holder));
  return store;
}

}  // namespace sluice::store
