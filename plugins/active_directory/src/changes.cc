#include "plugins/active_directory/src/changes.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "plugins/active_directory/src/refusal.h"
#include "re2/re2.h"

namespace sluice::active_directory {
namespace {

using connector::Change;
using connector::Delta;
using connector::Error;
using connector::Match;
using connector::Operation;
using connector::Reason;
using connector::Value;

constexpr int64_t kNewAccount = 0x202;  // A normal account, disabled.
constexpr int64_t kGlobalSecurityGroup = -2147483646;

absl::Status Invalid(absl::string_view attribute, absl::string_view why) {
  return Error(Reason::kInvalid, "AD-031", absl::StrCat(attribute, ": ", why)).At({std::string(attribute)}).AsStatus();
}

bool IsGroup(absl::string_view object_class) { return object_class == kGroup; }

// An account's "name" is its cn; a group's is its cn and its sAMAccountName.
bool MeansCn(absl::string_view name) {
  return absl::EqualsIgnoreCase(name, kCn) || absl::EqualsIgnoreCase(name, kName);
}

bool IsVirtual(absl::string_view name) {
  return MeansCn(name) || name == kParent || name == kEnabled || name == kInitialPassword;
}

absl::StatusOr<std::string> TextOf(const Delta& delta) {
  if (delta.kind != Delta::Kind::kReplace || delta.value.text() == nullptr || delta.value.text()->empty()) {
    return Invalid(delta.attribute, "it needs one text, and cannot be cleared");
  }
  return *delta.value.text();
}

absl::StatusOr<Dn> ParentOf(const Delta& delta, const Dn& base) {
  if (delta.kind != Delta::Kind::kReplace || delta.value.text() == nullptr)
    return Invalid(delta.attribute, "it needs one text");
  auto dn = Dn::Parse(*delta.value.text());
  if (!dn.ok())
    return Invalid(delta.attribute, absl::StrCat("write it as OU=class,OU=school: ", dn.status().message()));
  return dn->Below(base);
}

absl::Status CheckCn(absl::string_view cn) {
  if (LengthOf(cn) > kLongestCn)
    return Invalid(kCn, absl::StrCat("it takes at most ", kLongestCn, " characters, and the value has ", LengthOf(cn)));
  return absl::OkStatus();
}

// Samba would take what Windows refuses, so the rule stands here.
absl::Status CheckAccountName(absl::string_view object_class, const std::string& name) {
  const bool group = IsGroup(object_class);
  const size_t longest = group ? kLongestGroupName : kLongestAccountName;
  if (LengthOf(name) > longest) {
    return Invalid("sAMAccountName",
                   absl::StrCat("it takes at most ", longest, " characters, and the value has ", LengthOf(name)));
  }
  static const auto* const kAccounts = new RE2(kAccountNamePattern);
  static const auto* const kGroups = new RE2(kGroupNamePattern);
  if (!RE2::FullMatch(name, group ? *kGroups : *kAccounts)) {
    return Invalid("sAMAccountName", "it holds a character that is not allowed, or ends in a dot or a space");
  }
  return absl::OkStatus();
}

absl::StatusOr<const AttributeSchema*> Writable(const std::string& name, const DirectorySchema& schema) {
  const AttributeSchema* attribute = schema.Find(name);
  if (attribute == nullptr) return Invalid(name, "the directory's schema does not know it");
  if (attribute->read_only) return Invalid(name, "the directory keeps it itself; it cannot be written");
  for (const char* own : {"unicodePwd", "userAccountControl", "member", "objectClass", "distinguishedName"}) {
    if (absl::EqualsIgnoreCase(name, own))
      return Invalid(name, "the connector writes it by itself, through its own actions");
  }
  return attribute;
}

// A group's name means sAMAccountName as well, unless that is given by itself.
std::vector<Delta> WithAliases(const Operation& operation) {
  std::vector<Delta> deltas = operation.deltas;
  if (!IsGroup(operation.object_class)) return deltas;
  bool has_account_name = false;
  std::optional<Delta> alias;
  for (const Delta& delta : deltas) {
    has_account_name |= absl::EqualsIgnoreCase(delta.attribute, "sAMAccountName");
    if (absl::EqualsIgnoreCase(delta.attribute, kName)) alias = delta;
  }
  if (alias.has_value() && !has_account_name) {
    alias->attribute = "sAMAccountName";
    deltas.push_back(*std::move(alias));
  }
  return deltas;
}

// The values after a delta, given those before.
absl::StatusOr<std::vector<std::string>> After(const Delta& delta, const AttributeSchema& attribute,
                                               std::vector<std::string> values) {
  const auto place_of = [&](const std::string& text) {
    return std::find_if(values.begin(), values.end(), [&](const std::string& held) {
      return ComparisonKey(attribute, held) == ComparisonKey(attribute, text);
    });
  };
  if (delta.kind == Delta::Kind::kClear) return std::vector<std::string>{};
  if (delta.kind == Delta::Kind::kReplace) {
    if (!delta.value.is_visible() || delta.value.is_partial())
      return Invalid(delta.attribute, "a replacement without a value");
    auto texts = FromValue(attribute, delta.value);
    if (!texts.ok()) return ErrorOf(texts.status()).AsStatus();
    return texts;
  }
  AttributeSchema many = attribute;
  many.single = false;
  auto texts = FromValue(many, Value(delta.values));
  if (!texts.ok()) return ErrorOf(texts.status()).AsStatus();
  for (const std::string& text : *texts) {
    const auto place = place_of(text);
    if (delta.kind == Delta::Kind::kAdd && place == values.end()) values.push_back(text);
    if (delta.kind == Delta::Kind::kRemove && place != values.end()) values.erase(place);
  }
  if (attribute.single && values.size() > 1) return Invalid(delta.attribute, "it takes one value");
  return values;
}

// The delta of an attribute of the schema, as the smallest modification.
absl::Status PlanAttribute(const Delta& delta, absl::string_view object_class, const Entry& entry,
                           const DirectorySchema& schema, WritePlan& plan) {
  auto attribute = Writable(delta.attribute, schema);
  if (!attribute.ok()) return attribute.status();
  const std::vector<std::string>& before = entry.All(absl::AsciiStrToLower(delta.attribute));
  auto after = After(delta, **attribute, before);
  if (!after.ok()) return after.status();
  if (SameValues(**attribute, before, *after)) return absl::OkStatus();
  if (absl::EqualsIgnoreCase(delta.attribute, "sAMAccountName")) {
    if (after->empty()) return Invalid(delta.attribute, "it cannot be cleared");
    if (auto status = CheckAccountName(object_class, (*after)[0]); !status.ok()) return status;
  }
  plan.modified.push_back(Change{delta.attribute, ToValue(**attribute, before), ToValue(**attribute, *after)});
  plan.modifications.push_back(Modification{Modification::Kind::kReplace, (*attribute)->name, *std::move(after)});
  return absl::OkStatus();
}

// Only bit 2, and only if nobody changed the value meanwhile.
absl::Status PlanEnabled(bool enable, const Entry& entry, WritePlan& plan) {
  const std::string text = entry.First("useraccountcontrol");
  int64_t flags = 0;
  if (!absl::SimpleAtoi(text, &flags)) {
    return Error(Reason::kForbidden, "AD-040", "the service account may not read userAccountControl of this account")
        .AsStatus();
  }
  const bool enabled = (flags & kDisabledBit) == 0;
  if (enabled == enable) return absl::OkStatus();
  plan.modifications.push_back(Modification{Modification::Kind::kDelete, "userAccountControl", {text}});
  plan.modifications.push_back(
      Modification{Modification::Kind::kAdd, "userAccountControl", {absl::StrCat(flags ^ kDisabledBit)}});
  plan.modified.push_back(Change{kEnabled, Value(enabled), Value(enable)});
  return absl::OkStatus();
}

}  // namespace

std::vector<std::string> LdapAttributesFor(const std::vector<std::string>& names) {
  std::vector<std::string> out;
  for (const std::string& name : names) {
    if (name == kEnabled) {
      out.emplace_back("userAccountControl");
    } else if (!IsVirtual(name)) {
      out.push_back(name);
    }
    if (absl::EqualsIgnoreCase(name, kName)) out.emplace_back("sAMAccountName");
  }
  return out;
}

std::optional<std::string> RelativeParent(const Entry& entry, const Dn& base) {
  auto dn = Dn::Parse(NameOfExtendedDn(entry.dn));
  if (!dn.ok() || dn->empty()) return std::nullopt;
  const auto relative = dn->Parent().RelativeTo(base);
  return relative.has_value() ? std::optional<std::string>(relative->ToString()) : std::nullopt;
}

Value ValueOf(const Entry& entry, absl::string_view object_class, const std::string& name,
              const DirectorySchema& schema, const Dn& base) {
  if (MeansCn(name)) {
    auto dn = Dn::Parse(NameOfExtendedDn(entry.dn));
    return dn.ok() && !dn->empty() ? Value(dn->parts()[0].value) : Value::NotVisible();
  }
  if (name == kParent) {
    auto parent = RelativeParent(entry, base);
    return parent.has_value() ? Value(*std::move(parent)) : Value::NotVisible();
  }
  if (name == kEnabled) {
    int64_t flags = 0;
    if (object_class != kAccount || !absl::SimpleAtoi(entry.First("useraccountcontrol"), &flags))
      return Value::NotVisible();
    return Value((flags & kDisabledBit) == 0);
  }
  const AttributeSchema* attribute = schema.Find(name);
  if (attribute == nullptr) return Value::NotVisible();
  return ToValue(*attribute, entry.All(absl::AsciiStrToLower(name)));
}

namespace {

// What stands of a name while its deltas are looked at.
struct Naming {
  std::string cn;
  Dn parent;
};

absl::Status PlanCn(const Delta& delta, Naming& naming, WritePlan& plan) {
  auto text = TextOf(delta);
  if (!text.ok()) return text.status();
  if (auto status = CheckCn(*text); !status.ok()) return status;
  if (*text != naming.cn) plan.renamed.push_back(Change{delta.attribute, Value(naming.cn), Value(*text)});
  naming.cn = *std::move(text);
  return absl::OkStatus();
}

absl::Status PlanParent(const Delta& delta, const Entry& entry, const Dn& base, Naming& naming, WritePlan& plan) {
  auto wanted = ParentOf(delta, base);
  if (!wanted.ok()) return wanted.status();
  if (wanted->Key() == naming.parent.Key()) return absl::OkStatus();
  auto before = RelativeParent(entry, base);
  plan.renamed.push_back(Change{kParent, before.has_value() ? Value(*std::move(before)) : Value::NotVisible(),
                                Value(wanted->RelativeTo(base)->ToString())});
  plan.container = *wanted;
  naming.parent = *std::move(wanted);
  return absl::OkStatus();
}

absl::Status PlanDelta(const Delta& delta, const Operation& operation, const Entry& entry, std::optional<bool> enable,
                       const DirectorySchema& schema, const Dn& base, Naming& naming, WritePlan& plan) {
  if (MeansCn(delta.attribute)) return PlanCn(delta, naming, plan);
  if (delta.attribute == kParent) return PlanParent(delta, entry, base, naming, plan);
  if (delta.attribute == kInitialPassword)
    return Invalid(kInitialPassword, "it is not written by an update; SET_CREDENTIAL does that");
  if (delta.attribute != kEnabled) return PlanAttribute(delta, operation.object_class, entry, schema, plan);
  // Said beside the action that does it, it is no more than that; elsewhere it is a misunderstanding.
  if (enable.has_value() && delta.value == Value(*enable)) return absl::OkStatus();
  return Invalid(kEnabled, "it is not written by an update; ENABLE and DISABLE do that");
}

}  // namespace

absl::StatusOr<WritePlan> PlanUpdate(const Operation& operation, const Entry& entry, std::optional<bool> enable,
                                     const DirectorySchema& schema, const Dn& base) {
  auto now = Dn::Parse(NameOfExtendedDn(entry.dn));
  if (!now.ok() || now->empty())
    return Error(Reason::kBug, "AD-061", "the directory gave an object without a readable name").AsStatus();
  WritePlan plan;
  Naming naming{now->parts()[0].value, now->Parent()};
  for (const Delta& delta : WithAliases(operation)) {
    if (auto status = PlanDelta(delta, operation, entry, enable, schema, base, naming, plan); !status.ok())
      return status;
  }
  if (enable.has_value()) {
    if (auto status = PlanEnabled(*enable, entry, plan); !status.ok()) return status;
  }
  if (!plan.renamed.empty()) plan.new_name = naming.parent.Child(now->parts()[0].type, naming.cn);
  return plan;
}

absl::StatusOr<std::string> PasswordOf(const Operation& operation) {
  for (const Delta& delta : operation.deltas) {
    const connector::Secret* secret = delta.value.secret();
    if (secret == nullptr && delta.attribute != kInitialPassword) continue;
    const std::string text = secret != nullptr ? secret->Reveal() : delta.value.TextOr("");
    if (text.empty()) return Invalid(delta.attribute, "the password is empty");
    auto bytes = PasswordBytes(text);
    if (!bytes.ok()) return Invalid(delta.attribute, bytes.status().message());
    return bytes;
  }
  return std::string();
}

namespace {

struct NewObject {
  std::string cn;
  std::optional<Dn> parent;
  bool has_type = false;  // Of a group.
};

absl::Status PlanNewAttribute(const Delta& delta, absl::string_view object_class, const DirectorySchema& schema,
                              NewObject& object, CreatePlan& plan) {
  auto attribute = Writable(delta.attribute, schema);
  if (!attribute.ok()) return attribute.status();
  auto values = After(delta, **attribute, {});
  if (!values.ok()) return values.status();
  if (values->empty()) return absl::OkStatus();
  if (absl::EqualsIgnoreCase(delta.attribute, "sAMAccountName")) {
    plan.account_name = (*values)[0];
    if (auto status = CheckAccountName(object_class, plan.account_name); !status.ok()) return status;
  }
  if (absl::EqualsIgnoreCase(delta.attribute, "userPrincipalName")) plan.principal_name = (*values)[0];
  object.has_type |= absl::EqualsIgnoreCase(delta.attribute, "groupType");
  plan.changes.push_back(Change{delta.attribute, Value::Empty(), ToValue(**attribute, *values)});
  plan.attributes.push_back(Modification{Modification::Kind::kAdd, (*attribute)->name, *std::move(values)});
  return absl::OkStatus();
}

absl::Status PlanNewDelta(const Delta& delta, absl::string_view object_class, const DirectorySchema& schema,
                          const Dn& base, NewObject& object, CreatePlan& plan) {
  if (delta.attribute == kInitialPassword || delta.value.secret() != nullptr) return absl::OkStatus();
  if (MeansCn(delta.attribute)) {
    auto text = TextOf(delta);
    if (!text.ok()) return text.status();
    object.cn = *std::move(text);
    return CheckCn(object.cn);
  }
  if (delta.attribute == kParent) {
    auto wanted = ParentOf(delta, base);
    if (!wanted.ok()) return wanted.status();
    object.parent = *std::move(wanted);
    return absl::OkStatus();
  }
  if (delta.attribute != kEnabled) return PlanNewAttribute(delta, object_class, schema, object, plan);
  if (delta.value == Value(false)) return absl::OkStatus();
  return Invalid(kEnabled, "an account is created disabled, and enabled by an operation of its own");
}

// A normal account, disabled, with its first password.
absl::Status PlanNewAccount(const Operation& operation, CreatePlan& plan) {
  plan.attributes.push_back(Modification{Modification::Kind::kAdd, "userAccountControl", {absl::StrCat(kNewAccount)}});
  plan.changes.push_back(Change{kEnabled, Value::Empty(), Value(false)});
  auto password = PasswordOf(operation);
  if (!password.ok()) return password.status();
  if (!password->empty())
    plan.attributes.push_back(Modification{Modification::Kind::kAdd, "unicodePwd", {*std::move(password)}});
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CreatePlan> PlanCreate(const Operation& operation, const DirectorySchema& schema, const Dn& base) {
  CreatePlan plan;
  NewObject object;
  const bool group = IsGroup(operation.object_class);
  plan.attributes.push_back(Modification{Modification::Kind::kAdd, "objectClass", {group ? "group" : "user"}});
  for (const Delta& delta : WithAliases(operation)) {
    if (auto status = PlanNewDelta(delta, operation.object_class, schema, base, object, plan); !status.ok())
      return status;
  }
  if (object.cn.empty()) return Invalid(kCn, "a new object needs a name");
  if (!object.parent.has_value()) return Invalid(kParent, "a new object needs a place, as OU=class,OU=school");
  if (!group) {
    if (auto status = PlanNewAccount(operation, plan); !status.ok()) return status;
  } else if (!object.has_type) {
    plan.attributes.push_back(
        Modification{Modification::Kind::kAdd, "groupType", {absl::StrCat(kGlobalSecurityGroup)}});
  }
  plan.name = object.parent->Child("CN", object.cn);
  plan.changes.push_back(Change{kCn, Value::Empty(), Value(object.cn)});
  plan.changes.push_back(Change{kParent, Value::Empty(), Value(object.parent->RelativeTo(base)->ToString())});
  return plan;
}

std::string MatchText(const Value& value) {
  if (const auto* number = value.integer()) return absl::StrCat(*number);
  if (const auto* flag = value.flag()) return *flag ? "TRUE" : "FALSE";
  return value.TextOr("");
}

namespace {

std::string MatchAttribute(absl::string_view name) { return MeansCn(name) ? kCn : std::string(name); }

}  // namespace

std::string CorrelationFilter(const std::vector<Match>& matches) {
  std::vector<std::string> parts;
  for (const Match& match : matches) {
    if (match.attribute == kParent) continue;  // Compared by us: an entry has no such attribute.
    const std::string text = MatchText(match.value);
    if (absl::StripAsciiWhitespace(text).empty()) return "";
    parts.push_back(Equals(MatchAttribute(match.attribute), text));
  }
  return parts.empty() ? "" : AllOf(parts);
}

std::vector<std::string> CorrelationAttributes(const std::vector<Match>& matches) {
  std::vector<std::string> out;
  for (const Match& match : matches) {
    if (match.attribute != kParent) out.push_back(MatchAttribute(match.attribute));
  }
  return out;
}

bool Matches(const Entry& entry, const std::vector<Match>& matches, const DirectorySchema& schema, const Dn& base) {
  if (matches.empty()) return false;
  for (const Match& match : matches) {
    if (match.attribute == kParent) {
      auto wanted = Dn::Parse(match.value.TextOr(""));
      auto now = Dn::Parse(NameOfExtendedDn(entry.dn));
      if (!wanted.ok() || !now.ok() || now->Parent().Key() != wanted->Below(base).Key()) return false;
      continue;
    }
    const std::string name = MatchAttribute(match.attribute);
    const std::string text = MatchText(match.value);
    if (text.empty()) return false;
    if (absl::EqualsIgnoreCase(name, "objectGUID")) {
      if (entry.Guid() != absl::AsciiStrToLower(text)) return false;
      continue;
    }
    const AttributeSchema* attribute = schema.Find(name);
    if (attribute == nullptr) return false;
    bool found = false;
    for (const std::string& value : entry.All(absl::AsciiStrToLower(name))) {
      found |= ComparisonKey(*attribute, value) == ComparisonKey(*attribute, text);
    }
    if (!found) return false;
  }
  return true;
}

}  // namespace sluice::active_directory
