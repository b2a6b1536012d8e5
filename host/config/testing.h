// What the tests of this folder share: packages as they could be installed, and folders of tests/data.
#ifndef SLUICE_HOST_CONFIG_TESTING_H_
#define SLUICE_HOST_CONFIG_TESTING_H_

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "host/base/testing/temporary_folder.h"
#include "host/config/load.h"

namespace sluice::config::testing {

inline std::string DataFolder() {
  const char* source = std::getenv("SLUICE_SOURCE_DIR");
  return absl::StrCat(source == nullptr ? "." : source, "/tests/data/configuration");
}

inline std::string FileContent(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream content;
  content << in.rdbuf();
  return content.str();
}

inline SettingSchema Setting(const std::string& name, SettingSchema::Type type, bool required = false) {
  SettingSchema setting;
  setting.name = name;
  setting.type = type;
  setting.required = required;
  return setting;
}

inline SettingSchema SecretSetting(const std::string& name, bool required = true) {
  SettingSchema setting = Setting(name, SettingSchema::Type::kText, required);
  setting.secret = true;
  return setting;
}

// A source and a target as the tests' folders use them, and what is really installed where the product is.
class FakePackages final : public Packages {
 public:
  FakePackages() {
    using Type = SettingSchema::Type;
    PackageInfo school;
    school.name = "test.school";
    school.version = "1.4.0";
    school.is_source = true;
    school.mapping_path = absl::StrCat(DataFolder(), "/packages/school.yaml");
    school.owner_attributes = {{"plaatsing", "leerling"}, {"dienst", "medewerker"}};
    SettingSchema people = Setting("people", Type::kList);
    people.choices = {core::Value::Text("pupils"), core::Value::Text("staff"), core::Value::Text("guardians")};
    SettingSchema page = Setting("page_size", Type::kInteger);
    page.min = 1;
    page.max = 1000;
    page.default_value = core::Value::Integer(100);
    school.settings = {Setting("organisation", Type::kText, true), people, page, Setting("archived", Type::kFlag),
                       SecretSetting("password")};
    Add(school);
    PackageInfo directory;
    directory.name = "test.directory";
    directory.version = "1.0.3";
    directory.is_target = true;
    directory.settings = {Setting("base", Type::kText, true), Setting("servers", Type::kList),
                          Setting("timeout", Type::kDuration), SecretSetting("bind_password"),
                          SecretSetting("bind_dn", false)};
    Add(directory);
  }

  void Add(const PackageInfo& package) { packages_.push_back(package); }
  PackageInfo& Get(size_t index) { return packages_[index]; }

  std::vector<InstalledPackage> Installed() const override {
    std::vector<InstalledPackage> installed;
    for (const PackageInfo& one : packages_) installed.push_back({one.name, one.version});
    return installed;
  }
  absl::StatusOr<PackageInfo> Describe(const InstalledPackage& package) const override {
    for (const PackageInfo& one : packages_) {
      if (one.name == package.name && one.version == package.version) return one;
    }
    return absl::NotFoundError("not installed");
  }

