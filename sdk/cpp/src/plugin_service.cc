#include "sdk/cpp/src/plugin_service.h"

#include <algorithm>
#include <atomic>
#include <string>
#include <utility>

#include "sdk/cpp/src/calls.h"
#include "sdk/cpp/src/convert_values.h"

namespace sluice::connector {
namespace {

constexpr absl::Duration kDefaultPatience = absl::Seconds(30);

// Stays open as long as the host wants. No connector of this SDK has events yet, so it only reads.
class EventsCall final : public grpc::ServerBidiReactor<v1::EventAck, v1::Event> {
 public:
  EventsCall() { StartRead(&ack_); }
  void OnReadDone(bool ok) override {
    if (ok) {
      StartRead(&ack_);
    } else if (!is_finished_.exchange(true)) {
      Finish(grpc::Status::OK);
    }
  }
  void OnDone() override { delete this; }

 private:
  v1::EventAck ack_;
  std::atomic<bool> is_finished_{false};
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
  return new EventsCall;
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
