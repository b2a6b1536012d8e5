#include "host/api/call_internal.h"
#include "host/api/translate_internal.h"
#include "host/base/status.h"

namespace sluice::api {
namespace {

void FillProblems(const std::vector<ConfigurationProblem>& problems,
                  google::protobuf::RepeatedPtrField<v1::ConfigurationError>* out) {
  for (const ConfigurationProblem& problem : problems) {
    v1::ConfigurationError* row = out->Add();
    row->set_file(problem.position.file);
    row->set_line(problem.position.line);
    row->set_column(problem.position.column);
    row->set_message(problem.message);
  }
}

void FillSummary(const core::Plan& plan, v1::PlanSummary* out) {
  out->set_hash(plan.hash);
  for (const core::PlannedOperation& operation : plan.operations) {
    ++(*out->mutable_operations())[absl::StrCat(operation.system, " ", core::OperationKindName(operation.kind))];
  }
}

class ConfigurationService final : public v1::Configurations::CallbackService {
 public:
  explicit ConfigurationService(const Backend& backend) : backend_(backend) {}

  grpc::ServerUnaryReactor* CheckConfiguration(grpc::CallbackServerContext* context,
                                               const v1::CheckConfigurationRequest* request,
                                               v1::CheckConfigurationResponse* reply) override {
    return Answer(backend_, context, [this, request, reply] {
      Check(backend_.administration->Check(request->folder()), reply);
      return absl::OkStatus();
    });
  }

  grpc::ServerUnaryReactor* DiffConfiguration(grpc::CallbackServerContext* context,
                                              const v1::CheckConfigurationRequest* request,
                                              v1::DiffConfigurationResponse* reply) override {
    return Answer(backend_, context, [this, request, reply] { return Diff(request->folder(), reply); });
  }

  grpc::ServerUnaryReactor* ApplyConfiguration(grpc::CallbackServerContext* context,
                                               const v1::ApplyConfigurationRequest* request,
                                               v1::ApplyConfigurationResponse* reply) override {
    const engine::Actor actor = backend_.ActorOf(*context, request->reason());
    return Answer(backend_, context, [this, actor, request, reply]() -> absl::Status {
      const ConfigurationCheck check = backend_.administration->Check(request->folder());
      Check(check, reply->mutable_check());
      for (const std::string& change : check.changes) reply->add_changes(change);
      if (check.configuration == nullptr || request->validate_only()) return absl::OkStatus();
      ASSIGN_OR_RETURN(const auto blocks, backend_.administration->Apply(actor, check));
      for (const store::BlockRecord& block : blocks) Fill(block, reply->add_blocks());
      reply->mutable_check()->set_running_hash(check.configuration->hash);
      return absl::OkStatus();
    });
  }

  grpc::ServerUnaryReactor* GetConfigurationSchema(grpc::CallbackServerContext* context,
                                                   const v1::GetConfigurationSchemaRequest*,
                                                   v1::GetConfigurationSchemaResponse* reply) override {
    return Answer(backend_, context, [this, reply] {
      reply->set_json_schema(backend_.administration->ConfigurationJsonSchema());
      reply->set_reference_page(backend_.administration->ConfigurationReference());
      return absl::OkStatus();
    });
  }

 private:
  void Check(const ConfigurationCheck& check, v1::CheckConfigurationResponse* reply) {
    FillProblems(check.errors, reply->mutable_errors());
    FillProblems(check.warnings, reply->mutable_warnings());
    if (check.configuration) reply->set_hash(check.configuration->hash);
    reply->set_running_hash(backend_.engine->context().configuration()->hash);
  }

  absl::Status Diff(const std::string& folder, v1::DiffConfigurationResponse* reply) {
    const ConfigurationCheck check = backend_.administration->Check(folder);
    Check(check, reply->mutable_check());
    for (const std::string& change : check.changes) reply->add_changes(change);
    if (check.configuration == nullptr) return absl::OkStatus();
    ASSIGN_OR_RETURN(engine::World world, backend_.engine->CurrentWorld());
    FillSummary(core::MakePlan(world.input()), reply->mutable_plan_before());
    ASSIGN_OR_RETURN(const engine::Candidate candidate,
                     backend_.engine->snapshots().Remap(*check.configuration, world.as_of));
    reply->mutable_people()->set_added(static_cast<int32_t>(candidate.counts.added));
    reply->mutable_people()->set_removed(static_cast<int32_t>(candidate.counts.removed));
    reply->mutable_people()->set_changed(static_cast<int32_t>(candidate.counts.changed));
    reply->mutable_people()->set_held_back(static_cast<int32_t>(candidate.counts.held_back));
    world.configuration = check.configuration;
    world.snapshot = std::make_shared<const core::Snapshot>(candidate.snapshot);
    FillSummary(core::MakePlan(world.input()), reply->mutable_plan_after());
    return absl::OkStatus();
  }

  const Backend backend_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeConfigurationService(const Backend& backend) {
  return std::make_unique<ConfigurationService>(backend);
}

}  // namespace sluice::api
