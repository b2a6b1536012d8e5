#include "host/config/diagnostics.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace sluice::config {
namespace {

constexpr size_t kMostTold = 500;
constexpr size_t kLongestMessage = 600;

// What is quoted in a message may have line ends in it, and more of it than anybody reads.
std::string OneLine(absl::string_view message) {
  std::string line = Start(message, kLongestMessage);
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return line;
}

std::vector<Diagnostic> Sorted(std::vector<Diagnostic> found) {
  auto key = [](const Diagnostic& d) {
    return std::tie(d.position.file, d.position.line, d.position.column, d.message);
  };
  std::stable_sort(found.begin(), found.end(), [&](const auto& a, const auto& b) { return key(a) < key(b); });
  found.erase(std::unique(found.begin(), found.end(), [&](const auto& a, const auto& b) { return key(a) == key(b); }),
              found.end());
  if (found.size() > kMostTold) {
    const size_t more = found.size() - kMostTold;
    found.resize(kMostTold + 1);
    found.back().message = absl::StrCat("and ", more, " more from here on; mend the first ones and check again");
  }
  return found;
}

}  // namespace

std::string Diagnostic::ToString() const { return absl::StrCat(position.ToString(), ": ", message); }

void Diagnostics::Error(const core::Position& position, absl::string_view message) {
  errors_.push_back({position, OneLine(message)});
}

void Diagnostics::Warn(const core::Position& position, absl::string_view message) {
  warnings_.push_back({position, OneLine(message)});
}

std::vector<Diagnostic> Diagnostics::TakeErrors() { return Sorted(std::move(errors_)); }
std::vector<Diagnostic> Diagnostics::TakeWarnings() { return Sorted(std::move(warnings_)); }

std::string Suggest(absl::string_view word, const std::vector<std::string>& known) {
  const std::string nearest = Nearest(word, known);
  if (!nearest.empty()) return absl::StrCat("; did you mean ", Quoted(nearest), "?");
  if (known.empty()) return "";
  return absl::StrCat("; known here: ", absl::StrJoin(known, ", "));
}

std::string Start(absl::string_view text, size_t most) {
  size_t characters = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    if ((text[at] & 0xC0) == 0x80) continue;
    if (characters++ == most) return absl::StrCat(text.substr(0, at), "...");
  }
  return std::string(text);
}

std::string Quoted(absl::string_view text) { return absl::StrCat("\"", text, "\""); }

std::string JoinOr(const std::vector<std::string>& words) {
  if (words.size() < 2) return words.empty() ? "" : words[0];
  return absl::StrCat(absl::StrJoin(words.begin(), words.end() - 1, ", "), " or ", words.back());
}

}  // namespace sluice::config
