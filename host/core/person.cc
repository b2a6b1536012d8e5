#include "host/core/person.h"

#include <algorithm>

#include "absl/strings/strip.h"
#include "host/base/hash.h"
#include "host/base/status.h"
#include "host/core/text.h"

namespace sluice::core {
namespace {

nlohmann::json KeyToJson(const RecordKey& key) {
  return nlohmann::json::array({key.system, key.scope, key.object_class, key.id});
}

nlohmann::json ContractToJson(const Contract& contract) {
  nlohmann::json json = {{"id", contract.id},
                         {"type", contract.type},
                         {"start", DateText(contract.start)},
                         {"fields", FieldsToJson(contract.fields)},
                         {"source", KeyToJson(contract.source)}};
  if (contract.end) json["end"] = DateText(*contract.end);
  if (contract.last_seen) json["last_seen"] = DateText(*contract.last_seen);
  return json;
}

absl::Status Damaged(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("the stored form of a person is damaged: ", what));
}

absl::Status ReadText(const nlohmann::json& json, const char* key, std::string& out) {
  auto found = json.find(key);
  if (found == json.end() || !found->is_string()) return Damaged(key);
  out = found->get<std::string>();
  return absl::OkStatus();
}

// Leaves `out` empty when the key is not there.
absl::Status ReadDay(const nlohmann::json& json, const char* key, std::optional<absl::CivilDay>& out) {
  auto found = json.find(key);
  if (found == json.end()) return absl::OkStatus();
  if (found->is_string()) out = ParseDate(found->get_ref<const std::string&>());
  return out ? absl::OkStatus() : Damaged(key);
}

absl::Status ReadFields(const nlohmann::json& json, Fields& out) {
  auto found = json.find("fields");
  if (found == json.end()) return Damaged("fields");
  ASSIGN_OR_RETURN(out, FieldsFromJson(*found));
  return absl::OkStatus();
}

absl::Status ReadKey(const nlohmann::json& json, RecordKey& out) {
  bool fits = json.is_array() && json.size() == 4 &&
              std::all_of(json.begin(), json.end(), [](const nlohmann::json& part) { return part.is_string(); });
  if (!fits) return Damaged("the key of a record");
  out = {json[0].get<std::string>(), json[1].get<std::string>(), json[2].get<std::string>(),
         json[3].get<std::string>()};
  return absl::OkStatus();
}

const nlohmann::json* ArrayOf(const nlohmann::json& json, const char* key) {
  auto found = json.find(key);
  return found != json.end() && found->is_array() ? &*found : nullptr;
}

absl::StatusOr<Contract> ContractFromJson(const nlohmann::json& json) {
  if (!json.is_object() || !json.contains("source")) return Damaged("a contract");
  Contract contract;
  std::optional<absl::CivilDay> start;
  RETURN_IF_ERROR(ReadText(json, "id", contract.id));
  RETURN_IF_ERROR(ReadText(json, "type", contract.type));
  RETURN_IF_ERROR(ReadDay(json, "start", start));
  if (!start) return Damaged("start");
  contract.start = *start;
  RETURN_IF_ERROR(ReadDay(json, "end", contract.end));
  RETURN_IF_ERROR(ReadDay(json, "last_seen", contract.last_seen));
  RETURN_IF_ERROR(ReadFields(json, contract.fields));
  RETURN_IF_ERROR(ReadKey(json["source"], contract.source));
  return contract;
}

const Value& NothingVisible() {
  static const Value* value = new Value;
  return *value;
}

Value FieldIn(const Fields& fields, absl::string_view path) {
  auto found = fields.find(std::string(path));
  return found == fields.end() ? NothingVisible() : found->second;
}

}  // namespace

std::optional<absl::CivilDay> Contract::EffectiveEnd() const {
  if (!last_seen) return end;
  if (!end) return last_seen;
  return std::min(*end, *last_seen);
}

std::string PersonId(absl::string_view system, absl::string_view object_class, absl::string_view object_id) {
  return base::UuidOf(
      nlohmann::json::array({"person", std::string(system), std::string(object_class), std::string(object_id)}));
}

std::string ContractId(absl::string_view type, const RecordKey& source) {
  return base::UuidOf(
      nlohmann::json::array({"contract", std::string(type), source.system, source.object_class, source.id}));
}

nlohmann::json ToJson(const Person& person) {
  nlohmann::json json = {{"id", person.id},
                         {"display", person.display},
                         {"external_id", person.external_id},
                         {"fields", FieldsToJson(person.fields)},
                         {"contracts", nlohmann::json::array()},
                         {"sources", nlohmann::json::array()},
                         {"held_back", person.held_back}};
  for (const Contract& contract : person.contracts) json["contracts"].push_back(ContractToJson(contract));
  for (const RecordKey& key : person.sources) json["sources"].push_back(KeyToJson(key));
  if (person.last_seen) json["last_seen"] = DateText(*person.last_seen);
  return json;
}

