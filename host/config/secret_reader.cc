#include "host/config/secret_reader.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

extern char** environ;

namespace sluice::config {
namespace {

using Kind = core::SecretReference::Kind;

constexpr size_t kMostSecretBytes = 65536;

std::string GroupName(gid_t id) {
  std::array<char, 4096> buffer;
  struct group group = {}, *found = nullptr;
  if (getgrgid_r(id, &group, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) return group.gr_name;
  return absl::StrCat(id);
}

// What the host would refuse when it needs the secret, said now.
std::string WrongText(absl::string_view text, SecretContent kind) {
  if (absl::StripAsciiWhitespace(text).empty()) return "is empty; write the secret into it";
  if (kind == SecretContent::kKey) return "";
  if (text.find('\0') != absl::string_view::npos) return "holds a zero byte; write the secret as text";
  if (absl::StripAsciiWhitespace(text).size() != text.size()) return "begins or ends with a blank; remove it";
  return "";
}

// What is too short cannot be told from other words in a log line.
bool IsShort(absl::string_view text, SecretContent kind) {
  return kind == SecretContent::kText && text.size() < core::kShortestHiddenSecret;
}

std::string WrongVariable(const std::string& name, SecretContent kind, bool& is_short) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) {
    std::string other;
    for (char** one = environ; *one != nullptr; ++one) {
      const std::string candidate = std::string(*one).substr(0, std::string(*one).find('='));
      if (absl::EqualsIgnoreCase(candidate, name)) other = candidate;
    }
    return absl::StrCat("variable ", name, " is not set",
                        other.empty() ? "; set it for the host" : absl::StrCat("; did you mean ", Quoted(other), "?"));
  }
  const std::string wrong = WrongText(value, kind);
  is_short = IsShort(value, kind);
  return wrong.empty() ? "" : absl::StrCat("variable ", name, " ", wrong);
}

std::string OpenToOthers(const std::string& path, const struct stat& status) {
  const bool reads = (status.st_mode & (S_IRGRP | S_IROTH)) != 0;
  if ((status.st_mode & 077) == 0) return "";
  const bool everybody = (status.st_mode & 007) != 0;
  return absl::StrCat(path, " can be ", reads ? "read" : "changed", " by ",
                      everybody ? "everybody" : absl::StrCat("group ", Quoted(GroupName(status.st_gid))),
                      "; run chmod 600 on it");
}

std::string WrongContent(const std::string& path, int file, SecretContent kind, bool& is_short) {
  std::string content(kMostSecretBytes + 1, '\0');
  size_t size = 0;
  ssize_t got = 1;
  while (got > 0 && size < content.size()) {
    got = read(file, content.data() + size, content.size() - size);
    if (got > 0) size += static_cast<size_t>(got);
  }
  if (got < 0) return absl::StrCat(path, " cannot be read (", std::strerror(errno), "); name a file with the secret");
  // One line end is how editors write files; it is no part of the secret.
  absl::string_view text(content.data(), size);
  if (absl::ConsumeSuffix(&text, "\n")) absl::ConsumeSuffix(&text, "\r");
  const std::string wrong = size > kMostSecretBytes ? absl::StrCat("is longer than ", kMostSecretBytes,
                                                                   " bytes; name a file with the secret only")
                                                    : WrongText(text, kind);
  is_short = IsShort(text, kind);
  explicit_bzero(content.data(), content.size());
  return wrong.empty() ? "" : absl::StrCat(path, " ", wrong);
}

// The host makes a key of its own that is not there yet; it needs the folder for that.
std::string WrongPlace(const std::string& path) {
  const std::string folder = path.substr(0, path.rfind('/'));
  struct stat status = {};
  if (stat(folder.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) return "";
  return absl::StrCat("folder ", folder, " does not exist; create it, and the host makes the key");
}

std::string WrongFile(const std::string& path, SecretContent kind, bool& is_short) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) {
    const int error = errno;
    if (error == ENOENT && kind == SecretContent::kKey) return WrongPlace(path);
    return error == ENOENT ? absl::StrCat(path, " does not exist; create it, readable by the host only")
                           : absl::StrCat(path, " cannot be read (", std::strerror(error), "); let the host own it");
  }
  struct stat status = {};
  std::string wrong;
  if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
    wrong = absl::StrCat(path, " is not a file; name a file with the secret");
  } else {
    wrong = OpenToOthers(path, status);
    if (wrong.empty()) wrong = WrongContent(path, file, kind, is_short);
  }
  close(file);
  return wrong;
}

std::string WrongProgram(const std::string& command) {
  const std::string program = command.substr(0, command.find(' '));
  if (program.empty() || program.front() != '/') {
    return "a program is named by its whole path; write for example exec:/usr/local/bin/secret ad";
  }
  struct stat status = {};
  if (stat(program.c_str(), &status) != 0)
    return absl::StrCat("program ", program, " does not exist; install it, or correct its path");
  if (!S_ISREG(status.st_mode) || access(program.c_str(), X_OK) != 0) {
    return absl::StrCat("program ", program, " cannot be run; make it executable");
  }
  if ((status.st_mode & S_IWOTH) != 0)
    return absl::StrCat("program ", program, " can be changed by everybody; run chmod o-w on it");
  return "";
}

}  // namespace

std::optional<core::SecretReference> ReadSecret(const YamlNode& node, const std::string& name,
                                                const std::string& folder, SecretContent content, bool checks_value,
                                                Diagnostics& diagnostics) {
  if (!node.is_scalar()) return std::nullopt;
  absl::string_view target = node.text;
  core::SecretReference reference;
  reference.position = node.position;
  if (absl::ConsumePrefix(&target, "env:")) {
    reference.kind = Kind::kEnv;
  } else if (absl::ConsumePrefix(&target, "file:")) {
    reference.kind = Kind::kFile;
  } else if (absl::ConsumePrefix(&target, "exec:")) {
    reference.kind = Kind::kExec;
  } else {
    // It may be the secret itself: it is not repeated.
    diagnostics.Error(node.position, absl::StrCat("secret ", Quoted(name),
                                                  " is no reference; write env:NAME, file:/path or "
                                                  "exec:/program, and change the secret if it stood here"));
    return std::nullopt;
  }
  reference.target = std::string(target);
  if (target.empty()) {
    diagnostics.Error(node.position, absl::StrCat("secret ", Quoted(name), " names nothing after ", Quoted(node.text),
                                                  "; write env:NAME, file:/path or exec:/program"));
    return std::nullopt;
  }
  if (reference.kind == Kind::kFile && target.front() != '/') reference.target = absl::StrCat(folder, "/", target);
  if (!checks_value) return reference;
  bool is_short = false;
  const std::string wrong = reference.kind == Kind::kEnv    ? WrongVariable(reference.target, content, is_short)
                            : reference.kind == Kind::kFile ? WrongFile(reference.target, content, is_short)
                                                            : WrongProgram(reference.target);
  if (!wrong.empty()) {
    diagnostics.Error(node.position, absl::StrCat("secret ", Quoted(name), ": ", wrong));
  } else if (is_short) {
    diagnostics.Warn(node.position,
                     absl::StrCat("secret ", Quoted(name), " has fewer than ", core::kShortestHiddenSecret,
                                  " characters and is not taken out of log lines; choose a longer one"));
  }
  return reference;
}

}  // namespace sluice::config
