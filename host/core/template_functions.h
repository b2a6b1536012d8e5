// The closed list of functions that a template may use: one table, from which parser and reference page come.
//
// Pure functions of one value and constant arguments; safe on any thread. What is not visible stays not visible and
// what is empty stays empty, unless the table says otherwise; a function of text reads other kinds as their text and
// works on each item of a list. A value whose kind does not fit becomes not visible: an unknown clears nothing.
#ifndef SLUICE_HOST_CORE_TEMPLATE_FUNCTIONS_H_
#define SLUICE_HOST_CORE_TEMPLATE_FUNCTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "host/core/value.h"

namespace sluice::core {

struct TemplateArgument {
  std::string text;    // As written, without quotes; of "k=v" the v.
  std::string key;     // Of "k=v" the k.
  int64_t number = 0;  // Of a number.
};

struct TemplateFunction {
  absl::string_view name;
  // One letter an argument: t text, n a number, c a count (a number from 0), k key=value, p the path of another field.
  // "?" after a letter: may be left out; "*": once or more.
  absl::string_view arguments;
  absl::string_view usage;  // "left(n)"
  absl::string_view help;   // One sentence.
  bool is_each = false;     // Of a list: works on each item.
  bool takes_empty = false;
  bool takes_text = false;  // Is handed the text of a value of another kind.
  Value (*apply)(const Value& value, const std::vector<TemplateArgument>& arguments) = nullptr;  // None: if_empty.
};

// All of them, by name.
const std::vector<TemplateFunction>& TemplateFunctions();
// Null when there is none of this name.
const TemplateFunction* FindTemplateFunction(absl::string_view name);

// Applies with the rules above.
Value ApplyTemplateFunction(const TemplateFunction& function, const Value& value,
                            const std::vector<TemplateArgument>& arguments);

}  // namespace sluice::core

#endif  // SLUICE_HOST_CORE_TEMPLATE_FUNCTIONS_H_
