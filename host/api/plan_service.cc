#include "host/api/call_internal.h"
#include "host/api/translate_internal.h"
#include "host/base/status.h"
#include "host/engine/newer_import.h"

namespace sluice::api {
namespace {

class PlanService final : public v1::Plans::CallbackService {
 public:
  explicit PlanService(const Backend& backend) : backend_(backend) {}

  grpc::ServerUnaryReactor* CreatePlan(grpc::CallbackServerContext* context, const v1::CreatePlanRequest*,
                                       v1::Plan* reply) override {
    const engine::Actor actor = backend_.ActorOf(*context);
    return Answer(backend_, context, [this, actor, reply]() -> absl::Status {
      ASSIGN_OR_RETURN(const core::Plan plan, backend_.engine->MakePlan(actor));
      return Show(plan, reply);
    });
  }

  grpc::ServerUnaryReactor* GetPlan(grpc::CallbackServerContext* context, const v1::GetPlanRequest* request,
                                    v1::Plan* reply) override {
    return Answer(backend_, context, [this, request, reply]() -> absl::Status {
      ASSIGN_OR_RETURN(const std::string hash, RequiredId(request->name(), "plans"));
      ASSIGN_OR_RETURN(const core::Plan plan, backend_.engine->context().store->LoadPlan(hash));
      return Show(plan, reply);
    });
  }

 private:
  absl::Status Show(const core::Plan& plan, v1::Plan* reply) {
    ASSIGN_OR_RETURN(const engine::World world, engine::LoadWorld(backend_.engine->context(), plan.as_of));
    ASSIGN_OR_RETURN(const std::string newer, engine::NewerImport(backend_.engine->context()));
    if (!newer.empty()) reply->add_warnings(newer);
    Fill(plan, world, reply);
    return absl::OkStatus();
  }

  const Backend backend_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakePlanService(const Backend& backend) {
  return std::make_unique<PlanService>(backend);
}

}  // namespace sluice::api
