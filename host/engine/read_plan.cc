#include "host/engine/read_plan.h"

#include <algorithm>
#include <set>
#include <vector>

#include "absl/strings/str_split.h"

namespace sluice::engine {
namespace {

using Wanted = std::map<std::string, std::set<std::string>>;  // Class -> attributes.

// "plaatsing.stamgroep.naam" asks for the attribute `stamgroep` of `plaatsing`.
void AddPaths(const core::Template& value, Wanted& wanted) {
  for (const std::string& path : value.paths()) {
    const std::vector<std::string> steps = absl::StrSplit(path, '.');
    if (steps.size() > 1) wanted[steps[0]].insert(steps[1]);
  }
}

// What the system offers of what is wanted, in the order of its schema.
ReadPlan Offered(const Wanted& wanted, const SystemSchema& schema, absl::CivilDay as_of) {
  ReadPlan plan;
  plan.as_of = as_of;
  for (const ClassInfo& info : schema.classes) {
    auto found = wanted.find(info.name);
    if (found == wanted.end()) continue;
    ReadClass read{info.name, {}};
    for (const AttributeInfo& attribute : info.attributes) {
      if (attribute.readable && attribute.type != AttributeInfo::Type::kSecret &&
          found->second.contains(attribute.name)) {
        read.attributes.push_back(attribute.name);
      }
    }
    plan.classes.push_back(std::move(read));
  }
  return plan;
}

void AddUnique(const ClassInfo& info, std::set<std::string>& attributes) {
  for (const AttributeInfo& attribute : info.attributes) {
    if (!attribute.unique_in.empty()) attributes.insert(attribute.name);
  }
}

}  // namespace

ReadPlan SourceReadPlan(const core::SystemSpec& system, const SystemSchema& schema, absl::CivilDay as_of) {
  Wanted paths, wanted;
  for (const core::PersonMapping& mapping : system.persons) {
    wanted[mapping.from];
    for (const core::FieldMapping& field : mapping.fields) AddPaths(field.value, paths);
  }
  for (const core::ContractMapping& mapping : system.contracts) {
    wanted[mapping.from];
    if (!mapping.owner_attribute.empty()) wanted[mapping.from].insert(mapping.owner_attribute);
    for (const core::FieldMapping& field : mapping.fields) AddPaths(field.value, paths);
  }
  for (auto& [object_class, attributes] : wanted) attributes.merge(paths[object_class]);
  for (const ClassInfo& info : schema.classes) {
    auto found = wanted.find(info.name);
    if (found != wanted.end() && !info.owner_attribute.empty()) found->second.insert(info.owner_attribute);
  }
  return Offered(wanted, schema, as_of);
}

ReadPlan TargetReadPlan(const core::SystemSpec& system, const SystemSchema& schema, absl::CivilDay as_of) {
  Wanted wanted;
  std::set<std::string>& account = wanted[system.account_class];
  account.insert("enabled");
  for (const core::AccountItem& item : system.account) {
    for (const core::AccountField& field : item.fields) account.insert(field.attribute);
  }
  for (const core::FieldMapping& field : system.correlate) account.insert(field.field);
  if (system.retire.move_to) account.insert("parent");
  for (const core::FieldMapping& field : system.retire.set) account.insert(field.field);
  for (const auto& [name, resource] : system.resources) {
    for (const core::FieldMapping& field : resource.fields) wanted[resource.object_class].insert(field.field);
  }
  for (const ClassInfo& info : schema.classes) {
    if (info.role == ClassInfo::Role::kPermission) wanted[info.name].insert(info.label_attribute);
    if (info.role == ClassInfo::Role::kRelation && info.grantable) {
      wanted[info.name].insert({info.subject_attribute, info.object_attribute});
    }
    // Places: without them nobody can say whether something is gone or only cannot be seen.
    const bool has_place = std::any_of(info.attributes.begin(), info.attributes.end(),
                                       [](const AttributeInfo& attribute) { return attribute.name == "parent"; });
    if (info.role == ClassInfo::Role::kOther && has_place) wanted[info.name].insert("parent");
    std::set<std::string> unique;
    AddUnique(info, unique);
    if (!unique.empty()) wanted[info.name].merge(unique);
  }
  return Offered(wanted, schema, as_of);
}

core::TargetSchema ToTargetSchema(const SystemSchema& schema) {
  core::TargetSchema target;
  for (const ClassInfo& info : schema.classes) {
    core::TargetClass& known = target.classes[info.name];
    known.label_attribute = info.label_attribute;
    known.password_min_length = info.password_min_length;
    known.password_max_length = info.password_max_length;
    known.password_min_kinds = info.password_min_kinds;
    known.joins = info.joins;
    known.max_in_flight = info.max_in_flight;
    for (const AttributeInfo& attribute : info.attributes) {
      known.attributes[attribute.name] = {attribute.unique_in,          attribute.max_length,
                                          attribute.allowed_characters, attribute.multi_valued,
                                          attribute.case_insensitive,   attribute.type == AttributeInfo::Type::kSecret,
                                          attribute.creatable,          attribute.updatable};
    }
    if (info.role == ClassInfo::Role::kRelation && info.grantable) {
      target.relations[info.object_class] = {info.name, info.subject_attribute, info.object_attribute};
    }
    if (info.role == ClassInfo::Role::kAccount) target.creates_enabled |= info.creates_enabled;
  }
  return target;
}

}  // namespace sluice::engine
