#include "host/core/plan.h"

#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "host/base/nearest.h"
#include "host/base/status.h"
#include "host/core/text.h"

namespace sluice::core {
namespace {

using nlohmann::json;

constexpr std::pair<OperationKind, const char*> kKinds[] = {{OperationKind::kCreateResource, "create_resource"},
                                                            {OperationKind::kAdopt, "adopt"},
                                                            {OperationKind::kCreate, "create"},
                                                            {OperationKind::kUpdate, "update"},
                                                            {OperationKind::kEnable, "enable"},
                                                            {OperationKind::kGrant, "grant"},
                                                            {OperationKind::kRevoke, "revoke"},
                                                            {OperationKind::kDisable, "disable"},
                                                            {OperationKind::kRetire, "retire"},
                                                            {OperationKind::kDelete, "delete"},
                                                            {OperationKind::kDeleteResource, "delete_resource"}};
constexpr const char* kStatuses[] = {"ready", "blocked", "waiting", "observing"};
constexpr const char* kVerdicts[] = {"false", "unknown", "true"};

json DayToJson(const std::optional<absl::CivilDay>& day) { return day ? json(DateText(*day)) : json(nullptr); }

// An object of these members, each moved into place: plans are large, and lists of pairs copy what stands in them.
template <typename... Members>
json ObjectOf(Members&&... members) {
  json::object_t object;
  const auto add = [&](const char* name, auto&& value) { object.emplace(name, std::forward<decltype(value)>(value)); };
  (std::apply(add, std::forward<Members>(members)), ...);
  return json(std::move(object));
}

template <typename Member>
std::pair<const char*, Member&&> Named(const char* name, Member&& value) {
  return {name, std::forward<Member>(value)};
}

json HiddenOr(const Value& value) {
  return value.is_visible() ? ToJson(value) : json(json::object_t{{"$hidden", json(true)}});
}

json PositionToJson(const Position& position) {
  return ObjectOf(Named("file", position.file), Named("line", position.line), Named("column", position.column));
}

json SupportToJson(const SupportReason& support) {
  json::array_t clauses, records;
  clauses.reserve(support.clauses.size());
  for (const ClauseResult& clause : support.clauses) {
    clauses.push_back(ObjectOf(
        Named("position", PositionToJson(clause.position)), Named("path", clause.path), Named("wanted", clause.wanted),
        Named("saw", HiddenOr(clause.saw)), Named("contract_id", clause.contract_id),
        Named("verdict", kVerdicts[static_cast<int>(clause.verdict)]), Named("text", clause.text)));
  }
  records.reserve(support.records.size());
  for (const RecordKey& key : support.records) {
    records.push_back(json::array_t{key.system, key.scope, key.object_class, key.id});
  }
  return ObjectOf(Named("rule", support.rule), Named("position", PositionToJson(support.position)),
                  Named("role", support.role), Named("on", DateText(support.on)), Named("contract", support.contract),
                  Named("contract_id", support.contract_id), Named("from", DayToJson(support.from)),
                  Named("until", DayToJson(support.until)), Named("clauses", std::move(clauses)),
                  Named("records", std::move(records)));
}

json ReasonToJson(const Reason& reason) {
  json::array_t supports;
  supports.reserve(reason.supports.size());
  for (const SupportReason& support : reason.supports) supports.push_back(SupportToJson(support));
  return ObjectOf(Named("origin", reason.origin), Named("summary", reason.summary),
                  Named("supports", std::move(supports)));
}

json ChangesToJson(const std::vector<AttributeChange>& changes) {
  json::array_t result;
  for (const AttributeChange& change : changes) {
    json item = ObjectOf(Named("attribute", change.attribute));
    if (change.before.is_visible()) item["before"] = ToJson(change.before);
    if (change.after.is_visible()) item["after"] = ToJson(change.after);
    result.push_back(std::move(item));
  }
  return json(std::move(result));
}

json NamesToJson(const std::vector<LateName>& names) {
  json::array_t result;
  for (const LateName& name : names) {
    result.push_back(ObjectOf(Named("attribute", name.attribute), Named("domain", name.domain),
                              Named("candidates", name.candidates), Named("expected", name.expected)));
  }
  return json(std::move(result));
}

json NumberToJson(const std::optional<int64_t>& number) { return number ? json(*number) : json(nullptr); }

// Reading. A missing or wrong field throws inside nlohmann; Guard turns that into a status.
template <typename Result>
absl::StatusOr<Result> Guard(const char* what, absl::FunctionRef<Result()> read) {
  try {
    return read();
  } catch (const std::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat("not a stored ", what, ": ", error.what()));
  }
}

absl::CivilDay DayFrom(const json& text) {
  const auto day = ParseDate(text.get<std::string>());
  if (!day) throw std::invalid_argument("not a day");
  return *day;
}

std::optional<absl::CivilDay> OptionalDayFrom(const json& day) {
  return day.is_null() ? std::nullopt : std::optional(DayFrom(day));
}

Position PositionFrom(const json& position) {
  return {position.at("file").get<std::string>(), position.at("line").get<int>(), position.at("column").get<int>()};
}

Value ValueFrom(const json& value) {
  if (value.is_object() && value.contains("$hidden")) return Value::NotVisible();
  auto result = ValueFromJson(value);
  if (!result.ok()) throw std::invalid_argument(std::string(result.status().message()));
  return *std::move(result);
}

template <size_t kCount>
int IndexOf(const char* const (&names)[kCount], const std::string& name) {
  for (size_t i = 0; i < kCount; ++i) {
    if (name == names[i]) return static_cast<int>(i);
  }
  throw std::invalid_argument(absl::StrCat("unknown word ", name));
}

SupportReason SupportFrom(const json& stored) {
  SupportReason support;
  support.rule = stored.at("rule").get<std::string>();
  support.position = PositionFrom(stored.at("position"));
  support.role = stored.at("role").get<std::string>();
  support.on = DayFrom(stored.at("on"));
  support.contract = stored.at("contract").get<std::string>();
  support.contract_id = stored.at("contract_id").get<std::string>();
  support.from = OptionalDayFrom(stored.at("from"));
  support.until = OptionalDayFrom(stored.at("until"));
  for (const json& clause : stored.at("clauses")) {
    support.clauses.push_back({PositionFrom(clause.at("position")), clause.at("path").get<std::string>(),
                               clause.at("wanted").get<std::string>(), ValueFrom(clause.at("saw")),
                               clause.at("contract_id").get<std::string>(),
                               static_cast<Verdict>(IndexOf(kVerdicts, clause.at("verdict").get<std::string>())),
                               clause.at("text").get<std::string>()});
  }
  for (const json& key : stored.at("records")) {
    support.records.push_back({key.at(0).get<std::string>(), key.at(1).get<std::string>(), key.at(2).get<std::string>(),
                               key.at(3).get<std::string>()});
  }
  return support;
}

Reason ReasonFrom(const json& stored) {
  Reason reason{stored.at("origin").get<std::string>(), stored.at("summary").get<std::string>(), {}};
  for (const json& support : stored.at("supports")) reason.supports.push_back(SupportFrom(support));
  return reason;
}

PlannedOperation OperationFrom(const json& stored) {
  PlannedOperation operation;
  operation.id = stored.at("id").get<std::string>();
  auto kind = OperationKindFromName(stored.at("kind").get<std::string>());
  if (!kind.ok()) throw std::invalid_argument(std::string(kind.status().message()));
  operation.kind = *kind;
  operation.system = stored.at("system").get<std::string>();
  operation.person_id = stored.at("person_id").get<std::string>();
  operation.entitlement = stored.at("entitlement").get<std::string>();
  operation.generation = stored.at("generation").get<int64_t>();
  operation.object_class = stored.at("object_class").get<std::string>();
  operation.label = stored.at("label").get<std::string>();
  operation.object_id = stored.at("object_id").get<std::string>();
  operation.permission_id = stored.at("permission_id").get<std::string>();
  for (const json& change : stored.at("changes")) {
    operation.changes.push_back({change.at("attribute").get<std::string>(),
                                 change.contains("before") ? ValueFrom(change.at("before")) : Value(),
                                 change.contains("after") ? ValueFrom(change.at("after")) : Value()});
  }
  for (const json& name : stored.at("names")) {
    operation.names.push_back({name.at("attribute").get<std::string>(), name.at("domain").get<std::string>(),
                               name.at("candidates").get<std::vector<std::string>>(),
                               name.at("expected").get<std::string>()});
  }
  operation.secrets = stored.at("secrets").get<std::vector<std::string>>();
  for (const json& pair : stored.at("correlate")) {
    operation.correlate.emplace_back(pair.at(0).get<std::string>(), ValueFrom(pair.at(1)));
  }
  operation.depends_on = stored.at("depends_on").get<std::vector<std::string>>();
  operation.reason = ReasonFrom(stored.at("reason"));
  operation.status = static_cast<OperationStatus>(IndexOf(kStatuses, stored.at("status").get<std::string>()));
  operation.block = stored.at("block").get<std::string>();
  return operation;
}

std::optional<int64_t> NumberFrom(const json& number) {
  return number.is_null() ? std::nullopt : std::optional(number.get<int64_t>());
}

Plan PlanFrom(const json& stored) {
  Plan plan;
  plan.hash = stored.at("hash").get<std::string>();
  plan.snapshot = stored.at("snapshot").get<int64_t>();
  plan.state_sequence = stored.at("state_sequence").get<int64_t>();
  plan.configuration = stored.at("configuration").get<std::string>();
  plan.as_of = DayFrom(stored.at("as_of"));
  for (const json& operation : stored.at("operations")) plan.operations.push_back(OperationFrom(operation));
  for (const json& block : stored.at("blocks")) {
    plan.blocks.push_back({block.at("id").get<std::string>(), block.at("system").get<std::string>(),
                           block.at("kind").get<std::string>(), block.at("detail").get<std::string>(),
                           block.at("ids").get<std::vector<std::string>>(), block.at("verdict").get<std::string>(),
                           block.at("is_approved").get<bool>()});
  }
  for (const json& verdict : stored.at("thresholds")) {
    ThresholdVerdict threshold;
    threshold.system = verdict.at("system").get<std::string>();
    threshold.kind = verdict.at("kind").get<std::string>();
    threshold.count = verdict.at("count").get<int64_t>();
    threshold.held = verdict.at("held").get<int64_t>();
    threshold.observing = verdict.at("observing").get<int64_t>();
    threshold.count_limit = NumberFrom(verdict.at("count_limit"));
    threshold.percent_limit = NumberFrom(verdict.at("percent_limit"));
    threshold.is_reached = verdict.at("is_reached").get<bool>();
    plan.thresholds.push_back(std::move(threshold));
  }
  for (const json& held : stored.at("held_back")) {
    plan.held_back.push_back({held.at("person_id").get<std::string>(), held.at("system").get<std::string>(),
                              held.at("reason").get<std::string>(),
                              held.value("entitlements", std::vector<std::string>())});
  }
  plan.warnings = stored.at("warnings").get<std::vector<std::string>>();
  plan.resolved_permissions = stored.at("resolved_permissions").get<std::map<std::string, std::string>>();
  plan.unused_resources = stored.at("unused_resources").get<std::vector<std::string>>();
  plan.reused_resources = stored.at("reused_resources").get<std::vector<std::string>>();
  plan.drifted = stored.at("drifted").get<std::vector<std::string>>();
  plan.settled = stored.at("settled").get<std::vector<std::string>>();
  return plan;
}

}  // namespace

