#include "host/core/raw_records.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "host/base/hash.h"
#include "host/base/parallel.h"
#include "host/base/status.h"

namespace sluice::core {
namespace {

using ClassKey = std::pair<std::string, std::string>;  // Scope, class.

auto KeyOf(const Record& record) { return std::tie(record.scope, record.object_class, record.id); }
auto KeyOf(const RawKey& key) { return std::tie(key.scope, key.object_class, key.id); }

// The records of one key, [from, to), as one: in an order of their own, so that the order of arrival makes no
// difference.
Record Joined(std::vector<Record>& records, size_t from, size_t to) {
  if (to - from == 1) return std::move(records[from]);
  std::vector<std::pair<std::string, size_t>> ordered;
  for (size_t at = from; at < to; ++at) ordered.emplace_back(RecordHash(records[at]), at);
  std::sort(ordered.begin(), ordered.end());
  Record joined = std::move(records[ordered[0].second]);
  for (size_t i = 1; i < ordered.size(); ++i) {
    const Record& other = records[ordered[i].second];
    joined.attributes = JoinAttributes(joined.attributes, other.attributes);
    if (joined.name.empty()) joined.name = other.name;
  }
  return joined;
}

int64_t CountHidden(const Fields& before, const Fields& after) {
  int64_t hidden = 0;
  for (const auto& [name, value] : before) {
    auto found = after.find(name);
    if (value.is_visible() && (found == after.end() || !found->second.is_visible())) ++hidden;
  }
  return hidden;
}

std::vector<std::string> HashesOf(const std::vector<Record>& records) {
  constexpr size_t kWorthAThread = 1000;
  std::vector<std::string> hashes(records.size());
  base::InParts(records.size(), kWorthAThread, [&](size_t from, size_t to) {
    for (size_t at = from; at < to; ++at) hashes[at] = RecordHash(records[at]);
  });
  return hashes;
}

const Value& ValueOf(const Record& record, const std::string& attribute) {
  static const Value* const kNotVisible = new Value;
  const auto found = record.attributes.find(attribute);
  return found == record.attributes.end() ? *kNotVisible : found->second;
}

bool IsDay(const Value& value) { return value.kind() == Value::Kind::kDate; }

// What `record` may not say of its dates any more stays as `before` had it. Whether that changed it.
bool KeepDates(const DateAttributes& dates, const RawRecord& before, absl::CivilDay as_of, Record& record) {
  bool is_changed = false;
  const auto keep = [&](const std::string& attribute) {
    record.attributes[attribute] = ValueOf(before.record, attribute);
    is_changed = true;
  };
  for (const std::vector<std::string>* attributes : {&dates.starts, &dates.ends}) {
    for (const std::string& attribute : *attributes) {
      if (ValueOf(before.record, attribute).is_visible() && !ValueOf(record, attribute).is_visible()) keep(attribute);
    }
  }
  const bool has_ended =
      before.last_seen || std::any_of(dates.ends.begin(), dates.ends.end(), [&](const std::string& attribute) {
        const Value& end = ValueOf(before.record, attribute);
        return IsDay(end) && end.date() < as_of;
      });
  if (has_ended) return is_changed;
  for (const std::string& attribute : dates.starts) {
    const Value& was = ValueOf(before.record, attribute);
    const Value& now = ValueOf(record, attribute);
    if (IsDay(was) && IsDay(now) && was.date() < as_of && as_of < now.date()) keep(attribute);
  }
  return is_changed;
}

// What a record that the import holds makes of what was known of it, which `raw` is.
void Confirm(Record record, std::string hash, bool is_known, RawRecord& raw, absl::CivilDay as_of,
             const KeptDates& dates, MergeCounts& counts) {
  const auto of_class = dates.find(record.object_class);
  if (is_known && of_class != dates.end() && KeepDates(of_class->second, raw, as_of, record)) hash = RecordHash(record);
  if (!is_known) {
    raw.first_seen = as_of;
    ++counts.added;
  } else {
    counts.hidden += CountHidden(raw.record.attributes, record.attributes);
    ++(raw.last_seen ? counts.reappeared : raw.hash != hash ? counts.changed : counts.unchanged);
  }
  raw.last_confirmed = as_of;
  raw.last_seen.reset();
  if (raw.hash == hash) return;
  raw.hash = std::move(hash);
  raw.record = std::move(record);
}

// One that the import does not hold. False: it is dropped.
bool Keep(RawRecord& raw, bool is_complete, absl::CivilDay as_of, int64_t retention_days, MergeCounts& counts,
          Loss& loss) {
  if (!raw.last_seen && is_complete) {
    // What could not be read for a while was not missed in that time.
    raw.last_seen = std::max(raw.last_confirmed, as_of - 1);
    ++counts.vanished;
    ++loss.lost;
  } else if (!raw.last_seen) {
    ++counts.kept;
  } else if (retention_days >= 0 && *raw.last_seen + retention_days < as_of) {
    ++counts.dropped;
    return false;
  }
  return true;
}

Value Unite(const Value& first, const Value& second) {
  Value::List items = first.list();
  for (const Value& item : second.list()) {
    if (std::find(items.begin(), items.end(), item) == items.end()) items.push_back(item);
  }
  bool is_whole = first.kind() == Value::Kind::kList && second.kind() == Value::Kind::kList;
  return is_whole ? Value::ListOf(std::move(items)) : Value::PartialListOf(std::move(items));
}

}  // namespace

nlohmann::json ToJson(const Record& record) {
  return {{"scope", record.scope},
          {"class", record.object_class},
          {"id", record.id},
          {"name", record.name},
          {"attributes", FieldsToJson(record.attributes)}};
}

absl::StatusOr<Record> RecordFromJson(const nlohmann::json& json) {
  Record record;
  for (auto [key, field] : {std::pair{"scope", &record.scope}, std::pair{"class", &record.object_class},
                            std::pair{"id", &record.id}, std::pair{"name", &record.name}}) {
    if (!json.is_object() || !json.contains(key) || !json[key].is_string()) {
      return absl::InvalidArgumentError(absl::StrCat("the stored form of a raw record is damaged: ", key));
    }
    *field = json[key].get<std::string>();
  }
  if (!json.contains("attributes")) {
    return absl::InvalidArgumentError("the stored form of a raw record is damaged: attributes");
  }
  ASSIGN_OR_RETURN(record.attributes, FieldsFromJson(json["attributes"]));
  return record;
}

std::string CanonicalText(const Record& record) {
  std::string text = R"({"attributes":)";
  AppendCanonicalJson(record.attributes, text);
  for (const auto& [key, value] : {std::pair{R"(,"class":)", &record.object_class}, std::pair{R"(,"id":)", &record.id},
                                   std::pair{R"(,"name":)", &record.name}, std::pair{R"(,"scope":)", &record.scope}}) {
    text += key;
    base::AppendCanonicalText(*value, text);
  }
  text += '}';
  return text;
}

std::string RecordHash(const Record& record) { return base::Sha256Hex(CanonicalText(record)); }

Fields JoinAttributes(const Fields& first, const Fields& second) {
  Fields joined = first;
  for (const auto& [name, value] : second) {
    Value& mine = joined[name];
    if (mine.is_list() && value.is_list()) {
      mine = Unite(mine, value);
    } else if (!mine.is_visible() || (mine.is_empty() && value.has_value())) {
      mine = value;
    }
  }
  return joined;
}

std::set<ClassKey> CompleteClasses(const ImportedData& imported) {
  std::set<std::string> offered;
  for (const auto& [scope, label] : imported.scopes) offered.insert(scope);
  std::map<ClassKey, int64_t> sent;
  int64_t* of_last = nullptr;  // They come in long rows of one class.
  const Record* last = nullptr;
  for (const Record& record : imported.records) {
    if (last == nullptr || last->object_class != record.object_class || last->scope != record.scope)
      of_last = &sent[{record.scope, record.object_class}];
    ++*of_last;
    last = &record;
  }
  std::set<ClassKey> complete;
  std::set<ClassKey> incomplete;
  for (const ClassState& state : imported.states) {
    ClassKey key{state.scope, state.object_class};
    bool is_whole =
        state.completeness == Completeness::kComplete && offered.count(state.scope) > 0 && sent[key] >= state.records;
    (is_whole ? complete : incomplete).insert(key);
  }
  for (const ClassKey& key : incomplete) complete.erase(key);
  return complete;
}

int64_t SortAndJoin(std::vector<Record>& records) {
  std::sort(records.begin(), records.end(), [](const Record& a, const Record& b) { return KeyOf(a) < KeyOf(b); });
  size_t size = 0;
  for (size_t from = 0, to = 0; from < records.size(); from = to) {
    while (to < records.size() && KeyOf(records[to]) == KeyOf(records[from])) ++to;
    Record joined = Joined(records, from, to);
    records[size++] = std::move(joined);
  }
  const auto duplicates = static_cast<int64_t>(records.size() - size);
  records.resize(size);
  return duplicates;
}

MergeResult MergeRecords(RawSet previous, ImportedData imported, absl::CivilDay as_of, int64_t retention_days,
                         const KeptDates& dates) {
  MergeResult result;
  const std::set<ClassKey> complete = CompleteClasses(imported);
  std::map<ClassKey, Loss> losses;
  std::vector<Record>& records = imported.records;
  result.counts.duplicates = SortAndJoin(records);
  std::vector<std::string> hashes = HashesOf(records);
  // Both are in the order of their keys: side by side.
  auto known = previous.begin();
  for (size_t at = 0; at < records.size() || known != previous.end();) {
    const bool is_known = known != previous.end();
    if (is_known && (at == records.size() || KeyOf(known->first) < KeyOf(records[at]))) {
      ClassKey of_class{known->first.scope, known->first.object_class};
      Loss& loss = losses[of_class];
      if (!known->second.last_seen) ++loss.had;
      const bool stays = Keep(known->second, complete.count(of_class) > 0, as_of, retention_days, result.counts, loss);
      known = stays ? std::next(known) : previous.erase(known);
      continue;
    }
    Record record = std::move(records[at]);
    std::string hash = std::move(hashes[at++]);
    RawKey key{record.scope, record.object_class, record.id};
    if (is_known && known->first == key) {
      if (!known->second.last_seen) ++losses[{key.scope, key.object_class}].had;
      Confirm(std::move(record), std::move(hash), true, (known++)->second, as_of, dates, result.counts);
    } else {
      Confirm(std::move(record), std::move(hash), false,
              previous.emplace_hint(known, std::move(key), RawRecord())->second, as_of, dates, result.counts);
    }
  }
  result.set = std::move(previous);
  for (auto& [key, loss] : losses) {
    if (loss.lost < 5 || loss.lost * 2 < loss.had) continue;
    result.losses.push_back({key.first, key.second, loss.had, loss.lost});
  }
  return result;
}

}  // namespace sluice::core
