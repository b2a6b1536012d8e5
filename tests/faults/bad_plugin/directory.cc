#include "tests/faults/bad_plugin/directory.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace sluice::faults {
namespace {

using connector::Action;
using connector::Delta;
using connector::Error;
using connector::Operation;
using connector::Reason;
using connector::Record;
using connector::Result;
using connector::Value;
using nlohmann::json;

const char* Table(const std::string& object_class) { return object_class == "account" ? "accounts" : "groups"; }

bool IsUnique(const std::string& attribute) { return attribute == "login" || attribute == "mail"; }

Value FromJson(const json& value) {
  if (value.is_string()) return Value(value.get<std::string>());
  if (value.is_boolean()) return Value(value.get<bool>());
  if (value.is_number_integer()) return Value(value.get<int64_t>());
  if (value.is_array()) {
    connector::List list;
    for (const json& item : value) list.push_back(FromJson(item));
    return Value(std::move(list));
  }
  return Value::Empty();
}

json ToJson(const Value& value) {
  if (value.text() != nullptr) return *value.text();
  if (value.flag() != nullptr) return *value.flag();
  if (value.integer() != nullptr) return *value.integer();
  if (value.secret() != nullptr) return value.secret()->Reveal();
  if (value.list() != nullptr) {
    json list = json::array();
    for (const Value& item : *value.list()) list.push_back(ToJson(item));
    return list;
  }
  return nullptr;
}

Value At(const json& object, const std::string& attribute) {
  auto it = object.find(attribute);
  return it != object.end() ? FromJson(*it) : Value::Empty();
}

bool SameText(const json& value, const Value& wanted) {
  return value.is_string() && wanted.text() != nullptr &&
         absl::EqualsIgnoreCase(value.get<std::string>(), *wanted.text());
}

}  // namespace

Directory::Directory(std::string path) : path_(std::move(path)) {
  absl::MutexLock lock(&mutex_);
  Load();
}

void Directory::Load() {
  data_ = json{{"next", 1},
               {"accounts", json::object()},
               {"groups", json::object()},
               {"members", json::array()},
               {"log", json::array()}};
  std::ifstream in(path_);
  if (!in) return;
  json read = json::parse(in, nullptr, false);
  if (read.is_object()) data_.update(read);
}

void Directory::Save() {
  if (path_.empty()) return;
  const std::string next = path_ + ".next";
  const std::string text = data_.dump(1);
  const int fd = open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return;
  const bool is_written = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  close(fd);
  if (is_written) rename(next.c_str(), path_.c_str());
}

