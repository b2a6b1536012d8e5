// The texts of a directory: distinguished names (RFC 4514), filter values (RFC 4515), object GUIDs, passwords on the
// wire, and comparison without regard to case. Pure functions and values; any thread; no libldap, no I/O.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice::active_directory {

// Lower case of a UTF-8 text as far as a directory's comparison goes: ASCII, Latin, Greek, Cyrillic. For comparison
// only.
std::string FoldCase(absl::string_view text);

// A value as it may stand in a search filter. Every byte that means something there, and every control byte, becomes
// \xx.
std::string EscapeFilterValue(absl::string_view value);

// A value as it may stand behind "CN=" in a distinguished name.
std::string EscapeDnValue(absl::string_view value);

// "(attribute=value)", escaped; an objectGUID's text becomes its bytes. An empty value gives a filter that matches
// nothing.
std::string Equals(absl::string_view attribute, absl::string_view value);
// "(|...)" and "(&...)". Of one filter, that filter; of none, one that matches nothing (or) or everything (and).
std::string AnyOf(const std::vector<std::string>& filters);
std::string AllOf(const std::vector<std::string>& filters);

struct Rdn {
  std::string type;   // As written: "CN", "OU".
  std::string value;  // Unescaped.
};

// A distinguished name, most specific part first. Two that differ in case or escaping only have the same Key().
class Dn {
 public:
  Dn() = default;
  explicit Dn(std::vector<Rdn> parts) : parts_(std::move(parts)) {}

  // Fails with kInvalidArgument. The empty text is the empty name. Names of several values ("CN=a+SN=b"), which Active
  // Directory does not have, are refused.
  static absl::StatusOr<Dn> Parse(absl::string_view text);

  const std::vector<Rdn>& parts() const { return parts_; }
  bool empty() const { return parts_.empty(); }
  std::string ToString() const;
  std::string Key() const;
  Dn Parent() const;
  // This name below another: "OU=a" below "DC=b" is "OU=a,DC=b".
  Dn Below(const Dn& base) const;
  Dn Child(absl::string_view type, absl::string_view value) const;
  bool IsWithin(const Dn& base) const;
  // What stands before the base; empty when this is not within it.
  std::optional<Dn> RelativeTo(const Dn& base) const;

 private:
  std::vector<Rdn> parts_;
};

// objectGUID: 16 bytes, of which the text form swaps the first three fields.
absl::StatusOr<std::string> GuidToText(absl::string_view bytes);
absl::StatusOr<std::string> GuidToBytes(absl::string_view text);
bool IsGuidText(absl::string_view text);
// "<GUID=...>", which a directory takes wherever it takes a name; it stays right when the object is renamed or moved.
std::string GuidDn(absl::string_view guid_text);
// The GUID out of an extended name "<GUID=...>;<SID=...>;CN=..." (control 1.2.840.113556.1.4.529).
std::optional<std::string> GuidOfExtendedDn(absl::string_view extended);
// What follows the GUID and the SID in an extended name.
std::string NameOfExtendedDn(absl::string_view extended);

// A password as unicodePwd wants it: in double quotes, UTF-16, little end first. Fails on text that is not UTF-8.
absl::StatusOr<std::string> PasswordBytes(absl::string_view password);

// Number of characters (code points) of a UTF-8 text.
size_t LengthOf(absl::string_view text);

}  // namespace sluice::active_directory
