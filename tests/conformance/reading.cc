#include "tests/conformance/reading.h"

#include <algorithm>
#include <thread>

#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "sdk/wire/columns.h"
#include "sdk/wire/limits.h"

namespace sluice::conformance {
namespace {

namespace v1 = connector::v1;

// Cancels a call that says nothing for too long.
class IdleLimit {
 public:
  IdleLimit(grpc::ClientContext* context, absl::Duration limit) : context_(context), limit_(limit) {
    thread_ = std::thread([this] { Watch(); });
  }
  ~IdleLimit() {
    {
      absl::MutexLock lock(&mutex_);
      is_over_ = true;
    }
    thread_.join();
  }
  void Heard() {
    absl::MutexLock lock(&mutex_);
    last_ = absl::Now();
    heard_ = true;
  }
  bool has_struck() {
    absl::MutexLock lock(&mutex_);
    return has_struck_;
  }

 private:
  void Watch() {
    absl::MutexLock lock(&mutex_);
    while (!is_over_) {
      heard_ = false;
      const auto news = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return is_over_ || heard_; };
      if (mutex_.AwaitWithDeadline(absl::Condition(&news), last_ + limit_)) continue;
      has_struck_ = true;
      context_->TryCancel();
      mutex_.Await(absl::Condition(&is_over_));
    }
  }

  grpc::ClientContext* const context_;
  const absl::Duration limit_;
  absl::Mutex mutex_;
  absl::Time last_ ABSL_GUARDED_BY(mutex_) = absl::Now();
  bool is_over_ ABSL_GUARDED_BY(mutex_) = false;
  bool heard_ ABSL_GUARDED_BY(mutex_) = false;
  bool has_struck_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

void Keep(std::string* first, std::string mistake) {
  if (first->empty()) *first = std::move(mistake);
}

// The rows of a batch as records; what does not fit the schema is a mistake.
std::vector<Record> Unpack(const v1::RecordBatch& batch, const v1::StreamSchema& schema, std::string* mistake) {
  std::vector<Record> records;
  auto rows = wire::DecodeBatch(batch, schema);
  if (!rows.ok()) {
    *mistake = std::string(rows.status().message());
    return records;
  }
  const v1::StreamSchema::ClassColumns& columns = schema.classes(static_cast<int>(batch.object_class()));
  for (wire::Row& row : *rows) {
    Record& record = records.emplace_back();
    record.object_class = columns.object_class();
    record.scope = schema.scopes(static_cast<int>(batch.scope())).id();
    record.id = std::move(row.id);
    record.name = std::move(row.name);
    for (size_t i = 0; i < row.cells.size(); ++i) {
      if (wire::PresenceOf(row.cells[i]) == v1::PRESENCE_NOT_VISIBLE) continue;
      record.cells.emplace(columns.attributes(static_cast<int>(i)), std::move(row.cells[i]));
    }
  }
  return records;
}

class Collector {
 public:
  explicit Collector(ImportLog* log) : log_(log) {}

  void Take(const v1::ImportFrame& frame) {
    ++log_->frames;
    const size_t size = frame.ByteSizeLong();
    log_->largest_frame = std::max(log_->largest_frame, size);
    if (size > wire::kMaxMessageBytes) {
      const std::string first =
          frame.records().ids_size() > 0 ? absl::StrCat(" (it begins with id ", frame.records().ids(0), ")") : "";
      Keep(&log_->large_frame, absl::StrCat(Here(), " has ", size, " bytes", first));
    }
    if (log_->ends > 0) Keep(&log_->order_mistake, absl::StrCat(Here(), " comes after the end frame"));
    switch (frame.frame_case()) {
      case v1::ImportFrame::kSchema:
        if (++log_->schemas == 1) log_->schema = frame.schema();
        if (log_->schemas > 1) Keep(&log_->order_mistake, absl::StrCat(Here(), " is a second schema"));
        break;
      case v1::ImportFrame::kRecords:
        NeedsSchema("records");
        TakeRecords(frame.records());
        break;
      case v1::ImportFrame::kDeleted:
        NeedsSchema("deleted");
        TakeDeleted(frame.deleted());
        break;
      case v1::ImportFrame::kCheckpoint:
        NeedsSchema("a checkpoint");
        log_->checkpoints.push_back({frame.checkpoint().cursor(), log_->records.size()});
        break;
      case v1::ImportFrame::kDiagnostic:
        log_->diagnostics.push_back(frame.diagnostic());
        break;
      case v1::ImportFrame::kProgress:
        ++log_->progresses;
        break;
      case v1::ImportFrame::kEnd:
        NeedsSchema("the end");
        if (++log_->ends == 1) log_->end = frame.end();
        break;
      case v1::ImportFrame::FRAME_NOT_SET:
        Keep(&log_->order_mistake, absl::StrCat(Here(), " is empty"));
        break;
    }
  }

 private:
  std::string Here() const { return absl::StrCat("frame ", log_->frames); }
  void NeedsSchema(const char* what) {
    if (log_->schemas == 0)
      Keep(&log_->order_mistake, absl::StrCat(Here(), " is ", what, " and no schema came before it"));
  }
  void TakeRecords(const v1::RecordBatch& batch) {
    log_->largest_batch = std::max(log_->largest_batch, static_cast<size_t>(batch.ids_size()));
    std::string mistake;
    for (Record& record : Unpack(batch, log_->schema, &mistake)) log_->records.push_back(std::move(record));
    if (!mistake.empty()) Keep(&log_->batch_mistake, absl::StrCat(Here(), ": ", mistake));
  }
  void TakeDeleted(const v1::DeletedBatch& deleted) {
    if (static_cast<int>(deleted.object_class()) >= log_->schema.classes_size())
      return Keep(&log_->batch_mistake, absl::StrCat(Here(), ": deleted names class ", deleted.object_class(), " of ",
                                                     log_->schema.classes_size()));
    for (const std::string& id : deleted.ids())
      log_->deleted.emplace_back(log_->schema.classes(static_cast<int>(deleted.object_class())).object_class(), id);
  }