absl::StatusOr<Person> PersonFromJson(const nlohmann::json& json) {
  if (!json.is_object()) return Damaged("no object");
  Person person;
  RETURN_IF_ERROR(ReadText(json, "id", person.id));
  RETURN_IF_ERROR(ReadText(json, "display", person.display));
  RETURN_IF_ERROR(ReadText(json, "external_id", person.external_id));
  RETURN_IF_ERROR(ReadFields(json, person.fields));
  RETURN_IF_ERROR(ReadDay(json, "last_seen", person.last_seen));
  const nlohmann::json* contracts = ArrayOf(json, "contracts");
  const nlohmann::json* sources = ArrayOf(json, "sources");
  const nlohmann::json* held_back = ArrayOf(json, "held_back");
  if (contracts == nullptr || sources == nullptr || held_back == nullptr) return Damaged("a list is missing");
  for (const nlohmann::json& item : *contracts) {
    ASSIGN_OR_RETURN(Contract contract, ContractFromJson(item));
    person.contracts.push_back(std::move(contract));
  }
  for (const nlohmann::json& item : *sources) {
    RecordKey key;
    RETURN_IF_ERROR(ReadKey(item, key));
    person.sources.push_back(std::move(key));
  }
  for (const nlohmann::json& item : *held_back) {
    if (!item.is_string()) return Damaged("held_back");
    person.held_back.push_back(item.get<std::string>());
  }
  return person;
}

namespace {

void AppendKey(const RecordKey& key, std::string& out) {
  char separator = '[';
  for (const std::string* part : {&key.system, &key.scope, &key.object_class, &key.id}) {
    out += separator;
    separator = ',';
    base::AppendCanonicalText(*part, out);
  }
  out += ']';
}

void AppendMember(absl::string_view name, absl::string_view text, std::string& out) {
  out.append(name.data(), name.size());
  base::AppendCanonicalText(text, out);
}

// Keys in their order.
void AppendContract(const Contract& contract, std::string& out) {
  out += '{';
  if (contract.end) {
    AppendMember(R"("end":)", DateText(*contract.end), out);
    out += ',';
  }
  out += R"("fields":)";
  AppendCanonicalJson(contract.fields, out);
  AppendMember(R"(,"id":)", contract.id, out);
  if (contract.last_seen) AppendMember(R"(,"last_seen":)", DateText(*contract.last_seen), out);
  out += R"(,"source":)";
  AppendKey(contract.source, out);
  AppendMember(R"(,"start":)", DateText(contract.start), out);
  AppendMember(R"(,"type":)", contract.type, out);
  out += '}';
}

template <class Items, class Append>
void AppendList(const Items& items, const Append& append, std::string& out) {
  bool is_first = true;
  out += '[';
  for (const auto& item : items) {
    if (!is_first) out += ',';
    is_first = false;
    append(item, out);
  }
  out += ']';
}

}  // namespace

std::string CanonicalText(const Person& person) {
  std::string out = R"({"contracts":)";
  AppendList(person.contracts, AppendContract, out);
  AppendMember(R"(,"display":)", person.display, out);
  AppendMember(R"(,"external_id":)", person.external_id, out);
  out += R"(,"fields":)";
  AppendCanonicalJson(person.fields, out);
  out += R"(,"held_back":)";
  AppendList(person.held_back, base::AppendCanonicalText, out);
  AppendMember(R"(,"id":)", person.id, out);
  if (person.last_seen) AppendMember(R"(,"last_seen":)", DateText(*person.last_seen), out);
  out += R"(,"sources":)";
  AppendList(person.sources, AppendKey, out);
  out += '}';
  return out;
}

std::string VersionHash(const Person& person) { return base::Sha256Hex(CanonicalText(person)); }

Value FieldOf(const Person& person, const Contract* contract, absl::string_view path) {
  if (absl::ConsumePrefix(&path, "person.")) return FieldIn(person.fields, path);
  if (contract == nullptr || !absl::ConsumePrefix(&path, "contract.")) return Value::NotVisible();
  if (path == "type") return Value::Text(contract->type);
  if (path == "start") return Value::Date(contract->start);
  if (path != "end") return FieldIn(contract->fields, path);
  std::optional<absl::CivilDay> end = contract->EffectiveEnd();
  if (end) return Value::Date(*end);
  return contract->fields.count(Contract::kEndIsHidden) > 0 ? Value::NotVisible() : Value::Empty();
}

}  // namespace sluice::core
