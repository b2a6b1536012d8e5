// What is wrong with an audit log, seals included, and what of it somebody with a name accepted.
//
// Pure; one thread at a time. A log with a finding that nobody accepted is not sealed. An acceptance is an entry of the
// log that names what was found, byte for byte, and is signed with the seal key: it covers nothing that is done later,
// and whoever can only write the store cannot make one. README.md has the format.
#ifndef SLUICE_HOST_AUDIT_LOG_CHECK_H_
#define SLUICE_HOST_AUDIT_LOG_CHECK_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "host/audit/chain.h"
#include "host/audit/entry.h"
#include "host/audit/row.h"
#include "host/audit/seal.h"

namespace sluice::audit {

// The action of the entry by which somebody with a name accepts a finding.
inline constexpr char kDamageAccepted[] = "audit.damage_accepted";

// Something that is not as it was: rows, a seal that the rows do not fit, or seals by a key that is not the host's.
struct Finding {
  int64_t first = 0, last = 0;     // The rows that it is about.
  std::string what;                // One line that names them.
  std::vector<std::string> marks;  // What an acceptance of it names.
};

// What an acceptance says, which covers something that is still so.
struct AcceptedFinding {
  int64_t first = 0, last = 0;
  std::string what;  // As it was found then.
  int64_t row = 0;   // The entry that accepts it.
  std::string actor, reason;
};

struct Judgement {
  int64_t last_row = 0;
  std::string hash = GenesisHash();  // Of the last row.
  int64_t sealed_row = 0;            // The last one that a good seal covers; 0: none.
  absl::Time sealed_at;
  std::vector<Finding> open;              // In order of rows, what was cut off last.
  std::vector<AcceptedFinding> accepted;  // In order of their entries.
};

class LogCheck {
 public:
  // `seals`: every one that is known, of the store and of its copy, in any order and more than once. `key_id`: the
  // host's own.
  LogCheck(std::vector<Seal> seals, std::string key_id);

  // The rows in order, from 1 on.
  void Add(const Row& row);
  // A seal of the host's own key over the row that was added last.
  void AddSeal(const Seal& seal);
  Judgement Judge() const;

  int64_t last_row() const { return chain_.sequence(); }
  const std::string& hash() const { return chain_.hash(); }
  // Good or not, in order of rows, each once.
  const std::vector<Seal>& seals() const { return seals_; }

 private:
  struct Acceptance {
    int64_t row = 0, first = 0, last = 0;
    std::set<std::string> marks;
    std::string what, key, actor, reason;
  };
  using Acceptances = std::map<const Acceptance*, bool>;  // Those that count, and whether they cover anything.

  void AddAcceptance(const Row& row);
  Acceptances Trusted(std::set<std::string>& keys) const;
  std::string MarkOfRows(int64_t first, int64_t last) const;
  void JudgeRows(Acceptances& acceptances, Judgement& judgement) const;
  void JudgeSeals(const std::set<std::string>& keys, Acceptances& acceptances, Judgement& judgement) const;

  const std::string key_id_;
  std::vector<Seal> seals_;
  std::vector<bool> is_good_;  // Of the seal at the same place: its signature is by the key that it names.
  std::map<int64_t, std::string> sealed_rows_;  // The hashes of rows that seals name; "": no such row yet.
  ChainCheck chain_;
  std::vector<Acceptance> acceptances_;
};

// Follows a whole log. Fails as `read` does.
absl::StatusOr<LogCheck> CheckLog(const RowReader& read, std::vector<Seal> seals, const std::string& key_id);

// The entry by which `actor` accepts a finding.
absl::StatusOr<Entry> AcceptFinding(const Finding& finding, const std::string& actor, const std::string& reason,
                                    absl::Time now, const SealKey& key);

// A seal over everything up to the newest row; none when a good one covers it already. DATA_LOSS naming the first
// finding that nobody accepted.
absl::StatusOr<std::optional<Seal>> MakeSeal(const Judgement& judgement, const SealKey& key, absl::Time now);

}  // namespace sluice::audit

#endif  // SLUICE_HOST_AUDIT_LOG_CHECK_H_
