// From what the host wants of an object to what is written: the difference between its deltas and the entry as the
// directory has it. Knows the attributes that are not in the schema: cn (the name), parent (relative to the base),
// enabled, name (of a group: cn and sAMAccountName together), initial_password. Pure but for the schema it is given;
// any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "plugins/active_directory/src/client.h"
#include "plugins/active_directory/src/directory.h"
#include "plugins/active_directory/src/names.h"
#include "plugins/active_directory/src/schema.h"
#include "sluice/connector/operation.h"

namespace sluice::active_directory {

inline constexpr char kCn[] = "cn";
inline constexpr char kParent[] = "parent";
inline constexpr char kEnabled[] = "enabled";
inline constexpr char kName[] = "name";
inline constexpr char kInitialPassword[] = "initial_password";
inline constexpr int64_t kDisabledBit = 0x2;
inline constexpr size_t kLongestCn = 64;
inline constexpr size_t kLongestAccountName = 20;
inline constexpr size_t kLongestGroupName = 256;
inline constexpr char kAccountNamePattern[] =
    R"re([^"/\\\[\]:;|=,+*?<>@\x00-\x1f]*[^"/\\\[\]:;|=,+*?<>@\x00-\x1f. ])re";
inline constexpr char kGroupNamePattern[] = R"re([^"/\\\[\]:;|=,+*?<>\x00-\x1f]*[^"/\\\[\]:;|=,+*?<>\x00-\x1f. ])re";

// The LDAP attributes to read so that the named ones can be shown or compared.
std::vector<std::string> LdapAttributesFor(const std::vector<std::string>& names);
// One attribute of an entry as the host sees it. NOT_VISIBLE when neither we nor the schema know it.
connector::Value ValueOf(const Entry& entry, absl::string_view object_class, const std::string& name,
                         const DirectorySchema& schema, const Dn& base);
// "OU=a,OU=b" of an entry's own name; nothing when it lies outside the base.
std::optional<std::string> RelativeParent(const Entry& entry, const Dn& base);

// What is to be written to make one existing object as wanted.
struct WritePlan {
  std::vector<Modification> modifications;
  std::vector<connector::Change> modified;  // What they change.
  std::optional<Dn> new_name;               // Rename, move, or both at once.
  std::vector<connector::Change> renamed;
  std::optional<Dn> container;  // That must be there before.
  bool nothing() const { return modifications.empty() && !new_name.has_value(); }
};
// Fails with an INVALID error for what cannot be written. `enable`: what userAccountControl's bit 2 should say.
absl::StatusOr<WritePlan> PlanUpdate(const connector::Operation& operation, const Entry& entry,
                                     std::optional<bool> enable, const DirectorySchema& schema, const Dn& base);

// A new object.
struct CreatePlan {
  Dn name;
  std::vector<Modification> attributes;
  std::vector<connector::Change> changes;
  std::string account_name;  // sAMAccountName, userPrincipalName: as wanted, empty if not.
  std::string principal_name;
};
absl::StatusOr<CreatePlan> PlanCreate(const connector::Operation& operation, const DirectorySchema& schema,
                                      const Dn& base);

// The operation's password: the value of its secret delta, ready for unicodePwd.
absl::StatusOr<std::string> PasswordOf(const connector::Operation& operation);

// The filter of an operation's correlation keys; empty when one of them has no value: an empty key matches nothing.
std::string CorrelationFilter(const std::vector<connector::Match>& matches);
// A value to look for, as the directory writes it.
std::string MatchText(const connector::Value& value);
// The LDAP attributes that tell which of several lookups an entry answers.
std::vector<std::string> CorrelationAttributes(const std::vector<connector::Match>& matches);
// True if the entry has all of these values. The parent is compared too.
bool Matches(const Entry& entry, const std::vector<connector::Match>& matches, const DirectorySchema& schema,
             const Dn& base);

}  // namespace sluice::active_directory
