// What is wrong with a configuration, in the words of its reader: where, what, and how to put it right.
//
// Collected, never thrown: one check shows all mistakes at once. Not thread-safe; one a load.
#ifndef SLUICE_HOST_CONFIG_DIAGNOSTICS_H_
#define SLUICE_HOST_CONFIG_DIAGNOSTICS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "host/base/nearest.h"
#include "host/core/position.h"

namespace sluice::config {

struct Diagnostic {
  core::Position position;
  std::string message;  // What is wrong; what to do.

  // "rules/pupils.yaml:16:43: unknown field "locaton.code"; did you mean "location.code"?"
  std::string ToString() const;
};

class Diagnostics {
 public:
  void Error(const core::Position& position, absl::string_view message);
  void Warn(const core::Position& position, absl::string_view message);
  bool has_errors() const { return !errors_.empty(); }

  // By file, line and column; each message at one place once, on one line; not more than a reader can use.
  std::vector<Diagnostic> TakeErrors();
  std::vector<Diagnostic> TakeWarnings();

 private:
  std::vector<Diagnostic> errors_;
  std::vector<Diagnostic> warnings_;
};

using base::Nearest;

// "; did you mean "x"?", or "; known here: a, b, c" when nothing is near, or "" when nothing is known.
std::string Suggest(absl::string_view word, const std::vector<std::string>& known);

// The first `most` characters of a text, and "..." when there are more.
std::string Start(absl::string_view text, size_t most);

// In double quotation marks.
std::string Quoted(absl::string_view text);
// "a, b or c"
std::string JoinOr(const std::vector<std::string>& words);

}  // namespace sluice::config

#endif  // SLUICE_HOST_CONFIG_DIAGNOSTICS_H_
