#include "host/plugin/catalogue.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "host/base/nearest.h"
#include "host/base/status.h"
#include "nlohmann/json.hpp"

namespace sluice::plugin {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr size_t kMaxManifestBytes = 1 << 20;

// "1", "1.2" or "1.2.3".
absl::StatusOr<std::vector<uint32_t>> ParseNumbers(absl::string_view text) {
  std::vector<uint32_t> numbers;
  for (absl::string_view part : absl::StrSplit(text, '.')) {
    uint32_t number = 0;
    const bool is_number = !part.empty() && part.find_first_not_of("0123456789") == absl::string_view::npos &&
                           absl::SimpleAtoi(part, &number);
    if (!is_number || numbers.size() == 3) {
      return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is not a version such as 1, 1.2 or 1.2.3"));
    }
    numbers.push_back(number);
  }
  return numbers;
}

bool IsConnectorName(absl::string_view name) {
  return !name.empty() && name.size() <= 128 &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789._-") == absl::string_view::npos;
}

absl::StatusOr<std::string> TextField(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) {
    return absl::InvalidArgumentError(absl::StrCat("\"", key, "\" is missing or is not a text"));
  }
  return found->get<std::string>();
}

absl::StatusOr<uint32_t> Major(const json& protocol, const char* key) {
  const auto found = protocol.find(key);
  if (found == protocol.end() || !found->is_number_unsigned() || found->get<uint64_t>() < 1 ||
      found->get<uint64_t>() > 1000) {
    return absl::InvalidArgumentError(absl::StrCat("\"protocol.", key, "\" is missing or is not a number from 1"));
  }
  return found->get<uint32_t>();
}

absl::Status ReadKinds(const json& manifest, Package* package) {
  const auto kinds = manifest.find("kinds");
  if (kinds == manifest.end() || !kinds->is_array() || kinds->empty()) {
    return absl::InvalidArgumentError("\"kinds\" must list \"source\", \"target\" or both");
  }
  for (const json& kind : *kinds) {
    if (kind == "source") {
      package->is_source = true;
    } else if (kind == "target") {
      package->is_target = true;
    } else {
      return absl::InvalidArgumentError("\"kinds\" may hold \"source\" and \"target\" only");
    }
  }
  return absl::OkStatus();
}

