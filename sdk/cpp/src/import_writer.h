// ImportWriter: what an author's Import writes into. Packs records into column batches, flushes them at 500 records, 1
// MiB or 200 ms, says every 10 s that the import lives, keeps the counts and states of every scope and class, and makes
// the end frame of them. Owned by the import call; its sink blocks while the host is behind, and so do all who write.
// Any thread.
#ifndef SLUICE_SDK_CPP_SRC_IMPORT_WRITER_H_
#define SLUICE_SDK_CPP_SRC_IMPORT_WRITER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "sdk/wire/columns.h"
#include "sdk/wire/limits.h"
#include "sluice/connector/source.h"
#include "sluice/connector/v1/reader.pb.h"

namespace sluice::connector {

class FrameSink {
 public:
  virtual ~FrameSink() = default;
  // Blocks while the other end is behind; CANCELLED when it is gone.
  virtual absl::Status Send(v1::ImportFrame frame) = 0;
  // The same in bytes.
  virtual absl::Status SendBytes(std::string bytes) {
    v1::ImportFrame frame;
    (void)frame.ParseFromString(bytes);
    return Send(std::move(frame));
  }
};

struct ImportLimits {
  size_t max_message_bytes = wire::kMaxMessageBytes;
  size_t max_batch_records = wire::kMaxBatchRecords;
  absl::Duration flush_interval = wire::kFlushInterval;
  absl::Duration progress_interval = wire::kProgressInterval;
};

class ImportWriter final : public RecordWriter {
 public:
  ImportWriter(const std::vector<ClassRequest>& classes, ImportLimits limits, FrameSink* sink);
  ~ImportWriter() override;

  // Sends what is left and the end frame. Fails, and sends no end, when Complete is missing or a frame could not be
  // sent.
  absl::Status End();

  ScopeWriter& Scope(AnyText id, AnyText label = "") override;
  void DeclareScopes(const std::vector<std::pair<std::string, std::string>>& ids_and_labels) override;
  absl::Status Add(const Record& record) override;
  absl::Status Deleted(AnyText object_class, AnyText id) override;
  absl::Status Checkpoint(Cursor cursor) override;
  absl::Status Complete(std::optional<Cursor> cursor = std::nullopt) override;
  absl::Status CompleteClass(AnyText object_class) override;
  absl::Status Partial(AnyText object_class, Error why) override;
  absl::Status NotRead(AnyText object_class, Error why) override;
  absl::Status NotRead(Error why) override;
  void Report(Diagnostic diagnostic) override;
  void Progress(ProgressReport report) override;
  void AddSystemTime(absl::Duration spent) override;

 private:
  class ScopeOf;
  struct ClassState {
    uint64_t records = 0;
    uint64_t deleted = 0;
    v1::ImportEnd::State state = v1::ImportEnd::STATE_UNSPECIFIED;
    std::optional<Error> why;
  };
  struct ScopeState {
    std::string id;
    std::string label;
    std::vector<ClassState> classes;
    std::optional<Cursor> cursor;
    std::unique_ptr<ScopeOf> writer;
  };
  static constexpr size_t kAllScopes = SIZE_MAX;

  size_t ScopeIndex(AnyText id, AnyText label) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  size_t Nameless();
  int ClassIndex(std::string_view object_class) const;
  // What was asked for of what a record has; refers to the record's texts.
  wire::Cells CellsOf(const Record& record, size_t object_class) const;
  absl::Status AddTo(size_t scope, const Record& record);
  absl::Status DeletedIn(size_t scope, AnyText object_class, AnyText id);
  absl::Status CheckpointOf(size_t scope, Cursor cursor);
  // Sets the state of a class (or, with none, of every class that has no state) in a scope or in all.
  absl::Status SetState(size_t scope, const std::string* object_class, v1::ImportEnd::State state,
                        std::optional<Error> why, std::optional<Cursor> cursor);
  absl::Status Send(v1::ImportFrame frame) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status SendBytes(std::string bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status SendSchema() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Flush(size_t scope, int object_class) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status FlushAll() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckAllHaveStates() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  v1::ImportFrame EndFrame() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Tick();
  void StopTicking();

  const ImportLimits limits_;
  FrameSink* const sink_;
  const std::vector<ClassRequest> classes_;
  std::vector<std::map<std::string, size_t, std::less<>>> attributes_;  // By class: name to index.

  absl::Mutex mutex_;
  absl::CondVar wake_;
  std::vector<std::unique_ptr<ScopeState>> scopes_ ABSL_GUARDED_BY(mutex_);
  std::map<std::pair<size_t, int>, wire::BatchBuilder> batches_ ABSL_GUARDED_BY(mutex_);
  bool is_schema_sent_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_over_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status first_failure_ ABSL_GUARDED_BY(mutex_);
  absl::Time oldest_record_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();
  absl::Time last_sent_ ABSL_GUARDED_BY(mutex_);
  uint64_t records_ ABSL_GUARDED_BY(mutex_) = 0;
  ProgressReport progress_ ABSL_GUARDED_BY(mutex_);
  absl::Duration system_time_ ABSL_GUARDED_BY(mutex_);
  std::thread ticker_;
};

}  // namespace sluice::connector

#endif  // SLUICE_SDK_CPP_SRC_IMPORT_WRITER_H_
