#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "host/api/call_internal.h"
#include "host/api/translate_internal.h"
#include "host/base/nearest.h"
#include "host/base/status.h"
#include "host/config/parse_condition.h"
#include "host/core/account_mapping.h"
#include "host/core/joining.h"
#include "host/core/primary_contract.h"
#include "host/core/text.h"

namespace sluice::api {
namespace {

const char* KindName(const core::Value& value) {
  using Kind = core::Value::Kind;
  switch (value.kind()) {
    case Kind::kNotVisible:
      return "not visible";
    case Kind::kEmpty:
      return "empty";
    case Kind::kText:
      return "text";
    case Kind::kInteger:
      return "integer";
    case Kind::kDecimal:
      return "number";
    case Kind::kFlag:
      return "flag";
    case Kind::kDate:
      return "date";
    case Kind::kTime:
      return "time";
    case Kind::kData:
      return "data";
    case Kind::kReference:
      return "reference";
    case Kind::kList:
    case Kind::kPartialList:
      return "list";
    case Kind::kMap:
      return "map";
  }
  return "";
}

void AddField(const std::string& field, const core::Value& value, v1::TryMappingResponse* reply) {
  v1::MappedField* row = reply->add_fields();
  row->set_field(field);
  row->set_value(value.ToText());
  row->set_kind(KindName(value));
}

const std::vector<std::string> kStates = {"present", "vanished", "held_back", "excluded"};

class PersonService final : public v1::Persons::CallbackService {
 public:
  explicit PersonService(const Backend& backend) : backend_(backend) {}

  grpc::ServerUnaryReactor* ListPersons(grpc::CallbackServerContext* context, const v1::ListPersonsRequest* request,
                                        v1::ListPersonsResponse* reply) override {
    return Answer(backend_, context, [this, request, reply] { return List(*request, reply); });
  }

  grpc::ServerUnaryReactor* GetPerson(grpc::CallbackServerContext* context, const v1::GetPersonRequest* request,
                                      v1::PersonDetail* reply) override {
    return Answer(backend_, context, [this, request, reply] { return Get(*request, reply); });
  }

  grpc::ServerUnaryReactor* ExcludePerson(grpc::CallbackServerContext* context, const v1::ExcludePersonRequest* request,
                                          v1::Person* reply) override {
    const engine::Actor actor = backend_.ActorOf(*context, request->reason());
    return Answer(backend_, context, [this, actor, request, reply]() -> absl::Status {
      std::optional<absl::CivilDay> until;
      if (!request->until().empty()) {
        absl::CivilDay day;
        if (!absl::ParseCivilTime(request->until(), &day)) {
          return absl::InvalidArgumentError(
              absl::StrCat("\"", request->until(), "\" is not a date; write it as 2026-11-24"));
        }
        until = day;
      }
      const std::string person = IdOf(request->name(), "persons");
      RETURN_IF_ERROR(backend_.engine->Exclude(actor, person, until));
      return Show(person, reply);
    });
  }

  grpc::ServerUnaryReactor* IncludePerson(grpc::CallbackServerContext* context, const v1::ExcludePersonRequest* request,
                                          v1::Person* reply) override {
    const engine::Actor actor = backend_.ActorOf(*context, request->reason());
    return Answer(backend_, context, [this, actor, request, reply]() -> absl::Status {
      const std::string person = IdOf(request->name(), "persons");
      RETURN_IF_ERROR(backend_.engine->Include(actor, person));
      return Show(person, reply);
    });
  }

  grpc::ServerUnaryReactor* ExplainEntitlement(grpc::CallbackServerContext* context,
                                               const v1::ExplainEntitlementRequest* request,
                                               v1::Explanation* reply) override {
    return Answer(backend_, context, [this, request, reply]() -> absl::Status {
      ASSIGN_OR_RETURN(const core::Explanation explanation,
                       backend_.engine->Why(IdOf(request->name(), "persons"), request->entitlement()));
      Fill(explanation, reply);
      store::Store& store = *backend_.engine->context().store;
      ASSIGN_OR_RETURN(const auto snapshot, store.LoadSnapshot());
      Fill(*snapshot, reply->mutable_snapshot());
      reply->set_configuration(backend_.engine->context().configuration()->hash);
      if (explanation.grant && !explanation.grant->last_operation.empty()) {
        ASSIGN_OR_RETURN(const auto operation, store.LoadOperation(explanation.grant->last_operation));
        if (operation) reply->set_plan(operation->plan);
      }
      return absl::OkStatus();
    });
  }

