#include "tests/conformance/show.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/util/json_util.h"
#include "nlohmann/json.hpp"
#include "sdk/wire/error.h"
#include "tests/conformance/reading.h"

namespace sluice::conformance {
namespace {

namespace v1 = connector::v1;
using nlohmann::ordered_json;

constexpr size_t kMaxCell = 40;

ordered_json ToJson(const v1::Value& value) {
  switch (value.kind_case()) {
    case v1::Value::kText:
      return value.text();
    case v1::Value::kInteger:
      return value.integer();
    case v1::Value::kNumber:
      return value.number();
    case v1::Value::kFlag:
      return value.flag();
    case v1::Value::kData:
      return absl::Base64Escape(value.data());
    case v1::Value::kDate:
      return absl::StrFormat("%04d-%02d-%02d", value.date().year(), value.date().month(), value.date().day());
    case v1::Value::kTime:
      return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixSeconds(value.time().seconds()), absl::UTCTimeZone());
    case v1::Value::kReference:
      return absl::StrCat(value.reference().object_class(), " ", value.reference().id());
    case v1::Value::kSecretText:
      return "***";
    case v1::Value::kList: {
      ordered_json list = ordered_json::array();
      for (const v1::Value& item : value.list().values()) list.push_back(ToJson(item));
      return list;
    }
    case v1::Value::kStruct: {
      ordered_json fields = ordered_json::object();
      const std::map<std::string, v1::Value> sorted(value.struct_().fields().begin(), value.struct_().fields().end());
      for (const auto& [name, item] : sorted) fields[name] = ToJson(item);
      return fields;
    }
    default:
      return nullptr;
  }
}

class Shower {
 public:
  Shower(const Subject& subject, const ShowOptions& options, std::ostream& out)
      : subject_(subject), options_(options), out_(out) {}

  absl::Status Run() {
    auto launched = Launched::Start(subject_);
    if (!launched.ok()) return launched.status();
    launched_ = *std::move(launched);
    if (absl::Status status = launched_->Open(v1::OpenRequest::READ_ONLY); !status.ok()) return status;
    const grpc::Status status = launched_->GetSchema(&schema_);
    if (!status.ok()) return absl::UnavailableError(absl::StrCat("GetSchema answers ", Text(status)));
    if (options_.schema) ShowSchema();
    if (options_.import) return ShowImport();
    if (!options_.read.empty()) return ShowRead();
    if (!options_.preview.empty()) return ShowPreview();
    return absl::OkStatus();
  }

 private:
  const v1::Attribute* Find(const std::string& object_class, const std::string& name) const {
    for (const auto& c : schema_.classes()) {
      if (c.name() != object_class) continue;
      for (const auto& a : c.attributes()) {
        if (a.name() == name) return &a;
      }
    }
    return nullptr;
  }
  // Also what the schema does not name is masked: nobody said that it is not private.
  bool IsPrivate(const std::string& object_class, const std::string& name) const {
    const v1::Attribute* a = Find(object_class, name);
    return a == nullptr || a->privacy() == v1::Attribute::SENSITIVE || a->privacy() == v1::Attribute::SPECIAL ||
           a->privacy() == v1::Attribute::PRIVACY_UNSPECIFIED;
  }
  ordered_json Shown(const std::string& object_class, const std::string& name, const v1::Value& value) const {
    const ordered_json json = ToJson(value);
    return options_.mask && !json.is_null() && IsPrivate(object_class, name) ? ordered_json("***") : json;
  }
  // A name says who somebody is wherever an attribute of the class does.
  std::string ShownName(const Record& record) const {
    if (!options_.mask || record.name.empty()) return record.name;
    for (const auto& c : schema_.classes()) {
      if (c.name() == record.object_class &&
          (c.role() == v1::ObjectClass::PERMISSION || c.role() == v1::ObjectClass::DEPARTMENT))
        return record.name;
    }
    return "***";
  }
  bool Wants(const std::string& object_class) const {
    return options_.classes.empty() ||
           std::find(options_.classes.begin(), options_.classes.end(), object_class) != options_.classes.end();
  }