 private:
  std::vector<PackageInfo> packages_;
};

// The product's own connectors, as far as a configuration sees them.
inline PackageInfo Somtoday() {
  using Type = SettingSchema::Type;
  const char* source = std::getenv("SLUICE_SOURCE_DIR");
  PackageInfo somtoday;
  somtoday.name = "sluice.somtoday";
  somtoday.version = "1.0.0";
  somtoday.is_source = true;
  somtoday.mapping_path = absl::StrCat(source == nullptr ? "." : source, "/plugins/somtoday/mapping.yaml");
  somtoday.owner_attributes = {{"plaatsing", "leerling"}, {"lesgroep_lid", "lid"}, {"dienstverband", "medewerker"}};
  somtoday.settings = {
      Setting("organisation", Type::kText, true), Setting("people", Type::kList), Setting("contracts", Type::kList),
      Setting("school_years", Type::kList),       SecretSetting("client_id"),     SecretSetting("client_secret")};
  return somtoday;
}

inline PackageInfo ActiveDirectory() {
  using Type = SettingSchema::Type;
  PackageInfo directory;
  directory.name = "sluice.active_directory";
  directory.version = "1.0.0";
  directory.is_target = true;
  SettingSchema page = Setting("page_size", Type::kInteger);
  page.default_value = core::Value::Integer(500);
  directory.settings = {Setting("servers", Type::kList, true), Setting("base", Type::kText, true), page,
                        SecretSetting("bind_dn"), SecretSetting("bind_password")};
  return directory;
}

// What the test directory can hold.
class FakeSchemas final : public Schemas {
 public:
  FakeSchemas() {
    ClassSchema account;
    account.name = "account";
    for (const char* name : {"cn", "sn", "employeeID", "description", "displayName", "givenName"}) {
      account.attributes.push_back({.name = name, .max_length = 64});
    }
    account.attributes.push_back({"sAMAccountName", false, true, true, 20});
    account.attributes.push_back({.name = "pin", .is_secret = true});
    account.attributes.push_back({"objectGUID", false, false, false, 0});
    ClassSchema group;
    group.name = "group";
    group.is_permission = true;
    group.attributes.push_back({"description", false, false, true, 64});
    schema_.classes = {account, group};
    using Type = AttributeSchema::Type;
    school_.classes = {
        {.name = "leerling",
         .attributes = {Text("nummer"), Text("roepnaam"), Text("achternaam"), Typed("geboortedatum", Type::kDate)}},
        {.name = "medewerker", .attributes = {Text("afkorting"), Text("roepnaam"), Text("achternaam")}},
        {.name = "plaatsing",
         .attributes = {Typed("begin", Type::kDate), Typed("eind", Type::kDate), Text("klas_id"), Text("klas"),
                        Text("locatie"), Typed("leerjaar", Type::kNumber)},
         .owner_attribute = "leerling"},
        {.name = "dienst",
         .attributes = {Typed("begin", Type::kDate), Typed("eind", Type::kDate), Typed("fte", Type::kNumber),
                        Text("functie"), Text("locatie")},
         .owner_attribute = "medewerker"},
        {.name = "stage", .attributes = {Typed("begin", Type::kDate), Typed("eind", Type::kDate)}}};
  }
  const SystemSchema* Find(const std::string&, const PackageInfo& package) const override {
    return package.name == "test.directory" ? &schema_ : package.name == "test.school" ? &school_ : nullptr;
  }

 private:
  static AttributeSchema Typed(const char* name, AttributeSchema::Type type) { return {.name = name, .type = type}; }
  static AttributeSchema Text(const char* name) { return Typed(name, AttributeSchema::Type::kText); }

  SystemSchema schema_;
  SystemSchema school_;
};

// A folder of its own for secrets, gone with the test.
class SecretsFolder {
 public:
  SecretsFolder() {
    std::filesystem::create_directory(path() + "/secrets");
    Write("ad", "correct horse\n", 0600);
    Write("open", "correct horse\n", 0644);
    Write("grouped", "correct horse\n", 0640);
    Write("empty", "", 0600);
    Write("line_end", "\n", 0600);
    Write("blank", "correct horse \n", 0600);
    Write("leading", " correct horse\n", 0600);
    Write("two_ends", "correct horse\n\n", 0600);
    Write("zero", std::string("correct\0horse", 13), 0600);
    Write("long", std::string(70000, 'x'), 0600);
    setenv("SLUICE_TEST_KEY", "key", 1);
    setenv("SLUICE_TEST_PASSWORD", "password", 1);
    setenv("SLUICE_TEST_EMPTY", "", 1);
    setenv("SLUICE_TEST_BLANK", " \t", 1);
    setenv("SLUICE_TEST_LINE_END", "password\n", 1);
    setenv("SLUICE_TEST_SHORT", "abc", 1);
    unsetenv("SLUICE_TEST_MISSING");
  }
  const std::string& path() const { return folder_.path(); }

  void Write(const std::string& name, const std::string& content, int mode) {
    const std::string file = absl::StrCat(path(), "/secrets/", name);
    std::ofstream(file) << content;
    std::filesystem::permissions(file, static_cast<std::filesystem::perms>(mode));
  }

 private:
  base::TemporaryFolder folder_;
};

// The files of a folder of tests/data/configuration.
inline std::map<std::string, std::string> FilesOf(const std::string& folder) {
  std::map<std::string, std::string> files;
  const std::string whole = absl::StrCat(DataFolder(), "/", folder);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(whole)) {
    if (!entry.is_regular_file() || entry.path().extension() != ".yaml") continue;
    files[std::filesystem::relative(entry.path(), whole).generic_string()] = FileContent(entry.path().string());
  }
  return files;
}

inline std::string Lines(const std::vector<Diagnostic>& found) {
  std::string lines;
  for (const Diagnostic& one : found) absl::StrAppend(&lines, one.ToString(), "\n");
  return lines;
}

}  // namespace sluice::config::testing

#endif  // SLUICE_HOST_CONFIG_TESTING_H_
