#include "host/plugin/config_schema.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/time/civil_time.h"
#include "host/base/nearest.h"
#include "re2/re2.h"

namespace sluice::plugin {
namespace {

using core::Value;
using Kind = Value::Kind;
using Type = SettingInfo::Type;
using Path = std::vector<std::string>;

Path Below(const Path& path, std::string step) {
  Path longer = path;
  longer.push_back(std::move(step));
  return longer;
}

absl::string_view KindText(const Value& value) {
  switch (value.kind()) {
    case Kind::kText:
      return "a text";
    case Kind::kInteger:
      return "a whole number";
    case Kind::kDecimal:
      return "a number";
    case Kind::kFlag:
      return "true or false";
    case Kind::kDate:
      return "a date";
    case Kind::kList:
    case Kind::kPartialList:
      return "a list";
    case Kind::kMap:
      return "a map";
    default:
      return "nothing";
  }
}

absl::string_view TypeText(Type type) {
  switch (type) {
    case Type::kText:
      return "a text";
    case Type::kInteger:
      return "a whole number";
    case Type::kFlag:
      return "true or false";
    case Type::kChoice:
      return "one of its choices";
    case Type::kDuration:
      return "a time such as 30s, 15m, 12h or 7d";
    case Type::kUrl:
      return "an address such as https://example.org";
    case Type::kDate:
      return "a date such as 2026-08-01";
    case Type::kFile:
      return "the path of a file";
    case Type::kCertificate:
      return "a certificate in PEM";
    case Type::kList:
      return "a list";
    case Type::kObject:
      return "a map";
  }
  return "a value";
}

bool IsDuration(absl::string_view text) {
  int64_t number = 0;
  if (text.size() < 2 || absl::string_view("smhd").find(text.back()) == absl::string_view::npos) return false;
  text.remove_suffix(1);
  return absl::SimpleAtoi(text, &number) && number >= 0;
}

bool IsUrl(absl::string_view text) {
  const size_t scheme = text.find("://");
  return scheme != absl::string_view::npos && scheme > 0 && text.size() > scheme + 3 &&
         text.find_first_of(" \t\n") == absl::string_view::npos;
}

bool HasType(const Value& value, Type type) {
  absl::CivilDay day;
  switch (type) {
    case Type::kText:
    case Type::kFile:
    case Type::kCertificate:
      return value.kind() == Kind::kText;
    case Type::kInteger:
      return value.kind() == Kind::kInteger;
    case Type::kFlag:
      return value.kind() == Kind::kFlag;
    case Type::kChoice:
      return value.kind() == Kind::kText || value.kind() == Kind::kInteger || value.kind() == Kind::kFlag;
    case Type::kDuration:
      return value.kind() == Kind::kText && IsDuration(value.text());
    case Type::kUrl:
      return value.kind() == Kind::kText && IsUrl(value.text());
    case Type::kDate:
      return value.kind() == Kind::kDate || (value.kind() == Kind::kText && absl::ParseCivilTime(value.text(), &day));
    case Type::kList:
      return value.is_list();
    case Type::kObject:
      return value.kind() == Kind::kMap;
  }
  return false;
}

class Checker {
 public:
  explicit Checker(std::vector<SettingProblem>* problems) : problems_(problems) {}

  void CheckMap(const std::vector<SettingInfo>& fields, const Value::Map& values, const Path& path) {
    std::vector<std::string> known;
    for (const SettingInfo& field : fields) {
      if (!field.secret) known.push_back(field.name);
    }
    for (const auto& [name, value] : values) {
      const auto field = std::find_if(fields.begin(), fields.end(),
                                      [&, name = &name](const SettingInfo& f) { return f.name == *name; });
      if (field == fields.end()) {
        Add(Below(path, name), absl::StrCat("unknown setting \"", name, "\"", Hint(name, known)));
      } else if (field->secret) {
        Add(Below(path, name), absl::StrCat("\"", name, "\" is a secret; it stands under secrets, as a reference"));
      } else {
        CheckValue(*field, value, Below(path, name));
      }
    }
    for (const SettingInfo& field : fields) {
      const auto value = values.find(field.name);
      const bool is_given = value != values.end() && value->second.has_value();
      if (field.required && !field.secret && !is_given && !field.default_value.has_value() &&
          IsAskedFor(field, fields, values)) {
        Add(Below(path, field.name), absl::StrCat("setting \"", field.name, "\" is missing", Help(field)));
      }
    }
  }

  void CheckSecrets(const std::vector<SettingInfo>& fields, const Value::Map& settings,
                    const std::set<std::string>& secrets) {
    std::vector<std::string> known;
    for (const SettingInfo& field : fields) {
      if (field.secret) known.push_back(field.name);
    }
    for (const std::string& name : secrets) {
      if (std::find(known.begin(), known.end(), name) == known.end()) {
        Add({"secrets", name}, absl::StrCat("unknown secret \"", name, "\"", Hint(name, known)));
      }
    }
    for (const SettingInfo& field : fields) {
      if (field.secret && field.required && secrets.count(field.name) == 0 && IsAskedFor(field, fields, settings)) {
        Add({"secrets", field.name}, absl::StrCat("secret \"", field.name, "\" is missing", Help(field)));
      }
    }
  }

