// A template computes one value: text with {path | function(argument) | ...} in it. "{n}" counts 2, 3, ... in name
// candidates.
//
// The functions are a closed list of pure functions (see template_functions.h). A template that is one placeholder
// keeps its value's type. One placeholder that is not visible makes the whole not visible; an empty one adds nothing; a
// whole that came out as "" is empty. "{{" and "}}" stand for braces. Immutable; safe on any thread.
#ifndef SLUICE_HOST_CORE_TEMPLATE_H_
#define SLUICE_HOST_CORE_TEMPLATE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "host/core/value.h"

namespace sluice::core {

class Template {
 public:
  // Finds the value of a path ("person.name.nick", "contract.department.code", "plaatsing.startdatum"); not visible
  // when unknown.
  using Lookup = absl::FunctionRef<Value(const std::string& path)>;

  Template() = default;  // Empty text.
  // Fails with INVALID_ARGUMENT: "at 12: unknown function "uper"; did you mean "upper"?" (the offset counts bytes from
  // 0).
  static absl::StatusOr<Template> Parse(absl::string_view text);
  // Always gives `value`: what YAML writes as a number, a flag, a date or null.
  static Template Constant(Value value);

  // A text with a placeholder has no blank at its ends, nor two in a row: what a cut or an empty field leaves behind.
  Value Evaluate(Lookup lookup) const;
  // What is left of it when everything but {n} is known: gives for each n what it would, in less time.
  Template WithKnown(Lookup lookup) const;

  const std::string& text() const;
  const std::vector<std::string>& paths() const;  // Every path it reads, in order, each once; "n" is not one.
  bool uses_counter() const;                      // Has {n}.

 private:
  struct Parsed;
  std::shared_ptr<const Parsed> parsed_;
};

}  // namespace sluice::core

#endif  // SLUICE_HOST_CORE_TEMPLATE_H_
