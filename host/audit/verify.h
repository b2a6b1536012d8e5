// Checks an exported audit log: numbers, chain, commitments, seals.
//
// A part of sluice-audit-verify, which shares no code with the host: only nlohmann_json and OpenSSL. Holds no state;
// reads the file once, in order, and stops at the first thing that is wrong and that no entry of the log, signed with a
// seal key, accepts. What was accepted is named.
#ifndef SLUICE_HOST_AUDIT_VERIFY_H_
#define SLUICE_HOST_AUDIT_VERIFY_H_

#include <cstdint>
#include <istream>
#include <string>
#include <vector>

namespace sluice_audit_verify {

struct Options {
  std::vector<std::string> public_keys{};  // 32 bytes each; when there are some, the seals must be by one of them.
  std::string head{};                      // A hash, or its first 8 digits or more, that the log must hold.
  int64_t at_least = 0;                    // A row that the log must reach.
  std::string copy_of_seals{};             // Lines of seals that were kept elsewhere: the log must fit each of them.
};

struct Verdict {
  bool is_unbroken = false;
  std::string line;  // For people, without a line feed.
};

Verdict Verify(std::istream& file, const Options& options);

// The 32 bytes of an Ed25519 public key in PEM; empty when `pem` is not one.
std::string PublicKeyFromPem(const std::string& pem);

}  // namespace sluice_audit_verify

#endif  // SLUICE_HOST_AUDIT_VERIFY_H_
