// HttpBody: what has come of a streamed answer and was not read yet. The client's thread fills it, one reader empties
// it; when it is full, the transfer pauses until the reader has caught up.
#ifndef SLUICE_SDK_CPP_SRC_HTTP_BODY_H_
#define SLUICE_SDK_CPP_SRC_HTTP_BODY_H_

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "sluice/connector/http_client.h"

namespace sluice::connector {

class HttpBody {
 public:
  // `wake` makes the client's thread look around; it is never called after End.
  explicit HttpBody(std::function<void()> wake) : wake_(std::move(wake)) {}

  // The client's thread: the first byte came, of an answer with this status and these headers.
  void Begin(HttpResponse response);
  bool has_begun() const;
  // False: there is no room, and the transfer must pause; nothing was taken.
  bool Add(const char* data, size_t size);
  // True once after the reader has made room for a transfer that is paused.
  bool TakeResume();
  bool is_abandoned() const;
  // The whole answer, or why there is none (any more).
  void End(absl::StatusOr<HttpResponse> outcome);

  // The reader's thread. Waits for Begin or End: the answer, with its body if it had not begun.
  absl::StatusOr<HttpResponse> AwaitBegin();
  absl::StatusOr<size_t> Read(char* buffer, size_t size);
  void Abandon();

 private:
  static constexpr size_t kRoom = 1u << 20;
  bool IsKnown() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return response_.has_value() || outcome_.has_value(); }
  bool HasNews() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return at_ < bytes_.size() || outcome_.has_value(); }

  mutable absl::Mutex mutex_;
  const std::function<void()> wake_;
  std::string bytes_ ABSL_GUARDED_BY(mutex_);
  size_t at_ ABSL_GUARDED_BY(mutex_) = 0;  // What of it was read.
  bool is_paused_ ABSL_GUARDED_BY(mutex_) = false;
  bool may_resume_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_abandoned_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<HttpResponse> response_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::StatusOr<HttpResponse>> outcome_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::connector

#endif  // SLUICE_SDK_CPP_SRC_HTTP_BODY_H_
