// The hash chain of the audit log: how an entry becomes a row, and whether rows still are what they were.
//
// Pure functions; randomness is given. A row is damaged when its number, its previous hash, its own hash or a
// commitment of it does not fit; the message names the row. README.md has the format with a worked example.
#ifndef SLUICE_HOST_AUDIT_CHAIN_H_
#define SLUICE_HOST_AUDIT_CHAIN_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "host/audit/entry.h"
#include "host/audit/row.h"

namespace sluice::audit {

// 64 zeros: the previous hash of row 1.
const std::string& GenesisHash();

// Time as it stands in rows and seals: UTC with six digits, "2026-11-24T02:30:00.123456Z". Finer parts are cut off.
std::string TimeText(absl::Time time);

// SHA-256, as hexadecimal digits, of `previous_hash`, a line feed and `json`.
std::string RowHash(absl::string_view previous_hash, absl::string_view json);

// SHA-256, as hexadecimal digits, of `salt` (64 hexadecimal digits) and `json`.
std::string Commitment(absl::string_view salt, absl::string_view json);

// 32 random bytes of the operating system as hexadecimal digits.
std::string RandomSalt();

// The row of an entry. Bytes that are not UTF-8 become U+FFFD and a number with a fraction becomes its text, so that
// what a plugin said can never keep an outcome from being recorded.
Row MakeRow(int64_t sequence, const std::string& previous_hash, const Entry& entry,
            const std::function<std::string()>& salt = RandomSalt);

// Rows that are not what they were, or not there.
struct Damage {
  int64_t first = 0, last = 0;
  std::string what;  // "row 17 was changed: its contents do not give its hash"
  std::string pin;   // What was found, so that an acceptance covers this and nothing that is done later; README.md.
};

// Whether `text` is a JSON object in canonical form, of which a row consists.
bool IsCanonicalObject(absl::string_view text);

// What is wrong with a row by itself: its contents, its hash, the values beside it. Empty: nothing.
std::string FindContentDamage(const Row& row);

// Follows a chain row by row. After damage it goes on from the hash that the row states, so that each damage is
// reported once.
class ChainCheck {
 public:
  // Starts after row `sequence`, whose hash is `hash`.
  ChainCheck(int64_t sequence, std::string hash) : sequence_(sequence), hash_(std::move(hash)) {}
  ChainCheck() : ChainCheck(0, GenesisHash()) {}

  // Whether the row is what it was; rows that are missing before it are damage of theirs.
  bool Add(const Row& row);

  int64_t sequence() const { return sequence_; }
  const std::string& hash() const { return hash_; }
  const std::vector<Damage>& damage() const { return damage_; }

 private:
  int64_t sequence_;
  std::string hash_;
  std::vector<Damage> damage_;
};

// DATA_LOSS naming the first damaged row; OK when the whole chain from row 1 on is unbroken.
absl::Status CheckChain(const RowReader& read);

}  // namespace sluice::audit

#endif  // SLUICE_HOST_AUDIT_CHAIN_H_
