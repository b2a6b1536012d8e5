// Days, school years and the clock of the simulated school.
//
// A day is a number (days since 1970-01-01), so that a hundred thousand pupils with their placements stay small.
// A school year is named by the calendar year in which it starts: 2026 is "2026/2027", 1 August 2026 to 31 July 2027.
// The clock reads one RFC 3339 line from a file on each call, or the real time when there is no file.
// Free functions and an immutable class: any thread may call them.
#ifndef PLUGINS_SOMTODAY_TWIN_CALENDAR_H_
#define PLUGINS_SOMTODAY_TWIN_CALENDAR_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sluice/connector/testing/twin.h"

namespace sluice::somtoday_twin {

using Day = int32_t;

constexpr Day kForever = 2'000'000'000;

Day MakeDay(int year, int month, int day);
int YearOf(Day day);

// "2026-08-01".
std::string FormatDay(Day day);
std::optional<Day> ParseDay(std::string_view text);

int SchoolYearOf(Day day);
Day FirstDayOf(int school_year);
Day LastDayOf(int school_year);
// "2026/2027".
std::string SchoolYearName(int school_year);

class SchoolClock {
 public:
  // An empty path means the real clock.
  explicit SchoolClock(std::string path) : clock_(std::move(path)) {}

  // The civil date that the line names, in the line's own offset. A file that cannot be read gives the real date.
  Day Today() const;

 private:
  const connector::testing::TwinClock clock_;
};

}  // namespace sluice::somtoday_twin

#endif  // PLUGINS_SOMTODAY_TWIN_CALENDAR_H_
