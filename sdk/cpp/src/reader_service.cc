#include "sdk/cpp/src/reader_service.h"

#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sdk/cpp/src/calls.h"
#include "sdk/cpp/src/convert_operations.h"
#include "sdk/cpp/src/convert_values.h"
#include "sdk/cpp/src/fault_hooks.h"
#include "sdk/cpp/src/guard.h"
#include "sdk/cpp/src/message_bytes.h"

namespace sluice::connector {
namespace {

using ImportStream = StreamCall<grpc::ByteBuffer>;
using ReadStream = StreamCall<v1::ReadFrame>;

class ImportSink final : public FrameSink {
 public:
  explicit ImportSink(ImportStream* stream) : stream_(stream) {}
  absl::Status Send(v1::ImportFrame frame) override {
    if (Faults().import_frame != nullptr && !Faults().import_frame(frame)) return absl::OkStatus();
    return stream_->Send(BufferOf(frame));
  }
  absl::Status SendBytes(std::string bytes) override {
    if (Faults().import_frame != nullptr) return FrameSink::SendBytes(std::move(bytes));
    return stream_->Send(BufferOf(std::move(bytes)));
  }

 private:
  ImportStream* const stream_;
};

// One import at a time on a system, counted while it runs.
class ImportSlot {
 public:
  ImportSlot(RuntimeState* state, OpenSystem* system) : state_(state), system_(system) {
    is_taken_ = !system->is_importing.exchange(true);
    if (is_taken_) state_->CountImport(1);
  }
  ~ImportSlot() {
    if (!is_taken_) return;
    system_->is_importing = false;
    state_->CountImport(-1);
  }
  bool is_taken() const { return is_taken_; }

 private:
  RuntimeState* const state_;
  OpenSystem* const system_;
  bool is_taken_ = false;
};

std::vector<ClassRequest> EveryClass(const std::vector<ObjectClass>& classes) {
  std::vector<ClassRequest> out;
  for (const ObjectClass& object_class : classes) {
    ClassRequest& request = out.emplace_back();
    request.object_class = object_class.name;
    for (const Attribute& attribute : object_class.attributes) {
      if (attribute.readable) request.attributes.push_back(attribute.name);
    }
  }
  return out;
}

bool HasClass(const std::vector<ObjectClass>& classes, const std::string& name) {
  for (const ObjectClass& object_class : classes) {
    if (object_class.name == name) return true;
  }
  return false;
}

// Describe()'s classes, or the system's own if one is asked for that Describe() does not name.
absl::StatusOr<std::vector<ObjectClass>> ClassesFor(OpenSystem& system, const v1::ImportRequest& request,
                                                    const Cancellation& cancellation) {
  bool is_described = !system.description->classes.empty();
  for (const auto& asked : request.classes())
    is_described = is_described && HasClass(system.description->classes, asked.object_class());
  if (is_described) return system.description->classes;
  absl::StatusOr<std::optional<SchemaResult>> schema = std::optional<SchemaResult>();
  if (auto bug = Guarded("Schema", [&] { schema = system.source->Schema(SchemaRequest{cancellation}); }))
    return bug->AsStatus();
  if (!schema.ok()) return schema.status();
  std::vector<ObjectClass> classes = schema->has_value() ? (*schema)->classes : system.description->classes;
  for (const auto& asked : request.classes()) {
    if (HasClass(classes, asked.object_class())) continue;
    return Error(Reason::kInvalid, "SDK-0205", absl::StrCat("this connector has no class '", asked.object_class(), "'"))
        .AsStatus();
  }
  return classes;
}

absl::StatusOr<ImportRequest> RequestOf(OpenSystem& system, const v1::ImportRequest& request,
                                        const Cancellation& cancellation) {
  auto classes = ClassesFor(system, request, cancellation);
  if (!classes.ok()) return classes.status();
  ImportRequest out;
  out.run_id = request.run_id();
  for (const auto& asked : request.classes()) {
    out.classes.push_back(ClassRequest{asked.object_class(), {asked.attributes().begin(), asked.attributes().end()}});
  }
  if (out.classes.empty()) out.classes = EveryClass(*classes);
  out.scopes.assign(request.scopes().begin(), request.scopes().end());
  for (const v1::Cursor& cursor : request.cursors())
    out.cursors.push_back(Cursor{cursor.scope(), cursor.format(), cursor.token()});
  auto day = wire::DateFromProto(request.as_of());
  if (!day.ok()) return Error(Reason::kInvalid, "SDK-0207", "an import request has no as_of date").AsStatus();
  out.as_of = *day;
  out.cancellation = cancellation;
  return out;
}

absl::Status RunImport(RuntimeState* state, const v1::ImportRequest& request, ImportStream& stream) {
  if (state->is_draining()) return RuntimeState::Draining();
  auto system = state->systems.Find(request.system());
  if (!system.ok()) return system.status();
  ImportSlot slot(state, system->get());
  if (!slot.is_taken()) {
    return Error(Reason::kInvalid, "SDK-0208",
                 absl::StrCat("system '", request.system(), "' is being imported already"));
  }
  auto author_request = RequestOf(**system, request, stream.cancellation());
  if (!author_request.ok()) return author_request.status();
  auto fresh = (*system)->WithFreshFiles();
  if (!fresh.ok()) return fresh.status();
  author_request->system = &*fresh;
  ImportSink sink(&stream);
  ImportWriter writer(author_request->classes, state->limits, &sink);
  absl::Status status;
  if (auto bug = Guarded("Import", [&] { status = (*system)->source->Import(*author_request, writer); })) return *bug;
  if (!status.ok()) return status;
  return writer.End();
}

// Collects what Read finds, by key.
class FoundByKey final : public FoundWriter {
 public:
  explicit FoundByKey(const v1::ReadRequest& request)
      : request_(request), keys_(static_cast<size_t>(request.keys_size())) {}

