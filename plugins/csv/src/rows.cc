#include "plugins/csv/src/rows.h"

#include <algorithm>

namespace sluice::csv {
namespace {

// More than any note in a cell; a quote that is open for longer was never meant as one.
constexpr size_t kMostBreaks = 200;
constexpr size_t kLongestQuoted = size_t{64} << 10;

}  // namespace

bool Row::is_blank() const {
  return std::all_of(cells.begin(), cells.end(),
                     [](const std::string& cell) { return cell.find_first_not_of(" \t") == std::string::npos; });
}

size_t RowReader::SkipBreak(size_t at) const {
  return text_[at] == '\r' && at + 1 < text_.size() && text_[at + 1] == '\n' ? at + 2 : at + 1;
}

const char* RowReader::ReadQuoted(std::string& cell, size_t& breaks) {
  size_t breaks_here = 0;
  for (++at_; at_ < text_.size();) {
    const char c = text_[at_];
    if (c == '"') {
      if (at_ + 1 >= text_.size() || text_[at_ + 1] != '"') break;
      cell += '"';
      at_ += 2;
      continue;
    }
    if (IsBreak(at_)) {
      if (++breaks_here > kMostBreaks) return "a quote is opened and not closed";
      ++breaks;
      at_ = SkipBreak(at_);
      cell += '\n';
    } else {
      cell += c;
      ++at_;
    }
    if (cell.size() > kLongestQuoted) return "a quote is opened and not closed";
  }
  if (at_ >= text_.size()) return "a quote is opened and not closed";
  ++at_;
  while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  const bool ends = at_ >= text_.size() || text_[at_] == separator_ || IsBreak(at_);
  return ends ? nullptr : "text follows a closing quote";
}

const char* RowReader::ReadCell(std::string& cell, size_t& breaks) {
  cell.clear();
  if (at_ < text_.size() && text_[at_] == '"') return ReadQuoted(cell, breaks);
  const size_t begin = at_;
  while (at_ < text_.size() && text_[at_] != separator_ && !IsBreak(at_)) ++at_;
  cell.assign(text_.substr(begin, at_ - begin));
  return nullptr;
}

void RowReader::EndAtItsLine(Row& row, size_t breaks) {
  // Cells with line breaks before the spoiled one go with it: their text is read again as lines.
  if (breaks > 0) row.cells.clear();
  at_ = row.begin;
  while (at_ < text_.size() && !IsBreak(at_)) ++at_;
  row.last_line = row.first_line;
}

bool RowReader::Next(Row& row) {
  if (at_ >= text_.size()) return false;
  row = Row();
  row.begin = at_;
  row.first_line = row.last_line = line_;
  size_t breaks = 0;
  while (true) {
    std::string cell;
    const size_t breaks_before = breaks;
    row.problem = ReadCell(cell, breaks);
    if (row.problem != nullptr) {
      EndAtItsLine(row, breaks_before);
      break;
    }
    row.cells.push_back(std::move(cell));
    row.last_line = row.first_line + breaks;
    if (at_ >= text_.size() || text_[at_] != separator_) break;
    ++at_;
  }
  row.has_break = at_ < text_.size();
  if (row.has_break) at_ = SkipBreak(at_);
  line_ = row.last_line + 1;
  return true;
}

}  // namespace sluice::csv
