#include "host/config/mapping_reader.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "host/config/template_reader.h"

namespace sluice::config {
namespace {

using core::ContractMapping;
using core::FieldMapping;
using core::PersonMapping;

// A map, or the maps of a list.
std::vector<const YamlNode*> MapsOf(const YamlNode* node) {
  std::vector<const YamlNode*> maps;
  if (node == nullptr) return maps;
  if (node->is_map()) maps.push_back(node);
  for (const YamlNode& item : node->items) {
    if (item.is_map()) maps.push_back(&item);
  }
  return maps;
}

std::string TextOf(const YamlNode& map, absl::string_view key) {
  const YamlNode* found = map.Find(key);
  return found == nullptr ? "" : found->text;
}

void SetField(std::vector<FieldMapping>& fields, FieldMapping field) {
  auto same = std::find_if(fields.begin(), fields.end(), [&](const auto& one) { return one.field == field.field; });
  if (same == fields.end()) {
    fields.push_back(std::move(field));
  } else {
    *same = std::move(field);
  }
}

std::string RootOf(const std::string& path) { return path.substr(0, path.find('.')); }

class Reader {
 public:
  // Type of each field that was read, by the place of its key: what a later one replaced is never looked up.
  std::map<std::string, FieldType> types;

  Reader(const SystemSchema* schema, core::SystemSpec& system, Diagnostics& diagnostics)
      : schema_(schema), system_(system), diagnostics_(diagnostics) {}

  void Read(const YamlNode& file) {
    // Classes first: an item without `from` goes to those that its templates read.
    const std::vector<const YamlNode*> persons = MapsOf(file.Find("person"));
    for (const YamlNode* map : persons) {
      if (const YamlNode* from = map->Find("from")) PersonFrom(*from);
    }
    for (const YamlNode* map : persons) Person(*map);
    const YamlNode* contracts = file.Find("contract");
    if (contracts == nullptr) return;
    for (const auto& [type, value] : contracts->entries) Contracts(type, value);
  }

 private:
  PersonMapping& PersonFrom(const YamlNode& from) {
    CheckClass(from);
    for (PersonMapping& one : system_.persons) {
      if (one.from == from.text) return one;
    }
    system_.persons.push_back({from.text, {}});
    return system_.persons.back();
  }

  void CheckClass(const YamlNode& from) {
    if (from.text == "person" || from.text == "contract") {
      diagnostics_.Error(from.position,
                         absl::StrCat("records of the class ", Quoted(from.text), " cannot be mapped: \"{", from.text,
                                      ".\" begins a field of the ", from.text,
                                      " itself; its connector has to call the class otherwise"));
      return;
    }
    if (schema_ == nullptr || schema_->Find(from.text) != nullptr) return;
    std::vector<std::string> known;
    for (const ClassSchema& one : schema_->classes) known.push_back(one.name);
    diagnostics_.Error(from.position,
                       absl::StrCat("unknown class of records ", Quoted(from.text), Suggest(from.text, known)));
  }

  void Person(const YamlNode& map) {
    std::vector<std::string> all;
    for (const PersonMapping& one : system_.persons) all.push_back(one.from);
    const std::string from = TextOf(map, "from");
    for (const auto& [key, value] : map.entries) {
      if (key.text == "from") continue;
      if (!CheckName(key, KnownFields::IsPersonField(key.text), KnownFields::StandardPersonFields())) continue;
      const std::vector<std::string> classes = from.empty() ? all : std::vector<std::string>{from};
      auto read = ReadTemplate(value, Attributes(classes, false), diagnostics_);
      if (!read) continue;
      types[key.position.ToString()] =
          TypeOfTemplate(value, [this](const auto& path) { return TypeOfAttribute(path); });
      std::set<std::string> roots;
      for (const std::string& path : read->paths()) roots.insert(RootOf(path));
      const bool is_about_records =
          std::any_of(all.begin(), all.end(), [&](const auto& one) { return roots.contains(one); });
      for (PersonMapping& one : system_.persons) {
        if (from.empty() ? is_about_records && !roots.contains(one.from) : one.from != from) continue;
        SetField(one.fields, {key.text, *read, key.position});
      }
    }
    if (from.empty() && all.empty() && !map.entries.empty()) {
      diagnostics_.Error(map.position,
                         "\"person\" does not say which records are persons; add from: and the class of records");
    }
  }

