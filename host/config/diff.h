// What differs between two versions of the configuration, in words: for `sluice config diff` and for the audit log.
//
// Pure. Compares meaning, not layout: a comment, an order of keys or another way to quote makes no difference.
#ifndef SLUICE_HOST_CONFIG_DIFF_H_
#define SLUICE_HOST_CONFIG_DIFF_H_

#include <string>
#include <vector>

#include "host/core/configuration.h"

namespace sluice::config {

struct ConfigChange {
  enum class Kind { kAdded, kRemoved, kChanged, kMoved };
  Kind kind = Kind::kChanged;
  std::string file;    // Of the new version; of the old one when it was removed.
  std::string what;    // "rule "Pupils can sign in"", "thresholds.create.count", "role "teacher": grants"
  std::string before;  // As it is written, shortened; empty when added.
  std::string after;   // Empty when removed.

  // "systems/ad.yaml: thresholds.create.count: 50 -> 60"; "rules/pupils.yaml: rule "X" added"
  std::string ToString() const;
};

// By file, then in the order of what it is about.
std::vector<ConfigChange> Diff(const core::Configuration& before, const core::Configuration& after);

}  // namespace sluice::config

#endif  // SLUICE_HOST_CONFIG_DIFF_H_
