#include "host/secrets/rotated.h"

#include <sys/stat.h>

#include <cerrno>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "host/base/private_file.h"
#include "host/base/status.h"

namespace sluice::secrets {
namespace {

constexpr char kFormat[] = "rotated secret 1";

// A name as part of a file's: what may stand in one stays, the rest becomes digits.
std::string FileName(const std::string& name) {
  std::string text;
  for (const char c : name) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_') {
      text.push_back(c);
    } else {
      absl::StrAppend(&text, "%", absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad2));
    }
  }
  return text;
}

std::string SealedAs(const std::pair<std::string, std::string>& key) {
  return absl::StrCat("rotated/", FileName(key.first), "/", FileName(key.second));
}

}  // namespace

std::string RotatedSecrets::PathOf(const Key& key) const {
  return absl::StrCat(folder_, "/", FileName(key.first), ".", FileName(key.second));
}

uint64_t RotatedSecrets::VersionOf(const Key& key, const SecretString& value) const {
  const std::string mac = vault_->Fingerprint(absl::StrCat("version\n", SealedAs(key), "\n", value.Reveal()));
  uint64_t version = 0;
  for (int i = 0; i < 8; ++i) version = version << 8 | static_cast<unsigned char>(mac[static_cast<size_t>(i)]);
  return version | 1;  // Never 0, which is no version.
}

RotatedSecret RotatedSecrets::Current(const Key& key, const Kept& kept) const {
  return RotatedSecret{kept.value.Copy(), kept.previous.Copy(), VersionOf(key, kept.value)};
}

absl::StatusOr<RotatedSecrets::Kept> RotatedSecrets::Read(const Key& key) const {
  ASSIGN_OR_RETURN(const std::string sealed, base::ReadPrivateFile(PathOf(key)));
  auto opened = vault_->Open(SealedAs(key), absl::StripAsciiWhitespace(sealed));
  if (!opened.ok()) return base::Annotate(opened.status(), PathOf(key));
  const std::vector<absl::string_view> lines = absl::StrSplit(opened->Reveal(), '\n');
  std::string value, previous;
  if (lines.size() != 4 || lines[0] != kFormat || !absl::Base64Unescape(lines[2], &value) ||
      !absl::Base64Unescape(lines[3], &previous)) {
    return absl::DataLossError(absl::StrCat(PathOf(key), ": it is not what this host writes"));
  }
  return Kept{std::string(lines[1]), SecretString::TakeFrom(value), SecretString::TakeFrom(previous)};
}

absl::StatusOr<RotatedSecret> RotatedSecrets::Resolve(const std::string& system, const std::string& name,
                                                      const SecretString& given) {
  const Key key(system, name);
  const std::string base = absl::BytesToHexString(vault_->Fingerprint(absl::StrCat("base\n", given.Reveal())));
  absl::MutexLock lock(&mutex_);
  absl::StatusOr<Kept> kept = Read(key);
  if (!kept.ok() && !absl::IsNotFound(kept.status())) return kept.status();
  if (!kept.ok() || kept->base != base) kept = Kept{base, given.Copy(), SecretString()};
  RotatedSecret current = Current(key, *kept);
  known_[key] = *std::move(kept);
  return current;
}

absl::StatusOr<RotatedSecret> RotatedSecrets::Keep(const std::string& system, const std::string& name,
                                                   const SecretString& value, uint64_t replaces) {
  const Key key(system, name);
  absl::MutexLock lock(&mutex_);
  const auto known = known_.find(key);
  if (known == known_.end()) {
    return absl::FailedPreconditionError(absl::StrCat("system ", system, " has no secret \"", name, "\""));
  }
  Kept& now = known->second;
  if (now.value.Reveal() == value.Reveal()) return Current(key, now);
  if (value.empty()) return absl::FailedPreconditionError(absl::StrCat("the new secret \"", name, "\" is empty"));
  if (replaces != 0 && replaces != VersionOf(key, now.value)) {
    return absl::FailedPreconditionError(
        absl::StrCat("secret \"", name, "\" of ", system, " has another value by now than the one that was replaced"));
  }
  std::string text = absl::StrCat(kFormat, "\n", now.base, "\n", absl::Base64Escape(value.Reveal()), "\n",
                                  absl::Base64Escape(now.value.Reveal()));
  const auto sealed = vault_->Seal(SealedAs(key), SecretString::TakeFrom(text));
  if (!sealed.ok()) return sealed.status();
  if (mkdir(folder_.c_str(), 0700) != 0 && errno != EEXIST) {
    return absl::UnavailableError(absl::StrCat(folder_, " cannot be made"));
  }
  RETURN_IF_ERROR(base::ReplacePrivateFile(PathOf(key), absl::StrCat(*sealed, "\n")));
  now.previous = std::move(now.value);
  now.value = value.Copy();
  return Current(key, now);
}

}  // namespace sluice::secrets
