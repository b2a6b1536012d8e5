#include "plugins/csv/src/encoding.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "sluice/connector/error.h"

namespace sluice::csv {
namespace {

using connector::Error;
using connector::Reason;

constexpr std::string_view kUtf8Mark = "\xEF\xBB\xBF";

// Windows-1252 from 0x80 to 0x9F; 0: no character.
constexpr std::array<uint16_t, 32> kUpper = {0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                             0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0,      0x017D, 0,
                                             0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                             0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};

// Plain letters for U+00C0 to U+00FF.
constexpr std::string_view kPlain = "aaaaaaaceeeeiiiidnooooo_ouuuuypsaaaaaaaceeeeiiiidnooooo_ouuuuypy";

uint8_t ByteAt(std::string_view text, size_t at) { return static_cast<uint8_t>(text[at]); }

// Bytes of the character of more than one byte that begins here; 0: none does.
size_t SequenceLength(std::string_view text, size_t at) {
  const uint8_t first = ByteAt(text, at);
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC2 ? 2 : 0;
  if (length == 0 || first > 0xF4 || at + length > text.size()) return 0;
  uint32_t code = first & (0xFF >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if ((ByteAt(text, at + i) & 0xC0) != 0x80) return 0;
    code = code << 6 | (ByteAt(text, at + i) & 0x3F);
  }
  constexpr std::array<uint32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
  const bool is_surrogate = code >= 0xD800 && code <= 0xDFFF;
  return code < kLeast[length] || is_surrogate || code > 0x10FFFF ? 0 : length;
}

void AppendUtf8(uint16_t code, std::string& out) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xE0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

// A byte that Dutch text in Windows-1252 has, and that is no letter in the encodings of DOS and Macintosh.
bool IsSurelyWindows(uint8_t byte) {
  if (byte >= 0xC0) return byte != 0xD7 && byte != 0xF7;
  return byte == 0x80 || byte == 0x92 || byte == 0x96;  // Euro, apostrophe, dash.
}

std::string LineOf(std::string_view content, size_t at) {
  return absl::StrCat("line ", 1 + std::count(content.begin(), content.begin() + static_cast<ptrdiff_t>(at), '\n'));
}

absl::Status NoText(const std::string& file, std::string_view what) {
  return Error(Reason::kInvalid, "CSV-0105", absl::StrCat(file, " is ", std::string(what)));
}

absl::Status NotCertain(std::string_view content, size_t at, const std::string& file, std::string_view why) {
  return Error(Reason::kInvalid, "CSV-0106",
               absl::StrCat("the encoding of ", file, " is not certain: ", std::string(why), " (byte 0x",
                            absl::StrFormat("%02X", ByteAt(content, at)),
                            "); say encoding: utf-8 or windows-1252 in the settings"))
      .Origin(LineOf(content, at));
}

absl::Status CheckKind(std::string_view content, const std::string& file) {
  const auto begins = [&](std::string_view mark) { return content.substr(0, mark.size()) == mark; };
  if (begins("PK\x03\x04") || begins("\xD0\xCF\x11\xE0"))
    return NoText(file, "a workbook, no text; save it as \"CSV UTF-8\"");
  const bool is_utf16 = begins("\xFF\xFE") || begins("\xFE\xFF");
  if (is_utf16 || content.substr(0, 4096).find('\0') != std::string_view::npos)
    return NoText(file, "no text in UTF-8 or Windows-1252 (UTF-16?); save it as \"CSV UTF-8\"");
  return absl::OkStatus();
}

absl::StatusOr<FoundEncoding> Guess(std::string_view content, const std::string& file, bool is_whole) {
  std::optional<size_t> odd, sequence;  // The first of each.
  for (size_t at = 0; at < content.size();) {
    const uint8_t byte = ByteAt(content, at);
    if (byte < 0x80) {
      ++at;
      continue;
    }
    const size_t length = SequenceLength(content, at);
    if (length > 0) {
      if (!sequence) sequence = at;
      at += length;
      continue;
    }
    if (!is_whole && at + 4 > content.size()) break;  // A character that the end of the piece cuts.
    if (!IsSurelyWindows(byte)) return NotCertain(content, at, file, "it may be that of DOS or of a Macintosh");
    if (!odd) odd = at;
    ++at;
  }
  if (odd && sequence) return NotCertain(content, *odd, file, "some lines are UTF-8 and some are not");
  return FoundEncoding{odd ? Encoding::kWindows1252 : Encoding::kUtf8, 0};
}

}  // namespace

absl::StatusOr<FoundEncoding> FindEncoding(std::string_view content, std::string_view wanted, const std::string& file,
                                           bool is_whole) {
  if (absl::Status status = CheckKind(content, file); !status.ok()) return status;
  if (content.substr(0, kUtf8Mark.size()) == kUtf8Mark) {
    if (wanted == "windows-1252")
      return NotCertain(content, 0, file, "the settings say windows-1252, and it begins with the mark of UTF-8");
    return FoundEncoding{Encoding::kUtf8, kUtf8Mark.size()};
  }
  if (wanted == "utf-8") return FoundEncoding{Encoding::kUtf8, 0};
  if (wanted == "windows-1252") return FoundEncoding{Encoding::kWindows1252, 0};
  return Guess(content, file, is_whole);
}

std::optional<std::string> Decode(std::string_view bytes, Encoding encoding) {
  std::string text;
  for (size_t at = 0; at < bytes.size();) {
    const uint8_t byte = ByteAt(bytes, at);
    if (byte < 0x80) {
      if (byte == 0) return std::nullopt;
      text += static_cast<char>(byte);
      ++at;
    } else if (encoding == Encoding::kWindows1252) {
      const uint16_t code = byte < 0xA0 ? kUpper[byte - 0x80] : byte;
      if (code == 0) return std::nullopt;
      AppendUtf8(code, text);
      ++at;
    } else {
      const size_t length = SequenceLength(bytes, at);
      if (length == 0) return std::nullopt;
      text.append(bytes.substr(at, length));
      at += length;
    }
  }
  // No-break spaces come from spreadsheets.
  const auto trim = [&](std::string_view blank) {
    while (text.size() >= blank.size() && text.compare(0, blank.size(), blank) == 0) text.erase(0, blank.size());
    while (absl::EndsWith(text, absl::string_view(blank.data(), blank.size()))) text.erase(text.size() - blank.size());
  };
  absl::StripAsciiWhitespace(&text);
  trim("\xC2\xA0");
  absl::StripAsciiWhitespace(&text);
  return text;
}

std::string AttributeName(std::string_view heading) {
  std::string name;
  for (size_t at = 0; at < heading.size();) {
    const uint8_t byte = ByteAt(heading, at);
    char letter = '_';
    size_t length = 1;
    if (byte < 0x80) {
      if (absl::ascii_isalnum(byte)) letter = absl::ascii_tolower(byte);
    } else if (length = std::max<size_t>(1, SequenceLength(heading, at)); length == 2 && byte == 0xC3) {
      letter = kPlain[ByteAt(heading, at + 1) & 0x3F];
    }
    if (letter != '_' || (!name.empty() && name.back() != '_')) name += letter;
    at += length;
  }
  while (!name.empty() && name.back() == '_') name.pop_back();
  return name;
}

}  // namespace sluice::csv
