#include "tests/conformance/subject.h"

#include <unistd.h>

#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "host/base/subprocess.h"

namespace sluice::conformance {
namespace {

namespace fs = std::filesystem;

absl::Status Unpack(const std::string& file, const std::string& directory) {
  base::SpawnOptions spawn;
  spawn.executable = "/usr/bin/tar";
  spawn.arguments = {"--extract", "--no-same-owner", "--strip-components=1", "--file", file, "--directory", directory};
  spawn.environment = {"PATH=/usr/bin:/bin"};
  auto process = base::Subprocess::Spawn(spawn);
  if (!process.ok()) return process.status();
  const base::ExitStatus status = (*process)->Reap();
  if (status.by_signal || status.number != 0)
    return absl::InvalidArgumentError(
        absl::StrCat(file, " is no package that tar can unpack; make it with connector-pack"));
  return absl::OkStatus();
}

absl::StatusOr<plugin::Package> FindPackage(const fs::path& path, const std::string& scratch, bool* is_package) {
  std::error_code error;
  if (!fs::exists(path, error))
    return absl::NotFoundError(absl::StrCat(path.string(), " is not there; build it first"));
  fs::path directory = path;
  if (absl::EndsWith(path.string(), ".sluice")) {
    if (absl::Status status = Unpack(path.string(), scratch); !status.ok()) return status;
    directory = scratch;
  } else if (!fs::is_directory(path, error)) {
    directory = path.parent_path();
  }
  *is_package = fs::exists(directory / "manifest.json", error);
  if (*is_package) {
    auto package = plugin::ReadManifest((directory / "manifest.json").string());
    const bool is_meant = !package.ok() || fs::is_directory(path, error) || directory == scratch ||
                          fs::equivalent(package->executable, path, error);
    if (is_meant) return package;
    *is_package = false;  // A manifest of something else that lies there.
  }
  if (fs::is_directory(path, error))
    return absl::InvalidArgumentError(absl::StrCat(path.string(), " has no manifest.json; name the program itself"));
  if (access(path.c_str(), X_OK) != 0)
    return absl::InvalidArgumentError(absl::StrCat(path.string(), " is not a program that can be run"));
  plugin::Package package;
  package.executable = fs::absolute(path).string();
  package.directory = fs::absolute(path).parent_path().string();
  if (absl::Status status = Identify(&package); !status.ok()) return status;
  return package;
}

}  // namespace

absl::StatusOr<Subject> FindSubject(const std::string& path, const std::string& config, const std::string& scratch) {
  Subject subject;
  auto package = FindPackage(fs::absolute(path), scratch, &subject.is_package);
  if (!package.ok()) return package.status();
  subject.package = *std::move(package);
  subject.config.as_of = absl::ToCivilDay(absl::Now(), absl::UTCTimeZone());
  if (!config.empty()) {
    auto read = ReadConfig(config);
    if (!read.ok()) return read.status();
    subject.config = *std::move(read);
    subject.directory = fs::absolute(config).parent_path().string();
  }
  // A connector that does not start has no settings; BOOT-001 says the rest.
  if (auto launched = Launched::Start(subject); launched.ok())
    (*launched)->configuration().GetConfigSchema((*launched)->Context().get(), {}, &subject.schema).ok();
  return subject;
}

}  // namespace sluice::conformance