  bool CheckName(const YamlNode& key, bool is_known, const std::vector<std::string>& standard) {
    if (is_known) return true;
    const std::string nearest = Nearest(key.text, standard);
    diagnostics_.Error(key.position,
                       absl::StrCat("unknown field ", Quoted(key.text),
                                    nearest.empty() ? absl::StrCat("; a field of your own is named custom.", key.text)
                                                    : absl::StrCat("; did you mean ", Quoted(nearest), "?")));
    return false;
  }

  // What a mapping's template may read: attributes of its class, and fields of the same person or contract.
  PathCheck Attributes(std::vector<std::string> classes, bool is_contract) {
    return [this, classes, is_contract](const std::string& path) -> std::string {
      const std::string root = RootOf(path);
      const std::string rest = path.size() > root.size() ? path.substr(root.size() + 1) : "";
      if (root == "person")
        return KnownFields::IsPersonField(rest) ? ""
                                                : UnknownField(path, KnownFields::StandardPersonFields(), "person.");
      if (root == "contract" && is_contract) {
        return KnownFields::IsContractField(rest)
                   ? ""
                   : UnknownField(path, KnownFields::StandardContractFields(), "contract.");
      }
      if (std::find(classes.begin(), classes.end(), root) == classes.end()) {
        std::vector<std::string> known;
        for (const std::string& one : classes) known.push_back(rest.empty() ? one : absl::StrCat(one, ".", rest));
        return absl::StrCat("unknown attribute ", Quoted(path),
                            classes.empty() ? ""
                            : Nearest(path, known).empty()
                                ? absl::StrCat("; records here are of class ", JoinOr(classes))
                                : absl::StrCat("; did you mean ", Quoted(Nearest(path, known)), "?"));
      }
      return UnknownAttribute(root, rest);
    };
  }

  static std::string UnknownField(const std::string& path, std::vector<std::string> known, absl::string_view prefix) {
    for (std::string& one : known) one.insert(0, std::string(prefix));
    const std::string nearest = Nearest(path, known);
    return absl::StrCat("unknown field ", Quoted(path),
                        nearest.empty() ? "" : absl::StrCat("; did you mean ", Quoted(nearest), "?"));
  }

  std::string UnknownAttribute(const std::string& root, const std::string& rest) {
    const ClassSchema* known = schema_ == nullptr ? nullptr : schema_->Find(root);
    if (known == nullptr) return "";
    const std::string first = RootOf(rest);
    if (first == "id" || first == "name" || first == "scope") return "";
    std::vector<std::string> names;
    for (const AttributeSchema& attribute : known->attributes) {
      // An attribute's own name may have dots in it, and a map can be looked into.
      if (rest == attribute.name || absl::StartsWith(rest, absl::StrCat(attribute.name, "."))) return "";
      names.push_back(absl::StrCat(root, ".", attribute.name));
    }
    const std::string path = absl::StrCat(root, ".", rest);
    return absl::StrCat("unknown attribute ", Quoted(path), Suggest(path, names));
  }

  FieldType TypeOfAttribute(const std::string& path) {
    const ClassSchema* known = schema_ == nullptr ? nullptr : schema_->Find(RootOf(path));
    if (known == nullptr) return FieldType::kUnknown;
    for (const AttributeSchema& attribute : known->attributes) {
      if (absl::StrCat(known->name, ".", attribute.name) != path || attribute.multi_valued) continue;
      switch (attribute.type) {
        case AttributeSchema::Type::kText:
          return FieldType::kText;
        case AttributeSchema::Type::kNumber:
          return FieldType::kNumber;
        case AttributeSchema::Type::kDate:
          return FieldType::kDate;
        case AttributeSchema::Type::kFlag:
          return FieldType::kFlag;
        case AttributeSchema::Type::kOther:
          return FieldType::kUnknown;
      }
    }
    return FieldType::kUnknown;
  }

