// Writer: what it should do, and where it does not.
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <random>

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "tests/conformance/faulty/faulty.h"

namespace sluice::faulty {
namespace {

using Result = v1::OperationResult;
using Reply = v1::VerifyReply;

std::string NewId() {
  static std::mt19937_64 random{std::random_device()()};
  static std::mutex mutex;
  std::lock_guard<std::mutex> lock(mutex);
  return std::to_string(random());
}

Result Failed(v1::Reason reason, const std::string& summary) {
  Result result;
  result.set_outcome(Result::FAILED);
  *result.mutable_error() = MakeError(reason, "FTY-0200", summary);
  return result;
}
Result Done(Result::Outcome outcome, const std::string& id) {
  Result result;
  result.set_outcome(outcome);
  result.set_object_id(id);
  return result;
}

bool Same(const json& have, const v1::Value& want) {
  if (want.has_text()) return have.is_string() && strcasecmp(have.get<std::string>().c_str(), want.text().c_str()) == 0;
  return want.has_flag() && have == want.flag();
}
json FromValue(const v1::Value& value) {
  if (value.has_text()) return value.text();
  if (value.has_flag()) return value.flag();
  return nullptr;
}
v1::Value ToValue(const json& object, const std::string& name) {
  v1::Value value;
  const auto it = object.find(name);
  if (it == object.end() || it->is_null()) {
    value.mutable_empty();
  } else if (it->is_boolean()) {
    value.set_flag(it->get<bool>());
  } else {
    value.set_text(it->get<std::string>());
  }
  return value;
}

std::string Payload(v1::Operation operation) {
  operation.clear_attempt();
  operation.clear_timeout();
  operation.clear_object_name();
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream out(&stream);
  out.SetSerializationDeterministic(true);
  operation.SerializeToCodedStream(&out);
  out.Trim();
  return bytes;
}

// One operation on the table of accounts or groups.
class Change {
 public:
  Change(const Store& store, const v1::Operation& operation, bool is_preview, bool is_repeat = false)
      : store_(store), operation_(operation), is_preview_(is_preview), is_repeat_(is_repeat) {}

  Result Run() {
    const std::string& c = operation_.object_class();
    const bool is_member = operation_.action() == v1::ACTION_GRANT || operation_.action() == v1::ACTION_REVOKE;
    if (!Takes(c, operation_.action()) && !(Is("TGT-017") && operation_.action() == v1::ACTION_CREATE))
      return Failed(v1::REASON_UNSUPPORTED, "it cannot do that to this class");
    for (const v1::Delta& delta : operation_.deltas()) {
      if (delta.has_replace() && delta.replace().kind_case() == v1::Value::KIND_NOT_SET && !Is("TGT-018"))
        return Failed(v1::REASON_INVALID, "a replace has no value");
    }
    if (const Reached reached = store_.Scan(c + "/", &objects_); reached != Reached::kYes)
      return Failed(v1::REASON_UNAVAILABLE, "the system is not there");
    if (is_member) return Member();
    if (operation_.action() == v1::ACTION_CREATE) return Create();
    const auto it = objects_.find(c + "/" + operation_.object_id());
    if (it == objects_.end()) {
      if (operation_.action() == v1::ACTION_DELETE && !Is("TGT-009"))
        return Done(Result::NO_CHANGE, operation_.object_id());
      return Is("TGT-010") && operation_.action() == v1::ACTION_UPDATE
                 ? Done(Result::NO_CHANGE, operation_.object_id())
                 : Failed(v1::REASON_NOT_FOUND, "it is not there");
    }
    if (operation_.action() == v1::ACTION_DELETE) return Remove(it->first);
    return Update(it->first, it->second);
  }

 private:
  static bool Takes(const std::string& object_class, v1::Action action) {
    const v1::GetSchemaReply schema = ObjectSchema();
    for (const auto& c : schema.classes()) {
      if (c.name() == object_class)
        return std::find(c.actions().begin(), c.actions().end(), action) != c.actions().end();
    }
    return false;
  }
  Result Written(Reached reached, Result result) const {
    if (reached == Reached::kYes) return result;
    if (reached == Reached::kNot || Is("FLT-003")) return Failed(v1::REASON_UNAVAILABLE, "the system is not there");
    Result doubt;
    doubt.set_outcome(Result::IN_DOUBT);
    *doubt.mutable_error() = MakeError(v1::REASON_TRANSIENT, "FTY-0201", "the answer was lost");
    return doubt;
  }

