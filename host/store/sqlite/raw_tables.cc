#include "host/store/sqlite/raw_tables.h"

#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "host/base/hash.h"
#include "host/base/parallel.h"
#include "host/base/status.h"
#include "host/store/sqlite/codec.h"

namespace sluice::store {
namespace {

// By scope and class: the day of the last complete reading, on which every record that says no other day was confirmed.
using Confirmed = std::map<std::pair<std::string, std::string>, absl::CivilDay>;

absl::StatusOr<Confirmed> ReadConfirmed(Database& database, const std::string& system) {
  Confirmed confirmed;
  ASSIGN_OR_RETURN(Query query, database.Ask("SELECT scope, class, day FROM class_confirmed WHERE system = ?", system));
  while (query.Next()) {
    const std::optional<absl::CivilDay> day = query.Day(2);
    if (!day.has_value()) return Unreadable("class_confirmed", system);
    confirmed[{query.Text(0), query.Text(1)}] = *day;
  }
  RETURN_IF_ERROR(query.status());
  return confirmed;
}

void Advance(Confirmed& confirmed, const std::vector<core::ClassState>& states, absl::CivilDay as_of) {
  for (const core::ClassState& state : states) {
    if (state.completeness == core::Completeness::kComplete) confirmed[{state.scope, state.object_class}] = as_of;
  }
}

// What a row says besides its key.
struct RowFacts {
  std::string hash;  // Bytes.
  std::optional<absl::CivilDay> first_seen, last_seen;
  std::optional<absl::CivilDay> confirmed;  // None: as its class.
  friend bool operator==(const RowFacts&, const RowFacts&) = default;
};

RowFacts FactsOf(const core::RawKey& key, const core::RawRecord& record, const Confirmed& confirmed) {
  const std::string hash = HashBytes(record.hash.size() == 64 ? record.hash : core::RecordHash(record.record));
  RowFacts facts{hash, record.first_seen, record.last_seen, record.last_confirmed};
  const auto of_class = confirmed.find({key.scope, key.object_class});
  if (of_class != confirmed.end() && of_class->second == record.last_confirmed) facts.confirmed.reset();
  return facts;
}

struct CurrentRow {
  int64_t id = 0;
  core::RawKey key;
  RowFacts facts;
};

// The rows that hold now, by key, one after the other.
class CurrentRows {
 public:
  // Those behind `after`; that of an empty key is the first.
  static absl::StatusOr<CurrentRows> Open(Database& database, const std::string& system, const core::RawKey& after) {
    ASSIGN_OR_RETURN(Query query,
                     database.Ask("SELECT id, scope, class, object, hash, first_seen, last_seen, confirmed "
                                  "FROM raw_records INDEXED BY raw_records_now "
                                  "WHERE system = ? AND until_import IS NULL AND (scope, class, object) > (?, ?, ?) "
                                  "ORDER BY scope, class, object",
                                  system, after.scope, after.object_class, after.id));
    CurrentRows rows(std::move(query));
    rows.Advance();
    return rows;
  }
  // Null after the last one, or when something failed.
  const CurrentRow* row() const { return has_row_ ? &row_ : nullptr; }
  const absl::Status& status() const { return query_.status(); }
  void Advance() {
    has_row_ = query_.Next();
    if (!has_row_) return;
    row_.id = query_.Integer(0);
    row_.key = {query_.Text(1), query_.Text(2), query_.Text(3)};
    row_.facts = {query_.Text(4), query_.Day(5), query_.Day(6), query_.Day(7)};
  }

