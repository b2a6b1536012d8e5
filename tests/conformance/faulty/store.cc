// The system: lines over TCP, a connection a request. "SCAN prefix" gives "key json" lines and a "."; "SET key json"
// and "DEL key" give "OK".
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "sdk/wire/columns.h"
#include "sdk/wire/error.h"
#include "tests/conformance/faulty/faulty.h"

namespace sluice::faulty {
namespace {

std::string g_fault;

v1::Value TextValue(const std::string& text) {
  v1::Value value;
  value.set_text(text);
  return value;
}

v1::Attribute Attribute(const std::string& name, v1::Attribute::Type type, v1::Attribute::Privacy privacy,
                        bool writable = false) {
  v1::Attribute attribute;
  attribute.set_name(name);
  attribute.set_type(type);
  attribute.set_privacy(privacy);
  attribute.set_readable(true);
  attribute.set_creatable(writable);
  attribute.set_updatable(writable);
  return attribute;
}

v1::ObjectClass* AddClass(v1::GetSchemaReply* schema, const std::string& name, v1::ObjectClass::Role role,
                          std::vector<v1::Action> actions) {
  v1::ObjectClass* c = schema->add_classes();
  c->set_name(name);
  c->set_role(role);
  c->add_actions(v1::ACTION_READ);
  for (const v1::Action action : actions) c->add_actions(action);
  if (!actions.empty()) {
    c->mutable_writing()->set_idempotency(v1::Writing::READ_BEFORE_WRITE);
    c->mutable_writing()->set_max_in_flight(4);
    c->mutable_writing()->set_batch_size(1);
  }
  return c;
}

}  // namespace

bool Is(const char* check) { return g_fault == check; }
void SetFault(std::string check) { g_fault = std::move(check); }

void Log(const std::string& message) {
  const std::string line = json{{"level", "info"}, {"message", message}}.dump() + "\n";
  fputs(line.c_str(), stderr);
  fflush(stderr);
}

State& Shared() {
  static State* const kState = new State;
  return *kState;
}

Reached Store::Ask(const std::string& line, std::string* answer) const {
  if (Is("FLT-008") && Shared().was_unreachable) return Reached::kNot;
  const size_t colon = address_.rfind(':');
  sockaddr_in address{};
  address.sin_family = AF_INET;
  if (colon == std::string::npos || inet_pton(AF_INET, address_.substr(0, colon).c_str(), &address.sin_addr) != 1)
    return Reached::kNot;
  address.sin_port = htons(static_cast<uint16_t>(atoi(address_.c_str() + colon + 1)));
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool is_write = line.rfind("SCAN", 0) != 0;
  const int timeout = Is("FLT-005") ? 60000 : timeout_ms_;
  const timeval limit{timeout / 1000, (timeout % 1000) * 1000};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  const std::string text = line + "\n";
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      send(fd, text.data(), text.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(text.size())) {
    close(fd);
    Shared().was_unreachable = true;
    return Reached::kNot;
  }
  const std::string end = is_write ? "\n" : ".\n";
  char buffer[65536];
  ssize_t n = 0;
  while (answer->size() < end.size() || answer->compare(answer->size() - end.size(), end.size(), end) != 0) {
    n = recv(fd, buffer, sizeof buffer, 0);
    if (n <= 0) break;
    answer->append(buffer, static_cast<size_t>(n));
  }
  close(fd);
  if (n > 0) return Reached::kYes;
  Shared().was_unreachable = true;
  return Reached::kLost;
}

Reached Store::Scan(const std::string& prefix, std::map<std::string, json>* found) const {
  std::string answer;
  if (const Reached reached = Ask("SCAN " + prefix + (is_limited_ ? " limited" : ""), &answer);
      reached != Reached::kYes)
    return reached;
  if (answer.rfind("DENIED", 0) == 0) return Reached::kDenied;
  for (size_t at = 0; at < answer.size();) {
    const size_t end = answer.find('\n', at);
    const std::string line = answer.substr(at, end - at);
    at = end + 1;
    const size_t blank = line.find(' ');
    if (blank != std::string::npos)
      (*found)[line.substr(0, blank)] = json::parse(line.substr(blank + 1), nullptr, false);
  }
  return Reached::kYes;
}
Reached Store::Set(const std::string& key, const json& value) const {
  std::string answer;
  return Ask("SET " + key + " " + value.dump(), &answer);
}
Reached Store::Delete(const std::string& key) const {
  std::string answer;
  return Ask("DEL " + key, &answer);
}

v1::Error MakeError(v1::Reason reason, const std::string& code, const std::string& summary) {
  return wire::MakeError(reason, code, summary);
}
grpc::Status Fail(v1::Reason reason, const std::string& code, const std::string& summary) {
  return wire::GrpcFromStatus(wire::StatusFromError(MakeError(reason, code, summary)));
}

grpc::Status Find(const std::string& name, System* system) {
  State& state = Shared();
  std::lock_guard<std::mutex> lock(state.mutex);
  const auto it = state.systems.find(name);
  if (it != state.systems.end()) {
    *system = it->second;
    return grpc::Status::OK;
  }
  if (Is("ERR-001")) {
    v1::Error bare;
    bare.set_reason(v1::REASON_INVALID);
    return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "not open");
  }
  return Fail(v1::REASON_INVALID, "FTY-0001", "that system is not open");
}

