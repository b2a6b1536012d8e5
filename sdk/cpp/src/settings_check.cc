#include "sdk/cpp/src/settings_check.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/civil_time.h"
#include "sdk/cpp/src/durations.h"

namespace sluice::connector {
namespace {

constexpr size_t kMaxFileBytes = size_t{256} << 20;

class Checker {
 public:
  explicit Checker(CheckedSettings* out) : out_(out) {}

  void CheckAll(const std::vector<Setting>& schema, std::map<std::string, Value>* values, const Path& at,
                const std::vector<std::string>* secrets) {
    for (const auto& [name, value] : *values) {
      const bool is_known =
          std::any_of(schema.begin(), schema.end(), [&, name = &name](const Setting& s) { return s.name == *name; });
      if (!is_known)
        Complain(at, name, "SDK-0401", absl::StrCat("there is no setting '", name, "'; known are ", Known(schema)));
    }
    for (const Setting& setting : schema) {
      auto it = values->find(setting.name);
      if (setting.is_secret) {
        CheckSecret(setting, it != values->end(), at, secrets);
        continue;
      }
      if (it == values->end() || !it->second.is_visible()) {
        if (setting.default_value.is_visible()) {
          (*values)[setting.name] = setting.default_value;
        } else if (setting.required && Applies(setting, *values)) {
          Complain(at, setting.name, "SDK-0402", absl::StrCat("setting '", setting.name, "' is required"));
        }
        continue;
      }
      if (!setting.deprecated.empty()) {
        Complain(at, setting.name, "SDK-0403",
                 absl::StrCat("setting '", setting.name, "' is deprecated: ", setting.deprecated), Severity::kWarning);
      }
      CheckOne(setting, &it->second, at);
    }
  }

 private:
  static std::string Known(const std::vector<Setting>& schema) {
    return absl::StrJoin(schema, ", ", [](std::string* text, const Setting& setting) { text->append(setting.name); });
  }

  static bool Applies(const Setting& setting, const std::map<std::string, Value>& values) {
    if (setting.when_field.empty()) return true;
    auto it = values.find(setting.when_field);
    if (it == values.end()) return false;
    return std::find(setting.when_values.begin(), setting.when_values.end(), it->second) != setting.when_values.end();
  }

  void CheckSecret(const Setting& setting, bool is_in_clear, const Path& at, const std::vector<std::string>* secrets) {
    if (is_in_clear) {
      Complain(at, setting.name, "SDK-0404",
               absl::StrCat("setting '", setting.name, "' is a secret; name it as one, not in clear text"));
    } else if (setting.required && secrets != nullptr &&
               std::find(secrets->begin(), secrets->end(), setting.name) == secrets->end()) {
      Complain(at, setting.name, "SDK-0402", absl::StrCat("secret '", setting.name, "' is required"));
    }
  }

  void CheckOne(const Setting& setting, Value* value, const Path& at) {
    const char* expected = Misfit(setting, *value);
    if (expected != nullptr) {
      return Complain(at, setting.name, "SDK-0405", absl::StrCat("setting '", setting.name, "' must be ", expected));
    }
    const int64_t* integer = value->integer();
    if (setting.type == Setting::Type::kInteger && ((setting.min.has_value() && *integer < *setting.min) ||
                                                    (setting.max.has_value() && *integer > *setting.max))) {
      const std::string low = setting.min.has_value() ? absl::StrCat("at least ", *setting.min) : "";
      const std::string high = setting.max.has_value() ? absl::StrCat("at most ", *setting.max) : "";
      Complain(at, setting.name, "SDK-0406",
               absl::StrCat("setting '", setting.name, "' must be ", low, !low.empty() && !high.empty() ? " and " : "",
                            high));
    }
    if (setting.type == Setting::Type::kObject || setting.type == Setting::Type::kList) CheckInner(setting, value, at);
  }

  void CheckInner(const Setting& setting, Value* value, Path at) {
    at.emplace_back(setting.name);
    if (const Struct* fields = value->fields()) {
      Struct filled = *fields;
      CheckAll(setting.fields, &filled, at, nullptr);
      *value = Value(std::move(filled));
      return;
    }
    if (setting.fields.empty()) return;
    List items = *value->list();
    for (size_t i = 0; i < items.size(); ++i) {
      Path item_path = at;
      item_path.emplace_back(static_cast<int64_t>(i));
      if (items[i].fields() == nullptr) {
        Complain(at, setting.name, "SDK-0405",
                 absl::StrCat("item ", i + 1, " of setting '", setting.name, "' must be an object"));
        continue;
      }
      Struct filled = *items[i].fields();
      CheckAll(setting.fields, &filled, item_path, nullptr);
      items[i] = Value(std::move(filled));
    }
    *value = Value(std::move(items));
  }

