// Reader: what it should do, and where it does not.
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "sdk/wire/error.h"
#include "tests/conformance/faulty/faulty.h"

namespace sluice::faulty {
namespace {

using Writer = grpc::ServerWriter<v1::ImportFrame>;

constexpr uint32_t kFormat = 3;
const char* const kClasses[] = {"person", "contract", "account", "group", "membership"};

bool HasUnknownFields(const google::protobuf::Message& message) {
  return !message.GetReflection()->GetUnknownFields(message).empty();
}

// What one import was asked for.
struct Plan {
  std::vector<std::pair<std::string, std::vector<std::string>>> classes;
  std::vector<std::string> scopes;
  std::map<std::string, std::string> tokens;  // By scope: "pos:3" or "end".
};

grpc::Status MakePlan(const v1::ImportRequest& request, int64_t pages, Plan* plan) {
  for (const auto& asked : request.classes()) {
    if (!IsClass(asked.object_class())) {
      if (Is("SRC-010")) {
        plan->classes.emplace_back(asked.object_class(), std::vector<std::string>());
        continue;
      }
      return Fail(v1::REASON_INVALID, "FTY-0100", "there is no such class");
    }
    plan->classes.emplace_back(asked.object_class(),
                               std::vector<std::string>(asked.attributes().begin(), asked.attributes().end()));
  }
  if (plan->classes.empty() || (Is("SRC-009") && IsClass(plan->classes[0].first))) {
    plan->classes.clear();
    for (const char* name : kClasses) plan->classes.emplace_back(name, AttributesOf(name));
    if (Is("SRC-008")) plan->classes.pop_back();
  }
  for (const char* scope : {"north", "south"}) {
    const bool is_asked = request.scopes().empty() || Is("SRC-012") ||
                          std::find(request.scopes().begin(), request.scopes().end(), scope) != request.scopes().end();
    if (is_asked) plan->scopes.push_back(scope);
  }
  for (const v1::Cursor& cursor : request.cursors()) {
    const bool is_format = cursor.format() == kFormat || Is("SRC-033");
    const size_t slash = cursor.token().find('/');
    const std::string token = slash == std::string::npos ? "" : cursor.token().substr(slash + 1);
    const bool is_ours = Is("SRC-035") || cursor.token().substr(0, slash) == std::to_string(pages);
    const bool is_token = is_ours && (token == "end" || token.rfind("pos:", 0) == 0);
    if (!is_format || (!is_token && !(Is("SRC-034") && slash == std::string::npos)))
      return Fail(v1::REASON_CURSOR_EXPIRED, "FTY-0101", "the cursor is of another time");
    plan->tokens[cursor.scope()] = is_token ? token : "end";
  }
  return grpc::Status::OK;
}

v1::ImportFrame SchemaFrame(const Plan& plan) {
  v1::ImportFrame frame;
  for (const auto& [name, attributes] : plan.classes) {
    auto* columns = frame.mutable_schema()->add_classes();
    columns->set_object_class(name);
    for (const std::string& attribute : attributes) columns->add_attributes(attribute);
  }
  for (const std::string& scope : plan.scopes) {
    auto* added = frame.mutable_schema()->add_scopes();
    added->set_id(scope);
    added->set_label("scope " + scope);
  }
  return frame;
}

v1::Cursor CursorOf(const std::string& scope, int64_t pages, const std::string& token) {
  v1::Cursor cursor;
  cursor.set_scope(scope);
  cursor.set_format(kFormat);
  cursor.set_token(std::to_string(pages) + "/" + token);
  return cursor;
}

class ImportCall {
 public:
  ImportCall(grpc::ServerContext* context, const System& system, Plan plan, Writer* out)
      : context_(context), system_(system), plan_(std::move(plan)), out_(out) {}

