#include "host/store/sqlite/person_tables.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "host/base/hash.h"
#include "host/base/parallel.h"
#include "host/base/status.h"
#include "host/core/raw_records.h"
#include "host/store/sqlite/codec.h"
#include "host/store/sqlite/raw_tables.h"

namespace sluice::store {
namespace {

constexpr size_t kWorthAThread = 500;
constexpr size_t kAtOnce = 4096;

using Persons = std::vector<std::shared_ptr<const core::Person>>;

// The hashes of persons, those of objects that are known taken over.
std::vector<std::string> HashesOf(const Persons& persons, const SnapshotCache& known) {
  std::vector<std::string> hashes(persons.size());
  size_t at_known = 0;
  const size_t known_size = known.snapshot == nullptr ? 0 : known.snapshot->persons.size();
  for (size_t at = 0; at < persons.size(); ++at) {
    while (at_known < known_size && known.snapshot->persons[at_known]->id < persons[at]->id) ++at_known;
    if (at_known < known_size && known.snapshot->persons[at_known] == persons[at]) hashes[at] = known.hashes[at_known];
  }
  base::InParts(persons.size(), kWorthAThread, [&](size_t from, size_t to) {
    for (size_t at = from; at < to; ++at) {
      if (hashes[at].empty()) hashes[at] = HashBytes(core::VersionHash(*persons[at]));
    }
  });
  return hashes;
}

struct Version {
  int64_t row = 0;
  std::string person_id, hash;
};

// The persons that differ: a row that ends, a place in the new list that begins, or both.
struct Differences {
  std::vector<int64_t> ending;
  std::vector<size_t> beginning;
};

absl::StatusOr<Differences> Compare(Database& database, const Persons& persons,
                                    const std::vector<std::string>& hashes) {
  Differences differences;
  ASSIGN_OR_RETURN(Query query, database.Ask("SELECT id, person_id, hash FROM person_versions "
                                             "INDEXED BY person_versions_now WHERE until_snapshot IS NULL "
                                             "ORDER BY person_id"));
  bool has_row = query.Next();
  size_t at = 0;
  while (has_row || at < persons.size()) {
    const int order = !has_row               ? 1
                      : at == persons.size() ? -1
                                             : query.View(1).compare(absl::string_view(persons[at]->id));
    if (order != 0 || query.View(2) != hashes[at]) {
      if (order <= 0) differences.ending.push_back(query.Integer(0));
      if (order >= 0) differences.beginning.push_back(at);
    }
    if (order >= 0) ++at;
    if (order <= 0) has_row = query.Next();
  }
  RETURN_IF_ERROR(query.status());
  return differences;
}

absl::Status CheckOrder(const Persons& persons) {
  for (size_t at = 1; at < persons.size(); ++at) {
    if (persons[at - 1]->id < persons[at]->id) continue;
    return absl::InternalError(
        absl::StrCat("bug: a snapshot holds person ", persons[at]->id, " twice or out of order"));
  }
  return absl::OkStatus();
}

absl::Status ParsePersons(const std::vector<std::string>& texts, Persons& persons, size_t offset) {
  std::vector<absl::Status> results(texts.size());
  base::InParts(texts.size(), kWorthAThread, [&](size_t from, size_t to) {
    for (size_t at = from; at < to; ++at) {
      const nlohmann::json json = Parse(texts[at]);
      absl::StatusOr<core::Person> person = json.is_object()
                                                ? core::PersonFromJson(json)
                                                : absl::StatusOr<core::Person>(absl::DataLossError("no person"));
      if (person.ok()) {
        persons[offset + at] = std::make_shared<const core::Person>(*std::move(person));
      } else {
        results[at] = person.status();
      }
    }
  });
  for (size_t at = 0; at < results.size(); ++at) {
    if (!results[at].ok()) return Unreadable("person_versions", absl::StrCat(offset + at));
  }
  return absl::OkStatus();
}

absl::Status InsertVersions(Database& database, const Persons& persons, const std::vector<std::string>& hashes,
                            const std::vector<size_t>& places, int64_t sequence) {
  std::vector<std::string> texts;
  for (size_t from = 0; from < places.size(); from += kAtOnce) {
    const size_t count = std::min(kAtOnce, places.size() - from);
    texts.assign(count, {});
    base::InParts(count, kWorthAThread, [&](size_t first, size_t last) {
      for (size_t at = first; at < last; ++at) texts[at] = core::CanonicalText(*persons[places[from + at]]);
    });
    for (size_t at = 0; at < count; ++at) {
      const size_t place = places[from + at];
      ASSIGN_OR_RETURN(const int64_t content, ContentId(database, Blob{hashes[place]}, texts[at]));
      RETURN_IF_ERROR(
          database.Run("INSERT INTO person_versions (person_id, hash, content, from_snapshot) VALUES (?, ?, ?, ?)",
                       persons[place]->id, Blob{hashes[place]}, content, sequence));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<int64_t> ActiveSnapshot(Database& database) {
  return database.Number(0, "SELECT max(sequence) FROM snapshots");
}

absl::StatusOr<SnapshotCache> WriteSnapshot(Database& database, const core::Snapshot& snapshot,
                                            const std::string& cause, const std::string& run_id,
                                            const SnapshotCache& known) {
  RETURN_IF_ERROR(CheckOrder(snapshot.persons));
  ASSIGN_OR_RETURN(const int64_t active, ActiveSnapshot(database));
  const int64_t sequence = active + 1;
  std::vector<std::string> hashes = HashesOf(snapshot.persons, known);
  ASSIGN_OR_RETURN(const Differences differences, Compare(database, snapshot.persons, hashes));
  RETURN_IF_ERROR(database.Run(
      "INSERT INTO snapshots (sequence, as_of, configuration, cause, run_id, persons) VALUES (?, ?, ?, ?, ?, ?)",
      sequence, snapshot.as_of, snapshot.configuration, cause, run_id, static_cast<int64_t>(snapshot.persons.size())));
  for (const int64_t row : differences.ending) {
    RETURN_IF_ERROR(database.Run("UPDATE person_versions SET until_snapshot = ? WHERE id = ?", sequence, row));
  }
  RETURN_IF_ERROR(InsertVersions(database, snapshot.persons, hashes, differences.beginning, sequence));
  auto copy = std::make_shared<core::Snapshot>(snapshot);
  copy->sequence = sequence;
  return SnapshotCache{std::move(copy), std::move(hashes)};
}

absl::StatusOr<SnapshotCache> ReadSnapshot(Database& database) {
  auto snapshot = std::make_shared<core::Snapshot>();
  SnapshotCache cache;
  {
    ASSIGN_OR_RETURN(Query query, database.Ask("SELECT sequence, as_of, configuration FROM snapshots "
                                               "ORDER BY sequence DESC LIMIT 1"));
    if (query.Next()) {
      const std::optional<absl::CivilDay> as_of = query.Day(1);
      if (!as_of.has_value()) return Unreadable("snapshots", query.Text(0));
      snapshot->sequence = query.Integer(0);
      snapshot->as_of = *as_of;
      snapshot->configuration = query.Text(2);
    }
    RETURN_IF_ERROR(query.status());
  }
  ASSIGN_OR_RETURN(Query query, database.Ask("SELECT c.json, v.hash FROM person_versions AS v "
                                             "INDEXED BY person_versions_now JOIN contents AS c ON c.id = v.content "
                                             "WHERE v.until_snapshot IS NULL ORDER BY v.person_id"));
  bool has_row = query.Next();
  while (has_row) {
    std::vector<std::string> texts;
    for (; has_row && texts.size() < kAtOnce; has_row = query.Next()) {
      texts.push_back(query.Text(0));
      cache.hashes.push_back(query.Text(1));
    }
    const size_t offset = snapshot->persons.size();
    snapshot->persons.resize(offset + texts.size());
    RETURN_IF_ERROR(ParsePersons(texts, snapshot->persons, offset));
  }
  RETURN_IF_ERROR(query.status());
  cache.snapshot = std::move(snapshot);
  return cache;
}

namespace {

using ObservedKey = std::tuple<std::string, std::string, std::string>;  // Class, id, scope.

struct Said {
  std::string hash, json;
};

absl::StatusOr<bool> WriteObservedRecords(Database& database, const std::string& system,
                                          const std::vector<core::Record>& records) {
  std::map<ObservedKey, Said> wanted;
  for (const core::Record& record : records) {
    std::string json = core::CanonicalText(record);
    std::string hash = base::Sha256(json);
    wanted.insert_or_assign(ObservedKey(record.object_class, record.id, record.scope),
                            Said{std::move(hash), std::move(json)});
  }
  std::vector<int64_t> gone;
  {
    ASSIGN_OR_RETURN(Query query, database.Ask("SELECT rowid, class, object, scope, hash FROM observed_records "
                                               "WHERE system = ?",
                                               system));
    while (query.Next()) {
      const auto same = wanted.find(ObservedKey(query.Text(1), query.Text(2), query.Text(3)));
      if (same == wanted.end()) {
        gone.push_back(query.Integer(0));
      } else if (query.View(4) == same->second.hash) {
        wanted.erase(same);
      }
    }
    RETURN_IF_ERROR(query.status());
  }
  for (const int64_t row : gone) RETURN_IF_ERROR(database.Run("DELETE FROM observed_records WHERE rowid = ?", row));
  for (const auto& [key, said] : wanted) {
    RETURN_IF_ERROR(database.Run(
        "INSERT INTO observed_records (system, class, object, scope, hash, json) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET hash = excluded.hash, json = excluded.json",
        system, std::get<0>(key), std::get<1>(key), std::get<2>(key), Blob{said.hash}, said.json));
  }
  return !gone.empty() || !wanted.empty();
}

}  // namespace

absl::StatusOr<bool> WriteObserved(Database& database, const std::string& system, const core::Observed& observed) {
  ASSIGN_OR_RETURN(bool has_changed, WriteObservedRecords(database, system, observed.records));
  RETURN_IF_ERROR(
      database.Run("INSERT INTO observed_systems (system, is_known, as_of) VALUES (?, ?, ?) "
                   "ON CONFLICT DO UPDATE SET is_known = excluded.is_known, as_of = excluded.as_of "
                   "WHERE (is_known, as_of) IS NOT (excluded.is_known, excluded.as_of)",
                   system, observed.is_known, observed.as_of));
  return has_changed || database.Changes() > 0;
}

absl::StatusOr<std::map<std::string, core::Observed>> ReadObserved(Database& database) {
  std::map<std::string, core::Observed> all;
  {
    ASSIGN_OR_RETURN(Query query, database.Ask("SELECT system, is_known, as_of FROM observed_systems"));
    while (query.Next()) {
      const std::optional<absl::CivilDay> as_of = query.Day(2);
      if (!as_of.has_value()) return Unreadable("observed_systems", query.Text(0));
      core::Observed& observed = all[query.Text(0)];
      observed.is_known = query.Flag(1);
      observed.as_of = *as_of;
    }
    RETURN_IF_ERROR(query.status());
  }
  for (auto& [system, observed] : all) {
    ASSIGN_OR_RETURN(Query query, database.Ask("SELECT json, class, object FROM observed_records WHERE system = ? "
                                               "ORDER BY class, object, scope",
                                               system));
    while (query.Next()) {
      const nlohmann::json json = Parse(query.View(0));
      absl::StatusOr<core::Record> record = json.is_object()
                                                ? core::RecordFromJson(json)
                                                : absl::StatusOr<core::Record>(absl::DataLossError("no record"));
      if (!record.ok()) {
        return Unreadable("observed_records", absl::StrCat(system, " ", query.Text(1), " ", query.Text(2)));
      }
      observed.records.push_back(*std::move(record));
    }
    RETURN_IF_ERROR(query.status());
  }
  return all;
}

}  // namespace sluice::store
