// From the engine's types to the management API's messages. Pure functions.
#ifndef SLUICE_HOST_API_TRANSLATE_INTERNAL_H_
#define SLUICE_HOST_API_TRANSLATE_INTERNAL_H_

#include <map>
#include <optional>
#include <string>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "host/api/administration.h"
#include "host/core/planner.h"
#include "host/engine/runs.h"
#include "host/engine/world.h"
#include "host/store/store.h"
#include "sluice/management/v1/management.pb.h"

namespace sluice::api {

namespace v1 = sluice::management::v1;

std::string DateOf(absl::CivilDay day);                        // "2026-11-24"
std::string DateOf(const std::optional<absl::CivilDay>& day);  // "" when there is none.
void SetTime(absl::Time time, google::protobuf::Timestamp* out);
void SetStruct(const nlohmann::json& json, google::protobuf::Struct* out);

void Fill(const core::Snapshot& snapshot, v1::Snapshot* out);
void Fill(const core::Person& person, const core::State& state, absl::CivilDay as_of, v1::Person* out);
void Fill(const core::Contract& contract, v1::Contract* out);
void Fill(const core::Grant& grant, v1::Grant* out);
void Fill(const core::SupportReason& support, v1::Support* out);
void Fill(const core::ClauseResult& clause, v1::Clause* out);
void Fill(const core::Explanation& explanation, v1::Explanation* out);
// With the name of the person from `snapshot`, when somebody has its id.
void Fill(const core::PlannedOperation& operation, const core::Snapshot& snapshot, v1::Operation* out);
void Fill(const store::Operation& operation, const core::Snapshot& snapshot, v1::Operation* out);
void Fill(const core::Plan& plan, const engine::World& world, v1::Plan* out);
void Fill(const store::BlockRecord& block, v1::Block* out);
void Fill(const store::Run& run, v1::Run* out);
void Fill(const engine::Runs::View& view, v1::Run* out);
void Fill(const AuditState& state, v1::AuditState* out);

// Number and display name of a person into any message that has person, external_id and display.
template <typename Message>
void FillPerson(const core::Snapshot& snapshot, const std::string& person_id, Message* out) {
  if (person_id.empty()) return;
  out->set_person("persons/" + person_id);
  if (const core::Person* person = snapshot.Find(person_id)) {
    out->set_external_id(person->external_id);
    out->set_display(person->display);
  }
}

// "placement H4D": a contract as people read it.
std::string ContractLabel(const core::Contract& contract);

}  // namespace sluice::api

#endif  // SLUICE_HOST_API_TRANSLATE_INTERNAL_H_
