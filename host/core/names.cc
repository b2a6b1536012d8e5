#include "host/core/names.h"

#include <memory>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "host/core/text.h"
#include "re2/re2.h"

namespace sluice::core {
namespace {

// The program of a pattern; each thread keeps the one it used last, for a whole population asks with the same one.
const RE2& CompiledPattern(absl::string_view pattern) {
  thread_local std::unique_ptr<RE2> last;
  if (last == nullptr || last->pattern() != std::string(pattern)) {
    RE2::Options options;
    options.set_log_errors(false);
    last = std::make_unique<RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
  }
  return *last;
}

}  // namespace

std::string NormaliseName(absl::string_view name) { return FoldCase(NormaliseText(name)); }

bool IsAllowedName(absl::string_view name, int64_t max_length, absl::string_view allowed_characters) {
  if (name.empty() || absl::EndsWith(name, ".")) return false;
  if (max_length > 0 && Length(name) > max_length) return false;
  if (allowed_characters.empty()) return true;
  const RE2& pattern = CompiledPattern(allowed_characters);
  return pattern.ok() && RE2::FullMatch(re2::StringPiece(name.data(), name.size()), pattern);
}

std::vector<std::string> ExpandCandidates(const std::vector<Template>& candidates, Template::Lookup lookup,
                                          int64_t max_length, absl::string_view allowed_characters, int limit) {
  std::vector<std::string> names;
  std::set<std::string> seen;
  int looked_at = 0;
  for (const Template& whole : candidates) {
    const Template candidate = whole.WithKnown(lookup);
    for (int64_t n = 2; looked_at < limit; ++n) {
      ++looked_at;
      Value value =
          candidate.Evaluate([&](const std::string& path) { return path == "n" ? Value::Integer(n) : lookup(path); });
      std::string name = value.has_value() ? value.ToText() : "";
      if (IsAllowedName(name, max_length, allowed_characters) && seen.insert(NormaliseName(name)).second) {
        names.push_back(std::move(name));
      }
      if (!whole.uses_counter()) break;
    }
  }
  return names;
}

}  // namespace sluice::core
