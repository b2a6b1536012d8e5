#include "host/config/keys.h"

#include "absl/strings/numbers.h"

namespace sluice::config {
namespace {

using F = FileKind;
using T = KeyType;
constexpr AppliesTo kSource = AppliesTo::kSource;
constexpr AppliesTo kTarget = AppliesTo::kTarget;

std::vector<Key> RootKeys() {
  return {
      {F::kRoot, "name", T::kText, true, "", "The name of the school board."},
      {F::kRoot, "time_zone", T::kText, false, "Europe/Amsterdam",
       "The IANA time zone in which days begin and schedules run."},
      {F::kRoot, "keys", T::kMap, true, "", "The host's own keys, by reference."},
      {F::kRoot, "keys/secrets", T::kSecret, true, "", "Encrypts what is kept sealed, such as first passwords."},
      {F::kRoot, "keys/seal", T::kSecret, true, "", "Signs the audit log."},
      {F::kRoot, "primary_contract", T::kMap, false, "", "Which of a person's contracts is the primary one."},
      {F::kRoot, "primary_contract/types", T::kTextList, false, "[employment, placement]",
       "Types of contract that can be primary; an earlier one wins."},
      {F::kRoot, "primary_contract/then", T::kTextList, false,
       "[fte desc, hours_per_week desc, sequence desc, end desc, start asc, id asc]",
       "What decides between contracts of one type: a field and asc or desc, in this order."},
      {F::kRoot, "join", T::kMap, false, "", "Persons of several sources that are one person, by an exact key."},
      {F::kRoot, "join/key", T::kTemplate, true, "",
       "What is equal where two are one: a template of person fields that each source's mapping fills."},
      {F::kRoot, "join/sources", T::kTextList, true, "",
       "The sources; a field comes from the earliest one whose mapping has it."},
      {F::kRoot, "schedules", T::kMap, false, "",
       "What runs by itself; not carried out yet: until then cron calls `sluice import` and `sluice enforce`."},
      {F::kRoot, "schedules/<schedule>", T::kMap, false, "", "One schedule, by its name."},
      {F::kRoot, "schedules/<schedule>/at", T::kText, true, "",
       "When, in local time, as cron writes it: minute, hour, day, month, day of the week."},
      {F::kRoot, "schedules/<schedule>/import", T::kTextList, false, "", "The sources that are read."},
      {F::kRoot, "schedules/<schedule>/enforce", T::kFlag, false, "false", "Whether the plan is carried out after it."},
  };
}

std::vector<Key> SystemKeys() {
  return {
      {F::kSystem, "connector", T::kText, true, "",
       "The connector and the version that is wanted of it, name@version."},
      {F::kSystem,
       "kind",
       T::kChoice,
       true,
       "",
       "Whether people come from it or accounts live in it.",
       {"source", "target"}},
      {F::kSystem, "settings", T::kFreeMap, false, "", "What the connector asks for; `sluice plugin show` lists it."},
      {F::kSystem, "secrets", T::kMap, false, "", "Secrets of the connector, by reference."},
      {F::kSystem, "secrets/<secret>", T::kSecret, false, "",
       "env:NAME of a variable, file:/path of a file that only the host can read, or exec:/program with arguments."},
      {F::kSystem, "thresholds", T::kMap, false, "",
       "Limits by kind of operation; reaching one blocks that kind before the first operation."},
      {F::kSystem, "thresholds/<kind>", T::kMap, false, "{ count: 1 }",
       "The limit of one kind; one that is not named is a count of 1."},
      {F::kSystem, "thresholds/<kind>/count", T::kInteger, false, "", "The number of operations that blocks."},
      {F::kSystem, "thresholds/<kind>/percent", T::kInteger, false, "",
       "The part of what is held of that kind that blocks; counts from 20 held on."},
      {F::kSystem,
       "vanish_grace",
       T::kDuration,
       false,
       "7d",
       "How long a person who is no longer in a complete import is kept.",
       {},
       kSource},
      {F::kSystem,
       "person",
       T::kMapOrList,
       false,
       "",
       "How records become persons; only what differs from the connector's own mapping.",
       {},
       kSource},
      {F::kSystem,
       "person/from",
       T::kText,
       false,
       "",
       "The class of records; without it, each field goes to the classes that its template reads.",
       {},
       kSource},
      {F::kSystem, "person/<field>", T::kTemplate, false, "", "A field of the person.", {}, kSource},
      {F::kSystem,
       "contract",
       T::kMap,
       false,
       "",
       "How records become contracts, by type of contract; only what differs from the connector's own mapping.",
       {},
       kSource},
      {F::kSystem, "contract/<type>", T::kMapOrList, false, "", "One type of contract.", {}, kSource},
      {F::kSystem, "contract/<type>/from", T::kText, false, "", "The class of records.", {}, kSource},
      {F::kSystem,
       "contract/<type>/owner",
       T::kText,
       false,
       "",
       "The attribute that names the person; the connector knows it for its own classes.",
       {},
       kSource},
      {F::kSystem, "contract/<type>/<field>", T::kTemplate, false, "", "A field of the contract.", {}, kSource},
      {F::kSystem,
       "correlate",
       T::kMap,
       false,
       "",
       "By which attributes the account of a person is found; all must be equal.",
       {},
       kTarget},
      {F::kSystem, "correlate/<attribute>", T::kTemplate, false, "", "What the attribute must be.", {}, kTarget},
      {F::kSystem,
       "account_class",
       T::kText,
       false,
       "account",
       "The connector's class of objects that accounts are.",
       {},
       kTarget},
  };
}

std::vector<Key> TargetKeys() {
  return {
      {F::kSystem,
       "account",
       T::kMapOrList,
       false,
       "",
       "The fields of an account; of several items, a field comes from the first that has it and whose `when` holds.",
       {},
       kTarget},
      {F::kSystem, "account/when", T::kCondition, false, "", "For whom this item counts.", {}, kTarget},
      {F::kSystem,
       "account/initial_password",
       T::kChoice,
       false,
       "",
       "The first password: made at random and sealed until it is handed out.",
       {"generate"},
       kTarget},
      {F::kSystem,
       "account/<attribute>",
       T::kAccountField,
       false,
       "",
       "A template, null to clear it, or a map; an attribute that is not mentioned is never touched.",
       {},
       kTarget},
      {F::kSystem,
       "account/<attribute>/write",
       T::kChoice,
       false,
       "always",
       "Whether it is kept as computed, or only set when the account is made.",
       {"always", "on_create"},
       kTarget},
      {F::kSystem, "account/<attribute>/value", T::kTemplate, false, "", "The value.", {}, kTarget},
      {F::kSystem,
       "account/<attribute>/candidates",
       T::kTemplateList,
       false,
       "",
       "Names to try in this order until one is free; {n} counts 2, 3, ... in the last.",
       {},
       kTarget},
      {F::kSystem, "resources", T::kMap, false, "", "Objects that are made when a rule first needs them.", {}, kTarget},
      {F::kSystem, "resources/<resource>", T::kMap, false, "", "One kind of resource, by its name.", {}, kTarget},
      {F::kSystem,
       "resources/<resource>/each",
       T::kText,
       false,
       "",
       "One for each of these, for example contract.department; without it there is one.",
       {},
       kTarget},
      {F::kSystem,
       "resources/<resource>/class",
       T::kText,
       true,
       "",
       "The connector's class of objects that it is.",
       {},
       kTarget},
      {F::kSystem, "resources/<resource>/name", T::kTemplate, true, "", "What it is called.", {}, kTarget},
      {F::kSystem,
       "resources/<resource>/keep_unused",
       T::kDuration,
       false,
       "",
       "How long it is kept when nobody needs it; without it, for ever. Write 400d for what comes back with each "
       "school "
       "year: 365 days end a day too early after a leap day.",
       {},
       kTarget},
      {F::kSystem,
       "resources/<resource>/<attribute>",
       T::kTemplate,
       false,
       "",
       "An attribute of the object.",
       {},
       kTarget},
      {F::kSystem,
       "retire",
       T::kMap,
       false,
       "",
       "What becomes of an account from the day that no rule gives it.",
       {},
       kTarget},
      {F::kSystem, "retire/move_to", T::kTemplate, false, "", "Where it is moved to.", {}, kTarget},
      {F::kSystem, "retire/set", T::kMap, false, "", "Attributes that are set.", {}, kTarget},
      {F::kSystem, "retire/set/<attribute>", T::kTemplate, false, "", "The value; null clears it.", {}, kTarget},
      {F::kSystem, "retire/keep", T::kDuration, false, "90d", "How long it is kept.", {}, kTarget},
      {F::kSystem, "retire/then", T::kChoice, false, "delete", "What happens after that.", {"delete", "keep"}, kTarget},
      {F::kSystem,
       "drift",
       T::kMap,
       false,
       "",
       "What is done about what somebody changed in the target by hand: ask (it waits in the plan), restore or leave.",
       {},
       kTarget},
      {F::kSystem,
       "drift/disabled",
       T::kChoice,
       false,
       "ask",
       "An account that was disabled though its person may use it.",
       {"ask", "restore", "leave"},
       kTarget},
      {F::kSystem,
       "drift/enabled",
       T::kChoice,
       false,
       "ask",
       "An account that was enabled though nobody may use it.",
       {"ask", "restore", "leave"},
       kTarget},
      {F::kSystem,
       "drift/changed",
       T::kChoice,
       false,
       "ask",
       "A mapped attribute, the name or the place of an account.",
       {"ask", "restore", "leave"},
       kTarget},
      {F::kSystem,
       "drift/removed",
       T::kChoice,
       false,
       "ask",
       "A granted membership that was taken away, or a group that was deleted.",
       {"ask", "restore", "leave"},
       kTarget},
  };
}

std::vector<Key> RuleKeys() {
  return {
      {F::kRoles, "", T::kList, true, "", "Named sets of entitlements."},
      {F::kRoles, "role", T::kText, true, "", "Its name; a rule gives it as role/name."},
      {F::kRoles, "grants", T::kTextList, true, "", "What it gives: entitlements, or other roles."},
      {F::kRules, "", T::kList, true, "", "Who gets what, and when."},
      {F::kRules, "rule", T::kText, true, "", "Its name, once in the whole folder."},
      {F::kRules, "when", T::kCondition, true, "", "For whom it counts."},
      {F::kRules, "window", T::kMap, false, "", "How long around a contract's dates it counts."},
      {F::kRules, "window/before_start", T::kDuration, false, "0d", "Days before the first day of a contract."},
      {F::kRules, "window/after_end", T::kDuration, false, "0d", "Days after the last day of a contract."},
      {F::kRules, "grants", T::kTextList, true, "",
       "What it gives: system/account, system/access, system/class:label, system/resource, system/resource:label or "
       "role/name."},
  };
}

}  // namespace

const std::vector<Key>& Keys() {
  static const std::vector<Key>* keys = [] {
    auto* all = new std::vector<Key>(RootKeys());
    for (const auto& part : {SystemKeys(), TargetKeys(), RuleKeys()}) all->insert(all->end(), part.begin(), part.end());
    return all;
  }();
  return *keys;
}

const std::vector<std::string>& ThresholdKinds(bool is_source) {
  static const auto* source =
      new std::vector<std::string>{"people_added", "people_removed", "people_changed", "held_back"};
  static const auto* target =
      new std::vector<std::string>{"create", "update",          "enable", "disable", "grant",
                                   "revoke", "create_resource", "retire", "delete",  "delete_resource"};
  return is_source ? *source : *target;
}

std::optional<int64_t> DaysOf(const std::string& text) {
  int64_t days = 0;
  if (text.size() < 2 || text.size() > 6 || text.back() != 'd') return std::nullopt;
  if (text.find_first_not_of("0123456789") != text.size() - 1) return std::nullopt;
  if (!absl::SimpleAtoi(text.substr(0, text.size() - 1), &days)) return std::nullopt;
  return days;
}

}  // namespace sluice::config
