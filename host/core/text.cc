#include "host/core/text.h"

#include <unicode/bytestream.h>
#include <unicode/casemap.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace sluice::core {
namespace {

constexpr UChar32 kReplacement = 0xFFFD;

bool IsAscii(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// Calls `each` with every code point.
template <typename Each>
void ForEachCharacter(absl::string_view text, Each each) {
  const char* bytes = text.data();
  int32_t size = static_cast<int32_t>(text.size());
  for (int32_t at = 0; at < size;) {
    UChar32 c;
    U8_NEXT(bytes, at, size, c);
    each(c < 0 ? kReplacement : c);
  }
}

void Append(UChar32 c, std::string& out) {
  char bytes[U8_MAX_LENGTH];
  int32_t size = 0;
  U8_APPEND_UNSAFE(bytes, size, c);
  out.append(bytes, size);
}

// Offset of the byte at which character number `count` starts; the end when there are fewer.
size_t OffsetOf(absl::string_view text, int64_t count) {
  int32_t at = 0;
  int32_t size = static_cast<int32_t>(text.size());
  for (int64_t i = 0; i < count && at < size; ++i) {
    UChar32 c;
    U8_NEXT(text.data(), at, size, c);
    (void)c;
  }
  return at;
}

std::string Normalised(const icu::Normalizer2* normalizer, absl::string_view text) {
  std::string out;
  UErrorCode error = U_ZERO_ERROR;
  icu::StringByteSink<std::string> sink(&out);
  normalizer->normalizeUTF8(0, icu::StringPiece(text.data(), static_cast<int32_t>(text.size())), sink, nullptr, error);
  return U_SUCCESS(error) ? out : std::string(text);
}

const icu::Normalizer2* Nfc() {
  UErrorCode error = U_ZERO_ERROR;
  return icu::Normalizer2::getNFCInstance(error);
}
const icu::Normalizer2* Nfkd() {
  UErrorCode error = U_ZERO_ERROR;
  return icu::Normalizer2::getNFKDInstance(error);
}
const icu::Normalizer2* NfkcCasefold() {
  UErrorCode error = U_ZERO_ERROR;
  return icu::Normalizer2::getNFKCCasefoldInstance(error);
}

// Characters that nobody sees: controls that are not white space, joiners, marks of direction, the byte-order mark, the
// soft hyphen.
bool IsInvisible(UChar32 c) {
  if (c < 0x20 || (c >= 0x7F && c < 0xA0)) return !u_isUWhiteSpace(c);
  int8_t type = u_charType(c);
  return type == U_FORMAT_CHAR || c == 0x034F || c == 0x115F || c == 0x1160 || c == 0x3164 || c == 0xFFA0 ||
         (c >= 0xFE00 && c <= 0xFE0F);
}

struct Equivalent {
  UChar32 from;
  const char* to;
};
// Letters that Unicode does not decompose, and signs with a plain twin. Sorted by code point.
constexpr Equivalent kEquivalents[] = {
    {0x00AB, "\""}, {0x00BB, "\""}, {0x00C6, "AE"}, {0x00D0, "D"},  {0x00D7, "x"},  {0x00D8, "O"},  {0x00DE, "Th"},
    {0x00DF, "ss"}, {0x00E6, "ae"}, {0x00F0, "d"},  {0x00F8, "o"},  {0x00FE, "th"}, {0x0110, "D"},  {0x0111, "d"},
    {0x0126, "H"},  {0x0127, "h"},  {0x0131, "i"},  {0x0138, "k"},  {0x0141, "L"},  {0x0142, "l"},  {0x014A, "Ng"},
    {0x014B, "ng"}, {0x0152, "OE"}, {0x0153, "oe"}, {0x0166, "T"},  {0x0167, "t"},  {0x0180, "b"},  {0x0181, "B"},
    {0x0189, "D"},  {0x018A, "D"},  {0x018E, "E"},  {0x018F, "E"},  {0x0191, "F"},  {0x0192, "f"},  {0x0197, "I"},
    {0x0198, "K"},  {0x0199, "k"},  {0x019A, "l"},  {0x01B5, "Z"},  {0x01B6, "z"},  {0x01DD, "e"},  {0x01E4, "G"},
    {0x01E5, "g"},  {0x0237, "j"},  {0x023A, "A"},  {0x023B, "C"},  {0x023C, "c"},  {0x023D, "L"},  {0x0243, "B"},
    {0x0244, "U"},  {0x0248, "J"},  {0x0249, "j"},  {0x0253, "b"},  {0x0256, "d"},  {0x0257, "d"},  {0x0259, "e"},
    {0x0268, "i"},  {0x0289, "u"},  {0x02BB, "'"},  {0x02BC, "'"},  {0x02BD, "'"},  {0x1E9E, "SS"}, {0x2010, "-"},
    {0x2011, "-"},  {0x2012, "-"},  {0x2013, "-"},  {0x2014, "-"},  {0x2015, "-"},  {0x2018, "'"},  {0x2019, "'"},
    {0x201A, "'"},  {0x201B, "'"},  {0x201C, "\""}, {0x201D, "\""}, {0x201E, "\""}, {0x2032, "'"},  {0x2212, "-"},
};

bool IsMark(UChar32 c) {
  int8_t type = u_charType(c);
  return type == U_NON_SPACING_MARK || type == U_ENCLOSING_MARK || type == U_COMBINING_SPACING_MARK;
}

bool IsApostrophe(UChar32 c) { return c == '\'' || c == 0x2019 || c == 0x02BC; }

template <typename Map>
std::string MapCase(absl::string_view text, Map map) {
  std::string out;
  UErrorCode error = U_ZERO_ERROR;
  icu::StringByteSink<std::string> sink(&out);
  map(icu::StringPiece(text.data(), static_cast<int32_t>(text.size())), sink, error);
  return U_SUCCESS(error) ? out : std::string(text);
}

}  // namespace

std::string NormaliseText(absl::string_view text) {
  bool is_plain = true;  // The usual case costs one look and one copy.
  for (size_t i = 0; is_plain && i < text.size(); ++i) {
    unsigned char c = static_cast<unsigned char>(text[i]);
    bool is_lone_blank = c == ' ' && i > 0 && i + 1 < text.size() && text[i - 1] != ' ';
    is_plain = (c > ' ' && c < 0x7F) || is_lone_blank;
  }
  if (is_plain) return std::string(text);
  std::string visible;
  visible.reserve(text.size());
  bool is_blank_due = false;
  ForEachCharacter(text, [&](UChar32 c) {
    if (u_isUWhiteSpace(c)) {
      is_blank_due = !visible.empty();
      return;
    }
    if (IsInvisible(c)) return;
    if (is_blank_due) visible += ' ';
    is_blank_due = false;
    Append(c, visible);
  });
  return IsAscii(visible) ? visible : Normalised(Nfc(), visible);
}

Value NormaliseValue(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kText: {
      std::string text = NormaliseText(value.text());
      if (text == value.text() && !text.empty()) return value;
      return text.empty() ? Value::Empty() : Value::Text(text);
    }
    case Value::Kind::kList:
    case Value::Kind::kPartialList: {
      Value::List items;
      items.reserve(value.list().size());
      for (const Value& item : value.list()) items.push_back(NormaliseValue(item));
      return value.kind() == Value::Kind::kList ? Value::ListOf(std::move(items))
                                                : Value::PartialListOf(std::move(items));
    }
    case Value::Kind::kMap: {
      Value::Map fields;
      for (const auto& [key, field] : value.map()) fields.emplace(key, NormaliseValue(field));
      return Value::MapOf(std::move(fields));
    }
    default:
      return value;
  }
}

