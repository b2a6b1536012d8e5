#include "host/config/target_reader.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "host/config/condition_reader.h"
#include "host/config/keys.h"
#include "host/config/template_reader.h"

namespace sluice::config {
namespace {

using core::AccountField;
using core::AccountItem;
using core::FieldMapping;
using core::ResourceSpec;
using core::SystemSpec;
using core::Template;

// Attributes that the host itself gives a meaning, whatever a target's schema says.
bool IsOwnAttribute(absl::string_view name) { return name == "parent" || name == "initial_password" || name == "name"; }

bool IsWord(const YamlNode* node, absl::string_view word) {
  return node != nullptr && node->is_scalar() && node->text == word;
}

class Reader {
 public:
  Reader(const SystemSchema* schema, const KnownFields& fields, SystemSpec& system, Diagnostics& diagnostics)
      : schema_(schema), fields_(fields), system_(system), diagnostics_(diagnostics) {}

  void Read(const YamlNode& file) {
    if (const YamlNode* name = file.Find("account_class"); name != nullptr && name->is_scalar()) {
      system_.account_class = name->text;
      CheckClass(*name);
    }
    if (const YamlNode* correlate = file.Find("correlate")) Correlate(*correlate);
    if (const YamlNode* account = file.Find("account")) {
      if (account->is_map()) Item(*account);
      for (const YamlNode& item : account->items) {
        if (item.is_map()) Item(item);
      }
      CheckReached();
    }
    if (const YamlNode* resources = file.Find("resources")) {
      for (const auto& [name, value] : resources->entries) Resource(name, value);
    }
    if (const YamlNode* retire = file.Find("retire")) Retire(*retire);
    if (const YamlNode* drift = file.Find("drift")) Drift(*drift);
  }

 private:
  void Correlate(const YamlNode& map) {
    if (!map.is_map()) return;
    system_.correlate = Mappings(map, system_.account_class, FieldsCheck(fields_));
    if (map.entries.empty()) {
      diagnostics_.Error(map.position,
                         "\"correlate\" is empty, and no account that is there already would be found; write for "
                         "example { employeeID: \"{person.external_id}\" }");
    }
    for (const FieldMapping& one : system_.correlate) {
      if (!one.value.paths().empty()) continue;
      diagnostics_.Error(one.position, absl::StrCat("correlation by ", Quoted(one.field),
                                                    " is the same for everybody; write a field of the person, for "
                                                    "example \"{person.external_id}\""));
    }
  }

  // A field comes from the first item that has it and counts: what stands behind an item for everybody is never used.
  void CheckReached() {
    std::map<std::string, const AccountItem*> everybody;
    for (const AccountItem& item : system_.account) {
      for (const AccountField& field : item.fields) {
        if (auto first = everybody.find(field.attribute); first != everybody.end()) {
          diagnostics_.Error(
              field.position,
              absl::StrCat("attribute ", Quoted(field.attribute), " is never taken from here: the item in line ",
                           first->second->position.line, " has it for everybody; move that item to the end"));
        } else if (!item.when) {
          everybody.emplace(field.attribute, &item);
        }
      }
    }
  }

  // Says what is wrong with an attribute of a class, where that is known.
  const AttributeSchema* Attribute(const YamlNode& key, const std::string& class_name) {
    const ClassSchema* known = schema_ == nullptr ? nullptr : schema_->Find(class_name);
    if (known == nullptr) return nullptr;
    std::vector<std::string> names;
    for (const AttributeSchema& one : known->attributes) {
      if (one.name == key.text) {
        if (!one.writable) {
          diagnostics_.Error(key.position, absl::StrCat("attribute ", Quoted(key.text), " of ", class_name,
                                                        " cannot be written; remove it"));
        }
        return &one;
      }
      names.push_back(one.name);
    }
    if (!IsOwnAttribute(key.text)) {
      const std::string nearest = Nearest(key.text, names);
      diagnostics_.Error(
          key.position,
          absl::StrCat("unknown attribute ", Quoted(key.text), " of ", class_name,
                       nearest.empty() ? absl::StrCat("; `sluice system show ", system_.name, "` lists them")
                                       : absl::StrCat("; did you mean ", Quoted(nearest), "?")));
    }
    return nullptr;
  }

