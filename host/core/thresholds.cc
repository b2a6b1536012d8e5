#include "host/core/thresholds.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "host/base/hash.h"
#include "host/core/unread.h"

namespace sluice::core {
namespace {

// "2.4" of 24 of 1000, cut off after one place.
std::string PercentText(int64_t count, int64_t held) {
  const int64_t tenths = held == 0 ? 0 : 1000 * count / held;
  return absl::StrCat(tenths / 10, ".", tenths % 10);
}

// What is held of the kind of thing that an operation is about, in one system.
struct HeldCounts {
  int64_t accounts = 0, permissions = 0, resources = 0;
  std::map<std::string, int64_t> by_permission;  // Entitlement -> grants held.

  int64_t Of(OperationKind kind) const {
    switch (kind) {
      case OperationKind::kGrant:
      case OperationKind::kRevoke:
        return permissions;
      case OperationKind::kCreateResource:
      case OperationKind::kDeleteResource:
        return resources;
      default:
        return accounts;
    }
  }
};

std::map<std::string, HeldCounts> CountHeld(const State& state) {
  std::map<std::string, HeldCounts> held;
  for (const Grant& grant : state.grants) {
    if (grant.state != GrantState::kHeld) continue;
    HeldCounts& counts = held[grant.system];
    if (grant.kind == EntitlementKind::kAccount) ++counts.accounts;
    if (grant.kind != EntitlementKind::kPermission) continue;
    ++counts.permissions;
    ++counts.by_permission[grant.entitlement];
  }
  for (const ResourceInstance& resource : state.resources) {
    if (resource.is_held) ++held[resource.system].resources;
  }
  return held;
}

// Operations of one kind of one system.
struct Group {
  int64_t observing = 0;
  std::vector<PlannedOperation*> counted;
};

// What one permission would lose, and how much of it is held.
struct Loss {
  const std::vector<PlannedOperation*>* operations = nullptr;
  int64_t held = 0;
  int64_t lost() const { return static_cast<int64_t>(operations->size()); }
};

class Limiter {
 public:
  Limiter(const Configuration& configuration, const State& state, Plan& plan)
      : configuration_(configuration), state_(state), plan_(plan), held_(CountHeld(state)) {}

  void Run() {
    std::map<std::pair<std::string, OperationKind>, Group> groups;
    std::map<std::pair<std::string, std::string>, std::vector<PlannedOperation*>> revokes;
    std::map<std::pair<std::string, OperationKind>, std::vector<PlannedOperation*>> asked;
    std::map<std::pair<std::string, std::string>, std::vector<PlannedOperation*>> unread;  // System, source.
    for (PlannedOperation& operation : plan_.operations) {
      Group& group = groups[{operation.system, operation.kind}];
      if (operation.status == OperationStatus::kObserving) {
        ++group.observing;
        continue;
      }
      if (const auto parts = plan_.unread.find(operation.id); parts != plan_.unread.end())
        unread[{operation.system, std::get<0>(parts->second.begin()->first)}].push_back(&operation);
      if (IsAsked(operation)) {
        asked[{operation.system, operation.kind}].push_back(&operation);
        continue;
      }
      group.counted.push_back(&operation);
      if (operation.kind == OperationKind::kRevoke) {
        revokes[{operation.system, operation.entitlement}].push_back(&operation);
      }
    }
    std::map<std::pair<std::string, std::string>, std::vector<Loss>> losses;  // System, what is lost half of.
    for (const auto& [permission, operations] : revokes) {
      const auto& [system, entitlement] = permission;
      const Loss loss{&operations, held_[system].by_permission[entitlement]};
      if (loss.lost() < kHalfRuleFrom || 2 * loss.lost() < loss.held) continue;
      std::string detail = ResourceOf(system, entitlement);
      if (detail.empty()) detail = operations.front()->label;
      losses[{system, std::move(detail)}].push_back(loss);
    }
    for (const auto& [key, operations] : unread) BlockUnread(key.first, key.second, operations);
    for (const auto& [key, operations] : asked) BlockAsked(key.first, key.second, operations);
    for (const auto& [key, group] : losses) BlockHalf(key.first, key.second, group);
    for (const auto& [key, group] : groups) CheckKind(key.first, key.second, group);
    std::sort(plan_.blocks.begin(), plan_.blocks.end(), [](const Block& a, const Block& b) {
      return std::tie(a.system, a.kind, a.detail) < std::tie(b.system, b.kind, b.detail);
    });
    PassOn();
  }

