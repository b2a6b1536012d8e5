#include "plugins/csv/src/dates.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace sluice::csv {
namespace {

struct Part {
  char kind = 0;  // 'd', 'm', 'y'; 0: a mark that stands between.
  size_t letters = 1;
  char mark = 0;
};

std::vector<Part> PartsOf(std::string_view form) {
  std::vector<Part> parts;
  for (const char c : form) {
    const bool is_letter = c == 'd' || c == 'm' || c == 'y';
    if (is_letter && !parts.empty() && parts.back().kind == c) {
      ++parts.back().letters;
    } else {
      parts.push_back({is_letter ? c : '\0', 1, is_letter ? '\0' : c});
    }
  }
  return parts;
}

struct Numbers {
  int year = 0, month = 0, day = 0;
};

std::optional<Numbers> Read(std::string_view text, std::string_view form) {
  const std::vector<Part> parts = PartsOf(form);
  const bool is_packed = std::none_of(parts.begin(), parts.end(), [](const Part& part) { return part.kind == 0; });
  Numbers numbers;
  for (const Part& part : parts) {
    if (part.kind == 0) {
      if (text.empty() || text.front() != part.mark) return std::nullopt;
      text.remove_prefix(1);
      continue;
    }
    const size_t most = part.kind == 'y' ? 4 : 2, least = part.kind == 'y' || is_packed ? most : 1;
    size_t count = 0;
    int number = 0;
    while (count < most && count < text.size() && absl::ascii_isdigit(static_cast<unsigned char>(text[count])))
      number = number * 10 + (text[count++] - '0');
    if (count < least) return std::nullopt;
    text.remove_prefix(count);
    (part.kind == 'y' ? numbers.year : part.kind == 'm' ? numbers.month : numbers.day) = number;
  }
  return text.empty() ? std::optional<Numbers>(numbers) : std::nullopt;
}

// "01-08-2026 00:00:00" is how a database prints a day.
std::string_view WithoutMidnight(std::string_view text) {
  const size_t at = text.find_first_of(" T");
  if (at == std::string_view::npos) return text;
  const std::string_view rest = text.substr(at + 1);
  return rest.find_first_not_of("0:.") == std::string_view::npos ? text.substr(0, at) : text;
}

}  // namespace

bool IsDateForm(std::string_view form) {
  std::string kinds;
  for (const Part& part : PartsOf(form)) {
    if (part.kind == 0 && part.mark != '-' && part.mark != '/' && part.mark != '.' && part.mark != ' ') return false;
    if (part.kind == 'y' ? part.letters != 4 : part.letters > 2) return false;
    if (part.kind != 0) kinds += part.kind;
  }
  std::sort(kinds.begin(), kinds.end());
  return kinds == "dmy";
}

std::string ConflictOf(const std::vector<std::string>& forms) {
  // 3 February, and not 2 March: whoever reads it otherwise would be wrong for half of the days of a year.
  for (const std::string& written : forms) {
    std::string text;
    for (const Part& part : PartsOf(written))
      absl::StrAppend(&text, part.kind == 0     ? std::string(1, part.mark)
                             : part.kind == 'y' ? "2011"
                             : part.kind == 'm' ? "02"
                                                : "03");
    for (const std::string& other : forms) {
      const auto read = Read(text, other);
      if (read && (read->month != 2 || read->day != 3 || read->year != 2011))
        return absl::StrCat("\"", text, "\" is one day as ", written, " and another as ", other);
    }
  }
  return "";
}

connector::Value DayOf(std::string_view text, const std::vector<std::string>& forms) {
  text = WithoutMidnight(text);
  if (text.find_first_of("0123456789") != std::string_view::npos &&
      text.find_first_not_of("0-/. ") == std::string_view::npos)
    return connector::Value::Empty();
  for (const std::string& form : forms) {
    const auto numbers = Read(text, form);
    if (!numbers) continue;
    if (numbers->year == 9999) return connector::Value::Empty();
    const absl::CivilDay day(numbers->year, numbers->month, numbers->day);
    if (day.month() == numbers->month && day.day() == numbers->day && numbers->year >= 1900) return day;
  }
  return connector::Value::NotVisible();
}

}  // namespace sluice::csv
