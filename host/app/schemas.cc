#include "host/app/schemas.h"

#include <set>

namespace sluice::app {

Schemas::Schemas(const core::State& state) {
  for (const auto& [system, target] : state.schemas) {
    config::SystemSchema& schema = schemas_[system];
    for (const auto& [name, known] : target.classes) {
      config::ClassSchema object_class;
      object_class.name = name;
      object_class.is_permission = target.relations.contains(name);
      for (const auto& [attribute, rules] : known.attributes) {
        object_class.attributes.push_back({attribute, rules.multi_valued, false, rules.creatable || rules.updatable,
                                           static_cast<int64_t>(rules.max_length),
                                           config::AttributeSchema::Type::kOther, rules.is_secret});
      }
      schema.classes.push_back(std::move(object_class));
    }
  }
}

const config::SystemSchema* Schemas::Find(const std::string& system, const config::PackageInfo&) const {
  auto found = schemas_.find(system);
  return found == schemas_.end() ? nullptr : &found->second;
}

config::HeldCounts CountHeld(const core::Configuration& configuration, const core::State& state,
                             const core::Snapshot& snapshot) {
  config::HeldCounts counts;
  std::map<std::string, int64_t> accounts;
  for (const core::Grant& grant : state.grants) {
    if (grant.state != core::GrantState::kHeld) continue;
    if (grant.kind == core::EntitlementKind::kPermission) ++counts[grant.system]["revoke"];
    accounts[grant.system] += grant.kind == core::EntitlementKind::kAccount;
  }
  for (const core::ResourceInstance& resource : state.resources)
    counts[resource.system]["delete_resource"] += resource.is_held;
  int64_t people = 0;
  for (const auto& person : snapshot.persons) {
    if (person->sources.empty()) continue;
    people += !person->last_seen;
    std::set<std::string> sources;  // Of a person that is joined there are several.
    for (const core::RecordKey& record : person->sources) sources.insert(record.system);
    for (const std::string& source : sources) {
      for (const char* kind : {"people_removed", "people_changed", "held_back"}) ++counts[source][kind];
    }
  }
  // A target that is not in use yet will hold about as many accounts as there are people.
  for (const auto& [name, system] : configuration.systems) {
    if (system.is_source) continue;
    const int64_t held = accounts[name] > 0 ? accounts[name] : people;
    for (const char* kind : {"create", "update", "enable", "disable", "retire", "delete"}) counts[name][kind] = held;
  }
  return counts;
}

}  // namespace sluice::app
