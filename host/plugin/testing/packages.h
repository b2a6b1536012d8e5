// Plugin directories for tests: packages of the odd plugin, each under the file name that makes it misbehave.
#ifndef SLUICE_HOST_PLUGIN_TESTING_PACKAGES_H_
#define SLUICE_HOST_PLUGIN_TESTING_PACKAGES_H_

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "host/base/testing/temporary_folder.h"

namespace sluice::plugin {

inline std::string BinaryDirectory() {
  const char* directory = getenv("SLUICE_BINARY_DIR");
  if (directory != nullptr) return directory;
  return std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path().string();
}

inline void WriteFile(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path) << text;
}

inline std::string Manifest(const std::string& name, const std::string& version, const std::string& executable) {
  return absl::StrCat(R"({"schema":1,"name":")", name, R"(","version":")", version, R"(","executable":")", executable,
                      R"(","kinds":["source","target"],"protocol":{"min":1,"max":1}})");
}

// test.odd 1.2.0, its program under the given name.
inline void InstallOdd(const std::string& directory, const std::string& executable) {
  const std::string package = absl::StrCat(directory, "/odd");
  WriteFile(package + "/manifest.json", Manifest("test.odd", "1.2.0", executable));
  std::filesystem::create_symlink(BinaryDirectory() + "/bin/sluice_odd_plugin", package + "/" + executable);
}

}  // namespace sluice::plugin

#endif  // SLUICE_HOST_PLUGIN_TESTING_PACKAGES_H_
