#include "host/audit/log_check.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "host/base/hash.h"
#include "host/base/status.h"

namespace sluice::audit {
namespace {

constexpr int kPage = 1000;

std::string MarkOfSeal(const Seal& seal) { return absl::StrCat("seal ", seal.sequence, " ", seal.hash); }
std::string MarkOfKey(const std::string& key) { return absl::StrCat("key ", key); }

std::string RowsName(int64_t first, int64_t last) {
  return first == last ? absl::StrCat("row ", first) : absl::StrCat("rows ", first, " to ", last);
}

template <class Texts>
std::string AcceptanceText(int64_t first, int64_t last, const Texts& marks, const std::string& what,
                           const std::string& actor, const std::string& time, const std::string& reason) {
  return absl::StrCat("sluice-accept-v1\n", first, "\n", last, "\n", absl::StrJoin(marks, "\n"), "\n", what, "\n",
                      actor, "\n", time, "\n", reason, "\n");
}

std::string TextOf(const nlohmann::json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}
int64_t NumberOf(const nlohmann::json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_number_integer() ? found->get<int64_t>() : 0;
}

}  // namespace

LogCheck::LogCheck(std::vector<Seal> seals, std::string key_id) : key_id_(std::move(key_id)) {
  const auto place = [](const Seal& seal) {
    return std::make_tuple(seal.sequence, seal.hash, !CheckSeal(seal).ok(), seal.time);
  };
  std::sort(seals.begin(), seals.end(), [&](const Seal& a, const Seal& b) {
    if (a.sequence != b.sequence || a.hash != b.hash)
      return std::tie(a.sequence, a.hash) < std::tie(b.sequence, b.hash);
    return place(a) < place(b);
  });
  for (Seal& seal : seals) {
    if (!seals_.empty() && seals_.back().sequence == seal.sequence && seals_.back().hash == seal.hash) continue;
    is_good_.push_back(CheckSeal(seal).ok());
    sealed_rows_.emplace(seal.sequence, "");
    seals_.push_back(std::move(seal));
  }
}

void LogCheck::Add(const Row& row) {
  const bool is_whole = chain_.Add(row);
  if (const auto sealed = sealed_rows_.find(row.sequence); sealed != sealed_rows_.end()) sealed->second = row.hash;
  if (is_whole && absl::StrContains(row.json, kDamageAccepted)) AddAcceptance(row);
}

void LogCheck::AddAcceptance(const Row& row) {
  const nlohmann::json json = nlohmann::json::parse(row.json, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || TextOf(json, "action") != kDamageAccepted || !json["facts"].is_object()) return;
  const nlohmann::json& facts = json["facts"];
  const auto found = facts.find("found");
  if (found == facts.end() || !found->is_array()) return;
  Acceptance acceptance;
  acceptance.row = row.sequence;
  acceptance.first = NumberOf(facts, "first");
  acceptance.last = NumberOf(facts, "last");
  acceptance.what = TextOf(json, "detail");
  acceptance.actor = TextOf(json, "actor");
  acceptance.reason = TextOf(json, "reason");
  std::vector<std::string> marks;
  for (const nlohmann::json& mark : *found) {
    if (!mark.is_string()) return;
    marks.push_back(mark.get<std::string>());
  }
  const std::string text = AcceptanceText(acceptance.first, acceptance.last, marks, acceptance.what, acceptance.actor,
                                          TextOf(json, "time"), acceptance.reason);
  if (!IsSignedBy(TextOf(facts, "public_key"), text, TextOf(facts, "signature"))) return;
  acceptance.key = KeyIdOf(TextOf(facts, "public_key"));
  acceptance.marks.insert(marks.begin(), marks.end());
  if (marks.empty()) return;
  acceptances_.push_back(std::move(acceptance));
}

void LogCheck::AddSeal(const Seal& seal) {
  sealed_rows_[seal.sequence] = chain_.hash();
  seals_.push_back(seal);
  is_good_.push_back(true);
}

// Those by the host's key, and by keys that such an entry accepts.
LogCheck::Acceptances LogCheck::Trusted(std::set<std::string>& keys) const {
  keys.insert(key_id_);
  for (size_t before = 0; before != keys.size();) {
    before = keys.size();
    for (const Acceptance& acceptance : acceptances_) {
      if (!keys.contains(acceptance.key)) continue;
      for (const std::string& mark : acceptance.marks) {
        if (absl::StartsWith(mark, "key ")) keys.insert(mark.substr(4));
      }
    }
  }
  Acceptances trusted;
  for (const Acceptance& acceptance : acceptances_) {
    const bool is_of_key = absl::StartsWith(*acceptance.marks.begin(), "key ");
    if (keys.contains(acceptance.key)) trusted.emplace(&acceptance, is_of_key);
  }
  return trusted;
}

std::string LogCheck::MarkOfRows(int64_t first, int64_t last) const {
  std::string pins;
  for (const Damage& damage : chain_.damage()) {
    if (damage.first >= first && damage.last <= last) pins += damage.pin;
  }
  return absl::StrCat("rows ", base::Sha256Hex(pins));
}

void LogCheck::JudgeRows(Acceptances& acceptances, Judgement& judgement) const {
  std::map<const Acceptance*, bool> covers;  // Whether the rows of its range are as they were when they were accepted.
  for (const auto& [acceptance, is_used] : acceptances) {
    covers[acceptance] = acceptance->marks.contains(MarkOfRows(acceptance->first, acceptance->last));
  }
  bool goes_on = false;  // What lies side by side is one finding.
  for (const Damage& damage : chain_.damage()) {
    bool is_accepted = false;
    for (auto& [acceptance, is_used] : acceptances) {
      if (!covers[acceptance] || damage.first < acceptance->first || damage.last > acceptance->last) continue;
      is_accepted = is_used = true;
    }
    if (is_accepted) {
      goes_on = false;
    } else if (goes_on && damage.first <= judgement.open.back().last + 1) {
      judgement.open.back().last = std::max(judgement.open.back().last, damage.last);
    } else {
      judgement.open.push_back({damage.first, damage.last, damage.what, {}});
      goes_on = true;
    }
  }
  std::map<int64_t, int64_t> alone;  // The first damage of each finding: where it ends.
  for (const Damage& damage : chain_.damage()) alone.emplace(damage.first, damage.last);
  for (Finding& finding : judgement.open) {
    if (alone[finding.first] < finding.last) absl::StrAppend(&finding.what, "; damaged on to row ", finding.last);
    finding.marks = {MarkOfRows(finding.first, finding.last)};
  }
}

void LogCheck::JudgeSeals(const std::set<std::string>& keys, Acceptances& acceptances, Judgement& judgement) const {
  const auto is_accepted = [&](const std::string& mark) {
    bool is_one = false;
    for (auto& [acceptance, is_used] : acceptances) {
      if (acceptance->marks.contains(mark)) is_one = is_used = true;
    }
    return is_one;
  };
  std::map<std::string, Finding> foreign;  // By key.
  for (size_t at = 0; at < seals_.size(); ++at) {
    const Seal& seal = seals_[at];
    const std::string mark = MarkOfSeal(seal);
    const std::string& hash = sealed_rows_.at(seal.sequence);
    Finding finding{std::min(judgement.sealed_row + 1, seal.sequence), seal.sequence, "", {mark}};
    if (!is_good_[at]) {
      finding.first = seal.sequence;
      finding.what = std::string(CheckSeal(seal).message());
    } else if (!keys.contains(seal.key_id)) {
      Finding& all =
          foreign.try_emplace(seal.key_id, Finding{seal.sequence, 0, "", {MarkOfKey(seal.key_id)}}).first->second;
      all.last = seal.sequence;
      all.what = absl::StrCat("the seals over ", RowsName(all.first, all.last), " are by key ", seal.key_id,
                              ", which is not this host's key ", key_id_);
      continue;
    } else if (hash == seal.hash) {
      judgement.sealed_row = seal.sequence;
      judgement.sealed_at = seal.time;
      continue;
    } else if (seal.sequence > last_row()) {
      finding.first = std::max(finding.first, last_row() + 1);
      finding.what = absl::StrCat(RowsName(finding.first, finding.last), finding.first == finding.last ? " is" : " are",
                                  " missing, which the seal of ", TimeText(seal.time),
                                  " covers: cut off, or the store is an older copy");
    } else {
      finding.what = absl::StrCat(RowsName(finding.first, finding.last),
                                  " were rewritten, or the store is an older copy that went on: row ", seal.sequence,
                                  " is not the one that the seal of ", TimeText(seal.time), " covers");
    }
    if (is_accepted(mark)) continue;
    if (!judgement.open.empty() && judgement.open.back().first == finding.first &&
        absl::StartsWith(judgement.open.back().marks[0], "seal ")) {
      judgement.open.back().last = finding.last;  // Several seals over the same loss: one finding.
      judgement.open.back().what = finding.what;
      judgement.open.back().marks.push_back(mark);
    } else {
      judgement.open.push_back(std::move(finding));
    }
  }
  for (auto& [key, finding] : foreign) judgement.open.push_back(std::move(finding));
}

Judgement LogCheck::Judge() const {
  Judgement judgement;
  judgement.last_row = last_row();
  judgement.hash = hash();
  std::set<std::string> keys;
  Acceptances acceptances = Trusted(keys);
  JudgeRows(acceptances, judgement);
  JudgeSeals(keys, acceptances, judgement);
  for (const Acceptance& by : acceptances_) {
    const auto found = acceptances.find(&by);
    if (found == acceptances.end() || !found->second) continue;
    judgement.accepted.push_back({by.first, by.last, by.what, by.row, by.actor, by.reason});
  }
  return judgement;
}

absl::StatusOr<LogCheck> CheckLog(const RowReader& read, std::vector<Seal> seals, const std::string& key_id) {
  LogCheck check(std::move(seals), key_id);
  while (true) {
    ASSIGN_OR_RETURN(const std::vector<Row> rows, read(check.last_row() + 1, kPage));
    if (rows.empty()) return check;
    for (const Row& row : rows) check.Add(row);
  }
}

absl::StatusOr<Entry> AcceptFinding(const Finding& finding, const std::string& actor, const std::string& reason,
                                    absl::Time now, const SealKey& key) {
  Entry entry;
  entry.time = now;
  entry.actor = actor;
  entry.action = kDamageAccepted;
  entry.detail = finding.what;
  entry.reason = reason;
  const std::string text =
      AcceptanceText(finding.first, finding.last, finding.marks, finding.what, actor, TimeText(now), reason);
  ASSIGN_OR_RETURN(const std::string signature, key.Sign(text));
  entry.facts = {{"first", finding.first},
                 {"last", finding.last},
                 {"found", finding.marks},
                 {"public_key", key.public_key()},
                 {"signature", absl::Base64Escape(signature)}};
  return entry;
}

absl::StatusOr<std::optional<Seal>> MakeSeal(const Judgement& judgement, const SealKey& key, absl::Time now) {
  if (!judgement.open.empty()) {
    return absl::DataLossError(absl::StrCat("the audit log is not sealed: ", judgement.open.front().what));
  }
  if (judgement.sealed_row == judgement.last_row) return std::nullopt;
  ASSIGN_OR_RETURN(Seal seal, SignSeal(key, judgement.last_row, judgement.hash, now));
  return seal;
}

}  // namespace sluice::audit