  std::vector<std::string> Correlated() const {
    std::vector<std::string> hits;
    for (const auto& [key, object] : objects_) {
      const bool is_hit = std::all_of(
          operation_.correlate().begin(), operation_.correlate().end(), [&, o = &object](const v1::Match& match) {
            return o->contains(match.attribute()) && Same((*o)[match.attribute()], match.value());
          });
      if (is_hit) hits.push_back(key.substr(key.find('/') + 1));
    }
    return hits;
  }

  Result Create() {
    if (!operation_.correlate().empty()) {
      const std::vector<std::string> hits = Correlated();
      if ((hits.size() == 1 && !Is("TGT-015")) || (hits.size() > 1 && Is("TGT-016")))
        return Done(Result::NO_CHANGE, hits[0]);
      if (hits.size() > 1) {
        Result result = Failed(v1::REASON_AMBIGUOUS, "several match");
        for (const std::string& id : hits) {
          v1::Reference* candidate = result.mutable_error()->add_candidates();
          candidate->set_object_class(operation_.object_class());
          candidate->set_id(id);
        }
        return result;
      }
    }
    json object = json::object();
    for (const v1::Delta& delta : operation_.deltas()) {
      if (delta.replace().has_secret_text()) {
        if (Is("SEC-006")) Log("the password is " + delta.replace().secret_text());
        continue;
      }
      object[delta.attribute()] = FromValue(delta.replace());
    }
    if (operation_.object_class() == "account") object["enabled"] = Is("TGT-003");
    for (const char* unique : {"login", "name"}) {
      for (const auto& [key, other] : objects_) {
        if (!object.contains(unique) || !other.contains(unique) || !Same(other[unique], ToValue(object, unique)) ||
            is_repeat_)
          continue;
        Result result = Failed(v1::REASON_ALREADY_EXISTS, "it is taken");
        if (Is("TGT-014")) return result;
        v1::Taken* taken = result.mutable_error()->add_taken();
        taken->set_attribute(unique);
        *taken->mutable_value() = ToValue(object, unique);
        taken->mutable_holder()->set_object_class(operation_.object_class());
        taken->mutable_holder()->set_id(key.substr(key.find('/') + 1));
        return result;
      }
    }
    object["etag"] = "1";
    const std::string id = NewId();
    Result result = Done(Result::APPLIED, id);
    for (const auto& [name, value] : object.items()) {
      v1::Change* change = name == "etag" || name == "enabled" ? nullptr : result.add_changes();
      if (change == nullptr) continue;
      change->set_attribute(name);
      change->mutable_before()->mutable_empty();
      *change->mutable_after() = ToValue(object, name);
    }
    const bool is_account = operation_.object_class() == "account";
    if (is_preview_ && !Is("TGT-025")) return result;
    if (Is("pending-done") || Is("pending-not-done") || Is("TGT-031")) {
      if (is_account && !Is("pending-done")) return Done(Result::PENDING, "");
      if (is_account) return Written(store_.Set("account/" + id, object), Done(Result::PENDING, ""));
    }
    if (Is("FLT-001") && is_account) object["unmarked"] = true;
    const Reached reached = store_.Set(operation_.object_class() + "/" + id, object);
    if (reached == Reached::kYes && Is("FLT-001") && is_account) {
      object.erase("unmarked");
      usleep(3000);
      return Written(store_.Set("account/" + id, object), result);
    }
    return Written(reached, result);
  }

  Result Update(const std::string& key, json object) {
    if (!operation_.precondition().empty() && operation_.precondition() != object.value("etag", "0") && !Is("TGT-033"))
      return Failed(v1::REASON_CONFLICT, "it has changed since");
    json after = object;
    Result result = Done(Result::APPLIED, operation_.object_id());
    for (const v1::Delta& delta : operation_.deltas()) {
      if (delta.replace().has_secret_text()) continue;
      after[delta.attribute()] = FromValue(delta.replace());
      if (after[delta.attribute()] == object.value(delta.attribute(), json())) continue;
      v1::Change* change = result.add_changes();
      change->set_attribute(delta.attribute());
      *change->mutable_before() = ToValue(object, delta.attribute());
      if (Is("TGT-005")) change->mutable_before()->set_text("something else");
      *change->mutable_after() = ToValue(after, delta.attribute());
      if (is_preview_ && Is("TGT-026")) result.clear_changes();
    }
    if (operation_.action() == v1::ACTION_ENABLE) after["enabled"] = true;
    if (operation_.action() == v1::ACTION_DISABLE) after["enabled"] = false;
    const bool forgets = (Is("TGT-006") && operation_.action() == v1::ACTION_UPDATE) ||
                         (Is("TGT-007") && operation_.action() == v1::ACTION_ENABLE) ||
                         (Is("TGT-008") && operation_.action() == v1::ACTION_DISABLE);
    if (after == object && !forgets) return Done(Result::NO_CHANGE, operation_.object_id());
    if (is_preview_) return result;
    after["etag"] = std::to_string(atoi(object.value("etag", "0").c_str()) + 1);
    return Written(store_.Set(key, after), result);
  }

