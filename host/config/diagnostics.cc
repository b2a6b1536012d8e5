#include "host/config/diagnostics.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace sluice::config {
namespace {

// Letters changed, left out, added or swapped with a neighbour, to come from one word to the other.
size_t Distance(absl::string_view a, absl::string_view b) {
  std::vector<std::vector<size_t>> d(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

std::vector<Diagnostic> Sorted(std::vector<Diagnostic> found) {
  auto key = [](const Diagnostic& d) {
    return std::tie(d.position.file, d.position.line, d.position.column, d.message);
  };
  std::stable_sort(found.begin(), found.end(), [&](const auto& a, const auto& b) { return key(a) < key(b); });
  found.erase(std::unique(found.begin(), found.end(), [&](const auto& a, const auto& b) { return key(a) == key(b); }),
              found.end());
  return found;
}

}  // namespace

std::string Diagnostic::ToString() const { return absl::StrCat(position.ToString(), ": ", message); }

void Diagnostics::Error(const core::Position& position, absl::string_view message) {
  errors_.push_back({position, std::string(message)});
}

void Diagnostics::Warn(const core::Position& position, absl::string_view message) {
  warnings_.push_back({position, std::string(message)});
}

std::vector<Diagnostic> Diagnostics::TakeErrors() { return Sorted(std::move(errors_)); }
std::vector<Diagnostic> Diagnostics::TakeWarnings() { return Sorted(std::move(warnings_)); }

std::string Nearest(absl::string_view word, const std::vector<std::string>& known) {
  const std::string lower = absl::AsciiStrToLower(word);
  std::string best;
  size_t best_distance = std::max<size_t>(1, word.size() / 3) + 1;
  for (const std::string& candidate : known) {
    const size_t distance = Distance(lower, absl::AsciiStrToLower(candidate));
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

std::string Suggest(absl::string_view word, const std::vector<std::string>& known) {
  const std::string nearest = Nearest(word, known);
  if (!nearest.empty()) return absl::StrCat("; did you mean ", Quoted(nearest), "?");
  if (known.empty()) return "";
  return absl::StrCat("; known here: ", absl::StrJoin(known, ", "));
}

std::string Quoted(absl::string_view text) { return absl::StrCat("\"", text, "\""); }

std::string JoinOr(const std::vector<std::string>& words) {
  if (words.size() < 2) return words.empty() ? "" : words[0];
  return absl::StrCat(absl::StrJoin(words.begin(), words.end() - 1, ", "), " or ", words.back());
}

}  // namespace sluice::config
