// Files with people, an import of them, and what it gave.
#ifndef PLUGINS_CSV_TESTS_CSV_FIXTURE_H_
#define PLUGINS_CSV_TESTS_CSV_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "plugins/csv/src/csv.h"
#include "plugins/csv/src/options.h"
#include "plugins/csv/tests/collector.h"
#include "sluice/connector/error.h"

namespace sluice::csv {

// An attribute as text: "-" empty, "?" not visible.
inline std::string TextOf(const connector::Value& value) {
  if (!value.is_visible()) return "?";
  if (value.is_empty()) return "-";
  if (value.date() != nullptr) return absl::FormatCivilTime(*value.date());
  if (value.reference() != nullptr) return value.reference()->id;
  return value.TextOr("(another kind)");
}

class CsvTest : public ::testing::Test {
 protected:
  CsvTest() {
    settings_["date_forms"] = connector::Value(connector::List{"dd-mm-yyyy", "yyyy-mm-dd"});
    settings_["dates"] = connector::Value(connector::List{"datum_in_dienst", "datum_uit_dienst", "geboortedatum"});
    wanted_ = {{kPerson, {"roepnaam", "achternaam"}}, {kContract, {kPerson, "datum_in_dienst", "datum_uit_dienst"}}};
  }
  ~CsvTest() override {
    for (const auto& [setting, content] : files_) std::remove(PathOf(setting).c_str());
  }

  std::string PathOf(const std::string& setting) const {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    const std::string name = absl::StrCat("csv_", test->test_suite_name(), "_", test->name(), "_", setting);
    return absl::StrCat(::testing::TempDir(), absl::StrReplaceAll(name, {{"/", "_"}}));
  }
  void Write(const std::string& content, const std::string& setting = "file") {
    files_[setting] = content;
    settings_[setting] = connector::Value(PathOf(setting));
    std::ofstream(PathOf(setting), std::ios::binary) << content;
  }
  void Set(const std::string& setting, connector::Value value) { settings_[setting] = std::move(value); }
  void Texts(const std::string& setting, const std::vector<std::string>& texts) {
    connector::List list(texts.begin(), texts.end());
    settings_[setting] = connector::Value(std::move(list));
  }

  absl::Status Import() {
    out_ = Collector();
    connector::System system;
    system.id = "hr";
    system.settings = connector::Settings(settings_, {}, files_);
    if (absl::Status status = connector::SystemForTest::Open(csv_, system); !status.ok()) return status;
    connector::ImportRequest request;
    for (const auto& [object_class, attributes] : wanted_) request.classes.push_back({object_class, attributes});
    request.system = &csv_.system();
    const absl::Status status = csv_.Import(request, out_);
    EXPECT_EQ(out_.repeated, 0);
    return status;
  }
  // The people of a file, as "id: values in the order that was asked for".
  std::vector<std::string> Lines(const std::string& object_class) const {
    std::vector<std::string> lines;
    const auto found = out_.records.find(object_class);
    if (found == out_.records.end()) return lines;
    for (const auto& [id, record] : found->second) {
      std::string line = absl::StrCat(id, ":");
      for (const std::string& attribute : wanted_.at(object_class))
        absl::StrAppend(&line, " ", TextOf(record.Get(attribute)));
      lines.push_back(line);
    }
    return lines;
  }
  std::vector<std::string> People() const { return Lines(kPerson); }
  std::vector<std::string> Contracts() const { return Lines(kContract); }

  Csv csv_;
  std::map<std::string, connector::Value> settings_;
  std::map<std::string, std::string> files_;
  std::map<std::string, std::vector<std::string>> wanted_;
  Collector out_;
};

}  // namespace sluice::csv

#endif  // PLUGINS_CSV_TESTS_CSV_FIXTURE_H_
