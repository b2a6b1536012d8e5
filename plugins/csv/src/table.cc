#include "plugins/csv/src/table.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "sluice/connector/error.h"

namespace sluice::csv {
namespace {

using connector::Error;
using connector::Reason;

constexpr char kSeparators[] = {';', ',', '\t', '|'};
constexpr size_t kLongestHeading = 400;
constexpr size_t kLongestId = 200;

// What spreadsheets make of a long number: many people under one id.
bool IsSpoiledNumber(const std::string& id) {
  const size_t at = id.find_first_of("eE");
  return at != std::string::npos && at > 0 && at + 2 < id.size() && id[at + 1] == '+' &&
         id.find_first_not_of("0123456789.,") == at && id.find_first_not_of("0123456789", at + 2) == std::string::npos;
}

bool IsKnown(const std::string& name, const FileOptions& options) {
  if (name == options.owner || std::count(options.columns.begin(), options.columns.end(), name) > 0) return true;
  for (const char* object_class : {kPerson, kContract}) {
    for (const connector::Attribute& column : StandardColumns(object_class)) {
      if (column.name == name) return true;
    }
  }
  return false;
}

}  // namespace

absl::StatusOr<Table> Table::Open(std::string_view content, const FileOptions& options, bool is_whole) {
  Table table;
  table.content_ = content;
  table.options_ = options;
  auto encoding = FindEncoding(content, options.encoding, options.setting, is_whole);
  if (!encoding.ok()) return encoding.status();
  table.encoding_ = encoding->encoding;
  table.begin_ = encoding->mark_size;
  if (absl::Status status = table.FindColumns(is_whole); !status.ok()) return status;
  return table;
}

std::vector<std::string> Table::NamesOf(const Row& row) const {
  std::vector<std::string> names;
  for (const std::string& cell : row.cells) names.push_back(AttributeName(Decode(cell, encoding_).value_or("")));
  return names;
}

bool Table::HasRequired(const std::vector<std::string>& names) const {
  const auto has = [&](const std::string& name) { return std::count(names.begin(), names.end(), name) > 0; };
  return has(options_.owner) && std::all_of(options_.columns.begin(), options_.columns.end(), has);
}

// A first line of which no column is known may be a person, whose name is not for a message.
absl::Status Table::Missing(char separator) const {
  Row row;
  RowReader(content_, separator, begin_, begin_line_).Next(row);
  const std::vector<std::string> names = NamesOf(row);
  const bool is_heading =
      std::any_of(names.begin(), names.end(), [&](const std::string& name) { return IsKnown(name, options_); });
  std::vector<std::string> missing;
  for (const std::string& wanted : options_.columns) {
    if (std::count(names.begin(), names.end(), wanted) == 0) missing.push_back(wanted);
  }
  if (std::count(names.begin(), names.end(), options_.owner) == 0) missing.insert(missing.begin(), options_.owner);
  return Error(Reason::kInvalid, "CSV-0201",
               absl::StrCat(options_.setting, " has no column ", absl::StrJoin(missing, ", "), "; its heading is ",
                            is_heading ? absl::StrJoin(names, " | ").substr(0, kLongestHeading)
                                       : absl::StrCat("of ", names.size(), " columns, none of which is known"),
                            "; correct the heading, or the separator or the columns in the settings"))
      .Origin(absl::StrCat("line ", row.first_line));
}

char Table::FindSeparator(absl::Status& status) const {
  if (options_.separator != "auto") return options_.separator == "tab" ? '\t' : options_.separator[0];
  char found = 0, widest = ';';
  size_t most = 0;
  for (const char separator : kSeparators) {
    Row row;
    if (!RowReader(content_, separator, begin_, begin_line_).Next(row) || row.problem != nullptr) continue;
    const std::vector<std::string> names = NamesOf(row);
    if (names.size() > most) {
      most = names.size();
      widest = separator;
    }
    const bool fits = options_.has_heading ? HasRequired(names) : names.size() == options_.columns.size();
    if (!fits || (found != 0 && names.size() == 1)) continue;
    if (found != 0) {
      status = Error(Reason::kInvalid, "CSV-0203",
                     absl::StrCat("the separator of ", options_.setting, " is not certain; say it in the settings"));
      return ';';
    }
    found = separator;
  }
  if (found != 0) return found;
  status = options_.has_heading
               ? Missing(widest)
               : Error(Reason::kInvalid, "CSV-0203",
                       absl::StrCat("no separator makes ", options_.columns.size(), " columns of the first line of ",
                                    options_.setting, "; correct columns, or say the separator in the settings"));
  return ';';
}

absl::Status Table::FindColumns(bool is_whole) {
  if (content_.substr(begin_, 4) == "sep=") {  // A line for spreadsheets.
    begin_ = std::min(content_.find_first_of("\r\n", begin_), content_.size());
    while (begin_ < content_.size() && (content_[begin_] == '\r' || content_[begin_] == '\n')) ++begin_;
    begin_line_ = 2;
  }
  if (content_.find_first_not_of(" \t\r\n", begin_) == std::string_view::npos) {
    return Error(Reason::kInvalid, "CSV-0103",
                 absl::StrCat(options_.setting, " is empty; nobody leaves by an empty file, what was known is kept"));
  }
  absl::Status status;
  separator_ = FindSeparator(status);
  if (!status.ok()) return status;
  std::vector<std::string> names = options_.columns;
  RowReader rows(content_, separator_, begin_, begin_line_);
  Row row;
  if (options_.has_heading) {
    rows.Next(row);
    const bool is_cut = !is_whole && !row.has_break;
    if (row.problem != nullptr || is_cut) {
      return Error(Reason::kInvalid, "CSV-0201",
                   absl::StrCat("the heading of ", options_.setting,
                                " cannot be read: ", is_cut ? "it has no end" : row.problem));
    }
    names = NamesOf(row);
    if (!HasRequired(names)) return Missing(separator_);
    heading_ = absl::StrJoin(names, " | ").substr(0, kLongestHeading);
  }
  first_row_ = rows.at();
  first_line_ = rows.line();
  width_ = names.size();
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i].empty()) continue;
    if (!columns_.emplace(names[i], i).second) {
      return Error(Reason::kInvalid, "CSV-0202",
                   absl::StrCat("two columns of ", options_.setting, " are called ", names[i], "; rename one of them"));
    }
  }
  const auto owner = IndexOf(options_.owner);
  if (!owner) {
    return Error(Reason::kInvalid, "CSV-0201",
                 absl::StrCat("no column of ", options_.setting, " is called ", options_.owner));
  }
  owner_ = *owner;
  return absl::OkStatus();
}