std::string FoldCase(absl::string_view text) {
  if (IsAscii(text)) return absl::AsciiStrToLower(text);
  return Normalised(NfkcCasefold(), text);
}

std::string ToLower(absl::string_view text) {
  if (IsAscii(text)) return absl::AsciiStrToLower(text);
  return MapCase(text, [](icu::StringPiece in, icu::ByteSink& sink, UErrorCode& error) {
    icu::CaseMap::utf8ToLower("", 0, in, sink, nullptr, error);
  });
}

std::string ToUpper(absl::string_view text) {
  if (IsAscii(text)) return absl::AsciiStrToUpper(text);
  return MapCase(text, [](icu::StringPiece in, icu::ByteSink& sink, UErrorCode& error) {
    icu::CaseMap::utf8ToUpper("", 0, in, sink, nullptr, error);
  });
}

std::string ToTitle(absl::string_view text) {
  std::vector<UChar32> characters;
  ForEachCharacter(ToLower(text), [&](UChar32 c) { characters.push_back(c); });
  std::string out;
  size_t word_start = 0;  // Where the word that we are in began.
  for (size_t i = 0; i < characters.size(); ++i) {
    UChar32 c = characters[i];
    bool is_start = i == word_start;
    if (i > word_start && IsApostrophe(characters[i - 1]) && i - word_start == 2) is_start = true;  // O'B
    bool is_second_of_ij = c == 'j' && i == word_start + 1 && characters[i - 1] == 'i';
    Append(is_start || is_second_of_ij ? u_totitle(c) : c, out);
    if (u_isUWhiteSpace(c) || c == '-' || c == 0x2010 || c == 0x2011 || c == '.' || c == '(') word_start = i + 1;
  }
  return out;
}

