#include <utility>

#include "absl/strings/str_cat.h"
#include "host/plugin/convert_internal.h"
#include "host/plugin/log_lines.h"
#include "host/plugin/streams_internal.h"
#include "sdk/wire/columns.h"

namespace sluice::plugin {

namespace v1 = connector::v1;

namespace {
constexpr char kMethod[] = "/sluice.connector.v1.Reader/Import";
}  // namespace

void IdleWatch::Wait() {
  absl::MutexLock lock(&mutex_);
  if (!expire_) return;
  since_ = base::Executor::Elapsed();
  if (is_armed_) return;
  is_armed_ = true;
  timers_->RunAfter(limit_, [self = shared_from_this()] { self->Check(); });
}

void IdleWatch::Pause() {
  absl::MutexLock lock(&mutex_);
  since_ = absl::InfiniteDuration();
}

void IdleWatch::Stop() {
  std::function<void()> dropped;
  absl::MutexLock lock(&mutex_);
  dropped.swap(expire_);
}

void IdleWatch::Check() {
  std::function<void()> expire;
  {
    absl::MutexLock lock(&mutex_);
    is_armed_ = false;
    if (!expire_ || since_ == absl::InfiniteDuration()) return;  // The next Wait arms it again.
    const absl::Duration left = since_ + limit_ - base::Executor::Elapsed();
    if (left > absl::ZeroDuration()) {
      is_armed_ = true;
      timers_->RunAfter(left, [self = shared_from_this()] { self->Check(); });
      return;
    }
    expire.swap(expire_);
  }
  expire();
}

ImportCall::ImportCall(const engine::ReadPlan& plan, StreamContext context, std::shared_ptr<engine::ImportSink> sink)
    : context_(std::move(context)), sink_(std::move(sink)), check_(plan) {
  request_.set_system(context_.system);
  request_.set_run_id(context_.run_id);
  *request_.mutable_as_of() = wire::DateToProto(plan.as_of);
  for (const engine::ReadClass& c : plan.classes) {
    v1::ImportRequest::ClassRequest* asked = request_.add_classes();
    asked->set_object_class(c.object_class);
    for (const std::string& attribute : c.attributes) asked->add_attributes(attribute);
  }
}

void ImportCall::Start(Stub* stub, std::function<grpc::Status(const grpc::Status&)> over) {
  self_ = shared_from_this();
  over_ = std::move(over);
  // The watch does not hold the call: it would never be freed.
  idle_ = std::make_shared<IdleWatch>(context_.timers, context_.idle_limit, [weak = weak_from_this()] {
    if (auto self = weak.lock()) {
      self->is_idle_ = true;
      self->client_context_.TryCancel();
    }
  });
  stub->PrepareBidiStreamingCall(&client_context_, kMethod, grpc::StubOptions(), this);
  idle_->Wait();
  AddHold();  // Reads are started by the executor: until the last one the call may not be over.
  StartWriteLast(&request_, grpc::WriteOptions());
  StartRead(&frame_);
  StartCall();
}

void ImportCall::OnReadDone(bool ok) {
  idle_->Pause();
  if (!ok) {
    RemoveHold();  // OnDone follows.
    return;
  }
  // The next frame is asked for when this one has been taken, so that a slow sink slows the plugin instead of filling
  // memory.
  context_.executor->Run([self = shared_from_this()] { self->TakeFrame(); });
}

void ImportCall::TakeFrame() {
  ImportCheck::Given given;
  grpc::Slice bytes;
  const bool is_read = frame_.DumpToSingleSlice(&bytes).ok();
  frame_.Clear();
  failure_ =
      is_read ? check_.TakeBytes(absl::string_view(reinterpret_cast<const char*>(bytes.begin()), bytes.size()), &given)
              : absl::ResourceExhaustedError("a frame of the import could not be read");
  if (!failure_.ok()) {
    client_context_.TryCancel();
    StartRead(&frame_);  // Comes back with nothing, and then the call is over.
    return;
  }
  if (!given.records.empty()) sink_->OnRecords(std::move(given.records));
  for (std::string& warning : given.warnings) sink_->OnWarning(WithoutSecrets(std::move(warning), context_.secrets));
  if (given.has_progress) sink_->OnProgress(given.progress);
  idle_->Wait();
  StartRead(&frame_);
}

void ImportCall::OnDone(const grpc::Status& status) {
  idle_->Stop();
  context_.executor->Run([self = std::move(self_), status = over_(status)] { self->Finish(status); });
}

absl::Status ImportCall::Cleaned(const absl::Status& status) const {
  if (status.ok()) return status;
  engine::Failure failure = engine::FailureFromStatus(status);
  failure.message = absl::StrCat(context_.system, ": ", WithoutSecrets(std::move(failure.message), context_.secrets));
  return engine::FailureToStatus(failure);
}

void ImportCall::Finish(const grpc::Status& status) {
  absl::Status verdict = failure_;
  if (verdict.ok() && is_idle_) {
    engine::Failure failure;
    failure.reason = engine::Reason::kUnavailable;
    failure.message =
        absl::StrCat("the import is refused: the plugin said nothing for ", absl::FormatDuration(context_.idle_limit));
    verdict = engine::FailureToStatus(failure);
  }
  if (verdict.ok()) verdict = StatusFromCall(status);
  if (verdict.ok()) verdict = check_.Finish();
  if (verdict.ok()) {
    sink_->OnEnd(absl::OkStatus(), check_.scopes(), check_.states());
  } else {
    sink_->OnEnd(Cleaned(verdict), {}, {});
  }
  sink_.reset();
  if (context_.ended) context_.ended();
}

}  // namespace sluice::plugin