  void Contracts(const YamlNode& type, const YamlNode& value) {
    const std::vector<const YamlNode*> maps = MapsOf(&value);
    for (const YamlNode* map : maps) {
      const YamlNode* from = map->Find("from");
      ContractMapping* mapping = ContractOf(type.text, from == nullptr ? "" : from->text);
      if (mapping == nullptr) {
        diagnostics_.Error(map->position,
                           absl::StrCat("type of contract ", Quoted(type.text),
                                        " does not say which records it is; add from: and the class of records"));
        continue;
      }
      if (from != nullptr) CheckClass(*from);
      Contract(*map, *mapping);
    }
  }

  // The mapping that an item changes, or a new one; null when the item does not say of which class it is.
  ContractMapping* ContractOf(const std::string& type, const std::string& from) {
    std::vector<ContractMapping*> same_type;
    for (ContractMapping& one : system_.contracts) {
      if (one.type != type) continue;
      if (one.from == from) return &one;
      same_type.push_back(&one);
    }
    if (from.empty()) return same_type.size() == 1 ? same_type[0] : nullptr;
    system_.contracts.push_back({type, from, "", {}});
    return &system_.contracts.back();
  }

  void Contract(const YamlNode& map, ContractMapping& mapping) {
    if (const YamlNode* owner = map.Find("owner")) mapping.owner_attribute = owner->text;
    for (const auto& [key, value] : map.entries) {
      if (key.text == "from" || key.text == "owner") continue;
      if (!CheckName(key, KnownFields::IsContractField(key.text), KnownFields::StandardContractFields())) continue;
      auto read = ReadTemplate(value, Attributes({mapping.from}, true), diagnostics_);
      if (!read) continue;
      types[key.position.ToString()] =
          TypeOfTemplate(value, [this](const auto& path) { return TypeOfAttribute(path); });
      SetField(mapping.fields, {key.text, *std::move(read), key.position});
    }
  }

