#include "host/base/hash.h"

#include <openssl/rand.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace sluice::base {
namespace {

[[noreturn]] void Die(const char* why) {
  std::fprintf(stderr, "bug: %s\n", why);
  std::abort();
}

bool IsContinuation(unsigned char c) { return (c & 0xC0) == 0x80; }

// Length of the well-formed UTF-8 sequence that starts at `at`; 0: none does.
size_t SequenceLength(absl::string_view text, size_t at) {
  auto byte = [&](size_t offset) { return static_cast<unsigned char>(text[at + offset]); };
  size_t left = text.size() - at;
  unsigned char first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return left >= 2 && IsContinuation(byte(1)) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if (left < 3 || !IsContinuation(byte(1)) || !IsContinuation(byte(2))) return 0;
    if (first == 0xE0 && byte(1) < 0xA0) return 0;
    if (first == 0xED && byte(1) > 0x9F) return 0;  // Half of a surrogate pair.
    return 3;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if (left < 4 || !IsContinuation(byte(1)) || !IsContinuation(byte(2)) || !IsContinuation(byte(3))) return 0;
    if (first == 0xF0 && byte(1) < 0x90) return 0;
    if (first == 0xF4 && byte(1) > 0x8F) return 0;
    return 4;
  }
  return 0;
}

void AppendEscaped(unsigned char c, std::string& out) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default: {
      static constexpr char kDigits[] = "0123456789abcdef";
      out += "\\u00";
      out += kDigits[c >> 4];
      out += kDigits[c & 15];
    }
  }
}

bool IsPlain(unsigned char c) { return c >= 0x20 && c < 0x80 && c != '"' && c != '\\'; }

void AppendString(absl::string_view text, std::string& out) {
  out += '"';
  for (size_t at = 0; at < text.size();) {
    size_t plain = at;
    while (plain < text.size() && IsPlain(static_cast<unsigned char>(text[plain]))) ++plain;
    out.append(text.data() + at, plain - at);
    at = plain;
    if (at == text.size()) break;
    unsigned char c = static_cast<unsigned char>(text[at]);
    if (c < 0x80) {
      AppendEscaped(c, out);
      ++at;
      continue;
    }
    size_t length = SequenceLength(text, at);
    if (length == 0) {
      out += "\xEF\xBF\xBD";  // What is not UTF-8 cannot stand in JSON: U+FFFD for each such byte.
      ++at;
      continue;
    }
    out.append(text.data() + at, length);
    at += length;
  }
  out += '"';
}

// Order of UTF-16 code units, on UTF-8. It differs from the order of bytes only where one side has a character beyond
// U+FFFF (a surrogate, D800 to DFFF) and the other one from U+E000 to U+FFFF.
bool LessByCodeUnits(absl::string_view a, absl::string_view b) {
  size_t common = std::min(a.size(), b.size());
  size_t at = 0;
  while (at < common && a[at] == b[at]) ++at;
  if (at == common) return a.size() < b.size();
  unsigned char x = static_cast<unsigned char>(a[at]);
  unsigned char y = static_cast<unsigned char>(b[at]);
  bool x_is_beyond = x >= 0xF0;
  bool y_is_beyond = y >= 0xF0;
  if (x_is_beyond != y_is_beyond && std::min(x, y) >= 0xEE) return x_is_beyond;
  return x < y;
}

void AppendJson(const nlohmann::json& json, std::string& out);

void AppendObject(const nlohmann::json& json, std::string& out) {
  std::vector<std::pair<absl::string_view, const nlohmann::json*>> items;
  items.reserve(json.size());
  for (auto it = json.begin(); it != json.end(); ++it) items.emplace_back(it.key(), &it.value());
  std::sort(items.begin(), items.end(), [](const auto& a, const auto& b) { return LessByCodeUnits(a.first, b.first); });
  out += '{';
  bool is_first = true;
  for (const auto& [key, value] : items) {
    if (!is_first) out += ',';
    is_first = false;
    AppendString(key, out);
    out += ':';
    AppendJson(*value, out);
  }
  out += '}';
}

void AppendJson(const nlohmann::json& json, std::string& out) {
  switch (json.type()) {
    case nlohmann::json::value_t::null:
      out += "null";
      return;
    case nlohmann::json::value_t::boolean:
      out += json.get<bool>() ? "true" : "false";
      return;
    case nlohmann::json::value_t::number_integer:
      absl::StrAppend(&out, json.get<int64_t>());
      return;
    case nlohmann::json::value_t::number_unsigned:
      absl::StrAppend(&out, json.get<uint64_t>());
      return;
    case nlohmann::json::value_t::string:
      AppendString(*json.get_ptr<const std::string*>(), out);
      return;
    case nlohmann::json::value_t::array: {
      out += '[';
      bool is_first = true;
      for (const auto& item : json) {
        if (!is_first) out += ',';
        is_first = false;
        AppendJson(item, out);
      }
      out += ']';
      return;
    }
    case nlohmann::json::value_t::object:
      AppendObject(json, out);
      return;
    case nlohmann::json::value_t::number_float:
      Die("canonical JSON has integers only; a number with a fraction must be text");
    case nlohmann::json::value_t::binary:
    case nlohmann::json::value_t::discarded:
      Die("canonical JSON of what is not JSON");
  }
}

std::string UuidText(std::string bytes, int version) {
  bytes.resize(16);
  bytes[6] = static_cast<char>((static_cast<unsigned char>(bytes[6]) & 0x0F) | (version << 4));
  bytes[8] = static_cast<char>((static_cast<unsigned char>(bytes[8]) & 0x3F) | 0x80);
  std::string digits = absl::BytesToHexString(bytes);
  absl::string_view view = digits;
  return absl::StrCat(view.substr(0, 8), "-", view.substr(8, 4), "-", view.substr(12, 4), "-", view.substr(16, 4), "-",
                      view.substr(20));
}

}  // namespace

std::string CanonicalJson(const nlohmann::json& json) {
  std::string out;
  AppendJson(json, out);
  return out;
}

void AppendCanonicalText(absl::string_view text, std::string& out) { AppendString(text, out); }

std::string Sha256(absl::string_view bytes) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

std::string Sha256Hex(absl::string_view bytes) { return absl::BytesToHexString(Sha256(bytes)); }

std::string UuidOf(const nlohmann::json& json) {
  std::string digest = Sha256(CanonicalJson(json));
  // The first 122 bits fill what version and variant leave free: 48 before the version, 12 between, 62 after.
  auto bit = [&digest](int index) { return (static_cast<unsigned char>(digest[index / 8]) >> (7 - index % 8)) & 1; };
  std::string bytes(16, '\0');
  int from = 0;
  for (int to = 0; to < 128; ++to) {
    if ((to >= 48 && to < 52) || to == 64 || to == 65) continue;
    if (bit(from++)) bytes[to / 8] = static_cast<char>(static_cast<unsigned char>(bytes[to / 8]) | (0x80 >> (to % 8)));
  }
  return UuidText(std::move(bytes), 8);
}

std::string RandomBytes(size_t size) {
  std::string bytes(size, '\0');
  if (size > 0 && RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(size)) != 1) {
    Die("the operating system gives no random bytes");
  }
  return bytes;
}

std::string RandomUuid() { return UuidText(RandomBytes(16), 4); }

}  // namespace sluice::base