absl::string_view OperationKindName(OperationKind kind) { return kKinds[static_cast<int>(kind)].second; }

absl::StatusOr<OperationKind> OperationKindFromName(absl::string_view name) {
  std::vector<std::string> names;
  for (const auto& [kind, kind_name] : kKinds) {
    if (name == kind_name) return kind;
    names.emplace_back(kind_name);
  }
  const std::string nearest = base::Nearest(name, names);
  return absl::InvalidArgumentError(
      absl::StrCat("unknown kind of operation \"", name, "\"",
                   nearest.empty() ? "" : absl::StrCat("; did you mean \"", nearest, "\"?")));
}

json ToJson(const PlannedOperation& operation) {
  json::array_t correlate;
  for (const auto& [attribute, value] : operation.correlate) {
    correlate.push_back(json::array_t{attribute, HiddenOr(value)});
  }
  return ObjectOf(Named("id", operation.id), Named("kind", std::string(OperationKindName(operation.kind))),
                  Named("system", operation.system), Named("person_id", operation.person_id),
                  Named("entitlement", operation.entitlement), Named("generation", operation.generation),
                  Named("object_class", operation.object_class), Named("label", operation.label),
                  Named("object_id", operation.object_id), Named("permission_id", operation.permission_id),
                  Named("changes", ChangesToJson(operation.changes)), Named("names", NamesToJson(operation.names)),
                  Named("secrets", operation.secrets), Named("correlate", std::move(correlate)),
                  Named("depends_on", operation.depends_on), Named("reason", ReasonToJson(operation.reason)),
                  Named("status", kStatuses[static_cast<int>(operation.status)]), Named("block", operation.block));
}