  // A template that always or by its bounds gives more than an attribute takes.
  void CheckLength(const YamlNode& key, const YamlNode& value, const AttributeSchema* attribute) {
    if (attribute == nullptr || attribute->max_length == 0 || !value.is_scalar()) return;
    const auto most = MostCharacters(value.text);
    if (!most || *most <= attribute->max_length) return;
    diagnostics_.Error(value.position, absl::StrCat("this can give ", *most, " characters and ", Quoted(key.text),
                                                    " takes ", attribute->max_length, "; shorten it with left(...)"));
  }

  std::optional<Template> Value(const YamlNode& key, const YamlNode& value, const AttributeSchema* attribute,
                                const PathCheck& check, bool may_count) {
    auto read = ReadTemplate(value, check, diagnostics_);
    if (!read) return std::nullopt;
    if (value.is_null() && IsOwnAttribute(key.text)) {
      diagnostics_.Error(key.position,
                         absl::StrCat(Quoted(key.text), " is empty, and no object is without it; write its value"));
      return std::nullopt;
    }
    if (read->uses_counter() && !may_count) {
      diagnostics_.Error(value.PositionAt(value.text.find("{n")),
                         "{n} counts only in the last of \"candidates\"; move this there, or leave it out");
      return std::nullopt;
    }
    CheckLength(key, value, attribute);
    return read;
  }

  std::vector<FieldMapping> Mappings(const YamlNode& map, const std::string& class_name, const PathCheck& check) {
    std::vector<FieldMapping> mappings;
    for (const auto& [key, value] : map.entries) {
      auto read = Value(key, value, Attribute(key, class_name), check, false);
      if (read) mappings.push_back({key.text, *std::move(read), key.position});
    }
    return mappings;
  }

  void Item(const YamlNode& map) {
    AccountItem item;
    item.position = map.position;
    for (const auto& [key, value] : map.entries) {
      if (key.text == "when") {
        if (value.is_map()) item.when = ReadCondition(value, ConditionPlace::kAccount, fields_, diagnostics_);
        continue;
      }
      AccountField field;
      field.attribute = key.text;
      field.position = key.position;
      if (key.text == "initial_password") {
        field.generate = true;
        field.write = AccountField::Write::kOnCreate;
        item.fields.push_back(std::move(field));
      } else if (Field(key, value, field)) {
        item.fields.push_back(std::move(field));
      }
    }
    if (item.fields.empty())
      diagnostics_.Error(map.position, "an item of \"account\" has no field; add one, or remove the item");
    system_.account.push_back(std::move(item));
  }

  bool Field(const YamlNode& key, const YamlNode& value, AccountField& field) {
    const AttributeSchema* attribute = Attribute(key, system_.account_class);
    const PathCheck check = FieldsCheck(fields_);
    // Its value would stand in plans and logs; and nobody means the word.
    if ((attribute != nullptr && attribute->is_secret) || IsWord(&value, "generate") ||
        (value.is_map() && IsWord(value.Find("value"), "generate"))) {
      diagnostics_.Error(
          key.position,
          absl::StrCat(Quoted(key.text),
                       attribute != nullptr && attribute->is_secret ? " is a secret, which no template gives"
                                                                    : " cannot be generated",
                       "; a secret is made for initial_password only: write initial_password: generate"));
      return false;
    }
    if (!value.is_map()) {
      auto read = Value(key, value, attribute, check, false);
      if (read) field.value = *std::move(read);
      return read.has_value();
    }
    if (const YamlNode* write = value.Find("write"); write != nullptr && write->text == "on_create") {
      field.write = AccountField::Write::kOnCreate;
    }
    const YamlNode* one = value.Find("value");
    const YamlNode* candidates = value.Find("candidates");
    if ((one == nullptr) == (candidates == nullptr)) {
      diagnostics_.Error(key.position, absl::StrCat("attribute ", Quoted(key.text),
                                                    one == nullptr ? " has no value" : " has two values",
                                                    "; write \"value\" or \"candidates\""));
      return false;
    }
    if (one != nullptr) {
      auto read = Value(key, *one, attribute, check, false);
      if (read) field.value = *std::move(read);
      return read.has_value();
    }
    std::set<std::string> texts;
    for (const YamlNode& item : candidates->items) {
      if (!texts.insert(item.text).second) {
        diagnostics_.Error(item.position, absl::StrCat("candidate ", item.Describe(), " stands twice; keep one"));
      }
      auto read = Value(key, item, attribute, check, &item == &candidates->items.back());
      if (read) field.candidates.push_back(*std::move(read));
    }
    const auto is_fixed = [](const Template& one) { return one.paths().empty() && !one.uses_counter(); };
    if (std::all_of(field.candidates.begin(), field.candidates.end(), is_fixed) && !field.candidates.empty()) {
      diagnostics_.Error(key.position, absl::StrCat("candidates of ", Quoted(key.text),
                                                    " are the same for everybody; write fields of the person"));
    }
    return field.candidates.size() == candidates->items.size();
  }

