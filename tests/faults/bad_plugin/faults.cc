#include "tests/faults/bad_plugin/faults.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <fstream>
#include <optional>
#include <sstream>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace sluice::faults {
namespace {

constexpr char kOnce[] = "!once";

std::string BesideProgram() {
  char path[PATH_MAX];
  const ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
  if (n <= 0) return "";
  const std::string program(path, static_cast<size_t>(n));
  return program.substr(0, program.rfind('/') + 1) + "faults";
}

std::optional<std::string> Find(const std::string& text, char separator, const std::string& key) {
  for (absl::string_view line : absl::StrSplit(text, separator)) {
    line = absl::StripAsciiWhitespace(line);
    if (absl::ConsumePrefix(&line, key) && absl::ConsumePrefix(&line, "=")) return std::string(line);
  }
  return std::nullopt;
}

std::string Content(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void RemoveLine(const std::string& path, const std::string& key) {
  std::vector<std::string> kept;
  for (absl::string_view line : absl::StrSplit(Content(path), '\n')) {
    if (!absl::StartsWith(absl::StripAsciiWhitespace(line), key + "=")) kept.emplace_back(line);
  }
  const std::string next = path + ".next";
  {
    std::ofstream out(next);
    for (const std::string& line : kept) out << line << "\n";
  }
  rename(next.c_str(), path.c_str());
}

}  // namespace

FaultList& FaultList::Get() {
  static FaultList* const kList = new FaultList;
  return *kList;
}

void FaultList::Configure(const std::string& inline_faults, const std::string& control_file) {
  absl::MutexLock lock(&mutex_);
  inline_ = inline_faults;
  file_ = control_file;
}

std::string FaultList::Take(const std::string& key) {
  absl::MutexLock lock(&mutex_);
  if (auto value = Find(inline_, ';', key); value.has_value()) return *value;
  for (const std::string& path : {file_, BesideProgram()}) {
    if (path.empty()) continue;
    auto value = Find(Content(path), '\n', key);
    if (!value.has_value()) continue;
    absl::string_view plain = *value;
    if (absl::ConsumeSuffix(&plain, kOnce)) RemoveLine(path, key);
    return std::string(plain);
  }
  return "";
}

void Crash() {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

void Hang() {
  for (;;) pause();
}

}  // namespace sluice::faults