 private:
  // The resource of which an entitlement is an instance; empty: it is a permission of its own.
  std::string ResourceOf(const std::string& system, const std::string& entitlement) const {
    std::string name = entitlement.substr(0, entitlement.find(':'));
    const SystemSpec* spec = configuration_.FindSystem(system);
    if (spec != nullptr && spec->resources.contains(name)) return name;
    const bool is_known = std::any_of(
        state_.resources.begin(), state_.resources.end(),
        [&](const ResourceInstance& instance) { return instance.system == system && instance.resource == name; });
    return is_known ? name : "";
  }

  // What undoes a change by hand waits for a decision of its own, which sees exactly these; it counts for no limit.
  bool IsAsked(const PlannedOperation& operation) const {
    using Policy = DriftSpec::Policy;
    const SystemSpec* spec = configuration_.FindSystem(operation.system);
    if (operation.reason.origin != kDrift || spec == nullptr) return false;
    switch (operation.kind) {
      case OperationKind::kUpdate:
        return spec->drift.changed == Policy::kAsk;
      case OperationKind::kEnable:
        return spec->drift.disabled == Policy::kAsk;
      case OperationKind::kDisable:
        return spec->drift.enabled == Policy::kAsk;
      case OperationKind::kGrant:
      case OperationKind::kCreateResource:
        return spec->drift.removed == Policy::kAsk;
      default:
        return false;
    }
  }

  // What is taken away while a part of its source, which may still give it, is not read. It counts for the limits too.
  void BlockUnread(const std::string& system, const std::string& source,
                   const std::vector<PlannedOperation*>& operations) {
    UnreadParts parts;
    for (const PlannedOperation* operation : operations) parts.merge(UnreadParts(plan_.unread.at(operation->id)));
    Wait(system, kUnread, source,
         absl::StrCat(operations.size(), operations.size() == 1 ? " operation that takes" : " operations that take",
                      " something away until ", source, " is read whole: ", UnreadText(parts, plan_.as_of)),
         operations);
  }

  void BlockAsked(const std::string& system, OperationKind kind, const std::vector<PlannedOperation*>& operations) {
    const std::string detail = kind == OperationKind::kEnable           ? "disabled by hand"
                               : kind == OperationKind::kDisable        ? "enabled by hand"
                               : kind == OperationKind::kGrant          ? "removed by hand"
                               : kind == OperationKind::kCreateResource ? "deleted by hand"
                                                                        : "changed by hand";
    const std::string what = kind == OperationKind::kGrant            ? "membership"
                             : kind == OperationKind::kCreateResource ? operations.front()->object_class
                                                                      : "account";
    std::map<std::string, int64_t> attributes;
    for (const PlannedOperation* operation : operations) {
      for (const AttributeChange& change : operation->changes) ++attributes[change.attribute];
    }
    std::string verdict = absl::StrCat(operations.size(), " ", what, operations.size() == 1 ? " " : "s ", detail);
    if (kind == OperationKind::kCreateResource) attributes.clear();
    for (const auto& [attribute, count] : attributes) absl::StrAppend(&verdict, ", ", attribute, " ", count);
    Wait(system, std::string(OperationKindName(kind)), detail, std::move(verdict), operations);
  }

  // One block for all instances of a resource, so that a new school year asks one question.
  void BlockHalf(const std::string& system, const std::string& detail, const std::vector<Loss>& losses) {
    std::vector<PlannedOperation*> operations;
    const Loss* worst = &losses.front();
    for (const Loss& loss : losses) {
      operations.insert(operations.end(), loss.operations->begin(), loss.operations->end());
      if (loss.lost() > worst->lost()) worst = &loss;
    }
    absl::string_view label = worst->operations->front()->label;
    std::string verdict = absl::StrCat(label, " would lose ", worst->lost(), " of ", worst->held, " members");
    if (losses.size() > 1) {
      absl::ConsumePrefix(&label, absl::StrCat(worst->operations->front()->object_class, " "));
      verdict = absl::StrCat(losses.size(), " of ", detail, " would lose at least half of their members, as ", label,
                             ": ", worst->lost(), " of ", worst->held);
    }
    Wait(system, "revoke", detail, std::move(verdict), operations);
  }

