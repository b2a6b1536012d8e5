#include <map>

#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "host/api/call_internal.h"
#include "host/api/run_watchers_internal.h"
#include "host/api/translate_internal.h"
#include "host/base/status.h"

namespace sluice::api {
namespace {

constexpr int kMostRuns = 1000;

// "3 operations: 1 create, 2 grant; 2 wait for a decision"
std::string Outlook(const core::Plan& plan) {
  std::map<core::OperationKind, int> kinds;
  int ready = 0, blocked = 0, waiting = 0, observing = 0;
  for (const core::PlannedOperation& operation : plan.operations) {
    ready += operation.status == core::OperationStatus::kReady;
    blocked += operation.status == core::OperationStatus::kBlocked;
    waiting += operation.status == core::OperationStatus::kWaiting;
    observing += operation.status == core::OperationStatus::kObserving;
    if (operation.status == core::OperationStatus::kReady) ++kinds[operation.kind];
  }
  std::vector<std::string> parts;
  for (const auto& [kind, count] : kinds) {
    parts.push_back(absl::StrCat(count, " ", absl::StrReplaceAll(core::OperationKindName(kind), {{"_", " "}})));
  }
  std::string line = ready == 0   ? "nothing to carry out"
                     : ready == 1 ? absl::StrCat("1 operation: ", parts.front())
                                  : absl::StrCat(ready, " operations: ", absl::StrJoin(parts, ", "));
  if (blocked > 0) absl::StrAppend(&line, "; ", blocked, blocked == 1 ? " waits" : " wait", " for a decision");
  if (waiting > 0) absl::StrAppend(&line, "; ", waiting, waiting == 1 ? " waits" : " wait", " for one of those");
  if (observing > 0) absl::StrAppend(&line, "; ", observing, " only observed");
  return line;
}

class RunService final : public v1::Runs::CallbackService {
 public:
  explicit RunService(const Backend& backend) : backend_(backend), watchers_(backend.engine) {}

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
      const std::string plan = IdOf(request->plan(), "plans");
      if (!plan.empty() &&
          (plan.size() < kShortestId || plan.find_first_not_of("0123456789abcdef") != std::string::npos)) {
        return absl::InvalidArgumentError(absl::StrCat("\"", plan, "\" is no id of a plan; write at least ",
                                                       kShortestId, " digits of it, as `sluice plan` shows them"));
      }
      ASSIGN_OR_RETURN(const std::string run, backend_.engine->StartEnforcement(actor, plan));
      RETURN_IF_ERROR(Show(run, reply));
      if (absl::StatusOr<core::Plan> plan = backend_.engine->context().store->LoadPlan(reply->plan()); plan.ok()) {
        reply->set_summary(Outlook(*plan));
      }
      return absl::OkStatus();
    });
  }

  grpc::ServerUnaryReactor* GetRun(grpc::CallbackServerContext* context, const v1::GetRunRequest* request,
                                   v1::RunDetail* reply) override {
    return Answer(backend_, context, [this, request, reply]() -> absl::Status {
      ASSIGN_OR_RETURN(const std::string id, Find(request->name()));
      RETURN_IF_ERROR(Show(id, reply->mutable_run()));
      store::Store& store = *backend_.engine->context().store;
      ASSIGN_OR_RETURN(const auto snapshot, store.LoadSnapshot());
      ASSIGN_OR_RETURN(const auto operations, store.LoadOperations(id));
      for (const store::Operation& operation : operations) Fill(operation, *snapshot, reply->add_operations());
      return absl::OkStatus();
    });
  }

  grpc::ServerUnaryReactor* ListRuns(grpc::CallbackServerContext* context, const v1::ListRunsRequest* request,
                                     v1::ListRunsResponse* reply) override {
    return Answer(backend_, context, [this, request, reply]() -> absl::Status { return List(*request, reply); });
  }

  grpc::ServerUnaryReactor* StopRun(grpc::CallbackServerContext* context, const v1::GetRunRequest* request,
                                    v1::Run* reply) override {
    const engine::Actor actor = backend_.ActorOf(*context);
    return Answer(backend_, context, [this, actor, request, reply]() -> absl::Status {
      ASSIGN_OR_RETURN(const std::string id, Find(request->name()));
      RETURN_IF_ERROR(Show(id, reply));
      if (reply->has_ended()) {
        return absl::FailedPreconditionError(absl::StrCat("run ", id.substr(0, 8), " has ended: ", reply->state()));
      }
      RETURN_IF_ERROR(backend_.engine->StopRun(actor, id));
      return Show(id, reply);
    });
  }

  grpc::ServerWriteReactor<v1::Run>* WatchRun(grpc::CallbackServerContext*, const v1::GetRunRequest* request) override {
    return watchers_.Watch([this, name = request->name()] { return Find(name); });
  }

 private:
  absl::Status Show(const std::string& id, v1::Run* reply) {
    int64_t version = 0;
    ASSIGN_OR_RETURN(const engine::Runs::View view, backend_.engine->runs().Watch(id, version, absl::ZeroDuration()));
    Fill(view, reply);
    return absl::OkStatus();
  }

  // The token is the id of the last run of a page: runs that begin meanwhile shift nothing.
  absl::Status List(const v1::ListRunsRequest& request, v1::ListRunsResponse* reply) {
    ASSIGN_OR_RETURN(const auto runs, backend_.engine->context().store->LoadRuns(kMostRuns));
    size_t from = 0;
    if (!request.page_token().empty()) {
      while (from < runs.size() && runs[from].id != request.page_token()) ++from;
      if (from++ == runs.size()) return BadToken(request.page_token());
    }
    ASSIGN_OR_RETURN(const Page page, PageOf(runs.size() - from, request.page_size(), ""));
    for (size_t i = 0; i < page.to; ++i) Fill(runs[from + i], reply->add_runs());
    if (!page.next_token.empty()) reply->set_next_page_token(runs[from + page.to - 1].id);
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> Find(const std::string& name) {
    ASSIGN_OR_RETURN(const std::string id, RequiredId(name, "runs"));
    ASSIGN_OR_RETURN(const auto runs, backend_.engine->context().store->LoadRuns(kMostRuns));
    ASSIGN_OR_RETURN(const store::Run* run, FindByPrefix(runs, id, "run", [](const auto& one) { return one.id; }));
    return run->id;
  }

  const Backend backend_;
  RunWatchers watchers_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeRunService(const Backend& backend) { return std::make_unique<RunService>(backend); }

}  // namespace sluice::api