  ImportLog* const log_;
};

}  // namespace

std::set<ObjectKey> ImportLog::Keys() const {
  std::set<ObjectKey> keys;
  for (const Record& record : records) keys.emplace(record.object_class, record.id);
  return keys;
}

const Record* ImportLog::Find(const ObjectKey& key) const {
  for (const Record& record : records) {
    if (record.object_class == key.first && record.id == key.second) return &record;
  }
  return nullptr;
}

v1::ImportEnd::State ImportLog::StateOf(const std::string& object_class, const std::string& scope) const {
  for (const auto& scope_end : end.scopes()) {
    if (static_cast<int>(scope_end.scope()) >= schema.scopes_size() ||
        schema.scopes(static_cast<int>(scope_end.scope())).id() != scope)
      continue;
    for (const auto& class_end : scope_end.classes()) {
      const int index = static_cast<int>(class_end.object_class());
      if (index < schema.classes_size() && schema.classes(index).object_class() == object_class)
        return class_end.state();
    }
  }
  return v1::ImportEnd::STATE_UNSPECIFIED;
}

bool ImportLog::IsWhole() const {
  if (!status.ok() || ends != 1) return false;
  for (const auto& scope : end.scopes()) {
    for (const auto& class_end : scope.classes()) {
      if (class_end.state() != v1::ImportEnd::COMPLETE) return false;
    }
  }
  return end.scopes_size() > 0;
}

ImportLog Import(Launched& launched, const Config& config, const ImportOptions& options) {
  ImportLog log;
  v1::ImportRequest request;
  request.set_system(kSystem);
  request.set_run_id("connector-check");
  for (const auto& [object_class, attributes] : options.classes) {
    auto* asked = request.add_classes();
    asked->set_object_class(object_class);
    for (const std::string& attribute : attributes) asked->add_attributes(attribute);
  }
  for (const std::string& scope : options.scopes) request.add_scopes(scope);
  for (const v1::Cursor& cursor : options.cursors) *request.add_cursors() = cursor;
  *request.mutable_as_of() = wire::DateToProto(config.as_of);
  if (options.change) options.change(&request);

  const absl::Time start = absl::Now();
  absl::Time last = start;
  grpc::ClientContext context;
  auto stream = launched.reader().Import(&context, request);
  IdleLimit limit(&context, launched.subject().silence);
  Collector collector(&log);
  v1::ImportFrame frame;
  while (stream->Read(&frame)) {
    limit.Heard();
    const absl::Time now = absl::Now();
    log.longest_silence = std::max(log.longest_silence, now - last);
    collector.Take(frame);
    if (options.pause > absl::ZeroDuration()) absl::SleepFor(options.pause);
    limit.Heard();
    last = absl::Now();
    if (options.stop_after > 0 && log.records.size() >= options.stop_after) {
      context.TryCancel();
      log.was_cut_off = true;
    }
  }
  log.status = stream->Finish();
  log.took = absl::Now() - start;
  log.longest_silence = std::max(log.longest_silence, absl::Now() - last);
  log.was_cut_off = log.was_cut_off || limit.has_struck();
  return log;
}

ReadLog Read(Launched& launched, const v1::ReadRequest& request) {
  ReadLog log;
  auto context = launched.Context();
  auto stream = launched.reader().Read(context.get(), request);
  v1::StreamSchema schema;
  v1::ReadFrame frame;
  while (stream->Read(&frame)) {
    if (frame.has_schema()) schema = frame.schema();
    if (frame.has_end()) {
      ++log.ends[frame.end().key()];
      if (frame.end().has_error()) log.errors[frame.end().key()] = frame.end().error();
    }
    if (!frame.has_found()) continue;
    const size_t key = frame.found().key();
    if (log.ends.count(key) > 0)
      Keep(&log.mistake, absl::StrCat("something was found for key ", key, " after its end"));
    std::vector<Record> records = Unpack(frame.found().objects(), schema, &log.mistake);
    for (size_t i = 0; i < records.size(); ++i) {
      if (static_cast<int>(i) < frame.found().preconditions_size())
        log.preconditions[{key, records[i].id}] = frame.found().preconditions(static_cast<int>(i));
      log.found.emplace_back(key, std::move(records[i]));
    }
  }
  log.status = stream->Finish();
  return log;
}

v1::ReadRequest ReadById(const std::string& object_class, const std::vector<std::string>& ids,
                         const std::vector<std::string>& attributes) {
  v1::ReadRequest request;
  request.set_system(kSystem);
  request.set_object_class(object_class);
  for (const std::string& id : ids) request.add_keys()->set_object_id(id);
  for (const std::string& attribute : attributes) request.add_attributes(attribute);
  return request;
}

std::string Canonical(const v1::Value& value, bool ordered) {
  v1::Value copy = value;
  if (!ordered && copy.has_list()) {
    auto& items = *copy.mutable_list()->mutable_values();
    std::sort(items.begin(), items.end(),
              [](const v1::Value& a, const v1::Value& b) { return a.SerializeAsString() < b.SerializeAsString(); });
  }
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream out(&stream);
  out.SetSerializationDeterministic(true);
  copy.SerializeToCodedStream(&out);
  out.Trim();
  return bytes;
}

std::string Text(const ObjectKey& key) { return absl::StrCat(key.first, " ", key.second); }

}  // namespace sluice::conformance
