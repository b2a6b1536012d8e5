#include "host/audit/verify.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <algorithm>
#include <memory>
#include <set>
#include <sstream>
#include <tuple>
#include <utility>

#include "host/audit/verify_format.h"

namespace sluice_audit_verify {
namespace {

bool HasKeys(const Json& json, const std::set<std::string>& keys) {
  if (!json.is_object() || json.size() != keys.size()) return false;
  return std::all_of(keys.begin(), keys.end(), [&](const std::string& key) { return json.contains(key); });
}

const std::set<std::string>& RowKeys() {
  static const std::set<std::string> keys = {
      "action", "actor", "commitments", "configuration", "detail", "entitlement", "facts",    "operation", "outcome",
      "person", "plan",  "plugin",      "reason",        "run",    "seq",         "snapshot", "system",    "time"};
  return keys;
}

// Reads lines that must be canonical JSON, one ahead.
class Lines {
 public:
  explicit Lines(std::istream& file) : file_(file) { Advance(); }
  bool AtEnd() const { return is_end_; }
  int64_t number() const { return number_; }
  // The next line, or a discarded value when it is not canonical JSON.
  const Json& Peek() const { return next_; }
  void Advance() {
    std::string text;
    is_end_ = !std::getline(file_, text);
    if (is_end_) return;
    ++number_;
    const bool is_whole = !file_.eof();  // Its line feed was there.
    next_ = is_whole ? ParseCanonical(text) : Json(Json::value_t::discarded);
  }

 private:
  std::istream& file_;
  Json next_;
  bool is_end_ = false;
  int64_t number_ = 0;
};

struct Header {
  int64_t rows = 0;
  std::string hash;
  int64_t seals = 0;
};

// What the host can have exported of a store that was damaged; somebody may have accepted it.
struct Damage {
  int64_t first = 0, last = 0;
  std::string what;
  std::string pin;   // Of rows: a line of what an acceptance covers.
  std::string mark;  // Of a seal or a key: the name under which it is accepted.
};

// An entry of the log, signed with a seal key, that covers damage exactly as it was found.
struct Acceptance {
  int64_t row = 0, first = 0, last = 0;
  std::set<std::string> marks;
  std::string key;  // The name of the one that signed it.
  std::string what, actor, reason;
  bool is_used = false;
};

struct Log {
  std::vector<std::pair<int64_t, std::string>> hashes;  // Of each row that is there, as it states it.
  std::vector<Damage> damage;
  std::vector<Acceptance> acceptances;

