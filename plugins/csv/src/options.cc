#include "plugins/csv/src/options.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "plugins/csv/src/dates.h"
#include "plugins/csv/src/encoding.h"

namespace sluice::csv {
namespace {

using connector::Attribute;
using connector::Description;
using connector::Diagnostic;
using connector::List;
using connector::Privacy;
using connector::Setting;
using connector::Settings;
using connector::Value;

Value Texts(std::initializer_list<const char*> texts) {
  List list;
  for (const char* text : texts) list.push_back(Value(text));
  return Value(std::move(list));
}

std::vector<std::string> Names(const Settings& settings, const char* setting) {
  std::vector<std::string> names;
  for (const std::string& text : settings.Texts(setting)) names.push_back(AttributeName(text));
  return names;
}

std::set<std::string> NameSet(const Settings& settings, const char* setting) {
  const std::vector<std::string> names = Names(settings, setting);
  return {names.begin(), names.end()};
}

}  // namespace

Description Describe() {
  return Description("sluice.csv", "1.0.0")
      .With(Setting::File("file")
                .Label("File with people")
                .Required()
                .Help("A text file with one line a person, or one line a contract. A column is named by its heading in "
                      "small "
                      "letters, digits and \"_\": \"Datum in dienst\" is datum_in_dienst."))
      .With(Setting::File("contract_file")
                .Label("File with contracts")
                .Help("Where contracts are in a file of their own, one a line."))
      .With(Setting::Flag("contracts").Default(true).Help("Whether lines are contracts as well as people."))
      .With(Setting::Choice("encoding", {"auto", "utf-8", "windows-1252"})
                .Default("auto")
                .Help("auto takes UTF-8, and Windows-1252 where nothing else fits; what is not certain is refused."))
      .With(Setting::Choice("separator", {"auto", ";", ",", "tab", "|"})
                .Default("auto")
                .Help("auto takes the one by which the heading has the columns that must be there."))
      .With(Setting::Flag("header").Default(true).Help("Whether the first line is a heading."))
      .With(Setting::List("columns").Help("Columns that must be in the heading; without one, all columns in order."))
      .With(Setting::List("contract_columns").Help("The same for the file with contracts."))
      .With(Setting::Text("id")
                .Default("personeelsnummer")
                .Help("The column whose value never changes for the life of a person."))
      .With(Setting::Text("contract_person").Help("The column of the file with contracts that says whose it is; id."))
      .With(Setting::List("contract_id")
                .Help("Columns that together tell the contracts of a person apart; without them a person has one."))
      .With(Setting::List("without").Help(
          "Columns that the mapping reads and the file does not have: empty for everybody, not forgotten."))
      .With(Setting::List("dates")
                .Default(Texts({"datum_in_dienst", "datum_uit_dienst", "geboortedatum", "begindatum", "einddatum"}))
                .Help("Columns that hold days."))
      .With(
          Setting::List("date_forms")
              .Default(Texts({"dd-mm-yyyy", "yyyy-mm-dd"}))
              .Help("How days are written: d or dd, m or mm, yyyy, and what stands between. The year 9999 is no day."))
      .With(Setting::Flag("bsn").Default(false).Help("Whether a BSN may be read, where a mapping uses it."))
      .With(Setting::Duration("settled").Default("10s").Help(
          "A file that was changed a shorter time ago is still being written, and not read."));
}

Options OptionsOf(const Settings& settings) {
  Options options;
  FileOptions& people = options.people;
  people.setting = "file";
  people.encoding = settings.Has("encoding") ? settings.Text("encoding") : "auto";
  people.separator = settings.Has("separator") ? settings.Text("separator") : "auto";
  people.has_heading = !settings.Has("header") || settings.Flag("header");
  people.owner = AttributeName(settings.Has("id") ? settings.Text("id") : "personeelsnummer");
  people.columns = Names(settings, "columns");
  options.contract_lines = people;
  options.contract_lines.setting = "contract_file";
  options.contract_lines.columns = Names(settings, "contract_columns");
  if (settings.Has("contract_person")) options.contract_lines.owner = AttributeName(settings.Text("contract_person"));
  options.has_contracts = !settings.Has("contracts") || settings.Flag("contracts");
  options.has_contract_file = settings.Has("contract_file");
  options.contract_id = Names(settings, "contract_id");
  options.without = NameSet(settings, "without");
  options.dates = NameSet(settings, "dates");
  options.date_forms = settings.Texts("date_forms");
  options.bsn = settings.Flag("bsn");
  options.settled = settings.Duration("settled");
  return options;
}

connector::ValidateResult Validate(const Settings& settings) {
  connector::ValidateResult result;
  const auto refuse = [&](const char* setting, std::string summary) {
    Diagnostic diagnostic;
    diagnostic.code = "CSV-0401";
    diagnostic.summary = std::move(summary);
    diagnostic.path = {std::string("settings"), std::string(setting)};
    result.diagnostics.push_back(std::move(diagnostic));
  };
  const Options options = OptionsOf(settings);
  for (const char* file : {"file", "contract_file"}) {
    if (settings.Has(file) && settings.Text(file).substr(0, 1) != "/")
      refuse(file, "write the whole path, from \"/\" on: the connector runs in a folder of its own");
  }
  if (options.people.owner.empty()) refuse("id", "id names no column");
  if (options.has_contract_file && !options.has_contracts)
    refuse("contract_file", "contracts: false says that there are none; leave out one of the two");
  if (!options.people.has_heading && options.people.columns.empty())
    refuse("columns", "a file without a heading needs its columns by name, in their order");
  if (!options.people.has_heading && options.has_contract_file && options.contract_lines.columns.empty())
    refuse("contract_columns", "a file without a heading needs its columns by name, in their order");
  for (const std::string& form : options.date_forms) {
    if (!IsDateForm(form))
      refuse("date_forms", absl::StrCat("\"", form, "\" is no form of a date; write for example dd-mm-yyyy"));
  }
  if (!result.diagnostics.empty()) return result;
  if (const std::string conflict = ConflictOf(options.date_forms); !conflict.empty()) refuse("date_forms", conflict);
  return result;
}

const std::vector<Attribute>& StandardColumns(std::string_view object_class) {
  static const auto* const person = new std::vector<Attribute>{
      Attribute::Text("roepnaam"),
      Attribute::Text("voorletters"),
      Attribute::Text("voorvoegsel"),
      Attribute::Text("achternaam"),
      Attribute::Text("voorvoegsel_partner"),
      Attribute::Text("achternaam_partner"),
      Attribute::Text("naamgebruik"),
      Attribute::Text("geslacht"),
      Attribute::Date("geboortedatum"),
  };
  static const auto* const contract = new std::vector<Attribute>{
      Attribute::Date("datum_in_dienst"), Attribute::Date("datum_uit_dienst"), Attribute::Text("functie"),
      Attribute::Text("afdeling"),        Attribute::Text("locatie"),
  };
  return object_class == kPerson ? *person : *contract;
}

bool IsBsn(std::string_view column) {
  return column == "bsn" || column == "burgerservicenummer" || column == "sofinummer";
}

}  // namespace sluice::csv