  // What it should be, or null if it is.
  static const char* Misfit(const Setting& setting, const Value& value) {
    switch (setting.type) {
      case Setting::Type::kText:
      case Setting::Type::kCertificate:
        return value.text() != nullptr ? nullptr : "a text";
      case Setting::Type::kFile:
        return value.text() != nullptr ? nullptr : "the path of a file";
      case Setting::Type::kInteger:
        return value.integer() != nullptr ? nullptr : "a whole number";
      case Setting::Type::kFlag:
        return value.flag() != nullptr ? nullptr : "true or false";
      case Setting::Type::kDuration:
        return DurationOf(value).has_value() ? nullptr : "a duration such as 30s, 15m or 7d";
      case Setting::Type::kUrl:
        return value.text() != nullptr && absl::StrContains(*value.text(), "://")
                   ? nullptr
                   : "an address such as https://example.org";
      case Setting::Type::kDate: {
        absl::CivilDay day;
        const bool is_date =
            value.date() != nullptr || (value.text() != nullptr && absl::ParseCivilTime(*value.text(), &day));
        return is_date ? nullptr : "a date such as 2026-08-01";
      }
      case Setting::Type::kChoice: {
        const bool is_one = std::any_of(setting.choices.begin(), setting.choices.end(),
                                        [&](const Setting::Option& option) { return option.value == value; });
        return is_one ? nullptr : "one of its choices";
      }
      case Setting::Type::kList:
        return value.list() != nullptr ? nullptr : "a list";
      case Setting::Type::kObject:
        return value.fields() != nullptr ? nullptr : "an object with fields";
    }
    return nullptr;
  }

  void Complain(const Path& at, const std::string& name, const char* code, std::string summary,
                Severity severity = Severity::kError) {
    Diagnostic diagnostic;
    diagnostic.severity = severity;
    diagnostic.code = code;
    diagnostic.summary = std::move(summary);
    diagnostic.path = at;
    diagnostic.path.emplace_back(name);
    out_->diagnostics.push_back(std::move(diagnostic));
  }

  CheckedSettings* const out_;
};

absl::Status FileFailed(Reason reason, const std::string& name, const std::string& why) {
  return Error(reason, "SDK-0407", absl::StrCat("the file of setting '", name, "' cannot be read: ", why))
      .At({std::string(name)});
}

bool HasChanged(const struct stat& before, const struct stat& after) {
  return before.st_size != after.st_size || before.st_mtim.tv_sec != after.st_mtim.tv_sec ||
         before.st_mtim.tv_nsec != after.st_mtim.tv_nsec || before.st_ino != after.st_ino;
}

absl::StatusOr<std::string> ReadFile(const std::string& name, const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  // It may come again without anybody changing a setting: an export that replaces it, a share that is away.
  if (fd < 0) return FileFailed(Reason::kUnavailable, name, strerror(errno));
  struct stat before = {}, after = {};
  fstat(fd, &before);
  std::string content;
  char buffer[65536];
  ssize_t n = 0;
  while ((n = read(fd, buffer, sizeof buffer)) > 0 && content.size() <= kMaxFileBytes)
    content.append(buffer, static_cast<size_t>(n));
  const int error = errno;
  close(fd);
  if (n < 0) return FileFailed(Reason::kUnavailable, name, strerror(error));
  if (content.size() > kMaxFileBytes)
    return FileFailed(Reason::kInvalid, name, absl::StrCat("it is larger than ", kMaxFileBytes, " bytes"));
  // By its path: a file that was replaced in between is another one than what was read.
  if (stat(path.c_str(), &after) != 0 || HasChanged(before, after))
    return FileFailed(Reason::kTransient, name, "it was written while it was read");
  return content;
}

}  // namespace

bool CheckedSettings::has_errors() const {
  return std::any_of(diagnostics.begin(), diagnostics.end(),
                     [](const Diagnostic& d) { return d.severity == Severity::kError; });
}

CheckedSettings CheckSettings(const std::vector<Setting>& schema, const std::map<std::string, Value>& values,
                              const std::vector<std::string>* secrets) {
  CheckedSettings out;
  out.values = values;
  Checker(&out).CheckAll(schema, &out.values, {}, secrets);
  return out;
}

absl::StatusOr<std::map<std::string, std::string>> ReadFiles(const std::vector<Setting>& schema,
                                                             const std::map<std::string, Value>& values) {
  std::map<std::string, std::string> files;
  for (const Setting& setting : schema) {
    auto it = values.find(setting.name);
    if (setting.type != Setting::Type::kFile || it == values.end() || it->second.text() == nullptr) continue;
    auto content = ReadFile(setting.name, *it->second.text());
    if (!content.ok()) return content.status();
    files[setting.name] = *std::move(content);
  }
  return files;
}

}  // namespace sluice::connector
