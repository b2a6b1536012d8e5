#include "plugins/active_directory/src/names.h"

#include <array>
#include <cstdint>
#include <cstdio>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace sluice::active_directory {
namespace {

constexpr char kNothing[] = "(!(objectClass=*))";
constexpr uint32_t kBadCharacter = 0xFFFFFFFF;

// The next code point; kBadCharacter (and one byte forward) where the text is not UTF-8.
uint32_t NextCharacter(absl::string_view text, size_t& at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  const int extra = first < 0x80 ? 0 : (first >> 5) == 6 ? 1 : (first >> 4) == 14 ? 2 : (first >> 3) == 30 ? 3 : -1;
  if (extra < 0 || at + extra >= text.size()) {
    ++at;
    return kBadCharacter;
  }
  uint32_t point = extra == 0 ? first : first & (0x3F >> extra);
  for (int i = 1; i <= extra; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) {
      ++at;
      return kBadCharacter;
    }
    point = (point << 6) | (byte(at + i) & 0x3F);
  }
  constexpr std::array<uint32_t, 4> kSmallest = {0, 0x80, 0x800, 0x10000};
  if (point < kSmallest[extra] || point > 0x10FFFF || (point >= 0xD800 && point < 0xE000)) {
    ++at;
    return kBadCharacter;
  }
  at += extra + 1;
  return point;
}