  grpc::Status Run() {
    out_->Write(SchemaFrame(plan_));
    if (Is("SRC-011")) {
      for (int i = 0; i < 3000 && !context_->IsCancelled(); ++i) usleep(10000);
    }
    SayOddThings();
    for (size_t scope = 0; scope < plan_.scopes.size(); ++scope) {
      if (!SendScope(scope)) return Fail(v1::REASON_CANCELLED, "FTY-0107", "nobody reads");
    }
    const bool all_failed =
        std::all_of(scopes_.begin(), scopes_.end(), [](const Scope& scope) { return scope.failed; });
    if (all_failed && Is("FLT-004")) return Fail(v1::REASON_AUTH, "FTY-0105", "the system refuses us");
    if (all_failed) return Fail(v1::REASON_UNAVAILABLE, "FTY-0106", "the system is not there");
    if (Is("SRC-001")) return Fail(v1::REASON_TRANSIENT, "FTY-0102", "it never works");
    if (Is("SRC-032") && !plan_.tokens.empty() && AllAtEnd()) SendDeleted();
    if (!Is("SRC-002")) SendEnd();
    return grpc::Status::OK;
  }

 private:
  bool AllAtEnd() const {
    return std::all_of(plan_.tokens.begin(), plan_.tokens.end(),
                       [](const auto& token) { return token.second == "end"; });
  }

  void SayOddThings() {
    v1::ImportFrame frame;
    v1::Diagnostic* diagnostic = frame.mutable_diagnostic();
    diagnostic->set_severity(v1::Diagnostic::WARNING);
    diagnostic->set_code(Is("SRC-026") ? "" : "FTY-0103");
    diagnostic->set_summary("one line was left out");
    diagnostic->set_origin("line 3");
    if (Is("SRC-007")) diagnostic->set_detail(std::string(5 << 20, 'x'));
    if (Is("SEC-002")) diagnostic->set_summary("signed in with " + system_.token);
    out_->Write(frame);
    if (Is("SEC-001")) Log("signed in with " + system_.token);
    if (Is("SRC-013") && !grown_.exchange(true)) memset(malloc(200 << 20), 1, 200 << 20);
  }

  // What became of one scope.
  struct Scope {
    std::vector<uint64_t> counts;           // By class.
    std::map<size_t, v1::Reason> not_read;  // Classes.
    std::string token;                      // The last checkpoint's.
    bool failed = false;                    // From some class on.
  };

  // Objects of one class, if the system gives them.
  Reached Get(const std::string& object_class, const std::string& scope, std::vector<Object>* objects) {
    if (!IsClass(object_class)) return Reached::kYes;
    const Reached reached = List(system_.store, object_class, scope, objects);
    if (reached == Reached::kDenied && Is("SRC-014")) return Reached::kYes;
    if (reached == Reached::kDenied) return reached;
    if (reached != Reached::kYes && Is("FLT-006") && object_class == "group") return Reached::kYes;
    if (reached != Reached::kYes) return reached;
    for (Object& object : *objects) {
      if (object_class != "person") continue;
      if (Is("SRC-022")) object.values["note"].set_text(std::to_string(++Shared().counter));
      if (Is("SRC-023")) object.values["note"].set_text(std::to_string(getpid()));
      if (Is("SEC-004")) Log("read " + object.values["name"].text());
      if (Is("SEC-005")) Complain(object);
    }
    if (object_class == "group" && Is("SRC-020") && !objects->empty()) objects->push_back(objects->front());
    return Reached::kYes;
  }
  void Complain(const Object& object) {
    v1::ImportFrame frame;
    frame.mutable_diagnostic()->set_severity(v1::Diagnostic::WARNING);
    frame.mutable_diagnostic()->set_code("FTY-0104");
    frame.mutable_diagnostic()->set_summary("has no class: " + object.values.at("name").text());
    out_->Write(frame);
  }