absl::StatusOr<PlannedOperation> PlannedOperationFromJson(const json& stored) {
  return Guard<PlannedOperation>("operation", [&] { return OperationFrom(stored); });
}

json ToJson(const Plan& plan) {
  json operations = json::array(), blocks = json::array(), thresholds = json::array(), held_back = json::array();
  operations.get_ref<json::array_t&>().reserve(plan.operations.size());
  for (const PlannedOperation& operation : plan.operations) operations.push_back(ToJson(operation));
  for (const Block& block : plan.blocks) {
    blocks.push_back({{"id", block.id},
                      {"system", block.system},
                      {"kind", block.kind},
                      {"detail", block.detail},
                      {"ids", block.ids},
                      {"verdict", block.verdict},
                      {"is_approved", block.is_approved}});
  }
  for (const ThresholdVerdict& verdict : plan.thresholds) {
    thresholds.push_back({{"system", verdict.system},
                          {"kind", verdict.kind},
                          {"count", verdict.count},
                          {"held", verdict.held},
                          {"observing", verdict.observing},
                          {"count_limit", NumberToJson(verdict.count_limit)},
                          {"percent_limit", NumberToJson(verdict.percent_limit)},
                          {"is_reached", verdict.is_reached}});
  }
  for (const HeldBack& held : plan.held_back) {
    held_back.push_back({{"person_id", held.person_id}, {"system", held.system}, {"reason", held.reason}});
    if (!held.entitlements.empty()) held_back.back()["entitlements"] = held.entitlements;
  }
  return {{"hash", plan.hash},
          {"snapshot", plan.snapshot},
          {"state_sequence", plan.state_sequence},
          {"configuration", plan.configuration},
          {"as_of", DateText(plan.as_of)},
          {"operations", std::move(operations)},
          {"blocks", std::move(blocks)},
          {"thresholds", std::move(thresholds)},
          {"held_back", std::move(held_back)},
          {"warnings", plan.warnings},
          {"resolved_permissions", plan.resolved_permissions},
          {"unused_resources", plan.unused_resources},
          {"reused_resources", plan.reused_resources},
          {"drifted", plan.drifted},
          {"settled", plan.settled}};
}

absl::StatusOr<Plan> PlanFromJson(const json& stored) {
  return Guard<Plan>("plan", [&] { return PlanFrom(stored); });
}

}  // namespace sluice::core
