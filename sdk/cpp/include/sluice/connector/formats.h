// Dates, moments and decimals as systems write them. Pure; any thread. Nothing is guessed: what does not fit the form
// gives nothing, and then the author warns and leaves the field NOT_VISIBLE.
#ifndef SLUICE_CONNECTOR_FORMATS_H_
#define SLUICE_CONNECTOR_FORMATS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "sluice/connector/text.h"

namespace sluice::connector {

// A day that exists, in a form of strftime ("%d-%m-%Y", "%Y%m%d"); what follows it is not allowed.
std::optional<absl::CivilDay> ParseDate(AnyText text, AnyText form = "%Y-%m-%d");
// RFC 3339; without an offset the moment is one of `zone` ("2026-08-01T00:00:00"), and a day alone is its beginning.
std::optional<absl::Time> ParseTime(AnyText text, const absl::TimeZone& zone);

// A decimal number as it stands there, for money and hours: no binary fraction between reading and writing.
class Decimal {
 public:
  Decimal() = default;
  // units / 10^scale.
  Decimal(int64_t units, int scale);
  // Digits with at most one mark, '.' or ','; a sign may stand before them; at most 18 digits in all.
  static std::optional<Decimal> Parse(AnyText text, char mark = '.');

  // Without zeros at the end: "12.5", "-0.25", "12".
  std::string Text(char mark = '.') const;
  // The nearest double; for Value, whose numbers are.
  double Number() const;
  int64_t units() const { return units_; }
  int scale() const { return scale_; }
  // By value: 1.50 equals 1.5.
  friend bool operator==(const Decimal&, const Decimal&) = default;

 private:
  int64_t units_ = 0;
  int scale_ = 0;
};

}  // namespace sluice::connector

#endif  // SLUICE_CONNECTOR_FORMATS_H_
