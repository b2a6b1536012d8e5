#include <atomic>

#include "host/api/call_internal.h"
#include "host/api/translate_internal.h"
#include "host/base/status.h"

namespace sluice::api {
namespace {

constexpr absl::Duration kWatchPatience = absl::Seconds(10);

// Writes the run each time that it changes, until it has ended.
class RunWriter final : public grpc::ServerWriteReactor<v1::Run> {
 public:
  RunWriter(const Backend& backend, std::string id) : backend_(backend), id_(std::move(id)) { Next(); }

  void OnWriteDone(bool ok) override {
    if (!ok || is_last_) {
      Finish(grpc::Status::OK);
    } else {
      Next();
    }
  }
  void OnCancel() override { is_cancelled_ = true; }
  void OnDone() override { delete this; }

 private:
  void Next() {
    backend_.engine->context().post([this] {
      auto view = backend_.engine->runs().Watch(id_, version_, kWatchPatience);
      if (!view.ok()) return Finish(ToGrpc(view.status()));
      if (is_cancelled_) return Finish(grpc::Status::CANCELLED);
      if (version_ == 0) version_ = 1;
      message_.Clear();
      Fill(*view, &message_);
      is_last_ = view->run.ended.has_value();
      StartWrite(&message_);
    });
  }

  const Backend backend_;
  const std::string id_;
  int64_t version_ = 0;
  v1::Run message_;
  bool is_last_ = false;
  std::atomic<bool> is_cancelled_ = false;
};

class RunService final : public v1::Runs::CallbackService {
 public:
  explicit RunService(const Backend& backend) : backend_(backend) {}

  grpc::ServerUnaryReactor* StartImport(grpc::CallbackServerContext* context, const v1::StartImportRequest* request,
                                        v1::Run* reply) override {
    const engine::Actor actor = backend_.ActorOf(*context);
    return Answer(backend_, context, [this, actor, request, reply]() -> absl::Status {
      std::vector<std::string> systems;
      for (const std::string& system : request->systems()) systems.push_back(IdOf(system, "systems"));
      ASSIGN_OR_RETURN(const std::string run, backend_.engine->StartImport(actor, std::move(systems)));
      return Show(run, reply);
    });
  }

  grpc::ServerUnaryReactor* StartEnforcement(grpc::CallbackServerContext* context,
                                             const v1::StartEnforcementRequest* request, v1::Run* reply) override {
    const engine::Actor actor = backend_.ActorOf(*context);
    return Answer(backend_, context, [this, actor, request, reply]() -> absl::Status {
      ASSIGN_OR_RETURN(const std::string run, backend_.engine->StartEnforcement(actor, IdOf(request->plan(), "plans")));
      return Show(run, reply);
    });
  }

  grpc::ServerUnaryReactor* GetRun(grpc::CallbackServerContext* context, const v1::GetRunRequest* request,
                                   v1::RunDetail* reply) override {
    return Answer(backend_, context, [this, request, reply]() -> absl::Status {
      RETURN_IF_ERROR(Show(IdOf(request->name(), "runs"), reply->mutable_run()));
      store::Store& store = *backend_.engine->context().store;
      ASSIGN_OR_RETURN(const auto snapshot, store.LoadSnapshot());
      ASSIGN_OR_RETURN(const auto operations, store.LoadOperations(IdOf(reply->run().name(), "runs")));
      for (const store::Operation& operation : operations) Fill(operation, *snapshot, reply->add_operations());
      return absl::OkStatus();
    });
  }

  grpc::ServerUnaryReactor* ListRuns(grpc::CallbackServerContext* context, const v1::ListRunsRequest* request,
                                     v1::ListRunsResponse* reply) override {
    return Answer(backend_, context, [this, request, reply]() -> absl::Status {
      ASSIGN_OR_RETURN(const auto runs, backend_.engine->context().store->LoadRuns(1000));
      ASSIGN_OR_RETURN(const Page page, PageOf(runs.size(), request->page_size(), request->page_token()));
      for (size_t i = page.from; i < page.to; ++i) Fill(runs[i], reply->add_runs());
      reply->set_next_page_token(page.next_token);
      return absl::OkStatus();
    });
  }

  grpc::ServerUnaryReactor* StopRun(grpc::CallbackServerContext* context, const v1::GetRunRequest* request,
                                    v1::Run* reply) override {
    const engine::Actor actor = backend_.ActorOf(*context);
    return Answer(backend_, context, [this, actor, request, reply]() -> absl::Status {
      RETURN_IF_ERROR(backend_.engine->StopRun(actor, IdOf(request->name(), "runs")));
      return Show(IdOf(request->name(), "runs"), reply);
    });
  }

  grpc::ServerWriteReactor<v1::Run>* WatchRun(grpc::CallbackServerContext*, const v1::GetRunRequest* request) override {
    return new RunWriter(backend_, IdOf(request->name(), "runs"));
  }

 private:
  absl::Status Show(const std::string& id, v1::Run* reply) {
    int64_t version = 0;
    ASSIGN_OR_RETURN(const engine::Runs::View view, backend_.engine->runs().Watch(id, version, absl::ZeroDuration()));
    Fill(view, reply);
    return absl::OkStatus();
  }

  const Backend backend_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeRunService(const Backend& backend) { return std::make_unique<RunService>(backend); }

}  // namespace sluice::api
