// The connector packages that are installed: DIRECTORY/<any>/manifest.json, with the program and mapping.yaml beside
// it.
//
// Reading it runs no vendor code. A broken package is a problem with its file's name, never a reason not to see the
// others. Immutable once read; safe on any thread. Signatures are a later matter: today whoever can write the directory
// is trusted.
//
//   {"schema": 1, "name": "sluice.somtoday", "version": "1.0.0", "executable": "sluice.somtoday", "kinds": ["source"],
//    "protocol": {"min": 1, "max": 1}}
#ifndef SLUICE_HOST_PLUGIN_CATALOGUE_H_
#define SLUICE_HOST_PLUGIN_CATALOGUE_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice::plugin {

struct Package {
  std::string name;                         // "sluice.somtoday"
  std::string version;                      // "1.0.0"
  std::array<uint32_t, 3> version_numbers;  // For comparing.
  std::string directory;
  std::string executable;    // A path in the directory.
  std::string mapping_path;  // Of mapping.yaml; empty when there is none.
  bool is_source = false;
  bool is_target = false;
  uint32_t min_protocol = 1;
  uint32_t max_protocol = 1;

  friend bool operator==(const Package&, const Package&) = default;
};

class Catalogue {
 public:
  // Looks into each directory in turn; of two packages with one name and version the first is taken.
  static Catalogue Read(const std::vector<std::string>& directories);

  // `connector` is "name@1" or "name@1.2": the newest version that matches. INVALID_ARGUMENT for another form,
  // NOT_FOUND for a name that is not installed (with the nearest that is) or a version that is not (with those that
  // are).
  absl::StatusOr<Package> Find(absl::string_view connector) const;

  // By name, newest version first.
  const std::vector<Package>& packages() const { return packages_; }
  // One line for each broken package: the file and what is wrong with it.
  const std::vector<std::string>& problems() const { return problems_; }

 private:
  void ReadDirectory(const std::string& directory);
  std::string ProblemsText() const;

  std::vector<Package> packages_;
  std::vector<std::string> problems_;
  std::vector<std::string> directories_;
};

// Reads one manifest; the message names the file.
absl::StatusOr<Package> ReadManifest(const std::string& path);

}  // namespace sluice::plugin

#endif  // SLUICE_HOST_PLUGIN_CATALOGUE_H_