  absl::Status Found(size_t key, const Record& record, AnyText precondition) override {
    if (key >= keys_.size())
      return Error(Reason::kBug, "SDK-0209", absl::StrCat("Read found something for key ", key, " of ", keys_.size()));
    wire::Cells cells;
    for (int i = 0; i < request_.attributes_size(); ++i) {
      AddCell(static_cast<size_t>(i), record.Get(request_.attributes(i)), &cells);
    }
    const size_t bytes = wire::RowBytes(record.id(), record.name(), cells) + precondition.view().size();
    if (bytes > wire::kMaxBatchBytes) {
      return Error(Reason::kInvalid, "SDK-0211",
                   absl::StrCat("an object of about ", bytes, " bytes is too long for an answer"))
          .Object(record.object_class(), record.id());
    }
    absl::MutexLock lock(&mutex_);
    std::deque<Part>& parts = keys_[key].parts;
    if (parts.empty() || parts.back().batch.size_bytes() + bytes > wire::kMaxBatchBytes) {
      parts.emplace_back(static_cast<size_t>(request_.attributes_size()));
    }
    parts.back().batch.Add(record.id(), record.name(), std::move(cells));
    parts.back().preconditions.push_back(precondition.str());
    return absl::OkStatus();
  }
  void Failed(size_t key, Error why) override {
    absl::MutexLock lock(&mutex_);
    if (key < keys_.size()) keys_[key].why = std::move(why);
  }

