// What people decide: blocks, exclusions, links, activation, and the handing out of first passwords.
#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "host/base/status.h"
#include "host/engine/engine.h"

namespace sluice::engine {
namespace {

constexpr size_t kShortestBlockId = 4;
constexpr char kNewAccount[] = "new";

bool IsObserved(const World& world, const std::string& system, const std::string& account_id) {
  const auto observed = world.state->observed.find(system);
  if (observed == world.state->observed.end()) return false;
  const std::vector<core::Record>& records = observed->second.records;
  return std::any_of(records.begin(), records.end(),
                     [&](const core::Record& record) { return record.id == account_id; });
}

absl::Status DemandReason(const Actor& actor) {
  if (!absl::StripAsciiWhitespace(actor.reason).empty()) return absl::OkStatus();
  return absl::InvalidArgumentError("a decision needs a reason: add --reason \"...\"");
}

// What somebody signs in with: the account's name that the target keeps unique, best the one that was chosen late; what
// the target calls the object when there is none.
std::string LoginOf(const World& world, const std::string& person_id, const std::string& system) {
  const core::SystemSpec* spec = world.configuration->FindSystem(system);
  const auto schema = world.state->schemas.find(system);
  if (spec == nullptr) return "";
  std::string login, unique, name;
  for (const core::Grant& grant : world.state->grants) {
    if (grant.person_id != person_id || grant.system != system || grant.kind != core::EntitlementKind::kAccount)
      continue;
    name = grant.object_name;
    for (const core::AccountItem& item : spec->account) {
      for (const core::AccountField& field : item.fields) {
        auto value = grant.desired.find(field.attribute);
        if (value == grant.desired.end() || !value->second.has_value()) continue;
        if (!field.candidates.empty() && login.empty()) login = value->second.ToText();
        if (schema == world.state->schemas.end()) continue;
        auto info = schema->second.classes.find(spec->account_class);
        if (info == schema->second.classes.end()) continue;
        auto attribute = info->second.attributes.find(field.attribute);
        const bool is_label = field.attribute == info->second.label_attribute;
        if (attribute != info->second.attributes.end() && !attribute->second.unique_in.empty() &&
            (unique.empty() || is_label)) {
          unique = value->second.ToText();
        }
      }
    }
  }
  return !login.empty() ? login : !unique.empty() ? unique : name;
}

}  // namespace

absl::Status Engine::WriteDecision(const Actor& actor, const std::string& action, const std::string& system,
                                   const std::string& person_id, nlohmann::json facts, store::Commit commit) {
  audit::Entry entry;
  entry.time = context_.clock->Now();
  entry.actor = actor.name;
  entry.action = action;
  entry.system = system;
  entry.person_id = person_id;
  entry.configuration = context_.configuration()->hash;
  entry.reason = actor.reason;
  entry.facts = std::move(facts);
  commit.audit.push_back(std::move(entry));
  return context_.store->Write(commit);
}

absl::StatusOr<store::BlockRecord> Engine::FindBlock(const std::string& id, bool is_approved) const {
  ASSIGN_OR_RETURN(const std::vector<store::BlockRecord> blocks, context_.store->LoadBlocks());
  std::vector<store::BlockRecord> found;
  for (const store::BlockRecord& one : blocks) {
    // What was rejected may be approved after all; what was approved is carried out.
    const bool is_open = one.state == "waiting" || (is_approved && one.state == "rejected");
    if (!id.empty() && absl::StartsWith(one.id, id) && is_open) found.push_back(one);
  }
  const bool is_exact = found.size() == 1 && found.front().id == id;
  if (id.size() < kShortestBlockId && !is_exact)
    return absl::InvalidArgumentError(absl::StrCat("\"", id, "\" is too short for the id of a block; give more of it"));
  if (found.empty()) return absl::NotFoundError(absl::StrCat("no block ", id, " is waiting; see: sluice block list"));
  if (found.size() > 1) return absl::InvalidArgumentError(absl::StrCat("several blocks begin with ", id));
  return std::move(found.front());
}

absl::StatusOr<store::BlockRecord> Engine::Decide(const Actor& actor, const std::string& block, bool is_approved) {
  RETURN_IF_ERROR(DemandReason(actor));
  absl::MutexLock lock(&planning_);
  ASSIGN_OR_RETURN(store::BlockRecord decided, FindBlock(block, is_approved));
  decided.state = is_approved ? "approved" : "rejected";
  decided.decided_by = actor.name;
  decided.reason = actor.reason;
  decided.decided = context_.clock->Now();
  store::Commit commit;
  const bool is_clock = decided.system == kHostSystem && decided.kind == kClockKind;
  if (is_approved && is_clock) {
    if (decided.detail != absl::FormatCivilTime(calendar_.Today())) {
      return absl::FailedPreconditionError(absl::StrCat("the date is ", absl::FormatCivilTime(calendar_.Today()),
                                                        " now, and this block is about ", decided.detail,
                                                        "; see: sluice block list"));
    }
    commit.as_of = calendar_.Today();
    decided.state = "gone";
  } else if (is_approved) {
    core::Approval approval;
    approval.block_id = decided.id;
    approval.system = decided.system;
    approval.kind = decided.kind;
    approval.ids.insert(decided.ids.begin(), decided.ids.end());
    commit.approvals.push_back(std::move(approval));
  }
  commit.blocks.push_back(decided);
  RETURN_IF_ERROR(WriteDecision(actor, is_approved ? "block.approved" : "block.rejected", decided.system, "",
                                {{"block", decided.id}, {"kind", decided.kind}, {"count", decided.ids.size()}},
                                std::move(commit)));
  const core::SystemSpec* spec = context_.configuration()->FindSystem(decided.system);
  if (is_approved && spec != nullptr && spec->is_source) RETURN_IF_ERROR(AcceptImport(actor, decided));
  return decided;
}

// Makes what waited the active snapshot, unless something else about it still waits.
absl::Status Engine::AcceptImport(const Actor& actor, const store::BlockRecord& block) {
  ASSIGN_OR_RETURN(const absl::CivilDay today, calendar_.AcceptedToday());
  absl::MutexLock changing(&snapshots_.changing());
  store::Commit commit;
  ASSIGN_OR_RETURN(const bool is_active, snapshots_.ActivateCandidate(block.system, today, commit));
  if (is_active) {
    return WriteDecision(actor, "import.accepted", block.system, "", {{"block", block.id}}, std::move(commit));
  }
  return commit.blocks.empty() ? absl::OkStatus() : context_.store->Write(commit);
}

absl::Status Engine::Exclude(const Actor& actor, const std::string& person, std::optional<absl::CivilDay> until) {
  RETURN_IF_ERROR(DemandReason(actor));
  ASSIGN_OR_RETURN(const World world, CurrentWorld());
  ASSIGN_OR_RETURN(const core::Person* found, FindPerson(*world.snapshot, person));
  if (until && *until < world.as_of) {
    return absl::InvalidArgumentError(
        absl::StrCat("the last day, ", absl::FormatCivilTime(*until), ", is over; give today or a later one"));
  }
  store::Commit commit;
  commit.exclusions.push_back({found->id, until, actor.reason});
  return WriteDecision(actor, "person.excluded", "", found->id, {{"until", until ? absl::FormatCivilTime(*until) : ""}},
                       std::move(commit));
}

absl::Status Engine::Include(const Actor& actor, const std::string& person) {
  RETURN_IF_ERROR(DemandReason(actor));
  ASSIGN_OR_RETURN(const World world, CurrentWorld());
  ASSIGN_OR_RETURN(const core::Person* found, FindPerson(*world.snapshot, person));
  store::Commit commit;
  commit.included.push_back(found->id);
  return WriteDecision(actor, "person.included", "", found->id, {}, std::move(commit));
}

absl::StatusOr<core::SystemSpec> Engine::FindTarget(const std::string& system) const {
  const core::SystemSpec* spec = context_.configuration()->FindSystem(system);
  if (spec == nullptr)
    return absl::NotFoundError(absl::StrCat("there is no system \"", system, "\"; see: sluice system list"));
  if (spec->is_source)
    return absl::InvalidArgumentError(absl::StrCat("\"", system, "\" is a source; only a target is activated"));
  return *spec;
}

// What a person holds through an account that is not there any more is let go, so that the next plan gives it anew. Of
// one that is there nothing is let go.
absl::Status Engine::LetGo(const World& world, const std::string& system, const std::string& person_id,
                           const std::string& account_id, store::Commit& commit) {
  const core::Grant* held = nullptr;
  for (const core::Grant& grant : world.state->grants) {
    const bool is_account = grant.kind == core::EntitlementKind::kAccount && grant.state != core::GrantState::kAbsent;
    if (grant.person_id == person_id && grant.system == system && is_account) held = &grant;
  }
  if (held == nullptr || held->object_id.empty() || held->object_id == account_id) return absl::OkStatus();
  if (IsObserved(world, system, held->object_id)) {
    return absl::FailedPreconditionError(absl::StrCat("the person holds account ", held->object_id,
                                                      ", which was there when \"", system, "\" was last read"));
  }
  const auto observed = world.state->observed.find(system);
  if (observed == world.state->observed.end() || held->since >= observed->second.as_of) {
    return absl::FailedPreconditionError(absl::StrCat("the person holds account ", held->object_id,
                                                      ", which was made or changed on the day on which \"", system,
                                                      "\" was last read; read it again tomorrow"));
  }
  const bool is_under_way = world.state->open_objects.contains(absl::StrCat(system, "/", person_id));
  if (is_under_way || runs_.HasActive("enforce") || runs_.HasActive("verify")) {
    return absl::FailedPreconditionError("an enforcement is under way; see: sluice run list");
  }
  for (core::Grant grant : world.state->grants) {
    if (grant.person_id != person_id || grant.system != system || grant.state == core::GrantState::kAbsent) continue;
    grant.state = core::GrantState::kAbsent;
    ++grant.generation;
    grant.since = world.as_of;
    grant.object_id.clear();
    grant.object_name.clear();
    grant.is_correlated = false;
    grant.desired.clear();
    grant.before_retirement.clear();
    grant.drifted_since.reset();
    grant.retired_on.reset();
    grant.precondition.clear();
    grant.private_state.clear();
    commit.grants.push_back(std::move(grant));
  }
  ASSIGN_OR_RETURN(const std::vector<store::SealedSecret> secrets, context_.store->LoadSecrets(person_id));
  for (const store::SealedSecret& secret : secrets) {  // Of the account that is gone: nobody can use them.
    if (secret.system == system && !secret.handed_out) commit.secrets_dropped.push_back(secret.id);
  }
  return absl::OkStatus();
}

absl::Status Engine::Link(const Actor& actor, const std::string& system, const std::string& person,
                          const std::string& account_id) {
  RETURN_IF_ERROR(DemandReason(actor));
  RETURN_IF_ERROR(FindTarget(system).status());
  absl::MutexLock lock(&planning_);
  ASSIGN_OR_RETURN(const World world, CurrentWorld());
  ASSIGN_OR_RETURN(const core::Person* found, FindPerson(*world.snapshot, person));
  store::Commit commit;
  const bool is_new = account_id == kNewAccount;
  if (!is_new && !IsObserved(world, system, account_id)) {
    return absl::NotFoundError(absl::StrCat("\"", system, "\" held no account ", account_id, " when it was last read"));
  }
  RETURN_IF_ERROR(LetGo(world, system, found->id, account_id, commit));
  if (is_new && commit.grants.empty()) {
    return absl::FailedPreconditionError(
        "the person holds no account there that is gone; whoever has none gets one by the rules");
  }
  commit.links[{found->id, system}] = is_new ? "" : account_id;
  return WriteDecision(actor, "correlation.linked", system, found->id, {{"account", account_id}}, std::move(commit));
}

absl::Status Engine::Activate(const Actor& actor, const std::string& system, const std::vector<std::string>& persons,
                              const std::string& when) {
  RETURN_IF_ERROR(DemandReason(actor));
  RETURN_IF_ERROR(FindTarget(system).status());
  ASSIGN_OR_RETURN(const World world, CurrentWorld());
  std::vector<std::string> texts;
  nlohmann::json facts = {{"persons", nlohmann::json::array()}, {"when", when}};
  for (const std::string& person : persons) {
    ASSIGN_OR_RETURN(const core::Person* found, FindPerson(*world.snapshot, person));
    texts.push_back(absl::StrCat("person:", found->id));
    facts["persons"].push_back(found->id);
  }
  if (!when.empty()) {
    RETURN_IF_ERROR(context_.parse_condition(when).status());
    texts.push_back(absl::StrCat("when:", when));
  }
  store::Commit commit;
  commit.activations[system] = {texts.empty() ? core::Activation::State::kActive : core::Activation::State::kPartly,
                                texts};
  return WriteDecision(actor, "system.activated", system, "", std::move(facts), std::move(commit));
}

absl::Status Engine::Observe(const Actor& actor, const std::string& system) {
  RETURN_IF_ERROR(DemandReason(actor));
  RETURN_IF_ERROR(FindTarget(system).status());
  store::Commit commit;
  commit.activations[system] = {core::Activation::State::kObserving, {}};
  return WriteDecision(actor, "system.observed_only", system, "", {}, std::move(commit));
}

absl::StatusOr<std::vector<Engine::Credential>> Engine::HandOut(const Actor& actor, const std::string& person) {
  RETURN_IF_ERROR(DemandReason(actor));
  absl::MutexLock lock(&handing_out_);
  ASSIGN_OR_RETURN(const World world, CurrentWorld());
  ASSIGN_OR_RETURN(const core::Person* found, FindPerson(*world.snapshot, person));
  ASSIGN_OR_RETURN(const std::vector<store::SealedSecret> secrets, context_.store->LoadSecrets(found->id));
  std::vector<Credential> credentials;
  store::Commit commit;
  nlohmann::json ids = nlohmann::json::array();
  for (store::SealedSecret secret : secrets) {
    if (!secret.is_confirmed || secret.handed_out) continue;
    Credential credential;
    credential.person_id = secret.person_id;
    credential.system = secret.system;
    credential.attribute = secret.attribute;
    ASSIGN_OR_RETURN(credential.secret, context_.vault->Open(secret.id, secret.sealed));
    credential.login = LoginOf(world, secret.person_id, secret.system);
    credentials.push_back(std::move(credential));
    ids.push_back(secret.id);
    secret.handed_out = context_.clock->Now();
    secret.sealed.clear();
    commit.secrets.push_back(std::move(secret));
  }
  if (credentials.empty()) {
    return absl::NotFoundError(
        "no first password is waiting for this person: it was handed out already, or none was made");
  }
  RETURN_IF_ERROR(WriteDecision(actor, "credential.handed_out", "", found->id, {{"secrets", ids}}, std::move(commit)));
  return credentials;
}

}  // namespace sluice::engine
