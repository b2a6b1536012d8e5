#include "host/core/account_mapping.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "host/core/names.h"
#include "host/core/text.h"
#include "re2/re2.h"

namespace sluice::core {
namespace {

std::set<std::string> TextsOf(const Value& value, absl::FunctionRef<std::string(const std::string&)> normalise) {
  std::set<std::string> texts;
  if (!value.has_value()) return texts;
  if (!value.is_list()) {
    texts.insert(normalise(value.ToText()));
    return texts;
  }
  for (const Value& item : value.list()) {
    if (item.has_value()) texts.insert(normalise(item.ToText()));
  }
  return texts;
}

}  // namespace

bool IsHostAttribute(absl::string_view name) {
  return name == "parent" || name == "initial_password" || name == "name" || name == "enabled";
}

std::string PlaceKey(absl::string_view place) {
  std::string result;
  for (absl::string_view part : absl::StrSplit(place, ',')) {
    absl::StrAppend(&result, result.empty() ? "" : ",", FoldCase(absl::StripAsciiWhitespace(part)));
  }
  return result;
}

AccountMapping::AccountMapping(const SystemSpec& system, const TargetSchema& schema)
    : system_(system), schema_(schema) {
  for (const AccountItem& item : system.account) {
    for (const AccountField& field : item.fields) {
      if (std::find(attributes_.begin(), attributes_.end(), field.attribute) == attributes_.end()) {
        attributes_.push_back(field.attribute);
      }
    }
  }
  std::erase_if(attributes_, [&](const std::string& name) { return IsMissing(system.account_class, name); });
  for (const auto& [name, object_class] : schema.classes) {
    for (const auto& [attribute, info] : object_class.attributes) {
      if (info.allowed_characters.empty()) continue;
      re2::RE2::Options options;
      options.set_log_errors(false);
      allowed_[{name, attribute}] = std::make_unique<re2::RE2>(info.allowed_characters, options);
    }
  }
}

AccountMapping::~AccountMapping() = default;

const TargetAttribute* AccountMapping::Attribute(const std::string& object_class, const std::string& attribute) const {
  const auto found = schema_.classes.find(object_class);
  if (found == schema_.classes.end()) return nullptr;
  const auto info = found->second.attributes.find(attribute);
  return info == found->second.attributes.end() ? nullptr : &info->second;
}

bool AccountMapping::IsMissing(const std::string& object_class, const std::string& attribute) const {
  const auto found = schema_.classes.find(object_class);
  return found != schema_.classes.end() && !found->second.attributes.empty() && !IsHostAttribute(attribute) &&
         !found->second.attributes.contains(attribute);
}

std::string AccountMapping::LabelAttribute() const {
  const auto found = schema_.classes.find(system_.account_class);
  if (found == schema_.classes.end()) return "";
  const std::string& label = found->second.label_attribute;
  return std::find(attributes_.begin(), attributes_.end(), label) == attributes_.end() ? "" : label;
}

std::string AccountMapping::DomainOf(const std::string& object_class, const std::string& attribute) const {
  const TargetAttribute* info = Attribute(object_class, attribute);
  return info == nullptr ? "" : info->unique_in;
}

std::string AccountMapping::CheckValue(const std::string& object_class, const std::string& attribute,
                                       const Value& value) const {
  const TargetAttribute* info = Attribute(object_class, attribute);
  if (info == nullptr || !value.has_value()) return "";
  if (value.is_list()) {
    if (!info->multi_valued) return absl::StrCat(attribute, " takes one value and the mapping gives a list");
    for (const Value& item : value.list()) {
      std::string problem = CheckValue(object_class, attribute, item);
      if (!problem.empty()) return problem;
    }
    return "";
  }
  const std::string text = value.ToText();
  if (info->max_length > 0 && Length(text) > static_cast<int64_t>(info->max_length)) {
    return absl::StrCat(attribute, " is longer than ", info->max_length, " characters; shorten its template");
  }
  const auto allowed = allowed_.find({object_class, attribute});
  if (allowed != allowed_.end() && !re2::RE2::FullMatch(re2::StringPiece(text.data(), text.size()), *allowed->second)) {
    return absl::StrCat(attribute,
                        " has a character that the target does not allow (allowed: ", info->allowed_characters, ")");
  }
  return "";
}

bool AccountMapping::IsSame(const std::string& object_class, const std::string& attribute, const Value& a,
                            const Value& b) const {
  const TargetAttribute* info = Attribute(object_class, attribute);
  const bool is_place = attribute == "parent";
  const bool folds = info != nullptr && info->case_insensitive;
  const auto normalise = [&](const std::string& text) {
    return is_place ? PlaceKey(text) : folds ? FoldCase(text) : text;
  };
  return TextsOf(a, normalise) == TextsOf(b, normalise);
}

void AccountMapping::EvaluateField(const AccountField& field, const Subject& subject, bool is_there,
                                   AccountValues& values) const {
  const Contract* contract = subject.contract < 0 ? nullptr : &subject.person->contracts[subject.contract];
  const auto lookup = [&](const std::string& path) { return FieldOf(*subject.person, contract, path); };
  if (field.generate) {
    values.secrets.push_back(field.attribute);
    return;
  }
  if (!field.candidates.empty()) {
    if (is_there) return;
    const TargetAttribute* info = Attribute(system_.account_class, field.attribute);
    std::vector<std::string> names =
        info == nullptr ? ExpandCandidates(field.candidates, lookup, 0, "")
                        : ExpandCandidates(field.candidates, lookup, info->max_length, info->allowed_characters);
    values.candidates[field.attribute] = std::move(names);
    return;
  }
  const Value value = field.value.Evaluate(lookup);
  if (!value.is_visible() || value.kind() == Value::Kind::kPartialList) return;
  if (values.problem.empty()) values.problem = CheckValue(system_.account_class, field.attribute, value);
  (field.write == AccountField::Write::kAlways ? values.always : values.on_create)[field.attribute] = value;
}

AccountValues AccountMapping::Evaluate(const Subject& subject, bool is_there) const {
  AccountValues values;
  std::vector<Verdict> holds;
  for (const AccountItem& item : system_.account) {
    holds.push_back(item.when ? core::Evaluate(*item.when, subject) : Verdict::kTrue);
  }
  for (const std::string& attribute : attributes_) {
    for (size_t i = 0; i < holds.size(); ++i) {
      if (holds[i] == Verdict::kFalse) continue;
      const std::vector<AccountField>& fields = system_.account[i].fields;
      const auto field =
          std::find_if(fields.begin(), fields.end(), [&](const AccountField& f) { return f.attribute == attribute; });
      if (field == fields.end()) continue;
      if (holds[i] == Verdict::kTrue) {
        EvaluateField(*field, subject, is_there, values);
      } else if (values.problem.empty()) {
        values.problem = absl::StrCat(attribute, " cannot be computed: the `when` at ",
                                      system_.account[i].position.ToString(), " is unknown");
      }
      break;
    }
  }
  const Contract* contract = subject.contract < 0 ? nullptr : &subject.person->contracts[subject.contract];
  for (const FieldMapping& field : system_.correlate) {
    values.correlate.emplace_back(field.field, field.value.Evaluate([&](const std::string& path) {
      return FieldOf(*subject.person, contract, path);
    }));
  }
  return values;
}

}  // namespace sluice::core
