#include "sdk/cpp/src/import_writer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "sdk/cpp/src/convert_operations.h"
#include "sdk/cpp/src/convert_values.h"

namespace sluice::connector {
namespace {

constexpr size_t kFrameOverhead = 4 * 1024;

v1::Cursor ToProto(const Cursor& cursor, const std::string& scope) {
  v1::Cursor out;
  out.set_scope(scope);
  out.set_format(cursor.format);
  out.set_token(cursor.token);
  return out;
}

absl::Status CheckCursor(const Cursor& cursor) {
  if (cursor.token.size() <= wire::kMaxCursorBytes) return absl::OkStatus();
  return Error(
      Reason::kBug, "SDK-0206",
      absl::StrCat("a cursor has ", cursor.token.size(), " bytes; at most ", wire::kMaxCursorBytes, " are allowed"));
}

}  // namespace

// The writer of one scope; everything is done by its owner.
class ImportWriter::ScopeOf final : public ScopeWriter {
 public:
  ScopeOf(ImportWriter* owner, size_t scope) : owner_(owner), scope_(scope) {}
  absl::Status Add(const Record& record) override { return owner_->AddTo(scope_, record); }
  absl::Status Deleted(AnyText object_class, AnyText id) override {
    return owner_->DeletedIn(scope_, object_class, id);
  }
  absl::Status Checkpoint(Cursor cursor) override { return owner_->CheckpointOf(scope_, std::move(cursor)); }
  absl::Status Complete(std::optional<Cursor> cursor) override {
    return owner_->SetState(scope_, nullptr, v1::ImportEnd::COMPLETE, std::nullopt, std::move(cursor));
  }
  absl::Status CompleteClass(AnyText object_class) override {
    const std::string name = object_class.str();
    return owner_->SetState(scope_, &name, v1::ImportEnd::COMPLETE, std::nullopt, std::nullopt);
  }
  absl::Status Partial(AnyText object_class, Error why) override {
    const std::string name = object_class.str();
    return owner_->SetState(scope_, &name, v1::ImportEnd::PARTIAL, std::move(why), std::nullopt);
  }
  absl::Status NotRead(AnyText object_class, Error why) override {
    const std::string name = object_class.str();
    return owner_->SetState(scope_, &name, v1::ImportEnd::NOT_READ, std::move(why), std::nullopt);
  }
  absl::Status NotRead(Error why) override {
    return owner_->SetState(scope_, nullptr, v1::ImportEnd::NOT_READ, std::move(why), std::nullopt);
  }