std::optional<size_t> Table::IndexOf(const std::string& column) const {
  const auto found = columns_.find(column);
  return found == columns_.end() ? std::nullopt : std::optional<size_t>(found->second);
}

Row Table::RowAt(size_t begin, size_t line) const {
  Row row;
  RowReader(content_, separator_, begin, line).Next(row);
  return row;
}

const char* Table::ProblemOf(const Row& row) const {
  if (row.problem != nullptr) return row.problem;
  if (row.cells.size() < width_) return "it has fewer columns than the heading";
  // Be it an empty one: a separator too many in front moves everything that follows.
  if (row.cells.size() > width_) return "it has more columns than the heading";
  for (const std::string& cell : row.cells) {
    if (!Decode(cell, encoding_)) return "its bytes are no text in the encoding of the file";
  }
  return OwnerOf(row).empty() ? "it does not say whose it is" : nullptr;
}

std::string Table::OwnerOf(const Row& row) const {
  // A separator too many or too few may stand before the id, and a row over several lines may be two in truth.
  const bool is_whole = row.problem == nullptr && row.cells.size() == width_;
  const bool is_certain = is_whole || ((owner_ == 0 || row.problem != nullptr) && row.first_line == row.last_line);
  if (!is_certain || owner_ >= row.cells.size()) return "";
  std::string id = TextAt(row, owner_).value_or("");
  const bool has_control = std::any_of(id.begin(), id.end(), [](char c) { return absl::ascii_iscntrl(c); });
  return id.size() > kLongestId || has_control || IsSpoiledNumber(id) ? "" : id;
}

}  // namespace sluice::csv
