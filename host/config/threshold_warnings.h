// Thresholds that are too large for what is held: with numbers of the school at hand, a limit can be seen to protect
// nobody.
//
// Pure.
#ifndef SLUICE_HOST_CONFIG_THRESHOLD_WARNINGS_H_
#define SLUICE_HOST_CONFIG_THRESHOLD_WARNINGS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "host/config/diagnostics.h"
#include "host/core/configuration.h"

namespace sluice::config {

// What is held, by system and kind of threshold: accounts for "create", "update", "enable", "disable", "retire" and
// "delete", grants for "revoke", resources for "delete_resource", people for "people_removed", "people_changed" and
// "held_back". Kinds without a number are passed over.
using HeldCounts = std::map<std::string, std::map<std::string, int64_t>>;

// One for each limit that would let through a quarter or more of what is held without waiting for anybody, and for each
// limit of changes that all of them together do not reach.
std::vector<Diagnostic> ThresholdWarnings(const core::Configuration& configuration, const HeldCounts& counts);

}  // namespace sluice::config

#endif  // SLUICE_HOST_CONFIG_THRESHOLD_WARNINGS_H_
