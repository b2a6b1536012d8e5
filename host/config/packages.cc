#include "host/config/packages.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "host/config/diagnostics.h"

namespace sluice::config {
namespace {

// "1.10.2" as numbers, so that 1.10 is newer than 1.9; what is not a number counts as 0.
std::vector<int> PartsOf(const std::string& version) {
  std::vector<int> parts;
  for (absl::string_view part : absl::StrSplit(version, absl::ByAnyChar(".-+"))) {
    int number = 0;
    parts.push_back(absl::SimpleAtoi(part, &number) ? number : 0);
  }
  return parts;
}

bool Allows(const std::string& wanted, const std::string& version) {
  const std::vector<int> want = PartsOf(wanted), have = PartsOf(version);
  return want.size() <= have.size() && std::equal(want.begin(), want.end(), have.begin());
}

bool IsVersion(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789.") == std::string::npos && text.front() != '.' &&
         text.back() != '.' && text.find("..") == std::string::npos;
}

}  // namespace

const ClassSchema* SystemSchema::Find(const std::string& name) const {
  for (const ClassSchema& one : classes) {
    if (one.name == name) return &one;
  }
  return nullptr;
}

absl::StatusOr<PackageInfo> FindPackage(const Packages& packages, const std::string& connector) {
  const std::vector<std::string> parts = absl::StrSplit(connector, '@');
  if (parts.size() != 2 || parts[0].empty() || !IsVersion(parts[1])) {
    return absl::InvalidArgumentError(
        absl::StrCat("connector ", Quoted(connector), " is not a name and a version; write for example sluice.csv@1"));
  }
  std::vector<InstalledPackage> installed = packages.Installed();
  std::sort(installed.begin(), installed.end(), [](const InstalledPackage& a, const InstalledPackage& b) {
    return std::make_pair(a.name, PartsOf(a.version)) < std::make_pair(b.name, PartsOf(b.version));
  });
  const InstalledPackage* best = nullptr;
  std::vector<std::string> versions, names, all;
  for (const InstalledPackage& package : installed) {
    all.push_back(absl::StrCat(package.name, " ", package.version));
    names.push_back(package.name);
    if (package.name != parts[0]) continue;
    versions.push_back(package.version);
    if (Allows(parts[1], package.version)) best = &package;
  }
  if (best != nullptr) return packages.Describe(*best);
  if (!versions.empty()) {
    return absl::NotFoundError(absl::StrCat("connector ", parts[0], " has no version ", parts[1],
                                            " here; installed: ", absl::StrJoin(versions, ", ")));
  }
  const std::string nearest = Nearest(parts[0], names);
  const std::string list = all.empty() ? "none" : absl::StrJoin(all, ", ");
  return absl::NotFoundError(nearest.empty()
                                 ? absl::StrCat("unknown connector ", Quoted(parts[0]), "; installed: ", list)
                                 : absl::StrCat("unknown connector ", Quoted(parts[0]), "; did you mean ",
                                                Quoted(nearest), "? Installed: ", list));
}

}  // namespace sluice::config
