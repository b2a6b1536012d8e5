// Table: a whole file as rows under named columns. It decides encoding, separator and heading, and refuses the file
// where one of them is not certain.
//
// Points into the content, which must outlive it. Immutable after Open; any thread.
#ifndef PLUGINS_CSV_SRC_TABLE_H_
#define PLUGINS_CSV_SRC_TABLE_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "plugins/csv/src/encoding.h"
#include "plugins/csv/src/options.h"
#include "plugins/csv/src/rows.h"

namespace sluice::csv {

class Table {
 public:
  // `is_whole`: false for the beginning of a file, of which only the columns will be asked. Fails with INVALID, and
  // says what the heading looks like where that is the matter.
  static absl::StatusOr<Table> Open(std::string_view content, const FileOptions& options, bool is_whole);

  // By name; where it stands in a row.
  const std::map<std::string, size_t>& columns() const { return columns_; }
  std::optional<size_t> IndexOf(const std::string& column) const;
  // The heading for a message; nothing of it where it does not look like one.
  const std::string& heading() const { return heading_; }

  RowReader Rows() const { return RowReader(content_, separator_, first_row_, first_line_); }
  // The row that begins at `begin`, on `line`.
  Row RowAt(size_t begin, size_t line) const;
  // Why the row cannot be read, or null.
  const char* ProblemOf(const Row& row) const;
  // The owner's id where it is certain whose the row is, whatever else is wrong with it; empty: it is not.
  std::string OwnerOf(const Row& row) const;
  // Nothing when its bytes are no text.
  std::optional<std::string> TextAt(const Row& row, size_t index) const { return Decode(row.cells[index], encoding_); }

 private:
  absl::Status FindColumns(bool is_whole);
  char FindSeparator(absl::Status& status) const;
  bool HasRequired(const std::vector<std::string>& names) const;
  std::vector<std::string> NamesOf(const Row& row) const;
  absl::Status Missing(char separator) const;

  std::string_view content_;
  FileOptions options_;
  Encoding encoding_ = Encoding::kUtf8;
  char separator_ = ';';
  size_t begin_ = 0;
  size_t begin_line_ = 1;
  size_t first_row_ = 0;
  size_t first_line_ = 1;
  size_t width_ = 0;
  size_t owner_ = 0;
  std::map<std::string, size_t> columns_;
  std::string heading_;
};

}  // namespace sluice::csv

#endif  // PLUGINS_CSV_SRC_TABLE_H_
