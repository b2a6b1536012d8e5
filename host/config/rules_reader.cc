#include "host/config/rules_reader.h"

#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "host/config/condition_reader.h"
#include "host/config/keys.h"

namespace sluice::config {
namespace {

using core::EntitlementRef;
using core::Rule;
using core::SystemSpec;

struct Role {
  core::Position position;
  const YamlNode* grants = nullptr;
  bool is_used = false;
};

class Reader {
 public:
  Reader(const GrantContext& context, const KnownFields& fields, bool is_complete, Diagnostics& diagnostics)
      : context_(context), fields_(fields), is_complete_(is_complete), diagnostics_(diagnostics) {}

  void Roles(const Trees& files) {
    for (const auto& [file, tree] : files) {
      for (const YamlNode& map : tree.items) {
        const YamlNode* name = map.Find("role");
        if (name == nullptr || !name->is_scalar()) continue;
        const auto [at, is_new] = roles_.try_emplace(name->text, Role{name->position, map.Find("grants")});
        if (!is_new) {
          diagnostics_.Error(name->position, absl::StrCat("role ", Quoted(name->text), " stands twice, first at ",
                                                          at->second.position.ToString(), "; rename or remove one"));
        }
      }
    }
    // Each role on its own, so that one which no rule uses yet is checked as well.
    for (auto& [name, role] : roles_) {
      std::vector<std::string> way = {name};
      std::vector<EntitlementRef> ignored;
      if (role.grants != nullptr) Expand(*role.grants, name, way, ignored);
    }
    for (auto& [name, role] : roles_) role.is_used = false;
  }

  std::vector<Rule> Rules(const Trees& files) {
    std::vector<Rule> rules;
    std::map<std::string, core::Position> names;
    for (const auto& [file, tree] : files) {
      for (const YamlNode& map : tree.items) {
        const YamlNode* name = map.Find("rule");
        if (name == nullptr || !name->is_scalar()) continue;
        const auto [at, is_new] = names.try_emplace(name->text, name->position);
        if (!is_new) {
          diagnostics_.Error(name->position, absl::StrCat("rule ", Quoted(name->text), " stands twice, first at ",
                                                          at->second.ToString(), "; rename or remove one"));
        }
        rules.push_back(OneRule(map, name->text));
      }
    }
    for (const auto& [name, role] : roles_) {
      if (!role.is_used)
        diagnostics_.Warn(role.position, absl::StrCat("no rule gives role ", Quoted(name), "; use it, or remove it"));
    }
    WarnAboutAccess(rules);
    return rules;
  }

 private:
  Rule OneRule(const YamlNode& map, const std::string& name) {
    Rule rule;
    rule.name = name;
    rule.position = map.position;
    if (const YamlNode* when = map.Find("when"); when != nullptr && when->is_map()) {
      rule.when = ReadCondition(*when, ConditionPlace::kRule, fields_, diagnostics_);
    }
    if (const YamlNode* window = map.Find("window"); window != nullptr && window->is_map()) {
      if (const YamlNode* before = window->Find("before_start"))
        rule.before_start_days = DaysOf(before->text).value_or(0);
      if (const YamlNode* after = window->Find("after_end")) rule.after_end_days = DaysOf(after->text).value_or(0);
    }
    if (const YamlNode* grants = map.Find("grants"); grants != nullptr && grants->is_list()) {
      std::vector<std::string> way;
      Expand(*grants, "", way, rule.grants);
    }
    return rule;
  }

  // `role`: the one that the rule names. `way`: the roles that led here.
  void Expand(const YamlNode& list, const std::string& role, std::vector<std::string>& way,
              std::vector<EntitlementRef>& grants) {
    std::set<std::string> here;
    for (const YamlNode& item : list.items) {
      if (!item.is_scalar()) continue;
      if (!here.insert(item.text).second) {
        diagnostics_.Error(item.position, absl::StrCat("grant ", Quoted(item.text), " stands twice here; keep one"));
        continue;
      }
      absl::string_view name = item.text;
      if (absl::ConsumePrefix(&name, "role/")) {
        OneRole(item, std::string(name), role, way, grants);
      } else if (auto grant = Grant(item)) {
        grant->role = role;
        const bool has_it = std::any_of(grants.begin(), grants.end(),
                                        [&](const EntitlementRef& one) { return one.ToString() == grant->ToString(); });
        if (!has_it) grants.push_back(*std::move(grant));
      }
    }
  }

  void OneRole(const YamlNode& item, const std::string& name, const std::string& role, std::vector<std::string>& way,
               std::vector<EntitlementRef>& grants) {
    auto found = roles_.find(name);
    if (found == roles_.end()) {
      if (!is_complete_) return;
      std::vector<std::string> known;
      for (const auto& [one, unused] : roles_) known.push_back(one);
      diagnostics_.Error(item.position, absl::StrCat("unknown role ", Quoted(name),
                                                     known.empty() ? "; write it in roles/" : Suggest(name, known)));
      return;
    }
    found->second.is_used = true;
    if (auto seen = std::find(way.begin(), way.end(), name); seen != way.end()) {
      // The circle is told once, at its first role by name.
      if (*std::min_element(seen, way.end()) == way.front() && *seen == way.front()) {
        diagnostics_.Error(item.position,
                           absl::StrCat("role ", Quoted(name), " gives itself (", absl::StrJoin(seen, way.end(), " > "),
                                        " > ", name, "); remove one of these"));
      }
      return;
    }
    if (found->second.grants == nullptr) return;
    way.push_back(name);
    Expand(*found->second.grants, role.empty() ? name : role, way, grants);
    way.pop_back();
  }

