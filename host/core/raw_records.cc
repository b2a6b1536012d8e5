#include "host/core/raw_records.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "host/base/hash.h"
#include "host/base/status.h"

namespace sluice::core {
namespace {

using ClassKey = std::pair<std::string, std::string>;  // Scope, class.

// The classes that may end records.
std::set<ClassKey> CompleteClasses(const ImportedData& imported) {
  std::set<std::string> offered;
  for (const auto& [scope, label] : imported.scopes) offered.insert(scope);
  std::map<ClassKey, int64_t> sent;
  for (const Record& record : imported.records) ++sent[{record.scope, record.object_class}];
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

// The records of the import by key, those of one key joined.
std::map<RawKey, Record> ByKey(const ImportedData& imported, MergeCounts& counts) {
  std::map<RawKey, std::vector<const Record*>> groups;
  for (const Record& record : imported.records)
    groups[{record.scope, record.object_class, record.id}].push_back(&record);
  std::map<RawKey, Record> records;
  for (auto& [key, group] : groups) {
    // In an order of their own, so that the order of arrival makes no difference.
    std::vector<std::pair<std::string, const Record*>> ordered;
    if (group.size() == 1) {
      records.emplace(key, *group[0]);
      continue;
    }
    for (const Record* record : group) ordered.emplace_back(RecordHash(*record), record);
    std::sort(ordered.begin(), ordered.end());
    Record joined = *ordered[0].second;
    for (size_t i = 1; i < ordered.size(); ++i) {
      joined.attributes = JoinAttributes(joined.attributes, ordered[i].second->attributes);
      if (joined.name.empty()) joined.name = ordered[i].second->name;
    }
    counts.duplicates += static_cast<int64_t>(group.size()) - 1;
    records.emplace(key, std::move(joined));
  }
  return records;
}

int64_t CountHidden(const Fields& before, const Fields& after) {
  int64_t hidden = 0;
  for (const auto& [name, value] : before) {
    auto found = after.find(name);
    if (value.is_visible() && (found == after.end() || !found->second.is_visible())) ++hidden;
  }
  return hidden;
}

// A record that the import holds, given what was known of it (null: nothing).
RawRecord Confirm(Record record, const RawRecord* before, absl::CivilDay as_of, MergeCounts& counts) {
  RawRecord raw;
  raw.hash = RecordHash(record);
  raw.record = std::move(record);
  raw.first_seen = before == nullptr ? as_of : before->first_seen;
  raw.last_confirmed = as_of;
  if (before == nullptr) {
    ++counts.added;
    return raw;
  }
  counts.hidden += CountHidden(before->record.attributes, raw.record.attributes);
  if (before->last_seen) {
    ++counts.reappeared;
  } else if (before->hash != raw.hash) {
    ++counts.changed;
  } else {
    ++counts.unchanged;
  }
  return raw;
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

std::string RecordHash(const Record& record) { return base::Sha256Hex(base::CanonicalJson(ToJson(record))); }

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

MergeResult MergeRecords(const RawSet& previous, const ImportedData& imported, absl::CivilDay as_of,
                         int64_t retention_days) {
  MergeResult result;
  std::set<ClassKey> complete = CompleteClasses(imported);
  std::map<ClassKey, Loss> losses;
  std::map<RawKey, Record> records = ByKey(imported, result.counts);
  for (auto& [key, record] : records) {
    auto before = previous.find(key);
    const RawRecord* known = before == previous.end() ? nullptr : &before->second;
    result.set.emplace(key, Confirm(std::move(record), known, as_of, result.counts));
  }
  for (const auto& [key, before] : previous) {
    ClassKey class_key{key.scope, key.object_class};
    Loss& loss = losses[class_key];
    if (!before.last_seen) ++loss.had;
    if (records.count(key) > 0) continue;
    RawRecord raw = before;
    if (!raw.last_seen && complete.count(class_key) > 0) {
      raw.last_seen = raw.last_confirmed;
      ++result.counts.vanished;
      ++loss.lost;
    } else if (!raw.last_seen) {
      ++result.counts.kept;
    } else if (retention_days >= 0 && *raw.last_seen + retention_days < as_of) {
      ++result.counts.dropped;
      continue;
    }
    result.set.emplace(key, std::move(raw));
  }
  for (auto& [key, loss] : losses) {
    if (loss.lost < 5 || loss.lost * 2 < loss.had) continue;
    result.losses.push_back({key.first, key.second, loss.had, loss.lost});
  }
  return result;
}

}  // namespace sluice::core