  Result Remove(const std::string& key) {
    if (is_preview_) return Done(Result::APPLIED, operation_.object_id());
    std::map<std::string, json> members;
    store_.Scan("membership/", &members);
    for (const auto& [member, value] : members) {
      if (value.value("account", "") == operation_.object_id() || value.value("group", "") == operation_.object_id())
        store_.Delete(member);
    }
    return Written(store_.Delete(key), Done(Result::APPLIED, operation_.object_id()));
  }

  Result Member() {
    const std::string& group = operation_.permission().object_id();
    const std::string id = operation_.object_id() + "." + group;
    const bool is_grant = operation_.action() == v1::ACTION_GRANT;
    const bool has_account = objects_.count("account/" + operation_.object_id()) > 0;
    std::map<std::string, json> members;
    if (store_.Scan("membership/", &members) != Reached::kYes)
      return Failed(v1::REASON_UNAVAILABLE, "the system is not there");
    const bool is_member = members.count("membership/" + id) > 0;
    if (is_grant && !has_account)
      return Is("TGT-013") ? Done(Result::NO_CHANGE, operation_.object_id())
                           : Failed(v1::REASON_NOT_FOUND, "there is no such account");
    if (is_grant == is_member && !(Is("TGT-011") && is_grant)) return Done(Result::NO_CHANGE, operation_.object_id());
    if (is_preview_) return Done(Result::APPLIED, operation_.object_id());
    if (!is_grant) return Written(store_.Delete("membership/" + id), Done(Result::APPLIED, operation_.object_id()));
    const json row = Is("TGT-012") ? json{{"account", "nobody"}, {"group", group}}
                                   : json{{"account", operation_.object_id()}, {"group", group}};
    return Written(store_.Set("membership/" + id, row), Done(Result::APPLIED, operation_.object_id()));
  }

