// What an operator set, in the shape that the reading needs, and the rules across settings. Pure data.
#ifndef PLUGINS_CSV_SRC_OPTIONS_H_
#define PLUGINS_CSV_SRC_OPTIONS_H_

#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "sluice/connector/description.h"
#include "sluice/connector/source.h"

namespace sluice::csv {

inline constexpr char kPerson[] = "persoon";
inline constexpr char kContract[] = "dienstverband";

// One of the two files.
struct FileOptions {
  std::string setting;  // "file", "contract_file": how messages name it.
  std::string encoding;
  std::string separator;  // ";", ",", "tab", "|", or "auto".
  bool has_heading = true;
  std::string owner;                 // The column that says whose a line is.
  std::vector<std::string> columns;  // In their order where there is no heading; else those that must be in it.
};

struct Options {
  FileOptions people;
  FileOptions contract_lines;
  bool has_contracts = true;
  bool has_contract_file = false;
  std::vector<std::string> contract_id;
  std::set<std::string> without;
  std::set<std::string> dates;
  std::vector<std::string> date_forms;
  bool bsn = false;
  absl::Duration settled;
};

Options OptionsOf(const connector::Settings& settings);
connector::Description Describe();
// What is wrong across settings.
connector::ValidateResult Validate(const connector::Settings& settings);

// Columns that the package's mapping reads, with their kind, by class.
const std::vector<connector::Attribute>& StandardColumns(std::string_view object_class);
bool IsBsn(std::string_view column);

}  // namespace sluice::csv

#endif  // PLUGINS_CSV_SRC_OPTIONS_H_
