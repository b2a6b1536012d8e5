// The first half of an evaluation: for one person, the date intervals in which each entitlement is supported.
//
// Built once for a configuration, which must outlive it; immutable afterwards and safe on any thread. Rules that cannot
// hold for a person, because a value that they demand stands on none of its contracts, are passed over unread. Knows
// nothing of state: what a target holds makes no difference here.
#ifndef SLUICE_HOST_CORE_EVALUATION_H_
#define SLUICE_HOST_CORE_EVALUATION_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/time/civil_time.h"
#include "host/core/configuration.h"
#include "host/core/contract_window.h"
#include "host/core/person.h"
#include "host/core/planner.h"

namespace sluice::core {

// "class group:" of "class group:<key>"; of anything else the whole.
std::string EntitlementKey(const EntitlementRef& grant);

class Evaluator {
 public:
  explicit Evaluator(const Configuration& configuration);
  ~Evaluator();

  // By system and entitlement, labels of resources left empty.
  std::vector<EntitlementIntervals> Evaluate(const Person& person) const;
  // The name of a resource instance for the contract that asks for it; empty when it cannot be computed.
  static std::string ResourceLabel(const ResourceSpec& spec, const Person& person, const Contract* contract);

  const Configuration& configuration() const { return configuration_; }

 private:
  struct RuleFacts;
  struct PathIndex;
  struct Piece;
  struct Entitled;
  struct Frame;

  std::vector<int> Candidates(const Person& person) const;
  Frame FrameOf(const Person& person, const Rule& rule, const RuleFacts& facts, int64_t grace) const;
  void EvaluateRule(int rule, const Person& person, const Frame& frame, std::vector<Piece>& pieces) const;
  void Emit(int rule, const Person& person, const SupportedInterval& interval, const std::vector<int>& contracts,
            const std::vector<int>& doubtful, std::vector<Piece>& pieces) const;
  void IndexRule(int rule);

  const Configuration& configuration_;
  std::vector<RuleFacts> rules_;
  std::vector<Entitled> entitled_;
  std::vector<PathIndex> indexes_;
  std::vector<int> always_;  // Rules that no value rules out.
};

}  // namespace sluice::core

#endif  // SLUICE_HOST_CORE_EVALUATION_H_
