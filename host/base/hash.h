// Hashes, ids and the canonical form that is hashed.
//
// Pure functions, safe on any thread.
#ifndef SLUICE_HOST_BASE_HASH_H_
#define SLUICE_HOST_BASE_HASH_H_

#include <string>

#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

namespace sluice::base {

// JSON by RFC 8785: keys sorted by UTF-16 code units, no white space, shortest escapes. Integers only: a number with a
// fraction is a bug of the caller and ends the program.
std::string CanonicalJson(const nlohmann::json& json);
// A text in that form, with its quotes.
void AppendCanonicalText(absl::string_view text, std::string& out);

std::string Sha256(absl::string_view bytes);     // 32 bytes
std::string Sha256Hex(absl::string_view bytes);  // 64 lower-case digits

// A UUIDv8 (RFC 9562) made of the first 122 bits of the SHA-256 of the canonical JSON, as text: the same input, the
// same id.
std::string UuidOf(const nlohmann::json& json);

// `size` bytes from the operating system's random source.
std::string RandomBytes(size_t size);
// A random UUIDv4 as text, for what has no content to hash (a run).
std::string RandomUuid();

}  // namespace sluice::base

#endif  // SLUICE_HOST_BASE_HASH_H_