void AppendUtf8(uint32_t point, std::string& out) {
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += static_cast<char>(0xC0 | (point >> 6));
    out += static_cast<char>(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    out += static_cast<char>(0xE0 | (point >> 12));
    out += static_cast<char>(0x80 | ((point >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (point & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (point >> 18));
    out += static_cast<char>(0x80 | ((point >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((point >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (point & 0x3F));
  }
}

uint32_t LowerCase(uint32_t c) {
  if (c < 0x80) return c >= 'A' && c <= 'Z' ? c + 32 : c;
  if (c >= 0xC0 && c <= 0xDE && c != 0xD7) return c + 32;
  if (c == 0x178) return 0xFF;
  const bool even_is_upper = (c >= 0x100 && c <= 0x137 && c != 0x130 && c != 0x131) || (c >= 0x14A && c <= 0x177) ||
                             (c >= 0x1E00 && c <= 0x1E95) || (c >= 0x1EA0 && c <= 0x1EFF) || (c >= 0x1F8 && c <= 0x21F);
  if (even_is_upper) return c | 1;
  const bool odd_is_upper = (c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17E);
  if (odd_is_upper) return c % 2 == 1 ? c + 1 : c;
  if (c >= 0x391 && c <= 0x3AB && c != 0x3A2) return c + 32;
  if (c >= 0x410 && c <= 0x42F) return c + 32;
  if (c >= 0x400 && c <= 0x40F) return c + 80;
  return c;
}

bool IsDnSpecial(char c) { return absl::StrContains(",+\"\\<>;=", absl::string_view(&c, 1)); }

// One "type=value" from `at`, up to the comma or the end.
absl::StatusOr<Rdn> ParseRdn(absl::string_view text, size_t& at) {
  const size_t equals = text.find('=', at);
  if (equals == absl::string_view::npos) return absl::InvalidArgumentError("a part of the name has no '='");
  Rdn rdn;
  rdn.type = std::string(absl::StripAsciiWhitespace(text.substr(at, equals - at)));
  if (rdn.type.empty()) return absl::InvalidArgumentError("a part of the name has nothing before its '='");
  for (const char c : rdn.type) {
    if (!absl::ascii_isalnum(c) && c != '-' && c != '.')
      return absl::InvalidArgumentError("a part of the name has a strange type");
  }
  at = equals + 1;
  while (at < text.size() && text[at] == ' ') ++at;
  size_t kept = 0;  // Up to here spaces were escaped or followed by something: they belong to the value.
  for (; at < text.size() && text[at] != ',' && text[at] != ';'; ++at) {
    const char c = text[at];
    if (c == '+') return absl::InvalidArgumentError("a part of the name has two values");
    if (c != '\\') {
      rdn.value += c;
      if (c != ' ') kept = rdn.value.size();
      continue;
    }
    if (at + 1 >= text.size()) return absl::InvalidArgumentError("the name ends in a backslash");
    if (at + 2 < text.size() && absl::ascii_isxdigit(text[at + 1]) && absl::ascii_isxdigit(text[at + 2])) {
      rdn.value += absl::HexStringToBytes(text.substr(at + 1, 2));
      at += 2;
    } else {
      rdn.value += text[++at];
    }
    kept = rdn.value.size();
  }
  rdn.value.resize(kept);
  if (rdn.value.empty()) return absl::InvalidArgumentError("a part of the name has no value");
  return rdn;
}

}  // namespace

std::string FoldCase(absl::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const size_t before = at;
    const uint32_t point = NextCharacter(text, at);
    if (point == kBadCharacter) {
      out += text[before];
    } else {
      AppendUtf8(LowerCase(point), out);
    }
  }
  return out;
}

std::string EscapeFilterValue(absl::string_view value) {
  std::string out;
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '*' || c == '(' || c == ')' || c == '\\' || byte < 0x20 || byte == 0x7F) {
      absl::StrAppend(&out, "\\", absl::Hex(byte, absl::kZeroPad2));
    } else {
      out += c;
    }
  }
  return out;
}

std::string EscapeDnValue(absl::string_view value) {
  std::string out;
  for (size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    const auto byte = static_cast<unsigned char>(c);
    const bool at_edge = c == ' ' && (i == 0 || i + 1 == value.size());
    if (byte < 0x20 || byte == 0x7F) {
      absl::StrAppend(&out, "\\", absl::Hex(byte, absl::kZeroPad2));
    } else if (IsDnSpecial(c) || at_edge || (c == '#' && i == 0)) {
      out += '\\';
      out += c;
    } else {
      out += c;
    }
  }
  return out;
}

std::string Equals(absl::string_view attribute, absl::string_view value) {
  if (value.empty() || attribute.empty()) return kNothing;
  if (absl::EqualsIgnoreCase(attribute, "objectGUID")) {
    const auto bytes = GuidToBytes(value);
    if (!bytes.ok()) return kNothing;
    std::string out = "(objectGUID=";
    for (const char c : *bytes) absl::StrAppend(&out, "\\", absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad2));
    return out + ")";
  }
  return absl::StrCat("(", attribute, "=", EscapeFilterValue(value), ")");
}

std::string AnyOf(const std::vector<std::string>& filters) {
  if (filters.empty()) return kNothing;
  return filters.size() == 1 ? filters[0] : absl::StrCat("(|", absl::StrJoin(filters, ""), ")");
}

std::string AllOf(const std::vector<std::string>& filters) {
  if (filters.empty()) return "(objectClass=*)";
  return filters.size() == 1 ? filters[0] : absl::StrCat("(&", absl::StrJoin(filters, ""), ")");
}

absl::StatusOr<Dn> Dn::Parse(absl::string_view text) {
  std::vector<Rdn> parts;
  text = absl::StripLeadingAsciiWhitespace(text);
  for (size_t at = 0; at < text.size();) {
    auto rdn = ParseRdn(text, at);
    if (!rdn.ok()) return rdn.status();
    parts.push_back(*std::move(rdn));
    if (at >= text.size()) break;
    ++at;  // The comma.
    if (at >= text.size()) return absl::InvalidArgumentError("the name ends in a comma");
    while (at < text.size() && text[at] == ' ') ++at;
  }
  return Dn(std::move(parts));
}

std::string Dn::ToString() const {
  return absl::StrJoin(parts_, ",", [](std::string* out, const Rdn& rdn) {
    absl::StrAppend(out, rdn.type, "=", EscapeDnValue(rdn.value));
  });
}

std::string Dn::Key() const { return FoldCase(ToString()); }

Dn Dn::Parent() const { return parts_.empty() ? Dn() : Dn(std::vector<Rdn>(parts_.begin() + 1, parts_.end())); }

Dn Dn::Below(const Dn& base) const {
  std::vector<Rdn> parts = parts_;
  parts.insert(parts.end(), base.parts_.begin(), base.parts_.end());
  return Dn(std::move(parts));
}

Dn Dn::Child(absl::string_view type, absl::string_view value) const {
  return Dn({Rdn{std::string(type), std::string(value)}}).Below(*this);
}

bool Dn::IsWithin(const Dn& base) const { return RelativeTo(base).has_value(); }

std::optional<Dn> Dn::RelativeTo(const Dn& base) const {
  if (base.parts_.size() > parts_.size()) return std::nullopt;
  const size_t own = parts_.size() - base.parts_.size();
  if (Dn(std::vector<Rdn>(parts_.begin() + own, parts_.end())).Key() != base.Key()) return std::nullopt;
  return Dn(std::vector<Rdn>(parts_.begin(), parts_.begin() + own));
}

namespace {
constexpr std::array<int, 16> kGuidOrder = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
}  // namespace

absl::StatusOr<std::string> GuidToText(absl::string_view bytes) {
  if (bytes.size() != 16) return absl::InvalidArgumentError("an objectGUID has 16 bytes");
  std::string out;
  for (size_t i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    absl::StrAppend(&out, absl::Hex(static_cast<unsigned char>(bytes[kGuidOrder[i]]), absl::kZeroPad2));
  }
  return out;
}

bool IsGuidText(absl::string_view text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !absl::ascii_isxdigit(text[i])) return false;
  }
  return true;
}

