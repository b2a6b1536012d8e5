#include "plugins/somtoday/twin/calendar.h"

#include <cstdio>

#include "absl/time/civil_time.h"

namespace sluice::somtoday_twin {
namespace {

const absl::CivilDay kEpoch(1970, 1, 1);

absl::CivilDay Civil(Day day) { return kEpoch + day; }

}  // namespace

Day MakeDay(int year, int month, int day) { return static_cast<Day>(absl::CivilDay(year, month, day) - kEpoch); }

int YearOf(Day day) { return static_cast<int>(Civil(day).year()); }

std::string FormatDay(Day day) {
  const absl::CivilDay civil = Civil(day);
  char text[32];
  std::snprintf(text, sizeof(text), "%04d-%02d-%02d", static_cast<int>(civil.year()), civil.month(), civil.day());
  return text;
}

std::optional<Day> ParseDay(std::string_view text) {
  int year = 0, month = 0, day = 0;
  if (text.size() < 10 || std::sscanf(std::string(text.substr(0, 10)).c_str(), "%4d-%2d-%2d", &year, &month, &day) != 3)
    return std::nullopt;
  return MakeDay(year, month, day);
}

int SchoolYearOf(Day day) {
  const absl::CivilDay civil = Civil(day);
  return static_cast<int>(civil.year()) - (civil.month() >= 8 ? 0 : 1);
}

Day FirstDayOf(int school_year) { return MakeDay(school_year, 8, 1); }

Day LastDayOf(int school_year) { return MakeDay(school_year + 1, 7, 31); }

std::string SchoolYearName(int school_year) {
  return std::to_string(school_year) + "/" + std::to_string(school_year + 1);
}

Day SchoolClock::Today() const { return static_cast<Day>(clock_.Today() - kEpoch); }

}  // namespace sluice::somtoday_twin