  // False when nobody reads on.
  bool SendScope(size_t scope) {
    const std::string& id = plan_.scopes[scope];
    const auto token = plan_.tokens.find(id);
    size_t skip = 0;
    const bool is_at_end = token != plan_.tokens.end() && token->second == "end";
    if (token != plan_.tokens.end() && !is_at_end)
      skip = static_cast<size_t>(atoi(token->second.c_str() + 4)) + (Is("SRC-031") ? 1 : 0);
    size_t position = 0;
    Scope& state = scopes_.emplace_back();
    state.counts.resize(plan_.classes.size());
    for (size_t c = 0; c < plan_.classes.size(); ++c) {
      std::vector<Object> objects;
      const Reached reached = state.failed ? Reached::kNot : Get(plan_.classes[c].first, id, &objects);
      if (reached == Reached::kDenied) {
        state.not_read[c] = v1::REASON_FORBIDDEN;
      } else if (reached != Reached::kYes) {
        Shared().was_unreachable = true;
        state.not_read[c] = v1::REASON_UNAVAILABLE;
        state.failed = true;
      }
      if (is_at_end) objects.clear();
      for (size_t i = 0; i < objects.size(); ++i, ++position) {
        if (position < skip) continue;
        if (!SendOne(scope, c, objects, i)) return false;
        // In the middle of a scope, never at its end.
        if (c == 0 && i == 1) SendCheckpoint(scope, position + 1);
      }
    }
    return true;
  }
  bool SendOne(size_t scope, size_t c, const std::vector<Object>& objects, size_t i) {
    v1::ImportFrame frame;
    *frame.mutable_records() = Batch(objects, i, 1, plan_.classes[c].second);
    frame.mutable_records()->set_object_class(static_cast<uint32_t>(c));
    frame.mutable_records()->set_scope(static_cast<uint32_t>(scope));
    if (Is("SRC-006") && plan_.classes[c].first == "group") frame.mutable_records()->add_columns()->set_attribute(99);
    ++scopes_.back().counts[c];
    return out_->Write(frame);
  }
  void SendCheckpoint(size_t scope, size_t position) {
    v1::ImportFrame frame;
    frame.mutable_checkpoint()->set_scope(static_cast<uint32_t>(scope));
    scopes_.back().token = "pos:" + std::to_string(position);
    *frame.mutable_checkpoint()->mutable_cursor() = CursorOf(plan_.scopes[scope], system_.pages, scopes_.back().token);
    out_->Write(frame);
  }
  void SendDeleted() {
    v1::ImportFrame frame;
    frame.mutable_deleted()->add_ids("p1");
    out_->Write(frame);
  }
  void SendEnd() {
    v1::ImportFrame frame;
    for (size_t s = 0; s < plan_.scopes.size(); ++s) {
      auto* scope = frame.mutable_end()->add_scopes();
      scope->set_scope(static_cast<uint32_t>(s));
      const std::string token = scopes_[s].failed && !Is("FLT-009") ? scopes_[s].token : "end";
      if (!Is("SRC-030") && !token.empty()) *scope->mutable_cursor() = CursorOf(plan_.scopes[s], system_.pages, token);
      for (size_t c = 0; c < plan_.classes.size(); ++c) {
        if (Is("SRC-004") && s == 0 && c + 1 == plan_.classes.size()) continue;
        auto* end = scope->add_classes();
        end->set_object_class(static_cast<uint32_t>(c));
        end->set_records(scopes_[s].counts[c] + (Is("SRC-003") && c == 0 ? 1 : 0));
        end->set_state(Is("SRC-005") && plan_.classes[c].first == "membership" ? v1::ImportEnd::PARTIAL
                                                                               : v1::ImportEnd::COMPLETE);
        const auto reason = scopes_[s].not_read.find(c);
        if (reason == scopes_[s].not_read.end()) continue;
        end->set_state(v1::ImportEnd::NOT_READ);
        *end->mutable_error() = MakeError(reason->second, "FTY-0111", "the system does not give it");
      }
    }
    out_->Write(frame);
  }