  void CheckKind(const std::string& system, OperationKind kind, const Group& group) {
    const std::string name(OperationKindName(kind));
    const SystemSpec* spec = configuration_.FindSystem(system);
    Threshold threshold;
    if (kind != OperationKind::kAdopt) threshold.count = 1;
    if (spec != nullptr && spec->thresholds.contains(name)) threshold = spec->thresholds.at(name);
    ThresholdVerdict verdict;
    verdict.system = system;
    verdict.kind = name;
    verdict.observing = group.observing;
    verdict.held = held_[system].Of(kind);
    verdict.count_limit = threshold.count;
    verdict.percent_limit = threshold.percent;
    const int64_t counted = static_cast<int64_t>(group.counted.size());
    verdict.count = counted + group.observing;
    verdict.is_reached = counted > 0 && Reaches(threshold, counted, verdict.held);
    if (verdict.is_reached) {
      Wait(system, name, "", VerdictText(name, threshold, counted, verdict.held), group.counted);
    }
    plan_.thresholds.push_back(std::move(verdict));
  }

  void Wait(const std::string& system, const std::string& kind, const std::string& detail, std::string verdict,
            const std::vector<PlannedOperation*>& operations) {
    Block block;
    block.id = BlockId(system, kind, detail);
    block.system = system;
    block.kind = kind;
    block.detail = detail;
    block.verdict = std::move(verdict);
    for (const PlannedOperation* operation : operations) block.ids.push_back(operation->id);
    std::sort(block.ids.begin(), block.ids.end());
    block.is_approved = std::any_of(state_.approvals.begin(), state_.approvals.end(), [&](const Approval& approval) {
      return approval.block_id == block.id &&
             std::includes(approval.ids.begin(), approval.ids.end(), block.ids.begin(), block.ids.end());
    });
    for (PlannedOperation* operation : operations) {
      if (block.is_approved || !operation->block.empty()) continue;
      operation->block = block.id;
      if (operation->status == OperationStatus::kReady) operation->status = OperationStatus::kBlocked;
    }
    plan_.blocks.push_back(std::move(block));
  }

  // What depends on something that will not run now waits too.
  void PassOn() {
    std::set<absl::string_view> halted;  // Ids of what will not run now.
    for (const PlannedOperation& operation : plan_.operations) {
      if (operation.status != OperationStatus::kReady) halted.insert(operation.id);
    }
    for (bool changed = !halted.empty(); changed;) {
      changed = false;
      for (PlannedOperation& operation : plan_.operations) {
        if (operation.status != OperationStatus::kReady) continue;
        if (std::none_of(operation.depends_on.begin(), operation.depends_on.end(),
                         [&](const std::string& id) { return halted.contains(id); })) {
          continue;
        }
        operation.status = OperationStatus::kWaiting;
        halted.insert(operation.id);
        changed = true;
      }
    }
  }

  const Configuration& configuration_;
  const State& state_;
  Plan& plan_;
  std::map<std::string, HeldCounts> held_;
};

}  // namespace

bool Reaches(const Threshold& threshold, int64_t count, int64_t held) {
  if (threshold.count && count >= *threshold.count) return true;
  return threshold.percent && held >= kPercentFrom && 100 * count >= *threshold.percent * held;
}

std::string VerdictText(absl::string_view kind, const Threshold& threshold, int64_t count, int64_t held) {
  std::string text = absl::StrCat(kind, " ", count);
  if (threshold.count) absl::StrAppend(&text, " of ", *threshold.count);
  if (threshold.percent && held >= kPercentFrom) {
    absl::StrAppend(&text, ", ", PercentText(count, held), " % of ", *threshold.percent, " %");
  }
  return text;
}

std::string BlockId(absl::string_view system, absl::string_view kind, absl::string_view detail) {
  return base::UuidOf({"block", std::string(system), std::string(kind), std::string(detail)});
}

void ApplyThresholds(const Configuration& configuration, const State& state, Plan& plan) {
  Limiter(configuration, state, plan).Run();
}

}  // namespace sluice::core
