#include "plugins/active_directory/src/schema.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "plugins/active_directory/src/names.h"

namespace sluice::active_directory {
namespace {

using connector::Attribute;
using connector::Value;
using Kind = AttributeSchema::Kind;

constexpr int64_t kIndexed = 0x1, kConfidential = 0x80;  // searchFlags.
constexpr int64_t kConstructed = 0x4;                    // systemFlags.

int64_t Number(const Entry& entry, absl::string_view name) {
  int64_t number = 0;
  return absl::SimpleAtoi(entry.First(name), &number) ? number : 0;
}

bool IsTrue(const Entry& entry, absl::string_view name) { return absl::EqualsIgnoreCase(entry.First(name), "TRUE"); }

Kind KindOf(absl::string_view syntax) {
  if (syntax == "2.5.5.9" || syntax == "2.5.5.16") return Kind::kInteger;
  if (syntax == "2.5.5.8") return Kind::kFlag;
  if (syntax == "2.5.5.1") return Kind::kName;
  if (syntax == "2.5.5.10" || syntax == "2.5.5.15" || syntax == "2.5.5.17" || syntax == "2.5.5.7") return Kind::kData;
  return Kind::kText;
}

Value OneValue(const AttributeSchema& attribute, const std::string& text) {
  switch (attribute.kind) {
    case Kind::kInteger: {
      int64_t number = 0;
      return absl::SimpleAtoi(text, &number) ? Value(number) : Value(text);
    }
    case Kind::kFlag:
      return Value(absl::EqualsIgnoreCase(text, "TRUE"));
    case Kind::kData:
      return Value(connector::Data{text});
    case Kind::kText:
    case Kind::kName:
      break;
  }
  return Value(text);
}

absl::StatusOr<std::string> OneText(const AttributeSchema& attribute, const Value& value) {
  if (const auto* text = value.text()) return *text;
  if (const auto* number = value.integer()) return absl::StrCat(*number);
  if (const auto* flag = value.flag()) return std::string(*flag ? "TRUE" : "FALSE");
  if (const auto* data = value.data()) return data->bytes;
  if (const auto* date = value.date()) return absl::FormatCivilTime(*date);
  if (const auto* reference = value.reference()) return GuidDn(reference->id);
  return absl::InvalidArgumentError(
      absl::StrCat("the value for ", attribute.name, " is of a kind that a directory does not hold"));
}

}  // namespace

bool IsOfOneObjectOnly(absl::string_view name) {
  for (const char* one : {"tokenGroups", "tokenGroupsGlobalAndUniversal", "tokenGroupsNoGCAcceptable",
                          "msds-tokenGroupNames", "msds-tokenGroupNamesGlobalAndUniversal",
                          "msds-tokenGroupNamesNoGCAcceptable", "msds-memberOfTransitive", "msds-memberTransitive"}) {
    if (absl::EqualsIgnoreCase(one, name)) return true;
  }
  return false;
}

std::vector<std::string> DirectorySchema::AttributesToRead() {
  return {"lDAPDisplayName", "attributeSyntax", "isSingleValued", "rangeUpper",
          "linkID",          "systemOnly",      "searchFlags",    "systemFlags"};
}

std::vector<std::string> DirectorySchema::ClassAttributesToRead() {
  return {"lDAPDisplayName", "subClassOf",       "auxiliaryClass", "systemAuxiliaryClass",
          "mayContain",      "systemMayContain", "mustContain",    "systemMustContain"};
}

DirectorySchema DirectorySchema::Of(const std::vector<Entry>& attributes, const std::vector<Entry>& classes) {
  DirectorySchema schema;
  for (const Entry& entry : attributes) {
    AttributeSchema attribute;
    attribute.name = entry.First("ldapdisplayname");
    if (IsOfOneObjectOnly(attribute.name)) continue;
    attribute.kind = KindOf(entry.First("attributesyntax"));
    // Of accounts and groups a description is one text, whatever the schema says.
    attribute.single = IsTrue(entry, "issinglevalued") || attribute.name == "description";
    attribute.read_only = IsTrue(entry, "systemonly") || (Number(entry, "systemflags") & kConstructed) != 0 ||
                          Number(entry, "linkid") % 2 == 1;
    attribute.indexed = (Number(entry, "searchflags") & kIndexed) != 0;
    attribute.confidential = (Number(entry, "searchflags") & kConfidential) != 0;
    if (attribute.kind == Kind::kText) {
      const int64_t longest = Number(entry, "rangeupper");
      attribute.max_length = longest > 0 && longest <= 0x7FFFFFFF ? static_cast<uint32_t>(longest) : 0;
    }
    schema.attributes_[absl::AsciiStrToLower(attribute.name)] = std::move(attribute);
  }
  for (const Entry& entry : classes) {
    ClassSchema& one = schema.classes_[absl::AsciiStrToLower(entry.First("ldapdisplayname"))];
    one.parent = absl::AsciiStrToLower(entry.First("subclassof"));
    for (const char* name : {"auxiliaryclass", "systemauxiliaryclass"}) {
      for (const std::string& value : entry.All(name)) one.auxiliary.push_back(absl::AsciiStrToLower(value));
    }
    for (const char* name : {"maycontain", "systemmaycontain", "mustcontain", "systemmustcontain"}) {
      for (const std::string& value : entry.All(name)) one.attributes.push_back(absl::AsciiStrToLower(value));
    }
  }
  return schema;
}

const AttributeSchema* DirectorySchema::Find(absl::string_view name) const {
  const auto found = attributes_.find(absl::AsciiStrToLower(name));
  return found == attributes_.end() ? nullptr : &found->second;
}

std::set<std::string> DirectorySchema::AllowedIn(absl::string_view object_class) const {
  std::set<std::string> allowed, seen;
  std::vector<std::string> open = {absl::AsciiStrToLower(object_class)};
  while (!open.empty()) {
    const std::string name = std::move(open.back());
    open.pop_back();
    const auto found = classes_.find(name);
    if (found == classes_.end() || !seen.insert(name).second) continue;
    allowed.insert(found->second.attributes.begin(), found->second.attributes.end());
    open.push_back(found->second.parent);
    open.insert(open.end(), found->second.auxiliary.begin(), found->second.auxiliary.end());
  }
  return allowed;
}

Value ToValue(const AttributeSchema& attribute, const std::vector<std::string>& values) {
  if (values.empty()) return attribute.confidential ? Value::NotVisible() : Value::Empty();
  if (attribute.single) return OneValue(attribute, values[0]);
  connector::List list;
  for (const std::string& value : values) list.push_back(OneValue(attribute, value));
  return Value(std::move(list));
}

absl::StatusOr<std::vector<std::string>> FromValue(const AttributeSchema& attribute, const Value& value) {
  std::vector<std::string> texts;
  const connector::List one = {value};
  const connector::List* list = value.list() != nullptr ? value.list() : &one;
  if (value.is_empty()) return texts;
  for (const Value& item : *list) {
    auto text = OneText(attribute, item);
    if (!text.ok()) return text.status();
    if (text->empty()) continue;
    if (attribute.max_length > 0 && LengthOf(*text) > attribute.max_length) {
      return absl::InvalidArgumentError(absl::StrCat(attribute.name, " takes at most ", attribute.max_length,
                                                     " characters, and the value has ", LengthOf(*text)));
    }
    texts.push_back(*std::move(text));
  }
  if (attribute.single && texts.size() > 1)
    return absl::InvalidArgumentError(absl::StrCat(attribute.name, " takes one value, and there are ", texts.size()));
  return texts;
}

std::string ComparisonKey(const AttributeSchema& attribute, absl::string_view value) {
  if (attribute.kind == Kind::kData) return std::string(value);
  if (attribute.kind == Kind::kName) {
    auto dn = Dn::Parse(value);
    if (dn.ok()) return dn->Key();
  }
  return FoldCase(value);
}

bool SameValues(const AttributeSchema& attribute, std::vector<std::string> a, std::vector<std::string> b) {
  if (a.size() != b.size()) return false;
  if (attribute.kind == Kind::kName || attribute.kind == Kind::kFlag) {
    for (auto* values : {&a, &b}) {
      for (std::string& value : *values) value = ComparisonKey(attribute, value);
    }
  }
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  return a == b;
}

Attribute Describe(const AttributeSchema& attribute) {
  const auto of_kind = [&] {
    switch (attribute.kind) {
      case Kind::kInteger:
        return Attribute::Integer(attribute.name);
      case Kind::kFlag:
        return Attribute::Flag(attribute.name);
      case Kind::kData:
        return Attribute::Data(attribute.name);
      case Kind::kText:
      case Kind::kName:
        break;
    }
    return Attribute::Text(attribute.name);
  };
  Attribute described = of_kind();
  if (!attribute.single) described.Multi();
  if (!attribute.read_only) described.Writable();
  if (attribute.max_length > 0) described.MaxLength(attribute.max_length);
  if (attribute.kind == Kind::kName) described.CaseInsensitive();
  return described;
}

}  // namespace sluice::active_directory
