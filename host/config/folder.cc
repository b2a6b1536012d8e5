#include "host/config/folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <tuple>
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

// A file of the folder as a listing shows it: two listings that are equal were of the same files.
struct Listed {
  std::string path;   // Within the folder.
  std::string whole;  // To be opened.
  struct stat status = {};

  auto Key() const {
    return std::tie(path, status.st_dev, status.st_ino, status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
  }
};

// Walks a folder without following links to other folders.
class Lister {
 public:
  Lister(const std::string& folder, Diagnostics& diagnostics) : diagnostics_(diagnostics) {
    std::error_code error;
    root_ = fs::canonical(folder, error);
    if (!error) error = Walk(root_, "");
    if (!error) return;
    diagnostics_.Error(
        {folder}, absl::StrCat("the folder cannot be read (", error.message(), "); name the configuration's folder"));
  }

  std::vector<Listed> files;

 private:
  std::error_code Walk(const fs::path& folder, const std::string& prefix) {
    std::error_code error;
    std::vector<fs::path> entries;
    for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
      if (!absl::StartsWith(at->path().filename().string(), ".")) entries.push_back(at->path());
    }
    std::sort(entries.begin(), entries.end());
    for (const fs::path& entry : entries) Entry(entry, prefix + entry.filename().string());
    return error;
  }

  void Entry(const fs::path& entry, const std::string& path) {
    struct stat link = {}, status = {};
    if (lstat(entry.c_str(), &link) != 0) return;  // Gone since it was listed.
    const bool is_link = S_ISLNK(link.st_mode), leads_on = stat(entry.c_str(), &status) == 0;
    const bool is_folder = leads_on && S_ISDIR(status.st_mode);
    const bool is_ours = LooksLikeYaml(path) || path == "systems" || path == "roles" || path == "rules";
    if (is_link && !leads_on) {
      if (is_ours) diagnostics_.Error({path}, "this link leads to nothing; put the file itself here, or remove it");
    } else if (is_folder && (is_link || LooksLikeYaml(path))) {
      diagnostics_.Error({path}, is_link ? "a link to a folder is not followed; put the folder itself here"
                                         : "this is a folder and not a file; rename it, or put a file here");
    } else if (is_folder) {
      if (const std::error_code error = Walk(entry, path + "/")) {
        diagnostics_.Error({path},
                           absl::StrCat("the folder cannot be read (", error.message(), "); let the host read it"));
      }
    } else if (LooksLikeYaml(path)) {
      File(entry, path, is_link, status);
    }
  }

  void File(const fs::path& entry, const std::string& path, bool is_link, const struct stat& status) {
    if (!KindOf(path)) return diagnostics_.Error({path}, ExplainStray(path));
    if (!S_ISREG(status.st_mode))
      return diagnostics_.Error({path}, "this is no file that can be read; put a file here");
    std::error_code error;
    if (is_link && !absl::StartsWith(fs::canonical(entry, error).string(), root_.string() + "/")) {
      return diagnostics_.Error({path}, "this link leads out of the folder; put the file itself here");
    }
    files.push_back({path, entry.string(), status});
  }

  Diagnostics& diagnostics_;
  fs::path root_;
};

bool AreSame(const std::vector<Listed>& a, const std::vector<Listed>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Listed& one, const Listed& other) { return one.Key() == other.Key(); });
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
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  std::string content;
  bool is_read = file >= 0;
  while (is_read && content.size() <= kMostFileBytes) {
    const size_t before = content.size();
    content.resize(before + 65536);
    const ssize_t got = read(file, content.data() + before, 65536);
    content.resize(before + static_cast<size_t>(std::max<ssize_t>(got, 0)));
    if (got == 0) break;
    is_read = got > 0 || errno == EINTR;
  }
  const int error = errno;
  if (file >= 0) close(file);
  if (is_read) return content;
  diagnostics.Error(shown, absl::StrCat("the file cannot be read (", std::strerror(error), "); let the host read it"));
  return "";
}

std::map<std::string, std::string> ReadFolder(const std::string& folder, Diagnostics& diagnostics,
                                              const std::function<void()>& before_second_look) {
  std::map<std::string, std::string> files;
  const Lister listed(folder, diagnostics);
  for (const Listed& one : listed.files) files[one.path] = ReadWholeFile(one.whole, {one.path}, diagnostics);
  if (before_second_look) before_second_look();
  Diagnostics again;
  if (!AreSame(listed.files, Lister(folder, again).files)) {
    diagnostics.Error({folder}, "files were changed while they were read; check again when nobody writes them");
  }
  return files;
}

}  // namespace sluice::config
