#include "host/store/sqlite/database.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "host/base/status.h"

namespace sluice::store {
namespace {

constexpr int kBusyMilliseconds = 5000;

int TwoDigits(absl::string_view text, size_t at) { return (text[at] - '0') * 10 + (text[at + 1] - '0'); }

}  // namespace

Binding::Binding(absl::Time value) : kind_(Kind::kInteger) {
  integer_ = value == absl::InfinitePast()     ? std::numeric_limits<int64_t>::min()
             : value == absl::InfiniteFuture() ? std::numeric_limits<int64_t>::max()
                                               : absl::ToUnixMicros(value);
}

Binding::Binding(absl::CivilDay value) : kind_(Kind::kText) {
  const int64_t year = value.year() < 0 ? 0 : value.year() > 9999 ? 9999 : value.year();
  absl::string_view digits = "0123456789";
  day_[0] = digits[static_cast<size_t>(year / 1000)];
  day_[1] = digits[static_cast<size_t>(year / 100 % 10)];
  day_[2] = digits[static_cast<size_t>(year / 10 % 10)];
  day_[3] = digits[static_cast<size_t>(year % 10)];
  day_[4] = '-';
  day_[5] = digits[static_cast<size_t>(value.month() / 10)];
  day_[6] = digits[static_cast<size_t>(value.month() % 10)];
  day_[7] = '-';
  day_[8] = digits[static_cast<size_t>(value.day() / 10)];
  day_[9] = digits[static_cast<size_t>(value.day() % 10)];
}

Query::Query(Query&& other) noexcept
    : database_(other.database_),
      statement_(std::exchange(other.statement_, nullptr)),
      kept_(other.kept_),
      status_(std::move(other.status_)) {}

Query::~Query() {
  if (statement_ != nullptr) database_->Return(statement_, kept_);
}

bool Query::Next() {
  if (!status_.ok()) return false;
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) status_ = database_->Error(code);
  return false;
}

absl::string_view Query::View(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  return bytes == nullptr ? absl::string_view()
                          : absl::string_view(bytes, static_cast<size_t>(sqlite3_column_bytes(statement_, column)));
}

absl::Time Query::Time(int column) const {
  const int64_t micros = Integer(column);
  if (micros == std::numeric_limits<int64_t>::min()) return absl::InfinitePast();
  if (micros == std::numeric_limits<int64_t>::max()) return absl::InfiniteFuture();
  return absl::FromUnixMicros(micros);
}

std::optional<absl::Time> Query::MaybeTime(int column) const {
  return IsNull(column) ? std::nullopt : std::optional<absl::Time>(Time(column));
}

std::optional<absl::CivilDay> Query::Day(int column) const {
  const absl::string_view text = View(column);
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  return absl::CivilDay(TwoDigits(text, 0) * 100 + TwoDigits(text, 2), TwoDigits(text, 5), TwoDigits(text, 8));
}

void Query::Bind(int place, const Binding& value, bool is_copied) {
  int code = SQLITE_OK;
  switch (value.kind_) {
    case Binding::Kind::kNull:
      code = sqlite3_bind_null(statement_, place);
      break;
    case Binding::Kind::kInteger:
      code = sqlite3_bind_int64(statement_, place, value.integer_);
      break;
    case Binding::Kind::kText: {
      const bool is_day = value.day_[0] != '\0';
      const char* data = is_day ? value.day_ : value.text_.data();
      const size_t size = is_day ? 10 : value.text_.size();
      code = sqlite3_bind_text64(statement_, place, data == nullptr ? "" : data, size,
                                 is_day || is_copied ? SQLITE_TRANSIENT : SQLITE_STATIC, SQLITE_UTF8);
      break;
    }
    case Binding::Kind::kBlob:
      code = sqlite3_bind_blob64(statement_, place, value.text_.data(), value.text_.size(),
                                 is_copied ? SQLITE_TRANSIENT : SQLITE_STATIC);
      break;
  }
  if (code != SQLITE_OK && status_.ok()) status_ = database_->Error(code);
}

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const Options& options) {
  sqlite3* handle = nullptr;
  const int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READWRITE | (options.is_writer ? SQLITE_OPEN_CREATE : 0);
  const int code =
      sqlite3_open_v2(options.path.c_str(), &handle, flags, options.vfs.empty() ? nullptr : options.vfs.c_str());
  std::unique_ptr<Database> database(new Database(options.path, handle));
  if (code != SQLITE_OK) return database->Error(code);
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, kBusyMilliseconds);
  if (options.is_writer && sqlite3_db_readonly(handle, "main") == 1) return database->Error(SQLITE_READONLY);
  return database;
}