  absl::Status SendAll(ReadStream& stream) {
    absl::MutexLock lock(&mutex_);
    v1::ReadFrame schema;
    auto* columns = schema.mutable_schema()->add_classes();
    columns->set_object_class(request_.object_class());
    *columns->mutable_attributes() = request_.attributes();
    schema.mutable_schema()->add_scopes();
    if (auto status = stream.Send(std::move(schema)); !status.ok()) return status;
    for (size_t key = 0; key < keys_.size(); ++key) {
      for (Part& part : keys_[key].parts) {
        v1::ReadFrame frame;
        frame.mutable_found()->set_key(static_cast<uint32_t>(key));
        *frame.mutable_found()->mutable_objects() = part.batch.Take();
        for (std::string& precondition : part.preconditions)
          frame.mutable_found()->add_preconditions(std::move(precondition));
        if (auto status = stream.Send(std::move(frame)); !status.ok()) return status;
      }
      v1::ReadFrame end;
      end.mutable_end()->set_key(static_cast<uint32_t>(key));
      if (keys_[key].why.has_value()) *end.mutable_end()->mutable_error() = ToProto(*keys_[key].why);
      if (auto status = stream.Send(std::move(end)); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

 private:
  struct Part {
    explicit Part(size_t attributes) : batch(0, 0, attributes) {}
    wire::BatchBuilder batch;
    std::vector<std::string> preconditions;
  };
  struct OneKey {
    std::deque<Part> parts;
    std::optional<Error> why;
  };
  const v1::ReadRequest& request_;
  absl::Mutex mutex_;
  std::vector<OneKey> keys_ ABSL_GUARDED_BY(mutex_);
};

absl::Status NoTarget() {
  return Error(Reason::kUnsupported, "SDK-0210", "this connector is a source: it reads whole imports only");
}

absl::Status RunRead(RuntimeState* state, const v1::ReadRequest& request, ReadStream& stream) {
  auto system = state->systems.Find(request.system());
  if (!system.ok()) return system.status();
  if ((*system)->target == nullptr) return NoTarget();
  ReadRequest author_request;
  author_request.object_class = request.object_class();
  for (const auto& key : request.keys()) {
    Key& out = author_request.keys.emplace_back();
    out.object_id = key.object_id();
    for (const v1::Match& match : key.match()) out.match.push_back(FromProto(match));
  }
  author_request.attributes.assign(request.attributes().begin(), request.attributes().end());
  author_request.cancellation = stream.cancellation();
  FoundByKey found(request);
  absl::Status status;
  if (auto bug = Guarded("Read", [&] { status = (*system)->target->Read(author_request, found); })) return *bug;
  if (!status.ok()) return status;
  return found.SendAll(stream);
}

absl::Status RunFindTaken(RuntimeState* state, const v1::FindTakenRequest& request, const Cancellation& cancellation,
                          v1::FindTakenReply* reply) {
  auto system = state->systems.Find(request.system());
  if (!system.ok()) return system.status();
  if ((*system)->target == nullptr) return NoTarget();
  FindTakenRequest author_request;
  author_request.unique_in = request.unique_in();
  for (const v1::Value& value : request.values()) author_request.values.push_back(FromProto(value));
  author_request.cancellation = cancellation;
  absl::StatusOr<FindTakenResult> result = FindTakenResult{};
  if (auto bug = Guarded("FindTaken", [&] { result = (*system)->target->FindTaken(author_request); })) return *bug;
  if (!result.ok()) return result.status();
  for (const Taken& taken : result->taken) *reply->add_taken() = ToProto(taken);
  return absl::OkStatus();
}

}  // namespace

grpc::ServerWriteReactor<grpc::ByteBuffer>* ReaderService::Import(grpc::CallbackServerContext*,
                                                                  const grpc::ByteBuffer* request) {
  return ImportStream::Start(state_->workers, [this, bytes = *request](ImportStream& stream) mutable -> absl::Status {
    v1::ImportRequest message;
    if (!ReadMessage(&bytes, &message)) return Error(Reason::kInvalid, "SDK-0212", "a request that cannot be read");
    return RunImport(state_, message, stream);
  });
}

grpc::ServerWriteReactor<v1::ReadFrame>* ReaderService::Read(grpc::CallbackServerContext*,
                                                             const v1::ReadRequest* request) {
  return ReadStream::Start(state_->workers,
                           [this, request](ReadStream& stream) { return RunRead(state_, *request, stream); });
}

grpc::ServerUnaryReactor* ReaderService::FindTaken(grpc::CallbackServerContext*, const v1::FindTakenRequest* request,
                                                   v1::FindTakenReply* reply) {
  return UnaryCall::Start(state_->workers, [this, request, reply](const Cancellation& cancellation) {
    return RunFindTaken(state_, *request, cancellation, reply);
  });
}

}  // namespace sluice::connector