  grpc::ServerUnaryReactor* TryMapping(grpc::CallbackServerContext* context, const v1::TryMappingRequest* request,
                                       v1::TryMappingResponse* reply) override {
    return Answer(backend_, context, [this, request, reply] { return Try(*request, reply); });
  }

 private:
  absl::StatusOr<engine::World> World() const {
    return engine::LoadWorld(backend_.engine->context(), backend_.engine->calendar().Today());
  }

  absl::Status Show(const std::string& name, v1::Person* reply) {
    ASSIGN_OR_RETURN(const engine::World world, World());
    ASSIGN_OR_RETURN(const core::Person* person, engine::Engine::FindPerson(*world.snapshot, name));
    Fill(*person, *world.state, world.as_of, reply);
    return absl::OkStatus();
  }

  absl::Status List(const v1::ListPersonsRequest& request, v1::ListPersonsResponse* reply) {
    const std::string nearest = base::Nearest(request.state(), kStates);
    if (!request.state().empty() && nearest != request.state()) {
      return absl::InvalidArgumentError(absl::StrCat("there is no state \"", request.state(), "\"",
                                                     nearest.empty()
                                                         ? absl::StrCat("; there are: ", absl::StrJoin(kStates, ", "))
                                                         : absl::StrCat("; did you mean ", nearest, "?")));
    }
    ASSIGN_OR_RETURN(const engine::World world, World());
    const std::string search = core::NormaliseText(request.search());
    std::vector<v1::Person> found;
    for (const auto& person : world.snapshot->persons) {
      if (!search.empty() &&
          !absl::StrContains(absl::AsciiStrToLower(person->display), absl::AsciiStrToLower(search)) &&
          person->external_id != search) {
        continue;
      }
      v1::Person row;
      Fill(*person, *world.state, world.as_of, &row);
      if (!request.state().empty() && row.state() != request.state()) continue;
      found.push_back(std::move(row));
    }
    std::sort(found.begin(), found.end(), [](const v1::Person& a, const v1::Person& b) {
      return std::tie(a.display(), a.name()) < std::tie(b.display(), b.name());
    });
    ASSIGN_OR_RETURN(const Page page, PageOf(found.size(), request.page_size(), request.page_token()));
    for (size_t i = page.from; i < page.to; ++i) *reply->add_persons() = found[i];
    reply->set_next_page_token(page.next_token);
    reply->set_total_size(static_cast<int32_t>(found.size()));
    return absl::OkStatus();
  }

  absl::Status Get(const v1::GetPersonRequest& request, v1::PersonDetail* reply) {
    ASSIGN_OR_RETURN(const engine::World world, World());
    ASSIGN_OR_RETURN(const core::Person* person,
                     engine::Engine::FindPerson(*world.snapshot, IdOf(request.name(), "persons")));
    Fill(*person, *world.state, world.as_of, reply->mutable_person());
    const bool is_joined = person->fields.contains(core::kJoined);
    for (const auto& [path, value] : person->fields) {
      if (path == core::kJoined) continue;
      (*reply->mutable_fields())[path] = value.ToText();
      if (is_joined) (*reply->mutable_origins())[path] = core::SourceOfField(*person, path);
    }
    const int primary = core::PrimaryContract(*person, world.configuration->primary_contract, world.as_of);
    for (size_t i = 0; i < person->contracts.size(); ++i) {
      v1::Contract* contract = reply->add_contracts();
      Fill(person->contracts[i], contract);
      contract->set_is_primary(static_cast<int>(i) == primary);
    }
    for (const core::Grant& grant : world.state->grants) {
      if (grant.person_id == person->id && grant.state != core::GrantState::kAbsent) Fill(grant, reply->add_grants());
    }
    for (const core::Exclusion& exclusion : world.state->exclusions) {
      if (exclusion.person_id != person->id || !exclusion.Holds(world.as_of)) continue;
      reply->set_exclusion(
          absl::StrCat(exclusion.until ? absl::StrCat("until ", DateOf(*exclusion.until)) : "until included again",
                       ": ", exclusion.reason));
    }
    ASSIGN_OR_RETURN(auto operations, backend_.engine->context().store->LoadOperationsOf(person->id));
    for (const store::Operation& operation : operations) Fill(operation, *world.snapshot, reply->add_operations());
    return request.with_raw_records() ? AddRawRecords(*person, reply) : absl::OkStatus();
  }

