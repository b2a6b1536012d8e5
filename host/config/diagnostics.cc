#include "host/config/diagnostics.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace sluice::config {
namespace {

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
