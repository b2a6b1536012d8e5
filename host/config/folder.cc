#include "host/config/folder.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace sluice::config {
namespace {

namespace fs = std::filesystem;

bool LooksLikeYaml(const std::string& path) { return absl::EndsWith(path, ".yaml") || absl::EndsWith(path, ".yml"); }

std::string ExplainStray(const std::string& path) {
  if (absl::EndsWith(path, ".yml")) {
    return absl::StrCat("files of the configuration end in .yaml; rename it to ", path.substr(0, path.size() - 4),
                        ".yaml");
  }
  const size_t slash = path.find('/');
  if (slash == std::string::npos) {
    return absl::StrCat("this file is not read", Suggest(path, {"sluice.yaml"}));
  }
  const std::string rest = path.substr(slash + 1);
  if (rest.find('/') != std::string::npos)
    return "this file is not read; systems, roles and rules have no folders in them";
  const std::string nearest = Nearest(path.substr(0, slash), {"systems", "roles", "rules"});
  return absl::StrCat("this file is not read",
                      nearest.empty() ? "; move it to systems/, roles/ or rules/"
                                      : absl::StrCat("; did you mean ", Quoted(absl::StrCat(nearest, "/", rest)), "?"));
}

}  // namespace

std::optional<FileKind> KindOf(const std::string& path) {
  if (path == "sluice.yaml") return FileKind::kRoot;
  absl::string_view rest = path;
  if (!absl::ConsumeSuffix(&rest, ".yaml")) return std::nullopt;
  const size_t slash = rest.find('/');
  if (slash == absl::string_view::npos || rest.find('/', slash + 1) != absl::string_view::npos) return std::nullopt;
  const absl::string_view folder = rest.substr(0, slash);
  if (folder == "systems") return FileKind::kSystem;
  if (folder == "roles") return FileKind::kRoles;
  if (folder == "rules") return FileKind::kRules;
  return std::nullopt;
}

std::string SystemNameOf(const std::string& path) {
  absl::string_view name = path;
  absl::ConsumePrefix(&name, "systems/");
  absl::ConsumeSuffix(&name, ".yaml");
  return std::string(name);
}

std::string ReadWholeFile(const std::string& path, const core::Position& shown, Diagnostics& diagnostics) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream content;
  if (in) content << in.rdbuf();
  if (!in || in.bad()) {
    diagnostics.Error(shown,
                      absl::StrCat("the file cannot be read (", std::strerror(errno), "); let the host read it"));
    return "";
  }
  return content.str();
}

std::map<std::string, std::string> ReadFolder(const std::string& folder, Diagnostics& diagnostics) {
  std::map<std::string, std::string> files;
  std::error_code error;
  fs::recursive_directory_iterator at(folder, error), end;
  if (error) {
    diagnostics.Error(
        {folder}, absl::StrCat("the folder cannot be read (", error.message(), "); name the configuration's folder"));
    return files;
  }
  for (; at != end; at.increment(error)) {
    if (error) break;
    const std::string name = at->path().filename().string();
    if (absl::StartsWith(name, ".")) {
      if (at->is_directory(error)) at.disable_recursion_pending();
      continue;
    }
    if (!LooksLikeYaml(name) || !at->is_regular_file(error)) continue;
    const std::string path = fs::relative(at->path(), folder, error).generic_string();
    if (!KindOf(path)) {
      diagnostics.Error({path}, ExplainStray(path));
      continue;
    }
    files[path] = ReadWholeFile(at->path().string(), {path}, diagnostics);
  }
  if (error)
    diagnostics.Error({folder},
                      absl::StrCat("the folder cannot be read (", error.message(), "); let the host read it"));
  return files;
}

}  // namespace sluice::config
