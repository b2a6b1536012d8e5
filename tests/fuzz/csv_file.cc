// The whole connector on a file: the settings on the first line, as letters, and what the file holds.
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "plugins/csv/src/csv.h"
#include "plugins/csv/src/options.h"
#include "plugins/csv/tests/collector.h"
#include "tests/fuzz/targets.h"

namespace sluice::fuzz {
namespace {

using connector::List;
using connector::Value;

// w: Windows-1252, u: UTF-8, ;,| and t: that separator, n: no heading, i: contracts have an id of their own, c: the
// file holds contracts and people are in another.
std::map<std::string, Value> SettingsOf(absl::string_view letters) {
  const auto has = [&](char letter) { return absl::StrContains(letters, letter); };
  std::map<std::string, Value> settings = {{"file", "/dev/null"},
                                           {"date_forms", List{"dd-mm-yyyy", "yyyy-mm-dd"}},
                                           {"dates", List{"begin", "einde"}},
                                           {"without", List{"roepnaam", "begin", "einde"}},
                                           {"id", "nummer"}};
  if (has('w') || has('u')) settings["encoding"] = has('w') ? "windows-1252" : "utf-8";
  for (const char* separator : {";", ",", "|"}) {
    if (has(*separator)) settings["separator"] = separator;
  }
  if (has('t')) settings["separator"] = "tab";
  if (has('n')) {
    settings["header"] = false;
    settings["columns"] = settings["contract_columns"] = List{"nummer", "roepnaam", "begin", "einde"};
  }
  if (has('i')) settings["contract_id"] = List{"nummer", "begin"};
  if (has('c')) settings["contract_file"] = "/dev/null";
  return settings;
}

}  // namespace

void FuzzCsvFile(absl::string_view input) {
  const size_t line = std::min(input.find('\n'), input.size());
  const std::string content(input.substr(std::min(line + 1, input.size())));
  const bool is_contracts = absl::StrContains(input.substr(0, line), 'c');
  const bool has_heading = !absl::StrContains(input.substr(0, line), 'n');
  const std::string people = absl::StrCat(has_heading ? "nummer;roepnaam;begin;einde\n" : "", "1;Jan;;\n2;An;;\n");
  connector::System system;
  system.settings = connector::Settings(SettingsOf(input.substr(0, line)), {},
                                        {{"file", is_contracts ? people : content}, {"contract_file", content}});
  csv::Csv source;
  Expect(connector::SystemForTest::Open(source, system).ok(), "a system is opened without asking anybody");
  connector::ImportRequest request;
  request.classes = {{csv::kPerson, {"roepnaam"}}, {csv::kContract, {csv::kPerson, "begin", "einde"}}};
  request.system = &source.system();
  csv::Collector out;
  const absl::Status status = source.Import(request, out);
  if (!status.ok()) {
    Expect(out.records.empty() && out.ends.empty(), "nothing of a file that is refused is taken");
    Expect(!status.message().empty(), "a refusal says why");
    return;
  }
  Expect(out.ends.size() == 2, "each class has a state");
  Expect(!out.records[csv::kPerson].empty(), "an import without a person is never complete");
  Expect(out.repeated == 0, "a record comes once");
  for (const auto& [object_class, records] : out.records) {
    for (const auto& [id, record] : records) Expect(!id.empty(), "a record has an id");
  }
  for (const auto& [id, contract] : out.records[csv::kContract]) {
    const Value& owner = contract.Get(csv::kPerson);
    Expect(owner.reference() != nullptr && !owner.reference()->id.empty(), "a contract is somebody's");
  }
}

}  // namespace sluice::fuzz