  void Resource(const YamlNode& key, const YamlNode& map) {
    if (!map.is_map()) return;
    if (key.text == "account" || key.text == "access" || key.text.find_first_of("/:") != std::string::npos) {
      diagnostics_.Error(key.position, absl::StrCat("a resource cannot be named ", Quoted(key.text),
                                                    "; choose another name, without / and :"));
      return;
    }
    ResourceSpec resource;
    resource.name = key.text;
    resource.position = key.position;
    if (const YamlNode* each = map.Find("each"); each != nullptr && each->is_scalar()) Each(*each, resource);
    if (const YamlNode* name = map.Find("class")) ResourceClass(*name, resource);
    if (const YamlNode* keep = map.Find("keep_unused")) resource.keep_unused_days = DaysOf(keep->text);
    const PathCheck check = FieldsCheck(fields_, "is one person's, and a resource is of all; read contract. fields");
    for (const auto& [attribute, value] : map.entries) {
      if (attribute.text == "each" || attribute.text == "class" || attribute.text == "keep_unused") continue;
      const AttributeSchema* known =
          IsOwnAttribute(attribute.text) ? nullptr : Attribute(attribute, resource.object_class);
      auto read = Value(attribute, value, known, check, false);
      if (!read) continue;
      if (resource.each.empty() && !read->paths().empty()) {
        diagnostics_.Error(value.position,
                           absl::StrCat("there is one ", Quoted(key.text), " and this differs by contract; add each: ",
                                        "contract.department, or write a fixed text"));
      }
      if (!resource.each.empty() && attribute.text == "name" && read->paths().empty()) {
        diagnostics_.Error(value.position,
                           absl::StrCat("each ", Quoted(resource.each),
                                        " would get this one name; write a field of the contract into it"));
      }
      resource.fields.push_back({attribute.text, *std::move(read), attribute.position});
    }
    system_.resources[resource.name] = std::move(resource);
  }

  void Each(const YamlNode& each, ResourceSpec& resource) {
    resource.each = each.text;
    const std::string id = absl::StrCat(each.text, ".id");
    if (absl::StartsWith(each.text, "contract.") && fields_.IsFilled(id)) return;
    std::vector<std::string> known;
    for (const std::string& path : fields_.FilledPaths()) {
      if (absl::StartsWith(path, "contract.") && absl::EndsWith(path, ".id"))
        known.push_back(path.substr(0, path.size() - 3));
    }
    diagnostics_.Error(each.position, absl::StrCat("no mapping fills ", Quoted(id), ", by which each ",
                                                   Quoted(each.text), " is told apart", Suggest(each.text, known)));
  }

  void ResourceClass(const YamlNode& name, ResourceSpec& resource) {
    resource.object_class = name.text;
    CheckClass(name);
  }

  void CheckClass(const YamlNode& name) {
    if (schema_ == nullptr || schema_->Find(name.text) != nullptr) return;
    std::vector<std::string> known;
    for (const ClassSchema& one : schema_->classes) known.push_back(one.name);
    diagnostics_.Error(name.position,
                       absl::StrCat("unknown class of objects ", Quoted(name.text), Suggest(name.text, known)));
  }