std::string Transliterate(absl::string_view text) {
  if (IsAscii(text)) return std::string(text);
  std::string out;
  ForEachCharacter(Normalised(Nfkd(), text), [&](UChar32 c) {
    if (c < 0x80) {
      out += static_cast<char>(c);
      return;
    }
    if (IsMark(c)) return;
    const auto* found = std::lower_bound(std::begin(kEquivalents), std::end(kEquivalents), c,
                                         [](const Equivalent& e, UChar32 wanted) { return e.from < wanted; });
    if (found != std::end(kEquivalents) && found->from == c) {
      out += found->to;
    } else if (u_isUWhiteSpace(c)) {
      out += ' ';
    }
  });
  return out;
}

int64_t Length(absl::string_view text) {
  int64_t count = 0;
  ForEachCharacter(text, [&](UChar32) { ++count; });
  return count;
}

std::string Left(absl::string_view text, int64_t count) { return std::string(text.substr(0, OffsetOf(text, count))); }

std::string Right(absl::string_view text, int64_t count) {
  return std::string(text.substr(OffsetOf(text, std::max<int64_t>(0, Length(text) - std::max<int64_t>(0, count)))));
}

std::string Substring(absl::string_view text, int64_t from, int64_t count) {
  text.remove_prefix(OffsetOf(text, from));
  return Left(text, count);
}

std::vector<std::string> Characters(absl::string_view text) {
  std::vector<std::string> characters;
  ForEachCharacter(text, [&](UChar32 c) {
    characters.emplace_back();
    Append(c, characters.back());
  });
  return characters;
}

bool IsWordCharacter(absl::string_view text) {
  if (text.empty()) return false;
  int32_t at = 0;
  UChar32 c;
  U8_NEXT(text.data(), at, static_cast<int32_t>(text.size()), c);
  return c >= 0 && (u_isalnum(c) || IsMark(c));
}

std::string DecimalText(Decimal number) {
  uint64_t size =
      number.millionths < 0 ? 0 - static_cast<uint64_t>(number.millionths) : static_cast<uint64_t>(number.millionths);
  std::string text = absl::StrCat(number.millionths < 0 ? "-" : "", size / 1000000);
  uint64_t fraction = size % 1000000;
  if (fraction == 0) return text;
  std::string digits = absl::StrCat(fraction);
  digits.insert(0, 6 - digits.size(), '0');
  digits.erase(digits.find_last_not_of('0') + 1);
  return absl::StrCat(text, ".", digits);
}

std::optional<Decimal> ParseDecimal(absl::string_view text) {
  bool is_negative = !text.empty() && text[0] == '-';
  if (is_negative) text.remove_prefix(1);
  size_t point = text.find('.');
  absl::string_view whole = text.substr(0, point);
  absl::string_view fraction = point == absl::string_view::npos ? absl::string_view() : text.substr(point + 1);
  auto is_digits = [](absl::string_view part) {
    return !part.empty() && std::all_of(part.begin(), part.end(), [](char c) { return absl::ascii_isdigit(c); });
  };
  if (!is_digits(whole) || whole.size() > 12) return std::nullopt;
  if (point != absl::string_view::npos && (!is_digits(fraction) || fraction.size() > 6)) return std::nullopt;
  int64_t units = 0;
  int64_t millionths = 0;
  if (!absl::SimpleAtoi(whole, &units)) return std::nullopt;
  std::string padded = absl::StrCat(fraction, std::string(6 - fraction.size(), '0'));
  if (!absl::SimpleAtoi(padded, &millionths)) return std::nullopt;
  int64_t all = units * 1000000 + millionths;
  return Decimal{is_negative ? -all : all};
}

std::optional<int64_t> ParseInteger(absl::string_view text) {
  absl::string_view digits = text;
  if (!digits.empty() && digits[0] == '-') digits.remove_prefix(1);
  if (digits.empty() || !std::all_of(digits.begin(), digits.end(), [](char c) { return absl::ascii_isdigit(c); })) {
    return std::nullopt;
  }
  int64_t number = 0;
  if (!absl::SimpleAtoi(text, &number)) return std::nullopt;
  return number;
}

std::string DateText(absl::CivilDay day) { return absl::FormatCivilTime(day); }

std::optional<absl::CivilDay> ParseDate(absl::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  std::optional<int64_t> year = ParseInteger(text.substr(0, 4));
  std::optional<int64_t> month = ParseInteger(text.substr(5, 2));
  std::optional<int64_t> day = ParseInteger(text.substr(8, 2));
  if (!year || !month || !day || *year < 0 || *month < 1 || *day < 1) return std::nullopt;
  absl::CivilDay date(*year, static_cast<int>(*month), static_cast<int>(*day));
  if (date.month() != *month || date.day() != *day) return std::nullopt;
  return date;
}

}  // namespace sluice::core
