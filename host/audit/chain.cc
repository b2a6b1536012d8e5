#include "host/audit/chain.h"

#include <utility>

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

// What is wrong with a row that follows row `sequence` with `hash`; empty: nothing.
std::string FindDamage(const Row& row, int64_t sequence, const std::string& hash) {
  if (row.sequence != sequence + 1) {
    if (row.sequence <= sequence) return absl::StrCat("row ", row.sequence, " stands after row ", sequence);
    if (row.sequence == sequence + 2) return absl::StrCat("row ", sequence + 1, " is missing");
    return absl::StrCat("rows ", sequence + 1, " to ", row.sequence - 1, " are missing");
  }
  if (row.previous_hash != hash) {
    return absl::StrCat("row ", row.sequence, " does not follow row ", sequence,
                        ": one of the two was changed, or what stood between them was removed");
  }
  if (RowHash(row.previous_hash, row.json) != row.hash) {
    return absl::StrCat("row ", row.sequence, " was changed: its contents do not give its hash");
  }
  const nlohmann::json json = nlohmann::json::parse(row.json, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || json.value("seq", nlohmann::json()) != row.sequence) {
    return absl::StrCat("row ", row.sequence, " holds another row's contents");
  }
  const nlohmann::json commitments = json.value("commitments", nlohmann::json::array());
  for (const Row::Personal& personal : row.personal) {
    if (personal.index < 0 || static_cast<size_t>(personal.index) >= commitments.size() ||
        commitments[personal.index] != Commitment(personal.salt, personal.json)) {
      return absl::StrCat("row ", row.sequence, ": its personal value ", personal.index,
                          " was changed: it does not give its commitment");
    }
  }
  return "";
}

}  // namespace

void ChainCheck::Add(const Row& row) {
  std::string what = FindDamage(row, sequence_, hash_);
  if (!what.empty()) {
    const int64_t damaged = row.sequence > sequence_ ? sequence_ + 1 : row.sequence;
    damage_.push_back({damaged, std::move(what)});
  }
  if (row.sequence > sequence_) {
    sequence_ = row.sequence;
    hash_ = row.hash;
  }
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