absl::StatusOr<std::string> GuidToBytes(absl::string_view text) {
  if (!IsGuidText(text)) return absl::InvalidArgumentError("an object's id looks like 8-4-4-4-12 hexadecimal digits");
  std::string digits;
  for (const char c : text) {
    if (c != '-') digits += c;
  }
  const std::string plain = absl::HexStringToBytes(digits);
  std::string out(16, '\0');
  for (size_t i = 0; i < 16; ++i) out[kGuidOrder[i]] = plain[i];
  return out;
}

std::string GuidDn(absl::string_view guid_text) { return absl::StrCat("<GUID=", guid_text, ">"); }

std::optional<std::string> GuidOfExtendedDn(absl::string_view extended) {
  constexpr absl::string_view kStart = "<GUID=";
  if (!absl::StartsWithIgnoreCase(extended, kStart)) return std::nullopt;
  const size_t end = extended.find('>');
  if (end == absl::string_view::npos) return std::nullopt;
  const absl::string_view guid = extended.substr(kStart.size(), end - kStart.size());
  if (IsGuidText(guid)) return absl::AsciiStrToLower(guid);
  if (guid.size() != 32) return std::nullopt;
  for (const char c : guid) {
    if (!absl::ascii_isxdigit(c)) return std::nullopt;
  }
  auto text = GuidToText(absl::HexStringToBytes(guid));
  return text.ok() ? std::optional<std::string>(*std::move(text)) : std::nullopt;
}

std::string NameOfExtendedDn(absl::string_view extended) {
  while (!extended.empty() && extended[0] == '<') {
    const size_t end = extended.find(">;");
    if (end == absl::string_view::npos) return "";
    extended.remove_prefix(end + 2);
  }
  return std::string(extended);
}

absl::StatusOr<std::string> PasswordBytes(absl::string_view password) {
  const std::string quoted = absl::StrCat("\"", password, "\"");
  std::string out;
  const auto append = [&out](uint32_t unit) {
    out += static_cast<char>(unit & 0xFF);
    out += static_cast<char>(unit >> 8);
  };
  for (size_t at = 0; at < quoted.size();) {
    const uint32_t point = NextCharacter(quoted, at);
    if (point == kBadCharacter) return absl::InvalidArgumentError("the password is not UTF-8");
    if (point < 0x10000) {
      append(point);
    } else {
      append(0xD800 + ((point - 0x10000) >> 10));
      append(0xDC00 + ((point - 0x10000) & 0x3FF));
    }
  }
  return out;
}

size_t LengthOf(absl::string_view text) {
  size_t length = 0;
  for (size_t at = 0; at < text.size(); ++length) NextCharacter(text, at);
  return length;
}

}  // namespace sluice::active_directory
