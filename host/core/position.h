// Where in the configuration folder something stands.
#ifndef SLUICE_HOST_CORE_POSITION_H_
#define SLUICE_HOST_CORE_POSITION_H_

#include <string>

#include "absl/strings/str_cat.h"

namespace sluice::core {

struct Position {
  std::string file;  // Relative to the folder: "rules/pupils.yaml"; of a package: "sluice.somtoday/mapping.yaml".
  int line = 0;      // From 1; 0: unknown.
  int column = 0;    // From 1; 0: unknown.

  // "rules/pupils.yaml:16:43"
  std::string ToString() const {
    if (line == 0) return file;
    return column == 0 ? absl::StrCat(file, ":", line) : absl::StrCat(file, ":", line, ":", column);
  }
};

}  // namespace sluice::core

#endif  // SLUICE_HOST_CORE_POSITION_H_
