// In which encoding a file is, and its texts as UTF-8. Pure; any thread. What is not certain is refused: a wrong guess
// would rename half a school.
#ifndef PLUGINS_CSV_SRC_ENCODING_H_
#define PLUGINS_CSV_SRC_ENCODING_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace sluice::csv {

enum class Encoding { kUtf8, kWindows1252 };

struct FoundEncoding {
  Encoding encoding = Encoding::kUtf8;
  size_t mark_size = 0;  // Bytes of the mark that the file begins with.
};

// `wanted`: "auto", "utf-8" or "windows-1252". `file` names it in messages. `is_whole`: `content` is all of it, not
// only its beginning. Fails with INVALID for a workbook, for UTF-16, for a mark that contradicts `wanted`, and, with
// "auto", for bytes that may be more than one thing.
absl::StatusOr<FoundEncoding> FindEncoding(std::string_view content, std::string_view wanted, const std::string& file,
                                           bool is_whole);

// The text as UTF-8, without blanks at its ends; nothing when its bytes are none of this encoding.
std::optional<std::string> Decode(std::string_view bytes, Encoding encoding);

// How a column is called in a mapping: small letters, digits and "_". "Datum in dienst" is datum_in_dienst, "E-mail"
// e_mail, "Financiële code" financiele_code.
std::string AttributeName(std::string_view heading);

}  // namespace sluice::csv

#endif  // PLUGINS_CSV_SRC_ENCODING_H_