void Directory::Note(const std::string& line) const {
  if (path_.empty()) return;
  const int fd = open((path_ + ".calls").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return;
  const std::string text = line + "\n";
  if (write(fd, text.data(), text.size()) < 0) perror("bad-plugin");
  close(fd);
}

Result Directory::Carry(const Operation& operation) {
  absl::MutexLock lock(&mutex_);
  Load();  // A test may have changed it from outside.
  Result result = Result::Failed(Error(Reason::kUnsupported, "BAD-0001", "the bad plugin knows no such action"));
  switch (operation.action) {
    case Action::kCreate:
      result = Create(operation);
      break;
    case Action::kUpdate:
    case Action::kEnable:
    case Action::kDisable:
    case Action::kSetCredential:
      result = Change(operation);
      break;
    case Action::kDelete:
      result = Delete(operation);
      break;
    case Action::kGrant:
    case Action::kRevoke:
      result = Membership(operation);
      break;
    default:
      break;
  }
  data_["log"].push_back(json{{"operation", operation.id},
                              {"attempt", operation.attempt},
                              {"action", std::string(connector::ActionName(operation.action))},
                              {"outcome", static_cast<int>(result.outcome)},
                              {"object", result.object_id.empty() ? operation.object_id : result.object_id}});
  Save();
  return result;
}

Error Directory::TakenError(const Operation& operation, const std::string& self) {
  for (const Delta& delta : operation.deltas) {
    if (!IsUnique(delta.attribute)) continue;
    for (const auto& [id, object] : data_[Table(operation.object_class)].items()) {
      auto it = object.find(delta.attribute);
      if (id == self || it == object.end() || !SameText(*it, delta.value)) continue;
      return Error(Reason::kAlreadyExists, "BAD-0002", absl::StrCat("the ", delta.attribute, " is taken"))
          .TakenBy(delta.attribute, delta.value, connector::Reference{operation.object_class, id},
                   object.value("login", ""));
    }
  }
  return Error();
}

Result Directory::Create(const Operation& operation) {
  json& table = data_[Table(operation.object_class)];
  if (!operation.correlate.empty()) {
    std::vector<std::string> hits;
    for (const auto& [id, object] : table.items()) {
      const bool matches =
          std::all_of(operation.correlate.begin(), operation.correlate.end(), [&](const connector::Match& match) {
            auto it = object.find(match.attribute);
            return it != object.end() && SameText(*it, match.value);
          });
      if (matches) hits.push_back(id);
    }
    if (hits.size() == 1) return Result::NoChange(hits[0]);
    if (hits.size() > 1) {
      Error error(Reason::kAmbiguous, "BAD-0003", "several objects match");
      for (const std::string& id : hits) error.Candidate(operation.object_class, id);
      return Result::Failed(error);
    }
  }
  if (Error taken = TakenError(operation, ""); !taken.diagnostics.empty()) return Result::Failed(taken);
  const std::string id = absl::StrCat(operation.object_class == "account" ? "a-" : "g-", data_["next"].get<int>());
  data_["next"] = data_["next"].get<int>() + 1;
  json object = json::object();
  Result result = Result::Applied(id);
  for (const Delta& delta : operation.deltas) {
    object[delta.attribute] = delta.kind == Delta::Kind::kAdd ? ToJson(Value(delta.values)) : ToJson(delta.value);
    if (delta.value.secret() == nullptr) result.Changed(delta.attribute, Value::Empty(), At(object, delta.attribute));
  }
  if (operation.object_class == "account") object["enabled"] = false;
  result.object_name = object.value(operation.object_class == "account" ? "login" : "name", "");
  table[id] = object;
  return result;
}

Result Directory::Change(const Operation& operation) {
  json& table = data_[Table(operation.object_class)];
  if (!table.contains(operation.object_id)) {
    return Result::Failed(Error(Reason::kNotFound, "BAD-0004", "there is no such object")
                              .Object(operation.object_class, operation.object_id));
  }
  if (Error taken = TakenError(operation, operation.object_id); !taken.diagnostics.empty())
    return Result::Failed(taken);
  json& object = table[operation.object_id];
  const json before = object;
  for (const Delta& delta : operation.deltas) {
    json& value = object[delta.attribute];
    if (delta.kind == Delta::Kind::kReplace) value = ToJson(delta.value);
    if (delta.kind == Delta::Kind::kClear) object.erase(delta.attribute);
    if (delta.kind != Delta::Kind::kAdd && delta.kind != Delta::Kind::kRemove) continue;
    if (!value.is_array()) value = json::array();
    for (const Value& item : delta.values) {
      auto found = std::find(value.begin(), value.end(), ToJson(item));
      if (delta.kind == Delta::Kind::kAdd && found == value.end()) value.push_back(ToJson(item));
      if (delta.kind == Delta::Kind::kRemove && found != value.end()) value.erase(found);
    }
  }
  if (operation.action == Action::kEnable) object["enabled"] = true;
  if (operation.action == Action::kDisable) object["enabled"] = false;
  Result result = object == before ? Result::NoChange(operation.object_id) : Result::Applied(operation.object_id);
  for (const Delta& delta : operation.deltas) {
    if (delta.value.secret() == nullptr)
      result.Changed(delta.attribute, At(before, delta.attribute), At(object, delta.attribute));
  }
  if (operation.action == Action::kEnable || operation.action == Action::kDisable) {
    result.Changed("enabled", At(before, "enabled"), At(object, "enabled"));
  }
  return result;
}

Result Directory::Delete(const Operation& operation) {
  json& table = data_[Table(operation.object_class)];
  if (!table.contains(operation.object_id)) return Result::NoChange(operation.object_id);
  table.erase(operation.object_id);
  json kept = json::array();
  for (const json& member : data_["members"]) {
    if (member[0] != operation.object_id && member[1] != operation.object_id) kept.push_back(member);
  }
  data_["members"] = kept;
  return Result::Applied(operation.object_id);
}

Result Directory::Membership(const Operation& operation) {
  const std::string& group = operation.permission->object_id;
  const json pair = json::array({operation.object_id, group});
  json& members = data_["members"];
  auto it = std::find(members.begin(), members.end(), pair);
  const bool is_grant = operation.action == Action::kGrant;
  if (is_grant && (!data_["accounts"].contains(operation.object_id) || !data_["groups"].contains(group))) {
    return Result::Failed(Error(Reason::kNotFound, "BAD-0004", "there is no such account or group")
                              .Object("account", operation.object_id));
  }
  if (is_grant == (it != members.end())) return Result::NoChange(operation.object_id);
  if (is_grant) {
    members.push_back(pair);
  } else {
    members.erase(it);
  }
  return Result::Applied(operation.object_id);
}

Record Directory::RecordOf(const std::string& object_class, const std::string& id, const json& object) {
  Record record(object_class, id);
  record.Name(object.value(object_class == "account" ? "login" : "name", ""));
  const std::vector<std::string> attributes =
      object_class == "account" ? std::vector<std::string>{"login", "mail", "display_name", "number", "tags", "enabled"}
                                : std::vector<std::string>{"name"};
  for (const std::string& attribute : attributes) record.Set(attribute, At(object, attribute));
  return record;
}

std::vector<Record> Directory::List(const std::string& object_class) {
  absl::MutexLock lock(&mutex_);
  Load();
  std::vector<Record> records;
  if (object_class == "membership") {
    for (const json& member : data_["members"]) {
      const std::string account = member[0];
      const std::string group = member[1];
      Record record("membership", absl::StrCat(account, "/", group));
      record.SetReference("account", "account", account).SetReference("group", "group", group);
      records.push_back(record);
    }
    return records;
  }
  for (const auto& [id, object] : data_[Table(object_class)].items())
    records.push_back(RecordOf(object_class, id, object));
  return records;
}

std::vector<Record> Directory::Find(const std::string& object_class, const connector::Key& key) {
  std::vector<Record> found;
  for (const Record& record : List(object_class)) {
    const bool is_it = !key.object_id.empty()
                           ? record.id() == key.object_id
                           : std::all_of(key.match.begin(), key.match.end(), [&](const connector::Match& match) {
                               const Value& value = record.Get(match.attribute);
                               if (value.text() != nullptr && match.value.text() != nullptr) {
                                 return absl::EqualsIgnoreCase(*value.text(), *match.value.text());
                               }
                               return value == match.value;
                             });
    if (is_it) found.push_back(record);
  }
  return found;
}

std::vector<connector::Taken> Directory::FindTaken(const std::string& attribute, const std::vector<Value>& values) {
  std::vector<connector::Taken> taken;
  for (const Value& value : values) {
    for (const Record& record : Find("account", connector::Key{"", {connector::Match{attribute, value}}})) {
      taken.push_back(connector::Taken{attribute, value, connector::Reference{"account", record.id()}, record.name()});
    }
  }
  return taken;
}

}  // namespace sluice::faults
