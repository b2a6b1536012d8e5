#include "host/core/correlation.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "host/core/names.h"
#include "host/core/text.h"

namespace sluice::core {
namespace {

constexpr char kSeparator = '\x1f';

std::string KeyText(const Value& value) {
  if (!value.has_value()) return "";
  const std::string folded = FoldCase(NormaliseText(value.ToText()));
  return std::string(absl::StripAsciiWhitespace(folded));
}

std::vector<Value> ItemsOf(const Value& value) {
  if (value.is_list()) return value.list();
  return {value};
}

std::string IdOf(const Value& value) {
  return value.kind() == Value::Kind::kReference ? value.reference().id : value.has_value() ? value.ToText() : "";
}

const Value& AttributeOf(const Record& record, const std::string& attribute) {
  static const Value* const kNone = new Value();
  const auto found = record.attributes.find(attribute);
  return found == record.attributes.end() ? *kNone : found->second;
}

}  // namespace

ObservedIndex::ObservedIndex(const SystemSpec& system, const TargetSchema& schema, const Observed& observed)
    : system_(system) {
  for (const Record& record : observed.records) by_id_[{record.object_class, record.id}] = &record;
  for (const auto& [key, record] : by_id_) {
    if (record->object_class == system.account_class) IndexCorrelation(*record);
    IndexRelations(schema, *record);
    const auto info = schema.classes.find(record->object_class);
    if (info == schema.classes.end()) continue;
    const std::string& label_attribute = info->second.label_attribute;
    const Value& label = AttributeOf(*record, label_attribute);
    by_label_[{record->object_class, FoldCase(label.has_value() ? label.ToText() : record->name)}].push_back(record);
    for (const auto& [attribute, value] : record->attributes) {
      const auto described = info->second.attributes.find(attribute);
      if (described == info->second.attributes.end() || described->second.unique_in.empty()) continue;
      for (const Value& item : ItemsOf(value)) {
        if (!item.has_value()) continue;
        names_[{described->second.unique_in, NormaliseName(item.ToText())}].insert(record->id);
      }
    }
  }
}

void ObservedIndex::IndexCorrelation(const Record& account) {
  std::vector<std::pair<std::string, Value>> values;
  for (const FieldMapping& field : system_.correlate) {
    values.emplace_back(field.field, AttributeOf(account, field.field));
  }
  for (const std::string& key : CorrelationKeys(values)) by_key_[key].push_back(&account);
}

void ObservedIndex::IndexRelations(const TargetSchema& schema, const Record& record) {
  for (const auto& [permission_class, relation] : schema.relations) {
    if (relation.relation_class != record.object_class) continue;
    for (const Value& object : ItemsOf(AttributeOf(record, relation.object_attribute))) {
      for (const Value& subject : ItemsOf(AttributeOf(record, relation.subject_attribute))) {
        const std::string object_id = IdOf(object), subject_id = IdOf(subject);
        if (!object_id.empty() && !subject_id.empty()) members_[{permission_class, object_id}].insert(subject_id);
      }
    }
  }
}

const Record* ObservedIndex::Find(const std::string& object_class, const std::string& id) const {
  const auto found = by_id_.find({object_class, id});
  return found == by_id_.end() ? nullptr : found->second;
}

const std::vector<const Record*>& ObservedIndex::Matching(const std::string& key) const {
  static const auto* const kNone = new std::vector<const Record*>();
  const auto found = by_key_.find(key);
  return key.empty() || found == by_key_.end() ? *kNone : found->second;
}

std::vector<const Record*> ObservedIndex::Labelled(const std::string& object_class, const std::string& label) const {
  const auto found = by_label_.find({object_class, FoldCase(label)});
  return found == by_label_.end() ? std::vector<const Record*>() : found->second;
}

bool ObservedIndex::IsMember(const std::string& permission_class, const std::string& permission,
                             const std::string& account) const {
  return Members(permission_class, permission).contains(account);
}

const std::set<std::string>& ObservedIndex::Members(const std::string& permission_class,
                                                    const std::string& permission) const {
  static const auto* const kNone = new std::set<std::string>();
  const auto found = members_.find({permission_class, permission});
  return found == members_.end() ? *kNone : found->second;
}

const std::set<std::string>& ObservedIndex::Holders(const std::string& domain, const std::string& name) const {
  static const auto* const kNone = new std::set<std::string>();
  const auto found = names_.find({domain, NormaliseName(name)});
  return found == names_.end() ? *kNone : found->second;
}

std::vector<const Record*> ObservedIndex::Accounts() const {
  std::vector<const Record*> accounts;
  for (const auto& [key, record] : by_id_) {
    if (key.first == system_.account_class) accounts.push_back(record);
  }
  return accounts;
}

std::string CorrelationKey(const std::vector<std::pair<std::string, Value>>& values) {
  std::string key;
  for (const auto& [attribute, value] : values) {
    const std::string text = KeyText(value);
    if (text.empty()) return "";
    absl::StrAppend(&key, text, std::string(1, kSeparator));
  }
  return key;
}

std::set<std::string> CorrelationKeys(const std::vector<std::pair<std::string, Value>>& values) {
  std::set<std::string> keys = {""};
  for (const auto& [attribute, value] : values) {
    std::set<std::string> longer;
    for (const Value& item : ItemsOf(value)) {
      const std::string text = KeyText(item);
      if (text.empty()) continue;
      for (const std::string& key : keys) longer.insert(absl::StrCat(key, text, std::string(1, kSeparator)));
    }
    keys = std::move(longer);
  }
  keys.erase("");
  return keys;
}

std::string CorrelationText(const std::vector<std::pair<std::string, Value>>& values) {
  if (CorrelationKey(values).empty()) return "";
  return absl::StrJoin(values, ", ", [](std::string* out, const std::pair<std::string, Value>& value) {
    absl::StrAppend(out, value.first, " ", value.second.ToText());
  });
}

std::string CorrelationAttributes(const SystemSpec& system) {
  return absl::StrJoin(system.correlate, ", ",
                       [](std::string* out, const FieldMapping& field) { out->append(field.field); });
}

namespace {

using Result = CorrelationReport::Row::Result;

class Matcher {
 public:
  Matcher(const ObservedIndex& index, const SystemSpec& system, const std::vector<Claim>& claims,
          const HeldAccounts& held)
      : index_(index), system_(system), held_(held) {
    for (const Claim& claim : claims) {
      if (!claim.link.empty() && claim.account.empty()) {
        linked_[claim.link].insert(claim.person_id);
      } else if (!claim.key.empty()) {
        by_key_[claim.key].insert(claim.person_id);
      }
    }
    for (const auto& [key, persons] : by_key_) {
      for (const Record* account : index.Matching(key)) by_account_[account->id].insert(persons.begin(), persons.end());
    }
  }

