#include "host/core/planner_test_world.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "host/core/names.h"

namespace sluice::core::testing {

Condition Clause(const std::string& path, TestOperator op, std::vector<Value> operands, int line) {
  Condition condition;
  condition.kind = Condition::Kind::kTest;
  condition.path = path;
  condition.op = op;
  for (Value& operand : operands) condition.operands.push_back({std::move(operand), false, 0});
  condition.position = {"rules/test.yaml", line, 5};
  return condition;
}

Condition Equals(const std::string& path, const std::string& text, int line) {
  return Clause(path, TestOperator::kEq, {Value::Text(text)}, line);
}

Condition OfKind(Condition::Kind kind, std::vector<Condition> children, int line) {
  Condition condition;
  condition.kind = kind;
  condition.children = std::move(children);
  condition.position = {"rules/test.yaml", line, 1};
  return condition;
}

Condition SomeContract(std::vector<Condition> children, int line) {
  return OfKind(Condition::Kind::kSomeContract, {OfKind(Condition::Kind::kAll, std::move(children), line)}, line);
}

EntitlementRef GrantOf(const std::string& text) {
  EntitlementRef grant;
  const size_t slash = text.find('/'), colon = text.find(':');
  grant.system = text.substr(0, slash);
  const std::string rest = text.substr(slash + 1);
  if (rest == "account") return grant;
  if (rest == "access") {
    grant.kind = EntitlementRef::Kind::kAccess;
  } else if (colon == std::string::npos) {
    grant.kind = EntitlementRef::Kind::kResource;
    grant.resource = rest;
  } else {
    grant.kind = EntitlementRef::Kind::kPermission;
    grant.object_class = text.substr(slash + 1, colon - slash - 1);
    grant.label = text.substr(colon + 1);
  }
  return grant;
}

Template Parsed(const std::string& text) { return Template::Parse(text).value(); }

namespace {

TargetSchema DirectorySchema() {
  TargetSchema schema;
  TargetClass account;
  for (const char* name : {"parent", "cn", "givenName", "sn", "displayName", "employeeID", "description", "mail"}) {
    account.attributes[name].max_length = 64;
  }
  account.attributes["sAMAccountName"].unique_in = "account_name";
  account.attributes["sAMAccountName"].max_length = 20;
  account.attributes["sAMAccountName"].allowed_characters = "[a-z0-9.-]+";
  account.attributes["sAMAccountName"].case_insensitive = true;
  account.attributes["initial_password"].is_secret = true;
  account.label_attribute = "cn";
  schema.classes["account"] = account;
  TargetClass group;
  group.attributes["cn"].max_length = 64;
  group.attributes["parent"];
  group.attributes["sAMAccountName"].unique_in = "account_name";
  group.label_attribute = "cn";
  schema.classes["group"] = group;
  schema.relations["group"] = {"membership", "member", "group"};
  return schema;
}

SystemSpec DirectorySpec() {
  SystemSpec ad;
  ad.name = "ad";
  ad.correlate.push_back({"employeeID", Parsed("{person.external_id}"), {}});
  AccountItem pupils, staff, all;
  pupils.when = SomeContract({Equals("contract.type", "placement")});
  pupils.fields.push_back({"parent", {}, Parsed("OU={contract.location.code},OU=Leerlingen"), {}, false, {}});
  staff.when = SomeContract({Equals("contract.type", "employment")});
  staff.fields.push_back({"parent", {}, Parsed("OU=Personeel"), {}, false, {}});
  all.fields.push_back({"cn", {}, Parsed("{person.name.display} ({person.external_id})"), {}, false, {}});
  all.fields.push_back({"sn", {}, Parsed("{person.name.family_all}"), {}, false, {}});
  all.fields.push_back({"displayName", {}, Parsed("{person.name.display}"), {}, false, {}});
  all.fields.push_back({"employeeID", {}, Parsed("{person.external_id}"), {}, false, {}});
  AccountField login{"sAMAccountName", AccountField::Write::kOnCreate, {}, {}, false, {}};
  for (const char* candidate :
       {"{person.name.nick | ascii | lower | left(1)}.{person.name.family_all | ascii | lower | compact | left(18)}",
        "{person.name.nick | ascii | lower | left(2)}.{person.name.family_all | ascii | lower | compact | left(17)}",
        "{person.name.nick | ascii | lower | left(1)}.{person.name.family_all | ascii | lower | compact | "
        "left(15)}{n}"}) {
    login.candidates.push_back(Parsed(candidate));
  }
  all.fields.push_back(login);
  all.fields.push_back({"initial_password", AccountField::Write::kOnCreate, {}, {}, true, {}});
  ad.account = {pupils, staff, all};
  ResourceSpec groups;
  groups.name = "class group";
  groups.each = "contract.department";
  groups.object_class = "group";
  groups.fields.push_back({"name", Parsed("les-{contract.department.code | ascii | lower}"), {}});
  groups.fields.push_back({"parent", Parsed("OU=Lesgroepen"), {}});
  groups.keep_unused_days = 365;
  groups.position = {"systems/ad.yaml", 30, 3};
  ad.resources["class group"] = groups;
  ad.retire.move_to = Parsed("OU=Vertrokken");
  ad.retire.set.push_back({"description", Template::Constant(Value::Text("Vertrokken")), {}});
  return ad;
}

}  // namespace

World::World() {
  configuration.hash = "7c1e";
  SystemSpec somtoday;
  somtoday.name = "somtoday";
  somtoday.is_source = true;
  configuration.systems["somtoday"] = somtoday;
  configuration.systems["ad"] = DirectorySpec();
  configuration.primary_contract.types = {"employment", "placement"};
  state.schemas["ad"] = DirectorySchema();
  state.observed["ad"].is_known = true;
  state.observed["ad"].as_of = today;
  AddRule("Pupils have an account", SomeContract({Equals("contract.type", "placement", 3)}, 3), {"ad/account"})
      .before_start_days = 14;
  AddRule("Pupils can sign in", SomeContract({Equals("contract.type", "placement", 9)}, 9), {"ad/access"});
  AddRule("Every class has a group", SomeContract({Equals("contract.type", "class_group", 20)}, 20),
          {"ad/class group"});
}

Rule& World::AddRule(const std::string& name, Condition when, const std::vector<std::string>& grants) {
  Rule rule;
  rule.name = name;
  rule.position = {"rules/test.yaml", static_cast<int>(100 + configuration.rules.size()), 1};
  rule.when = std::move(when);
  for (const std::string& grant : grants) rule.grants.push_back(GrantOf(grant));
  if (!Compile(rule.when).ok()) std::abort();
  configuration.rules.push_back(std::move(rule));
  return configuration.rules.back();
}

Rule& World::FindRule(const std::string& name) {
  return *std::find_if(configuration.rules.begin(), configuration.rules.end(),
                       [&](const Rule& rule) { return rule.name == name; });
}

AccountField& World::Field(const std::string& attribute) {
  for (AccountItem& item : configuration.systems["ad"].account) {
    for (AccountField& field : item.fields) {
      if (field.attribute == attribute) return field;
    }
  }
  configuration.systems["ad"].account.back().fields.push_back({attribute, {}, {}, {}, false, {}});
  return configuration.systems["ad"].account.back().fields.back();
}

Person& World::AddPerson(const std::string& number, const std::string& given, const std::string& family) {
  auto person = std::make_shared<Person>();
  person->id = PersonId("somtoday", "leerling", number);
  person->external_id = number;
  person->display = absl::StrCat(given, " ", family);
  person->fields = {{"external_id", Value::Text(number)},
                    {"name.nick", Value::Text(given)},
                    {"name.family_all", Value::Text(family)},
                    {"name.display", Value::Text(person->display)}};
  person->sources.push_back({"somtoday", "A", "leerling", number});
  persons_.push_back(person);
  return *person;
}

Contract& World::AddContract(Person& person, const std::string& type, const std::string& code, absl::CivilDay start,
                             std::optional<absl::CivilDay> end) {
  Contract contract;
  contract.source = {"somtoday", "A", type,
                     absl::StrCat(person.external_id, "-", code, "-", absl::FormatCivilTime(start))};
  contract.id = ContractId(type, contract.source);
  contract.type = type;
  contract.start = start;
  contract.end = end;
  contract.fields = {{"department.id", Value::Text(absl::StrCat("id-", code))},
                     {"department.code", Value::Text(code)},
                     {"location.code", Value::Text("31XY00")}};
  const auto place = std::find_if(person.contracts.begin(), person.contracts.end(),
                                  [&](const Contract& other) { return other.id > contract.id; });
  return *person.contracts.insert(place, std::move(contract));
}

Person& World::AddPupil(const std::string& number, const std::string& given, const std::string& family,
                        const std::string& class_code) {
  Person& person = AddPerson(number, given, family);
  AddContract(person, "placement", class_code, absl::CivilDay(2026, 8, 1));
  AddContract(person, "class_group", absl::StrCat(class_code, ".bio2"), absl::CivilDay(2026, 8, 1));
  return person;
}

Person& World::Find(const std::string& number) {
  return **std::find_if(persons_.begin(), persons_.end(),
                        [&](const std::shared_ptr<Person>& person) { return person->external_id == number; });
}

void World::Remove(const std::string& number) {
  std::erase_if(persons_, [&](const std::shared_ptr<Person>& person) { return person->external_id == number; });
}

Record& World::AddAccount(const std::string& id, Fields attributes, bool is_enabled) {
  attributes["enabled"] = Value::Flag(is_enabled);
  state.observed["ad"].records.push_back({"", "account", id, absl::StrCat("CN=", id), std::move(attributes)});
  return state.observed["ad"].records.back();
}

Record& World::AddGroup(const std::string& id, const std::string& name) {
  state.observed["ad"].records.push_back(
      {"", "group", id, absl::StrCat("CN=", name), {{"cn", Value::Text(name)}, {"sAMAccountName", Value::Text(name)}}});
  return state.observed["ad"].records.back();
}

void World::AddMember(const std::string& group, const std::string& account) {
  state.observed["ad"].records.push_back(
      {"",
       "membership",
       absl::StrCat(group, "|", account),
       "",
       {{"group", Value::Ref({"group", group})}, {"member", Value::Ref({"account", account})}}});
}

Record* World::Account(const std::string& id) {
  for (Record& record : state.observed["ad"].records) {
    if (record.object_class == "account" && record.id == id) return &record;
  }
  return nullptr;
}

const Grant* World::Held(const std::string& number, const std::string& entitlement) const {
  const std::string person = PersonId("somtoday", "leerling", number);
  for (const Grant& grant : state.grants) {
    if (grant.person_id == person && grant.entitlement == entitlement && grant.state != GrantState::kAbsent) {
      return &grant;
    }
  }
  return nullptr;
}

void World::NoLimits() {
  Activate();
  for (int kind = 0; kind <= static_cast<int>(OperationKind::kDeleteResource); ++kind) {
    configuration.systems["ad"].thresholds[std::string(OperationKindName(static_cast<OperationKind>(kind)))].count =
        100000;
  }
}

PlanInput World::Input() {
  snapshot_.persons.assign(persons_.begin(), persons_.end());
  snapshot_.as_of = today;
  return {&configuration, &snapshot_, &state, today, &readings};
}

std::string World::LineOf(const PlannedOperation& operation) const {
  std::string who = "-";
  for (const auto& person : persons_) {
    if (person->id == operation.person_id) who = person->external_id;
  }
  return absl::StrCat(std::string(OperationKindName(operation.kind)), " ", who, " ", operation.label);
}

std::vector<std::string> World::Lines(const Plan& plan) const {
  static constexpr const char* kStatus[] = {"", " [blocked]", " [waiting]", " [observing]"};
  std::vector<std::string> lines;
  for (const PlannedOperation& operation : plan.operations) {
    lines.push_back(absl::StrCat(LineOf(operation), kStatus[static_cast<int>(operation.status)]));
  }
  return lines;
}

Grant& World::GrantFor(const PlannedOperation& operation, EntitlementKind kind) {
  for (Grant& grant : state.grants) {
    if (grant.person_id == operation.person_id && grant.system == operation.system &&
        grant.entitlement == operation.entitlement) {
      return grant;
    }
  }
  Grant grant;
  grant.person_id = operation.person_id;
  grant.system = operation.system;
  grant.entitlement = operation.entitlement;
  grant.kind = kind;
  state.grants.push_back(grant);
  return state.grants.back();
}

void World::CarryAccount(const PlannedOperation& operation, Grant& grant) {
  if (operation.kind == OperationKind::kCreate) {
    grant.object_id = absl::StrCat("guid-", next_object_++);
    AddAccount(grant.object_id, {}, false);
    for (const LateName& name : operation.names) {
      grant.desired[name.attribute] = Value::Text(name.expected);
      Account(grant.object_id)->attributes[name.attribute] = Value::Text(name.expected);
      state.names.push_back(
          {"ad", name.domain, NormaliseName(name.expected), absl::StrCat("person:", operation.person_id)});
    }
  }
  if (operation.kind == OperationKind::kAdopt) {
    grant.object_id = operation.object_id;
    grant.is_correlated = true;
  }
  grant.state = GrantState::kHeld;
  grant.retired_on.reset();
  if (operation.kind == OperationKind::kRetire) {
    grant.state = GrantState::kRetired;
    grant.retired_on = today;
    grant.before_retirement.clear();
    Account(grant.object_id)->attributes["enabled"] = Value::Flag(false);
    for (Grant& other : state.grants) {
      if (other.person_id == grant.person_id && other.kind == EntitlementKind::kAccess) {
        other.state = GrantState::kAbsent;
        ++other.generation;
      }
    }
  }
  for (const AttributeChange& change : operation.changes) {
    if (operation.kind == OperationKind::kRetire && change.before.is_visible()) {
      grant.before_retirement[change.attribute] = change.before;
    }
    grant.desired[change.attribute] = change.after;
    Account(grant.object_id)->attributes[change.attribute] = change.after;
  }
  if (operation.kind == OperationKind::kDelete) {
    const std::string id = grant.object_id;
    std::erase_if(state.observed["ad"].records, [&](const Record& record) { return record.id == id; });
    grant.state = GrantState::kAbsent;
    grant.object_id.clear();
    grant.desired.clear();
  }
}

void World::CarryResource(const PlannedOperation& operation) {
  const size_t colon = operation.entitlement.find(':');
  const std::string resource = operation.entitlement.substr(0, colon), key = operation.entitlement.substr(colon + 1);
  auto found = std::find_if(state.resources.begin(), state.resources.end(), [&](const ResourceInstance& instance) {
    return instance.resource == resource && instance.key == key;
  });
  if (found == state.resources.end()) {
    found = state.resources.insert(found, ResourceInstance{});
    found->system = "ad";
    found->resource = resource;
    found->key = key;
    found->object_class = operation.object_class;
  }
  ++found->generation;
  if (operation.kind == OperationKind::kDeleteResource) {
    const std::string id = found->object_id;
    std::erase_if(state.observed["ad"].records, [&](const Record& record) { return record.id == id; });
    found->is_held = false;
    found->object_id.clear();
    return;
  }
  found->is_held = true;
  found->label = operation.label.substr(operation.object_class.size() + 1);
  found->object_id = operation.object_id;
  found->is_correlated = operation.kind == OperationKind::kAdopt;
  for (const AttributeChange& change : operation.changes) found->desired[change.attribute] = change.after;
  for (ResourceInstance& before : state.resources) {
    if (&before == &*found || operation.kind != OperationKind::kAdopt || before.object_id != found->object_id) continue;
    found->is_correlated = before.is_correlated;
    before.is_held = false;
    before.object_id.clear();
    before.unused_since.reset();
    ++before.generation;
  }
  if (operation.kind == OperationKind::kCreateResource) {
    found->object_id = absl::StrCat("guid-", next_object_++);
    AddGroup(found->object_id, found->label);
  }
}

void World::CarryPermission(const PlannedOperation& operation, Grant& grant) {
  const bool is_gone = operation.kind == OperationKind::kRevoke;
  if (!is_gone) {
    grant.object_id = operation.permission_id;
    for (const ResourceInstance& instance : state.resources) {
      if (absl::StrCat(instance.resource, ":", instance.key) == grant.entitlement) grant.object_id = instance.object_id;
    }
  }
  const std::string kind = grant.entitlement.substr(0, grant.entitlement.find(':') + 1);
  for (Grant& before : state.grants) {
    if (operation.kind != OperationKind::kAdopt || &before == &grant || before.person_id != grant.person_id ||
        before.object_id != grant.object_id || before.state != GrantState::kHeld ||
        !absl::StartsWith(before.entitlement, kind)) {
      continue;
    }
    before.state = GrantState::kAbsent;
    ++before.generation;
  }
  grant.label = operation.label.substr(operation.object_class.size() + 1);
  grant.state = is_gone ? GrantState::kAbsent : GrantState::kHeld;
  std::string account;
  for (const Grant& other : state.grants) {
    if (other.person_id == grant.person_id && other.kind == EntitlementKind::kAccount) account = other.object_id;
  }
  if (operation.kind == OperationKind::kGrant) AddMember(grant.object_id, account);
  if (is_gone) {
    const std::string id = absl::StrCat(grant.object_id, "|", account);
    std::erase_if(state.observed["ad"].records, [&](const Record& record) { return record.id == id; });
  }
}

void World::Carry(const PlannedOperation& operation) {
  if (operation.person_id.empty()) return CarryResource(operation);
  if (operation.entitlement == "account") {
    Grant& grant = GrantFor(operation, EntitlementKind::kAccount);
    ++grant.generation;
    return CarryAccount(operation, grant);
  }
  if (operation.entitlement == "access") {
    Grant& grant = GrantFor(operation, EntitlementKind::kAccess);
    ++grant.generation;
    grant.state = operation.kind == OperationKind::kDisable ? GrantState::kAbsent : GrantState::kHeld;
    for (const Grant& other : state.grants) {
      if (other.person_id == grant.person_id && other.kind == EntitlementKind::kAccount) {
        Account(other.object_id)->attributes["enabled"] = Value::Flag(grant.state == GrantState::kHeld);
      }
    }
    return;
  }
  Grant& grant = GrantFor(operation, EntitlementKind::kPermission);
  ++grant.generation;
  CarryPermission(operation, grant);
}

std::vector<std::string> World::Enforce(const Plan& plan) {
  std::vector<std::string> done;
  for (const auto& [permission, id] : plan.resolved_permissions) state.permissions[permission] = id;
  for (const std::string& name : plan.unused_resources) {
    for (ResourceInstance& instance : state.resources) {
      if (absl::StrCat("ad/", instance.resource, ":", instance.key) == name) instance.unused_since = today;
    }
  }
  for (const std::string& name : plan.reused_resources) {
    for (ResourceInstance& instance : state.resources) {
      if (absl::StrCat("ad/", instance.resource, ":", instance.key) == name) instance.unused_since.reset();
    }
  }
  for (const PlannedOperation& operation : plan.operations) {
    if (operation.status != OperationStatus::kReady) continue;
    Carry(operation);
    done.push_back(LineOf(operation));
  }
  ++state.sequence;
  return done;
}

}  // namespace sluice::core::testing