  void ShowRecords(const std::vector<Record>& records) {
    std::map<std::string, std::vector<const Record*>> by_class;
    for (const Record& record : records) {
      auto& list = by_class[record.object_class];
      if (options_.limit == 0 || list.size() < options_.limit) list.push_back(&record);
    }
    for (const auto& [object_class, list] : by_class) {
      if (options_.json_lines) {
        ShowLines(list);
      } else {
        ShowTable(object_class, list);
      }
    }
  }
  void ShowLines(const std::vector<const Record*>& records) {
    for (const Record* record : records) {
      ordered_json line = {{"class", record->object_class}, {"scope", record->scope}, {"id", record->id}};
      if (!record->name.empty()) line["name"] = ShownName(*record);
      for (const auto& [name, value] : record->cells)
        line["attributes"][name] = Shown(record->object_class, name, value);
      out_ << line.dump(-1, ' ', false, ordered_json::error_handler_t::replace) << "\n";
    }
  }
  void ShowTable(const std::string& object_class, const std::vector<const Record*>& records) {
    std::vector<std::string> header = {"scope", "id", "name"};
    for (const auto& c : schema_.classes()) {
      if (c.name() != object_class) continue;
      for (const auto& a : c.attributes()) {
        const bool has_any =
            std::any_of(records.begin(), records.end(), [&](const Record* r) { return r->cells.count(a.name()) > 0; });
        if (has_any) header.push_back(a.name());
      }
    }
    std::vector<std::vector<std::string>> rows;
    for (const Record* record : records) {
      std::vector<std::string>& row =
          rows.emplace_back(std::vector<std::string>{record->scope, record->id, ShownName(*record)});
      for (size_t i = 3; i < header.size(); ++i) {
        const auto cell = record->cells.find(header[i]);
        row.push_back(cell == record->cells.end() ? "?" : CellText(Shown(object_class, header[i], cell->second)));
      }
    }
    out_ << object_class << " (" << records.size() << ")\n";
    Table(header, rows);
  }
  static std::string CellText(const ordered_json& json) {
    if (json.is_null()) return "-";
    return json.is_string() ? json.get<std::string>()
                            : json.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
  }
  static std::string Cut(std::string text) {
    if (text.size() <= kMaxCell) return text;
    size_t end = kMaxCell - 3;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;  // Not inside a character.
    return text.substr(0, end) + "...";
  }
  static size_t Width(const std::string& text) {
    return static_cast<size_t>(
        std::count_if(text.begin(), text.end(), [](unsigned char c) { return (c & 0xc0) != 0x80; }));
  }
  void Table(const std::vector<std::string>& header, std::vector<std::vector<std::string>> rows) {
    rows.insert(rows.begin(), header);
    std::vector<size_t> widths(header.size());
    for (auto& row : rows) {
      for (size_t i = 0; i < row.size(); ++i) {
        row[i] = Cut(plugin::HarmlessText(row[i], 1000));
        widths[i] = std::max(widths[i], Width(row[i]));
      }
    }
    for (const auto& row : rows) {
      std::string line;
      for (size_t i = 0; i < row.size(); ++i)
        absl::StrAppend(&line, row[i], std::string(widths[i] - Width(row[i]) + 2, ' '));
      out_ << "  " << line.substr(0, line.find_last_not_of(' ') + 1) << "\n";
    }
    out_ << "\n";
  }

