// Days as spreadsheets and HR systems write them. Pure; any thread. Nothing is guessed.
#ifndef PLUGINS_CSV_SRC_DATES_H_
#define PLUGINS_CSV_SRC_DATES_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/civil_time.h"
#include "sluice/connector/value.h"

namespace sluice::csv {

// Whether `form` is one ("dd-mm-yyyy", "yyyymmdd", "d/m/yyyy"): a year of four digits, and month and day; two letters
// take one digit as well, unless nothing stands between.
bool IsDateForm(std::string_view form);

// Why two forms cannot be used together: one text would be two days. Empty: they can.
std::string ConflictOf(const std::vector<std::string>& forms);

// The day that `text` is in one of the forms; a time of day of zero behind it is passed over. EMPTY for "no day":
// nothing but zeros, or the year 9999. Not visible when it fits no form, or there is no such day.
connector::Value DayOf(std::string_view text, const std::vector<std::string>& forms);

}  // namespace sluice::csv

#endif  // PLUGINS_CSV_SRC_DATES_H_
