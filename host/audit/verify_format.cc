#include "host/audit/verify_format.h"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace sluice_audit_verify {

void Fail(const std::string& what) { throw Broken(what); }

std::string Grouped(int64_t number) {
  std::string text = std::to_string(number);
  for (int at = static_cast<int>(text.size()) - 3; at > 0; at -= 3) text.insert(static_cast<size_t>(at), ",");
  return text;
}

std::string Count(int64_t number, const std::string& noun) {
  return Grouped(number) + " " + noun + (number == 1 ? "" : "s");
}

std::string RowName(int64_t sequence) { return "row " + Grouped(sequence); }

std::string RowsName(int64_t first, int64_t last) {
  return first == last ? RowName(first) : "rows " + Grouped(first) + " to " + Grouped(last);
}

bool IsHex(const std::string& text, size_t digits) {
  return text.size() == digits && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

std::string FromHex(const std::string& text) {
  std::string bytes;
  for (size_t at = 0; at + 1 < text.size(); at += 2) {
    bytes.push_back(static_cast<char>(std::stoi(text.substr(at, 2), nullptr, 16)));
  }
  return bytes;
}

std::string Sha256(const std::string& bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha256(), nullptr) != 1) Fail("OpenSSL has no SHA-256");
  static const char kDigits[] = "0123456789abcdef";
  std::string text;
  for (unsigned at = 0; at < size; ++at) {
    text.push_back(kDigits[digest[at] >> 4]);
    text.push_back(kDigits[digest[at] & 15]);
  }
  return text;
}

bool FromBase64(const std::string& text, std::string& bytes) {
  if (text.size() % 4 != 0 || text.size() > kLongestLine) return false;
  std::vector<unsigned char> out(text.size() / 4 * 3 + 1), again(text.size() + 1);
  const int size =
      EVP_DecodeBlock(out.data(), reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (size < 0) return false;
  bytes.assign(out.begin(), out.begin() + size);
  for (size_t at = text.size(); at > 0 && text[at - 1] == '=' && text.size() - at < 2; --at) bytes.pop_back();
  EVP_EncodeBlock(again.data(), reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  return text == reinterpret_cast<const char*>(again.data());
}

namespace {

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

}  // namespace

bool IsSignedBy(const std::string& public_key, const std::string& text, const std::string& base64) {
  std::string signature;
  if (!FromBase64(base64, signature) || signature.size() != 64) return false;
  const std::unique_ptr<EVP_PKEY, Free> key(EVP_PKEY_new_raw_public_key(
      EVP_PKEY_ED25519, nullptr, reinterpret_cast<const unsigned char*>(public_key.data()), public_key.size()));
  const std::unique_ptr<EVP_MD_CTX, Free> context(EVP_MD_CTX_new());
  return key != nullptr && context != nullptr &&
         EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
         EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.data()), signature.size(),
                          reinterpret_cast<const unsigned char*>(text.data()), text.size()) == 1;
}

namespace {

constexpr int kDeepest = 66;  // Levels of JSON in a line: those of a row, and what stands around it.

// What reads a text further calls itself for each level.
bool IsTooDeep(const std::string& text) {
  int depth = 0;
  bool is_text = false;
  for (size_t at = 0; at < text.size(); ++at) {
    if (is_text && text[at] == '\\') {
      ++at;
    } else if (text[at] == '"') {
      is_text = !is_text;
    } else if (!is_text && (text[at] == '{' || text[at] == '[')) {
      if (++depth > kDeepest) return true;
    } else if (!is_text && (text[at] == '}' || text[at] == ']')) {
      --depth;
    }
  }
  return false;
}

// The UTF-16 code units of well-formed UTF-8: the order of keys.
std::u16string Utf16(const std::string& text) {
  std::u16string units;
  for (size_t at = 0; at < text.size();) {
    const unsigned char lead = static_cast<unsigned char>(text[at]);
    const int length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    uint32_t point = length == 1 ? lead : lead & (0xFFu >> (length + 1));
    for (int more = 1; more < length; ++more)
      point = (point << 6) | (static_cast<unsigned char>(text[at + more]) & 63u);
    at += static_cast<size_t>(length);
    if (point < 0x10000) {
      units.push_back(static_cast<char16_t>(point));
    } else {
      units.push_back(static_cast<char16_t>(0xD800 + ((point - 0x10000) >> 10)));
      units.push_back(static_cast<char16_t>(0xDC00 + ((point - 0x10000) & 0x3FF)));
    }
  }
  return units;
}

void AppendCanonical(const Json& json, std::string& out) {
  if (json.is_object()) {
    std::vector<std::pair<std::u16string, std::string>> keys;
    for (const auto& item : json.items()) keys.emplace_back(Utf16(item.key()), item.key());
    std::sort(keys.begin(), keys.end());
    out.push_back('{');
    for (size_t at = 0; at < keys.size(); ++at) {
      if (at > 0) out.push_back(',');
      out += Json(keys[at].second).dump() + ":";
      AppendCanonical(json.at(keys[at].second), out);
    }
    out.push_back('}');
  } else if (json.is_array()) {
    out.push_back('[');
    for (size_t at = 0; at < json.size(); ++at) {
      if (at > 0) out.push_back(',');
      AppendCanonical(json[at], out);
    }
    out.push_back(']');
  } else if (json.is_number_float()) {
    Fail("a number with a fraction");
  } else {
    out += json.dump();
  }
}

}  // namespace

std::string Canonical(const Json& json) {
  std::string out;
  AppendCanonical(json, out);
  return out;
}

Json ParseCanonical(const std::string& text) {
  const Json nothing(Json::value_t::discarded);
  if (text.size() > kLongestLine || IsTooDeep(text)) return nothing;
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  try {
    return json.is_object() && Canonical(json) == text ? json : nothing;
  } catch (const std::exception&) {
    return nothing;
  }
}

}  // namespace sluice_audit_verify
