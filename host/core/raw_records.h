// Everything that a source has ever said and that we still keep: raw records, and how an import changes them.
//
// Pure. This is where promise 1 lives: only a complete class of a scope that was offered can end a record; whatever was
// not read, or came half, keeps what it had. A record that vanished stays as a tombstone until its retention is over.
#ifndef SLUICE_HOST_CORE_RAW_RECORDS_H_
#define SLUICE_HOST_CORE_RAW_RECORDS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "host/core/record.h"
#include "nlohmann/json.hpp"

namespace sluice::core {

// One record within its system.
struct RawKey {
  std::string scope;
  std::string object_class;
  std::string id;
  friend bool operator==(const RawKey&, const RawKey&) = default;
  friend auto operator<=>(const RawKey&, const RawKey&) = default;
};

struct RawRecord {
  Record record;
  std::string hash;                         // RecordHash(record)
  absl::CivilDay first_seen;                // Of this key, whatever it said then.
  absl::CivilDay last_confirmed;            // Last day on which an import held it.
  std::optional<absl::CivilDay> last_seen;  // Set: gone since; the day before it was first missed.
};
using RawSet = std::map<RawKey, RawRecord>;

// {"attributes":{...},"class":"leerling","id":"...","name":"...","scope":"..."}
nlohmann::json ToJson(const Record& record);
// The same as canonical JSON, without making the other first.
std::string CanonicalText(const Record& record);
absl::StatusOr<Record> RecordFromJson(const nlohmann::json& json);
// SHA-256 of the canonical JSON, in hexadecimal digits.
std::string RecordHash(const Record& record);

struct MergeCounts {
  int64_t added = 0;
  int64_t changed = 0;
  int64_t unchanged = 0;
  int64_t vanished = 0;    // Became tombstones now.
  int64_t reappeared = 0;  // Were tombstones.
  int64_t kept = 0;        // Not in the import, whose class was not complete: they stay.
  int64_t dropped = 0;     // Tombstones whose retention is over.
  int64_t duplicates = 0;  // Further records of one key in this import, joined with the first.
  int64_t hidden = 0;      // Attributes that were visible before and are not now.
};

// A scope lost at least half, and at least five, of one class: the caller blocks.
struct Loss {
  std::string scope;
  std::string object_class;
  int64_t had = 0;
  int64_t lost = 0;
};

struct MergeResult {
  RawSet set;
  MergeCounts counts;
  std::vector<Loss> losses;  // By scope, then class.
};

// Brings the records of an import into the order of their keys, those of one key joined; says how many that were too
// many.
int64_t SortAndJoin(std::vector<Record>& records);

// The classes (scope, class) that may end records.
std::set<std::pair<std::string, std::string>> CompleteClasses(const ImportedData& imported);

// By class: the attributes that say when something begins and ends. Once seen they stay while they may not be seen; and
// what has begun stays begun while it has not ended: a list that only guesses a beginning, as one of next year's does,
// takes nothing away.
struct DateAttributes {
  std::vector<std::string> starts, ends;
};
using KeptDates = std::map<std::string, DateAttributes>;

// What is known after `imported`, which was read on `as_of`. A class counts as complete when its state says so, its
// scope is offered, and no record that the state counts is missing. Tombstones go `retention_days` after they were last
// seen; negative: never.
// Takes both over: a large school is in memory once.
MergeResult MergeRecords(RawSet previous, ImportedData imported, absl::CivilDay as_of, int64_t retention_days,
                         const KeptDates& dates = {});

// Attributes of two records of one object: a visible one wins over one that is not, a value over an empty one, the
// first over the second; lists are united.
Fields JoinAttributes(const Fields& first, const Fields& second);

}  // namespace sluice::core

#endif  // SLUICE_HOST_CORE_RAW_RECORDS_H_