  static inline std::atomic<bool> grown_{false};
  grpc::ServerContext* const context_;
  const System system_;
  const Plan plan_;
  Writer* const out_;
  std::vector<Scope> scopes_;
};

bool Matches(const Object& object, const v1::ReadRequest::Key& key) {
  if (!key.object_id().empty()) return object.id == key.object_id();
  return !key.match().empty() && std::all_of(key.match().begin(), key.match().end(), [&](const v1::Match& match) {
    const auto cell = object.values.find(match.attribute());
    if (cell == object.values.end()) return false;
    if (cell->second.has_text()) return strcasecmp(cell->second.text().c_str(), match.value().text().c_str()) == 0;
    return cell->second.SerializeAsString() == match.value().SerializeAsString();
  });
}

}  // namespace

grpc::Status ReaderService::Import(grpc::ServerContext* context, const v1::ImportRequest* request, Writer* out) {
  State& state = Shared();
  if (state.is_draining && !Is("BOOT-012")) return Fail(v1::REASON_UNAVAILABLE, "FTY-0002", "it is stopping");
  if (Is("ERR-005") && HasUnknownFields(*request)) return Fail(v1::REASON_INVALID, "FTY-0109", "an unknown field");
  System system;
  if (const grpc::Status status = Find(request->system(), &system); !status.ok()) return status;
  Plan plan;
  if (const grpc::Status status = MakePlan(*request, system.pages, &plan); !status.ok()) return status;
  if (Is("ERR-004") && state.is_dirty.exchange(true))
    return Fail(v1::REASON_INVALID, "FTY-0108", "an import is under way");
  ++state.imports;
  ImportCall call(context, system, std::move(plan), out);
  const grpc::Status status = call.Run();
  // An import is under way for a moment longer, so that what comes in its middle comes in its middle.
  const int moment = Is("BOOT-006") || Is("ERR-004") || Is("ERR-006") ? 1500 : 20;
  for (int i = 0; i < moment && request->classes().empty() && !context->IsCancelled(); ++i) usleep(1000);
  if (!context->IsCancelled()) state.is_dirty = false;
  --state.imports;
  return status;
}

grpc::Status ReaderService::Read(grpc::ServerContext*, const v1::ReadRequest* request,
                                 grpc::ServerWriter<v1::ReadFrame>* out) {
  System system;
  if (const grpc::Status status = Find(request->system(), &system); !status.ok()) return status;
  if (!IsClass(request->object_class())) return Fail(v1::REASON_INVALID, "FTY-0100", "there is no such class");
  std::vector<Object> objects;
  if (List(system.store, request->object_class(), "", &objects) != Reached::kYes)
    return Fail(v1::REASON_UNAVAILABLE, "FTY-0106", "the system is not there");
  const std::vector<std::string> attributes(request->attributes().begin(), request->attributes().end());
  v1::ReadFrame schema;
  auto* columns = schema.mutable_schema()->add_classes();
  columns->set_object_class(request->object_class());
  for (const std::string& attribute : attributes) columns->add_attributes(attribute);
  schema.mutable_schema()->add_scopes();
  out->Write(schema);
  for (int key = 0; key < request->keys_size(); ++key) {
    bool is_found = false;
    for (size_t i = 0; i < objects.size(); ++i) {
      if (!Matches(objects[i], request->keys(key))) continue;
      if (Is("READ-001") && request->object_class() == "contract") continue;
      if (Is("READ-004") && request->keys(key).object_id().empty()) continue;
      is_found = true;
      if (Is("SRC-022") || Is("SRC-023")) objects[i].values.erase("note");
      v1::ReadFrame frame;
      frame.mutable_found()->set_key(static_cast<uint32_t>(key));
      *frame.mutable_found()->mutable_objects() = Batch(objects, i, 1, attributes);
      frame.mutable_found()->add_preconditions(objects[i].values.count("etag") > 0 ? objects[i].values["etag"].text()
                                                                                   : "");
      out->Write(frame);
    }
    v1::ReadFrame end;
    end.mutable_end()->set_key(static_cast<uint32_t>(key));
    if (!is_found && Is("READ-002"))
      *end.mutable_end()->mutable_error() = MakeError(v1::REASON_NOT_FOUND, "FTY-0110", "it is not there");
    out->Write(end);
    if (Is("READ-003") && key == 0 && request->keys_size() > 1) out->Write(end);
  }
  return grpc::Status::OK;
}

grpc::Status ReaderService::FindTaken(grpc::ServerContext*, const v1::FindTakenRequest* request,
                                      v1::FindTakenReply* reply) {
  System system;
  if (const grpc::Status status = Find(request->system(), &system); !status.ok()) return status;
  std::vector<Object> objects;
  if (List(system.store, "account", "", &objects) != Reached::kYes)
    return Fail(v1::REASON_UNAVAILABLE, "FTY-0106", "the system is not there");
  for (const v1::Value& value : request->values()) {
    for (const Object& object : objects) {
      if (request->unique_in() != "login" || strcasecmp(object.name.c_str(), value.text().c_str()) != 0 ||
          Is("TGT-032"))
        continue;
      v1::Taken* taken = reply->add_taken();
      taken->set_attribute("login");
      *taken->mutable_value() = value;
      taken->mutable_holder()->set_object_class("account");
      taken->mutable_holder()->set_id(object.id);
    }
  }
  return grpc::Status::OK;
}

}  // namespace sluice::faulty