 private:
  explicit CurrentRows(Query query) : query_(std::move(query)) {}
  Query query_;
  CurrentRow row_;
  bool has_row_ = false;
};

// A row of the active set and what the new set says of its key; either may be missing.
struct Difference {
  std::optional<CurrentRow> row;
  const core::RawKey* key = nullptr;
  const core::RawRecord* record = nullptr;
  RowFacts facts;
};

constexpr size_t kDifferencesAtOnce = 4000;
constexpr size_t kWorthAThread = 500;

// How far a comparison has come.
struct Place {
  core::RawSet::const_iterator next;
  core::RawKey last;  // Every row up to it was looked at.
  bool is_end = false;
};

// Two ordered lists, side by side, as far as there is room for differences. These are gathered first, as a table is not
// changed while it is read.
absl::StatusOr<std::vector<Difference>> Compare(Database& database, const std::string& system, const core::RawSet& set,
                                                const Confirmed& confirmed, Place& place) {
  std::vector<Difference> differences;
  ASSIGN_OR_RETURN(CurrentRows rows, CurrentRows::Open(database, system, place.last));
  auto& next = place.next;
  while (rows.row() != nullptr || next != set.end()) {
    const CurrentRow* row = rows.row();
    if (differences.size() == kDifferencesAtOnce) return differences;
    if (row != nullptr && (next == set.end() || row->key < next->first)) {
      differences.push_back({*row, nullptr, nullptr, {}});
      place.last = row->key;
      rows.Advance();
      continue;
    }
    place.last = next->first;
    RowFacts facts = FactsOf(next->first, next->second, confirmed);
    const bool is_same_key = row != nullptr && row->key == next->first;
    if (!is_same_key) {
      differences.push_back({std::nullopt, &next->first, &next->second, std::move(facts)});
    } else if (!(row->facts == facts)) {
      differences.push_back({*row, &next->first, &next->second, std::move(facts)});
    }
    if (is_same_key) rows.Advance();
    ++next;
  }
  RETURN_IF_ERROR(rows.status());
  place.is_end = true;
  return differences;
}

// Another day of confirmation is no other version.
bool IsOnlyConfirmed(const Difference& difference) {
  if (!difference.row.has_value() || difference.record == nullptr) return false;
  RowFacts before = difference.row->facts;
  before.confirmed = difference.facts.confirmed;
  return before == difference.facts;
}

std::string RecordText(const core::RawRecord& record) { return core::CanonicalText(record.record); }

// What the records say that come with `differences`, in their places.
std::vector<std::string> TextsOf(const std::vector<Difference>& differences) {
  std::vector<std::string> texts(differences.size());
  base::InParts(differences.size(), kWorthAThread, [&](size_t from, size_t to) {
    for (size_t at = from; at < to; ++at) {
      const Difference& difference = differences[at];
      if (difference.record != nullptr && !IsOnlyConfirmed(difference)) texts[at] = RecordText(*difference.record);
    }
  });
  return texts;
}

absl::Status InsertActive(Database& database, const std::string& system, int64_t import, const Difference& difference,
                          const std::string& text) {
  ASSIGN_OR_RETURN(const int64_t content, ContentId(database, Blob{difference.facts.hash}, text));
  return database.Run(
      "INSERT INTO raw_records (system, scope, class, object, hash, content, first_seen, last_seen, confirmed, "
      "from_import) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      system, difference.key->scope, difference.key->object_class, difference.key->id, Blob{difference.facts.hash},
      content, difference.facts.first_seen, difference.facts.last_seen, difference.facts.confirmed, import);
}

absl::Status ApplyToActive(Database& database, const std::string& system, int64_t import,
                           const std::vector<Difference>& differences) {
  const std::vector<std::string> texts = TextsOf(differences);
  for (size_t at = 0; at < differences.size(); ++at) {
    const Difference& difference = differences[at];
    if (IsOnlyConfirmed(difference)) {
      RETURN_IF_ERROR(database.Run("UPDATE raw_records SET confirmed = ? WHERE id = ?", difference.facts.confirmed,
                                   difference.row->id));
      continue;
    }
    if (difference.row.has_value()) {
      RETURN_IF_ERROR(database.Run("UPDATE raw_records SET until_import = ? WHERE id = ?", import, difference.row->id));
    }
    if (difference.record != nullptr) RETURN_IF_ERROR(InsertActive(database, system, import, difference, texts[at]));
  }
  return absl::OkStatus();
}

absl::Status ApplyToCandidate(Database& database, const std::string& system,
                              const std::vector<Difference>& differences) {
  for (const Difference& difference : differences) {
    const core::RawKey& key = difference.record != nullptr ? *difference.key : difference.row->key;
    const bool is_gone = difference.record == nullptr;
    // What has not changed itself is read from the active set.
    std::optional<std::string> json;
    if (!is_gone && !(difference.row.has_value() && difference.row->facts.hash == difference.facts.hash)) {
      json = RecordText(*difference.record);
    }
    RETURN_IF_ERROR(database.Run(
        "INSERT INTO raw_candidates (system, scope, class, object, is_gone, hash, json, first_seen, last_seen, "
        "confirmed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        system, key.scope, key.object_class, key.id, is_gone, Blob{difference.facts.hash}, json,
        difference.facts.first_seen, difference.facts.last_seen, difference.facts.confirmed));
  }
  return absl::OkStatus();
}

absl::Status DropCandidate(Database& database, const std::string& system) {
  RETURN_IF_ERROR(database.Run("DELETE FROM raw_candidates WHERE system = ?", system));
  RETURN_IF_ERROR(database.Run("DELETE FROM class_states WHERE system = ? AND is_candidate = 1", system));
  return database.Run("UPDATE imports SET is_candidate = 2 WHERE system = ? AND is_candidate = 1", system);
}

absl::Status WriteStates(Database& database, const ImportResult& import) {
  RETURN_IF_ERROR(database.Run("DELETE FROM class_states WHERE system = ? AND is_candidate = ?", import.system,
                               import.is_candidate));
  int64_t position = 0;
  for (const core::ClassState& state : import.states) {
    RETURN_IF_ERROR(database.Run(
        "INSERT INTO class_states (system, is_candidate, position, scope, class, completeness, records, error) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        import.system, import.is_candidate, position++, state.scope, state.object_class, NameOf(state.completeness),
        state.records, state.error));
  }
  return absl::OkStatus();
}

absl::Status WriteConfirmed(Database& database, const std::string& system, const Confirmed& confirmed) {
  for (const auto& [key, day] : confirmed) {
    RETURN_IF_ERROR(
        database.Run("INSERT INTO class_confirmed (system, scope, class, day) VALUES (?, ?, ?, ?) "
                     "ON CONFLICT DO UPDATE SET day = excluded.day WHERE day IS NOT excluded.day",
                     system, key.first, key.second, day));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<core::ClassState>> ReadStates(Database& database, const std::string& system,
                                                         bool candidate) {
  std::vector<core::ClassState> states;
  ASSIGN_OR_RETURN(Query query, database.Ask("SELECT scope, class, completeness, records, error FROM class_states "
                                             "WHERE system = ? AND is_candidate = ? ORDER BY position",
                                             system, candidate));
  while (query.Next()) {
    core::ClassState state{query.Text(0), query.Text(1), core::Completeness::kNotRead, query.Integer(3), query.Text(4)};
    if (!FromName(query.View(2), state.completeness)) return Unreadable("class_states", system);
    states.push_back(std::move(state));
  }
  RETURN_IF_ERROR(query.status());
  return states;
}

absl::StatusOr<core::RawRecord> RecordFromText(absl::string_view text, absl::string_view hash) {
  const nlohmann::json json = Parse(text);
  if (json.is_discarded()) return absl::DataLossError("not JSON");
  ASSIGN_OR_RETURN(core::Record record, core::RecordFromJson(json));
  core::RawRecord raw;
  raw.record = std::move(record);
  raw.hash = HashHex(hash);
  return raw;
}

absl::Status ReadActive(Database& database, const std::string& system, const Confirmed& confirmed, core::RawSet& set) {
  ASSIGN_OR_RETURN(
      Query query,
      database.Ask("SELECT r.scope, r.class, r.object, c.json, r.hash, r.first_seen, r.last_seen, r.confirmed "
                   "FROM raw_records AS r INDEXED BY raw_records_now JOIN contents AS c ON c.id = r.content "
                   "WHERE r.system = ? AND r.until_import IS NULL ORDER BY r.scope, r.class, r.object",
                   system));
  while (query.Next()) {
    core::RawKey key{query.Text(0), query.Text(1), query.Text(2)};
    absl::StatusOr<core::RawRecord> raw = RecordFromText(query.View(3), query.View(4));
    const std::optional<absl::CivilDay> first_seen = query.Day(5);
    std::optional<absl::CivilDay> day = query.Day(7);
    const auto of_class = confirmed.find({key.scope, key.object_class});
    if (!day.has_value() && of_class != confirmed.end()) day = of_class->second;
    if (!raw.ok() || !first_seen.has_value() || !day.has_value()) {
      return Unreadable("raw_records", absl::StrCat(system, " ", key.object_class, " ", key.id));
    }
    raw->first_seen = *first_seen;
    raw->last_seen = query.Day(6);
    raw->last_confirmed = *day;
    set.emplace_hint(set.end(), std::move(key), *std::move(raw));
  }
  return query.status();
}

// The day of the candidate that waits.
absl::StatusOr<absl::CivilDay> CandidateDay(Database& database, const std::string& system) {
  ASSIGN_OR_RETURN(Query query,
                   database.Ask("SELECT as_of FROM imports WHERE system = ? AND is_candidate = 1", system));
  if (query.Next()) {
    const std::optional<absl::CivilDay> day = query.Day(0);
    if (!day.has_value()) return Unreadable("imports", system);
    return *day;
  }
  RETURN_IF_ERROR(query.status());
  return absl::NotFoundError(absl::StrCat("no import of ", system, " waits for a decision"));
}

absl::Status ApplyCandidate(Database& database, const std::string& system, const Confirmed& before,
                            const Confirmed& confirmed, core::RawSet& set) {
  // What the candidate does not name is as it was, seen on the candidate's day where its class was read completely.
  for (auto& [key, raw] : set) {
    const std::pair<std::string, std::string> of_class(key.scope, key.object_class);
    const auto old_day = before.find(of_class);
    if (old_day != before.end() && raw.last_confirmed == old_day->second) raw.last_confirmed = confirmed.at(of_class);
  }
  ASSIGN_OR_RETURN(Query query, database.Ask("SELECT scope, class, object, is_gone, hash, json, first_seen, last_seen, "
                                             "confirmed FROM raw_candidates WHERE system = ?",
                                             system));
  while (query.Next()) {
    core::RawKey key{query.Text(0), query.Text(1), query.Text(2)};
    if (query.Flag(3)) {
      set.erase(key);
      continue;
    }
    core::RawRecord& raw = set[key];
    const absl::Status bad = Unreadable("raw_candidates", absl::StrCat(system, " ", key.object_class, " ", key.id));
    if (!query.IsNull(5)) {
      absl::StatusOr<core::RawRecord> read = RecordFromText(query.View(5), query.View(4));
      if (!read.ok()) return bad;
      raw = *std::move(read);
    }
    std::optional<absl::CivilDay> day = query.Day(8);
    const auto of_class = confirmed.find({key.scope, key.object_class});
    if (!day.has_value() && of_class != confirmed.end()) day = of_class->second;
    const std::optional<absl::CivilDay> first_seen = query.Day(6);
    if (!day.has_value() || !first_seen.has_value()) return bad;
    raw.first_seen = *first_seen;
    raw.last_seen = query.Day(7);
    raw.last_confirmed = *day;
  }
  return query.status();
}

}  // namespace

absl::StatusOr<int64_t> ContentId(Database& database, const Blob& hash, absl::string_view json) {
  // Most that are written are new.
  RETURN_IF_ERROR(
      database.Run("INSERT INTO contents (hash, json) VALUES (?, ?) ON CONFLICT (hash) DO NOTHING", hash, json));
  if (database.Changes() > 0) return database.LastRowId();
  return database.Number(0, "SELECT id FROM contents WHERE hash = ?", hash);
}

absl::Status WriteImport(Database& database, const ImportResult& import) {
  RETURN_IF_ERROR(DropCandidate(database, import.system));
  RETURN_IF_ERROR(database.Run("INSERT INTO imports (system, run_id, as_of, is_candidate) VALUES (?, ?, ?, ?)",
                               import.system, import.run_id, import.as_of, import.is_candidate));
  const int64_t number = database.LastRowId();
  ASSIGN_OR_RETURN(Confirmed confirmed, ReadConfirmed(database, import.system));
  Advance(confirmed, import.states, import.as_of);
  if (import.is_confirmation) {
    RETURN_IF_ERROR(WriteStates(database, import));
    return WriteConfirmed(database, import.system, confirmed);
  }
  RETURN_IF_ERROR(WriteStates(database, import));
  if (!import.is_candidate) RETURN_IF_ERROR(WriteConfirmed(database, import.system, confirmed));
  for (Place place{import.raw.begin(), {}, false}; !place.is_end;) {
    ASSIGN_OR_RETURN(const std::vector<Difference> differences,
                     Compare(database, import.system, import.raw, confirmed, place));
    RETURN_IF_ERROR(import.is_candidate ? ApplyToCandidate(database, import.system, differences)
                                        : ApplyToActive(database, import.system, number, differences));
  }
  return absl::OkStatus();
}

absl::Status VisitRawRecords(Database& database, const std::string& system,
                             absl::FunctionRef<bool(const RawFacts&)> visit) {
  ASSIGN_OR_RETURN(CurrentRows rows, CurrentRows::Open(database, system, {}));
  for (; rows.row() != nullptr; rows.Advance()) {
    const CurrentRow& row = *rows.row();
    const bool goes_on =
        visit({row.key, HashHex(row.facts.hash), row.facts.last_seen, !row.facts.confirmed.has_value()});
    if (!goes_on) break;
  }
  return rows.status();
}

absl::StatusOr<core::RawSet> ReadRawSet(Database& database, const std::string& system, bool candidate) {
  ASSIGN_OR_RETURN(const Confirmed confirmed, ReadConfirmed(database, system));
  core::RawSet set;
  if (!candidate) {
    RETURN_IF_ERROR(ReadActive(database, system, confirmed, set));
    return set;
  }
  ASSIGN_OR_RETURN(const absl::CivilDay day, CandidateDay(database, system));
  ASSIGN_OR_RETURN(const std::vector<core::ClassState> states, ReadStates(database, system, true));
  Confirmed then = confirmed;
  Advance(then, states, day);
  RETURN_IF_ERROR(ReadActive(database, system, confirmed, set));
  RETURN_IF_ERROR(ApplyCandidate(database, system, confirmed, then, set));
  return set;
}

absl::StatusOr<ImportResult> ReadCandidate(Database& database, const std::string& system) {
  ImportResult import;
  import.system = system;
  import.is_candidate = true;
  ASSIGN_OR_RETURN(import.raw, ReadRawSet(database, system, true));
  ASSIGN_OR_RETURN(import.as_of, CandidateDay(database, system));
  ASSIGN_OR_RETURN(import.states, ReadStates(database, system, true));
  ASSIGN_OR_RETURN(Query query, database.Ask("SELECT run_id FROM imports WHERE system = ? AND is_candidate = 1 "
                                             "ORDER BY rowid DESC LIMIT 1",
                                             system));
  if (query.Next()) import.run_id = query.Text(0);
  RETURN_IF_ERROR(query.status());
  return import;
}

absl::StatusOr<core::Readings> ReadReadings(Database& database) {
  core::Readings readings;
  ASSIGN_OR_RETURN(Query query, database.Ask("SELECT system, scope, class, day FROM class_confirmed "
                                             "ORDER BY system, scope, class"));
  while (query.Next()) {
    const std::optional<absl::CivilDay> day = query.Day(3);
    if (!day.has_value()) return Unreadable("class_confirmed", query.Text(0));
    readings[query.Text(0)].push_back({query.Text(1), query.Text(2), *day});
  }
  RETURN_IF_ERROR(query.status());
  return readings;
}

absl::StatusOr<std::vector<core::ClassState>> ReadClassStates(Database& database, const std::string& system) {
  return ReadStates(database, system, false);
}

}  // namespace sluice::store
