// Text as people write it: normalising, changing case, transliterating, counting characters.
//
// Pure functions over UTF-8, safe on any thread, the same in every locale. Bytes that are not UTF-8 become U+FFFD. A
// character is a code point. Unicode's tables come from ICU, which stays behind this header.
#ifndef SLUICE_HOST_CORE_TEXT_H_
#define SLUICE_HOST_CORE_TEXT_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "host/core/value.h"

namespace sluice::core {

// What mapping does to every text, so that two texts that look the same are the same: NFC; no-break blanks become
// blanks; zero-width and control characters go; white space at both ends goes and a run of it inside becomes one blank.
std::string NormaliseText(absl::string_view text);
// The same for a value: its text, and texts inside lists and maps. A text that comes out as "" is empty.
Value NormaliseValue(const Value& value);

// For comparing without regard to case, width and composition (NFKC and case folding by Unicode).
std::string FoldCase(absl::string_view text);

std::string ToLower(absl::string_view text);
std::string ToUpper(absl::string_view text);
// A capital at the start of each word and after a hyphen, and after an apostrophe behind one letter (O'Brien, but van
// 't Hoff); "ij" at the start of a word becomes "IJ".
std::string ToTitle(absl::string_view text);

// The nearest ASCII: accents go (composed or not), ø -> o, ß -> ss, Đ -> D, æ -> ae, typographic quotes and hyphens
// become plain ones; what has no equivalent is dropped.
std::string Transliterate(absl::string_view text);

// By code point.
int64_t Length(absl::string_view text);
std::string Left(absl::string_view text, int64_t count);
std::string Right(absl::string_view text, int64_t count);
std::string Substring(absl::string_view text, int64_t from, int64_t count);  // `from` counts from 0.
std::vector<std::string> Characters(absl::string_view text);
// Whether the first character of `text` is a letter, a digit, or a mark on one.
bool IsWordCharacter(absl::string_view text);

// "0.8", "-12", "3.25": no trailing zeros.
std::string DecimalText(Decimal number);
// Only what DecimalText writes, and trailing zeros: at most six places.
std::optional<Decimal> ParseDecimal(absl::string_view text);
// Digits with a sign before them.
std::optional<int64_t> ParseInteger(absl::string_view text);
std::string DateText(absl::CivilDay day);                         // "2026-08-01"
std::optional<absl::CivilDay> ParseDate(absl::string_view text);  // Only that form, and only days that exist.

}  // namespace sluice::core

#endif  // SLUICE_HOST_CORE_TEXT_H_
