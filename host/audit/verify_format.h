// How an export is written: canonical JSON, hexadecimal digits, base64, hashes and signatures, and how its rows are
// named.
//
// A part of sluice-audit-verify, which shares no code with the host. Holds no state.
#ifndef SLUICE_HOST_AUDIT_VERIFY_FORMAT_H_
#define SLUICE_HOST_AUDIT_VERIFY_FORMAT_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

namespace sluice_audit_verify {

using Json = nlohmann::json;

inline constexpr size_t kLongestLine = 1 << 28;

// What is wrong with the file; thrown to the one place that turns it into a verdict.
struct Broken : std::runtime_error {
  using std::runtime_error::runtime_error;
};
[[noreturn]] void Fail(const std::string& what);

std::string Grouped(int64_t number);                         // "1,204"
std::string Count(int64_t number, const std::string& noun);  // "2 rows"
std::string RowName(int64_t sequence);                       // "row 1,204"
std::string RowsName(int64_t first, int64_t last);           // "rows 3 to 5"

bool IsHex(const std::string& text, size_t digits);
std::string FromHex(const std::string& text);
std::string Sha256(const std::string& bytes);  // 64 digits.
// False when the text is not the one way to write some bytes.
bool FromBase64(const std::string& text, std::string& bytes);
// An Ed25519 signature by the 32 bytes of a public key.
bool IsSignedBy(const std::string& public_key, const std::string& text, const std::string& base64);

// RFC 8785, integers only.
std::string Canonical(const Json& json);
// Discarded when the text is not the canonical form of an object.
Json ParseCanonical(const std::string& text);

}  // namespace sluice_audit_verify

#endif  // SLUICE_HOST_AUDIT_VERIFY_FORMAT_H_
