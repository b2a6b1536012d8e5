#include "host/config/fields.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "host/config/diagnostics.h"

namespace sluice::config {
namespace {

bool Contains(const std::vector<std::string>& list, absl::string_view one) {
  return std::find(list.begin(), list.end(), one) != list.end();
}

bool IsCustom(const std::string& field) { return absl::StartsWith(field, "custom.") && field.size() > 7; }

FieldType StandardType(absl::string_view path) {
  static const auto* dates =
      new std::vector<std::string>{"contract.start", "contract.end", "person.details.birth_date"};
  static const auto* numbers = new std::vector<std::string>{"contract.fte", "contract.hours_per_week",
                                                            "contract.percentage", "contract.sequence"};
  if (Contains(*dates, path)) return FieldType::kDate;
  if (Contains(*numbers, path)) return FieldType::kNumber;
  if (path == "contract.type") return FieldType::kText;
  if (absl::ConsumePrefix(&path, "person.")) {
    return path != "excluded" && Contains(KnownFields::StandardPersonFields(), path) ? FieldType::kText
                                                                                     : FieldType::kUnknown;
  }
  if (absl::ConsumePrefix(&path, "contract.") && Contains(KnownFields::StandardContractFields(), path))
    return FieldType::kText;
  return FieldType::kUnknown;
}

}  // namespace

KnownFields::KnownFields() = default;

const std::vector<std::string>& KnownFields::StandardPersonFields() {
  static const auto* fields = [] {
    auto* all = new std::vector<std::string>{"external_id",
                                             "name.initials",
                                             "name.given",
                                             "name.nick",
                                             "name.family",
                                             "name.family_prefix",
                                             "name.partner",
                                             "name.partner_prefix",
                                             "name.convention",
                                             "name.family_all",
                                             "name.display",
                                             "details.gender",
                                             "details.birth_date",
                                             "details.birth_locality",
                                             "details.honorific_prefix",
                                             "details.honorific_suffix",
                                             "details.marital_status",
                                             "excluded",
                                             "aggregation_key"};
    for (const char* kind : {"business", "personal"}) {
      for (const char* part : {"email", "phone.mobile", "phone.fixed", "address.street", "address.number",
                               "address.postal_code", "address.locality", "address.country"}) {
        all->push_back(absl::StrCat("contact.", kind, ".", part));
      }
    }
    return all;
  }();
  return *fields;
}

const std::vector<std::string>& KnownFields::StandardContractFields() {
  static const auto* fields = [] {
    auto* all = new std::vector<std::string>{"external_id", "start",    "end",        "fte",         "hours_per_week",
                                             "percentage",  "sequence", "manager.id", "manager.name"};
    for (const char* part : {"department", "title", "location", "cost_center", "cost_bearer", "employer", "team",
                             "division", "organization"}) {
      for (const char* name : {"id", "external_id", "code", "name"}) all->push_back(absl::StrCat(part, ".", name));
    }
    return all;
  }();
  return *fields;
}

bool KnownFields::IsPersonField(const std::string& field) {
  return IsCustom(field) || Contains(StandardPersonFields(), field);
}
bool KnownFields::IsContractField(const std::string& field) {
  return IsCustom(field) || Contains(StandardContractFields(), field);
}

void KnownFields::AddType(const std::string& path, FieldType type) {
  const auto [at, is_new] = custom_types_.try_emplace(path, type);
  if (!is_new && at->second != type) at->second = FieldType::kUnknown;
}

void KnownFields::AddPerson(const core::PersonMapping& person,
                            const std::function<FieldType(const core::FieldMapping&)>& type_of) {
  for (const core::FieldMapping& field : person.fields) {
    AddPersonField(field.field, type_of(field));
    if (field.field == "name.family") AddPersonField("name.family_all");
  }
  AddPersonField("name.display");
}

void KnownFields::AddPersonField(const std::string& field, FieldType type) {
  person_fields_.insert(field);
  AddType(absl::StrCat("person.", field), type);
}
void KnownFields::AddContractField(const std::string& contract_type, const std::string& field, FieldType type) {
  contract_fields_[contract_type].insert(field);
  AddType(absl::StrCat("contract.", field), type);
}

FieldType KnownFields::StandardTypeOf(absl::string_view path) { return StandardType(path); }

FieldType KnownFields::TypeOf(const std::string& path) const {
  if (const FieldType standard = StandardType(path); standard != FieldType::kUnknown) return standard;
  auto found = custom_types_.find(path);
  return found == custom_types_.end() || !absl::StrContains(path, ".custom.") ? FieldType::kUnknown : found->second;
}

std::vector<std::string> KnownFields::FilledPaths() const {
  std::set<std::string> all;
  for (const std::string& field : person_fields_) all.insert(absl::StrCat("person.", field));
  for (const auto& [type, fields] : contract_fields_) {
    for (const std::string& field : fields) all.insert(absl::StrCat("contract.", field));
  }
  for (const char* always : {"contract.type", "contract.start", "contract.end"}) all.insert(always);
  return {all.begin(), all.end()};
}

bool KnownFields::IsFilled(const std::string& path) const {
  absl::string_view rest = path;
  if (absl::ConsumePrefix(&rest, "person.")) {
    return person_fields_.contains(std::string(rest)) || (!is_complete_ && IsPersonField(std::string(rest)));
  }
  if (!absl::ConsumePrefix(&rest, "contract.")) return false;
  const std::string field(rest);
  if (field == "type" || field == "start" || field == "end") return true;
  if (!is_complete_ && IsContractField(field)) return true;
  return std::any_of(contract_fields_.begin(), contract_fields_.end(),
                     [&](const auto& one) { return one.second.contains(field); });
}

bool KnownFields::IsContractType(const std::string& type) const {
  return !is_complete_ || contract_fields_.contains(type);
}

std::vector<std::string> KnownFields::ContractTypes() const {
  std::vector<std::string> types;
  for (const auto& [type, fields] : contract_fields_) types.push_back(type);
  return types;
}

std::string KnownFields::Explain(const std::string& path, absl::string_view written) const {
  absl::string_view field = path;
  const bool is_person = absl::ConsumePrefix(&field, "person.");
  const bool is_contract = !is_person && absl::ConsumePrefix(&field, "contract.");
  // Written as it would be written there: short inside of a *_contract.
  const bool is_short = is_contract && written != path;
  std::vector<std::string> known = FilledPaths();
  if (!is_complete_) {
    for (const std::string& one : StandardPersonFields()) known.push_back(absl::StrCat("person.", one));
    for (const std::string& one : StandardContractFields()) known.push_back(absl::StrCat("contract.", one));
  }
  const std::string unknown = absl::StrCat("unknown field ", Quoted(written));
  const bool is_standard = (is_person && Contains(StandardPersonFields(), field)) ||
                           (is_contract && Contains(StandardContractFields(), field));
  if (is_standard) {
    return absl::StrCat("field ", Quoted(written),
                        " is filled by no mapping; map it in the source's file, or test another");
  }
  // What stands before both makes no two words alike.
  if (is_short) {
    for (std::string& one : known) one = std::string(absl::StripPrefix(one, "contract."));
  }
  const std::string nearest = Nearest(is_short ? written : path, known);
  if (!nearest.empty()) return absl::StrCat(unknown, "; did you mean ", Quoted(nearest), "?");
  if (!is_person && !is_contract) return absl::StrCat(unknown, "; fields begin with person. or contract.");
  if (absl::StartsWith(field, "custom.")) {
    return absl::StrCat("field ", Quoted(written),
                        " is filled by no mapping; map it in the source's file, or test another");
  }
  return absl::StrCat(unknown, "; `sluice mapping try` shows the fields of a person");
}

KnownFields FieldsOf(const core::Configuration& configuration) {
  KnownFields fields;
  for (const auto& [name, system] : configuration.systems) {
    for (const core::PersonMapping& person : system.persons)
      fields.AddPerson(person, [](const auto&) { return FieldType::kUnknown; });
    for (const core::ContractMapping& contract : system.contracts) {
      fields.AddContractType(contract.type);
      for (const core::FieldMapping& field : contract.fields) fields.AddContractField(contract.type, field.field);
    }
  }
  return fields;
}

}  // namespace sluice::config
