#include "host/audit/chain.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "host/base/hash.h"
#include "host/base/status.h"

namespace sluice::audit {
namespace {

constexpr int kPage = 1000;

// What canonical JSON does not have, at every depth: numbers with a fraction become text.
void FractionsToText(nlohmann::json& json) {
  if (json.is_number_float() || json.is_binary()) {
    json = json.dump();
  } else if (json.is_structured()) {
    for (auto& item : json) FractionsToText(item);
  }
}

// Canonical JSON of anything: see MakeRow.
std::string CleanCanonical(nlohmann::json json) {
  FractionsToText(json);
  return base::CanonicalJson(json);
}

}  // namespace

const std::string& GenesisHash() {
  static const std::string* const kGenesis = new std::string(64, '0');
  return *kGenesis;
}

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%E4Y-%m-%dT%H:%M:%E6SZ", absl::FromUnixMicros(absl::ToUnixMicros(time)),
                          absl::UTCTimeZone());
}

std::string RowHash(absl::string_view previous_hash, absl::string_view json) {
  return base::Sha256Hex(absl::StrCat(previous_hash, "\n", json));
}

std::string Commitment(absl::string_view salt, absl::string_view json) {
  return base::Sha256Hex(absl::StrCat(salt, json));
}

std::string RandomSalt() { return absl::BytesToHexString(base::RandomBytes(32)); }

Row MakeRow(int64_t sequence, const std::string& previous_hash, const Entry& entry,
            const std::function<std::string()>& salt) {
  Row row;
  row.sequence = sequence;
  row.previous_hash = previous_hash;
  nlohmann::json commitments = nlohmann::json::array();
  for (const PersonalChange& change : entry.changes) {
    Row::Personal personal;
    personal.index = static_cast<int>(row.personal.size());
    personal.salt = salt();
    personal.json =
        CleanCanonical(nlohmann::json::array({change.field, core::ToJson(change.before), core::ToJson(change.after)}));
    personal.person_id = change.person_id;
    commitments.push_back(Commitment(personal.salt, personal.json));
    row.personal.push_back(std::move(personal));
  }
  row.json = CleanCanonical({{"seq", sequence},
                             {"time", TimeText(entry.time)},
                             {"actor", entry.actor},
                             {"action", entry.action},
                             {"run", entry.run_id},
                             {"system", entry.system},
                             {"person", entry.person_id},
                             {"entitlement", entry.entitlement},
                             {"operation", entry.operation_id},
                             {"plan", entry.plan},
                             {"configuration", entry.configuration},
                             {"plugin", entry.plugin},
                             {"outcome", entry.outcome},
                             {"snapshot", entry.snapshot},
                             {"detail", entry.detail},
                             {"facts", entry.facts},
                             {"reason", entry.reason},
                             {"commitments", std::move(commitments)}});
  row.hash = RowHash(previous_hash, row.json);
  return row;
}

namespace {

constexpr int kDeepest = 64;  // Levels of JSON in a row.

// Whether the text opens more levels than a row ever has: what reads it further may call itself for each.
bool IsTooDeep(absl::string_view text) {
  int depth = 0;
  bool is_text = false;
  for (size_t at = 0; at < text.size(); ++at) {
    if (is_text && text[at] == '\\') {
      ++at;
    } else if (text[at] == '"') {
      is_text = !is_text;
    } else if (!is_text && (text[at] == '{' || text[at] == '[')) {
      if (++depth > kDeepest) return true;
    } else if (!is_text && (text[at] == '}' || text[at] == ']')) {
      --depth;
    }
  }
  return false;
}

bool HasFraction(const nlohmann::json& json) {
  if (json.is_number_float()) return true;
  return json.is_structured() && std::any_of(json.begin(), json.end(), HasFraction);
}

// Discarded when the text is not the canonical form of an object.
nlohmann::json ParseCanonicalObject(absl::string_view text) {
  if (IsTooDeep(text)) return nlohmann::json(nlohmann::json::value_t::discarded);
  nlohmann::json json = nlohmann::json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || HasFraction(json) || base::CanonicalJson(json) != text) {
    return nlohmann::json(nlohmann::json::value_t::discarded);
  }
  return json;
}