  const SystemSchema* schema_;
  core::SystemSpec& system_;
  Diagnostics& diagnostics_;
};

// Fields that read each other in a circle would never have a value; each circle is told once, at its first field.
void CheckCircles(const std::vector<FieldMapping>& fields, absl::string_view own, Diagnostics& diagnostics) {
  const auto find = [&](absl::string_view name) {
    return std::find_if(fields.begin(), fields.end(), [&](const auto& one) { return one.field == name; });
  };
  std::set<std::string> done;
  for (const FieldMapping& first : fields) {
    std::vector<std::string> way = {first.field};
    // Follows the first reading that leads on; a circle through another one is found from its own fields.
    const std::function<bool(const FieldMapping&)> follow = [&](const FieldMapping& field) {
      for (absl::string_view path : field.value.paths()) {
        if (!absl::ConsumePrefix(&path, own)) continue;
        if (path == first.field) return true;
        const auto next = find(path);
        if (next == fields.end() || std::find(way.begin(), way.end(), next->field) != way.end()) continue;
        way.push_back(next->field);
        if (follow(*next)) return true;
        way.pop_back();
      }
      return false;
    };
    if (done.contains(first.field) || !follow(first)) continue;
    done.insert(way.begin(), way.end());
    diagnostics.Error(first.position,
                      absl::StrCat("field ", Quoted(first.field), " reads itself (", absl::StrJoin(way, " > "), " > ",
                                   first.field, "); let one of these read a record"));
  }
}

// A fixed value of a standard field that is no such value.
void CheckConstants(const std::vector<FieldMapping>& fields, absl::string_view own, Diagnostics& diagnostics) {
  for (const FieldMapping& field : fields) {
    if (!field.value.paths().empty()) continue;
    const core::Value value = field.value.Evaluate([](const std::string&) { return core::Value(); });
    const FieldType type = KnownFields::StandardTypeOf(absl::StrCat(own, field.field));
    const core::Value::Kind kind = value.kind();
    const bool is_number = kind == core::Value::Kind::kInteger || kind == core::Value::Kind::kDecimal;
    if (!value.has_value() ||
        (type == FieldType::kDate ? kind == core::Value::Kind::kDate : type != FieldType::kNumber || is_number)) {
      continue;
    }
    diagnostics.Error(field.position,
                      absl::StrCat("field ", Quoted(field.field), " is a ", type == FieldType::kDate ? "day" : "number",
                                   " and ", Quoted(Start(value.ToText(), 60)), " is not; write ",
                                   type == FieldType::kDate ? "a day, for example 2026-08-01" : "a number"));
  }
}

// What must be so whoever wrote it; and what rules may read from now on.
void CheckWhole(const PackageInfo& package, const SystemSchema* schema, const std::map<std::string, FieldType>& types,
                core::SystemSpec& system, KnownFields& fields, Diagnostics& diagnostics) {
  auto type_of = [&](const FieldMapping& field) {
    auto found = types.find(field.position.ToString());
    return found == types.end() ? FieldType::kUnknown : found->second;
  };
  if (system.persons.empty()) {
    diagnostics.Error(system.position, absl::StrCat("source ", Quoted(system.name),
                                                    " maps no records to persons; add person: { from: ... }"));
  }
  for (const PersonMapping& person : system.persons) {
    CheckCircles(person.fields, "person.", diagnostics);
    CheckConstants(person.fields, "person.", diagnostics);
    fields.AddPerson(person, type_of);
  }
  for (ContractMapping& contract : system.contracts) {
    if (contract.owner_attribute.empty()) {
      auto known = package.owner_attributes.find(contract.from);
      if (known != package.owner_attributes.end()) contract.owner_attribute = known->second;
      const ClassSchema* one = schema == nullptr ? nullptr : schema->Find(contract.from);
      if (one != nullptr && contract.owner_attribute.empty()) contract.owner_attribute = one->owner_attribute;
    }
    const core::Position position = contract.fields.empty() ? system.position : contract.fields.front().position;
    // Where nothing is known of the package's records, the import asks the connector itself.
    const bool is_known = schema != nullptr || !package.owner_attributes.empty();
    if (contract.owner_attribute.empty() && is_known) {
      diagnostics.Error(position, absl::StrCat("type of contract ", Quoted(contract.type),
                                               " does not say whose it is; add "
                                               "owner: and the attribute of ",
                                               contract.from, " that names the person"));
    }
    CheckCircles(contract.fields, "contract.", diagnostics);
    CheckConstants(contract.fields, "contract.", diagnostics);
    fields.AddContractType(contract.type);
    bool has_start = false;
    for (const FieldMapping& field : contract.fields) {
      fields.AddContractField(contract.type, field.field, type_of(field));
      has_start = has_start || field.field == "start";
    }
    if (!has_start) {
      diagnostics.Error(position, absl::StrCat("type of contract ", Quoted(contract.type), " from ", contract.from,
                                               " has no start; map start: to its first day"));
    }
  }
}

}  // namespace

void ReadMapping(const YamlNode& system_file, const YamlNode* package_mapping, const PackageInfo& package,
                 const SystemSchema* schema, core::SystemSpec& system, KnownFields& fields, Diagnostics& diagnostics) {
  Reader reader(schema, system, diagnostics);
  if (package_mapping != nullptr) reader.Read(*package_mapping);
  reader.Read(system_file);
  CheckWhole(package, schema, reader.types, system, fields, diagnostics);
}

}  // namespace sluice::config