  void ShowSchema() {
    if (options_.json_lines) {
      std::string json;
      (void)google::protobuf::util::MessageToJsonString(schema_, &json);
      out_ << json << "\n";
      return;
    }
    std::vector<std::vector<std::string>> settings;
    for (const auto& field : subject_.schema.fields()) {
      settings.push_back({field.name(), v1::ConfigField::Type_Name(field.type()),
                          field.secret()     ? "secret"
                          : field.required() ? "required"
                                             : "",
                          field.label()});
    }
    out_ << "settings\n";
    Table({"name", "type", "", "label"}, settings);
    for (const auto& c : schema_.classes()) {
      std::vector<std::string> actions;
      for (const int action : c.actions())
        actions.push_back(v1::Action_Name(static_cast<v1::Action>(action)).substr(7));
      out_ << c.name() << ", " << v1::ObjectClass::Role_Name(c.role()) << ": " << absl::StrJoin(actions, " ") << "\n";
      std::vector<std::vector<std::string>> rows;
      for (const auto& a : c.attributes()) {
        rows.push_back({a.name(), absl::StrCat(a.multi_valued() ? "list of " : "", v1::Attribute::Type_Name(a.type())),
                        absl::StrCat(a.readable() ? "r" : "-", a.creatable() ? "c" : "-", a.updatable() ? "u" : "-"),
                        a.required() ? "required" : "", a.unique_in(), v1::Attribute::Privacy_Name(a.privacy())});
      }
      Table({"attribute", "type", "may", "", "unique in", "privacy"}, rows);
    }
  }

  absl::Status ShowImport() {
    ImportOptions options;
    for (const auto& c : schema_.classes()) {
      if (options_.classes.empty() || !Wants(c.name())) continue;
      std::vector<std::string> names;
      for (const auto& a : c.attributes()) {
        if (a.readable()) names.push_back(a.name());
      }
      options.classes.emplace_back(c.name(), names);
    }
    const ImportLog log = Import(*launched_, subject_.config, options);
    ShowRecords(log.records);
    for (const v1::Diagnostic& d : log.diagnostics)
      std::cerr << (d.severity() == v1::Diagnostic::ERROR ? "error " : "warning ") << d.code() << ": " << d.summary()
                << (d.origin().empty() ? "" : absl::StrCat(" (", d.origin(), ")")) << "\n";
    if (!log.status.ok())
      return absl::UnavailableError(
          absl::StrCat("the import failed after ", log.records.size(), " records: ", Text(log.status)));
    if (log.ends == 0)
      return absl::UnavailableError("the stream had no end frame: a host believes nothing of it; call out.Complete()");
    for (const auto& scope : log.end.scopes()) {
      for (const auto& c : scope.classes()) {
        if (c.state() == v1::ImportEnd::COMPLETE || static_cast<int>(c.object_class()) >= log.schema.classes_size())
          continue;
        std::cerr << log.schema.classes(static_cast<int>(c.object_class())).object_class() << " is "
                  << v1::ImportEnd::State_Name(c.state()) << ": " << wire::Describe(c.error()) << "\n";
      }
    }
    return absl::OkStatus();
  }

  absl::Status ShowRead() {
    const std::pair<std::string, std::string> parts = absl::StrSplit(options_.read, absl::MaxSplits(':', 1));
    if (parts.second.empty()) return absl::InvalidArgumentError("--read takes CLASS:ID or CLASS:ATTRIBUTE=VALUE");
    std::vector<std::string> names;
    for (const auto& c : schema_.classes()) {
      for (const auto& a : c.attributes()) {
        if (c.name() == parts.first && a.readable()) names.push_back(a.name());
      }
    }
    v1::ReadRequest request = ReadById(parts.first, {parts.second}, names);
    const std::pair<std::string, std::string> match = absl::StrSplit(parts.second, absl::MaxSplits('=', 1));
    if (!match.second.empty() && Find(parts.first, match.first) != nullptr) {
      request.mutable_keys(0)->clear_object_id();
      v1::Match* wanted = request.mutable_keys(0)->add_match();
      wanted->set_attribute(match.first);
      wanted->mutable_value()->set_text(match.second);
    }
    const ReadLog log = Read(*launched_, request);
    if (!log.status.ok()) return absl::UnavailableError(absl::StrCat("Read answers ", Text(log.status)));
    std::vector<Record> records;
    for (const auto& [key, record] : log.found) records.push_back(record);
    ShowRecords(records);
    return records.empty() ? absl::NotFoundError(absl::StrCat("nothing was found for ", options_.read))
                           : absl::OkStatus();
  }

