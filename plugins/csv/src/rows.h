// RowReader: the rows of a text with separators, by RFC 4180, as bytes. Line breaks may stand in quotes; a row may end
// in CR LF, LF or CR.
//
// A quote that is never closed, or closed and followed by text, spoils its own line and no other: the row ends with
// that line, and the next one begins behind it. Holds no text of its own; for one thread.
#ifndef PLUGINS_CSV_SRC_ROWS_H_
#define PLUGINS_CSV_SRC_ROWS_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::csv {

struct Row {
  size_t begin = 0;                // Where it begins in the text.
  size_t first_line = 0;           // From 1.
  size_t last_line = 0;            // Differs where there are line breaks in quotes.
  bool has_break = false;          // A line break ends it; the last row of a file may have none.
  std::vector<std::string> cells;  // Without their quotes; of a spoiled row those before the spoiled one.
  const char* problem = nullptr;   // What spoils it.

  bool is_blank() const;  // No cell has anything in it.
};

class RowReader {
 public:
  RowReader(std::string_view text, char separator, size_t begin = 0, size_t line = 1)
      : text_(text), separator_(separator), at_(begin), line_(line) {}

  // False at the end.
  bool Next(Row& row);
  size_t at() const { return at_; }
  size_t line() const { return line_; }

 private:
  bool IsBreak(size_t at) const { return text_[at] == '\n' || text_[at] == '\r'; }
  size_t SkipBreak(size_t at) const;  // CR LF is one.
  // What is wrong with the cell, or null; moves on behind it.
  const char* ReadCell(std::string& cell, size_t& breaks);
  const char* ReadQuoted(std::string& cell, size_t& breaks);
  void EndAtItsLine(Row& row, size_t breaks);

  const std::string_view text_;
  const char separator_;
  size_t at_;
  size_t line_;
};

}  // namespace sluice::csv

#endif  // PLUGINS_CSV_SRC_ROWS_H_