  absl::Status AddRawRecords(const core::Person& person, v1::PersonDetail* reply) {
    std::vector<core::RecordKey> keys = person.sources;
    for (const core::Contract& contract : person.contracts) keys.push_back(contract.source);
    std::map<std::string, core::RawSet> sets;
    for (const core::RecordKey& key : keys) {
      if (!sets.contains(key.system)) {
        ASSIGN_OR_RETURN(sets[key.system], backend_.engine->context().store->LoadRawSet(key.system));
      }
      auto found = sets[key.system].find({key.scope, key.object_class, key.id});
      if (found == sets[key.system].end()) continue;
      v1::RawRecord* row = reply->add_raw_records();
      row->set_system(key.system);
      row->set_scope(key.scope);
      row->set_object_class(key.object_class);
      row->set_id(key.id);
      row->set_first_seen(DateOf(found->second.first_seen));
      row->set_last_confirmed(DateOf(found->second.last_confirmed));
      row->set_last_seen(DateOf(found->second.last_seen));
      SetStruct(core::FieldsToJson(found->second.record.attributes), row->mutable_attributes());
    }
    return absl::OkStatus();
  }

  absl::Status Try(const v1::TryMappingRequest& request, v1::TryMappingResponse* reply) {
    ASSIGN_OR_RETURN(const engine::World world, World());
    ASSIGN_OR_RETURN(const core::Person* person,
                     engine::Engine::FindPerson(*world.snapshot, IdOf(request.person(), "persons")));
    const int primary = core::PrimaryContract(*person, world.configuration->primary_contract, world.as_of);
    const core::Contract* contract = primary < 0 ? nullptr : &person->contracts[static_cast<size_t>(primary)];
    if (!request.template_().empty()) {
      if (!request.system().empty())
        return absl::InvalidArgumentError("a template and a system are two questions; ask one of them");
      ASSIGN_OR_RETURN(const core::Template value, config::ParseTemplate(request.template_(), *world.configuration));
      AddField("", value.Evaluate([&](const std::string& path) { return core::FieldOf(*person, contract, path); }),
               reply);
      return absl::OkStatus();
    }
    if (request.system().empty()) {
      for (const auto& [path, value] : person->fields) {
        if (path != core::kJoined) AddField(path, value, reply);
      }
      return absl::OkStatus();
    }
    const core::SystemSpec* spec = world.configuration->FindSystem(IdOf(request.system(), "systems"));
    if (spec == nullptr || spec->is_source) {
      return absl::NotFoundError(
          absl::StrCat("there is no target \"", request.system(), "\"; see: sluice system list"));
    }
    core::TargetSchema schema;
    if (auto known = world.state->schemas.find(spec->name); known != world.state->schemas.end()) schema = known->second;
    const core::AccountMapping mapping(*spec, schema);
    core::Subject subject;
    const std::vector<bool> all(person->contracts.size(), true);
    subject.person = person;
    subject.in_window = &all;
    subject.primary = subject.contract = primary;
    subject.today = world.as_of;
    const core::AccountValues values = mapping.Evaluate(subject);
    if (!values.problem.empty()) return absl::FailedPreconditionError(absl::StrCat("held back: ", values.problem));
    for (const auto& [attribute, value] : values.always) AddField(attribute, value, reply);
    for (const auto& [attribute, value] : values.on_create) AddField(attribute, value, reply);
    for (const auto& [attribute, candidates] : values.candidates) {
      v1::MappedField* row = reply->add_fields();
      row->set_field(attribute);
      row->set_kind("name");
      for (const std::string& candidate : candidates) row->add_candidates(candidate);
      if (!candidates.empty()) row->set_value(candidates.front());
    }
    return absl::OkStatus();
  }

  const Backend backend_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakePersonService(const Backend& backend) {
  return std::make_unique<PersonService>(backend);
}

}  // namespace sluice::api
