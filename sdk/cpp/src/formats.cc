#include "sluice/connector/formats.h"

#include <cstdlib>
#include <ctime>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace sluice::connector {
namespace {

constexpr int kMostDigits = 18;

}  // namespace

std::optional<absl::CivilDay> ParseDate(AnyText text, AnyText form) {
  const std::string day = text.str();
  // strptime takes white space before a number, which is no part of a date.
  if (day.empty() || absl::ascii_isspace(static_cast<unsigned char>(day.front()))) return std::nullopt;
  std::tm parts = {};
  const char* end = strptime(day.c_str(), form.str().c_str(), &parts);
  if (end == nullptr || end != day.c_str() + day.size()) return std::nullopt;
  const absl::CivilDay date(parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
  const bool exists = date.month() == parts.tm_mon + 1 && date.day() == parts.tm_mday;
  return exists ? std::optional<absl::CivilDay>(date) : std::nullopt;
}

std::optional<absl::Time> ParseTime(AnyText text, const absl::TimeZone& zone) {
  const std::string moment = text.str();
  absl::Time time;
  std::string error;
  if (moment.empty() || absl::ascii_isspace(moment.front()) || absl::ascii_isspace(moment.back())) return std::nullopt;
  for (const char* form : {absl::RFC3339_full, "%Y-%m-%d%ET%H:%M:%E*S", "%Y-%m-%d%ET%H:%M", "%Y-%m-%d"}) {
    if (absl::ParseTime(form, moment, zone, &time, &error)) return time;
  }
  return std::nullopt;
}

Decimal::Decimal(int64_t units, int scale) : units_(units), scale_(scale) {
  while (scale_ > 0 && units_ % 10 == 0) {
    units_ /= 10;
    --scale_;
  }
}

std::optional<Decimal> Decimal::Parse(AnyText text, char mark) {
  std::string_view rest = text.view();
  const bool is_negative = !rest.empty() && rest.front() == '-';
  if (!rest.empty() && (rest.front() == '-' || rest.front() == '+')) rest.remove_prefix(1);
  int64_t units = 0;
  int digits = 0, scale = 0;
  bool has_mark = false;
  for (const char c : rest) {
    if (c == mark && !has_mark && digits > 0) {
      has_mark = true;
    } else if (absl::ascii_isdigit(static_cast<unsigned char>(c)) && digits < kMostDigits) {
      units = units * 10 + (c - '0');
      ++digits;
      if (has_mark) ++scale;
    } else {
      return std::nullopt;
    }
  }
  if (digits == 0 || (has_mark && scale == 0)) return std::nullopt;
  return Decimal(is_negative ? -units : units, scale);
}

std::string Decimal::Text(char mark) const {
  std::string digits = absl::StrCat(units_ < 0 ? -units_ : units_);
  if (static_cast<int>(digits.size()) <= scale_) digits.insert(0, static_cast<size_t>(scale_ + 1) - digits.size(), '0');
  if (scale_ > 0) digits.insert(digits.size() - static_cast<size_t>(scale_), 1, mark);
  return units_ < 0 ? absl::StrCat("-", digits) : digits;
}

double Decimal::Number() const { return std::strtod(Text().c_str(), nullptr); }

}  // namespace sluice::connector