  int64_t last() const { return hashes.empty() ? 0 : hashes.back().first; }
  std::string head() const { return hashes.empty() ? std::string(64, '0') : hashes.back().second; }
  // Empty: there is no such row.
  std::string HashOf(int64_t sequence) const {
    const auto found = std::lower_bound(hashes.begin(), hashes.end(), std::make_pair(sequence, std::string()));
    return found != hashes.end() && found->first == sequence ? found->second : "";
  }
};

Header ReadHeader(Lines& lines) {
  const Json& json = lines.Peek();
  if (lines.AtEnd() || json.is_discarded() || !HasKeys(json, {"format", "head", "seals", "version"}) ||
      json["format"] != "sluice-audit" || json["version"] != 1 || !json["seals"].is_number_unsigned() ||
      !HasKeys(json["head"], {"hash", "seq"}) || !json["head"]["seq"].is_number_unsigned() ||
      !json["head"]["hash"].is_string()) {
    Fail("not an export of an audit log (version 1): its first line was changed");
  }
  Header header{json["head"]["seq"].get<int64_t>(), json["head"]["hash"].get<std::string>(),
                json["seals"].get<int64_t>()};
  lines.Advance();
  return header;
}

// Fails for a number that no store gives, damaged or not; `after` is the number in the line that follows.
void CheckOrder(int64_t expected, int64_t found, const Json& after) {
  const bool has_after = after.is_object() && after.contains("seq") && after["seq"].is_number_integer();
  if (found == expected + 1 && has_after && after["seq"] == expected) {
    Fail("rows " + Grouped(expected) + " and " + Grouped(found) + " are swapped");
  }
  if (found < expected) Fail(RowName(found) + " stands where row " + Grouped(expected) + " belongs");
}

// What is wrong with the values beside a row; empty: nothing.
std::string FindPersonalDamage(const Json& line, int64_t sequence) {
  const Json& commitments = line["row"]["commitments"];
  int64_t last = -1;
  for (const Json& value : line["personal"]) {
    if (!HasKeys(value, {"change", "index", "salt"}) || !value["index"].is_number_unsigned() ||
        !value["salt"].is_string() || !IsHex(value["salt"].get<std::string>(), 64)) {
      return RowName(sequence) + ": a personal value beside it was changed";
    }
    const int64_t index = value["index"].get<int64_t>();
    if (index <= last || index >= static_cast<int64_t>(commitments.size()) ||
        commitments[static_cast<size_t>(index)] !=
            Sha256(value["salt"].get<std::string>() + Canonical(value["change"]))) {
      return RowName(sequence) + ": its personal value " + std::to_string(index) +
             " was changed: it does not give its commitment";
    }
    last = index;
  }
  return "";
}

void ReadAcceptance(const Json& row, int64_t sequence, Log& log) {
  const Json& facts = row["facts"];
  if (!HasKeys(facts, {"first", "found", "last", "public_key", "signature"}) || !facts["first"].is_number_integer() ||
      !facts["last"].is_number_integer() || !facts["found"].is_array() || !facts["public_key"].is_string() ||
      !facts["signature"].is_string() || !row["actor"].is_string() || !row["reason"].is_string() ||
      !row["time"].is_string() || !row["detail"].is_string() || !IsHex(facts["public_key"].get<std::string>(), 64)) {
    return;
  }
  const std::string key = FromHex(facts["public_key"]);
  Acceptance acceptance{sequence,      facts["first"], facts["last"], {},   Sha256(key).substr(0, 16),
                        row["detail"], row["actor"],   row["reason"], false};
  std::string text = "sluice-accept-v1\n" + std::to_string(acceptance.first) + "\n" + std::to_string(acceptance.last);
  for (const Json& mark : facts["found"]) {
    if (!mark.is_string()) return;
    text += "\n" + mark.get<std::string>();
    acceptance.marks.insert(mark.get<std::string>());
  }
  text += "\n" + acceptance.what + "\n" + acceptance.actor + "\n" + row["time"].get<std::string>() + "\n" +
          acceptance.reason + "\n";
  if (IsSignedBy(key, text, facts["signature"])) log.acceptances.push_back(std::move(acceptance));
}

void CheckRow(const Json& line, Log& log) {
  const int64_t sequence = line["seq"].get<int64_t>(), before = log.last();
  const std::string stated = line["hash"], previous = line["prev"];
  std::string contents;
  if (line.contains("row")) {
    contents = Canonical(line["row"]);
  } else if (!FromBase64(line["raw"], contents)) {
    Fail(RowName(sequence) + " was changed: its line does not hold what a row's line holds");
  }
  std::string what;
  if (sequence > before + 1) {
    log.damage.push_back(
        {before + 1, sequence - 1,
         RowsName(before + 1, sequence - 1) + (sequence == before + 2 ? " is missing" : " are missing"),
         std::to_string(before + 1) + "-" + std::to_string(sequence - 1) + " " + log.head() + " " + previous + "\n",
         ""});
  } else if (previous != log.head()) {
    what = sequence == 1 ? "row 1 was changed: the first row must follow nothing"
                         : RowName(sequence) + " does not follow row " + Grouped(before) +
                               ": one of the two was changed and hashed again, or what stood between them was removed";
  }
  if (what.empty() && Sha256(previous + "\n" + contents) != stated) {
    what = RowName(sequence) + " was changed: its contents do not give its hash";
  }
  if (what.empty() && (!line.contains("row") || !HasKeys(line["row"], RowKeys()) || line["row"]["seq"] != sequence ||
                       !line["row"]["commitments"].is_array())) {
    what = RowName(sequence) + " was changed: it does not hold what a row holds";
  }
  if (what.empty()) what = FindPersonalDamage(line, sequence);
  if (!what.empty()) {
    log.damage.push_back(
        {sequence, sequence, what,
         std::to_string(sequence) + " " + log.head() + " " + Sha256(previous + "\n" + stated + "\n" + contents) + "\n",
         ""});
  } else if (line["row"]["action"] == "audit.damage_accepted") {
    ReadAcceptance(line["row"], sequence, log);
  }
  log.hashes.emplace_back(sequence, stated);
}

void ReadRows(Lines& lines, Log& log) {
  while (!lines.AtEnd()) {
    const int64_t expected = log.last() + 1;
    if (lines.Peek().is_discarded()) {
      Fail(RowName(expected) + " was changed: line " + std::to_string(lines.number()) + " is not canonical JSON");
    }
    if (lines.Peek().contains("seal")) return;
    const Json line = lines.Peek();
    lines.Advance();
    const bool has_keys = HasKeys(line, {"hash", "personal", "prev", "row", "seq"}) ||
                          (HasKeys(line, {"hash", "personal", "prev", "raw", "seq"}) && line["raw"].is_string());
    if (!has_keys || !line["seq"].is_number_unsigned() || !line["personal"].is_array() || !line["hash"].is_string() ||
        !line["prev"].is_string()) {
      Fail(RowName(expected) + " was changed: its line does not hold what a row's line holds");
    }
    CheckOrder(expected, line["seq"].get<int64_t>(), lines.AtEnd() ? Json() : lines.Peek());
    CheckRow(line, log);
  }
}

struct Seal {
  int64_t sequence = 0;
  std::string hash, time, key, public_key, signature;
  std::string place;  // Of the file, or of the copy.
};

Seal ReadSeal(const Json& line, const std::string& name) {
  if (line.is_discarded() || !HasKeys(line, {"seal"}) ||
      !HasKeys(line["seal"], {"hash", "key", "public_key", "seq", "signature", "time"}) ||
      !line["seal"]["seq"].is_number_unsigned()) {
    Fail(name + " was changed: its line does not hold what a seal's line holds");
  }
  const Json& json = line["seal"];
  for (const char* key : {"hash", "key", "public_key", "signature", "time"}) {
    if (!json[key].is_string()) Fail(name + " was changed: its " + key + " is not a text");
  }
  return {json["seq"].get<int64_t>(), json["hash"],      json["time"], json["key"],
          json["public_key"],         json["signature"], name};
}

std::vector<Seal> ReadSeals(Lines& lines) {
  std::vector<Seal> seals;
  for (; !lines.AtEnd(); lines.Advance()) {
    const std::string name = "seal " + std::to_string(seals.size() + 1);
    seals.push_back(ReadSeal(lines.Peek(), name));
    if (seals.size() == 1) continue;
    const Seal& before = seals[seals.size() - 2];
    if (std::tie(before.sequence, before.hash) >= std::tie(seals.back().sequence, seals.back().hash)) {
      Fail(name + " stands in the wrong place, or twice");
    }
  }
  return seals;
}

// The copy is appended to while the host may be killed: a last line without its end says nothing.
void ReadCopy(const std::string& copy, std::vector<Seal>& seals) {
  std::istringstream file(copy.substr(0, copy.rfind('\n') + 1));
  int64_t number = 0;
  for (std::string text; std::getline(file, text);) {
    seals.push_back(ReadSeal(ParseCanonical(text), "seal " + std::to_string(++number) + " of the copy"));
  }
  std::stable_sort(seals.begin(), seals.end(), [](const Seal& a, const Seal& b) { return a.sequence < b.sequence; });
}

// Empty: good, by whatever key.
std::string FindSealDamage(const Seal& seal) {
  const std::string name = seal.place + " (over row " + Grouped(seal.sequence) + ")";
  const std::string bytes = IsHex(seal.public_key, 64) ? FromHex(seal.public_key) : "";
  if (bytes.empty() || Sha256(bytes).substr(0, 16) != seal.key)
    return name + " was changed: its key is not key " + seal.key;
  const std::string text =
      "sluice-seal-v1\n" + std::to_string(seal.sequence) + "\n" + seal.hash + "\n" + seal.time + "\n";
  if (!IsSignedBy(bytes, text, seal.signature)) return name + " was changed: its signature is not by key " + seal.key;
  return "";
}

bool IsGiven(const std::string& key, const Options& options) {
  return options.public_keys.empty() ||
         std::any_of(options.public_keys.begin(), options.public_keys.end(),
                     [&](const std::string& bytes) { return Sha256(bytes).substr(0, 16) == key; });
}

// Without those that a key signed which nobody vouches for: neither whoever gave the keys, nor an acceptance by one.
void KeepTrusted(const Options& options, std::vector<Acceptance>& acceptances) {
  std::set<std::string> vouched;
  const auto is_trusted = [&](const Acceptance& acceptance) {
    return IsGiven(acceptance.key, options) || vouched.contains("key " + acceptance.key);
  };
  bool has_grown = true;
  while (has_grown) {
    const size_t before = vouched.size();
    for (const Acceptance& acceptance : acceptances) {
      if (is_trusted(acceptance)) vouched.insert(acceptance.marks.begin(), acceptance.marks.end());
    }
    has_grown = vouched.size() > before;
  }
  acceptances.erase(std::remove_if(acceptances.begin(), acceptances.end(),
                                   [&](const Acceptance& acceptance) { return !is_trusted(acceptance); }),
                    acceptances.end());
}

void CheckSeals(const std::vector<Seal>& seals, const Options& options, Log& log) {
  int64_t good = 0;
  for (const Seal& seal : seals) {
    const std::string mark = "seal " + std::to_string(seal.sequence) + " " + seal.hash;
    const std::string wrong = FindSealDamage(seal);
    if (!wrong.empty()) {
      log.damage.push_back({seal.sequence, seal.sequence, wrong, "", mark});
      continue;
    }
    if (!IsGiven(seal.key, options)) {
      log.damage.push_back({seal.sequence, seal.sequence,
                            seal.place + " (over row " + Grouped(seal.sequence) + ") is by key " + seal.key +
                                ", which is not the public key that was given",
                            "", "key " + seal.key});
    }
    if (seal.sequence > log.last()) {
      log.damage.push_back({log.last() + 1, seal.sequence,
                            RowsName(log.last() + 1, seal.sequence) +
                                (log.last() + 1 == seal.sequence ? " is" : " are") + " missing: a seal of " +
                                seal.time + " covers " + RowName(seal.sequence) + " (truncated, or an older copy)",
                            "", mark});
    } else if (seal.hash.empty() || log.HashOf(seal.sequence) != seal.hash) {
      log.damage.push_back({good + 1, seal.sequence,
                            "rows were rewritten after they were sealed: " + RowName(seal.sequence) +
                                " is not the one that the seal of " + seal.time +
                                " covers; the change is between row " + Grouped(good + 1) + " and row " +
                                Grouped(seal.sequence),
                            "", mark});
    } else {
      good = seal.sequence;
    }
  }
}

void CheckDemands(const Header& header, size_t seals, const Log& log, const Options& options) {
  if (header.rows != log.last() || header.hash != log.head()) {
    Fail(header.rows > log.last() ? RowName(log.last() + 1) + " is missing: the first line names row " +
                                        Grouped(header.rows) + " as the last (truncated)"
                                  : "the first line was changed: it does not name the last row and its hash");
  }
  if (header.seals != static_cast<int64_t>(seals)) {
    Fail("the first line names " + Count(header.seals, "seal") + ", the file holds " + std::to_string(seals) +
         ": a seal was removed or added");
  }
  if (!options.public_keys.empty() && seals == 0 && log.last() > 0) {
    Fail("no seal: nothing shows that these rows are the ones that the key's owner saw");
  }
  if (log.last() < options.at_least) {
    Fail(RowName(log.last() + 1) + " is missing: the log must reach row " + Grouped(options.at_least) +
         " (an older copy, or truncated)");
  }
  if (!options.head.empty() && std::none_of(log.hashes.begin(), log.hashes.end(), [&](const auto& row) {
        return row.second.compare(0, options.head.size(), options.head) == 0;
      })) {
    Fail("no row has the hash " + options.head + ": an older copy, truncated or rewritten; its last row is row " +
         Grouped(log.last()));
  }
}

// The mark under which damaged rows of a range are accepted, as they are in this file.
std::string MarkOfRows(const Log& log, int64_t first, int64_t last) {
  std::string pins;
  for (const Damage& damage : log.damage) {
    if (!damage.pin.empty() && damage.first >= first && damage.last <= last) pins += damage.pin;
  }
  return "rows " + Sha256(pins);
}

// Fails for the first damage that nobody accepted; says what was, for people.
std::string JudgeDamage(const Options& options, Log& log) {
  constexpr size_t kShown = 5;
  KeepTrusted(options, log.acceptances);
  std::vector<std::string> marks;  // Of the rows of each acceptance.
  for (const Acceptance& acceptance : log.acceptances) {
    marks.push_back(MarkOfRows(log, acceptance.first, acceptance.last));
  }
  for (const Damage& damage : log.damage) {
    bool is_accepted = false;
    for (size_t at = 0; at < marks.size(); ++at) {
      Acceptance& acceptance = log.acceptances[at];
      if (!damage.pin.empty() && (damage.first < acceptance.first || damage.last > acceptance.last)) continue;
      if (!acceptance.marks.contains(damage.pin.empty() ? damage.mark : marks[at])) continue;
      is_accepted = acceptance.is_used = true;
    }
    if (!is_accepted) Fail(damage.what);
  }
  std::string text;
  size_t accepted = 0;
  for (const Acceptance& by : log.acceptances) {
    if (!by.is_used || ++accepted > kShown) continue;
    text += "; " + by.what + " (accepted by " + by.actor + " in row " + Grouped(by.row) + ": \"" + by.reason + "\")";
  }
  if (accepted > kShown) text += "; and " + Grouped(static_cast<int64_t>(accepted - kShown)) + " more";
  return text;
}

std::string Praise(const std::vector<Seal>& seals, const Log& log, const Options& options,
                   const std::string& accepted) {
  std::string line = Count(static_cast<int64_t>(log.hashes.size()), "row");
  if (log.last() > 0) line += ", head " + log.head();
  line += ", " + Count(static_cast<int64_t>(seals.size()), "seal");
  std::set<std::string> keys;
  for (const Seal& seal : seals) keys.insert(seal.key);
  for (auto key = keys.begin(); key != keys.end(); ++key) line += (key == keys.begin() ? " by key " : " and ") + *key;
  if (!seals.empty() && options.public_keys.empty()) line += " (as the file says)";
  if (!seals.empty() && seals.back().sequence < log.last()) {
    line += ", the last over " + RowName(seals.back().sequence);
  }
  return line + (accepted.empty() ? ": unbroken" : ": damaged, and accepted" + accepted);
}

}  // namespace

Verdict Verify(std::istream& file, const Options& options) {
  Log log;
  try {
    Lines lines(file);
    const Header header = ReadHeader(lines);
    ReadRows(lines, log);
    std::vector<Seal> seals = ReadSeals(lines);
    const size_t in_file = seals.size();
    ReadCopy(options.copy_of_seals, seals);
    CheckSeals(seals, options, log);
    const std::string accepted = JudgeDamage(options, log);
    CheckDemands(header, in_file, log, options);
    return {true, Praise(seals, log, options, accepted)};
  } catch (const Broken& broken) {
    return {false, std::string("broken: ") + broken.what()};
  } catch (const std::exception& error) {
    return {false, "broken: the file could not be understood after row " + Grouped(log.last())};
  }
}

std::string PublicKeyFromPem(const std::string& pem) {
  struct Free {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
    void operator()(BIO* bio) const { BIO_free(bio); }
  };
  const std::unique_ptr<BIO, Free> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const std::unique_ptr<EVP_PKEY, Free> key(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr));
  std::string bytes(32, '\0');
  size_t size = bytes.size();
  if (key == nullptr || EVP_PKEY_id(key.get()) != EVP_PKEY_ED25519 ||
      EVP_PKEY_get_raw_public_key(key.get(), reinterpret_cast<unsigned char*>(bytes.data()), &size) != 1) {
    return "";
  }
  return bytes;
}

}  // namespace sluice_audit_verify