v1::GetSchemaReply ObjectSchema() {
  using A = v1::Attribute;
  v1::GetSchemaReply schema;
  v1::ObjectClass* person = AddClass(&schema, "person", v1::ObjectClass::PERSON, {});
  *person->add_attributes() = Attribute("name", A::TEXT, A::SENSITIVE);
  *person->add_attributes() = Attribute("number", A::TEXT, A::INTERNAL);
  *person->add_attributes() = Attribute("note", A::TEXT, A::INTERNAL);
  v1::ObjectClass* contract = AddClass(&schema, "contract", v1::ObjectClass::CONTRACT, {});
  contract->set_owner_attribute("person");
  *contract->add_attributes() = Attribute("person", A::REFERENCE, A::INTERNAL);
  contract->mutable_attributes(0)->set_reference_class("person");
  *contract->add_attributes() = Attribute("start", A::DATE, A::INTERNAL);
  v1::ObjectClass* account =
      AddClass(&schema, "account", v1::ObjectClass::ACCOUNT,
               {v1::ACTION_CREATE, v1::ACTION_UPDATE, v1::ACTION_ENABLE, v1::ACTION_DISABLE, v1::ACTION_DELETE,
                v1::ACTION_GRANT, v1::ACTION_REVOKE, v1::ACTION_SET_CREDENTIAL});
  *account->add_attributes() = Attribute("login", A::TEXT, A::INTERNAL, true);
  account->mutable_attributes(0)->set_unique_in("login");
  account->mutable_attributes(0)->set_required(true);
  account->mutable_attributes(0)->set_case_insensitive(true);
  *account->add_attributes() = Attribute("display_name", A::TEXT, A::SENSITIVE, true);
  *account->add_attributes() = Attribute("number", A::TEXT, A::INTERNAL, true);
  *account->add_attributes() = Attribute("enabled", A::FLAG, A::INTERNAL);
  v1::Attribute password = Attribute("password", A::SECRET, A::SPECIAL, true);
  password.set_readable(false);
  *account->add_attributes() = password;
  v1::ObjectClass* group =
      AddClass(&schema, "group", v1::ObjectClass::PERMISSION, {v1::ACTION_CREATE, v1::ACTION_DELETE});
  *group->add_attributes() = Attribute("name", A::TEXT, A::INTERNAL, true);
  group->mutable_attributes(0)->set_unique_in("group");
  group->mutable_attributes(0)->set_required(true);
  v1::ObjectClass* membership =
      AddClass(&schema, "membership", v1::ObjectClass::RELATION, {v1::ACTION_GRANT, v1::ACTION_REVOKE});
  for (const char* name : {"account", "group"}) {
    *membership->add_attributes() = Attribute(name, A::REFERENCE, A::INTERNAL);
    membership->mutable_attributes()->rbegin()->set_reference_class(name);
  }
  v1::ObjectClass::Relation* relation = membership->mutable_relation();
  relation->set_subject_class("account");
  relation->set_subject_attribute("account");
  relation->set_object_class("group");
  relation->set_object_attribute("group");
  relation->set_grantable(true);
  if (Is("SCH-001")) person->mutable_attributes(2)->set_max_length(static_cast<uint32_t>(++Shared().counter));
  return schema;
}

