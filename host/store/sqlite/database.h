// One SQLite connection and its statements, with errors as absl::Status.
//
// A Database belongs to one thread at a time; nothing here locks. Statements are prepared once and kept. A Query must
// end before its Database does. No text of a value ever goes into SQL.
//
// Errors: RESOURCE_EXHAUSTED when the disk is full or memory is short, UNAVAILABLE when the file cannot be read or
// written now, DATA_LOSS when it is damaged, INTERNAL for a bug. Each names the file and says what to do.
#ifndef SLUICE_HOST_STORE_SQLITE_DATABASE_H_
#define SLUICE_HOST_STORE_SQLITE_DATABASE_H_

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/hash/hash.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"

namespace sluice::store {

// Bytes of a BLOB column.
struct Blob {
  std::string bytes;
};

// A value for a place in a statement.
class Binding {
 public:
  enum class Kind { kNull, kInteger, kText, kBlob };
  Binding(std::nullptr_t) {}                                               // NOLINT
  Binding(bool value) : kind_(Kind::kInteger), integer_(value ? 1 : 0) {}  // NOLINT
  Binding(int value) : kind_(Kind::kInteger), integer_(value) {}           // NOLINT
  Binding(int64_t value) : kind_(Kind::kInteger), integer_(value) {}       // NOLINT
  Binding(absl::string_view value) : kind_(Kind::kText), text_(value) {}   // NOLINT
  Binding(const std::string& value) : kind_(Kind::kText), text_(value) {}  // NOLINT
  Binding(const char* value) : kind_(Kind::kText), text_(value) {}         // NOLINT
  Binding(const Blob& value) : kind_(Kind::kBlob), text_(value.bytes) {}   // NOLINT
  Binding(absl::Time value);                                               // NOLINT: microseconds since 1970, UTC.
  Binding(absl::CivilDay value);                                           // NOLINT: "2026-11-24"
  template <class T>
  Binding(const std::optional<T>& value) {  // NOLINT
    if (value.has_value()) *this = Binding(*value);
  }

 private:
  friend class Query;
  Kind kind_ = Kind::kNull;
  int64_t integer_ = 0;
  absl::string_view text_;
  char day_[12] = {};  // The text of a day.
};

class Database;

// A statement that is kept to be used again.
struct KeptStatement {
  sqlite3_stmt* statement = nullptr;
  bool is_used = false;
};

// A statement that runs: rows one by one.
class Query {
 public:
  Query(Query&& other) noexcept;
  Query& operator=(Query&&) = delete;
  ~Query();

  // True: there is a row; false: there is none any more, or something failed (see status()).
  bool Next();
  const absl::Status& status() const { return status_; }

  bool IsNull(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
  int64_t Integer(int column) const { return sqlite3_column_int64(statement_, column); }
  bool Flag(int column) const { return Integer(column) != 0; }
  // Valid until the next Next().
  absl::string_view View(int column) const;
  std::string Text(int column) const { return std::string(View(column)); }
  absl::Time Time(int column) const;
  std::optional<absl::Time> MaybeTime(int column) const;
  std::optional<absl::CivilDay> Day(int column) const;  // None for NULL, and for what is no day.

 private:
  friend class Database;
  Query(Database* database, sqlite3_stmt* statement, KeptStatement* kept)
      : database_(database), statement_(statement), kept_(kept) {}
  void Bind(int place, const Binding& value, bool is_copied);

  Database* database_;
  sqlite3_stmt* statement_;
  KeptStatement* kept_;  // In the database's list; null: it is not.
  absl::Status status_;
};

class Database {
 public:
  struct Options {
    std::string path;
    bool is_writer = false;
    std::string vfs;  // Empty: the default. For tests that make the disk fail.
  };
  // Opens the file, which is made when `is_writer` and there is none.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const Options& options);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Runs one statement that gives no rows.
  template <class... Arguments>
  absl::Status Run(absl::string_view sql, const Arguments&... arguments) {
    const std::vector<Binding> bindings = {Binding(arguments)...};
    absl::StatusOr<Query> query = Prepare(sql, bindings, /*is_copied=*/false);
    if (!query.ok()) return query.status();
    while (query->Next()) {
    }
    return query->status();
  }

  template <class... Arguments>
  absl::StatusOr<Query> Ask(absl::string_view sql, const Arguments&... arguments) {
    const std::vector<Binding> bindings = {Binding(arguments)...};
    return Prepare(sql, bindings, /*is_copied=*/true);
  }

  // Several statements without places.
  absl::Status RunScript(const std::string& sql);

  // The integer of the first row; `otherwise` when there is none.
  template <class... Arguments>
  absl::StatusOr<int64_t> Number(int64_t otherwise, absl::string_view sql, const Arguments&... arguments) {
    absl::StatusOr<Query> query = Ask(sql, arguments...);
    if (!query.ok()) return query.status();
    if (query->Next() && !query->IsNull(0)) otherwise = query->Integer(0);
    if (!query->status().ok()) return query->status();
    return otherwise;
  }

  // Rows that the last statement changed.
  int Changes() const { return sqlite3_changes(handle_); }
  int64_t LastRowId() const { return sqlite3_last_insert_rowid(handle_); }
  // After something large: gives back what the pages of the file take in memory.
  void ReleasePages();
  bool InTransaction() const { return sqlite3_get_autocommit(handle_) == 0; }
  const std::string& path() const { return path_; }
  sqlite3* handle() const { return handle_; }

  // The status of what the last call to SQLite said.
  absl::Status Error(int code) const;

 private:
  friend class Query;
  Database(std::string path, sqlite3* handle) : path_(std::move(path)), handle_(handle) {}
  absl::StatusOr<Query> Prepare(absl::string_view sql, const std::vector<Binding>& bindings, bool is_copied);
  static void Return(sqlite3_stmt* statement, KeptStatement* kept);

  struct SqlHash {
    using is_transparent = void;
    size_t operator()(absl::string_view sql) const { return absl::HashOf(sql); }
  };
  const std::string path_;
  sqlite3* const handle_;
  std::unordered_map<std::string, KeptStatement, SqlHash, std::equal_to<>> kept_;  // By what they say.
};

// All or nothing: what is not committed is rolled back.
class Transaction {
 public:
  enum class Kind { kRead, kWrite };
  static absl::StatusOr<Transaction> Begin(Database& database, Kind kind);
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  ~Transaction();
  absl::Status Commit();

 private:
  explicit Transaction(Database* database) : database_(database) {}
  Database* database_;
};

}  // namespace sluice::store

#endif  // SLUICE_HOST_STORE_SQLITE_DATABASE_H_
