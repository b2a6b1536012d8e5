// A row of the audit log and a seal over it, as they are stored, exported and verified.
//
// Pure data. README.md says what is hashed and signed, byte for byte.
#ifndef SLUICE_HOST_AUDIT_ROW_H_
#define SLUICE_HOST_AUDIT_ROW_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace sluice::audit {

struct Row {
  int64_t sequence = 0;
  std::string json;                 // Canonical; what is hashed together with the previous hash.
  std::string previous_hash, hash;  // Hexadecimal digits.
  // Personal values that are still there, with their salts; index as in the row's "commitments".
  struct Personal {
    int index = 0;
    std::string salt, json;  // Hexadecimal digits; canonical JSON of [field, before, after].
    std::string person_id;   // Whose it is: beside the chain, so that erasing a person finds it.
  };
  std::vector<Personal> personal;
};

struct Seal {
  int64_t sequence = 0;  // The last row that it covers.
  std::string hash;
  absl::Time time;
  std::string key_id;  // SHA-256 of the public key, first 16 digits.
  std::string
      signature;  // Ed25519 over "sluice-seal-v1\n<sequence>\n<hash>\n<time as RFC 3339 with microseconds>\n", base64.
  std::string public_key;  // The 32 bytes of the key as 64 hexadecimal digits: says who signed, proves it to nobody.
};

// At most `limit` rows from sequence `from` on, in order; none: there are no more.
using RowReader = std::function<absl::StatusOr<std::vector<Row>>(int64_t from, int limit)>;

}  // namespace sluice::audit

#endif  // SLUICE_HOST_AUDIT_ROW_H_
