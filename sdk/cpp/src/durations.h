// A DURATION setting as people write it: "30s", "15m", "2h", "7d", "1h30m", or whole seconds. Pure.
#ifndef SLUICE_SDK_CPP_SRC_DURATIONS_H_
#define SLUICE_SDK_CPP_SRC_DURATIONS_H_

#include <optional>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/time/time.h"
#include "sluice/connector/value.h"

namespace sluice::connector {

inline std::optional<absl::Duration> DurationOf(const Value& value) {
  if (const int64_t* seconds = value.integer()) return absl::Seconds(*seconds);
  if (value.text() == nullptr) return std::nullopt;
  std::string text = *value.text();
  absl::Duration days = absl::ZeroDuration();
  if (const size_t d = text.find('d'); d != std::string::npos) {
    int64_t count = 0;
    if (!absl::SimpleAtoi(text.substr(0, d), &count)) return std::nullopt;
    days = count * absl::Hours(24);
    text = text.substr(d + 1);
    if (text.empty()) return days;
  }
  absl::Duration rest;
  if (!absl::ParseDuration(text, &rest)) return std::nullopt;
  return days + rest;
}

}  // namespace sluice::connector

#endif  // SLUICE_SDK_CPP_SRC_DURATIONS_H_
