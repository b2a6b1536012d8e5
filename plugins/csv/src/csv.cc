#include "plugins/csv/src/csv.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "plugins/csv/src/options.h"
#include "plugins/csv/src/people.h"
#include "plugins/csv/src/table.h"
#include "sluice/connector/error.h"

namespace sluice::csv {
namespace {

using connector::Attribute;
using connector::Error;
using connector::ImportRequest;
using connector::ObjectClass;
using connector::Privacy;
using connector::Reason;
using connector::RecordWriter;
using connector::SchemaResult;
using connector::Settings;
using connector::TestResult;

constexpr size_t kStart = size_t{64} << 10;  // Enough for any heading.

absl::Status Unreadable(const std::string& setting) {
  return Error(Reason::kUnavailable, "CSV-0101",
               absl::StrCat("the file of setting '", setting, "' cannot be read: ", strerror(errno)));
}

// A file that somebody is writing is not whole, though it looks so.
absl::Status CheckSettled(const Settings& settings, const std::string& setting, absl::Duration settled) {
  struct stat facts = {};
  if (stat(settings.Text(setting).c_str(), &facts) != 0) return Unreadable(setting);
  const absl::Duration age = absl::Now() - absl::TimeFromTimespec(facts.st_mtim);
  // A file from another machine may bring a time that is not come yet.
  if (age >= settled || age < -absl::Minutes(1)) return absl::OkStatus();
  return Error(Reason::kTransient, "CSV-0102",
               absl::StrCat(setting, " was changed ", absl::ToInt64Seconds(age),
                            " s ago and may still be being written; it is read when it has not changed for ",
                            absl::FormatDuration(settled)));
}

struct Start {
  std::string content;
  bool is_whole = false;
};

absl::StatusOr<Start> ReadStart(const Settings& settings, const std::string& setting) {
  std::ifstream in(settings.Text(setting), std::ios::binary);
  if (!in) return Unreadable(setting);
  Start start;
  start.content.resize(kStart);
  in.read(start.content.data(), static_cast<std::streamsize>(kStart));
  start.content.resize(static_cast<size_t>(in.gcount()));
  start.is_whole = start.content.size() < kStart;
  return start;
}

// The columns of a file, by name.
absl::StatusOr<std::vector<std::string>> ColumnsOf(const Settings& settings, const FileOptions& options) {
  auto start = ReadStart(settings, options.setting);
  if (!start.ok()) return start.status();
  auto table = Table::Open(start->content, options, start->is_whole);
  if (!table.ok()) return table.status();
  std::vector<std::string> names;
  for (const auto& [name, index] : table->columns()) names.push_back(name);
  return names;
}

ObjectClass ClassOf(ObjectClass object_class, const std::vector<std::string>& columns, const Options& options) {
  const bool is_person = object_class.name == kPerson;
  if (!is_person) object_class.Reference(kPerson, kPerson);
  std::vector<std::string> names = columns;
  for (const Attribute& standard : StandardColumns(object_class.name)) names.push_back(standard.name);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  for (const std::string& name : names) {
    if ((IsBsn(name) && !options.bsn) || (!is_person && name == kPerson)) continue;
    Attribute attribute = options.dates.contains(name) ? Attribute::Date(name) : Attribute::Text(name);
    object_class.With(attribute.Is(IsBsn(name) ? Privacy::kSpecial : Privacy::kSensitive));
  }
  return object_class;
}

// A column that a mapping reads and the file does not have: misspelt, or taken out of the export. Everybody would be
// without it, so nothing is read until somebody says that this is meant.
absl::Status CheckColumns(const ImportRequest& request, const Options& options, const Table& table,
                          const char* object_class, const FileOptions& file) {
  std::vector<std::string> missing;
  for (const connector::ClassRequest& wanted : request.classes) {
    if (wanted.object_class != object_class) continue;
    for (const std::string& column : wanted.attributes) {
      if (column != kPerson && !table.IndexOf(column) && !options.without.contains(column)) missing.push_back(column);
    }
  }
  if (object_class == std::string_view(kContract)) {
    for (const std::string& column : options.contract_id) {
      if (!table.IndexOf(column)) missing.push_back(column);
    }
  }
  if (missing.empty()) return absl::OkStatus();
  return Error(Reason::kInvalid, "CSV-0201",
               absl::StrCat("the mapping reads ", absl::StrJoin(missing, ", "), ", which ", file.setting,
                            " does not have; its heading is ", table.heading(),
                            "; correct the heading, map another column, or name it under `without` in the settings"));
}

}  // namespace

connector::Description Csv::Describe() { return csv::Describe(); }

connector::ValidateResult Csv::Validate(const connector::ValidateRequest& request) {
  return csv::Validate(request.settings);
}

absl::StatusOr<std::optional<SchemaResult>> Csv::Schema(const connector::SchemaRequest&) {
  const Settings& settings = system().settings;
  const Options options = OptionsOf(settings);
  auto people = ColumnsOf(settings, options.people);
  if (!people.ok()) return people.status();
  SchemaResult schema;
  schema.classes.push_back(ClassOf(ObjectClass::Person(kPerson), *people, options));
  if (!options.has_contracts) return schema;
  auto contracts = options.has_contract_file ? ColumnsOf(settings, options.contract_lines) : people;
  if (!contracts.ok()) return contracts.status();
  schema.classes.push_back(ClassOf(ObjectClass::Contract(kContract, kPerson), *contracts, options));
  return schema;
}

absl::StatusOr<TestResult> Csv::Test(const connector::TestRequest&) {
  TestResult result;
  if (auto schema = Schema({}); !schema.ok()) return schema.status();
  return result;
}

absl::Status Csv::Import(const ImportRequest& request, RecordWriter& out) {
  const Settings& settings = request.system->settings;
  const Options options = OptionsOf(settings);
  absl::Status status = CheckSettled(settings, "file", options.settled);
  if (status.ok() && options.has_contract_file) status = CheckSettled(settings, "contract_file", options.settled);
  if (!status.ok()) return status;
  auto people = Table::Open(request.File("file"), options.people, true);
  if (!people.ok()) return people.status();
  std::optional<Table> contract_lines;
  if (options.has_contract_file) {
    auto table = Table::Open(request.File("contract_file"), options.contract_lines, true);
    if (!table.ok()) return table.status();
    contract_lines = *std::move(table);
  }
  const Table* contracts = contract_lines ? &*contract_lines : nullptr;
  status = CheckColumns(request, options, *people, kPerson, options.people);
  if (status.ok() && options.has_contracts) {
    status = CheckColumns(request, options, contracts == nullptr ? *people : *contracts, kContract,
                          contracts == nullptr ? options.people : options.contract_lines);
  }
  if (!status.ok()) return status;
  People everybody(options, request, *people, contracts, out);
  if (status = everybody.Collect(); !status.ok()) return status;
  return everybody.Write();
}

}  // namespace sluice::csv
