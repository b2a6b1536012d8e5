#include <cstdio>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/fuzz/targets.h"

namespace sluice::fuzz {

void Expect(bool holds, absl::string_view what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", std::string(what).c_str());
  std::abort();
}

std::vector<std::pair<std::string, std::string>> Parts(absl::string_view input, absl::string_view mark) {
  std::vector<std::pair<std::string, std::string>> parts;
  while (!input.empty()) {
    const size_t end = input.find('\n');
    const absl::string_view line = input.substr(0, end == absl::string_view::npos ? input.size() : end + 1);
    input.remove_prefix(line.size());
    if (absl::StartsWith(line, mark)) {
      parts.emplace_back(std::string(absl::StripAsciiWhitespace(line.substr(mark.size()))), "");
    } else {
      if (parts.empty()) parts.emplace_back();
      absl::StrAppend(&parts.back().second, line);
    }
  }
  return parts;
}

}  // namespace sluice::fuzz