absl::Status ReadExecutable(const json& manifest, const fs::path& directory, Package* package) {
  ASSIGN_OR_RETURN(const std::string executable, TextField(manifest, "executable"));
  if (executable.empty() || executable.find('/') != std::string::npos || executable[0] == '.') {
    return absl::InvalidArgumentError("\"executable\" must be the name of a file beside the manifest");
  }
  package->executable = (directory / executable).string();
  std::error_code error;
  if (!fs::is_regular_file(package->executable, error) || access(package->executable.c_str(), X_OK) != 0) {
    return absl::InvalidArgumentError(absl::StrCat("\"executable\": ", package->executable, " is not a program"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Package> FromJson(const json& manifest, const fs::path& directory) {
  if (!manifest.is_object()) return absl::InvalidArgumentError("it is not a JSON object");
  const auto schema = manifest.find("schema");
  if (schema == manifest.end() || *schema != 1) return absl::InvalidArgumentError("\"schema\" must be 1");
  Package package;
  ASSIGN_OR_RETURN(package.name, TextField(manifest, "name"));
  if (!IsConnectorName(package.name)) {
    return absl::InvalidArgumentError("\"name\" must be lower-case letters, digits, '.', '_' and '-'");
  }
  ASSIGN_OR_RETURN(package.version, TextField(manifest, "version"));
  ASSIGN_OR_RETURN(std::vector<uint32_t> numbers, ParseNumbers(package.version));
  numbers.resize(3);
  std::copy(numbers.begin(), numbers.end(), package.version_numbers.begin());
  RETURN_IF_ERROR(ReadKinds(manifest, &package));
  const auto protocol = manifest.find("protocol");
  if (protocol == manifest.end() || !protocol->is_object()) {
    return absl::InvalidArgumentError("\"protocol\" must be {\"min\": 1, \"max\": 1}");
  }
  ASSIGN_OR_RETURN(package.min_protocol, Major(*protocol, "min"));
  ASSIGN_OR_RETURN(package.max_protocol, Major(*protocol, "max"));
  if (package.min_protocol > package.max_protocol) {
    return absl::InvalidArgumentError("\"protocol.min\" is above \"protocol.max\"");
  }
  RETURN_IF_ERROR(ReadExecutable(manifest, directory, &package));
  package.directory = directory.string();
  std::error_code error;
  const fs::path mapping = directory / "mapping.yaml";
  if (fs::is_regular_file(mapping, error)) package.mapping_path = mapping.string();
  return package;
}

absl::StatusOr<std::string> ReadSmallFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError("it cannot be read");
  std::string text;
  text.resize(kMaxManifestBytes + 1);
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.size() > kMaxManifestBytes) return absl::InvalidArgumentError("it is larger than 1 MiB");
  return text;
}

bool Matches(const Package& package, const std::vector<uint32_t>& wanted) {
  return std::equal(wanted.begin(), wanted.end(), package.version_numbers.begin());
}

}  // namespace

absl::StatusOr<Package> ReadManifest(const std::string& path) {
  auto text = ReadSmallFile(path);
  if (!text.ok()) return base::Annotate(text.status(), path);
  const json manifest = json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (manifest.is_discarded()) return absl::InvalidArgumentError(absl::StrCat(path, ": it is not JSON"));
  auto package = FromJson(manifest, fs::path(path).parent_path());
  if (!package.ok()) return base::Annotate(package.status(), path);
  return package;
}

Catalogue Catalogue::Read(const std::vector<std::string>& directories) {
  Catalogue catalogue;
  catalogue.directories_ = directories;
  for (const std::string& directory : directories) catalogue.ReadDirectory(directory);
  std::stable_sort(catalogue.packages_.begin(), catalogue.packages_.end(), [](const Package& a, const Package& b) {
    return a.name != b.name ? a.name < b.name : a.version_numbers > b.version_numbers;
  });
  return catalogue;
}

void Catalogue::ReadDirectory(const std::string& directory) {
  std::error_code error;
  fs::directory_iterator entries(directory, error);
  if (error) {
    problems_.push_back(absl::StrCat(directory, ": this plugin directory cannot be read: ", error.message()));
    return;
  }
  std::set<std::string> manifests;  // In order of name, whatever the file system says.
  for (; entries != fs::directory_iterator(); entries.increment(error)) {
    const fs::path manifest = entries->path() / "manifest.json";
    std::error_code ignored;
    if (fs::exists(manifest, ignored)) manifests.insert(manifest.string());
    if (error) break;
  }
  for (const std::string& path : manifests) {
    auto package = ReadManifest(path);
    if (!package.ok()) {
      problems_.emplace_back(package.status().message());
      continue;
    }
    const auto same = std::find_if(packages_.begin(), packages_.end(), [&](const Package& other) {
      return other.name == package->name && other.version_numbers == package->version_numbers;
    });
    if (same != packages_.end()) {
      problems_.push_back(absl::StrCat(path, ": ", package->name, " ", package->version, " is installed twice; ",
                                       same->directory, " is used"));
      continue;
    }
    packages_.push_back(*std::move(package));
  }
}

std::string Catalogue::ProblemsText() const {
  return problems_.empty() ? "" : absl::StrCat(" (", absl::StrJoin(problems_, "; "), ")");
}

absl::StatusOr<Package> Catalogue::Find(absl::string_view connector) const {
  const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(connector, absl::MaxSplits('@', 1));
  const std::string name(parts.first);
  std::vector<std::string> names, versions;
  for (const Package& package : packages_) {
    if (names.empty() || names.back() != package.name) names.push_back(package.name);
    if (package.name == name) versions.push_back(package.version);
  }
  if (versions.empty()) {
    const std::string nearest = base::Nearest(name, names);
    const std::string installed = !nearest.empty() ? absl::StrCat("did you mean \"", nearest, "\"?")
                                  : names.empty()
                                      ? absl::StrCat("no connector is installed in ", absl::StrJoin(directories_, ", "))
                                      : absl::StrCat("installed are ", absl::StrJoin(names, ", "));
    return absl::NotFoundError(absl::StrCat("unknown connector \"", name, "\"; ", installed, ProblemsText()));
  }
  const std::string has =
      absl::StrCat("installed ", versions.size() == 1 ? "is " : "are ", absl::StrJoin(versions, ", "));
  if (parts.second.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("connector \"", connector, "\" names no version; write ", name, "@",
                     std::vector<std::string>(absl::StrSplit(versions.front(), '.')).front(), " (", has, ")"));
  }
  auto wanted = ParseNumbers(parts.second);
  if (!wanted.ok()) return base::Annotate(wanted.status(), absl::StrCat("connector \"", connector, "\""));
  for (const Package& package : packages_) {
    if (package.name == name && Matches(package, *wanted)) return package;
  }
  return absl::NotFoundError(
      absl::StrCat("connector \"", name, "\" has no version ", parts.second, "; ", has, ProblemsText()));
}

}  // namespace sluice::plugin