Database::~Database() {
  for (auto& [sql, kept] : kept_) sqlite3_finalize(kept.statement);
  sqlite3_close_v2(handle_);
}

absl::StatusOr<Query> Database::Prepare(absl::string_view sql, const std::vector<Binding>& bindings, bool is_copied) {
  auto known = kept_.find(sql);
  if (known == kept_.end()) known = kept_.emplace(std::string(sql), KeptStatement()).first;
  KeptStatement* const kept = known->second.is_used ? nullptr : &known->second;
  sqlite3_stmt* statement = kept != nullptr ? kept->statement : nullptr;
  if (statement == nullptr) {
    const int code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                                        kept != nullptr ? SQLITE_PREPARE_PERSISTENT : 0, &statement, nullptr);
    if (code != SQLITE_OK) return Error(code);
  }
  if (kept != nullptr) *kept = {statement, true};
  Query query(this, statement, kept);
  if (sqlite3_bind_parameter_count(statement) != static_cast<int>(bindings.size())) {
    return absl::InternalError(absl::StrCat("bug: ", bindings.size(), " values for: ", sql));
  }
  for (size_t at = 0; at < bindings.size(); ++at) query.Bind(static_cast<int>(at) + 1, bindings[at], is_copied);
  if (!query.status().ok()) return query.status();
  return query;
}

void Database::Return(sqlite3_stmt* statement, KeptStatement* kept) {
  if (kept == nullptr) {
    sqlite3_finalize(statement);
    return;
  }
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);
  kept->is_used = false;
}

void Database::ReleasePages() {
  constexpr int kWorthIt = 4 << 20;
  int bytes = 0, highest = 0;
  sqlite3_db_status(handle_, SQLITE_DBSTATUS_CACHE_USED, &bytes, &highest, 0);
  if (bytes > kWorthIt) sqlite3_db_release_memory(handle_);
}

absl::Status Database::RunScript(const std::string& sql) {
  const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : Error(code);
}

absl::Status Database::Error(int code) const {
  const std::string what = handle_ == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(handle_);
  const std::string name = absl::StrCat("store ", path_);
  switch (code & 0xff) {
    case SQLITE_FULL:
      return absl::ResourceExhaustedError(
          absl::StrCat(name, ": the disk is full; nothing was written. Make room: the work goes on by itself"));
    case SQLITE_NOMEM:
      return absl::ResourceExhaustedError(absl::StrCat(name, ": out of memory; nothing was written"));
    case SQLITE_IOERR:
      return absl::UnavailableError(
          absl::StrCat(name, ": the disk does not answer as it should (", what, ", ", sqlite3_errstr(code), " ", code,
                       "); nothing was written. Look at the disk: the work goes on by itself"));
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return absl::UnavailableError(absl::StrCat(
          name, " can only be read, not written. Give this user the right to write the file and its folder"));
    case SQLITE_CANTOPEN:
      return absl::UnavailableError(
          absl::StrCat(name, " cannot be opened. See that the folder is there and that this user may write in it"));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::UnavailableError(
          absl::StrCat(name, " is locked by another program for more than ", kBusyMilliseconds / 1000,
                       " s; nothing was written. End that program: the work goes on by itself"));
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::DataLossError(
          absl::StrCat(name, " is damaged (", what, "). Stop the host and put back the last backup"));
    default:
      return absl::InternalError(absl::StrCat(name, ": ", what, " (", code, ")"));
  }
}

absl::StatusOr<Transaction> Transaction::Begin(Database& database, Kind kind) {
  RETURN_IF_ERROR(database.Run(kind == Kind::kWrite ? "BEGIN IMMEDIATE" : "BEGIN"));
  return Transaction(&database);
}

Transaction::~Transaction() {
  // Some errors have rolled back already. A rollback that fails leaves a journal that the next opening rolls back.
  if (database_ != nullptr && database_->InTransaction()) database_->Run("ROLLBACK").IgnoreError();
}

absl::Status Transaction::Commit() {
  RETURN_IF_ERROR(database_->Run("COMMIT"));
  database_ = nullptr;
  return absl::OkStatus();
}

}  // namespace sluice::store
