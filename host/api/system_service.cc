#include "host/api/call_internal.h"
#include "host/api/translate_internal.h"
#include "host/base/status.h"
#include "host/config/parse_condition.h"
#include "host/core/joining.h"

namespace sluice::api {
namespace {

const char* ResultName(core::CorrelationReport::Row::Result result) {
  using Result = core::CorrelationReport::Row::Result;
  switch (result) {
    case Result::kOne:
      return "one";
    case Result::kSeveral:
      return "several";
    case Result::kNone:
      return "none";
    case Result::kNoKey:
      return "no_key";
    case Result::kShared:
      return "shared";
    case Result::kHeld:
      return "held";
  }
  return "none";
}

const char* CompletenessName(core::Completeness completeness) {
  switch (completeness) {
    case core::Completeness::kComplete:
      return "complete";
    case core::Completeness::kPartial:
      return "partial";
    case core::Completeness::kNotRead:
      return "not_read";
  }
  return "not_read";
}

class SystemService final : public v1::Systems::CallbackService {
 public:
  explicit SystemService(const Backend& backend) : backend_(backend) {}

  grpc::ServerUnaryReactor* ListSystems(grpc::CallbackServerContext* context, const v1::ListSystemsRequest* request,
                                        v1::ListSystemsResponse* reply) override {
    return Answer(backend_, context, [this, request, reply]() -> absl::Status {
      const auto configuration = backend_.engine->context().configuration();
      ASSIGN_OR_RETURN(const Page page,
                       PageOf(configuration->systems.size(), request->page_size(), request->page_token()));
      size_t index = 0;
      for (const auto& [name, spec] : configuration->systems) {
        if (index >= page.from && index < page.to) RETURN_IF_ERROR(FillSystem(name, reply->add_systems()));
        ++index;
      }
      reply->set_next_page_token(page.next_token);
      return absl::OkStatus();
    });
  }

  grpc::ServerUnaryReactor* GetSystem(grpc::CallbackServerContext* context, const v1::GetSystemRequest* request,
                                      v1::System* reply) override {
    return Answer(backend_, context,
                  [this, request, reply] { return FillSystem(IdOf(request->name(), "systems"), reply); });
  }

  grpc::ServerUnaryReactor* TestSystem(grpc::CallbackServerContext* context, const v1::GetSystemRequest* request,
                                       v1::TestSystemResponse* reply) override {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    const std::string system = IdOf(request->name(), "systems");
    engine::Connector* connector = backend_.engine->context().connectors->Find(system);
    if (connector == nullptr) {
      reactor->Finish(
          ToGrpc(absl::NotFoundError(absl::StrCat("there is no system \"", system, "\"; see: sluice system list"))));
      return reactor;
    }
    connector->Test([reactor, reply](absl::StatusOr<engine::TestReport> report) {
      if (!report.ok()) return reactor->Finish(ToGrpc(report.status()));
      for (const std::string& line : report->errors) reply->add_errors(line);
      for (const std::string& line : report->warnings) reply->add_warnings(line);
      for (const engine::MissingRight& right : report->missing_rights) {
        v1::MissingRight* row = reply->add_missing_rights();
        row->set_object_class(right.object_class);
        row->set_attribute(right.attribute);
        row->set_scope(right.scope);
        row->set_right(right.right);
        row->set_remedy(right.remedy);
      }
      reactor->Finish(grpc::Status::OK);
    });
    return reactor;
  }

  grpc::ServerUnaryReactor* ActivateSystem(grpc::CallbackServerContext* context,
                                           const v1::ActivateSystemRequest* request, v1::System* reply) override {
    const engine::Actor actor = backend_.ActorOf(*context, request->reason());
    return Answer(backend_, context, [this, actor, request, reply]() -> absl::Status {
      const std::string system = IdOf(request->name(), "systems");
      std::vector<std::string> persons;
      for (const std::string& person : request->persons()) persons.push_back(IdOf(person, "persons"));
      if (!request->when().empty()) {
        const auto configuration = backend_.engine->context().configuration();
        RETURN_IF_ERROR(config::ParseCondition(request->when(), *configuration).status());
      }
      RETURN_IF_ERROR(backend_.engine->Activate(actor, system, persons, request->when()));
      RETURN_IF_ERROR(backend_.administration->ActivationChanged());
      return FillSystem(system, reply);
    });
  }

  grpc::ServerUnaryReactor* ObserveSystem(grpc::CallbackServerContext* context, const v1::ObserveSystemRequest* request,
                                          v1::System* reply) override {
    const engine::Actor actor = backend_.ActorOf(*context, request->reason());
    return Answer(backend_, context, [this, actor, request, reply]() -> absl::Status {
      const std::string system = IdOf(request->name(), "systems");
      RETURN_IF_ERROR(backend_.engine->Observe(actor, system));
      RETURN_IF_ERROR(backend_.administration->ActivationChanged());
      return FillSystem(system, reply);
    });
  }

