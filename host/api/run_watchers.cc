#include <memory>

#include "host/api/call_internal.h"
#include "host/api/run_watchers_internal.h"
#include "host/api/translate_internal.h"

namespace sluice::api {
namespace {
constexpr absl::Duration kTick = absl::Milliseconds(100);
}  // namespace

// Everything but gRPC's callbacks happens on the watchers' thread. Lives until gRPC is done with it and no task of that
// thread names it any more.
class RunWatchers::Stream final : public grpc::ServerWriteReactor<v1::Run> {
 public:
  Stream(RunWatchers* watchers, FindRun find) : watchers_(watchers), find_(std::move(find)) {}

  void Begin(const std::shared_ptr<Stream>& self) {
    self_ = self;
    Post(&Stream::Find);
  }

  void OnWriteDone(bool ok) override { Post(ok ? &Stream::OnWritten : &Stream::OnBroken); }
  void OnCancel() override { Post(&Stream::OnBroken); }
  void OnDone() override { Post(&Stream::Forget); }

 private:
  void Post(void (Stream::*step)()) {
    watchers_->executor_.Run([self = self_, step] { (self.get()->*step)(); });
  }

  void Find() {
    absl::StatusOr<std::string> id = find_();
    if (!id.ok()) return End(ToGrpc(id.status()));
    id_ = *std::move(id);
    Look();
  }

  void Look() {
    if (is_over_ || is_writing_) return;
    int64_t version = version_;
    const auto view = watchers_->engine_->runs().Watch(id_, version, absl::ZeroDuration());
    if (!view.ok()) return End(ToGrpc(view.status()));
    const bool has_ended = view->run.ended.has_value();
    if (is_first_ || version != version_ || has_ended) return Write(*view, version);
    watchers_->executor_.RunAfter(kTick, [self = self_] { self->Look(); });
  }

  void Write(const engine::Runs::View& view, int64_t version) {
    is_first_ = false;
    version_ = version;
    is_last_ = view.run.ended.has_value();
    is_writing_ = true;
    message_.Clear();
    Fill(view, &message_);
    StartWrite(&message_);
  }

  void OnWritten() {
    is_writing_ = false;
    if (is_over_) return;
    if (is_last_) return End(grpc::Status::OK);
    watchers_->executor_.RunAfter(kTick, [self = self_] { self->Look(); });
  }

  void OnBroken() { End(grpc::Status::CANCELLED); }

  void End(const grpc::Status& status) {
    if (is_over_) return;
    is_over_ = true;
    Finish(status);
  }

  void Forget() {
    RunWatchers* const watchers = watchers_;
    self_.reset();  // The task that runs this holds the last reference.
    watchers->OnStreamGone();
  }

  RunWatchers* const watchers_;
  const FindRun find_;
  std::string id_;
  std::shared_ptr<Stream> self_;
  v1::Run message_;
  int64_t version_ = 1;  // Not 0: that would not wait; what it is at first does not matter.
  bool is_first_ = true, is_writing_ = false, is_last_ = false, is_over_ = false;
};

RunWatchers::~RunWatchers() {
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(
      +[](RunWatchers* self) { return self->open_ == 0; }, this));
}

grpc::ServerWriteReactor<v1::Run>* RunWatchers::Watch(FindRun find) {
  {
    absl::MutexLock lock(&mutex_);
    ++open_;
  }
  auto stream = std::make_shared<Stream>(this, std::move(find));
  stream->Begin(stream);
  return stream.get();
}

void RunWatchers::OnStreamGone() {
  absl::MutexLock lock(&mutex_);
  --open_;
}

}  // namespace sluice::api