 private:
  void Add(Path path, std::string message, bool is_warning = false) {
    problems_->push_back(SettingProblem{std::move(path), std::move(message), is_warning});
  }

  static std::string Hint(const std::string& name, const std::vector<std::string>& known) {
    const std::string nearest = base::Nearest(name, known);
    if (!nearest.empty()) return absl::StrCat("; did you mean \"", nearest, "\"?");
    return known.empty() ? "; there are none" : absl::StrCat("; known are ", absl::StrJoin(known, ", "));
  }

  static std::string Help(const SettingInfo& field) {
    const std::string& text = field.help.empty() ? field.label : field.help;
    return text.empty() ? "" : absl::StrCat(": ", text);
  }

  static bool IsAskedFor(const SettingInfo& field, const std::vector<SettingInfo>& fields, const Value::Map& values) {
    if (field.when_field.empty()) return true;
    Value other;
    if (auto given = values.find(field.when_field); given != values.end()) {
      other = given->second;
    } else {
      for (const SettingInfo& f : fields) {
        if (f.name == field.when_field) other = f.default_value;
      }
    }
    return std::find(field.when_values.begin(), field.when_values.end(), other) != field.when_values.end();
  }

  void CheckValue(const SettingInfo& field, const Value& value, const Path& path) {
    if (!field.deprecated.empty()) {
      Add(path, absl::StrCat("setting \"", field.name, "\" is out of use: ", field.deprecated), true);
    }
    if (!HasType(value, field.type)) {
      Add(path, absl::StrCat("setting \"", field.name, "\" must be ", TypeText(field.type), ", not ", KindText(value),
                             value.kind() == Kind::kText ? absl::StrCat(" \"", value.text(), "\"") : ""));
      return;
    }
    if (field.type == Type::kObject) return CheckMap(field.fields, value.map(), path);
    if (field.type != Type::kList) return CheckScalar(field, value, path);
    int index = 0;
    for (const Value& item : value.list()) {
      const Path item_path = Below(path, absl::StrCat(index++));
      if (!field.fields.empty() && item.kind() == Kind::kMap) {
        CheckMap(field.fields, item.map(), item_path);
      } else if (!field.fields.empty()) {
        Add(item_path, absl::StrCat("each item of \"", field.name, "\" must be a map, not ", KindText(item)));
      } else {
        CheckScalar(field, item, item_path);
      }
    }
    CheckBounds(field, static_cast<int64_t>(value.list().size()), "items", path);
  }

  void CheckScalar(const SettingInfo& field, const Value& value, const Path& path) {
    if (!field.choices.empty()) {
      std::vector<std::string> texts;
      for (const SettingInfo::Choice& choice : field.choices) {
        if (choice.value == value) return;
        texts.push_back(choice.value.ToText());
      }
      Add(path,
          absl::StrCat("setting \"", field.name, "\" cannot be \"", value.ToText(), "\"", Hint(value.ToText(), texts)));
      return;
    }
    if (value.kind() == Kind::kInteger && field.type == Type::kInteger) CheckBounds(field, value.integer(), "", path);
    if (value.kind() != Kind::kText) {
      if (field.type == Type::kList && (value.kind() == Kind::kMap || value.is_list() || !value.has_value())) {
        Add(path, absl::StrCat("each item of \"", field.name, "\" must be one value, not ", KindText(value)));
      }
      return;
    }
    if (value.text().empty() && field.required)
      Add(path, absl::StrCat("setting \"", field.name, "\" is empty", Help(field)));
    if (field.pattern.empty()) return;
    RE2::Options quiet;
    quiet.set_log_errors(false);
    const RE2 pattern(field.pattern, quiet);
    if (pattern.ok() && !RE2::FullMatch(value.text(), pattern)) {
      Add(path, absl::StrCat("setting \"", field.name, "\" cannot be \"", value.text(), "\"", Help(field)));
    }
  }

  void CheckBounds(const SettingInfo& field, int64_t number, absl::string_view unit, const Path& path) {
    const absl::string_view space = unit.empty() ? "" : " ";
    if (field.min.has_value() && number < *field.min) {
      Add(path,
          absl::StrCat("setting \"", field.name, "\" must be at least ", *field.min, space, unit, ", not ", number));
    }
    if (field.max.has_value() && number > *field.max) {
      Add(path,
          absl::StrCat("setting \"", field.name, "\" must be at most ", *field.max, space, unit, ", not ", number));
    }
  }

  std::vector<SettingProblem>* problems_;
};

}  // namespace

std::vector<SettingProblem> CheckSettings(const ConfigSchema& schema, const Value::Map& settings,
                                          const std::set<std::string>& secrets) {
  std::vector<SettingProblem> problems;
  Checker checker(&problems);
  checker.CheckMap(schema.settings, settings, {"settings"});
  checker.CheckSecrets(schema.settings, settings, secrets);
  return problems;
}

}  // namespace sluice::plugin