bool IsClass(const std::string& object_class) {
  const v1::GetSchemaReply schema = ObjectSchema();
  for (const auto& c : schema.classes()) {
    if (c.name() == object_class) return true;
  }
  return false;
}

const std::vector<std::string>& AttributesOf(const std::string& object_class) {
  static const std::map<std::string, std::vector<std::string>>* const kAttributes = [] {
    auto* all = new std::map<std::string, std::vector<std::string>>;
    const v1::GetSchemaReply schema = ObjectSchema();
    for (const auto& c : schema.classes()) {
      for (const auto& a : c.attributes()) {
        if (a.readable()) (*all)[c.name()].push_back(a.name());
      }
    }
    return all;
  }();
  return kAttributes->at(object_class);
}

Reached List(const Store& store, const std::string& object_class, const std::string& scope,
             std::vector<Object>* objects) {
  std::map<std::string, json> found;
  if (const Reached reached = store.Scan(object_class + "/", &found); reached != Reached::kYes) return reached;
  for (const auto& [key, value] : found) {
    if (!value.is_object() || (!scope.empty() && value.value("scope", "north") != scope)) continue;
    Object& object = objects->emplace_back();
    object.object_class = object_class;
    object.id = key.substr(object_class.size() + 1);
    object.name = value.value("login", value.value("name", ""));
    for (const std::string& name : AttributesOf(object_class)) {
      v1::Value& cell = object.values[name];
      const auto it = value.find(name);
      const bool is_reference = object_class == "membership" || name == "person";
      if (it == value.end()) {
        cell.mutable_empty();
      } else if (is_reference) {
        cell.mutable_reference()->set_object_class(name);
        cell.mutable_reference()->set_id(it->get<std::string>());
      } else if (name == "start") {
        *cell.mutable_date() = wire::DateToProto(absl::CivilDay(2026, 8, it->get<int>()));
      } else if (it->is_boolean()) {
        cell.set_flag(it->get<bool>());
      } else {
        cell = TextValue(it->get<std::string>());
      }
    }
    if (object_class == "person" && Is("SRC-021")) object.values["number"].set_integer(7);
    if (object_class == "contract" && Is("SRC-025")) object.values["person"].mutable_empty();
    if (object_class != "account") continue;
    const std::string etag = value.value("etag", "0");
    object.values["etag"].set_text(etag);
    if (Is("TGT-002") && etag == "1") object.values["number"].set_text("something else");
    if (Is("TGT-004") && etag != "1") object.values["display_name"].set_text("something else");
  }
  return Reached::kYes;
}

v1::RecordBatch Batch(const std::vector<Object>& objects, size_t first, size_t count,
                      const std::vector<std::string>& attributes) {
  v1::RecordBatch batch;
  for (size_t i = first; i < first + count; ++i) {
    batch.add_ids(objects[i].id);
    batch.add_names(objects[i].name);
  }
  for (size_t a = 0; a < attributes.size(); ++a) {
    std::vector<v1::Value> cells;
    for (size_t i = first; i < first + count; ++i) {
      const auto cell = objects[i].values.find(attributes[a]);
      cells.push_back(cell == objects[i].values.end() ? v1::Value() : cell->second);
    }
    v1::Column* column = batch.add_columns();
    wire::EncodeColumn(std::move(cells), column);
    column->set_attribute(static_cast<uint32_t>(a));
  }
  return batch;
}

}  // namespace sluice::faulty