bool HoldsWhatARowHolds(const nlohmann::json& json, int64_t sequence) {
  static const auto* const kKeys = new std::set<std::string>{
      "action", "actor", "commitments", "configuration", "detail", "entitlement", "facts",    "operation", "outcome",
      "person", "plan",  "plugin",      "reason",        "run",    "seq",         "snapshot", "system",    "time"};
  if (json.size() != kKeys->size() || json.value("seq", nlohmann::json()) != sequence) return false;
  if (!json.value("commitments", nlohmann::json()).is_array()) return false;
  return std::all_of(kKeys->begin(), kKeys->end(), [&](const std::string& key) { return json.contains(key); });
}

// A hash as an export states it, whatever bytes stand in its place.
std::string Stated(const std::string& hash) {
  if (std::all_of(hash.begin(), hash.end(), [](unsigned char c) { return absl::ascii_isalnum(c); })) return hash;
  return nlohmann::json::parse(base::CanonicalJson(hash)).get<std::string>();
}

}  // namespace

bool IsCanonicalObject(absl::string_view text) { return ParseCanonicalObject(text).is_object(); }

std::string FindContentDamage(const Row& row) {
  const std::string name = absl::StrCat("row ", row.sequence);
  if (RowHash(row.previous_hash, row.json) != row.hash) {
    return absl::StrCat(name, " was changed: its contents do not give its hash");
  }
  const nlohmann::json json = ParseCanonicalObject(row.json);
  if (!json.is_object() || !HoldsWhatARowHolds(json, row.sequence)) {
    return absl::StrCat(name, " was changed: it does not hold what a row holds");
  }
  const nlohmann::json& commitments = json["commitments"];
  int last = -1;
  for (const Row::Personal& personal : row.personal) {
    if (personal.index <= last || static_cast<size_t>(personal.index) >= commitments.size() ||
        commitments[personal.index] != Commitment(personal.salt, personal.json)) {
      return absl::StrCat(name, ": its personal value ", personal.index,
                          " was changed: it does not give its commitment");
    }
    last = personal.index;
  }
  return "";
}

bool ChainCheck::Add(const Row& row) {
  const std::string name = absl::StrCat("row ", row.sequence), before = Stated(hash_);
  bool is_after_gap = false;
  std::string what;
  if (row.sequence <= sequence_) {
    what = absl::StrCat(name, " stands after row ", sequence_);
  } else if (row.sequence > sequence_ + 1) {
    const int64_t first = sequence_ + 1, last = row.sequence - 1;
    damage_.push_back({first, last,
                       first == last ? absl::StrCat("row ", first, " is missing")
                                     : absl::StrCat("rows ", first, " to ", last, " are missing"),
                       absl::StrCat(first, "-", last, " ", before, " ", Stated(row.previous_hash), "\n")});
    is_after_gap = true;
  }
  if (what.empty() && !is_after_gap && row.previous_hash != hash_) {
    what = row.sequence == 1
               ? "row 1 was changed: the first row must follow nothing"
               : absl::StrCat(name, " does not follow row ", sequence_,
                              ": one of the two was changed and hashed again, or what stood between them was removed");
  }
  if (what.empty()) what = FindContentDamage(row);
  if (!what.empty()) {
    const std::string found =
        base::Sha256Hex(absl::StrCat(Stated(row.previous_hash), "\n", Stated(row.hash), "\n", row.json));
    damage_.push_back({row.sequence, row.sequence, what, absl::StrCat(row.sequence, " ", before, " ", found, "\n")});
  }
  if (row.sequence > sequence_) {
    sequence_ = row.sequence;
    hash_ = row.hash;
  }
  return what.empty();
}

absl::Status CheckChain(const RowReader& read) {
  ChainCheck check;
  while (true) {
    ASSIGN_OR_RETURN(const std::vector<Row> rows, read(check.sequence() + 1, kPage));
    if (rows.empty()) return absl::OkStatus();
    for (const Row& row : rows) {
      check.Add(row);
      if (!check.damage().empty()) return absl::DataLossError(check.damage().front().what);
    }
  }
}

}  // namespace sluice::audit
