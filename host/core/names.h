// Names that must be unique: how two are compared, and which candidates a person has.
//
// Pure functions, safe on any thread. Who holds which name is the state's (NameEntry), not known here.
#ifndef SLUICE_HOST_CORE_NAMES_H_
#define SLUICE_HOST_CORE_NAMES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "host/core/template.h"

namespace sluice::core {

// Two names with one normalised form are one name: NFKC, case folded, nothing invisible, no blanks at the ends. A
// composed and a decomposed letter are the same; an accent makes a difference.
std::string NormaliseName(absl::string_view name);

// The names to try, in order: what each template gives; one with {n} gives what it gives for n = 2, 3, ... until
// `limit` candidates have been looked at. Passed over are those that are empty, not visible, longer than `max_length`
// characters (0: any length), end in a full stop, do not match `allowed_characters` as a whole (a regular expression;
// "": anything; one that does not compile: nothing passes), or are equal to an earlier one once normalised.
std::vector<std::string> ExpandCandidates(const std::vector<Template>& candidates, Template::Lookup lookup,
                                          int64_t max_length, absl::string_view allowed_characters, int limit = 50);

// Whether one name passes these tests.
bool IsAllowedName(absl::string_view name, int64_t max_length, absl::string_view allowed_characters);

}  // namespace sluice::core

#endif  // SLUICE_HOST_CORE_NAMES_H_
