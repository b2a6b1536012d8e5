// The files of a configuration folder: which belong to it, and which look as if they should.
#ifndef SLUICE_HOST_CONFIG_FOLDER_H_
#define SLUICE_HOST_CONFIG_FOLDER_H_

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "host/config/diagnostics.h"
#include "host/config/keys.h"

namespace sluice::config {

// Relative path -> contents. A YAML file where none is read is an error: nobody writes one to be passed over. So is a
// link that leads to nothing, to a folder or out of this one, and a folder that changes while it is read: half of one
// state and half of another would be a configuration that nobody wrote. `before_second_look` is for tests.
std::map<std::string, std::string> ReadFolder(const std::string& folder, Diagnostics& diagnostics,
                                              const std::function<void()>& before_second_look = {});

// What a file is by its place; nothing for one that is no part of the configuration.
std::optional<FileKind> KindOf(const std::string& path);

// "ad" of "systems/ad.yaml"
std::string SystemNameOf(const std::string& path);

// Reads a little more than kMostFileBytes at most. Fails the check with what is wrong; gives "" then.
std::string ReadWholeFile(const std::string& path, const core::Position& shown, Diagnostics& diagnostics);

}  // namespace sluice::config

#endif  // SLUICE_HOST_CONFIG_FOLDER_H_