  void Retire(const YamlNode& map) {
    const PathCheck check = FieldsCheck(fields_);
    if (const YamlNode* move = map.Find("move_to")) MoveTo(*move, check);
    if (const YamlNode* set = map.Find("set"); set != nullptr && set->is_map()) {
      system_.retire.set = Mappings(*set, system_.account_class, check);
    }
    if (const YamlNode* keep = map.Find("keep")) system_.retire.keep_days = DaysOf(keep->text).value_or(90);
    if (const YamlNode* then = map.Find("then")) {
      system_.retire.then = then->text == "keep" ? core::RetireSpec::Then::kKeep : core::RetireSpec::Then::kDelete;
    }
    const YamlNode* keep = map.Find("keep");
    if (keep != nullptr && keep->text == "0d" && system_.retire.then == core::RetireSpec::Then::kDelete) {
      diagnostics_.Warn(keep->position,
                        "an account is deleted on the day on which no rule gives it any more; keep it for some days, "
                        "so that a mistake can be seen");
    }
  }

  void MoveTo(const YamlNode& move, const PathCheck& check) {
    if (move.is_null()) {
      diagnostics_.Error(move.position, "\"retire.move_to\" is empty; write where to, or leave the key out");
      return;
    }
    system_.retire.move_to = ReadTemplate(move, check, diagnostics_);
  }

  void Drift(const YamlNode& map) {
    using Policy = core::DriftSpec::Policy;
    const auto policy = [&](const char* kind) {
      const YamlNode* word = map.Find(kind);
      if (word == nullptr) return Policy::kAsk;
      return word->text == "restore" ? Policy::kRestore : word->text == "leave" ? Policy::kLeave : Policy::kAsk;
    };
    system_.drift = {policy("disabled"), policy("enabled"), policy("changed"), policy("removed")};
  }

  const SystemSchema* schema_;
  const KnownFields& fields_;
  SystemSpec& system_;
  Diagnostics& diagnostics_;
};

}  // namespace

void ReadTarget(const YamlNode& file, const SystemSchema* schema, const KnownFields& fields, core::SystemSpec& system,
                Diagnostics& diagnostics) {
  Reader(schema, fields, system, diagnostics).Read(file);
}

void ReadThresholds(const YamlNode& file, core::SystemSpec& system, Diagnostics& diagnostics) {
  const YamlNode* thresholds = file.Find("thresholds");
  if (thresholds == nullptr) return;
  const std::vector<std::string>& kinds = ThresholdKinds(system.is_source);
  const std::vector<std::string>& others = ThresholdKinds(!system.is_source);
  for (const auto& [kind, value] : thresholds->entries) {
    if (std::find(kinds.begin(), kinds.end(), kind.text) == kinds.end()) {
      const bool is_other = std::find(others.begin(), others.end(), kind.text) != others.end();
      diagnostics.Error(kind.position,
                        is_other ? absl::StrCat("threshold ", Quoted(kind.text), " belongs to a ",
                                                system.is_source ? "target" : "source", "; remove it here")
                                 : absl::StrCat("unknown threshold ", Quoted(kind.text), Suggest(kind.text, kinds)));
      continue;
    }
    core::Threshold threshold;
    threshold.position = kind.position;
    if (!value.is_map()) continue;
    if (const YamlNode* count = value.Find("count")) threshold.count = IntegerOf(count->text);
    if (const YamlNode* percent = value.Find("percent")) threshold.percent = IntegerOf(percent->text);
    if (value.entries.empty()) {
      diagnostics.Error(kind.position, absl::StrCat("threshold ", Quoted(kind.text),
                                                    " has no limit; write { count: 20 }, { percent: 3 } or both"));
    }
    if (threshold.count && *threshold.count < 1) {
      diagnostics.Error(kind.position, absl::StrCat("threshold ", Quoted(kind.text), " is ", *threshold.count,
                                                    "; 1 is the least: the first operation then waits"));
    }
    if (threshold.percent && (*threshold.percent < 1 || *threshold.percent > 100)) {
      diagnostics.Error(kind.position, absl::StrCat("threshold ", Quoted(kind.text), " is ", *threshold.percent,
                                                    " percent; write 1 to 100"));
    }
    system.thresholds[kind.text] = threshold;
  }
}

}  // namespace sluice::config