  std::optional<EntitlementRef> Grant(const YamlNode& item) {
    const size_t slash = item.text.find('/');
    if (slash == std::string::npos || slash == 0 || slash + 1 == item.text.size()) {
      diagnostics_.Error(item.position, absl::StrCat("grant ", Quoted(item.text),
                                                     " is not system/what; write for example ad/account, "
                                                     "\"ad/group:docenten\" or role/teacher"));
      return std::nullopt;
    }
    EntitlementRef grant;
    grant.position = item.position;
    grant.system = item.text.substr(0, slash);
    const std::string what = item.text.substr(slash + 1);
    const SystemSpec* system = System(item, grant.system);
    if (system == nullptr) return std::nullopt;
    if (what == "account" || what == "access") {
      grant.kind = what == "account" ? EntitlementRef::Kind::kAccount : EntitlementRef::Kind::kAccess;
      if (system->account.empty()) {
        diagnostics_.Error(item.position,
                           absl::StrCat("grant ", Quoted(item.text), ": system ", Quoted(grant.system),
                                        " says nothing of accounts; add account: to systems/", grant.system, ".yaml"));
        return std::nullopt;
      }
      return grant;
    }
    return Thing(item, *system, what, std::move(grant));
  }

  const SystemSpec* System(const YamlNode& item, const std::string& name) {
    auto found = context_.systems->find(name);
    if (found == context_.systems->end()) {
      const auto& unread = context_.unread_systems;
      if (std::find(unread.begin(), unread.end(), name) != unread.end()) return nullptr;
      std::vector<std::string> known;
      for (const auto& [one, system] : *context_.systems) {
        if (!system.is_source) known.push_back(one);
      }
      diagnostics_.Error(item.position, absl::StrCat("unknown system ", Quoted(name), Suggest(name, known)));
      return nullptr;
    }
    if (found->second.is_source) {
      diagnostics_.Error(item.position, absl::StrCat("grant ", Quoted(item.text), ": system ", Quoted(name),
                                                     " is a source; grants are given in a target"));
      return nullptr;
    }
    return &found->second;
  }

  // A resource, one instance of it, or a permission.
  std::optional<EntitlementRef> Thing(const YamlNode& item, const SystemSpec& system, const std::string& what,
                                      EntitlementRef grant) {
    const size_t colon = what.find(':');
    const std::string name = what.substr(0, colon);
    if (colon != std::string::npos) grant.label = what.substr(colon + 1);
    if (colon != std::string::npos && grant.label.empty()) {
      diagnostics_.Error(item.position, absl::StrCat("grant ", Quoted(item.text),
                                                     " has no label after \":\"; write for example ad/group:docenten"));
      return std::nullopt;
    }
    if (system.resources.contains(name)) {
      grant.kind = EntitlementRef::Kind::kResource;
      grant.resource = name;
      return grant;
    }
    std::vector<std::string> known;
    for (const auto& [one, resource] : system.resources) known.push_back(one);
    if (colon == std::string::npos) {
      known.push_back("account");
      known.push_back("access");
      diagnostics_.Error(item.position,
                         absl::StrCat("unknown resource ", Quoted(name), " of ", grant.system, Suggest(name, known)));
      return std::nullopt;
    }
    grant.kind = EntitlementRef::Kind::kPermission;
    grant.object_class = name;
    auto schema = context_.schemas.find(grant.system);
    if (schema == context_.schemas.end() || schema->second == nullptr) return grant;
    bool is_known = false;
    for (const ClassSchema& one : schema->second->classes) {
      if (one.is_permission) known.push_back(one.name);
      is_known = is_known || (one.is_permission && one.name == name);
    }
    if (is_known) return grant;
    diagnostics_.Error(item.position, absl::StrCat("unknown class of permissions ", Quoted(name), " of ", grant.system,
                                                   Suggest(name, known)));
    return std::nullopt;
  }

  void WarnAboutAccess(const std::vector<Rule>& rules) {
    std::set<std::string> with_account;
    for (const Rule& rule : rules) {
      for (const EntitlementRef& grant : rule.grants) {
        if (grant.kind == EntitlementRef::Kind::kAccount) with_account.insert(grant.system);
      }
    }
    for (const Rule& rule : rules) {
      for (const EntitlementRef& grant : rule.grants) {
        if (grant.kind != EntitlementRef::Kind::kAccess || with_account.contains(grant.system)) continue;
        diagnostics_.Warn(grant.position,
                          absl::StrCat("rule ", Quoted(rule.name), " gives ", grant.ToString(), " and no rule gives ",
                                       grant.system, "/account; without an account there is no access"));
      }
    }
  }

  const GrantContext& context_;
  const KnownFields& fields_;
  const bool is_complete_;
  Diagnostics& diagnostics_;
  std::map<std::string, Role> roles_;
};

}  // namespace

std::vector<core::Rule> ReadRules(const Trees& roles, const Trees& rules, bool is_complete, const GrantContext& context,
                                  const KnownFields& fields, Diagnostics& diagnostics) {
  Reader reader(context, fields, is_complete, diagnostics);
  reader.Roles(roles);
  return reader.Rules(rules);
}

}  // namespace sluice::config