  absl::Status ShowPreview() {
    std::ifstream in(options_.preview);
    if (!in)
      return absl::NotFoundError(absl::StrCat(options_.preview, " cannot be read; it holds one operation as JSON"));
    const nlohmann::json json = nlohmann::json::parse(in, nullptr, false);
    if (!json.is_object() || !json.contains("action") || !json.contains("class"))
      return absl::InvalidArgumentError(absl::StrCat(
          options_.preview, R"( must be {"action": "CREATE", "class": "account", "id": "", "set": {"login": "jan"}})"));
    v1::PreviewRequest request;
    request.set_system(kSystem);
    v1::Operation* operation = request.add_operations();
    operation->set_id("preview");
    operation->set_attempt(1);
    v1::Action action = v1::ACTION_UNSPECIFIED;
    if (!v1::Action_Parse("ACTION_" + json.value("action", ""), &action))
      return absl::InvalidArgumentError(absl::StrCat("there is no action ", json.value("action", "")));
    operation->set_action(action);
    operation->set_object_class(json.value("class", ""));
    operation->set_object_id(json.value("id", ""));
    const nlohmann::json set = json.value("set", nlohmann::json::object());  // items() does not keep it.
    for (const auto& [name, value] : set.items()) {
      v1::Delta* delta = operation->add_deltas();
      delta->set_attribute(name);
      v1::Value* to = delta->mutable_replace();
      if (value.is_boolean()) {
        to->set_flag(value.get<bool>());
      } else if (value.is_number_integer()) {
        to->set_integer(value.get<int64_t>());
      } else {
        to->set_text(value.is_string() ? value.get<std::string>() : value.dump());
      }
    }
    v1::PreviewReply reply;
    const grpc::Status status = launched_->writer().Preview(launched_->Context().get(), request, &reply);
    if (!status.ok()) return absl::UnavailableError(absl::StrCat("Preview answers ", Text(status)));
    for (const v1::OperationResult& result : reply.results()) {
      out_ << v1::OperationResult::Outcome_Name(result.outcome()) << " " << result.object_id()
           << (result.has_error() ? " " + wire::Describe(result.error()) : "") << "\n";
      std::vector<std::vector<std::string>> rows;
      for (const v1::Change& change : result.changes())
        rows.push_back({change.attribute(),
                        CellText(Shown(operation->object_class(), change.attribute(), change.before())),
                        CellText(Shown(operation->object_class(), change.attribute(), change.after()))});
      if (!rows.empty()) Table({"attribute", "before", "after"}, rows);
    }
    return absl::OkStatus();
  }

  const Subject& subject_;
  const ShowOptions& options_;
  std::ostream& out_;
  std::unique_ptr<Launched> launched_;
  v1::GetSchemaReply schema_;
};

}  // namespace

void AddShowOptions(CLI::App* app, ShowOptions* options) {
  app->add_flag("--import", options->import, "Show what it reads, as a table");
  app->add_option("--limit", options->limit, "At most so many records of each class");
  app->add_option("--class", options->classes, "Only records of this class");
  app->add_option("--read", options->read, "Show one object: CLASS:ID or CLASS:ATTRIBUTE=VALUE");
  app->add_option("--preview", options->preview, "Show what an operation would change; a JSON file says which");
  app->add_flag("--schema", options->schema, "Show settings, classes and attributes");
  app->add_flag("--mask", options->mask, "Personal values come out as ***");
  app->add_flag("--json-lines", options->json_lines, "One JSON object a line instead of tables");
  app->add_option("--out", options->out, "Write it to this file");
}

int Show(const Subject& subject, const ShowOptions& options) {
  std::ofstream file;
  if (!options.out.empty()) {
    // Nobody else's: it holds what is personal.
    const int made = open(options.out.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (made >= 0) close(made);
    if (made >= 0) file.open(options.out);
    if (!file.is_open()) return std::cerr << "connector-check: " << options.out << " cannot be written\n", 1;
  }
  Shower shower(subject, options, options.out.empty() ? std::cout : static_cast<std::ostream&>(file));
  if (absl::Status status = shower.Run(); !status.ok())
    return std::cerr << "connector-check: " << status.message() << "\n", 1;
  return 0;
}

}  // namespace sluice::conformance