 private:
  ImportWriter* const owner_;
  const size_t scope_;
};

ImportWriter::ImportWriter(const std::vector<ClassRequest>& classes, ImportLimits limits, FrameSink* sink)
    : limits_(limits), sink_(sink), classes_(classes), last_sent_(absl::Now()) {
  for (const ClassRequest& object_class : classes_) {
    auto& index = attributes_.emplace_back();
    for (size_t i = 0; i < object_class.attributes.size(); ++i) index.emplace(object_class.attributes[i], i);
  }
  ticker_ = std::thread([this] { Tick(); });
}

ImportWriter::~ImportWriter() { StopTicking(); }

ScopeWriter& ImportWriter::Scope(AnyText id, AnyText label) {
  absl::MutexLock lock(&mutex_);
  return *scopes_[ScopeIndex(id, label)]->writer;
}

void ImportWriter::DeclareScopes(const std::vector<std::pair<std::string, std::string>>& ids_and_labels) {
  absl::MutexLock lock(&mutex_);
  for (const auto& [id, label] : ids_and_labels) ScopeIndex(id, label);
}

size_t ImportWriter::ScopeIndex(AnyText id, AnyText label) {
  for (size_t i = 0; i < scopes_.size(); ++i) {
    if (scopes_[i]->id == id.view()) return i;
  }
  if (is_schema_sent_ && first_failure_.ok()) {
    first_failure_ =
        Error(Reason::kBug, "SDK-0201", "a scope was declared after the first record; declare all scopes before")
            .AsStatus();
  }
  auto scope = std::make_unique<ScopeState>();
  scope->id = id.str();
  scope->label = label.str();
  scope->classes.resize(classes_.size());
  scope->writer = std::make_unique<ScopeOf>(this, scopes_.size());
  scopes_.push_back(std::move(scope));
  return scopes_.size() - 1;
}

size_t ImportWriter::Nameless() {
  absl::MutexLock lock(&mutex_);
  return ScopeIndex("", "");
}

int ImportWriter::ClassIndex(std::string_view object_class) const {
  for (size_t i = 0; i < classes_.size(); ++i) {
    if (classes_[i].object_class == object_class) return static_cast<int>(i);
  }
  return -1;
}

absl::Status ImportWriter::Add(const Record& record) { return AddTo(Nameless(), record); }
absl::Status ImportWriter::Deleted(AnyText object_class, AnyText id) { return DeletedIn(Nameless(), object_class, id); }
absl::Status ImportWriter::Checkpoint(Cursor cursor) { return CheckpointOf(Nameless(), std::move(cursor)); }

absl::Status ImportWriter::Complete(std::optional<Cursor> cursor) {
  return SetState(kAllScopes, nullptr, v1::ImportEnd::COMPLETE, std::nullopt, std::move(cursor));
}

absl::Status ImportWriter::CompleteClass(AnyText object_class) {
  const std::string name = object_class.str();
  return SetState(kAllScopes, &name, v1::ImportEnd::COMPLETE, std::nullopt, std::nullopt);
}

absl::Status ImportWriter::Partial(AnyText object_class, Error why) {
  const std::string name = object_class.str();
  return SetState(kAllScopes, &name, v1::ImportEnd::PARTIAL, std::move(why), std::nullopt);
}

absl::Status ImportWriter::NotRead(AnyText object_class, Error why) {
  const std::string name = object_class.str();
  return SetState(kAllScopes, &name, v1::ImportEnd::NOT_READ, std::move(why), std::nullopt);
}

absl::Status ImportWriter::NotRead(Error why) {
  return SetState(kAllScopes, nullptr, v1::ImportEnd::NOT_READ, std::move(why), std::nullopt);
}

absl::Status ImportWriter::SetState(size_t scope, const std::string* object_class, v1::ImportEnd::State state,
                                    std::optional<Error> why, std::optional<Cursor> cursor) {
  if (cursor.has_value()) {
    if (auto status = CheckCursor(*cursor); !status.ok()) return status;
  }
  absl::MutexLock lock(&mutex_);
  if (scope == kAllScopes && scopes_.empty()) ScopeIndex("", "");
  for (size_t i = 0; i < scopes_.size(); ++i) {
    if (scope != kAllScopes && scope != i) continue;
    for (size_t c = 0; c < classes_.size(); ++c) {
      ClassState& target = scopes_[i]->classes[c];
      if (object_class != nullptr ? classes_[c].object_class != *object_class
                                  : target.state != v1::ImportEnd::STATE_UNSPECIFIED)
        continue;
      target.state = state;
      target.why = why;
    }
    if (cursor.has_value()) scopes_[i]->cursor = cursor;
  }
  return first_failure_;
}

wire::Cells ImportWriter::CellsOf(const Record& record, size_t object_class) const {
  const std::vector<std::string>& asked = classes_[object_class].attributes;
  const auto& index = attributes_[object_class];
  wire::Cells cells;
  size_t next = 0;  // They mostly come in the order in which they were asked for.
  for (const auto& [name, value] : record.attributes()) {
    if (next >= asked.size() || asked[next] != name) {
      const auto it = index.find(name);
      if (it == index.end()) continue;
      next = it->second;
    }
    AddCell(next++, value, &cells);
  }
  return cells;
}

absl::Status ImportWriter::AddTo(size_t scope, const Record& record) {
  const int index = ClassIndex(record.object_class());
  if (index < 0) return absl::OkStatus();
  if (record.id().empty()) {
    return Error(Reason::kBug, "SDK-0202", absl::StrCat("a record of class ", record.object_class(), " has no id"));
  }
  wire::Cells cells = CellsOf(record, static_cast<size_t>(index));
  const size_t bytes = wire::RowBytes(record.id(), record.name(), cells);
  if (bytes + kFrameOverhead > limits_.max_message_bytes) {
    return Error(Reason::kInvalid, "SDK-0203",
                 absl::StrCat("a record has about ", bytes, " bytes; a message may have ", limits_.max_message_bytes))
        .Object(record.object_class(), record.id());
  }
  const size_t max_batch = std::min(wire::kMaxBatchBytes, limits_.max_message_bytes - kFrameOverhead);
  absl::MutexLock lock(&mutex_);
  if (!first_failure_.ok()) return first_failure_;
  if (auto status = SendSchema(); !status.ok()) return status;
  auto [it, is_new] = batches_.try_emplace({scope, index}, static_cast<uint32_t>(index), static_cast<uint32_t>(scope),
                                           classes_[static_cast<size_t>(index)].attributes.size());
  wire::BatchBuilder& batch = it->second;
  if (batch.rows() > 0 && batch.size_bytes() + bytes > max_batch) {
    if (auto status = Flush(scope, index); !status.ok()) return status;
  }
  batch.Add(record.id(), record.name(), std::move(cells));
  ++scopes_[scope]->classes[static_cast<size_t>(index)].records;
  ++records_;
  if (batch.rows() >= limits_.max_batch_records || batch.size_bytes() >= max_batch) return Flush(scope, index);
  if (oldest_record_ == absl::InfiniteFuture()) {
    oldest_record_ = absl::Now();
    wake_.Signal();
  }
  return absl::OkStatus();
}

absl::Status ImportWriter::DeletedIn(size_t scope, AnyText object_class, AnyText id) {
  const int index = ClassIndex(object_class.view());
  if (index < 0) return absl::OkStatus();
  absl::MutexLock lock(&mutex_);
  if (auto status = SendSchema(); !status.ok()) return status;
  if (auto status = Flush(scope, index); !status.ok()) return status;
  v1::ImportFrame frame;
  frame.mutable_deleted()->set_object_class(static_cast<uint32_t>(index));
  frame.mutable_deleted()->set_scope(static_cast<uint32_t>(scope));
  frame.mutable_deleted()->add_ids(id.str());
  ++scopes_[scope]->classes[static_cast<size_t>(index)].deleted;
  return Send(std::move(frame));
}

absl::Status ImportWriter::CheckpointOf(size_t scope, Cursor cursor) {
  if (auto status = CheckCursor(cursor); !status.ok()) return status;
  absl::MutexLock lock(&mutex_);
  if (auto status = SendSchema(); !status.ok()) return status;
  for (size_t i = 0; i < classes_.size(); ++i) {
    if (auto status = Flush(scope, static_cast<int>(i)); !status.ok()) return status;
  }
  v1::ImportFrame frame;
  frame.mutable_checkpoint()->set_scope(static_cast<uint32_t>(scope));
  *frame.mutable_checkpoint()->mutable_cursor() = ToProto(cursor, scopes_[scope]->id);
  return Send(std::move(frame));
}

void ImportWriter::Report(Diagnostic diagnostic) {
  v1::ImportFrame frame;
  *frame.mutable_diagnostic() = connector::ToProto(diagnostic);
  absl::MutexLock lock(&mutex_);
  Send(std::move(frame)).IgnoreError();  // Kept in first_failure_.
}

void ImportWriter::Progress(ProgressReport report) {
  absl::MutexLock lock(&mutex_);
  progress_ = std::move(report);
  if (progress_.limited_until.has_value()) {
    v1::ImportFrame frame;
    *frame.mutable_progress() = connector::ToProto(progress_);
    Send(std::move(frame)).IgnoreError();  // Kept in first_failure_.
  }
}

void ImportWriter::AddSystemTime(absl::Duration spent) {
  absl::MutexLock lock(&mutex_);
  system_time_ += spent;
}

absl::Status ImportWriter::Send(v1::ImportFrame frame) {
  if (!first_failure_.ok()) return first_failure_;
  last_sent_ = absl::Now();
  first_failure_ = sink_->Send(std::move(frame));
  return first_failure_;
}

absl::Status ImportWriter::SendBytes(std::string bytes) {
  if (!first_failure_.ok()) return first_failure_;
  last_sent_ = absl::Now();
  first_failure_ = sink_->SendBytes(std::move(bytes));
  return first_failure_;
}

absl::Status ImportWriter::SendSchema() {
  if (is_schema_sent_) return first_failure_;
  is_schema_sent_ = true;
  v1::ImportFrame frame;
  v1::StreamSchema* schema = frame.mutable_schema();
  for (const ClassRequest& object_class : classes_) {
    v1::StreamSchema::ClassColumns* columns = schema->add_classes();
    columns->set_object_class(object_class.object_class);
    for (const std::string& attribute : object_class.attributes) columns->add_attributes(attribute);
  }
  for (const auto& scope : scopes_) {
    v1::Scope* target = schema->add_scopes();
    target->set_id(scope->id);
    target->set_label(scope->label);
  }
  return Send(std::move(frame));
}

absl::Status ImportWriter::Flush(size_t scope, int object_class) {
  auto it = batches_.find({scope, object_class});
  if (it == batches_.end() || it->second.rows() == 0) return first_failure_;
  return SendBytes(it->second.TakeBytes(v1::ImportFrame::kRecordsFieldNumber));
}

absl::Status ImportWriter::FlushAll() {
  oldest_record_ = absl::InfiniteFuture();
  for (auto& [key, batch] : batches_) {
    if (auto status = Flush(key.first, key.second); !status.ok()) return status;
  }
  return first_failure_;
}

absl::Status ImportWriter::CheckAllHaveStates() {
  if (scopes_.empty()) {
    return Error(Reason::kBug, "SDK-0204", "Import returned without out.Complete(): nothing says that all was read");
  }
  for (const auto& scope : scopes_) {
    for (size_t c = 0; c < classes_.size(); ++c) {
      if (scope->classes[c].state != v1::ImportEnd::STATE_UNSPECIFIED) continue;
      return Error(Reason::kBug, "SDK-0204",
                   absl::StrCat("Import returned without out.Complete(): nothing says that class ",
                                classes_[c].object_class, " of scope '", scope->id, "' was read"));
    }
  }
  return absl::OkStatus();
}

v1::ImportFrame ImportWriter::EndFrame() {
  v1::ImportFrame frame;
  v1::ImportEnd* end = frame.mutable_end();
  for (size_t i = 0; i < scopes_.size(); ++i) {
    v1::ImportEnd::ScopeEnd* scope = end->add_scopes();
    scope->set_scope(static_cast<uint32_t>(i));
    if (scopes_[i]->cursor.has_value()) *scope->mutable_cursor() = ToProto(*scopes_[i]->cursor, scopes_[i]->id);
    for (size_t c = 0; c < classes_.size(); ++c) {
      const ClassState& state = scopes_[i]->classes[c];
      v1::ImportEnd::ClassEnd* object_class = scope->add_classes();
      object_class->set_object_class(static_cast<uint32_t>(c));
      object_class->set_records(state.records);
      object_class->set_deleted(state.deleted);
      object_class->set_state(state.state);
      if (state.why.has_value()) *object_class->mutable_error() = connector::ToProto(*state.why);
    }
  }
  *end->mutable_system_time() = connector::ToProto(system_time_);
  return frame;
}

absl::Status ImportWriter::End() {
  StopTicking();
  absl::MutexLock lock(&mutex_);
  if (!first_failure_.ok()) return first_failure_;
  if (auto status = CheckAllHaveStates(); !status.ok()) return status;
  if (auto status = SendSchema(); !status.ok()) return status;
  if (auto status = FlushAll(); !status.ok()) return status;
  return Send(EndFrame());
}

void ImportWriter::Tick() {
  absl::MutexLock lock(&mutex_);
  while (!is_over_ && first_failure_.ok()) {
    const absl::Time flush_at = oldest_record_ + limits_.flush_interval;
    const absl::Time progress_at = last_sent_ + limits_.progress_interval;
    wake_.WaitWithDeadline(&mutex_, std::min(flush_at, progress_at));
    if (is_over_) return;
    const absl::Time now = absl::Now();
    if (now >= oldest_record_ + limits_.flush_interval) {
      FlushAll().IgnoreError();  // Kept in first_failure_.
    } else if (now >= last_sent_ + limits_.progress_interval) {
      ProgressReport report = progress_;
      if (report.activity.empty()) report.activity = "reading";
      if (report.done == 0) report.done = records_;
      v1::ImportFrame frame;
      *frame.mutable_progress() = connector::ToProto(report);
      Send(std::move(frame)).IgnoreError();  // Kept in first_failure_.
    }
  }
}

void ImportWriter::StopTicking() {
  {
    absl::MutexLock lock(&mutex_);
    is_over_ = true;
    wake_.SignalAll();
  }
  if (ticker_.joinable()) ticker_.join();
}

}  // namespace sluice::connector
