// Level 0: what lies on disk.
#include <elf.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "host/base/hash.h"
#include "nlohmann/json.hpp"
#include "tests/conformance/run.h"

namespace sluice::conformance {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr char kNoPackage[] = "only a program was given; connector-pack makes a package of it";
constexpr uintmax_t kMaxPackageBytes = 256 << 20;

std::string Content(const fs::path& path) {
  std::error_code error;
  const uintmax_t size = fs::file_size(path, error);
  std::string content(error ? 0 : size, '\0');
  std::ifstream(path, std::ios::binary).read(content.data(), static_cast<std::streamsize>(content.size()));
  return content;
}

json Manifest(Run& run) {
  return json::parse(Content(fs::path(run.subject().package.directory) / "manifest.json"), nullptr, false);
}

Verdict NameIsTheManifests(Run& run) {
  if (!run.subject().is_package) return Skipped(kNoPackage);
  plugin::Package said = run.subject().package;
  if (absl::Status status = Identify(&said); !status.ok()) return Skipped("BOOT-001 fails: ", status.message());
  if (said.name == run.subject().package.name && said.version == run.subject().package.version) return Passed();
  return Failed("the program says ", said.name, " ", said.version, ", its manifest says ", run.subject().package.name,
                " ", run.subject().package.version);
}

Verdict KindsAreWhatItServes(Run& run) {
  if (!run.subject().is_package) return Skipped(kNoPackage);
  SLUICE_OR_SKIP(is_target, run.IsTarget());
  if (run.subject().package.is_target == is_target) return Passed();
  return Failed("the manifest's kinds ", run.subject().package.is_target ? "name" : "do not name",
                " \"target\", and the program ", is_target ? "serves" : "does not serve", " Writer");
}

// Names in the dynamic section, of a 64-bit ELF program; nothing for a script.
std::vector<std::string> NeededLibraries(const std::string& program) {
  std::vector<std::string> names;
  if (program.size() < sizeof(Elf64_Ehdr) || !absl::StartsWith(program,
                                                               "\x7f"
                                                               "ELF"))
    return names;
  const auto* header = reinterpret_cast<const Elf64_Ehdr*>(program.data());
  const auto fits = [&](uint64_t at, uint64_t size) { return at <= program.size() && size <= program.size() - at; };
  if (!fits(header->e_shoff, uint64_t{header->e_shnum} * sizeof(Elf64_Shdr))) return names;
  const auto* sections = reinterpret_cast<const Elf64_Shdr*>(program.data() + header->e_shoff);
  for (int i = 0; i < header->e_shnum; ++i) {
    const Elf64_Shdr& section = sections[i];
    if (section.sh_type != SHT_DYNAMIC || section.sh_link >= header->e_shnum ||
        !fits(section.sh_offset, section.sh_size))
      continue;
    const Elf64_Shdr& strings = sections[section.sh_link];
    const auto* entries = reinterpret_cast<const Elf64_Dyn*>(program.data() + section.sh_offset);
    for (size_t d = 0; d < section.sh_size / sizeof(Elf64_Dyn); ++d) {
      if (entries[d].d_tag != DT_NEEDED || !fits(strings.sh_offset + entries[d].d_un.d_val, 1)) continue;
      names.emplace_back(program.c_str() + strings.sh_offset + entries[d].d_un.d_val);
    }
  }
  return names;
}

Verdict LibrariesAreListed(Run& run) {
  if (!run.subject().is_package) return Skipped(kNoPackage);
  const std::vector<std::string> needed = NeededLibraries(Content(run.subject().package.executable));
  const json manifest = Manifest(run);
  if (manifest.is_object() && !manifest.contains("files") && !manifest.contains("libraries"))
    return Skipped("it is not packed yet; connector-pack lists them");
  const json listed = manifest.is_object() ? manifest.value("libraries", json::array()) : json::array();
  std::vector<std::string> missing;
  for (const std::string& name : needed) {
    if (std::find(listed.begin(), listed.end(), name) == listed.end()) missing.push_back(name);
  }
  if (missing.empty()) return Passed(needed.size(), " libraries");
  return Failed("the program needs ", absl::StrJoin(missing, ", "), ", which the manifest does not list");
}

Verdict NoSecretInside(Run& run) {
  std::string what;
  const fs::path directory =
      run.subject().is_package ? fs::path(run.subject().package.directory) : fs::path(run.subject().package.executable);
  const auto look = [&](const fs::path& file) {
    const std::string content = Content(file);
    for (const auto& [name, secret] : run.config().secrets) {
      if (secret.size() >= 6 && absl::StrContains(content, secret))
        what = absl::StrCat("secret ", name, " stands in ", file.filename().string());
    }
  };
  std::error_code error;
  if (fs::is_regular_file(directory, error)) look(directory);
  for (const auto& entry : fs::recursive_directory_iterator(directory, error)) {
    if (entry.is_regular_file()) look(entry.path());
  }
  return what.empty() ? Passed() : Failed(what);
}

Verdict FilesAreTheManifests(Run& run) {
  if (!run.subject().is_package) return Skipped(kNoPackage);
  const json manifest = Manifest(run);
  if (!manifest.is_object() || !manifest.contains("files"))
    return Skipped("the manifest lists no files; connector-pack writes them");
  size_t files = 0;
  for (const auto& [name, said] : manifest["files"].items()) {
    const fs::path path = fs::path(run.subject().package.directory) / name;
    std::error_code error;
    if (!fs::is_regular_file(path, error)) return Failed("the manifest lists ", name, ", which is not there");
    if (!said.is_object() || said.value("sha256", "") != base::Sha256Hex(Content(path)))
      return Failed(name, " is another file than the manifest says: its SHA-256 differs");
    ++files;
  }
  return Passed(files, " files");
}

Verdict HasReadme(Run& run) {
  if (!run.subject().is_package) return Skipped(kNoPackage);
  const std::string readme = Content(fs::path(run.subject().package.directory) / "README.md");
  if (readme.empty()) return Failed("there is no README.md beside manifest.json");
  std::vector<std::string> missing;
  for (const auto& field : run.subject().schema.fields()) {
    if (!absl::StrContains(readme, field.name())) missing.push_back(field.name());
  }
  return missing.empty() ? Passed() : Failed("README.md does not explain the settings ", absl::StrJoin(missing, ", "));
}

Verdict IsSmall(Run& run) {
  if (!run.subject().is_package) return Skipped(kNoPackage);
  uintmax_t bytes = 0;
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(run.subject().package.directory, error)) {
    if (entry.is_regular_file()) bytes += entry.file_size(error);
  }
  if (bytes > kMaxPackageBytes) return Failed("the package has ", bytes >> 20, " MiB");
  return Passed(bytes >> 20, " MiB");
}