  const Store store_;
  const v1::Operation& operation_;
  const bool is_preview_;
  const bool is_repeat_;  // Of what is written anew, which it should not be.
  std::map<std::string, json> objects_;
};

Store StoreFor(const System& system, const v1::Operation& operation) {
  const int64_t ms = operation.has_timeout() ? operation.timeout().seconds() * 1000 : 5000;
  return Store(system.server, static_cast<int>(std::min<int64_t>(ms, 5000)));
}

// By the ledger where it knows, else by doing it.
Result ApplyOne(const std::string& system_name, const System& system, const v1::Operation& operation) {
  const std::string payload = Payload(operation);
  State& state = Shared();
  bool is_repeat = false;
  {
    std::lock_guard<std::mutex> lock(state.mutex);
    auto& ledger = state.systems[system_name].ledger;
    const auto it = ledger.find(operation.id());
    if (it != ledger.end()) {
      const auto& [old, result] = it->second;
      const bool is_failed = result.outcome() == Result::FAILED || result.outcome() == Result::IN_DOUBT;
      if (old != payload && !is_failed && !Is("TGT-023"))
        return Failed(v1::REASON_INVALID, "the id came again with another payload");
      const bool forgets = (Is("TGT-022") && operation.attempt() > 1) || (Is("TGT-021") && operation.attempt() == 1);
      is_repeat = forgets && Is("TGT-021");
      if (old == payload && !is_failed && !forgets) return result;
      if (old != payload && Is("TGT-023")) return result;
    }
  }
  Result result = Change(StoreFor(system, operation), operation, false, is_repeat).Run();
  if (Is("TGT-024") && result.outcome() == Result::FAILED && result.error().reason() == v1::REASON_UNSUPPORTED)
    result.mutable_error()->clear_diagnostics();
  std::lock_guard<std::mutex> lock(state.mutex);
  state.systems[system_name].ledger[operation.id()] = {payload, result};
  return result;
}

Reply::Verdict VerifyOne(const System& system, const v1::Operation& operation) {
  Reply::Verdict verdict;
  verdict.set_operation(operation.id());
  const std::string& c = operation.object_class();
  std::map<std::string, json> objects;
  verdict.set_state(Reply::UNKNOWN);
  if (!IsClass(c)) return verdict;
  if (system.store.Scan(c + "/", &objects) != Reached::kYes) return verdict;
  if (Is("pending-done") || Is("pending-not-done") || Is("TGT-031")) {
    if (++Shared().counter % 2 == 1) return verdict.set_state(Reply::PENDING), verdict;
    if (Is("TGT-031")) return verdict.set_state(Reply::DONE), verdict;
  }
  const auto fits = [&](const json& object) {
    return std::all_of(operation.deltas().begin(), operation.deltas().end(), [&](const v1::Delta& delta) {
      return delta.replace().has_secret_text() ||
             (object.contains(delta.attribute()) && Same(object[delta.attribute()], delta.replace()));
    });
  };
  verdict.set_state(Reply::NOT_DONE);
  if (operation.action() == v1::ACTION_CREATE) {
    for (const auto& [key, object] : objects) {
      if (!fits(object) || object.contains("unmarked")) continue;
      verdict.set_state(Reply::DONE);
      verdict.mutable_result()->set_outcome(Result::APPLIED);
      verdict.mutable_result()->set_object_id(key.substr(key.find('/') + 1));
    }
    if (Is("TGT-028") && verdict.state() == Reply::DONE) verdict.mutable_result()->set_object_id("another");
    return verdict;
  }
  const auto it = objects.find(c + "/" + operation.object_id());
  const bool is_done =
      operation.action() == v1::ACTION_DELETE ? it == objects.end() : it != objects.end() && fits(it->second);
  if (is_done || (Is("TGT-029") && operation.action() == v1::ACTION_UPDATE)) verdict.set_state(Reply::DONE);
  return verdict;
}

}  // namespace

grpc::Status WriterService::Preview(grpc::ServerContext*, const v1::PreviewRequest* request, v1::PreviewReply* reply) {
  System system;
  if (const grpc::Status status = Find(request->system(), &system); !status.ok()) return status;
  if (system.read_only && Is("TGT-027") && request->operations_size() > 0)
    return Fail(v1::REASON_UNSUPPORTED, "FTY-0202", "it is open for reading only");
  for (const v1::Operation& operation : request->operations()) {
    Result result = Change(StoreFor(system, operation), operation, true).Run();
    result.set_operation(operation.id());
    *reply->add_results() = result;
  }
  return grpc::Status::OK;
}

grpc::Status WriterService::Apply(grpc::ServerContext*,
                                  grpc::ServerReaderWriter<v1::ApplyReply, v1::ApplyRequest>* stream) {
  v1::ApplyRequest request;
  if (!stream->Read(&request)) return grpc::Status::OK;
  const std::string name = request.start().system();
  System system;
  if (const grpc::Status status = Find(name, &system); !status.ok()) return status;
  if (system.read_only && !Is("TGT-001"))
    return Fail(v1::REASON_UNSUPPORTED, "FTY-0203", "it is open for reading only");
  ++Shared().applies;
  while (stream->Read(&request)) {
    v1::ApplyReply reply;
    for (const v1::Operation& operation : request.operations().operations()) {
      Result result = ApplyOne(name, system, operation);
      result.set_operation(operation.id());
      *reply.mutable_results()->add_results() = result;
      if (Is("TGT-020") && request.operations().operations_size() > 1 && reply.results().results_size() == 1)
        *reply.mutable_results()->add_results() = result;
    }
    if (reply.has_results()) stream->Write(reply);
  }
  --Shared().applies;
  return grpc::Status::OK;
}

grpc::Status WriterService::Verify(grpc::ServerContext*, const v1::VerifyRequest* request, v1::VerifyReply* reply) {
  System system;
  if (const grpc::Status status = Find(request->system(), &system); !status.ok()) return status;
  for (const v1::Operation& operation : request->operations()) *reply->add_verdicts() = VerifyOne(system, operation);
  if (Is("TGT-030") && reply->verdicts_size() > 1) reply->mutable_verdicts()->RemoveLast();
  return grpc::Status::OK;
}

}  // namespace sluice::faulty
