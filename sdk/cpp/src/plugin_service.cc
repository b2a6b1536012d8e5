#include "sdk/cpp/src/plugin_service.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "sdk/cpp/src/calls.h"
#include "sdk/cpp/src/convert_values.h"

namespace sluice::connector {
namespace {

constexpr absl::Duration kDefaultPatience = absl::Seconds(30);

// Stays open as long as the host wants: sends what it has not acknowledged, and hears what it has.
class EventsCall final : public grpc::ServerBidiReactor<v1::EventAck, v1::Event>,
                         public std::enable_shared_from_this<EventsCall> {
 public:
  static EventsCall* Start(Events* events) {
    auto call = std::make_shared<EventsCall>(events);
    call->self_ = call;
    call->listener_ = events->Listen([weak = call->weak_from_this()] {
      if (auto self = weak.lock()) self->Send();
    });
    call->StartRead(&call->ack_);
    call->Send();
    return call.get();
  }
  explicit EventsCall(Events* events) : events_(events) {}

  void OnReadDone(bool ok) override {
    if (ok) {
      events_->Acknowledge(ack_);
      StartRead(&ack_);
      return;
    }
    absl::MutexLock lock(&mutex_);
    if (!std::exchange(is_finished_, true)) Finish(grpc::Status::OK);
  }
  void OnWriteDone(bool ok) override {
    {
      absl::MutexLock lock(&mutex_);
      is_writing_ = false;
      if (!ok) unsent_.clear();
    }
    if (ok) Send();
  }
  void OnDone() override {
    events_->Forget(listener_);
    self_.reset();
  }

 private:
  void Send() {
    absl::MutexLock lock(&mutex_);
    for (v1::Event& event : events_->Next(listener_)) unsent_.push_back(std::move(event));
    if (is_writing_ || is_finished_ || unsent_.empty()) return;
    event_ = std::move(unsent_.front());
    unsent_.pop_front();
    is_writing_ = true;
    StartWrite(&event_);
  }

  Events* const events_;
  uint64_t listener_ = 0;
  std::shared_ptr<EventsCall> self_;
  v1::EventAck ack_;
  absl::Mutex mutex_;
  v1::Event event_ ABSL_GUARDED_BY(mutex_);  // gRPC's while is_writing_.
  std::deque<v1::Event> unsent_ ABSL_GUARDED_BY(mutex_);
  bool is_writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_finished_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace

grpc::ServerUnaryReactor* PluginService::GetInfo(grpc::CallbackServerContext*, const v1::GetInfoRequest*,
                                                 v1::GetInfoReply* reply) {
  return UnaryCall::Start(state_->workers, [this, reply](const Cancellation&) {
    const Description& description = state_->systems.description();
    reply->set_name(description.name);
    reply->set_version(description.version);
    reply->add_services("sluice.connector.v1.Plugin");
    reply->add_services("sluice.connector.v1.Configuration");
    reply->add_services("sluice.connector.v1.Reader");
    if (state_->systems.is_target()) reply->add_services("sluice.connector.v1.Writer");
    reply->mutable_capabilities()->set_incremental_import(description.incremental_import);
    reply->mutable_capabilities()->set_preview(state_->systems.is_target());
    reply->mutable_capabilities()->set_find_taken(description.find_taken);
    return absl::OkStatus();
  });
}

grpc::ServerBidiReactor<v1::EventAck, v1::Event>* PluginService::Events(grpc::CallbackServerContext*) {
  return EventsCall::Start(&state_->systems.events());
}

grpc::ServerUnaryReactor* PluginService::Drain(grpc::CallbackServerContext*, const v1::DrainRequest* request,
                                               v1::DrainReply* reply) {
  const absl::Duration patience = request->has_patience() ? FromProto(request->patience()) : kDefaultPatience;
  auto work = [this, patience, reply](const Cancellation&) {
    state_->StartDraining();
    state_->AwaitIdle(absl::Now() + patience);
    for (std::string& id : state_->UnfinishedOperations()) reply->add_unfinished_operations(std::move(id));
    return absl::OkStatus();
  };
  return UnaryCall::Start(state_->workers, std::move(work), [state = state_] { state->NoteDrained(); });
}

}  // namespace sluice::connector