  grpc::ServerUnaryReactor* GetCorrelationReport(grpc::CallbackServerContext* context,
                                                 const v1::GetSystemRequest* request,
                                                 v1::CorrelationReport* reply) override {
    return Answer(backend_, context,
                  [this, request, reply] { return Report(IdOf(request->name(), "systems"), reply); });
  }

  grpc::ServerUnaryReactor* LinkAccount(grpc::CallbackServerContext* context, const v1::LinkAccountRequest* request,
                                        v1::LinkAccountResponse*) override {
    const engine::Actor actor = backend_.ActorOf(*context, request->reason());
    return Answer(backend_, context, [this, actor, request] {
      return backend_.engine->Link(actor, IdOf(request->name(), "systems"), IdOf(request->person(), "persons"),
                                   request->account());
    });
  }

 private:
  absl::Status Report(const std::string& system, v1::CorrelationReport* reply) {
    ASSIGN_OR_RETURN(const engine::World world, backend_.engine->CurrentWorld());
    ASSIGN_OR_RETURN(const core::CorrelationReport report, core::Correlate(world.input(), system));
    reply->set_system(system);
    for (const core::CorrelationReport::Row& row : report.rows) {
      v1::CorrelationRow* out = reply->add_rows();
      FillPerson(*world.snapshot, row.person_id, out);
      out->set_key(row.key);
      out->set_result(ResultName(row.result));
      for (const std::string& account : row.accounts) out->add_accounts(account);
      out->set_account_names(row.names);
      ++(*reply->mutable_counts())[ResultName(row.result)];
    }
    for (const auto& [id, name] : report.unmatched_accounts) {
      v1::ObservedAccount* account = reply->add_unmatched_accounts();
      account->set_id(id);
      account->set_name(name);
    }
    return absl::OkStatus();
  }

  absl::Status FillSystem(const std::string& name, v1::System* out) {
    const engine::Context& context = backend_.engine->context();
    const auto configuration = context.configuration();
    const core::SystemSpec* spec = configuration->FindSystem(name);
    if (spec == nullptr)
      return absl::NotFoundError(absl::StrCat("there is no system \"", name, "\"; see: sluice system list"));
    out->set_name("systems/" + name);
    out->set_kind(spec->is_source ? "source" : "target");
    out->set_connector(spec->connector);
    for (const PluginStatus& plugin : backend_.administration->Plugins()) {
      if (plugin.system == name) out->set_plugin_state(plugin.state);
    }
    if (spec->is_source) return FillSource(name, out);
    std::map<std::string, std::vector<std::string>> texts;
    ASSIGN_OR_RETURN(const core::State state, context.store->LoadState(&texts));
    out->set_activation("observing");
    if (auto found = state.activations.find(name); found != state.activations.end()) {
      if (found->second.state == core::Activation::State::kActive) out->set_activation("active");
      if (found->second.state == core::Activation::State::kPartly) out->set_activation("partly");
      for (const std::string& person : found->second.person_ids) out->add_activated_for("persons/" + person);
    }
    for (const std::string& text : texts[name]) {
      if (!absl::StartsWith(text, "person:")) out->add_activated_for(text);  // Persons are named above.
    }
    if (auto found = state.observed.find(name); found != state.observed.end() && found->second.is_known) {
      out->set_observed_as_of(DateOf(found->second.as_of));
    }
    auto& held = *out->mutable_held();
    for (const core::Grant& grant : state.grants) {
      if (grant.system != name || grant.state == core::GrantState::kAbsent) continue;
      const char* kind = grant.kind == core::EntitlementKind::kAccount  ? "accounts"
                         : grant.kind == core::EntitlementKind::kAccess ? "access"
                                                                        : "permissions";
      ++held[grant.state == core::GrantState::kRetired ? "retired" : kind];
    }
    for (const core::ResourceInstance& resource : state.resources)
      held["resources"] += resource.system == name && resource.is_held;
    return absl::OkStatus();
  }

  absl::Status FillSource(const std::string& name, v1::System* out) {
    store::Store& store = *backend_.engine->context().store;
    ASSIGN_OR_RETURN(const auto snapshot, store.LoadSnapshot());
    int64_t people = 0;
    for (const auto& person : snapshot->persons) people += core::IsOf(*person, name);
    (*out->mutable_held())["people"] = people;
    ASSIGN_OR_RETURN(const auto states, store.LoadClassStates(name));
    for (const core::ClassState& state : states) {
      v1::ScopeState* row = out->add_scopes();
      row->set_scope(state.scope);
      row->set_object_class(state.object_class);
      row->set_state(CompletenessName(state.completeness));
      row->set_records(state.records);
      row->set_error(state.error);
    }
    return absl::OkStatus();
  }

  const Backend backend_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeSystemService(const Backend& backend) {
  return std::make_unique<SystemService>(backend);
}

}  // namespace sluice::api