constexpr Check kChecks[] = {
    {"PKG-001", 0, Severity::kMust, "The program says the name and the version of its manifest.",
     "make `name` and `version` in manifest.json those of Description(...)", NameIsTheManifests},
    {"PKG-002", 0, Severity::kMust,
     "The manifest's kinds are what the program serves: a target has Writer, a source has not.",
     "write \"target\" in `kinds` of manifest.json if the class derives from Target, \"source\" if from Source",
     KindsAreWhatItServes},
    {"PKG-003", 0, Severity::kMust, "No secret of the configuration stands in the package.",
     "take it out, make a new one, and read it from the secrets of Open", NoSecretInside},
    {"PKG-007", 0, Severity::kMust, "Every file that the manifest lists is there, with the SHA-256 that it says.",
     "pack it again with connector-pack; change nothing afterwards", FilesAreTheManifests},
    {"PKG-004", 0, Severity::kShould, "The manifest lists the shared libraries that the program needs.",
     "connector-pack writes `libraries` by itself", LibrariesAreListed},
    {"PKG-005", 0, Severity::kShould, "README.md stands in the package and explains every setting.",
     "write a README.md with each setting's name and meaning", HasReadme},
    {"PKG-006", 0, Severity::kShould, "The package is at most 256 MiB.", "strip the program", IsSmall},
};

}  // namespace

absl::Span<const Check> PackageChecks() { return kChecks; }

}  // namespace sluice::conformance
