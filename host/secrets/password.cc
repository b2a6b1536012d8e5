#include "host/secrets/password.h"

#include <algorithm>
#include <array>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "host/base/hash.h"

namespace sluice::secrets {
namespace {

constexpr absl::string_view kSmall = "abcdefghjkmnpqrstuvwxyz";
constexpr absl::string_view kCapital = "ABCDEFGHJKLMNPQRSTUVWXYZ";
constexpr absl::string_view kDigits = "23456789";
constexpr absl::string_view kSigns = "!#%+-=?";
constexpr size_t kPart = 3;
constexpr int kMostTries = 100000;

// U+00C0 to U+017F without their accents, two letters where there is no single one.
constexpr std::array<absl::string_view, 192> kPlain = {
    "a", "a", "a",  "a",  "a", "a", "ae", "c", "e", "e", "e", "e", "i", "i", "i",  "i",   // C0
    "d", "n", "o",  "o",  "o", "o", "o",  "",  "o", "u", "u", "u", "u", "y", "th", "ss",  // D0
    "a", "a", "a",  "a",  "a", "a", "ae", "c", "e", "e", "e", "e", "i", "i", "i",  "i",   // E0
    "d", "n", "o",  "o",  "o", "o", "o",  "",  "o", "u", "u", "u", "u", "y", "th", "y",   // F0
    "a", "a", "a",  "a",  "a", "a", "c",  "c", "c", "c", "c", "c", "c", "c", "d",  "d",   // 100
    "d", "d", "e",  "e",  "e", "e", "e",  "e", "e", "e", "e", "e", "g", "g", "g",  "g",   // 110
    "g", "g", "g",  "g",  "h", "h", "h",  "h", "i", "i", "i", "i", "i", "i", "i",  "i",   // 120
    "i", "i", "ij", "ij", "j", "j", "k",  "k", "k", "l", "l", "l", "l", "l", "l",  "l",   // 130
    "l", "l", "l",  "n",  "n", "n", "n",  "n", "n", "n", "n", "n", "o", "o", "o",  "o",   // 140
    "o", "o", "oe", "oe", "r", "r", "r",  "r", "r", "r", "s", "s", "s", "s", "s",  "s",   // 150
    "s", "s", "t",  "t",  "t", "t", "t",  "t", "u", "u", "u", "u", "u", "u", "u",  "u",   // 160
    "u", "u", "u",  "u",  "w", "w", "y",  "y", "y", "z", "z", "z", "z", "z", "z",  "s",   // 170
};

// Runs of small letters and digits in a name; accents fall away, anything else parts the runs.
std::vector<std::string> Runs(absl::string_view name) {
  std::vector<std::string> runs(1);
  for (size_t at = 0; at < name.size(); ++at) {
    const unsigned char c = static_cast<unsigned char>(name[at]);
    if (absl::ascii_isalnum(c)) {
      runs.back().push_back(absl::ascii_tolower(c));
      continue;
    }
    const unsigned char next = at + 1 < name.size() ? static_cast<unsigned char>(name[at + 1]) : 0;
    if (c >= 0xC3 && c <= 0xC5 && (next & 0xC0) == 0x80) {
      runs.back().append(kPlain[static_cast<size_t>(c - 0xC3) * 64 + (next & 0x3Fu)].data());
      ++at;
    } else if ((c == 0xCC && (next & 0xC0) == 0x80) || (c == 0xCD && next >= 0x80 && next <= 0xAF)) {
      ++at;  // An accent that stands by itself, U+0300 to U+036F: belongs to the letter before it.
    } else if (!runs.back().empty()) {
      runs.emplace_back();
    }
  }
  return runs;
}

std::set<std::string> PartsOf(const std::vector<std::string>& names) {
  std::set<std::string> parts;
  for (const std::string& name : names) {
    for (const std::string& run : Runs(name)) {
      for (size_t at = 0; at + kPart <= run.size(); ++at) parts.insert(run.substr(at, kPart));
    }
  }
  return parts;
}

bool HoldsPart(absl::string_view password, const std::set<std::string>& parts) {
  bool holds = false;
  std::string lower(password);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return absl::ascii_tolower(c); });
  for (size_t at = 0; at + kPart <= lower.size(); ++at) holds = holds || parts.contains(lower.substr(at, kPart));
  WipeText(lower);
  return holds;
}

// Random places in an alphabet, each equally likely.
class Dice {
 public:
  ~Dice() { WipeText(bytes_); }
  char Pick(absl::string_view alphabet) {
    const size_t limit = 256 - 256 % alphabet.size();
    while (true) {
      if (at_ == bytes_.size()) {
        WipeText(bytes_);
        bytes_ = base::RandomBytes(256);
        at_ = 0;
      }
      const size_t byte = static_cast<unsigned char>(bytes_[at_++]);
      if (byte < limit) return alphabet[byte % alphabet.size()];
    }
  }

 private:
  std::string bytes_;
  size_t at_ = 0;
};

bool HasOneOf(absl::string_view password, absl::string_view alphabet) {
  return password.find_first_of(alphabet) != absl::string_view::npos;
}

}  // namespace

bool HoldsPartOf(absl::string_view password, const std::vector<std::string>& names) {
  return HoldsPart(password, PartsOf(names));
}

absl::StatusOr<SecretString> GeneratePassword(const PasswordPolicy& policy) {
  const size_t length = std::max(policy.min_length, kShortestPassword);
  if (policy.max_length != 0 && policy.max_length < length) {
    return absl::InvalidArgumentError(absl::StrCat("no password can be made: at most ", policy.max_length,
                                                   " characters are allowed, at least ", length, " are needed"));
  }
  if (policy.kinds > 4) {
    return absl::InvalidArgumentError(
        absl::StrCat("no password can be made with ", policy.kinds, " kinds of characters: there are four"));
  }
  const bool with_signs = policy.kinds == 4;
  const std::string alphabet = absl::StrCat(kSmall, kCapital, kDigits, with_signs ? kSigns : "");
  const std::set<std::string> parts = PartsOf(policy.forbidden);
  Dice dice;
  std::string password(length, '\0');
  for (int tries = 0; tries < kMostTries; ++tries) {
    // Whole passwords are thrown away until one is allowed: nothing about those that are is more likely than another.
    for (char& c : password) c = dice.Pick(alphabet);
    if (!HasOneOf(password, kSmall) || !HasOneOf(password, kCapital) || !HasOneOf(password, kDigits)) continue;
    if (with_signs && !HasOneOf(password, kSigns)) continue;
    if (!absl::ascii_isalpha(static_cast<unsigned char>(password.front())) || HoldsPart(password, parts)) continue;
    return SecretString::TakeFrom(password);
  }
  WipeText(password);
  return absl::InvalidArgumentError("no password can be made: the names leave no characters to choose from");
}

}  // namespace sluice::secrets