  Match For(const Claim& claim) const {
    Match match;
    if (!claim.account.empty()) {
      match.result = Result::kHeld;
      if (const Record* account = index_.Find(system_.account_class, claim.account)) match.accounts = {account};
      return match;
    }
    if (!claim.link.empty()) return Linked(claim);
    if (claim.key.empty()) {
      match.result = Result::kNoKey;
      return match;
    }
    match.accounts = index_.Matching(claim.key);
    match.result = match.accounts.empty() ? Result::kNone : Result::kOne;
    if (match.accounts.size() > 1) {
      match.result = Result::kSeveral;
      match.problem = absl::StrCat(match.accounts.size(), " accounts match by ", CorrelationAttributes(system_), " (",
                                   Ids(match), "); settle it with `sluice correlation link`");
      return match;
    }
    if (std::string other = Other(by_key_.at(claim.key), claim.person_id); !other.empty()) {
      return Share(match, absl::StrCat("has the same ", CorrelationAttributes(system_), " as person ", other));
    }
    // Written, and the target has not been read since.
    if (const auto written = held_.by_new_key.find(claim.key); written != held_.by_new_key.end()) {
      const std::string& account = *written->second.begin();
      return Share(match, absl::StrCat("has the same ", CorrelationAttributes(system_), " as account ", account,
                                       ", which person ", held_.holders.at(account), " holds"));
    }
    if (match.accounts.empty()) return match;
    return CheckFree(claim, match);
  }

 private:
  Match Linked(const Claim& claim) const {
    Match match;
    const Record* account = index_.Find(system_.account_class, claim.link);
    if (account == nullptr) {
      match.problem = absl::StrCat("is linked by hand to account ", claim.link, ", which the target does not show");
      return match;
    }
    match.accounts = {account};
    match.result = Result::kOne;
    return CheckFree(claim, match);
  }

  // One account is left: does anybody else have a right to it?
  Match CheckFree(const Claim& claim, Match match) const {
    const std::string& id = match.accounts[0]->id;
    const auto holder = held_.holders.find(id);
    if (holder != held_.holders.end() && holder->second != claim.person_id) {
      return Share(match, absl::StrCat("matches account ", id, ", which person ", holder->second, " holds"));
    }
    const auto linked = linked_.find(id);
    if (linked != linked_.end()) {
      if (std::string other = Other(linked->second, claim.person_id); !other.empty()) {
        return Share(match, absl::StrCat("matches account ", id, ", which is linked by hand to person ", other));
      }
    }
    if (claim.link.empty()) {
      // Several keys can stand on one account: whoever has another of them wants the same one.
      if (std::string other = Other(by_account_.at(id), claim.person_id); !other.empty()) {
        return Share(match, absl::StrCat("matches account ", id, ", which person ", other, " matches too"));
      }
    }
    return match;
  }

  static Match Share(Match match, std::string problem) {
    match.result = Result::kShared;
    match.problem = std::move(problem);
    return match;
  }

  static std::string Other(const std::set<std::string>& persons, const std::string& person_id) {
    for (const std::string& person : persons) {
      if (person != person_id) return person;
    }
    return "";
  }

  static std::string Ids(const Match& match) {
    return absl::StrJoin(match.accounts, ", ",
                         [](std::string* out, const Record* account) { out->append(account->id); });
  }

  const ObservedIndex& index_;
  const SystemSpec& system_;
  const HeldAccounts& held_;
  std::map<std::string, std::set<std::string>> by_key_, by_account_, linked_;  // -> persons
};

}  // namespace

std::vector<Match> MatchAccounts(const ObservedIndex& index, const SystemSpec& system, const std::vector<Claim>& claims,
                                 const HeldAccounts& held) {
  const Matcher matcher(index, system, claims, held);
  std::vector<Match> matches;
  matches.reserve(claims.size());
  for (const Claim& claim : claims) matches.push_back(matcher.For(claim));
  return matches;
}

}  // namespace sluice::core
